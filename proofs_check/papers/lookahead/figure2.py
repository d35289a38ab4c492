r"""Figure 2 (section 5): look-ahead by the NTK against random queries and against margin sampling.

The paper shows curves for WideResNets and ResNets on SVHN, CIFAR10 and CIFAR100, six seeds, and prints no numbers. Here: digits
and relu networks of one hidden layer of 256 neurons (`_active_learning`): what is found is about this scale.
"""

from __future__ import annotations

import math

from torch import Tensor

from proofs_check import claim, measurement
from proofs_check.papers._seeds import above
from proofs_check.papers.lookahead import _active_learning as al_runs
from proofs_check.papers.lookahead._active_learning import MARGIN, NTK, RANDOM, ROWS, SEEDS, Runs
from proofs_check.relations import Measurement

SOURCE = "Mohamadi, Bae, Sutherland (2022), section 5, figures 2 and 4"
#: the strategies of figures 1 (b), 2 and 3 (a), run together
STRATEGIES = (
    RANDOM, MARGIN, NTK, al_runs.INFINITE, al_runs.ONE_STEP, al_runs.SEQUENTIAL, al_runs.PSEUDO,
)  # fmt: skip
EXPERIMENT = "lookahead.active_learning"


def pool_runs(x: Tensor, labels: Tensor, seed: Tensor) -> Runs:
    """The runs that figures 1 (b), 2 and 3 share."""
    return al_runs.runs(x, labels, seed, STRATEGIES)


@claim(
    id="lookahead.figure2.random",
    title="Figure 2: better than random queries",
    source=SOURCE,
    reading="the mean lead after the last cycle is positive",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"eight points better": dict(least=8.0), "random against NTK": dict(of=RANDOM, over=NTK)},
)
def figure2_random(
    x: Tensor, labels: Tensor, seed: Tensor, *, of: str = NTK, over: str = RANDOM, least: float = 0.0
) -> Measurement:
    r"""After three cycles of 15 queries, batch MLMOC with the empirical NTK is more accurate than random queries."""
    found = pool_runs(x, labels, seed)
    return measurement(found.lead(of, over), expect=(least, math.inf), show=found.shown(RANDOM))


@claim(
    id="lookahead.figure2.margin",
    title="Figure 2: better than margin sampling",
    source=SOURCE,
    reading="'outperforms all the state-of-the-art methods' (of SVHN), significantly",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"by one point": dict(least=1.0), "by three points": dict(least=3.0)},
)
def figure2_margin(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.0) -> Measurement:
    r"""After three cycles of 15 queries, batch MLMOC with the empirical NTK is significantly more accurate than margin
    sampling.

    Notes: not reproduced at this scale: margin sampling, which costs one forward pass, is about a point better.
    """
    found = pool_runs(x, labels, seed)
    return measurement(found.lead(NTK, MARGIN), expect=above(least), show=found.shown(MARGIN))


@claim(
    id="lookahead.figure2.comparable",
    title="Figure 2: comparable to margin sampling",
    source=SOURCE,
    reading="'comparable': within four points",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    amends="lookahead.figure2.margin",
    mutants={"at least two points better": dict(least=2.0), "three points better": dict(least=3.0)},
)
def figure2_comparable(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = -4.0, most: float = 4.0) -> Measurement:
    r"""After three cycles of 15 queries, the mean accuracies of batch MLMOC with the empirical NTK and of margin sampling are
    less than four points apart.
    """
    found = pool_runs(x, labels, seed)
    return measurement(found.lead(NTK, MARGIN), expect=(least, most), show=found.shown(MARGIN))
