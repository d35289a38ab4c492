r"""One real number: `fmpq` while it is rational, an `arb` ball once it is not.

Every function takes exact rationals or balls and returns an exact rational whenever the result is one *and* we can
tell (`sqrt(4/9)`, `exp(0)`, integer powers, a ball times an exact zero); otherwise a ball that contains the true
value, at the working precision `flint.ctx.prec`. Two facts used throughout:

* one Python object denotes one real number (results are new objects, selections hand the object on), so `a is b`
  proves equality, which lets `x - x`, `x / x` and `x == x` stay exact for balls too;
* an operation outside its domain raises `Singular` when that is certain and `Undecided` when the ball only touches
  the boundary.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

from flint import arb, ctx, fmpq, fmpz

from .errors import ExactError, Singular, Undecided, Unsupported

ZERO, ONE, HALF = fmpq(0), fmpq(1), fmpq(1, 2)
MAX_HEIGHT_BITS = 1 << 15  # larger rationals are enclosed in a ball: exactness is given up, rigour is not


class Poison:
    """A scalar that failed; it raises only if it is used, so `where(x > 0, log(x), 0)` works at x = 0."""

    __slots__ = ("error",)

    def __init__(self, error: ExactError) -> None:
        self.error = error


Scalar = fmpq | arb | Poison
Number = fmpq | arb


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Set the working precision of all balls and restore the old one afterwards."""
    old = ctx.prec
    ctx.prec = bits
    try:
        yield
    finally:
        ctx.prec = old


def rational(value: object) -> fmpq:
    """An exact rational from an int, Fraction, float (every finite float64 is a rational), fmpz or fmpq."""
    if isinstance(value, fmpq):
        return value
    if isinstance(value, (int, fmpz)):
        return fmpq(int(value))
    if isinstance(value, float):
        if value - value != 0.0:
            raise Unsupported(f"constant {value}", "infinities and NaN are not real numbers")
        return fmpq(*value.as_integer_ratio())
    if isinstance(value, Fraction):
        return fmpq(value.numerator, value.denominator)
    raise Unsupported(f"constant of type {type(value).__name__}")


def is_rational(a: Scalar) -> bool:
    """True when the value is known exactly."""
    return isinstance(a, fmpq)


def rationals(values: list[Number]) -> list[fmpq]:
    """The same list, for values known to be rational."""
    return [a for a in values if isinstance(a, fmpq)]


def ball(a: Number) -> arb:
    """The value as a ball at the working precision."""
    return a if isinstance(a, arb) else arb(a)


def to_fraction(a: arb) -> Fraction:
    """The exact midpoint of a ball as a Fraction."""
    man, exp = a.mid().man_exp()
    return Fraction(int(man)) * Fraction(2) ** int(exp)


def fmpq_of(a: arb) -> fmpq:
    """The exact midpoint of a ball as a rational."""
    man, exp = a.mid().man_exp()
    shift = int(exp)
    return fmpq(man) * fmpz(2) ** shift if shift >= 0 else fmpq(man, fmpz(2) ** -shift)


def nonnegative(upper: arb) -> arb:
    r"""A ball $[0, h]$ with $h \ge$ `upper` whose lower end is *exactly* zero, so that a square root may follow."""
    return arb(0, upper.upper()).nonnegative_part()


def finite(a: arb, operation: str) -> arb:
    """The ball itself, or `Undecided` when the enclosure is unbounded."""
    if not a.is_finite():
        raise Undecided(operation)
    return a


def contains(enclosure: arb, value: fmpq) -> bool:
    """Whether the rational lies in the ball, decided exactly (`arb.contains` would round the rational first)."""
    return fmpq_of(enclosure.lower()) <= value <= fmpq_of(enclosure.upper())


def tidy(a: Scalar) -> Scalar:
    """Enclose a rational whose height has outgrown `MAX_HEIGHT_BITS`."""
    return arb(a) if isinstance(a, fmpq) and a.height_bits() > MAX_HEIGHT_BITS else a


def sign_of(a: Number, operation: str) -> int:
    """-1, 0 or 1, or `Undecided`."""
    if a > 0:
        return 1
    if a < 0:
        return -1
    if isinstance(a, fmpq) or a.is_zero():
        return 0
    raise Undecided(operation)


# ---- arithmetic ------------------------------------------------------------------------------------------


def add(a: Number, b: Number) -> Number:
    """a + b."""
    return a + b


def sub(a: Number, b: Number) -> Number:
    """a - b; exactly zero for one and the same number."""
    return ZERO if a is b else a - b


def mul(a: Number, b: Number) -> Number:
    """a b; an exact zero annihilates a ball."""
    if a is b:
        return square(a)
    if (isinstance(a, fmpq) and a == 0) or (isinstance(b, fmpq) and b == 0):
        return ZERO
    return a * b


def square(a: Number) -> Number:
    """a^2; for a ball across zero the result is [0, max^2], not a ball reaching below zero."""
    if isinstance(a, fmpq) or a > 0 or a < 0:
        return a * a
    return nonnegative(a.abs_upper() ** 2)


def div(a: Number, b: Number) -> Number:
    """a / b: `Singular` for b = 0, `Undecided` for a ball across zero."""
    if isinstance(b, fmpq):
        if b == 0:
            raise Singular("div", "division by an exact zero")
        return a / b
    if not (b > 0 or b < 0):
        raise Undecided("div")
    if a is b:
        return ONE
    if isinstance(a, fmpq) and a == 0:
        return ZERO
    return finite(a / b, "div")


def power(a: Number, b: Number) -> Number:
    """a^b: exact for integer b (0^0 = 1) and for perfect roots, else through balls."""
    if isinstance(b, fmpq) and b.q == 1:
        return _integer_power(a, int(b.p))
    if (isinstance(a, fmpq) and a < 0) or (isinstance(a, arb) and a < 0):
        raise Singular("pow", "negative base with a fractional exponent")
    if isinstance(b, fmpq) and b.q <= 64:
        exact = _exact_root(a, int(b.q)) if isinstance(a, fmpq) else None
        if exact is not None:
            return _integer_power(exact, int(b.p))
        if b.q == 2:
            return _integer_power(sqrt(a), int(b.p))
    if isinstance(a, fmpq) and a == 0:
        if sign_of(b, "pow") < 0:
            raise Singular("pow", "zero to a negative power")
        return ZERO
    if isinstance(a, arb) and not a > 0:
        if not (a >= 0 and b > 0):
            raise Undecided("pow")
        return nonnegative((ball(a.upper()) ** ball(b)).upper())
    return finite(ball(a) ** ball(b), "pow")


def _integer_power(a: Number, n: int) -> Number:
    if n == 0:
        return ONE
    if isinstance(a, fmpq):
        if a == 0:
            if n < 0:
                raise Singular("pow", "zero to a negative power")
            return ZERO
        return a**n if a.height_bits() * abs(n) <= MAX_HEIGHT_BITS else finite(arb(a) ** n, "pow")
    if a > 0 or a < 0:
        return finite(a**n, "pow")
    if n < 0:
        raise Undecided("pow")
    if n % 2 == 0:
        return nonnegative(a.abs_upper() ** n)
    return finite((a.lower() ** n).union(a.upper() ** n), "pow")  # arb's own power of a ball across zero is NaN


def _exact_root(a: fmpq, n: int) -> fmpq | None:
    """The n-th root of a non-negative rational when it is rational."""
    if a.height_bits() > MAX_HEIGHT_BITS:
        return None
    top, bottom = a.p.root(n), a.q.root(n)
    return fmpq(top, bottom) if top**n == a.p and bottom**n == a.q else None


def sqrt(a: Number) -> Number:
    """Exact for squares of rationals; a ball that touches the negatives is `Undecided`."""
    if a < 0:
        raise Singular("sqrt", "square root of a negative number")
    if isinstance(a, fmpq):
        exact = _exact_root(a, 2)
        return arb(a).sqrt() if exact is None else exact
    if a > 0:
        return finite(a.sqrt(), "sqrt")
    if a >= 0:
        return nonnegative(a.upper().sqrt())
    raise Undecided("sqrt")


# ---- order -----------------------------------------------------------------------------------------------


def minimum(a: Number, b: Number) -> Number:
    """min(a, b); when undecided the hull [min of lower ends, min of upper ends]."""
    if a is b or a <= b:
        return a
    if b <= a:
        return b
    x, y = ball(a), ball(b)
    return x.lower().min(y.lower()).union(x.upper().min(y.upper()))


def maximum(a: Number, b: Number) -> Number:
    """max(a, b); when undecided the hull, with a lower end of exactly zero where one side is an exact zero."""
    if a is b or a >= b:
        return a
    if b >= a:
        return b
    x, y = ball(a), ball(b)
    if a == ZERO or b == ZERO:
        return nonnegative(x.upper().max(y.upper()))
    return x.lower().max(y.lower()).union(x.upper().max(y.upper()))


def less(a: Number, b: Number, operation: str = "<") -> bool:
    """a < b, or `Undecided`."""
    if a is b:
        return False
    if a < b:
        return True
    if a >= b:
        return False
    raise Undecided(operation)


def equal(a: Number, b: Number, operation: str = "==") -> bool:
    """a == b, or `Undecided`."""
    if a is b:
        return True
    if isinstance(a, fmpq) and isinstance(b, fmpq):
        return a == b
    if a < b or a > b:
        return False
    raise Undecided(operation)


def hull(lower: Number, upper: Number) -> arb:
    """A ball containing both."""
    return ball(lower).union(ball(upper))
