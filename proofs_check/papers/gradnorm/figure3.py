r"""Figure 3: the influence, and what it becomes after each step of eq. (4) and (5).

With $s = \sum_jH^{-1}g_j$ at $T^{c+1}$ the paper averages over the unlabelled samples: Target $s\cdot g_x$, Approx-1 $|s\cdot
g_x|$, Approx-2 $\|g_x\|\,\|s\|$, Approx-3 $\|g_x^c\|\,\|s\|$ with the gradient at $T^c$, all of one label-free loss. It sees
that "the bounds do not deviate much from the target". The first two steps are inequalities and need no experiment; the third
is not.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from proofs_check import chain, claim, measurement
from proofs_check import domains as D
from proofs_check.figure import Figure, Series, Table
from proofs_check.papers.gradnorm import _measured
from proofs_check.papers.gradnorm._influences import CE, ENT, Influences, influences
from proofs_check.papers.gradnorm._measured import EXPERIMENT, ROWS, SEEDS
from proofs_check.relations import Measurement, Relation

SOURCE = "Wang et al. (AAAI 2022), figure 3"
TERMS = ("Target", "Approx-1", "Approx-2", "Approx-3")
LOSSES = {ENT: "entropy, as in the paper", CE: "cross-entropy with the true labels"}


@claim(
    id="gradnorm.figure3.order",
    title="Figure 3: Target, Approx-1 and Approx-2 are in this order",
    source=SOURCE,
    reading="averages over the samples; H positive definite",
    G=D.real("n", "p"),
    test=D.real("p"),
    H=D.psd("p", cond=100.0),
    dims={"n": (1, 3), "p": (1, 3)},
    mutants={"one percent less in the last step": dict(last=0.99), "one percent less in both": dict(first=0.99)},
)
def order(G: Tensor, test: Tensor, H: Tensor, *, first: float = 1.0, last: float = 1.0) -> Relation:
    r"""For gradients $g_1,\dots,g_n$, a gradient g of the total test loss, a positive definite H and $s = H^{-1}g$, the means
    over i of $s\cdot g_i$, of $|s\cdot g_i|$ and of $\|g_i\|\,\|s\|$ do not fall.

    Proof: $t \le |t|$, and Cauchy-Schwarz, for every i.

    Tight at: gradients that are positive multiples of s.
    """
    s = torch.linalg.solve(H, test[..., None])[..., 0]
    target = (G @ s[..., None])[..., 0]
    sizes = torch.sqrt((G * G).sum(-1)) * torch.sqrt((s * s).sum(-1))[..., None]
    return chain(target.mean(-1), first * torch.abs(target).mean(-1), last * first * sizes.mean(-1), names=list(TERMS[:3]))


def average(found: Influences, loss: str) -> Tensor:
    """(seeds, 4) the four terms, each times 1/n, averaged over samples and cycles."""
    return torch.stack([term.mean((1, 2)) for term in found.terms(loss)], -1)


def growing(found: Influences, loss: str) -> Tensor:
    """(seeds,) percent of the samples whose gradient norm at T^{c+1} is larger than at T^c: Approx-3 below Approx-2."""
    _, _, two, three = found.terms(loss)
    return 100 * (three < two).to(two.dtype).mean((1, 2))


def shown(found: Influences) -> list[Figure | Table]:
    """The four terms after each cycle, and their quotients."""
    cycles = [str(c + 1) for c in range(_measured.CYCLES)]
    figures: list[Figure | Table] = [
        Figure(
            f"The four terms ({name})", "query", "mean over the pool",
            [Series(term, cycles, value.mean(-1)) for term, value in zip(TERMS, found.terms(loss), strict=True)],
        )
        for loss, name in LOSSES.items()
    ]  # fmt: skip
    rows = []
    for loss, name in LOSSES.items():
        target, one, two, three = average(found, loss).unbind(-1)
        rows.append((name, [target / one, two / one, three / two, growing(found, loss)]))
    columns = ["Target / Approx-1", "Approx-2 / Approx-1", "Approx-3 / Approx-2", "% of samples with Approx-3 < Approx-2"]
    return [*figures, Table("Quotients of the averages", columns, rows, note="The paper prints no numbers.")]


SETTING: dict[str, Any] = {"x": ROWS, "labels": ROWS.labels, "seed": SEEDS, "experiment": EXPERIMENT}


@claim(
    id="gradnorm.figure3.approx3",
    title="Figure 3: Approx-3 is above Approx-2 on average",
    source=SOURCE,
    reading="averages over the samples of the pool, the entropy as the loss",
    expect="reproduced",
    **SETTING,
    mutants={"four times": dict(least=4.0), "below": dict(least=0.0, most=1.0)},
)
def approx3(
    x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = ENT, least: float = 1.0, most: float = 100.0
) -> Measurement:
    r"""Averaged over the pool, $\|\nabla L_{ent}(T^c(x))\|$ is larger than $\|\nabla L_{ent}(T^{c+1}(x))\|$: the quotient of
    the means is above 1.
    """
    found = influences(x, labels, seed)
    _, _, two, three = average(found, loss).unbind(-1)
    return measurement(three / two, expect=(least, most), show=shown(found))


@claim(
    id="gradnorm.figure3.approx3.cross_entropy",
    title="Figure 3 with the true labels: Approx-3 is above Approx-2 on average",
    source=SOURCE,
    reading="averages over the samples of the pool, the cross-entropy with the true labels as the loss",
    expect="reproduced",
    **SETTING,
    mutants={"four times": dict(least=4.0), "below": dict(least=0.0, most=1.0)},
)
def approx3_cross_entropy(
    x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = CE, least: float = 1.0, most: float = 100.0
) -> Measurement:
    r"""Averaged over the pool, $\|\nabla L(T^c(x))\|$ is larger than $\|\nabla L(T^{c+1}(x))\|$."""
    found = influences(x, labels, seed)
    _, _, two, three = average(found, loss).unbind(-1)
    return measurement(three / two, expect=(least, most), show=shown(found))


@claim(
    id="gradnorm.figure3.each_sample",
    title="Eq. (5) for each sample: Approx-3 is above Approx-2",
    source="Wang et al. (AAAI 2022), eq. (5) and figure 3",
    reading="up to exceptions (the paper writes 'not a rigorous guarantee for any sample'): fewer than 10 % of the pool",
    expect="not-reproduced",
    **SETTING,
    mutants={"fewer than 5 %": dict(most=5.0), "fewer than 20 %": dict(most=20.0)},
)
def each_sample(x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = ENT, most: float = 10.0) -> Measurement:
    r"""Fewer than 10 % of the samples of the pool have a larger $\|\nabla L_{ent}\|$ at $T^{c+1}$ than at $T^c$."""
    found = influences(x, labels, seed)
    return measurement(growing(found, loss), expect=(0.0, most), show=shown(found))


@claim(
    id="gradnorm.figure3.each_sample.cross_entropy",
    title="Eq. (5) for each sample, with the true labels",
    source="Wang et al. (AAAI 2022), eq. (5) and figure 3",
    reading="up to exceptions: fewer than 10 % of the pool, the cross-entropy with the true labels as the loss",
    expect="not-reproduced",
    **SETTING,
    mutants={"fewer than 5 %": dict(most=5.0), "fewer than 20 %": dict(most=20.0)},
)
def each_sample_cross_entropy(x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = CE, most: float = 10.0) -> Measurement:
    r"""Fewer than 10 % of the samples of the pool have a larger $\|\nabla L\|$ at $T^{c+1}$ than at $T^c$."""
    found = influences(x, labels, seed)
    return measurement(growing(found, loss), expect=(0.0, most), show=shown(found))


@claim(
    id="gradnorm.figure3.tight",
    title="Figure 3: the bounds do not deviate much from the target",
    source=SOURCE,
    reading="averages: Approx-2 at most three times |Target|, the entropy as the loss",
    expect="not-reproduced",
    **SETTING,
    mutants={"twice": dict(most=2.0), "once and a half": dict(most=1.5)},
)
def tight(x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = ENT, most: float = 3.0) -> Measurement:
    r"""Averaged over the pool, $\|g_x\|\,\|s\|$ is at most three times $|s\cdot g_x|$ (of the absolute values, which makes the
    bound look tighter than against the signed Target).

    Notes: about thirty times. Cauchy-Schwarz loses the angle between two vectors in thousands of dimensions.
    """
    found = influences(x, labels, seed)
    _, one, two, _ = average(found, loss).unbind(-1)
    return measurement(two / one, expect=(0.0, most), show=shown(found))


@claim(
    id="gradnorm.figure3.tight.cross_entropy",
    title="Figure 3 with the true labels: the bounds do not deviate much from the target",
    source=SOURCE,
    reading="averages: Approx-2 at most three times Approx-1, the cross-entropy with the true labels as the loss",
    expect="not-reproduced",
    **SETTING,
    mutants={"twice": dict(most=2.0), "once and a half": dict(most=1.5)},
)
def tight_cross_entropy(x: Tensor, labels: Tensor, seed: Tensor, *, loss: str = CE, most: float = 3.0) -> Measurement:
    r"""Averaged over the pool, $\|g_x\|\,\|s\|$ is at most three times $|s\cdot g_x|$, with the cross-entropy for the loss."""
    found = influences(x, labels, seed)
    _, one, two, _ = average(found, loss).unbind(-1)
    return measurement(two / one, expect=(0.0, most), show=shown(found))
