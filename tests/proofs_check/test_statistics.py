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


# ------------------------------------------------------------------------------------------------- what is refused

Y, GAINS = np.ones((2, 3)), [0.11, 0.13, 0.12, 0.15, 0.14, 0.12]
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
