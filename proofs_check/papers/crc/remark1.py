r"""Remark 1: is the gradient one-to-one on the points, as Proposition 2 supposes?"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.crc._selection import PAPER, one_if
from proofs_check.relations import Relation

SOURCE = f"{PAPER}, section 3.2, Remark 1"


@claim(
    id="crc.remark1.infinite_width",
    title="Remark 1 at infinite width: the gradient is one-to-one",
    source=SOURCE,
    reading="the infinitely wide relu network, first layer trained; one-to-one, which is all the remark says",
    x=D.points(2, "d"),
    dims={"d": (1, 2)},
    mutants={"one percent more": dict(share=0.2525), "half of the squared distance": dict(share=0.5)},
)
def infinite_width(x: Tensor, *, share: float = 0.25) -> Relation:
    r"""The gradients at two points are at least as far apart as half of the points' distance:
    $\frac{1}{4}|x-z|^2 \le K(x,x)-2K(x,z)+K(z,z)$.

    Proof: the right side is $\frac{1}{2}|x-z|^2+\frac{\theta}{\pi}\langle x,z\rangle$; for an angle $\theta\le\pi/2$ the second
    term is not negative, else it is at least $\langle x,z\rangle$, and $\frac{1}{2}(|x|^2+|z|^2) \ge \frac{1}{4}|x-z|^2$.

    Tight at: antipodes.

    Notes: one-to-one is not independent: the kernel of distinct points may be singular (crc.proposition2.six_points). The
    error is Proposition 2's, not the remark's.
    """
    K = al.kernels.analytic(x)
    apart = ((x[:, 0] - x[:, 1]) ** 2).sum(-1)
    return leq(share * apart, K[:, 0, 0] - 2 * K[:, 0, 1] + K[:, 1, 1], names=["|x-z|^2 / 4", "squared distance of gradients"])


def _gradients(W: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The first layer's gradients of a relu network with all output weights 1, (batch, 2, m d), and the active neurons."""
    active = one_if(x @ torch.transpose(W, -1, -2) > 0, x[..., :1] @ torch.transpose(W[..., :1], -1, -2))
    return (active[..., None] * x[:, :, None, :]).reshape(len(x), 2, -1), active


def distinct(x: Tensor) -> Tensor:
    """the two points are different"""
    return (x[:, 0] != x[:, 1]).any(-1)


@claim(
    id="crc.remark1.dead",
    title="Remark 1 at finite width without its proviso",
    source=SOURCE,
    reading="without 'as long as not too many neurons are deactivated', which the remark says: no charge against the paper",
    expect="refuted",
    W=D.real("m", "d"),
    x=D.points(2, "d"),
    dims={"m": (1, 2), "d": (1, 2)},
    assumes=[distinct],
    mutants={"two entries differ": dict(least=2.0), "three entries differ": dict(least=3.0)},
)
def dead(W: Tensor, x: Tensor, *, least: float = 1.0) -> Relation:
    r"""For every relu network of width m and two different points, the gradients with respect to the first layer differ in at
    least one entry.

    Counterexample: width 1, $w = 1$, points -1 and -2: the neuron is inactive on both, and both gradients are 0.
    """
    g, _ = _gradients(W, x)
    differ = one_if(g[:, 0] != g[:, 1], g[:, 0]).sum(-1)
    return leq(least * torch.ones_like(differ), differ, names=["1", "entries that differ"])


@claim(
    id="crc.remark1.finite",
    title="Remark 1 at finite width: how far apart the gradients are",
    source=f"replaces {SOURCE}; own derivation",
    amends="crc.remark1.dead",
    W=D.real("m", "d"),
    x=D.points(2, "d"),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "neurons active on one point only left out": dict(single=0.0)},
)
def finite(W: Tensor, x: Tensor, *, share: float = 1.0, single: float = 1.0) -> Relation:
    r"""Of m neurons, a are active on both points, b on x only, c on z only. With output weights $\pm m^{-1/2}$ the squared
    distance of the first layer's gradients is $\frac{1}{m}\bigl(a|x-z|^2+b|x|^2+c|z|^2\bigr)$.

    Notes: so they differ if and only if some neuron is active on one of the points, for two different points: that is the
    remark's proviso.
    """
    g, active = _gradients(W, x)
    first, second = active[:, 0], active[:, 1]
    m = W.shape[-2]
    apart = ((x[:, 0] - x[:, 1]) ** 2).sum(-1)
    norms = (x * x).sum(-1)
    both, one, other = (first * second).sum(-1), (first * (1 - second)).sum(-1), ((1 - first) * second).sum(-1)
    counted = (both * apart + single * (one * norms[:, 0] + other * norms[:, 1])) / m
    return eq(((g[:, 0] - g[:, 1]) ** 2).sum(-1) / m, share * counted, names=["squared distance of gradients", "counted"])
