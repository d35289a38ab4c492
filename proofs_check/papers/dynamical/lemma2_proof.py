r"""The proof of Lemma 2 (appendix B.2), step by step: how far the weights travel, and how rich the class they reach is."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from altheory import generalisation
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings import SOURCE, SPECTRA
from proofs_check.papers.dynamical.lemma2 import UNIT_KERNEL
from proofs_check.relations import Relation

PROOF = f"{SOURCE}, appendix B.2, proof of Lemma 2"
STEPS = 5
TRAVELLED = ["|W_inf - W_0|^2", "Tr[Y' Theta^-1 Y]"]
RADIUS = D.interval(0, 4)


#: J = [square, extra] has independent rows; up to a rotation of the weights every such J is of this form
SQUARE, EXTRA = D.psd("n", cond=64), D.real("n", "p")
SIZES = {"n": (1, 3), "p": (1, 2), "k": (1, 2)}


def _jacobian(square: Tensor, extra: Tensor) -> Tensor:
    """[square, extra], with extra brought to the scale of square."""
    scale = torch.diagonal(square, 0, -2, -1).sum(-1) / (1 + (extra * extra).sum((-2, -1)))
    return torch.cat([square, scale[:, None, None] * extra], -1)


def _converged(jacobian: Tensor, start: Tensor, Y: Tensor) -> Tensor:
    """The way from the start to the limit of gradient descent."""
    return jacobian.mT @ torch.linalg.solve(jacobian @ jacobian.mT, Y - jacobian @ start)


def _square(W: Tensor) -> Tensor:
    return (W * W).sum((-2, -1))


@claim(
    id="dynamical.lemma2.distance",
    title="Lemma 2, how far the weights travel, from f = 0",
    source=PROOF,
    reading="f = 0 at the start",
    square=SQUARE,
    extra=EXTRA,
    Y=D.real("n", "k"),
    s=D.interval(0, 2),
    t=D.integer(0, STEPS),
    dims=SIZES,
    uses=["common.linear_training"],
    mutants={"one percent less": dict(share=0.99), "one step fewer": dict(late=1)},
)
def distance(square: Tensor, extra: Tensor, Y: Tensor, s: Tensor, t: Tensor, *, share: float = 1.0, late: int = 0) -> Relation:
    r"""Gradient descent on $f = JW$ from $W_0 = 0$ with the squared loss has after t steps
    $|W_t-W_0|_F^2 = \mathrm{Tr}[f_t^\top\Theta^{-1}f_t]$ with $\Theta = JJ^\top$, and in the limit $f = Y$:
    $|W_\infty-W_0|_F^2 = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$, exactly.

    Proof: $W_t$ stays in the row space of J, where $|W|^2 = \mathrm{Tr}[(JW)^\top\Theta^{-1}JW]$.
    """
    jacobian = _jacobian(square, extra)
    theta = jacobian @ jacobian.mT
    eta = (s / torch.linalg.eigvalsh(theta)[..., -1])[:, None, None]
    W = torch.zeros_like(jacobian.mT @ Y)
    counted = W
    for step in range(STEPS):
        W = torch.where((step < t)[:, None, None], W - eta * (jacobian.mT @ (jacobian @ W - Y)), W)
        counted = torch.where((step < t - late)[:, None, None], W, counted)
    limit = _square(_converged(jacobian, torch.zeros_like(W), Y))
    norm = generalisation.squared_norm
    return all_of(
        eq(_square(W), norm(theta, jacobian @ counted), names=["|W_t - W_0|^2", "Tr[f_t' Theta^-1 f_t]"]),
        eq(limit, share * norm(theta, Y), names=TRAVELLED),
    )


@claim(
    id="dynamical.lemma2.distance_from_any_start",
    title="Lemma 2, how far the weights travel, as printed",
    source=PROOF,
    reading="from any start: f_0 need not be 0",
    expect="refuted",
    square=SQUARE,
    extra=EXTRA,
    start=D.real("n", "k"),
    further=D.real("p", "k"),
    Y=D.real("n", "k"),
    dims=SIZES,
    mutants={"one percent less": dict(share=0.99), "one percent more": dict(share=1.01)},
)
def distance_from_any_start(
    square: Tensor, extra: Tensor, start: Tensor, further: Tensor, Y: Tensor, *, share: float = 1.0
) -> Relation:
    r"""Gradient descent on $f = JW$ from any $W_0$ travels $|W_\infty-W_0|_F^2 = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$.

    In the paper: $W(\infty)-W(0) = \sum_t\eta Z(I-\eta\Theta)^tY = Z\Theta^{-1}Y$.

    Counterexample: $J = 1$, $W_0 = 1$, $Y = 1$: the model fits already and travels 0, not 1.

    Notes: every round of active learning but the first starts from trained weights. With the residual it is an identity:
    dynamical.lemma2.distance_residual.
    """
    jacobian, W = _jacobian(square, extra), torch.cat([start, further], -2)
    travelled = _square(_converged(jacobian, W, Y))
    return eq(travelled, share * generalisation.squared_norm(jacobian @ jacobian.mT, Y), names=TRAVELLED)


@claim(
    id="dynamical.lemma2.distance_residual",
    title="Lemma 2, how far the weights travel, from any start",
    source=PROOF,
    amends="dynamical.lemma2.distance_from_any_start",
    square=SQUARE,
    extra=EXTRA,
    start=D.real("n", "k"),
    further=D.real("p", "k"),
    Y=D.real("n", "k"),
    dims=SIZES,
    uses=["dynamical.lemma2.distance"],
    mutants={"one percent less": dict(share=0.99), "Y for the residual": dict(rest=0.0)},
)
def distance_residual(
    square: Tensor, extra: Tensor, start: Tensor, further: Tensor, Y: Tensor, *, share: float = 1.0, rest: float = 1.0
) -> Relation:
    r"""Gradient descent on $f = JW$ from any $W_0$, $f_0 = JW_0$, travels
    $|W_\infty-W_0|_F^2 = \mathrm{Tr}[(Y-f_0)^\top\Theta^{-1}(Y-f_0)]$, and no weights that fit Y are nearer.

    Repairs: $Y - f_0$ for Y.
    """
    jacobian, W = _jacobian(square, extra), torch.cat([start, further], -2)
    theta, move = jacobian @ jacobian.mT, _converged(jacobian, W, Y)
    travelled, aim = _square(move), Y - rest * (jacobian @ W)
    # other weights that fit: add what J does not see
    unseen = W - jacobian.mT @ torch.linalg.solve(theta, jacobian @ W)
    return all_of(
        eq(travelled, share * generalisation.squared_norm(theta, aim), names=[TRAVELLED[0], "Tr[(Y-f_0)' Theta^-1 (Y-f_0)]"]),
        leq(travelled, _square(move + unseen), names=[TRAVELLED[0], "|W - W_0|^2 of other weights that fit"]),
    )


@claim(
    id="dynamical.lemma2.class_as_printed",
    title="Lemma 2, the class of the trained network, as printed in our copy",
    source=PROOF,
    reading="|W(inf) - W(0)|_F^2 <= B with B = sqrt(Tr[Y' Theta^-1 Y]); the square may be damage of our copy",
    expect="refuted",
    theta=D.psd("n", cond=1e4),
    Y=D.real("n", "k"),
    dims={"n": (1, 4), "k": (1, 2)},
    on=SPECTRA,
    mutants={"one percent smaller": dict(share=0.99), "half as large": dict(share=0.5)},
)
def class_as_printed(theta: Tensor, Y: Tensor, *, share: float = 1.0) -> Relation:
    r"""The trained network lies in $\{W : |W-W_0|_F^2 \le B\}$ with $B = \sqrt{\mathrm{Tr}[Y^\top\Theta^{-1}Y]}$, where
    $|W_\infty-W_0|_F^2 = \mathrm{Tr}[Y^\top\Theta^{-1}Y]$: that is, $I \le \sqrt{I}$.

    Counterexample: n = 1, $\Theta = 1$, y = 2: $I = 4$, $\sqrt{I} = 2$.

    Notes: without the square, $|W-W_0|_F \le B$, it is an equality (dynamical.lemma2.distance), and the rest of the proof uses
    that.
    """
    I = generalisation.squared_norm(theta, Y)
    return leq(I, share * torch.sqrt(I), names=["|W_inf - W_0|^2", "B"])


@claim(
    id="dynamical.lemma2.rademacher",
    title="Lemma 2, the Rademacher complexity of a kernel ball",
    source=f"{PROOF}; Bartlett and Mendelson (2002); Latala and Oleszkiewicz (1994) for the lower bound",
    theta=D.psd("n"),
    radius=RADIUS,
    dims={"n": (1, 5)},
    on=SPECTRA,
    mutants={"one percent more below": dict(below=1.01), "one percent less above": dict(above=0.99)},
)
def rademacher(theta: Tensor, radius: Tensor, *, below: float = 1.0, above: float = 1.0) -> Relation:
    r"""The functions of norm at most B in the space of $\Theta$ have empirical Rademacher complexity
    $R = \frac Bn\,E_\varepsilon\sqrt{\varepsilon^\top\Theta\varepsilon}$, and
    $\frac{1}{\sqrt{2}}\,\frac Bn\sqrt{\mathrm{tr}\,\Theta} \le R \le \frac Bn\sqrt{\mathrm{tr}\,\Theta}$.

    In the paper: $B/\sqrt{2n}$ and terms that vanish with the width.

    Tight at: orthogonal inputs (right); two equal inputs (left).

    Notes: the mean over all $2^n$ signs is exact.
    """
    bound = generalisation.rademacher_bound(theta, radius)
    root = torch.sqrt(2 * torch.ones_like(radius))
    names = ["B sqrt(tr) / sqrt(2) n", "R", "B sqrt(tr) / n"]
    return chain(below * bound / root, generalisation.rademacher_complexity(theta, radius), above * bound, names=names)


def _printed(theta: Tensor, radius: Tensor, share: float, outputs: int = 1) -> Relation:
    n = theta.shape[-1]
    complexity = generalisation.rademacher_complexity(theta, radius, outputs=outputs)
    return leq(complexity, share * radius / torch.sqrt(2 * n * torch.ones_like(radius)), names=["R", "B / sqrt(2 n)"])


@claim(
    id="dynamical.lemma2.rademacher_printed",
    title="Lemma 2, the Rademacher step as printed",
    source=PROOF,
    reading="kernel 1/2 on the diagonal (unit inputs, first layer trained), one output, leading term in the width",
    theta=UNIT_KERNEL,
    radius=RADIUS,
    dims={"n": (1, 5), "d": (1, 5)},
    on="NTK of unit vectors, first layer trained",
    uses=["dynamical.lemma2.rademacher"],
    mutants={
        "one percent less": dict(share=0.99),
        "both layers trained": dict(theta=D.kernel_of(points=D.unit_vectors("n", "d"), train_output=True)),
    },
)
def rademacher_printed(theta: Tensor, radius: Tensor, *, share: float = 1.0) -> Relation:
    r"""For unit inputs, $\Theta(x,x) = \frac12$ and one output, a ball of radius B has empirical Rademacher complexity at most
    $B/\sqrt{2n}$.

    Tight at: orthogonal inputs.
    """
    return _printed(theta, radius, share)


@claim(
    id="dynamical.lemma2.rademacher_any_kernel",
    title="Lemma 2, the Rademacher step for any kernel",
    source=PROOF,
    reading="for the kernel of any (deep) network: Theta(x, x) is not fixed at 1/2",
    expect="refuted",
    theta=D.psd("n"),
    radius=RADIUS,
    dims={"n": (1, 5)},
    on=SPECTRA,
    mutants={"one percent less": dict(share=0.99), "half": dict(share=0.5)},
)
def rademacher_any_kernel(theta: Tensor, radius: Tensor, *, share: float = 1.0) -> Relation:
    r"""For every kernel a ball of radius B has empirical Rademacher complexity at most $B/\sqrt{2n}$.

    Counterexample: n = 1, $\Theta = 1$, B = 1: the complexity is 1, not $1/\sqrt{2}$.

    Notes: $\frac Bn\sqrt{\mathrm{tr}\,\Theta}$ is right for every kernel: dynamical.lemma2.rademacher.
    """
    return _printed(theta, radius, share)


@claim(
    id="dynamical.lemma2.rademacher_two_outputs",
    title="Lemma 2, the Rademacher step with two outputs, as printed",
    source=PROOF,
    reading="the vector Rademacher number of K = 2 outputs, kernel 1/2 on the diagonal",
    expect="refuted",
    theta=UNIT_KERNEL,
    radius=RADIUS,
    dims={"n": (1, 3), "d": (1, 3)},
    on="NTK of unit vectors, first layer trained",
    mutants={"one percent less": dict(share=0.99), "half": dict(share=0.5)},
)
def rademacher_two_outputs(theta: Tensor, radius: Tensor, *, share: float = 1.0) -> Relation:
    r"""With two outputs and $\sum_k|f_k|^2 \le B^2$ the vector Rademacher number
    $\frac1nE\sup\sum_{ik}\varepsilon_{ik}f_k(x_i)$ is at most $B/\sqrt{2n}$.

    Counterexample: n = 1, B = 1: it is 1, not $1/\sqrt{2}$: $\sqrt{K}$ times as large.

    Notes: this does not refute Lemma 2 for K outputs: the contraction from vectors to losses need not be lossless. For
    orthogonal inputs the losses themselves cost no $\sqrt{K}$ (dynamical.lemma2.losses_of_many_outputs).
    """
    return _printed(theta, radius, share, outputs=2)


@claim(
    id="dynamical.lemma2.rademacher_outputs",
    title="Lemma 2, the Rademacher step with several outputs",
    source=f"{PROOF}; own derivation",
    amends="dynamical.lemma2.rademacher_two_outputs",
    theta=D.psd("n"),
    radius=RADIUS,
    dims={"n": (1, 3)},
    on=SPECTRA,
    mutants={"one percent less": dict(share=0.99), "K = 1.9 for 2": dict(share=0.95**0.5)},
)
def rademacher_outputs(theta: Tensor, radius: Tensor, *, share: float = 1.0) -> Relation:
    r"""With K outputs (here 2) and $\sum_k|f_k|^2 \le B^2$ the vector Rademacher number is at most
    $\frac Bn\sqrt{K\,\mathrm{tr}\,\Theta}$.

    Notes: with the vector contraction (Maurer 2016) the dominant term for K outputs becomes
    $\frac2n\sqrt{2K\,\mathrm{tr}(\Theta)\,I}$; at K = 1 that is $\sqrt{2}$ larger than the form for one output, and it is not
    known to be sharp for any K.

    Tight at: orthogonal inputs.
    """
    bound = generalisation.rademacher_bound(theta, radius, outputs=2)
    complexity = generalisation.rademacher_complexity(theta, radius, outputs=2)
    return leq(complexity, share * bound, names=["R", "B sqrt(K tr) / n"])


@claim(
    id="dynamical.lemma2.losses_of_many_outputs",
    title="Lemma 2 with many outputs: orthogonal inputs cost no root of K",
    source=f"about {PROOF}; own derivation",
    W=D.real("n", "k"),
    dims={"n": (1, 6), "k": (1, 6)},
    mutants={"one percent less": dict(share=0.99), "n to the power 0.45": dict(power=0.45)},
)
def losses_of_many_outputs(W: Tensor, *, share: float = 1.0, power: float = 0.5) -> Relation:
    r"""For orthonormal features output k at input i is $W_{ik}$. The losses $|w_i|$ (Euclidean, 1-Lipschitz) of any W
    with $|W|_F = B$ sum to at most $B\sqrt{n}$, for every number K of outputs.

    Tight at: rows of equal length.
    """
    squares = (W * W).sum(-1)
    return leq(
        torch.sqrt(squares).sum(-1),
        share * W.shape[-2] ** power * torch.sqrt(squares.sum(-1)),
        names=["sum |w_i|", "B sqrt(n)"],
    )


@claim(
    id="dynamical.lemma2.symmetrisation",
    title="Lemma 2, from Rademacher complexity to the gap between risk and training error",
    source=f"{PROOF}; Mohri et al., Foundations of Machine Learning, theorem 3.3, for a kernel ball, by enumeration",
    theta=D.psd(3),
    p=D.simplex(3),
    on=SPECTRA,
    uses=["dynamical.lemma2.rademacher"],
    mutants={"1.8 for 2": dict(factor=1.8), "1.5 for 2": dict(factor=1.5)},
)
def symmetrisation(theta: Tensor, p: Tensor, *, factor: float = 2.0) -> Relation:
    r"""Let S be two independent draws from a distribution p on three inputs. Over the functions of norm at most 1,
    $E_S\sup_f\left(E_pf - \frac12\sum_{x\in S}f(x)\right) \le 2\,E_SR_S$, with $R_S$ the empirical Rademacher complexity.

    Notes: every expectation is a finite sum here. The left side is $E_S|\mu_p-\mu_S|$, the distance of the mean embeddings.

    Tight at: the limit of a rare input: p = (1 - q, q, 0) with $\Theta_{11} = 0$ and q to 0.
    """
    gap, complexity = torch.zeros_like(p[..., 0]), torch.zeros_like(p[..., 0])
    unit = torch.eye(3, dtype=torch.float64, device=p.device)

    def norm(c: Tensor) -> Tensor:
        return torch.sqrt((c * (theta @ c[..., None])[..., 0]).sum(-1).clamp(min=0))

    for i, j in itertools.product(range(3), repeat=2):
        mass = p[..., i] * p[..., j]
        same, apart = unit[i] + unit[j], unit[i] - unit[j]
        gap = gap + mass * norm(p - same / 2)
        complexity = complexity + mass * (norm(same + 0 * p) + norm(apart + 0 * p)) / 4
    return leq(gap, factor * complexity, names=["E sup (E_p f - E_S f)", "2 E R_S"])
