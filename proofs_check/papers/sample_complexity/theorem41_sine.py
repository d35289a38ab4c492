r"""Theorem 4.1 with a sine: no number of labels suffices while the weights are unbounded."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proofs_check import claim, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Figure, Series
from proofs_check.papers.sample_complexity._settings_theorems import EPS, EPS0, SOURCE
from proofs_check.relations import Measurement, Relation

THEOREM = f"{SOURCE}, section 4, Theorem 4.1"
LABELS, VARIANCE, TRIALS = 6, 0.25, 32
BITS = (2, 4, 6, 8, 10, 12)


@claim(
    id="sample_complexity.theorem41.sine",
    title="Theorem 4.1 with unbounded weights, for any bound on d_tilde",
    source=THEOREM,
    reading="any finite number k of labels that depends on d, eps and eps_0 only; W unbounded, as printed",
    expect="refuted",
    k=D.integer(1, 1000),
    times=D.integer(1, 64),
    variance=D.interval(0.25, 4),
    eps=D.interval(*EPS),
    eps0=D.interval(*EPS0),
    load=D.interval(1, 2),
    mutants={"half of eps": dict(share=0.5), "without eps_0": dict(slack=0.0)},
)
def sine(
    k: Tensor,
    times: Tensor,
    variance: Tensor,
    eps: Tensor,
    eps0: Tensor,
    load: Tensor,
    *,
    share: float = 1.0,
    slack: float = 1.0,
) -> Relation:
    r"""Let $\phi = \sin$, $m = 1$, $x_1$ uniform on [0, 1] and $y = \sin(2\pi rx_1)+N(0,s^2)$ with r one of $N = 2^{bk}$
    integers. Whatever k points are labelled, and whatever is put out, for some r $E\,\|\hat f-f_r\|_D^2 \ge
    \frac{1}{4}\left(1-\frac{\frac{k}{2}\log(1+1/s^2)+\log2}{\log N}\right)$; Theorem 4.1 wants this to be at most
    $\varepsilon_0+\varepsilon(1+\rho\tilde d)s^2$.

    Counterexample: $k = 1$, $b = 64$, $s^2 = 1/4$, $\varepsilon = \varepsilon_0 = 2^{-10}$, $\rho\tilde d = 0$: 0.242 against
    0.0012. As b grows the left side tends to 1/4 for every k, and $\varepsilon_0 < 1/10$.

    Proof: the sines are orthogonal with mean square 1/2, so an output within 1/2 of one of them tells which. Each label
    carries at most $\frac{1}{2}\log(1+1/s^2)$ (the capacity of a Gaussian channel; queries may adapt), and Fano's inequality
    bounds the probability to tell.

    Notes: all hypotheses hold ($|\sin^{(C)}| \le 1$, K = 3 as the sup over w shows at $w \to 0$). So no bound on $\tilde d$
    by d and $\varepsilon_0$ alone rescues the theorem while W is unbounded; the error of the best output tends to 1/2
    (theorem41.sine_bayes).
    """
    known = k.to(torch.float64) / 2 * torch.log(1 + 1 / variance) + math.log(2)
    missed = (1 - known / (times * k * math.log(2))) / 4
    return leq(missed, slack * eps0 + share * eps * load * variance, names=["least error", "eps_0 + eps (1 + rho D) s^2"])


@remembered
def _errors(seed: Tensor) -> Tensor:
    """The mean error of the best output for each number of bits, (seeds, bits)."""
    rows = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        row = []
        for bits in BITS:
            N = 2**bits
            x = torch.rand(TRIALS, LABELS, generator=generator, dtype=torch.float64)
            true = torch.randint(1, N + 1, (TRIALS,), generator=generator)
            noise = VARIANCE**0.5 * torch.randn(TRIALS, LABELS, generator=generator, dtype=torch.float64)
            y = torch.sin(2 * math.pi * true[:, None] * x) + noise
            r = torch.arange(1, N + 1, dtype=torch.float64)[None, :, None]
            fit = ((torch.sin(2 * math.pi * r * x[:, None]) - y[:, None]) ** 2).sum(-1)
            belief = torch.softmax(-fit / (2 * VARIANCE), -1)
            # the sines are orthogonal with mean square 1/2, and the best output is their mean under the belief
            row.append(float((1 - (belief * belief).sum(-1)).mean()) / 2)
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)


@claim(
    id="sample_complexity.theorem41.sine_bayes",
    title="The best output after six labels of a sine",
    source=f"own counterexample to {THEOREM}",
    reading="six labels, noise of variance 1/4, 2^12 frequencies",
    expect="reproduced",
    experiment="sample_complexity.sine",
    seed=D.seed(),
    mutants={"between 0.3 and 0.4": dict(low=0.3, high=0.4), "16 frequencies": dict(at=1)},
)
def sine_bayes(seed: Tensor, *, low: float = 0.4, high: float = 0.5, at: int = -1) -> Measurement:
    r"""With $y = \sin(2\pi rx_1)+N(0,1/4)$, r uniform among $2^{12}$ integers and six labels, the error of the best output
    (the posterior mean) is between 0.4 and 1/2; it is small for 16 frequencies.

    Notes: Theorem 4.1 allows $\varepsilon_0+\varepsilon(1+\rho\tilde d)/4 < 0.1+\varepsilon/2$. The number of labels is fixed
    and the number of frequencies grows; with more labels the curve moves to the right.
    """
    found = _errors(seed)
    figure = Figure(
        "Error of the best output after six labels",
        "log2 of the number of frequencies",
        "E|f - f_r|^2",
        [Series("", BITS, found)],
    )
    return measurement(found[:, at], expect=(low, high), show=[figure])
