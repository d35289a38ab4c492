r"""Linear algebra on flat row-major matrices: rational matrices exactly, all others in balls.

A rational system is solved over the rationals (`fmpq_mat`); as soon as one entry is a ball, arb's certified
routines are used, which either return an enclosure of the true solution or say that invertibility is not
proved (`Undecided`).
"""

from __future__ import annotations

from flint import arb_mat, fmpq, fmpq_mat

from . import scalars as s
from .errors import Singular, Undecided
from .scalars import ZERO, Number

_SCALAR_PRODUCT_LIMIT = 4096  # up to this many multiplications are done one by one, keeping exact entries exact


def all_rational(*lists: list[Number]) -> bool:
    """True when every entry of every list is exact."""
    return all(isinstance(a, fmpq) for values in lists for a in values)


def balls(values: list[Number], rows: int, columns: int) -> arb_mat:
    """A ball matrix."""
    return arb_mat(rows, columns, [s.ball(a) for a in values])


def _exact(values: list[Number], rows: int, columns: int) -> fmpq_mat:
    return fmpq_mat(rows, columns, s.rationals(values))


def product(a: list[Number], b: list[Number], rows: int, inner: int, columns: int) -> list[Number]:
    """A B for an (rows, inner) and an (inner, columns) matrix; sums over nothing are exact zeros."""
    if rows * columns == 0 or inner == 0:
        return [ZERO] * (rows * columns)
    if all_rational(a, b):
        return [*(_exact(a, rows, inner) * _exact(b, inner, columns)).entries()]
    if rows * inner * columns > _SCALAR_PRODUCT_LIMIT:
        return [*(balls(a, rows, inner) * balls(b, inner, columns)).entries()]
    out = []
    for i in range(rows):
        row = a[i * inner : (i + 1) * inner]
        for j in range(columns):
            total: Number = ZERO
            for x, y in zip(row, b[j::columns], strict=True):
                total = total + s.mul(x, y)
            out.append(total)
    return out


def solve(a: list[Number], b: list[Number], n: int, columns: int) -> list[Number]:
    """X with A X = B."""
    if n * columns == 0:
        return []
    try:
        if all_rational(a, b):
            return [*_exact(a, n, n).solve(_exact(b, n, columns)).entries()]
        if all_rational(a):
            return product([*_exact(a, n, n).inv().entries()], b, n, n, columns)
        return _certified(balls(a, n, n).solve(balls(b, n, columns)), "linalg.solve")
    except ZeroDivisionError as error:
        raise _not_invertible(a, "linalg.solve") from error


def inverse(a: list[Number], n: int) -> list[Number]:
    """The inverse of A."""
    if n == 0:
        return []
    try:
        if all_rational(a):
            return [*_exact(a, n, n).inv().entries()]
        return _certified(balls(a, n, n).inv(), "linalg.inv")
    except ZeroDivisionError as error:
        raise _not_invertible(a, "linalg.inv") from error


def _certified(result: arb_mat, operation: str) -> list[Number]:
    return [s.finite(a, operation) for a in result.entries()]


def _not_invertible(a: list[Number], operation: str) -> Singular | Undecided:
    return Singular(operation, "the matrix is singular") if all_rational(a) else Undecided(operation)


def determinant(a: list[Number], n: int) -> list[Number]:
    """The determinant, as a list of one number."""
    if n == 0:
        return [fmpq(1)]
    if all_rational(a):
        return [_exact(a, n, n).det()]
    return [s.finite(balls(a, n, n).det(), "linalg.det")]


def exponential(a: list[Number], n: int) -> list[Number]:
    """The matrix exponential; of a diagonal matrix entry by entry."""
    if n == 0:
        return []
    if all_rational(a) and all(x == 0 for x in a):
        return [fmpq(int(i % (n + 1) == 0)) for i in range(n * n)]
    return _certified(balls(a, n, n).exp(), "linalg.matrix_exp")


def cholesky(a: list[Number], n: int) -> list[Number]:
    r"""The lower factor L of A = L L^T from A's lower triangle (as torch reads it).

    $L_{jj} = (A_{jj} - \sum_{k<j} L_{jk}^2)^{1/2}$, $L_{ij} = (A_{ij} - \sum_{k<j} L_{ik} L_{jk}) / L_{jj}$.
    A pivot that is certainly not positive is `Singular`; one that touches zero is `Undecided`.
    """
    low: list[Number] = [ZERO] * (n * n)
    for j in range(n):
        pivot: Number = a[j * n + j]
        for k in range(j):
            pivot = pivot - s.square(low[j * n + k])
        if pivot <= 0:
            raise Singular("linalg.cholesky", "the matrix is not positive definite")
        if not pivot > 0:
            raise Undecided("linalg.cholesky")
        low[j * n + j] = s.sqrt(pivot)
        for i in range(j + 1, n):
            rest: Number = a[i * n + j]
            for k in range(j):
                rest = rest - s.mul(low[i * n + k], low[j * n + k])
            low[i * n + j] = s.div(rest, low[j * n + j])
    return low
