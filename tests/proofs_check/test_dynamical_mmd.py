"""dynamicAL, section 4.2: the facts on which the verdicts about MMD, eq. (20) to (23), (31) and (32), hang.

The audit's counterexamples are computed here in fractions or by hand, and put through the claims' own bodies.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch

import altheory as al
from altheory import mmd
from proofs_check.papers.dynamical import _clusters, adaptive_queries, mmd_concentration, mmd_estimators, mmd_population
from proofs_check.registry import registered

PART = ("dynamical.eq20", "dynamical.eq22", "dynamical.eq23", "dynamical.eq31", "dynamical.eq32", "dynamical.mmd_")
CLAIMS = {id: claim for id, claim in registered().items() if id.startswith(PART)}

#: false as read, by the audit's second reading (claims/dynamical.md)
FALSE = {
    "dynamical.eq20.marginal",
    "dynamical.eq20.with_eq23",
    "dynamical.eq23.all_continuous",
    "dynamical.eq23.any_constant",
    "dynamical.eq23.conditional",
    "dynamical.eq23.one_coin",
    "dynamical.eq23.population",
    "dynamical.eq23.threshold_step",
    "dynamical.eq32.nonnegative",
    "dynamical.eq32.null_block",
    "dynamical.eq32.null_double_sum",
    "dynamical.eq32.unbiased",
    "dynamical.eq32.unbiased_for_query_law",
    "dynamical.mmd_characteristic",
    "dynamical.mmd_characteristic.unnormalised",
}

THETA = torch.tensor([[[1, 1 / 4], [1 / 4, 1 / 2]]], dtype=torch.float64)
P, R = (torch.tensor([[float(F(v)) for v in row]], dtype=torch.float64) for row in (("1/3", "2/3"), ("3/4", "1/4")))


def t(*values):
    return torch.tensor(values, dtype=torch.float64)


def i(*values):
    return torch.tensor(values)


def sides(claim, *arguments, link=0, **constants):
    """The two sides of one link of a claim's body at one instance."""
    found = claim.body(*arguments, **constants).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def test_the_expected_verdicts_are_the_audits():
    assert {id for id, claim in CLAIMS.items() if claim.expect == "refuted"} == FALSE
    assert len(CLAIMS) == 33


# eq. (32)


def test_the_bias_of_eq_32():
    mean, target = sides(mmd_estimators.eq32_unbiased, THETA, P, R)
    assert (mean, target) == (pytest.approx(5 / 288, abs=1e-16), pytest.approx(25 / 576, abs=1e-16))
    assert sides(mmd_estimators.eq32_unbiased_for_query_law, THETA, P, R)[1] == pytest.approx(25 / 144, abs=1e-16)
    assert sides(mmd_estimators.eq32_independent, THETA, P, R) == (pytest.approx(25 / 144), pytest.approx(25 / 144))
    assert sides(mmd_estimators.eq32_nested, THETA, P, R) == (pytest.approx(25 / 576), pytest.approx(25 / 576))


def mean_of(left_out, n0, b, theta=THETA, p=P):
    link = mmd_estimators._null(theta, p, left_out, ((n0, b),)).links[0]
    return float(link.lhs[0] - link.rhs[0])


def test_the_readings_of_eq_32_when_query_and_seeds_have_one_law():
    assert mean_of("the pairs", 3, 2) == pytest.approx(0, abs=1e-15)
    assert mean_of("nothing", 3, 2) == pytest.approx(-4 / 45, abs=1e-15)
    assert mean_of("the block", 3, 2) == pytest.approx(4 / 9, abs=1e-15)
    one, point = torch.ones(1, 1, 1, dtype=torch.float64), torch.ones(1, 1, dtype=torch.float64)
    for reading in ("the block", "n0 times the pairs"):
        assert mean_of(reading, 2, 1, one, point) == 1
    # the length of the mean of p, with which the block at the weight 2/(n0 b) is right too
    length = float(mmd.population_mmd2(P, 0 * P, THETA)[0])
    assert length == pytest.approx(4 / 9)


def test_the_readings_agree_with_the_library():
    K = al.kernels.analytic(torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    own = torch.diagonal(K)
    inner = (K[:2, :2].sum() - own[:2].sum()) / 2 + (K.sum() - own.sum()) / 20
    cross = 2 * (K[:2].sum() - own[:2].sum()) / 8
    torch.testing.assert_close(mmd_estimators.eq32(2, 5)(K), inner - cross)


def test_the_negative_instance():
    x = t([1, 0], [0, 1], [0.6, 0.8])[None]
    assert sides(mmd_estimators.eq32_nonnegative, x)[1] == pytest.approx(-0.0883, abs=5e-5)


# eq. (23), population


def test_two_unit_vectors_are_enough():
    x = t([1, 0], [0.5, math.sqrt(3) / 2])[None]
    left, right = sides(mmd_population.population, x, t([1, 0]), t([0, 1]), t([1, 0]))
    assert (left, right**2) == (1, pytest.approx(2 / 3))
    left, right = sides(
        mmd_population.population, torch.eye(4).double()[None], *t([[1, 1, 0, 0]], [[0, 0, 1, 1]]) / 2, t([1, 1, 0, 0])
    )
    assert (left, right) == (1, pytest.approx(math.sqrt(1 / 2)))


def test_antipodal_pairs_and_homogeneity_hide_everything():
    half = t([1, 0], [0, 1], [0.6, 0.8])
    x = torch.cat([half, -half])[None]
    odd = t(3, 4, -5, -3, -4, 5) / 24
    p, q = (torch.ones(6).double() / 6 + sign * odd / 2 for sign in (1, -1))
    assert p.min() >= 0
    left, right = sides(mmd_population.characteristic, x, p[None], q[None])
    assert left > 1e-6
    assert abs(right) < 1e-16
    line = t([0, 0], [1, 2], [2, 4])[None]
    left, right = sides(mmd_population.characteristic_unnormalised, line, t([0, 1, 0]), t([0.5, 0, 0.5]))
    assert left > 1e-5
    assert abs(right) < 1e-15


def test_the_unit_of_the_kernel_decides():
    ratios = []
    for unit in (1.0, 2.0**-20, 2.0**-40):
        left, right = sides(mmd_population.any_constant, t(unit), i(2), i(1), i(1), t(0.5))
        assert left == 0.5
        ratios.append(right / math.sqrt(unit))
    assert ratios == [pytest.approx(ratios[0])] * 3


# adaptive queries


def test_the_clusters_at_the_audits_size():
    inner, n0, m, N, delta = 0.999, 100, 1000, 10**4, 0.05
    a = t(inner * (math.pi - math.acos(inner)) / (2 * math.pi))
    assert float(0.5 - a) == pytest.approx(0.0076, abs=5e-5)
    assert float(_clusters.dominant_term(a, i(m))) == pytest.approx(0.064, abs=5e-4)
    assert float(_clusters.order_term(a, t(n0 * m), t(delta))) == pytest.approx(0.014, abs=5e-4)
    left, right = sides(adaptive_queries.eq20_with_eq23, a, i(n0), i(m), i(N // n0), t(delta), constant=1.0)
    assert left == pytest.approx(0.99)
    assert right < 0.4
    left, right = sides(adaptive_queries.eq23_conditional, t(0.492), i(10**4), i(1000), i(100), t(delta))
    assert left > 0.989
    assert right < 0.032


def test_the_clusters_on_points_whatever_clusters_the_seeds_fall_into():
    """Six points of two clusters, three seeds of which two share a cluster: kernel, interpolant and discrepancy by hand."""
    c = math.sqrt(0.9)
    home, own = torch.eye(3).double(), torch.eye(7).double()
    clusters = [0, 0, 1, 0, 0, 1]
    x = torch.stack([torch.cat([c * home[k], math.sqrt(0.1) * own[j]]) for j, k in enumerate([*clusters, 0])])
    theta = al.kernels.analytic(x)
    a = 0.9 * (math.pi - math.acos(0.9)) / (2 * math.pi)
    assert float(theta[0, 1]) == pytest.approx(a)
    assert float(theta[0, 2]) == 0
    weights = torch.linalg.solve(theta[:6, :6], torch.ones(6).double())
    assert float(weights.sum()) == pytest.approx(4 / (0.5 - a + 4 * a) + 2 / (0.5 - a + 2 * a))
    assert float(weights.sum()) < 6 / (0.5 - a + 2 * a)
    assert float(theta[6, :6] @ weights) == pytest.approx(4 * a / (0.5 - a + 4 * a))
    found = mmd.mmd2([0, 1, 2], range(6), theta)
    assert float(found) == pytest.approx(float(_clusters.discrepancy(t(a), i(3), i(2)) ** 2))


def test_the_coin():
    left, right = sides(
        adaptive_queries.one_coin, torch.eye(2).double()[None], t([0.99, 0.01]), t([0, 1]), t(0.5), i(2000), i(2), t(0.05)
    )
    assert left == pytest.approx(0.350, abs=5e-4)
    assert right == pytest.approx(0.157, abs=5e-4)


# concentration


def test_the_thresholds():
    assert sides(mmd_concentration.threshold_step, t(1.0), i(1), i(4)) == (3, 2)
    assert float(mmd_concentration.printed_error(t(1.0), i(2000), i(4000), t(0.05))) == pytest.approx(0.157, abs=5e-4)


def test_no_two_trials_of_an_event_share_a_seed():
    from proofs_check.instances import Place, draw_random

    for claim in (mmd_concentration.iid, mmd_concentration.one_sided):
        place = Place(seed=0)
        seeds = draw_random(claim, claim.settings[0], place, place.generator("seeds"), 400).values["seed"]
        assert len(set(seeds.tolist())) == 400


def test_the_failures_of_the_one_sided_bound_are_as_rare_as_the_normal_limit_says():
    """At half the error a tenth fails, at the whole of it less than one in fifty: 600 independent trials."""
    theta, nu, n0, n = t([1, -1], [-1, 1]), 0.3, 60, 600
    p = t((1 + nu) / 2, (1 - nu) / 2)
    error = float(mmd.one_sided_slack(1.0, n0, n, 0.05))
    gaps = [
        true - estimate for true, estimate in (mmd_concentration._distances(theta, p, p.flip(0), n0, n, s) for s in range(600))
    ]
    assert 0.05 < sum(bool(gap > error / 2) for gap in gaps) / 600 < 0.16
    assert sum(bool(gap > error) for gap in gaps) / 600 < 0.02
