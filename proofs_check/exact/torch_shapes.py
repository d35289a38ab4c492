"""torch's shape functions on exact tensors: every one is a rearrangement of flat positions, so one `gather`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import Unsupported
from .registry import implements
from .scalars import rational
from .tensor import BOOL, FLOAT, INT, ExactTensor, Index, constant, expand, lift, take
from .torch_elementwise import converted


def sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Integers given one by one or as one sequence."""
    if len(args) == 1 and not isinstance(args[0], (int, ExactTensor)):
        args = tuple(args[0])
    return tuple(int(a) for a in args)


def axis(dim: int, ndim: int) -> int:
    """A non-negative axis number."""
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(f"dim {dim} is out of range for a tensor of {ndim} dimensions")
    return dim % max(ndim, 1)


@implements("reshape", "view", "Tensor.reshape_as", "Tensor.view_as")
def reshape(x: Any, *shape: Any) -> ExactTensor:
    """`torch.reshape`."""
    x = lift(x)
    if len(shape) == 1 and hasattr(shape[0], "shape"):
        shape = (shape[0].shape,)
    return take([x], x.index_map.reshape(sizes(shape)))


@implements("torch.reshape")
def torch_reshape(x: Any, shape: Any) -> ExactTensor:
    """`torch.reshape`."""
    return reshape(x, shape)


@implements("flatten", "ravel")
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> ExactTensor:
    """`torch.flatten`."""
    x = lift(x)
    shape = tuple(x.shape) or (1,)
    start, end = axis(start_dim, len(shape)), axis(end_dim, len(shape))
    return reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


@implements("unflatten")
def unflatten(x: Any, dim: int, sizes: Any) -> ExactTensor:
    """`torch.unflatten`."""
    x = lift(x)
    dim, new = axis(dim, x.ndim), list(sizes)
    if -1 in new:
        new[new.index(-1)] = x.shape[dim] // -math.prod(new)
    return reshape(x, (*x.shape[:dim], *new, *x.shape[dim + 1 :]))


@implements("unsqueeze")
def unsqueeze(x: Any, dim: int) -> ExactTensor:
    """`torch.unsqueeze`."""
    x = lift(x)
    return take([x], np.expand_dims(x.index_map, dim))


@implements("squeeze")
def squeeze(x: Any, *dim: Any) -> ExactTensor:
    """`torch.squeeze`."""
    x = lift(x)
    chosen = sizes(dim) if dim else range(x.ndim)
    drop = tuple(axis(d, x.ndim) for d in chosen if x.ndim and x.shape[d] == 1)
    return take([x], x.index_map.squeeze(drop))


@implements("transpose", "swapaxes", "swapdims")
def transpose(x: Any, dim0: int, dim1: int) -> ExactTensor:
    """`torch.transpose`."""
    x = lift(x)
    return take([x], x.index_map.swapaxes(dim0, dim1))


implements("t")(lambda x: transpose(x, 0, 1) if lift(x).ndim == 2 else lift(x))
implements("adjoint", "Tensor.mH")(lambda x: transpose(x, -2, -1))


@implements("permute")
def permute(x: Any, *dims: Any) -> ExactTensor:
    """`torch.permute`."""
    x = lift(x)
    return take([x], x.index_map.transpose(sizes(dims)))


@implements("movedim", "moveaxis")
def movedim(x: Any, source: Any, destination: Any) -> ExactTensor:
    """`torch.movedim`."""
    x = lift(x)
    return take([x], np.moveaxis(x.index_map, source, destination))


@implements("Tensor.expand", "broadcast_to")
def expand_to(x: Any, *size: Any) -> ExactTensor:
    """`Tensor.expand`."""
    x, shape = lift(x), list(sizes(size))
    for i in range(1, x.ndim + 1):
        shape[-i] = x.shape[-i] if shape[-i] == -1 else shape[-i]
    return expand(x, tuple(shape))


@implements("expand_as")
def expand_as(x: Any, other: Any) -> ExactTensor:
    """`torch.expand_as`."""
    return expand(lift(x), tuple(other.shape))


@implements("torch.broadcast_tensors")
def broadcast_tensors(*tensors: Any) -> tuple[ExactTensor, ...]:
    """`torch.broadcast_tensors`."""
    lifted = [lift(t) for t in tensors]
    shape = np.broadcast_shapes(*(tuple(t.shape) for t in lifted))
    return tuple(expand(t, shape) for t in lifted)


implements("torch.atleast_1d")(lambda x: reshape(x, np.atleast_1d(lift(x).index_map).shape))
implements("torch.atleast_2d")(lambda x: reshape(x, np.atleast_2d(lift(x).index_map).shape))


# ---- joining and splitting -------------------------------------------------------------------------------


def _offsets(tensors: list[ExactTensor]) -> list[Index]:
    maps, start = [], 0
    for tensor in tensors:
        maps.append(tensor.index_map + start)
        start += len(tensor.scalars)
    return maps


@implements("cat", "concat", "concatenate")
def cat(tensors: Any, dim: int = 0) -> ExactTensor:
    """`torch.cat`."""
    lifted = [t for t in map(lift, tensors) if tuple(t.shape) != (0,) or len(tensors) == 1]
    return take(lifted, np.concatenate(_offsets(lifted), axis=dim))


@implements("stack")
def stack(tensors: Any, dim: int = 0) -> ExactTensor:
    """`torch.stack`."""
    lifted = [lift(t) for t in tensors]
    return take(lifted, np.stack(_offsets(lifted), axis=dim))


implements("hstack")(lambda tensors: cat(tensors, 1 if lift(tensors[0]).ndim > 1 else 0))
implements("vstack")(lambda tensors: cat([reshape(t, np.atleast_2d(lift(t).index_map).shape) for t in tensors], 0))


@implements("torch.block_diag")
def block_diag(*tensors: Any) -> ExactTensor:
    """`torch.block_diag`."""
    lifted = [lift(t) for t in tensors]
    maps = [np.atleast_2d(m) for m in _offsets(lifted)]
    index = np.full((sum(m.shape[0] for m in maps), sum(m.shape[1] for m in maps)), -1)
    row = column = 0
    for m in maps:
        index[row : row + m.shape[0], column : column + m.shape[1]] = m
        row, column = row + m.shape[0], column + m.shape[1]
    return take(lifted, index)


@implements("unbind")
def unbind(x: Any, dim: int = 0) -> tuple[ExactTensor, ...]:
    """`torch.unbind`."""
    x = lift(x)
    return tuple(take([x], m) for m in np.moveaxis(x.index_map, dim, 0))


@implements("split")
def split(x: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[ExactTensor, ...]:
    """`torch.split`."""
    x = lift(x)
    length, step = x.shape[dim], split_size_or_sections
    lengths = list(step) if not isinstance(step, int) else [min(step, length - i) for i in range(0, length, step)]
    cuts = np.cumsum(lengths)[:-1]
    return tuple(take([x], m) for m in np.split(x.index_map, cuts, axis=dim))


implements("tensor_split")(
    lambda x, indices_or_sections, dim=0: tuple(
        take([lift(x)], m) for m in np.array_split(lift(x).index_map, indices_or_sections, axis=dim)
    )
)


@implements("chunk")
def chunk(x: Any, chunks: int, dim: int = 0) -> tuple[ExactTensor, ...]:
    """`torch.chunk`."""
    return split(x, -(-lift(x).shape[dim] // chunks), dim)


# ---- moving entries --------------------------------------------------------------------------------------


@implements("flip")
def flip(x: Any, *dims: Any) -> ExactTensor:
    """`torch.flip`."""
    x = lift(x)
    return take([x], np.flip(x.index_map, sizes(dims)))


@implements("roll")
def roll(x: Any, shifts: Any, dims: Any = None) -> ExactTensor:
    """`torch.roll`."""
    x = lift(x)
    return take([x], np.roll(x.index_map, shifts, axis=dims))


@implements("torch.tile", "Tensor.tile")
def tile(x: Any, *dims: Any) -> ExactTensor:
    """`torch.tile`."""
    x = lift(x)
    return take([x], np.tile(x.index_map, sizes(dims)))


implements("Tensor.repeat")(lambda x, *repeats: tile(x, *repeats))


@implements("repeat_interleave")
def repeat_interleave(x: Any, repeats: int, dim: int | None = None) -> ExactTensor:
    """`torch.repeat_interleave`."""
    if not isinstance(repeats, int):
        raise Unsupported("torch.repeat_interleave", "only with one integer of repeats")
    x = lift(x)
    return take([x], np.repeat(x.index_map, repeats, axis=dim))


@implements("diagonal", "linalg.diagonal")
def diagonal(x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> ExactTensor:
    """`torch.diagonal`."""
    x = lift(x)
    return take([x], np.diagonal(x.index_map, offset, dim1, dim2))


@implements("linalg.diagonal")
def linalg_diagonal(x: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> ExactTensor:
    """`torch.linalg.diagonal`."""
    return diagonal(x, offset, dim1, dim2)


@implements("diag_embed")
def diag_embed(x: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> ExactTensor:
    """`torch.diag_embed`."""
    x = lift(x)
    m = x.index_map
    size = m.shape[-1] + abs(offset)
    index = np.full((*m.shape[:-1], size, size), -1)
    steps = np.arange(m.shape[-1])
    index[..., steps + max(-offset, 0), steps + max(offset, 0)] = m
    return take([x], np.moveaxis(index, (-2, -1), (dim1, dim2)))


@implements("diag")
def diag(x: Any, diagonal: int = 0) -> ExactTensor:
    """`torch.diag`."""
    x = lift(x)
    return diag_embed(x, diagonal) if x.ndim == 1 else take([x], np.diagonal(x.index_map, diagonal))


@implements("tril")
def tril(x: Any, diagonal: int = 0) -> ExactTensor:
    """`torch.tril`."""
    x = lift(x)
    return take([x], np.where(np.tri(x.shape[-2], x.shape[-1], k=diagonal, dtype=bool), x.index_map, -1))


@implements("triu")
def triu(x: Any, diagonal: int = 0) -> ExactTensor:
    """`torch.triu`."""
    x = lift(x)
    return take([x], np.where(np.tri(x.shape[-2], x.shape[-1], k=diagonal - 1, dtype=bool), -1, x.index_map))


@implements("functional.pad")
def pad(x: Any, pad: Any, mode: str = "constant", value: Any = None) -> ExactTensor:
    """`torch.nn.functional.pad`."""
    if mode != "constant" or value not in (None, 0, 0.0):
        raise Unsupported("torch.nn.functional.pad", "only zeros")
    x = lift(x)
    widths = [(0, 0)] * (x.ndim - len(pad) // 2) + [(pad[2 * i], pad[2 * i + 1]) for i in range(len(pad) // 2)][::-1]
    return take([x], np.pad(x.index_map, widths, constant_values=-1))


# ---- size and new tensors --------------------------------------------------------------------------------


implements("Tensor.size")(lambda x, dim=None: x.shape if dim is None else x.shape[dim])
implements("Tensor.dim", "Tensor.ndimension")(lambda x: x.ndim)
implements("numel", "Tensor.nelement")(lambda x: len(x.scalars))
implements("is_floating_point")(lambda x: x.dtype is FLOAT)
implements("is_complex")(lambda x: False)
implements("Tensor.get_device")(lambda x: -1)


def filled(shape: tuple[int, ...], value: Any, dtype: Any) -> ExactTensor:
    """A constant tensor."""
    entry = lift(value)
    x = expand(entry, shape)
    return converted(x, dtype, "torch.full_like")


def _like(value: Any) -> Any:
    def handler(x: Any, *, dtype: Any = None, device: Any = None, layout: Any = None, requires_grad: bool = False,
                memory_format: Any = None) -> ExactTensor:  # fmt: skip
        x = lift(x)
        dtype = dtype or x.dtype
        entries = [rational(value)] * len(x.scalars)
        return constant(entries, tuple(x.shape), BOOL if dtype is BOOL else FLOAT if dtype.is_floating_point else INT)

    return handler


implements("zeros_like")(_like(0))
implements("ones_like")(_like(1))
implements("full_like")(
    lambda x, fill_value, *, dtype=None, device=None: filled(tuple(lift(x).shape), fill_value, dtype or lift(x).dtype)
)
implements("Tensor.new_zeros")(lambda x, *size, dtype=None, device=None: filled(sizes(size), 0, dtype or x.dtype))
implements("Tensor.new_ones")(lambda x, *size, dtype=None, device=None: filled(sizes(size), 1, dtype or x.dtype))
implements("Tensor.new_full")(
    lambda x, size, fill_value, *, dtype=None, device=None: filled(sizes((size,)), fill_value, dtype or x.dtype)
)


@implements("Tensor.new_tensor")
def new_tensor(x: Any, data: Any, *, dtype: Any = None, device: Any = None) -> ExactTensor:
    """`Tensor.new_tensor`."""
    array = np.array(data, dtype=object)
    return converted(constant([rational(v) for v in array.ravel()], array.shape, FLOAT), dtype or x.dtype, "new_tensor")


@implements("functional.one_hot")
def one_hot(x: Any, num_classes: int = -1) -> ExactTensor:
    """int64 classes as 0/1 rows."""
    from .torch_elementwise import binary

    if num_classes < 0:
        raise Unsupported("torch.nn.functional.one_hot", "give num_classes")
    hits = binary("eq", unsqueeze(x, -1), constant([rational(k) for k in range(num_classes)], (num_classes,), INT))
    return converted(hits, INT, "one_hot")
