r"""The sign of an inner product of two floating-point vectors, exactly.

A computed product $z$ of x and w, of dimension d, rounded to a unit roundoff u in whatever order, obeys
$|z-x\cdot w|\le\gamma|x||w|$ with $\gamma = (d+4)u/(1-(d+4)u)$, two roundings of the inputs included (N. J. Higham, "Accuracy
and Stability of Numerical Algorithms", 2nd ed., section 3.1). Where $|z|$ is larger, the sign of z is the sign. The
few other pairs are computed again by `compensated_dot`, which knows its own error, and what even that leaves open is
decided by fractions. So $1[x\cdot w>0]$ is a function of the numbers given, whatever computed it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

_NUMBERS_AT_ONCE = 1 << 20
_LEAST = 2.0**-1000


def relative_bound(d: int, dtype: torch.dtype) -> float:
    r"""$\gamma$ of the module's formula, enlarged for the rounding of norms and of the bound itself.

    For moderate rows (see `Rows`) whatever underflow loses stays below the enlargement.
    """
    share = (d + 4) * torch.finfo(dtype).eps / 2
    return share / (1 - share) * (1 + 2.0**-12) if share < 0.5 else float("inf")


class Rows:
    """Vectors, and the same directions in numbers that float32 can hold.

    Where the largest coordinate of a row is outside 2^-20 ... 2^20, all rows are divided by powers of two. A coordinate
    that this would push below 2^-1000 becomes 2^-1000: far below every bound used here, and `compensated_dot` sees it.

    Attributes:
        given: (n, d).
        moderate: (n, d) `given` itself, or a float64 copy.
        norms: (n,) of the moderate rows, float64.
        lengths: (n,) of the given rows, float64; infinite where they overflow.
    """

    def __init__(self, X: Float[Tensor, "n d"]) -> None:
        """Scale where needed.

        Args:
            X: (n, d).
        """
        self.given = self.moderate = X
        exponent = None
        low, high = torch.aminmax(X, dim=-1)
        top = torch.maximum(-low, high).double()
        if not bool(((top == 0) | ((top > 2.0**-20) & (top < 2.0**20))).all()):
            exponent = torch.frexp(top).exponent
            half = exponent // 2  # in two steps: 2^1074 is no number
            scaled = X.double() * torch.ldexp(torch.ones_like(top), -half)[:, None]
            scaled *= torch.ldexp(torch.ones_like(top), half - exponent)[:, None]
            self.moderate = torch.where((scaled.abs() < _LEAST) & (X != 0), _LEAST, scaled)
        self.norms = torch.linalg.vector_norm(self.moderate, dim=-1, dtype=torch.float64)
        self.lengths = self.norms if exponent is None else torch.ldexp(torch.ldexp(self.norms, half), exponent - half)


def compensated_dot(x: Any, w: Any) -> Any:
    """An inner product in about three times the digits, and a bound of its error.

    Every product and every sum is split into its rounded value and its rounding error, both exact (T. J. Dekker, Numer.
    Math. 18, 1971; D. E. Knuth; the scheme is Dot3 of T. Ogita, S. M. Rump, S. Oishi, SIAM J. Sci. Comput. 26, 2005).
    Plain arithmetic: it runs on the rows of float64 tensors (d, pairs), and numba compiles it for vectors.

    Args:
        x: d numbers, or tensors.
        w: As many.

    Returns:
        v and e with v = s + c rounded, where |x.w - (s + c)| <= 1.001 e; e is infinite or huge where a product
        came near underflow.
    """
    s = x[0] * 0.0
    c = s * 1.0
    lost = s * 1.0
    for k in range(len(x)):
        a = x[k] * 1.0
        b = w[k] * 1.0
        p = a * b
        lost = lost + 1e300 * ((abs(p) < 1e-270) & (a != 0) & (b != 0))
        t = 134217729.0 * a
        a1 = t - (t - a)
        a2 = a - a1
        t = 134217729.0 * b
        b1 = t - (t - b)
        b2 = b - b1
        e = ((a1 * b1 - p) + a1 * b2 + a2 * b1) + a2 * b2
        t = s + p
        u = t - s
        f = (s - (t - u)) + (p - u)
        s = t
        t = c + e
        u = t - c
        lost = lost + abs((c - (t - u)) + (e - u))
        c = t
        t = c + f
        u = t - c
        lost = lost + abs((c - (t - u)) + (f - u))
        c = t
    return s + c, lost


def positive(Z: Float[Tensor, "b n"], weights: Rows, points: Rows) -> Bool[Tensor, "b n"]:
    r"""$1[w_r\cdot x_i>0]$, exactly, from computed products.

    Args:
        Z: (b, n) products of the moderate rows, in the arithmetic of their dtype.
        weights: b rows w.
        points: n rows x.

    Returns:
        (b, n).
    """
    mask = Z > 0
    d = points.moderate.shape[1]
    bound = (relative_bound(d, Z.dtype) * weights.norms)[:, None] * points.norms[None, :]
    settle(mask, (Z.abs() < bound).nonzero(), weights, points)
    return mask


def settle(mask: Tensor, doubtful: Int[Tensor, "pairs 2"], weights: Rows, points: Rows) -> None:
    """Write the signs that the products left open.

    Args:
        mask: (b, n) of any dtype, overwritten at the pairs by 0 or 1.
        doubtful: The pairs (r, i).
        weights: b rows w.
        points: n rows x.
    """
    for pairs in doubtful.split(max(1, _NUMBERS_AT_ONCE // points.moderate.shape[1])):
        r, i = pairs.unbind(1)
        x, w = points.moderate[i].double(), weights.moderate[r].double()
        value, lost = compensated_dot(x.T.contiguous(), w.T.contiguous())
        mask[r, i] = (value > 0).to(mask.dtype)
        for r, i in pairs[~(value.abs() > 2 * lost) & (lost != 0)].tolist():
            mask[r, i] = by_fractions(weights.given[r], points.given[i])


def by_fractions(w: Float[Tensor, " d"], x: Float[Tensor, " d"]) -> bool:
    r"""$1[w\cdot x>0]$."""
    products = zip(w.tolist(), x.tolist(), strict=True)
    return sum((Fraction(a) * Fraction(b) for a, b in products if a and b), Fraction(0)) > 0
