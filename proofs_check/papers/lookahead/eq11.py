r"""Eq. (11): retraining approximated by the linearisation at the trained network,
$f_L+\Theta_L(x,X^+)\Theta_L^{-1}(Y^+-f_L(X^+))$.

For models linear in the parameters it is no approximation. For networks its error is measured on digits, together with
figure 1 (b): ten candidates, retrained to the end, widths 64, 256 and 1024.
"""

from __future__ import annotations

import math

from torch import Tensor

import altheory as al
from proofs_check import claim, eq, measurement
from proofs_check import domains as D
from proofs_check.papers.lookahead.figure1 import POINTS, RETRAINED, SEEDS, retraining
from proofs_check.relations import Measurement, Relation

SOURCE = "Mohamadi, Bae, Sutherland (2022), eq. (11)"


@claim(
    id="lookahead.eq11.linear",
    title="Eq. (11) is exact for models linear in the parameters",
    source=SOURCE,
    reading="kernel regression with the pseudo-inverse; from any parameters, trained or not",
    J=D.real("L", "p"),
    j=D.real("p"),
    theta=D.real("p"),
    y=D.real("L"),
    dims={"L": (1, 3), "p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "f_L forgotten in the residual": dict(centre=0.99)},
)
def eq11_linear(J: Tensor, j: Tensor, theta: Tensor, y: Tensor, *, share: float = 1.0, centre: float = 1.0) -> Relation:
    r"""For $f(x) = j(x)\cdot\theta$, gradient descent on $\frac12\|J\theta-y\|^2$ from any $\theta_L$ ends, at every x, at
    $f_L(x)+\Theta(x,X^+)\,\Theta(X^+,X^+)^+\,(y-f_L(X^+))$, with J the features of $X^+$ and $\Theta = JJ^\top$.

    Proof: descent moves $\theta$ in the row space of J to the least-squares solution nearest to where it starts,
    $\theta_L+(J^\top J)^+J^\top(y-J\theta_L)$; and $(J^\top J)^+J^\top = J^\top(JJ^\top)^+$. The left side here is computed in
    parameter space, the right one from kernels.
    """
    residual = y - centre * (J @ theta[..., None])[..., 0]
    exact = y - (J @ theta[..., None])[..., 0]
    inverse = al.lookahead.Converged().pull(J.mT @ J)
    trained = theta + (inverse @ (J.mT @ exact[..., None]))[..., 0]
    moved = al.lookahead.linear_fit(J @ J.mT, (J @ j[..., None]).mT, residual)[..., 0]
    return eq((j * trained).sum(-1), (j * theta).sum(-1) + share * moved, names=["trained", "eq. (11)"])


@claim(
    id="lookahead.eq11.local",
    title="Eq. (11) predicts retraining better than eq. (10)",
    source=SOURCE,
    reading="'the local approximation may still be able to handle local retraining': the error is at least halved",
    expect="reproduced",
    experiment=RETRAINED,
    x=POINTS,
    labels=POINTS.labels,
    seed=SEEDS,
    mutants={"twenty times": dict(least=20.0), "the other way round": dict(least=0.0, most=1.0)},
)
def eq11_local(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 2.0, most: float = math.inf) -> Measurement:
    r"""The error of the predicted change $f_{L^+}-f_L$ is at least twice as large for the linearisation at the start, eq.
    (10), as for the one at the trained network, eq. (11) (the mean of the three widths).
    """
    found = retraining(x, labels, seed)
    quotient = (found.error["NTK at the start"] / found.error["local NTK"]).mean(1)
    return measurement(quotient, expect=(least, most), show=found.shown())


@claim(
    id="lookahead.eq11.width",
    title="Eq. (11) gets better with the width",
    source=SOURCE,
    reading="'the NTK approximation gets closer to the dynamics of a neural network as the width increases'",
    expect="reproduced",
    experiment=RETRAINED,
    x=POINTS,
    labels=POINTS.labels,
    seed=SEEDS,
    mutants={"less by 0.7": dict(least=0.7), "as good": dict(least=-0.1, most=0.1)},
)
def eq11_width(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = 0.0, most: float = math.inf) -> Measurement:
    r"""The relative error of the change that eq. (11) predicts is smaller at width 1024 than at width 64."""
    found = retraining(x, labels, seed)
    error = found.error["local NTK"]
    return measurement(error[:, 0] - error[:, -1], expect=(least, most), show=found.shown())


@claim(
    id="lookahead.eq11.error",
    title="At width 1024 eq. (11) predicts more than half of the change, and not all of it",
    source="own experiment",
    expect="reproduced",
    experiment=RETRAINED,
    x=POINTS,
    labels=POINTS.labels,
    seed=SEEDS,
    sharpens="lookahead.eq11.width",
    mutants={"within a tenth": dict(least=0.0, most=0.1), "at width 64, within a third": dict(width=0, most=0.33)},
)
def eq11_error(
    x: Tensor, labels: Tensor, seed: Tensor, *, width: int = 2, least: float = 0.1, most: float = 0.5
) -> Measurement:
    r"""At width 1024 the relative error of the change that eq. (11) predicts is between 0.1 and 0.5."""
    found = retraining(x, labels, seed)
    return measurement(found.error["local NTK"][:, width], expect=(least, most), show=found.shown())


@claim(
    id="lookahead.eq11.infinite",
    title="With the infinite NTK eq. (11) is about as good",
    source="own experiment",
    expect="reproduced",
    experiment=RETRAINED,
    x=POINTS,
    labels=POINTS.labels,
    seed=SEEDS,
    amends="lookahead.figure1b.proxy",
    mutants={"better by a tenth": dict(least=-1.0, most=-0.1), "worse by a fifth": dict(least=0.2, most=1.0)},
)
def eq11_infinite(x: Tensor, labels: Tensor, seed: Tensor, *, least: float = -0.15, most: float = 0.15) -> Measurement:
    r"""The relative errors of the change predicted by eq. (11) with the infinite NTK and with the network's own differ by
    less than 0.15 (the mean of the three widths).

    Notes: what matters is that $f_L$ is the trained network's; the kernel matters less for networks of one hidden layer.
    """
    found = retraining(x, labels, seed)
    gap = (found.error["infinite NTK"] - found.error["local NTK"]).mean(1)
    return measurement(gap, expect=(least, most), show=found.shown())
