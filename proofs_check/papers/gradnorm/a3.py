r"""Appendix A.3, eq. (10): influence as gradient norm times direction, and the two reasons for looking at the norm alone."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_logits import SOURCE, length
from proofs_check.relations import Relation

EQ10 = f"{SOURCE}, appendix A.3, eq. (10)"
SIZES = {"n": (1, 4), "p": (1, 3)}
POOL = {"n": (3, 4), "p": (1, 2)}
ASKED = 2


def _influence(c: Tensor, g: Tensor) -> Tensor:
    """sum_j <c_j, g>"""
    return (c * g[..., None, :]).sum(-1).sum(-1)


def not_zero(g: Tensor) -> Tensor:
    """the gradient is not 0"""
    return (g != 0).any(-1)


def some_influence(c: Tensor) -> Tensor:
    """sum_j c_j is not 0"""
    return (c != 0).any(-1)


def raises_the_loss(c: Tensor, g: Tensor) -> Tensor:
    """removing the sample raises the test loss: sum_j <c_j, g> > 0"""
    return _influence(c, g) > 0


@claim(
    id="gradnorm.eq10",
    title="Influence is gradient norm times a direction's share",
    source=EQ10,
    c=D.real("n", "p"),
    g=D.real("p"),
    dims=SIZES,
    assumes=[not_zero],
    mutants={"one percent more": dict(share=1.01), "the sum of the entries' sizes as the norm": dict(taxi=True)},
)
def eq10(c: Tensor, g: Tensor, *, share: float = 1.0, taxi: bool = False) -> Relation:
    r"""For $g_x \ne 0$ with direction $\vec g_x = g_x/|g_x|$, $\sum_j\langle c_j,g_x\rangle = |g_x|\sum_j\langle c_j,\vec
    g_x\rangle$.
    """
    size = length(g)
    direction = g / size[:, None]
    size = torch.abs(g).sum(-1) if taxi else size
    return eq(_influence(c, g), share * size * _influence(c, direction), names=["sum <c_j, g>", "|g| sum <c_j, direction>"])


@claim(
    id="gradnorm.eq10.monotone",
    title="Both a higher norm and a higher direction term raise the test loss",
    source=EQ10,
    reading="under the appendix's assumption that removing the sample raises the test loss",
    c=D.real("n", "p"),
    g=D.real("p"),
    factor=D.interval(1, 4),
    push=D.interval(0, 4),
    dims=SIZES,
    assumes=[raises_the_loss],
    mutants={"without the assumption": dict(assumes=[]), "by one percent": dict(share=1.01)},
)
def monotone(c: Tensor, g: Tensor, factor: Tensor, push: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $I = \sum_j\langle c_j,g_x\rangle > 0$. Then I does not fall when $g_x$ is lengthened, $I \le \sum_j\langle
    c_j,sg_x\rangle$ for $s \ge 1$; nor when $\vec g_x$ is turned towards $\sum_jc_j$ at the same norm.

    In the paper: "it is obvious that both higher $||g_x||$ and $\sum_j\langle c_j,\vec g_x\rangle$ will increase the test
    loss".

    Proof: (10); $\vec g_x$ plus a multiple of $\sum_jc_j$, scaled to length 1, has no smaller inner product with $\sum_jc_j$.

    Tight at: s = 1.
    """
    total = c.sum(-2)
    turned = g + push[:, None] * total
    far = length(turned)
    turned = turned * (length(g) / torch.where(far > 0, far, torch.ones_like(far)))[:, None]
    I = _influence(c, g)  # noqa: E741
    return all_of(
        leq(share * I, _influence(c, factor[:, None] * g), names=["I", "I of a longer gradient"]),
        leq(I, _influence(c, turned), names=["I", "I of a turned gradient"]),
    )


@claim(
    id="gradnorm.eq10.monotone.without_assumption",
    title="A higher norm raises the test loss, whatever the sample",
    source=EQ10,
    reading="without the appendix's assumption, as algorithm 1 uses it: on every sample of the pool",
    expect="refuted",
    c=D.real("n", "p"),
    g=D.real("p"),
    factor=D.interval(1, 4),
    dims=SIZES,
    mutants={"by a hundredth": dict(extra=0.01), "at least by a tenth": dict(extra=0.1)},
)
def monotone_without(c: Tensor, g: Tensor, factor: Tensor, *, extra: float = 0.0) -> Relation:
    r"""For every sample, $\sum_j\langle c_j,g_x\rangle \le \sum_j\langle c_j,sg_x\rangle$ for $s \ge 1$.

    Counterexample: one test sample, c = (1, -2), g = (3, 4): the influence is -5; of 2g it is -10.

    Notes: a harmful sample becomes the more harmful the longer its gradient. The paper excludes such samples by an assumption
    that cannot be checked without the test set; gradnorm.eq10.monotone is what it says.
    """
    return leq(_influence(c, g) + extra, _influence(c, factor[:, None] * g), names=["I", "I of a longer gradient"])


@claim(
    id="gradnorm.eq10.direction",
    title="The best direction is one sum",
    source=EQ10,
    reading="(1) 'it is inefficient to find the optimal direction': the direction itself, the c_j known",
    c=D.real("n", "p"),
    g=D.real("p"),
    dims=SIZES,
    assumes=[not_zero],
    mutants={"one percent less": dict(share=0.99), "the longest of the c_j for their sum": dict(single=True)},
)
def direction(c: Tensor, g: Tensor, *, share: float = 1.0, single: bool = False) -> Relation:
    r"""Among all directions $\vec g$ the largest $\sum_j\langle c_j,\vec g\rangle$ is $|\sum_jc_j|$, attained at the
    direction of $\sum_jc_j$: $\sum_j\langle c_j,\vec g\rangle \le |\sum_jc_j|$ and $\langle\sum_jc_j,\sum_jc_j\rangle =
    |\sum_jc_j|^2$.

    Proof: Cauchy-Schwarz.

    Tight at: $g = \sum_jc_j$.

    Notes: so it is not the search that is hard: it is one linear solve for all test samples together. The obstacle is that
    the c_j need test data and labels, which the paper says elsewhere.
    """
    total = c.sum(-2)
    best = torch.amax(length(c), -1) if single else length(total)
    return all_of(
        leq(_influence(c, g / length(g)[:, None]), share * best, names=["sum <c_j, direction>", "|sum c_j|"]),
        eq(_influence(c, total), length(total) ** 2, names=["sum <c_j, sum c_i>", "|sum c_j|^2"]),
    )


def _apart(g: Tensor, chosen: Tensor) -> Tensor:
    """The mean squared distance of two different chosen gradients: (batch, n, p) and masks (batch, n) to (batch,)."""
    m = torch.where(chosen, torch.ones_like(g[..., 0]), torch.zeros_like(g[..., 0]))
    gaps = g[..., :, None, :] - g[..., None, :, :]
    pairs = m[..., :, None] * m[..., None, :]
    count = m.sum(-1)
    return (pairs * (gaps * gaps).sum(-1)).sum(-1).sum(-1) / (count * (count - 1))


def _longest(g: Tensor) -> Tensor:
    """The two samples with the largest gradient norm."""
    return dynamics.top((g * g).sum(-1), ASKED + 0 * g[:, 0, 0].to(torch.int64))


@claim(
    id="gradnorm.eq10.diversity",
    title="Selecting by norm is more diverse than selecting at random",
    source=EQ10,
    reading="(2) 'an implicit effect of selecting a set of more diverse samples': than a random set, in mean squared distance "
    "of the gradients, on every pool",
    expect="refuted",
    g=D.real("n", "p"),
    dims=POOL,
    mutants={"by one percent": dict(share=1.01), "by a hundredth": dict(extra=0.01)},
)
def diversity(g: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let two samples be selected from a pool by the largest gradient norm. Their squared distance is at least the mean over
    all pairs of the pool, which is what two random samples have on average.

    Counterexample: gradients 1, 1 and 0: the two ones are selected, at distance 0; the mean squared distance is 2/3.

    Notes: equal samples have equal norms (gradnorm.eq10.duplicates). It can go either way: of 2, -2 and 0 the two far ones are
    selected.
    """
    everything = torch.ones_like(g[..., 0]) > 0
    return leq(share * _apart(g, everything) + extra, _apart(g, _longest(g)), names=["mean over the pool", "of the selected"])


@claim(
    id="gradnorm.eq10.diversity.by_direction",
    title="Selecting by norm is more diverse than selecting by influence",
    source=EQ10,
    reading="(2) than the greedy selection by the influence itself, in mean squared distance of the gradients, on every pool",
    expect="refuted",
    c=D.real("p"),
    g=D.real("n", "p"),
    dims=POOL,
    assumes=[some_influence],
    mutants={"by one percent": dict(share=1.01), "by a hundredth": dict(extra=0.01)},
)
def diversity_direction(c: Tensor, g: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let $c = \sum_jc_j \ne 0$, and let two samples be selected by $|g_x|$, and two by $\langle c,g_x\rangle$. The former
    are at least as far apart as the latter.

    In the paper: "selecting data according to the direction may be sub-optimal in terms of the diversity of a sample set".

    Counterexample: c = 1, gradients -2, -2, 1, 0: by norm the two equal ones, by influence 1 and 0.
    """
    by_influence = dynamics.top((g * c[:, None, :]).sum(-1), ASKED + 0 * g[:, 0, 0].to(torch.int64))
    return leq(
        share * _apart(g, by_influence) + extra, _apart(g, _longest(g)), names=["selected by influence", "selected by norm"]
    )


@claim(
    id="gradnorm.eq10.duplicates",
    title="Duplicates are selected together",
    source="own derivation",
    amends="gradnorm.eq10.diversity",
    g=D.real("n", "p"),
    dims={"n": (2, 4), "p": (1, 2)},
    mutants={"the copy 1 percent shorter": dict(scale=0.99), "the copy turned around": dict(scale=-1.0)},
)
def duplicates(g: Tensor, *, scale: float = 1.0) -> Relation:
    r"""In a pool that contains every sample twice, the two samples with the largest gradient norm are copies of each other:
    their inner product is the largest $|g_x|^2$.
    """
    twice = torch.stack([g, scale * g], -2).reshape(g.shape[0], 2 * g.shape[1], g.shape[2])
    m = torch.where(_longest(twice), torch.ones_like(twice[..., 0]), torch.zeros_like(twice[..., 0]))
    total = (m[..., None] * twice).sum(-2)
    squares = (g * g).sum(-1)
    product = ((total * total).sum(-1) - (m * (twice * twice).sum(-1)).sum(-1)) / 2
    return eq(product, torch.amax(squares, -1), names=["inner product of the selected", "largest |g|^2"])
