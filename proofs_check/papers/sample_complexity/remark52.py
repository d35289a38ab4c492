r"""Remark 5.2: for linear functions $\tilde d = d$ and $\rho = 0$, "however, for the neural network function family we will
have $\tilde d\gg d$".
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import orthonormal_basis as ob
from proofs_check import all_of, claim, eq, leq
from proofs_check import domains as D
from proofs_check.papers.sample_complexity._settings_basis import SOURCE, distribution, independent, masses
from proofs_check.relations import Relation

TEXT = f"{SOURCE}, section 5.3, remark 5.2"


@claim(
    id="sample_complexity.remark52",
    title="Linear functions have a basis of exactly d functions",
    source=TEXT,
    reading="as printed: for every distribution D",
    expect="refuted",
    X=D.real("n", 2),
    p=distribution("n"),
    dims={"n": (1, 4)},
    mutants={"rank by a determinant above 1/100": dict(least=0.01), "rank by a determinant above 1": dict(least=1.0)},
)
def remark52(X: Tensor, p: Tensor, *, least: float = 0.0) -> Relation:
    r"""For every distribution of x in $R^2$ the linear functions $w\cdot x$ have an orthonormal basis of exactly $d = 2$
    functions, that is, $\det\mathrm{E}xx^\top > 0$.

    Counterexample: one point, $x = (1,1)$: all linear functions are multiples of one, and $\tilde d = 1$.

    Notes: 1 stands for "independent". True when $\mathrm{E}xx^\top$ has full rank (sample_complexity.remark52.full_rank);
    $\tilde d$ is its rank, at most d.
    """
    first, second = X[..., 0], X[..., 1]
    determinant = (p * first * first).sum(-1) * (p * second * second).sum(-1) - (p * first * second).sum(-1) ** 2
    one = torch.ones_like(determinant)
    return leq(one, torch.where(determinant > least, one, 0 * one), names=["1", "det E xx' > 0"])


@claim(
    id="sample_complexity.remark52.full_rank",
    title="Linear functions on a support that spans the space",
    source=TEXT,
    reading="E xx' of full rank",
    amends="sample_complexity.remark52",
    X=independent("d", "n"),
    p=masses("d", "n"),
    w=D.real("d"),
    dims={"d": (1, 2), "n": (1, 2)},
    mutants={"one percent more": dict(share=1.01), "coefficients under equal masses": dict(equal=True)},
)
def full_rank(X: Tensor, p: Tensor, w: Tensor, *, share: float = 1.0, equal: bool = False) -> Relation:
    r"""If the support spans $R^d$, d orthonormal functions $q_i$ span the linear functions: $f = w\cdot x$ is
    $\sum_i\alpha_iq_i$ with $\alpha_i = \mathrm{E}fq_i$, and $\mathrm{E}f^2 = |\alpha|^2$; so $\tilde d = d$ and $\rho = 0$.
    """
    Q = ob.orthonormal_basis(X, p, rtol=0.0)
    f = (X @ w[..., None])[..., 0]
    law = torch.full_like(p, 1 / p.shape[-1]) if equal else p
    alpha = ((law * f)[..., None] * Q).sum(-2)
    last = (Q[:, -1] * alpha).sum(-1)
    return all_of(
        eq(share * last, f[:, -1], names=["sum of alpha_i q_i at the last point", "f there"]),
        eq((p * f * f).sum(-1), (alpha * alpha).sum(-1), names=["E f^2", "|alpha|^2"]),
    )


@claim(
    id="sample_complexity.remark52.much_larger",
    title="For networks the dimension is much larger than d",
    source=TEXT,
    reading="the printed bound d_tilde <= 10 d + log(1/eps_0)/log d; 'much larger' is then at most 11 times",
    d=D.integer(2, 1000),
    share=D.interval(0, 1),
    mutants={"10.9 times": dict(most=10.9), "eps_0 a little below d^-d": dict(share=D.interval(0, 1.1))},
)
def much_larger(d: Tensor, share: Tensor, *, most: float = 11.0) -> Relation:
    r"""Under the printed bound $\tilde d \le 10d+\log(1/\varepsilon_0)/\log d$, with $\varepsilon_0 \ge d^{-d}$, $\tilde d \le
    11d$.

    In the paper: "for the neural network function family we will have $\tilde d \gg d$".

    Tight at: $\varepsilon_0 = d^{-d}$.

    Notes: no contradiction, but a sign that the printed bound lost an exponent on the way to our copy; see the readings in
    sample_complexity.claim53.
    """
    size = d.to(torch.float64)
    return leq(10 * size + share * size, most * size, names=["10 d + log(1/eps_0)/log d", "11 d"])
