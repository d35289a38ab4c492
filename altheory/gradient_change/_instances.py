r"""Gradients that a class of functions allows, and the worst of them.

A $\mu$-strongly convex function with L-Lipschitz gradient changes its gradient by h over a displacement d exactly when
$\langle h-\mu d,\,Ld-h\rangle \ge 0$: h lies in the ball with centre $\frac{\mu+L}2d$ and radius $\frac{L-\mu}2|d|$ (the sum
of the two interpolation inequalities of Taylor, Hendrickx and Glineur 2017; unlike those it needs no division by $L-\mu$).
Every such h is $Ad$ for a symmetric A with spectrum in $[\mu, L]$, namely for $A = \frac{\mu+L}2I+s\frac{L-\mu}2R$ with R a
reflection and $0 \le s \le 1$: quadratic functions are as bad as any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


def ball_gap(mu: Any, L: Any, d: Float[Any, "*batch n"], h: Float[Any, "*batch n"]) -> Float[Tensor, "*batch"]:
    r"""$\langle h-\mu d,\,Ld-h\rangle$: nonnegative exactly where a function of the class changes its gradient by h over d.

    Args:
        mu, L: moduli, (...,) or numbers, $0 \le \mu \le L$.
        d: displacement, (..., n).
        h: change of the gradient, (..., n).
    """
    mu, L, d, h = as_tensors(mu=mu, L=L, d=d, h=h)
    return ((h - mu[..., None] * d) * (L[..., None] * d - h)).sum(-1)


def turned(d: Float[Any, "*batch n"], q: Float[Any, "*batch n"]) -> Float[Tensor, "*batch n"]:
    r"""$2\frac{\langle q,d\rangle}{|q|^2}q-d$: the mirror image of d in the line of q; every vector of length |d| is one.

    Rational in d and q, which is why vectors of a given length are made this way. -d where q = 0.
    """
    d, q = as_tensors(d=d, q=q)
    square = (q * q).sum(-1)[..., None]
    along = (q * d).sum(-1)[..., None] / torch.where(square > 0, square, torch.ones_like(square))
    return 2 * along * q - d


def secant(mu: Any, L: Any, d: Float[Any, "*batch n"], q: Float[Any, "*batch n"], s: Any = 1.0) -> Float[Tensor, "*batch n"]:
    r"""$\frac{\mu+L}2d+s\frac{L-\mu}2Rd$, R the reflection in the line of q: over all q and $0 \le s \le 1$ these are all
    changes of the gradient over d that `ball_gap` allows.

    It is $Ad$ for a quadratic with curvature $\frac{\mu+L}2+s\frac{L-\mu}2$ along q and $\frac{\mu+L}2-s\frac{L-\mu}2$ across.

    Args:
        mu, L: moduli, (...,).
        d: displacement, (..., n).
        q: the reflection's line, (..., n).
        s: (...,) or a number in [0, 1]; 1 is the surface of the ball.
    """
    mu, L, d = as_tensors(mu=mu, L=L, d=d)
    return (mu + L)[..., None] / 2 * d + (s * (L - mu))[..., None] / 2 * turned(d, q)


def sloped(d: Float[Any, "*batch n"], slope: Any, r: Float[Any, "*batch n"]) -> Float[Tensor, "*batch n"]:
    r"""The vector v with $\langle v,d\rangle = \mathrm{slope}\,|d|^2$ whose part across d is that of r; 0 in place of r/|d| at
    d = 0.

    Args:
        d: direction, (..., n).
        slope: (...,).
        r: any vector, (..., n).
    """
    d, slope, r = as_tensors(d=d, slope=slope, r=r)
    square = (d * d).sum(-1)
    along = (r * d).sum(-1) / torch.where(square > 0, square, torch.ones_like(square))
    return r + (slope - along)[..., None] * d


def worst_for_smooth(root: Float[Any, "*batch"]) -> tuple[Tensor, Tensor, Tensor]:
    r"""Where $(\mu+L)^2/(4\mu L)$ is attained, for $\mu = 1$ and $L = \rho^2$: d, h and $g_0$ in the plane.

    $d = (1, 0)$, h at the angle to d whose cosine is $2\rho/(\rho^2+1)$, $g_0$ the part of $g_1 = -h$ along d. An added loss
    with these two gradients is the maximum of two linear functions (and a constant), the limit of $\beta\to\infty$ in
    $\langle g_0,\theta\rangle+\frac\beta2\langle b,\theta\rangle^2$ with b across d.

    Args:
        root: $\rho = \sqrt\kappa$, (...,), at least 1.

    Returns:
        d, h, g0, each (..., 2), rational in the root.

    Raises:
        InputError: a root below 1.
    """
    (root,) = as_tensors(root=root)
    if not is_exact(root) and bool((root < 1).any()):
        raise InputError(f"`root` goes down to {float(root.min()):.3g} but at least 1 is wanted; pass the root of L / mu.")
    zero, one = torch.zeros_like(root), torch.ones_like(root)
    cos, sin = 2 * root / (root**2 + 1), (root**2 - 1) / (root**2 + 1)
    h = torch.stack([root * cos, root * sin], -1)
    return torch.stack([one, zero], -1), h, torch.stack([-root * cos, zero], -1)


def worst_for_smooth_loss(root: Float[Any, "*batch"]) -> tuple[Tensor, Tensor, Tensor]:
    r"""Where $1+\ell/(4\mu)$ is attained, for $\mu = 1$ and $\ell = \rho^2-3$: d, h and $g_0$ in the plane.

    With $t = \ell/\mu$: $d = (1, 0)$, $h = (1, \sqrt{t+3})$, $g_1 = -h$ and
    $g_1-g_0 = \frac t{t+4}(1, -\sqrt{t+3})$. F is $\frac12|\theta|^2$ plus a kink across d.

    Args:
        root: $\rho = \sqrt{t+3}$, (...,), at least the root of 3.

    Returns:
        d, h, g0, each (..., 2), rational in the root.

    Raises:
        InputError: a root below the root of 3.
    """
    (root,) = as_tensors(root=root)
    if not is_exact(root) and bool((root**2 < 3).any()):
        raise InputError(
            f"`root` goes down to {float(root.min()):.3g} but at least the root of 3 is wanted; pass sqrt(ell / mu + 3)."
        )
    zero, one = torch.zeros_like(root), torch.ones_like(root)
    share = (root**2 - 3) / (root**2 + 1)
    h = torch.stack([one, root], -1)
    e = torch.stack([share, -share * root], -1)
    return torch.stack([one, zero], -1), h, -h - e
