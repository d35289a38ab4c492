"""The first attack: the members of the domain where theorems break first.

Sizes 1, 2, 3; zeros, ties, duplicates, rank loss, both ends of every interval, each integer of a short range; in all
combinations where they are few, in a random subset of the combinations where they are many.
"""

from __future__ import annotations

from collections.abc import Iterator

from proofs_check.budget import Budget
from proofs_check.claim import Claim, Setting
from proofs_check.instances import Batch, Place, degenerate_batches

NAME = "degenerate"


def batches(claim: Claim, setting: Setting, place: Place, budget: Budget, variant: str = "") -> Iterator[Batch]:
    """The batches of this attack."""
    generator = place.generator(claim.id, variant, setting.name, NAME)
    yield from degenerate_batches(claim, setting, place, generator, budget.combinations)
