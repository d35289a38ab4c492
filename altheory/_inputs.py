r"""The shared validation: what every public function of `altheory` does to its arguments first.

numpy arrays, nested lists, Python scalars and torch tensors are accepted. Floating tensors and arrays keep
their dtype (float32 or float64); integers and booleans become float64, or the dtype of the argument they
travel with. Every refusal is an `InputError` with one sentence: what was given, what was wanted, what to do.

An object that is not a `torch.Tensor` but carries `__torch_function__` (an exact-arithmetic array, a "duck")
passes through unchanged and unvalidated: it has no rounding, so thresholds would be wrong, and its own class
checks it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, Union

import numpy as np
import torch

ArrayLike: TypeAlias = Union[torch.Tensor, "np.ndarray[Any, Any]", Sequence[Any], float]

FLOATS = (torch.float32, torch.float64)


class InputError(ValueError):
    """An argument that the function cannot use; the message is one sentence that says what to pass
    instead."""


def is_exact(value: object) -> bool:
    """True for a duck array: not a `torch.Tensor`, but it answers torch functions itself."""
    return not isinstance(value, torch.Tensor) and hasattr(value, "__torch_function__")


def as_tensor(
    name: str,
    value: Any,
    *,
    ndim: int | tuple[int, ...] | None = None,
    min_ndim: int = 0,
    layout: str = "",
    like: tuple[str, Any] | None = None,
) -> torch.Tensor:
    """Turn one argument into a finite, non-empty, dense real tensor, or refuse it.

    Args:
        name: The argument's name, for the message.
        value: Tensor, numpy array, nested list or scalar; a duck array is returned unchanged.
        ndim: The allowed number(s) of dimensions.
        min_ndim: The least number of dimensions.
        layout: The wanted shape in words, e.g. `"(..., n, d)"`, for the message.
        like: `(name, tensor)` of an argument it is used with. Values with a floating dtype of their own
            (float tensors and float arrays) must have its dtype; tensors must be on its device; everything
            else takes both from it.

    Returns:
        The tensor. A tensor is returned as it is (the autograd graph is kept); a numpy array may share its
        memory.

    Raises:
        InputError: Not numeric, ragged, complex, half precision, sparse, empty, NaN or infinite, the wrong
            number of dimensions, or another dtype or device than `like`.
    """
    if is_exact(value):
        return value
    other = None if like is None or is_exact(like[1]) else like
    tensor = value if isinstance(value, torch.Tensor) else _from_numpy(name, value)
    if tensor.layout != torch.strided:
        raise InputError(f"`{name}` is a sparse tensor but a dense one is wanted; pass `{name}.to_dense()`.")
    if tensor.is_complex():
        raise InputError(f"`{name}` is complex ({tensor.dtype}) but a real array is wanted; pass its real part.")
    # Only float tensors and float arrays have a dtype of their own; only tensors have a device of their own.
    own_dtype = _own_dtype(value)
    if not tensor.is_floating_point():
        tensor = tensor.to(torch.float64)
    if other is not None:
        tensor = _agree(name, tensor, other, own_dtype, own_device=isinstance(value, torch.Tensor))
    if tensor.dtype not in FLOATS:
        raise InputError(
            f"`{name}` has dtype {tensor.dtype} but float32 or float64 is wanted; pass `{name}.to(torch.float64)`."
        )
    _check_shape(name, tensor, ndim, min_ndim, layout)
    finite = torch.isfinite(tensor.detach())
    if not bool(finite.all()):
        index = tuple(int(i) for i in (~finite).nonzero()[0])
        where = f" (first at index {index})" if index else ""
        raise InputError(f"`{name}` contains NaN or infinity{where} but finite numbers are wanted; remove or impute them.")
    return tensor


def as_tensors(**values: Any) -> tuple[Any, ...]:
    """Convert arguments that are used together; they must agree in dtype and device.

    The first floating tensor (else the first floating array) sets both. If any argument is a duck array, all
    of them pass through unchanged.

    Args:
        **values: The arguments by name, as for `as_tensor`.

    Returns:
        The tensors in the order given.

    Raises:
        InputError: See `as_tensor`.
    """
    if any(is_exact(value) for value in values.values()):
        return tuple(values.values())
    anchors = [k for k, v in values.items() if isinstance(v, torch.Tensor) and v.is_floating_point()]
    anchors += [k for k, v in values.items() if isinstance(v, np.ndarray) and v.ndim > 0 and v.dtype.kind == "f"]
    if not anchors:
        return tuple(as_tensor(name, value) for name, value in values.items())
    like = (anchors[0], as_tensor(anchors[0], values[anchors[0]]))
    return tuple(like[1] if k == like[0] else as_tensor(k, v, like=like) for k, v in values.items())


def as_labels(theta: Any, Y: Any, *, name: str = "theta") -> tuple[Any, Any]:
    r"""Validate a kernel matrix and its labels, and give the labels their output dimension.

    The rule for `Y`: `Y.ndim == theta.ndim` is a matrix (..., n, K); `Y.ndim == theta.ndim - 1` is a single
    output (..., n), returned as (..., n, 1). Batch dimensions must be equal; nothing is broadcast.

    Args:
        theta: (..., n, n).
        Y: (..., n, K) or (..., n).
        name: How `theta` is called in messages.

    Returns:
        theta (..., n, n) and Y (..., n, K).

    Raises:
        InputError: theta is not square, or Y does not fit it.
    """
    theta = as_tensor(name, theta, min_ndim=2, layout="(..., n, n)")
    Y = as_tensor("Y", Y, like=(name, theta))
    if is_exact(theta) or is_exact(Y):
        return theta, (Y[..., None] if Y.ndim == theta.ndim - 1 else Y)
    shape = tuple(theta.shape)
    if shape[-1] != shape[-2]:
        raise InputError(f"`{name}` has shape {shape} but a square matrix (..., n, n) is wanted; pass the whole kernel.")
    vector = Y.ndim == theta.ndim - 1
    rows = tuple(Y.shape) if vector else tuple(Y.shape[:-1])
    if not (vector or Y.ndim == theta.ndim) or rows != shape[:-1]:
        raise InputError(
            f"`Y` has shape {tuple(Y.shape)} but `{name}` has shape {shape}; pass `Y` as "
            f"({', '.join(map(str, shape[:-1]))}, K) or, for one output, as {shape[:-1]}."
        )
    return theta, (Y[..., None] if vector else Y)


def check_symmetric(theta: torch.Tensor, *, name: str = "theta") -> None:
    r"""Refuse a matrix with $\max|\Theta-\Theta^\top| > 100\,n\,\varepsilon\max|\Theta|$, in any batch
    member.

    Args:
        theta: (..., n, n) tensor (not a duck array).
        name: How it is called in messages.

    Raises:
        InputError: theta is not symmetric beyond rounding.
    """
    with torch.no_grad():
        gap = (theta - theta.mT).abs().amax(dim=(-2, -1))
        scale = theta.abs().amax(dim=(-2, -1))
        bad = gap > 100 * theta.shape[-1] * torch.finfo(theta.dtype).eps * scale
    if bool(bad.any()):
        raise InputError(
            f"`{name}` is not symmetric (an entry differs from its mirror by {float(gap[bad].max()):.3g})"
            f"{member(bad)}; pass a symmetric matrix, e.g. `({name} + {name}.mT) / 2`."
        )


def member(bad: torch.Tensor) -> str:
    """The phrase ` in batch member (i, j)` for the first true entry of `bad`, empty without a batch."""
    return f" in batch member {tuple(int(i) for i in bad.nonzero()[0])}" if bad.ndim else ""


def check_integer(name: str, value: Any, *, least: int = 1) -> int:
    """An `int` at least `least` (numpy integers too, booleans not).

    Raises:
        InputError: Anything else.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)) or value < least:
        raise InputError(f"`{name}` is {value!r} but an integer of at least {least} is wanted; pass such an integer.")
    return int(value)


def _own_dtype(value: Any) -> bool:
    """Whether a value brings its own floating dtype: float tensors and arrays do, scalars and lists not."""
    if isinstance(value, torch.Tensor):
        return value.is_floating_point()
    return isinstance(value, np.ndarray) and value.ndim > 0 and value.dtype.kind == "f"


def _from_numpy(name: str, value: Any) -> torch.Tensor:
    """A tensor of a numpy array, nested list or scalar, its memory shared where numpy allows."""
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError):
        array = np.empty((), dtype=object)
    if array.dtype.kind not in "biufc":
        raise InputError(
            f"`{name}` is a {type(value).__name__} that is not a rectangular array of numbers "
            f"(dtype {array.dtype}); pass a torch tensor, a numpy array or equal-length lists of numbers."
        )
    if array.dtype.kind == "c":
        raise InputError(f"`{name}` is complex ({array.dtype}) but a real array is wanted; pass its real part.")
    if array.dtype.kind in "biu" or not _own_dtype(value):
        return torch.from_numpy(np.array(array, dtype=np.float64))
    if array.dtype.itemsize not in (4, 8):
        raise InputError(
            f"`{name}` has dtype {array.dtype} but float32 or float64 is wanted; pass `{name}.astype(numpy.float64)`."
        )
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).reshape(array.shape)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _agree(name: str, tensor: torch.Tensor, like: tuple[str, torch.Tensor], own_dtype: bool, own_device: bool) -> torch.Tensor:
    """`tensor` in the dtype and on the device of `like`; an error where it has others of its own."""
    other_name, other = like
    if own_dtype and tensor.dtype != other.dtype:
        raise InputError(
            f"`{name}` has dtype {tensor.dtype} but `{other_name}` has {other.dtype}; convert one of them, "
            f"e.g. `{name}.to({other.dtype})`."
        )
    if own_device and tensor.device != other.device:
        raise InputError(
            f"`{name}` is on device {tensor.device} but `{other_name}` is on {other.device}; "
            f"move one of them, e.g. `{name}.to({str(other.device)!r})`."
        )
    return tensor.to(dtype=other.dtype, device=other.device)


def _check_shape(name: str, tensor: torch.Tensor, ndim: int | tuple[int, ...] | None, least: int, layout: str) -> None:
    """Refuse a wrong number of dimensions, or an empty array."""
    shape = tuple(tensor.shape)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if (allowed is not None and tensor.ndim not in allowed) or tensor.ndim < least:
        wanted = " or ".join(map(str, allowed)) if allowed is not None else f"at least {least}"
        form = f", {layout}," if layout else ""
        raise InputError(f"`{name}` has {tensor.ndim} dimension(s) (shape {shape}) but {wanted}{form} are wanted; reshape it.")
    if tensor.numel() == 0:
        raise InputError(f"`{name}` is empty (shape {shape}) but at least one entry is wanted; pass a non-empty array.")
