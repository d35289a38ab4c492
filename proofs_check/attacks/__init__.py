"""The attacks, in the order in which they run: each is a module with a NAME and a generator of batches."""

from __future__ import annotations

from proofs_check.attacks import degenerate, random_batches
from proofs_check.attacks._examiner import EDGES, Evidence, Examiner, Found
from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.instances import Batch, Place, draw_random

ATTACKS = (degenerate, random_batches)


def attack_setting(
    claim: Claim, setting: Setting, place: Place, budget: Budget, *, variant: str = "", stop_early: bool = False
) -> list[Evidence]:
    """Run every attack on one setting of a claim.

    Args:
        claim: the claim, or a mutant of it.
        setting: one of its settings.
        place: seed, device and data.
        budget: how much work.
        variant: the mutant's name, so that it draws instances of its own.
        stop_early: stop at the first violation that stands (enough to kill a mutant).

    Raises:
        ClaimFault: the body failed on some instance.
    """
    found = []
    for attack in ATTACKS:
        examiner = Examiner(claim, setting, attack.NAME, place, variant)
        for batch in attack.batches(claim, setting, place, budget, variant):
            examiner.look(batch)
            if stop_early and examiner.violated:
                break
        found.append(examiner.close())
        if stop_early and examiner.violated:
            break
    return found


__all__ = ["ATTACKS", "EDGES", "Batch", "Evidence", "Examiner", "Found", "Place", "attack_setting", "draw_random"]
