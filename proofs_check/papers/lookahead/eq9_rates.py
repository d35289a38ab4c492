r"""The rates in eq. (9), measured: $\sup_t\max_x|f_t-f_t^{lin}|$ and $\sup_t\|\Theta_t-\Theta_0\|_F$ against the width.

Six unit vectors in dimension 4, labels $\pm\frac12$, four further points; gradient descent with step size
$1/\lambda_{\max}(\Theta_0)$, 25 steps, both layers trained; root mean squares over ten networks and data sets for each seed
and width.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from proofs_check import claim, measurement, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.papers.lookahead.eq9 import SOURCE
from proofs_check.relations import Measurement, Rate

SEEDS = D.seed()
WIDTHS = (64, 256, 1024, 2048)
POINTS, OTHERS, DIMENSION, STEPS, NETWORKS = 6, 4, 4, 25, 10
#: widths where only the first step is taken
LARGE_WIDTHS, WIDE_NETWORKS = (1_000, 10_000, 100_000), 3
#: widths of the one-step experiment, and neurons drawn at each
ONE_STEP_WIDTHS, NEURONS = (100, 1_000, 10_000, 100_000), 1 << 20


@dataclass(frozen=True)
class Kind:
    """An activation, its derivative, and the law of the output weights."""

    phi: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]
    skewed: bool = False


def _softplus(u: Tensor) -> Tensor:
    return torch.nn.functional.softplus(3 * u) / 3


def _sigmoid(u: Tensor) -> Tensor:
    return torch.sigmoid(3 * u)


KINDS = {
    "smooth": Kind(_softplus, _sigmoid),
    "smooth, skewed": Kind(_softplus, _sigmoid, skewed=True),
    "relu": Kind(torch.relu, lambda u: (u > 0).to(u)),
}


@dataclass(frozen=True)
class Moved:
    """Both suprema, shape (seeds, widths) each."""

    outputs: Tensor
    kernel: Tensor


@remembered
def moved(seed: Tensor, kind: str) -> Moved:
    """Train the networks of one kind."""
    rows = [[_suprema(s, n, KINDS[kind]) for n in WIDTHS] for s in seed.tolist()]
    return Moved(*torch.tensor(rows, dtype=torch.float64).permute(2, 0, 1))


def _suprema(seed: int, width: int, kind: Kind) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(seed)
    x, y, W, a = _drawn(generator, NETWORKS, width, kind.skewed)
    gram, scale, on = x @ x.mT, width**-0.5, slice(0, POINTS)
    start: Tensor | None = None
    for _ in range(STEPS + 1):
        z = x @ W.mT
        h, back = kind.phi(z), kind.slope(z) * a[:, None]
        theta = (h @ h.mT + gram * (back @ back.mT)) / width
        f = (h @ a[..., None])[..., 0] * scale
        if start is None:
            start, linear = theta, f
            eta = 1 / torch.linalg.eigvalsh(theta[:, on, on])[:, -1:]
            apart, drift = torch.zeros(NETWORKS, dtype=torch.float64), torch.zeros(NETWORKS, dtype=torch.float64)
        apart = torch.maximum(apart, (f - linear).abs().amax(-1))
        drift = torch.maximum(drift, torch.linalg.matrix_norm(theta - start))
        linear = linear - eta * (start[:, :, on] @ (linear[:, on] - y)[..., None])[..., 0]
        push = eta * (f[:, on] - y) * scale
        a = a - (push[:, None] @ h[:, on])[:, 0]
        W = W - (push[..., None] * back[:, on]).mT @ x[:, on]
    return float(apart.square().mean().sqrt()), float(drift.square().mean().sqrt())


def _drawn(generator: torch.Generator, networks: int, width: int, skewed: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points (networks, m, d), labels, weights W (networks, n, d) and a (networks, n); the points do not depend on n."""
    x = torch.randn(networks, POINTS + OTHERS, DIMENSION, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 2, (networks, POINTS), generator=generator).to(torch.float64) - 0.5
    W = torch.randn(networks, width, DIMENSION, generator=generator, dtype=torch.float64)
    a = torch.randn(networks, width, generator=generator, dtype=torch.float64)
    if skewed:  # mean 0, variance 1, third moment 1/sqrt 2
        u = torch.rand(networks, width, generator=generator, dtype=torch.float64)
        a = torch.where(u < 2 / 3, -math.sqrt(0.5), math.sqrt(2.0)).to(u)
    return x / x.norm(dim=-1, keepdim=True), y, W, a


@remembered
def moved_at_once(seed: Tensor, kind: str) -> Tensor:
    r"""(seeds, widths) $\|\Theta_1-\Theta_0\|_F$ after the first step, for very wide networks."""
    rows = [[_first_step(s, n, KINDS[kind]) for n in LARGE_WIDTHS] for s in seed.tolist()]
    return torch.tensor(rows, dtype=torch.float64)


def _first_step(seed: int, width: int, kind: Kind) -> float:
    generator = torch.Generator().manual_seed(seed)
    x, y, W, a = (v[:, :POINTS] if i == 0 else v for i, v in enumerate(_drawn(generator, WIDE_NETWORKS, width, kind.skewed)))
    thetas = []
    for _ in range(2):
        z = x @ W.mT
        h, back = kind.phi(z), kind.slope(z) * a[:, None]
        thetas.append((h @ h.mT + (x @ x.mT) * (back @ back.mT)) / width)
        # from f = 0: what f_0 happens to be would change the step from width to width
        push = -y / torch.linalg.eigvalsh(thetas[0])[:, -1:] * width**-0.5
        a, W = a - (push[:, None] @ h)[:, 0], W - (push[..., None] * back).mT @ x
    return float((thetas[1] - thetas[0]).square().sum((-2, -1)).mean().sqrt())


def _slopes(values: Tensor) -> Tensor:
    """(seeds,) least-squares slopes in log-log scale."""
    u = torch.tensor(WIDTHS, dtype=torch.float64).log()
    u = u - u.mean()
    return (values.log() @ u) / (u @ u)


def _shown(seed: Tensor) -> list[Figure]:
    found = {kind: moved(seed, kind) for kind in KINDS}
    guides = {e: [0.3 * (n / WIDTHS[0]) ** e for n in WIDTHS] for e in (-0.5, -1.0)}
    lines = [Series(f"slope {e:g}", WIDTHS, v) for e, v in guides.items()]
    titles = {"outputs": "sup |f - f lin|", "kernel": "sup |Theta_t - Theta_0|"}
    return [
        Figure(title, "width n", title, [*(Series(k, WIDTHS, getattr(v, part)) for k, v in found.items()), *lines],
               log_x=True, log_y=True)
        for part, title in titles.items()
    ]  # fmt: skip


@claim(
    id="lookahead.eq9.outputs",
    title="Eq. (9), left: the outputs stay within O(n^-1/2) of the linearisation",
    source=SOURCE,
    reading="a bound of its own, at least as fast as n^-1/2",
    expect="reproduced",
    amends="lookahead.eq9.as_printed",
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"rate -0.8": dict(most=-0.8), "rate -1": dict(most=-1.0)},
)
def eq9_outputs(seed: Tensor, *, most: float = -0.4) -> Measurement:
    r"""$\sup_t\max_x|f_t(x)-f_t^{lin}(x)|$ falls at least as fast as $n^{-1/2}$: the log-log slope over n = 64 to 2048 is below
    -0.4 for the slowest of three kinds of networks (smooth with normal output weights, smooth with skewed ones, relu).

    Notes: the exponents differ: -1, -1/2 and, for relu, something between at these widths; see the figure.
    """
    slopes = torch.stack([_slopes(moved(seed, kind).outputs) for kind in KINDS]).amax(0)
    return measurement(slopes, expect=(-math.inf, most), show=_shown(seed))


@claim(
    id="lookahead.eq9.kernel",
    title="Eq. (9), right: the kernel moves by O(n^-1/2)",
    source=SOURCE,
    reading="a bound of its own, at least as fast as n^-1/2",
    expect="reproduced",
    amends="lookahead.eq9.as_printed",
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"rate -0.8": dict(most=-0.8), "rate -1": dict(most=-1.0)},
)
def eq9_kernel(seed: Tensor, *, most: float = -0.4) -> Measurement:
    r"""$\sup_t\|\Theta_t-\Theta_0\|_F$ falls at least as fast as $n^{-1/2}$: the log-log slope over n = 64 to 2048 is below
    -0.4 for the slowest of three kinds of networks.
    """
    slopes = torch.stack([_slopes(moved(seed, kind).kernel) for kind in KINDS]).amax(0)
    return measurement(slopes, expect=(-math.inf, most), show=_shown(seed))


@claim(
    id="lookahead.eq9.smooth",
    title="Smooth activation, normal output weights: the outputs' rate is -1",
    source="own derivation",
    sharpens="lookahead.eq9.outputs",
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"rate -1/2": dict(exponent=-0.5), "rate -3/2": dict(exponent=-1.5)},
)
def eq9_smooth(seed: Tensor, *, exponent: float = -1.0, kind: str = "smooth") -> Rate:
    r"""For $\phi(u) = \log(1+e^{3u})/3$ and normal output weights, $\sup_t\max_x|f_t-f_t^{lin}|$ falls as $n^{-1}$.

    Proof: $\dot\Theta$ is $n^{-3/2}$ times a sum over the neurons of terms odd in $a_i$, of mean 0: its size is $n^{-1}$.
    """
    return rate(WIDTHS, moved(seed, kind).outputs, exponent=exponent, tolerance=0.2)


@claim(
    id="lookahead.eq9.smooth_kernel",
    title="Smooth activation, normal output weights: the kernel's rate is -1",
    source="own derivation",
    sharpens="lookahead.eq9.kernel",
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"rate -1/2": dict(exponent=-0.5), "rate -3/2": dict(exponent=-1.5)},
)
def eq9_smooth_kernel(seed: Tensor, *, exponent: float = -1.0, kind: str = "smooth") -> Rate:
    r"""For $\phi(u) = \log(1+e^{3u})/3$ and normal output weights, $\sup_t\|\Theta_t-\Theta_0\|_F$ falls as $n^{-1}$."""
    return rate(WIDTHS, moved(seed, kind).kernel, exponent=exponent, tolerance=0.2)


@claim(
    id="lookahead.eq9.skewed",
    title="Skewed output weights: the kernel's rate is -1/2, attained",
    source="own derivation",
    sharpens="lookahead.eq9.kernel",
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"rate -1": dict(exponent=-1.0), "normal output weights": dict(kind="smooth")},
)
def eq9_skewed(seed: Tensor, *, exponent: float = -0.5, kind: str = "smooth, skewed") -> Rate:
    r"""For the same smooth activation and output weights $-1/\sqrt2$ (probability 2/3) or $\sqrt2$, which have mean 0 and
    variance 1 but $E a^3\ne0$, $\|\Theta_1-\Theta_0\|_F$ after the first step falls as $n^{-1/2}$ and no faster (n = 1000 to
    100000).

    Proof: the mean of the terms odd in $a_i$ is no longer 0 where $\phi$ is not odd.

    Notes: at widths of some thousands the fluctuations, of size $n^{-1}$, are still as large as the mean.
    """
    return rate(LARGE_WIDTHS, moved_at_once(seed, kind), exponent=exponent, tolerance=0.15)


@remembered
def one_step_changes(seed: Tensor) -> Tensor:
    r"""(seeds, widths) $\sqrt n\,E[\Theta_1-\Theta_0]/(\eta s^3|r|)$ of one relu step, by 2^20 neurons at each width."""
    found = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        # one zeta in each of so many parts of equal probability: what crosses the kink is rare
        u = (torch.arange(NEURONS) + torch.rand(NEURONS, generator=generator, dtype=torch.float64)) / NEURONS
        zeta = math.sqrt(2) * torch.erfinv(u)
        a = torch.randn(NEURONS, generator=generator, dtype=torch.float64).abs()
        row = []
        for n in ONE_STEP_WIDTHS:
            c = n**-0.5
            # only neurons with zeta > 0 move, half of all; a and -a together, so that what is odd in a cancels exactly
            stays = (c * a < zeta).to(zeta)
            size = zeta.square() + a.square()
            two, mixed = (1 + c * c) * size, 4 * c * zeta * a
            change = (two + mixed) + (two - mixed) * stays - 2 * size
            row.append(float(change.mean()) / 4 / c)
        found.append(row)
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="lookahead.eq9.relu_constant",
    title="relu: the kernel's rate is -1/2 with the constant 1/pi",
    source="own derivation",
    expect="reproduced",
    sharpens="lookahead.eq9.kernel",
    uses=["lookahead.eq9.relu_step"],
    experiment="lookahead.eq9",
    seed=SEEDS,
    mutants={"the constant of +-1 weights": dict(constant=1 / (2 * math.sqrt(2 * math.pi))), "1/3": dict(constant=1 / 2.85)},
)
def eq9_relu_constant(seed: Tensor, *, constant: float = 1 / math.pi) -> Measurement:
    r"""One point, $|x| = s$, relu, standard normal weights: $\sqrt n\,E[\Theta_1-\Theta_0]\to-\eta s^3|r|/\pi$; at n = 100000
    the quotient of the two sides is 1 within 5 percent.

    Notes: all neurons are alike, so the mean over networks is a mean over neurons. With weights of size 1 instead of normal
    ones the constant is $1/(2\sqrt{2\pi})$: it is $E|a|^3$ that enters.
    """
    found = one_step_changes(seed)
    c = torch.tensor(ONE_STEP_WIDTHS, dtype=torch.float64) ** -0.5
    exact = c - (1 + c * c) * torch.atan(c) / (math.pi * c) + 2 * c * c / (math.pi * (1 + c * c))
    figure = Figure(
        "One step of a relu network on one point",
        "width n",
        "sqrt(n) E[Theta_1 - Theta_0] / (eta s^3 |r|)",
        [
            Series("measured", ONE_STEP_WIDTHS, found),
            Series("exact", ONE_STEP_WIDTHS, exact),
            Series("-1/pi", ONE_STEP_WIDTHS, [-1 / math.pi] * len(c)),
        ],
        log_x=True,
    )
    return measurement(-found[:, -1] / constant, expect=(0.95, 1.05), show=[figure])
