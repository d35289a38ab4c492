r"""Theorem 4.2: the weighted objective, the sampler that goes with it, and whether equal weights would do."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_theorems import (
    SOURCE,
    SQUARE,
    apply,
    functions,
    masses,
    mean_square,
    moments,
    numbers,
    positive_amounts,
    transposed,
)
from proofs_check.relations import Relation

THEOREM = f"{SOURCE}, section 4, Theorem 4.2"
SAMPLER = f"{SOURCE}, section 4, after Theorem 4.2: 'sample with Pr[x_i] = u_i / sum u_j'"
EQUAL = f"{SOURCE}, section 4: 'treat each labelled data equally ... would not obtain the optimal predictor'"
SMALL = {"D": (1, 2), "m": (1, 1)}


def _fit(V: Tensor, u: Tensor, y: Tensor) -> Tensor:
    """argmin sum u (v.a - y)^2."""
    return torch.linalg.solve(moments(V, u), apply(transposed(V), u * y))


@claim(
    id="sample_complexity.theorem42",
    title="The weighted objective defines the weighted predictor",
    source=THEOREM,
    reading="for a linear class; of networks it is the definition of W^",
    V=functions(),
    u=positive_amounts(),
    y=numbers(),
    a=D.real("D"),
    dims=SMALL,
    mutants={"one percent less": dict(share=1.01), "the minimiser for equal weights": dict(equal=True)},
)
def theorem42(V: Tensor, u: Tensor, y: Tensor, a: Tensor, *, share: float = 1.0, equal: bool = False) -> Relation:
    r"""With $\hat a = (\sum u_iv_iv_i^\top)^{-1}\sum u_iy_iv_i$, $\sum u_i|v_i\cdot\hat a-y_i|^2 \le \sum u_i|v_i\cdot
    a-y_i|^2$ for every a.

    In the paper: "the optimal parameter $\hat W$ can be obtained by optimizing with weighted objective", which is how step 6
    of Algorithm 1 defines it.
    """
    best = _fit(V, 1 + 0 * u if equal else u, y)

    def loss(b: Tensor) -> Tensor:
        return mean_square(u, apply(V, b) - y)

    return leq(share * loss(best), loss(a), names=["loss of the weighted regression", "loss of a"])


@claim(
    id="sample_complexity.theorem42.sampler",
    title="The sampler draws unbiased gradients of the weighted objective",
    source=SAMPLER,
    reading="sample by weight, then take plain gradients",
    amends="sample_complexity.theorem42.sampler_literal",
    W=D.real("r", 2),
    direction=D.real("r", 2),
    X=D.real("k", 2),
    y=D.real("k"),
    u=D.positive("k"),
    dims={"r": (1, 1), "k": (2, 2)},
    mutants={"one percent more": dict(share=1.01), "gradients weighted once more": dict(again=True)},
)
def sampler(
    W: Tensor, direction: Tensor, X: Tensor, y: Tensor, u: Tensor, *, share: float = 1.0, again: bool = False
) -> Relation:
    r"""For networks with $\phi(t) = t^2$ and the losses $\ell_i = |f(W,x_i)-y_i|^2$, drawing i with probability $u_i/U$, $U =
    \sum u_j$, gives $E_i\nabla\ell_i = \frac{1}{U}\nabla\sum_ju_j\ell_j$; so stochastic gradients of plain losses minimise the
    weighted objective.

    Proof: linearity. The right side is the derivative along a direction, by a five-point formula that is exact for losses of
    degree four in W.
    """

    def outputs(t: float) -> Tensor:
        return al.orthonormal_basis.network_values(X, W + t * direction, 1 + 0 * W[..., 0], SQUARE)

    def objective(t: float) -> Tensor:
        return (u * (outputs(t) - y) ** 2).sum(-1)

    slope = 2 * ((X @ transposed(W)) * (X @ transposed(direction))).sum(-1)
    gradients = 2 * (outputs(0.0) - y) * slope
    total = u.sum(-1)
    drawn = (u * gradients * u if again else u * gradients).sum(-1) / total
    weighted = (8 * (objective(1.0) - objective(-1.0)) - (objective(2.0) - objective(-2.0))) / 12
    return eq(drawn, share * weighted / total, names=["E grad l_i", "grad of sum(u l) / U"])


@claim(
    id="sample_complexity.theorem42.sampler_literal",
    title="Sampling by weight and weighting too",
    source=SAMPLER,
    reading="literal: sample by weight, then use the weighted objective",
    expect="refuted",
    V=functions(),
    u=positive_amounts(),
    y=numbers(),
    a=D.real("D"),
    dims={"D": (1, 1), "m": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "two percent less": dict(share=0.98)},
)
def sampler_literal(V: Tensor, u: Tensor, y: Tensor, a: Tensor, *, share: float = 1.0) -> Relation:
    r"""Rows drawn with probability $u_i/U$ and weighted by $u_i$ have, on average, the minimiser of the weighted objective:
    for every probe a, it is $a\cdot\mathrm{argmin}\sum u_i\ell_i$.

    In the paper: "If we sample with $\Pr[x_i] = u_i/\sum_ju_j$, then we can use the weighted objective to train to obtain the
    optimal result".

    Counterexample: a constant, y = (0, 1), u = (1, 2): the average objective is $\sum u_i^2\ell_i$, with the minimiser 4/5,
    not 2/3.

    Notes: meant is either; both at once count the weights twice. `al.sparsifier.weighted_draws` does the first.
    """
    twice, once = _fit(V, u * u, y), _fit(V, u, y)
    return eq((a * twice).sum(-1), share * (a * once).sum(-1), names=["a . argmin E u l", "a . argmin sum(u l)"])


def _variances(u: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """E |gradient|^2 of drawing by weight, and of drawing uniformly with weights; g are the gradients' lengths."""
    law = u / u.sum(-1)[..., None]
    return (law * g * g).sum(-1), u.shape[-1] * (law * law * g * g).sum(-1)


@claim(
    id="sample_complexity.theorem42.variance",
    title="Drawing by weight as the better sampler, by variance",
    source=SAMPLER,
    reading="'novel data sampler': drawing by weight has the smaller variance",
    expect="refuted",
    u=D.positive("k"),
    g=D.positive("k"),
    dims={"k": (1, 3)},
    mutants={"up to a tenth": dict(share=0.9), "up to a half": dict(share=0.5)},
)
def variance(u: Tensor, g: Tensor, *, share: float = 1.0) -> Relation:
    r"""Of the two unbiased estimates of $\nabla\sum q_i\ell_i$, $q = u/U$, from one row: drawing by q has no larger variance
    than drawing uniformly and weighting by $kq_i$: $\sum q_i|g_i|^2 \le k\sum q_i^2|g_i|^2$.

    Counterexample: $u = (1, 3)$, $|g| = (3, \frac{1}{3})$: $\frac{7}{3} > \frac{5}{4}$.

    Notes: nor is the other always better (theorem42.variance_uniform). They are equal where $u|g|^2$ is constant
    (theorem42.variance_equal).
    """
    drawn, uniform = _variances(u, g)
    return leq(share * drawn, uniform, names=["drawn by weight", "drawn uniformly, weighted"])


@claim(
    id="sample_complexity.theorem42.variance_uniform",
    title="Drawing uniformly and weighting as the better sampler, by variance",
    source=SAMPLER,
    reading="the opposite of 'novel data sampler'",
    expect="refuted",
    u=D.positive("k"),
    g=D.positive("k"),
    dims={"k": (1, 3)},
    mutants={"up to a tenth": dict(share=0.9), "up to a fifth": dict(share=0.8)},
)
def variance_uniform(u: Tensor, g: Tensor, *, share: float = 1.0) -> Relation:
    r"""$k\sum q_i^2|g_i|^2 \le \sum q_i|g_i|^2$.

    Counterexample: gradients of equal length, $u = (1, 3)$: $\frac{5}{4} > 1$.

    Notes: equal gradients are the case for which the sampler of the paper is made; neither rule dominates.
    """
    drawn, uniform = _variances(u, g)
    return leq(share * uniform, drawn, names=["drawn uniformly, weighted", "drawn by weight"])


@claim(
    id="sample_complexity.theorem42.variance_equal",
    title="Where both samplers have the same variance",
    source=f"own complement to {SAMPLER}",
    u=D.positive("k"),
    scale=D.positive(),
    dims={"k": (1, 4)},
    mutants={"one percent more": dict(share=1.01), "equal lengths": dict(power=0)},
)
def variance_equal(u: Tensor, scale: Tensor, *, share: float = 1.0, power: int = 1) -> Relation:
    r"""If $u_i|g_i|^2$ is constant, as for leverage sampling and BSS with equal residuals ($u|v|^2$ constant), then
    $\sum q_i|g_i|^2 = k\sum q_i^2|g_i|^2$.
    """
    law = u / u.sum(-1)[..., None]
    squares = scale[..., None] / law if power else scale[..., None] + 0 * law
    drawn, uniform = (law * squares).sum(-1), u.shape[-1] * (law * law * squares).sum(-1)
    return eq(drawn, share * uniform, names=["drawn by weight", "drawn uniformly, weighted"])


@claim(
    id="sample_complexity.theorem42.variance_best",
    title="The sampler of least variance",
    source=f"replaces {SAMPLER}; importance sampling",
    sharpens="sample_complexity.theorem42.sampler",
    u=D.positive("k"),
    g=D.positive("k"),
    law=D.derived(lambda w: w / w.sum(-1)[..., None], D.positive("k"), text="a law on the k rows"),
    dims={"k": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "with |g|^2 for |g|": dict(power=2)},
)
def variance_best(u: Tensor, g: Tensor, law: Tensor, *, share: float = 1.0, power: int = 1) -> Relation:
    r"""For every law $\pi$ on the rows, the unbiased estimate $\frac{q_i}{\pi_i}g_i$ has $\sum\frac{q_i^2|g_i|^2}{\pi_i} \ge
    \left(\sum q_i|g_i|\right)^2$; the least is reached by $\pi \propto u|g|$.

    Proof: Cauchy-Schwarz.

    Tight at: $\pi \propto u|g|$.
    """
    q = u / u.sum(-1)[..., None]
    least = (q * g).sum(-1) if power == 1 else (q * g * g).sum(-1)
    return leq(share * least**2, (q * q * g * g / law).sum(-1), names=["(sum q |g|)^2", "second moment under pi"])


@claim(
    id="sample_complexity.theorem42.weighted_is_better",
    title="Weights as better than no weights on the same labels",
    source=EQUAL,
    reading="noise of equal variance, a well-specified class: the same points, with and without their weights",
    expect="refuted",
    V=functions(),
    u=positive_amounts(),
    c=D.real("D"),
    dims=SMALL,
    mutants={"up to a tenth": dict(share=0.9), "up to a half": dict(share=0.5)},
)
def weighted_is_better(V: Tensor, u: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $y = f+\zeta$, f in the class and independent noise of variance 1, the weighted regression has no larger variance
    than the plain one on the same points, along any c.

    In the paper: "treat each labeled data equally when we train a neural network would not obtain the optimal predictor
    because some of the data and labels are more important than others"; "a weighted objective is a better choice".

    Counterexample: a constant, two labels, u = (1, 2): $\frac{1+4}{9} = \frac{5}{9} > \frac{1}{2}$.

    Notes: here the plain regression is the best unbiased one (theorem42.gauss_markov). For a misspecified class the sentence
    is right (theorem42.equal_weights_agnostic).
    """
    weighted, plain = _along(V, u, c)
    return leq(share * weighted, plain, names=["variance with weights", "variance without"])


def _along(V: Tensor, u: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """The variances along c of the weighted and of the plain regression, for noise of variance 1."""
    pulled = torch.linalg.solve(moments(V, u), c)
    weighted = mean_square(u * u, apply(V, pulled))
    plain = (c * torch.linalg.solve(moments(V, 1 + 0 * u), c)).sum(-1)
    return weighted, plain


@claim(
    id="sample_complexity.theorem42.gauss_markov",
    title="Equal weights are best for equal noise in a well-specified class",
    source="replaces the sentence before Theorem 4.2; the Gauss-Markov theorem",
    amends="sample_complexity.theorem42.weighted_is_better",
    V=functions(),
    u=positive_amounts(),
    c=D.real("D"),
    dims=SMALL,
    mutants={"one percent better": dict(share=1.01), "ten percent better": dict(share=1.1)},
)
def gauss_markov(V: Tensor, u: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $y = f+\zeta$, f in the class and independent noise of equal variance, the plain regression has, along every c,
    at most the variance of the weighted one: $c^\top(\sum vv^\top)^{-1}c \le c^\top M^{-1}(\sum u^2vv^\top)M^{-1}c$, $M =
    \sum uvv^\top$.

    Tight at: equal weights; and wherever the class interpolates (as many points as functions).
    """
    weighted, plain = _along(V, u, c)
    return leq(share * plain, weighted, names=["variance without weights", "variance with"])


@claim(
    id="sample_complexity.theorem42.equal_weights_agnostic",
    title="Equal weights on a misspecified class",
    source=EQUAL,
    reading="the opposite of the sentence, agnostic: with ever more draws, equal weights find the best predictor too",
    expect="refuted",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    a=D.real("D"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def equal_weights_agnostic(V: Tensor, p: Tensor, q: Tensor, y: Tensor, a: Tensor, *, share: float = 1.0) -> Relation:
    r"""The minimiser of $E_q|f-y|^2$, which plain regression on draws from q tends to, is the minimiser of $E_p|f-y|^2$.

    Counterexample: a constant, two points, y = (0, 1), p = (1/2, 1/2), q = (1/3, 2/3): 2/3 against 1/2.

    Notes: so, where no function of the class is right, the sentence of the paper is true, and weights are what makes draws
    from another law consistent (theorem42.weights_agnostic).
    """
    plain, best = _fit(V, q, y), _fit(V, p, y)
    return eq((a * plain).sum(-1), share * (a * best).sum(-1), names=["a . argmin under q", "a . argmin under p"])


@claim(
    id="sample_complexity.theorem42.weights_agnostic",
    title="Weights find the best predictor from draws under another law",
    source=THEOREM,
    reading="agnostic: the limit of ever more draws from a law q that covers the support",
    amends="sample_complexity.theorem42.equal_weights_agnostic",
    V=functions(),
    p=masses(),
    q=masses(),
    y=numbers(),
    a=D.real("D"),
    dims=SMALL,
    mutants={"one percent more": dict(share=1.01), "without weights": dict(weighted=False)},
)
def weights_agnostic(
    V: Tensor, p: Tensor, q: Tensor, y: Tensor, a: Tensor, *, share: float = 1.0, weighted: bool = True
) -> Relation:
    r"""With the weights $u = p/q$, the minimiser of $E_q\,u\,|f-y|^2$ is the minimiser of $E_p|f-y|^2$, whatever y.

    In the paper: $E_{D'}\left[\frac{D(x)}{D'(x)}h(x)\right] = E_D[h(x)]$, section 5.4.
    """
    u = p / q if weighted else 1 + 0 * q
    found, best = _fit(V, q * u, y), _fit(V, p, y)
    return eq((a * found).sum(-1), share * (a * best).sum(-1), names=["a . argmin of E_q u l", "a . argmin of E_p l"])
