r"""Influences of unlabelled digits on the test loss, beside their gradient norms: what table 2 and figure 3 compare.

For every query of entropy-gradnorm (`_measured`, the first split of each seed), at $T^c$ and at $T^{c+1}$:

$$\sum_jI(x,x_j) = \frac1n\sum_jg_j^\top H^{-1}g_x,\qquad H = \frac1n\sum_iJ_i^\top S_iJ_i+\lambda I,$$

the Gauss-Newton matrix with the weight decay $\lambda$ that the networks are trained with, for the paper does not say how
$H^{-1}$ was computed, and the Hessian of a network is not positive definite. g are the gradients of the cross-entropy with the
true labels, or of the entropy (eq. 7, which is eq. 6); H is always that of the loss that was trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from proofs_check.experiment import remembered
from proofs_check.papers.gradnorm import _networks as networks
from proofs_check.papers.gradnorm._measured import INITIAL, SPLITS, UNLABELLED, Runs, runs
from proofs_check.papers.gradnorm._networks import TwoLayer

NOW, NEXT = 0, 1
#: how many of the test digits the sums over j run over
TESTED = 300
#: losses that g is taken of
CE, ENT = "cross_entropy", "entropy"


@dataclass(frozen=True, eq=False)
class Influences:
    """Of every sample of the pool, for each seed and query; by the loss that gradients are taken of.

    Attributes:
        total: (seeds, CYCLES, 2, POOL) $\\sum_jI(x,x_j)$ at $T^c$ and at $T^{c+1}$: what removing x would do, to first order.
        norms: (seeds, CYCLES, 2, POOL) $|g_x|$ there.
        direction: (seeds, CYCLES, 2) $|\\frac1n\\sum_jH^{-1}g_j|$ there.
    """

    total: dict[str, Tensor]
    norms: dict[str, Tensor]
    direction: dict[str, Tensor]

    def terms(self, loss: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Figure 3's Target, Approx-1, Approx-2, Approx-3, each times 1/n: (seeds, CYCLES, POOL)."""
        target, s = self.total[loss][:, :, NEXT], self.direction[loss][:, :, NEXT, None]
        return target, target.abs(), self.norms[loss][:, :, NEXT] * s, self.norms[loss][:, :, NOW] * s


@remembered
def influences(x: Tensor, labels: Tensor, seed: Tensor) -> Influences:
    """The experiment, all seeds."""
    whole = runs(x, labels, seed)
    found = [[_one(whole, i * SPLITS, c) for c in range(len(whole.cycles))] for i in range(len(seed))]
    total, norms, direction = (
        {loss: torch.stack([torch.stack([one[k][loss] for one in row]) for row in found]) for loss in (CE, ENT)}
        for k in range(3)
    )
    return Influences(total, norms, direction)


def _one(whole: Runs, run: int, cycle: int) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """(2, POOL) twice and (2,), by the loss."""
    at, x, labels = whole.cycles[cycle], whole.x[run], whole.labels[run]
    pool = at.pool[run]
    trained = at.labelled[run], torch.cat([at.labelled[run], at.selected[run]])
    both = [
        of_points(networks.chosen(net, run), x, labels, rows, pool)
        for net, rows in zip((at.before, at.after), trained, strict=True)
    ]
    return tuple({loss: torch.stack([one[k][loss] for one in both]) for loss in (CE, ENT)} for k in range(3))  # type: ignore[return-value]


def of_points(net: TwoLayer, x: Tensor, labels: Tensor, trained: Tensor, pool: Tensor) -> tuple[dict[str, Tensor], ...]:
    """Total influences (POOL,) on the test digits, gradient norms (POOL,) and $|s|/n$ (), by the loss."""
    near = al.influence.gauss_newton(networks.module(net), x[trained], labels[trained], networks.DECAY)
    points, truth = x[pool], labels[pool]
    test = slice(INITIAL + UNLABELLED, INITIAL + UNLABELLED + TESTED)
    Z, t = x[test], labels[test]
    total = {
        CE: near.total_influences(Z, t, of=(points, truth)),
        ENT: near.total_influences(Z, of=(points, None), loss=ENT),
    }
    norms = {CE: al.gradnorm.true_gradnorm(net, points, truth), ENT: al.gradnorm.entropy_gradnorm(net, points)}
    direction = {CE: near.direction_norm(Z, t) / near.n, ENT: near.direction_norm(Z, loss=ENT) / near.n}
    return total, norms, direction
