"""Semi-smooth losses against integrals, autograd, fractions and enumeration."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from altheory import semi_smooth
from altheory._inputs import InputError
from altheory.semi_smooth import Bowl, Constants, SlopeProfile, Valley


def T(*values):
    return torch.tensor(values, dtype=torch.float64)


def profile(height=0.5):
    return SlopeProfile(T(0.5, 1.0, 0.25), T(-1.0)[0], T(2.0, 0.5, 0.5), T(height)[0])


def slope_by_hand(x, widths=(0.5, 1.0, 0.25), first=-1.0, slopes=(2.0, 0.5, 0.5)):
    knots = np.concatenate([[0], np.cumsum(widths)])
    return float(np.interp(x, knots, [first, *slopes]))


# functions of one variable


@pytest.mark.parametrize("x", [-3.0, -0.25, 0.0, 0.2, 0.5, 0.9, 1.5, 1.6, 1.75, 4.0])
def test_a_profile_is_the_integral_of_its_interpolated_slopes(x):
    s = profile()
    assert float(s.slope(x)) == pytest.approx(slope_by_hand(x), abs=1e-14)
    wanted = 0.5 + quad(slope_by_hand, 0, x, points=[0, 0.5, 1.5, 1.75], epsabs=1e-13)[0]
    assert float(s.value(x)) == pytest.approx(wanted, abs=1e-12)


def test_the_slope_is_the_derivative_of_the_value():
    x = torch.linspace(-1, 3, 41, dtype=torch.float64, requires_grad=True)
    s = profile()
    batch = SlopeProfile(s.widths.expand(41, 3), s.first.expand(41), s.slopes.expand(41, 3), s.height.expand(41))
    (slope,) = torch.autograd.grad(batch.value(x).sum(), x)
    torch.testing.assert_close(slope, batch.slope(x).detach())


def test_curvatures_extremes_and_the_pieces_that_a_segment_meets():
    s = profile()
    np.testing.assert_allclose(s.curvatures(), [6.0, -1.5, 0.0])
    assert (float(s.lowest), float(s.highest)) == (-1.0, 2.0)
    assert s.meets(-1.0, 0.0).tolist() == [False, False, False]  # touches the first piece in one point
    assert s.meets(0.4, 0.1).tolist() == [True, False, False]
    assert s.meets(2.0, 1.0).tolist() == [False, True, True]


def exact_kink(w, low, high, at_end, x):
    """The value of a rounded kink on [0, w] in fractions."""
    at_0 = at_end - (low + high) / 2 * w
    if x <= 0:
        return at_0 + low * x
    if x >= w:
        return at_end + high * (x - w)
    return at_0 + low * x + (high - low) / (2 * w) * x * x


@pytest.mark.parametrize("x", [F(-1), F(0), F(1, 16), F(1, 4), F(3, 2)])
def test_a_kink_has_its_value_at_its_right_end(x):
    u = semi_smooth.kink(T(0.25), T(0.5), T(1.0), at_end=1.0)
    assert float(u.value(T(float(x)))) == float(exact_kink(F(1, 4), F(1, 2), F(1), F(1), x))


def test_a_bump_has_its_value_and_its_largest_slope_in_the_middle():
    u = semi_smooth.bump(T(0.5), T(0.5), T(1.0), at_peak=1.0)
    assert float(u.value(T(0.25))) == 1.0
    assert [float(u.slope(T(x))) for x in (-1.0, 0.0, 0.125, 0.25, 0.375, 0.5, 2.0)] == [0.5, 0.5, 0.75, 1.0, 0.75, 0.5, 0.5]
    assert float(u.value(T(0.5)) - u.value(T(0.0))) == 0.375  # mean slope 3/4


def test_huber_is_the_rounded_absolute_value():
    s = semi_smooth.huber(T(0.5), T(2.0))
    for x in (-2.0, -0.5, -0.1, 0.0, 0.3, 0.5, 1.7):
        wanted = 2 * (abs(x) - 0.25 if abs(x) > 0.5 else x * x)
        assert float(s.value(T(x + 0.5))) == pytest.approx(wanted, abs=1e-14)


def test_the_root_kink_is_its_formula_and_continuously_differentiable():
    x = torch.linspace(-1, 2, 301, dtype=torch.float64, requires_grad=True)
    value, slope = semi_smooth.root_kink(x)
    inside = ((x > 0) & (x < 1)).detach()
    s = (1 - x.detach())[inside]
    torch.testing.assert_close(value.detach()[inside], 1 - s + s**1.5 / 3)
    (derivative,) = torch.autograd.grad(value[inside].sum(), x)
    torch.testing.assert_close(derivative[inside], slope.detach()[inside])
    for edge in (0.0, 1.0):
        left, right = (semi_smooth.root_kink(edge + d) for d in (-1e-12, 1e-12))
        assert float(left[1]) == pytest.approx(float(right[1]), abs=2e-6)
        assert float(left[0]) == pytest.approx(float(right[0]), abs=3e-12)
    assert [float(v) for v in semi_smooth.root_kink(-1.0)] == pytest.approx([1 / 3 - 0.5, 0.5])


# losses


def test_the_gradient_of_a_valley_is_autograds():
    generator = torch.Generator().manual_seed(5)
    point = torch.randn(40, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    s = profile()
    batch = SlopeProfile(s.widths.expand(40, 3), s.first.expand(40), s.slopes.expand(40, 3), s.height.expand(40))
    loss = Valley(batch, 1.5 * torch.ones(40, dtype=torch.float64))
    (wanted,) = torch.autograd.grad(loss.loss(point).sum(), point)
    torch.testing.assert_close(loss.gradient(point.detach()), wanted)


def test_the_constants_of_the_named_families():
    assert [float(v) for v in Valley(semi_smooth.kink(T(0.1), T(0.5), T(1.0)), T(0.0)).constants()] == [1, 1, 1, 4]
    assert [float(v) for v in Valley(semi_smooth.huber(T(0.1), T(2.0)), T(1.0)).constants()] == [8, 5, 4, 20]
    falling = Valley(SlopeProfile(T(1.0), T(-3.0)[0], T(-2.0), T(0.0)[0]), T(0.0)[0]).constants()
    assert [float(v) for v in falling] == [2, 9, 16, 36]


def test_the_constants_of_random_valleys_are_the_extremes_on_a_grid():
    """alpha from chords and tangents, beta, mu and M from squared gradients, by brute force."""
    s = profile(0.0)
    loss = Valley(s, T(0.75)[0])
    grid = np.linspace(-2, 4, 2401)
    slopes = np.array([slope_by_hand(x) for x in grid])
    alpha, beta, mu, M = (float(v) for v in loss.constants())
    squared = slopes**2 + 0.75**2
    assert beta == pytest.approx(squared.max(), rel=1e-3)
    assert (mu, M) == pytest.approx((4 * squared.min(), 4 * squared.max()), rel=1e-2)
    assert alpha == pytest.approx(2 * (slopes.max() - slopes.min()), rel=1e-3)


def test_a_bowl_is_even_and_the_integral_of_its_slope():
    g = Bowl(T(2.0), T(0.5), T(0.25))

    def slope(z):
        bump = 2 * max(0.0, 1 - abs(abs(z) - 1) / 0.125)
        return math.copysign(2 * 0.5 * abs(z) + bump, z)

    for z in (-1.5, -1.05, -1.0, -0.2, 0.3, 0.9, 1.0, 1.1, 2.0):
        assert float(g.slope(T(z))) == pytest.approx(slope(z), abs=1e-13)
        wanted = 0.5 + quad(slope, 0, z, points=[-1.125, -1, -0.875, 0.875, 1, 1.125], epsabs=1e-13)[0]
        assert float(g.value(T(z))) == pytest.approx(wanted, abs=1e-10)
    assert float(g.value(T(0.0))) == 0.5


# the definitions


def test_the_bounds_are_their_formulas():
    L, move, gradient = F(9, 4), [F(3), F(4)], [F(1, 2), F(-1)]
    wanted = L + F(3, 2) - 4 + F(1, 2) * F(3, 2) * 5 + F(1, 8) * 25
    found = semi_smooth.upper_bound(*[np.array(v, dtype=float) for v in (L, gradient, move)], 0.5, 0.125)
    assert float(found) == float(wanted)
    assert float(semi_smooth.monotonicity_bound(4.0, 9.0, 2.0, 0.5, 0.25)) == 0.5 * 5 * 2 + 2 * 0.25 * 4
    assert float(semi_smooth.gradient_bound(3.0, 1.0, 0.25)) == 12
    assert float(semi_smooth.perturbation_bound(4.0, 9.0, 0.5, 2.0, 3.0)) == 2 * 0.5 * 6 + 3 * 0.25 * 9
    assert float(semi_smooth.step_bound(4.0, 0.25, 1.0, 2.0)) == 1 - 1 + 0.5 + 0.5
    assert float(semi_smooth.contraction(0.25, Constants(*T(1.0, 0.5, 4.0, 9.0)))) == 1 - 0.25 * (4 * 0.875 - 2)


def test_the_perturbation_is_the_integral_of_the_change_of_the_gradient():
    def loss(theta):
        return (torch.sin(theta[0]) + theta[1] ** 2 - 0.3) ** 2 + torch.exp(theta[0] * theta[1])

    def gradient(theta):
        theta = theta.clone().requires_grad_()
        return torch.autograd.grad(loss(theta), theta)[0]

    theta, eta = T(0.7, -0.4), 0.3
    g = gradient(theta)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    inner = [float(g @ (g - gradient(theta - eta * (1 + node) / 2 * g))) for node in nodes]
    wanted = eta / 2 * float(np.dot(weights, inner))
    found = semi_smooth.perturbation(loss(theta), loss(theta - eta * g), g @ g, eta)
    assert float(found) == pytest.approx(wanted, rel=1e-11)


@pytest.mark.parametrize(("alpha", "beta", "mu"), [(0.0, 1.0, 4.0), (0.5, 2.0, 1.0), (1.9, 5.0, 4.0)])
def test_the_best_step_minimises_the_contraction(alpha, beta, mu):
    constants = Constants(*T(alpha, beta, mu, 9.0))
    step, factor = semi_smooth.best_step(constants)
    found = minimize_scalar(
        lambda eta: 1 - eta * (mu * (1 - beta * eta) - alpha * mu**0.5),
        bounds=(0, 2),
        method="bounded",
        options={"xatol": 1e-12},
    )
    assert float(step) == pytest.approx(found.x, abs=1e-6)
    assert float(factor) == pytest.approx(found.fun, abs=1e-12)


# layers


def relu(x):
    return max(x, F(0))


def test_the_expansion_of_relu_on_all_small_pairs():
    pairs = list(itertools.product(range(-2, 3), repeat=2))
    a, b = (T(*(float(p[k]) for p in pairs)) for k in (0, 1))
    on, moved = semi_smooth.relu_expansion(a, b)
    for (x, y), D, Dt in zip(pairs, on.tolist(), moved.tolist(), strict=True):
        assert bool(D) == (y >= 0)
        wanted = F(0) if (x >= 0) == (y >= 0) else (relu(F(x)) - relu(F(y))) / (x - y) - int(D)
        assert Dt == pytest.approx(float(wanted), abs=1e-15)
        assert relu(F(x)) - relu(F(y)) == (int(D) + wanted) * (x - y)


def network(seed=0, sizes=(3, 5, 4), n=6):
    generator = torch.Generator().manual_seed(seed)
    weights = [
        torch.randn(rows, columns, generator=generator, dtype=torch.float64)
        for columns, rows in zip(sizes[:-1], sizes[1:], strict=True)
    ]
    B = torch.randn(2, sizes[-1], generator=generator, dtype=torch.float64)
    X = torch.randn(n, sizes[0], generator=generator, dtype=torch.float64)
    return weights, B, X, torch.randn(n, 2, generator=generator, dtype=torch.float64)


def test_layer_gradients_are_autograds():
    weights, B, X, Y = network()
    free = [W.clone().requires_grad_() for W in weights]
    h = X
    for W in free:
        h = torch.relu(torch.nn.functional.linear(h, W))
    torch.testing.assert_close(semi_smooth.forward(weights, X).post[-1], h.detach())
    wanted = torch.autograd.grad(((h @ B.T - Y) ** 2).sum() / 2, free)
    for found, grad in zip(semi_smooth.layer_gradients(weights, B, X, Y), wanted, strict=True):
        torch.testing.assert_close(found, grad)


def test_propagators_are_the_jacobians_of_the_last_layer():
    weights, _, X, _ = network(sizes=(3, 5, 4, 4))
    layers = semi_smooth.forward(weights, X)
    found = semi_smooth.propagators([(g >= 0).to(torch.float64) for g in layers.pre], weights)
    for i in range(len(X)):
        for r in range(3):

            def rest(g, r=r):
                for W in weights[r + 1 :]:
                    g = torch.relu(g) @ W.T
                return torch.relu(g)

            wanted = torch.autograd.functional.jacobian(rest, layers.pre[r][i])
            torch.testing.assert_close(found[r][i], wanted)


def test_float32_and_numpy_are_taken_and_kept():
    s = SlopeProfile(np.float32([0.5, 1]), np.float32(1), np.float32([2, 0]), np.float32(0))
    assert s.value(np.float32(0.25)).dtype == torch.float32
    found = semi_smooth.relu_expansion(np.array([1.0, -1.0]), np.array([-1.0, -1.0]))
    assert found[1].tolist() == [0.5, 0.0]


# bad input


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: SlopeProfile(T(1.0, 0.0), T(1.0)[0], T(1.0, 1.0), T(0.0)[0]), "`widths` has the entry 0"),
        (lambda: SlopeProfile(T(1.0), T(1.0)[0], T(1.0, 1.0), T(0.0)[0]), "`widths` and `slopes` have shapes"),
        (lambda: SlopeProfile(T(1.0), T(1.0), T(1.0), T(0.0)[0]), "`first` has shape (1,) but () is wanted"),
        (lambda: profile().value(float("nan")), "`x` contains NaN"),
        (lambda: Valley(profile(), T(1.0, 2.0)), "`tilt` has shape (2,) but () is wanted"),
        (lambda: Valley(profile(), T(1.0)[0]).loss(T(1.0, 2.0, 3.0)), "`point` has shape (3,) but (..., 2) is wanted"),
        (lambda: Bowl(T(1.0), T(0.5), T(2.0)), "`width` ranges from 2 to 2 but (0, 1] is wanted"),
        (lambda: Bowl(T(1.0, 1.0), T(0.5), T(0.5)), "`alpha`, `beta` and `width` have shapes"),
        (lambda: semi_smooth.upper_bound(-1.0, T(1.0), T(1.0), 0.0, 0.0), "`loss` has the negative entry -1"),
        (lambda: semi_smooth.upper_bound(1.0, T(1.0, 2.0), T(1.0), 0.0, 0.0), "`gradient` and `move` have shapes"),
        (lambda: semi_smooth.step_bound(-2.0, 1.0, 0.0, 1.0), "`scale` has the negative entry -2"),
        (lambda: semi_smooth.best_step(Constants(*T(2.0, 1.0, 4.0, 4.0))), "`constants` has alpha >= sqrt(mu)"),
        (lambda: semi_smooth.relu_expansion(T(1.0), T(1.0, 2.0)), "`a` and `b` have shapes (1,) and (2,)"),
        (lambda: semi_smooth.forward([], T(1.0)[None]), "`weights` is empty"),
        (lambda: semi_smooth.forward([torch.ones(2, 3)], torch.ones(1, 2)), "`weights[0]` has shape (2, 3) but (..., m, 2)"),
        (lambda: semi_smooth.propagators([T(1.0)[None]], []), "1 `masks` and 0 `weights`"),
        (
            lambda: semi_smooth.layer_gradients([torch.ones(2, 2)], torch.ones(1, 3), torch.ones(1, 2), torch.ones(1, 1)),
            "`B` and `Y` have shapes (1, 3) and (1, 1)",
        ),
    ],
)
def test_a_bad_argument_is_refused_in_one_sentence(call, says):
    with pytest.raises(InputError) as caught:
        call()
    message = str(caught.value)
    assert says in message
    assert "\n" not in message
    assert message.endswith((".", "`."))
