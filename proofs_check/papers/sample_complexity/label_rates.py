r"""Section 1: "more labels do not necessarily improve the prediction", and the number "does not depend on the distribution".

The sentences are drawn from an upper bound, which cannot carry them. Measured on the pools of `label_counts`: the error of the
weighted regression on leverage draws is $D/k$ of the noise to first order, for every pool and whatever its labels. So it keeps
falling, and in this setting (labels that no function fits, which is the paper's) the distribution enters through the rank D
alone. With equal independent noise the best choice of rows does depend on the distribution.
"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, measurement, rate
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._label_counts import EXPERIMENT, ROWS, SIZES, label_counts, shown
from proofs_check.relations import Measurement, Rate

PAPER = "Sample Complexity of Deep Active Learning"
MORE = f"{PAPER}, section 1, 'more labels in a dataset do not necessarily improve the prediction result'; section 4"
INDEPENDENT = f"{PAPER}, section 1, 'does not depend on the data distribution'; theorem 4.1"
SEED = D.seed()
#: the first size that the rates look at; with fewer draws the sample is at times nearly singular
FIRST = 8


def _rate(x: Tensor, labels: Tensor, seed: Tensor, pool: str, exponent: float) -> Rate:
    arm = label_counts(x, labels, seed)[pool].arms["leverage"]
    start = SIZES[pool].index(FIRST)
    return rate(arm.draws[0, 0, start:], arm.error[..., start:].mean(1), exponent=exponent)


@claim(
    id="sample_complexity.label_rates.digits",
    title="Digits: the error falls like 1/k",
    source=MORE,
    reading="weighted regression on leverage draws, from 8 D on",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"like k^(-1/2)": dict(exponent=-0.5), "like k^(-3/2)": dict(exponent=-1.5)},
)
def digits(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = -1.0) -> Rate:
    r"""On digits the mean error of weighted regression on k leverage draws goes like $k^{-1}$."""
    return _rate(x, labels, seed, "digits", exponent)


@claim(
    id="sample_complexity.label_rates.diabetes",
    title="Diabetes: the error falls like 1/k",
    source=MORE,
    reading="weighted regression on leverage draws, from 8 D on",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"like k^(-1/2)": dict(exponent=-0.5), "like k^(-3/2)": dict(exponent=-1.5)},
)
def diabetes(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = -1.0) -> Rate:
    r"""On the diabetes patients the mean error of weighted regression on k leverage draws goes like $k^{-1}$."""
    return _rate(x, labels, seed, "diabetes", exponent)


@claim(
    id="sample_complexity.label_rates.heavy_tails",
    title="Heavy tails: the error falls like 1/k",
    source=MORE,
    reading="weighted regression on leverage draws, from 8 D on",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"like k^(-1/2)": dict(exponent=-0.5), "like k^(-3/2)": dict(exponent=-1.5)},
)
def heavy_tails(x: Tensor, labels: Tensor, seed: Tensor, *, exponent: float = -1.0) -> Rate:
    r"""On the pool with heavy tails the mean error of weighted regression on k leverage draws goes like $k^{-1}$."""
    return _rate(x, labels, seed, "heavy tails", exponent)


@claim(
    id="sample_complexity.label_rates.no_improvement",
    title="Past the labels that the theorem asks for, more of them do not improve the accuracy",
    source=MORE,
    reading="four times as many leave nine tenths of the error: 16 D and 64 D leverage draws; the smallest share of the pools",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"half of the error": dict(least=0.5), "a third of the error": dict(least=1 / 3)},
)
def no_improvement(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.9) -> Measurement:
    r"""The mean error on 64 D leverage draws is at least 0.9 of that on 16 D.

    Notes: it is a quarter. The theorem gives an upper bound, which says nothing of the error with more labels. That labels do
    not *necessarily* help is true: where some function fits all labels the error is 0 once the rows span the space.
    """
    shares = []
    found = label_counts(x, labels, seed)
    for name, one in found.items():
        error = one.arms["leverage"].error.mean(1)
        shares.append(error[:, SIZES[name].index(64)] / error[:, SIZES[name].index(16)])
    return measurement(
        torch.stack(shares).amin(0), expect=(least, 10.0), show=[shown(one, name)[0] for name, one in found.items()]
    )


@claim(
    id="sample_complexity.label_rates.agnostic",
    title="Leverage draws: the error is D/k of the noise, whatever the distribution",
    source=INDEPENDENT,
    reading="labels that no function fits; 64 D draws, a linear space of dimension D; the farthest from 1 of the three pools",
    expect="reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"within 0.001": dict(within=0.001), "for uniform draws": dict(arm="uniform")},
)
def agnostic(x: Tensor, labels: Tensor, seed: Tensor, *, arm: str = "leverage", within: float = 0.25) -> Measurement:
    r"""Mean error times $k/D$ differs from 1 by at most a quarter on each of the three pools.

    Proof: to first order the error is $\frac{1}{k}\sum_i\frac{p_i^2}{q_i}\eta_i^2|v_i|^2$ for draws from q, which is
    $\frac{D}{k}\sum_ip_i\eta_i^2$ for $q = p|v|^2/D$. No sampler has less for every $\eta$: with
    $\eta_i^2\propto|v_i|^2$ all of them have at least $D/k$.
    """
    off = []
    found = label_counts(x, labels, seed)
    for name, one in found.items():
        at = SIZES[name].index(64)
        off.append((one.arms[arm].error[..., at].mean(1) * 64 - 1).abs())
    return measurement(
        torch.stack(off).amax(0), expect=(0.0, within), show=[shown(one, name)[0] for name, one in found.items()]
    )


@claim(
    id="sample_complexity.label_rates.equal_noise",
    title="Equal noise: the labels needed do not depend on the distribution",
    source=INDEPENDENT,
    reading="the best choice of rows, labels for each dimension of the space, digits over heavy tails, within a factor of two",
    expect="not-reproduced",
    experiment=EXPERIMENT,
    x=ROWS,
    labels=ROWS.labels,
    seed=SEED,
    mutants={"a factor of four": dict(factor=4.0), "a factor of eight": dict(factor=8.0)},
)
def equal_noise(x: Tensor, labels: Tensor, seed: Tensor, *, factor: float = 2.0) -> Measurement:
    r"""With equal independent noise the least error of any k rows, $b\,\sigma^2/k$, has the same b/D for digits as for the pool
    with heavy tails, within a factor of two.

    Notes: on digits b is about 0.6 D; on the pool with heavy tails a few long rows tell nearly everything, and b is about
    0.03 D. The b are certified lower bounds within a hundredth of the optimum (A-optimal designs).
    """
    found = label_counts(x, labels, seed)
    one, two = found["digits"], found["heavy tails"]
    return measurement(
        (one.bound / one.D) / (two.bound / two.D),
        expect=(1 / factor, factor),
        show=[shown(outcome, name)[3] for name, outcome in found.items()],
    )
