r"""Theorem 4.1: labels of order d_tilde / eps for a network. Counterexamples with a square and with powers; `theorem41_sine`
has a third, `theorem41_linear` what is true.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import EPS, EPS0, SOURCE, SQUARE
from proofs_check.relations import Relation

THEOREM = f"{SOURCE}, section 4, Theorem 4.1"

#: e1, e2, (e1 + e2)/sqrt 2 and (e1 - e2)/sqrt 2, times 1, 1, sqrt 2, sqrt 2: a form of degree two takes the factor out again
POINTS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
SCALE = torch.tensor([1.0, 1.0, 0.5, 0.5], dtype=torch.float64)


def outputs(w: Tensor) -> Tensor:
    """(w.x)^2 at the four points, for a network of one neuron w (..., 1, 2) with phi(t) = t^2 and a = +1."""
    return al.orthonormal_basis.network_values(POINTS, w, 1 + 0 * w[..., 0], SQUARE) * SCALE


def best_network(u: Tensor) -> Tensor:
    """What the minimiser with the direction u (a unit vector, (..., 1, 2)) puts out: |w|^2 = 4/3."""
    return outputs(u) * 4 / 3


@claim(
    id="sample_complexity.theorem41.minimisers",
    title="Four points on which every direction is a minimiser",
    source=f"own counterexample to {THEOREM}",
    w=D.real(1, 2),
    mutants={
        "the least loss one percent higher": dict(least=1.01),
        "a curvature of 3/8, less one percent": dict(curvature=0.99),
    },
)
def minimisers(w: Tensor, *, least: float = 1.0, curvature: float = 1.0) -> Relation:
    r"""Let $\phi(t) = t^2$, $m = 1$, $a = +1$, x uniform on $e_1, e_2, (e_1\pm e_2)/\sqrt{2}$ and $y = 1$. Then
    $E|f(w,x)-y|^2 = \frac{1}{3}+\frac{3}{8}\left(|w|^2-\frac{4}{3}\right)^2$: the loss is least, 1/3, at every w with $|w|^2
    = 4/3$.

    Proof: the mean of $(w\cdot x)^2$ is $|w|^2/2$ and that of $(w\cdot x)^4$ is $3|w|^4/8$.

    Notes: all hypotheses of Theorem 4.1 hold: $|x| \le 1$, $\phi^{(C)} = 0$, and K = 8/3 (theorem41.peaks).
    """
    loss = ((outputs(w) - 1) ** 2).mean(-1)
    size = (w * w).sum(-1).sum(-1)
    return eq(loss, (least + curvature * (3 * size - 4) ** 2 / 8) / 3, names=["E|f - y|^2", "1/3 + 3/8 (|w|^2 - 4/3)^2"])


@claim(
    id="sample_complexity.theorem41.peaks",
    title="The condition number on these four points",
    source=f"own counterexample to {THEOREM}, definition 3.3",
    w=D.real(1, 2),
    mutants={"2.64 for 8/3": dict(K=2.64), "2 for 8/3": dict(K=2.0)},
)
def peaks(w: Tensor, *, K: float | None = None) -> Relation:
    r"""On the four points of theorem41.minimisers, $\max_xf(w,x)^2 \le \frac{8}{3}\,E f(w,x)^2$ for every w: the condition
    number is 8/3.

    Tight at: $w = e_1$.
    """
    squares = outputs(w) ** 2
    largest, mean = torch.amax(squares, -1), squares.mean(-1)
    bound = 8 * mean / 3 if K is None else K * mean
    return leq(largest, bound, names=["max f^2", "8/3 E f^2"])


@claim(
    id="sample_complexity.theorem41.one_output",
    title="No output is near all the minimisers",
    source=f"own counterexample to {THEOREM}",
    h=D.real(4),
    u=D.unit_vectors(1, 2),
    uses=["sample_complexity.theorem41.minimisers"],
    mutants={"one percent farther": dict(share=1.01), "0.23 for 2/9": dict(share=1.035)},
)
def one_output(h: Tensor, u: Tensor, *, share: float = 1.0) -> Relation:
    r"""On these points let $f_1, f_2$ be the minimisers in two orthogonal directions. Every function h has
    $\frac{1}{2}\left(E|h-f_1|^2+E|h-f_2|^2\right) \ge \frac{2}{9}$, so it misses one of them by 2/9.

    Proof: $E|f_1-f_2|^2 = 8/9$, and a quarter of that is what the midpoint misses.

    Tight at: the midpoint $h(x) = \frac{2}{3}|x|^2$, which misses every minimiser by 2/9.
    """
    across = torch.stack([-u[..., 1], u[..., 0]], -1)
    missed = (((h - best_network(u)) ** 2).mean(-1) + ((h - best_network(across)) ** 2).mean(-1)) / 2
    return leq((2 * share + 0 * missed) / 9, missed, names=["2/9", "mean of the two errors"])


@claim(
    id="sample_complexity.theorem41",
    title="Theorem 4.1 where the minimiser is not unique",
    source=THEOREM,
    reading="every reading of the bound on d_tilde, with rho at most 1/d_tilde; any number of labels, any output",
    expect="refuted",
    u=D.unit_vectors(1, 2),
    v=D.unit_vectors(1, 2),
    eps=D.interval(*EPS),
    eps0=D.interval(*EPS0),
    load=D.interval(1, 2),
    mutants={"half of eps": dict(share=0.5), "without eps_0": dict(slack=0.0)},
)
def theorem41(
    u: Tensor, v: Tensor, eps: Tensor, eps0: Tensor, load: Tensor, *, share: float = 1.0, slack: float = 1.0
) -> Relation:
    r"""There is an algorithm whose output $\hat f$ has $E\,\|\hat f-f(W^*)\|_D^2 \le \varepsilon_0+\varepsilon(1+\rho\tilde
    d)\,E|y-f(W^*,x)|^2$ for the minimisers $W^*$ of the risk. On the four points of theorem41.minimisers, where labels say
    nothing about the direction of $W^*$: for the minimisers $f_u, f_v$ in any two directions, $\frac{1}{4}\|f_u-f_v\|_D^2$,
    which every output misses one of them by, is at most the right side.

    In the paper: "Let $W^*$ minimizes $E|f(W,x)-y|^2$"; $\tilde d \le (10d+\log(1/\varepsilon_0)/\log d)$, whose exponent may
    be lost in our copy; $\rho$ may be as small as one likes, so that $1 \le 1+\rho\tilde d \le 2$ (the argument load).

    Repairs: the range of $\rho$ is printed as (1, 1/10).

    Counterexample: $u = e_1$, $v = e_2$, $\varepsilon = 1/10$, $\varepsilon_0 = 1/100$, $\rho\tilde d = 2$: the left side is
    2/9, the right one $\frac{1}{100}+\frac{1}{10}\cdot3\cdot\frac{1}{3} = \frac{11}{100}$. It stays so at $\rho\tilde d \le
    1$.

    Notes: the proof of recovery (theorem 5.7) uses $E[(y-f)h] = 0$ for all h of the class, which a linear space gives and the
    set of networks does not. That the minimiser is not unique is not to blame (theorem41.untied); a linear class is what is
    missing (theorem41.linear). For randomised outputs take the mean of the two errors.
    """
    apart = ((best_network(u) - best_network(v)) ** 2).mean(-1)
    return leq(
        apart / 4, slack * eps0 + share * eps * load / 3, names=["|f_u - f_v|^2 / 4", "eps_0 + eps (1 + rho D) E|y - f|^2"]
    )


@claim(
    id="sample_complexity.theorem41.le_cam",
    title="Two targets that the labels hardly tell apart",
    source=f"Le Cam's method, as used against {THEOREM}",
    P=D.simplex("n"),
    Q=D.simplex("n"),
    h=D.real("n", "r"),
    f=D.real("r"),
    g=D.real("r"),
    dims={"n": (1, 2), "r": (1, 1)},
    mutants={"one percent farther": dict(share=1.01), "half the total variation": dict(told=0.5)},
)
def le_cam(P: Tensor, Q: Tensor, h: Tensor, f: Tensor, g: Tensor, *, share: float = 1.0, told: float = 1.0) -> Relation:
    r"""If the labels have the law P when the target is f and Q when it is g, then every output h, a function of the labels, has
    $\frac{1}{2}\left(E_P|h-f|^2+E_Q|h-g|^2\right) \ge \frac{1-TV(P,Q)}{4}\,|f-g|^2$.

    Proof: keep $\min(P, Q)$ of both laws, of mass $1-TV$, on which $|h-f|^2+|h-g|^2 \ge |f-g|^2/2$.

    Tight at: P = Q and h = (f + g)/2.
    """
    variation = (P - Q).abs().sum(-1) / 2
    missed = (P * ((h - f[..., None, :]) ** 2).sum(-1)).sum(-1) + (Q * ((h - g[..., None, :]) ** 2).sum(-1)).sum(-1)
    return leq(
        share * (1 - told * variation) / 4 * ((f - g) ** 2).sum(-1),
        missed / 2,
        names=["(1 - TV) |f - g|^2 / 4", "mean of the two errors"],
    )


@claim(
    id="sample_complexity.theorem41.coins",
    title="How well k labels tell two coins apart",
    source=f"Hellinger affinity, as used against {THEOREM}",
    k=D.integer(1, 5),
    delta=D.interval(0, 1),
    mutants={"the affinity one percent larger": dict(affinity=1.01), "0.98 sqrt(k) delta": dict(slope=0.98)},
)
def coins(k: Tensor, delta: Tensor, *, affinity: float = 1.0, slope: float = 1.0) -> Relation:
    r"""For k tosses of a coin of mean $+\delta$ or $-\delta$ (values $\pm1$),
    $TV \le \sqrt{1-(1-\delta^2)^k} \le \sqrt{k}\,\delta$.

    Proof: $TV^2 \le 1-A^2$ with the affinity $A = \sum\sqrt{PQ} = (1-\delta^2)^{k/2}$; Bernoulli's inequality.

    Tight at: k = 1.
    """
    up, down = (1 + delta) / 2, (1 - delta) / 2
    law = torch.stack([1 + 0 * delta] + [0 * delta] * 5, -1)  # of the number of heads, when the mean is +delta
    product = 1 + 0 * delta
    for i in range(5):
        tossed = down[:, None] * law + up[:, None] * torch.cat([0 * delta[:, None], law[:, :-1]], -1)
        law = torch.where((i < k)[:, None], tossed, law)
        product = torch.where(i < k, product * (1 - delta * delta), product)
    heads = torch.arange(6)[None]
    mirrored = torch.gather(law, -1, torch.where(heads <= k[:, None], k[:, None] - heads, heads))
    variation = (law - mirrored).abs().sum(-1) / 2
    return chain(
        variation,
        torch.sqrt(torch.clamp(1 - affinity * product, min=0)),
        slope * torch.sqrt(k.to(torch.float64)) * delta,
        names=["TV", "sqrt(1 - A^2)", "sqrt(k) delta"],
    )


@claim(
    id="sample_complexity.theorem41.untied",
    title="Theorem 4.1 where the minimiser is unique",
    source=THEOREM,
    reading="every reading of the bound on d_tilde, with rho at most 1/d_tilde; any number k of labels; a unique minimiser",
    expect="refuted",
    k=D.integer(1, 1_000_000),
    told=D.interval(2.0**-10, 0.5),
    noise=D.interval(2.0**-10, 1),
    eps=D.interval(*EPS),
    eps0=D.interval(*EPS0),
    load=D.interval(1, 2),
    mutants={"half of eps": dict(share=0.5), "without eps_0": dict(slack=0.0)},
)
def untied(
    k: Tensor,
    told: Tensor,
    noise: Tensor,
    eps: Tensor,
    eps0: Tensor,
    load: Tensor,
    *,
    share: float = 1.0,
    slack: float = 1.0,
) -> Relation:
    r"""On the four points of theorem41.minimisers let the label at $e_1$ be $1\pm\eta$, and $1+\eta$ with probability
    $(1+s\delta)/2$, where s is 1 or -1 and $\delta = c/\sqrt{k}$; the others are 1. Then the minimiser is unique for each s,
    k labels tell the signs apart with total variation at most c, and an output of Theorem 4.1 has to satisfy
    $\frac{1-c}{4}\,\|f_+-f_-\|_D^2 \le \varepsilon_0+\varepsilon(1+\rho\tilde d)\,\max_sE|y-f_s|^2$.

    Counterexample: $k = 1$, $c = 2^{-10}$, $\eta = 2^{-10}$, $\varepsilon = \varepsilon_0 = 2^{-10}$, $\rho\tilde d = 0$:
    0.222 against 0.0013. The left side hardly depends on k.

    Proof: with $m = \eta\delta$ the risk is $\frac{1}{4}(\frac{3}{2}t^2-4t-2smw_1^2)$ up to a constant, $t = |w|^2$: for $s =
    1$ it wants $w_2 = 0$, $t = (4+2m)/3$, for $s = -1$ $w_1 = 0$, $t = 4/3$. So $f_\pm$ are as far apart as before. Then
    theorem41.coins and theorem41.le_cam.

    Notes: adaptive queries do not help, as only labels at $e_1$ depend on s, and there are at most k of them.
    """
    delta = told / torch.sqrt(k.to(torch.float64))
    m = noise * delta
    a, b = (4 + 2 * m) / 3, (4 + 0 * m) / 3
    apart = (a * a + b * b + (a - b) ** 2 / 2) / 4
    spread = noise * noise - m * m
    plus = ((1 + m - a) ** 2 + spread + 1 + 2 * (a / 2 - 1) ** 2) / 4
    minus = ((1 - m) ** 2 + spread + (b - 1) ** 2 + 2 * (b / 2 - 1) ** 2) / 4
    risk = torch.maximum(plus, minus)
    return leq(
        (1 - told) / 4 * apart,
        slack * eps0 + share * eps * load * risk,
        names=["(1 - TV) |f+ - f-|^2 / 4", "eps_0 + eps (1 + rho D) E|y - f|^2"],
    )


@claim(
    id="sample_complexity.theorem41.forms",
    title="Theorem 4.1 with fewer labels than dimensions",
    source=THEOREM,
    reading="d_tilde is at most a constant times 10 d + log(1/eps_0)/log d: as printed, with a lost O(.), or divided by log d",
    expect="refuted",
    d=D.integer(2, 10),
    eps=D.interval(2.0**-7, 1),
    eps0=D.interval(*EPS0),
    constant=D.interval(1, 1000),
    size=D.interval(0, 16),
    mutants={"half of eps_0": dict(slack=0.5), "functions of norm 1 only": dict(size=D.interval(0, 1))},
)
def forms(d: Tensor, eps: Tensor, eps0: Tensor, constant: Tensor, size: Tensor, *, slack: float = 1.0) -> Relation:
    r"""Let $\phi(t) = t^p$ with $p = 10d-1 < C$, so that $\phi^{(C)} = 0$, and m at least twice $N = \binom{d+p-1}{p}$ with as
    many signs + as -: the class is the linear space of the forms of degree p, of dimension N. If $k = c\,\tilde
    d/\varepsilon$ labels are fewer than N, two targets $\pm f$ of the class, $E f^2$ of any size, have the label 0 at every
    labelled point and no noise; every output misses one of them by $E f^2$, while Theorem 4.1 allows $\varepsilon_0$.

    In the paper: $\tilde d \le (10d+\log(1/\varepsilon_0)/\log d)$ and "requires $O(\tilde d/\varepsilon)$ labels".

    Counterexample: $d = 6$, $\varepsilon = 1$, $c = 1$: $N = \binom{64}{5} = 7624512$ forms of degree 59 against 62 labels. N
    is exponential in d, so that no constant helps.

    Notes: under the readings that make $\tilde d$ the number of monomials of degree below C, or more, this argument is void
    and the statement is refuted by sample_complexity.theorem41 and theorem41.sine.
    """
    dimension = d.to(torch.float64)
    p = 10 * dimension - 1
    N = 1 + 0 * p
    for i in range(1, 10):
        N = torch.where(i < d, N * (p + i) / i, N)
    labels = constant * (10 * dimension + torch.log(1 / eps0) / torch.log(dimension)) / eps
    return leq(torch.where(labels < N, size, 0 * size), slack * eps0, names=["E f^2 that no label shows", "eps_0"])
