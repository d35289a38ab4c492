r"""Algorithm 1: how many of its queries are used, and whether it matters which scheme and which norm score the samples.

The experiment: digits, a two-layer tanh network of width 64 (both layers) trained on 100 of them by 500 steps on the
cross-entropy, until all are fitted; 300 others are the pool, of which 50 are selected.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import gradnorm
from proofs_check import claim, eq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.gradnorm._settings_logits import SOURCE
from proofs_check.relations import Measurement, Relation

LISTING = f"{SOURCE}, algorithm 1"
LABELLED, POOL, ASKED, WIDTH, STEPS = 100, 300, 50, 64, 500
ROWS = D.dataset("digits", n=LABELLED + POOL, repeats=False)
CYCLES = 8

#: the ways to score the pool: name, and what scores it
REFERENCE = "entropy, tensors, float32"
WAYS = {
    REFERENCE: lambda net, x: gradnorm.entropy_gradnorm(_single(net), x.float(), norm="tensors"),
    "expected, tensors, float32": lambda net, x: gradnorm.expected_gradnorm(_single(net), x.float(), norm="tensors"),
    "expected, Euclidean, float64": lambda net, x: gradnorm.expected_gradnorm(net, x),
    "entropy, tensors, float64": lambda net, x: gradnorm.entropy_gradnorm(net, x, norm="tensors"),
    "entropy, Euclidean, float64": lambda net, x: gradnorm.entropy_gradnorm(net, x),
    "expected, posterior detached": lambda net, x: gradnorm.expected_gradnorm(net, x, posterior="detached"),
    "expected gradient length": lambda net, x: gradnorm.egl(net, x),
    "entropy itself": lambda net, x: gradnorm.entropy(gradnorm.logits(net, x)),
}


def _single(net: al.TwoLayerNet) -> al.TwoLayerNet:
    return net.to(dtype=torch.float32)


@remembered
def overlaps(x: Tensor, labels: Tensor, seed: Tensor) -> dict[tuple[str, str], Tensor]:
    """For two ways to score: the share of the selected samples that both select, shape (seeds,)."""
    chosen = []
    for points, Y, s in zip(x, labels, seed.tolist(), strict=True):
        start = al.TwoLayerNet(points.shape[1], WIDTH, Y.shape[1], "tanh", train_output=True, seed=s)
        net = al.training.gradient_descent(
            start, points[:LABELLED], Y[:LABELLED], 0.1, STEPS, loss="cross_entropy", record=[STEPS]
        ).net
        found = {name: score(net, points[LABELLED:]).double().topk(ASKED).indices for name, score in WAYS.items()}
        chosen.append(found)
    return {
        (a, b): torch.tensor([torch.isin(c[a], c[b]).double().mean() for c in chosen], dtype=torch.float64)
        for a in WAYS
        for b in WAYS
    }


def _shown(found: dict[tuple[str, str], Tensor]) -> list[Table]:
    rows = [(name, [found[REFERENCE, name], found["entropy, Euclidean, float64", name]]) for name in WAYS]
    columns = ["of entropy, tensors, float32", "of entropy, Euclidean, float64"]
    note = f"share of the {ASKED} selected of {POOL}; by chance {ASKED / POOL:.3f}"
    return [Table("Selected by both ways of scoring", columns, rows, note=note)]


def _cycles(C: Tensor, each: Tensor, late: bool) -> tuple[Tensor, Tensor]:
    """The listing, cycle by cycle: how many samples are labelled in all, and how many of them a training has seen."""
    labelled, seen = 0 * each, 0 * each
    for i in range(CYCLES):
        runs = i < C
        seen = torch.where(runs & (not late), labelled, seen)
        labelled = torch.where(runs, labelled + each, labelled)
        seen = torch.where(runs & late, labelled, seen)
    return labelled, seen


@claim(
    id="gradnorm.algorithm1.used",
    title="Every label that algorithm 1 pays for is used",
    source=LISTING,
    reading="as listed: each of C cycles trains, then selects",
    expect="refuted",
    C=D.integer(1, CYCLES),
    each=D.integer(1, 5),
    mutants={"and one more": dict(more=1), "and two more": dict(more=2)},
)
def used(C: Tensor, each: Tensor, *, more: int = 0) -> Relation:
    r"""Of the K samples that are labelled in each of C cycles, all are trained on before the model is returned.

    Counterexample: C = 1, K = 1: the model is trained on the initial labels, one sample is labelled, the untouched model is
    returned.

    Notes: seen with the indentation lost in our copy, the selection stands inside the loop over cycles and after the loop
    over epochs. The paper's experiments agree with gradnorm.algorithm1.cycles: 7 cycles are 7 budgets, 10 to 40 percent, the
    first one random, so that 6 selections are used.
    """
    labelled, seen = _cycles(C, each, late=False)
    return eq(seen, labelled + more, names=["labels trained on", "labels paid for"])


@claim(
    id="gradnorm.algorithm1.cycles",
    title="C cycles use C - 1 selections",
    source=LISTING,
    reading="as listed",
    amends="gradnorm.algorithm1.used",
    C=D.integer(1, CYCLES),
    each=D.integer(1, 5),
    mutants={"all C": dict(late=True), "C - 2": dict(lost=2)},
)
def cycles(C: Tensor, each: Tensor, *, late: bool = False, lost: int = 1) -> Relation:
    r"""C cycles of training, then selecting K, train the returned model on $(C-1)K$ selected samples; the last K labels are not
    used. (With the selection before the training it would be CK.)
    """
    _, seen = _cycles(C, each, late=late)
    return eq(seen, (C - lost) * each, names=["labels trained on", "(C - 1) K"])


@claim(
    id="gradnorm.algorithm1.one_scheme",
    title="Algorithm 1's two branches select the same samples",
    source=LISTING,
    reading="P differentiated; float32 and the sum of the tensors' norms, as in the paper's code",
    expect="reproduced",
    experiment="gradnorm.algorithm1",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    uses=["gradnorm.eq6.gradient"],
    mutants={
        "the posterior detached": dict(other="expected, posterior detached"),
        "expected gradient length": dict(other="expected gradient length"),
        "the entropy itself": dict(other="entropy itself"),
    },
)
def one_scheme(x: Tensor, labels: Tensor, seed: Tensor, *, other: str = "expected, tensors, float32") -> Measurement:
    r"""At least 98 percent of the 50 samples that expected-gradnorm selects of 300 are those of entropy-gradnorm.

    Notes: with a detached posterior the scores are rounding noise, about 1e-16 of a label's gradient norm; as noise grows with
    what it rounds, its selection still shares up to half of the samples.
    """
    found = overlaps(x, labels, seed)
    return measurement(found[REFERENCE, other], expect=(0.98, 1.0), show=_shown(found))


@claim(
    id="gradnorm.algorithm1.norm",
    title="Which norm algorithm 1 takes hardly matters",
    source=f"{LISTING}; footnote 2: 'We ignore the norm order'; the paper's code sums the norms of the parameter tensors",
    reading="at least 90 percent of the selected samples agree",
    expect="reproduced",
    experiment="gradnorm.algorithm1",
    x=ROWS,
    labels=ROWS.labels,
    seed=D.seed(),
    mutants={
        "expected gradient length": dict(other="expected gradient length"),
        "the entropy itself": dict(other="entropy itself"),
    },
)
def norm(x: Tensor, labels: Tensor, seed: Tensor, *, other: str = "entropy, tensors, float64") -> Measurement:
    r"""At least 90 percent of the 50 samples with the largest Euclidean norm of the entropy's gradient have the largest sum
    of the two layers' norms.
    """
    found = overlaps(x, labels, seed)
    return measurement(found["entropy, Euclidean, float64", other], expect=(0.9, 1.0), show=_shown(found))
