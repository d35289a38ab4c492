r"""Lemma 1 (eq. 16 and 27; theorem 4.1 of Arora et al. 2019): the training error of a wide network, and when it applies.

Where the paper's formula for the width stands our copy is damaged, so what the lemma asks of the initialisation cannot be
read off: both readings are claims. The extension to cross-entropy is in ``lemma1_cross_entropy.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.dynamical._settings import KERNELS, SOURCE, SPECTRA
from proofs_check.relations import Rate, Relation

STATEMENT = f"{SOURCE}, section 4.1, Lemma 1, eq. (16), (27); Arora et al. (2019), arXiv:1901.08584, theorem 4.1"
SEEDS = D.seed()
WIDTHS = (64, 256, 1024, 4096)
NETWORKS, POINTS, INPUTS, STEPS = 8, 4, 3, 100
ZERO, ORDINARY, RESIDUAL = range(3)


def inputs(seed: int) -> tuple[torch.Generator, Tensor, Tensor]:
    """The generator of a seed, the unit vectors it draws, and their kernel."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(POINTS, INPUTS, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    return generator, x, al.kernels.analytic(x)


@remembered
def deviations(seed: Tensor) -> Tensor:
    r"""The greatest $\left||y-f_t|-E_t\right|$ over t, root mean square over networks, shape (3, seeds, widths).

    Row ZERO: f = 0 at the start; ORDINARY: independent neurons, E_t of y; RESIDUAL: independent neurons, E_t of y - f_0.
    """
    return torch.stack([_one_seed(int(s)) for s in seed.tolist()], 1)


def _one_seed(seed: int) -> Tensor:
    generator, x, K = inputs(seed)
    y = 1 - 2 * torch.randint(0, 2, (POINTS, 1), generator=generator).to(torch.float64)
    eta = 4 * float(torch.linalg.eigvalsh(K)[0]) / POINTS**2
    t = torch.arange(STEPS + 1)
    columns = []
    for width in WIDTHS:
        found = []
        for paired in (True, False):
            nets = [al.TwoLayerNet(INPUTS, width, antisymmetric=paired, seed=generator) for _ in range(NETWORKS)]
            runs = al.training.gradient_descent(nets, x, y, eta, STEPS)
            error, start = torch.stack([r.E for r in runs]), torch.stack([r.outputs[0] for r in runs])
            for labels in [y.expand_as(start)] if paired else [y.expand_as(start), y - start]:
                mu = al.spectra.label_measure(K.expand(NETWORKS, -1, -1), labels)
                wanted = torch.sqrt(mu.E2(t[:, None], eta)).T
                found.append((error - wanted).abs().amax(-1).square().mean().sqrt())
        columns.append(torch.stack(found))
    return torch.stack(columns, -1)


@claim(
    id="dynamical.lemma1",
    title="Lemma 1 as Arora et al. prove it",
    source=STATEMENT,
    reading="the network starts at f = 0 (Arora et al.: at a small scale kappa), first layer trained, unit inputs, one output",
    experiment="dynamical.lemma1",
    seed=SEEDS,
    uses=["common.kernel_rate", "common.linear_training"],
    mutants={"rate -1": dict(exponent=-1.0), "from an ordinary initialisation": dict(start=ORDINARY)},
)
def lemma1(seed: Tensor, *, exponent: float = -0.5, start: int = ZERO) -> Rate:
    r"""For a two-layer relu network with unit inputs, $|y_i| = O(1)$, $\lambda_0 = \lambda_{\min}(\Theta) > 0$,
    $\eta = O(\lambda_0/n^2)$ and f = 0 at initialisation, the training error follows the kernel for all t up to an error
    that the width controls: $\max_t\left||y-f_t| - E_t\right|$ falls as $m^{-1/2}$, where
    $E_t^2 = \sum_i(1-\eta\lambda_i)^{2t}(v_i^\top y)^2$.

    In the paper: with probability at least $1-\delta$, $|Y-f(X;\theta(t))| = E_t \pm \epsilon$ for a width m above a
    polynomial in $n$, $1/\lambda_0$, $1/\delta$ and (perhaps) $1/\epsilon$.

    Notes: measured on 4 unit vectors in $R^3$ with labels 1 and -1, $\eta = 4\lambda_0/n^2$, 100 steps, width 64 to 1024, 8
    networks a seed. A rate is what can be measured of "for m large enough": it gives every $\epsilon$ from some width on.
    """
    return rate(WIDTHS, deviations(seed)[start], exponent=exponent)


@claim(
    id="dynamical.lemma1.ordinary_start",
    title="Lemma 1 from an ordinary initialisation",
    source=STATEMENT,
    reading="nothing is asked of the initialisation: independent standard normal weights, f = O(1) at the start",
    expect="refuted",
    experiment="dynamical.lemma1",
    seed=SEEDS,
    mutants={"rate -1": dict(exponent=-1.0), "rate -0.4": dict(exponent=-0.4, tolerance=0.1)},
)
def ordinary_start(seed: Tensor, *, exponent: float = -0.5, tolerance: float = 0.2) -> Rate:
    r"""For the same network with independent standard normal weights, $\max_t\left||y-f_t|-E_t\right|$ falls as $m^{-1/2}$.

    Counterexample: every seed: the error does not fall with the width at all (slope 0), for $f_0$ has a size of its own at
    every width and the error at t = 0 is $|y-f_0|$, not $|y|$.

    Notes: a statistical contradiction, not an exact one. Rounds after the first do not start at f = 0 either, since
    algorithm 1 goes on from trained weights; there the lemma holds with the residual (dynamical.lemma1.residual).
    """
    return rate(WIDTHS, deviations(seed)[ORDINARY], exponent=exponent, tolerance=tolerance)


@claim(
    id="dynamical.lemma1.residual",
    title="Lemma 1 from any start, with the residual for the labels",
    source=STATEMENT,
    reading="E_t is formed with Y - f_0 in the place of Y",
    amends="dynamical.lemma1.ordinary_start",
    experiment="dynamical.lemma1",
    seed=SEEDS,
    uses=["dynamical.lemma1"],
    mutants={"rate -1.5": dict(exponent=-1.5), "with Y after all": dict(start=ORDINARY)},
)
def residual(seed: Tensor, *, exponent: float = -0.5, start: int = RESIDUAL) -> Rate:
    r"""For independent standard normal weights, $\max_t\left||y-f_t| - E_t\right|$ falls as $m^{-1/2}$ when
    $E_t^2 = \sum_i(1-\eta\lambda_i)^{2t}(v_i^\top(y-f_0))^2$.

    Repairs: $Y - f_0$ for Y. This is the form that applies in every round of active learning but the first.
    """
    return rate(WIDTHS, deviations(seed)[start], exponent=exponent)


@claim(
    id="dynamical.lemma1.subsets",
    title="The smallest eigenvalue of a subset",
    source=f"{SOURCE}, Lemma 1: lambda_0 > 0 'for all subsets of data samples'; Cauchy's interlacing",
    theta=D.psd("n"),
    dims={"n": (2, 8)},
    on=SPECTRA,
    also_on={name: {"theta": changes["theta"]} for name, changes in KERNELS.items()},
    mutants={"one percent of lambda_2 less above": dict(above=0.99), "one percent of lambda_1 more below": dict(below=1.01)},
)
def subsets(theta: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""Let $\lambda_1 \le \lambda_2 \le \dots$ be the eigenvalues of $\Theta$ on n points and $\lambda_1'$ the smallest one on
    n - 1 of them. Then $\lambda_1 \le \lambda_1' \le \lambda_2$.

    In the paper: $\lambda_0 > 0$ is assumed for all subsets.

    Notes: by the left side it is enough to assume it for the whole set: the last round's, for then all earlier rounds have it
    too.

    Tight at: diagonal kernels, whichever point is left out.
    """
    values, fewer = torch.linalg.eigvalsh(theta), torch.linalg.eigvalsh(theta[..., 1:, 1:])
    return chain(
        below * values[..., 0], fewer[..., 0], above * values[..., 1], names=["lambda_1", "lambda_1 of the subset", "lambda_2"]
    )


@claim(
    id="dynamical.lemma1.degenerate",
    title="Without lambda_0 > 0: three antipodal pairs never train",
    source=f"{SOURCE}, Lemma 1: the assumption lambda_0 > 0",
    reading="distinct unit inputs, lambda_0 = 0: the hypothesis fails, not the lemma",
    x=D.unit_vectors(3, 2),
    eta=D.interval(0, 1),
    uses=["common.antipodal_pairs"],
    mutants={"one label off by one percent": dict(tilt=0.01), "the signs of one side kept": dict(mirror=1.0)},
)
def degenerate(x: Tensor, eta: Tensor, *, tilt: float = 0.0, mirror: float = -1.0) -> Relation:
    r"""For three unit vectors $x_1, x_2, x_3$ in the plane let $\alpha_1x_1+\alpha_2x_2+\alpha_3x_3 = 0$. On the six inputs
    $x_i, -x_i$ with labels $\alpha_i, -\alpha_i$ the error stays where it is, $E_t^2 = |y|^2$ for every step size and every t
    (here t = 0, ..., 4), and the alignment is 0.

    Notes: the regular hexagon with alternating labels is the equal case: eigenvalues 0, 5/12, 5/12, 2/3, 3/4, 3/4. Arora et
    al. exclude parallel inputs; "distinct" would not be enough.
    """
    y = torch.roll(x, -1, -2)
    cross = y[..., 0] * torch.roll(y, -1, -2)[..., 1] - y[..., 1] * torch.roll(y, -1, -2)[..., 0]
    alpha = cross * torch.tensor([1.0 + tilt, 1.0, 1.0], dtype=torch.float64)
    labels = torch.cat([alpha, mirror * alpha], -1)[..., None]
    theta = al.kernels.analytic(torch.cat([x, -x], -2))
    left = labels
    for _ in range(4):
        left = left - eta[:, None, None] * (theta @ left)
    return eq((left * left).sum((-2, -1)), (labels * labels).sum((-2, -1)), names=["E_4^2", "|y|^2"])
