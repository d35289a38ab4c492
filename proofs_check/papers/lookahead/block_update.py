r"""Eq. (12): one more labelled point by the block form of the inverse, as printed, repaired, and for duplicates."""

from __future__ import annotations

import torch
from torch import Tensor

import altheory as al
from proofs_check import all_of, claim, eq
from proofs_check import domains as D
from proofs_check.papers.lookahead._settings_queries import DIGITS, ON, SOURCE
from proofs_check.relations import Relation

EQ12 = f"{SOURCE}, section 3, eq. (12)"

#: kernel of the labelled points, the new point x' and another point x, in this order; residuals Y - f_L(X), y' - f_L(x')
KERNEL, RESIDUALS = D.psd("m", cond=1e4), D.real("m")
SIZES = {"m": (3, 5)}


def _blocks(M: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    n = M.shape[-1] - 2
    return M[:, :n, :n], M[:, :n, n], M[:, n, n], M[:, n + 1 :, :n], M[:, n + 1 :, n]


def _by_definition(M: Tensor, r: Tensor) -> Tensor:
    """f_{L+}(x) - f_L(x) by eq. (11)."""
    n = M.shape[-1] - 1
    return (M[:, n, :n] * torch.linalg.solve(M[:, :n, :n], r[:, :n, None])[..., 0]).sum(-1)


def _update(M: Tensor, r: Tensor, printed: bool) -> Tensor:
    n = M.shape[-1] - 2
    form = al.lookahead.printed_block_update if printed else al.lookahead.block_update
    return form(*_blocks(M), r[:, :n], r[:, n])[:, 0]


def _linear(M: Tensor, r: Tensor) -> Tensor:
    """f_L^lin(x) - f_L(x)."""
    n = M.shape[-1] - 2
    return al.lookahead.linear_fit(M[:, :n, :n], M[:, n + 1 :, :n], r[:, :n])[:, 0]


@claim(
    id="lookahead.eq12.as_printed",
    title="The block update with the printed v",
    source=EQ12,
    reading="as printed in our copy, which may have lost an exponent: v = K k; f_L^lin the linear model trained on L",
    expect="refuted",
    M=KERNEL,
    r=RESIDUALS,
    dims={"m": (3, 3)},
    on=ON,
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def as_printed(M: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""With $v = \Theta(X,X)\,\Theta(X,x')$ and $u = \Theta(x',x')-\Theta(x',X)\Theta(X,X)^{-1}\Theta(X,x')$, training to the
    end on $L^+ = L\cup(x',y')$, eq. (11), gives $f_{L^+}(x) = f_L^{lin}(x)+\frac1u(\Theta(x,X)v-\Theta(x,x'))
    (v^\top(Y-f_L(X))-(y'-f_L(x')))$.

    In the paper: v is printed without an inverse, u with one.

    Counterexample: one labelled point, $\Theta(X,X) = 2$, all other values of the kernel 1 but $\Theta(x,x) = 2$; residuals 0
    at X and 1 at x'. Then f(x) moves by 1, and the formula says -2.
    """
    return eq(
        share * (_linear(M, r) + _update(M, r, printed=True)), _by_definition(M, r), names=["eq. (12) as printed", "eq. (11)"]
    )


@claim(
    id="lookahead.eq12",
    title="The block update",
    source=EQ12,
    reading="with the lost inverse: v = K^{-1} k; f_L^lin the linear model trained on L",
    amends="lookahead.eq12.as_printed",
    M=KERNEL,
    r=RESIDUALS,
    dims=SIZES,
    on=ON,
    also_on=DIGITS,
    mutants={"one percent more": dict(share=1.01), "the printed v": dict(printed=True)},
)
def eq12(M: Tensor, r: Tensor, *, share: float = 1.0, printed: bool = False) -> Relation:
    r"""With $v = \Theta(X,X)^{-1}\Theta(X,x')$ and $u = \Theta(x',x')-\Theta(x',X)v > 0$, training to the end on
    $L^+ = L\cup(x',y')$, eq. (11), gives $f_{L^+}(x) = f_L^{lin}(x)+\frac1u(\Theta(x,X)v-\Theta(x,x'))
    (v^\top(Y-f_L(X))-(y'-f_L(x')))$ with $f_L^{lin}(x) = f_L(x)+\Theta(x,X)\Theta(X,X)^{-1}(Y-f_L(X))$.

    Proof: the inverse of $\Theta(X^+,X^+)$ by blocks.
    """
    return eq(share * (_linear(M, r) + _update(M, r, printed)), _by_definition(M, r), names=["eq. (12)", "eq. (11)"])


@claim(
    id="lookahead.eq12.network",
    title="The block update added to the network's own outputs",
    source=EQ12,
    reading="f_L^lin taken to be the network f_L, which has not converged",
    expect="refuted",
    M=KERNEL,
    r=RESIDUALS,
    dims={"m": (3, 3)},
    on=ON,
    mutants={"one percent more": dict(share=1.01), "one percent less": dict(share=0.99)},
)
def network(M: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""With the repaired v, $f_{L^+}(x) = f_L(x)+\frac1u(\Theta(x,X)v-\Theta(x,x'))(v^\top(Y-f_L(X))-(y'-f_L(x')))$.

    Counterexample: one labelled point with $\Theta(X,X) = \Theta(X,x) = 1$, x' orthogonal to both; residuals 1 at X and 0
    at x'. Then f(x) moves by 1, the formula leaves it.
    """
    return eq(
        share * _update(M, r, printed=False), _by_definition(M, r), names=["eq. (12) from f_L", "eq. (11), change from f_L"]
    )


@claim(
    id="lookahead.eq12.converged",
    title="The block update of a converged network",
    source=EQ12,
    reading="f_L^lin taken to be the network f_L, which has converged",
    amends="lookahead.eq12.network",
    M=KERNEL,
    rho=D.real(),
    dims=SIZES,
    on=ON,
    also_on=DIGITS,
    mutants={"one percent more": dict(share=1.01), "a tenth of the residual left": dict(left=0.1)},
)
def converged(M: Tensor, rho: Tensor, *, share: float = 1.0, left: float = 0.0) -> Relation:
    r"""If $f_L(X) = Y$, then $f_{L^+}(x) = f_L(x)+\frac{S(x,x')}{u}(y'-f_L(x'))$ with
    $S(x,x') = \Theta(x,x')-\Theta(x,X)\Theta(X,X)^{-1}\Theta(X,x')$ and $u = S(x',x')$.
    """
    m = M.shape[-1]
    new = (torch.arange(m) == m - 2).to(torch.float64)
    r = rho[:, None] * (new + left * (1 - new))
    K, k, kappa, K_x, k_x = _blocks(M)
    v, u, _ = al.lookahead.schur(K, k, kappa)
    S = k_x[:, 0] - (K_x[:, 0] * v).sum(-1)
    return eq(share * S * rho / u, _by_definition(M, r), names=["S rho / u", "eq. (11), change from f_L"])


def _repeated(K: Tensor, times: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Blocks for labelled points of which the first stands there `times` times, x' the first point again, x the last point."""
    n = K.shape[-1]
    rows = torch.tensor([*[0] * times, *range(1, n - 1)])
    across = torch.index_select(K, -1, rows)
    return torch.index_select(across, -2, rows), across[:, 0], K[:, 0, 0], across[:, n - 1 :], K[:, n - 1 :, 0]


@claim(
    id="lookahead.eq12.duplicates",
    title="The block update for a candidate that is labelled already",
    source="own derivation; Greville (1960)",
    sharpens="lookahead.eq12",
    A=D.real("n", "p"),
    r=D.real("n"),
    rho=D.real(2),
    dims={"n": (2, 4), "p": (1, 3)},
    mutants={"one percent more": dict(share=1.01), "as if labelled once": dict(count=1.0)},
)
def duplicates(A: Tensor, r: Tensor, rho: Tensor, *, share: float = 1.0, count: float = 2.0) -> Relation:
    r"""Let the kernel be $I+AA^\top$ and x' among the labelled points twice, with residuals $r_1, r_2$ of its labels. Then u
    = 0 and (12) is 0/0, but training to the end on $L^+$ has a limit, eq. (11) with the pseudo-inverse: every output f(x) is
    that of (12) without the copies, their labels replaced by the mean of all three, and relative to $f_L^{lin}$ it moves by
    $\frac{1}{3}\,w(x)\,(\rho-\frac{r_1+r_2}2)$, w(x) what one more unit of label at x' adds.

    Proof: the model fits repeated points by their mean label, which moves by 1/(m+1) of the new residual, m the copies before.
    """
    n = A.shape[-2]
    K = torch.eye(n, dtype=torch.float64) + A @ torch.transpose(A, -1, -2)
    residual = torch.cat([rho[:, :1], r[:, :1], r[:, 1 : n - 1]], 1)
    step = al.lookahead.block_update(*_repeated(K, 2), residual, rho[:, 1])[:, 0]
    inner = K[:, : n - 1, : n - 1]
    w = torch.linalg.solve(inner, K[:, n - 1, : n - 1, None])[:, 0, 0]
    mean = (rho[:, 0] + r[:, 0]) / 2
    simple = eq(share * step, w * (rho[:, 1] - mean) / (count + 1), names=["update through K^+", "w (rho - mean) / 3"])
    again = al.lookahead.linear_fit(*_augmented(K), torch.cat([residual, rho[:, 1:]], 1))[:, 0]
    before = al.lookahead.linear_fit(*_without(K), residual)[:, 0]
    return all_of(simple, eq(before + step, again, names=["f_L^lin + update", "eq. (11) with K^+"]))


def _without(K: Tensor) -> tuple[Tensor, Tensor]:
    inner, _, _, across, _ = _repeated(K, 2)
    return inner, across


def _augmented(K: Tensor) -> tuple[Tensor, Tensor]:
    n = K.shape[-1]
    rows = torch.tensor([0, 0, *range(1, n - 1), 0])
    across = torch.index_select(K, -1, rows)
    return torch.index_select(across, -2, rows), across[:, n - 1 :]
