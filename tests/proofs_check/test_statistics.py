"""Events, Holm, rates, measurements: against exact sums, brute-force definitions, hand examples, and planted wrong variants."""

from __future__ import annotations

import functools
import itertools
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import beta, norm

from proofs_check.statistics import (
    clopper_pearson,
    holm,
    judge_event,
    judge_measurement,
    judge_rate,
    trials_needed,
)

# ------------------------------------------------------------------------------------------------- exact binomial sums


def mass(n: int, q: Fraction) -> list[Fraction]:
    """P(Bin(n, q) = k) for k = 0..n, exactly."""
    return [math.comb(n, k) * q**k * (1 - q) ** (n - k) for k in range(n + 1)]


def tail(n: int, k: int, q: Fraction) -> Fraction:
    return sum(mass(n, q)[k:], Fraction(0))


SETTINGS = [  # (n, delta, alpha), decimals as the user writes them
    (1, "0.05", "0.05"),
    (1, "0.5", "0.25"),
    (5, "0.3", "0.1"),
    (10, "0.1", "0.05"),
    (28, "0.1", "0.05"),
    (29, "0.1", "0.05"),
    (40, "0.1", "0.01"),
    (59, "0.05", "0.05"),
    (60, "0.5", "0.2"),
    (60, "0.9", "0.05"),
    (100, "0.02", "0.001"),
]


@functools.cache
def ruled(n: int, delta: str, alpha: str) -> tuple[str, ...]:
    """The rule of the docstring in rational arithmetic: the verdict at k = 0..n failures."""
    d, a = Fraction(delta), Fraction(alpha)
    enough = (1 - d) ** n <= a
    return tuple("candidate" if tail(n, k, d) <= a else "held" if enough else "inconclusive" for k in range(n + 1))


def faults(judge, settings=SETTINGS) -> list[str]:
    """What is wrong with an event rule: false alarms above alpha, timidity, verdicts other than the rule's."""
    found = []
    for n, delta, alpha in settings:
        d, a = Fraction(delta), Fraction(alpha)
        verdicts = [judge(k, n, float(d), float(a)) for k in range(n + 1)]
        for share in (0, Fraction(1, 10), Fraction(1, 2), Fraction(9, 10), 1):  # true claims; share = 1 is exactly delta
            alarm = sum((p for p, v in zip(mass(n, d * share), verdicts) if v == "candidate"), Fraction(0))
            if alarm > a:
                found.append(f"false alarm {float(alarm):.3g} > {alpha} at n={n}, delta={delta}, q={share} delta")
        first = verdicts.index("candidate") if "candidate" in verdicts else n + 1
        if first and tail(n, first - 1, d) <= a:
            found.append(f"needlessly timid at n={n}, delta={delta}")
        if tuple(verdicts) != ruled(n, delta, alpha):
            found.append(f"other verdicts than the rule's at n={n}, delta={delta}, alpha={alpha}")
    return found


def test_the_event_rule_by_enumeration():
    assert faults(lambda k, n, delta, alpha: judge_event(k, n, delta, alpha).verdict) == []


def _three(refuted: bool, n: int, delta: float, alpha: float) -> str:
    return "candidate" if refuted else "held" if (1 - delta) ** n <= alpha * (1 + 1e-9) else "inconclusive"


def _tail(n: int, k: int, q: float) -> float:
    return float(sum(math.comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(k, n + 1)))


WRONG_EVENTS = {
    "the rate alone": lambda k, n, d, a: _three(k / n > d, n, d, a),
    "P(X > k) for P(X >= k)": lambda k, n, d, a: _three(_tail(n, k + 1, d) <= a, n, d, a),
    "the normal approximation": lambda k, n, d, a: _three(k / n - norm.isf(a) * math.sqrt(d * (1 - d) / n) >= d, n, d, a),
    "two-sided at alpha": lambda k, n, d, a: _three(_tail(n, k, d) <= a / 2, n, d, a),
    "upper end above delta is a violation": lambda k, n, d, a: _three(clopper_pearson(k, n, 1 - 2 * a)[1] > d, n, d, a),
    "never inconclusive": lambda k, n, d, a: "candidate" if _tail(n, k, d) <= a else "held",
    "never a candidate": lambda k, n, d, a: "held" if (1 - d) ** n <= a else "inconclusive",
}


@pytest.mark.parametrize("name", WRONG_EVENTS)
def test_wrong_event_rules_are_found_out(name):
    assert faults(WRONG_EVENTS[name])


@pytest.mark.parametrize(("n", "delta", "alpha"), SETTINGS)
def test_the_reported_numbers_agree_with_the_rule(n, delta, alpha):
    d, a = float(delta), float(alpha)
    for k in range(n + 1):
        v = judge_event(k, n, d, a)
        assert (v.failures, v.n, v.rate) == (k, n, k / n)
        assert v.p_value == pytest.approx(float(tail(n, k, Fraction(delta))), rel=1e-9)
        assert v.low <= v.rate <= v.high
        if k and abs(v.low - d) > 1e-9:
            assert (v.verdict == "candidate") == (v.low > d)
        if v.high < d:
            assert v.verdict == "held"
            assert "shown at" in v.sentence


@pytest.mark.parametrize(("n", "delta", "alpha"), [(29, "0.1", "0.05"), (59, "0.05", "0.05"), (60, "0.5", "0.2")])
def test_a_false_claim_is_shown_with_probability_at_most_alpha(n, delta, alpha):
    d, a = Fraction(delta), Fraction(alpha)
    shown = ["shown at" in judge_event(k, n, float(d), float(a)).sentence for k in range(n + 1)]
    assert any(shown)
    for excess in (Fraction(1, 10**6), Fraction(1, 100), Fraction(1, 10)):
        assert sum((p for p, s in zip(mass(n, d + excess), shown) if s), Fraction(0)) <= a


def test_event_sentences():
    bad = judge_event(8, 40, 0.05, 0.05)
    assert bad.verdict == "candidate"
    assert "error level 0.05" in bad.sentence
    assert "not exactly" in bad.sentence
    assert judge_event(0, 28, 0.1, 0.05).sentence.endswith("28 trials cannot show it: it takes at least 29.")
    mild = judge_event(5, 40, 0.1, 0.05)
    assert (mild.verdict, "not shown either" in mild.sentence) == ("held", True)


@pytest.mark.parametrize(
    ("failures", "n", "delta", "verdict", "p"),
    [
        (0, 1000, 0.0, "inconclusive", 1.0),  # no number of trials shows that something never fails
        (1, 1000, 0.0, "candidate", 0.0),
        (0, 1, 1.0, "held", 1.0),  # claims nothing
        (7, 7, 1.0, "held", 1.0),
        (29, 29, 0.1, "candidate", 1e-29),
        (0, 29, 0.1, "held", 1.0),
        (3, 3, 0.5, "inconclusive", 0.125),
        (1, 1, 0.05, "candidate", 0.05),  # the tie p = alpha
        (0, 2, 0.5, "inconclusive", 1.0),
    ],
)
def test_event_edges(failures, n, delta, verdict, p):
    v = judge_event(failures, n, delta, 0.05)
    assert (v.verdict, v.p_value) == (verdict, pytest.approx(p, rel=1e-9))


# ------------------------------------------------------------------------------------------------- intervals and trials


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (3, 17), (50, 1000)])
def test_clopper_pearson_is_the_beta_quantile(k, n, confidence):
    a = (1 - confidence) / 2
    low = beta.ppf(a, k, n - k + 1) if k else 0.0
    high = beta.isf(a, k + 1, n - k) if k < n else 1.0
    assert clopper_pearson(k, n, confidence) == pytest.approx((low, high), abs=1e-9)


def test_clopper_pearson_by_hand():
    # zero of n: (1 - high)^n = 0.025; all of n: low^n = 0.025
    assert clopper_pearson(0, 10, 0.95) == pytest.approx((0, 1 - 0.025**0.1), abs=1e-10)
    assert clopper_pearson(10, 10, 0.95) == pytest.approx((0.025**0.1, 1), abs=1e-10)


@pytest.mark.parametrize(("n", "confidence"), [(7, 0.9), (30, 0.95)])
def test_clopper_pearson_covers_by_enumeration(n, confidence):
    intervals = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
    for q in (Fraction(i, 40) for i in range(41)):
        covered = sum((p for p, (low, high) in zip(mass(n, q), intervals) if low <= q <= high), Fraction(0))
        assert covered >= confidence


@pytest.mark.parametrize(("delta", "n"), [(0.1, 29), (0.05, 59), (0.01, 299), (0.001, 2995)])
def test_trials_needed_at_95_percent(delta, n):
    assert trials_needed(delta, 0.95) == n


@pytest.mark.parametrize(("delta", "confidence"), [*itertools.product([0.02, 0.1, 0.37, 0.8], [0.6, 0.9, 0.99, 0.9999])])
def test_trials_needed_is_the_first_whose_upper_end_is_low_enough(delta, confidence):
    def upper(n):
        return clopper_pearson(0, n, 2 * confidence - 1)[1]

    n = trials_needed(delta, confidence)
    assert upper(n) <= delta
    assert n == 1 or upper(n - 1) > delta


def test_trials_needed_at_ties_and_ends():
    assert trials_needed(0.5, 0.75) == 2
    assert trials_needed(1, 0.95) == trials_needed(0.99, 0.95) == 1
    assert judge_event(0, 2, 0.5, 0.25).verdict == "held"
    assert trials_needed(0.9, 0.99999) == 5  # without the allowance for rounding 6
    assert judge_event(0, 2, 0.7, 0.09).verdict == "held"


# ------------------------------------------------------------------------------------------------- Holm


def closed_test(p: dict[str, float], alpha: float) -> dict[str, bool]:
    """Holm's procedure by its meaning: reject a claim when Bonferroni rejects every set of claims that contains it."""
    sets = [s for r in range(1, len(p) + 1) for s in itertools.combinations(p, r)]
    return {name: all(min(p[i] for i in s) <= alpha / len(s) for s in sets if name in s) for name in p}


def p_value_tables() -> list[dict[str, float]]:
    generator = np.random.default_rng(0)
    tables = [
        dict(zip("abcde", generator.choice([0.0, 0.005, 0.009, 0.012, 0.016, 0.024, 0.04, 0.3, 1.0], 5))) for _ in range(150)
    ]
    return [{name: float(v) for name, v in table.items()} for table in tables]


def test_holm_by_hand():
    # 0.01 <= 0.05/4; 0.015 <= 0.05/3; 0.03 > 0.05/2 stops, and 0.04 <= 0.05/1 no longer counts
    assert holm({"d": 0.04, "a": 0.01, "c": 0.03, "b": 0.015}, 0.05) == {"d": False, "a": True, "c": False, "b": True}
    assert holm({}, 0.05) == {}
    assert holm({"a": 0.05}, 0.05) == {"a": True}
    assert holm({"a": 0.025, "b": 0.025}, 0.05) == {"a": True, "b": True}


def test_holm_is_the_closed_bonferroni_test():
    for p in p_value_tables():
        assert holm(p, 0.05) == closed_test(p, 0.05), p


def _ordered(p, alpha, last):
    """Reject up to a rank, or from the wrong end: Hochberg's step-up."""
    names = sorted(p, key=p.__getitem__)
    good = [i for i, name in enumerate(names) if p[name] <= alpha / (len(p) - i)]
    return {name: bool(good) and i <= last(good) for i, name in enumerate(names)}


WRONG_HOLMS = {
    "no correction": lambda p, a: {k: v <= a for k, v in p.items()},
    "Bonferroni": lambda p, a: {k: v <= a / len(p) for k, v in p.items()},
    "step-up": lambda p, a: _ordered(p, a, max),
    "unsorted": lambda p, a: {k: v <= a / (len(p) - i) for i, (k, v) in enumerate(p.items())},
    "does not stop": lambda p, a: {k: v <= a / (len(p) - sorted(p.values()).index(v)) for k, v in p.items()},
}


@pytest.mark.parametrize("name", WRONG_HOLMS)
def test_wrong_holms_are_found_out(name):
    assert any(WRONG_HOLMS[name](p, 0.05) != closed_test(p, 0.05) for p in p_value_tables())


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


# ------------------------------------------------------------------------------------------------- what is refused

Y = np.ones((2, 3))
BAD = [
    lambda: clopper_pearson(3, 2, 0.95),
    lambda: clopper_pearson(-1, 2, 0.95),
    lambda: clopper_pearson(0, 0, 0.95),
    lambda: clopper_pearson(1.0, 2, 0.95),
    lambda: clopper_pearson(True, 2, 0.95),
    lambda: clopper_pearson(1, 2, 1),
    lambda: clopper_pearson(1, 2, "0.95"),
    lambda: trials_needed(0, 0.95),
    lambda: trials_needed(1.1, 0.95),
    lambda: trials_needed(math.nan, 0.95),
    lambda: trials_needed(0.1, 0),
    lambda: judge_event(1, 10, -0.1, 0.05),
    lambda: judge_event(1, 10, 0.1, 0.5),
    lambda: judge_event(1, 10, 0.1, 0),
    lambda: judge_event(11, 10, 0.1, 0.05),
    lambda: judge_event(None, 10, 0.1, 0.05),
    lambda: holm({"a": math.nan}, 0.05),
    lambda: holm({"a": 1.5}, 0.05),
    lambda: holm({"a": -0.1}, 0.05),
    lambda: holm([0.1], 0.05),
    lambda: holm({"a": 0.1}, 1),
    lambda: judge_rate([1, 2, 4], np.ones(3), 1, seed=0),
    lambda: judge_rate([1, 2, 4], np.ones((2, 4)), 1, seed=0),
    lambda: judge_rate([[1, 2, 4]], Y, 1, seed=0),
    lambda: judge_rate([1, 2, 4], [[1, 2, 3], [1, 2]], 1, seed=0),
    lambda: judge_rate([1, 2, 4], Y.astype(complex), 1, seed=0),
    lambda: judge_rate(["1", "2", "4"], Y, 1, seed=0),
    lambda: judge_rate([1, 2, 4], Y, math.inf, seed=0),
    lambda: judge_rate([1, 2, 4], Y, 10**400, seed=0),
    lambda: judge_rate([1, 2, 4], Y, 1, seed=0, tolerance=0),
    lambda: judge_rate([1, 2, 4], Y, 1, seed=0, confidence=95),
    lambda: judge_rate([1, 2, 4], Y, 1, seed=0, replicates_axis=2),
    lambda: judge_rate([1, 2, 4], Y, 1, seed=-1),
    lambda: judge_rate([1, 2, 4], Y, 1, seed=None),
    lambda: judge_measurement(GAINS, (1, 0)),
    lambda: judge_measurement(GAINS, (0, math.nan)),
    lambda: judge_measurement(GAINS, 0.1),
    lambda: judge_measurement(GAINS, "ab"),
    lambda: judge_measurement(GAINS, (0, 1, 2)),
    lambda: judge_measurement([GAINS], (0, 1)),
    lambda: judge_measurement(1.0, (0, 1)),
    lambda: judge_measurement(torch.ones(3, requires_grad=True), (0, 1)),
    lambda: judge_measurement(GAINS, lambda v: v > 0),
    lambda: judge_measurement(GAINS, lambda v: None),
]


@pytest.mark.parametrize("call", BAD)
def test_bad_arguments_get_one_sentence(call):
    with pytest.raises(ValueError, match=r"^[^\n]*(wanted|give)[^\n]*\.$") as caught:
        call()
    assert len(str(caught.value)) < 500


def test_importing_the_module_imports_nothing_heavy():
    code = "import sys, proofs_check.statistics; print([m for m in ('numpy', 'scipy', 'torch') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
