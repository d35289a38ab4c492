r"""Inertia and smallest eigenvalue in exact rational arithmetic.

The entries are rational numbers (every float64 number is one), so the characteristic polynomial $p(x)=\det(xI-A)$ is known
exactly, and so is $p(x+s)$ for rational s. All its roots $\lambda_i-s$ are real, and for such polynomials Descartes' rule is
an equality: the number of sign changes of the coefficients is the number of positive roots, with multiplicities. This gives
the number of eigenvalues below, at and above s without a pivot or a division. The smallest eigenvalue is then found by
bisection over the float64 numbers themselves, about 64 steps for the two that are next to it.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor
from altheory.enclosures._interval import Interval

if TYPE_CHECKING:
    from jaxtyping import Float

    from altheory._inputs import ArrayLike

MOST = 128  # beyond this the coefficients grow past what is reasonable
_LARGEST = math.nextafter(math.inf, 0)


def inertia_exact(theta: Float[ArrayLike, "n n"]) -> tuple[int, int, int]:
    r"""How many eigenvalues are negative, zero and positive, in exact rational arithmetic.

    Args:
        theta: (n, n) symmetric, n <= 128: a float tensor or array, taken as the numbers it holds, or nested lists of ints,
            floats, `Fraction` and strings such as `"-1/3"`.

    Returns:
        The counts (negative, zero, positive), with multiplicity; their sum is n.

    Raises:
        InputError: theta is not square, not exactly symmetric, not finite, or too large.
    """
    return _Counter(theta)(Fraction(0))


def lambda_min_exact(theta: Float[ArrayLike, "n n"]) -> Interval:
    r"""The smallest eigenvalue as narrow as float64 can say it, in exact rational arithmetic.

    The two ends are neighbouring float64 numbers, or the same one: then this number **is** the eigenvalue. So a singular
    positive semi-definite matrix gives `Interval(0.0, 0.0)`, and `.positive` is False, not None.

    Args:
        theta: (n, n) symmetric, n <= 128, as in `inertia_exact`.

    Returns:
        The interval; it ends in inf or 0.0 where the eigenvalue lies outside the range of float64.

    Raises:
        InputError: theta is not square, not exactly symmetric, not finite, or too large.
    """
    count = _Counter(theta)
    below, at, _ = count(Fraction(0))
    if below == 0 and at > 0:
        return Interval(0.0, 0.0)
    # lambda_min >= lo and lambda_min < hi throughout
    lo, hi = (_key(-_LARGEST), 0) if below else (0, _key(_LARGEST))
    if count(Fraction(_float(lo)))[0] > 0:
        return Interval(-math.inf, -_LARGEST)
    if not below and count(Fraction(_LARGEST))[0] == 0:
        return Interval(_LARGEST, math.inf)
    while hi - lo > 1:
        middle = (lo + hi) // 2
        lo, hi = (lo, middle) if count(Fraction(_float(middle)))[0] > 0 else (middle, hi)
    exactly = count(Fraction(_float(lo)))[1] > 0
    return Interval(_float(lo), _float(lo if exactly else hi))


class _Counter:
    """Counts the eigenvalues of one matrix below, at and above a rational number."""

    def __init__(self, theta: Any) -> None:
        from flint import fmpq_poly, fmpz_mat

        entries = _rationals(theta)
        self._scale = math.lcm(*(x.denominator for row in entries for x in row))
        self._n = len(entries)
        integers = [int(x * self._scale) for row in entries for x in row]
        self._polynomial = fmpq_poly(fmpz_mat(self._n, self._n, integers).charpoly())

    def __call__(self, s: Fraction) -> tuple[int, int, int]:
        from flint import fmpq, fmpq_poly

        shift = s * self._scale
        shifted = self._polynomial(fmpq_poly([fmpq(shift.numerator, shift.denominator), 1]))
        coefficients = [int(c) for c in shifted.numer().coeffs()]
        signs = [c > 0 for c in coefficients if c != 0]
        zero = next(i for i, c in enumerate(coefficients) if c != 0)
        positive = sum(a != b for a, b in zip(signs, signs[1:]))
        return self._n - zero - positive, zero, positive


def _rationals(theta: Any) -> list[list[Fraction]]:
    """The entries as fractions, after the checks."""
    if isinstance(theta, (torch.Tensor, np.ndarray)):
        tensor = as_tensor("theta", theta, ndim=2, layout="(n, n)").detach()
        rows = [[Fraction(x) for x in row] for row in tensor.to(device="cpu", dtype=torch.float64).tolist()]
    else:
        try:
            rows = [[_fraction(x) for x in row] for row in theta]
        except (TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError) as error:
            raise InputError(
                f"`theta` holds something that is not a finite rational number ({error}) but a symmetric matrix of ints, "
                "floats or fractions is wanted; pass a float64 tensor or nested lists of numbers."
            ) from error
    n = len(rows)
    if n == 0 or any(len(row) != n for row in rows):
        raise InputError(
            f"`theta` has {n} rows of lengths {sorted({len(row) for row in rows})} but a square matrix (n, n) with n >= 1 is "
            "wanted; pass the whole kernel."
        )
    if n > MOST:
        raise InputError(
            f"`theta` has {n} rows but exact arithmetic is kept to {MOST}; use the float64 enclosure "
            "`lambda_min(theta, exact=False)`."
        )
    for i in range(n):
        for j in range(i):
            if rows[i][j] != rows[j][i]:
                raise InputError(
                    f"`theta` is not exactly symmetric at ({i}, {j}) but exact arithmetic needs that; "
                    "pass a symmetric matrix, e.g. `(theta + theta.mT) / 2`."
                )
    return rows


def _fraction(x: Any) -> Fraction:
    return Fraction(x) if isinstance(x, (int, float, str, Fraction)) else Fraction(int(x.numerator), int(x.denominator))


def _key(x: float) -> int:
    """The rank of a float64 number among all of them; 0 for zero."""
    (bits,) = struct.unpack("<q", struct.pack("<d", abs(x)))
    return -bits if x < 0 else bits


def _float(key: int) -> float:
    (value,) = struct.unpack("<d", struct.pack("<q", abs(key)))
    return -value if key < 0 else value
