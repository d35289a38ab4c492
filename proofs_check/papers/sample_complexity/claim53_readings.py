r"""Claim 5.3: the readings of $\tilde d$ with an exponent, bounds of any size, bounded weights; and its second half.

R2: the number of monomials of degree below C, $\binom{C+d-1}{d}$; R3: $C^d$; R4: $d^C$; with
$C = \lceil10d+\log(1/\varepsilon_0)/\log d\rceil$.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory import activations
from altheory import orthonormal_basis as ob
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import (
    SOURCE,
    SQUARE,
    ball,
    binomial,
    distribution,
    residual,
    signs,
)
from proofs_check.relations import Relation

FIRST = f"{SOURCE}, section 5.3, claim 5.3, first half; theorem 4.1"
SECOND = f"{SOURCE}, section 5.3, claim 5.3, second half"
EXPONENTS = "R2 to R4: d_tilde the number of monomials of degree below C, or C^d, or d^C"


@claim(
    id="sample_complexity.claim53.exponents",
    title="The readings with an exponent, in order",
    source=FIRST,
    reading=EXPONENTS,
    d=D.integer(2, 4),
    extra=D.integer(0, 10),
    mutants={"twice the monomials": dict(times=2.0), "base d - 1": dict(less=1)},
)
def exponents(d: Tensor, extra: Tensor, *, times: float = 1.0, less: int = 0) -> Relation:
    r"""For $d \ge 2$ and $C \ge 10d$: $\binom{C+d-1}{d} \le C^d \le d^C$ (here $d \le 4$, $C \le 10d+10$).

    Proof: $\binom{C+d-1}{d} = \prod_{i=1}^d\frac{C+i-1}i \le C^d$; $d\log C \le C\log d$ since $\log x/x$ falls from e on, and
    $\frac{\log2}2 = \frac{\log4}4$ settles $d = 2$.

    Notes: so what is true with $\binom{C+d-1}{d}$ functions is true in all three readings.
    """
    C = 10 * d + extra
    count = binomial(C + d - 1, d, most=4)
    base, order = d.to(torch.float64) - less, C.to(torch.float64)
    return chain(times * count, order**d, base**C, names=["monomials of degree below C", "C^d", "d^C"])


@claim(
    id="sample_complexity.claim53.polynomial",
    title="Polynomial networks lie in the span of the monomials",
    source=FIRST,
    reading=f"{EXPONENTS}; phi a polynomial of degree below C, W unbounded",
    amends="sample_complexity.claim53",
    uses=["sample_complexity.claim53.exponents"],
    c=D.real(4),
    x=D.real(1, 2),
    W=D.real("m", 2),
    a=signs("m"),
    dims={"m": (1, 3)},
    mutants={"without the mixed monomials": dict(mixed=0.0), "one percent more": dict(share=1.01)},
)
def polynomial(c: Tensor, x: Tensor, W: Tensor, a: Tensor, *, mixed: float = 1.0, share: float = 1.0) -> Relation:
    r"""For $\phi(t) = \sum_{k<C}c_kt^k$: $\sqrt{m}\,f(W,x) = \sum_{i+j<C}\alpha_{ij}x_1^ix_2^j$ with
    $\alpha_{ij} = \binom{i+j}{i}c_{i+j}\sum_ra_rw_{r1}^iw_{r2}^j$, for every W (here $d = 2$, $C = 4$).

    Notes: so the first half of the claim holds for polynomials with $\varepsilon = 0$ and $\tilde d = \binom{C+d-1}{d}$.
    """
    c0, c1, c2, c3 = (c[:, k, None, None] for k in range(4))
    phi = activations.Activation("cubic", lambda t: ((c3 * t + c2) * t + c1) * t + c0, None)
    total = 0 * x[:, 0, 0]
    for i in range(4):
        for j in range(4 - i):
            alpha = math.comb(i + j, i) * c[:, i + j] * (a * W[..., 0] ** i * W[..., 1] ** j).sum(-1)
            total = total + (mixed if i * j else 1.0) * alpha * x[:, 0, 0] ** i * x[:, 0, 1] ** j
    return eq(ob.network_values(x, W, a, phi)[..., 0], share * total, names=["network", "combination of monomials"])


@claim(
    id="sample_complexity.claim53.taylor",
    title="Networks with bounded weights are near polynomials",
    source=FIRST,
    reading=f"{EXPONENTS}; phi = sin, every |w_r| <= R",
    amends="sample_complexity.claim53",
    uses=["sample_complexity.claim53.exponents", "sample_complexity.assumption32.bounded_weights"],
    x=ball("d"),
    w=ball("m", "d"),
    a=signs("m"),
    R=D.interval(0.0625, 4),
    C=D.integer(1, 8),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "(C + 1/2) C! for C!": dict(faster=0.5)},
)
def taylor(x: Tensor, w: Tensor, a: Tensor, R: Tensor, C: Tensor, *, share: float = 1.0, faster: float = 0.0) -> Relation:
    r"""If $|x| \le 1$, $|w_r| \le R$ and $|\phi^{(C)}| \le 1$ ($\phi = \sin$), then f is within $\sqrt{m}\,R^C/C!$ of the
    network of the Taylor polynomial of degree below C, in the supremum norm. With $\sqrt{m}\,R^C/C! \le \varepsilon_0$ the
    first half of the claim holds with $\tilde d = \binom{C+d-1}{d}$.

    Tight at: one neuron, $R \to 0$, odd C.

    Notes: a bound on the weights is what the claim lacks: see sample_complexity.claim53.any_size.
    """
    m = w.shape[-2]
    t = R[:, None] * (w * x[:, None, :]).sum(-1)
    taylor, power, factorial = 0 * t, 1 + 0 * t, torch.ones_like(R)
    bound = torch.ones_like(R)
    for k in range(8):
        term = (0.0, 1.0, 0.0, -1.0)[k % 4] * power / math.factorial(k)
        here = (C - k)[:, None] > 0
        taylor = torch.where(here, taylor + term, taylor)
        bound = torch.where(C - k > 0, bound * R, bound)
        factorial = torch.where(C - k > 0, factorial * (k + 1), factorial)
        power = power * t
    error = torch.abs((a * (torch.sin(t) - taylor)).sum(-1)) / m**0.5
    factorial = factorial * (1 + faster * C) if faster else factorial
    return leq(error, share * m**0.5 * bound / factorial, names=["|f - Taylor polynomial|", "sqrt(m) R^C / C!"])


SINES, POINTS = 3, 7


def _sines() -> Tensor:
    """sin(2 pi k j / 7) for k = 1, 2, 3 (columns) at j = 1, ..., 6; at j = 0 they vanish."""
    j, k = torch.arange(1, POINTS, dtype=torch.float64)[:, None], torch.arange(1, SINES + 1, dtype=torch.float64)
    return torch.sin(2 * math.pi * k * j / POINTS)


def _space(A: Tensor, E: Tensor) -> Tensor:
    """Independent combinations of the sines, moved by E."""
    n, r = A.shape[-2:]
    lower = torch.tril(torch.ones(n, r, dtype=torch.float64), -1)
    return _sines() @ (A * lower + torch.eye(n, r, dtype=torch.float64)) + E


@claim(
    id="sample_complexity.claim53.sines",
    title="Fast sines are far from every small space",
    source=f"on {FIRST}",
    reading="phi = sin, m = 1, inside all hypotheses of theorem 4.1, W unbounded",
    U=D.derived(
        _space, D.real(SINES, "r"), D.real(POINTS - 1, "r"), text="r functions on the points j/7 other than 0", dims=(6, "r")
    ),
    dims={"r": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "5 percent more": dict(share=1.05)},
)
def sines(U: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let $x_1$ be uniform on $\{0,1/N,\dots,1-1/N\}$ with $N > 2n$. For every space of r functions the mean over $k \le n$ of
    the squared distance of $\sin(2\pi kx_1)$ is at least $\frac12(1-r/n)$ (here $n = 3$, $N = 7$).

    Proof: the n sines are orthogonal with $\mathrm{E}\sin^2 = 1/2$ (sample_complexity.claim53.lemma).

    Tight at: every space inside their span.
    """
    S = _sines() + 0 * U[..., :1]
    p = torch.ones_like(U[..., 0]) / POINTS
    left = residual(U, S, p)
    mean = (p[..., None] * left * left).sum((-2, -1)) / SINES
    return leq(share * 0.5 * (1 - U.shape[-1] / SINES) + 0 * mean, mean, names=["(1 - r/n) / 2", "mean distance^2"])


@claim(
    id="sample_complexity.claim53.any_size",
    title="A number of functions that depends on d and eps_0 only",
    source=FIRST,
    reading="any finite bound d_tilde(d, eps_0) whatever, among them R1 to R6; W unbounded, as printed",
    expect="refuted",
    size=D.integer(1, 1000),
    n=D.integer(1, 4000),
    accuracy=D.interval(1e-6, 0.1),
    mutants={"half of eps_0": dict(share=0.5), "a third of eps_0": dict(share=0.33)},
)
def any_size(size: Tensor, n: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $\phi = \sin$, $m = 1$ a space of $\tilde d$ functions comes within a squared distance $\varepsilon_0$ of
    $\sin(2\pi kx_1)$, $k = 1,\dots,n$, for all n: the mean squared distance, which is $\frac12(1-\tilde d/n)$ for the best
    space (sample_complexity.claim53.sines), is at most $\varepsilon_0$.

    Counterexample: $\tilde d = 1$, $n = 2$, $\varepsilon_0 = 1/10$: $1/4 > 1/10$; any $\tilde d$ with $n = 2\tilde d$.

    Notes: all hypotheses of theorem 4.1 hold. So no bound that knows d and $\varepsilon_0$ alone, however large, is right for
    unbounded weights. With $|w_r| \le R$ there is one (sample_complexity.claim53.taylor).
    """
    count = n.to(torch.float64)
    tail = torch.relu(count - size) / (2 * count)
    return leq(tail, share * accuracy, names=["mean distance^2", "eps_0"])


@claim(
    id="sample_complexity.claim53.second_half",
    title="Every function of the linear space is near a network",
    source=SECOND,
    reading="F_nn is the linear space that the basis spans, in every reading of d_tilde (phi = sin)",
    expect="refuted",
    v=D.unit_vectors("n", 1),
    c=D.interval(0, 10),
    m=D.integer(1, 4),
    accuracy=D.interval(1e-6, 0.1),
    dims={"n": (1, 3)},
    mutants={"within half of eps": dict(share=0.5), "within a third of eps": dict(share=0.33)},
)
def second_half(v: Tensor, c: Tensor, m: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every $h = cv$, v a basis function with $\mathrm{E}v^2 = 1$ (here of values 1 and -1), there is a W with
    $\|h-f(W,\cdot)\|_D^2 \le \varepsilon$; in particular $\mathrm{E}(|h|-\sqrt{m})_+^2 \le \varepsilon$, as $|f| \le \sqrt{m}$
    for $|\phi| \le 1$.

    Counterexample: $h = 10v$, $m = 4$: $\|h-f\|_D^2 \ge 64$.

    Notes: a linear space is unbounded, a network of a bounded activation is not (sample_complexity.definition31.bounded). If
    F_nn is read as the set of the approximants of the networks alone, the second half is true by definition, and F_nn is not
    the linear space that sections 5.4 and 5.5 use.
    """
    beyond = torch.relu(torch.abs(c[:, None] * v[..., 0]) - torch.sqrt(m.to(torch.float64))[:, None])
    return leq((beyond * beyond).mean(-1), share * accuracy, names=["distance^2, at least", "eps"])


@claim(
    id="sample_complexity.claim53.second_half_sign",
    title="... of an activation that is not negative",
    source=SECOND,
    reading="F_nn is the linear space that the basis spans (phi(t) = t^2, m = 1, a = 1)",
    expect="refuted",
    x=D.real("n", "d"),
    w=D.real(1, "d"),
    accuracy=D.interval(1e-6, 0.1),
    dims={"n": (1, 3), "d": (1, 2)},
    mutants={"within half of eps": dict(share=0.5), "within a third of eps": dict(share=0.33)},
)
def second_half_sign(x: Tensor, w: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""With f(w, .) the linear space contains $h = -f(w,\cdot)$, and for it too there is a network within
    $\|\cdot\|_D^2 \le \varepsilon$: since networks are nonnegative, $\mathrm{E}h^2 \le \varepsilon$ (points of equal mass).

    Counterexample: $d = 1$, $x = w = 1$: $h = -1$, at a squared distance of 1 or more.
    """
    f = ob.network_values(x, w, torch.ones_like(w[..., 0]), SQUARE)
    return leq((f * f).mean(-1), share * accuracy, names=["distance^2, at least", "eps"])


@claim(
    id="sample_complexity.claim53.norms",
    title="From the accuracy of definition 5.1 to that of claim 5.3",
    source=f"{SOURCE}, definition 5.1 (|h - f| <= eps_0) and claim 5.3 (|h - f|_D^2 <= eps)",
    reading="eps = eps_0^2",
    g=D.real("n"),
    p=distribution("n"),
    dims={"n": (1, 4)},
    mutants={"one percent less": dict(share=0.99), "half of it": dict(share=0.5)},
)
def norms(g: Tensor, p: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\|g\|_D^2 \le \sup|g|^2$: an error of at most $\varepsilon_0$ at every point is one of at most
    $\varepsilon_0^2 \le \varepsilon_0$ in $\|\cdot\|_D^2$.

    Tight at: constant $|g|$.
    """
    return leq((p * g * g).sum(-1), share * torch.amax(g * g, -1), names=["|g|_D^2", "sup g^2"])


@claim(
    id="sample_complexity.claim53.norms_converse",
    title="... and back",
    source=f"{SOURCE}, definition 5.1 (|h - f| <= eps_0) and claim 5.3 (|h - f|_D^2 <= eps)",
    reading="one accuracy, eps = eps_0, in both: claim 5.3 is to give definition 5.1",
    expect="refuted",
    g=D.real("n"),
    p=distribution("n"),
    accuracy=D.interval(1e-6, 0.1),
    dims={"n": (1, 4)},
    mutants={"half of eps_0^2": dict(share=0.5), "0.9 eps_0^2": dict(share=0.9)},
)
def norms_converse(g: Tensor, p: Tensor, accuracy: Tensor, *, share: float = 1.0) -> Relation:
    r"""If $\|g\|_D^2 = \varepsilon_0$, then $\sup g^2 \le \varepsilon_0^2$; here g is scaled to that norm.

    Counterexample: $g$ constant, $\varepsilon_0 = 1/10$: $\sup g^2 = 1/10 > 1/100$. With small masses $\sup g^2$ is
    $\varepsilon_0/\min p$.
    """
    return leq(accuracy * ob.peak_ratio(g, p), share * accuracy**2, names=["sup g^2", "eps_0^2"])
