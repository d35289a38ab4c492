r"""Eq. (7), the entropy as a loss: its slope, where its gradient norm vanishes and peaks, whether it is convex and smooth."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradnorm
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_logits import SOURCE, gradient, length, logits
from proofs_check.relations import Relation

EQ7 = f"{SOURCE}, section 'Computing Gradient Norm', eq. (7)"
REQUIREMENTS = (
    f"{SOURCE}, 'Discussion of Approximations': they 'satisfy the requirements for the loss function employed in the "
)
REQUIREMENTS += "influence function (Koh and Liang 2017)' and for appendix A.1 (locally convex and smooth)"

#: the largest |dH/dz| for N = 2, ..., 10, rounded up
PEAKS = (0.3167, 0.4125, 0.4766, 0.5254, 0.5652, 0.5989, 0.6281, 0.6540, 0.6772)
#: where z tanh(z/2) = 1, rounded up
TURN = 1.543404638418209


@claim(
    id="gradnorm.eq7.slope",
    title="The entropy's slope in the logits",
    source=EQ7,
    z=logits("N"),
    u=D.real("N"),
    dims={"N": (1, 6)},
    mutants={"one percent more": dict(share=1.01), "without the entropy": dict(centred=0.0)},
)
def slope(z: Tensor, u: Tensor, *, share: float = 1.0, centred: float = 1.0) -> Relation:
    r"""$\frac{\partial H}{\partial z_k} = -p_k(\log p_k+H) = -p_k(z_k-\bar z)$ with $\bar z = \sum_jp_jz_j$: for every
    direction u the two inner products with u are equal.

    Notes: the last form has no logarithm and no cancellation; `altheory.gradnorm` uses it.
    """
    p, logs = gradnorm.posterior(z), gradnorm.log_posterior(z)
    printed = -p * (logs + centred * gradnorm.entropy(z)[..., None])
    return eq(share * (u * printed).sum(-1), (u * gradnorm.entropy_slope(z)).sum(-1), names=["-p (log p + H)", "-p (z - mean)"])


@claim(
    id="gradnorm.eq7.uniform",
    title="The most uncertain sample has the least score",
    source=f"own derivation, on {EQ7}",
    J=D.real("N", "p"),
    z=logits("N"),
    level=D.interval(-40, 40),
    dims={"N": (2, 3), "p": (1, 2)},
    mutants={"one logit 0.01 higher": dict(bump=0.01), "one logit 0.1 lower": dict(bump=-0.1)},
)
def uniform(J: Tensor, z: Tensor, level: Tensor, *, bump: float = 0.0) -> Relation:
    r"""Where all logits are equal, the entropy is the largest possible, $\log N$, and the entropy-gradnorm is 0, for every
    network: $H(z) \le H(c1)$ and $|\nabla_\theta H(c1)| \le |\nabla_\theta H(z)|$.

    Notes: entropy-gradnorm never asks for such a sample. It asks for samples that are fairly sure (gradnorm.eq7.peak).
    """
    first = (torch.arange(z.shape[-1]) == 0).to(torch.float64)
    even = level[:, None] + bump * first + 0 * z
    lengths = [length(gradient(J, gradnorm.entropy_slope(x))) for x in (even, z)]
    return all_of(
        leq(gradnorm.entropy(z), gradnorm.entropy(even), names=["H(z)", "H(c 1)"]),
        leq(*lengths, names=["|grad H(c 1)|", "|grad H(z)|"]),
    )


@claim(
    id="gradnorm.eq7.peak",
    title="Where the entropy's gradient is longest",
    source=f"own derivation, on {EQ7}",
    z=logits("N"),
    dims={"N": (2, 10)},
    mutants={"0.1 percent less": dict(share=0.999), "the peak of two classes for all": dict(binary=True)},
)
def peak(z: Tensor, *, share: float = 1.0, binary: bool = False) -> Relation:
    r"""$|\partial H/\partial z|$ is at most 0.3167, 0.4125, 0.4766, 0.5254, 0.5652, 0.5989, 0.6281, 0.6540, 0.6772 for
    N = 2, ..., 10 (rounded up).

    Tight at: one logit above the others, which are equal, by 1.543, 1.879, ..., 2.913: top probabilities .824, .766, .736,
    .716, .703, .692, .684, .677, .672.

    Notes: for two classes $|H'(z)| = |z|\,p(1-p)$ in the difference z of the logits, largest where $z\tanh(z/2) = 1$:
    z = 1.543404638, p = .823959115, 0.223871602. For N > 2 that the maximum has N - 1 equal logits is a finding of the search.
    """
    bound = PEAKS[0 if binary else z.shape[-1] - 2]
    return leq(length(gradnorm.entropy_slope(z)), share * bound + 0 * z[:, 0], names=["|dH/dz|", "its peak"])


@claim(
    id="gradnorm.eq7.convex",
    title="The entropy loss is convex",
    source=REQUIREMENTS,
    reading="convex in the logits, which for a linear model is convex in the parameters",
    expect="refuted",
    z=logits("N"),
    w=logits("N"),
    dims={"N": (2, 3)},
    mutants={"by a hundredth": dict(extra=0.01), "one percent more": dict(share=1.01)},
)
def convex(z: Tensor, w: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""$H(\frac{z+w}2) \le \frac{H(z)+H(w)}2$.

    Counterexample: N = 2, z = (1, -1), w = (-1, 1): at the middle $\log2 = .693$, at both ends .365.

    Notes: the second derivative is negative wherever the model is unsure (gradnorm.eq7.convex.uniform, .binary). "Local"
    convexity does not help: the entropy of a sample that the model is unsure of is strictly concave in all of a
    neighbourhood.
    """
    middle = gradnorm.entropy((z + w) / 2)
    ends = (gradnorm.entropy(z) + gradnorm.entropy(w)) / 2
    return leq(share * middle + extra, ends, names=["H in the middle", "mean of H at the ends"])


@claim(
    id="gradnorm.eq7.convex.uniform",
    title="At a uniform posterior the entropy is concave",
    source="own derivation",
    amends="gradnorm.eq7.convex",
    level=D.interval(-40, 40),
    u=D.real("N"),
    dims={"N": (2, 6)},
    mutants={"one percent more": dict(share=1.01), "constant shifts count": dict(centred=0.0)},
)
def convex_uniform(level: Tensor, u: Tensor, *, share: float = 1.0, centred: float = 1.0) -> Relation:
    r"""Where all logits are equal, $u^\top(\nabla_z^2H)\,u = -\frac1N\sum_k(u_k-\bar u)^2$ for every direction u, $\bar u$
    the mean.
    """
    hessian = gradnorm.entropy_hessian(level[:, None] + 0 * u)
    bent = ((hessian @ u[..., None])[..., 0] * u).sum(-1)
    gap = u - centred * u.mean(-1)[..., None]
    return eq(bent, -share * (gap * gap).sum(-1) / u.shape[-1], names=["u'(Hessian of H)u", "-|u - mean|^2 / N"])


@claim(
    id="gradnorm.eq7.convex.binary",
    title="Two classes: convex beyond the peak",
    source="own derivation",
    amends="gradnorm.eq7.convex",
    z=D.interval(TURN, 40),
    mutants={"from 1.54 on": dict(z=D.interval(1.54, 40)), "from 1 on": dict(z=D.interval(1, 40))},
)
def convex_binary(z: Tensor) -> Relation:
    r"""For N = 2, in the difference z of the logits, $H''(z) = -p(1-p)(1-z\tanh\frac z2) \ge 0$ for $|z| \ge 1.5434046384$.

    Tight at: $z\tanh(z/2) = 1$.
    """
    both = torch.stack([z, 0 * z], -1)
    return leq(0 * z, gradnorm.entropy_hessian(both)[:, 0, 0], names=["0", "H''(z)"])


@claim(
    id="gradnorm.eq7.smooth",
    title="The entropy loss is smooth",
    source=REQUIREMENTS,
    reading="a bounded second derivative in the logits",
    z=logits("N"),
    u=D.real("N"),
    dims={"N": (2, 6)},
    mutants={"0.99 of the first bound": dict(share=0.99), "without the one half": dict(half=0.0)},
)
def smooth(z: Tensor, u: Tensor, *, share: float = 1.0, half: float = 0.5) -> Relation:
    r"""$|u^\top(\nabla_z^2H)\,u| \;\le\; \left(\frac12+\sqrt V\right)|u|^2 \;\le\; \left(\frac32+\frac12\log N\right)|u|^2$,
    V the varentropy.

    Proof: $u^\top(\nabla^2H)u = -E_p[(1+c)(u-\bar u)^2]$ with $c = \log p+H$, $\bar u = E_pu$. The variance of u is at most
    $|u|^2/2$, $(u-\bar u)^2 \le 2|u|^2$ and $E_p\max(\pm c,0) = \frac12E_p|c| \le \frac12\sqrt V$. The second step is
    $V \le 1+\frac14\log^2(N-1)$ (Reeb and Wolf 2015).

    Tight at: the uniform posterior of two classes (first step).
    """
    hessian = gradnorm.entropy_hessian(z)
    bent = torch.abs(((hessian @ u[..., None])[..., 0] * u).sum(-1))
    size = (u * u).sum(-1)
    largest = 1.5 + 0.5 * torch.log(torch.tensor(float(z.shape[-1]), dtype=torch.float64))
    return chain(
        bent,
        share * (half + torch.sqrt(gradnorm.varentropy(z))) * size,
        largest * size,
        names=["|u'(Hessian of H)u|", "(1/2 + sqrt V)|u|^2", "(3/2 + log(N)/2)|u|^2"],
    )


@claim(
    id="gradnorm.eq7.stationary",
    title="The trained model is stationary for the entropy loss",
    source=REQUIREMENTS,
    reading="the influence function's requirement that the parameters minimise the loss whose influence is taken",
    expect="refuted",
    ones=D.integer(1, 20),
    others=D.integer(1, 20),
    mutants={"the slope is one hundredth": dict(wanted=0.01), "the slope is one tenth": dict(wanted=0.1)},
)
def stationary(ones: Tensor, others: Tensor, *, wanted: float = 0.0) -> Relation:
    r"""Train logistic regression without features, $p = 1/(1+e^{-\theta})$, on a samples of class 1 and b of class 2, by
    cross-entropy: $\theta = \log(a/b)$. Then the entropy loss has derivative 0 there.

    Counterexample: a = 1, b = 2: $\theta = -\log2$, the slope is $-\theta\,p(1-p) = \frac29\log2$.

    Notes: removing a sample moves the minimiser of the cross-entropy by its cross-entropy gradient; the entropy's gradient has
    no part in it. At a = b it is 0, and there the entropy is at its maximum.
    """
    theta = torch.log(ones.to(torch.float64)) - torch.log(others.to(torch.float64))
    both = torch.stack([theta, 0 * theta], -1)
    return eq(gradnorm.entropy_slope(both)[:, 0], wanted + 0 * theta, names=["slope of the entropy", "0"])
