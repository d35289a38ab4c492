"""A result as the JSON that other programs read: one line of results.jsonl, and the witness file."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from proofs_check.attacks import EDGES, Evidence, Found
from proofs_check.claim import Claim
from proofs_check.conclude import Confirmed
from proofs_check.evaluate import predicate_name
from proofs_check.verdict import MutantResult, Result, side

SCHEMA = 1


def to_record(result: Result, *, seed: int, budget: str, environment: dict[str, Any]) -> dict[str, Any]:
    """The JSON object of one claim, as written to results.jsonl."""
    c = result.claim
    return {
        "schema": SCHEMA,
        "id": c.id,
        "paper": c.paper,
        "kind": _kind(result),
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
        "witness": _witness(result),
        "equality": _equality(result),
        "statistics": {"kind": result.judged.kind, **result.judged.numbers} if result.judged else None,
        "figures": result.judged.shown if result.judged else [],
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
    """The content of witness/<id>.json: a violation, or else an instance of equality; None when there is neither.

    A confirmed one carries the straight-line program of its exact run, from which `proofs-check replay` judges it again.
    """
    confirmed = result.conclusion.refuted or next(iter(result.conclusion.attained), None)
    found = result.witness
    if confirmed is not None:
        exact = confirmed.exact
        about = {
            "setting": confirmed.setting,
            "dims": confirmed.simple.landscape.sizes,
            "inputs": exact.arguments,
            "coordinates": _strings(exact.coordinates),
            "shows": "violation" if result.conclusion.refuted else "equality",
            "link": confirmed.link,
            "links": [
                {"name": name, "status": pair.status, "lhs": side(pair, "lhs"), "rhs": side(pair, "rhs"), "margin": pair.margin}
                for name, pair in zip(exact.links, exact.confirmation.pairs, strict=False)
            ],
            "bits": exact.confirmation.bits,
            "confirmed": True,
            "program": exact.confirmation.program,
        }
        return {"schema": SCHEMA, "id": result.claim.id, "constants": _constants(result.claim), **about}
    if found is not None and result.verdict == "candidate":
        return _in_float64(result.claim, found, "violation", result.conclusion.unconfirmed)
    return None


def best_file(claim: Claim, found: Found) -> dict[str, Any]:
    """A best instance that violates nothing, in the form of a witness file."""
    return _in_float64(claim, found, "best ratio", "it violates nothing")


def _in_float64(claim: Claim, found: Found, shows: str, why: str) -> dict[str, Any]:
    """An instance whose inputs are the rationals that its floats are, judged in float64 only."""
    return {
        "schema": SCHEMA,
        "id": claim.id,
        "constants": _constants(claim),
        "setting": found.setting,
        "dims": found.sizes,
        "inputs": {name: _strings(value.tolist()) for name, value in found.inputs.items()},
        "shows": shows,
        "link": found.link,
        "lhs": found.lhs,
        "rhs": found.rhs,
        "confirmed": False,
        "why": why,
    }


def _witness(result: Result) -> dict[str, Any] | None:
    refuted, found = result.conclusion.refuted, result.witness
    file = f"witness/{result.claim.id}.json"
    if refuted is not None:
        return {**_confirmed(refuted), "file": file, "attack": found.attack if found else None}
    if found is not None and result.verdict == "candidate":
        return {**_found(found), "file": file, "confirmed": False}
    return None


def _equality(result: Result) -> list[dict[str, Any]]:
    """The instances of equality; the first one has the witness file."""
    found = [_confirmed(confirmed) for confirmed in result.conclusion.attained]
    if found:
        found[0]["file"] = f"witness/{result.claim.id}.json"
    return found


def _confirmed(confirmed: Confirmed) -> dict[str, Any]:
    """An exactly confirmed instance: rationals as "p/q", what is irrational as floats."""
    values, terms = confirmed.simple.evaluated()
    number = confirmed.exact.links.index(confirmed.link)
    pair = confirmed.exact.confirmation.pairs[number]
    inputs = {name: confirmed.exact.arguments.get(name, value) for name, value in values.items()}
    return {
        "setting": confirmed.setting,
        "dims": confirmed.simple.landscape.sizes,
        "inputs": inputs,
        "terms": terms,
        "link": confirmed.link,
        "lhs": side(pair, "lhs"),
        "rhs": side(pair, "rhs"),
        "ratio": 1.0 if pair.status == "equal" else confirmed.simple.ratio(),
        "bits": pair.bits,
        "confirmed": True,
    }


def _kind(result: Result) -> str:
    if result.judged:
        return result.judged.kind
    links = next((e.links for e in result.evidence if e.links), [])
    if links and all(link["op"] == "==" for link in links):
        return "eq"
    return "chain" if len(links) > 1 else "leq"


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
        "histogram": {"edges": EDGES.tolist(), "counts": e.counts} if e.counts else None,
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
        "attacks": {attack: {"killed": killed, "instances": count} for attack, (killed, count) in m.attacks.items()},
        "attack": w.attack if w else None,
        "setting": w.setting if w else None,
        "instances": sum(count for _, count in m.attacks.values()),
        "inputs": {name: value.tolist() for name, value in w.inputs.items()} if w else None,
        "lhs": w.lhs if w else None,
        "rhs": w.rhs if w else None,
        "error": m.error,
    }


def _constants(claim: Claim) -> dict[str, str]:
    """The constants as "p/q" strings, decimals as they were written; what is no number as its text."""
    return {k: str(Fraction(str(v))) if _is_number(v) else repr(v) for k, v in claim.constants.items()}


def _is_number(value: Any) -> bool:
    """A finite number: JSON and rationals know no others."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _strings(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _strings(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_strings(v) for v in value]
    return str(Fraction(value))
