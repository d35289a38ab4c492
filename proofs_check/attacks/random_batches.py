"""The second attack: random members of the domain in large batches on the device.

Every domain draws a mixture (log-uniform over many decades, ties, sparse, ends of intervals), never Gaussians alone; one
random choice of sizes a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.instances import Batch, Place, draw_random

NAME = "random"


def batches(claim: Claim, setting: Setting, place: Place, budget: Budget, variant: str = "") -> Iterator[Batch]:
    """The batches of this attack."""
    generator = place.generator(claim.id, variant, setting.name, NAME)
    for _ in range(budget.batches):
        yield draw_random(claim, setting, place, generator, budget.batch)
