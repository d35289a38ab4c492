"""The two figures of a claim, as small hand-made SVGs.

The margin figure answers "how loose is it, and which search came closest?": one row of bars per attack over
a common ratio axis, with the threshold 1 drawn in each row. The chain figure answers "where does the proof
lose?": one row per link, from its median ratio to its best. Colours come from the style sheet, so that both
follow dark mode and print; text is text, so that it stays searchable.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from proofs_check.report import numbers

WIDTH = 400
LEFT = 42
RIGHT = 14
ROW = 58
BARS = 34
LINK_ROW = 40
EQUAL = 1 - 1e-9
#: ratios to a zero side are recorded as the largest float; an axis ends where a margin still fits beside it
LARGEST = 1.3e308


@dataclass(frozen=True)
class Axis:
    """A horizontal axis: where a value stands, and which values carry a tick."""

    place: Callable[[float], float]
    ticks: list[tuple[float, str]]
    label: str
    kind: str


def _steps(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round values spread over an interval, in steps of 1, 2 or 5 times a power of ten."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / wanted
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    exponents = range(math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9) + 1)
    stride = max(1, math.ceil(len(exponents) / 6))
    return [10.0**exponent for exponent in exponents if exponent % stride == 0]


def _tick(value: float) -> str:
    """A tick's label; powers of ten beyond five digits as powers."""
    exponent = round(math.log10(value)) if value > 0 else 0
    if abs(exponent) > 4 and math.isclose(value, 10.0**exponent):
        return "10" + str(exponent).translate(numbers.SUPERSCRIPT)
    return numbers.number(value)


def axis(low: float, high: float, what: str, distance: str) -> Axis:
    """The axis that shows `low`..`high` and 1: linear, logarithmic, or linear up to 1 and logarithmic above.

    A spread far below rounding of the labels (equalities that hold to 1e-12) is labelled by its distance from
    1, called `distance`.
    """
    low, high = max(min(low, 1.0), -LARGEST), min(max(high, 1.0), LARGEST)
    left, right = float(LEFT), float(WIDTH - RIGHT)
    if high - low < 1e-4:
        span = max(high - low, 1e-13)
        low, high = low - 0.05 * span, high + 0.05 * span
        ticks = [(1.0 + gap, "0" if gap == 0 else numbers.number(gap)) for gap in _steps(low - 1, high - 1, 3)]
        return Axis(_scale(low, high, left, right, lambda x: x), ticks, distance, "close")
    if low > 0 and high / low > 50:
        low, high = low / 1.3, high * 1.3
        return Axis(
            _scale(low, high, left, right, math.log10),
            [(tick, _tick(tick)) for tick in _decades(low, high)],
            f"{what} (log scale)",
            "log",
        )
    if high > 5:
        low, high = low - 0.05 * (1 - low), high * 1.3

        def bend(x: float) -> float:
            return x if x <= 1 else 1 + math.log10(x)

        marks = [tick for tick in _steps(low, 1.0, 2) if tick < 1] + _decades(1.0, high)
        return Axis(
            _scale(low, high, left, right, bend),
            [(tick, _tick(tick)) for tick in marks],
            f"{what} (linear up to 1, log scale above)",
            "bent",
        )
    pad = 0.04 * (high - low)
    low, high = low - pad, high + pad
    return Axis(
        _scale(low, high, left, right, lambda x: x),
        [(tick, numbers.number(round(tick, 9))) for tick in _steps(low, high)],
        what,
        "linear",
    )


def _scale(low: float, high: float, left: float, right: float, bend: Callable[[float], float]) -> Callable[[float], float]:
    start, end = bend(low), bend(high)

    def place(value: float) -> float:
        value = min(max(value, low), high)
        return left + (bend(value) - start) / (end - start) * (right - left)

    return place


@dataclass
class Bars:
    """The finite, non-empty bins of one row, and what the row is called."""

    name: str
    bins: list[tuple[float, float, int]]
    outside: int
    instances: int
    violations: int
    best: float | None

    @property
    def equalities(self) -> bool:
        """Whether a bin starts at 1 though nothing was violated: those instances are equal up to rounding."""
        return not self.violations and any(left >= EQUAL for left, _, _ in self.bins)


def bars_of(name: str, evidence: Sequence[dict[str, Any]]) -> Bars | None:
    """One row from the histograms of one attack; bins without finite edges are counted, not drawn."""
    summed: dict[tuple[float, float], int] = {}
    outside = 0
    for item in evidence:
        histogram = item.get("histogram") or {}
        edges, counts = histogram.get("edges") or [], histogram.get("counts") or []
        for left, right, amount in zip(edges, edges[1:], counts, strict=False):
            if not numbers.is_number(amount) or amount <= 0:
                continue
            if all(numbers.is_number(edge) and math.isfinite(edge) for edge in (left, right)) and left <= right:
                summed[left, right] = summed.get((left, right), 0) + int(amount)
            else:
                outside += int(amount)
    if not summed and not outside:
        return None
    best = [item["best_ratio"] for item in evidence if numbers.is_number(item.get("best_ratio"))]
    return Bars(
        name,
        sorted((*edges, amount) for edges, amount in summed.items()),
        outside,
        sum(int(item.get("instances") or 0) for item in evidence),
        sum(int(item.get("violations") or 0) for item in evidence),
        max((value for value in best if math.isfinite(value)), default=None),
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    place = "" if anchor == "start" else f' text-anchor="{anchor}"'
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}{place}>{escape(text)}</text>'


def _frame(axis: Axis, spans: list[tuple[float, float]], bottom: float) -> list[str]:
    """Ticks, the threshold line at 1, and the axis label."""
    parts = [f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{bottom:.1f}" y2="{bottom:.1f}"/>']
    last = -math.inf
    for value, label in axis.ticks:
        x = axis.place(value)
        if x - last < 7 * len(label) + 8:
            continue
        last = x
        parts.append(f'<line class="rule" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{bottom + 4:.1f}"/>')
        parts.append(_text(x, bottom + 16, label, "tick", "middle"))
    one = axis.place(1.0)
    parts.extend(f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{start:.1f}" y2="{end:.1f}"/>' for start, end in spans)
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom + 33, axis.label, "label", "middle"))
    return parts


def _name(text: str) -> str:
    """A row's name without mark-up, short enough for the figure."""
    text = text.replace("$", "").replace("<=", "≤").replace(">=", "≥")
    return text if len(text) <= 48 else text[:47] + "…"


def _svg(height: float, name: str, parts: list[str]) -> Markup:
    return Markup('<svg class="figure" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, f"{height:.0f}", name, Markup("".join(parts))
    )


def _threshold(axis: Axis, equality: bool) -> list[str]:
    """The words beside the line at 1, on the side where there is room."""
    one = axis.place(1.0)
    words = "equality" if not equality else "0 = equal" if axis.kind == "close" else "1 = equal"
    if WIDTH - RIGHT - one > 150:
        return [_text(one + 5, 10, words if equality else f"{words}; violated →", "threshold")]
    return [_text(one + 4, 10, words, "threshold", "end" if one > WIDTH - 90 else "start")]


def margin(rows: list[Bars], *, equality: bool = False) -> Markup:
    """Histograms of the ratio, one row per attack; empty where no row has a bin to draw."""
    rows = [row for row in rows if row.bins]
    if not rows:
        return Markup("")
    ends = [
        edge
        for row in rows
        for left, right, _ in row.bins
        if equality or row.violations or left < EQUAL  # without a violation, a bin that starts at 1 is equality
        for edge in (left, right)
    ] or [1.0]
    x = axis(
        min(ends),
        max(ends),
        "1 + relative difference" if equality else "ratio left / right",
        "relative difference" if equality else "ratio left / right, minus 1",
    )
    most = max(amount for row in rows for *_, amount in row.bins)
    full = math.log10(most) + 0.35
    top, bottom = 14.0, 14.0 + ROW * len(rows)
    parts = _threshold(x, equality)
    decades = [decade for decade in range(12) if 10**decade <= most]
    decades = decades[:: max(1, math.ceil(len(decades) / 3))]
    for index, row in enumerate(rows):
        base = top + ROW * (index + 1)
        found = f"{numbers.plural(row.instances, 'instance')}"
        if row.violations:
            found += f", {numbers.count(row.violations)} violating"
        parts.append(_text(LEFT, base - BARS - 6, _name(row.name), "row"))
        parts.append(_text(WIDTH - RIGHT, base - BARS - 6, found, "tick", "end"))
        for decade in decades:
            y = base - (decade + 0.35) / full * BARS
            parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(
                _text(
                    LEFT - 5,
                    y + 3.5,
                    numbers.number(10**decade) if decade < 4 else f"10{str(decade).translate(numbers.SUPERSCRIPT)}",
                    "tick",
                    "end",
                )
            )
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base:.1f}" y2="{base:.1f}"/>')
        bars = {False: "", True: ""}
        for left, right, amount in row.bins:
            start, end = x.place(left), x.place(right)
            if not equality and not row.violations and left >= EQUAL:
                start, end = x.place(1.0) - 2, x.place(1.0) + 2
            height = (math.log10(amount) + 0.35) / full * BARS
            beyond = row.violations > 0 and not equality and left >= 1
            width = max(end - start - 0.4, 1.6)
            bars[beyond] += f"M{start:.1f} {base:.0f}v-{height:.1f}h{width:.1f}v{height:.1f}z"
        for beyond, outline in bars.items():
            if outline:
                parts.append(f'<path class="col{" beyond" if beyond else ""}" d="{outline}"/>')
    spans = [(top + ROW * index - BARS - 2, top + ROW * index) for index in range(1, len(rows) + 1)]
    parts += _frame(x, spans, bottom)
    middle = (top + bottom) / 2
    parts.append(
        f'<text class="label" text-anchor="middle" transform="translate(9 {middle:.1f}) rotate(-90)">'
        f"{'instances (log)' if len(rows) > 1 else 'count (log)'}</text>"
    )
    return _svg(bottom + 40, f"Histograms of the ratio for {numbers.plural(len(rows), 'attack')}", parts)


@dataclass(frozen=True)
class Link:
    """One step of a chain over all evidence: its best ratio and the medians seen by each search."""

    name: str
    best: float | None
    medians: tuple[float, ...]

    @property
    def median(self) -> float | None:
        """The middle one of the medians, so that one odd search does not decide the picture."""
        return statistics.median(self.medians) if self.medians else None


def links_of(evidence: Sequence[dict[str, Any]]) -> list[Link]:
    """The links of a chain in their order of first appearance."""
    best: dict[str, list[float]] = {}
    medians: dict[str, list[float]] = {}
    for item in evidence:
        for link in item.get("links") or []:
            name = str(link.get("name", "unnamed link"))
            for store, key in ((best, "best_ratio"), (medians, "median_ratio")):
                value = link.get(key)
                store.setdefault(name, [])
                if numbers.is_number(value) and math.isfinite(value):
                    store[name].append(float(value))
    return [Link(name, max(values, default=None), tuple(medians[name])) for name, values in best.items()]


def chain(links: list[Link]) -> Markup:
    """Each link as a line from its median ratio (ring) to its best (diamond): far left of 1 a proof loses."""
    drawn = [link for link in links if link.best is not None or link.medians]
    if not drawn:
        return Markup("")
    values = [value for link in drawn for value in (*link.medians, link.best) if value is not None]
    x = axis(min(values), max(values), "ratio of neighbouring terms", "ratio of neighbouring terms, minus 1")
    top, bottom = 16.0, 16.0 + LINK_ROW * len(drawn)
    parts = _threshold(x, equality=False)
    for index, link in enumerate(drawn):
        base = top + LINK_ROW * index
        y = base + 27
        parts.append(_text(LEFT, base + 14, _name(link.name), "row"))
        ends = [x.place(value) for value in (link.median, link.best) if value is not None]
        parts.append(f'<line class="span" x1="{min(ends):.1f}" x2="{max(ends):.1f}" y1="{y}" y2="{y}"/>')
        parts.extend(f'<circle class="ring small" cx="{x.place(value):.1f}" cy="{y}" r="2"/>' for value in link.medians)
        if link.median is not None:
            parts.append(f'<circle class="ring" cx="{x.place(link.median):.1f}" cy="{y}" r="4.5"/>')
        if link.best is not None:
            at = x.place(link.best)
            kind = "diamond beyond" if link.best > 1 + 1e-9 else "diamond"
            parts.append(f'<path class="{kind}" transform="translate({at:.1f} {y})" d="M-5 0L0-5L5 0L0 5Z"/>')
    spans = [(top + LINK_ROW * index + 18, top + LINK_ROW * index + 36) for index in range(len(drawn))]
    parts += _frame(x, spans, bottom)
    return _svg(bottom + 40, "Median and best ratio of each link of the chain", parts)
