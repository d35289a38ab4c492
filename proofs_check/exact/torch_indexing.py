"""Indexing and gathering, with torch's rules: integers, slices, None, Ellipsis, integer arrays and bool masks.

Positions computed from exact tensors (an argmax, a mask x > 0) are recorded as guards of the gather, so a replay checks
that the same entries are selected.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from .errors import Unsupported
from .primitives import numbers
from .registry import implements
from .tensor import BOOL, FLOAT, ExactTensor, Index, lift, take


def concrete(index: Any, guards: list[ExactTensor]) -> Any:
    """A numpy integer or bool array from any index tensor; exact ones become guards."""
    if isinstance(index, ExactTensor):
        if index.dtype is FLOAT:
            raise IndexError("tensors used as indices must be int64 or bool")
        guards.append(index)
        values = [int(v.p) for v in numbers(index.scalars)]  # type: ignore[union-attr]
        return np.array(values, dtype=bool if index.dtype is BOOL else np.int64).reshape(tuple(index.shape))
    if isinstance(index, torch.Tensor):
        return index.detach().cpu().numpy()
    return np.asarray(index) if isinstance(index, (list, range, np.ndarray, np.generic)) else index


@implements("Tensor.__getitem__")
def getitem(x: Any, key: Any) -> ExactTensor:
    """x[key]: integers, slices, None and Ellipsis first, then the arrays, as torch does."""
    x = lift(x)
    guards: list[ExactTensor] = []
    keys = [concrete(k, guards) for k in (key if isinstance(key, tuple) else (key,))]
    keys = [int(k) if isinstance(k, np.ndarray) and k.ndim == 0 and k.dtype != bool else k for k in keys]
    if any(isinstance(k, bool) or (isinstance(k, np.ndarray) and k.ndim == 0) for k in keys):
        raise Unsupported("Tensor.__getitem__", "a single truth value as an index")
    consumed = sum(k.ndim if isinstance(k, np.ndarray) and k.dtype == bool else 1
                   for k in keys if k is not None and k is not Ellipsis)  # fmt: skip
    fill = [slice(None)] * (x.ndim - consumed)
    dots = [i for i, k in enumerate(keys) if k is Ellipsis]
    at = dots[0] if dots else len(keys)
    keys = keys[:at] + fill + keys[at + 1 :]
    basic: list[Any] = []
    arrays: list[Any] = []
    for k in keys:
        if isinstance(k, np.ndarray):
            whole = [slice(None)] * (k.ndim if k.dtype == bool else 1)
            basic += whole
            arrays.append(k)
        else:
            basic.append(k)
            if not isinstance(k, int):
                arrays.append(slice(None))
    selected: Index = x.index_map[tuple(basic)]
    if any(isinstance(k, np.ndarray) for k in arrays):
        selected = selected[tuple(arrays)]
    return take([x], np.asarray(selected), guards)


@implements("gather")
def gather(x: Any, dim: int, index: Any) -> ExactTensor:
    """`torch.gather`."""
    x = lift(x)
    guards: list[ExactTensor] = []
    where = concrete(index, guards)
    trimmed = tuple(slice(None) if d == dim % x.ndim else slice(0, n) for d, n in enumerate(where.shape))
    return take([x], np.take_along_axis(x.index_map[trimmed], where, axis=dim), guards)


@implements("torch.take_along_dim", "Tensor.take_along_dim")
def take_along_dim(x: Any, indices: Any, dim: int | None = None) -> ExactTensor:
    """`torch.take_along_dim`."""
    x = lift(x)
    guards: list[ExactTensor] = []
    return take([x], np.take_along_axis(x.index_map, concrete(indices, guards), axis=dim), guards)


@implements("index_select")
def index_select(x: Any, dim: int, index: Any) -> ExactTensor:
    """`torch.index_select`."""
    x = lift(x)
    guards: list[ExactTensor] = []
    return take([x], np.take(x.index_map, concrete(index, guards), axis=dim), guards)


@implements("take")
def take_flat(x: Any, index: Any) -> ExactTensor:
    """`torch.take`."""
    x = lift(x)
    guards: list[ExactTensor] = []
    return take([x], x.index_map.ravel()[concrete(index, guards)], guards)


@implements("masked_select")
def masked_select(x: Any, mask: Any) -> ExactTensor:
    """`torch.masked_select`."""
    return getitem(x, mask)


@implements("select")
def select(x: Any, dim: int, index: int) -> ExactTensor:
    """`torch.select`."""
    x = lift(x)
    return take([x], np.take(x.index_map, int(index), axis=dim))


@implements("narrow")
def narrow(x: Any, dim: int, start: int, length: int) -> ExactTensor:
    """`torch.narrow`."""
    x = lift(x)
    return take([x], np.take(x.index_map, range(start, start + length), axis=dim))
