"""Rates over sizes and measurements over seeds: verdicts, intervals, and what a predicate may do."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import torch

from proofs_check.statistics import (
    judge_measurement,
    judge_rate,
)

# ------------------------------------------------------------------------------------------------- rates

SIZES = np.array([16, 32, 64, 128, 256, 512])


def power_law(exponent: float, noise: float, seeds: int = 12, *, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return 3.0 * SIZES**exponent * np.exp(noise * generator.standard_normal((seeds, len(SIZES))))


def theil_sen(x, y) -> float:
    m = [float(np.median(column)) for column in np.log(y).T]
    slopes = [(m[j] - m[i]) / math.log(x[j] / x[i]) for i in range(len(x)) for j in range(i) if x[i] != x[j]]
    return float(np.median(slopes))


@pytest.mark.parametrize(
    ("y", "exponent", "verdict"),
    [
        (power_law(-0.5, 0.0), -0.5, "held"),
        (power_law(-0.5, 0.1), -0.5, "held"),
        (power_law(-0.5, 0.1), -0.65, "held"),
        (power_law(-0.5, 0.1), -1.0, "candidate"),
        (power_law(-0.5, 0.1), 0.5, "candidate"),
        (power_law(2.0, 0.3), 2, "held"),
        (power_law(-0.5, 1.5, seeds=4), -0.9, "inconclusive"),
    ],
)
def test_rate_verdicts(y, exponent, verdict):
    v = judge_rate(SIZES, y, exponent, seed=1)
    assert v.verdict == verdict, v
    assert v.slope == pytest.approx(theil_sen(SIZES, y), rel=1e-12)
    assert v.low <= v.slope <= v.high
    assert "6 sizes and" in v.sentence


def test_rate_verdicts_follow_from_slope_interval_and_band():
    seen = set()
    for seed, noise, exponent in itertools.product((0, 1), (0.02, 2.0), (-1.2, -0.75, -0.5, 0.2)):
        v = judge_rate(SIZES, power_law(-0.5, noise, 5, seed=seed), exponent, tolerance=0.2, seed=seed)
        meets = v.low <= exponent + 0.2 and v.high >= exponent - 0.2
        near = exponent - 0.2 <= v.slope <= exponent + 0.2
        assert v.verdict == ("held" if near and meets else "inconclusive" if meets else "candidate")
        seen.add(v.verdict)
    assert seen == {"held", "candidate", "inconclusive"}


def test_rate_interval_is_reproducible_and_depends_on_seed_and_confidence():
    y = power_law(-0.5, 0.4)
    first = judge_rate(SIZES, y, -0.5, seed=7)
    assert judge_rate(SIZES, y, -0.5, seed=7) == first
    other = judge_rate(SIZES, y, -0.5, seed=8)
    assert (other.low, other.high) != (first.low, first.high)
    assert other.slope == first.slope
    wide = judge_rate(SIZES, y, -0.5, seed=7, confidence=0.999)
    assert wide.low < first.low
    assert wide.high > first.high


def test_rate_accepts_lists_tensors_and_the_other_axis():
    y = power_law(-0.5, 0.4)
    first = judge_rate(SIZES, y, -0.5, seed=7)
    assert judge_rate(SIZES.tolist(), torch.as_tensor(y), -0.5, seed=7) == first
    assert judge_rate(SIZES, y.T, -0.5, seed=7, replicates_axis=1) == first
    assert judge_rate(1000 * SIZES[::-1], 7 * y[:, ::-1], -0.5, seed=7).slope == pytest.approx(first.slope, rel=1e-12)


def test_rate_resists_wild_seeds_and_a_wild_size():
    y = power_law(-0.5, 0.05, seeds=11)
    y[:2] *= 1e6 ** (np.arange(6) / 5)  # two wild seeds: the mean over seeds would follow them
    y[:, -1] *= 100  # one wild size: least squares would follow it
    v = judge_rate(SIZES, y, -0.5, seed=0)
    assert abs(v.slope + 0.5) < 0.1
    log_x = np.log(SIZES)
    means, medians = np.log(y.mean(0)), np.log(np.median(y, 0))
    assert abs(theil_sen(SIZES, np.exp(means)[None]) + 0.5) > 0.5
    assert abs(np.polyfit(log_x, medians, 1)[0] + 0.5) > 0.5


def test_rate_draws_whole_seeds():
    # each seed has its own level and no other error, so every resample has the exact slope; drawing cells would spread it
    y = SIZES**-0.5 * np.exp(np.random.default_rng(0).standard_normal((8, 1)))
    v = judge_rate(SIZES, y, -0.5, seed=0)
    assert (v.low, v.slope, v.high) == pytest.approx((-0.5, -0.5, -0.5), abs=1e-12)
    generator = np.random.default_rng(0)
    cells = [theil_sen(SIZES, np.stack([generator.choice(column, 8) for column in y.T], 1)) for _ in range(50)]
    assert np.ptp(cells) > 0.1


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1, 2], np.ones((5, 2))),
        ([1, 2, 2, 1], np.ones((5, 4))),
        ([1, 2, 4], np.ones((1, 3))),
        ([1, 2, 4], np.ones((0, 3))),
        ([0, 2, 4], np.ones((5, 3))),
        ([1, 2, math.inf], np.ones((5, 3))),
        ([1, 2, 4], np.array([[1, 1, 0.0], [1, 1, 1]])),
        ([1, 2, 4], np.array([[1, 1, -1.0], [1, 1, 1]])),
        ([1, 2, 4], np.array([[1, 1, math.nan], [1, 1, 1]])),
        ([], np.ones((3, 0))),
    ],
)
def test_rate_is_inconclusive_where_no_slope_can_be_judged(x, y):
    v = judge_rate(x, y, 0, seed=0)
    assert v.verdict == "inconclusive"
    assert v.sentence.startswith("No slope is judged from ")
    assert all(math.isnan(number) for number in (v.slope, v.low, v.high))


def test_rate_with_three_sizes_and_two_seeds_is_judged():
    assert judge_rate([1, 2, 4], [[1, 2, 4], [2, 4, 8]], 1, seed=0).verdict == "held"


# ------------------------------------------------------------------------------------------------- measurements


def positive(values: np.ndarray) -> bool:
    """Every seed gained.

    More words.
    """
    return bool((values > 0).all())


GAINS = [0.11, 0.13, 0.12, 0.15, 0.14, 0.12]


@pytest.mark.parametrize(
    ("values", "expect", "verdict"),
    [
        (GAINS, (0.1, 0.16), "reproduced"),
        (GAINS, (0.1, math.inf), "reproduced"),
        (GAINS, (-math.inf, 0.1), "not-reproduced"),
        (GAINS, (0.2, 0.3), "not-reproduced"),
        (GAINS, (0.128, 0.3), "inconclusive"),
        (GAINS, (-1, 0.128), "inconclusive"),
        (GAINS, (0.128, 0.129), "inconclusive"),
        ([0.95] * 7, [0.95, 1], "reproduced"),  # the mean of equal numbers is that number
        ([0.1] * 3, (0.1, 0.1), "reproduced"),
        (GAINS, positive, "reproduced"),
        ([*GAINS, -0.01], positive, "not-reproduced"),
        (GAINS, lambda v: v.mean() > 1, "not-reproduced"),
        (GAINS[:2], (-1, 1), "inconclusive"),
        (GAINS[:2], positive, "inconclusive"),
        ([], (-1, 1), "inconclusive"),
        ([1.0, math.nan, 1.0], (0, 2), "inconclusive"),
        ([1.0, -math.inf, 1.0], positive, "inconclusive"),
        ([True, True, True], (1, 1), "reproduced"),
    ],
)
def test_measurement_verdicts(values, expect, verdict):
    assert judge_measurement(values, expect).verdict == verdict


def test_measurement_numbers_and_sentence():
    v = judge_measurement(GAINS, (0.1, 0.16), seed=3)
    assert (v.n, v.mean, v.median) == (6, pytest.approx(0.77 / 6), pytest.approx(0.125))
    assert v.spread == pytest.approx(math.sqrt(sum((g - 0.77 / 6) ** 2 for g in GAINS) / 5))
    assert 0.11 < v.low < v.mean < v.high < 0.15
    assert v.sentence.startswith("6 values: mean 0.128333, sd 0.01472, median 0.125, 95 % bootstrap interval 0.11")
    assert v.sentence.endswith("Wanted: a mean from 0.1 to 0.16; the interval lies inside.")
    assert judge_measurement(GAINS, (0.1, 0.16), seed=3) == v
    assert judge_measurement(torch.tensor(GAINS, dtype=torch.float64), (0.1, 0.16), seed=3) == v
    assert (
        judge_measurement(GAINS, (0.1, 0.16), seed=4).low != v.low
        or judge_measurement(GAINS, (0.1, 0.16), seed=4).high != v.high
    )


def test_measurement_says_what_is_missing_and_names_the_predicate():
    few = judge_measurement([1.0, 3.0], (0, 5))
    assert (few.mean, few.spread, few.median, few.n) == (2, pytest.approx(math.sqrt(2)), 2, 2)
    assert math.isnan(few.low)
    assert "fewer than 3 seeds" in few.sentence
    assert "Wanted: Every seed gained; that is so." in judge_measurement(GAINS, positive).sentence
    assert "Wanted: <lambda>; that is so." in judge_measurement(GAINS, lambda v: True).sentence
    assert "functools.partial" in judge_measurement(GAINS, functools.partial(lambda v, c: bool(v[0] > c), c=0)).sentence


def test_the_interval_of_the_mean_is_the_enumerated_bootstrap():
    # all 4^4 resamples of four values; 1000 draws leave an error of a few hundredths of the range
    values = np.array([0.0, 1.0, 2.0, 5.0])
    every = [np.mean(r) for r in itertools.product(values, repeat=4)]
    low, high = np.quantile(every, [0.05, 0.95])
    v = judge_measurement(values, (0, 1), confidence=0.9)
    assert (v.low, v.high) == pytest.approx((low, high), abs=0.26)


def test_an_interval_contains_its_estimate():
    v = judge_measurement([0, 0.1, 0.3, 1, 10], (2, 3), confidence=0.01)  # the middle resamples have the mean 2.26
    assert v.low <= v.mean <= v.high
    assert v.low < v.high


def test_a_predicate_cannot_change_the_data():
    values = np.array(GAINS)

    def greedy(v: np.ndarray) -> bool:
        v[:] = 0
        return True

    assert judge_measurement(values, greedy).mean == pytest.approx(0.77 / 6)
    assert values.tolist() == GAINS
