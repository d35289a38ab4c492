"""From what the attacks found to what is certain: shrink and confirm a violation, or confirm that equality is attained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from proofs_check.attacks import Evidence
from proofs_check.attacks._examiner import KEEP
from proofs_check.claim import Claim, Setting
from proofs_check.confirm import Exact, confirm_point
from proofs_check.instances import Place
from proofs_check.rounding import FLOOR
from proofs_check.shrink import Simple, as_found, simplest

#: shrunk instances that are tried in exact arithmetic, for each setting
TRIES = 6
#: the best ratio from which equality is looked for
NEAR = 1 - 1e-9


@dataclass(frozen=True)
class Confirmed:
    """A rational instance and what exact arithmetic says of it."""

    simple: Simple
    exact: Exact
    link: str
    setting: str


@dataclass(frozen=True)
class Conclusion:
    """What exact arithmetic adds to the evidence.

    Attributes:
        refuted: a violation with its sides separated.
        attained: for every link that is attained, an instance of equality.
        links: how many links the relation has.
        unconfirmed: why a float64 violation was not confirmed; "" when there was none, or it was.
        contradicted: exact arithmetic ran and decided that the instances do not violate the claim.
    """

    refuted: Confirmed | None = None
    attained: list[Confirmed] = field(default_factory=list)
    links: int = 0
    unconfirmed: str = ""
    contradicted: bool = False

    @property
    def tight(self) -> bool:
        """Whether every link is attained."""
        return self.links > 0 and len(self.attained) == self.links


def conclude(claim: Claim, evidence: list[Evidence], place: Place) -> Conclusion:
    """Confirm a violation if there is one, else equality if the best ratios reach 1."""
    if any(e.witness for e in evidence):
        return _refute(claim, evidence, place)
    return _attain(claim, evidence, place)


def _refute(claim: Claim, evidence: list[Evidence], place: Place) -> Conclusion:
    bar = KEEP * max(e.witness.margin for e in evidence if e.witness)
    reasons: list[str] = []
    decided = True
    for setting, found in _violated(claim, evidence, bar):
        sizes = found.witness.sizes if found.witness else {}
        tries: Iterator[Simple] = islice(simplest(claim, setting, place, bar, sizes), TRIES)
        for simple in [*tries, *as_found(claim, setting, place, found, bar)]:
            exact = confirm_point(simple.landscape, simple.c, simple.discrete)
            if exact.violated:
                return Conclusion(refuted=Confirmed(simple, exact, exact.links[exact.violated[0]], setting.name))
            decided = decided and bool(exact.status) and "undecided" not in exact.status
            reasons.append(exact.why or "exact arithmetic finds that the statement holds there")
    if not reasons:
        reasons, decided = ["no chart reaches the violating instances"], False
    return Conclusion(unconfirmed=reasons[0], contradicted=decided)


def _violated(claim: Claim, evidence: list[Evidence], bar: float) -> list[tuple[Setting, Evidence]]:
    """The settings with a violation of at least the bar, the declared one first, each with its first such evidence."""
    found = []
    for setting in claim.settings:
        here = [e for e in evidence if e.setting == setting.name and e.witness and e.witness.margin >= bar]
        if here:
            found.append((setting, here[0]))
    return found


def _attain(claim: Claim, evidence: list[Evidence], place: Place) -> Conclusion:
    """Look for equality on every link; identities are left alone, since all their instances are instances of equality."""
    setting = claim.settings[0]
    here = [e for e in evidence if e.setting == setting.name and e.best]
    names = next((tuple(link["name"] for link in e.links) for e in here), ())
    if not names or any(link["op"] == "==" for e in here for link in e.links):
        return Conclusion()
    attained: list[Confirmed] = []
    for number, name in enumerate(names):
        if max(link["best_ratio"] for e in here for link in e.links if link["name"] == name) < NEAR:
            return Conclusion(attained=attained, links=len(names))
        confirmed = _equality(claim, setting, place, number, name, here)
        if confirmed is None:
            return Conclusion(attained=attained, links=len(names))
        attained.append(confirmed)
    return Conclusion(attained=attained, links=len(names))


def _equality(
    claim: Claim, setting: Setting, place: Place, number: int, name: str, evidence: list[Evidence]
) -> Confirmed | None:
    sizes = max((e.best.sizes for e in evidence if e.best), key=lambda s: sum(s.values()), default={})
    for simple in islice(simplest(claim, setting, place, -FLOOR, sizes, link=number, equality=True), TRIES):
        exact = confirm_point(simple.landscape, simple.c, simple.discrete)
        if number in exact.attained:
            return Confirmed(simple, exact, name, setting.name)
    return None
