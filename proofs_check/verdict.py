"""From evidence to a verdict.

Observed and expected are kept apart. *Green* means that they agree and that every mutant died.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from proofs_check.attacks import Evidence, Found
from proofs_check.claim import Claim
from proofs_check.conclude import Conclusion
from proofs_check.trials import Judged

if TYPE_CHECKING:
    from proofs_check.exact.pairs import PairResult

#: which observed verdicts satisfy an expected one
SATISFIES = {
    "held": ("held", "tight", "proved"),
    "tight": ("tight", "proved"),
    "proved": ("proved",),
    "refuted": ("refuted",),
    "reproduced": ("reproduced",),
    "not-reproduced": ("not-reproduced",),
    "vacuous": ("vacuous",),
}


@dataclass
class MutantResult:
    """Which attacks refuted one planted mutant, and how."""

    change: str
    #: by attack: whether it killed, and after how many instances
    attacks: dict[str, tuple[bool, int]] = field(default_factory=dict)
    witness: Found | None = None
    error: str | None = None

    @property
    def killed(self) -> bool:
        """Whether any attack killed it."""
        return any(killed for killed, _ in self.attacks.values())


@dataclass
class Result:
    """Everything a run found out about one claim."""

    claim: Claim
    evidence: list[Evidence] = field(default_factory=list)
    mutants: dict[str, MutantResult] = field(default_factory=dict)
    conclusion: Conclusion = field(default_factory=Conclusion)
    #: the statistical verdict, for events, rates and measurements
    judged: Judged | None = None
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
        if self.judged:
            return self.judged.verdict
        if self.conclusion.refuted:
            return "refuted"
        if self.witness and not self.conclusion.contradicted:
            return "candidate"
        if not any(e.admissible for e in self.evidence):
            return "vacuous"
        return "tight" if self.conclusion.tight else "held"

    @property
    def agrees(self) -> bool:
        """Whether the observed verdict satisfies the expected one.

        Statistics cannot refute exactly: for them a contradiction at the stated error level is all that `refuted` can mean.
        """
        if self.judged and self.claim.expect == "refuted":
            return self.verdict == "candidate"
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
        if self.judged:
            return self.judged.sentence
        if (confirmed := self.conclusion.refuted) is not None:
            pair = confirmed.exact.confirmation.pairs[confirmed.exact.violated[0]]
            return (
                f"Refuted{_at(confirmed.simple.landscape.sizes)}: {confirmed.link} fails, with {side(pair, 'lhs')} against "
                f"{side(pair, 'rhs')} in exact arithmetic."
            )
        if (w := self.witness) is not None and not self.conclusion.contradicted:
            return (
                f"Violated in float64 beyond rounding{_at(w.sizes)}: {w.link} fails with {w.lhs:.6g} against {w.rhs:.6g}. "
                f"Not confirmed in exact arithmetic: {self.conclusion.unconfirmed}."
            )
        if self.verdict == "vacuous":
            return f"No instance met the assumptions, out of {sum(e.instances for e in self.evidence):,} tried."
        ratio = f"; best ratio {self.best_ratio:.6g}" if self.best_ratio is not None else ""
        text = f"No violation on {met:,} instances that meet the assumptions{ratio}."
        if self.conclusion.contradicted:
            text += " A float64 violation was looked at in exact arithmetic, which finds that the statement holds there."
        for confirmed in self.conclusion.attained:
            text += f" Attained exactly{_at(confirmed.simple.landscape.sizes)}: {confirmed.link.replace('<=', '=')}."
        return text


def _at(sizes: dict[str, int]) -> str:
    found = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    return f" at {found}" if found else ""


def side(pair: PairResult, which: str) -> str:
    """A side of an exact comparison: the fraction when it is short, else twenty digits."""
    exact = pair.lhs_exact if which == "lhs" else pair.rhs_exact
    return exact if exact and len(exact) <= 24 else (pair.lhs if which == "lhs" else pair.rhs)


def is_green(record: dict[str, Any]) -> bool:
    """Whether a record of results.jsonl agrees with its audit and lost no mutant."""
    return bool(record["agrees"]) and all(record["mutants"].values())
