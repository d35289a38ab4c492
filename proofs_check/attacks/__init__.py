"""The attacks, in the order in which they run: each is a module with a NAME and a generator of batches."""

from __future__ import annotations

from proofs_check.attacks import ascent, degenerate, random_batches, structured
from proofs_check.attacks._examiner import EDGES, Evidence, Examiner, Found
from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.instances import Batch, Place, draw_random

ATTACKS = (degenerate, random_batches, structured, ascent)

#: those that search, and so cost more for each instance they look at
SEARCHING = (structured, ascent)


def attack_setting(
    claim: Claim, setting: Setting, place: Place, budget: Budget, *, variant: str = "", until_killed: bool = False
) -> list[Evidence]:
    """Run every attack on one setting of a claim.

    Args:
        claim: the claim, or a mutant of it.
        setting: one of its settings.
        place: seed, device and data.
        budget: how much work; the searching attacks visit the first `budget.searched` settings only, and are spared where a
            cheaper attack has found a violation, unless the budget wants every attack.
        variant: the mutant's name, so that it draws instances of its own.
        until_killed: end at the first violation that stands; the attacks after it are tried too where the budget says so.

    Raises:
        ClaimFault: the body failed on some instance.
    """
    position = [s.name for s in claim.settings].index(setting.name)
    found: list[Evidence] = []
    violated = False
    for attack in ATTACKS:
        if attack in SEARCHING and (position >= budget.searched or (violated and not budget.every_attack)):
            continue
        examiner = Examiner(claim, setting, attack.NAME, place, variant)
        for batch in attack.batches(claim, setting, place, budget, variant):
            examiner.look(batch)
            if until_killed and examiner.violated:
                break
        found.append(examiner.close())
        violated = violated or examiner.violated
        if until_killed and violated and not budget.every_attack:
            break
    return found


__all__ = ["ATTACKS", "EDGES", "Batch", "Evidence", "Examiner", "Found", "Place", "attack_setting", "draw_random"]
