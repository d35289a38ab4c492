r"""The single-logit approximation (section 3): $\Theta\approx\Theta^{(1)}\otimes I_C$, all logits sharing the first one's
kernel.

For $f_c = n^{-1/2}\sum_ia_{ic}\phi(w_i\cdot x)$ the blocks are
$\Theta_{cc'} = \frac{\delta_{cc'}}{n}\sum_i\phi\phi'+\frac1n\sum_ia_{ic}a_{ic'}\dot\phi\dot\phi'\langle x,x'\rangle$ with the
values at x and x'. Off the diagonal the mean is 0 when the output weights of different logits are independent, and the size
$n^{-1/2}$.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from proofs_check import all_of, chain, claim, eq, measurement, rate
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.relations import Measurement, Rate, Relation

SOURCE = 'Mohamadi, Bae, Sutherland (2022), section 3, "Efficient computation"; Wei et al. (2022), section 2.3'
NETWORK: dict[str, Any] = {"a": D.real("n", 2), "w": D.real("n", 2), "x": D.real("m", 2), "u": D.real("m"), "v": D.real("m")}
SMALL = {"n": (1, 3), "m": (1, 2)}
SEEDS = D.seed()
WIDTHS = (64, 256, 1024, 4096, 16384)
POINTS, OTHERS, DIMENSION, LOGITS, NETWORKS = 12, 10, 6, 3, 8


def _block(a: Tensor, w: Tensor, x: Tensor, c: int, d: int, first: float, last: float) -> Tensor:
    r"""The block of logits c and d for $\phi(z) = z+z^2/2$, up to 1/n: first and output layer weighted."""
    z = x @ w.mT
    h, slope = z + z * z / 2, 1 + z
    inner = (slope * (a[..., c] * a[..., d])[..., None, :]) @ slope.mT * (x @ x.mT)
    return first * inner + last * (h @ h.mT) if c == d else first * inner


def _form(K: Tensor, u: Tensor, v: Tensor) -> Tensor:
    return (u * (K @ v[..., None])[..., 0]).sum(-1)


@claim(
    id="lookahead.single_logit.as_equality",
    title="The single-logit kernel is the kernel",
    source=SOURCE,
    reading="as an equality, at one width, all layers trained",
    expect="refuted",
    **NETWORK,
    dims=SMALL,
    mutants={"first layer only": dict(last=0.0), "a hundredth of the first layer": dict(first=0.01)},
)
def single_logit_as_equality(
    a: Tensor, w: Tensor, x: Tensor, u: Tensor, v: Tensor, *, first: float = 1.0, last: float = 1.0
) -> Relation:
    r"""For two logits, $\Theta_{11} = \Theta_{22}$ and $\Theta_{12} = 0$ (the quadratic forms at all vectors u, v).

    Counterexample: one neuron, $w = (1, 0)$, $x = (1, 0)$, output weights 1 and 1, $\phi(z) = z+z^2/2$:
    $\Theta_{11} = 4+9/4$ and $\Theta_{12} = 4$.
    """
    blocks = [_block(a, w, x, c, d, first, last) for c, d in ((0, 0), (1, 1), (0, 1))]
    one, two, cross = (_form(K, u, v) for K in blocks)
    return all_of(eq(cross, 0 * cross, names=["u'T12 v", "0"]), eq(two, one, names=["u'T22 v", "u'T11 v"]))


@claim(
    id="lookahead.single_logit.last_layer",
    title="For a trained last layer the single-logit kernel is exact",
    source="own derivation",
    amends="lookahead.single_logit.as_equality",
    **NETWORK,
    dims=SMALL,
    mutants={"a thousandth of the first layer": dict(first=0.001), "a hundredth of the first layer": dict(first=0.01)},
)
def single_logit_last_layer(
    a: Tensor, w: Tensor, x: Tensor, u: Tensor, v: Tensor, *, first: float = 0.0, last: float = 1.0
) -> Relation:
    r"""When only the output layer is trained, $\Theta = \Theta^{(1)}\otimes I_C$ at every width: $\Theta_{12} = 0$ and
    $\Theta_{22} = \Theta_{11}$, the Gram matrix of the hidden layer.
    """
    blocks = [_block(a, w, x, c, d, first, last) for c, d in ((0, 0), (1, 1), (0, 1))]
    one, two, cross = (_form(K, u, v) for K in blocks)
    return all_of(eq(cross, 0 * cross, names=["u'T12 v", "0"]), eq(two, one, names=["u'T22 v", "u'T11 v"]))


@claim(
    id="lookahead.single_logit.tied",
    title="For tied logits the single-logit kernel is wrong at every width",
    source="own derivation",
    w=D.real("n", 2),
    weights=D.real("n"),
    x=D.real("m", 2),
    u=D.real("m"),
    v=D.real("m"),
    t=D.real(),
    dims=SMALL,
    mutants={"one percent less": dict(share=0.99), "one percent more": dict(share=1.01)},
)
def single_logit_tied(
    w: Tensor, weights: Tensor, x: Tensor, u: Tensor, v: Tensor, t: Tensor, *, share: float = 1.0
) -> Relation:
    r"""If one logit's output weights are t times the other's and the first layer is trained, $\Theta_{12} = t\,\Theta_{11}$ and
    $\Theta_{22} = t^2\,\Theta_{11}$ at every width: no width makes $\Theta_{12}$ small.
    """
    a = torch.stack([weights, t[..., None] * weights], -1)
    one, two, cross = (_form(_block(a, w, x, c, d, 1.0, 0.0), u, v) for c, d in ((0, 0), (1, 1), (0, 1)))
    return all_of(
        eq(cross, share * t * one, names=["u'T12 v", "t u'T11 v"]), eq(two, t * t * one, names=["u'T22 v", "t^2 u'T11 v"])
    )


COUNTS: dict[str, Any] = {"L": D.integer(1, 10_000), "C": D.integer(1, 1_000), "P": D.integer(1, 10**6)}


@claim(
    id="lookahead.single_logit.memory",
    title="The kernel's memory falls by C^2, the solve's time by C^3",
    source=SOURCE,
    reading="counts to leading order; the paper says C^2 for the memory and time of the kernel and nothing of the solve",
    **COUNTS,
    mutants={"one factor for memory": dict(memory=1), "C^2 for the solve": dict(solve=2)},
)
def single_logit_memory(L: Tensor, C: Tensor, P: Tensor, *, memory: int = 2, solve: int = 3) -> Relation:
    r"""$(LC)^2 = C^2L^2$ numbers in the kernel, and $(LC)^3/3 = C^3\,L^3/3$ multiplications to factorise it."""
    L, C = (v.to(torch.float64) if isinstance(v, Tensor) else v for v in (L, C))
    rows = L * C
    square, cube = C**memory * (L * L), C**solve * (L * L * L)
    return all_of(
        eq(rows * rows, square, names=["entries, all logits", "C^2 x one logit"]),
        eq(rows * rows * rows / 3, cube / 3, names=["solve, all logits", "C^3 x one logit"]),
    )


@claim(
    id="lookahead.single_logit.time",
    title="The kernel's time falls by something between C and C^2",
    source=SOURCE,
    reading="C backward passes a point, 2P operations each, and products of length P",
    amends="lookahead.single_logit.memory",
    **COUNTS,
    mutants={"always C^2": dict(low=2), "never more than C^1.9": dict(high=1.9)},
)
def single_logit_time(L: Tensor, C: Tensor, P: Tensor, *, low: float = 1, high: float = 2) -> Relation:
    r"""With LC backward passes of 2P operations and $(LC)^2$ products of length P, against L passes and $L^2$ products, the
    quotient of the times lies between C (the Jacobians alone) and $C^2$ (the products alone).
    """
    L, C, P = (v.to(torch.float64) if isinstance(v, Tensor) else v for v in (L, C, P))
    every, one = 2 * L * C * P + L * L * C * C * P, 2 * L * P + L * L * P
    return chain(C**low * one, every, C**high * one, names=["C x one logit", "all logits", "C^2 x one logit"])


@dataclass(frozen=True)
class Errors:
    """Of the single-logit kernel at initialisation, shape (seeds, widths) each."""

    entry: Tensor
    prediction: Tensor
    prediction_mean: Tensor
    condition: Tensor


@remembered
def errors(seed: Tensor) -> Errors:
    """Geometric means over eight tanh networks of three logits, 12 unit vectors in dimension 6, random one-hot labels,
    predictions at ten others."""
    found = [[[_one(s + k, n) for k in range(NETWORKS)] for n in WIDTHS] for s in seed.tolist()]
    return Errors(*torch.tensor(found, dtype=torch.float64).log().mean(2).exp().permute(2, 0, 1))


def _one(seed: int, width: int) -> tuple[float, ...]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(POINTS + OTHERS, DIMENSION, generator=generator, dtype=torch.float64)
    x = x / x.norm(dim=1, keepdim=True)
    y = torch.eye(LOGITS, dtype=torch.float64)[torch.randint(0, LOGITS, (POINTS,), generator=generator)]
    w = torch.randn(width, DIMENSION, generator=generator, dtype=torch.float64)
    a = torch.randn(width, LOGITS, generator=generator, dtype=torch.float64)
    h = torch.tanh(x @ w.T)
    back = (1 - h * h)[:, None, :] * a.T  # (points, logits, neurons)
    flat = back.reshape(-1, width)
    rows = len(x)
    pairs = (flat @ flat.T).reshape(rows, LOGITS, rows, LOGITS) * (x @ x.T)[:, None, :, None]
    own = torch.eye(LOGITS, dtype=torch.float64)
    theta = (pairs + (h @ h.T)[:, None, :, None] * own[:, None]) / width
    blocks = torch.diagonal(theta, dim1=1, dim2=3)  # (rows, rows, logits)
    off = theta[:POINTS, :, :POINTS] * (1 - own)[:, None]
    full = _fit(theta.reshape(rows * LOGITS, -1), y.reshape(-1), POINTS * LOGITS).reshape(-1, LOGITS)
    single, mean = (_fit(K, y, POINTS) for K in (blocks[..., 0], blocks.mean(-1)))
    gap = theta[:POINTS, :, :POINTS] - blocks[:POINTS, None, :POINTS, :1] * own[:, None]
    operator = torch.linalg.matrix_norm(gap.reshape(POINTS * LOGITS, -1), 2)
    least = torch.linalg.eigvalsh(theta[:POINTS, :, :POINTS].reshape(POINTS * LOGITS, -1))[0]
    size = full.norm()
    return tuple(
        float(v) for v in (off.abs().amax(), (single - full).norm() / size, (mean - full).norm() / size, operator / least)
    )


def _fit(K: Tensor, y: Tensor, n: int) -> Tensor:
    return K[n:, :n] @ torch.linalg.solve(K[:n, :n], y)


def _shown(found: Errors) -> list[Figure]:
    series = [
        Series("largest entry off the diagonal", WIDTHS, found.entry),
        Series("predictions, first logit's kernel", WIDTHS, found.prediction),
        Series("predictions, mean of the logits' kernels", WIDTHS, found.prediction_mean),
        Series("operator norm of the error / lambda_min", WIDTHS, found.condition),
    ]
    return [Figure("The single-logit approximation", "width n", "error", series, log_x=True, log_y=True)]


@claim(
    id="lookahead.single_logit.entries",
    title="Entry by entry the single-logit kernel's error falls as n^-1/2",
    source=SOURCE,
    experiment="lookahead.single_logit",
    seed=SEEDS,
    uses=["lookahead.single_logit.last_layer"],
    mutants={"rate -0.75": dict(exponent=-0.75), "rate -1": dict(exponent=-1.0)},
)
def single_logit_entries(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""For independent normal output weights the largest entry of $\Theta_{cc'}$, $c\ne c'$, falls as $n^{-1/2}$."""
    return rate(WIDTHS, errors(seed).entry, exponent=exponent, tolerance=0.1)


@claim(
    id="lookahead.single_logit.predictions",
    title="The single-logit predictions' error falls as n^-1/2",
    source=SOURCE,
    experiment="lookahead.single_logit",
    seed=SEEDS,
    mutants={"rate -0.8": dict(exponent=-0.8), "rate -1": dict(exponent=-1.0)},
)
def single_logit_predictions(seed: Tensor, *, exponent: float = -0.5) -> Rate:
    r"""The relative error of kernel regression with $\Theta^{(1)}\otimes I_C$ in place of $\Theta$ falls as $n^{-1/2}$."""
    return rate(WIDTHS, errors(seed).prediction, exponent=exponent, tolerance=0.15)


@claim(
    id="lookahead.single_logit.mean_logit",
    title="The mean of the logits' kernels is a little better than the first one's",
    source="own derivation",
    expect="reproduced",
    experiment="lookahead.single_logit",
    seed=SEEDS,
    sharpens="lookahead.single_logit.predictions",
    mutants={"twice as good": dict(least=2.0), "worse": dict(least=0.0, most=1.0)},
)
def single_logit_mean_logit(seed: Tensor, *, least: float = 1.0, most: float = 2.0) -> Measurement:
    r"""The predictions' error with $\Theta^{(1)}$ over that with $\frac1C\sum_c\Theta_{cc}$ is above 1 (and below 2), the
    geometric mean over n = 64 to 16384.
    """
    found = errors(seed)
    quotient = (found.prediction.log() - found.prediction_mean.log()).mean(1).exp()
    return measurement(quotient, expect=(least, most), show=_shown(found))


@claim(
    id="lookahead.single_logit.condition",
    title="The textbook condition for it is not met at width 1024",
    source="own experiment",
    expect="reproduced",
    experiment="lookahead.single_logit",
    seed=SEEDS,
    mutants={"at 16384 fiftyfold": dict(width=4, least=50.0), "met": dict(least=0.0, most=1.0)},
)
def single_logit_condition(seed: Tensor, *, width: int = 2, least: float = 1.0, most: float = math.inf) -> Measurement:
    r"""At n = 1024, $\|\Theta-\Theta^{(1)}\otimes I_C\|_{op} > \lambda_{\min}(\Theta)$: what perturbation theory would want
    small is above 1, though the predictions are already off by a tenth only.
    """
    found = errors(seed)
    return measurement(found.condition[:, width], expect=(least, most), show=_shown(found))
