r"""Definition 3.1: two-layer networks $f(W,x) = m^{-1/2}\sum_ra_r\phi(w_r\cdot x)$ with fixed signs $a_r$, and what class they
form."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import COSINE, SOURCE, SQUARE, binomial, signs
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 3.2, definition 3.1"


@claim(
    id="sample_complexity.definition31.bounded",
    title="Networks of a bounded activation are bounded",
    source=f"on {TEXT}",
    x=D.real(1, "d"),
    W=D.real("m", "d"),
    a=signs("m"),
    dims={"m": (1, 3), "d": (1, 2)},
    mutants={"one percent less": dict(share=0.99), "sqrt(m - 1/2)": dict(fewer=0.5)},
)
def bounded(x: Tensor, W: Tensor, a: Tensor, *, share: float = 1.0, fewer: float = 0.0) -> Relation:
    r"""If $|\phi| \le 1$, then $|f(W,x)| \le \sqrt{m}$ for every W and x. Here $\phi = \cos$.

    Tight at: $W = 0$ and equal signs.

    Notes: a linear space of functions is not bounded; this alone refutes the second half of claim 5.3.
    """
    m = W.shape[-2]
    values = ob.network_values(x, W, a, COSINE)[..., 0]
    return leq(torch.abs(values) / m**0.5, share * (m - fewer) ** 0.5 + 0 * values, names=["|f(W, x)|", "sqrt(m)"])


@claim(
    id="sample_complexity.definition31.cone",
    title="Homogeneous activations make a cone",
    source=f"on {TEXT}",
    x=D.real(1, "d"),
    W=D.real("m", "d"),
    a=signs("m"),
    c=D.interval(0, 4),
    dims={"m": (1, 2), "d": (1, 2)},
    mutants={"weights one percent too large": dict(stretch=1.01), "the class of c + 1/100": dict(more=0.01)},
)
def cone(x: Tensor, W: Tensor, a: Tensor, c: Tensor, *, stretch: float = 1.0, more: float = 0.0) -> Relation:
    r"""For $c \ge 0$: $f(cW,x) = c\,f(W,x)$ for relu and $f(cW,x) = c^2f(W,x)$ for $\phi(t) = t^2$: with a function the class
    contains all its nonnegative multiples, and has no largest member.
    """
    moved = (stretch * c + more)[:, None, None] * W
    relu, square = (ob.network_values(x, W, a, phi)[..., 0] for phi in ("relu", SQUARE))
    return all_of(
        eq(ob.network_values(x, moved, a, "relu")[..., 0], c * relu, names=["f(cW), relu", "c f(W)"]),
        eq(ob.network_values(x, moved, a, SQUARE)[..., 0], c * c * square, names=["f(cW), t^2", "c^2 f(W)"]),
    )


@claim(
    id="sample_complexity.definition31.convex",
    title="The class is not convex",
    source=f"{TEXT}; used without mention where section 5 treats W* as a projection",
    reading="the class of networks of one neuron is convex, as E[(y - f*) h] = 0 in the recovery argument needs",
    expect="refuted",
    v=D.real(2),
    w=D.real(2),
    mutants={"nine tenths and one tenth": dict(share=0.9), "99 and 1 percent": dict(share=0.99)},
)
def convex(v: Tensor, w: Tensor, *, share: float = 0.5) -> Relation:
    r"""For $d = 2$, $m = 1$, $a = 1$ and $\phi(t) = t^2$, the mean of two networks $(v\cdot x)^2$ and $(w\cdot x)^2$ is a
    network, that is, the quadratic form $\frac12(vv^\top+ww^\top)$ has determinant 0.

    Counterexample: $v = e_1$, $w = e_2$: the mean is $(x_1^2+x_2^2)/2$, which vanishes on no line, as $(u\cdot x)^2$ does.

    Proof: the determinant of $svv^\top+(1-s)ww^\top$ is $s(1-s)(v_1w_2-v_2w_1)^2$: no point between two networks is one unless
    v and w are parallel.

    Notes: with many neurons of both signs the same $\phi$ makes a linear space (sample_complexity.definition31.forms); for relu
    or sin no finite m does.
    """
    form = share * v[..., :, None] * v[..., None, :] + (1 - share) * w[..., :, None] * w[..., None, :]
    determinant = form[..., 0, 0] * form[..., 1, 1] - form[..., 0, 1] * form[..., 1, 0]
    return leq(determinant, 0 * determinant, names=["determinant of the mean", "0"])


@claim(
    id="sample_complexity.definition31.forms",
    title="Wide quadratic networks are all quadratic forms",
    source=f"on {TEXT}",
    amends="sample_complexity.definition31.convex",
    x=D.real(1, "d"),
    c=D.real("d", "d"),
    dims={"d": (1, 4)},
    mutants={"all signs plus": dict(sign=1.0), "the second weight of each pair 1 percent longer": dict(longer=1.01)},
)
def forms(x: Tensor, c: Tensor, *, sign: float = -1.0, longer: float = 1.0) -> Relation:
    r"""For $\phi(t) = t^2$ and $m = 2N$ neurons, $N = d(d+1)/2$, one half of them with $a_r = -1$: every quadratic form
    $\sum_{i\le j}c_{ij}x_ix_j$ is $\sqrt{m}\,f(W,x)$ for some W. So the class is a linear space of dimension N.

    Proof: $c\,x_ix_j = \left(\frac{x_i+cx_j}2\right)^2-\left(\frac{x_i-cx_j}2\right)^2$; the factor $\sqrt{m}$ goes into W.
    """
    d = x.shape[-1]
    rows, columns = torch.triu_indices(d, d)
    eye = torch.eye(d, dtype=torch.float64)
    entries = c[:, rows, columns]
    first, second = eye[rows], entries[..., None] * eye[columns]
    W = torch.cat([first + second, longer * (first - second)], -2) / 2
    a = torch.cat([torch.ones_like(entries), sign * torch.ones_like(entries)], -1)
    wanted = (entries * x[:, 0, rows] * x[:, 0, columns]).sum(-1)
    return eq(ob.network_values(x, W, a, SQUARE)[..., 0], wanted, names=["network", "quadratic form"])


@cache
def _ranks() -> Tensor:
    """The exact rank of [(w_j.x_i)^p] at random integers, for d and p from 1 to 4."""
    generator = torch.Generator().manual_seed(0)
    table = torch.zeros(4, 4, dtype=torch.float64)
    for d in range(1, 5):
        for p in range(1, 5):
            count = ob.forms_dimension(d, p) + 3
            X, W = (torch.randint(-(10**6), 10**6, (count, d), generator=generator) for _ in range(2))
            table[d - 1, p - 1] = ob.feature_rank(X, W, [0] * p + [1])
    return table


@claim(
    id="sample_complexity.definition31.forms_rank",
    title="Neurons of degree p span all forms of degree p",
    source=f"on {TEXT}",
    uses=["sample_complexity.definition31.forms"],
    d=D.integer(1, 4),
    p=D.integer(1, 4),
    mutants={"polynomials of degree p": dict(more=1), "one variable fewer": dict(more=-1)},
)
def forms_rank(d: Tensor, p: Tensor, *, more: int = 0) -> Relation:
    r"""For $\phi(t) = t^p$ the neurons span a space of dimension $\binom{d+p-1}{p}$, the forms of degree p in d variables:
    exact ranks of $[(w_j\cdot x_i)^p]$ at random integer points and weights, for $d, p \le 4$.

    Notes: so with enough neurons of both signs the class is this linear space, as for $p = 2$.
    """
    rank = _ranks().reshape(-1)[((d - 1) * 4 + p - 1,)]
    return eq(rank, binomial(d + p - 1 + more, p, most=4), names=["rank", "dimension of the forms"])
