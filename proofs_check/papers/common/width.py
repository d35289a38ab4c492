r"""How the kernel of a finite network at initialisation, $K_0$, relates to the kernel K of infinite width.

One entry of $K_0$ is a mean over the neurons of independent, identically distributed terms: so $E K_0 = K$ at every width,
and the distance falls as $m^{-1/2}$.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq, event, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.papers.common.odd_part import quadratic
from proofs_check.relations import Event, Rate, Relation

SOURCE = "Jacot, Gabriel, Hongler (2018), arXiv:1806.07572; for one hidden layer own derivation"
WIDTHS = (64, 128, 256, 512, 1024, 2048, 4096)
SEEDS = D.seed()


@claim(
    id="common.kernel_mean",
    title="The mean of the kernel is the kernel of infinite width, exactly",
    source=SOURCE,
    x=D.points("n", 2),
    coefficients=D.real(3),
    c=D.real("n"),
    dims={"n": (1, 4)},
    mutants={"nodes one percent too wide": dict(spread=1.01), "one percent off": dict(share=1.01)},
)
def kernel_mean(x: Tensor, coefficients: Tensor, c: Tensor, *, spread: float = 1.0, share: float = 1.0) -> Relation:
    r"""For a network of width 1 with $\phi(u) = c_0+c_1u+c_2u^2$ and a standard normal weight in the plane,
    $E[\phi'(w\cdot x)\phi'(w\cdot z)]\langle x,z\rangle$ and $E[\phi(w\cdot x)\phi(w\cdot z)]$ are the kernels of infinite
    width: $\langle x,z\rangle(c_1^2+4c_2^2\langle x,z\rangle)$ and
    $c_0^2+c_0c_2(|x|^2+|z|^2)+c_1^2\langle x,z\rangle+c_2^2(|x|^2|z|^2+2\langle x,z\rangle^2)$.
    By linearity the same holds for the mean over the neurons of a network of any width.

    Notes: exact because the three-point Gauss-Hermite rule in each coordinate integrates these polynomials exactly.
    """
    one = torch.ones_like(coefficients[:, :1, None])
    root = torch.sqrt(3 * one[:, 0, 0]) * spread
    nodes = torch.stack([-root, 0 * root, root], -1)
    mass = [one / 6, 2 * one / 3, one / 6]
    c0, c1, c2 = (coefficients[:, k, None, None] for k in range(3))
    gram = x @ x.mT
    square = (x * x).sum(-1)
    first, second = torch.zeros_like(gram), torch.zeros_like(gram)
    for i in range(3):
        for j in range(3):
            u = (nodes[:, i, None] * x[..., 0] + nodes[:, j, None] * x[..., 1])[..., None]
            slope, value = c1 + 2 * c2 * u, c0 + c1 * u + c2 * u * u
            first = first + mass[i] * mass[j] * (slope @ slope.mT) * gram
            second = second + mass[i] * mass[j] * (value @ value.mT)
    K1 = gram * (c1 * c1 + 4 * c2 * c2 * gram)
    sums, products = square[:, :, None] + square[:, None, :], square[:, :, None] * square[:, None, :]
    K2 = c0 * c0 + c0 * c2 * sums + c1 * c1 * gram + c2 * c2 * (products + 2 * gram * gram)
    return all_of(
        eq(quadratic(first, c), share * quadratic(K1, c), names=["E c'K_0 c, first layer", "c'Kc, first layer"]),
        eq(quadratic(second, c), share * quadratic(K2, c), names=["E c'K_0 c, output layer", "c'Kc, output layer"]),
    )


@claim(
    id="common.kernel_concentration",
    title="How far the kernel of width m is from the kernel of infinite width",
    source="Hoeffding's inequality and a union bound; compare Du et al. (2019), lemma 3.1",
    x=D.unit_vectors("n", "d"),
    width=D.integer(8, 2048),
    seed=SEEDS,
    experiment="common.kernel_concentration",
    dims={"n": (1, 4), "d": (2, 6)},
    uses=["common.kernel_mean"],
    mutants={"half the distance": dict(factor=0.5), "0.6 of the distance": dict(factor=0.6)},
)
def kernel_concentration(x: Tensor, width: Tensor, seed: Tensor, *, factor: float = 1.0, delta: float = 0.05) -> Event:
    r"""For a relu network of m independent neurons with its first layer trained, with probability at least $1-\delta$ over the
    initialisation, $|K_0-K|_{ij} \le |\langle x_i,x_j\rangle|\sqrt{\log(n(n+1)/\delta)/(2m)}$ for all pairs at once
    (here $\delta = 0.05$).

    Proof: each entry is $\langle x_i,x_j\rangle$ times a mean of m independent numbers that are 0 or 1 and have the right mean.
    """
    return event(_worst(x, width, seed, delta) <= factor, delta=delta)


@remembered
def _worst(x: Tensor, width: Tensor, seed: Tensor, delta: float) -> Tensor:
    """The largest |K_0 - K| over the pairs, in units of the bound, shape (batch,)."""
    found = []
    for points, m, s in zip(x, width.tolist(), seed.tolist(), strict=True):
        net = al.TwoLayerNet(points.shape[1], m, antisymmetric=False, seed=s)
        n = len(points)
        bound = (points @ points.T).abs() * math.sqrt(math.log(n * (n + 1) / delta) / (2 * m))
        # an entry whose inner product is 0 has a bound of 0 and a gap of rounding
        found.append((al.kernels.empirical(net, points) - al.kernels.analytic(points)).abs().div(bound + 1e-14).amax())
    return torch.stack(found)


@remembered
def _distances(seed: Tensor, activation: str, layer: str, antisymmetric: bool) -> Tensor:
    """|K_0 - K| / |K| in Frobenius norm, shape (seeds, widths), for 12 unit vectors in R^6 drawn from the seed."""
    rows = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        x = torch.randn(12, 6, generator=generator, dtype=torch.float64)
        x = x / x.norm(dim=1, keepdim=True)
        K = al.kernels.analytic(x, activation=activation, train_output=layer == "both")
        row = []
        for m in WIDTHS:
            net = al.TwoLayerNet(6, m, activation=activation, antisymmetric=antisymmetric, seed=generator)
            row.append(float((al.kernels.empirical(net, x, layer=layer) - K).norm() / K.norm()))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@claim(
    id="common.kernel_rate",
    title="The kernel converges at the rate of the square root of the width",
    source=SOURCE,
    seed=SEEDS,
    experiment="common.kernel_rate",
    uses=["common.kernel_mean"],
    mutants={"rate -0.7": dict(exponent=-0.7), "rate -1": dict(exponent=-1.0)},
)
def kernel_rate(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For the relu network with its first layer trained, $|K_0-K|_F$ falls as $m^{-1/2}$ (12 unit vectors in dimension 6, m
    from 64 to 4096).
    """
    return rate(WIDTHS, _distances(seed, "relu", "first", False), exponent=exponent, tolerance=0.1)


@claim(
    id="common.kernel_rate.both_layers",
    title="The same rate for erf, both layers, and paired neurons",
    source=SOURCE,
    seed=SEEDS,
    experiment="common.kernel_rate",
    uses=["common.kernel_mean"],
    mutants={"rate -0.7": dict(exponent=-0.7), "rate -1": dict(exponent=-1.0)},
)
def kernel_rate_both_layers(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For the erf network with both layers trained and antisymmetric initialisation, $|K_0-K|_F$ falls as $m^{-1/2}$ too (12
    unit vectors in dimension 6, m from 64 to 4096).

    Notes: pairing the neurons keeps the mean and halves the number of independent terms, so the constant is $\sqrt 2$ larger.
    """
    return rate(WIDTHS, _distances(seed, "erf", "both", True), exponent=exponent, tolerance=0.1)
