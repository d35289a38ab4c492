"""One step of gradient descent against polynomials in fractions, scipy's quadrature, and each other."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import altheory as al
from altheory.recursion import (
    QuadraticModel,
    TwoLayerModel,
    gauss_legendre,
    integrated_step,
    newton_cotes,
    of_network,
    polynomial_step,
    relu_neuron_step,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


# the rules


def test_the_named_rules():
    assert newton_cotes(1) == ((0, F(1, 2)), (1, F(1, 2)))
    assert [weight for _, weight in newton_cotes(3)] == [F(1, 6), F(2, 3), F(1, 6)]
    assert [weight for _, weight in newton_cotes(5)] == [F(w, 90) for w in (7, 32, 12, 32, 7)]
    assert [node for node, _ in newton_cotes(5)] == [0, F(1, 4), F(1, 2), F(3, 4), 1]


@pytest.mark.parametrize("degree", range(9))
def test_a_rule_is_exact_up_to_its_degree_and_not_much_further(degree):
    rule = newton_cotes(degree)
    errors = [sum((w * x**k for x, w in rule), F(0)) - F(1, k + 1) for k in range(degree + 3)]
    assert all(error == 0 for error in errors[: degree + 1])
    assert any(error != 0 for error in errors[degree + 1 :])


def test_gauss_legendre_on_panels():
    for nodes, panels in ((1, 1), (3, 1), (3, 4)):
        rule = gauss_legendre(nodes, panels)
        assert len(rule) == nodes * panels
        for k in range(2 * nodes):
            assert sum(w * x**k for x, w in rule) == pytest.approx(1 / (k + 1), rel=1e-14)
    error = [abs(sum(w * x**8 for x, w in gauss_legendre(2, panels)) - 1 / 9) for panels in (4, 8)]
    assert 0 < error[1] < error[0] / 14  # of fourth order


# polynomials in fractions: coefficient lists, lowest degree first


def plus(a, b):
    size = max(len(a), len(b))
    return [x + y for x, y in zip(a + [F(0)] * (size - len(a)), b + [F(0)] * (size - len(b)), strict=True)]


def times(a, b):
    found = [F(0)] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            found[i + j] += x * y
    return found


def integral(a, upper):
    return sum((x * upper ** (k + 1) / (k + 1) for k, x in enumerate(a)), F(0))


def value(a, at):
    return sum((x * at**k for k, x in enumerate(a)), F(0))


def by_hand(e, J, Q, eta, c):
    """xi, e' bend, eps, L_t, L_{t+1} and |grad L|^2 of f = J d + d'Qd/2, from the definitions, along d = -gamma g."""
    n, p = len(J), len(J[0])
    g = [-2 * c * sum(J[i][k] * e[i] for i in range(n)) for k in range(p)]
    residuals, slopes = [], []
    for i in range(n):
        linear = -sum(J[i][k] * g[k] for k in range(p))
        square = sum(g[k] * Q[i][k][m] * g[m] for k in range(p) for m in range(p)) / F(2)
        h = [F(0), linear, square]
        residuals.append([e[i] - h[0], -h[1], -h[2]])
        slopes.append([h[1], 2 * h[2]])
    fall = [F(0)]  # grad L(theta_gamma) . g
    for k in range(p):
        component = [F(0)]
        for i in range(n):
            row = [J[i][k], -sum((Q[i][k][m] + Q[i][m][k]) / F(2) * g[m] for m in range(p))]
            component = plus(component, times(row, residuals[i]))
        fall = plus(fall, [-2 * c * x * g[k] for x in component])
    total = sum(x * x for x in g)
    xi = integral(plus([total], [-x for x in fall]), eta)
    bend = [integral(plus(s, [-s[0]]), eta) for s in slopes]
    after = [value(r, eta) for r in residuals]
    return {
        "xi": xi,
        "inner": sum(x * y for x, y in zip(e, bend, strict=True)),
        "eps": sum((x - y) ** 2 for x, y in zip(e, after, strict=True)) / 2,
        "loss": c * sum(x * x for x in e),
        "loss_next": c * sum(x * x for x in after),
        "gradient_square": total,
    }


MODELS = [
    ([F(1)], [[F(1)]], [[[F(0)]]], F(1), F(1, 2)),
    ([F(1)], [[F(1)]], [[[F(48)]]], F(1, 16), F(1)),
    ([F(1), F(-2)], [[F(1, 2), F(3)], [F(-1), F(1, 4)]], [[[1, 2], [0, 1]], [[-1, F(1, 2)], [3, 0]]], F(1, 3), F(1, 5)),
    ([F(0), F(0)], [[F(1), F(3)], [F(2), F(1)]], [[[1, 2], [0, 1]], [[-1, 0], [3, 0]]], F(2), F(1, 4)),
    ([F(1), F(1), F(1)], [[F(1)], [F(1)], [F(2)]], [[[F(1)]], [[F(-1)]], [[F(1, 3)]]], F(1, 7), F(1, 3)),
]


@pytest.mark.parametrize(("e", "J", "Q", "eta", "c"), MODELS)
def test_a_quadratic_model_in_fractions(exact, e, J, Q, eta, c):
    """The same code on exact arrays gives the fractions of the definitions, not one bit off."""
    wanted = by_hand(e, J, Q, eta, c)
    model = QuadraticModel(exact.fractions([F(0)] * len(e)), exact.fractions(J), exact.fractions(Q))
    step = polynomial_step(model, exact.fractions(e), eta, c=c)
    for name in ("xi", "eps", "loss", "loss_next", "gradient_square"):
        assert getattr(step, name).values == wanted[name], name
    assert (step.residual * step.bend).sum(-1).values == wanted["inner"]
    assert wanted["loss_next"] == wanted["loss"] - eta * wanted["gradient_square"] + wanted["xi"]
    assert wanted["xi"] - 2 * c * wanted["eps"] == -2 * c * wanted["inner"]


@pytest.mark.parametrize(("e", "J", "Q", "eta", "c"), MODELS)
def test_float64_and_batches(e, J, Q, eta, c):
    wanted = by_hand(e, J, Q, eta, c)
    arrays = [np.array([x] * 3, dtype=np.float64) for x in (e, J, Q)]
    model = QuadraticModel(0 * arrays[0], arrays[1], arrays[2])
    step = polynomial_step(model, arrays[0], torch.full((3,), float(eta), dtype=torch.float64), c=float(c))
    for name in ("xi", "eps", "loss", "loss_next", "gradient_square"):
        scale = max(abs(float(w)) for w in wanted.values())
        assert getattr(step, name).tolist() == pytest.approx([float(wanted[name])] * 3, abs=1e-13 * scale)
    assert step.kernel.numpy() == pytest.approx(arrays[1] @ arrays[1].transpose(0, 2, 1))


def test_a_model_without_second_derivatives_is_one_with_zeros():
    J, y = normal(4, 3, 2), normal(4, 3, seed=1)
    linear = polynomial_step(QuadraticModel(0 * y, J), y, 0.3, c=0.7)
    zeros = polynomial_step(QuadraticModel(0 * y, J, torch.zeros(4, 3, 2, 2, dtype=torch.float64)), y, 0.3, c=0.7)
    assert torch.equal(linear.xi, zeros.xi)
    assert torch.allclose(linear.xi, 2 * 0.7 * linear.eps, rtol=1e-12)  # the perturbation of a linear model
    assert (linear.bend == 0).all()


def test_only_the_symmetric_part_of_a_hessian_counts():
    J, Q, y = normal(3, 2), normal(3, 2, 2, seed=1), normal(3, seed=2)
    one, other = (polynomial_step(QuadraticModel(0 * y, J, q), y, 0.3) for q in (Q, (Q + Q.mT) / 2))
    assert torch.allclose(one.xi, other.xi)


# by autograd and quadrature


def test_the_closed_forms_are_the_quadrature_of_autograd():
    J, Q, y = normal(3, 2), normal(3, 2, 2, seed=1), normal(3, seed=2)

    def outputs(d):
        return J @ d + torch.einsum("a,iab,b->i", d, Q, d) / 2

    start = normal(2, seed=3)
    model = QuadraticModel(torch.zeros(3, dtype=torch.float64), J, Q).moved(start)
    for eta, c in ((0.4, 0.5), (0.05, 2.0)):
        closed = polynomial_step(model, y, eta, c=c)
        numeric = integrated_step(outputs, start, y, eta, c=c, nodes=4)
        for name in ("xi", "eps", "loss", "loss_next", "gradient_square"):
            assert float(getattr(closed, name)) == pytest.approx(float(getattr(numeric, name)), rel=1e-11), name
        assert torch.allclose(closed.bend, numeric.bend, rtol=1e-11)
        assert torch.allclose(closed.kernel, numeric.kernel, rtol=1e-12)


@pytest.mark.parametrize("coefficients", [(0.0, 1.0, 0.5), (0.3, -1.0, 0.5, 0.25)])
def test_a_two_layer_model_is_the_quadrature_of_autograd(coefficients):
    W, a, X, y = normal(3, 2), normal(3, seed=1), normal(4, 2, seed=2), normal(4, seed=3)
    phi = al.activations.polynomial(*coefficients).phi
    step = polynomial_step(TwoLayerModel(W, a, X, coefficients), y, 0.07, c=0.3)
    numeric = integrated_step(
        lambda d: phi(X @ d[:6].reshape(3, 2).T) @ d[6:], torch.cat([W.flatten(), a]), y, 0.07, c=0.3, nodes=6
    )
    assert float(numeric.xi_error) < 1e-3 * abs(float(numeric.xi))
    for name in ("xi", "eps", "loss_next"):
        assert float(getattr(step, name)) == pytest.approx(float(getattr(numeric, name)), rel=1e-10), name
    assert torch.allclose(step.bend, numeric.bend, rtol=1e-9)


@pytest.mark.parametrize("activation", ["erf", "tanh", "softplus"])
def test_a_smooth_network_against_scipy_and_both_identities(activation):
    net = al.TwoLayerNet(3, 40, activation=activation, train_output=True, seed=5)
    X, y = normal(4, 3, seed=6), normal(4, seed=7)
    function, theta = of_network(net, X)
    eta, c = 0.6, 0.5

    def gradient(at):
        at = at.clone().requires_grad_(True)
        (found,) = torch.autograd.grad(c * (y - function(at)).square().sum(), at)
        return found

    g = gradient(theta)
    wanted, _ = quad(lambda s: float(g @ (g - gradient(theta - s * g))), 0, eta, epsabs=1e-13, epsrel=1e-12)
    step = integrated_step(function, theta, y, eta, c=c)
    assert float(step.xi) == pytest.approx(wanted, rel=1e-10)
    assert float(step.xi_error) < 1e-9 * wanted
    assert float(step.loss_next) == pytest.approx(float(step.loss - eta * step.gradient_square + step.xi), rel=1e-12)
    inner = float((step.residual * step.bend).sum())
    assert float(step.xi - 2 * c * step.eps) == pytest.approx(-2 * c * inner, rel=1e-9)
    assert torch.allclose(step.kernel, al.kernels.empirical(net, X, layer="both"), rtol=1e-10)
    lowest = float(torch.linalg.eigvalsh(step.kernel)[0])
    assert float(step.bound()) == pytest.approx(float((1 - eta * lowest) * step.loss + step.xi + step.eps), rel=1e-12)
    assert float(step.bound(2, eps=0)) >= float(step.loss_next)


def test_the_error_of_a_relu_network_is_told_and_falls_with_the_panels():
    net = al.TwoLayerNet(2, 30, seed=8)
    function, theta = of_network(net, normal(5, 2, seed=9))
    y = 3 * normal(5, seed=10)
    errors, told = [], []
    for panels in (1, 64):
        step = integrated_step(function, theta, y, 0.5, nodes=8, panels=panels)
        exact = float(step.loss_next - step.loss + 0.5 * step.gradient_square)  # true for relu too
        errors.append(abs(float(step.xi) - exact) / exact)
        told.append(float(step.xi_error) / exact)
    assert errors[0] > 1e-8  # kinks were crossed
    assert errors[1] < errors[0] / 4
    assert errors[1] < 3 * told[1]


def test_the_function_of_a_network():
    X = normal(4, 3)
    for net in (al.TwoLayerNet(3, 6, outputs=2, seed=1), al.TwoLayerNet(3, 6, outputs=2, train_output=True, seed=1)):
        function, theta = of_network(net, X)
        assert torch.equal(function(theta), net(X).detach().reshape(-1))
        assert len(theta) == sum(p.numel() for p in net.parameters())
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1)).to(torch.float64)
    function, theta = of_network(al.modules.ModuleNet(module), X)
    assert torch.allclose(function(theta), module(X)[:, 0].detach())
    step = integrated_step(function, theta, normal(4, seed=1), 0.1)
    assert float(step.loss_next) < float(step.loss)


# one relu neuron


@pytest.mark.parametrize(
    ("w", "eta", "crosses"), [(0.3, 0.4, True), (2.0, 0.1, False), (-0.2, 1.0, True), (-0.2, 0.1, False), (0.0, 1.0, False)]
)
def test_a_relu_neuron_against_scipy_across_the_kink(w, eta, crosses):
    x, y, c = np.array([1.0, -1.0, 2.0]), np.array([-1.0, -0.5, -0.5]), 0.3

    def residual(v):
        return y - np.maximum(v * x, 0)

    def gradient(v):
        return float(-2 * c * np.sum(x * (v * x > 0) * residual(v)))

    g = gradient(w)
    end = w - eta * g
    assert (w * end < 0) == crosses
    points = [w / g] if crosses else None
    wanted, _ = quad(lambda s: g * (g - gradient(w - s * g)), 0, eta, points=points, epsabs=1e-13)
    step = relu_neuron_step(torch.tensor(w, dtype=torch.float64), x, y, eta, c=c)
    assert float(step.xi) == pytest.approx(wanted, abs=1e-12)
    assert float(step.loss_next) == pytest.approx(c * float(np.sum(residual(end) ** 2)), rel=1e-13)
    assert float(step.loss_next) == pytest.approx(float(step.loss - eta * step.gradient_square + step.xi), abs=1e-13)
    active = x * (w * x > 0)
    assert step.kernel.numpy() == pytest.approx(np.outer(active, active))
    slopes = [quad(lambda s, i=i: -x[i] * ((w - s * g) * x[i] > 0) * g, 0, eta, points=points)[0] for i in range(3)]
    assert (step.bend + eta * torch.tensor(-active * g)).tolist() == pytest.approx(slopes, abs=1e-12)


def test_relu_neurons_in_a_batch_are_relu_neurons_one_by_one():
    w, x, y, eta = normal(6), normal(6, 3, seed=1), normal(6, 3, seed=2), torch.linspace(0.1, 2, 6, dtype=torch.float64)
    together = relu_neuron_step(w, x, y, eta)
    for i in range(6):
        alone = relu_neuron_step(w[i], x[i], y[i], float(eta[i]))
        assert float(alone.xi) == pytest.approx(float(together.xi[i]), rel=1e-12, abs=1e-15)
        assert alone.bend.tolist() == pytest.approx(together.bend[i].tolist(), rel=1e-12, abs=1e-15)


# inputs


def test_dtypes_are_kept():
    model = QuadraticModel(np.zeros(2, dtype=np.float32), np.eye(2, dtype=np.float32))
    step = polynomial_step(model, [1.0, 2.0], 0.5)
    assert step.xi.dtype == torch.float32
    assert float(step.xi) == pytest.approx(0.5 * 0.25 * 5)


def test_refusals():
    with pytest.raises(al.InputError, match=r"`jacobian` has shape \(3, 2\) but `outputs` \(2,\)"):
        QuadraticModel(torch.zeros(2), torch.zeros(3, 2))
    with pytest.raises(al.InputError, match=r"`hessian` has shape \(2, 2\) but `jacobian` \(2, 3\)"):
        QuadraticModel(torch.zeros(2), torch.zeros(2, 3), torch.zeros(2, 2))
    with pytest.raises(al.InputError, match="`hessian` contains NaN"):
        QuadraticModel(torch.zeros(1), torch.zeros(1, 1), torch.full((1, 1, 1), torch.nan))
    with pytest.raises(al.InputError, match=r"`y` has shape \(3,\) but the outputs \(2,\)"):
        polynomial_step(QuadraticModel(torch.zeros(2), torch.zeros(2, 2)), torch.zeros(3), 0.1)
    with pytest.raises(al.InputError, match=r"`w`, `x` and `y` have shapes \(2,\), \(3, 1\) and \(2, 1\)"):
        relu_neuron_step(torch.zeros(2), torch.zeros(3, 1), torch.zeros(2, 1), 0.1)
    with pytest.raises(al.InputError, match=r"outputs of shape \(2,\) but `y` has shape \(3,\)"):
        integrated_step(lambda d: d, torch.zeros(2), torch.zeros(3), 0.1)
    with pytest.raises(al.InputError, match="`nodes` is 1 but at least 2 are wanted"):
        integrated_step(lambda d: d, torch.zeros(2), torch.zeros(2), 0.1, nodes=1)
    with pytest.raises(al.InputError, match="`net` is a Linear but a `TwoLayerNet` or `ModuleNet` is wanted"):
        of_network(torch.nn.Linear(2, 1), torch.zeros(1, 2))
    with pytest.raises(al.InputError, match="`degree` is -1 but an integer of at least 0 is wanted"):
        newton_cotes(-1)
    with pytest.raises(al.InputError, match="`nodes` is 500 but at most 100"):
        gauss_legendre(500)
