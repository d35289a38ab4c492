r"""Claim 5.3, first half (with theorem 4.1): $\tilde d$ functions are near every network, for the readings of $\tilde d$ in
which it is a multiple of d up to logarithms.

The bound $\tilde d \le (10d+\log(1/\varepsilon_0)/\log(d))$ came without its exponents, if it had any. Readings:
R1 as printed; R5 with a lost O(.); R6 with the bracket over $\log d$; R2 to R4 with an exponent lost
(`claim53_readings`), where the verdict is another.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import (
    SOURCE,
    binomial,
    printed_dimension,
    residual,
    with_axes,
)
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 5.3, claim 5.3, first half; theorem 4.1"


def _forms(d: Tensor) -> Tensor:
    return binomial(d + 1, 2 + 0 * d, most=2)


@claim(
    id="sample_complexity.claim53",
    title="d_tilde functions span the networks",
    source=TEXT,
    reading="R1, as printed: d_tilde <= 10 d + log(1/eps_0)/log d",
    expect="refuted",
    d=D.integer(2, 24),
    p=D.integer(2, 9),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"0.9 of the bound": dict(share=0.9), "0.8 of the bound": dict(share=0.8)},
)
def claim53(d: Tensor, p: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $\phi(t) = t^p$ and m large: $\binom{d+p-1}{p} \le 10d+\log(1/\varepsilon_0)/\log d$. That is the claim for these
    networks, which are all forms of degree p (sample_complexity.definition31.forms_rank): a linear space is within a finite
    distance of another only if its dimension is not larger (sample_complexity.claim53.lemma, by scaling).

    Counterexample: $d = 20$, $p = 2$, $\varepsilon_0 = 1/20$: $210 > 201$. $d = 3$, $p = 7$, $\varepsilon_0 = 1/10$: $36 >
    32.1$.

    Notes: all hypotheses of theorem 4.1 hold: $p < 10d$, so $\phi^{(C)} = 0$. Neither $\rho > 0$ nor the bounds of
    Kabatjanskii and Levenstein help: those say how many nearly orthogonal vectors fit into few dimensions, not how few
    vectors span many.
    """
    return leq(
        binomial(d + p - 1, p, most=9),
        share * printed_dimension(d, accuracy),
        names=["forms of degree p", "10 d + log(1/eps_0)/log d"],
    )


@claim(
    id="sample_complexity.claim53.small_d",
    title="Quadratic networks fit up to d = 19",
    source=TEXT,
    reading="R1, for phi(t) = t^2 and d <= 19",
    amends="sample_complexity.claim53",
    d=D.integer(2, 19),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"up to d = 21": dict(d=D.integer(2, 21)), "with 99 percent of the bound": dict(share=0.99)},
)
def small_d(d: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""$d(d+1)/2 \le 10d+\log(1/\varepsilon_0)/\log d$ for $2 \le d \le 19$ and $\varepsilon_0 \le 1/10$.

    Notes: $190 \le 190.78$ at $d = 19$. So quadratic networks refute the printed bound from $d = 20$ on.
    """
    return leq(_forms(d), share * printed_dimension(d, accuracy), names=["quadratic forms", "10 d + log(1/eps_0)/log d"])


@cache
def _quadratic_ranks() -> Tensor:
    """The exact rank of [(w_j.x_i)^2] at random integers for d = 19 and 20."""
    generator = torch.Generator().manual_seed(0)
    found = []
    for d in (19, 20):
        count = ob.forms_dimension(d, 2) + 1
        X, W = (torch.randint(-(10**6), 10**6, (count, d), generator=generator) for _ in range(2))
        found.append(float(ob.feature_rank(X, W, [0, 0, 1])))
    return torch.tensor(found, dtype=torch.float64)


@claim(
    id="sample_complexity.claim53.rank",
    title="The rank of quadratic neurons in 19 and 20 dimensions",
    source=f"on {TEXT}",
    d=D.integer(19, 20),
    more=D.integer(0, 3),
    mutants={"one less": dict(less=1), "one more": dict(less=-1)},
)
def rank(d: Tensor, more: Tensor, *, less: int = 0) -> Relation:
    r"""The exact rank of $[(w_j\cdot x_i)^2]$ at random integer points and weights is $d(d+1)/2$: 190 for $d = 19$, 210 for $d
    = 20$; further features ($\mathrm{more}$) cannot add to it.
    """
    return eq(_quadratic_ranks()[(d - 19,)] + 0 * more, _forms(d) - less, names=["rank", "d (d + 1) / 2"])


@claim(
    id="sample_complexity.claim53.constant",
    title="... up to a constant factor",
    source=TEXT,
    reading="R5: d_tilde = O(10 d + log(1/eps_0)/log d), an O(.) lost, with a constant of at most 100",
    expect="refuted",
    d=D.integer(2, 4000),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"a constant of at most 90": dict(constant=90.0), "a constant of at most 50": dict(constant=50.0)},
)
def constant(d: Tensor, accuracy: Tensor, *, constant: float = 100.0) -> Relation:
    r"""For $\phi(t) = t^2$: $d(d+1)/2 \le 100\,(10d+\log(1/\varepsilon_0)/\log d)$.

    Counterexample: $d = 2001$: $2003001 > 2001030$ at $\varepsilon_0 = 1/10$.

    Notes: the same for any constant: sample_complexity.claim53.any_constant.
    """
    return leq(_forms(d), constant * printed_dimension(d, accuracy), names=["quadratic forms", "100 (10 d + ...)"])


@claim(
    id="sample_complexity.claim53.any_constant",
    title="No constant factor is enough",
    source=f"on {TEXT}",
    reading="R5: d_tilde = O(10 d + log(1/eps_0)/log d)",
    amends="sample_complexity.claim53.constant",
    c=D.integer(1, 1000),
    s=D.interval(0, 10),
    mutants={"d = 19 c": dict(factor=19), "0.1 percent more": dict(share=1.001)},
)
def any_constant(c: Tensor, s: Tensor, *, factor: int = 20, share: float = 1.0) -> Relation:
    r"""For every $c \ge 1$, at $d = 20c$ and $\varepsilon_0 = d^{-s}$, $0 \le s \le 10$: the quadratic forms have dimension
    $d(d+1)/2 \ge c\,(10d+\log(1/\varepsilon_0)/\log d)$, with equality at $s = 10$ only. So no constant is enough.

    Proof: $200c^2+10c \ge 200c^2+cs$.
    """
    d = factor * c
    return leq(share * c * (10 * d + s), _forms(d), names=["c (10 d + s)", "quadratic forms"])


@claim(
    id="sample_complexity.claim53.bracket",
    title="... with the bracket over log d",
    source=TEXT,
    reading="R6: d_tilde <= (10 d + log(1/eps_0)) / log d",
    expect="refuted",
    d=D.integer(3, 24),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"0.9 of the bound": dict(share=0.9), "0.8 of the bound": dict(share=0.8)},
)
def bracket(d: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $\phi(t) = t^2$: $d(d+1)/2 \le (10d+\log(1/\varepsilon_0))/\log d$.

    Counterexample: $d = 20$, $\varepsilon_0 = 1/20$: $210 > 67.8$. The smallest d is 9: $45 > 42.01$ at $\varepsilon_0 = 1/10$.
    """
    size = d.to(torch.float64)
    bound = (10 * size - torch.log(accuracy)) / torch.log(size)
    return leq(_forms(d), share * bound, names=["quadratic forms", "(10 d + log(1/eps_0)) / log d"])


@claim(
    id="sample_complexity.claim53.lemma",
    title="No compression of a span",
    source=f"on {TEXT}, step 1 of section 5.2",
    U=D.derived(with_axes, D.real("n", "r"), text="r independent columns of length r + n"),
    dims={"n": (1, 3), "r": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "r + n functions out of reach": dict(more=1)},
)
def lemma(U: Tensor, *, share: float = 1.0, more: int = 0) -> Relation:
    r"""Let $e_1,\dots,e_N$ be orthonormal and S a space of dimension $r \le N$. The squared distances of the $e_i$ from S sum
    to at least $N-r$, and to exactly $N-r$ when S is inside their span, as here.

    Proof: the sum is $N-\mathrm{tr}\,P_S$.

    Notes: so some $e_i$ is at a squared distance of $1-r/N$ or more, and its multiples in the class are as far as one likes.
    """
    N, r = U.shape[-2], U.shape[-1]
    eye = torch.eye(N, dtype=torch.float64) + 0 * U[..., :1]
    left = residual(U, eye, torch.ones_like(U[..., 0]))
    return eq((left * left).sum((-2, -1)), share * (N - r) + more + 0 * U[:, 0, 0], names=["sum of distances^2", "N - r"])


@claim(
    id="sample_complexity.claim53.farthest",
    title="Some function of an orthonormal set is far from every small space",
    source=f"on {TEXT}, step 1 of section 5.2",
    sharpens="sample_complexity.claim53.lemma",
    U=D.derived(with_axes, D.real("n", "r"), text="r independent columns of length r + n"),
    dims={"n": (1, 2), "r": (1, 1)},
    mutants={"one percent more": dict(share=1.01), "10 percent more": dict(share=1.1)},
)
def farthest(U: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\max_i\mathrm{dist}(e_i,S)^2 \ge 1-r/N$ for N orthonormal functions and a space S of dimension r in their span.

    Tight at: $N = 2$, S spanned by $e_1+e_2$.
    """
    N, r = U.shape[-2], U.shape[-1]
    eye = torch.eye(N, dtype=torch.float64) + 0 * U[..., :1]
    left = residual(U, eye, torch.ones_like(U[..., 0]))
    farthest = torch.amax((left * left).sum(-2), -1)
    return leq(share * (1 - r / N) + 0 * farthest, farthest, names=["1 - r/N", "largest distance^2"])


@cache
def _sign_widths() -> Tensor:
    """The squared width of all sign(w.x) on the circle for D = 24 to 60."""
    return torch.tensor([ob.circle_width_squared(D) for D in range(24, 61)], dtype=torch.float64)


@claim(
    id="sample_complexity.claim53.signs",
    title="... for steep neurons on the circle",
    source=TEXT,
    reading="R1, for a sigmoidal activation of the paper's list: sign(w.x), the limit of tanh(s w.x) for large weights, d = 2",
    expect="refuted",
    size=D.integer(24, 60),
    mutants={"half of eps_0": dict(share=0.5), "0.9 of eps_0": dict(share=0.9)},
)
def signs(size: Tensor, *, share: float = 1.0) -> Relation:
    r"""On the uniform circle, $d = 2$, a space of dimension $\tilde d = 20+\log_2(1/\varepsilon_0)$ comes within a squared
    distance $\varepsilon_0$ of every $\mathrm{sign}(w\cdot x)$. Here $\varepsilon_0 = 2^{20-\tilde d}$.

    Counterexample: $\tilde d = 27$, $\varepsilon_0 = 1/128$: the squared width is at least 0.0150. ($\varepsilon_0 = 1/1000$:
    $\tilde d = 29$, 0.01399.)

    Notes: Kolmogorov widths, in closed form: the squared width falls like $4/(\pi^2\tilde d)$ (for odd $\tilde d$ a lower bound
    of it). tanh violates $|\phi^{(C)}| \le 1$, but tanh(ct) with small c does not, and has the same networks
    (sample_complexity.theorem41_hypothesis.rescaled).
    """
    width = _sign_widths()[(size - 24,)]
    return leq(width, share * torch.exp(-math.log(2) * (size - 20)), names=["width^2", "eps_0"])


@claim(
    id="sample_complexity.claim53.width",
    title="The distance grows with the width of the network",
    source=f"on {SOURCE}, abstract and theorem 4.1: 'does not depend on ... the width of the neural network'",
    U=D.derived(with_axes, D.real("n", "r"), text="r independent functions on r + n points"),
    t=D.real("r"),
    s=D.real("n"),
    m=D.integer(1, 4),
    dims={"n": (1, 2), "r": (1, 2)},
    mutants={"m/4 times": dict(share=0.25), "0.99 m times": dict(share=0.99)},
)
def width(U: Tensor, t: Tensor, s: Tensor, m: Tensor, *, share: float = 1.0) -> Relation:
    r"""For an odd $\phi$ (sin here) the network of width m with $w_r = a_rw$ has m times the squared distance from a space S
    that the neuron $\phi(w\cdot x)$ has, whatever the signs. Here $t_i = w\cdot x_i$ on points of equal mass.

    Proof: it is $\sqrt{m}\,\phi(w\cdot x)$.

    Notes: so a space that is good enough for neurons is not for wide networks: its squared error must be below
    $\varepsilon_0/m$.
    """
    neuron = torch.sin(torch.cat([t, s], -1))[..., None]
    p = torch.full_like(U[..., 0], 1.0) / U.shape[-2]
    terms = [torch.where(m[:, None, None] > r, neuron, 0 * neuron) for r in range(4)]
    network = (terms[0] + terms[1] + terms[2] + terms[3]) / torch.sqrt(m.to(torch.float64))[:, None, None]
    one, many = (residual(U, f, p)[..., 0] for f in (neuron, network))
    return eq((p * many * many).sum(-1), share * m * (p * one * one).sum(-1), names=["network", "m times the neuron"])
