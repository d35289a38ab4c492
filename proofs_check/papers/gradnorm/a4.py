r"""Appendix A.4: an expected loss over all labelings of an image, by $C^{HW}$ iterations or by $C\cdot H\cdot W$."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradnorm
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_logits import LARGEST, SOURCE
from proofs_check.relations import Relation

A4 = f"{SOURCE}, appendix A.4"
PIXELS, CLASSES = 3, 2


def _bounded(x: Tensor) -> Tensor:
    return torch.clamp(x, -LARGEST, LARGEST)


#: logits of every pixel
IMAGE = D.derived(_bounded, D.real("pixels", "C"), text="logits of each pixel in [-40, 40]", dims=("pixels", "C"))
SMALL = {"pixels": (1, 3), "C": (1, 3)}


def _labelings(pixels: int, C: int) -> Tensor:
    """All C^pixels labelings, one-hot, (labelings, pixels, C)."""
    grid = torch.cartesian_prod(*[torch.arange(C)] * pixels).reshape(-1, pixels)
    return (grid[..., None] == torch.arange(C)).to(torch.float64)


def _likelihood(p: Tensor, labelings: Tensor) -> Tensor:
    """The probability of every labeling, pixels independent given the image: (batch, labelings)."""
    return torch.prod((p[:, None] * labelings).sum(-1), -1)


@claim(
    id="gradnorm.a4.count",
    title="The number of labelings of a Cityscapes crop",
    source=A4,
    side=D.integer(688, 688),
    mutants={"one pixel fewer": dict(pixels=473343.0), "one digit fewer": dict(digits=605290.0)},
)
def count(side: Tensor, *, pixels: float = 473344.0, digits: float = 605291.0) -> Relation:
    r"""$688\cdot688 = 473344$, and $19^{473344}$ has 605291 digits: $10^{605290} \le 19^{473344} < 10^{605291}$.

    In the paper: "we need to run a loop of $19^{473344}$ iterations".
    """
    square = (side * side).to(torch.float64)
    logarithm = square * torch.log(19.0 + 0 * square) / torch.log(10.0 + 0 * square)
    return all_of(
        eq(square, pixels, names=["688 * 688", "473344"]),
        chain(605290.0, logarithm, digits, names=["605290", "log10 of 19^(688 688)", "605291"]),
    )


@claim(
    id="gradnorm.a4.infeasible",
    title="The expected loss of an image takes a loop over all labelings",
    source=A4,
    reading="the number of losses that have to be computed, pixel by pixel losses and independent pixels",
    expect="refuted",
    pixels=D.integer(1, 12),
    C=D.integer(2, 19),
    mutants={"at least half of them": dict(share=0.5), "at least a quarter of them": dict(share=0.25)},
)
def infeasible(pixels: Tensor, C: Tensor, *, share: float = 1.0) -> Relation:
    r"""For an image of P pixels with C classes, the expected loss (6) takes $C^P$ losses, so $C^P \le C\,P$, what
    gradnorm.a4.linear takes.

    In the paper: "which means for each unlabeled sample we need to run a loop of $19^{473344}$ iterations to estimate its
    expected empirical loss, which is infeasible in practice".

    Counterexample: P = 3, C = 2: 8 labelings, but 6 pixel losses.

    Notes: for the paper's crop $C\,H\,W = 8993536$ pixel losses, as many as there are logits: one pass. The segmentation loss
    is a mean over pixels and the posterior a softmax in each, so this is the case the paper is about. For a loss that is no
    sum over pixels the paper is right (gradnorm.a4.general).
    """
    return leq(share * C.to(torch.float64) ** pixels, (C * pixels).to(torch.float64), names=["C^P", "C P"])


@claim(
    id="gradnorm.a4.linear",
    title="For a sum over pixels the expected loss is a sum over pixels",
    source="linearity of the expectation",
    amends="gradnorm.a4.infeasible",
    z=IMAGE,
    losses=D.real("pixels", "C"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "every labeling alike": dict(uniform=True)},
)
def linear(z: Tensor, losses: Tensor, *, share: float = 1.0, uniform: bool = False) -> Relation:
    r"""Let every pixel have its own posterior $P_p$ and its own loss $\ell_p(c)$ for each class. Then the sum over all $C^P$
    labelings of probability times loss is $\sum_p\sum_cP_p(c)\,\ell_p(c)$ (checked by enumeration).
    """
    p = gradnorm.posterior(z)
    labelings = _labelings(*z.shape[1:])
    weights = _likelihood(0 * p + 1 / p.shape[-1] if uniform else p, labelings)
    total = (losses[:, None] * labelings).sum(-1).sum(-1)
    return eq((weights * total).sum(-1), share * (p * losses).sum(-1).sum(-1), names=["over labelings", "over pixels"])


@claim(
    id="gradnorm.a4.entropy",
    title="With the cross-entropy it is the sum of the pixels' entropies",
    source="gradnorm.a4.linear and gradnorm.eq6",
    sharpens="gradnorm.a4.linear",
    z=IMAGE,
    dims=SMALL,
    uses=["gradnorm.eq6"],
    mutants={"one percent more": dict(share=1.01), "a pixel less": dict(left_out=True)},
)
def entropy(z: Tensor, *, share: float = 1.0, left_out: bool = False) -> Relation:
    r"""With $\ell_p(c) = -\log P_p(c)$ the expected loss over all labelings is $\sum_pH(P_p)$, the entropy loss (7) of the
    image: the scheme the paper proposes because the first one is infeasible is the first one.
    """
    p, losses = gradnorm.posterior(z), gradnorm.class_losses(z)
    labelings = _labelings(*z.shape[1:])
    total = (losses[:, None] * labelings).sum(-1).sum(-1)
    entropies = gradnorm.entropy(z)
    pixels = entropies[:, 1:] if left_out else entropies
    return eq((_likelihood(p, labelings) * total).sum(-1), share * pixels.sum(-1), names=["over labelings", "sum of entropies"])


@claim(
    id="gradnorm.a4.general",
    title="A loss of the whole labeling has to be looked at everywhere",
    source=f"own derivation, on {A4}",
    reading="a loss that is no sum over pixels",
    z=D.derived(_bounded, D.real(PIXELS, CLASSES), text="logits of 3 pixels in [-40, 40]", dims=(PIXELS, CLASSES)),
    table=D.real(CLASSES**PIXELS),
    place=D.integer(0, CLASSES**PIXELS - 1),
    mutants={"one percent more": dict(share=1.01), "the place's opposite": dict(mirrored=True)},
)
def general(z: Tensor, table: Tensor, place: Tensor, *, share: float = 1.0, mirrored: bool = False) -> Relation:
    r"""Let a loss be any table of $C^P$ numbers, one for each labeling (C = 2, P = 3). Raising one entry by 1 raises the
    expected loss by that labeling's probability, which is positive under a softmax: the expected loss depends on every entry,
    so that computing it takes $C^P$ looks.

    Notes: no formula serves all losses; some that are no sums have one all the same (the share of labelings with an error is
    1 less a product). For a general loss the paper's sentence stands.
    """
    weights = _likelihood(gradnorm.posterior(z), _labelings(PIXELS, CLASSES))
    here = (torch.arange(CLASSES**PIXELS) == place[:, None]).to(torch.float64)
    raised = (weights * (table + here)).sum(-1) - (weights * table).sum(-1)
    there = torch.flip(here, [-1]) if mirrored else here
    return eq(share * (weights * there).sum(-1), raised, names=["probability of the labeling", "change of the expected loss"])
