r"""Counting co-activations of relu units: bit masks of 64 neurons a word, and population counts.

The relu unit r is active at x where $w_r\cdot x>0$. The Gram matrix of the derivatives is the number
$N_{ij}$ of units active at both $x_i$ and $x_j$, so it is found from one bit a pair (r, i), `N_ij = sum over words of
popcount(word_i & word_j)`: sixty-four multiplications in three instructions. `functions()` compiles with numba what torch has
no function for; everything releases the interpreter lock.

Bit k of word w of point i stands for neuron 64 w + k; the words of one w for all points are contiguous, so every
inner loop runs over points.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from altheory.kernels._signs import compensated_dot


@cache
def available() -> bool:
    """Whether numba is installed."""
    return importlib.util.find_spec("numba") is not None


@cache
def functions() -> SimpleNamespace:
    """The compiled functions; they are compiled when first called, and kept on disk where that is possible."""
    import numba
    from numba.extending import intrinsic

    def compiled(function: Callable[..., Any], **options: Any) -> Any:
        try:
            return numba.njit(nogil=True, cache=True, **options)(function)
        except RuntimeError:  # no directory that can be written
            return numba.njit(nogil=True, **options)(function)

    def typed_popcount(context: Any, word: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctpop(arguments[0])

        return numba.types.uint64(numba.types.uint64), generate

    popcount: Any = intrinsic(typed_popcount)
    precise_dot = compiled(compensated_dot)
    plain_dot = compiled(_dot, fastmath={"reassoc", "contract"})

    def settle(words: Any, doubt: Any, W: Any, X: Any, w_bounds: Any, x_norms: Any) -> int:
        """Decide the doubtful bits; those that even `compensated_dot` leaves open stay in `doubt`. Returns their number."""
        left = 0
        for v in range(words.shape[0]):
            for i in range(words.shape[1]):
                rest = doubt[v, i]
                if rest == 0:
                    continue
                word = words[v, i]
                for k in range(64):
                    bit = np.uint64(1) << np.uint64(k)
                    if rest & bit == 0:
                        continue
                    r = 64 * v + k
                    value = plain_dot(X[i], W[r])
                    decided = abs(value) > w_bounds[r] * x_norms[i]
                    if not decided:
                        value, lost = precise_dot(X[i], W[r])
                        decided = abs(value) > 2 * lost or lost == 0
                    if decided:
                        rest ^= bit
                        word = word | bit if value > 0 else word & ~bit
                    else:
                        left += 1
                words[v, i] = word
                doubt[v, i] = rest
        return left

    def count(words: Any, chosen: Any, value: int, total: Any, tile: Any, shift: int, lower: bool) -> None:
        """total[i, j] += value * #(neurons in `chosen` active at points i and shift + j), in a tile (i, i', j, j').

        With `lower` only j <= i is sure to be right.
        """
        zero = np.uint64(0)
        start, width = tile[2], tile[3] - tile[2]
        s0, s1, s2, s3 = np.empty((4, width), dtype=np.uint64)
        depth = words.shape[0]
        for i in range(tile[0], tile[1], 4):
            last = tile[1] - 1
            i1, i2, i3 = min(i + 1, last), min(i + 2, last), min(i + 3, last)
            stop = min(width, i3 + 1 - start) if lower else width
            s0[:stop] = zero
            s1[:stop] = zero
            s2[:stop] = zero
            s3[:stop] = zero
            for w in range(0, depth, 2):
                w1 = w + 1 if w + 1 < depth else w
                c0, c1 = chosen[w], chosen[w1] if w + 1 < depth else zero
                a0, a1, a2, a3 = words[w, i] & c0, words[w, i1] & c0, words[w, i2] & c0, words[w, i3] & c0
                b0, b1, b2, b3 = words[w1, i] & c1, words[w1, i1] & c1, words[w1, i2] & c1, words[w1, i3] & c1
                x, y = words[w, shift + start :], words[w1, shift + start :]
                for j in range(stop):
                    s0[j] += popcount(a0 & x[j]) + popcount(b0 & y[j])
                    s1[j] += popcount(a1 & x[j]) + popcount(b1 & y[j])
                    s2[j] += popcount(a2 & x[j]) + popcount(b2 & y[j])
                    s3[j] += popcount(a3 & x[j]) + popcount(b3 & y[j])
            for q in range(min(4, tile[1] - i)):
                sums = s0 if q == 0 else s1 if q == 1 else s2 if q == 2 else s3
                target = total[i + q, start:]
                for j in range(stop):
                    target[j] += value * np.int64(sums[j])

    return SimpleNamespace(
        pack=compiled(_pack),
        settle=compiled(settle),
        count=compiled(count),
        spread=compiled(_spread),
        lower_precision=compiled(_lower_precision),
    )


def bits(words: Any) -> list[tuple[int, int]]:
    """The (neuron, point) of every set bit."""
    return [(64 * v + k, i) for v, i in np.argwhere(words).tolist() for k in range(64) if int(words[v, i]) >> k & 1]


def packed(chosen: Any) -> Any:
    """The words of a boolean vector whose length is a multiple of 64."""
    return np.packbits(chosen, bitorder="little").view("<u8")


def _dot(x: Any, w: Any) -> Any:
    """An inner product in float64."""
    total = 0.0
    for k in range(len(x)):
        total += np.float64(x[k]) * np.float64(w[k])
    return total


def _lower_precision(W: Any, out: Any, norms: Any) -> bool:
    """Copy W to float32 and find the norms of its rows; False where a row is not moderate (see `_signs.Rows`)."""
    good = True
    for r in range(W.shape[0]):
        top = 0.0
        square = 0.0
        for k in range(W.shape[1]):
            value = np.float64(W[r, k])
            out[r, k] = value
            top = max(top, abs(value))
            square += value * value
        norms[r] = np.sqrt(square)
        good = good and (top == 0 or (top > 2.0**-20 and top < 2.0**20))
    return good


def _pack(Z: Any, w_bounds: Any, x_norms: Any, words: Any, doubt: Any) -> None:
    """Bits Z > 0, and bits |Z| < w_bounds * x_norms, of products Z (neurons, points)."""
    one, zero = np.uint64(1), np.uint64(0)
    for v in range(words.shape[0]):
        words[v] = zero
        doubt[v] = zero
        for k in range(min(64, Z.shape[0] - 64 * v)):
            bit = one << np.uint64(k)
            bound = w_bounds[64 * v + k]
            row = Z[64 * v + k]
            for i in range(Z.shape[1]):
                words[v, i] |= bit if row[i] > 0 else zero
                doubt[v, i] |= bit if abs(row[i]) < bound * x_norms[i] else zero


def _spread(words: Any, scale: Any, out: Any) -> None:
    """out[r, i] = scale[r] where bit r of point i is set, else 0."""
    for r in range(len(scale)):
        bit = np.uint64(1) << np.uint64(r % 64)
        word, row, on, off = words[r // 64], out[r], scale[r], scale[r] * 0
        for i in range(len(row)):
            row[i] = on if word[i] & bit else off
