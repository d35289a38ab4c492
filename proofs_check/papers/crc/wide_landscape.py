r"""What wide relu networks do: the gradient scale near initialisation, lemma 2 and theorem 1 as measured."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from proofs_check import claim, measurement, rate
from proofs_check import domains as D
from proofs_check.figure import Figure, Series, Table
from proofs_check.papers.crc._settings_valleys import SOURCE
from proofs_check.papers.crc._wide_networks import NARROW, SIZES, WIDTHS, remainders, trained
from proofs_check.relations import Measurement, Rate

EXPERIMENT = "crc.wide_landscape"
SETTING = "12 random unit vectors in dimension 8, first layer trained, 20 steps"


@claim(
    id="crc.definition2.neighbourhood",
    title="Definition 2 near the initialisation of a wide network",
    source=f"{SOURCE}, condition 1: 'in a neighborhood of initialization for wide ReLU networks'",
    reading="along training from the initialisation, mu = 2 lambda_min(K_0) up to a tenth",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    uses=["crc.definition2"],
    mutants={"the kernel does not move at all": dict(low=1.0), "up to half a percent": dict(low=0.995)},
)
def neighbourhood(seed: Tensor, *, low: float = 0.9) -> Measurement:
    r"""For relu networks of width 2048 and $L = \frac{1}{2}|e|^2$, with the labels that are worst for it (the eigenvector
    of the smallest eigenvalue of $K_0$), $|\nabla L_t|^2/L_t$ stays above $0.9\cdot2\lambda_{\min}(K_0)$ in every step of
    training: the least value over $2\lambda_{\min}(K_0)$, on average between 0.9 and 1.01.

    Notes: so on a neighbourhood the lower half of definition 2 has content, which it has not on all parameters
    (crc.definition2.everywhere). 12 random unit vectors in dimension 8, 20 steps.
    """
    found = {m: trained(seed, m, True) for m in WIDTHS}
    least = {m: (run.scale / (2 * run.lowest[:, :1])).amin(-1) for m, run in found.items()}
    largest = {m: (run.scale / (2 * run.lowest[:, :1])).amax(-1) for m, run in found.items()}
    table = Table(
        "|grad L|^2 / L over 2 lambda_min(K_0)",
        [f"width {m}" for m in WIDTHS],
        [("smallest in training", list(least.values())), ("largest in training", list(largest.values()))],
        note=SETTING,
    )
    return measurement(least[WIDTHS[-1]], expect=(low, 1.01), show=[table])


def _remainder_tables(seed: Tensor) -> list[Figure | Table]:
    widths = (NARROW, *WIDTHS)
    found = {m: remainders(seed, m) for m in widths}
    note = f"The largest along training. {SETTING}."
    curves = [Series(f"width {m}", list(SIZES), table) for m, table in found.items()]
    flat = [(f"width {m}", [(t.amax(-1) / t.amin(-1)), t.amax(-1)]) for m, t in found.items()]
    return [
        Figure("The remainder in units of eta^2 L", "eta", "xi / (eta^2 L)", curves, log_x=True, note=note),
        Table("xi / (eta^2 L) for eta from 1e-4 to 1e-1", ["largest over smallest", "largest"], flat, note=note),
    ]


@claim(
    id="crc.lemma2.wide",
    title="Lemma 2 as measured on a wide network",
    source=f"{SOURCE}, lemma 2",
    reading="for wide relu networks along training, typical initialisation",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"within half a percent": dict(most=1.005), "the same at all step sizes": dict(most=1.0)},
)
def lemma2_wide(seed: Tensor, *, most: float = 3.0) -> Measurement:
    r"""For relu networks of width 2048, $\xi/(\eta^2L)$ (the largest along training) varies by a factor of at most 3 on
    average for $\eta$ from $10^{-4}$ to $10^{-1}$.

    Notes: so $\xi \le O(\eta^2)L$ is what one sees on wide networks. It is a fact about averages over many small kinks, not
    a consequence of condition 1 (crc.lemma2): at width 4, and in single runs at any width, one kink next to $\theta_t$
    makes the ratio grow as $\eta$ falls.
    """
    found = remainders(seed, WIDTHS[-1])
    return measurement(found.amax(-1) / found.amin(-1), expect=(1.0, most), show=_remainder_tables(seed))


@claim(
    id="crc.lemma2.wide_rate",
    title="The order of the remainder on a wide network",
    source=f"{SOURCE}, lemma 2",
    reading="for wide relu networks along training, median over initialisations",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"order 1.9": dict(exponent=1.9), "order 2.1": dict(exponent=2.1)},
)
def lemma2_wide_rate(seed: Tensor, *, exponent: float = 2.0) -> Rate:
    r"""For relu networks of width 2048, $\xi/L$ falls as $\eta^2$ for $\eta$ from $10^{-1}$ to $10^{-4}$.

    Notes: condition 1 alone allows order 1 (crc.lemma2.every_constant).
    """
    eta = torch.tensor(SIZES, dtype=torch.float64)
    return rate(SIZES, remainders(seed, WIDTHS[-1]) * eta**2, exponent=exponent, tolerance=0.05)


def _rates_by_width(seed: Tensor) -> list[Table]:
    rows = []
    for worst, name in ((False, "random signs as labels"), (True, "labels along the bottom eigenvector of K_0")):
        rows.append((name, [trained(seed, m, worst).rate.amin(-1) for m in WIDTHS]))
    title = "least (1 - L_{t+1}/L_t) / (eta lambda_min(K_t)) in training"
    return [Table(title, [f"width {m}" for m in WIDTHS], rows, note=f"{SETTING}, eta = 1 / (5 lambda_max(K_0)).")]


@claim(
    id="crc.theorem1.wide",
    title="Theorem 1 as measured on a wide network",
    source=f"{SOURCE}, theorem 1, eq. (7)",
    reading="wide relu networks, with c = 1 for L = |e|^2/2, in every step of every run",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    mutants={"c = 2 for the worst labels": dict(c=2.0, worst=True), "c = 4": dict(c=4.0)},
)
def theorem1_wide(seed: Tensor, *, c: float = 1.0, worst: bool = False) -> Measurement:
    r"""For relu networks of width 2048, random signs as labels and $L = \frac{1}{2}|e|^2$,
    $L_{t+1} \le (1-c\,\eta\lambda_{\min}(K_t))L_t$ in every step, with c = 1.

    Notes: the theorem for wide networks is not refuted; what fails is its deduction from condition 1
    (crc.theorem1.condition1). For random labels c is above 2, since they are not along the bottom eigenvector;
    crc.theorem1.wide_limit has the worst labels.
    """

    def always(values: NDArray[np.float64]) -> bool:
        return bool((values >= c).all())

    always.__doc__ = f"at least {c:g} in every run"
    return measurement(trained(seed, WIDTHS[-1], worst).rate.amin(-1), expect=always, show=_rates_by_width(seed))


@claim(
    id="crc.theorem1.wide_limit",
    title="The constant of theorem 1 in the limit of large width",
    source=f"{SOURCE}, theorem 1, eq. (7); own derivation of the constant",
    reading="for L = |e|^2/2: c = 2 - eta lambda_min up to two percent on average, for the worst labels",
    expect="reproduced",
    experiment=EXPERIMENT,
    seed=D.seed(),
    uses=["crc.definition2"],
    mutants={"c = 2 - eta lambda exactly": dict(low=1.0), "up to a tenth of a percent": dict(low=0.999)},
)
def theorem1_wide_limit(seed: Tensor, *, low: float = 0.98) -> Measurement:
    r"""For relu networks of width 2048 and labels along the bottom eigenvector of $K_0$, the least
    $(1-L_{t+1}/L_t)/(\eta\lambda_{\min}(K_t))$ in training is $2-\eta\lambda_{\min}(K_t)$ up to two percent on average: as for
    a linear model, whose error on the bottom eigenvector is multiplied by $1-\eta\lambda_{\min}$.

    Notes: at finite width it is below that: the constant is $2-o(1)$, not 2.
    """
    found = trained(seed, WIDTHS[-1], True)
    reached = (found.rate / (2 - found.eta * found.lowest)).amin(-1)
    return measurement(reached, expect=(low, math.inf), show=_rates_by_width(seed))
