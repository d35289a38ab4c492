r"""Equations (27) and (28): the algebra of Theorem A.2, one stage after another."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from altheory.lookahead import Converged
from proofs_check import all_of, claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_training import SOURCE, times
from proofs_check.relations import Relation

EQ27, EQ28 = (f"{SOURCE}, appendix A, eq. ({k})" for k in (27, 28))


def _solve(K: Tensor, v: Tensor) -> Tensor:
    return torch.linalg.solve(K, v[..., None])[..., 0]


@claim(
    id="lookahead.eq27",
    title="Eq. (27): from one set to the next",
    source=EQ27,
    reading="kernel invertible, as printed; f* and K on the points that fit: X_{S_i+1} for the label term, X_{S_i} in A",
    uses=["lookahead.eq6.as_printed"],
    K=D.psd("n", cond=1e3),
    f=D.real("n"),
    y=D.real("n"),
    dims={"n": (3, 4)},
    mutants={"A one percent off": dict(off=0.01), "the label term one percent more": dict(share=1.01)},
)
def eq27(K: Tensor, f: Tensor, y: Tensor, *, off: float = 0.0, share: float = 1.0) -> Relation:
    r"""Let $S\subset S'$ be consecutive sets, $f_S$ the end of training on S from $f_0$, and
    $A = \mathcal{K}(x,X)-\mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}\mathcal{K}(X',X)$. Then
    $f_{S\to S'}(x) = f_S(x)+\mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}(f^*(X')-f_S(X'))$
    $= \mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}f^*(X')+A\,\mathcal{K}_S^{-1}(f^*(X)-f_0(X))
    +f_0(x)-\mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}f_0(X')$ $= f_{S'}(x)+A\,\mathcal{K}_S^{-1}(f^*(X)-f_0(X))$.

    Repairs: $f^*_{S_{i+1}}(X_{S_i})$ in the first line and $\mathcal{K}(x,X_{S_1})$ in A have the wrong size in general.

    Notes: that S comes first in the order of $S'$ is no restriction.
    """
    n = K.shape[-1]
    old, new = slice(0, n - 2), slice(0, n - 1)
    inner, cross = K[:, new, new], K[:, -1, new]
    middle = al.lookahead.train(K, f, y, range(n - 2), Converged())
    first = middle[:, -1] + (cross * _solve(inner, (y - middle)[:, new])).sum(-1)
    learnt = _solve(K[:, old, old], (y - f)[:, old])
    A = K[:, -1, old] - (1 + off) * times(torch.transpose(K[:, new, old], -1, -2), _solve(inner, cross))
    rest = (A * learnt).sum(-1)
    label, start = (cross * _solve(inner, y[:, new])).sum(-1), (cross * _solve(inner, f[:, new])).sum(-1)
    whole = al.lookahead.train(K, f, y, range(n - 1), Converged())[:, -1]
    return all_of(
        eq(first, share * label + rest + f[:, -1] - start, names=["first line", "second line"]),
        eq(first, whole + rest, names=["first line", "third line"]),
    )


@claim(
    id="lookahead.eq28",
    title="Eq. (28): A = 0",
    source=EQ28,
    reading="kernel invertible, as printed",
    K=D.psd("n", cond=1e3),
    c=D.real("n"),
    dims={"n": (3, 4)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq28(K: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""$A = \mathcal{K}(x,X)-\mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}\mathcal{K}(X',X) = 0$ for $X\subseteq X'$: for every c,
    $\mathcal{K}(x,X)\,c = \mathcal{K}(x,X')\mathcal{K}_{S'}^{-1}\mathcal{K}(X',X)\,c$. Only the inclusion matters, not the
    indices.
    """
    n = K.shape[-1]
    old, new = slice(0, n - 2), slice(0, n - 1)
    through = _solve(K[:, new, new], times(K[:, new, old], c[:, old]))
    return eq(
        (K[:, -1, old] * c[:, old]).sum(-1),
        share * (K[:, -1, new] * through).sum(-1),
        names=["K(x,X) c", "K(x,X') K'^-1 K(X',X) c"],
    )


@claim(
    id="lookahead.eq28.singular",
    title="Eq. (28) for every kernel",
    source=EQ28,
    sharpens="lookahead.eq28",
    J=D.real("n", "p"),
    c=D.real("n"),
    dims={"n": (3, 4), "p": (1, 4)},
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def eq28_singular(J: Tensor, c: Tensor, *, share: float = 1.0) -> Relation:
    r"""$\mathcal{K}(x,X)\,c = \mathcal{K}(x,X')\,\mathcal{K}_{S'}^+\,\mathcal{K}(X',X)\,c$ for every positive
    semidefinite kernel, here $JJ^\top$.

    Proof: $\mathcal{K}(X',x)$ lies in the range of $\mathcal{K}_{S'}$.
    """
    K = J @ J.mT
    n = K.shape[-1]
    old, new = slice(0, n - 2), slice(0, n - 1)
    through = times(Converged().pull(K[:, new, new]), times(K[:, new, old], c[:, old]))
    return eq(
        (K[:, -1, old] * c[:, old]).sum(-1),
        share * (K[:, -1, new] * through).sum(-1),
        names=["K(x,X) c", "K(x,X') K'^+ K(X',X) c"],
    )
