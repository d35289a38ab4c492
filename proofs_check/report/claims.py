"""One record of `results.jsonl` as one section of the page.

A record may be partial: an interrupted run, an older schema, a claim that failed before its first attack.
Every field is therefore read with a default, and a record that still cannot be laid out is shown as its raw
JSON rather than costing the reader the rest of the page.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from proofs_check.report import figures, instance, numbers, plots, verdicts
from proofs_check.report.instance import Record, as_dict, as_list, plain, relation_signs
from proofs_check.report.mathtext import Typesetter

KINDS = {
    "leq": "inequality",
    "eq": "equality",
    "chain": "chain of inequalities",
    "all": "several relations at once",
}
_RESERVED = re.compile(r"(page|g|mark|paper)-")


def slug(text: str, taken: set[str]) -> str:
    """An anchor for an id: its own letters where they are safe in an address, and never one that is taken."""
    base = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-") or "claim"
    if _RESERVED.match(base):
        base = f"claim-{base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    taken.add(name)
    return name


@dataclass(frozen=True)
class Mutant:
    """A deliberately wrong variant of a claim: did any attack refute it, and which instance did."""

    name: str
    killed: bool | None
    change: str = ""
    attack: str = ""
    setting: str = ""
    instances: str = ""
    inputs: str = ""
    sides: str = ""
    #: by attack: whether it refuted the mutant, and after how many instances
    attacks: dict[str, tuple[bool, str]] = field(default_factory=dict)


@dataclass
class Claim:
    """What the template shows of one record."""

    record: Record
    id: str
    anchor: str
    paper: str
    title: Markup
    verdict: verdicts.Verdict
    expected: str
    agrees: bool
    conclusion: Markup
    mutants: list[Mutant]
    ratio: Any
    seconds: Any
    instances: int
    command: str
    error: str = ""
    kind: str = ""
    source: Markup = Markup("")
    reading: Markup = Markup("")
    statement: Markup = Markup("")
    sections: list[tuple[str, Markup]] = field(default_factory=list)
    assumptions: list[Markup] = field(default_factory=list)
    constants: str = ""
    domains: list[tuple[str, list[tuple[str, Markup, Markup]]]] = field(default_factory=list)
    evidence: list[Record] = field(default_factory=list)
    checked: str = ""
    margin: Markup = Markup("")
    margin_note: str = ""
    curves: list[plots.Plot] = field(default_factory=list)
    #: (id, anchor) of the claims that show what this one has in common with them
    elsewhere: list[tuple[str, str]] = field(default_factory=list)
    tables: list[plots.Grid] = field(default_factory=list)
    links: list[tuple[figures.Link, Markup]] = field(default_factory=list)
    chain: Markup = Markup("")
    chain_note: str = ""
    witness: instance.Instance | None = None
    equalities: list[instance.Instance] = field(default_factory=list)
    closest: instance.Instance | None = None
    relations: list[tuple[str, list[tuple[str, str]]]] = field(default_factory=list)
    raw: str = ""

    @property
    def is_false(self) -> bool:
        """Found false, whether confirmed exactly or not yet."""
        return self.verdict.word in verdicts.FALSE_WORDS

    @property
    def unfinished(self) -> bool:
        """Whether the run ended before this claim had a verdict."""
        return self.verdict is verdicts.UNFINISHED

    @property
    def survivors(self) -> list[Mutant]:
        """Mutants that were tried and not refuted: mistakes that this run could not have noticed."""
        return [mutant for mutant in self.mutants if mutant.killed is False]

    @property
    def killed(self) -> int:
        """How many mutants were refuted."""
        return sum(mutant.killed is True for mutant in self.mutants)

    @property
    def green(self) -> bool:
        """Green means: the verdict is the expected one, and no mutant survived."""
        return self.agrees and not self.survivors and not self.unfinished


def breakable(text: Any) -> Markup:
    """An id that may break after its dots and underscores, for narrow columns."""
    return Markup("<wbr>").join(re.findall(r"[^._]*[._]?", str(text)))


def paper_of(record: Record) -> str:
    """The paper of a record; a claim of a researcher's own file may name none."""
    return str(record.get("paper") or str(record.get("id") or "unnamed").split(".")[0])


def build(record: Record, anchor: str, typeset: Typesetter, symbols: dict[str, Any], shown: plots.Shown) -> Claim:
    """The section of one record; a record that cannot be laid out becomes a section with its raw content."""
    claim = _head(record, anchor, typeset)
    try:
        _fill(claim, typeset, symbols, shown)
    except Exception as failure:  # a malformed record must not cost the reader the other claims
        claim.agrees = False
        claim.error = (
            f"This record could not be laid out ({type(failure).__name__}: {failure}). Its raw content is shown instead."
        )
        claim.raw = json.dumps(record, indent=1, ensure_ascii=False, default=repr)[:20_000]
    return claim


def _head(record: Record, anchor: str, typeset: Typesetter) -> Claim:
    """What every list on the page needs of a claim."""
    name = str(record.get("id") or "unnamed")
    verdict = verdicts.lookup(record.get("verdict"))
    expected = str(record.get("expected") or "held")
    agrees = record.get("agrees")
    if agrees is None:
        agrees = verdicts.satisfies(verdict.word, expected)
    command = f"proofs-check verify {shlex.quote(name)}"
    for option in ("seed", "budget"):
        if record.get(option) is not None:
            command += f" --{option} {shlex.quote(str(record[option]))}"
    reason = str(record.get("reason") or "").strip() or verdict.meaning
    evidence = [item for item in as_list(record.get("evidence")) if isinstance(item, dict)]
    return Claim(
        record=record,
        id=name,
        anchor=anchor,
        paper=paper_of(record),
        title=typeset.prose(record.get("title") or name),
        verdict=verdict,
        expected=expected,
        agrees=agrees is True and verdict is not verdicts.UNFINISHED,
        conclusion=typeset.prose(relation_signs(sentence(reason))),
        mutants=mutants_of(record),
        ratio=record.get("best_ratio"),
        seconds=record.get("seconds"),
        instances=sum(item["instances"] for item in evidence if isinstance(item.get("instances"), int)),
        error=str(record.get("error") or ""),
        command=command,
        evidence=evidence,
    )


def sentence(text: str) -> str:
    """The text with a capital letter and a full stop, so that it can stand among others."""
    text = capital(text)
    return text if not text or text[-1] in ".!?" else text + "."


def capital(text: str) -> str:
    """The text with a capital first letter."""
    text = text.strip()
    return text[:1].upper() + text[1:]


def mutants_of(record: Record) -> list[Mutant]:
    """The mutants of a record with what is known of the instance that refuted each."""
    mutants, details = as_dict(record.get("mutants")), as_dict(record.get("mutant_evidence"))
    found = []
    for name in [*mutants, *(name for name in details if name not in mutants)]:
        detail = as_dict(details.get(name))
        killed = mutants.get(name, detail.get("killed"))
        sides = ""
        if detail.get("lhs") is not None and detail.get("rhs") is not None:
            left, right = numbers.pair(detail["lhs"], detail["rhs"])
            sides = f"{left} {_sign(record, detail['lhs'], detail['rhs'])} {right}"
        inputs = detail.get("inputs")
        found.append(
            Mutant(
                str(name),
                killed if isinstance(killed, bool) else None,
                str(detail.get("change") or ""),
                str(detail.get("attack") or ""),
                str(detail.get("setting") or ""),
                numbers.count(detail.get("instances")),
                numbers.assignments(inputs) if isinstance(inputs, dict) else "",
                sides,
                _by_attack(detail, killed is True),
            )
        )
    return found


def _by_attack(detail: Record, killed: bool) -> dict[str, tuple[bool, str]]:
    """What every attack did to a mutant; an older record names only the one that killed it."""
    told = {str(k): as_dict(v) for k, v in as_dict(detail.get("attacks")).items()}
    if not told and killed and detail.get("attack"):
        told = {str(detail["attack"]): {"killed": True, "instances": detail.get("instances")}}
    return {name: (one.get("killed") is True, numbers.count(one.get("instances"))) for name, one in told.items()}


def _sign(record: Record, left: Any, right: Any) -> str:
    if not (numbers.is_number(left) and numbers.is_number(right)):
        return "against"
    if record.get("kind") == "eq":
        return "=" if left == right else "≠"
    return ">" if left > right else "=" if left == right else "<"


def _fill(claim: Claim, typeset: Typesetter, symbols: dict[str, Any], shown: plots.Shown) -> None:
    record, evidence = claim.record, claim.evidence
    claim.kind = KINDS.get(str(record.get("kind")), str(record.get("kind") or ""))
    claim.source = typeset.prose(record.get("source"))
    claim.reading = typeset.prose(relation_signs(record.get("reading") or ""))
    claim.statement = typeset.blocks(record.get("statement"))
    claim.sections = [(str(name), typeset.blocks(capital(str(text)))) for name, text in as_list(record.get("sections"))]
    claim.assumptions = [typeset.prose(relation_signs(text)) for text in as_list(record.get("assumes"))]
    claim.constants = numbers.assignments(as_dict(record.get("constants")), limit=20)
    claim.domains = _domains(record, typeset, symbols)
    equality = record.get("kind") == "eq"
    groups: dict[str, list[Record]] = {}
    for item in evidence:
        groups.setdefault(str(item.get("attack") or "unnamed attack"), []).append(item)
    rows = [row for name, items in groups.items() if (row := figures.bars_of(name, items))]
    claim.margin = figures.margin(rows, equality=equality)
    claim.margin_note = _margin_note(rows, equality)
    claim.checked = _checked(claim, groups)
    own, claim.elsewhere = shown.first(record, claim.id, claim.anchor)
    claim.curves, claim.tables = plots.plots_of(own), plots.tables_of(own)
    links = figures.links_of(evidence)
    claim.links = [(link, typeset.prose(relation_signs(link.name))) for link in links]
    claim.chain = figures.chain(links)
    claim.chain_note = _chain_note(links)
    witness = record.get("witness")
    if isinstance(witness, dict):
        claim.witness = instance.counterexample(record, witness, typeset)
    else:
        claim.closest = instance.closest(record, evidence, typeset)
    attained = [item for item in as_list(record.get("equality")) if isinstance(item, dict)]
    claim.equalities = [instance.equality(item, typeset) for item in attained]


def _domains(
    record: Record, typeset: Typesetter, symbols: dict[str, Any]
) -> list[tuple[str, list[tuple[str, Markup, Markup]]]]:
    """Each argument with its domain, setting by setting; what all settings share is said once."""
    settings = {str(name): as_dict(value) for name, value in as_dict(record.get("settings")).items() if value}
    if len(settings) < 2:
        settings = {"": next(iter(settings.values()), as_dict(record.get("arguments")))}
    first = next(iter(settings.values()))
    shared = {
        name: text
        for name, text in first.items()
        if len(settings) > 1 and all(other.get(name) == text for other in settings.values())
    }
    groups = {"in every setting": shared} if shared else {}
    for setting, arguments in settings.items():
        groups[setting] = {name: text for name, text in arguments.items() if name not in shared}
    return [
        (
            setting,
            [
                (
                    str(name),
                    typeset.symbol(symbols[name]) if name in symbols else Markup(""),
                    typeset.prose(text),
                )
                for name, text in arguments.items()
            ],
        )
        for setting, arguments in groups.items()
        if arguments
    ]


def _margin_note(rows: list[figures.Bars], equality: bool) -> str:
    outside = sum(row.outside for row in rows)
    note = (
        "How far the two sides were apart, per attack. At difference 0 they are equal."
        if equality
        else "How close the left side came to the right, per attack. At 1 both sides are equal; far left "
        "of 1 the bound is loose; right of 1 it is violated."
    )
    if not equality and any(row.equalities for row in rows):
        note += " The narrow bar at 1 counts equalities."
    return note + (f" Outside the plotted range: {numbers.plural(outside, 'instance')}." if outside else "")


def _checked(claim: Claim, groups: dict[str, list[Record]]) -> str:
    if not claim.evidence:
        return "No attack was run on this claim."
    admissible = [item["admissible"] for item in claim.evidence if isinstance(item.get("admissible"), int)]
    violations = sum(item["violations"] for item in claim.evidence if isinstance(item.get("violations"), int))
    text = f"{numbers.plural(claim.instances, 'instance')} from {numbers.plural(len(groups), 'attack')}"
    if admissible:
        text += f"; {sum(admissible):,} met every assumption"
    text += f"; {violations:,} violated the statement" if violations else "; none violated the statement"
    if numbers.is_number(claim.ratio):
        text += f"; largest ratio {numbers.ratio(claim.ratio)}"
    return text + "."


def _chain_note(links: list[figures.Link]) -> str:
    known = [link for link in links if link.median]  # a median of 0 belongs to steps such as 0 <= x
    if len(known) < 2:
        return ""
    loosest = min(known, key=lambda link: link.median if link.median is not None else 1.0)
    if loosest.median is not None and loosest.median > 0.999:
        return "On a typical instance no step loses anything."
    return (
        f"The step that loses most on a typical instance is {relation_signs(plain(loosest.name))}: its left "
        f"side is {numbers.ratio(loosest.median)} of its right side in the median."
    )
