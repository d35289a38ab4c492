"""Independent sampling, weighted regression and optimal designs, against normal equations, enumeration and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sparsifier_oracles import basis, p_value

from altheory.sparsifier import (
    a_optimal,
    e_optimal,
    leverage,
    pool,
    randomized_bss,
    uniform,
    weighted_draws,
    weighted_regression,
    weighted_sgd,
)


@pytest.mark.parametrize("method", [leverage, uniform])
def test_independent_sampling(method):
    n, D = 40, 3
    V, p = basis(n, D, seed=9)
    law = p * (V**2).sum(1) / D if method is leverage else np.full(n, 1 / n)
    K = np.max(p * (V**2).sum(1) / law)
    many = method(V, 0.5, p=p, seed=0, draws=20000)
    assert p_value(many.indices.numpy(), law, n) > 1e-3
    np.testing.assert_allclose(many.weights.numpy(), (p / law)[many.indices.numpy()] / 20000, rtol=1e-12)
    assert many.history.beta_K == pytest.approx(K / 20000)
    np.testing.assert_allclose((law * (p / law) * V.T) @ V, np.eye(D), atol=1e-12)  # so E A*A is the identity
    for eps in (0.5, 0.001):
        wanted = math.ceil(max(34.5639 * K * math.log(20 * D), 2 * K / eps))
        found = method(V, eps, p=p, seed=1)
        assert found.history.draws == pytest.approx(wanted, rel=1e-5, abs=1)
        assert found.history.serves(eps)
    good = sum(method(V, 0.5, p=p, seed=seed).history.good for seed in range(60))
    assert good >= 54
    few = method(V, 0.5, p=p, seed=0, draws=2)
    assert few.history.lambda_min == pytest.approx(0, abs=1e-12)
    assert not few.history.good
    assert not few.history.serves(0.5)


def test_weighted_regression_against_the_normal_equations():
    rng = np.random.default_rng(0)
    V, y, u = rng.standard_normal((30, 4)), rng.standard_normal((30, 2)), rng.uniform(0, 2, 30)
    u[3] = 0
    expected = np.linalg.solve((V * u[:, None]).T @ V, (V * u[:, None]).T @ y)
    np.testing.assert_allclose(weighted_regression(V, y, u).numpy(), expected, rtol=1e-10)
    np.testing.assert_allclose(weighted_regression(V, y[:, 0], u).numpy(), expected[:, 0], rtol=1e-10)
    assert float(weighted_regression([[1.0], [1.0]], [0.0, 1.0], [1.0, 2.0])) == pytest.approx(2 / 3)


def test_the_regression_of_a_bss_sample_recovers_a_function_of_the_space():
    V, p = basis(200, 4, seed=3)
    indices, weights, _ = randomized_bss(V, 0.5, p=p, seed=0, batch=16)
    truth = np.array([1.0, -2.0, 0.5, 3.0])
    chosen = indices.numpy()
    np.testing.assert_allclose(weighted_regression(V[chosen], (V @ truth)[chosen], weights).numpy(), truth, rtol=1e-9)


def test_the_error_on_noisy_labels_is_within_the_bound_on_average():
    """Agnostic labels: the mean squared distance from the best function over 40 samples, against 10/9 eps E|y - f|^2."""
    V, p = basis(300, 3, seed=5, tail=0.0, skew=False)
    source, eps = pool(V, p), 0.1
    y = np.sign(V[:, 0]) + np.abs(V).sum(1)
    best = (p * y) @ V
    residual = float(p @ (y - V @ best) ** 2)
    errors = []
    for seed in range(40):
        indices, weights, _ = randomized_bss(source, eps, seed=seed, batch=12)
        found = weighted_regression(V[indices.numpy()], y[indices.numpy()], weights).numpy()
        errors.append(float(((found - best) ** 2).sum()))
    assert 0 < np.mean(errors) <= 10 / 9 * eps * residual


def test_the_data_sampler_draws_by_weight_and_weighting_twice_is_another_objective():
    u = np.array([1.0, 0.0, 2.0, 0.5])
    rows = weighted_draws(u, 20000, seed=1).numpy()
    seen = np.bincount(rows, minlength=4)
    assert seen[1] == 0
    assert stats.chisquare(seen[[0, 2, 3]], np.array([2, 4, 1]) * 20000 / 7).pvalue > 1e-3
    a, y = 0.3, np.array([0.0, 1.0])
    gradient = 2 * (a - y)
    law = np.array([1.0, 2.0]) / 3
    assert law @ gradient == pytest.approx(np.array([1.0, 2.0]) @ gradient / 3)
    # minimisers of sum u l and of sum u^2 l
    assert float(weighted_regression([[1.0], [1.0]], y, [1.0, 4.0])) == pytest.approx(4 / 5)
    assert float(weighted_sgd([[1.0], [1.0]], y, [1.0, 2.0], steps=40000, seed=0, lr=0.02)[0]) == pytest.approx(2 / 3, abs=0.02)


def test_weighted_sgd_meets_the_weighted_regression():
    rng = np.random.default_rng(1)
    V, u = rng.standard_normal((25, 3)), rng.uniform(0.2, 2, 25)
    truth = np.array([1.0, -1.0, 2.0])
    exact = weighted_sgd(V, V @ truth, u, steps=6000, seed=0)
    np.testing.assert_allclose(exact.numpy(), truth, rtol=1e-6)
    y = V @ truth + 0.3 * rng.standard_normal(25)
    target = weighted_regression(V, y, u).numpy()
    noisy = weighted_sgd(V, y, u, steps=30000, seed=0).numpy()
    np.testing.assert_allclose(noisy, target, atol=0.02)
    assert np.abs(weighted_regression(V, y, u**2).numpy() - target).max() > 0.03  # the other objective would be seen
    one = weighted_sgd(V, y, u, steps=1, seed=0, lr=0.01).numpy()
    j = int(weighted_draws(u, 1, seed=0)[0])
    np.testing.assert_allclose(one, 0.02 * y[j] * V[j], rtol=1e-12)


@pytest.mark.parametrize(("design", "power"), [(a_optimal, 1), (e_optimal, 2)])
def test_designs_on_the_axes_have_closed_forms(design, power):
    """Rows a_i e_i: masses in proportion to a_i^-power, the criterion (sum 1/a)^2, or sum 1/a^2."""
    scales = np.array([0.5, 1.0, 2.0, 3.0])
    found = design(np.diag(scales), tol=1e-6)
    masses = scales**-power / (scales**-power).sum()
    optimum = (1 / scales).sum() ** 2 if power == 1 else (1 / scales**2).sum()
    assert found.bound <= optimum * (1 + 1e-12)
    assert optimum * (1 - 1e-12) <= found.value <= optimum * (1 + 1e-6)
    np.testing.assert_allclose(found.masses.numpy(), masses, atol=1e-3)
    with_more = design(np.concatenate([np.diag(scales), 0.1 * np.eye(4)]), tol=1e-4)  # worthless rows change nothing
    assert optimum * (1 - 1e-12) <= with_more.value <= optimum * (1 + 1e-4)


@pytest.mark.parametrize("design", [a_optimal, e_optimal])
def test_no_design_is_below_the_bound(design):
    rng = np.random.default_rng(7)
    V, _ = basis(60, 4, seed=7, tail=1.5)
    found = design(V)
    assert 0 <= found.gap <= 1e-3
    assert float(found.masses.sum()) == pytest.approx(1)

    def criterion(masses):
        values = np.linalg.eigvalsh((V * masses[:, None]).T @ V)
        return (1 / values).sum() if design is a_optimal else 1 / values[0]

    masses = found.masses.numpy()
    assert criterion(masses) == pytest.approx(found.value, rel=1e-9)
    others = [rng.dirichlet(np.full(60, c)) for c in (0.05, 0.3, 1) for _ in range(50)]
    near = [0.98 * masses + 0.02 * other for other in others]
    assert min(criterion(other) for other in others + near) >= found.bound
    assert design(V, steps=1).bound <= found.value  # a bound however early the search stops


def test_the_one_dimensional_design_is_the_longest_row():
    for design in (a_optimal, e_optimal):
        found = design([[1.0], [-3.0], [2.0]])
        assert found.bound <= 1 / 9 * (1 + 1e-12)
        assert found.value == pytest.approx(1 / 9, rel=1e-3)
