"""Look-ahead, eq. (9), (11), the single-logit kernel and the experiments on digits: the claims' mathematics worked out again.

Fractions from the definitions, autograd, quadrature and `altheory`'s networks one by one, against the claims' batched formulas.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy import integrate, stats

import altheory as al
from proofs_check.evaluate import at
from proofs_check.papers._seeds import above, not_below, student
from proofs_check.papers.lookahead import _active_learning as runs
from proofs_check.papers.lookahead import _digits as digits
from proofs_check.papers.lookahead import eq9_rates, figure1, single_logit
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance."""
    found = at(CLAIMS[f"lookahead.{id}"], **values).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def descent(a, w, eta, y, steps):
    """f_t, f_t^lin and Theta_t of f = a w (x = 1) by gradient descent, in fractions."""
    theta0, linear = a * a + w * w, a * w
    rows = []
    for _ in range(steps + 1):
        rows.append((a * w, linear, a * a + w * w))
        r = y - a * w
        a, w = a + eta * r * w, w + eta * r * a
        linear = linear + eta * theta0 * (y - linear)
    return rows


def test_eq9_suprema_of_the_smallest_network():
    rows = descent(F(1), F(1), F(1, 4), F(9), 30)
    assert [f for f, _, _ in rows[1:]] == [9] * 30
    assert max(abs(f - g) for f, g, _ in rows) == 4
    assert max(abs(k - 2) for _, _, k in rows) == 16
    assert sides("eq9.as_printed", a=[1.0], w=[1.0], s=0.5) == (4, 16)


def test_eq9_above_the_threshold_the_network_converges_and_the_linearisation_diverges():
    eta, f0 = F(3, 2), F(1)
    y = f0 + (1 - 3) / (eta * eta * f0)
    rows = descent(F(1), F(1), eta, y, 5)
    assert [f for f, _, _ in rows[1:]] == [y] * 5
    gaps = [abs(g - y) for _, g, _ in rows]
    assert gaps == [abs(y - f0) * 2**t for t in range(6)]
    for t in range(1, 5):
        bound, gap = sides("eq9.threshold", link=t, a=[1.0], w=[1.0], s=3.0)
        assert (bound, gap) == pytest.approx((float((1 + t) * gaps[0]), float(gaps[t])), rel=1e-14)


@pytest.mark.parametrize("c", [0.05, 0.3, 1.0, 2.0])
def test_the_mean_change_of_a_relu_kernel_by_quadrature(c):
    """The plane in polar coordinates: the radius gives E rho^2 = 2, the angle is integrated numerically."""

    def change(angle):
        zeta, a = math.cos(angle), math.sin(angle)
        after = (zeta + c * a) ** 2 + (a + c * zeta) ** 2 if zeta + c * a > 0 else 0
        return 2 * (after - 1)

    kink = -math.atan(1 / c)
    mean = sum(integrate.quad(change, *ends)[0] for ends in ((-math.pi / 2, kink), (kink, math.pi / 2))) / (2 * math.pi)
    left, right = sides("eq9.relu_step", c=c)
    assert left == pytest.approx(abs(mean + c / math.pi), abs=1e-9)
    assert left <= right


def test_one_relu_step_of_real_networks_has_the_measured_mean():
    """200 networks of width 100 on one point: gradients by autograd, the kernel as their squared length."""
    n, s, eta, r = 100, 1.5, 0.8, 1.0
    x = torch.tensor([s, 0.0], dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    W = torch.randn(200, n, 2, generator=rng, dtype=torch.float64, requires_grad=True)
    a = torch.randn(200, n, generator=rng, dtype=torch.float64, requires_grad=True)

    def gradients(W, a):
        f = (torch.relu(W @ x) * a).sum(-1) / math.sqrt(n)
        return torch.autograd.grad(f.sum(), (W, a))

    def kernel(W, a):
        by_W, by_a = gradients(W, a)
        return by_W.square().sum((1, 2)) + by_a.square().sum(1)

    by_W, by_a = gradients(W, a)
    found = (kernel(W + eta * r * by_W, a + eta * r * by_a) - kernel(W, a)).detach().numpy()
    c = eta * s * r / math.sqrt(n)
    exact = s * s * (c * c - (1 + c * c) * math.atan(c) / math.pi + 2 * c**3 / (math.pi * (1 + c * c)))
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - exact) < 4.5 * error
    assert error < 0.2 * abs(exact)  # otherwise the test could not fail


def test_the_measured_one_step_mean_is_the_exact_one():
    found = eq9_rates.one_step_changes(torch.tensor([1, 2, 3]))
    for k, n in enumerate(eq9_rates.ONE_STEP_WIDTHS):
        c = n**-0.5
        exact = c - (1 + c * c) * math.atan(c) / (math.pi * c) + 2 * c * c / (math.pi * (1 + c * c))
        assert float(found[:, k].mean()) == pytest.approx(exact, abs=0.02)


def test_eq9_suprema_are_those_of_altheorys_training(monkeypatch):
    monkeypatch.setattr(eq9_rates, "NETWORKS", 1)
    monkeypatch.setattr(eq9_rates, "STEPS", 2)
    kind, n = eq9_rates.KINDS["smooth"], 32
    outputs, kernel = eq9_rates._suprema(7, n, kind)
    x, y, W, a = (v[0] for v in eq9_rates._drawn(torch.Generator().manual_seed(7), 1, n, False))
    softplus = al.activations.Activation("softplus", kind.phi, kind.slope)
    net = al.TwoLayerNet(4, n, activation=softplus, train_output=True, antisymmetric=False, seed=0)
    net = net.replace(W=W, a=a[:, None])
    on = x[: eq9_rates.POINTS]
    lr = 1 / float(torch.linalg.eigvalsh(al.kernels.empirical(net, on))[-1])
    apart, drift = 0.0, 0.0
    start = al.kernels.empirical(net, x)
    for t in range(eq9_rates.STEPS + 1):
        later = al.training.gradient_descent(net, on, y, lr, t, record=[t]).net if t else net
        line = al.training.linearised(net, on, y, lr, t, X_test=x, record=[t]).test_outputs
        with torch.no_grad():
            apart = max(apart, float((later(x) - line[-1]).abs().max()))
        drift = max(drift, float((al.kernels.empirical(later, x) - start).norm()))
    assert outputs == pytest.approx(apart, rel=1e-9)
    assert kernel == pytest.approx(drift, rel=1e-9)


def test_eq11_on_two_labelled_points():
    # features (1, 0), (1, 1), labels 2, 5, theta = (1, 1): descent ends at theta = (2, 3); at j = (1, 2): 8
    one = {"J": [[1.0, 0.0], [1.0, 1.0]], "j": [1.0, 2.0], "theta": [1.0, 1.0], "y": [2.0, 5.0]}
    assert sides("eq11.linear", **one) == pytest.approx((8, 8), rel=1e-14)
    # the same point twice with labels 0 and 1, from theta = 3: the mean label 1/2
    twice = {"J": [[1.0], [1.0]], "j": [2.0], "theta": [3.0], "y": [0.0, 1.0]}
    assert sides("eq11.linear", **twice) == pytest.approx((1, 1), rel=1e-13)


def test_single_logit_of_one_neuron():
    one = {"a": [[1.0, 1.0]], "w": [[1.0, 0.0]], "x": [[1.0, 0.0]], "u": [1.0], "v": [1.0]}
    phi, slope = F(3, 2), F(2)
    assert sides("single_logit.as_equality", **one) == (float(slope**2), 0)
    assert sides("single_logit.as_equality", link=1, **one) == (float(slope**2 + phi**2),) * 2
    assert sides("single_logit.last_layer", **one) == (0, 0)
    assert sides("single_logit.last_layer", link=1, **one) == (float(phi**2),) * 2
    tied = {"w": one["w"], "weights": [1.0], "x": one["x"], "u": [1.0], "v": [1.0], "t": 3.0}
    assert sides("single_logit.tied", **tied) == (12, 12)


def test_single_logit_counts():
    assert sides("single_logit.memory", L=100, C=10, P=10**6) == (10**6, 10**6)
    assert sides("single_logit.memory", link=1, L=3, C=2, P=1) == (72, 72)
    ends = [sides("single_logit.time", link=k, L=100, C=10, P=1000) for k in (0, 1)]
    one = 2 * 100 * 1000 + 100**2 * 1000
    every = 2 * 100 * 10 * 1000 + 1000**2 * 1000
    assert ends == [(10 * one, every), (every, 100 * one)]


def test_single_logit_errors_against_autograd(monkeypatch):
    """The full kernel of all logits, and its predictions, from per-logit gradients."""
    monkeypatch.setattr(single_logit, "WIDTHS", (8,))
    n, points, L = 8, single_logit.POINTS, single_logit.LOGITS
    g = torch.Generator().manual_seed(5)
    x = torch.randn(points + single_logit.OTHERS, single_logit.DIMENSION, generator=g, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    y = torch.eye(L, dtype=torch.float64)[torch.randint(0, L, (points,), generator=g)]
    w = torch.randn(n, single_logit.DIMENSION, generator=g, dtype=torch.float64)
    a = torch.randn(n, L, generator=g, dtype=torch.float64)

    def f(w, a):
        return torch.tanh(x @ w.T) @ a / math.sqrt(n)

    J = torch.cat([j.flatten(2) for j in torch.func.jacrev(f, (0, 1))(w, a)], -1)
    full = (J.reshape(-1, J.shape[-1]) @ J.reshape(-1, J.shape[-1]).T).reshape(len(x), L, len(x), L)
    train = full[:points, :, :points].reshape(points * L, -1)
    predicted = full[points:, :, :points].reshape(-1, points * L) @ torch.linalg.solve(train, y.reshape(-1))
    one = full[:, 0, :, 0]
    single = one[points:, :points] @ torch.linalg.solve(one[:points, :points], y)
    off = max(float(full[:points, c, :points, d].abs().max()) for c in range(L) for d in range(L) if c != d)
    error = float((single.reshape(-1) - predicted).norm() / predicted.norm())
    operator = train - torch.kron(one[:points, :points].contiguous(), torch.eye(L, dtype=torch.float64))
    condition = float(torch.linalg.matrix_norm(operator, 2) / torch.linalg.eigvalsh(train)[0])
    found = single_logit._one(5, n)
    assert found[0] == pytest.approx(off, rel=1e-10)
    assert found[1] == pytest.approx(error, rel=1e-6)
    assert found[3] == pytest.approx(condition, rel=1e-6)


# the networks trained side by side, against altheory's one by one


@pytest.fixture(scope="module")
def data():
    found = al.data.load("digits").unit()
    x, y = torch.from_numpy(found.X[:60]), torch.from_numpy(found.y[:60])
    return x, torch.nn.functional.one_hot(y, 10).double()


def network(stack):
    W, a = stack
    start = al.TwoLayerNet(W.shape[-1], W.shape[-2], a.shape[-1], train_output=True, seed=0, antisymmetric=False)
    return start.replace(W=W[0], a=a[0])


def test_outputs_kernel_and_start(data):
    x, y = data
    stack = digits.initialised(64, 16, 10, [3])
    assert float(digits.outputs(stack, x[None]).abs().max()) < 1e-14  # paired neurons
    stack = digits.trained(stack, x[None, :20], y[None, :20], 5)
    net = network(stack)
    with torch.no_grad():
        assert torch.allclose(digits.outputs(stack, x[None])[0], net(x), atol=1e-13)
    assert torch.allclose(digits.tangent_kernel(stack, x[None])[0], al.kernels.empirical(net, x), atol=1e-13)


def test_descent_with_momentum_against_autograd(data):
    x, y = data
    stack = digits.initialised(64, 8, 10, [3])
    rate = float(digits.step_sizes(stack, x[None, :20])[0])
    found = digits.trained(stack, x[None, :20], y[None, :20], 7)
    parameters = [p[0].clone().requires_grad_() for p in stack]
    optimiser = torch.optim.SGD(parameters, lr=rate, momentum=digits.MOMENTUM)
    for _ in range(7):
        optimiser.zero_grad()
        W, a = parameters
        (((torch.relu(x[:20] @ W.T) @ a / 8**0.5 - y[:20]) ** 2).sum() / 2).backward()
        optimiser.step()
    for mine, theirs in zip(found, parameters, strict=True):
        assert torch.allclose(mine[0], theirs, atol=1e-10)


def test_naive_retraining_is_altheorys(data):
    x, y = data
    stack = digits.trained(digits.initialised(64, 8, 10, [3]), x[None, :40], y[None, :40], 5)
    rate = digits.step_sizes(stack, x[None, :40])[0]
    mine = digits.retrained_changes(stack, x[:40], y[:40], x[40:46], rate, epochs=2, seed=9)
    theirs = al.lookahead.retrained_change(network(stack), x[:40], y[:40], x[40:46], lr=float(rate), epochs=2, seed=9)
    assert torch.allclose(mine, theirs, rtol=1e-9)


def test_spearman_is_scipys():
    a, b = torch.randn(2, 15, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert figure1._spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_students_interval_and_the_predicates():
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    mean, half = student(values)
    assert (mean, half) == pytest.approx((3, 2.776445 * math.sqrt(2.5 / 5)), rel=1e-6)
    assert (above(1.0)(values), above(1.1)(values)) == (True, False)
    assert (not_below(4.9)(values), not_below(5.0)(values)) == (True, False)


def test_active_learning_is_a_function_of_its_seed_and_starts_alike():
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(1, 870, 6, generator=rng, dtype=torch.float64)
    x = x / x.norm(dim=-1, keepdim=True)
    y = torch.nn.functional.one_hot((x[..., 0] > 0).long() + (x[..., 1] > 0).long(), 3).double()
    kinds = (runs.RANDOM, runs.NTK, runs.NAIVE, runs.SEQUENTIAL)
    again = [runs.runs.__wrapped__(x, y, torch.tensor([4]), kinds, 16, 1, 20).accuracy for _ in range(2)]
    for kind in kinds:
        assert again[0][kind].shape == (1, runs.SPLITS, 2)
        assert torch.equal(again[0][kind], again[1][kind])
        assert torch.equal(again[0][kind][..., 0], again[0][runs.RANDOM][..., 0])
    assert not torch.equal(again[0][runs.NTK], again[0][runs.RANDOM])
