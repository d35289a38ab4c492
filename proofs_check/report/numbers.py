"""Numbers and arrays as a reader wants them: exact where exact, never rounded into another statement.

Two rules decide everything here. A float is shown as a fraction only where it equals that fraction exactly,
since 0.333… printed as 1/3 would claim more than the run knows. And rounding must not change what a number
says about the theorem: a ratio just below 1 is not printed as 1, and two sides that differ get enough
digits to differ.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from markupsafe import Markup, escape

LARGEST_DENOMINATOR = 64
LARGEST_NUMERATOR = 999
VECTOR_SHOWN = 10
MATRIX_SHOWN = 8
TEXT_SHOWN = 400

_RATIONAL = re.compile(r"-?\d+(/\d+)?\Z")
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def is_number(value: Any) -> bool:
    """Whether `value` is a real number; booleans are answers, not numbers."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def simple_fraction(value: float) -> Fraction | None:
    """The fraction that `value` equals exactly, if it is short enough to read at a glance, otherwise None."""
    if not is_number(value) or not math.isfinite(value):
        return None
    fraction = Fraction(value)
    if fraction.denominator <= LARGEST_DENOMINATOR and abs(fraction.numerator) <= LARGEST_NUMERATOR:
        return fraction
    return None


def number(value: Any, digits: int = 6) -> str:
    """A number as plain text: `1/2`, `1,234`, `0.123457`, `1.2×10⁻⁵`, `∞`, `not a number`."""
    if not is_number(value):
        return "–" if value is None else str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−") if abs(value) < 10**15 else _scientific(float_of(value), digits)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    fraction = simple_fraction(value)
    if fraction is not None:
        return str(fraction).replace("-", "−")
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace("-", "−")
    if 1e-4 <= abs(value) < 1e6:
        places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
        text = f"{value:,.{places}f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")
    return _scientific(value, digits)


def float_of(value: int) -> float:
    """An integer as a float; integers beyond the float range become infinite rather than raise."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _scientific(value: float, digits: int) -> str:
    if math.isinf(value):
        return number(value)
    mantissa, exponent = f"{value:.{max(digits - 3, 1)}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}×10{str(int(exponent)).translate(SUPERSCRIPT)}".replace("-", "−")


def ratio(value: Any) -> str:
    """A ratio against its threshold 1: values near 1 keep their distance visible (`1 − 2×10⁻⁸`)."""
    if not is_number(value) or not math.isfinite(value) or value == 1:
        return number(value)
    gap = value - 1
    if abs(gap) < 1e-4:
        return f"1 {'+' if gap > 0 else '−'} {_scientific(abs(gap), 4)}"
    return number(value, digits=5)


def pair(left: Any, right: Any) -> tuple[str, str]:
    """Two sides of a relation with enough digits to tell them apart whenever they differ."""
    for digits in range(6, 18):
        texts = number(left, digits), number(right, digits)
        if texts[0] != texts[1] or left == right:
            return texts
    return repr(left), repr(right)


def seconds(value: Any) -> str:
    """A duration: `0.12 s`, `4.1 s`, `2 min 3 s`, `1 h 5 min`."""
    if not is_number(value) or not math.isfinite(value):
        return "–"
    if value < 9.95:
        return f"{value:.2f} s" if value < 1 else f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def count(value: Any) -> str:
    """A number of things, or a dash where it was not recorded."""
    return number(int(value)) if is_number(value) and math.isfinite(value) else "–"


def plural(amount: int, noun: str, many: str | None = None) -> str:
    """`1 claim`, `2 claims`."""
    return f"{amount:,} {noun if amount == 1 else many or noun + 's'}"


def shape(value: Any) -> tuple[int, ...]:
    """The sizes of a nested list, following its first entries; `()` for anything that is not a list."""
    sizes: list[int] = []
    while isinstance(value, list | tuple):
        sizes.append(len(value))
        value = value[0] if value else None
    return tuple(sizes)


def sizes(value: Any) -> str:
    """The sizes in words for captions: `length 5`, `12 × 12`, or nothing for a scalar."""
    dims = shape(value)
    if not dims:
        return ""
    return f"length {dims[0]}" if len(dims) == 1 else " × ".join(str(size) for size in dims)


def entry(value: Any, digits: int = 6) -> Markup:
    """One scalar as HTML; the full value stays available as a tooltip where the text is rounded."""
    if isinstance(value, bool):
        return Markup("true" if value else "false")
    if value is None:
        return Markup("–")
    if is_number(value):
        text = number(value, digits)
        exact = repr(value)
        plain = text.replace("−", "-").replace(",", "")
        shown = plain if "/" in plain else exact
        if shown == exact and _reads_back(plain, value):
            return escape(text)
        return escape(text) if "/" in plain else Markup('<span title="{}">{}</span>').format(exact, text)
    text = str(value)
    if _RATIONAL.match(text):
        return _rational(text)
    if len(text) > TEXT_SHOWN:
        text = f"{text[:TEXT_SHOWN]}… ({len(text):,} characters)"
    return Markup("<code>{}</code>").format(text)


def _reads_back(text: str, value: float) -> bool:
    try:
        return float(text) == value
    except (ValueError, OverflowError):
        return False


def _rational(text: str) -> Markup:
    """An exact rational of a witness; a long one shows its decimals and its size, with itself as tooltip."""
    shown = text.replace("-", "−")
    if len(text) <= 24:
        return escape(shown)
    top, _, bottom = text.partition("/")
    try:
        approximate = number(int(top) / int(bottom or 1))
    except (OverflowError, ZeroDivisionError, ValueError):
        approximate = "a long rational"
    return Markup('<span title="{}">≈ {} <small>(exact, {} digits)</small></span>').format(
        text if len(text) <= 2000 else text[:2000] + "…",
        approximate,
        len(text) - text.count("/") - text.count("-"),
    )


def block(value: Any) -> Markup:
    """A value laid out to be read: scalars as text, arrays as bracketed tables, cut if large."""
    if isinstance(value, dict):
        rows = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(key, block(item)) for key, item in value.items())
        return Markup('<dl class="pairs">{}</dl>').format(rows)
    if not isinstance(value, list | tuple):
        return entry(value)
    dims = shape(value)
    if 0 in dims:
        return Markup('<span class="quiet">empty ({})</span>').format(sizes(value))
    if len(dims) > 2:
        first = value
        for _ in dims[:-2]:
            first = first[0]
        note = Markup('<p class="size">{} array; its first {} slice is shown</p>').format(
            sizes(value), " × ".join(str(size) for size in dims[-2:])
        )
        return _table(first) + note
    return _table(value)


def _cut(items: list[Any], limit: int) -> tuple[list[Any], bool]:
    """The first entries and the last one, with None where entries were left out."""
    if len(items) <= limit:
        return list(items), False
    return [*items[: limit - 2], _GAP, items[-1]], True


_GAP = object()


def _table(value: list[Any] | tuple[Any, ...]) -> Markup:
    is_matrix = all(isinstance(row, list | tuple) for row in value)
    rows = list(value) if is_matrix else [list(value)]
    limit = MATRIX_SHOWN if is_matrix else VECTOR_SHOWN
    shown, cut = _cut(rows, MATRIX_SHOWN) if is_matrix else (rows, False)
    lines = []
    for row in shown:
        cells = [_GAP] * min(len(rows[0]), limit) if row is _GAP else row
        cells, short = _cut(cells, limit)
        cut = cut or short
        lines.append(
            Markup("<tr>{}</tr>").format(
                Markup("").join(Markup("<td>{}</td>").format(_cell(cell, across=row is not _GAP)) for cell in cells)
            )
        )
    name = "matrix" if is_matrix else "vector"
    html = Markup('<table class="matrix" aria-label="{} of {}"><tbody>{}</tbody></table>').format(
        name, sizes(value), Markup("").join(lines)
    )
    if cut:
        html += Markup('<p class="size">{}, cut to its first entries and the last</p>').format(sizes(value))
    return html


def _cell(cell: Any, across: bool) -> Markup:
    if cell is _GAP:
        return Markup("⋯" if across else "⋮")
    return Markup("<code>{}</code>").format(inline(cell)) if isinstance(cell, list | dict) else entry(cell, digits=5)


def inline(value: Any) -> str:
    """A value inside a sentence: scalars in full, short vectors and small matrices in brackets, or a size."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        dims = shape(value)
        if 0 in dims:
            return "()"
        if len(dims) == 1 and dims[0] <= 8:
            return "(" + ", ".join(inline(item) for item in value) + ")"
        if len(dims) == 2 and max(dims) <= 3:
            return "[" + "; ".join(", ".join(inline(item) for item in row) for row in value) + "]"
        return f"an array of size {sizes(value)}" if len(dims) > 1 else f"a vector of length {dims[0]}"
    if isinstance(value, dict):
        return assignments(value)
    if isinstance(value, str):
        return value if len(value) <= 60 else value[:59] + "…"
    return number(value)


def assignments(values: dict[str, Any], limit: int = 8) -> str:
    """`n = 1, lam = (1), t = 0`: the inputs of an instance inside a sentence."""
    parts = [f"{name} = {inline(value)}" for name, value in list(values.items())[:limit]]
    if len(values) > limit:
        parts.append(f"and {len(values) - limit} more")
    return ", ".join(parts)
