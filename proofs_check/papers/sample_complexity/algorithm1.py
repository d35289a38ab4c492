r"""Algorithm 1: two stages, for a basis of the pool's own law, and the step 6 that minimises over something else."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory import sparsifier
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_bss import (
    SOURCE,
    eigenvalues,
    mirror,
    points,
    rows,
    state,
)
from proofs_check.relations import Relation

ALGORITHM1 = f"{SOURCE}, algorithm 1"
STEP6 = f"{ALGORITHM1}, step 6 against eq. (3) of definition 5.6"


def _weighted(x: Tensor, y: Tensor, u: Tensor) -> Tensor:
    """The coefficient of x^2 that minimises sum u (c x^2 - y)^2."""
    square = x * x
    return (u * square * y).sum(-1) / (u * square * square).sum(-1)


@claim(
    id="sample_complexity.algorithm1.step6",
    title="Step 6 finds the function of theorem 5.7",
    source=STEP6,
    reading="the minimiser over the weights W of the network is the minimiser over F_nn, the span of the basis",
    expect="refuted",
    x=D.positive("k"),
    y=D.real("k"),
    u=D.positive("k"),
    dims={"k": (1, 4)},
    mutants={"one percent larger": dict(factor=1.01), "one percent smaller": dict(factor=0.99)},
)
def step6(x: Tensor, y: Tensor, u: Tensor, *, factor: float = 1.0) -> Relation:
    r"""For $\phi(t) = t^2$, one neuron, a = 1, d = 1 the weighted minimiser over W, $W^2x^2$, and the one over the span of
    $x^2$ have the same coefficient.

    In the paper: step 6 outputs $\arg\min_W\sum u_i|f_{nn}(W,x_i)-y_i|^2$; theorem 5.7 is about
    $\arg\min_{h\in F_{nn}}\sum u_i|h(x_i)-y_i|^2$, F the functions that the basis spans.

    Counterexample: one point x = 1 with y = -1: the span has -1, the network 0, its least.

    Notes: $\phi''' = 0$, so the smoothness hypothesis of theorem 4.1 holds. The networks are a cone; the theorem's proof
    needs a space.
    """
    best = _weighted(x, y, u)
    network = torch.clamp(best, min=0)  # the loss is a parabola in the coefficient, and W^2 is any number from 0 up
    return eq(factor * network, best, names=["minimiser over W", "minimiser over the span"])


@claim(
    id="sample_complexity.algorithm1.step6.linear",
    title="Step 6 for networks that fill their span",
    source=f"replaces {STEP6}",
    amends="sample_complexity.algorithm1.step6",
    x=D.positive("k"),
    y=D.real("k"),
    u=D.positive("k"),
    dims={"k": (1, 4)},
    mutants={"one percent larger": dict(factor=1.01), "without the negative neuron": dict(negative=0.0)},
)
def step6_linear(x: Tensor, y: Tensor, u: Tensor, *, factor: float = 1.0, negative: float = 1.0) -> Relation:
    r"""With $\phi(t) = t^2$, two neurons and signs a = (1, -1), d = 1, the weights $w_1 = \sqrt{\max(c,0)}$, $w_2 =
    \sqrt{\max(-c,0)}$ give the network (times $\sqrt{m}$) the coefficient c of the minimiser over the span: no function of
    the span has a smaller loss, so no W has.

    Notes: where the networks are a linear space, as all forms of one degree with balanced signs and enough neurons, step 6
    and eq. (3) agree.
    """
    best = _weighted(x, y, u)
    first, second = torch.sqrt(torch.clamp(best, min=0)), torch.sqrt(torch.clamp(-best, min=0))
    found = factor * first**2 - negative * second**2
    gradient = (u * x * x * (found[:, None] * x * x - y)).sum(-1)
    scale = (u * x * x * y).sum(-1)
    return eq(gradient + scale, scale, names=["slope of the loss, plus sum u x^2 y", "sum u x^2 y"])


@claim(
    id="sample_complexity.algorithm1.basis_of_D",
    title="The basis of D serves on the pool",
    source=f"{ALGORITHM1}, steps 3 and 4; definition 5.1",
    reading="step 4 runs on D_0 with the functions v_1, ..., v_d that are orthonormal under D",
    expect="refuted",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    counts=D.integer(1, 3),
    dims={"D": (1, 2), "e": (1, 2)},
    mutants={"the sum one percent larger": dict(factor=1.01), "the sum one percent smaller": dict(factor=0.99)},
)
def basis_of_D(lam: Tensor, h: Tensor, X: Tensor, counts: Tensor, *, factor: float = 1.0) -> Relation:
    r"""On a pool whose first point was drawn c times and each other one once, the numbers $D_0(x)\,v^\top Qv/\Phi$ of the basis
    that is orthonormal under D (here uniform on the points) sum to 1.

    Counterexample: D = 1, two points with $v^2 = 18/25$ and $32/25$, the first drawn twice: $\frac23\cdot\frac{18}{25}+
    \frac13\cdot\frac{32}{25} = \frac{68}{75}$.

    Notes: the remedy is a basis of the pool, sample_complexity.algorithm1.basis_of_pool, at a cost of O(n D^2).
    """
    now, W = state(lam, h), rows(X)
    mass = _drawn(W, counts)
    found = sparsifier.round_law(W, W.shape[-2] * mass, *now).sum(-1)
    return eq(factor * found, 1 + 0 * found, names=["sum of D_j", "1"])


def _drawn(W: Tensor, counts: Tensor) -> Tensor:
    """The masses of a pool in which the first point appears `counts` times and every other once."""
    times = torch.cat([counts.to(torch.float64)[:, None] + 0 * W[:, :1, 0], 1 + 0 * W[:, 1:, 0]], -1)
    return times / times.sum(-1)[:, None]


@claim(
    id="sample_complexity.algorithm1.basis_of_pool",
    title="A basis of the pool serves on the pool",
    source=f"replaces {ALGORITHM1}, steps 3 and 4",
    amends="sample_complexity.algorithm1.basis_of_D",
    lam=eigenvalues(),
    h=mirror(),
    X=points(),
    counts=D.integer(1, 3),
    dims={"D": (1, 2), "e": (1, 2)},
    mutants={"the sum one percent larger": dict(factor=1.01), "orthonormal under D": dict(own=False)},
)
def basis_of_pool(lam: Tensor, h: Tensor, X: Tensor, counts: Tensor, *, factor: float = 1.0, own: bool = True) -> Relation:
    r"""With a basis of the same space that is orthonormal under $D_0$ the numbers sum to 1, whatever pool was drawn.

    Proof: sample_complexity.lemma58.law.
    """
    now, W = state(lam, h), rows(X)
    mass = _drawn(W, counts)
    law = mass if own else 1 / W.shape[-2] + 0 * mass
    V = al.orthonormal_basis.orthonormal_basis(W, law)
    found = sparsifier.round_law(V, mass, *now).sum(-1)
    return eq(factor * found, 1 + 0 * found, names=["sum of D_j", "1"])
