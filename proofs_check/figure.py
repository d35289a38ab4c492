"""What an experiment shows beside its verdict: curves and tables, ours beside the paper's printed numbers.

    measurement(
        value, expect=(0.8, 1.2),
        show=[Figure("Kendall tau over training", "steps", "tau", [Series("ours", steps, taus), printed("the paper", ps, pt)])],
    )

Our values keep their seeds (first dimension of `y`), so that the report can draw the spread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proofs_check.errors import ClaimFault


@dataclass(frozen=True)
class Series:
    """One curve of a figure.

    Attributes:
        label: what the legend says.
        x: positions along the axis, numbers or words, one a point.
        y: values, shape (seeds, points), or (points,) for a curve without spread (theory, or a paper's numbers).
        printed: whether these are the paper's own numbers.
        dots: whether to draw the points alone, without a line between them.
    """

    label: str
    x: Any
    y: Any
    printed: bool = field(default=False, kw_only=True)
    dots: bool = field(default=False, kw_only=True)

    def record(self) -> dict[str, Any]:
        """The JSON of the curve: y always a list of rows, one a seed."""
        x = [v if isinstance(v, str) else float(v) for v in _listed(self.x)]
        y = _listed(self.y)
        rows = y if y and isinstance(y[0], list) else [y]
        if not x or any(len(row) != len(x) for row in rows):
            raise ClaimFault(
                f"the series {self.label!r} has {len(x)} positions but rows of {sorted({len(r) for r in rows})} values; "
                "give y the shape (seeds, points) or (points,) with one point for every x."
            )
        values = [[_finite(v) for v in row] for row in rows]
        return {"label": self.label, "x": x, "y": values, "printed": self.printed, "dots": self.dots}


def printed(label: str, x: Any, y: Any) -> Series:
    """The paper's own numbers."""
    return Series(label, x, y, printed=True)


@dataclass(frozen=True)
class Figure:
    """Curves over a common axis; the first dimension of every y is the seed."""

    title: str
    x: str
    y: str
    series: Sequence[Series]
    log_x: bool = field(default=False, kw_only=True)
    log_y: bool = field(default=False, kw_only=True)
    note: str = field(default="", kw_only=True)

    def record(self) -> dict[str, Any]:
        """The JSON of the figure."""
        return {
            "figure": self.title, "x": self.x, "y": self.y, "log_x": self.log_x, "log_y": self.log_y, "note": self.note,
            "series": [one.record() for one in self.series],
        }  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Named rows of cells; a cell is a word, a number, or one number a seed (shown as mean and spread)."""

    title: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Any]]]
    note: str = field(default="", kw_only=True)

    def record(self) -> dict[str, Any]:
        """The JSON of the table: a cell of several seeds is a list."""
        rows = []
        for name, cells in self.rows:
            if len(cells) != len(self.columns):
                raise ClaimFault(
                    f"row {name!r} of the table {self.title!r} has {len(cells)} cells for {len(self.columns)} columns; "
                    "give one each."
                )
            rows.append([name, [_cell(cell) for cell in cells]])
        return {"table": self.title, "columns": list(self.columns), "rows": rows, "note": self.note}


def _cell(cell: Any) -> Any:
    if isinstance(cell, str):
        return cell
    found = _listed(cell)
    return [_finite(v) for v in found] if isinstance(found, list) else _finite(found)


def _listed(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else list(value) if isinstance(value, (list, tuple, range)) else value


def _finite(value: Any) -> float | None:
    return float(value) if value is not None and math.isfinite(float(value)) else None
