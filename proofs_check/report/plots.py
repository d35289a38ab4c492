"""The curves and tables of an experiment, drawn from its record: matplotlib's SVG for curves, rows of cells for tables.

A curve with several seeds is drawn as their mean with a band of one standard deviation; the paper's own numbers are
hollow diamonds on a dashed line. Text stays text and follows the page's ink, so dark mode and print work.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import re
import statistics
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from proofs_check.report.instance import Record, as_dict, as_list

_INK = "#010203"  # replaced by currentColor
_COLOURS = ("#3b6fb6", "#c4622d", "#4c8c4a", "#8a5aa8", "#b0892c", "#5f6b73", "#b04a6f", "#2f8f8f")
_MARKERS = "os^vPXdh"
LEGEND_COLUMNS = 3
#: inches that a legend has, that one of its entries takes, and each letter of it
LEGEND_WIDTH, LEGEND_ENTRY, LEGEND_LETTER = 4.6, 0.34, 0.064
#: a logarithmic axis whose ends are closer than this has more ticks than powers of ten
FEW_DECADES = 30
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.alpha": 0.18,
    "legend.frameon": False,
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"), _INK),
}


@dataclass(frozen=True)
class Plot:
    """A drawn figure with its title and its note."""

    title: str
    svg: Markup
    note: str


@dataclass(frozen=True)
class Grid:
    """A table ready for the page."""

    title: str
    columns: list[str]
    rows: list[tuple[str, list[str]]]
    note: str


class Shown:
    """Which claim of a page shows a figure or a table: claims about one experiment have them in common."""

    def __init__(self) -> None:
        self._by: dict[str, tuple[str, str]] = {}

    def first(self, record: Record, name: str, anchor: str) -> tuple[Record, list[tuple[str, str]]]:
        """The record with those of its figures and tables that no earlier claim shows, and (name, anchor) of those that do."""
        items = as_list(record.get("figures"))
        owners = [self._by.setdefault(json.dumps(item, sort_keys=True, default=repr), (name, anchor)) for item in items]
        own = [item for item, owner in zip(items, owners, strict=True) if owner == (name, anchor)]
        return {**record, "figures": own}, list(dict.fromkeys(owner for owner in owners if owner != (name, anchor)))


def plots_of(record: Record) -> list[Plot]:
    """The record's figures, drawn."""
    shown = [as_dict(item) for item in as_list(record.get("figures"))]
    return [
        Plot(str(one["figure"]), _drawn(one, f"p{number}-{record.get('id')}"), str(one.get("note") or ""))
        for number, one in enumerate(shown)
        if "figure" in one
    ]


def tables_of(record: Record) -> list[Grid]:
    """The record's tables, their cells as text."""
    shown = [as_dict(item) for item in as_list(record.get("figures"))]
    return [
        Grid(
            str(one["table"]),
            [str(c) for c in as_list(one.get("columns"))],
            [(str(name), [cell(c) for c in cells]) for name, cells in as_list(one.get("rows"))],
            str(one.get("note") or ""),
        )
        for one in shown
        if "table" in one
    ]


def cell(value: Any) -> str:
    """A word, a number, or "mean ± spread" over seeds."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        known = [v for v in value if v is not None]
        if not known:
            return "–"
        mean = statistics.fmean(known)
        if len(known) == 1:
            return short(mean)
        return f"{short(mean)} ± {short(statistics.stdev(known))}"
    return "–" if value is None else short(value)


def short(value: float) -> str:
    """Four significant digits."""
    return f"{value:.4g}".replace("-", "−")


def _drawn(one: Record, salt: str) -> Markup:
    import matplotlib

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": salt}):
        from matplotlib.figure import Figure

        # fixed margins: a layout engine would draw everything twice; the legend stands above, where it hides nothing
        labels = [str(series.get("label") or "") for series in as_list(one.get("series"))]
        columns = _columns([len(label) for label in labels])
        legend = -(-len(labels) // columns) if len(labels) > 1 else 0
        height = 3.3 + 0.2 * legend
        figure = Figure(figsize=(5.4, height))
        top = 1 - (0.1 + 0.2 * legend) / height
        axes = figure.subplots(gridspec_kw={"left": 0.15, "right": 0.98, "bottom": 0.5 / height, "top": top})
        words = _words(one)
        for number, series in enumerate(as_list(one.get("series"))):
            _curve(axes, series, _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)], words)
        axes.set_xlabel(str(one.get("x") or ""))
        axes.set_ylabel(str(one.get("y") or ""))
        if words:
            axes.set_xticks(range(len(words)), words)
        elif one.get("log_x"):
            axes.set_xscale("log")
        if one.get("log_y"):
            axes.set_yscale("log")
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                _decades(axis)
        if legend:
            axes.legend(
                fontsize=8.5, ncols=columns, loc="lower left", bbox_to_anchor=(-0.02, 1.0), borderaxespad=0.1,
                handlelength=1.5, columnspacing=1.2, labelspacing=0.3,
            )  # fmt: skip
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg class="plot" role="img" viewBox="\1">', svg, count=1)
    # ids are shared by all figures of a page, so each figure's get a prefix of their own
    prefix = re.sub(r"[^A-Za-z0-9]", "-", salt)
    svg = re.sub(r'\bid="', f'id="{prefix}-', svg)
    svg = re.sub(r'(href="|url\()#', rf"\1#{prefix}-", svg)
    return Markup(svg)


def _columns(lengths: list[int]) -> int:
    """Into how many columns labels of these lengths go, filled from the left, the first ones longer by one where need be."""
    for count in range(min(LEGEND_COLUMNS, len(lengths)), 1, -1):
        each, longer = divmod(len(lengths), count)
        ends = [each * k + min(k, longer) for k in range(count + 1)]
        widest = [max(lengths[i:j]) for i, j in itertools.pairwise(ends)]
        if sum(LEGEND_ENTRY + LEGEND_LETTER * letters for letters in widest) <= LEGEND_WIDTH:
            return count
    return 1


def _decades(axis: Any) -> None:
    """Ticks of a logarithmic axis: powers of ten, and 2 and 5 times them where there are few."""
    from matplotlib.ticker import LogLocator

    low, high = axis.get_view_interval()
    few = high < FEW_DECADES * low
    axis.set_major_formatter(lambda value, _: power_of_ten(value))
    if few:
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
    axis.set_minor_formatter(lambda value, _: f"{value:g}" if few else "")


def power_of_ten(value: float) -> str:
    """A tick of a logarithmic axis: 0.01, 100, and 10 with an exponent beyond."""
    exponent = round(math.log10(value))
    if abs(exponent) <= 3:
        return f"{value:g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _words(one: Record) -> list[str]:
    """The positions along the axis when they are words, in order of appearance."""
    found = [x for series in as_list(one.get("series")) for x in as_list(as_dict(series).get("x"))]
    return list(dict.fromkeys(x for x in found if isinstance(x, str)))


def _curve(axes: Any, series: Record, colour: str, marker: str, words: list[str]) -> None:
    x = [words.index(v) if isinstance(v, str) else v for v in as_list(series.get("x"))]
    rows = [[math.nan if v is None else v for v in row] for row in as_list(series.get("y"))]
    mean, low, high = [], [], []
    for column in zip(*rows, strict=True):
        known = [v for v in column if not math.isnan(v)]
        centre = statistics.fmean(known) if known else math.nan
        spread = statistics.stdev(known) if len(known) > 1 else 0.0
        mean.append(centre)
        low.append(centre - spread)
        high.append(centre + spread)
    label = str(series.get("label") or "")
    if series.get("printed"):
        axes.plot(x, mean, color=colour, linestyle="--", marker="D", markerfacecolor="none", linewidth=1.1, label=label)
        return
    if series.get("dots"):
        axes.plot(x, mean, color=colour, marker=marker, markersize=3, linestyle="none", alpha=0.7, label=label)
        return
    axes.plot(x, mean, color=colour, marker=marker, markersize=4, linewidth=1.4, label=label)
    if len(rows) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
