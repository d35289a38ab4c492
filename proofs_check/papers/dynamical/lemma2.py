r"""Lemma 2 (eq. 18 and 29; theorem 5.1 of Arora et al. 2019): the generalisation bound, its readings, its units.

Arora et al. ask for a loss that vanishes at a perfect prediction, one output and the kernel of one network, for which
$\Theta(x,x) = \frac12$. The steps of the proof are in ``lemma2_proof.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import generalisation
from proofs_check import all_of, claim, eq, event, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import SOURCE, SPECTRA, labels_not_zero, positive_definite
from proofs_check.relations import Event, Relation

STATEMENT = f"{SOURCE}, section 4.1, Lemma 2, eq. (18), (29); Arora et al. (2019), arXiv:1901.08584, theorem 5.1"
TRAINING, TEST, INPUTS = 64, 32, 32
#: the constant that the O(.) of the lemma hides, and the probability of failure
HIDDEN, DELTA = D.interval(1, 16), D.interval(1 / 64, 1 / 2)
UNIT_KERNEL = D.kernel_of(points=D.unit_vectors("n", "d"))


@claim(
    id="dynamical.lemma2",
    title="Lemma 2 as Arora et al. prove it, every constant written out",
    source=STATEMENT,
    reading="a loss with l(y, y) = 0, one output, kernel 1/2 on the diagonal, f = 0 at the start, infinite width",
    seed=D.seed(),
    uses=["dynamical.lemma2.distance", "dynamical.lemma2.rademacher", "dynamical.lemma2.symmetrisation"],
    mutants={"a loss that is 1 everywhere": dict(floor=1.0), "a hundredth of the bound": dict(share=0.01)},
)
def lemma2(seed: Tensor, *, share: float = 1.0, floor: float = 0.0, delta: float = 0.05) -> Event:
    r"""For n independent draws, a loss in [0, 1] that is 1-Lipschitz in the prediction with l(y, y) = 0, and f the kernel
    interpolant, with probability at least $1-\delta$ (here 0.95):
    $L_p \le \frac{2k}{\sqrt{n}} + 3\sqrt{\frac{\log(2k(k+1)/\delta)}{2n}}$, where k is the least integer $\ge 1$ with
    $\mathrm{tr}(\Theta)\,I/n \le k^2$. For $\Theta(x,x) = \frac12$ the first term is
    $B = \sqrt{2I/n}$ up to rounding k up.

    In the paper: $L_p \le \sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n} + O(\sqrt{\log(n/(\lambda_0\delta))/n})$.

    Proof: `altheory.generalisation.risk_bound`: the three claims this one uses, and Mohri et al., theorem 3.3.

    Notes: n = 64 points of the sphere in $R^{32}$, labels $u\cdot x/2$ with a random unit vector u, loss $\min(|f-y|, 1)$, the
    risk from 32 further points. True and loose by a factor of about ten or more; a bound of 1 or more says nothing.
    """
    drawn = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(int(s))
        drawn.append(torch.randn(TRAINING + TEST + 1, INPUTS, generator=generator, dtype=torch.float64))
    x = torch.stack(drawn)
    x = x / x.norm(dim=-1, keepdim=True)
    x, u = x[:, :-1], x[:, -1:].mT
    y = x @ u / 2
    first, labels = x[:, :TRAINING], y[:, :TRAINING]
    theta = al.kernels.analytic(first)
    f = al.kernels.analytic(x[:, TRAINING:], first) @ torch.linalg.solve(theta, labels)
    loss = (f - y[:, TRAINING:]).abs().clamp(floor, 1).mean((1, 2))
    I = generalisation.squared_norm(theta, labels)
    bound = generalisation.risk_bound(generalisation.trace(theta), I, TRAINING, delta)
    return event(loss <= share * bound, delta=delta)


@claim(
    id="dynamical.lemma2.any_loss",
    title="Lemma 2 for any Lipschitz loss",
    source=STATEMENT,
    reading="as printed: any 1-Lipschitz loss into [0, 1], also one that does not vanish at a perfect prediction",
    expect="refuted",
    level=D.interval(0, 1),
    label=D.interval(0, 1),
    n=D.integer(1, 1_000_000),
    delta=DELTA,
    hidden=HIDDEN,
    mutants={"half the dominant term": dict(share=0.5), "half the other term": dict(rest=0.5)},
)
def any_loss(
    level: Tensor, label: Tensor, n: Tensor, delta: Tensor, hidden: Tensor, *, share: float = 1.0, rest: float = 1.0
) -> Relation:
    r"""Let the loss be constant, $l = \ell \in [0, 1]$ (it is 1-Lipschitz), all labels equal to b and the n inputs
    orthogonal, so that $\Theta = \frac12 I_n$. Then $L_p = \ell \le \sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n} +
    c\sqrt{\log(n/(\lambda_0\delta))/n}$, whatever constant c (here up to 16) the O(.) hides.

    Counterexample: $\ell = 1$, $b = 0$: $L_p = 1$, while the right side tends to 0 as n grows; with $c = 1$ and $\delta =
    1/2$ it is below 1 from n = 3 on.

    Notes: the step that fails is $L_S(f) \le 1/\sqrt{n}$, which uses that the loss vanishes at $f = y$. Arora et al. state
    that; the paper leaves it out.
    """
    half = torch.ones_like(label) / 2
    I = n * label**2 / half
    first = generalisation.dominant_term(I, n)
    return leq(level, share * first + rest * generalisation.confidence_term(n, half, delta, hidden), names=["L_p", "bound"])


@claim(
    id="dynamical.lemma2.any_kernel",
    title="Lemma 2 for a kernel in other units",
    source=STATEMENT,
    reading="for the kernel of any (deep) network: Theta(x, x) is not fixed, as Arora et al. have it, at 1/2",
    expect="refuted",
    unit=D.interval(0.5, 10_000),
    n=D.integer(1, 1_000_000),
    delta=DELTA,
    hidden=HIDDEN,
    mutants={"half the dominant term": dict(share=0.5), "half the other term": dict(rest=0.5)},
)
def any_kernel(unit: Tensor, n: Tensor, delta: Tensor, hidden: Tensor, *, share: float = 1.0, rest: float = 1.0) -> Relation:
    r"""Let p be uniform on $n^3$ inputs with kernel $\Theta = u\,I$ (orthogonal features), all labels 1, loss
    $\min(|f-y|, 1)$. Then the model trained on n draws has
    $L_p \le \sqrt{2\,\mathrm{Tr}[Y^\top\Theta^{-1}Y]/n} + c\sqrt{\log(n/(\lambda_0\delta))/n}$, with $\lambda_0 = u$.

    Counterexample: the model is 0 away from the sample whatever u is, $L_p \ge 1 - n/n^3$, but
    $B = \sqrt{2/u}$: B = 2, 1, 0.1 for u = 1/2, 2, 200.

    Notes: $n^3$ inputs, so that n draws are all different with probability at least $1 - 1/(2n)$. At $u = \frac12$ the bound
    holds, being 2. The predictor does not know the unit of the kernel, and a bound must not either:
    dynamical.lemma2.units.
    """
    count = n.to(unit.dtype)
    risk = 1 - 1 / (count * count)
    first = generalisation.dominant_term(n / unit, n)
    return leq(risk, share * first + rest * generalisation.confidence_term(n, unit, delta, hidden), names=["L_p", "bound"])


@claim(
    id="dynamical.lemma2.units",
    title="Lemma 2: the form that does not depend on the unit of the kernel",
    source="replaces the dominant term of dynamicAL, Lemma 2, for any kernel; own derivation",
    amends="dynamical.lemma2.any_kernel",
    theta=D.psd("n", cond=1e4),
    Y=D.real("n", "k"),
    unit=D.interval(1 / 16, 16),
    dims={"n": (2, 8), "k": (1, 3)},
    on=SPECTRA,
    assumes=[labels_not_zero],
    mutants={"the printed form instead": dict(free=0.0), "the unit 1.01 times larger": dict(off=1.01)},
)
def units(theta: Tensor, Y: Tensor, unit: Tensor, *, free: float = 1.0, off: float = 1.0) -> Relation:
    r"""With $u\Theta$ for $\Theta$, $u > 0$: the prediction $\Theta_{*S}\Theta_{SS}^{-1}Y$ at a further point stays,
    $B = \sqrt{2I/n}$ becomes $B/\sqrt{u}$, and $\frac2n\sqrt{\mathrm{tr}(\Theta)\,I}$ stays.

    Notes: the "2" under the root of B is $4\,\mathrm{tr}(\Theta)/n$ with $\Theta(x,x) = \frac12$
    (dynamical.lemma2.half).
    """
    scaled = unit[:, None, None] * theta

    def prediction(kernel: Tensor) -> Tensor:
        values = kernel[..., :1, 1:] @ torch.linalg.solve(kernel[..., 1:, 1:], Y[..., 1:, :])
        return (values * values).sum((-2, -1))

    bounds = [generalisation.scale_free_bound(k, Y) if free else generalisation.paper_bound(k, Y) for k in (scaled, theta)]
    return all_of(
        eq(prediction(scaled), prediction(theta), names=["|prediction|^2 of u Theta", "|prediction|^2 of Theta"]),
        eq(
            torch.sqrt(off * unit) * generalisation.paper_bound(scaled, Y),
            generalisation.paper_bound(theta, Y),
            names=["sqrt(u) B of u Theta", "B of Theta"],
        ),
        eq(*bounds, names=["bound of u Theta", "bound of Theta"]),
    )


@claim(
    id="dynamical.lemma2.half",
    title="Lemma 2: where the factor 2 comes from",
    source=STATEMENT,
    theta=UNIT_KERNEL,
    Y=D.real("n", "k"),
    dims={"n": (1, 6), "d": (2, 6), "k": (1, 3)},
    on="NTK of unit vectors, first layer trained",
    assumes=[positive_definite, labels_not_zero],
    mutants={
        "both layers trained": dict(theta=D.kernel_of(points=D.unit_vectors("n", "d"), train_output=True)),
        "one percent more": dict(share=1.01),
    },
)
def half(theta: Tensor, Y: Tensor, *, share: float = 1.0) -> Relation:
    r"""For unit inputs and the relu network with its first layer trained, $\Theta(x,x) = \frac12$, and therefore
    $B = \sqrt{2I/n} = \frac2n\sqrt{\mathrm{tr}(\Theta)\,I}$.

    Notes: with both layers trained $\Theta(x,x) = 1$ and B is too small by $\sqrt{2}$.
    """
    return eq(
        share * generalisation.paper_bound(theta, Y),
        generalisation.scale_free_bound(theta, Y),
        names=["B", "2 sqrt(tr I) / n"],
    )


def _classes(Y: Tensor) -> Tensor:
    """How many classes have an example."""
    return (Y.sum(-2) > 0).sum(-1)


@claim(
    id="dynamical.lemma2.one_hot",
    title="Lemma 2: how small the bound can be for one-hot labels",
    source=f"about {SOURCE}, Lemma 2; own derivation",
    theta=UNIT_KERNEL,
    Y=D.labels("n", "k"),
    dims={"n": (1, 6), "d": (2, 6), "k": (1, 4)},
    on="NTK of unit vectors, first layer trained",
    assumes=[positive_definite],
    uses=["dynamical.theorem2"],
    mutants={"2.01 K for 2 K": dict(each=2.01), "the number of points for the classes": dict(points=True)},
)
def one_hot(theta: Tensor, Y: Tensor, *, each: float = 2.0, points: bool = False) -> Relation:
    r"""For unit inputs, $\Theta(x,x) = \frac12$ and one-hot labels of K classes, $I = \mathrm{Tr}[Y^\top\Theta^{-1}Y] \ge
    2K$, so that $B \ge 2\sqrt{K/n}$.

    Proof: class by class $I_k \ge n_k^2/\mathrm{Tr}[Y_k^\top\Theta Y_k]$ (Jensen), and $\Theta \le \frac12$ entrywise.

    Tight at: one point a class, orthogonal inputs.

    Notes: a loss in [0, 1] makes $B \ge 1$ empty: with 101 classes (Caltech101) and n = 404 points or fewer the bound says
    nothing, whatever the network.
    """
    count = torch.ones_like(theta[..., 0]).sum(-1) if points else _classes(Y)
    return leq(each * count, generalisation.squared_norm(theta, Y), names=["2 K", "I"])
