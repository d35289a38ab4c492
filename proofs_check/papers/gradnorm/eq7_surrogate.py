r"""Eq. (7) as "a surrogate of the real loss": less entropy against less cross-entropy, and how far one is from the other."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradnorm
from proofs_check import all_of, chain, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_logits import SOURCE, gradient, length, logits
from proofs_check.relations import Relation

REASON_1 = f"{SOURCE}, section 'Entropy-Gradnorm Scheme', reason 1"
REASON_2 = f"{SOURCE}, section 'Entropy-Gradnorm Scheme', reason 2"


def _gaps(x: Tensor) -> Tensor:
    return torch.clamp(x, 0, 40)


def _wide_gaps(x: Tensor) -> Tensor:
    return 2 + torch.clamp(x, 0, 38)


def gaps(size: int | str) -> D.Domain:
    """How far the other logits are below the label's, shape (batch, size)."""
    return D.derived(_gaps, D.nonneg(size), text="gaps in [0, 40]", dims=(size,))


def below_label(gap: Tensor) -> Tensor:
    """Logits of a right prediction: the label's is 0 and comes first, the others are lower by the gaps."""
    return torch.cat([0 * gap[..., :1], -gap], -1)


def less_entropy(z: Tensor, w: Tensor) -> Tensor:
    """H(w) < H(z)"""
    return gradnorm.entropy(w) < gradnorm.entropy(z)


def less_entropy_right(z: Tensor, w: Tensor) -> Tensor:
    """H(w) < H(z), and the label has the largest logit in both"""
    return gradnorm.entropy(below_label(w)) < gradnorm.entropy(below_label(z))


@claim(
    id="gradnorm.eq7.reduces",
    title="Less entropy, less cross-entropy",
    source=REASON_1,
    reading="for every sample and every change of its prediction",
    expect="refuted",
    z=logits("N"),
    w=logits("N"),
    dims={"N": (2, 3)},
    assumes=[less_entropy],
    mutants={"less by a hundredth": dict(extra=0.01), "less by one percent": dict(share=1.01)},
)
def reduces(z: Tensor, w: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let the logits of a sample with label 1 change from z to w so that $H(w) < H(z)$. Then $-\log p_1(w) \le -\log p_1(z)$.

    In the paper: "reducing the entropy is usually beneficial to reducing typical supervised losses such as the cross-entropy".

    Counterexample: a wrong prediction that becomes surer: p = (.4, .6) to (.2, .8): the entropy falls from .673 to .500, the
    cross-entropy rises from .916 to 1.609.

    Notes: "usually" is kept by gradnorm.eq7.reduces.right, where predictions are right.
    """
    before, after = (gradnorm.class_losses(x)[:, 0] for x in (z, w))
    return leq(share * after + extra, before, names=["cross-entropy after", "cross-entropy before"])


@claim(
    id="gradnorm.eq7.reduces.right",
    title="Two classes, a right prediction: less entropy is less cross-entropy",
    source=REASON_1,
    reading="two classes, right before and after",
    amends="gradnorm.eq7.reduces",
    gap=D.interval(0, 30),
    more=D.interval(0, 10),
    mutants={"wrong by up to 1 before": dict(gap=D.interval(-1, 30)), "by a thousandth": dict(extra=0.001)},
)
def reduces_right(gap: Tensor, more: Tensor, *, extra: float = 0.0) -> Relation:
    r"""For two classes let the label's logit be ahead by $g \ge 0$. Then being ahead by $g+s$, $s \ge 0$, has less entropy
    and less cross-entropy; both fall with the gap.

    Tight at: s = 0.
    """
    before, after = (torch.stack([g, 0 * g], -1) for g in (gap, gap + more))
    return all_of(
        leq(gradnorm.entropy(after) + extra, gradnorm.entropy(before), names=["H after", "H before"]),
        leq(gradnorm.class_losses(after)[:, 0], gradnorm.class_losses(before)[:, 0], names=["loss after", "loss before"]),
    )


@claim(
    id="gradnorm.eq7.reduces.right_many",
    title="More classes, a right prediction: less entropy is less cross-entropy",
    source=REASON_1,
    reading="three or four classes, right before and after",
    expect="refuted",
    z=gaps("M"),
    w=gaps("M"),
    dims={"M": (2, 3)},
    assumes=[less_entropy_right],
    mutants={"less by a hundredth": dict(extra=0.01), "less by one percent": dict(share=1.01)},
)
def reduces_right_many(z: Tensor, w: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""Let a sample of three or four classes be predicted rightly before and after, with less entropy after. Then its
    cross-entropy is not larger after.

    Counterexample: the other logits lower by (1, 1) before, by (0, 40) after: probabilities (.576, .212, .212) and (.5, .5, 0),
    entropies .975 and .693, cross-entropies .551 and .693.
    """
    before, after = (gradnorm.class_losses(below_label(x))[:, 0] for x in (z, w))
    return leq(share * after + extra, before, names=["cross-entropy after", "cross-entropy before"])


@claim(
    id="gradnorm.eq7.absolute",
    title="Entropy approximates the cross-entropy of a right and sure prediction",
    source=REASON_2,
    reading="approximates: the difference tends to 0 as the prediction becomes right and sure",
    gap=gaps("M"),
    dims={"M": (1, 5)},
    mutants={"one percent less": dict(share=0.99), "N - 2 for N - 1": dict(fewer=1.0)},
)
def absolute(gap: Tensor, *, share: float = 1.0, fewer: float = 0.0) -> Relation:
    r"""Let the label have the largest probability, 1 - q. Then
    $0 \;\le\; H-CE \;\le\; q\log\frac{(N-1)(1-q)}q$, which tends to 0 with q.

    In the paper: "When the task model is well trained [...], entropy well approximates cross-entropy".

    Proof: $H-CE = \sum_{j\ne y}p_j\log(p_y/p_j)$; the logarithm is concave.

    Tight at: the others' logits equal (right side); all logits equal (left).

    Notes: true, and for the plain reason that both are near 0 (gradnorm.eq7.relative).
    """
    z = below_label(gap)
    p, logs = gradnorm.posterior(z), gradnorm.log_posterior(z)
    q = p[:, 1:].sum(-1)
    apart = (p * (logs[:, :1] - logs))[:, 1:].sum(-1)
    others = gap.shape[-1] - fewer
    bound = q * (torch.log(others * p[:, 0] / q)) if others else 0 * q
    return chain(0 * q, apart, share * bound, names=["0", "H - CE", "q log((N - 1)(1 - q)/q)"])


@claim(
    id="gradnorm.eq7.relative",
    title="Entropy approximates the cross-entropy up to a factor",
    source=REASON_2,
    reading="approximates: relative to its size, within a factor of 2 for right predictions with probability at least .88",
    expect="refuted",
    gap=D.interval(2, 40),
    mutants={"within one percent": dict(factor=1.01), "within a factor of 1.5": dict(factor=1.5)},
)
def relative(gap: Tensor, *, factor: float = 2.0) -> Relation:
    r"""Two classes, the label ahead by $g \ge 2$. Then $H \le 2\,CE$.

    Counterexample: g = 2: $p_y$ = .8808, H = .3653, CE = .1269, a factor of 2.88.

    Notes: the factor grows without bound, as $1+\log\frac1q$ (gradnorm.eq7.diverges): 3.1, 5.6, 10.2, 19.4 at
    $q = 10^{-1}, 10^{-2}, 10^{-4}, 10^{-8}$.
    """
    z = torch.stack([gap, 0 * gap], -1)
    return leq(gradnorm.entropy(z), factor * gradnorm.class_losses(z)[:, 0], names=["H", "2 CE"])


@claim(
    id="gradnorm.eq7.diverges",
    title="Relative to the cross-entropy the entropy diverges",
    source="own derivation",
    amends="gradnorm.eq7.relative",
    gap=D.derived(_wide_gaps, D.nonneg("M"), text="gaps in [2, 40]", dims=("M",)),
    dims={"M": (1, 5)},
    mutants={"one percent more": dict(share=1.01), "two for one": dict(one=2.0)},
)
def diverges(gap: Tensor, *, share: float = 1.0, one: float = 1.0) -> Relation:
    r"""Let the label have probability $1-q \ge \frac12$. Then $H \ge \left(1+(1-q)\log\frac{1-q}q\right)CE$: the better the
    prediction, the larger the entropy beside the cross-entropy (attacked where the others' logits are lower by at least 2).

    Proof: $H-CE = \sum_{j\ne y}p_j\log(p_y/p_j) \ge q\log\frac{1-q}q$ and $CE = -\log(1-q) \le \frac q{1-q}$.

    Tight at: $q \to 0$, two classes.
    """
    z = below_label(gap)
    p, logs = gradnorm.posterior(z), gradnorm.log_posterior(z)
    q = p[:, 1:].sum(-1)
    factor = one + p[:, 0] * torch.log(p[:, 0] / q)
    return leq(share * factor * -logs[:, 0], gradnorm.entropy(z), names=["(1 + (1-q) log((1-q)/q)) CE", "H"])


@claim(
    id="gradnorm.eq7.calibrated",
    title="On average over labels: entropy of the labels plus a divergence",
    source="Kullback and Leibler (1951)",
    amends="gradnorm.eq7.relative",
    z=logits("N"),
    w=logits("N"),
    dims={"N": (1, 6)},
    mutants={"one percent more": dict(share=1.01), "the divergence reversed": dict(reversed_=True)},
)
def calibrated(z: Tensor, w: Tensor, *, share: float = 1.0, reversed_: bool = False) -> Relation:
    r"""If labels of samples with prediction p have the law q, then $E_{y\sim q}CE = H(q)+KL(q|p)$: the mean cross-entropy is
    the entropy of the prediction if and only if the model is calibrated there, q = p.
    """
    q, losses = gradnorm.posterior(w), gradnorm.class_losses(z)
    gap = losses - gradnorm.class_losses(w)
    divergence = -(gradnorm.posterior(z) * gap).sum(-1) if reversed_ else (q * gap).sum(-1)
    return eq(share * (q * losses).sum(-1), gradnorm.entropy(w) + divergence, names=["E CE", "H(q) + KL(q|p)"])


@claim(
    id="gradnorm.eq7.order",
    title="The larger the true gradient norm, the larger the entropy's",
    source=f"{SOURCE}, 'Our Method Tends to Select More Data of Higher Gradient Norm'",
    reading="for every two samples with the same gradients of the logits",
    expect="refuted",
    z=logits(2),
    further=D.interval(0, 40),
    mutants={"by one percent": dict(share=1.01), "by a hundredth": dict(extra=0.01)},
)
def order(z: Tensor, further: Tensor, *, share: float = 1.0, extra: float = 0.0) -> Relation:
    r"""For two classes let the label's logit be lower by $s \ge 0$ at a second sample, so that its true gradient norm is
    larger. Then its entropy-gradnorm is not smaller.

    Counterexample: logits (-2, 0) and (-10, 0) with label 1: true gradient norms in the logit .881 and .99995,
    entropy-gradnorms .210 and .00045.

    Notes: the paper says "tends to". Confidently wrong samples have the largest true gradients and no score
    (gradnorm.eq7.ratio).
    """
    shift = torch.stack([-further, 0 * further], -1)
    first, second = (torch.abs(gradnorm.entropy_slope(x)[:, 0]) for x in (z, z + shift))
    return leq(share * first + extra, second, names=["score of the first", "score of the second"])


@claim(
    id="gradnorm.eq7.ratio",
    title="Two classes: entropy-gradnorm is |z_1 - z_2| p_y times the true gradient norm",
    source="own derivation",
    amends="gradnorm.eq7.order",
    J=D.real(2, "p"),
    z=logits(2),
    dims={"p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "the other class's probability": dict(label=1)},
)
def ratio(J: Tensor, z: Tensor, *, share: float = 1.0, label: int = 0) -> Relation:
    r"""For N = 2, $|\nabla_\theta H| = |z_1-z_2|\,p_y\,|\nabla_\theta L_y|$ for every network: the factor is 0 at the uniform
    posterior and tends to 0 as the prediction becomes wrong and sure ($p_y \to 0$); it grows as the prediction becomes right
    and sure.
    """
    true = length(gradient(J, gradnorm.class_slopes(z)[:, 0]))
    factor = torch.abs(z[:, 0] - z[:, 1]) * gradnorm.posterior(z)[:, label]
    g = gradient(J, gradnorm.entropy_slope(z))
    return eq(share * length(g), factor * true, names=["|grad H|", "|z_1 - z_2| p_y |grad L_y|"])
