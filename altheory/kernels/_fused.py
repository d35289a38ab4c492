r"""The relu kernel of a tile in one compiled loop: what `altheory.kernels._closed_forms` does in a dozen passes.

From $\cos\theta = h+l$ (`altheory.kernels._inner`): with $p = 1+\cos\theta$, $m = 1-\cos\theta$ and $\psi = \pi-\theta$,

$$\psi/2 = \arctan\sqrt{p/m},\qquad \sin\theta = \sqrt{pm}.$$

The loop serves plain pairs only. A tile that holds a pair in doubt (nearly orthogonal or parallel; for the covariance
alone also $\psi < 1$, where its two terms cancel) is left to the general path.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    Fused = Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor | None]


def relu_tile(slope: bool, value: bool) -> Fused:
    r"""The compiled relu kernel: $\langle x,z\rangle E[\phi'\phi']$ if `slope`, plus $E[\phi\phi]$ if `value`."""
    loop = _compiled()

    def fill(
        h: Float[Tensor, "n m"],
        low: Float[Tensor, "n m"],
        rows: Float[Tensor, " n"],
        columns: Float[Tensor, " m"],
        doubt: float,
    ) -> Float[Tensor, "n m"] | None:
        """The tile; None where a cosine is within `doubt` of 0, 1 or -1."""
        K = torch.empty_like(h)
        least = -1 + max(doubt, 0.0 if slope else 0.5)
        arrays = (t.numpy() for t in (h, low, rows, columns, K))
        bad = loop(*arrays, float(slope + value), float(value), doubt, least)
        return None if bad else K

    return fill


@cache
def _compiled() -> Any:
    from numba import njit

    @njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
    def loop(h, low, rows, columns, out, angle, sine, doubt, least):  # type: ignore[no-untyped-def] # pragma: no cover
        """Write `rows columns (angle cos psi + sine sin) / (2 pi)`; count the pairs in doubt."""
        bad = 0
        height, width = h.shape
        for i in range(height):
            row = rows[i] / (2 * math.pi)
            for j in range(width):
                a, b = h[i, j], low[i, j]
                cosine, plus, minus = a + b, (1 + a) + b, (1 - a) - b
                size = abs(cosine)
                bad += (size < doubt) | (size > 1 - doubt) | (cosine < least)
                flip = plus > minus
                smaller, larger = (minus, plus) if flip else (plus, minus)
                x = math.sqrt(smaller / larger)
                # arctan on [0, 1]: beyond tan(pi/8) by pi/4 + arctan((x-1)/(x+1)), then S. Moshier's rational (Cephes, atan.c)
                beyond = x > 0.41421356237309503
                y = (x - 1) / (x + 1) if beyond else x
                z = y * y
                p = -8.750608600031904122785e-1
                p = p * z - 1.615753718733365076637e1
                p = p * z - 7.500855792314704667340e1
                p = p * z - 1.228866684490136173410e2
                p = p * z - 6.485021904942025371773e1
                q = z + 2.485846490142306297962e1
                q = q * z + 1.650270098316988542046e2
                q = q * z + 4.328810604912902668951e2
                q = q * z + 4.853903996359136964868e2
                q = q * z + 1.945506571482613964425e2
                arctan = y + y * (z * p / q)
                if beyond:
                    arctan = math.pi / 4 + arctan
                half = math.pi / 2 - arctan if flip else arctan
                out[i, j] = (angle * (cosine * (2 * half)) + sine * (x * larger)) * row * columns[j]
        return bad

    return loop
