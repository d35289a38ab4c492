"""Look-ahead, training in turn and appendix A: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/lookahead.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy.integrate import quad, solve_ivp

import altheory as al
from proofs_check.evaluate import at
from proofs_check.papers.lookahead import _warm_networks, eq4
from proofs_check.registry import registered

CLAIMS = registered()
LONG = 200.0  # a time after which exp(-t / 2) is 0 in float64


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return (
            [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value
        )

    found = at(CLAIMS[f"lookahead.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


#: one training point, x equal to it, K = 1, f_0 = 0, y = 1
UNIT = {"K": [[1.0, 1.0], [1.0, 1.0]], "f": [0.0, 0.0], "y": [1.0, 0.0]}


def flow(K, f, y, t):
    """The values at all points but the last trained on for the time t, by a solver of differential equations."""
    K, f, y = (np.array(v, dtype=float) for v in (K, f, y))

    def speed(_, now):
        return -K[:, :-1] @ (now[:-1] - y[:-1])

    return solve_ivp(speed, (0, t), f, rtol=1e-10, atol=1e-12).y[:, -1]


# eq. (4)


def test_a_neurons_part_of_the_tangent_kernel_by_automatic_differentiation():
    w, a = torch.tensor([0.3, -1.2], dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    x, z = torch.tensor([[1.0, 0.5], [-0.4, 2.0]], dtype=torch.float64)

    def output(point):
        W, A = w.clone().requires_grad_(), a.clone().requires_grad_()
        u = W @ point
        return torch.cat([g.flatten() for g in torch.autograd.grad(A * (u + u * u / 2), (W, A))])

    found = eq4._neuron(w[None], a[None], x[None], z[None])
    torch.testing.assert_close(found[0], output(x) @ output(z))


def test_two_hidden_layers_have_another_mean_at_width_one():
    """Moments of a standard normal: E w^2 = 1, E w^4 = 3."""
    at_width_one = F(3 * 3) + 4 * 1 * 3 + 4 * 3 * 1
    in_the_limit = F(3) + 4 + 4
    assert (at_width_one, in_the_limit) == (33, 11)
    assert sides("eq4.deep", x=1.0) == pytest.approx((33, 11))


def test_unfair_signs_give_the_outputs_another_kernel():
    values = [F(1), F(2), F(-1)]
    phi = [u + u * u / 2 for u in values]
    fair = sum(sum(s * p for s, p in zip(signs, phi, strict=True)) ** 2 for signs in itertools.product((-1, 1), repeat=3))
    wanted = sum(p * p for p in phi) / 3
    assert fair / 8 / 3 == wanted
    instance = {"W": [[v, F(0)] for v in values], "x": [1.0, 0.0], "z": [1.0, 0.0]}
    assert sides("eq4.nngp", **instance) == pytest.approx([float(wanted)] * 2)


# eq. (5) to (7)


@pytest.mark.parametrize("id", ["eq5.as_printed", "eq5", "eq6"])
def test_eq5_against_a_solver(id):
    random = np.random.default_rng(1)
    J = random.normal(size=(3, 3))
    K, f, y = J @ J.T, random.normal(size=3), random.normal(size=3)
    wanted = flow(K, f, y, 0.7)[-1]
    assert sides(id, K=K.tolist(), f=f.tolist(), y=y.tolist(), t=0.7) == pytest.approx([wanted] * 2, rel=1e-7)


def test_duplicates_with_two_labels_are_averaged():
    """Points 1, 1 and x = 1 with labels 0 and 1 under K = 1: the limit is 1/2; the flow's kernel has the eigenvalue 2."""
    ones = [[1.0] * 3] * 3
    now = 0.5 * (1 - math.exp(-2 * 0.3))
    assert sides("eq5", K=ones, f=[0.0] * 3, y=[0.0, 1.0, 0.0], t=0.3) == pytest.approx([now] * 2)
    one = {"K": [[1.0, 0.5], [0.5, 1.0]], "f": [0.0, 0.0]}
    assert sides("eq6.conflicting_labels", **one, y=[0.0, 0.0], z=[1.0, 0.0]) == pytest.approx([0.25] * 2)


def test_steps_that_kill_and_steps_that_swing():
    """eta lambda = (1, 2) from the residual (0, 1)."""
    after = [(1 - F(x)) ** 3 * r for x, r in ((1, 0), (2, 1))]
    assert sum(r * r for r in after) == 1
    instance = {"lam": [0.5, 1.0], "r": [0.0, 1.0], "eta": 2.0, "m": 3}
    assert sides("eq5.descent.closed_interval", **instance) == (1, 0)
    one = {"v": [1.0, 1.0], "f": [0.0, 0.0], "y": [1.0, 0.0]}
    for u, m, gap in ((1.0, 1, 0), (2.0, 1, 1), (2.0, 2, -1), (3.0, 2, -4)):
        assert sides("eq5.descent.one_mode", **one, u=u, m=m) == (gap, gap)


def test_a_duplicate_candidate_moves_the_model_to_the_mean_label():
    instance = {"J": [[1.0, 0.0, 0.0]], "mix": [1.0], "phi": [1.0, 0.0, 0.0], "f": [0.0], "y": [0.0], "fresh": [0.0, 1.0]}
    assert sides("eq7.singular", **instance) == pytest.approx((0.5, 0.5))


# theorem 3.1


def test_the_theorem_needs_nested_spans():
    """Gradients (1, 0), then (0, 1), labels 1: theta = (1, 1) against (0, 1)."""
    instance = {"first": [[1.0, 0.0]], "J": [[0.0, 1.0]], "y": [1.0, 1.0]}
    assert sides("theorem31.not_nested", **instance, phi=[1.0, 0.0]) == (1, 0)
    assert sides("theorem31.not_nested", **instance, phi=[0.0, 1.0]) == (1, 1)


def test_the_theorem_needs_a_last_stage_that_converges():
    """e^-T = 1/2: 1 - 1/4 against 1 - 1/2."""
    half = F(1, 2)
    assert (1 - half * half, 1 - half) == (F(3, 4), F(1, 2))
    assert sides("theorem31.unconverged", **UNIT, t=math.log(2)) == pytest.approx((0.75, 0.5))
    # the law: a = 1/2 after the first stage, K e^-T a = 1/4
    gap = sides("theorem31.finite_time", **UNIT, a=[0.5, 0.0], t=math.log(2))
    assert gap == pytest.approx((0.25, 0.25))
    assert sides("theorem31.finite_steps", **UNIT, a=[0.5, 0.0], eta=2.0, m=3) == pytest.approx((-0.5, -0.5))


def exactly(J, theta, y):
    """Where the flow ends for one point, in fractions: theta + J (y - J theta) / |J|^2."""
    short = (y - sum(j * t for j, t in zip(J, theta, strict=True))) / sum(j * j for j in J)
    return [t + j * short for j, t in zip(J, theta, strict=True)]


def test_sign_descent_and_weight_decay_leave_the_row_span():
    J, half = [F(2), F(1)], F(1, 2)
    warm, cold = exactly(J, [half, half], F(1)), exactly(J, [F(0), F(0)], F(1))
    assert [w - c for w, c in zip(warm, cold, strict=True)] == [F(-1, 10), F(2, 10)]
    instance = {"J": [[2.0, 1.0]], "start": [0.0, 0.0], "early": [1.0], "y": [1.0], "eta": half}
    for k in (0, 1):
        phi = [float(k == 0), float(k == 1)]
        assert sides("theorem31.sign_descent", **instance, phi=phi) == pytest.approx((float(warm[k]), float(cold[k])))
    instance = {"J": [[1.0, 0.0]], "start": [0.0, 1.0], "early": [1.0], "y": [1.0], "eta": half, "decay": half}
    assert sides("theorem31.weight_decay", **instance, phi=[0.0, 1.0]) == (0.75, 1)


def test_any_early_training_in_the_span_is_forgotten():
    """Momentum on a tanh loss, wrong labels, points in the span; then descent to the end, in numpy."""
    random = np.random.default_rng(5)
    J = random.normal(size=(2, 4))
    early, wrong, start, y = random.normal(size=(5, 2)) @ J, random.normal(size=5), random.normal(size=4), random.normal(size=2)

    def to_the_end(theta):
        step = 1 / np.linalg.norm(J, 2) ** 2
        for _ in range(4000):
            theta = theta - step * J.T @ (J @ theta - y)
        return theta

    theta, velocity = start, np.zeros(4)
    for k in range(60):
        i = k % 5
        velocity = 0.9 * velocity - 0.1 * np.tanh(early[i] @ theta - wrong[i]) * early[i]
        theta = theta + velocity
    assert np.abs(theta - start).max() > 0.1
    np.testing.assert_allclose(to_the_end(theta), to_the_end(start), atol=1e-10)


def test_a_ridge_at_the_current_model_depends_on_the_way():
    """K = c = 1: f <- f + (1 - f) / 2."""
    once = F(0) + (1 - F(0)) / 2
    assert (once + (1 - once) / 2, once) == (F(3, 4), F(1, 2))
    assert sides("ridge.current_model", **UNIT, c=1.0) == pytest.approx((0.75, 0.5))


def test_the_networks_of_the_rate_are_trained_as_altheory_trains():
    generator = torch.Generator().manual_seed(0)
    net = al.TwoLayerNet(6, 16, activation="tanh", train_output=True, antisymmetric=False, seed=generator)
    x = torch.linalg.qr(torch.randn(6, 6, generator=generator, dtype=torch.float64))[0][:3]
    y = torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)
    W, a = _warm_networks._trained(net.W[None], net.a[:, 0][None], x[None], y[None])
    reference = al.training.gradient_descent(net, x, y[:, None], 1.0, _warm_networks.TRAINING).net
    probe = torch.randn(5, 6, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(_warm_networks._outputs(W, a, probe[None])[0][0], reference(probe)[:, 0])


# remark A.1


def test_the_training_direction_of_a_linear_network_stays():
    """Labels 0, 1, 0 at 0, 1, 2: what is orthogonal to (1, 1, 1) and (-1, 0, 1) remains."""
    y = [F(0), F(1), F(0)]
    for basis in ([F(1)] * 3, [F(-1), F(0), F(1)]):
        share = sum(b * v for b, v in zip(basis, y, strict=True)) / sum(b * b for b in basis)
        y = [v - share * b for b, v in zip(basis, y, strict=True)]
    assert y == [F(-1, 3), F(2, 3), F(-1, 3)]
    wanted = 4 * sum(v * v for v in y) / 3
    assert wanted == F(8, 9)
    instance = {"x": [[0.0], [1.0], [2.0]], "y": [0.0, 1.0, 0.0], "line": [0.4, -1.0], "beta": 0.3}
    assert sides("remark_a1.as_printed", **instance) == pytest.approx((8 / 9, 0), abs=1e-12)


def test_the_audits_singular_example():
    """Points 1 and 2 without bias, labels 1, 1: residual (2/5, -1/5)."""
    fit = F(1 + 2, 1 + 4)
    residual = [1 - fit, 1 - 2 * fit]
    assert residual == [F(2, 5), F(-1, 5)]
    K = torch.tensor([[2.0, 4.0], [4.0, 8.0]], dtype=torch.float64)
    left = al.lookahead.Converged().remain(K) @ torch.ones(2, dtype=torch.float64)
    torch.testing.assert_close(left, torch.tensor([0.4, -0.2], dtype=torch.float64))


@pytest.mark.parametrize("seed", range(4))
def test_the_integral_of_the_training_direction_by_quadrature(seed):
    """int_0^inf |d| dt <= sqrt(N) |r_0| / lambda_min, attained on the eigenvector."""
    random = np.random.default_rng(seed)
    J = random.normal(size=(3, 3))
    values, vectors = np.linalg.eigh(J @ J.T)
    N = 5

    def integral(r):
        modes = vectors.T @ r

        def norm(t):
            return 2 / math.sqrt(N) * np.linalg.norm(np.exp(-2 * t * values / N) * modes)

        scale = N / (2 * values[0])
        return scale * quad(lambda s: norm(s * scale), 0, np.inf, limit=200)[0]

    bound = math.sqrt(N) / values[0]
    for r in (random.normal(size=3), vectors[:, 1]):
        assert integral(r) <= bound * np.linalg.norm(r) * (1 + 1e-6)
    assert integral(vectors[:, 0]) == pytest.approx(bound, rel=1e-5)


# appendix A


def test_the_factors_of_the_training_direction():
    """One point, f - y = 1: C = 1, its derivative in the direction 1 is 2, d = 2, |d|^2 = 4."""
    one = {"f": [1.0], "y": [0.0]}
    assert sides("eq18", **one, g=[1.0]) == (2, 2)
    assert sides("eq20.as_printed", **one, g=[1.0]) == (0.5, 2)
    assert sides("eq20", **one, g=[1.0]) == (2, 2)
    assert sides("eq21.as_printed", f=[1.0, 0.0], y=[0.0, 0.0], g=[1.0, 0.0]) == (0.25, 1)
    assert sides("eq22.as_printed", **one) == (0.5, 0.25)
    assert sides("eq22.squared_as_printed", **one) == (0.25, 0.25)
    assert sides("eq22.squared", **one) == (4, 0.25)
    assert sides("eq22", **one) == (4, 4)
    assert sides("eq16", **one, K=[[1.0]]) == (-4, -4)


def test_the_time_constants_at_one_training_point():
    start = {"K": UNIT["K"], "f": [1.0, 1.0], "y": [0.0, 0.0]}
    assert sides("eq24.as_printed", **start) == (-2, -0.5)
    assert sides("eq24", J=[[1.0, 0.0, 0.0]] * 2, f=start["f"], y=start["y"]) == (-2, -2)
    true, printed, eq24s_own = (1 - math.exp(-rate) for rate in (2, 1, 0.5))
    on = {**UNIT, "c": [1.0, 0.0], "t": 1.0}
    assert sides("eq25.as_printed", **on) == pytest.approx((true, printed))
    assert sides("eq25.from_eq24", **on) == pytest.approx((eq24s_own, printed))
    assert sides("eq25.half_sum", **on) == pytest.approx((printed, printed))
    assert sides("eq25", **on) == pytest.approx((true, true))
    assert sides("eq26.as_printed", **UNIT, t=1.0) == pytest.approx((true, printed))


def test_the_first_line_of_eq26_at_the_end_of_training():
    """-1 with the rate of (24), -1/2 with that of (25), -1/4 with the true one; the outputs are 1."""
    for id, value in (("", -1), (".with_eq25", -0.5), (".true_flow", -0.25)):
        assert sides(f"eq26.first_line{id}", K=UNIT["K"], y=UNIT["y"], t=LONG) == pytest.approx((1, value))
    assert sides("eq26.first_line.restored", **UNIT, t=LONG) == pytest.approx((1, 1))


@pytest.mark.parametrize("points", [1, 2, 5])
def test_the_repaired_flow_against_a_solver(points):
    """The flow of the mean of squares, with its gradient by hand; for two points the printed rate is right too."""
    random = np.random.default_rng(points)
    J = random.normal(size=(points + 1, points + 1))
    K, f, y = J @ J.T, random.normal(size=points + 1), random.normal(size=points + 1)
    now = flow(2 / points * K, f, y, 0.4)
    instance = {"K": K.tolist(), "f": f.tolist(), "y": y.tolist(), "t": 0.4}
    for link in (0, 1):
        assert sides("eq26", link, **instance) == pytest.approx([now[-1]] * 2, rel=1e-6)
    c = [1.0] * (points + 1)
    assert sides("eq25", **instance, c=c) == pytest.approx([now[:-1].sum()] * 2, rel=1e-6)
    if points == 2:
        assert sides("eq25.two_points", **instance, c=c) == pytest.approx([now[:-1].sum()] * 2, rel=1e-6)


def test_the_algebra_of_eq27_in_fractions():
    """Features 1 for the old point, (1, 1) for the new one, x = (0, 1): A = 0 and the fit is y' - y."""
    K = [[1.0, 1.0, 0.0], [1.0, 2.0, 1.0], [0.0, 1.0, 1.0]]
    y = [F(1, 2), F(3), F(0)]
    wanted = float(y[1] - y[0])
    for link in (0, 1):
        assert sides("eq27", link, K=K, f=[0.0] * 3, y=y) == pytest.approx((wanted, wanted))
    assert sides("eq28", K=K, c=[1.0, 0.0, 0.0]) == pytest.approx((0, 0), abs=1e-14)


# eq. (10)


def test_eq10_against_least_squares():
    random = np.random.default_rng(2)
    J, phi, r, c = random.normal(size=(2, 2, 4)), random.normal(size=(2, 4)), random.normal(size=(2, 2)), random.normal(size=2)
    moved = np.linalg.lstsq(J.reshape(4, 4), r.reshape(4), rcond=None)[0]
    instance = {"J": J.tolist(), "phi": phi.tolist(), "r": r.tolist(), "c": c.tolist()}
    assert sides("eq10.as_printed", **instance) == pytest.approx([c @ phi @ moved] * 2)
    narrow = {"J": J[..., :2].tolist(), "phi": phi[:, :2].tolist(), "r": r.tolist(), "c": c.tolist()}
    moved = np.linalg.lstsq(J[..., :2].reshape(4, 2), r.reshape(4), rcond=None)[0]
    assert sides("eq10", **narrow) == pytest.approx([c @ phi[:, :2] @ moved] * 2)
