"""The elementwise loops of the relu engine, written plainly and compiled by numba where they are first used.

The activation pattern of a step is kept as bits, n / 8 bytes a neuron. Rows are padded to a multiple of 8 points with
points 0, whose bit is 0. The comparison `z <= 0` lets NaN through, so a training that overflows is seen to.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

_PACK = np.uint64(0x0102040810204080)  # brings the lowest bit of each of 8 bytes into the top byte
_TOP = np.uint64(56)


@dataclass(frozen=True)
class Loops:
    """The compiled loops."""

    expand: Callable[..., None]
    mask: Callable[..., None]
    update: Callable[..., None]
    read: Callable[..., None]
    read_pairs: Callable[..., None]
    activate: Callable[..., None]
    activate_pairs: Callable[..., None]


@functools.cache
def compiled() -> Loops | None:
    """The loops compiled, or None where numba is not installed."""
    try:
        from numba import njit
    except ImportError:
        return None
    loops = (_expand, _mask, _update, _read, _read_pairs, _activate, _activate_pairs)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract", "nsz"}}
    try:
        return Loops(*(njit(cache=True, **options)(loop) for loop in loops))
    except RuntimeError:  # there is no folder in which to keep the compiled code
        return Loops(*(njit(**options)(loop) for loop in loops))


def table(dtype: Any) -> np.ndarray[Any, Any]:
    """(256, 8) the bits of each byte, lowest first, as numbers."""
    return ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(dtype)


def _expand(bits, bytes_to_numbers, out):  # type: ignore[no-untyped-def]
    """Out = the pattern as 0 and 1."""
    for r in range(bits.shape[0]):
        for w in range(bits.shape[1]):
            b = bits[r, w]
            for j in range(8):
                out[r, 8 * w + j] = bytes_to_numbers[b, j]


def _mask(bits, bytes_to_numbers, S):  # type: ignore[no-untyped-def]
    """S = S times the pattern."""
    for r in range(bits.shape[0]):
        for w in range(bits.shape[1]):
            b = bits[r, w]
            for j in range(8):
                S[r, 8 * w + j] *= bytes_to_numbers[b, j]


def _update(W, a, G, train_output):  # type: ignore[no-untyped-def]
    """w_r -= a_r G_r, and a_r -= w_r . G_r, for one output; relu(z) = 1[z > 0] w . x makes the second exact."""
    zero = W[0, 0] * 0
    for r in range(W.shape[0]):
        slope, along = a[r, 0], zero
        if train_output:
            for j in range(W.shape[1]):
                along += W[r, j] * G[r, j]
            a[r, 0] = slope - along
        for j in range(W.shape[1]):
            W[r, j] -= slope * G[r, j]


def _read(Z, a, f, bits, flags):  # type: ignore[no-untyped-def]
    """f_i = sum_r a_r relu(Z_ri), and the pattern."""
    f[:] = 0
    words = flags.view(np.uint64)
    zero = Z[0, 0] * 0
    for r in range(Z.shape[0]):
        weight = a[r, 0]
        for i in range(Z.shape[1]):
            z = Z[r, i]
            flags[i] = z > 0
            f[i, 0] += weight * (zero if z <= 0 else z)
        for w in range(words.shape[0]):
            bits[r, w] = (words[w] * _PACK) >> _TOP


def _read_pairs(Z, D, a, b, f, bits, bits2, flags, flags2):  # type: ignore[no-untyped-def]
    """f_i = sum_r (a_r + b_r) relu(Z_ri) + b_r (relu(Z_ri + D_ri) - relu(Z_ri)), and both patterns."""
    f[:] = 0
    words, words2 = flags.view(np.uint64), flags2.view(np.uint64)
    zero = Z[0, 0] * 0
    for r in range(Z.shape[0]):
        both, second = a[r, 0] + b[r, 0], b[r, 0]
        for i in range(Z.shape[1]):
            z = Z[r, i]
            z2 = z + D[r, i]
            flags[i] = z > 0
            flags2[i] = z2 > 0
            h = zero if z <= 0 else z
            h2 = zero if z2 <= 0 else z2
            f[i, 0] += both * h + second * (h2 - h)
        for w in range(words.shape[0]):
            bits[r, w] = (words[w] * _PACK) >> _TOP
            bits2[r, w] = (words2[w] * _PACK) >> _TOP


def _activate(Z, bits, flags):  # type: ignore[no-untyped-def]
    """Z = relu(Z), and the pattern."""
    words = flags.view(np.uint64)
    zero = Z[0, 0] * 0
    for r in range(Z.shape[0]):
        for i in range(Z.shape[1]):
            z = Z[r, i]
            flags[i] = z > 0
            Z[r, i] = zero if z <= 0 else z
        for w in range(words.shape[0]):
            bits[r, w] = (words[w] * _PACK) >> _TOP


def _activate_pairs(Z, D, bits, bits2, flags, flags2):  # type: ignore[no-untyped-def]
    """(Z, D) = (relu(Z), relu(Z + D) - relu(Z)), and both patterns."""
    words, words2 = flags.view(np.uint64), flags2.view(np.uint64)
    zero = Z[0, 0] * 0
    for r in range(Z.shape[0]):
        for i in range(Z.shape[1]):
            z = Z[r, i]
            z2 = z + D[r, i]
            flags[i] = z > 0
            flags2[i] = z2 > 0
            h = zero if z <= 0 else z
            h2 = zero if z2 <= 0 else z2
            Z[r, i] = h
            D[r, i] = h2 - h
        for w in range(words.shape[0]):
            bits[r, w] = (words[w] * _PACK) >> _TOP
            bits2[r, w] = (words2[w] * _PACK) >> _TOP
