r"""The range of the C-th derivative of an activation on the whole line, enclosed.

Sigmoid, tanh and softplus have derivatives that are integer polynomials of $s = \sigma(x)$: $\sigma^{(C)} = P_C(s)$ with
$P_0 = s$ and $P_{k+1} = s(1-s)P_k'$. Those of erf and gelu are integer polynomials of x times a Gaussian. Their extremes lie at
roots of the next polynomial, which flint isolates. Swish has $\phi^{(C)} = xP_C(s)+CP_{C-1}(s)$; dividing the next derivative
by $P_{C+1}$ leaves $\log\frac s{1-s}+(C+1)P_C/P_{C+1}$, which is monotone between the roots of two integer polynomials, so
bisection finds all its roots. The results are balls (`flint.arb`) that contain the true value; `float` rounds them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

from altheory import activations
from altheory._inputs import InputError, check_integer
from altheory.activations import Activation

NAMES = ("sigmoid", "softplus", "tanh", "swish", "erf", "gelu", "sin")


def taylor_order(d: int, epsilon: float) -> float:
    r"""$C = 10d+\log(1/\varepsilon_0)/\log d$, the order of the derivative in theorem 4.1; hardly ever an integer.

    Args:
        d: Input dimension, at least 2.
        epsilon: $\varepsilon_0$, in (0, 1).

    Raises:
        InputError: d is 1, where C divides by log 1 = 0, or an argument is out of range.
    """
    d = check_integer("d", d)
    if d == 1:
        raise InputError("`d` is 1 but C = 10d + log(1/epsilon)/log(d) divides by log(1) = 0; pass d >= 2.")
    if isinstance(epsilon, bool) or not isinstance(epsilon, (int, float)) or not 0 < epsilon < 1:
        raise InputError(f"`epsilon` is {epsilon!r} but a number between 0 and 1 is wanted; pass the accuracy.")
    return 10 * d + math.log(1 / epsilon) / math.log(d)


def derivative_range(activation: str | Activation, C: int) -> tuple[Any, Any]:
    r"""Enclosures of $\inf_x\phi^{(C)}(x)$ and $\sup_x\phi^{(C)}(x)$, attained or not.

    Args:
        activation: "sigmoid", "softplus", "tanh", "swish", "erf", "gelu", "sin", or a polynomial of `altheory.activations`
            (its coefficients are taken as the exact values of their floats).
        C: The order, at least 1. Half a second at 30, and seconds at 60 for swish; results are remembered.

    Returns:
        Two `flint.arb`, infinite for a polynomial of degree above C.

    Raises:
        InputError: C is no such integer; relu and its powers, which have no C-th derivative at 0; an unknown activation.
    """
    least, greatest = _range(activation, C)
    return least, greatest


def derivative_supremum(activation: str | Activation, C: int) -> Any:
    r"""An enclosure of $\sup_x|\phi^{(C)}(x)|$; arguments and errors as `derivative_range`."""
    from flint import ctx

    least, greatest = _range(activation, C)
    with ctx.workprec(_bits(C)):
        return abs(least).max(abs(greatest))


def _range(activation: str | Activation, C: int) -> tuple[Any, Any]:
    if isinstance(C, float):
        raise InputError(f"`C` is {C!r} but the order of a derivative is an integer; pass an int, e.g. `math.ceil(C)`.")
    order = check_integer("C", C)
    return _named(activation, order) if isinstance(activation, str) else _hull(_finder(activation), order)


@lru_cache(maxsize=256)
def _named(activation: str, C: int) -> tuple[Any, Any]:
    return _hull(_finder(activation), C)


def _hull(find: Callable[[int], list[Any]], C: int) -> tuple[Any, Any]:
    """The least and the greatest of the values found."""
    from flint import ctx

    with ctx.workprec(_bits(C)):
        values = find(C)
        least = greatest = values[0]
        for value in values[1:]:
            least, greatest = least.min(value), greatest.max(value)
    return least, greatest


def _finder(activation: str | Activation) -> Callable[[int], list[Any]]:
    """The function that lists the extremes and limits of the C-th derivative."""
    if isinstance(activation, str) and activation == "sigmoid":
        return _sigmoid
    phi = activations.get(activation) if not isinstance(activation, str) or activation in (*NAMES, "relu") else None
    if phi is not None and phi.coefficients:
        return lambda C: _polynomial(phi.coefficients, C)
    if phi is not None and phi.kinks:
        raise InputError(
            f"activation {phi.name!r} has a kink at {phi.kinks[0]:g}, where no C-th derivative exists; pass a smooth one."
        )
    finders = {"softplus": _softplus, "tanh": _tanh, "swish": _swish, "erf": _erf, "gelu": _gelu, "sin": _sine}
    if phi is None or phi.name not in finders:
        raise InputError(
            f"`activation` is {activation!r} but one of {', '.join(map(repr, NAMES))} or an "
            "`altheory.activations.polynomial` is wanted; pass one of these."
        )
    return finders[phi.name]


def _bits(C: int) -> int:
    # coefficients have about C log2(C) bits, and as many cancel near the ends
    return 256 + 32 * C


def _real_roots(polynomial: Any, low: float, high: float) -> list[Any]:
    """Enclosures of the real roots strictly between low and high, ascending."""
    roots = [root.real for root, _ in polynomial.complex_roots() if root.imag.is_zero()]
    return sorted((root for root in roots if root > low and root < high), key=float)


def _logistic(count: int) -> list[Any]:
    r"""$P_0,\dots,P_{count}$."""
    from flint import fmpz_poly

    polynomials = [fmpz_poly([0, 1])]
    for _ in range(count):
        polynomials.append(polynomials[-1].derivative() * fmpz_poly([0, 1, -1]))
    return polynomials


def _sigmoid(C: int) -> list[Any]:
    from flint import arb

    P = _logistic(C)[C]
    return [arb(0), *(P(s) for s in _real_roots(P.derivative(), 0, 1))]


def _softplus(C: int) -> list[Any]:
    from flint import arb

    return [arb(0), arb(1)] if C == 1 else _sigmoid(C - 1)


def _tanh(C: int) -> list[Any]:
    # tanh(x) = 2 sigma(2x) - 1
    return [2 ** (C + 1) * value for value in _sigmoid(C)]


def _sine(C: int) -> list[Any]:
    from flint import arb

    return [arb(-1), arb(1)]


def _swish(C: int) -> list[Any]:
    from flint import arb

    P = _logistic(C + 1)
    values = []
    for s in _swish_critical(C):
        value = _logit(s) * P[C](s) + C * P[C - 1](s)
        # phi'(x) + phi'(-x) = 1; the later derivatives are even or odd
        mirror = 1 - value if C == 1 else (-1) ** C * value
        values += [value, mirror]
    return [arb(0), *([arb(1)] if C == 1 else []), *values]


def _logit(s: Any) -> Any:
    return (s / (1 - s)).log()


def _swish_critical(C: int) -> list[Any]:
    r"""The roots in [1/2, 1) of $g = xP_{C+1}+(C+1)P_C$, the (C+1)-st derivative of swish; those below 1/2 mirror them."""
    from flint import arb, fmpz_poly

    P = _logistic(C + 2)
    middle = arb(1) / 2

    def g(s: Any) -> Any:
        return _logit(s) * P[C + 1](s) + (C + 1) * P[C](s)

    # h = g/P_{C+1} has h' s(1-s) P_{C+1}^2 equal to this, so h is monotone between its roots and those of P_{C+1}
    slope = (C + 2) * P[C + 1] ** 2 - (C + 1) * P[C] * P[C + 2]
    ends = fmpz_poly([0, 1, -1])
    slope, poles = slope // (ends**2), P[C + 1] // ends
    breaks = sorted(_real_roots(slope, 0.5, 1) + _real_roots(poles, 0.5, 1), key=float)
    # for even C, g is odd in x: it vanishes at 0, and h is monotone from there to the first break
    found, start = ([middle], 0) if C % 2 == 0 else ([], -1)
    for i in range(start, len(breaks)):
        low = middle if i < 0 else breaks[i]
        left = _sign(g(low))
        last = i + 1 == len(breaks)
        # at s = 1 the first term wins, and P_{C+1} is there (-1)^C (1 - s)
        right = (-1) ** C if last else _sign(g(breaks[i + 1]))
        if left != right:
            found.append(_bisected(g, low, _near_one(g, right) if last else breaks[i + 1], left))
    return found


def _near_one(g: Callable[[Any], Any], sign: int) -> Any:
    """A point so near 1 that g has its last sign there."""
    from flint import arb

    for k in range(2, 200):
        s = 1 - arb(2) ** (-8 * k)
        value = g(s)
        if (value > 0 and sign > 0) or (value < 0 and sign < 0):
            return s
    raise ArithmeticError("the derivative of swish does not show its sign near infinity at this precision")


def _bisected(g: Callable[[Any], Any], low: Any, high: Any, left: int) -> Any:
    """The one root of g between two points, as the hull of a short bracket."""
    from flint import ctx

    for _ in range(ctx.prec // 2):
        middle = ((low + high) / 2).mid()
        value = g(middle)
        if not (value > 0 or value < 0):
            break
        low, high = (middle, high) if _sign(value) == left else (low, middle)
    return low.union(high)


def _sign(value: Any) -> int:
    if value > 0:
        return 1
    if value < 0:
        return -1
    raise ArithmeticError(f"the sign of {value} is not decided at this precision")


def _erf(C: int) -> list[Any]:
    from flint import arb, fmpz_poly

    hermite = [fmpz_poly([1])]
    for _ in range(C):
        hermite.append(fmpz_poly([0, 2]) * hermite[-1] - hermite[-1].derivative())
    scale = 2 * (-1) ** (C - 1) / arb.pi().sqrt()
    return [arb(0), *(scale * hermite[C - 1](x) * (-x * x).exp() for x in _real_roots(hermite[C], -math.inf, math.inf))]


def _gelu(C: int) -> list[Any]:
    from flint import arb, fmpz_poly

    def density(x: Any) -> Any:
        return (-x * x / 2).exp() / (2 * arb.pi()).sqrt()

    # the C-th derivative is Q_C times the density from C = 2 on
    Q = [fmpz_poly([2, 0, -1])]
    for _ in range(C):
        Q.append(Q[-1].derivative() - fmpz_poly([0, 1]) * Q[-1])
    if C == 1:
        ends = [-arb(2).sqrt(), arb(2).sqrt()]
        return [arb(0), arb(1), *((1 + (x / arb(2).sqrt()).erf()) / 2 + x * density(x) for x in ends)]
    return [arb(0), *(Q[C - 2](x) * density(x) for x in _real_roots(Q[C - 1], -math.inf, math.inf))]


def _polynomial(coefficients: tuple[float, ...], C: int) -> list[Any]:
    from flint import arb, fmpq, fmpz_poly

    rationals = [Fraction(c) * math.perm(k, C) for k, c in enumerate(coefficients)][C:]
    while rationals and rationals[-1] == 0:
        rationals.pop()
    if not rationals:
        return [arb(0)]
    denominator = math.lcm(*(r.denominator for r in rationals))
    whole = fmpz_poly([int(r * denominator) for r in rationals])
    degree, leading = whole.degree(), rationals[-1]
    if degree == 0:
        return [arb(fmpq(leading.numerator, leading.denominator))]
    if degree % 2:
        return [arb("-inf"), arb("inf")]
    extremes = [whole(x) / denominator for x in _real_roots(whole.derivative(), -math.inf, math.inf)]
    return [arb("inf") if leading > 0 else arb("-inf"), *extremes]
