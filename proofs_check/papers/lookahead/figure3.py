r"""Figure 3 (section 5): (a) sequential against batch queries, with the ablation the paper lacks; (b) networks of other widths.

Sequential: after each query its label is added to the linear model by eq. (12), and the next query is chosen by the new model.
The paper credits the true labels that arrive in between. With the model's own guesses in their place nobody is asked, the
queries are a batch again, and what remains is that no query resembles the last ones.
"""

from __future__ import annotations

import math

from torch import Tensor

from proofs_check import claim, measurement
from proofs_check.figure import Figure, Series
from proofs_check.papers._seeds import above, not_below
from proofs_check.papers.lookahead import _active_learning as al_runs
from proofs_check.papers.lookahead._active_learning import NTK, PSEUDO, RANDOM, ROWS, SEEDS, SEQUENTIAL, Runs
from proofs_check.papers.lookahead.figure2 import EXPERIMENT, pool_runs
from proofs_check.relations import Measurement

SOURCE = "Mohamadi, Bae, Sutherland (2022), section 5, figure 3"
WIDTHS = (64, 256, 512)


@claim(
    id="lookahead.figure3a",
    title="Figure 3a: sequential queries are better than a batch",
    source=SOURCE,
    reading="the mean lead over the cycles is positive ('reaches more than 94% in one cycle')",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"by eight points": dict(least=8.0), "the batch better": dict(of=NTK, over=SEQUENTIAL)},
)
def figure3a(
    x: Tensor, labels: Tensor, seed: Tensor, *, of: str = SEQUENTIAL, over: str = NTK, least: float = 0.0
) -> Measurement:
    r"""Over three cycles of 15 queries, sequential MLMOC, which is told the true label after each query, is more accurate than
    batch MLMOC.

    Notes: the lead is largest after the first cycle, as in the paper.
    """
    found = pool_runs(x, labels, seed)
    return measurement(found.mean_lead(of, over), expect=(least, math.inf), show=found.shown(NTK))


@claim(
    id="lookahead.figure3a.labels",
    title="Figure 3a: the gain comes from the labels that arrive in between",
    source=SOURCE,
    reading="'it can exploit additional annotations': true labels are significantly better than the model's own guesses",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"by half a point": dict(least=0.5), "by two points": dict(least=2.0)},
)
def figure3a_labels(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.4) -> Measurement:
    r"""After three cycles of 15 queries, sequential MLMOC with true labels is significantly more accurate, by more than 0.4
    points, than the same with the model's own most likely labels, which asks nobody before the cycle ends.

    Notes: not reproduced. See lookahead.figure3a.diversity. After the first cycle, with few labels, the true ones are worth
    more (about 1.5 points here); the difference fades.
    """
    found = pool_runs(x, labels, seed)
    return measurement(found.lead(SEQUENTIAL, PSEUDO), expect=above(least), show=found.shown(PSEUDO))


@claim(
    id="lookahead.figure3a.diversity",
    title="Figure 3a: the model's own guesses lose little",
    source="own experiment",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    amends="lookahead.figure3a.labels",
    mutants={"better than true labels by three": dict(least=3.0), "against random queries": dict(over=RANDOM)},
)
def figure3a_diversity(x: Tensor, labels: Tensor, seed: Tensor, *, over: str = SEQUENTIAL, least: float = -2.0) -> Measurement:
    r"""After three cycles of 15 queries, sequential MLMOC with the model's own labels stays within two points of the same with
    true labels.

    Notes: the downdates of the posterior covariance, which need no label, keep the queries apart; that is most of the gain, and
    it is free in the batch setting.
    """
    found = pool_runs(x, labels, seed)
    return measurement(found.lead(PSEUDO, over), expect=(least, 2.0 if least < 2 else math.inf), show=found.shown(NTK))


def _by_width(x: Tensor, labels: Tensor, seed: Tensor) -> dict[int, Runs]:
    return {
        width: pool_runs(x, labels, seed) if width == 256 else al_runs.runs(x, labels, seed, (RANDOM, NTK), width)
        for width in WIDTHS
    }


def _shown(found: dict[int, Runs]) -> list[Figure]:
    cycles = [str(c) for c in range(next(iter(found.values())).accuracy[NTK].shape[-1])]
    leads = [Series(f"n = {w}", cycles, (r.accuracy[NTK] - r.accuracy[RANDOM]).mean(1)) for w, r in found.items()]
    note = "The paper: WideResNets of various widths on MNIST, no numbers."
    return [Figure("Ahead of random queries, by width", "query cycle", "points", leads, note=note)]


@claim(
    id="lookahead.figure3b",
    title="Figure 3b: better than random queries at 256 neurons and above",
    source=SOURCE,
    reading="the mean lead after the last cycle, the mean of widths 256 and 512, is positive",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"eight points better": dict(least=8.0), "random ahead": dict(least=-math.inf, most=0.0)},
)
def figure3b(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.0, most: float = math.inf) -> Measurement:
    r"""After three cycles of 15 queries, batch MLMOC is more accurate than random queries, on average over networks of 256
    and of 512 neurons.
    """
    found = _by_width(x, labels, seed)
    lead = (found[256].lead(NTK, RANDOM) + found[512].lead(NTK, RANDOM)) / 2
    return measurement(lead, expect=(least, most), show=_shown(found))


@claim(
    id="lookahead.figure3b.narrow",
    title="Figure 3b: at 64 neurons nothing says that it is worse than random",
    source=SOURCE,
    reading="what can be established with this many seeds: the lead is not significantly negative",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEEDS,
    mutants={"twelve points better": dict(least=12.0), "fifteen points better": dict(least=15.0)},
)
def figure3b_narrow(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.0) -> Measurement:
    r"""With networks of 64 neurons the 95 % Student t interval of batch MLMOC's lead over random queries reaches 0 or more.

    Notes: the paper says "regardless of the maximum width ... significantly". Networks this narrow do not fit their labels
    well, and at five seeds the sign is not decided; another training (the audit's) gave -1.2 within 2.2.
    """
    found = _by_width(x, labels, seed)
    return measurement(found[64].lead(NTK, RANDOM), expect=not_below(least), show=_shown(found))
