r"""Equation (4): the neural tangent kernel as a mean over initialisations, and the kernel of the outputs beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE
from proofs_check.relations import Relation

EQ4 = f"{SOURCE}, section 2, eq. (4)"


def _neuron(w: Tensor, a: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """What one neuron a phi(w x), both layers trained, adds to the tangent kernel at (x, z)."""
    at, other = (w * x).sum(-1), (w * z).sum(-1)
    slopes = (1 + at) * (1 + other)
    values = (at + at * at / 2) * (other + other * other / 2)
    return values + a * a * slopes * (x * z).sum(-1)


@claim(
    id="lookahead.eq4",
    title="Eq. (4) at every width: one hidden layer",
    source=EQ4,
    reading="one hidden layer with identically distributed neurons, at finite width",
    W=D.real(2, 2),
    a=D.real(2),
    p=D.interval(0, 1),
    x=D.real(2),
    z=D.real(2),
    mutants={"one percent more": dict(share=1.01), "the second neuron one percent more often the first kind": dict(tilt=0.01)},
)
def eq4(W: Tensor, a: Tensor, p: Tensor, x: Tensor, z: Tensor, *, share: float = 1.0, tilt: float = 0.0) -> Relation:
    r"""For $f(x) = m^{-1/2}\sum_ja_j\phi(w_j\cdot x)$ with both layers trained and identically distributed $(w_j,a_j)$, the
    mean of the empirical kernel over initialisations is the kernel of eq. (4) at every width: $E\,\Theta_0(x,z) =
    E\,[\phi(w\cdot x)\phi(w\cdot z) +a^2\phi'(w\cdot x)\phi'(w\cdot z)\langle x,z\rangle]$. Here m = 2, neurons of two kinds
    with probabilities p and 1 - p, so that the left side is a sum over four networks, and $\phi(u) = u+u^2/2$.

    Proof: $\Theta_0$ is a mean of m terms with the same expectation.

    Notes: with two hidden layers it is not so: lookahead.eq4.deep. How far $\Theta_0$ is from its mean: lookahead.eq4.rate.
    """
    kinds = [_neuron(W[:, k], a[:, k], x, z) for k in (0, 1)]
    first, second = [p, 1 - p], [p + tilt * (1 - p), (1 - tilt) * (1 - p)]
    mean = 0 * p
    for i in (0, 1):
        for j in (0, 1):
            mean = mean + first[i] * second[j] * (kinds[i] + kinds[j]) / 2
    return eq(mean, share * (p * kinds[0] + (1 - p) * kinds[1]), names=["E Theta_0, width 2", "E of one neuron"])


@claim(
    id="lookahead.eq4.deep",
    title="Eq. (4) at every width: two hidden layers",
    source=EQ4,
    reading="two hidden layers, at finite width; the paper says it of the limit only",
    expect="refuted",
    x=D.real(),
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq4_deep(x: Tensor, *, share: float = 1.0) -> Relation:
    r"""For $f(x) = a\,\phi(v\,w\,x)$ with $\phi(u) = u^2$ after a linear first layer, one neuron a layer, all weights standard
    normal and trained, the mean of $\Theta_0(x,x)$ is that of infinite width: $11x^4$.

    Counterexample: $x = 1$: the mean is $E[v^4w^4+4v^2w^4+4v^4w^2] = 9+12+12 = 33$; infinitely many neurons give
    $3+4+4 = 11$.

    Notes: with n neurons a layer the difference is of order 1/n. The mean is computed by the three-point Gauss-Hermite rule in
    v and in w, which integrates polynomials of degree 5 exactly.
    """
    root = torch.sqrt(0 * x + 3)
    nodes, mass = [-root, 0 * root, root], [1 / 6, 2 / 3, 1 / 6]
    mean = 0 * x
    for w, of_w in zip(nodes, mass, strict=True):
        for v, of_v in zip(nodes, mass, strict=True):
            h = w * x
            u = v * h
            slope = 2 * u
            mean = mean + of_w * of_v * (u**4 + (slope * h) ** 2 + (slope * v * x) ** 2)
    return eq(mean, share * 11 * x**4, names=["E Theta_0(x, x), one neuron a layer", "11 x^4"])


@claim(
    id="lookahead.eq4.nngp",
    title="The kernel of the outputs needs output weights of mean zero",
    source=f"{SOURCE}, section 2, K(x, x') = E f(x) f(x') for the last layer trained",
    W=D.real(3, 2),
    x=D.real(2),
    z=D.real(2),
    mutants={"signs + with probability 0.55": dict(plus=0.55), "one percent more": dict(share=1.01)},
)
def eq4_nngp(W: Tensor, x: Tensor, z: Tensor, *, plus: float = 0.5, share: float = 1.0) -> Relation:
    r"""For $f = m^{-1/2}\sum_ja_j\phi(w_j\cdot x)$ with independent fair signs $a_j$: $E_af(x)f(z) = \frac1m\sum_j
    \phi(w_j\cdot x)\phi(w_j\cdot z)$, the kernel of the last layer (m = 3, $\phi(u) = u+u^2/2$, a sum over eight networks).

    Notes: with signs of another mean the neurons do not decouple, and $E f(x)f(z)$ has a term of order m: a mutant says so.
    """
    at, other = ((W * v[:, None, :]).sum(-1) for v in (x, z))
    at, other = at + at * at / 2, other + other * other / 2
    mean = 0 * at[:, 0]
    for code in range(8):
        signs = [1.0 if code >> j & 1 else -1.0 for j in range(3)]
        chance = 1.0
        for s in signs:
            chance = chance * (plus if s > 0 else 1 - plus)
        f = sum(s * at[:, j] for j, s in enumerate(signs))
        g = sum(s * other[:, j] for j, s in enumerate(signs))
        mean = mean + chance * f * g / 3
    return eq(mean, share * (at * other).sum(-1) / 3, names=["E f(x) f(z)", "mean of phi phi"])
