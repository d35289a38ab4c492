"""The sampling part of eq. (23), appendix B.3: independent samples, and the step that goes the wrong way."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from altheory import mmd
from proofs_check import all_of, chain, claim, eq, event, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.relations import Event, Relation

APPENDIX = f"{SOURCE}, appendix B.3"


def _seed(u: Tensor) -> Tensor:
    return (u * 2.0**53).to(torch.int64)


#: a seed for every trial; through an interval, because small integers are drawn often and trials must not share a seed
SEEDS = D.derived(_seed, D.interval(0, 1), text="a seed")

#: C, n0, and how many times larger n is
BOUND, FIRST, TIMES = D.interval(2.0**-10, 16), D.integer(1, 1000), D.integer(1, 1000)


def printed_error(C: Tensor, n0: Tensor, n: Tensor, delta: Tensor) -> Tensor:
    r"""$4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/(\gamma n)}$ with $\gamma = n_0/n$, the last display but one of appendix B.3."""
    return 4 * torch.sqrt(C / n) + torch.sqrt(4 * C * torch.log(4 / delta) / n0)


@claim(
    id="dynamical.eq23.threshold_step",
    title="The step of appendix B.3 from one threshold to the other",
    source=f"{APPENDIX}, the inequality after Gretton et al.",
    reading="the printed threshold is at least the one it replaces, as the direction of the step needs",
    expect="refuted",
    C=BOUND,
    n0=FIRST,
    times=TIMES,
    mutants={"one percent more": dict(factor=1.01), "ten percent more": dict(factor=1.1)},
)
def threshold_step(C: Tensor, n0: Tensor, times: Tensor, *, factor: float = 1.0) -> Relation:
    r"""If $n_0\le n$, then $2(\sqrt{C/n_0}+\sqrt{C/n}) \le 4\sqrt{C/n}$: so that an error beyond $\epsilon+4\sqrt{C/n}$
    is one beyond $\epsilon+2(\sqrt{C/n_0}+\sqrt{C/n})$, whose probability Gretton et al. bound.

    In the paper: $\sqrt{C/n_0}+\sqrt{C/n}\ge 2\sqrt{C/n}$, "therefore" the probability beyond the *smaller* threshold has the
    same bound. The inequality is right, and it goes the wrong way: a smaller threshold makes the event larger.

    Counterexample: $C = 1$, $n_0 = 1$, $n = 4$: $3 > 2$.

    Notes: the displayed conclusion may be true all the same (dynamical.eq23.iid finds no violation); it is not proved.
    """
    n = n0 * times
    given = 2 * (torch.sqrt(C / n0) + torch.sqrt(C / n))
    return leq(factor * given, 4 * torch.sqrt(C / n), names=["2 (sqrt(C/n0) + sqrt(C/n))", "4 sqrt(C/n)"])


@claim(
    id="dynamical.eq23.threshold_order",
    title="The thresholds of appendix B.3 in their true order",
    source=f"repairs {APPENDIX}",
    amends="dynamical.eq23.threshold_step",
    C=BOUND,
    n0=FIRST,
    times=TIMES,
    mutants={"left side one percent more": dict(below=1.01), "right side one percent less": dict(above=0.99)},
)
def threshold_order(C: Tensor, n0: Tensor, times: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""If $n_0\le n$: $4\sqrt{C/n} \le 2(\sqrt{C/n_0}+\sqrt{C/n}) \le 4\sqrt{C/n_0}$.

    Repairs: the threshold that follows is $4\sqrt{C/n_0}$; the rate is that of the *seeds*.

    Tight at: $n_0 = n$.
    """
    n = n0 * times
    return chain(
        below * 4 * torch.sqrt(C / n),
        2 * (torch.sqrt(C / n0) + torch.sqrt(C / n)),
        above * 4 * torch.sqrt(C / n0),
        names=["4 sqrt(C/n)", "2 (sqrt(C/n0) + sqrt(C/n))", "4 sqrt(C/n0)"],
    )


@claim(
    id="dynamical.eq23.exponent",
    title="The exponent of appendix B.3, and the rate it hides",
    source=f"{APPENDIX}, the last three displays",
    C=BOUND,
    n0=FIRST,
    times=TIMES,
    delta=D.interval(0.001, 1),
    mutants={"exponent one percent larger": dict(more=1.01), "log 3 for log 4": dict(inside=3)},
)
def exponent(C: Tensor, n0: Tensor, times: Tensor, delta: Tensor, *, more: float = 1.0, inside: int = 4) -> Relation:
    r"""With $\gamma = n_0/n\le 1$: $\frac{\gamma n}{4C} \le \frac{n_0n}{2C(n_0+n)}$, so $2e^{-\gamma\epsilon^2n/(4C)}$ bounds
    what Gretton et al. bound; it is $\delta/2$ at $\epsilon = \sqrt{4C\log(4/\delta)/(\gamma n)}$, which is
    $\sqrt{4C\log(4/\delta)/n_0}$.

    Tight at: $n_0 = n$ (the inequality); everywhere (the two identities).

    Notes: "for constant $\gamma$" hides that the error falls with $n_0$, which stays fixed in active learning, and not with n.
    """
    n = n0.double() * times
    gamma = n0 / n
    eps = torch.sqrt(4 * C * torch.log(inside / delta) / (gamma * n))
    return all_of(
        leq(more * gamma * n / (4 * C), n0 * n / (2 * C * (n0 + n)), names=["gamma n/(4C)", "n0 n/(2C (n0 + n))"]),
        eq(2 * torch.exp(-gamma * eps**2 * n / (4 * C)), delta / 2, names=["2 exp(-gamma eps^2 n/(4C))", "delta/2"]),
        eq(eps, torch.sqrt(4 * C * torch.log(inside / delta) / n0), names=["eps", "sqrt(4C log(4/delta)/n0)"]),
    )


def _shares(size: int, law: Tensor, generator: torch.Generator) -> Tensor:
    """The empirical law of `size` independent draws."""
    drawn = torch.multinomial(law, size, replacement=True, generator=generator)
    return torch.bincount(drawn, minlength=len(law)) / size


def _distances(theta: Tensor, p: Tensor, q: Tensor, n0: int, n: int, seed: int) -> tuple[Tensor, Tensor]:
    """MMD(p, q) and the biased estimate from n0 draws of p and n of q, all independent."""
    generator = torch.Generator().manual_seed(seed)
    first, second = _shares(n0, p, generator), _shares(n, q, generator)
    true, estimate = mmd.population_mmd2(p, q, theta), mmd.population_mmd2(first.to(theta), second.to(theta), theta)
    return true.clamp(min=0).sqrt(), estimate.clamp(min=0).sqrt()


@claim(
    id="dynamical.eq23.iid",
    title="The error of the empirical discrepancy, as printed, for independent samples",
    source=f"{APPENDIX}, last display but two",
    reading="S_0 from p and S from q independent, each of independent draws",
    n0=D.integer(2, 40),
    times=D.integer(1, 200),
    seed=SEEDS,
    uses=["dynamical.eq23.exponent"],
    mutants={"without the second term": dict(slack=0.0), "n for gamma n": dict(rate="n")},
)
def iid(n0: Tensor, times: Tensor, seed: Tensor, *, slack: float = 1.0, rate: str = "n0", delta: float = 0.05) -> Event:
    r"""Let $S_0$ be $n_0$ draws from p and S be n draws from q, independent, $n_0\le n$, $\Theta\le C$. With probability at
    least $1-\delta/2$: $|\mathrm{MMD}(p,q)-\mathrm{MMD}_v(S_0,S)| < 4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/(\gamma n)}$ (here
    $\delta = 0.05$; q is uniform on 64 orthogonal inputs, p on them or on half of them).

    Notes: a step of its proof goes the wrong way (dynamical.eq23.threshold_step), but no violation is known: the second term,
    of order $1/\sqrt{n_0}$, is large enough for what the first one lacks.
    """
    theta = torch.eye(64, dtype=torch.float64) / 2
    C = torch.tensor(0.5, dtype=torch.float64)
    q = torch.full((64,), 1 / 64, dtype=torch.float64)
    half = torch.cat([q[:32] * 2, q[32:] * 0])
    ok = []
    for m, k, s in zip(n0.tolist(), times.tolist(), seed.tolist(), strict=True):
        true, estimate = _distances(theta, half if s % 2 else q, q, m, m * k, s)
        inside = torch.tensor(delta, dtype=torch.float64)
        error = 4 * (C / (m * k)).sqrt() + slack * (4 * C * (4 / inside).log() / (m if rate == "n0" else m * k)).sqrt()
        ok.append(bool((true - estimate).abs() < error))
    return event(torch.tensor(ok), delta=delta / 2)


@claim(
    id="dynamical.eq23.one_sided",
    title="The direction that is needed, for independent samples",
    source="own derivation: Hoeffding's inequality for the witness function",
    amends="dynamical.eq23.threshold_step",
    sharpens="dynamical.eq23.iid",
    mean=D.interval(0.25, 0.4),
    n0=D.integer(40, 80),
    times=D.integer(2, 40),
    seed=SEEDS,
    mutants={"two fifths of the error": dict(factor=0.4), "1/n for 1/n0 + 1/n": dict(seeds=0.0)},
)
def one_sided(
    mean: Tensor,
    n0: Tensor,
    times: Tensor,
    seed: Tensor,
    *,
    factor: float = 1.0,
    seeds: float = 1.0,
    delta: float = 0.05,
) -> Event:
    r"""Let $S_0$ be $n_0$ draws from p and S be n draws from q, independent, and $\Theta(x,x)\le C$. With probability at least
    $1-\delta$: $\mathrm{MMD}(p,q) \le \mathrm{MMD}_v(S_0,S)+\sqrt{2C(\frac{1}{n_0}+\frac{1}{n})\log\frac{1}{\delta}}$ (here
    $\delta = 0.05$; p and q on 1 and -1 with means $\nu$ and $-\nu$, $\Theta(x,z) = xz$).

    Repairs: eq. (23) needs an upper bound on the MMD only, and for that the terms of order $\sqrt{C/n_0}$ and $\sqrt{C/n}$ are
    not needed at all.

    Proof: let h be the witness of p and q, of norm 1, so $|h|\le\sqrt{C}$. Then $\mathrm{MMD}_v(S_0,S)$ is at least
    the mean of h over $S_0$ minus its mean over S, a sum of independent terms whose mean is $\mathrm{MMD}(p,q)$.

    Notes: near Hoeffding's worst case, a normal limit with variance $C(1/n_0+1/n)$, the true probability of failure is about
    0.005 at $\delta = 0.05$; with half the error it is 0.1.
    """
    theta = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], dtype=torch.float64)
    ok = []
    for nu, m, k, s in zip(mean.tolist(), n0.tolist(), times.tolist(), seed.tolist(), strict=True):
        p = torch.tensor([(1 + nu) / 2, (1 - nu) / 2], dtype=torch.float64)
        true, estimate = _distances(theta, p, p.flip(0), m, m * k, s)
        inverse = seeds / m + 1 / (m * k)
        slack = math.sqrt(2 * inverse * math.log(1 / delta))
        ok.append(bool(true <= estimate + factor * slack))
    return event(torch.tensor(ok), delta=delta)
