"""The verifier's power: how often planted mutants die, over repeated seeds, with an exact binomial interval.

Fixed seeds, fixed counts, no stopping at success (as Hypothesis tests its own discovery ability).
"""

from __future__ import annotations

import pytest
import torch

from proofs_check import chain, claim, leq  # noqa: F401
from proofs_check import domains as D
from proofs_check.attacks import ATTACKS, Examiner
from proofs_check.budget import BUDGETS
from proofs_check.instances import Place
from proofs_check.registry import registered
from proofs_check.statistics import clopper_pearson
from proofs_check.trials import says_statistical

SEEDS = 20
WANTED = 0.95
#: the mutants of events, rates and experiments cost an experiment each: every run of the registry tells whether they die
PLANTED = [(id, name) for id, claim in registered().items() if not says_statistical(claim) for name in claim.mutants]


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


class Watched(Place):
    """A place that knows whether an attack drew anything: what draws nothing does the same at every seed."""

    def generator(self, *path):
        drawn = super().generator(*path)
        if path[-1] != "probe":  # the probe perturbs by rounding errors; no verdict hangs on which
            vars(self).setdefault("handed", []).append((drawn, drawn.get_state()))
        return drawn

    @property
    def drew(self):
        return any(not torch.equal(generator.get_state(), before) for generator, before in self.handed)


def dies(mutant, seed, name, attacks=ATTACKS, place=None):
    """Whether some attack refutes the mutant at the quick budget."""
    place = place or Place(seed=seed)
    for setting in mutant.settings:
        for attack in attacks:
            examiner = Examiner(mutant, setting, attack.NAME, place, name)
            for batch in attack.batches(mutant, setting, place, BUDGETS["quick"], name):
                examiner.look(batch)
                if examiner.violated:
                    return True
    return False


def deaths(mutant, name):
    """In how many of `SEEDS` runs the mutant is refuted; those that cannot differ from the first are not run again."""
    first = Watched(seed=1000)
    if dies(mutant, 1000, name, place=first) and not first.drew:
        return SEEDS
    return sum(dies(mutant, 1000 + seed, name) for seed in range(SEEDS))


@pytest.mark.parametrize(("id", "name"), PLANTED)
def test_a_planted_mutant_dies_in_nearly_every_run(id, name):
    killed = deaths(registered()[id].mutant(name), name)
    low, high = clopper_pearson(SEEDS - killed, SEEDS, 0.95)
    assert killed >= WANTED * SEEDS, f"{killed} of {SEEDS}; failure rate between {low:.3f} and {high:.3f} at 95 %"


def test_runs_that_draw_nothing_are_known_by_their_generators():
    place = Watched(seed=3)
    place.generator("claim", "degenerate")
    assert not place.drew
    torch.rand(1, generator=place.generator("claim", "random"))
    assert place.drew


def kantorovich(c, n):
    @claim(
        source="Kantorovich 1948", id=f"power.kantorovich_{n}", theta=D.psd("n", cond=1e6), y=D.real("n"), dims={"n": (n, n)}
    )
    def body(theta, y, *, c=c):
        """Kantorovich's inequality with a constant that is too small."""
        lam = torch.linalg.eigvalsh(theta)
        lo, hi = lam[..., 0], lam[..., -1]
        quad = (y * (theta @ y[..., None])[..., 0]).sum(-1)
        inv = (y * torch.linalg.solve(theta, y)).sum(-1)
        return leq(quad * inv, c * (lo + hi) ** 2 / (4 * lo * hi) * (y * y).sum(-1) ** 2)

    return body


ALONE = {attack.NAME: attack for attack in ATTACKS}


def test_random_draws_miss_what_ascent_finds():
    """One percent too strong at n = 8: the reason why random sampling is not the only attack."""
    too_strong = kantorovich(0.99, 8)
    climbed = sum(dies(too_strong, seed, "", (ALONE["ascent"],)) for seed in range(SEEDS))
    assert climbed >= WANTED * SEEDS, climbed


def test_the_degenerate_members_alone_find_equality_at_the_ends():
    found = sum(dies(kantorovich(0.999999, 2), seed, "", (ALONE["degenerate"],)) for seed in range(SEEDS))
    assert found == SEEDS


def test_the_true_inequality_survives_all_attacks():
    """The same machine on the true constant: a power test that cannot fail would pass here too."""
    assert not any(dies(kantorovich(1.0, 3), seed, "") for seed in range(5))
