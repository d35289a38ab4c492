r"""Equation (10): the linearised network after training, and, beside eq. (4), what becomes of it as the width grows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Converged
from proofs_check import claim, eq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.lookahead._settings_training import SOURCE, times
from proofs_check.relations import Rate, Relation

EQ4, EQ10 = f"{SOURCE}, section 2, eq. (4)", f"{SOURCE}, section 3, eq. (10)"
WIDTHS = (64, 256, 1024, 4096)
NETWORKS = 4


def _limits(J: Tensor, phi: Tensor, r: Tensor, c: Tensor, pull: Tensor, share: float) -> Relation:
    """c' (f(x) - f_0(x)): in the parameters, and by the kernel of all pairs of outputs."""
    rows = J.flatten(1, 2)
    moved = times(Converged().pull(rows.mT @ rows), times(rows.mT, r))
    probe = times(phi.mT, c)
    return eq(
        (probe * moved).sum(-1),
        share * (times(rows, probe) * pull).sum(-1),
        names=["c' (f - f_0), parameters", "c' (f - f_0), kernel"],
    )


@claim(
    id="lookahead.eq10.as_printed",
    title="Eq. (10): the limit of the linearised network",
    source=EQ10,
    reading="empirical kernel invertible, which needs as many parameters as labels",
    J=D.real("n", 2, 4),
    phi=D.real(2, 4),
    r=D.real("n", 2),
    c=D.real(2),
    dims={"n": (1, 2)},
    assumes=[lambda J: torch.linalg.det(J.flatten(1, 2) @ J.flatten(1, 2).mT) > 0],
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq10_as_printed(J: Tensor, phi: Tensor, r: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""The network linearised at $\theta_0$, with two outputs and $r = Y-f_0(X)$, trained to the end has $f^{lin}(x) =
    f_0(x)+\Theta_0(x,X)\,\Theta_0(X,X)^{-1}r$, $\Theta_0 = \nabla f_0\nabla f_0^\top$ over all pairs of outputs, if
    $\Theta_0(X,X)$ is invertible.

    Proof: gradient flow stays in the row span of the gradients J and ends at the least-squares solution there,
    $\theta_0+(J^\top J)^+J^\top r$.
    """
    rows = J.flatten(1, 2)
    pull = torch.linalg.solve(rows @ rows.mT, r.flatten(1)[..., None])[..., 0]
    return _limits(J, phi, r.flatten(1), c, pull, share)


@claim(
    id="lookahead.eq10",
    title="Eq. (10) for every network: the pseudo-inverse",
    source=EQ10,
    sharpens="lookahead.eq10.as_printed",
    J=D.real("n", 2, 2),
    phi=D.real(2, 2),
    r=D.real("n", 2),
    c=D.real(2),
    dims={"n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq10(J: Tensor, phi: Tensor, r: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""The same with $\Theta_0(X,X)^+$, whatever the number of parameters (here 2, fewer than labels)."""
    rows = J.flatten(1, 2)
    return _limits(J, phi, r.flatten(1), c, times(Converged().pull(rows @ rows.mT), r.flatten(1)), share)


# the limit of large width


@dataclass(frozen=True)
class Distances:
    """Of the empirical kernel and of eq. (10) from those of infinite width, (seeds, widths) each."""

    kernels: Tensor
    predictions: Tensor


@remembered
def distances(seed: Tensor) -> Distances:
    """Relu networks with both layers trained, eight labelled unit vectors in dimension 6 and ten others; root mean squares."""
    table = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        x = torch.randn(18, 6, generator=generator, dtype=torch.float64)
        x = x / x.norm(dim=1, keepdim=True)
        y = torch.randn(8, generator=generator, dtype=torch.float64)
        K = al.kernels.analytic(x, train_output=True)
        wanted = _predicted(K, y)
        row = []
        for m in WIDTHS:
            squares = torch.zeros(2, dtype=torch.float64)
            for _ in range(NETWORKS):
                net = al.TwoLayerNet(6, m, train_output=True, antisymmetric=False, seed=generator)
                theta = al.kernels.empirical(net, x, layer="both")
                gaps = (theta - K).square().mean(), (_predicted(theta, y) - wanted).square().mean()
                squares = squares + torch.stack(gaps)
            row.append((squares / NETWORKS).sqrt().tolist())
        table.append(row)
    return Distances(*torch.tensor(table, dtype=torch.float64).permute(2, 0, 1))


def _predicted(K: Tensor, y: Tensor) -> Tensor:
    """Eq. (6) or (10) from f_0 = 0 at the points that are not labelled."""
    n = y.shape[0]
    return K[n:, :n] @ torch.linalg.solve(K[:n, :n], y)


@claim(
    id="lookahead.eq4.rate",
    title="Eq. (4): how far the kernel of a network is from its mean",
    source=EQ4,
    experiment="lookahead.wide_start",
    seed=D.seed(),
    uses=["lookahead.eq4"],
    mutants={"rate -0.75": dict(exponent=-0.75), "rate -1": dict(exponent=-1.0)},
)
def eq4_rate(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For relu networks with both layers trained, the entries of $\Theta_0-\mathcal{K}$ fall as $m^{-1/2}$ with the width m
    (from 64 to 4096).

    Proof: each is a mean of m independent terms.
    """
    return rate(WIDTHS, distances(seed).kernels, exponent=exponent, tolerance=0.1)


@claim(
    id="lookahead.eq10.limit",
    title="Eq. (10) tends to eq. (6)",
    source=f"{EQ10}: 'leading (10) to become equivalent to (6)'",
    reading="at initialisation, in probability, kernel of infinite width not singular; 'almost surely' for all t is not tested",
    experiment="lookahead.wide_start",
    seed=D.seed(),
    uses=["lookahead.eq4.rate"],
    mutants={"rate -1": dict(exponent=-1.0), "no fall": dict(exponent=0.0)},
)
def eq10_limit(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""From $f_0 = 0$ the predictions of eq. (10) with $\Theta_0$ differ from those of eq. (6) with $\mathcal{K}$ by
    $O(m^{-1/2})$ (eight labelled points, ten others; m from 64 to 4096).

    Notes: convergence of the kernel for all times of training is shown in probability (Jacot et al.), almost surely for the
    start only (Yang). The prediction needs $\lambda_{\min}(\mathcal{K}) > 0$ besides.
    """
    return rate(WIDTHS, distances(seed).predictions, exponent=exponent, tolerance=0.15)
