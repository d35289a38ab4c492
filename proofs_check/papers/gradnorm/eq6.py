r"""Eq. (6), expected-gradnorm: with the cross-entropy it is entropy-gradnorm, or nothing; and what it has to do with EGL."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradnorm
from proofs_check import chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_logits import SOURCE, gradient, length, logits, square
from proofs_check.relations import Relation

EQ6 = f"{SOURCE}, section 'Computing Gradient Norm', eq. (6) and (7)"
INDEPENDENT = f"{SOURCE}, introduction: 'we propose two independent schemes'"
SIZES = {"N": (1, 6), "p": (1, 3)}
SMALL = {"N": (2, 3), "p": (1, 3)}


@claim(
    id="gradnorm.eq6",
    title="The expected loss (6) is the entropy (7)",
    source=EQ6,
    reading="L_i is the cross-entropy, as in the paper's experiments and code",
    z=logits("N"),
    dims={"N": (1, 10)},
    mutants={"one percent more": dict(share=1.01), "posterior at temperature 1.01": dict(temperature=1.01)},
)
def eq6(z: Tensor, *, share: float = 1.0, temperature: float = 1.0) -> Relation:
    r"""For all logits z, with $P = \mathrm{softmax}(z)$ and $L_i = \log\sum_je^{z_j}-z_i$:
    $L_{exp} = \sum_iP_iL_i = -\sum_iP_i\log P_i = L_{ent}$.

    Proof: $L_i = -\log P_i$.

    Notes: so the two columns "exp-gn" and "ent-gn" of every table are one method, run twice. In table 6 they are 94.1 and
    93.16: if both were run with the published code, 0.9 is the size of its noise.
    """
    others = 1 - torch.eye(z.shape[-1], dtype=torch.float64)
    losses = torch.log1p((torch.exp(z[..., None, :] - z[..., :, None]) * others).sum(-1))  # log of the sum of e^(z_j - z_i)
    expected = (torch.softmax(z / temperature, -1) * losses).sum(-1)
    return eq(share * expected, gradnorm.entropy(z), names=["L_exp", "L_ent"])


@claim(
    id="gradnorm.eq6.independent",
    title="Expected- and entropy-gradnorm are two schemes",
    source=INDEPENDENT,
    reading="independent: another function of the sample, its gradients differ by a share of their length, here a millionth; "
    "P is differentiated, as in the paper's code",
    expect="refuted",
    J=D.real("N", "p"),
    z=logits("N"),
    dims=SMALL,
    mutants={"by one percent": dict(share=0.01), "by a tenth": dict(share=0.1)},
)
def independent(J: Tensor, z: Tensor, *, share: float = 1e-6) -> Relation:
    r"""$|\nabla_\theta L_{exp}-\nabla_\theta L_{ent}| \ge 10^{-6}\,|\nabla_\theta L_{ent}|$, in the sum of the entries' sizes.

    In the paper: "we propose two independent schemes".

    Counterexample: every sample with a non-zero entropy gradient, such as N = 2, p = 1, z = (1, 0), J = (1, 0).

    Notes: with a detached posterior the first scheme is none at all (gradnorm.eq6.independent.detached). If "independent" means
    no more than "alternative", nothing is claimed.
    """
    g = gradient(J, gradnorm.entropy_slope(z))
    other = gradient(J, gradnorm.expected_slope(z))
    size = torch.abs(g).sum(-1)
    names = ["(1 + 10^-6)|grad L_ent|", "|grad L_ent| + |grad L_exp - grad L_ent|"]
    return leq((1 + share) * size, size + torch.abs(other - g).sum(-1), names=names)


@claim(
    id="gradnorm.eq6.gradient",
    title="Expected-gradnorm is entropy-gradnorm",
    source=EQ6,
    reading="the posterior is differentiated",
    amends="gradnorm.eq6.independent",
    z=logits("N"),
    u=D.real("N"),
    dims={"N": (1, 8)},
    uses=["gradnorm.eq6"],
    mutants={"one percent more": dict(share=1.01), "the posterior detached": dict(posterior="detached")},
)
def gradient_(z: Tensor, u: Tensor, *, share: float = 1.0, posterior: str = "differentiated") -> Relation:
    r"""For all logits z and all directions u (in the logits, so for every network):
    $\langle u,\nabla_zL_{exp}\rangle = \langle u,\nabla_zL_{ent}\rangle$, where
    $\nabla L_{exp} = \sum_iP_i\nabla L_i+\sum_iL_i\nabla P_i$.
    """
    one, other = gradnorm.expected_slope(z, posterior=posterior), gradnorm.entropy_slope(z)
    return eq(share * (u * one).sum(-1), (u * other).sum(-1), names=["<u, grad L_exp>", "<u, grad L_ent>"])


@claim(
    id="gradnorm.eq6.independent.detached",
    title="Expected-gradnorm is a score, the posterior detached",
    source=INDEPENDENT,
    reading="P is a constant weight, not differentiated; a score: at least a millionth of the smallest "
    "gradient norm over labels",
    expect="refuted",
    J=D.real("N", "p"),
    z=logits("N"),
    dims=SMALL,
    mutants={"one percent": dict(share=0.01), "a tenth": dict(share=0.1)},
)
def independent_detached(J: Tensor, z: Tensor, *, share: float = 1e-6) -> Relation:
    r"""With P detached, $|\nabla_\theta L_{exp}| \ge 10^{-6}\min_i|\nabla_\theta L_i|$, in the sum of the entries' sizes.

    Counterexample: every sample, such as N = 2, p = 1, z = (0, 0), J = (1, 0): $\frac12\cdot(-\frac12)+\frac12\cdot\frac12 =
    0$, while both label gradients have length 1/2.

    Notes: top-K of such a score is a choice by rounding.
    """
    labels = gradient(J[..., None, :, :], gradnorm.class_slopes(z))
    g = gradient(J, gradnorm.expected_slope(z, posterior="detached"))
    least = torch.amin(torch.abs(labels).sum(-1), -1)
    names = ["(1 + 10^-6) min_i |grad L_i|", "min_i |grad L_i| + |grad L_exp|"]
    return leq((1 + share) * least, least + torch.abs(g).sum(-1), names=names)


@claim(
    id="gradnorm.eq6.detached",
    title="With a detached posterior the expected gradient is zero",
    source=EQ6,
    reading="the posterior is detached",
    amends="gradnorm.eq6.independent.detached",
    z=logits("N"),
    u=D.real("N"),
    dims={"N": (1, 8)},
    mutants={"weights at temperature 1.01": dict(temperature=1.01), "one percent less": dict(share=0.99)},
)
def detached(z: Tensor, u: Tensor, *, temperature: float = 1.0, share: float = 1.0) -> Relation:
    r"""$\sum_iP_i\nabla_zL_i = 0$: for every direction u, $\sum_iP_i\langle u,p\rangle = \sum_iP_iu_i$, since
    $\nabla_zL_i = p-e_i$.

    Notes: the expected score is zero under the model's own distribution; that is what makes the Fisher information a variance.
    """
    weights = torch.softmax(z / temperature, -1)
    mean = (torch.softmax(z, -1) * u).sum(-1)
    names = ["sum_i P_i <u, p>", "sum_i P_i u_i"]
    return eq(weights.sum(-1) * mean, share * (weights * u).sum(-1), names=names)


@claim(
    id="gradnorm.eq6.detached.brier",
    title="The same for the Brier score",
    source="Gneiting and Raftery (2007): the expected loss of a proper score is stationary at the truth",
    sharpens="gradnorm.eq6.detached",
    z=logits("N"),
    u=D.real("N"),
    dims={"N": (1, 6)},
    mutants={"weights at temperature 1.01": dict(temperature=1.01), "half the loss of a miss": dict(miss=0.5)},
)
def brier(z: Tensor, u: Tensor, *, temperature: float = 1.0, miss: float = 1.0) -> Relation:
    r"""For the Brier score $L_i = |p-e_i|^2$ too $\sum_iP_i\nabla_zL_i = 0$ with P detached: along u,
    $\sum_iP_i\langle p,d\rangle = \sum_iP_id_i$, where $d = p\circ(u-\langle p,u\rangle)$ is how p moves.

    Notes: so for every differentiable proper score; the mutants show that the weights must be the posterior, and the loss
    proper.
    """
    p = torch.softmax(z, -1)
    weights = torch.softmax(z / temperature, -1)
    moves = p * (u - (p * u).sum(-1)[..., None])
    return eq(weights.sum(-1) * miss * (p * moves).sum(-1), (weights * moves).sum(-1), names=["from p", "from the labels"])


@claim(
    id="gradnorm.eq6.egl",
    title="Expected-gradnorm is the expected gradient length",
    source=f"{SOURCE}, 'inspired by (Cai et al. 2017; Cai, Zhang, and Zhou 2013)', eq. (6)",
    reading="the gradient norm of the expected loss as the expected gradient norm of the cited works",
    expect="refuted",
    J=D.real("N", "p"),
    z=logits("N"),
    dims=SMALL,
    mutants={"up to one percent": dict(share=1.01), "the largest length": dict(largest=True)},
)
def egl(J: Tensor, z: Tensor, *, share: float = 1.0, largest: bool = False) -> Relation:
    r"""$|\nabla_\theta\sum_iP_iL_i| = \sum_iP_i|\nabla_\theta L_i|$.

    Counterexample: N = 2, z = (0, 0), J = (1, 0): 0 on the left, 1/2 on the right.

    Notes: neither side bounds the other: at z = (3, 0) the left side is 3/2 times the right one. The paper does not say that
    the two are equal; its citation computes the right side, which is a score of its own (`altheory.acquisition.EGL`).
    """
    lengths = length(gradient(J[..., None, :, :], gradnorm.class_slopes(z)))
    mean = torch.amax(lengths, -1) if largest else (gradnorm.posterior(z) * lengths).sum(-1)
    g = gradient(J, gradnorm.entropy_slope(z))
    return eq(share * length(g), mean, names=["|grad L_exp|", "sum_i P_i |grad L_i|"])


@claim(
    id="gradnorm.eq6.egl.binary",
    title="Two classes: expected-gradnorm is |z|/2 times the expected gradient length",
    source="own derivation",
    amends="gradnorm.eq6.egl",
    J=D.real(2, "p"),
    z=logits(2),
    dims={"p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "three for two": dict(half=3.0)},
)
def egl_binary(J: Tensor, z: Tensor, *, share: float = 1.0, half: float = 2.0) -> Relation:
    r"""For N = 2: $|\nabla_\theta H| = \frac{|z_1-z_2|}2\sum_iP_i|\nabla_\theta L_i|$: larger exactly where $|z_1-z_2| > 2$.

    Proof: both gradients lie along $J_1-J_2$: $\nabla H = -(z_1-z_2)P_1P_2(J_1-J_2)$, $\nabla L_1 = -P_2(J_1-J_2)$.
    """
    lengths = length(gradient(J[..., None, :, :], gradnorm.class_slopes(z)))
    mean = (gradnorm.posterior(z) * lengths).sum(-1)
    gap = torch.abs(z[..., 0] - z[..., 1]) / half
    g = gradient(J, gradnorm.entropy_slope(z))
    return eq(share * length(g), gap * mean, names=["|grad H|", "|z_1 - z_2| / 2 EGL"])


@claim(
    id="gradnorm.eq6.egl2",
    title="The expected squared gradient length is the trace of the Fisher information",
    source="own derivation; the definition of the Fisher information",
    J=D.real("N", "p"),
    z=logits("N"),
    dims={"N": (1, 4), "p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "diag(p) alone": dict(centred=0.0)},
)
def egl2(J: Tensor, z: Tensor, *, share: float = 1.0, centred: float = 1.0) -> Relation:
    r"""With $K = JJ^\top$: $\sum_iP_i|\nabla_\theta L_i|^2 = \mathrm{tr}[K(\mathrm{diag}(p)-pp^\top)]$."""
    p = gradnorm.posterior(z)
    squares = square(gradient(J[..., None, :, :], gradnorm.class_slopes(z)))
    K = J @ torch.transpose(J, -1, -2)
    trace = (K * (torch.diag_embed(p) - centred * p[..., :, None] * p[..., None, :])).sum(-1).sum(-1)
    return eq(share * (p * squares).sum(-1), trace, names=["sum_i P_i |grad L_i|^2", "tr K (diag p - pp')"])


@claim(
    id="gradnorm.eq6.varentropy",
    title="Along every direction the entropy's slope is at most varentropy times Fisher information",
    source="own derivation",
    J=D.real("N", "p"),
    z=logits("N"),
    u=D.real("p"),
    dims={"N": (2, 5), "p": (1, 3)},
    mutants={"one percent less": dict(share=0.99), "the entropy for the varentropy": dict(entropy=True)},
)
def varentropy(J: Tensor, z: Tensor, u: Tensor, *, share: float = 1.0, entropy: bool = False) -> Relation:
    r"""Let $V = \mathrm{Var}_p(\log p)$ be the varentropy and $F = J^\top(\mathrm{diag}(p)-pp^\top)J$ the sample's Fisher
    information. For every direction u in the parameters, $\langle\nabla_\theta H,u\rangle^2 \le V\,u^\top Fu$.

    Proof: $\nabla H = -E_p[(\log p+H)\nabla\log p]$, and Cauchy-Schwarz under p.

    Tight at: two classes; all logits but one equal.
    """
    variance = gradnorm.entropy(z) if entropy else gradnorm.varentropy(z)
    move = (J * u[..., None, :]).sum(-1)
    p = gradnorm.posterior(z)
    spread = (p * (move - (p * move).sum(-1)[..., None]) ** 2).sum(-1)
    slope = (gradnorm.entropy_slope(z) * move).sum(-1)
    return leq(slope * slope, share * variance * spread, names=["<grad H, u>^2", "V u'Fu"])


@claim(
    id="gradnorm.eq6.varentropy.norm",
    title="The entropy's gradient norm, the Fisher information and expected gradient length",
    source="own derivation",
    sharpens="gradnorm.eq6.varentropy",
    J=D.real("N", "p"),
    z=logits("N"),
    dims={"N": (2, 3), "p": (1, 2)},
    uses=["gradnorm.eq6.varentropy", "gradnorm.eq6.egl2"],
    mutants={"first step, one percent less": dict(first=0.99), "second step, one percent less": dict(second=0.99)},
)
def varentropy_norm(J: Tensor, z: Tensor, *, first: float = 1.0, second: float = 1.0) -> Relation:
    r"""$|\nabla_\theta H|^2 \;\le\; V\,\lambda_{\max}(F) \;\le\; V\sum_iP_i|\nabla_\theta L_i|^2$, with V the varentropy and
    F the sample's Fisher information.

    Proof: gradnorm.eq6.varentropy along $u = \nabla H$; the largest eigenvalue is at most the trace.

    Tight at: two classes (both steps, gradnorm.eq6.varentropy.binary).

    Notes: so a small expected gradient length forces a small score, not the reverse: V is 0 at the uniform posterior.
    """
    V = gradnorm.varentropy(z)
    root = torch.transpose(J, -1, -2) @ gradnorm.fisher_root(z)
    fisher = root @ torch.transpose(root, -1, -2)
    largest = torch.linalg.eigvalsh(fisher)[..., -1]
    squares = square(gradient(J[..., None, :, :], gradnorm.class_slopes(z)))
    mean = (gradnorm.posterior(z) * squares).sum(-1)
    g = gradient(J, gradnorm.entropy_slope(z))
    return chain(square(g), first * V * largest, second * V * mean, names=["|grad H|^2", "V lambda_max(F)", "V EGL2"])


@claim(
    id="gradnorm.eq6.varentropy.binary",
    title="Two classes: equality",
    source="own derivation",
    sharpens="gradnorm.eq6.varentropy.norm",
    J=D.real(2, "p"),
    z=logits(2),
    dims={"p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "squared length for squares": dict(squared=True)},
)
def varentropy_binary(J: Tensor, z: Tensor, *, share: float = 1.0, squared: bool = False) -> Relation:
    r"""For N = 2, $|\nabla_\theta H|^2 = V\sum_iP_i|\nabla_\theta L_i|^2$.

    Proof: $V = P_1P_2(z_1-z_2)^2$, and F has rank one.
    """
    lengths = length(gradient(J[..., None, :, :], gradnorm.class_slopes(z)))
    p = gradnorm.posterior(z)
    mean = (p * lengths).sum(-1) ** 2 if squared else (p * lengths * lengths).sum(-1)
    g = gradient(J, gradnorm.entropy_slope(z))
    return eq(share * square(g), gradnorm.varentropy(z) * mean, names=["|grad H|^2", "V EGL2"])
