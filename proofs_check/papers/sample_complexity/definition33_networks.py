r"""Definition 3.3 for networks, which are no linear space: what K is, and where "suppose K is bounded" leaves nothing."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory import data
from altheory import orthonormal_basis as ob
from proofs_check import claim, eq, leq, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.figure import Table
from proofs_check.papers.sample_complexity._settings_basis import SOURCE, distribution, signs
from proofs_check.relations import Measurement, Relation

TEXT = f"{SOURCE}, section 3.3, definition 3.3, eq. (1)"
BOUNDED = f"{SOURCE}, theorem 4.1: 'suppose it has bounded condition number'"


def _lines(n: Tensor, most: int) -> tuple[Tensor, Tensor]:
    """n lines of the plane at equal angles, as unit vectors (batch, most, 2), and which of the rows count."""
    index = torch.arange(most, dtype=torch.float64)[None]
    angle = math.pi * index / n[:, None]
    return torch.stack([torch.cos(angle), torch.sin(angle)], -1), index < n[:, None]


@claim(
    id="sample_complexity.definition33.one_quadratic_neuron",
    title="K of one quadratic neuron on equal angles",
    source=f"on {TEXT}",
    w=D.real(2),
    n=D.integer(3, 8),
    mutants={"one percent less": dict(share=0.99), "one per mille less": dict(share=0.999)},
)
def one_quadratic_neuron(w: Tensor, n: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $f = (w\cdot x)^2$ ($\phi(t) = t^2$, $m = 1$) and x uniform on $n \ge 3$ unit vectors of the plane at angles $\pi
    j/n$: $\max_xf^2 \le \frac83\,\mathrm{E}f^2$.

    Proof: $\mathrm{E}(w\cdot x)^4 = \frac38|w|^4$, whatever the direction of w.

    Tight at: w one of the points. So $K = 8/3$, below the dimension 3 of the span.
    """
    points, count = _lines(n, 8)
    square = torch.where(count, (points * w[:, None, :]).sum(-1) ** 4, 0 * w[:, :1])
    return leq(torch.amax(square, -1), share * 8 * square.sum(-1) / (3 * n), names=["max f^2", "8/3 E f^2"])


@claim(
    id="sample_complexity.definition33.dimension_nonlinear",
    title="K is at least the dimension, for networks",
    source=f"on {TEXT}",
    reading="the dimension of the span of all neurons, for a class that is no linear space",
    expect="refuted",
    n=D.integer(3, 8),
    mutants={"95 percent of it": dict(share=0.95), "90 percent of it": dict(share=0.9)},
)
def dimension_nonlinear(n: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let x be uniform on $n \ge 3$ unit vectors of the plane at angles $\pi j/n$, $\phi(t) = t^2$, $m = 1$. Then K is at
    least 3, the dimension of the span of all $(w\cdot x)^2$.

    Counterexample: every n: $K = 8/3$ (sample_complexity.definition33.one_quadratic_neuron), here as the largest quotient over
    w among the points.

    Notes: all hypotheses of theorem 4.1 hold. One relu neuron on the uniform circle has $K = 4$, and its neurons span an
    infinite dimension. For linear classes the statement is true (sample_complexity.definition33.dimension).
    """
    points, count = _lines(n, 8)
    inner = points @ torch.transpose(points, -1, -2)
    square = torch.where(count[:, None, :], inner**4, 0 * inner)
    K = torch.amax(n[:, None] * torch.amax(square, -1) / square.sum(-1), -1)
    return leq(3 * share + 0 * K, K, names=["dimension of the span", "K"])


@claim(
    id="sample_complexity.definition33.monotone",
    title="K does not fall with the width when the activation vanishes at 0",
    source=f"on {TEXT}",
    x=D.real("n", "d"),
    p=distribution("n"),
    W=D.real("m", "d"),
    a=signs("m"),
    dims={"n": (1, 4), "d": (1, 2), "m": (1, 3)},
    mutants={"an activation that does not vanish at 0": dict(activation="softplus"), "new weights of 1/100": dict(weight=0.01)},
)
def monotone(x: Tensor, p: Tensor, W: Tensor, a: Tensor, *, activation: str = "sin", weight: float = 0.0) -> Relation:
    r"""If $\phi(0) = 0$ (sin here), every network of m neurons has the same quotient $\max f^2/\mathrm{E}f^2$ as one of $m+1$
    neurons, whatever the new output sign: so $K(m) \le K(m+1)$.

    Proof: the new neuron has weight 0; the factor $m^{-1/2}$ cancels.
    """
    wider = torch.cat([W, weight + 0 * W[:, :1]], -2)
    more = torch.cat([a, torch.ones_like(a[:, :1])], -1)
    before, after = ob.network_values(x, W, a, activation), ob.network_values(x, wider, more, activation)
    return eq(ob.peak_ratio(after, p), ob.peak_ratio(before, p), names=["m + 1 neurons", "m neurons"])


@claim(
    id="sample_complexity.definition33.universal",
    title="2n sine neurons make K = n on n points",
    source=f"on {BOUNDED}",
    reading="phi = sin, inside all hypotheses of theorem 4.1, any width",
    uses=["sample_complexity.definition33.ceiling"],
    n=D.integer(1, 6),
    point=D.integer(0, 5),
    e=D.interval(0.0001, 0.01),
    mutants={"n + 1/10": dict(more=0.1), "half as many neurons": dict(frequencies=3)},
)
def universal(n: Tensor, point: Tensor, e: Tensor, *, more: float = 0.0, frequencies: int = 6) -> Relation:
    r"""Let x be uniform on $x_j = \frac{2j-1}{2n}$, $j\le n$. For $\phi = \sin$, n neurons of each sign and every $0 < e \le
    1/100$ there is a W with $\max f^2/\mathrm{E}f^2 \ge n\left(1-n\left(\frac{4\pi e}{1-4\pi e}\right)^2\right)$. So $K = n$,
    the largest there is, once $m \ge 2n$.

    Proof: $f = \sum_k\sin((\pi k+\pi ec_k)x)-\sin(\pi kx)$, $0\le k<n$, is $\pi e\,x\sum_kc_k\cos(\pi kx)$ up to
    $\frac12\sum_k(\pi ec_kx)^2$, and $c_k = \frac2n\cos(\pi kx_i)$ (half of it for $k = 0$) makes that sum 1 at $x_i$ and 0 at
    the other points.

    Notes: so K is the size of the pool for wide networks, and a pool of $K\log\tilde d+K/\varepsilon$ points does not exist.
    """
    j, k = torch.arange(6, dtype=torch.float64)[None], torch.arange(frequencies, dtype=torch.float64)[None]
    size = n[:, None].to(torch.float64)
    x, chosen = (2 * j + 1) / (2 * size), (2 * (point % n)[:, None] + 1) / (2 * size)
    c = torch.where(k > 0, 2 + 0 * size, 1 + 0 * size) * torch.cos(math.pi * k * chosen) / size
    c = torch.where(k < size, c, 0 * c)
    near = math.pi * (k + e[:, None] * c)
    f = torch.sin(x[..., None] * near[:, None, :]) - torch.sin(math.pi * x[..., None] * k[:, None, :])
    square = torch.where(j < size, f.sum(-1) ** 2, 0 * x)
    slack = n * (4 * math.pi * e / (1 - 4 * math.pi * e)) ** 2
    return leq((n * (1 - slack) + more) * square.sum(-1), n * torch.amax(square, -1), names=["n (1 - slack) E f^2", "max f^2"])


@claim(
    id="sample_complexity.definition33.sinc_grid",
    title="One neuron sin(t)/t makes K = n on n points",
    source=f"on {BOUNDED}",
    reading="phi(t) = sin t / t and one neuron, inside all hypotheses of theorem 4.1",
    uses=["sample_complexity.definition33.ceiling"],
    n=D.integer(2, 40),
    mutants={"w one percent smaller": dict(share=0.99), "n - 1/100 points": dict(less=0.01)},
)
def sinc_grid(n: Tensor, *, share: float = 1.0, less: float = 0.0) -> Relation:
    r"""Let x be uniform on the n points $j/(n-1)$ of $[0,1]$ and $\phi(t) = \sin t/t$, $m = 1$. At $w = \pi(n-1)$ the quotient
    $\max f^2/\mathrm{E}f^2$ is n, the largest there is.

    Proof: $\phi(wx_j) = \sin(\pi j)/(\pi j) = 0$ except at $x = 0$.

    Notes: $\phi$ is a mean of $\cos(st)$ over $s\in[0,1]$, so $|\phi^{(C)}| \le 1/(C+1)$ for every C, and $|x|\le1$: all
    hypotheses hold, and K is unbounded in n.
    """
    j = torch.arange(40, dtype=torch.float64)[None]
    t = share * math.pi * j + torch.where(j > 0, 0 * j, 1 + 0 * j)
    values = torch.where(j > 0, torch.sin(t) / t, 1 + 0 * j)
    square = torch.where(j < n[:, None], values * values, 0 * values * n[:, None])
    return eq(n / square.sum(-1), n - less, names=["max f^2 / E f^2", "n"])


@remembered
def _sinc_number(w: Tensor) -> Tensor:
    r"""$1/\mathrm{E}(\sin(wx)/(wx))^2$ for x uniform on [-1, 1], by the sine integral."""
    from scipy.special import sici

    return w / (torch.from_numpy(sici(2 * w.numpy())[0]) - torch.sin(w) ** 2 / w)


@claim(
    id="sample_complexity.definition33.sinc",
    title="One neuron sin(t)/t: K grows like w on the uniform interval",
    source=f"on {BOUNDED}",
    reading="phi(t) = sin t / t and one neuron, inside all hypotheses of theorem 4.1",
    expect="reproduced",
    experiment="sample_complexity.sinc",
    seed=D.seed(),
    mutants={"like 0.6 w": dict(slope=0.6), "like the root of w": dict(power=0.5)},
)
def sinc(seed: Tensor, *, slope: float = 2 / math.pi, power: float = 1.0) -> Measurement:
    r"""Let x be uniform on $[-1,1]$, $\phi(t) = \sin t/t$, $m = 1$. Then $\max f(w,\cdot)^2/\mathrm{E}f^2$ lies between
    $\frac2\pi w$ and 1.05 times it, for w between 10 and 1000 (one w for each seed, log-uniform). So K is infinite: "suppose K
    is bounded" excludes this $\phi$ altogether.

    Proof: $\mathrm{E}f^2 = \frac1w\int_0^w\sin^2t/t^2\,dt < \frac\pi{2w}$, and $f = 1$ at $x = 0$.

    Notes: $\mathrm{E}f^2$ in closed form, with the sine integral. sin stays bounded
    (sample_complexity.definition33.sine).
    """
    w = 10 ** (1 + 2 * seed.to(torch.float64) / 2**31)
    shown = torch.tensor([10.0, 100.0, 1000.0], dtype=torch.float64)
    table = Table(
        "K of the neuron sin(t)/t on [-1, 1]",
        ["w = 10", "w = 100", "w = 1000"],
        [("ours", _sinc_number(shown).tolist()), ("2 w / pi", (2 * shown / math.pi).tolist())],
    )
    return measurement(_sinc_number(w) / (slope * w**power), expect=(1.0, 1.05), show=[table])


@claim(
    id="sample_complexity.definition33.sine",
    title="One sine neuron: K is at most 3",
    source=f"on {BOUNDED}",
    reading="phi = sin and one neuron, d = 1, x uniform on [-1, 1]",
    w=D.interval(0.015625, 100),
    mutants={"2.98 for 3": dict(K=2.98), "2.9 for 3": dict(K=2.9)},
)
def sine(w: Tensor, *, K: float = 3.0) -> Relation:
    r"""Let x be uniform on $[-1,1]$, $\phi = \sin$, $m = 1$. Then $\max_xf^2 \le 3\,\mathrm{E}f^2$ for every $w > 0$.

    Proof: $\mathrm{E}\sin^2(wx) = \frac12-\frac{\sin2w}{4w}$; the maximum is $\sin^2w$ up to $\pi/2$ and 1 beyond.

    Tight at: $w \to 0$, where f is linear (the uniform ball of $R^d$ has $d+2$ there, and 2 for large w).

    Notes: so the condition number is no vacuous hypothesis for every activation. A search found 7.2 for two neurons and
    10.5 for three; wide networks have no bound (sample_complexity.definition33.universal).
    """
    top = torch.where(w < math.pi / 2, torch.sin(w) ** 2, torch.ones_like(w))
    return leq(top, K * (0.5 - torch.sin(2 * w) / (4 * w)), names=["max f^2", "3 E f^2"])


@claim(
    id="sample_complexity.definition33.relu_arc",
    title="One relu neuron isolates the end of an arc",
    source=f"on {BOUNDED}; relu is on the paper's list in section 3.2",
    reading="relu, which the paper lists but whose C-th derivative does not exist",
    uses=["sample_complexity.definition33.ceiling"],
    steps=D.positive("n"),
    first=D.positive(1),
    last=D.positive("n"),
    dims={"n": (1, 5)},
    mutants={"w turned by 1 percent": dict(turned=1.01), "one percent less": dict(share=0.99)},
)
def relu_arc(steps: Tensor, first: Tensor, last: Tensor, *, turned: float = 1.0, share: float = 1.0) -> Relation:
    r"""Let the support be points $x_0, x_1, \dots$ in this order on an arc of the circle shorter than a half, with masses
    $p_i$. The relu neuron $w \perp x_1$, $w\cdot x_0 > 0$, has $\max f^2/\mathrm{E}f^2 = 1/p_0$: n on n points of equal mass,
    whatever n.

    Proof: $w\cdot x_j \le 0$ for all the others.

    Notes: so K is infinite for relu and one neuron on a continuous arc, as on the nonnegative orthant.
    """
    t = torch.cumsum(steps, -1)
    t = torch.cat([0 * t[:, :1], t], -1)
    points = torch.stack([1 - t * t, 2 * t], -1) / (1 + t * t)[..., None]
    s = turned * t[:, 1:2]
    w = torch.stack([2 * s, s * s - 1], -1)
    weights = torch.cat([first, last], -1)
    p = weights / weights.sum(-1)[..., None]
    f = ob.network_values(points, w, torch.ones_like(s), "relu")
    return eq(p[:, 0] * ob.peak_ratio(f, p), share + 0 * p[:, 0], names=["p_0 max f^2 / E f^2", "1"])


@remembered
def _isolated(seed: Tensor) -> Tensor:
    """The peak ratio over n of the relu neuron found for one random digit, one row a seed; 0 where there is none."""
    X = torch.from_numpy(data.load("digits").X).to(torch.float64)
    n = len(X)
    p = torch.full((n,), 1 / n, dtype=torch.float64)
    rows = []
    for s in seed.tolist():
        chosen = torch.randperm(n, generator=torch.Generator().manual_seed(s))[:1].tolist()
        rows.append([(ob.isolating_neuron(X, p, i).ratio or 0.0) / n for i in chosen])
    return torch.tensor(rows, dtype=torch.float64)


@claim(
    id="sample_complexity.definition33.digits",
    title="Digits: one relu neuron isolates a digit",
    source=f"on {BOUNDED}; relu is on the paper's list in section 3.2",
    reading="relu and one neuron, uniform on the 1797 digits",
    expect="reproduced",
    experiment="sample_complexity.digits",
    seed=D.seed(),
    mutants={"at most half of n": dict(low=0.0, high=0.5), "at most 0.99 n": dict(low=0.0, high=0.99)},
)
def digits(seed: Tensor, *, low: float = 0.999, high: float = 1.001) -> Measurement:
    r"""For a random digit for each seed, of 1797, there is a relu neuron that fires at this digit alone (linear programming),
    so that $K = n = 1797$, the largest there is.

    Notes: the pool of theorem 4.1, $K\log\tilde d+K/\varepsilon$ points, is then larger than the pool.
    """
    found = _isolated(seed).mean(-1)
    table = Table("K on digits, one relu neuron", ["K / n"], [("ours, mean over the points tried", [found])])
    return measurement(found, expect=(low, high), show=[table])
