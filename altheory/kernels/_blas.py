"""Adding products of tall matrices to a tile, the symmetric half only where the tile is on the diagonal.

torch has no symmetric rank-k update and numpy's does not accumulate, so on the CPU the one of scipy's BLAS is called,
through the addresses that `scipy.linalg.cython_blas` publishes. `ctypes` releases the interpreter lock meanwhile.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

_LETTER = {torch.float32: "s", torch.float64: "d"}
_PANEL = 96  # rows computed at once where there is no symmetric product


def add_gram(total: Float[Tensor, "n n"], S: Float[Tensor, "b n"], alpha: float) -> None:
    """The lower triangle of `total += alpha * S.T @ S`; what is above it is not to be read.

    Args:
        total: (n, n), rows contiguous.
        S: (b, n) of the same dtype, rows contiguous.
        alpha: A factor.
    """
    n = total.shape[0]
    if total.device.type == "cpu":
        function, number = _function("syrk", S.dtype)
        integers = (ctypes.c_int * 4)(n, S.shape[0], S.stride(0), total.stride(0))
        size, depth, S_row, total_row = (ctypes.byref(integers, 4 * k) for k in range(4))
        factor, one = ctypes.byref(number(alpha)), ctypes.byref(number(1.0))
        # Fortran reads S as (n, b), and the lower triangle as the upper one
        function(b"U", b"N", size, depth, factor, S.data_ptr(), S_row, one, total.data_ptr(), total_row)
        return
    panel = max(_PANEL, n // 8)
    for start in range(0, n, panel):
        stop = min(start + panel, n)
        total[start:stop, :stop].addmm_(S[:, start:stop].T, S[:, :stop], alpha=alpha)


def add_product(total: Float[Tensor, "n n2"], S: Float[Tensor, "b n"], T: Float[Tensor, "b n2"], alpha: float) -> None:
    """`total += alpha * S.T @ T`.

    Args:
        total: (n, n2).
        S: (b, n).
        T: (b, n2).
        alpha: A factor.
    """
    total.addmm_(S.T, T, alpha=alpha)


@cache
def _function(name: str, dtype: torch.dtype) -> tuple[Any, Any]:
    """A Fortran subroutine of scipy's BLAS, and the C type of its numbers."""
    from scipy.linalg import cython_blas

    capsule = cython_blas.__pyx_capi__[_LETTER[dtype] + name]
    describe, address = ctypes.pythonapi.PyCapsule_GetName, ctypes.pythonapi.PyCapsule_GetPointer
    describe.restype, describe.argtypes = ctypes.c_char_p, [ctypes.py_object]
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    prototype = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 10)
    return prototype(address(capsule, describe(capsule))), ctypes.c_float if dtype == torch.float32 else ctypes.c_double
