"""Eq. (21), (22) and the population part of (23): from a difference of risks to a discrepancy of inputs."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import mmd
from altheory.kernels import analytic
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.common.positive_definiteness import distinct, separated, separation
from proofs_check.papers.dynamical._settings import SOURCE
from proofs_check.papers.dynamical.mmd_concentration import printed_error
from proofs_check.relations import Relation

SECTION = f"{SOURCE}, section 4.2"
APPENDIX = f"{SOURCE}, appendix B.3"


def _rows_sum_to_one(x: Tensor) -> Tensor:
    return x / x.sum(-1)[..., None]


def _itself(x: Tensor) -> Tensor:
    return x


#: p(y | x) at each of n inputs
CONDITIONAL = D.derived(_rows_sum_to_one, D.positive("n", "k"), text="n conditional laws of the label", dims=("n", "k"))
#: g(x), the mean loss at each of n inputs, for a loss with values in [0, 1]
MEAN_LOSS = D.derived(_itself, D.spectrum("n", lo=0, hi=1), text="n numbers in [0, 1]", dims=("n",))


def gap(g: Tensor, p: Tensor, q: Tensor) -> Tensor:
    """L_p - L_q = integral of g dp - integral of g dq."""
    return (g * p).sum(-1) - (g * q).sum(-1)


def _root(x: Tensor) -> Tensor:
    return torch.sqrt(x.clamp(min=0))


@claim(
    id="dynamical.eq22",
    title="Eq. (21), (22): a difference of risks is a difference of integrals of one function",
    source=f"{SECTION}, eq. (21) and (22)",
    p=D.simplex("n"),
    q=D.simplex("n"),
    conditional=CONDITIONAL,
    loss=D.nonneg("n", "k"),
    dims={"n": (1, 6), "k": (1, 4)},
    mutants={"0.1 percent off": dict(share=1.001), "the label's law shifted by one percent under q": dict(shift=0.01)},
)
def eq22(p: Tensor, q: Tensor, conditional: Tensor, loss: Tensor, *, share: float = 1.0, shift: float = 0.0) -> Relation:
    r"""Let p and q have the same law of the label given the input, and $g(x) = E[l(f(x),y)\,|\,x]$. Then
    $L_p-L_q = \int g\,dp-\int g\,dq$ for every fixed f.

    In the paper: f is the trained network. It depends on the training set, so $L_p$ and $L_q$ are risks at a *fresh* point
    of p and of q.

    Tight at: everywhere, it is an identity.

    Notes: the shared conditional law is needed, and queries respect it if they look at inputs only.
    """
    under_q = (1 - shift) * conditional
    under_q = torch.cat([under_q[..., :1] + shift, under_q[..., 1:]], -1)
    risk_p = (p[..., None] * conditional * loss).sum((-2, -1))
    risk_q = (q[..., None] * under_q * loss).sum((-2, -1))
    g = (conditional * loss).sum(-1)
    return eq(
        risk_p + (g * q).sum(-1), share * (risk_q + (g * p).sum(-1)), names=["L_p + integral g dq", "L_q + integral g dp"]
    )


@claim(
    id="dynamical.eq23.all_continuous",
    title="The supremum over all bounded continuous functions is finite",
    source=f"{APPENDIX}, second display",
    reading="literally: C(X) is the class of all bounded continuous functions",
    expect="refuted",
    p=D.simplex("n"),
    q=D.simplex("n"),
    g=D.real("n"),
    dims={"n": (1, 6)},
    mutants={"at most 99": dict(bound=99.0), "at most 50": dict(bound=50.0)},
)
def all_continuous(p: Tensor, q: Tensor, g: Tensor, *, bound: float = 100.0) -> Relation:
    r"""There is a bound on $\int g\,dp-\int g\,dq$ over all bounded g, say 100, so that
    $\mathrm{MMD}(p,q,C) = \sup_{g\in C(X)}\int g\,dp-\int g\,dq$ is a number.

    Counterexample: $p = (1, 0)$, $q = (0, 1)$, $g = (101, 0)$; multiples of g exceed every bound. So the supremum is infinite
    unless $p = q$, and $L_p-L_q\le\mathrm{MMD}(p,q,C)$ says nothing.

    Notes: the text assumes a bounded prediction function just before, so that a class bounded by a common number may be meant:
    dynamical.eq23.bounded_class.
    """
    return leq(gap(g, p, q), bound + 0 * g.sum(-1), names=["integral g dp - integral g dq", "the bound"])


@claim(
    id="dynamical.eq23.bounded_class",
    title="The supremum over functions with a common bound is the total variation",
    source=f"{APPENDIX}, second display",
    reading="charitable: C(X) contains functions with values in a common interval",
    amends="dynamical.eq23.all_continuous",
    p=D.simplex("n"),
    q=D.simplex("n"),
    g=D.real("n"),
    dims={"n": (1, 6)},
    mutants={"one percent less": dict(share=0.99), "the largest value in place of the range": dict(low=False)},
)
def bounded_class(p: Tensor, q: Tensor, g: Tensor, *, share: float = 1.0, low: bool = True) -> Relation:
    r"""For every g: $\int g\,dp-\int g\,dq \;\le\; (\max g-\min g)\,\mathrm{TV}(p,q)$ with
    $\mathrm{TV}(p,q) = \frac{1}{2}\sum_x|p(x)-q(x)|$. For a loss in [0, 1]: $L_p-L_q\le\mathrm{TV}(p,q)$.

    Proof: subtract $\min g$; then only the points with $p > q$ count.

    Tight at: g the indicator of $p > q$. So over all g with values in [0, 1] the supremum *is* TV.

    Notes: this step of the paper is then true, and the next one, from this class to the unit ball of the kernel's space, is
    the one that fails (dynamical.eq23.population).
    """
    span = g.amax(-1) - (g.amin(-1) if low else 0)
    return leq(
        gap(g, p, q), share * span * (p - q).abs().sum(-1) / 2, names=["integral g dp - integral g dq", "(max - min) TV"]
    )


def far_from_singular(x: Tensor) -> Tensor:
    """the kernel on these inputs has no eigenvalue below 1/16"""
    return torch.linalg.eigvalsh(analytic(x))[..., 0] >= 1 / 16


@claim(
    id="dynamical.eq23.population",
    title="Eq. (23) for the true laws: the risks differ by at most the discrepancy",
    source=f"{SECTION}, eq. (23); {APPENDIX}",
    reading="the NTK of unit vectors as it is, characteristic on them: no eigenvalue below 1/16",
    expect="refuted",
    x=D.unit_vectors("n", "d"),
    p=D.simplex("n"),
    q=D.simplex("n"),
    g=MEAN_LOSS,
    dims={"n": (1, 4), "d": (1, 4)},
    assumes=[far_from_singular],
    mutants={"one percent more": dict(factor=1.01), "ten percent more": dict(factor=1.1)},
)
def population(x: Tensor, p: Tensor, q: Tensor, g: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For a loss with values in [0, 1]: $L_p-L_q = \int g\,dp-\int g\,dq \;\le\; \mathrm{MMD}(p,q,H_\Theta)$.

    In the paper: eq. (23) without its sampling error. The class of bounded functions is replaced "empirically" by the unit
    ball of the space of $\Theta$, which does not contain it.

    Counterexample: two unit vectors at an angle of 60 degrees, p all on the first, q all on the second, $g = (1, 0)$:
    $L_p-L_q = 1$, but $\mathrm{MMD}^2 = \frac{1}{2}+\frac{1}{2}-\frac{2}{6} = \frac{2}{3}$. For four orthogonal inputs, p
    uniform on two and q uniform on the others, it is $1 > \sqrt{1/2}$.

    Notes: a mixture $q = (1-\beta)p+\beta r$, which the seeds in S make, multiplies both sides by $\beta$ and repairs nothing.
    What is missing is the norm of g: dynamical.eq23.norm_factor.
    """
    p, q = _rows_sum_to_one(p), _rows_sum_to_one(q)  # shows the rounding probe the rounding of the masses
    return leq(factor * gap(g, p, q), _root(mmd.population_mmd2(p, q, analytic(x))), names=["L_p - L_q", "MMD(p, q)"])


def seeds_are_some_of_the_atoms(atoms: Tensor, seeds: Tensor, n: Tensor) -> Tensor:
    """n0 < N and n0 <= n"""
    return (seeds < atoms) & (seeds <= n)


@claim(
    id="dynamical.eq23.any_constant",
    title="Eq. (23) with some constant, whatever the unit of the kernel",
    source=f"{SECTION}, eq. (23); {APPENDIX}",
    reading="O(...) hides a constant, here 100, that depends on nothing; the kernel's unit c is free",
    expect="refuted",
    unit=D.interval(2.0**-40, 1),
    atoms=D.integer(2, 1000),
    seeds=D.integer(1, 500),
    n=D.integer(1, 10**6),
    delta=D.interval(0.001, 0.5),
    assumes=[seeds_are_some_of_the_atoms],
    mutants={"constant 99": dict(constant=99.0), "constant 50": dict(constant=50.0)},
)
def any_constant(unit: Tensor, atoms: Tensor, seeds: Tensor, n: Tensor, delta: Tensor, *, constant: float = 100.0) -> Relation:
    r"""$L_p-L_q \;\le\; 100\,(\mathrm{MMD}(p,q,H_\Theta)+4\sqrt{C/n}+\sqrt{4C\log(4/\delta)/n_0})$ for every kernel
    $\Theta = c\,\Theta_0$ with $\Theta\le C$. Here $\Theta_0 = \frac{1}{2}I$ on N orthogonal inputs, p uniform on them, q
    uniform on $n_0$ seeds, and the loss is 0 at the seeds and 1 elsewhere.

    Counterexample: $N = 2$, $n_0 = 1$: $L_p-L_q = \frac{1}{2}$ for every c, and the right side is a multiple of $\sqrt{c}$.

    Notes: multiplying the kernel by c leaves the trained predictor as it is, and multiplies the right side by $\sqrt{c}$. The
    dominant term of the bound moves the other way, as $1/\sqrt{c}$: the ratio MMD/B of Figures 1 and 7 and Table 10 is
    proportional to c and means nothing until the unit is fixed.
    """
    C = unit / 2
    lost = (atoms - seeds) / atoms.double()
    distance = torch.sqrt(C * lost / seeds)
    return leq(
        lost,
        constant * (distance + printed_error(C, seeds, n, delta)),
        names=["L_p - L_q = 1 - n0/N", "100 times the right side"],
    )


@claim(
    id="dynamical.eq23.norm_factor",
    title="Eq. (23) for the true laws, with the norm of the loss",
    source="replaces the population part of dynamicAL, eq. (23); Cauchy-Schwarz, Gretton et al. (2012), lemma 4",
    amends="dynamical.eq23.population",
    theta=D.psd("n", cond=1e6),
    p=D.simplex("n"),
    q=D.simplex("n"),
    g=D.real("n"),
    dims={"n": (1, 6)},
    uses=["dynamical.eq31"],
    mutants={"one percent less": dict(share=0.99), "smallest eigenvalue one percent larger": dict(lift=1.01)},
)
def norm_factor(theta: Tensor, p: Tensor, q: Tensor, g: Tensor, *, share: float = 1.0, lift: float = 1.0) -> Relation:
    r"""For a positive definite kernel on the points that carry p and q, with $\|g\|_\Theta^2 = g^\top\Theta^{-1}g$:
    $(\int g\,dp-\int g\,dq)^2 \;\le\; \|g\|_\Theta^2\,\mathrm{MMD}^2(p,q) \;\le\;
    \frac{\sum_xg(x)^2}{\lambda_{\min}}\,\mathrm{MMD}^2(p,q)$. So $L_p-L_q\le\|g\|_\Theta\,\mathrm{MMD}(p,q)$.

    Repairs: the factor $\|g\|_\Theta$, which eq. (23) lacks. It is also what makes the right side independent of the unit of
    the kernel.

    Tight at: g a multiple of $\Theta(p-q)$, the witness function (left); g an eigenvector of the smallest eigenvalue (right).

    Notes: on finitely many points a constant always exists, but it is that of the kernel and the points, through
    $\lambda_{\min}$, and not 1.
    """
    values = torch.linalg.eigvalsh(theta)
    distance = mmd.population_mmd2(p, q, theta)
    norm = (g * torch.linalg.solve(theta, g)).sum(-1)
    return chain(
        gap(g, p, q) ** 2,
        share * norm * distance,
        share * (g * g).sum(-1) / (lift * values[..., 0]) * distance,
        names=["(L_p - L_q)^2", "|g|^2 MMD^2", "sum g^2 MMD^2 / lambda_min"],
    )


@claim(
    id="dynamical.eq23.approximate_norm",
    title="Eq. (23) for the true laws, for a loss near the kernel's space",
    source="replaces the population part of dynamicAL, eq. (23); own derivation",
    amends="dynamical.eq23.population",
    theta=D.psd("n"),
    coefficients=D.real("n"),
    p=D.simplex("n"),
    q=D.simplex("n"),
    g=D.real("n"),
    dims={"n": (1, 6)},
    uses=["dynamical.eq23.norm_factor"],
    mutants={"one percent less": dict(share=0.99), "the sup norm of h for its norm": dict(sup=True)},
)
def approximate_norm(
    theta: Tensor, coefficients: Tensor, p: Tensor, q: Tensor, g: Tensor, *, share: float = 1.0, sup: bool = False
) -> Relation:
    r"""For every $h = \Theta a$: $\int g\,dp-\int g\,dq \;\le\; \|h\|_\Theta\,\mathrm{MMD}(p,q)+\max|g-h|\,\sum_x|p(x)-q(x)|$,
    where $\|h\|_\Theta^2 = a^\top\Theta a$; the last factor is at most 2.

    Repairs: a loss that is not in the space of the kernel, such as $|f-y|$, has no finite norm there; approximate it.

    Tight at: $h = 0$ and g constant on $p > q$ and on $p < q$; $g = h = \Theta(p-q)$.
    """
    h = (theta @ coefficients[..., None])[..., 0]
    size = h.abs().amax(-1) if sup else _root((coefficients * h).sum(-1))
    first = size * _root(mmd.population_mmd2(p, q, theta))
    second = (g - h).abs().amax(-1) * (p - q).abs().sum(-1)
    return leq(gap(g, p, q), share * (first + second), names=["L_p - L_q", "|h| MMD + max|g - h| |p - q|_1"])


def _characteristic(x: Tensor, p: Tensor, q: Tensor, bound: Tensor) -> Relation:
    theta = analytic(x)
    apart = ((p - q) ** 2).sum(-1)
    return leq(bound * apart, mmd.population_mmd2(p, q, theta), names=["the bound times |p - q|^2", "MMD^2(p, q)"])


def _with_antipodes(x: Tensor) -> Tensor:
    return torch.cat([x, -x], -2)


def _on_the_first_half(s: Tensor) -> Tensor:
    return torch.cat([s, 0 * s], -1)


def _on_the_second_half(s: Tensor) -> Tensor:
    return torch.cat([0 * s, s], -1)


_HALF, _LAW = D.unit_vectors("h", 2), D.simplex("h")


@claim(
    id="dynamical.mmd_characteristic",
    title="The NTK tells any two laws on distinct unit inputs apart",
    source=f'{APPENDIX}: "with the characteristic kernel"',
    reading="inputs of unit length, no two equal",
    expect="refuted",
    x=D.derived(_with_antipodes, _HALF, text="unit vectors in the plane and their antipodes"),
    p=D.derived(_on_the_first_half, _LAW, text="a law on the first half of the points"),
    q=D.derived(_on_the_second_half, _LAW, text="the same law on their antipodes"),
    dims={"h": (3, 3)},
    on="a law and its mirror image",
    assumes=[distinct],
    uses=["common.antipodal_pairs"],
    mutants={"ten times the bound": dict(factor=0.05), "n for n^2": dict(power=1)},
)
def characteristic(x: Tensor, p: Tensor, q: Tensor, *, factor: float = 0.005, power: int = 2) -> Relation:
    r"""For n unit vectors no two of which are nearer than $\delta > 0$, and the infinite-width relu kernel with its first layer
    trained: $\mathrm{MMD}^2(p,q) \ge \frac{\delta^2}{200n^2}\sum_x(p(x)-q(x))^2$. In particular MMD = 0 only for $p = q$.

    In the paper: assumed of $H_\Theta$.

    Counterexample: the regular hexagon, p uniform on its even corners and q on its odd ones: $\mathrm{MMD}^2 = 0$, and the laws
    have no point in common. Rational: $\pm(1,0)$, $\pm(0,1)$, $\pm(3/5,4/5)$ with $p-q$ proportional to 3, 4, $-5$ at the first
    of each pair and to $-3$, $-4$, 5 at the second.

    Notes: without a bias the kernel contains the linear functions and even ones, and no other odd one; so any odd $p-q$ with
    mean zero is invisible. Training the output layer too does not help; a third layer does.
    """
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1)
    apart = 2 - 2 * (x @ x.mT)[:, i, j].amax(-1)  # delta^2, for unit vectors
    return _characteristic(x, p, q, factor * apart / x.shape[-2] ** power)


@claim(
    id="dynamical.mmd_characteristic.no_antipodes",
    title="The NTK tells laws apart on inputs away from each other's antipodes",
    source="from Oymak and Soltanolkotabi (2020), arXiv:1902.04674",
    amends="dynamical.mmd_characteristic",
    x=D.unit_vectors("n", "d"),
    p=D.simplex("n"),
    q=D.simplex("n"),
    dims={"n": (2, 3), "d": (1, 2)},
    assumes=[separated],
    uses=["common.separated_inputs"],
    mutants={
        "constant 0.65 for 1/100 (two close points give 2 / pi)": dict(factor=0.65),
        "n to the power 1": dict(power=1, factor=0.35),
    },
)
def characteristic_no_antipodes(x: Tensor, p: Tensor, q: Tensor, *, factor: float = 0.01, power: int = 2) -> Relation:
    r"""For n unit vectors with $\min(|x_i-x_j|,|x_i+x_j|)\ge\delta > 0$ for all pairs:
    $\mathrm{MMD}^2(p,q) \ge \frac{\delta}{100n^2}\sum_x(p(x)-q(x))^2$.

    Repairs: antipodes are kept apart as well.

    Proof: $\mathrm{MMD}^2 = (p-q)^\top\Theta(p-q)\ge\lambda_{\min}|p-q|^2$, and common.separated_inputs.
    """
    return _characteristic(x, p, q, factor * separation(x, antipodes=True) / x.shape[-2] ** power)


@claim(
    id="dynamical.mmd_characteristic.unnormalised",
    title="The NTK tells any two laws on distinct inputs apart",
    source=f'{APPENDIX}: "with the characteristic kernel"',
    reading="inputs of any length, no two equal, no bias",
    expect="refuted",
    x=D.points("n", "d"),
    p=D.simplex("n"),
    q=D.simplex("n"),
    dims={"n": (2, 3), "d": (1, 2)},
    assumes=[distinct],
    mutants={"ten times the bound": dict(factor=0.01), "n for n^2": dict(power=1)},
)
def characteristic_unnormalised(x: Tensor, p: Tensor, q: Tensor, *, factor: float = 0.001, power: int = 2) -> Relation:
    r"""For n points no two of which are nearer than $\delta > 0$:
    $\mathrm{MMD}^2(p,q) \ge \frac{\delta^2}{1000n^2}\sum_x(p(x)-q(x))^2$.

    Counterexample: 0, x and 2x, with p all on x and q half on 0 and half on 2x: $\mathrm{MMD} = 0$.

    Notes: a relu network without bias is homogeneous, $f(cx) = cf(x)$ for $c > 0$, at every depth; so is every function in the
    space of its kernel, and p and q have the same integral of all of them.
    """
    return _characteristic(x, p, q, factor * separation(x, antipodes=False) ** 2 / x.shape[-2] ** power)
