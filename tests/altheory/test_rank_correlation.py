"""Kendall's tau against counting by hand, scipy and fractions; the replicate test against enumeration and scipy."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import altheory as al
from altheory import rank_correlation
from altheory.rank_correlation import kendall_tau, replicate_test, spearman_rho


def counted(x, y, variant="b"):
    """Concordant less discordant pairs, by two loops; tau-b as sign(P - Q) sqrt of a fraction."""
    score = tied_x = tied_y = 0
    n = len(x)
    for i in range(n):
        for j in range(i):
            a, b = (x[i] > x[j]) - (x[i] < x[j]), (y[i] > y[j]) - (y[i] < y[j])
            score, tied_x, tied_y = score + a * b, tied_x + (a == 0), tied_y + (b == 0)
    pairs = n * (n - 1) // 2
    if variant == "a":
        return float(F(score, pairs))
    room = (pairs - tied_x) * (pairs - tied_y)
    return math.nan if room == 0 else score / math.sqrt(room)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), min_size=2, max_size=9), st.sampled_from("ab"))
def test_tau_is_what_two_loops_count(pairs, variant):
    x, y = zip(*pairs, strict=True)
    assert kendall_tau(x, y, variant=variant).item() == pytest.approx(counted(x, y, variant), abs=1e-15, nan_ok=True)


@pytest.mark.parametrize("n", [40, 512, 513, 3000])
@pytest.mark.parametrize("ties", [False, True])
def test_short_and_long_sequences_agree_with_scipy(n, ties):
    generator = np.random.default_rng(n)
    x = generator.integers(0, 20, n).astype(float) if ties else generator.normal(size=n)
    y = np.round(x / 3 + generator.normal(size=n), 0 if ties else 12)
    assert kendall_tau(x, y).item() == pytest.approx(stats.kendalltau(x, y).statistic, abs=1e-14)
    by_pairs = rank_correlation._by_pairs(*(torch.as_tensor(v) for v in (x, y)), "a")
    assert kendall_tau(x, y, variant="a").item() == pytest.approx(float(by_pairs), abs=1e-13)


def test_batches_broadcast_and_blocks_change_nothing(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(0, 5, (6, 4, 7), generator=generator).double()
    y = torch.randint(0, 5, (4, 7), generator=generator).double()
    whole = kendall_tau(x, y)
    assert whole.shape == (6, 4)
    monkeypatch.setattr(rank_correlation, "_BLOCK", 50)
    torch.testing.assert_close(kendall_tau(x, y), whole, rtol=0, atol=0, equal_nan=True)
    assert whole[3, 2].item() == pytest.approx(counted(x[3, 2].tolist(), y[2].tolist()), abs=1e-15)


def test_ties_and_the_ends_of_the_range():
    assert kendall_tau([1, 2, 3], [4, 5, 9]).item() == 1
    assert kendall_tau([1, 2, 3], [3, 2, 1]).item() == -1
    assert math.isnan(kendall_tau([1, 2, 3], [2, 2, 2]).item())
    assert math.isnan(kendall_tau(np.ones(600), np.arange(600)).item())
    assert kendall_tau(np.ones(600), np.arange(600), variant="a").item() == 0
    assert kendall_tau([1, 1, 2], [1, 2, 3], variant="a").item() == pytest.approx(2 / 3)
    assert kendall_tau([1, 1, 2], [1, 2, 3]).item() == pytest.approx(2 / math.sqrt(6))
    assert kendall_tau(torch.tensor([1.0, 2], dtype=torch.float32), [0, 1]).dtype == torch.float32


@pytest.mark.parametrize(
    ("x", "y", "variant", "wanted"),
    [
        ([1.0], [2.0], "b", "n >= 2"),
        ([1.0, 2.0], [1.0, 2.0, 3.0], "b", "same n"),
        ([1.0, 2.0], [1.0, math.nan], "b", "`y` contains NaN"),
        ([1.0, 2.0], [1.0, 2.0], "c", "'a' or 'b'"),
        (1.0, 2.0, "b", "n >= 2"),
    ],
)
def test_what_cannot_be_ranked_is_refused(x, y, variant, wanted):
    with pytest.raises(al.InputError, match=wanted):
        kendall_tau(x, y, variant=variant)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_the_replicate_test_visits_all_signs(alternative):
    taus = [F(3, 10), F(1, 10), F(-1, 20), F(2, 5), F(1, 4)]
    observed = sum(taus)
    side = {"two-sided": abs, "greater": lambda v: v, "less": lambda v: -v}[alternative]
    patterns = [sum(s * t for s, t in zip(signs, taus, strict=True)) for signs in itertools.product((1, -1), repeat=5)]
    wanted = F(sum(side(p) >= side(observed) for p in patterns), 32)
    found = replicate_test([float(t) for t in taus], alternative=alternative)
    assert (found.p_value, found.patterns, found.exact) == (float(wanted), 32, True)
    assert found.mean == pytest.approx(float(observed / 5))


def test_the_replicate_test_agrees_with_scipy_and_counts_replicates_not_draws():
    taus = np.array([0.21, 0.34, 0.05, 0.4, -0.1, 0.3, 0.22])
    theirs = stats.permutation_test(
        (taus, -taus),
        lambda a, b, axis: (a - b).mean(axis) / 2,
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert replicate_test(taus).p_value == pytest.approx(theirs.pvalue)
    assert replicate_test([0.9] * 4, alternative="greater").p_value == 1 / 16  # however many draws stand behind each
    assert replicate_test([0.0, 0.0]).p_value == 1


def test_many_replicates_are_sampled_reproducibly():
    taus = torch.linspace(-0.2, 0.3, 20, dtype=torch.float64)
    one, again = replicate_test(taus, draws=4000, seed=3), replicate_test(taus, draws=4000, seed=3)
    assert one == again
    assert not one.exact
    mean, sd = float(taus.mean()), float((taus * taus).sum().sqrt() / 20)
    assert one.p_value == pytest.approx(2 * stats.norm.sf(mean / sd), abs=0.03)
    assert replicate_test(torch.ones(40), draws=10).p_value == 1 / 11


def test_the_replicate_test_refuses():
    with pytest.raises(al.InputError, match="two-sided"):
        replicate_test([0.1], alternative="up")
    with pytest.raises(al.InputError, match="`draws` is 0"):
        replicate_test([0.1], draws=0)
    with pytest.raises(al.InputError, match="NaN"):
        replicate_test([math.nan])


@pytest.mark.parametrize("ties", [False, True])
def test_spearmans_rho_agrees_with_scipy_also_in_batches(ties):
    generator = np.random.default_rng(5)
    x, y = generator.normal(size=(2, 3, 40))
    y = y + x
    if ties:
        x, y = np.round(x), np.round(y)
    wanted = [stats.spearmanr(a, b).statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(spearman_rho(x, y), wanted, rtol=1e-13)
    assert spearman_rho(x[0], x[0] ** 3).item() == 1.0
    assert math.isnan(spearman_rho([1.0, 1.0, 1.0], [1.0, 2.0, 3.0]).item())


@pytest.mark.parametrize(("x", "y"), [([1.0], [1.0]), ([1.0, 2.0], [1.0, 2.0, 3.0]), ([1.0, math.inf], [1.0, 2.0])])
def test_spearmans_rho_refuses_what_it_cannot_rank(x, y):
    with pytest.raises(al.InputError):
        spearman_rho(x, y)
