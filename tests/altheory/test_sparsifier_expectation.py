"""Exact averages over samples, against an enumeration of draws and labels, and a walk through the stopping procedure."""

from __future__ import annotations

import itertools
from fractions import Fraction as F

import numpy as np
import pytest
import torch

import altheory as al
from altheory.sparsifier import expected_error, orthogonal_residual, steer_away_from_silence, stop_at_noise


def instance(seed, n, D):
    rng = np.random.default_rng(seed)
    V, y = rng.normal(size=(n, D)), rng.normal(size=n)
    p, q = rng.dirichlet(np.ones(n)), rng.dirichlet(3 * np.ones(n))
    return V, p, q, y, rng.exponential(size=n)


def enumerated(V, p, q, y, variance, k, total, low, high, coefficients):
    """Every ordered sample, every sign of the labels' noise, and least squares by numpy."""
    n, D = V.shape
    roots = np.sqrt(p)[:, None]
    best = np.linalg.lstsq(roots * V, roots[:, 0] * y, rcond=None)[0]
    G = (V * p[:, None]).T @ V
    L = np.eye(D) if coefficients else np.linalg.cholesky(G)  # norms are |L'c|
    out = np.zeros(4)
    for draw in itertools.product(range(n), repeat=k):
        draw = list(draw)
        chance = np.prod(q[draw])
        u = total / k * p[draw] / q[draw]
        M = (V[draw] * u[:, None]).T @ V[draw]
        eigenvalues = np.linalg.eigvalsh(np.linalg.solve(L, np.linalg.solve(L, M).T))
        good = low <= eigenvalues[0] and eigenvalues[-1] <= high
        for signs in itertools.product([-1, 1], repeat=k):
            labels = y[draw] + np.array(signs) * np.sqrt(variance[draw])
            g = (V[draw] * u[:, None]).T @ (labels - V[draw] @ best)
            share = chance / 2**k
            out[3] += share * g @ np.linalg.solve(L @ L.T, g)
            if good:
                c = np.linalg.lstsq(np.sqrt(u)[:, None] * V[draw], np.sqrt(u) * labels, rcond=None)[0] - best
                out[:3] += share * np.array([c @ G @ c, c @ c, 1])
    return out


@pytest.mark.parametrize(("n", "D", "k"), [(2, 1, 3), (3, 2, 4), (3, 1, 1), (2, 2, 3)])
@pytest.mark.parametrize("coefficients", [False, True])
def test_the_averages_are_those_of_an_enumeration(n, D, k, coefficients):
    good = 0
    for seed in range(4):
        V, p, q, y, variance = instance(seed, n, D)
        wanted = enumerated(V, p, q, y, variance, k, 1.1, 0.1, 12.0, coefficients)
        found = expected_error(
            V, p, q, orthogonal_residual(V, p, y), variance, draws=k, total=1.1, low=0.1, high=12.0, coefficients=coefficients
        )
        got = [float(x) for x in (found.error, found.coefficients, found.good, found.gradient)]
        assert got == pytest.approx(wanted, rel=1e-9, abs=1e-12)
        good += wanted[2]
    assert good > 0


def test_step_and_noise_by_hand():
    V, p, q = [[1.0], [2.0]], [0.5, 0.5], [0.25, 0.75]
    residual = orthogonal_residual(V, p, [1.0, 1.0])  # best: (1 + 2)/(1 + 4) = 3/5
    torch.testing.assert_close(residual, torch.tensor([0.4, -0.2], dtype=torch.float64))
    found = expected_error(V, p, q, residual, [1.0, 0.0], draws=2)
    # u = (1, 1/3), v^2/G = (2/5, 8/5)
    assert float(found.step) == pytest.approx(8 / 15)
    assert float(found.noise) == pytest.approx((0.16 + 1 + 0.04) / 2)


def test_a_point_that_is_never_drawn_does_not_matter():
    full = expected_error([[1.0], [0.0]], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], draws=2, low=0.5, high=2.0)
    assert float(full.good) == 1
    assert float(full.error) == pytest.approx(0.25)  # variance 1/2 of a mean of two, at a point of mass 1/2


def test_batches_and_a_floor_for_each():
    V, p, q, y, variance = (np.stack([a, a]) for a in instance(1, 3, 1))
    floors = torch.tensor([0.1, 5.0], dtype=torch.float64)
    residual = orthogonal_residual(V, p, y)
    found = expected_error(V, p, q, residual, variance, draws=2, low=floors, high=9.0)
    alone = expected_error(V[0], p[0], q[0], residual[0], variance[0], draws=2, low=0.1, high=9.0)
    assert float(found.error[0]) == pytest.approx(float(alone.error))
    assert float(found.good[1]) <= float(found.good[0])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(draws=0), "`draws`"),
        (dict(draws=400), "ask for at most"),
        (dict(V=[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), "at most 2 are wanted"),
        (dict(p=[0.5, 0.5]), "`p`"),
        (dict(q=[0.5, 0.5, float("nan")]), "`q`"),
    ],
)
def test_unusable_arguments_are_named(change, says):
    good = dict(
        V=[[1.0], [2.0], [0.0]], p=[0.25, 0.5, 0.25], q=[0.5, 0.25, 0.25], residual=[0.0] * 3, variance=[1.0] * 3, draws=2
    )
    with pytest.raises(al.InputError, match=says):
        expected_error(**{**good, **change})


def test_residuals_of_unusable_arguments():
    with pytest.raises(al.InputError, match="pass"):
        orthogonal_residual([[1.0], [2.0]], [0.5, 0.5], [1.0, 2.0, 3.0])


# the stopping procedure: a walk over all its states in fractions


def walked(n, tau, *, steer, apart):
    """E err 1_good over eps E|y - f|^2, P(good), the largest sum of beta and of beta K, from the definition."""
    eps = F(1, 2 * n)
    last = 5 * n - 1 if steer else 5 * n
    error = good = F(0)
    # state: (A*A, number of noisy points drawn); a label at a noisy point has variance 1, so E|y - f|^2 = tau
    alive = {(F(0), 0): F(1)}
    betas = F(0)
    for _ in range(last):
        betas += eps / 2
        moved: dict = {}
        for (M, noisy), chance in alive.items():
            for hit, share in ((0, 1 - tau), (1, tau)):
                M2, noisy2 = M + eps / 2, noisy + hit
                if noisy2 and F(3, 4) <= M2:
                    error += chance * share * noisy2 * (eps / 2) ** 2 / M2**2
                    good += chance * share
                else:
                    moved[M2, noisy2] = moved.get((M2, noisy2), 0) + chance * share
        alive = moved
    steps = [eps / 2]
    for (M, noisy), chance in alive.items():
        assert noisy == 0
        if not steer:
            good += chance
            continue
        # a set S of mass 1/5 is drawn with probability 1/10; the noise is in it, or among the rest
        on_S, off_S = F(1, 5) / F(1, 10), F(4, 5) / F(9, 10)
        steps.append(eps / 4 * max(on_S, off_S))
        steps.append(eps / 4)
        longest = betas + eps / 4 + eps / 4
        assert M + eps / 4 * on_S + eps / 4 > F(5, 4)  # bad, after the step from the law itself
        M_off = M + eps / 4 * off_S
        assert F(3, 4) <= M_off <= F(5, 4)
        good += chance * F(9, 10)
        if not apart:
            error += chance * tau / off_S * (eps / 4 * off_S) ** 2 / M_off**2
    return error / (eps * tau), good, longest if steer else betas, max(steps)


@pytest.mark.parametrize("n", [2, 5])
@pytest.mark.parametrize("tau", [F(1, 100), F(1, 10000)])
@pytest.mark.parametrize("apart", [False, True])
def test_steering_is_what_a_walk_through_it_gives(n, tau, apart):
    error, good, betas, step = walked(n, tau, steer=True, apart=apart)
    assert betas == F(5, 4)
    assert step == F(1, 4 * n)
    assert good >= F(9, 10)
    found = steer_away_from_silence([n], [float(tau)], largest=7, noise_in_the_last_step=not apart)
    assert float(found.error) == pytest.approx(float(error), rel=1e-12)
    assert float(found.good) == pytest.approx(float(good), rel=1e-12)


@pytest.mark.parametrize("n", [1, 4])
def test_stopping_is_what_a_walk_through_it_gives(n):
    error, good, betas, _ = walked(n, F(1, 50), steer=False, apart=True)
    assert (good, betas) == (1, F(5, 4))
    found = stop_at_noise([n], [0.02], largest=4)
    assert float(found.error) == pytest.approx(float(error), rel=1e-12)
    assert float(found.good) == 1


def test_the_largest_n_is_an_integer():
    with pytest.raises(al.InputError, match="`largest`"):
        stop_at_noise([1], [0.5], largest=0)
