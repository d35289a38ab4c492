r"""Appendix B.1: the variance of a performance over acquired data sets and over training runs."""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import PAPER
from proofs_check.relations import Relation

SOURCE = f"{PAPER}, appendix B.1, V(e) = E[V(e|A,D)]"
#: performances: one row a data set, one column a training run; the data sets' probabilities
E, P = D.real("m", "r"), D.simplex("m")
SIZES = {"m": (1, 2), "r": (1, 2)}


def _mean(e: Tensor, p: Tensor) -> Tensor:
    return (p * e.mean(-1)).sum(-1)


def _total(e: Tensor, p: Tensor) -> Tensor:
    """V(e), over data sets and runs."""
    off = e - _mean(e, p)[:, None, None]
    return _mean(off * off, p)


def _within(e: Tensor, p: Tensor) -> Tensor:
    """E[V(e|D)], over the runs on one data set."""
    off = e - e.mean(-1)[..., None]
    return _mean(off * off, p)


def _between(e: Tensor, p: Tensor) -> Tensor:
    """V(E[e|D])."""
    off = e.mean(-1) - _mean(e, p)[:, None]
    return (p * off * off).sum(-1)


@claim(
    id="crc.b1.total",
    title="The variance is the mean variance on one data set",
    source=SOURCE,
    reading="V(e) is the variance of the performance over data sets and training runs",
    expect="refuted",
    e=E,
    p=P,
    dims=SIZES,
    mutants={"and one percent": dict(share=1.01), "twice that": dict(share=2.0)},
)
def total(e: Tensor, p: Tensor, *, share: float = 1.0) -> Relation:
    r"""$V(e) = E[V(e|D)]$, the mean over data sets D of the variance over training runs on D.

    Counterexample: two data sets, equally likely, with the performances 0 and 1 and no noise in training: V(e) = 1/4, the right
    side is 0.

    Notes: the term that is left out is the variance due to the acquired data sets, which the sentence is about.
    """
    return eq(_total(e, p), share * _within(e, p), names=["V(e)", "E[V(e|D)]"])


@claim(
    id="crc.b1.runs",
    title="The variance is the mean variance of one training run over data sets",
    source=f"{PAPER}, appendix B.1, the sum over V(e|A_m,D)",
    reading="the second formula, with a training run's randomness held fixed",
    expect="refuted",
    e=D.real("m", "r"),
    dims=SIZES,
    mutants={"and one percent": dict(share=1.01), "twice that": dict(share=2.0)},
)
def runs(e: Tensor, *, share: float = 1.0) -> Relation:
    r"""$V(e) = E[V(e|A)]$, the mean over training runs A of the variance over data sets, all equally likely.

    Counterexample: one data set, two runs with the performances 0 and 1: V(e) = 1/4, the right side is 0.
    """
    p = torch.full_like(e[..., 0], 1.0) / e.shape[-2]
    q = torch.full_like(e[..., 0, :], 1.0) / e.shape[-1]
    return eq(_total(e, p), share * _within(torch.transpose(e, -1, -2), q), names=["V(e)", "E[V(e|A)]"])


@claim(
    id="crc.b1.law",
    title="The law of total variance",
    source=f"replaces {SOURCE}",
    amends="crc.b1.total",
    e=D.real("m", "r"),
    p=D.simplex("m"),
    dims=SIZES,
    mutants={"one percent less between": dict(share=0.99), "one percent less within": dict(inside=0.99)},
)
def law(e: Tensor, p: Tensor, *, share: float = 1.0, inside: float = 1.0) -> Relation:
    r"""$V(e) = E[V(e|D)]+V(E[e|D])$: variance within data sets, from training, plus variance between them, from the query.

    Notes: with 3 data sets and 2 runs on each, as in the paper, the second term has two degrees of freedom.
    """
    parts = inside * _within(e, p) + share * _between(e, p)
    return eq(_total(e, p), parts, names=["V(e)", "E[V(e|D)] + V(E[e|D])"])


@claim(
    id="crc.b1.definition",
    title="The mean variance on one data set knows nothing of the data sets",
    source=SOURCE,
    reading="V(e) is a name for the variance of training on a fixed data set: a definition",
    amends="crc.b1.total",
    e=D.real("m", "r"),
    p=D.simplex("m"),
    shift=D.real("m"),
    dims=SIZES,
    mutants={"the total variance instead": dict(total=True), "one percent more": dict(share=1.01)},
)
def definition(e: Tensor, p: Tensor, shift: Tensor, *, share: float = 1.0, total: bool = False) -> Relation:
    r"""$E[V(e|D)]$ does not change when a number is added to all performances on one data set. So by this name the variance
    "due to the acquired data sets" is not measured.
    """
    of = _total if total else _within
    return eq(of(e + shift[..., None], p), share * of(e, p), names=["E[V(e|D)], shifted", "E[V(e|D)]"])
