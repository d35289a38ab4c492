r"""The two definitions, and what they say about one step $\theta_{t+1} = \theta_t-\eta\nabla L(\theta_t)$.

All functions take numbers or batched tensors elementwise: values of the loss, squared lengths of gradients, constants.
With $G = |\nabla L|^2/L$ and the first-order remainder $\xi = L_{t+1}-L_t+\eta|\nabla L_t|^2$ all that is said
of a step here is the definition at the pair $(\theta_t,\theta_{t+1})$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class Constants(NamedTuple):
    r"""Constants of a loss, each (...): $(\alpha,\beta)$ of semi-smoothness, $(\mu,M)$ of its gradient scale."""

    alpha: Tensor
    beta: Tensor
    mu: Tensor
    M: Tensor


def upper_bound(
    loss: Float[ArrayLike, "*batch"],
    gradient: Float[ArrayLike, "*batch p"],
    move: Float[ArrayLike, "*batch p"],
    alpha: Float[ArrayLike, "*batch"],
    beta: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""What definition 1 allows at $x+h$: $L(x)+\langle\nabla L(x),h\rangle+\alpha\sqrt{L(x)}\,|h|+\beta|h|^2$.

    Source: CRC, eq. (5).

    Args:
        loss: (...) nonnegative values L(x).
        gradient: (..., p) gradients at x.
        move: (..., p) the move h.
        alpha: (...).
        beta: (...).

    Raises:
        InputError: Something is not finite, a loss is negative, or gradient and move have different shapes.
    """
    L, slope, h, a, b = as_tensors(loss=loss, gradient=gradient, move=move, alpha=alpha, beta=beta)
    _nonnegative("loss", L)
    if not is_exact(slope) and slope.shape != h.shape:
        raise InputError(
            f"`gradient` and `move` have shapes {tuple(slope.shape)} and {tuple(h.shape)} but the same shape (..., p) is "
            "wanted; pass a move in the space of the parameters."
        )
    square = (h * h).sum(-1)
    return L + (slope * h).sum(-1) + a * torch.sqrt(L * square) + b * square


def monotonicity_bound(
    loss_x: Float[ArrayLike, "*batch"],
    loss_y: Float[ArrayLike, "*batch"],
    distance: Float[ArrayLike, "*batch"],
    alpha: Float[ArrayLike, "*batch"],
    beta: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""$\alpha(\sqrt{L(x)}+\sqrt{L(y)})|y-x|+2\beta|y-x|^2$, which bounds
    $\langle\nabla L(y)-\nabla L(x),y-x\rangle$.

    Source: CRC, proposition 1, eq. (15).

    Args:
        loss_x: (...) nonnegative values at x.
        loss_y: (...) nonnegative values at y.
        distance: (...) |y - x|.
        alpha: (...).
        beta: (...).

    Raises:
        InputError: Something is not finite, or a loss is negative.
    """
    Lx, Ly, r, a, b = as_tensors(loss_x=loss_x, loss_y=loss_y, distance=distance, alpha=alpha, beta=beta)
    _nonnegative("loss_x", Lx)
    _nonnegative("loss_y", Ly)
    return a * (torch.sqrt(Lx) + torch.sqrt(Ly)) * r + 2 * b * r * r


def gradient_bound(
    loss: Float[ArrayLike, "*batch"], alpha: Float[ArrayLike, "*batch"], beta: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""$(\alpha+2\sqrt\beta)^2L$, which bounds $|\nabla L|^2$ for every nonnegative $(\alpha,\beta)$-smooth L on all of
    $R^p$: the right side of definition 1 along $-\nabla L$ is never negative.

    Args:
        loss: (...) nonnegative values.
        alpha: (...).
        beta: (...), nonnegative.

    Raises:
        InputError: Something is not finite or negative.
    """
    L, a, b = as_tensors(loss=loss, alpha=alpha, beta=beta)
    _nonnegative("loss", L)
    _nonnegative("beta", b)
    return (a + 2 * torch.sqrt(b)) ** 2 * L


def perturbation(
    loss: Float[ArrayLike, "*batch"],
    next_loss: Float[ArrayLike, "*batch"],
    squared_gradient: Float[ArrayLike, "*batch"],
    eta: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""$\xi = \int_0^\eta\langle\nabla L_t,\nabla L_t-\nabla L(\theta_t-\gamma\nabla L_t)\rangle d\gamma =
    L_{t+1}-L_t+\eta|\nabla L_t|^2$.

    The right side is the fundamental theorem of calculus along the step; it cancels to order $\eta^2$, so in floating point
    its relative error grows as $\eta$ falls.

    Args:
        loss: (...) $L_t$.
        next_loss: (...) $L_{t+1}$.
        squared_gradient: (...) $|\nabla L_t|^2$.
        eta: (...) step size.

    Raises:
        InputError: Something is not finite.
    """
    L, after, G2, step = as_tensors(loss=loss, next_loss=next_loss, squared_gradient=squared_gradient, eta=eta)
    return after - L + step * G2


def perturbation_bound(
    loss: Float[ArrayLike, "*batch"],
    squared_gradient: Float[ArrayLike, "*batch"],
    eta: Float[ArrayLike, "*batch"],
    alpha: Float[ArrayLike, "*batch"],
    beta: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""$\alpha\eta\sqrt{L}\,|\nabla L|+\beta\eta^2|\nabla L|^2$, which bounds $\xi$: definition 1 at $(\theta_t,\theta_{t+1})$.

    Args:
        loss: (...) nonnegative.
        squared_gradient: (...) $|\nabla L|^2$.
        eta: (...) step size.
        alpha: (...).
        beta: (...).

    Raises:
        InputError: Something is not finite, or a loss is negative.
    """
    L, G2, step, a, b = as_tensors(loss=loss, squared_gradient=squared_gradient, eta=eta, alpha=alpha, beta=beta)
    _nonnegative("loss", L)
    return a * step * torch.sqrt(L * G2) + b * step * step * G2


def step_bound(
    scale: Float[ArrayLike, "*batch"],
    eta: Float[ArrayLike, "*batch"],
    alpha: Float[ArrayLike, "*batch"],
    beta: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""$1-\eta G+\alpha\eta\sqrt G+\beta\eta^2G$ with $G = |\nabla L|^2/L$: which bounds $L_{t+1}/L_t$.

    Source: CRC, eq. (16), where the factor of $\beta\eta^2$ is missing.

    Args:
        scale: (...) G, nonnegative.
        eta: (...) step size.
        alpha: (...).
        beta: (...).

    Raises:
        InputError: Something is not finite, or G is negative.
    """
    G, step, a, b = as_tensors(scale=scale, eta=eta, alpha=alpha, beta=beta)
    _nonnegative("scale", G)
    return 1 - step * G + a * step * torch.sqrt(G) + b * step * step * G


def contraction(eta: Float[ArrayLike, "*batch"], constants: Constants) -> Float[Tensor, "*batch"]:
    r"""$1-\eta(\mu(1-\beta\eta)-\alpha\sqrt\mu)$, which bounds $L_{t+1}/L_t$ for $\alpha < \sqrt\mu$ and
    $0 \le \eta \le (1-\alpha/\sqrt\mu)/\beta$.

    Args:
        eta: (...) step size.
        constants: $(\alpha,\beta,\mu,M)$ of the loss; M is not used.

    Raises:
        InputError: Something is not finite, or mu is negative.
    """
    step, a, b, mu = as_tensors(eta=eta, alpha=constants.alpha, beta=constants.beta, mu=constants.mu)
    _nonnegative("mu", mu)
    return 1 - step * (mu * (1 - b * step) - a * torch.sqrt(mu))


def best_step(constants: Constants) -> tuple[Float[Tensor, "*batch"], Float[Tensor, "*batch"]]:
    r"""The step at which `contraction` is smallest, $\eta^* = (1-\alpha/\sqrt\mu)/(2\beta)$, and its value
    $1-(\sqrt\mu-\alpha)^2/(4\beta)$.

    Args:
        constants: $(\alpha,\beta,\mu,M)$ with $\alpha < \sqrt\mu$ and $\beta > 0$; M is not used.

    Returns:
        The step size and the factor, each (...).

    Raises:
        InputError: $\alpha \ge \sqrt\mu$, or $\beta \le 0$: no step is guaranteed to decrease the loss.
    """
    alpha, beta, mu = as_tensors(alpha=constants.alpha, beta=constants.beta, mu=constants.mu)
    _nonnegative("mu", mu)
    root = torch.sqrt(mu)
    if not is_exact(root) and bool(((alpha >= root) | (beta <= 0)).any()):
        raise InputError(
            "`constants` has alpha >= sqrt(mu) or beta <= 0, so that no step is guaranteed to decrease the loss; pass "
            "constants with alpha < sqrt(mu) and beta > 0."
        )
    return (1 - alpha / root) / (2 * beta), 1 - (root - alpha) ** 2 / (4 * beta)


def _nonnegative(name: str, value: Any) -> None:
    if not is_exact(value) and bool((value.detach() < 0).any()):
        raise InputError(
            f"`{name}` has the negative entry {float(value.min()):.3g} but numbers >= 0 are wanted; check its sign."
        )
