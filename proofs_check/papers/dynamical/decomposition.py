r"""Equation (13) and appendix A.4: the change that a set makes, split into its members' and what they share."""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import dynamics
from proofs_check import claim, eq
from proofs_check import domains as D
from proofs_check.papers.dynamical._settings_gradients import (
    CANDIDATES,
    DIGITS,
    LABELLED,
    ON_GRADIENTS,
    SOURCE,
)
from proofs_check.relations import Relation

EQ13 = f"{SOURCE}, section 3.2, eq. (13), and the last line of appendix A.4"
SET = {"n": (1, 4), "p": (1, 3)}


def _pairs(chosen: Tensor, squares: float, each: float) -> Tensor:
    """A sum of <g_u, g_u'> over pairs: `squares` times those with u = u', `each` times the ordered ones with u != u'."""
    return squares * (chosen * chosen).sum(-1).sum(-1) + each * dynamics.cross_terms(chosen)


@claim(
    id="dynamical.a4",
    title="Appendix A.4: the line before the last",
    source=f"{SOURCE}, appendix A.4",
    J=D.real("n", 2, 2),
    d=D.real("n", 2),
    labelled=D.real(2),
    dims={"n": (1, 3)},
    uses=["dynamical.eq8"],
    mutants={"the term with S 1.98 times": dict(twice=1.98), "only i = j": dict(cross=0.0)},
)
def a4(J: Tensor, d: Tensor, labelled: Tensor, *, twice: float = 2.0, cross: float = 1.0) -> Relation:
    r"""$\Delta(Q|S) = 2\sum_{u\in Q}\langle g_u,g_S\rangle+\sum_{u\in Q}\sum_{ij}d^i(x_u)K^{ij}(x_u,x_u)d^j(x_u)
    +\sum_{u\in Q}\sum_{u'\in Q,\,u'\ne u}\sum_{ij}d^i(x_u)K^{ij}(x_u,x_{u'})d^j(x_{u'})$.

    Repairs: gradients and labels of the second factor in the last sum carry $u'$.
    """
    g = dynamics.sample_gradients(J, d)
    K = dynamics.tangent_kernel(J)
    outputs = torch.eye(2, dtype=torch.float64)[:, :, None, None]
    K = K * (outputs + cross * (1 - outputs))
    own = torch.eye(J.shape[1], dtype=torch.float64)
    squares, distinct = dynamics.by_kernel(K * own, d), dynamics.by_kernel(K * (1 - own), d)
    middle = (g * labelled[:, None, :]).sum(-1).sum(-1)
    return eq(
        dynamics.change_of_set(g, labelled),
        twice * middle + squares + distinct,
        names=["Delta(Q|S)", "with S + squares + distinct pairs"],
    )


@claim(
    id="dynamical.eq13",
    title="Eq. (13) over ordered pairs of different members",
    source=EQ13,
    reading="the sum runs over ordered pairs u != u', as in the line before",
    amends="dynamical.eq13.as_printed",
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims=SET,
    on=ON_GRADIENTS,
    also_on=DIGITS,
    mutants={"one percent of the squares too": dict(squares=0.01), "1.01 times the pairs": dict(each=1.01)},
)
def eq13(candidates: Tensor, labelled: Tensor, *, squares: float = 0.0, each: float = 1.0) -> Relation:
    r"""For a query set Q,
    $\Delta(Q|S) = \sum_{u\in Q}\Delta(\{u\}|S)+\sum_{u\ne u'}\langle g_u,g_{u'}\rangle$, the last sum over ordered pairs, where
    $\langle g_u,g_{u'}\rangle = \sum_{ij}d^i(x_u)K^{ij}(x_u,x_{u'})d^j(x_{u'})$.

    In the paper: the pairs $(x_u,\hat y_u),(x_{u'},\hat y_{u'}) \in \hat Q$ without $u \ne u'$, and no sum over i, j.
    """
    left = dynamics.change_of_set(candidates, labelled)
    right = dynamics.change(candidates, labelled).sum(-1) + _pairs(candidates, squares, each)
    return eq(left, right, names=["Delta(Q|S)", "sum of Delta({u}|S) + pairs"])


@claim(
    id="dynamical.eq13.as_printed",
    title="Eq. (13) over all pairs",
    source=EQ13,
    reading="as printed: all pairs, u = u' included",
    expect="refuted",
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims=SET,
    on=ON_GRADIENTS,
    mutants={"1.01 times the squares": dict(squares=1.01), "half the squares": dict(squares=0.5)},
)
def eq13_as_printed(candidates: Tensor, labelled: Tensor, *, squares: float = 1.0) -> Relation:
    r"""For a query set Q,
    $\Delta(Q|S) = \sum_{u\in Q}\Delta(\{u\}|S)+\sum_{u,u'\in Q}\langle g_u,g_{u'}\rangle$, pairs with $u = u'$ included.

    Counterexample: one candidate, $f = \theta x$ with $x = 1$, $y = 0$, $\theta = 1$, $g_S = 0$: the left side is 1, the right
    side 2.

    Notes: the squares are in $\Delta(\{u\}|S)$ already. The line before it in appendix A.4 has $u' \ne u$: an index was
    lost.
    """
    left = dynamics.change_of_set(candidates, labelled)
    right = dynamics.change(candidates, labelled).sum(-1) + _pairs(candidates, squares, 1.0)
    return eq(left, right, names=["Delta(Q|S)", "sum of Delta({u}|S) + all pairs"])


@claim(
    id="dynamical.eq13.unordered",
    title="Eq. (13) over unordered pairs",
    source=EQ13,
    reading="each pair of different members counted once",
    expect="refuted",
    candidates=CANDIDATES,
    labelled=LABELLED,
    dims={"n": (2, 4), "p": (1, 3)},
    on=ON_GRADIENTS,
    mutants={"1.01 times the pairs": dict(each=0.505), "0.99 times the pairs": dict(each=0.495)},
)
def eq13_unordered(candidates: Tensor, labelled: Tensor, *, each: float = 0.5) -> Relation:
    r"""For a query set Q,
    $\Delta(Q|S) = \sum_{u\in Q}\Delta(\{u\}|S)+\sum_{\{u,u'\}\subseteq Q}\langle g_u,g_{u'}\rangle$, every pair once.

    Counterexample: two candidates with $g_u = 1$, $g_S = 0$: the left side is 4, the right side 3.
    """
    left = dynamics.change_of_set(candidates, labelled)
    right = dynamics.change(candidates, labelled).sum(-1) + _pairs(candidates, 0.0, each)
    return eq(left, right, names=["Delta(Q|S)", "sum of Delta({u}|S) + unordered pairs"])
