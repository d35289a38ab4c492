"""How much work a run may do, by name."""

from __future__ import annotations

from dataclasses import dataclass

from proofs_check.errors import BadInput, nearest


@dataclass(frozen=True)
class Budget:
    """The amount of work of each attack on each setting of a claim."""

    name: str
    #: degenerate instances for each choice of sizes
    combinations: int
    #: random batches, each at one random choice of sizes
    batches: int
    #: instances in a random batch
    batch: int
    #: trials of a claim about a probability, decided in advance
    trials: int = 400
    #: seeds of a rate or a measurement
    seeds: int = 5
    #: how many settings of a claim the two searching attacks (structured, ascent) visit; the declared one comes first
    searched: int = 1
    #: examples that Hypothesis draws at each of a few choices of sizes
    examples: int = 0
    #: how many choices of sizes are climbed
    climbs: int = 0
    #: starts at each of them
    starts: int = 0
    #: steps of Adam
    steps: int = 0
    #: whether what one attack refuted is put to the attacks after it, to learn which of them see it
    every_attack: bool = False

    def __str__(self) -> str:
        return self.name


BUDGETS = {
    "quick": Budget("quick", combinations=300, batches=4, batch=512, examples=10, climbs=3, starts=8, steps=24),
    "standard": Budget(
        "standard",
        combinations=2_000,
        batches=16,
        batch=1_024,
        trials=2_000,
        seeds=10,
        searched=2,
        examples=40,
        climbs=5,
        starts=16,
        steps=60,
    ),
    "deep": Budget(
        "deep",
        combinations=100_000,
        batches=1_000,
        batch=16_384,
        trials=40_000,
        seeds=20,
        searched=16,
        examples=4_000,
        climbs=16,
        starts=128,
        steps=400,
        every_attack=True,
    ),
}


def budget_named(name: str) -> Budget:
    """The budget with this name.

    Raises:
        BadInput: there is none.
    """
    if name not in BUDGETS:
        raise BadInput(f"the budget {name!r} is unknown; give {', '.join(BUDGETS)}{nearest(name, list(BUDGETS))}.")
    return BUDGETS[name]
