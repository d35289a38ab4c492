"""From evidence to a verdict, and from a verdict to one line of results.jsonl.

Observed and expected are kept apart. *Green* means that they agree and that every mutant died.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from proofs_check.attacks import EDGES, Evidence, Found
from proofs_check.claim import Claim
from proofs_check.evaluate import predicate_name

SCHEMA = 1

#: which observed verdicts satisfy an expected one
SATISFIES = {
    "held": ("held", "tight", "proved"),
    "tight": ("tight", "proved"),
    "proved": ("proved",),
    # until exact confirmation exists, a float64 violation that stands is a candidate, and the report says so
    "refuted": ("refuted", "candidate"),
    "reproduced": ("reproduced",),
    "not-reproduced": ("not-reproduced",),
    "vacuous": ("vacuous",),
}


@dataclass
class MutantResult:
    """Whether the attacks refuted one planted mutant, and how."""

    killed: bool
    change: str
    witness: Found | None = None
    instances: int = 0
    error: str | None = None


@dataclass
class Result:
    """Everything a run found out about one claim."""

    claim: Claim
    evidence: list[Evidence] = field(default_factory=list)
    mutants: dict[str, MutantResult] = field(default_factory=dict)
    error: str | None = None
    seconds: float = 0.0

    @property
    def witness(self) -> Found | None:
        """The simplest violation among those that keep half of the best margin."""
        found = [e.witness for e in self.evidence if e.witness]
        top = max((w.margin for w in found), default=0.0)
        return min((w for w in found if w.margin >= top / 2), key=Found.weight, default=None)

    @property
    def verdict(self) -> str:
        """The observed verdict."""
        if self.error:
            return "error"
        if self.witness:
            return "candidate"
        return "held" if any(e.admissible for e in self.evidence) else "vacuous"

    @property
    def agrees(self) -> bool:
        """Whether the observed verdict satisfies the expected one."""
        return self.verdict in SATISFIES[self.claim.expect]

    @property
    def best_ratio(self) -> float | None:
        """The largest ratio over all evidence."""
        return max((e.best.ratio for e in self.evidence if e.best), default=None)

    def __str__(self) -> str:
        """The verdict, the evidence and the mutants in a few lines."""
        rows = [f"{self.claim.id}: {self.verdict} (expected {self.claim.expect})", self.reason()]
        for e in self.evidence:
            ratio = f"best ratio {e.best.ratio:.6g}" if e.best else "no ratio"
            rows.append(f"  {e.attack} on {e.setting}: {e.admissible:,} of {e.instances:,} instances, {ratio}")
        rows += [f"  mutant {name!r} ({m.change}): {'killed' if m.killed else 'SURVIVED'}" for name, m in self.mutants.items()]
        return "\n".join(rows)

    def reason(self) -> str:
        """The verdict in one plain sentence."""
        met = sum(e.admissible for e in self.evidence)
        if self.error:
            return self.error
        if (w := self.witness) is not None:
            sizes = ", ".join(f"{name} = {value}" for name, value in w.sizes.items())
            return (
                f"Violated in float64 beyond rounding{f' at {sizes}' if sizes else ''}: {w.link} fails with {w.lhs:.6g} "
                f"against {w.rhs:.6g}. Not yet confirmed in exact arithmetic."
            )
        if self.verdict == "vacuous":
            return f"No instance met the assumptions, out of {sum(e.instances for e in self.evidence):,} tried."
        ratio = f"; best ratio {self.best_ratio:.6g}" if self.best_ratio is not None else ""
        return f"No violation on {met:,} instances that meet the assumptions{ratio}."


def is_green(record: dict[str, Any]) -> bool:
    """Whether a record of results.jsonl agrees with its audit and lost no mutant."""
    return bool(record["agrees"]) and all(record["mutants"].values())


def to_record(result: Result, *, seed: int, budget: str, environment: dict[str, Any]) -> dict[str, Any]:
    """The JSON object of one claim, as written to results.jsonl."""
    c, witness = result.claim, result.witness
    kinds = {len(e.links) for e in result.evidence if e.links}
    return {
        "schema": SCHEMA,
        "id": c.id,
        "paper": c.paper,
        "kind": _kind(result, kinds),
        "title": c.title,
        "expected": c.expect,
        "verdict": result.verdict,
        "agrees": result.agrees,
        "reason": result.reason(),
        "statement": c.statement,
        "sections": [list(section) for section in c.sections],
        "source": c.source,
        "reading": c.reading,
        "uses": list(c.uses),
        "amends": c.amends,
        "sharpens": c.sharpens,
        "arguments": {name: domain.describe() for name, domain in c.settings[0].arguments.items()},
        "settings": {s.name: {name: d.describe() for name, d in s.arguments.items()} for s in c.settings},
        "assumes": [predicate_name(p) for p in c.assumes],
        "constants": {
            name: value if isinstance(value, str) or _is_number(value) else repr(value) for name, value in c.constants.items()
        },
        "evidence": [_evidence(e, seed) for e in result.evidence],
        "best_ratio": result.best_ratio,
        "witness": {**_found(witness), "file": f"witness/{c.id}.json", "confirmed": False} if witness else None,
        "mutants": {name: m.killed for name, m in result.mutants.items()},
        "mutant_evidence": {name: _mutant(m) for name, m in result.mutants.items()},
        "seed": seed,
        "budget": budget,
        "seconds": round(result.seconds, 3),
        "environment": environment,
        "fingerprint": c.fingerprint(),
        "error": result.error,
    }


def witness_file(result: Result) -> dict[str, Any] | None:
    """The content of witness/<id>.json: the inputs as exact rationals (every float64 is one)."""
    w = result.witness
    if w is None:
        return None
    return {
        "schema": SCHEMA,
        "id": result.claim.id,
        "setting": w.setting,
        "dims": w.sizes,
        "inputs": {name: _rationals(value.tolist()) for name, value in w.inputs.items()},
        "constants": {k: _rationals(v) if _is_number(v) else repr(v) for k, v in result.claim.constants.items()},
        "link": w.link,
        "lhs": w.lhs,
        "rhs": w.rhs,
        "confirmed": False,
    }


def _kind(result: Result, kinds: set[int]) -> str:
    links = [link["name"] for e in result.evidence for link in e.links[:1]]
    if links and " == " in links[0]:
        return "eq"
    return "chain" if kinds and max(kinds) > 1 else "leq"


def _evidence(e: Evidence, seed: int) -> dict[str, Any]:
    return {
        "attack": e.attack,
        "setting": e.setting,
        "instances": e.instances,
        "admissible": e.admissible,
        "probed": e.probed,
        "violations": e.violations,
        "best_ratio": e.best.ratio if e.best else None,
        "best": _found(e.best) if e.best else None,
        "links": e.links,
        "histogram": {"edges": EDGES.tolist(), "counts": e.counts},
        "seconds": round(e.seconds, 4),
        "seed": seed,
        "device": e.device,
    }


def _found(f: Found) -> dict[str, Any]:
    return {
        "attack": f.attack,
        "setting": f.setting,
        "dims": f.sizes,
        "inputs": {name: value.tolist() for name, value in f.inputs.items()},
        "terms": [{"name": name, "value": value} for name, value in f.terms],
        "link": f.link,
        "lhs": f.lhs,
        "rhs": f.rhs,
        "ratio": f.ratio,
    }


def _mutant(m: MutantResult) -> dict[str, Any]:
    w = m.witness
    return {
        "killed": m.killed,
        "change": m.change,
        "attack": w.attack if w else None,
        "setting": w.setting if w else None,
        "instances": m.instances,
        "inputs": {name: value.tolist() for name, value in w.inputs.items()} if w else None,
        "lhs": w.lhs if w else None,
        "rhs": w.rhs if w else None,
        "error": m.error,
    }


def _is_number(value: Any) -> bool:
    """A finite number: JSON and rationals know no others."""
    return isinstance(value, (int, float)) and math.isfinite(value)


def _rationals(value: Any) -> Any:
    if isinstance(value, list):
        return [_rationals(v) for v in value]
    return str(Fraction(value))
