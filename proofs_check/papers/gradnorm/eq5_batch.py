r"""Eq. (5) where a batch is added, as in the algorithm: the samples pull at each other.

Least squares, one output: k samples with features X and residuals r at the minimiser before; afterwards their residuals are
$(I+XA^{-1}X^\top)^{-1}r$, A the Hessian of the loss before. The gradient norm of a sample is $|r_i||x_i|$, $x_i$ fixed.
"""

from __future__ import annotations

import torch
from torch import Tensor

from altheory import gradient_change
from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import EQ5, square, times
from proofs_check.relations import Relation

SMALL = {"n": (1, 2), "k": (2, 3)}
PAIRS = {"n": (1, 2), "k": (2, 2)}


@claim(
    id="gradnorm.eq5.batch",
    title="Eq. (5) where several samples are added at once",
    source=EQ5,
    reading="for every sample of a batch of at least two, as the algorithm adds them; one output",
    expect="refuted",
    A=D.psd("n", cond=100),
    X=D.real("k", "n"),
    r=D.real("k"),
    dims=SMALL,
    mutants={"at least one percent smaller": dict(share=0.98), "the square at least five percent smaller": dict(share=0.95)},
)
def eq5_batch(A: Tensor, X: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""When k samples of least squares are added at once, the residual of each is at most what it was: $r_1'^2 \le r_1^2$
    for the first, and so for any.

    Counterexample: one feature, one training sample at 1; add two samples at 1 whose residuals are 1 and -5: the first residual
    becomes 7/3.

    Notes: no factor helps: a sample with residual 0 gets one. For one sample alone it is true (gradnorm.eq5.scalar).
    """
    after = gradient_change.residuals_after(A, X, r)
    return leq(after[..., 0] ** 2, share * r[..., 0] ** 2, names=["r_1'^2", "r_1^2"])


@claim(
    id="gradnorm.eq5.batch.clean_labels",
    title="Eq. (5) for a batch without label noise",
    source=EQ5,
    reading="for every sample of a batch, all labels from one linear model, ridge regression",
    expect="refuted",
    P=D.psd("n"),
    w=D.real("n"),
    X=D.real("k", "n"),
    ridge=D.interval(0.25, 4),
    dims=SMALL,
    mutants={"at least one percent smaller": dict(share=0.98), "the square at least five percent smaller": dict(share=0.95)},
)
def eq5_batch_clean_labels(P: Tensor, w: Tensor, X: Tensor, ridge: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let all labels be $y = x^\top w$, and train ridge regression, first on samples with Gram matrix P, then with k more.
    Then $r_1'^2 \le r_1^2$ for the first of them.

    Counterexample: $w = (1, 3)$, ridge 1, nothing trained yet; add $(-1, 0)$ and $(-3, 3)$: the first residual goes from 1 to
    37/29 in absolute value.
    """
    A = P + ridge[..., None, None] * torch.eye(w.shape[-1], dtype=torch.float64)
    missing = ridge[..., None] * torch.linalg.solve(A, w[..., None])[..., 0]  # w - theta_0
    r = times(X, missing)
    after = gradient_change.residuals_after(A, X, r)
    return leq(after[..., 0] ** 2, share * r[..., 0] ** 2, names=["r_1'^2", "r_1^2"])


@claim(
    id="gradnorm.eq5.batch.total",
    title="Eq. (5) for the batch as a whole: the residuals shrink together",
    source=EQ5,
    reading="for the sum over the batch; least squares, one output",
    amends="gradnorm.eq5.batch",
    A=D.psd("n", cond=100),
    X=D.real("k", "n"),
    r=D.real("k"),
    dims={"n": (1, 2), "k": (1, 3)},
    mutants={"one percent smaller": dict(share=0.99), "0.2 percent smaller": dict(share=0.998)},
)
def eq5_batch_total(A: Tensor, X: Tensor, r: Tensor, *, share: float = 1.0) -> Relation:
    r"""When k samples of least squares are added at once, $\sum_i r_i'^2 \le \sum_i r_i^2$.

    Proof: $r' = (I+K)^{-1}r$ with $K = XA^{-1}X^\top$ positive semidefinite.

    Tight at: r in the kernel of K.

    Notes: for any convex losses it is true of the sum of the gradients, in the norm of $A^{-1}$ (gradnorm.eq5.energy_norm).
    """
    after = gradient_change.residuals_after(A, X, r)
    return leq(square(after), share * square(r), names=["sum r_i'^2", "sum r_i^2"])


@claim(
    id="gradnorm.eq5.batch.one_of_them",
    title="Eq. (5) for at least one sample of the batch",
    source=EQ5,
    reading="for some sample of every batch; least squares, one output",
    amends="gradnorm.eq5.batch",
    A=D.psd("n", cond=100),
    X=D.real("k", "n"),
    r=D.real("k"),
    dims=PAIRS,
    uses=["gradnorm.eq5.batch.total"],
    mutants={"for both of two": dict(which=1), "by one percent": dict(share=0.99)},
)
def eq5_batch_one_of_them(A: Tensor, X: Tensor, r: Tensor, *, which: int = 0, share: float = 1.0) -> Relation:
    r"""When two samples of least squares are added at once, one of them at least does not gain: $\min_i(r_i'^2-r_i^2) \le 0$.

    Proof: the sum over i is at most 0.

    Notes: of two, not more can be promised: gradnorm.eq5.batch.
    """
    after = gradient_change.residuals_after(A, X, r)
    change = torch.sort(after**2 - share * r**2, dim=-1).values
    return leq(change[..., which], 0 * change[..., 0], names=["least change of r_i^2", "0"])
