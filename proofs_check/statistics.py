r"""The statistics of claims that no single instance decides: events, rates and measurements.

Nothing here is an exact refutation: data that contradict a claim make it a ``candidate``, at an error level that is stated.
Sources: Clopper & Pearson, Biometrika 26 (1934) 404; Holm, Scand. J. Statist. 6 (1979) 65; Theil, Proc. Kon. Ned. Akad.
Wetensch. 53 (1950) 386; Sen, J. Amer. Statist. Assoc. 63 (1968) 1379; Efron, Ann. Statist. 7 (1979) 1 (the bootstrap).
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from proofs_check.errors import BadInput

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[np.int64]], float]
#: how often the bootstrap draws
RESAMPLES = 1000
#: values measured beyond this are not averaged: their squares would leave float64
LARGEST = 1e150


@dataclass(frozen=True)
class EventVerdict:
    """What n trials say about "fails with probability at most delta"; `low` and `high` are each at error level alpha."""

    verdict: str
    failures: int
    n: int
    rate: float
    low: float
    high: float
    p_value: float
    sentence: str


@dataclass(frozen=True)
class RateVerdict:
    """What measured sizes and seeds say about an exponent; the numbers are NaN where no slope could be computed."""

    verdict: str
    slope: float
    low: float
    high: float
    sentence: str


@dataclass(frozen=True)
class MeasurementVerdict:
    """What n seeds say about an expectation; `spread` is the sd (n - 1); numbers that too few seeds do not give are NaN."""

    verdict: str
    mean: float
    spread: float
    median: float
    low: float
    high: float
    n: int
    sentence: str


def clopper_pearson(failures: int, n: int, confidence: float) -> tuple[float, float]:
    r"""The exact two-sided interval for a probability, from `failures` = k among n independent trials.

    With $a = (1-\text{confidence})/2$ the ends solve $P(\mathrm{Bin}(n, \text{low}) \ge k) = a$ (low is 0 for $k = 0$) and
    $P(\mathrm{Bin}(n, \text{high}) \le k) = a$ (high is 1 for $k = n$) (Clopper & Pearson 1934). Each end alone is a
    one-sided bound of confidence $1-a$: the one-sided bound of confidence c is an end of the interval of confidence $2c-1$.
    """
    n = _integer("n", n, 1)
    failures, confidence = _integer("failures", failures, 0, n), _share("confidence", confidence)
    from scipy.stats import binomtest

    interval = binomtest(failures, n).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def trials_needed(delta: float, confidence: float) -> int:
    r"""The fewest trials of which zero failures put the one-sided upper end of the failure probability at or below delta.

    That is the least $n \ge 1$ with $(1-\delta)^n \le 1-\text{confidence}$; a tie missed by 1e-9 trials of rounding counts.
    At confidence 0.95: 29, 59, 299, 2995 trials for delta = 0.1, 0.05, 0.01, 0.001.
    """
    delta = _real("delta", delta, lambda d: 1e-300 < d <= 1, "above 0 (no number of trials shows that) and at most 1")
    return int(_needed(delta, 1 - _share("confidence", confidence)))


def _needed(delta: float, alpha: float) -> float:
    if delta <= 1e-300 or delta == 1:
        return 1 if delta == 1 else math.inf
    return max(1, math.ceil(math.log(alpha) / math.log1p(-delta) - 1e-9))


def judge_event(failures: int, n: int, delta: float, alpha: float) -> EventVerdict:
    r"""Judge "fails with probability at most delta" by n independent trials, n decided before the first of them.

    Let k be the failures and $p = P(\mathrm{Bin}(n, \delta) \ge k)$ the exact one-sided p-value. The rule, in this order:

    1. ``candidate`` when $p \le \alpha$ (for $k > 0$ the same as low $\ge \delta$);
    2. ``held`` when high $\le \delta$ (shown), or when $n \ge$ ``trials_needed(delta, 1 - alpha)`` (not contradicted);
    3. ``inconclusive`` otherwise: not even n trials without a failure would have shown the claim.

    A true claim, failure probability $q \le \delta$, is a ``candidate`` with probability at most alpha: rule 1 says
    $k \ge c$ for the least c with $P(\mathrm{Bin}(n, \delta) \ge c) \le \alpha$, and $P(\mathrm{Bin}(n, q) \ge c)$ grows with
    q, so $q = \delta$ is the worst case. A claim with $q > \delta$ is "shown" with probability at most alpha; it is "not
    contradicted" as often as n trials miss its excess, for ``held`` means "no violation seen" and never "true". The interval
    has confidence $1 - 2\alpha$. At delta = 0 one failure makes a candidate and no n is enough; delta = 1 claims nothing and
    is held. In a run with several events `holm` decides which candidates stay.
    """
    n = _integer("n", n, 1)
    failures = _integer("failures", failures, 0, n)
    delta = _real("delta", delta, lambda d: 0 <= d <= 1, "a probability, from 0 to 1")
    alpha = _real("alpha", alpha, lambda a: 1e-12 <= a < 0.5, "at least 1e-12 and below 0.5, as in 0.05")
    from scipy.stats import binom

    p = float(binom.sf(failures - 1, n, delta))
    low, high = clopper_pearson(failures, n, 1 - 2 * alpha)
    if p <= alpha:
        verdict, said = "candidate", f"contradicted at error level {alpha:g} (p-value {p:.3g}), statistically and not exactly"
    elif high <= delta:
        verdict, said = "held", f"shown at error level {alpha:g}"
    elif n >= (needed := _needed(delta, alpha)):
        verdict, said = "held", f"not contradicted at error level {alpha:g} (p-value {p:.3g}), and not shown either"
    else:
        more = f"it takes at least {needed:,}" if needed < math.inf else "no number of them can"
        verdict, said = "inconclusive", f"not contradicted (p-value {p:.3g}), but {n:,} trials cannot show it: {more}"
    ends = f"exact interval {low:.4g} to {high:.4g}, each end at error level {alpha:g}"
    seen = f"{failures:,} of {n:,} trials failed (rate {failures / n:.4g}, {ends}); claimed is at most {delta:g}: {said}."
    return EventVerdict(verdict, failures, n, failures / n, low, high, p, seen)


def holm(p_values: Mapping[str, float], alpha: float) -> dict[str, bool]:
    r"""Which of a run's claims are contradicted, at an error level of alpha over all of them together (Holm 1979).

    With $p_{(1)} \le \dots \le p_{(m)}$: go up while $p_{(i)} \le \alpha/(m-i+1)$ and stop for good at the first that is
    larger. Whatever the dependence between the claims, some true one is rejected with probability at most alpha. Give the
    p-value of every event of the run, not of the suspicious ones only, and none of a mutant; a claim that is a ``candidate``
    by itself and is not rejected here is ``inconclusive`` in that run.
    """
    alpha = _share("alpha", alpha)
    if not isinstance(p_values, Mapping):
        raise BadInput(f"got p_values={p_values!r}, but a mapping of names to p-values is wanted; give a dict.")
    p = {name: _real(f"p_values[{name!r}]", v, lambda v: 0 <= v <= 1, "from 0 to 1") for name, v in p_values.items()}
    rejected = dict.fromkeys(p, False)
    for i, name in enumerate(sorted(p, key=p.__getitem__)):
        if p[name] > alpha / (len(p) - i):
            break
        rejected[name] = True
    return rejected


def judge_rate(
    x: Any, y: Any, exponent: float, *, tolerance: float = 0.2, replicates_axis: int = 0, confidence: float = 0.95, seed: int
) -> RateVerdict:
    r"""Judge "y goes like x to the power `exponent`" by measurements y, shape (seeds, sizes), at sizes x, shape (sizes,).

    The slope is the median over pairs of sizes of $(m_j - m_i)/(\log x_j - \log x_i)$ (Theil 1950, Sen 1968), $m_i$ the
    median over seeds of $\log y$ at $x_i$. The interval is the bootstrap's percentile interval of that slope, `RESAMPLES`
    draws of whole seeds (a seed's errors at its sizes belong together), widened to the slope itself where that lies outside;
    the same `seed` gives the same interval to the last bit. With the band B = [exponent - tolerance, exponent + tolerance]:

    * ``held`` when the slope lies in B (so the interval does not exclude B);
    * ``candidate`` when the whole interval lies outside B;
    * ``inconclusive`` otherwise (the slope lies outside B, the interval reaches into it), and with fewer than 3 different
      sizes or 2 seeds, or data that are not all positive and finite.

    The rate at these sizes is not the limit's rate, and with few seeds a percentile interval covers less than it says.
    `replicates_axis` is the axis of y that runs over the seeds (1 for y of shape (sizes, seeds)).
    """
    exponent = _real("exponent", exponent, math.isfinite, "finite")
    tolerance = _real("tolerance", tolerance, lambda t: 0 < t < math.inf, "positive and finite, as in 0.2")
    confidence, seed = _share("confidence", confidence), _integer("seed", seed, 0)
    axis, sizes, table = _integer("replicates_axis", replicates_axis, 0, 1), _array("x", x, 1), _array("y", y, 2)
    seeds, columns = (table := table.T if axis else table).shape
    if columns != len(sizes):
        raise BadInput(f"y holds {columns} sizes where x holds {len(sizes)}; give shape (seeds, sizes) or set replicates_axis.")
    import numpy as np

    distinct = len(np.unique(sizes))
    bad = sum(int((~(np.isfinite(a) & (a > 0))).sum()) for a in (sizes, table))
    if distinct < 3 or seeds < 2 or bad:
        given = f"{distinct} different sizes, {seeds} seeds and {bad} numbers that are not positive and finite"
        why = f"No slope is judged from {given}: at least 3, at least 2 and none are wanted."
        return RateVerdict("inconclusive", math.nan, math.nan, math.nan, why)
    log_x, log_y = np.log(sizes), np.log(table)
    i, j = np.triu_indices(len(log_x), 1)
    apart = log_x[i] != log_x[j]
    i, j = i[apart], j[apart]  # of sizes given twice there is no slope

    def theil(rows: NDArray[np.int64]) -> float:
        # scipy's theilslopes gives the same and an interval that nobody asks for, at ten times the cost
        centre = np.median(log_y[rows], axis=0)
        return float(np.median((centre[j] - centre[i]) / (log_x[j] - log_x[i])))

    slope, low, high, interval = _bootstrap(theil, seeds, confidence, seed)
    bottom, top = exponent - tolerance, exponent + tolerance
    if bottom <= slope <= top:
        inside = bottom <= low and high <= top
        verdict, said = "held", "slope and interval lie in it" if inside else "the slope lies in it, not all of the interval"
    elif high < bottom or low > top:
        verdict, said = "candidate", "the whole interval lies outside it, which contradicts it statistically and not exactly"
    else:
        verdict, said = "inconclusive", "the slope lies outside it, but the interval reaches into it: measure more seeds"
    seen = f"Log-log slope {slope:.4g} over {distinct} sizes and {seeds} seeds, {interval}"
    return RateVerdict(verdict, slope, low, high, f"{seen}; claimed is {exponent:g} within {tolerance:g}: {said}.")


def judge_measurement(values: Any, expect: Any, *, confidence: float = 0.95, seed: int = 0) -> MeasurementVerdict:
    """Judge an experiment's `values`, shape (seeds,), against what is expected of them.

    `expect` is a pair (low, high) in which the MEAN must lie (ends included, infinite ends allowed), or a predicate: a
    function of the array that answers True or False, named in the sentence by its docstring's first line or its name.
    For a pair the bootstrap's percentile interval of the mean (`RESAMPLES` draws, widened to the mean where that lies
    outside) decides: inside it is ``reproduced``, all outside on one side ``not-reproduced``, across an end ``inconclusive``.
    A predicate's answer is taken as it is. Fewer than 3 seeds, or values that are not all finite and below `LARGEST`, are
    ``inconclusive``, and no predicate is asked. With few seeds a percentile interval covers less than it says.
    """
    confidence, seed = _share("confidence", confidence), _integer("seed", seed, 0)
    data = _array("values", values, 1)
    wanted, bottom, top = _wanted(expect)
    import numpy as np

    n, nan, interval = len(data), math.nan, ""
    if not (np.abs(data) < LARGEST).all():
        why = f"Nothing is concluded from {n} values that are not all finite and below {LARGEST:g}. Wanted: {wanted}."
        return MeasurementVerdict("inconclusive", nan, nan, nan, nan, nan, n, why)
    mean = median = low = high = nan
    if n:  # clipped: the mean of equal numbers is that number, whatever the rounding of their sum
        least, median, most = float(data.min()), float(np.median(data)), float(data.max())
        mean, low, high, interval = _bootstrap(lambda rows: float(data[rows].mean().clip(least, most)), n, confidence, seed)
    spread = float(data.std(ddof=1)) if n > 1 else nan
    seen = f"{n} values: mean {mean:.6g}, sd {spread:.4g}, median {median:.6g}"
    if n < 3:
        seen += f". Wanted: {wanted}; nothing is concluded from fewer than 3 seeds."
        return MeasurementVerdict("inconclusive", mean, spread, median, nan, nan, n, seen)
    if callable(expect):
        answer = expect(data)
        if not isinstance(answer, (bool, np.bool_)):
            raise BadInput(f"the predicate {wanted!r} returned {answer!r}, but True or False is wanted; end with a comparison.")
        verdict, said = ("reproduced", "that is so") if answer else ("not-reproduced", "that is not so")
    elif bottom <= low and high <= top:
        verdict, said = "reproduced", "the interval lies inside"
    elif high < bottom or low > top:
        verdict, said = "not-reproduced", "the interval lies outside"
    else:
        verdict, said = "inconclusive", "the interval straddles an end: measure more seeds"
    return MeasurementVerdict(verdict, mean, spread, median, low, high, n, f"{seen}, {interval}. Wanted: {wanted}; {said}.")


def _wanted(expect: Any) -> tuple[str, float, float]:
    if callable(expect):
        name = getattr(expect, "__name__", None)  # a partial has none, and its docstring is its class's
        doc = inspect.getdoc(expect) if name else None
        return (doc.splitlines()[0].rstrip(".") if doc else str(name or repr(expect))), -math.inf, math.inf
    if not isinstance(expect, (tuple, list)) or len(expect) != 2:
        raise BadInput(f"got expect={expect!r}, but a pair (low, high) or a predicate of the array is wanted; give one.")
    low = _real("the low end of expect", expect[0], lambda v: v < math.inf, "not NaN and below inf")
    high = _real("the high end of expect", expect[1], lambda v: v >= low, f"at least the low end {low:g}")
    return f"a mean from {low:g} to {high:g}", low, high


def _bootstrap(statistic: Statistic, n: int, confidence: float, seed: int) -> tuple[float, float, float, str]:
    """A statistic of row numbers and its percentile interval, widened to contain it, in numbers and in words."""
    import numpy as np

    generator, estimate = np.random.default_rng(seed), statistic(np.arange(n))
    draws = [statistic(generator.integers(0, n, size=n)) for _ in range(RESAMPLES)]
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = min(float(low), estimate), max(float(high), estimate)
    return estimate, low, high, f"{100 * confidence:g} % bootstrap interval {low:.6g} to {high:.6g}"


def _integer(name: str, value: Any, least: int, most: float = math.inf) -> int:
    if not isinstance(value, Integral) or isinstance(value, bool) or not least <= int(value) <= most:
        raise BadInput(f"got {name}={value!r}, but an integer from {least} to {most} is wanted; give one.")
    return int(value)


def _real(name: str, value: Any, allowed: Callable[[float], bool], wanted: str) -> float:
    number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not ((abs(number) <= 1e308 or abs(number) == math.inf) and allowed(float(number))):
        raise BadInput(f"got {name}={value!r}, but a number is wanted that is {wanted}; give one.")
    return float(number)


def _share(name: str, value: Any) -> float:
    return _real(name, value, lambda v: 0 < v < 1, "strictly between 0 and 1, as in 0.05 or 0.95")


def _array(name: str, value: Any, ndim: int) -> NDArray[np.float64]:
    import numpy as np

    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError):  # ragged, or on another device
        array = np.array(None)
    if array.ndim != ndim or (array.size and array.dtype.kind not in "biuf"):
        got = f"{type(value).__name__} of shape {array.shape} and dtype {array.dtype}"
        raise BadInput(f"got for {name} a {got}, but {ndim} dimensions of real numbers are wanted; give an array on the CPU.")
    return array.astype(np.float64)
