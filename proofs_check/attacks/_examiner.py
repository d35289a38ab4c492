"""What every attack hands its batches to: evaluates them and keeps the evidence."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from proofs_check.claim import Claim, Setting
from proofs_check.evaluate import admissible, evaluate
from proofs_check.instances import Batch, Place
from proofs_check.relations import Relation
from proofs_check.rounding import FLOOR, MORE_RUNS, Probe

#: ratios are counted in these bins; what falls outside is counted in the first or last one
EDGES = torch.linspace(-0.2, 1.6, 46, dtype=torch.float64)
#: how many suspicious instances, and how many of the best, are probed in each batch
PROBED, SHORTLIST = 64, 6
#: a ratio this little above the best so far is no news
NEWS = 1e-9
#: a witness keeps at least this share of the best margin found, so that it never sits at the rounding edge
KEEP = 0.5
#: once a violation stands, only margins this many times the best are probed again
WORSE = 1.25


@dataclass(frozen=True)
class Found:
    """One instance worth keeping: a violation that stands, or the best ratio so far."""

    attack: str
    setting: str
    sizes: dict[str, int]
    inputs: dict[str, Tensor]
    #: the members of the setting's leaves, in order
    members: tuple[Tensor, ...]
    terms: list[tuple[str, float]]
    link: str
    lhs: float
    rhs: float
    ratio: float
    margin: float

    def weight(self) -> tuple[int, int]:
        """How much a reader has to take in: the count of numbers, then the digits in them."""
        numbers = [x for value in self.inputs.values() for x in value.flatten().tolist()]
        digits = sum(p.bit_length() + q.bit_length() for p, q in (x.as_integer_ratio() for x in numbers))
        return len(numbers), digits


@dataclass
class Evidence:
    """What one attack on one setting found."""

    attack: str
    setting: str
    instances: int = 0
    admissible: int = 0
    #: how many suspicious instances were probed, and how many of those stand
    probed: int = 0
    violations: int = 0
    best: Found | None = None
    witness: Found | None = None
    links: list[dict[str, Any]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    seconds: float = 0.0
    device: str = "cpu"


class Examiner:
    """Collects evidence for one claim, one setting, one attack."""

    def __init__(self, claim: Claim, setting: Setting, attack: str, place: Place, variant: str = "") -> None:
        self.claim, self.setting, self.place = claim, setting, place
        self.generator = place.generator(claim.id, variant, setting.name, attack, "probe")
        self.evidence = Evidence(attack, setting.name, device=str(place.device))
        self._standing: list[Found] = []
        self._ratios: dict[str, list[Tensor]] = {}
        self._ops: dict[str, str] = {}
        self._counts = torch.zeros(len(EDGES) - 1, dtype=torch.int64)
        self._started = time.perf_counter()

    @property
    def violated(self) -> bool:
        """Whether a violation stands already."""
        return bool(self._standing)

    def look(self, batch: Batch) -> None:
        """Evaluate a batch and keep what matters of it."""
        e = self.evidence
        e.instances += len(batch)
        mask = admissible(self.claim, batch)
        if not mask.any():
            return
        batch = batch.rows(mask)
        e.admissible += len(batch)
        relation = evaluate(self.claim, batch)
        margins = torch.stack([link.margin() for link in relation.links])
        worst = margins.amax(0)
        suspicious = worst > FLOOR
        ratios = torch.stack([link.ratio() for link in relation.links])
        if suspicious.any():
            standing = self._nominate(batch, relation, margins, suspicious)
            e.violations += int(standing.any(0).sum())
            # what did not stand is rounding: equal within rounding, ratio 1
            ratios = torch.where((margins > FLOOR) & ~standing, torch.ones_like(ratios), ratios)
        unequal = torch.tensor([link.op == "<=" for link in relation.links], device=ratios.device)[:, None]
        ratios = torch.where(unequal & (margins <= FLOOR), ratios.clamp(max=1), ratios)
        self._keep_ratios(relation, ratios)
        self._keep_best(batch, relation, ratios)

    def _nominate(self, batch: Batch, relation: Relation, margins: Tensor, suspicious: Tensor) -> Tensor:
        """Probe the most suspicious instances; True, per link and instance, where the violation stands."""
        standing = torch.zeros_like(margins, dtype=torch.bool)
        rows = suspicious.nonzero()[:, 0]
        worst = margins.amax(0)
        if self._standing:  # what stands already is enough, unless this is clearly worse
            rows = rows[worst[rows] > WORSE * self._standing[0].margin]
        rows = rows[worst[rows].argsort(descending=True, stable=True)]
        if len(rows) > PROBED:  # half of them the worst, half spread over the rest: rounding must not drown a real violation
            half = PROBED // 2
            spread = torch.linspace(half, len(rows) - 1, PROBED - half, device=rows.device).long()
            rows = torch.cat([rows[:half], rows[spread]])
        if not len(rows):
            return standing
        self.evidence.probed += len(rows)
        few, some = batch.rows(rows), relation.rows(rows)
        stands = Probe(self.claim, few, some, self.generator).stands
        if len(again := stands.any(0).nonzero()[:, 0]):
            second = Probe(self.claim, few.rows(again), some.rows(again), self.generator, MORE_RUNS)
            stands[:, again] &= second.stands
        standing[:, rows] = stands
        for position, row in enumerate(rows.tolist()):
            for number in standing[:, row].nonzero()[:, 0].tolist():
                self._standing.append(self._found(few, some, position, number, float(margins[number, row])))
        self._standing.sort(key=lambda f: -f.margin)
        bar = KEEP * self._standing[0].margin if self._standing else 0.0
        self._standing = [f for f in self._standing if f.margin >= bar]
        self._standing = self._standing[:1] + sorted(self._standing[1:], key=Found.weight)[:16]
        return standing

    def _keep_ratios(self, relation: Relation, ratios: Tensor) -> None:
        for link, ratio in zip(relation.links, ratios, strict=True):
            self._ops[link.name] = link.op
            self._ratios.setdefault(link.name, []).append(ratio[~ratio.isnan()].cpu())
        top = ratios.nan_to_num(nan=-torch.inf).amax(0)
        top = top[top > -torch.inf].clamp(EDGES[0].item() + 1e-9, EDGES[-1].item()).cpu()
        # bins closed on the right, so that equality is not counted among the violations
        self._counts += torch.histogram(-top, -EDGES.flip(0))[0].flip(0).to(torch.int64)

    def _keep_best(self, batch: Batch, relation: Relation, ratios: Tensor) -> None:
        """Keep the instance with the largest ratio, if a few units in the last place do not change it."""
        top, numbers = ratios.nan_to_num(nan=-torch.inf).max(0)
        best = self.evidence.best
        rows = top.argsort(descending=True, stable=True)[:SHORTLIST]
        rows = rows[top[rows] > (best.ratio + NEWS if best else -torch.inf)]
        if not len(rows):
            return
        few, some = batch.rows(rows), relation.rows(rows)
        steady = Probe(self.claim, few, some, self.generator).steady
        for position, row in enumerate(rows.tolist()):
            number = int(numbers[row])
            if steady[number, position]:
                found = self._found(few, some, position, number, 0.0)
                self.evidence.best = Found(**{**vars(found), "ratio": float(top[row])})
                return

    def _found(self, batch: Batch, relation: Relation, row: int, number: int, margin: float) -> Found:
        link = relation.links[number]
        return Found(
            attack=self.evidence.attack,
            setting=self.setting.name,
            sizes=batch.sizes,
            inputs={name: value[row].detach().cpu() for name, value in batch.values.items()},
            members=tuple(member[row].detach().cpu() for member in batch.members),
            terms=[(name, float(value[row])) for name, value in relation.terms],
            link=link.name,
            lhs=float(link.lhs[row]),
            rhs=float(link.rhs[row]),
            ratio=float(link.ratio()[row]),
            margin=margin,
        )

    def close(self) -> Evidence:
        """The evidence, with the simplest standing violation as the witness."""
        e = self.evidence
        if self._standing:
            e.witness = min(self._standing, key=Found.weight)
            if e.best is None or self._standing[0].ratio > e.best.ratio:
                e.best = self._standing[0]
        for name, parts in self._ratios.items():
            ratios = torch.cat(parts)
            if len(ratios):
                # a ratio that rounding moves is not reported for the claim, so not for a link of it either
                most = max(1.0, e.best.ratio) if e.best else 1.0
                e.links.append(
                    {
                        "name": name,
                        "op": self._ops[name],
                        "best_ratio": min(float(ratios.max()), most),
                        "median_ratio": float(ratios.median()),
                    }
                )
        e.counts = self._counts.tolist()
        e.seconds = time.perf_counter() - self._started
        return e
