"""Scalar functions: `Fraction` where exact, mpmath at 60 digits inside the balls, errors by name."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import pytest
from exact_oracles import middle
from flint import arb, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs_check.exact import scalars as s
from proofs_check.exact.errors import Singular, Undecided, Unsupported
from proofs_check.exact.functions import BINARY, UNARY

RATIONALS = st.fractions(-20, 20, max_denominator=30)
ORACLES = {
    "exp": mpmath.exp, "expm1": mpmath.expm1, "log": mpmath.log, "log1p": mpmath.log1p, "sin": mpmath.sin,
    "cos": mpmath.cos, "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan,
    "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "erf": mpmath.erf, "erfc": mpmath.erfc,
    "sqrt": mpmath.sqrt, "lgamma": mpmath.loggamma, "digamma": mpmath.digamma,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)), "softplus": lambda x: mpmath.log(1 + mpmath.exp(x)),
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
}  # fmt: skip


def contains(value: fmpq | arb, truth: mpmath.mpf) -> bool:
    """Whether a ball of about 100 bits contains a number known to 60 digits."""
    digits = arb(mpmath.nstr(truth, 55)) + arb(0, abs(float(truth)) * 1e-54 + 1e-58)
    return s.ball(value).overlaps(digits)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize("point", [Fraction(1, 3), Fraction(7, 9), Fraction(1, 1000), Fraction(99, 100)])
def test_ball_contains_the_mpmath_value(name: str, point: Fraction) -> None:
    with mpmath.workdps(60), s.precision(100):
        value = UNARY[name](s.rational(point))
        assert contains(value, ORACLES[name](mpmath.mpf(point.numerator) / point.denominator))
        assert isinstance(value, fmpq) or float(value.rad()) < 1e-27 * max(1.0, abs(middle(value)))


@given(RATIONALS, RATIONALS)
@settings(max_examples=60, deadline=None)
def test_rational_arithmetic_is_exact(a: Fraction, b: Fraction) -> None:
    x, y = s.rational(a), s.rational(b)
    for name, result in [("add", a + b), ("sub", a - b), ("mul", a * b), ("minimum", min(a, b)), ("maximum",
        max(a, b)),
                         ("lt", Fraction(a < b)), ("ge", Fraction(a >= b)), ("eq",
                             Fraction(a == b))]:  # fmt: skip
        assert BINARY[name](x, y) == s.rational(result)
    if b:
        assert BINARY["div"](x, y) == s.rational(a / b)
        assert BINARY["floor_divide"](x, y) == s.rational(Fraction(a // b))
        assert BINARY["remainder"](x, y) == s.rational(a % b)
    for name, result in [
        ("floor", a // 1),
        ("round", round(a)),
        ("abs", abs(a)),
        ("square", a * a),
        ("relu", max(a, 0)),
    ]:
        assert UNARY[name](x) == s.rational(Fraction(result))


@given(RATIONALS, RATIONALS, st.sampled_from(sorted(set(UNARY) - {"lgamma", "digamma"})))
@settings(max_examples=150, deadline=None)
def test_functions_of_wide_balls_contain_the_function_of_every_member(a: Fraction, b: Fraction, name: str) -> None:
    """Inclusion: f(ball(a, b)) contains f(a), unless the ball is undecided or partly outside the domain."""
    with s.precision(80):
        wide = s.hull(s.rational(a), s.rational(b))
        try:
            outer = UNARY[name](wide)
            inner = UNARY[name](s.rational(a))
        except (Undecided, Singular):
            return
        assert s.ball(outer).overlaps(s.ball(inner))
        assert s.ball(outer).lower() <= s.ball(inner).upper()
        low, high = s.fmpq_of(s.ball(outer).lower()), s.fmpq_of(s.ball(outer).upper())
        assert low <= s.fmpq_of(s.ball(inner).upper())
        assert s.fmpq_of(s.ball(inner).lower()) <= high


@given(RATIONALS, RATIONALS, RATIONALS, st.integers(-4, 5))
@settings(max_examples=80, deadline=None)
def test_binary_functions_of_wide_balls_contain_members(a: Fraction, b: Fraction, c: Fraction, n: int) -> None:
    with s.precision(80):
        wide, other = s.hull(s.rational(a), s.rational(b)), s.rational(c)
        for name, second in [
            ("add", other),
            ("mul", other),
            ("minimum", other),
            ("maximum", other),
            ("pow", s.rational(n)),
        ]:
            try:
                outer, inner = BINARY[name](wide, second), BINARY[name](s.rational(a), second)
            except (Undecided, Singular):
                continue
            assert s.contains(s.ball(outer), inner) or s.fmpq_of(s.ball(outer)) == inner


def test_what_stays_rational() -> None:
    q = s.rational
    assert s.sqrt(q(Fraction(4, 9))) == fmpq(2, 3)
    assert s.power(q(8), q(Fraction(1, 3))) == 2
    assert s.power(q(Fraction(4, 9)), q(Fraction(-3, 2))) == fmpq(27, 8)
    assert s.power(q(0), q(0)) == 1
    root = s.sqrt(q(2))
    assert isinstance(root, arb)
    assert s.mul(root, q(0)) == 0
    assert isinstance(s.mul(root, q(0)), fmpq)
    assert isinstance(s.sub(root, root), fmpq)
    assert isinstance(s.div(root, root), fmpq)
    assert UNARY["exp"](q(0)) == 1
    assert UNARY["acos"](q(1)) == 0
    assert UNARY["log"](q(1)) == 0


def test_squares_and_clamps_of_balls_across_zero_have_a_root() -> None:
    with s.precision(64):
        wide = arb(0, 1e-30)
        for value in (s.square(wide), s.maximum(wide, s.ZERO), UNARY["abs"](wide), s.power(wide, fmpq(2))):
            assert value >= 0
            assert s.sqrt(value) >= 0
        assert middle(UNARY["acos"](arb(1, 1e-20))) < 1e-9


@pytest.mark.parametrize(
    ("error", "compute"),
    [
        (Singular, lambda: s.div(s.ONE, s.ZERO)),
        (Undecided, lambda: s.div(s.ONE, arb(0, 1e-20))),
        (Singular, lambda: s.sqrt(fmpq(-1))),
        (Undecided, lambda: s.sqrt(arb(0, 1e-40))),
        (Singular, lambda: UNARY["log"](s.ZERO)),
        (Undecided, lambda: UNARY["log"](arb(0, 1e-40))),
        (Undecided, lambda: s.less(arb(0, 1), s.ZERO)),
        (Undecided, lambda: UNARY["sign"](arb(0, 1))),
        (Undecided, lambda: UNARY["floor"](arb(1, 1e-9))),
        (Singular, lambda: s.power(s.ZERO, fmpq(-1))),
        (Singular, lambda: UNARY["acos"](fmpq(2))),
        (Unsupported, lambda: s.rational(float("inf"))),
        (Unsupported, lambda: s.rational("1")),
    ],
)
def test_outside_the_domain(error: type[Exception], compute: object) -> None:
    with pytest.raises(error):
        compute()  # type: ignore[operator]


def test_precision_is_restored() -> None:
    from flint import ctx

    before = ctx.prec
    with pytest.raises(ZeroDivisionError), s.precision(999):
        raise ZeroDivisionError
    assert ctx.prec == before


def test_huge_rationals_become_balls() -> None:
    assert isinstance(s.tidy(fmpq(1, 3) ** 30000), arb)
    assert isinstance(s.power(fmpq(1, 3), fmpq(10**6)), arb)
