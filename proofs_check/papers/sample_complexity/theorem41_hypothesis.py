r"""Theorem 4.1's hypothesis on the activation: $\phi^{(C)}$ exists, is continuous, and is at most 1, $C =
10d+\log(1/\varepsilon_0)/\log d$.

Section 3.2 says that the result holds "for a large class of non-linear functions including any polynomial, ReLU, Sigmoid, and
Swish". Suprema come from `altheory.orthonormal_basis.derivative_range`, roots of exact integer polynomials; the claims round
them to float64, which their margins (factors of 2 and more) do not feel.
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from altheory.activations import Activation
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import SOURCE, printed_dimension, signs, sine_derivative
from proofs_check.relations import Relation

LIST = f"{SOURCE}, section 3.2 ('any polynomial, ReLU, Sigmoid, and Swish') with the hypothesis of theorem 4.1"
#: the two of the paper's list, and three more
NAMES = ("sigmoid", "swish", "softplus", "tanh", "erf")
LEAST, MOST = 10, 16
#: for each, the order whose derivative is bounded first, and a bound of it
BASE = {"sigmoid": (0, 1.0), "swish": (1, 1.1), "softplus": (1, 1.0), "tanh": (0, 1.0), "erf": (0, 1.0)}


@cache
def _suprema() -> tuple[Tensor, Tensor]:
    r"""$\sup\phi^{(C)}$ and $\sup|\phi^{(C)}|$, one entry an activation and order, flat."""
    found = [ob.derivative_range(name, C) for name in NAMES for C in range(LEAST, MOST + 1)]
    above = torch.tensor([float(high) for _, high in found], dtype=torch.float64)
    below = torch.tensor([float(low) for low, _ in found], dtype=torch.float64)
    return above, torch.maximum(above, -below)


def _at(table: Tensor, which: Tensor, C: Tensor) -> Tensor:
    return table[(which * (MOST - LEAST + 1) + C - LEAST,)]


@claim(
    id="sample_complexity.theorem41_hypothesis.one_sided",
    title="Sigmoid and Swish meet the hypothesis",
    source=LIST,
    reading="as printed: phi^(C) <= 1, one-sided, at the printed order C >= 10 d",
    expect="refuted",
    which=D.integer(0, len(NAMES) - 1),
    C=D.integer(LEAST, MOST),
    mutants={"at most 0.9": dict(bound=0.9), "at most 1/2": dict(bound=0.5)},
)
def one_sided(which: Tensor, C: Tensor, *, bound: float = 1.0) -> Relation:
    r"""$\phi^{(C)}(x) \le 1$ for all x and $10 \le C \le 16$, for sigmoid, swish, softplus, tanh and erf (0 to 4).

    Counterexample: sigmoid, $C = 10$: $\sup\phi^{(10)} = 22.25$. Swish: 77.5.

    Notes: all five fail at every order from 10 on (sample_complexity.theorem41_hypothesis.all_orders), so at every d. They pass
    with $C!$ in place of 1 (sample_complexity.theorem41_hypothesis.normalised), and after a rescaling that leaves the class of
    networks as it is (sample_complexity.theorem41_hypothesis.rescaled). ReLU has no C-th derivative
    (sample_complexity.theorem41_hypothesis.relu).
    """
    top = _at(_suprema()[0], which, C)
    return leq(top, bound + 0 * top, names=["sup phi^(C)", "1"])


@claim(
    id="sample_complexity.theorem41_hypothesis.two_sided",
    title="Sigmoid and Swish meet the hypothesis, in absolute value",
    source=LIST,
    reading="|phi^(C)| <= 1 at the printed order C >= 10 d",
    expect="refuted",
    which=D.integer(0, len(NAMES) - 1),
    C=D.integer(LEAST, MOST),
    mutants={"at most 0.9": dict(bound=0.9), "at most 1/2": dict(bound=0.5)},
)
def two_sided(which: Tensor, C: Tensor, *, bound: float = 1.0) -> Relation:
    r"""$|\phi^{(C)}(x)| \le 1$ for all x and $10 \le C \le 16$, for sigmoid, swish, softplus, tanh and erf (0 to 4).

    Counterexample: sigmoid, $C = 10$: 22.25; swish 77.5, softplus 7.75, tanh 45572, erf 7366.

    Notes: sup grows like $2\,C!/\pi^{C+1}$ for sigmoid. The first orders above 1 are 7 for sigmoid, 8 for softplus, 3 for tanh.
    """
    top = _at(_suprema()[1], which, C)
    return leq(top, bound + 0 * top, names=["sup |phi^(C)|", "1"])


@claim(
    id="sample_complexity.theorem41_hypothesis.all_orders",
    title="No order from 10 on helps",
    source=f"on {LIST}; Landau and Kolmogorov's inequality for derivatives",
    reading="an order larger than printed (an exponent lost: C^d, d^C) for the list",
    amends="sample_complexity.theorem41_hypothesis.two_sided",
    which=D.integer(0, len(NAMES) - 1),
    C=D.integer(LEAST, MOST),
    mutants={"without the factor 2/pi, squared": dict(power=2.0), "a million at every order": dict(one=1e6)},
)
def all_orders(which: Tensor, C: Tensor, *, power: float = 1.0, one: float = 1.0) -> Relation:
    r"""Let $S_C = \sup|\phi^{(C)}|$, and $B \ge \sup|\phi^{(s)}|$ ($s = 0$, $B = 1$ for sigmoid, tanh and erf; $s = 1$ for
    softplus, $B = 1$, and swish, $B = 1.1$). For $C \ge 10$: $1 < B\left(\frac{2S_{10}}{\pi B}\right)^{(C-s)/(10-s)} \le S_C$
    (here to $C = 16$).

    Proof: $\sup|g^{(k)}| \le \frac\pi2\sup|g|^{1-k/n}\sup|g^{(n)}|^{k/n}$ for $g = \phi^{(s)}$, $k = 10-s$, $n = C-s$. The base
    is above 1, so $S_C > 1$ for every $C \ge 10$.
    """
    start = torch.tensor([BASE[name][0] for name in NAMES], dtype=torch.float64)[(which,)]
    bound = torch.tensor([BASE[name][1] for name in NAMES], dtype=torch.float64)[(which,)]
    tenth = _at(_suprema()[1], which, 0 * C + LEAST)
    base = (2 * tenth / (math.pi * bound)) ** power
    grown = bound * torch.exp(torch.log(base) * (C - start) / (LEAST - start))
    return chain(one + 0 * tenth, grown, _at(_suprema()[1], which, C), names=["1", "Landau-Kolmogorov", "sup |phi^(C)|"])


@claim(
    id="sample_complexity.theorem41_hypothesis.normalised",
    title="Sigmoid and Swish meet the hypothesis divided by C!",
    source=LIST,
    reading="|phi^(C)| / C! <= 1, the bound of a Taylor remainder (plausibly meant)",
    amends="sample_complexity.theorem41_hypothesis.two_sided",
    which=D.integer(0, len(NAMES) - 1),
    C=D.integer(LEAST, MOST),
    mutants={"at most 1/80": dict(bound=0.0125), "at most 1/1000": dict(bound=0.001)},
)
def normalised(which: Tensor, C: Tensor, *, bound: float = 1.0) -> Relation:
    r"""$|\phi^{(C)}(x)| \le C!$ for all x and $10 \le C \le 16$, for sigmoid, swish, softplus, tanh and erf (0 to 4).

    Notes: the largest quotient is 0.0126, tanh at 10. The analytic ones have singularities at distance $\pi$ or $\pi/2$ from
    the real line, so the quotient falls like $\pi^{-C}$ or $(2/\pi)^C$; erf has none.
    """
    factorials = torch.tensor([float(math.factorial(k)) for k in range(LEAST, MOST + 1)], dtype=torch.float64)
    top = _at(_suprema()[1], which, C)
    return leq(top, bound * factorials[(C - LEAST,)] + 0 * top, names=["sup |phi^(C)|", "C!"])


@claim(
    id="sample_complexity.theorem41_hypothesis.rescaled",
    title="A smaller argument meets the hypothesis, and the class stays",
    source=f"on {LIST}",
    amends="sample_complexity.theorem41_hypothesis.two_sided",
    which=D.integer(0, len(NAMES) - 1),
    C=D.integer(LEAST, MOST),
    share=D.interval(0.01, 0.99),
    x=D.real(1, "d"),
    W=D.real("m", "d"),
    a=signs("m"),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"weights divided by 1.01 c": dict(stretch=1.01), "c 3 percent larger than the least": dict(more=1.03)},
)
def rescaled(
    which: Tensor, C: Tensor, share: Tensor, x: Tensor, W: Tensor, a: Tensor, *, stretch: float = 1.0, more: float = 1.0
) -> Relation:
    r"""Let $S = \sup|\phi^{(C)}|$ be finite, $0 < c < S^{-1/C}$ and $\phi_c(t) = \phi(ct)$. Then $|\phi_c^{(C)}| \le 1$, and
    the networks of $\phi_c$ with weights $W/c$ are those of $\phi$ with weights W. (The identity is checked for tanh.)

    Notes: so with W unbounded the hypothesis excludes no $\phi$ with a bounded C-th derivative, and what is false for the
    networks of tanh or sigmoid is false for the theorem too: take $\tanh(ct)$. ReLU and polynomials of degree above C stay
    outside.
    """
    top = _at(_suprema()[1], which, C)
    c = more * share * torch.exp(-torch.log(top) / C)
    scale = c[:, None, None]
    shrunk = Activation("tanh(c t)", lambda t: torch.tanh(scale * t), None)
    return all_of(
        eq(
            ob.network_values(x, W / (stretch * scale), a, shrunk)[..., 0],
            ob.network_values(x, W, a, "tanh")[..., 0],
            names=["network of phi(c t), W/c", "network of phi, W"],
        ),
        leq(c**C * top, torch.ones_like(top), names=["sup |phi_c^(C)|", "1"]),
    )


@claim(
    id="sample_complexity.theorem41_hypothesis.band_limited",
    title="Sums of slow sines meet the hypothesis",
    source=f"on {LIST}; Bernstein's inequality",
    c=D.real("k"),
    band=D.spectrum("k", lo=0, hi=1),
    t=D.interval(-7, 7),
    order=D.integer(10, 13),
    dims={"k": (1, 2)},
    mutants={"at most 0.99": dict(bound=0.99), "frequencies up to 1.01": dict(stretch=1.01)},
)
def band_limited(c: Tensor, band: Tensor, t: Tensor, order: Tensor, *, bound: float = 1.0, stretch: float = 1.0) -> Relation:
    r"""For $\phi(t) = \sum_kc_k\sin(b_kt)$ with $\sum|c_k| \le 1$ and $0 \le b_k \le 1$: $|\phi^{(C)}| \le 1$ at every order C.
    In particular for sin.

    Tight at: $\sin t$ at 0, where the derivatives of odd order are 1 or -1.
    """
    total = torch.abs(c).sum(-1)
    weights = c / torch.where(total > 1, total, torch.ones_like(total))[:, None]
    slow = stretch * band
    value = (weights * slow ** order[:, None] * sine_derivative(slow * t[:, None], order[:, None])).sum(-1)
    return leq(torch.abs(value), bound + 0 * value, names=["|phi^(C)|", "1"])


@claim(
    id="sample_complexity.theorem41_hypothesis.order",
    title="The order C is a number of derivatives",
    source=f"{SOURCE}, theorem 4.1: C = 10 d + log(1/eps_0)/log(d)",
    reading="as printed, for every d >= 2 and eps_0 in (0, 1/10)",
    expect="refuted",
    d=D.integer(2, 30),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"C = 10 d + 4": dict(fixed=4.0), "C = 10 d + 5": dict(fixed=5.0)},
)
def order(d: Tensor, accuracy: Tensor, *, fixed: float = 0.0) -> Relation:
    r"""$C = 10d+\log(1/\varepsilon_0)/\log d$ is an integer.

    Counterexample: $d = 2$, $\varepsilon_0 = 1/10$: $C = 20+\log_210 = 23.32$.

    Repairs: $\lceil C\rceil$, and $d \ge 2$, since $\log1 = 0$; "$\rho\in(1,1/10)$" is empty and reads $(0,1/10)$.
    """
    C = printed_dimension(d, accuracy)
    return eq(C, 10 * d + fixed if fixed else torch.ceil(C), names=["C", "an integer"])


@claim(
    id="sample_complexity.theorem41_hypothesis.order_rounded",
    title="The order, rounded up",
    source=f"replaces {SOURCE}, theorem 4.1: C = 10 d + log(1/eps_0)/log(d)",
    amends="sample_complexity.theorem41_hypothesis.order",
    d=D.integer(2, 30),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"at least 20.5": dict(least=20.5), "rounded to the nearest": dict(up=False)},
)
def order_rounded(d: Tensor, accuracy: Tensor, *, least: float = 20.0, up: bool = True) -> Relation:
    r"""For $d \ge 2$ and $\varepsilon_0 \le 1/10$ the order is $\lceil C\rceil \ge C > 10d \ge 20$.

    Notes: so a hypothesis that fails at every order from 10 on fails in every dimension.
    """
    C = printed_dimension(d, accuracy)
    size = d.to(torch.float64)
    return chain(
        least + 0 * size,
        10 * size,
        C,
        torch.ceil(C) if up else torch.floor(C + 0.5),
        names=["20", "10 d", "C", "rounded up"],
    )
