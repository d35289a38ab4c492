r"""The sharp constants, in closed form.

Let F be $\mu$-strongly convex with minimiser $\theta_0$, l convex, $\theta_1$ the minimiser of $F+l$, $g_i$ the gradient of l
at $\theta_i$. Then $|g_1|^2 \le c\,|g_0|^2$ with

* $c = (\mu+L)^2/(4\mu L)$ for F with L-Lipschitz gradient (Kantorovich's constant; $|g_1| \le
  \frac{\kappa+1}{2\sqrt\kappa}|g_0|$ with $\kappa = L/\mu$),
* $c = 1+\ell/(4\mu)$ for l with $\ell$-Lipschitz gradient, whatever F,
* $c = 2(N-1)/N$ for l the cross-entropy of the softmax of N free logits, whatever convex F.

For one step $w' = w-\eta\nabla f(w)$ on a $\mu$-strongly convex f with L-Lipschitz gradient,
$|\nabla f(w')|^2 \le \max((1-\eta\mu)^2, (1-\eta L)^2)\,|\nabla f(w)|^2$.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, check_integer, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def growth_smooth(mu: Float[Any, "*batch"], L: Float[Any, "*batch"]) -> Float[Tensor, "*batch"]:
    r"""$(\mu+L)^2/(4\mu L)$: the largest $|g_1|^2/|g_0|^2$ where F is $\mu$-strongly convex with L-Lipschitz gradient.

    Proof: $h = \nabla F(\theta_1) = -g_1$ and $d = \theta_1-\theta_0$ have $\langle h-\mu d,Ld-h\rangle \ge 0$, so
    $\langle h,d\rangle \ge \frac{2\sqrt{\mu L}}{\mu+L}|h||d|$; l is convex, so
    $|g_0||d| \ge -\langle g_0,d\rangle \ge \langle h,d\rangle$.

    Args:
        mu: modulus of strong convexity, (...,), positive.
        L: Lipschitz constant of the gradient of F, (...,), at least mu.

    Returns:
        (...,), at least 1. Exact arrays pass through.

    Raises:
        InputError: not 0 < mu <= L.
    """
    mu, L = _moduli(mu, L, positive=True)
    return (mu + L) ** 2 / (4 * mu * L)


def growth_smooth_loss(mu: Float[Any, "*batch"], ell: Float[Any, "*batch"]) -> Float[Tensor, "*batch"]:
    r"""$1+\ell/(4\mu)$: the largest $|g_1|^2/|g_0|^2$ where F is $\mu$-strongly convex and the gradient of l is
    $\ell$-Lipschitz.

    Proof: with $e = g_1-g_0$, $(1+\frac{4\mu}{\ell})\ell$ times $\langle e,d\rangle \ge |e|^2/\ell$ and $\ell$ times
    $-\langle g_1,d\rangle \ge \mu|d|^2$ add up to a square and $(1+\ell/4\mu)|g_0|^2-|g_1|^2$.

    Args:
        mu: modulus of strong convexity of F, (...,), positive.
        ell: Lipschitz constant of the gradient of l, (...,), nonnegative.

    Returns:
        (...,), at least 1. Exact arrays pass through.

    Raises:
        InputError: mu not positive, or ell negative.
    """
    mu, ell = as_tensors(mu=mu, ell=ell)
    if not (is_exact(mu) or is_exact(ell)) and not bool(((mu > 0) & (ell >= 0)).all()):
        raise InputError(
            f"`mu` goes down to {float(mu.min()):.3g} and `ell` to {float(ell.min()):.3g} but mu > 0 and ell >= 0 are wanted; "
            "pass a modulus of strong convexity and a Lipschitz constant."
        )
    return 1 + ell / (4 * mu)


def growth_softmax(classes: int) -> float:
    r"""$2(N-1)/N$: the supremum of $|g_1|^2/|g_0|^2$ for the cross-entropy of N free logits, whatever convex F.

    Proof: $g = p-e_y$ times a fixed vector; $p_y$ cannot fall, and $\frac{N}{N-1}(1-p_y)^2 \le |p-e_y|^2 \le 2(1-p_y)^2$.

    Args:
        classes: N, at least 2.

    Raises:
        InputError: fewer than two classes.
    """
    N = check_integer("classes", classes, least=2)
    return 2 * (N - 1) / N


def step_factor(mu: Any, L: Any, eta: Any) -> Float[Tensor, "*batch"]:
    r"""$\max((1-\eta\mu)^2,(1-\eta L)^2)$: the largest $|\nabla f(w')|^2/|\nabla f(w)|^2$ after one step of size eta.

    At most 1 exactly for $0 \le \eta \le 2/L$; $\mu = 0$ (convex f) included.

    Args:
        mu: modulus of strong convexity of f, (...,), nonnegative.
        L: Lipschitz constant of its gradient, (...,), at least mu.
        eta: step size, (...,).

    Returns:
        (...,). Exact arrays pass through.

    Raises:
        InputError: not 0 <= mu <= L.
    """
    mu, L = _moduli(mu, L, positive=False)
    return torch.maximum((1 - eta * mu) ** 2, (1 - eta * L) ** 2)


def step_factor_printed(mu: Any, L: Any, eta: Any) -> Float[Tensor, "*batch"]:
    r"""$1-2\eta\mu+\eta^2L^2$: the factor of $|\nabla f|^2$ in the paper's proof (eq. 9); at most 1 for $\eta \le 2\mu/L^2$.

    Args and errors as for `step_factor`.
    """
    mu, L = _moduli(mu, L, positive=False)
    return 1 - 2 * eta * mu + (eta * L) ** 2


def _moduli(mu: Any, L: Any, *, positive: bool) -> tuple[Any, Any]:
    mu, L = as_tensors(mu=mu, L=L)
    if is_exact(mu) or is_exact(L):
        return mu, L
    low = mu > 0 if positive else mu >= 0
    slack = 1 + 64 * torch.finfo(L.dtype).eps  # L is often mu times a condition number
    if not bool((low & (mu <= slack * L)).all()):
        sign = "<" if positive else "<="
        raise InputError(
            f"`mu` goes from {float(mu.min()):.3g} to {float(mu.max()):.3g} and `L` from {float(L.min()):.3g} to "
            f"{float(L.max()):.3g} but 0 {sign} mu <= L is wanted; pass the least and the largest curvature in this order."
        )
    return mu, L
