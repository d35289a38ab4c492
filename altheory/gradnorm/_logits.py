r"""Losses of a label that is not known, and their slopes in the logits.

With $p = \mathrm{softmax}(z)$ and $\bar z = \sum_jp_jz_j$, $\log p_k+H = z_k-\bar z$, so that

$$\frac{\partial H}{\partial z_k} = -p_k(\log p_k+H) = -p_k(z_k-\bar z),\qquad
  V = \mathrm{Var}_p(\log p) = \sum_kp_k(z_k-\bar z)^2 .$$

The right-hand forms are what is computed: no logarithm cancels, so entries keep their relative accuracy near the uniform
posterior and near a one-hot one, and are exactly 0 where all logits are equal.

All functions take logits (..., N) and run on exact arrays.

Source: Wang et al., "Boosting Active Learning via Improving Test Performance" (AAAI 2022), eq. (6) and (7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

POSTERIORS = ("differentiated", "detached")


def posterior(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N"]:
    """$p = \\mathrm{softmax}(z)$, the paper's $P(y_i|x)$.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N).

    Raises:
        InputError: An entry is not finite.
    """
    return torch.softmax(_logits(z), -1)


def log_posterior(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N"]:
    r"""$\log p$; that of the largest entry is $-\log(1+\sum_{j\ne top}e^{z_j-z_{top}})$, accurate however close p is to 1.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N).

    Raises:
        InputError: An entry is not finite.
    """
    logits = _logits(z)
    if is_exact(logits):
        return torch.log_softmax(logits, -1)
    best = torch.argmax(logits, -1, keepdim=True)
    shifted = logits - torch.gather(logits, -1, best)
    top = torch.arange(logits.shape[-1], device=logits.device) == best
    return shifted - torch.log1p(torch.exp(shifted).masked_fill(top, 0.0).sum(-1, keepdim=True))


def entropy(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch"]:
    r"""$L_{ent} = H(p) = -\sum_ip_i\log p_i$ (eq. 7).

    Args:
        z: (..., N) logits.

    Returns:
        (...,).

    Raises:
        InputError: An entry is not finite.
    """
    return -(posterior(z) * log_posterior(z)).sum(-1)


def expected_loss(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch"]:
    r"""$L_{exp} = \sum_iP(y_i|x)\,L_i$ with the cross-entropies $L_i = \log\sum_je^{z_j}-z_i$ (eq. 6): the entropy again.

    Args:
        z: (..., N) logits.

    Returns:
        (...,).

    Raises:
        InputError: An entry is not finite.
    """
    return (posterior(z) * class_losses(z)).sum(-1)


def class_losses(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N"]:
    r"""The cross-entropy with every class as the label, $L_i = \log\sum_je^{z_j}-z_i = -\log p_i$.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N).

    Raises:
        InputError: An entry is not finite.
    """
    return -log_posterior(z)


def varentropy(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch"]:
    r"""$V = \mathrm{Var}_p(\log p) = \sum_kp_k(z_k-\bar z)^2$.

    Args:
        z: (..., N) logits.

    Returns:
        (...,).

    Raises:
        InputError: An entry is not finite.
    """
    logits = _logits(z)
    p, gap = _centred(logits)
    return (p * gap * gap).sum(-1)


def entropy_slope(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N"]:
    r"""$\partial H/\partial z_k = -p_k(\log p_k+H) = -p_k(z_k-\bar z)$.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N).

    Raises:
        InputError: An entry is not finite.
    """
    p, gap = _centred(_logits(z))
    return -p * gap


def expected_slope(z: Float[ArrayLike, "*batch N"], *, posterior: str = "differentiated") -> Float[Tensor, "*batch N"]:
    r"""The slope of $L_{exp} = \sum_iP_iL_i$ in the logits, by the product rule:

    $$\sum_iP_i\frac{\partial L_i}{\partial z_k}+\sum_iL_i\frac{\partial P_i}{\partial z_k}
      = \sum_iP_i(P_k-\delta_{ik})+P_k\Bigl(L_k-\sum_iP_iL_i\Bigr).$$

    The first sum is 0: where the posterior is detached nothing is left but rounding.

    Args:
        z: (..., N) logits.
        posterior: "differentiated", as in the paper's code; or "detached", a constant weight: the first sum alone.

    Returns:
        (..., N).

    Raises:
        InputError: An entry is not finite, or another word for the posterior.
    """
    if posterior not in POSTERIORS:
        raise InputError(f"`posterior` is {posterior!r} but {' or '.join(map(repr, POSTERIORS))} is wanted; pass one of these.")
    logits = _logits(z)
    p = torch.softmax(logits, -1)
    fixed = (p[..., :, None] * class_slopes(logits)).sum(-2)
    if posterior == "detached":
        return fixed
    losses = class_losses(logits)
    return fixed + p * (losses - (p * losses).sum(-1)[..., None])


def cross_entropy_slope(z: Float[ArrayLike, "*batch N"], Y: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N"]:
    r"""$p-y$, the slope of the cross-entropy with label y, as $(1-y)p-y(1-p)$: accurate where p comes close to y.

    Args:
        z: (..., N) logits.
        Y: (..., N) one-hot labels, or probabilities.

    Returns:
        (..., N).

    Raises:
        InputError: The shapes differ, or an entry is not finite.
    """
    logits, labels = as_tensors(z=z, Y=Y)
    if not (is_exact(logits) or is_exact(labels)) and (logits.ndim < 1 or logits.shape[-1:] != labels.shape[-1:]):
        raise InputError(
            f"`z` has shape {tuple(logits.shape)} and `Y` {tuple(labels.shape)} but both are wanted as (..., N); pass one "
            "label for every logit."
        )
    p = torch.softmax(logits, -1)
    return (1 - labels) * p - labels * _complement(p)


def class_slopes(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N N"]:
    r"""The slopes $p-e_y$ for every class y as the label, one a row.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N, N): [..., y, k] is $\partial L_y/\partial z_k$.

    Raises:
        InputError: An entry is not finite.
    """
    logits = _logits(z)
    p = torch.softmax(logits, -1)
    eye = _eye(p)
    return p[..., None, :] * (1 - eye) - _complement(p)[..., None, :] * eye


def fisher(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N N"]:
    r"""$S = \mathrm{diag}(p)-pp^\top$: the Hessian of the cross-entropy in the logits, and their Fisher information.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N, N), of rank N - 1.

    Raises:
        InputError: An entry is not finite.
    """
    p = posterior(z)
    eye = _eye(p)
    return (p * _complement(p))[..., None] * eye - (p[..., :, None] * p[..., None, :]) * (1 - eye)


def fisher_root(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N N"]:
    r"""$R = (I-p1^\top)\,\mathrm{diag}(\sqrt p)$, for which $RR^\top = \mathrm{diag}(p)-pp^\top$; no inverse is needed.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N, N).

    Raises:
        InputError: An entry is not finite.
    """
    p = posterior(z)
    eye = _eye(p)
    return (eye * _complement(p)[..., None] - p[..., :, None] * (1 - eye)) * torch.sqrt(p)[..., None, :]


def entropy_hessian(z: Float[ArrayLike, "*batch N"]) -> Float[Tensor, "*batch N N"]:
    r"""$\frac{\partial^2H}{\partial z_k\partial z_l} = -\delta_{kl}\,p_k(1+c_k)+p_kp_l(1+c_k+c_l)$, $c = z-\bar z$.

    Args:
        z: (..., N) logits.

    Returns:
        (..., N, N); $-\frac1N(I-\frac1N11^\top)$ at the uniform posterior: the entropy is not convex.

    Raises:
        InputError: An entry is not finite.
    """
    p, c = _centred(_logits(z))
    both = (p[..., :, None] * p[..., None, :]) * (1 + c[..., :, None] + c[..., None, :])
    return both - (p * (1 + c))[..., None] * _eye(p)


def _logits(z: Any) -> Any:
    return as_tensor("z", z, min_ndim=1, layout="(..., N)")


def _centred(logits: Any) -> tuple[Any, Any]:
    """The posterior, and the logits less their mean under it; logits are first measured from their largest."""
    shifted = logits if is_exact(logits) else logits - torch.amax(logits, -1, keepdim=True).detach()
    p = torch.softmax(logits, -1)
    return p, shifted - (p * shifted).sum(-1)[..., None]


def _complement(p: Any) -> Any:
    """1 - p, as the sum of the others where p is more than one half."""
    if is_exact(p):
        return 1 - p
    others = p.masked_fill(p > 0.5, 0.0).sum(-1, keepdim=True)
    return torch.where(p > 0.5, others, 1 - p)


def _eye(p: Any) -> Tensor:
    plain = isinstance(p, torch.Tensor)
    return torch.eye(p.shape[-1], dtype=p.dtype if plain else torch.float64, device=p.device if plain else None)
