"""An instance laid out in full: the counterexample of a false statement, or the closest one that was met."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from proofs_check.report import numbers
from proofs_check.report.mathtext import Typesetter

Record = dict[str, Any]

_SAFE_FILE = re.compile(r"[A-Za-z0-9_][\w.\-]*(/[\w][\w.\-]*)*\Z")


@dataclass
class Instance:
    """An instance laid out in full: the counterexample, or the closest one that was met."""

    inputs: list[tuple[str, str, Markup]]
    terms: list[tuple[Markup, Markup]]
    sentence: str
    origin: str
    file: str = ""
    replay: str = ""


def relation_signs(text: Any) -> str:
    """Names such as `A <= B` with the sign a reader expects."""
    return str(text).replace("<=", "≤").replace(">=", "≥").replace("!=", "≠")


def plain(text: Any) -> str:
    """Prose without its mark-up, for tooltips and sorting."""
    return re.sub(r"[$`]|\*\*", "", str(text))


def as_list(value: Any) -> list[Any]:
    """The value as a list, whatever a partial record holds in its place."""
    return list(value) if isinstance(value, list | tuple) else [] if value is None else [value]


def as_dict(value: Any) -> dict[str, Any]:
    """The value if it is a dict, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def _laid_out(values: Any) -> list[tuple[str, str, Markup]]:
    return [(str(name), numbers.sizes(value), numbers.block(value)) for name, value in as_dict(values).items()]


def _terms(items: Any, typeset: Typesetter) -> list[tuple[Markup, Markup]]:
    terms = [item for item in as_list(items) if isinstance(item, dict)]
    return [(typeset.prose(relation_signs(item.get("name", "unnamed"))), numbers.block(item.get("value"))) for item in terms]


def _origin(item: Record) -> str:
    parts = [str(item["attack"])] if item.get("attack") else []
    parts += [str(item["setting"])] if item.get("setting") else []
    dims = as_dict(item.get("dims"))
    parts += [numbers.assignments(dims)] if dims else []
    return "; ".join(parts)


def broken(record: Record, witness: Record) -> str:
    """What the counterexample breaks, in one sentence: both sides with enough digits to tell them apart."""
    left, right = witness.get("lhs"), witness.get("rhs")
    if left is None or right is None:
        return ""
    texts = numbers.pair(left, right)
    link = relation_signs(plain(witness["link"])) if witness.get("link") else ""
    if record.get("kind") == "eq":
        text = (
            f"The two sides of {link} are {texts[0]} and {texts[1]}"
            if link
            else (f"The two sides are {texts[0]} and {texts[1]}")
        )
    else:
        text = f"It claims {link}, but " if link else "The left side should not exceed the right, but "
        text += f"the left side is {texts[0]} and the right side {texts[1]}"
    if numbers.is_number(witness.get("ratio")):
        text += f" (ratio {numbers.ratio(witness['ratio'])})"
    return text + "."


def safe_file(name: Any) -> str:
    """A relative path inside the report's folder, or nothing: a record must not place other links."""
    return name if isinstance(name, str) and _SAFE_FILE.match(name) and ".." not in name else ""


def counterexample(record: Record, witness: Record, typeset: Typesetter) -> Instance:
    """The counterexample of a record, with its file and the command that checks it again."""
    file = safe_file(witness.get("file"))
    return Instance(
        _laid_out(witness.get("inputs")),
        _terms(witness.get("terms"), typeset),
        broken(record, witness),
        _origin(witness),
        file,
        f"proofs-check replay {file}" if file else "",
    )


def equality(item: Record, typeset: Typesetter) -> Instance:
    """An exactly confirmed instance of equality, with the command that checks it again where it has a file."""
    file = safe_file(item.get("file"))
    link = str(item.get("link", "")).replace("<=", "=")
    return Instance(
        _laid_out(item.get("inputs")),
        _terms(item.get("terms"), typeset),
        f"Equality, in exact arithmetic: {link}, both sides {numbers.number(item.get('lhs'))}.",
        _origin({key: item.get(key) for key in ("dims", "setting")}),
        file,
        f"proofs-check replay {file}" if file else "",
    )


def closest(record: Record, evidence: Iterable[Record], typeset: Typesetter) -> Instance | None:
    """The instance with the largest ratio over all attacks, if any attack kept one."""
    known = [item for item in evidence if isinstance(item.get("best"), dict)]
    if not known:
        return None

    def closeness(item: Record) -> float:
        value = item["best"].get("ratio", item.get("best_ratio"))
        return float(value) if numbers.is_number(value) and value == value else -1e308

    item = max(known, key=closeness)
    best = item["best"]
    text = f"Ratio {numbers.ratio(best.get('ratio', item.get('best_ratio')))}"
    if record.get("kind") == "eq":
        text += ": the largest difference of the two sides that was met."
    else:
        text += ": the instance that came closest to breaking the statement."
    return Instance(
        _laid_out(best.get("inputs")),
        _terms(best.get("terms"), typeset),
        text,
        _origin({"dims": best.get("dims"), **{key: item.get(key) for key in ("attack", "setting")}}),
    )
