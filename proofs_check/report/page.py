"""From records to the page: order, totals, disagreements first, then one section a claim."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pathlib
import re
import tempfile
from collections.abc import Iterable
from importlib import resources
from typing import Any

from markupsafe import Markup

from proofs_check.report import claims, instance, numbers, plots, verdicts
from proofs_check.report.claims import Claim
from proofs_check.report.instance import Record
from proofs_check.report.mathtext import Typesetter

Glossary = dict[str, list[tuple[str, str, str, str]]]

RISK = "Rests on a statement found false"
LABELS = ["Amends", "Amended by", "Sharpens", "Sharpened by", "Uses", "Used by", RISK]
ATTACKS = ["degenerate", "random", "structured", "ascent", "trials"]


def write_report(records: list[Record], out: pathlib.Path, *, command: str, glossary: Glossary | None = None) -> pathlib.Path:
    """Write `out/index.html` from the records of a run and return its path.

    Args:
        records: one dict a claim, as in `results.jsonl`; partial records and an empty list are allowed. Where
            an id occurs twice (a resumed run), the last record counts.
        out: the folder of the run; created if absent. Witness links are relative to it.
        command: the exact command line of the run, shown for copying.
        glossary: for each paper its symbols as (symbol, code name, shape, meaning).

    Returns:
        The path of the page. The same records give the same bytes, and the file is replaced in one step.
    """
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    text = render(records, command=command, glossary=glossary or {})
    target = out / "index.html"
    handle, name = tempfile.mkstemp(prefix=".index-", suffix=".html", dir=out)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise
    return target


def render(records: list[Record], *, command: str, glossary: Glossary) -> str:
    """The whole page as text."""
    import jinja2

    folder = resources.files("proofs_check.report")
    style, script, template = (
        folder.joinpath(name).read_text(encoding="utf-8") for name in ("style.css", "page.js", "template.html.j2")
    )
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters.update(
        ratio=numbers.ratio,
        seconds=numbers.seconds,
        count=numbers.count,
        plain=instance.plain,
        signs=instance.relation_signs,
        breakable=claims.breakable,
    )
    typeset = Typesetter()
    view = model(records, typeset, glossary)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.from_string(template).render(
        **view,
        command=command,
        style=Markup(style),
        script=Markup(script),
        script_digest=digest,
        glyphs=typeset.glyphs(),
        marks=verdicts.symbols(),
        vocabulary=[*verdicts.VERDICTS.values(), verdicts.UNFINISHED],
        candidate=verdicts.CANDIDATE,
    )


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts `theorem2` before `theorem10`."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def ordered(records: Iterable[Record]) -> list[Record]:
    """One record an id (the last), in the order given, papers kept together.

    The order is the caller's: the registry's follows the paper, which no sorting of ids would.
    """
    latest: dict[str, Record] = {}
    for record in records:
        if isinstance(record, dict):
            latest[str(record.get("id") or json.dumps(record, sort_keys=True, default=repr))] = record
    papers: dict[str, list[Record]] = {}
    for record in latest.values():
        papers.setdefault(claims.paper_of(record), []).append(record)
    return [record for together in papers.values() for record in together]


def model(records: list[Record], typeset: Typesetter, glossary: Glossary) -> dict[str, Any]:
    """Everything the template shows, except the fixed parts of the page."""
    taken: set[str] = set()
    shown = plots.Shown()
    found = []
    for record in ordered(records):
        name = str(record.get("id") or "unnamed")
        paper = claims.paper_of(record)
        symbols = {code: symbol for symbol, code, *_ in glossary.get(paper, [])}
        found.append(claims.build(record, claims.slug(name, taken), typeset, symbols, shown))
    _relate(found)
    papers: dict[str, dict[str, Any]] = {}
    for claim in found:
        entry = papers.setdefault(claim.paper, {"name": claim.paper, "claims": [], "symbols": []})
        entry["claims"].append(claim)
    for index, entry in enumerate(papers.values()):
        entry["anchor"] = f"paper-{index}"
        entry["segments"] = _segments(entry["claims"])
        entry["symbols"] = [
            (typeset.symbol(symbol), code, shape, typeset.prose(meaning))
            for symbol, code, shape, meaning in glossary.get(entry["name"], [])
        ]
    unfinished = [claim for claim in found if claim.unfinished]
    return {
        "claims": found,
        "papers": list(papers.values()),
        "totals": _segments(found),
        "disagreements": [(claim, _complaint(claim)) for claim in found if not claim.green and not claim.unfinished],
        "unfinished": unfinished,
        "falsified": [(claim, _counterexample(claim)) for claim in found if claim.is_false],
        "silent": [claim for claim in found if claim.verdict.word in ("vacuous", "not-reproduced")],
        "candidates": [claim for claim in found if claim.verdict.word == "candidate"],
        "green": bool(found) and all(claim.green for claim in found),
        "summary": _summary(found, len(papers)),
        "power": _power(found),
        "facts": _facts(found),
        "dropped": len(records) - len(found),
    }


def _segments(found: list[Claim]) -> list[dict[str, Any]]:
    """How many claims have each verdict, in the order of the vocabulary."""
    amounts: dict[str, int] = {}
    for claim in found:
        amounts[claim.verdict.word] = amounts.get(claim.verdict.word, 0) + 1
    known = {**verdicts.VERDICTS, verdicts.UNFINISHED.word: verdicts.UNFINISHED}
    return [{"verdict": known[word], "count": amounts[word]} for word in sorted(amounts, key=verdicts.order)]


def _relate(found: list[Claim]) -> None:
    """Links between claims in both directions, and a warning for those that rest on a false statement."""
    by_id = {claim.id: claim for claim in found}
    forward: dict[str, list[str]] = {}
    links: dict[str, dict[str, list[str]]] = {claim.id: {} for claim in found}
    for claim in found:
        for name, label, reverse in (
            ("uses", "Uses", "Used by"),
            ("amends", "Amends", "Amended by"),
            ("sharpens", "Sharpens", "Sharpened by"),
        ):
            value = claim.record.get(name)
            targets = [str(item) for item in (value if isinstance(value, list) else [value] if value else [])]
            if targets:
                links[claim.id][label] = targets
            if name == "uses":
                forward[claim.id] = targets
            for target in targets:
                if target in links:
                    links[target].setdefault(reverse, []).append(claim.id)
    for claim in found:
        reached, queue = set(), list(forward.get(claim.id, []))
        while queue:
            name = queue.pop()
            if name not in reached:
                reached.add(name)
                queue += forward.get(name, [])
        at_risk = [name for name in sorted(reached) if name in by_id and by_id[name].is_false and name != claim.id]
        if at_risk:
            links[claim.id][RISK] = at_risk
        claim.relations = [
            (label, [(name, by_id[name].anchor if name in by_id else "") for name in names])
            for label in LABELS
            if (names := links[claim.id].get(label))
        ]


def _complaint(claim: Claim) -> list[str]:
    """Why a claim is not green, one sentence each."""
    parts = []
    if claim.error:
        parts.append(claims.sentence(f"The check stopped with an error: {claim.error}" if not claim.raw else claim.error))
    elif not claim.agrees:
        parts.append(f"The audit expects {claim.expected}; this run observed {claim.verdict.word}.")
    parts.extend(
        f"The mutant “{mutant.name}” survived: the checks would not have noticed this mistake." for mutant in claim.survivors
    )
    return parts or ["The record says that its verdict does not agree."]


def _counterexample(claim: Claim) -> str:
    """The counterexample of a false statement with its numbers, in one sentence."""
    witness = claim.record.get("witness")
    if not isinstance(witness, dict):
        return "The record holds no counterexample."
    inputs = witness.get("inputs")
    start = f"At {numbers.assignments(inputs)}: " if isinstance(inputs, dict) and inputs else ""
    end = instance.broken(claim.record, witness)
    return start + (end[:1].lower() + end[1:] if start and end.startswith(("The ", "It ")) else end)


def _summary(found: list[Claim], papers: int) -> str:
    """The run in one plain sentence."""
    if not found:
        return "The run left no records, so nothing is known yet."
    finished = [claim for claim in found if not claim.unfinished]
    agree = sum(claim.agrees for claim in finished)
    text = f"{numbers.plural(len(found), 'claim')} from {numbers.plural(papers, 'paper')}: "
    if agree == len(finished) == len(found):
        text += "every verdict is the expected one"
    else:
        other = len(finished) - agree
        text += f"{agree:,} {'agrees' if agree == 1 else 'agree'} with the expected verdict, "
        text += f"{other:,} {'does' if other == 1 else 'do'} not"
    if len(finished) < len(found):
        text += f", {len(found) - len(finished):,} did not finish"
    mutants = [mutant for claim in found for mutant in claim.mutants]
    if mutants:
        killed = sum(mutant.killed is True for mutant in mutants)
        text += f"; {killed:,} of {numbers.plural(len(mutants), 'mutant')} (deliberately wrong variants) "
        text += "was caught" if killed == 1 else "were caught"
    return text + "."


def _power(found: list[Claim]) -> dict[str, Any]:
    """The mutant by attack table: which attack caught each deliberately wrong variant."""
    pairs = [(claim, mutant) for claim in found for mutant in claim.mutants]
    names = {name for _, mutant in pairs for name in mutant.attacks}
    attacks = [name for name in ATTACKS if name in names] + sorted(names - set(ATTACKS))
    return {
        "attacks": attacks,
        "rows": sorted(pairs, key=lambda pair: pair[1].killed is True),
        "caught": {name: sum(mutant.attacks.get(name, (False, ""))[0] for _, mutant in pairs) for name in attacks},
        "killed": sum(mutant.killed is True for _, mutant in pairs),
        "survived": sum(mutant.killed is False for _, mutant in pairs),
        "untried": sum(mutant.killed is None for _, mutant in pairs),
        "total": len(pairs),
    }


def _facts(found: list[Claim]) -> list[tuple[str, str]]:
    """Where and how the run was made; a run resumed elsewhere shows every value it met."""
    gathered: dict[str, dict[str, None]] = {}
    for claim in found:
        values = {name: claim.record.get(name) for name in ("budget", "seed")}
        environment = claim.record.get("environment")
        for name, value in {**values, **(environment if isinstance(environment, dict) else {})}.items():
            if value is not None:
                gathered.setdefault(str(name), {})[str(value)] = None
    facts = [(name, ", ".join(sorted(seen, key=natural))) for name, seen in gathered.items()]
    total = sum(claim.seconds for claim in found if numbers.is_number(claim.seconds))
    if found:
        facts.append(("time, summed over claims", numbers.seconds(total)))
        facts.append(("instances evaluated", f"{sum(claim.instances for claim in found):,}"))
    return facts
