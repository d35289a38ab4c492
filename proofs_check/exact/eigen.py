r"""Rigorous eigenvalues and eigenvectors of real symmetric matrices, clusters included.

**Enclosure.** Let A be symmetric and Q any invertible matrix (here: a rounded product of Jacobi rotations),
put $B = Q^\top A Q$, $G = Q^\top Q$, $e = \|G - I\|_F < 1$. By Ostrowski's theorem (a congruence scales every
ordered eigenvalue by a factor between the extreme eigenvalues of G, both in $[1-e, 1+e]$)
$$\lambda_i(B) = \theta_i \lambda_i(A), \qquad \theta_i \in [1-e, 1+e],$$
and by Weyl, with D any diagonal matrix whose entries $d_1 \le \dots \le d_n$ are in order,
$|\lambda_i(B) - d_i| \le \|B - D\|_2 \le \|B - D\|_F =: \rho$. Hence
$$\lambda_i(A) \in [d_i - \rho,\; d_i + \rho] \,/\, [1-e,\; 1+e].$$
Nothing is asked of the gaps, and Q may be as bad as it likes: B, G, e and rho are computed in balls.

**Exact eigenvalues.** When A is rational, the simplest rational r in an enclosure is tried in the
characteristic polynomial p. If r is a root of multiplicity m and exactly m enclosures contain r, these m
eigenvalues equal r (the m ordered eigenvalues that equal r all lie in enclosures that contain r). So a matrix
built from a rational spectrum, or a singular one, has its rational eigenvalues exactly.

**Eigenvectors.** For a unit vector x, a number mu and $\gamma = \min_{j \ne i} |\lambda_j - \mu|$, the part
of x orthogonal to the unit eigenvector $v_i$ has norm $\sin\theta \le \|Ax - \mu x\| / \gamma$, and with the
sign that makes $\langle x, v_i\rangle \ge 0$, $\|x - v_i\| \le \sqrt2 \sin\theta$. For exact rational
eigenvalues the eigenspace is a rational null space instead, orthogonalised exactly; repeated ones are
therefore fine (any orthonormal basis is as good as another).
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt

from flint import arb, arb_mat, ctx, fmpq, fmpq_mat, fmpq_poly

from . import scalars as s
from .errors import Undecided, UnseparatedEigenvalues
from .order import order_statistics, permutation
from .scalars import ONE, ZERO, Number

_POLYNOMIAL_LIMIT = 32  # largest n for which the characteristic polynomial is tried


def eigenvalues(a: list[Number], n: int) -> list[Number]:
    """The eigenvalues, ascending, of the symmetric matrix whose lower triangle is that of `a` (as torch reads it)."""
    if _is_diagonal(a, n):
        return order_statistics(a[:: n + 1])
    matrix = _symmetric(a, n)
    return _with_exact_roots(matrix, n, _enclose(matrix, n)[0])


def eigenvectors(a: list[Number], n: int) -> list[Number]:
    """Unit eigenvectors as columns, in the order of `eigenvalues`; a cluster raises `UnseparatedEigenvalues`."""
    if _is_diagonal(a, n):
        return _sorted_axes(a[:: n + 1], n)
    matrix = _symmetric(a, n)
    enclosures, basis, diagonal = _enclose(matrix, n)
    values = _with_exact_roots(matrix, n, enclosures)
    columns: list[list[Number]] = []
    for i, value in enumerate(values):
        if isinstance(value, fmpq):
            if i == 0 or values[i - 1] is not value:
                columns += _null_space(matrix, n, value)
        else:
            columns.append(_enclosed_vector(matrix, n, basis[i], diagonal[i], values[:i] + values[i + 1 :]))
    return [columns[j][i] for i in range(n) for j in range(n)]


def _is_diagonal(a: list[Number], n: int) -> bool:
    return all(isinstance(a[i * n + j], fmpq) and a[i * n + j] == 0 for i in range(n) for j in range(i))


def _symmetric(a: list[Number], n: int) -> list[Number]:
    return [a[max(i, j) * n + min(i, j)] for i in range(n) for j in range(n)]


def _sorted_axes(diagonal: list[Number], n: int) -> list[Number]:
    try:
        order = permutation(diagonal)
    except Undecided as error:
        raise UnseparatedEigenvalues("linalg.eigh") from error
    return [ONE if order[j] == i else ZERO for i in range(n) for j in range(n)]


# ---- enclosure -------------------------------------------------------------------------------------------


_Enclosure = tuple[list[Number], list[list[arb]], list[arb]]
_last: tuple[int, list[Number], _Enclosure] | None = None


def _enclose(matrix: list[Number], n: int) -> _Enclosure:
    """Ordered eigenvalue balls, the approximate eigenvectors behind them, and the centres d_i.

    The last result is kept: `eigh` asks for eigenvalues and eigenvectors of one matrix in turn.
    """
    global _last
    if _last is not None:
        bits, entries, result = _last
        same = bits == ctx.prec and len(entries) == n * n
        if same and all(x is y for x, y in zip(entries, matrix, strict=True)):
            return result
    result = _compute_enclosure(matrix, n)
    _last = (ctx.prec, matrix, result)
    return result


def _compute_enclosure(matrix: list[Number], n: int) -> _Enclosure:
    bits = ctx.prec + 40 + 2 * n.bit_length()
    with s.precision(bits + 24):
        columns = _jacobi(matrix, n, bits)
        a = arb_mat(n, n, [s.ball(x) for x in matrix])
        q = arb_mat(n, n, [columns[j][i] for i in range(n) for j in range(n)])
        b = q.transpose() * (a * q)
        order = sorted(range(n), key=lambda i: s.to_fraction(b[i, i]))
        centres = [b[i, i].mid() for i in order]
        gram = q.transpose() * q
        rho = _frobenius([b[i, j] if i != j else b[i, i] - b[i, i].mid() for i in range(n) for j in range(n)])
        e = _frobenius([gram[i, j] - int(i == j) for i in range(n) for j in range(n)])
        if not e < arb(0.5):
            raise Undecided("linalg.eigvalsh")
        scale = arb(1, e)
        values: list[Number] = [s.finite(arb(d, rho) / scale, "linalg.eigvalsh") for d in centres]
    return values, [columns[i] for i in order], centres


def _frobenius(entries: list[arb]) -> arb:
    """An upper bound of the square root of the sum of squares."""
    return sum((s.ball(s.square(x)) for x in entries), arb(0)).abs_upper().sqrt().upper()


def _jacobi(matrix: list[Number], n: int, bits: int) -> list[list[arb]]:
    """Approximate eigenvectors by cyclic Jacobi rotations in integer fixed point with `bits` fractional bits.

    Jacobi converges whatever the multiplicities; integers make it fast without numpy. No claim is made on its
    accuracy.
    """
    middles = [s.fmpq_of(x) if isinstance(x, arb) else x for x in matrix]
    top = max(abs(x) for x in middles)
    if top == 0:
        return [[arb(int(i == j)) for i in range(n)] for j in range(n)]
    shift = bits - (int(top.p).bit_length() - int(top.q).bit_length() + 1)
    factor = fmpq(2) ** shift
    flat = [int((x * factor).floor()) for x in middles]
    a = [flat[i * n : (i + 1) * n] for i in range(n)]
    vectors = [[int(i == j) << bits for i in range(n)] for j in range(n)]
    for _ in range(60):
        largest = max((abs(a[p][q]) for p in range(n) for q in range(p)), default=0)
        if largest <= 4 * n:
            break
        for p in range(n):
            for q in range(p + 1, n):
                if abs(a[p][q]) > 1:
                    _rotate(a, vectors, p, q, bits, n)
    return [[arb((x, -bits)) for x in column] for column in vectors]


def _rotate(a: list[list[int]], vectors: list[list[int]], p: int, q: int, bits: int, n: int) -> None:
    r"""Annihilate $a_{pq}$ in place.

    $d = a_{qq} - a_{pp}$, $t = \operatorname{sgn}(d)\, 2a_{pq} / (|d| + \sqrt{d^2 + 4a_{pq}^2})$, and
    $c = (1 + t^2)^{-1/2}$.
    """
    off, d = a[p][q], a[q][q] - a[p][p]
    t = ((2 * off) << bits) // (abs(d) + isqrt(d * d + 4 * off * off))
    t = -t if d < 0 else t
    c = (1 << (2 * bits)) // isqrt((1 << (2 * bits)) + t * t)
    sine = (t * c) >> bits
    for k in range(n):
        row = a[k]
        x, y = row[p], row[q]
        row[p], row[q] = (c * x - sine * y) >> bits, (sine * x + c * y) >> bits
    rows_p, rows_q = a[p], a[q]
    a[p] = [(c * x - sine * y) >> bits for x, y in zip(rows_p, rows_q, strict=True)]
    a[q] = [(sine * x + c * y) >> bits for x, y in zip(rows_p, rows_q, strict=True)]
    left, right = vectors[p], vectors[q]
    vectors[p] = [(c * x - sine * y) >> bits for x, y in zip(left, right, strict=True)]
    vectors[q] = [(sine * x + c * y) >> bits for x, y in zip(left, right, strict=True)]


# ---- exact rational eigenvalues --------------------------------------------------------------------------


def _with_exact_roots(matrix: list[Number], n: int, enclosures: list[Number]) -> list[Number]:
    """Replace enclosures by the rational eigenvalue they are proved to be."""
    if n > _POLYNOMIAL_LIMIT or not all(isinstance(x, fmpq) for x in matrix):
        return enclosures
    values, polynomial, intervals = list(enclosures), None, [s.ball(x) for x in enclosures]
    for i, enclosure in enumerate(intervals):
        if isinstance(values[i], fmpq):
            continue
        guess = _plausible_rational(enclosure)
        if guess is None:
            continue
        polynomial = polynomial if polynomial is not None else fmpq_mat(n, n, s.rationals(matrix)).charpoly()
        holders = [k for k, other in enumerate(intervals) if s.contains(other, guess)]
        if _multiplicity(polynomial, guess) == len(holders):
            for k in holders:
                values[k] = guess
    return values


def _plausible_rational(enclosure: arb) -> fmpq | None:
    """The simplest rational in the ball if it is far simpler than the ball's width would explain."""
    low, high = s.to_fraction(enclosure.lower()), s.to_fraction(enclosure.upper())
    if low <= 0 <= high:
        return ZERO
    width = high - low
    if width == 0:
        return None
    simplest = _simplest_between(low, high) if low > 0 else -_simplest_between(-high, -low)
    height = simplest.numerator.bit_length() + simplest.denominator.bit_length()
    available = (1 / width).numerator.bit_length() - (1 / width).denominator.bit_length()
    available += max(0, abs(simplest.numerator).bit_length() - simplest.denominator.bit_length())
    return s.rational(simplest) if 5 * height <= 4 * available else None


def _simplest_between(low: Fraction, high: Fraction) -> Fraction:
    """The fraction of least denominator in [low, high], 0 < low <= high, by continued fractions."""
    terms = []
    while True:
        whole = low.numerator // low.denominator
        if low == whole or high >= whole + 1:
            terms.append(whole if low == whole else whole + 1)
            break
        terms.append(whole)
        low, high = 1 / (high - whole), 1 / (low - whole)
    result = Fraction(terms.pop())
    while terms:
        result = terms.pop() + 1 / result
    return result


def _multiplicity(polynomial: fmpq_poly, root: fmpq) -> int:
    count = 0
    while not polynomial.is_zero() and polynomial(root) == 0:
        polynomial, count = polynomial.derivative(), count + 1
    return count


# ---- eigenvectors ----------------------------------------------------------------------------------------


def _null_space(matrix: list[Number], n: int, value: fmpq) -> list[list[Number]]:
    """An orthonormal basis of ker(A - value I), from the reduced row echelon form and exact Gram-Schmidt."""
    shifted = fmpq_mat(n, n, [x - value if i % (n + 1) == 0 else x for i, x in enumerate(s.rationals(matrix))])
    echelon, rank = shifted.rref()
    pivots = [next(j for j in range(n) if echelon[i, j] != 0) for i in range(rank)]
    basis: list[list[fmpq]] = []
    for free in (j for j in range(n) if j not in pivots):
        vector = [ZERO] * n
        vector[free] = ONE
        for i, pivot in enumerate(pivots):
            vector[pivot] = -echelon[i, free]
        for other in basis:
            factor = _dot(vector, other) / _dot(other, other)
            vector = [x - factor * y for x, y in zip(vector, other, strict=True)]
        basis.append(vector)
    return [[s.div(x, s.sqrt(_dot(v, v))) for x in v] for v in basis]


def _dot(x: list[fmpq], y: list[fmpq]) -> fmpq:
    return sum((a * b for a, b in zip(x, y, strict=True)), ZERO)


def _enclosed_vector(matrix: list[Number], n: int, x: list[arb], mu: arb, others: list[Number]) -> list[Number]:
    """The unit eigenvector near x, by residual over gap (module docstring)."""
    with s.precision(ctx.prec + 64 + 2 * n.bit_length()):
        norm = sum((c * c for c in x), arb(0)).sqrt()
        unit = [c / norm for c in x]
        image = arb_mat(n, n, [s.ball(a) for a in matrix]) * arb_mat(n, 1, unit)
        residual = _frobenius([image[i, 0] - mu * unit[i] for i in range(n)])
        error = arb(0)
        if others:
            gap = min((abs(s.ball(a) - mu).abs_lower() for a in others), key=s.to_fraction)
            if not gap > 0:
                raise UnseparatedEigenvalues("linalg.eigh")
            error = (residual / gap * arb(2).sqrt()).upper()
        elif n > 1:
            raise UnseparatedEigenvalues("linalg.eigh")
        return [s.finite(c + arb(0, error), "linalg.eigh") for c in unit]
