r"""Learning from weighted rows: the weighted regression, and stochastic gradients that draw rows by weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory._weights import seed_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


def weighted_regression(
    V: Float[ArrayLike, "k D"], y: Float[ArrayLike, "k ..."], weights: Float[ArrayLike, " k"]
) -> Float[Tensor, "D ..."]:
    r"""$\arg\min_a\sum_j u_j|v_j\cdot a-y_j|^2$, by a QR of the rows times $\sqrt{u_j}$.

    Args:
        V: (k, D) the sampled rows, `V[indices]`.
        y: (k,) their labels, or (k, K) for K outputs.
        weights: (k,) not negative.

    Returns:
        Coefficients (D,) or (D, K).

    Raises:
        InputError: Shapes or dtypes that do not fit, a negative weight, or rows that do not span the space.

    Source: "Sample Complexity of Deep Active Learning", eq. (3).
    """
    V, y, weights = _labelled(V, y, weights)
    roots = weights.sqrt()
    Q, R = torch.linalg.qr(V * roots[:, None])
    size = torch.linalg.svdvals(R.detach())
    if len(V) < V.shape[1] or bool(size[-1] <= len(V) * torch.finfo(V.dtype).eps * size[0]):
        raise InputError(
            f"`V` has {len(V)} rows that, weighted, do not span the {V.shape[1]} dimensions, so the minimiser is not unique; "
            "pass a good sample, such as one of `randomized_bss`."
        )
    matrix = y[:, None] if y.ndim == 1 else y
    found = torch.linalg.solve_triangular(R, Q.mT @ (matrix * roots[:, None]), upper=True)
    return found[:, 0] if y.ndim == 1 else found


def weighted_draws(weights: Float[ArrayLike, " k"], draws: int, *, seed: int | torch.Generator) -> Int[Tensor, " draws"]:
    r"""The data sampler of theorem 4.2: independent rows with $P(j) = u_j/U$, $U = \sum u_j$.

    The mean of the *unweighted* gradients of rows so drawn is $\nabla\sum_ju_j\ell_j/U$. Weighting them once more would
    minimise $\sum_ju_j^2\ell_j$.

    Args:
        weights: (k,) not negative, not all zero.
        draws: How many.
        seed: Integer or CPU generator.

    Returns:
        (draws,) row numbers, int64.

    Raises:
        InputError: A negative weight, or no positive one.

    Source: "Sample Complexity of Deep Active Learning", theorem 4.2.
    """
    u = _weights(as_tensor("weights", weights, ndim=1, layout="(k,)")).detach().cpu().double().numpy()
    running = np.cumsum(u)
    place = np.random.default_rng(seed_of(seed)).random(check_integer("draws", draws)) * running[-1]
    last = int(np.flatnonzero(u)[-1])
    return torch.from_numpy(np.minimum(np.searchsorted(running, place, side="right"), last).astype(np.int64))


def weighted_sgd(
    V: Float[ArrayLike, "k D"],
    y: Float[ArrayLike, " k"],
    weights: Float[ArrayLike, " k"],
    *,
    steps: int,
    seed: int | torch.Generator,
    lr: float | None = None,
) -> Float[Tensor, " D"]:
    r"""Stochastic gradient descent on the weighted regression, rows drawn by `weighted_draws`, from zero.

    A step is $a\leftarrow a-2\eta(v_j\cdot a-y_j)v_j$. The result is the mean of the second half of the iterates: with
    a constant step size the iterates have the minimiser of $\sum u_j\ell_j$ as their stationary mean, so its error falls as
    1/steps in the mean square.

    Args:
        V: As for `weighted_regression`, as are the next two.
        y: (k,) labels, one output.
        weights: (k,).
        steps: Number of gradient steps.
        seed: Integer or CPU generator.
        lr: $\eta$; None is $1/(4\max|v_j|^2)$.

    Returns:
        Coefficients (D,).

    Raises:
        InputError: As for `weighted_regression`, or a step size outside $(0, 1/\max|v_j|^2)$, beyond which a step overshoots.
    """
    V, y, weights = _labelled(V, y, weights)
    if y.ndim != 1:
        raise InputError(f"`y` has shape {tuple(y.shape)} but one output, (k,), is wanted; run one output at a time.")
    order = weighted_draws(weights, steps, seed=seed).numpy()
    rows, labels = V.detach().cpu().double().numpy(), y.detach().cpu().double().numpy()
    largest = float(np.einsum("ij,ij->i", rows, rows)[weights.cpu().numpy() > 0].max())
    eta = 0.25 / largest if lr is None and largest > 0 else lr
    if eta is None or not 0 < eta * largest < 1:
        raise InputError(
            f"`lr` is {lr!r} but a number between 0 and {1 / max(largest, 1e-300):.3g} is wanted; pass a smaller one."
        )
    a, total = np.zeros(rows.shape[1]), np.zeros(rows.shape[1])
    for step, j in enumerate(order):
        v = rows[j]
        a -= (2 * eta * (v @ a - labels[j])) * v
        if step >= steps // 2:
            total += a
    mean = total / (steps - steps // 2)
    return torch.from_numpy(mean).to(dtype=V.dtype, device=V.device)


def _labelled(V: Any, y: Any, weights: Any) -> tuple[Tensor, Tensor, Tensor]:
    rows = as_tensor("V", V, ndim=2, layout="(k, D)")
    labels = as_tensor("y", y, ndim=(1, 2), layout="(k,) or (k, K)", like=("V", rows))
    u = as_tensor("weights", weights, ndim=1, layout="(k,)", like=("V", rows))
    if not len(rows) == len(labels) == len(u):
        raise InputError(
            f"`V`, `y` and `weights` have {len(rows)}, {len(labels)} and {len(u)} rows but the same number is wanted; index "
            "all of them by the sampled rows."
        )
    return rows, labels, _weights(u)


def _weights(u: Tensor) -> Tensor:
    if bool((u < 0).any()) or not bool((u > 0).any()):
        raise InputError(
            f"`weights` go from {float(u.min()):.6g} to {float(u.max()):.6g} but weights of at least 0, not all of them 0, are "
            "wanted; pass those of a sampler."
        )
    return u
