r"""Distances of outputs from labels, and the criteria made of them: gradient lengths, BADGE, and what an expectation over
labels adds to the most likely label.

For outputs f and the class c the squared loss has gradient $(f-e_c)\otimes\nabla f$. Its length is a distance of f from a
vertex of the simplex, and the nearest vertex is the largest output: for every real vector f, $\|f-e_c\|^2 = \|f\|^2+1-2f_c$.

Source: Mohamadi, Bae, Sutherland (2022), sections 2 and 3; BADGE: Ash et al. (2020); expected gradient length: Settles (2009).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

RULES = ("softmax", "clip", "identity")


def label_gaps(f: Float[ArrayLike, "*batch C"]) -> Float[Tensor, "*batch C"]:
    r"""$\|e_c-f\|_2$ for every class c, without the cancellation of $\|f\|^2+1-2f_c$.

    Args:
        f: (..., C) outputs, any real vectors.

    Returns:
        (..., C).

    Raises:
        InputError: No last axis, or an entry is not finite.
    """
    outputs = as_tensor("f", f, min_ndim=1, layout="(..., C)")
    C = outputs.shape[-1]
    eye = torch.eye(C, dtype=torch.float64 if is_exact(outputs) else outputs.dtype, device=_device(outputs))
    return torch.linalg.vector_norm(eye - outputs[..., None, :], dim=-1)


def class_probabilities(f: Float[ArrayLike, "*batch C"], rule: str = "softmax") -> Float[Tensor, "*batch C"]:
    r"""Probabilities made of outputs.

    Args:
        f: (..., C) outputs.
        rule: "softmax"; "clip": negative outputs to 0, the rest scaled to sum to 1, all equal where none is positive;
            "identity": the outputs as they are, which look-ahead needs to be a martingale, and which need not be probabilities.

    Returns:
        (..., C).

    Raises:
        InputError: An unknown rule, no last axis, or an entry that is not finite.
    """
    if rule not in RULES:
        raise InputError(f"`rule` is {rule!r} but one of {', '.join(map(repr, RULES))} is wanted; pass one of these.")
    outputs = as_tensor("f", f, min_ndim=1, layout="(..., C)")
    if rule == "identity":
        return outputs
    if rule == "softmax":
        return torch.softmax(outputs, -1)
    positive = torch.where(outputs > 0, outputs, 0.0)
    total = positive.sum(-1)[..., None]
    return torch.where(total > 0, positive / torch.where(total > 0, total, 1.0), 1 / outputs.shape[-1])


def expected_gradient_length(
    f: Float[ArrayLike, "*batch C"], p: Float[ArrayLike, "*batch C"], kappa: Float[ArrayLike, "*batch"]
) -> Float[Tensor, "*batch"]:
    r"""$E_{c\sim p}\|\nabla_\theta\frac12\|e_c-f(x)\|^2\| = \sqrt{\kappa}\,\sum_cp_c\|e_c-f\|$, every logit having its own
    parameters with the tangent kernel $\kappa = \Theta(x,x)$ (the single-logit approximation).

    Args:
        f: (..., C) outputs.
        p: (..., C) probabilities of the classes.
        kappa: (...,) $\Theta(x,x)$ of one logit.

    Returns:
        (...,).

    Raises:
        InputError: Shapes that do not fit.
    """
    outputs, chances, diagonal = _alike(f=f, p=p, kappa=kappa)
    return torch.sqrt(diagonal) * (chances * label_gaps(outputs)).sum(-1)


def gradient_lengths(f: Float[ArrayLike, "*batch C"], theta: Float[ArrayLike, "*batch C C"]) -> Float[Tensor, "*batch C"]:
    r"""$\|\nabla_\theta\frac12\|e_c-f(x)\|^2\| = \sqrt{(e_c-f)^\top\Theta(x,x)(e_c-f)}$ for every label c, logits coupled.

    Args:
        f: (..., C) outputs.
        theta: (..., C, C) tangent kernel of all pairs of logits at x.

    Returns:
        (..., C).

    Raises:
        InputError: Shapes that do not fit.
    """
    outputs, pairs = as_tensors(f=f, theta=theta)
    if not (is_exact(outputs) or is_exact(pairs)) and tuple(pairs.shape) != (*outputs.shape, outputs.shape[-1]):
        raise InputError(
            f"`f` has shape {tuple(outputs.shape)} and `theta` {tuple(pairs.shape)} but (..., C) and (..., C, C) are wanted; "
            "pass the kernel of all pairs of logits."
        )
    gaps = torch.eye(outputs.shape[-1], dtype=torch.float64).to(_dtype(outputs)) - outputs[..., None, :]
    squares = ((gaps @ pairs) * gaps).sum(-1)
    return torch.sqrt(squares if is_exact(squares) else torch.clamp(squares, min=0))


def badge_length(p: Float[ArrayLike, "*batch C"], h: Float[ArrayLike, "*batch q"]) -> Float[Tensor, "*batch"]:
    r"""$\|h\|\,\|p-e_{\hat y}\|$, $\hat y$ the largest of p: the length of BADGE's gradient embedding
    $(p-e_{\hat y})\otimes h$.

    It is the least length of the last layer's gradient over all labels.

    Args:
        p: (..., C) predicted probabilities (or any real vector).
        h: (..., q) the last layer's input.

    Returns:
        (...,).

    Raises:
        InputError: Shapes that do not fit.
    """
    outputs, hidden = as_tensors(p=p, h=h)
    if not (is_exact(outputs) or is_exact(hidden)) and outputs.shape[:-1] != hidden.shape[:-1]:
        raise InputError(
            f"`p` has shape {tuple(outputs.shape)} and `h` {tuple(hidden.shape)} but (..., C) and (..., q) of one batch are "
            "wanted; pass one row a point."
        )
    return torch.linalg.vector_norm(hidden, dim=-1) * _nearest(outputs)


def emoc_over_mlmoc(f: Float[ArrayLike, "*batch C"], p: Float[ArrayLike, "*batch C"]) -> Float[Tensor, "*batch"]:
    r"""$\rho = \sum_cp_c\|e_c-f\|\,/\,\min_c\|e_c-f\|$: EMOC over MLMOC for a converged model, whatever the kernel.

    $\rho\ge1$ for every p; for p = f in the simplex $\rho\le f_{\hat y}+\sqrt{2(C-1)/C}$, and $1+\sqrt{2(C-1)/C}$ is approached
    at a vertex and not attained.

    Args:
        f: (..., C) outputs $f_L(x')$; not exactly one-hot.
        p: (..., C) probabilities of the candidate's label.

    Returns:
        (...,).

    Raises:
        InputError: Shapes that do not fit.
    """
    outputs, chances = _alike(f=f, p=p)
    return (chances * label_gaps(outputs)).sum(-1) / _nearest(outputs)


def _nearest(f: Any) -> Any:
    return torch.amin(label_gaps(f), -1)


def _alike(**values: Any) -> tuple[Any, ...]:
    """Arrays (..., C), and one of shape (...,) where it is called kappa."""
    found = as_tensors(**values)
    if any(is_exact(x) for x in found):
        return found
    first, shape = next(iter(values)), tuple(found[0].shape)
    for name, x in zip(values, found, strict=True):
        wanted = shape[:-1] if name == "kappa" else shape
        if tuple(x.shape) != wanted:
            raise InputError(f"`{name}` has shape {tuple(x.shape)} but {wanted} is wanted beside `{first}`; reshape it.")
    return found


def _device(x: Any) -> torch.device | None:
    return x.device if isinstance(x, torch.Tensor) else None


def _dtype(x: Any) -> torch.dtype:
    return x.dtype if isinstance(x, torch.Tensor) else torch.float64
