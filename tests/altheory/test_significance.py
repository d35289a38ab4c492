"""Tests from printed means against scipy on raw samples, closed forms, fractions and simulation."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from scipy import stats

import altheory as al
from altheory import significance


def samples(seed, sizes):
    generator = np.random.default_rng(seed)
    return [generator.normal(generator.normal(), generator.uniform(0.2, 3), size) for size in sizes]


@pytest.mark.parametrize("seed", range(6))
def test_both_t_tests_agree_with_scipy_on_the_raw_samples(seed):
    a, b = samples(seed, (3 + seed, 4))
    printed = a.mean(), a.std(ddof=1), len(a), b.mean(), b.std(ddof=1), len(b)
    for ours, equal in ((significance.welch, False), (significance.student, True)):
        found, wanted = ours(*printed), stats.ttest_ind(a, b, equal_var=equal)
        assert found.t.item() == pytest.approx(wanted.statistic, rel=1e-12)
        assert found.degrees.item() == pytest.approx(wanted.df, rel=1e-12)
        assert found.p.item() == pytest.approx(wanted.pvalue, rel=1e-10)


def test_students_p_value_at_two_and_four_degrees_is_elementary():
    """P(|T| > t) is 1 - t/sqrt(2 + t^2) at 2 degrees, and 1 - s (1 + c/2), s = t/sqrt(4 + t^2), c = 4/(4 + t^2), at 4."""
    two = significance.student([3.0], [1.0], 2, [1.0], [2.0], 2)
    t = math.sqrt(F(4) / (F(1, 2) * (1 + 4)))
    assert two.p.item() == pytest.approx(1 - t / math.sqrt(2 + t * t), rel=1e-12)
    four = significance.student([3.0], [1.0], 3, [1.0], [2.0], 3)
    t = math.sqrt(F(4) / (F(1, 3) * (1 + 4)))
    assert four.p.item() == pytest.approx(1 - t / math.sqrt(4 + t * t) * (1 + 2 / (4 + t * t)), rel=1e-12)


def test_equal_sizes_give_both_tests_the_same_t_and_welch_fewer_degrees():
    w = significance.welch([5.0, 1.0], [1.0, 2.0], 3, [1.0, 0.0], [3.0, 2.0], 3)
    s = significance.student([5.0, 1.0], [1.0, 2.0], 3, [1.0, 0.0], [3.0, 2.0], 3)
    torch.testing.assert_close(w.t, s.t)
    assert w.degrees[0] < 4
    assert w.degrees[1].item() == pytest.approx(4)  # equal spreads
    assert w.p[0] > s.p[0]


def test_groups_without_spread_are_certain():
    found = significance.welch([1.0, 1.0], 0.0, 3, [2.0, 1.0], 0.0, 3)
    assert found.p.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("seed", range(4))
def test_the_analysis_of_variance_agrees_with_scipy_on_the_raw_samples(seed):
    groups = samples(seed, (4,) * (2 + seed))
    found = significance.one_way_anova([g.mean() for g in groups], [g.std(ddof=1) for g in groups], 4)
    wanted = stats.f_oneway(*groups)
    assert found.F.item() == pytest.approx(wanted.statistic, rel=1e-11)
    assert found.p.item() == pytest.approx(wanted.pvalue, rel=1e-9)
    assert (found.between, found.within) == (len(groups) - 1, 3 * len(groups))


@pytest.mark.parametrize(("wins", "n"), [(0, 1), (3, 6), (5, 6), (24, 27), (3, 27), (9, 9)])
def test_the_sign_test_counts_coin_tosses(wins, n):
    larger = max(wins, n - wins)
    counted = min(F(1), 2 * sum(F(math.comb(n, k)) for k in range(larger, n + 1)) / 2**n)
    assert significance.sign_test(wins, n).item() == pytest.approx(float(counted), rel=1e-12)


def test_the_least_detectable_difference_is_found_as_often_as_asked():
    """By simulation: 40,000 pairs of three trials, three standard errors."""
    distance = significance.least_detectable(1.0, 3).item()
    assert distance == pytest.approx(3.07, abs=0.01)
    generator = np.random.default_rng(0)
    a, b = generator.normal(0, 1, (40_000, 3)), generator.normal(distance, 1, (40_000, 3))
    share = (stats.ttest_ind(a, b, axis=1).pvalue < 0.05).mean()
    assert abs(share - 0.8) < 3 * math.sqrt(0.16 / 40_000)
    assert significance.least_detectable([2.0, 0.0], 3).tolist() == pytest.approx([2 * distance, 0.0])
    assert significance.least_detectable(1.0, 30).item() < distance / 3


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: al.significance.welch(1.0, -1.0, 3, 0.0, 1.0, 3), "standard deviation"),
        (lambda: al.significance.welch(1.0, 1.0, 1, 0.0, 1.0, 3), "n1"),
        (lambda: al.significance.student([1.0, 2.0], 1.0, 3, [1.0, 2.0, 3.0], 1.0, 3), "shapes"),
        (lambda: al.significance.student(math.nan, 1.0, 3, 0.0, 1.0, 3), "mean1"),
        (lambda: al.significance.one_way_anova([1.0], [1.0], 3), "means"),
        (lambda: al.significance.one_way_anova([1.0, 2.0], [0.0, 0.0], 3), "sds"),
        (lambda: al.significance.sign_test(4, 3), "wins"),
        (lambda: al.significance.sign_test(1.5, 3), "wins"),
        (lambda: al.significance.least_detectable(1.0, 3, level=0.9, power=0.8), "level"),
        (lambda: al.significance.least_detectable(-1.0, 3), "sd"),
    ],
)
def test_a_refusal_names_what_was_given(call, named):
    with pytest.raises(al.InputError, match=named):
        call()
