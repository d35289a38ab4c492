"""The few operations every exact computation is made of, over flat lists of scalars; no torch, no numpy.

`ExactTensor` maps torch functions onto these, and `replay` runs recorded programs through the very same code. An
operation takes its input lists and JSON-able parameters and returns one flat list; shapes exist only as the integers a
parameter needs (`inner`: length of the last axis, `batch, rows, inner, columns` of a product). Everything that only
moves entries (indexing, transposing, broadcasting, concatenating, padding with zeros) is the one operation `gather`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flint import arb

from . import scalars as s
from .eigen import eigenvalues, eigenvectors
from .errors import ExactError, ProgramError, Singular, Undecided
from .functions import BINARY, UNARY
from .matrices import cholesky, determinant, exponential, inverse, product, solve
from .order import order_statistics, permutation
from .scalars import ONE, ZERO, Number, Poison, Scalar

Values = list[Scalar]


def numbers(values: Values) -> list[Number]:
    """The values, or the error of the first one that failed."""
    for value in values:
        if isinstance(value, Poison):
            raise value.error
    return values  # type: ignore[return-value]


def _guard(function: Callable[..., Scalar], *arguments: Scalar) -> Scalar:
    """Apply a scalar function; a failure poisons this entry only."""
    for argument in arguments:
        if isinstance(argument, Poison):
            return argument
    try:
        return s.tidy(function(*arguments))
    except (Singular, Undecided) as error:
        return Poison(error)


def unary(inputs: list[Values], function: str) -> Values:
    """Elementwise function of one argument."""
    apply = UNARY[function]
    return [_guard(apply, a) for a in inputs[0]]


def binary(inputs: list[Values], function: str) -> Values:
    """Elementwise function of two lists of one length, or of a list and a single number."""
    apply = BINARY[function]
    a, b = inputs
    if len(a) != len(b):
        if len(b) == 1:
            return [_guard(apply, x, b[0]) for x in a]
        if len(a) == 1:
            return [_guard(apply, a[0], y) for y in b]
        raise ProgramError(f"`{function}` of lists of lengths {len(a)} and {len(b)}.")
    return [_guard(apply, x, y) for x, y in zip(a, b, strict=True)]


def where(inputs: list[Values]) -> Values:
    """`b` where the condition is 1, `c` where it is 0; the entry not chosen may have failed."""
    condition, yes, no = inputs
    if not len(condition) == len(yes) == len(no):
        raise ProgramError("`where` of lists of different lengths.")
    return [_choose(p, b, c) for p, b, c in zip(condition, yes, no, strict=True)]


def isfinite(inputs: list[Values]) -> Values:
    """1 where the value exists, 0 where it certainly does not (division by zero, log 0); there are no infinities."""
    return [_exists(a) for a in inputs[0]]


def _exists(a: Scalar) -> Scalar:
    if isinstance(a, Poison):
        return ZERO if isinstance(a.error, Singular) else a
    return ONE


def _choose(condition: Scalar, yes: Scalar, no: Scalar) -> Scalar:
    if isinstance(condition, Poison):
        return yes if yes is no else condition
    return yes if condition == 1 else no


def gather(inputs: list[Values], index: list[int], guards: list[list[str]] = ()) -> Values:  # type: ignore[assignment]
    """Entries of the concatenated inputs by flat index, -1 meaning an exact zero.

    The last `len(guards)` inputs are index tensors or masks that decided `index`: they must have exactly the recorded
    values, so a program is valid only for the data on which the same entries are selected.
    """
    data = inputs[: len(inputs) - len(guards)]
    for values, expected in zip(inputs[len(data) :], guards, strict=True):
        check([values], expected)
    pool = [value for values in data for value in values]
    if any(i < -1 or i >= len(pool) for i in index):
        raise ProgramError(f"`gather` index outside -1..{len(pool) - 1}.")
    return [pool[i] if i >= 0 else ZERO for i in index]


def check(inputs: list[Values], values: list[str]) -> Values:
    """Assert that a list of integers or truth values is the recorded one."""
    if [str(v) for v in numbers(inputs[0])] != list(values):
        raise ProgramError("a recorded decision (index, mask or branch) does not hold for these values.")
    return inputs[0]


_FOLDS: dict[str, Callable[[Number, Number], Number]] = {
    "sum": s.add, "prod": s.mul, "min": s.minimum, "max": s.maximum,
}  # fmt: skip


def reduce(inputs: list[Values], function: str, inner: int) -> Values:
    """sum, prod, min or max of consecutive groups of `inner` entries (an empty sum is 0, an empty product 1)."""
    if inner == 0:
        raise ProgramError("`reduce` of empty groups.")
    values, fold = inputs[0], _FOLDS[function]
    return [_fold(fold, values[i : i + inner]) for i in range(0, len(values), inner)]


def _fold(function: Callable[[Number, Number], Number], group: Values) -> Scalar:
    total = group[0]
    for value in group[1:]:
        total = _guard(function, total, value)
    return total


def scan(inputs: list[Values], function: str, inner: int) -> Values:
    """Running sum, prod, min or max within consecutive groups."""
    fold = _FOLDS[function]
    out: Values = []
    for i, value in enumerate(inputs[0]):
        out.append(value if i % inner == 0 else _guard(fold, out[-1], value))
    return out


def sort(inputs: list[Values], inner: int) -> Values:
    """Each group in ascending order; ties need not be decided."""
    values = numbers(inputs[0])
    return [a for i in range(0, len(values), inner) for a in order_statistics(values[i : i + inner])]


def argsort(inputs: list[Values], inner: int, descending: bool) -> Values:
    """The stable sorting permutation of each group, as integers."""
    values = numbers(inputs[0])
    groups = [values[i : i + inner] for i in range(0, len(values), inner)]
    return [s.rational(k) for group in groups for k in permutation(group, descending)]


def argextreme(inputs: list[Values], inner: int, largest: bool) -> Values:
    """The position of the first maximum (or minimum) of each group."""
    out: Values = []
    for i in range(0, len(inputs[0]), inner):
        group = numbers(inputs[0][i : i + inner])
        best = 0
        for k in range(1, inner):
            pair = (group[best], group[k]) if largest else (group[k], group[best])
            best = k if s.less(*pair, "argmax" if largest else "argmin") else best
        out.append(s.rational(best))
    return out


def matmul(inputs: list[Values], batch: int, rows: int, inner: int, columns: int) -> Values:
    """`batch` products of (rows, inner) by (inner, columns) matrices."""
    a, b = numbers(inputs[0]), numbers(inputs[1])
    out: Values = []
    for k in range(batch):
        left = a[k * rows * inner : (k + 1) * rows * inner]
        right = b[k * inner * columns : (k + 1) * inner * columns]
        out += [s.tidy(v) for v in product(left, right, rows, inner, columns)]
    return out


def _per_matrix(function: Callable[[list[Number], int], list[Number]]) -> Callable[..., Values]:
    """A function of one square matrix, applied along the batch; a failure poisons the results of its matrix."""

    def operation(inputs: list[Values], batch: int, n: int) -> Values:
        values, out = inputs[0], []
        for k in range(batch):
            matrix = values[k * n * n : (k + 1) * n * n]
            try:
                result: Values = [s.tidy(v) for v in function(numbers(matrix), n)]
            except (Singular, Undecided) as error:
                result = [Poison(error)] * _RESULT_SIZE[function](n)
            out += result
        return out

    return operation


_RESULT_SIZE: dict[Any, Callable[[int], int]] = {
    inverse: lambda n: n * n, determinant: lambda n: 1, cholesky: lambda n: n * n, exponential: lambda n: n * n,
    eigenvalues: lambda n: n, eigenvectors: lambda n: n * n,
}  # fmt: skip


def linear_solve(inputs: list[Values], batch: int, n: int, columns: int) -> Values:
    """X of A X = B for each matrix of the batch."""
    a, b = inputs
    out: Values = []
    for k in range(batch):
        left, right = a[k * n * n : (k + 1) * n * n], b[k * n * columns : (k + 1) * n * columns]
        try:
            out += [s.tidy(v) for v in solve(numbers(left), numbers(right), n, columns)]
        except (Singular, Undecided) as error:
            out += [Poison(error)] * (n * columns)
    return out


def pi(inputs: list[Values], sixteenths: int) -> Values:
    r"""The number $\pi \cdot$ `sixteenths` / 16."""
    return [arb.pi() * s.rational(sixteenths) / 16]


OPERATIONS: dict[str, Callable[..., Values]] = {
    "unary": unary, "binary": binary, "where": where, "isfinite": isfinite, "gather": gather, "check": check,
    "reduce": reduce,
    "scan": scan, "sort": sort, "argsort": argsort, "argextreme": argextreme, "matmul": matmul,
    "solve": linear_solve, "inv": _per_matrix(inverse), "det": _per_matrix(determinant),
    "cholesky": _per_matrix(cholesky), "exp_matrix": _per_matrix(exponential),
    "eigvalsh": _per_matrix(eigenvalues), "eigvectors": _per_matrix(eigenvectors), "pi": pi,
}  # fmt: skip


def run(operation: str, inputs: list[Values], parameters: dict[str, Any]) -> Values:
    """Execute one primitive by name."""
    if operation not in OPERATIONS:
        raise ProgramError(f"unknown operation `{operation}`; known: {', '.join(OPERATIONS)}.")
    try:
        return OPERATIONS[operation](inputs, **parameters)
    except ExactError:
        raise
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
        raise ProgramError(f"operation `{operation}` with parameters {parameters} is malformed: {error}.") from error


__all__ = ["ONE", "OPERATIONS", "ZERO", "Values", "numbers", "run"]
