r"""The worst case as a semidefinite program: no closed form is put in, so that the closed forms can be checked against it.

Idea: Drori and Teboulle 2014; Taylor, Hendrickx and Glineur 2017. A worst function matters only through its values and
gradients at the points named, and these belong to a function of the class exactly when the interpolation inequalities hold.
In the values and the Gram matrix of the vectors they are linear. The program has a global optimum, and its size does not
depend on the dimension.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from altheory._inputs import InputError


def largest_step_factor(mu: float, L: float, eta: float) -> float:
    r"""$\sup|\nabla f(w')|^2/|\nabla f(w)|^2$, $w' = w-\eta\nabla f(w)$, over $\mu$-strongly convex f whose gradient is
    L-Lipschitz.

    Args:
        mu: at least 0.
        L: at least mu, positive, finite.
        eta: step size, at least 0.

    Returns:
        The supremum, to the accuracy of the interior-point solver: about 1e-8, less where the class has no interior (mu = L).

    Raises:
        InputError: the moduli or the step size are out of range, or the solver finds no optimum.
    """
    _check("L", mu, L)
    if not (math.isfinite(L) and 0 <= eta < math.inf):
        raise InputError(f"`eta` is {eta!r} and `L` {L!r} but finite numbers with eta >= 0 are wanted; pass such a step size.")
    import cvxpy as cp

    gram, value = cp.Variable((2, 2), PSD=True), cp.Variable(2)
    g0, g1 = np.eye(2)
    points = [(0 * g0, g0, value[0]), (-eta * g0, g1, value[1])]
    limits = [_dot(gram, g0, g0) <= 1, *_interpolation(gram, points, mu, L)]
    return _largest(cp.Problem(cp.Maximize(_dot(gram, g1, g1)), limits))


def largest_growth(mu: float, L: float = math.inf, ell: float = math.inf) -> float:
    r"""$\sup|g_1|^2/|g_0|^2$ for a sample with convex loss l that is added to a $\mu$-strongly convex F, whose minimiser moves.

    Args:
        mu: positive.
        L: Lipschitz constant of the gradient of F, at least mu; infinite for none.
        ell: Lipschitz constant of the gradient of l, positive; infinite for none. Not both are infinite: the growth has no
            bound then.

    Returns:
        The supremum, to the accuracy of the interior-point solver, about 1e-8 of its size.

    Raises:
        InputError: the moduli are out of range, or the solver finds no optimum.
    """
    _check("L", mu, L)
    _check("ell", 0.0, ell)
    if not mu > 0 or math.isinf(L) and math.isinf(ell):
        raise InputError(
            f"`mu` is {mu!r}, `L` {L!r} and `ell` {ell!r} but mu > 0 and a finite L or ell are wanted; else no bound exists."
        )
    import cvxpy as cp

    gram, F, l = cp.Variable((3, 3), PSD=True), cp.Variable(2), cp.Variable(2)
    d, g0, g1 = np.eye(3)
    before, after = 0 * d, d
    limits = [
        _dot(gram, g0, g0) <= 1,
        *_interpolation(gram, [(before, before, F[0]), (after, -g1, F[1])], mu, L),
        *_interpolation(gram, [(before, g0, l[0]), (after, g1, l[1])], 0.0, ell),
    ]
    return _largest(cp.Problem(cp.Maximize(_dot(gram, g1, g1)), limits))


def _dot(gram: Any, u: Any, v: Any) -> Any:
    """The inner product of two vectors given by their coefficients, as a linear function of the Gram matrix."""
    return u @ gram @ v


def _interpolation(gram: Any, points: list[tuple[Any, Any, Any]], mu: float, L: float) -> list[Any]:
    r"""For all pairs of points (x, g, f), with $c = 1/L$:
    $2(1-\mu c)(f_i-f_j-\langle g_j,x_i-x_j\rangle) \ge c|g_i-g_j|^2+\mu|x_i-x_j|^2-2\mu c\langle g_i-g_j,x_i-x_j\rangle$."""
    c = 1 / L
    found = []
    for i, (xi, gi, fi) in enumerate(points):
        for j, (xj, gj, fj) in enumerate(points):
            if i != j:
                x, g = xi - xj, gi - gj
                gap = 2 * (1 - mu * c) * (fi - fj - _dot(gram, gj, x))
                found.append(gap >= c * _dot(gram, g, g) + mu * _dot(gram, x, x) - 2 * mu * c * _dot(gram, g, x))
    return found


def _largest(problem: Any) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # cvxpy's word for "optimal_inaccurate"
        value = problem.solve(solver="CLARABEL")
    if problem.status not in ("optimal", "optimal_inaccurate"):
        raise InputError(f"the solver ends with {problem.status!r} but an optimum is wanted; pass moduli of a similar size.")
    return float(value)


def _check(name: str, low: float, high: float) -> None:
    if not (0 <= low <= high and high > 0 and math.isfinite(low)):
        raise InputError(
            f"`mu` is {low!r} and `{name}` {high!r} but 0 <= mu <= {name}, {name} > 0, is wanted; pass such moduli."
        )
