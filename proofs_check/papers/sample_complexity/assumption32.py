r"""Assumption 3.2, $|x| \le 1$ on the support: what "we can always achieve this by rescaling the data" leaves of it."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import SOURCE, ball, signs, sine_derivative
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 3.2, assumption 3.2 (bounded samples)"


@claim(
    id="sample_complexity.assumption32.rescaling",
    title="Rescaling the data changes nothing when the weights are free",
    source=TEXT,
    reading="W unbounded, as printed: every W in R^{d x m} is allowed",
    x=D.real(1, "d"),
    W=D.real("m", "d"),
    a=signs("m"),
    R=D.interval(0.01, 100),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"weights one percent too large": dict(power=1.01), "weights as they were": dict(power=0.0)},
)
def rescaling(x: Tensor, W: Tensor, a: Tensor, R: Tensor, *, power: float = 1.0) -> Relation:
    r"""$f(RW,x/R) = f(W,x)$ for every $R > 0$ and every activation (relu and sin here): the class on rescaled data is the class
    on the data.

    In the paper: "The assumption basically says that there is a bound on the maximum value in the input data. We can always
    achieve this by rescaling the data."

    Notes: true, and therefore without content while W is free: $|x| \le 1$ bounds no $w\cdot x$. With bounded weights it does
    (sample_complexity.assumption32.bounded_weights).
    """
    scale = R[:, None, None]
    factor = scale if power == 1.0 else scale**power
    return all_of(
        *(
            eq(
                ob.network_values(x / scale, factor * W, a, phi)[..., 0],
                ob.network_values(x, W, a, phi)[..., 0],
                names=[f"f(RW, x/R), {phi}", "f(W, x)"],
            )
            for phi in ("relu", "sin")
        )
    )


@claim(
    id="sample_complexity.assumption32.bounded_weights",
    title="With bounded weights the assumption bounds what enters the activation",
    source=TEXT,
    reading="W bounded: every |w_r| <= R, as for weights near a Gaussian start",
    amends="sample_complexity.assumption32.rescaling",
    x=ball("d"),
    w=ball("m", "d"),
    R=D.interval(0, 100),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "half of it": dict(share=0.5)},
)
def bounded_weights(x: Tensor, w: Tensor, R: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $|x| \le 1$ and $|w_r| \le R$, then $|w_r\cdot x| \le R$.

    Tight at: $|w_r| = R$ and x in its direction, $|x| = 1$.

    Notes: then a smooth $\phi$ is near its Taylor polynomial on $[-R, R]$ (sample_complexity.claim53.taylor).
    """
    inner = R[:, None] * (w * x[:, None, :]).sum(-1)
    return leq(torch.amax(torch.abs(inner), -1), share * R, names=["max |w.x|", "R"])


@claim(
    id="sample_complexity.assumption32.smoothness",
    title="|x| <= 1 without loss of generality, beside a bound on the C-th derivative",
    source=f"{TEXT}, with theorem 4.1",
    reading="the smoothness of the activation is to bound that of the network in x",
    expect="refuted",
    x=ball("d"),
    w=D.real("d"),
    u=D.unit_vectors(1, "d"),
    order=D.integer(20, 23),
    dims={"d": (2, 3)},
    mutants={"at most 0.9": dict(bound=0.9), "at most 1/2": dict(bound=0.5)},
)
def smoothness(x: Tensor, w: Tensor, u: Tensor, order: Tensor, *, bound: float = 1.0) -> Relation:
    r"""If $|\phi^{(C)}| \le 1$ ($\phi = \sin$, $m = 1$), then the C-th derivative of $f(W,\cdot)$ at a point $|x| \le 1$ in
    every direction u, $|u| = 1$, is at most 1.

    In the paper: "determined by the smoothness of non-linear activation and the dimension of the input data".

    Counterexample: $w = 2e_1$, $u = e_1$, $C = 20$, $x = e_1/2$: the derivative is $2^{20}\sin1$.

    Notes: the derivative of $\phi(w\cdot x)$ is $(w\cdot u)^C\phi^{(C)}(w\cdot x)$. Data scaled down by R need weights scaled
    up by R, so the rescaling of assumption 3.2 is paid for with $R^C$ here.
    """
    value = (w * u[:, 0]).sum(-1) ** order * sine_derivative((w * x).sum(-1), order)
    return leq(torch.abs(value), bound + 0 * value, names=["C-th derivative of f", "1"])


@claim(
    id="sample_complexity.assumption32.smoothness_scaled",
    title="The smoothness of the network, with the size of its weights",
    source=f"replaces the reading of {TEXT}",
    amends="sample_complexity.assumption32.smoothness",
    x=ball("d"),
    W=D.real("m", "d"),
    a=signs("m"),
    u=D.unit_vectors(1, "d"),
    order=D.integer(20, 23),
    dims={"m": (1, 2), "d": (2, 2)},
    mutants={"one percent less": dict(share=0.99), "weights to the power C - 1": dict(lower=1)},
)
def smoothness_scaled(
    x: Tensor, W: Tensor, a: Tensor, u: Tensor, order: Tensor, *, share: float = 1.0, lower: int = 0
) -> Relation:
    r"""If $|\phi^{(C)}| \le 1$ ($\phi = \sin$ here), the C-th derivative of $f(W,\cdot)$ in every direction u, $|u| = 1$, is at
    most $m^{-1/2}\sum_r|w_r|^C$.

    Tight at: one neuron, u in the direction of w, $|\phi^{(C)}(w\cdot x)|$ near 1.
    """
    m = W.shape[-2]
    slopes = (W * u).sum(-1) ** order[:, None]
    value = (a * slopes * sine_derivative((W * x[:, None, :]).sum(-1), order[:, None])).sum(-1) / m**0.5
    sizes = torch.sqrt((W * W).sum(-1)) ** (order - lower)[:, None]
    return leq(torch.abs(value), share * sizes.sum(-1) / m**0.5, names=["C-th derivative of f", "sum |w_r|^C / sqrt(m)"])
