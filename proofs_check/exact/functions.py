r"""Elementary functions of one or two real numbers, by name: the tables `UNARY` and `BINARY`.

The exact values everybody knows stay exact ($e^0 = 1$, $\log 1 = 0$, $\arccos 1 = 0$, ...); everything else is a ball.
Comparisons return the rationals 0 and 1. `asin` and `acos` of a ball that reaches past $\pm 1$ are those of its
intersection with $[-1, 1]$ (a normalised inner product is in that interval, its ball need not be).
"""

from __future__ import annotations

from collections.abc import Callable

from flint import arb, fmpq, fmpz

from . import scalars as s
from .errors import Singular, Undecided
from .scalars import ONE, ZERO, Number, ball, finite


def _through_ball(name: str, known: dict[int, fmpq]) -> Callable[[Number], Number]:
    """The arb method `name`, with exact results at the listed integers."""

    def function(a: Number) -> Number:
        if isinstance(a, fmpq) and a.q == 1 and int(a.p) in known:
            return known[int(a.p)]
        return finite(getattr(ball(a), name)(), name)

    return function


def _log(a: Number) -> Number:
    if a <= 0:
        raise Singular("log", "logarithm of a number that is not positive")
    if isinstance(a, fmpq) and a == 1:
        return ZERO
    if not a > 0:
        raise Undecided("log")
    return finite(ball(a).log(), "log")


def _log1p(a: Number) -> Number:
    if a <= -1:
        raise Singular("log1p", "logarithm of a number that is not positive")
    if isinstance(a, fmpq) and a == 0:
        return ZERO
    if not a > -1:
        raise Undecided("log1p")
    return finite(ball(a).log1p(), "log1p")


def _acos(a: Number) -> Number:
    if a > 1 or a < -1:
        raise Singular("acos", "argument outside [-1, 1]")
    if isinstance(a, fmpq):
        return ZERO if a == 1 else arb(a).acos()
    if a < 1 and a > -1:
        return finite(a.acos(), "acos")
    low, high = a.lower(), a.upper()
    largest = low.acos() if low > -1 else arb.pi()
    return s.nonnegative(largest.upper()) if high >= 1 else high.acos().union(largest)


def _asin(a: Number) -> Number:
    if a > 1 or a < -1:
        raise Singular("asin", "argument outside [-1, 1]")
    if isinstance(a, fmpq):
        return ZERO if a == 0 else arb(a).asin()
    return finite(a.asin(), "asin") if a < 1 and a > -1 else arb.pi() / 2 - _acos(a)


def _rsqrt(a: Number) -> Number:
    return s.div(ONE, s.sqrt(a))


def _reciprocal(a: Number) -> Number:
    return s.div(ONE, a)


def _neg(a: Number) -> Number:
    return -a


def _abs(a: Number) -> Number:
    if a >= 0:
        return a
    return -a if a <= 0 else s.nonnegative(ball(a).abs_upper())


def _sign(a: Number) -> Number:
    return fmpq(s.sign_of(a, "sign"))


def _rounding(name: str, exact: Callable[[fmpq], fmpz]) -> Callable[[Number], Number]:
    """floor, ceil, ...: monotone step functions, decided when both ends of the ball agree."""

    def function(a: Number) -> Number:
        if isinstance(a, fmpq):
            return fmpq(exact(a))
        low, high = fmpq(exact(s.fmpq_of(a.lower()))), fmpq(exact(s.fmpq_of(a.upper())))
        if low != high:
            raise Undecided(name)
        return low

    return function


def _half_even(a: fmpq) -> fmpz:
    low = a.floor()
    rest = a - low
    return low + 1 if rest > s.HALF or (rest == s.HALF and int(low) % 2) else low


def _truncate(a: fmpq) -> fmpz:
    return a.floor() if a >= 0 else a.ceil()


def _sigmoid(a: Number) -> Number:
    if isinstance(a, fmpq) and a == 0:
        return s.HALF
    return finite(1 / (1 + (-ball(a)).exp()), "sigmoid")


def _softplus(a: Number) -> Number:
    x = ball(a)
    if x > 0:
        return finite(x + (-x).exp().log1p(), "softplus")
    return finite(x.exp().log1p(), "softplus")


def _relu(a: Number) -> Number:
    return s.maximum(a, ZERO)


def _tan(a: Number) -> Number:
    return ZERO if isinstance(a, fmpq) and a == 0 else finite(ball(a).tan(), "tan")


def _atan2(y: Number, x: Number) -> Number:
    if isinstance(y, fmpq) and y == 0 and x >= 0:
        return ZERO
    return finite(arb.atan2(ball(y), ball(x)), "atan2")


def _floor_divide(a: Number, b: Number) -> Number:
    return UNARY["floor"](s.div(a, b))


def _remainder(a: Number, b: Number) -> Number:
    return s.sub(a, s.mul(b, _floor_divide(a, b)))


def _truth(
    test: Callable[[Number, Number], bool], swap: bool = False, negate: bool = False
) -> Callable[[Number, Number], Number]:
    """A comparison as a function with values 0 and 1."""

    def function(a: Number, b: Number) -> fmpq:
        return ONE if test(*((b, a) if swap else (a, b))) != negate else ZERO

    return function


UNARY: dict[str, Callable[[Number], Number]] = {
    "neg": _neg, "abs": _abs, "reciprocal": _reciprocal, "square": s.square, "sqrt": s.sqrt, "rsqrt": _rsqrt,
    "exp": _through_ball("exp", {0: ONE}), "expm1": _through_ball("expm1", {0: ZERO}), "log": _log, "log1p": _log1p,
    "sin": _through_ball("sin", {0: ZERO}), "cos": _through_ball("cos", {0: ONE}), "tan": _tan,
    "asin": _asin, "acos": _acos, "atan": _through_ball("atan", {0: ZERO}),
    "sinh": _through_ball("sinh", {0: ZERO}), "cosh": _through_ball("cosh", {0: ONE}),
    "tanh": _through_ball("tanh", {0: ZERO}), "sigmoid": _sigmoid, "softplus": _softplus, "relu": _relu,
    "erf": _through_ball("erf", {0: ZERO}), "erfc": _through_ball("erfc", {0: ONE}),
    "lgamma": _through_ball("lgamma", {1: ZERO, 2: ZERO}), "digamma": _through_ball("digamma", {}),
    "sign": _sign, "floor": _rounding("floor", fmpq.floor), "ceil": _rounding("ceil", fmpq.ceil),
    "trunc": _rounding("trunc", _truncate), "round": _rounding("round", _half_even),
}  # fmt: skip

BINARY: dict[str, Callable[[Number, Number], Number]] = {
    "add": s.add, "sub": s.sub, "mul": s.mul, "div": s.div, "pow": s.power,
    "minimum": s.minimum, "maximum": s.maximum, "atan2": _atan2,
    "floor_divide": _floor_divide, "remainder": _remainder,
    "lt": _truth(s.less), "gt": _truth(s.less, swap=True),
    "ge": _truth(s.less, negate=True), "le": _truth(s.less, swap=True, negate=True),
    "eq": _truth(s.equal), "ne": _truth(s.equal, negate=True),
}  # fmt: skip
