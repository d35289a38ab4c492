r"""The selection after exact retraining: does the sample with the higher gradient norm give the lower test loss?"""

from __future__ import annotations

import torch
from torch import Tensor

from proofs_check import claim, leq
from proofs_check import domains as D
from proofs_check.papers.gradnorm._settings_convex import SOURCE, dot, logistic, square, wrong
from proofs_check.relations import Relation

ABSTRACT = f"{SOURCE}, abstract and the conclusion after eq. (5)"
SMALL = {"n": (1, 2)}


def _after(A: Tensor, x: Tensor, r: Tensor) -> Tensor:
    """How least squares with Hessian A moves when a sample x with label r above its output is added."""
    v = torch.linalg.solve(A, x[..., None])[..., 0]
    return (r / (1 + dot(x, v)))[..., None] * v


@claim(
    id="gradnorm.selection.test_loss",
    title="The sample with the higher gradient norm gives the lower test loss",
    source=ABSTRACT,
    reading="of the retrained model's true test loss; least squares, true gradient norms",
    expect="refuted",
    A=D.psd("n", cond=100),
    a=D.real("n"),
    b=D.real("n"),
    label_a=D.real(),
    label_b=D.real(),
    x=D.real("n"),
    y=D.real(),
    dims=SMALL,
    assumes=[lambda a, b, label_a, label_b: square(a) * label_a**2 > square(b) * label_b**2],
    mutants={"by one percent": dict(share=0.99), "by five percent": dict(share=0.95)},
)
def retrained_loss(
    A: Tensor,
    a: Tensor,
    b: Tensor,
    label_a: Tensor,
    label_b: Tensor,
    x: Tensor,
    y: Tensor,
    *,
    share: float = 1.0,
) -> Relation:
    r"""Let least squares with Hessian A have its minimum at 0, and let two samples have gradients $-a\,y_a$ and $-b\,y_b$
    there, the first longer. Then the test loss $\frac12(x^\top\theta-y)^2$ after training with the first is at most that
    after training with the second.

    Counterexample: one feature, $A = 1$, test sample $(1, 1)$. Add $(1, -2)$, gradient norm 2: test loss 2. Add $(1, 1)$,
    gradient norm 1: test loss 1/8. Without either it is 1/2.
    """
    losses = [(dot(x, _after(A, v, label)) - y) ** 2 / 2 for v, label in ((a, label_a), (b, label_b))]
    return leq(losses[0], share * losses[1], names=["test loss with the higher norm", "test loss with the lower norm"])


@claim(
    id="gradnorm.selection.test_loss.clean_labels",
    title="The same without label noise",
    source=ABSTRACT,
    reading="of the retrained model's true test loss; all labels from one linear model, ridge regression with ridge 1",
    expect="refuted",
    P=D.psd("n"),
    w=D.real("n"),
    a=D.real("n"),
    b=D.real("n"),
    x=D.real("n"),
    dims={"n": (2, 2)},
    assumes=[lambda P, w, a, b: _clean_norm(P, w, a) > _clean_norm(P, w, b)],
    mutants={"by one percent": dict(share=0.99), "by five percent": dict(share=0.95)},
)
def retrained_loss_clean_labels(P: Tensor, w: Tensor, a: Tensor, b: Tensor, x: Tensor, *, share: float = 1.0) -> Relation:
    r"""Let all labels, of the training samples with Gram matrix P, of both candidates and of the test sample, be $x^\top
    w$. If a has the larger gradient norm, then the test loss after training with a is at most that after training with b.

    Counterexample: $w = (1, 3)$, nothing trained yet, test sample $(1, 0)$. Add $(2, -1)$, squared gradient norm 5: test
    loss 8/9, worse than the 1/2 without it. Add $(1, 0)$, gradient norm 1: test loss 1/8.
    """
    A, missing = _ridge(P, w)
    losses = [dot(x, missing - _after(A, v, dot(v, missing))) ** 2 / 2 for v in (a, b)]
    return leq(losses[0], share * losses[1], names=["test loss with the higher norm", "test loss with the lower norm"])


def _ridge(P: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The Hessian with ridge 1, and what ridge regression on clean labels leaves of w."""
    A = P + torch.eye(w.shape[-1], dtype=torch.float64)
    return A, torch.linalg.solve(A, w[..., None])[..., 0]


def _clean_norm(P: Tensor, w: Tensor, v: Tensor) -> Tensor:
    """The squared gradient norm of a sample v with a clean label."""
    return square(v) * dot(v, _ridge(P, w)[1]) ** 2


def _score(v: Tensor, theta: Tensor) -> Tensor:
    """Entropy-gradnorm of a sample with feature v under logistic regression with one weight."""
    z = v * theta
    return v.abs() * z.abs() * wrong(z) * wrong(-z)


def _pull(v: Tensor, theta: Tensor) -> Tensor:
    """Minus the slope of the loss of a sample with signed feature v."""
    return v * wrong(v * theta)


@claim(
    id="gradnorm.selection.entropy_gradnorm",
    title="The sample with the higher entropy-gradnorm gives the lower test loss",
    source=ABSTRACT,
    reading="of the retrained model's true test loss; logistic regression with one weight, scores by eq. (7)",
    expect="refuted",
    theta=D.interval(-4, 4),
    a=D.interval(-4, 4),
    b=D.interval(-4, 4),
    move_a=D.interval(0, 4),
    move_b=D.interval(0, 4),
    x=D.interval(-4, 4),
    assumes=[
        lambda theta, a, b: _score(a, theta) > _score(b, theta),
        lambda theta, a, b, move_a, move_b: (
            (a * move_a - b * move_b) * (_pull(a, theta + a * move_a) - _pull(b, theta + b * move_b)) >= 0
        ),
    ],
    mutants={"by one percent": dict(share=0.99), "by five percent": dict(share=0.95)},
)
def entropy_gradnorm(
    theta: Tensor, a: Tensor, b: Tensor, move_a: Tensor, move_b: Tensor, x: Tensor, *, share: float = 1.0
) -> Relation:
    r"""Let a sample with label $y = \pm1$ and one feature be given by their product, its loss be $\log(1+e^{-a\theta})$, and a
    convex training loss have its minimum at $\theta$. If a has the higher entropy-gradnorm, then the test loss after
    training with a is at most that after training with b.

    Counterexample: $\theta = 1$, test sample 1. The sample $a = -1$, wrongly predicted, moves $\theta$ to 1/2, $b = 1/2$
    moves it to 3/2. a has the higher score, and the higher test loss.

    Notes: it happens with two weights, ridge 1, exact retraining and correct labels too: three samples at -1 of class -1
    put the boundary at 1. The candidate at 6 (score 0.72) leaves the test sample at 1 a loss of 0.624, the one at 1 (score
    0) one of 0.412.

    $\theta_a = \theta+a\,m_a$ and $\theta_b = \theta+b\,m_b$ are drawn; a convex training loss that leads there
    exists exactly when the slopes $a\,\sigma(-a\theta_a)$ and $b\,\sigma(-b\theta_b)$ are ordered as $\theta_a$ and
    $\theta_b$ are.
    """
    losses = [logistic(x * (theta + v * move)) for v, move in ((a, move_a), (b, move_b))]
    return leq(losses[0], share * losses[1], names=["test loss with the higher score", "test loss with the lower score"])
