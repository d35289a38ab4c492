r"""Theorem 4.1's hypothesis on the activation, for "any polynomial" and for ReLU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import SOURCE
from proofs_check.relations import Relation

LIST = f"{SOURCE}, section 3.2 ('any polynomial, ReLU, Sigmoid, and Swish') with the hypothesis of theorem 4.1"


def _derivative(c: Tensor, t: Tensor, C: int) -> Tensor:
    """The C-th derivative at t of the polynomial with coefficients c (batch, k), lowest first."""
    value = 0 * t
    for k in range(c.shape[-1] - 1, C - 1, -1):
        value = value * t + float(math.perm(k, C)) * c[:, k]
    return value


@claim(
    id="sample_complexity.theorem41_hypothesis.any_polynomial",
    title="Any polynomial meets the hypothesis",
    source=LIST,
    reading="as printed: any polynomial, of any degree (C = 20 here)",
    expect="refuted",
    c=D.real(22),
    t=D.interval(-1, 1),
    mutants={"at most 0.9": dict(bound=0.9), "at most 1/2": dict(bound=0.5)},
)
def any_polynomial(c: Tensor, t: Tensor, *, bound: float = 1.0) -> Relation:
    r"""$\phi^{(20)}(t) \le 1$ for every polynomial $\phi$ of degree 21 at most and every t.

    Counterexample: $\phi = t^{20}$: $\phi^{(20)} = 20!$. The same with C and $C!$ at every order.

    Notes: polynomials of degree below C pass (sample_complexity.theorem41_hypothesis.low_degree), and that is the charitable
    reading of the list.
    """
    value = _derivative(c, t, 20)
    return leq(value, bound + 0 * value, names=["phi^(20)", "1"])


@claim(
    id="sample_complexity.theorem41_hypothesis.low_degree",
    title="Polynomials of degree below C meet the hypothesis",
    source=LIST,
    reading="any polynomial, for d large enough: degree below 10 d (20 here)",
    amends="sample_complexity.theorem41_hypothesis.any_polynomial",
    c=D.real(20),
    t=D.interval(-1, 1),
    mutants={"the derivative before": dict(C=19), "two before": dict(C=18)},
)
def low_degree(c: Tensor, t: Tensor, *, C: int = 20) -> Relation:
    r"""$|\phi^{(C)}| \le 1$ for every polynomial of degree below C, $C = 20$: it is 0."""
    value = _derivative(c, t, C)
    return leq(torch.abs(value), torch.ones_like(value), names=["|phi^(C)|", "1"])


@claim(
    id="sample_complexity.theorem41_hypothesis.normalised_polynomial",
    title="Any polynomial meets the hypothesis divided by C!",
    source=LIST,
    reading="|phi^(C)| / C! <= 1, any polynomial (C = 20 here)",
    expect="refuted",
    c=D.real(22),
    t=D.interval(-1, 1),
    mutants={"at most 0.9": dict(bound=0.9), "at most 1/2": dict(bound=0.5)},
)
def normalised_polynomial(c: Tensor, t: Tensor, *, bound: float = 1.0) -> Relation:
    r"""$\phi^{(20)}(t) \le 20!$ for every polynomial $\phi$ of degree 21 at most and every t.

    Counterexample: $\phi = 2t^{20}$, and $t^{21}$ at $t = 1$.
    """
    value = _derivative(c, t, 20)
    return leq(value, bound * float(math.factorial(20)) + 0 * value, names=["phi^(20)", "20!"])


def _difference(x: Tensor, h: Tensor, C: int) -> Tensor:
    r"""$\sum_j(-1)^{C-j}\binom{C}{j}\max(x+jh,0)$."""
    j = torch.arange(C + 1, dtype=torch.float64)
    weights = torch.tensor([float((-1) ** (C - k) * math.comb(C, k)) for k in range(C + 1)], dtype=torch.float64)
    return (weights * torch.relu(x[:, None] + j * h[:, None])).sum(-1)


@claim(
    id="sample_complexity.theorem41_hypothesis.relu",
    title="ReLU meets the hypothesis",
    source=LIST,
    reading="a consequence of phi^(C) <= 1: C-th differences of step h are at most h^C (C = 20 here)",
    expect="refuted",
    x=D.interval(-3, 1),
    h=D.interval(0.0625, 1),
    mutants={"half of h^C": dict(bound=0.5), "0.9 h^C": dict(bound=0.9)},
)
def relu(x: Tensor, h: Tensor, *, bound: float = 1.0) -> Relation:
    r"""For relu and $C = 20$: $\sum_j(-1)^{C-j}\binom{C}{j}\phi(x+jh) \le h^C$, as the mean value theorem gives when
    $\phi^{(C)}$ exists and is at most 1.

    Counterexample: $x = -1/2$, $h = 1/2$: the difference is $h = 1/2$, and $h^{20} < 10^{-6}$.

    Proof: $\phi(x+jh) = (j-1)h+h\,1[j=0]$ at $x = -h$, and differences of a linear function vanish: what is left is $h$ for
    even C.

    Notes: relu has no derivative at 0, so the hypothesis cannot even be stated.
    """
    return leq(_difference(x, h, 20), bound * h**20, names=["C-th difference", "h^C"])


@claim(
    id="sample_complexity.theorem41_hypothesis.relu_normalised",
    title="ReLU meets the hypothesis divided by C!",
    source=LIST,
    reading="a consequence of |phi^(C)| / C! <= 1: C-th differences of step h are at most C! h^C (C = 20 here)",
    expect="refuted",
    x=D.interval(-0.25, 0),
    h=D.interval(0.001, 0.25),
    mutants={"half of C! h^C": dict(bound=0.5), "0.9 C! h^C": dict(bound=0.9)},
)
def relu_normalised(x: Tensor, h: Tensor, *, bound: float = 1.0) -> Relation:
    r"""For relu and $C = 20$: $\sum_j(-1)^{C-j}\binom{C}{j}\phi(x+jh) \le C!\,h^C$.

    Counterexample: $x = -1/16$, $h = 1/16$: the difference is 1/16, and $20!\,16^{-20} < 10^{-5}$. No bound of $\phi^{(C)}$
    holds: h beats every multiple of $h^C$.
    """
    return leq(_difference(x, h, 20), bound * float(math.factorial(20)) * h**20, names=["C-th difference", "C! h^C"])
