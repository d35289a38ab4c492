"""results.jsonl: one object a line, a line written whole or not at all; and what changed between two of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from proofs_check.errors import BadInput


class ResultsFile:
    """Appends records; each line is one `write` to a file opened for appending, so a killed run leaves whole lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, keep: list[dict[str, Any]]) -> None:
        """Begin with these records only (those a resumed run keeps), replacing the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.path.with_suffix(".jsonl.part")
        fresh.write_text("".join(_line(record) for record in keep), encoding="utf-8")
        os.replace(fresh, self.path)

    def append(self, record: dict[str, Any]) -> None:
        """Add one record as one whole line."""
        with open(self.path, "ab", buffering=0) as file:
            file.write(_line(record).encode())


#: what `differences` compares and `--resume` trusts; a line without these is not a record
_FIELDS = {"id", "verdict", "expected", "agrees", "mutants"}


def _line(record: dict[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def read(path: Path, *, forgive_last: bool = True) -> list[dict[str, Any]]:
    """The records of a results file; an unfinished last line is dropped.

    Raises:
        BadInput: there is no such file, or a line before the last is not a record.
    """
    if not path.is_file():
        raise BadInput(f"there is no results file {str(path)!r}; give the results.jsonl of a run of `proofs-check verify`.")
    records = []
    # a killed run leaves whole lines and at most the beginning of one more; other line separators may stand in strings
    *lines, unfinished = path.read_text(encoding="utf-8", errors="replace").split("\n")
    if unfinished and not (forgive_last and unfinished.startswith("{")):
        lines.append(unfinished)
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            if not (isinstance(record, dict) and record.keys() >= _FIELDS and isinstance(record["mutants"], dict)):
                raise ValueError("not a record")
        except ValueError:
            raise BadInput(
                f"line {number} of {str(path)!r} is not a result of `proofs-check verify`; give an unedited results.jsonl."
            ) from None
        records.append(record)
    return records


def differences(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What changed from one run to another: claims that came or went, verdicts, mutants, best ratios.

    Returns:
        One dict a change: ``id``, ``what`` (one of claim, verdict, mutant, best_ratio), ``before``, ``after``.
    """
    old, new = ({record["id"]: record for record in run} for run in (before, after))
    changes: list[dict[str, Any]] = []
    for id in [*old, *(id for id in new if id not in old)]:
        a, b = old.get(id), new.get(id)
        if a is None or b is None:
            changes.append({"id": id, "what": "claim", "before": a and a["verdict"], "after": b and b["verdict"]})
            continue
        if (a["verdict"], a["expected"]) != (b["verdict"], b["expected"]):
            before_after = (f"{r['verdict']} (expected {r['expected']})" for r in (a, b))
            changes.append({"id": id, "what": "verdict", **dict(zip(("before", "after"), before_after, strict=True))})
        for mutant in dict.fromkeys([*a["mutants"], *b["mutants"]]):
            states = [_mutant_state(r["mutants"], mutant) for r in (a, b)]
            if states[0] != states[1]:
                changes.append({"id": id, "what": f"mutant {mutant!r}", "before": states[0], "after": states[1]})
        if a.get("best_ratio") != b.get("best_ratio"):
            changes.append({"id": id, "what": "best_ratio", "before": a.get("best_ratio"), "after": b.get("best_ratio")})
    return changes


def _mutant_state(mutants: dict[str, bool], name: str) -> str:
    return {True: "killed", False: "survived", None: "absent"}[mutants.get(name)]
