r"""Relu networks layer by layer: forward, gradients, and the exact expansion of their change around a step.

$g^l = W^lh^{l-1}$, $h^l = \mathrm{relu}(g^l)$, $h^0 = x$, output $Bh^L$. Between two steps
$h^l_{t+1}-h^l_t = (D^l_t+\tilde D^l)(g^l_{t+1}-g^l_t)$ with $D^l_t = \mathrm{diag}(1\{g^l_t\ge0\})$ and a diagonal
$\tilde D^l$ that is 0 wherever the sign did not change.

Sources: Allen-Zhu, Li, Song (2019), arXiv:1811.03962, proposition 11.3; CRC, propositions 4 and 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, is_exact

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class Layers(NamedTuple):
    """The values in a network, one entry a layer."""

    #: g^1, ..., g^L, each (..., n, width of the layer)
    pre: list[Tensor]
    #: h^0, ..., h^L, the inputs first
    post: list[Tensor]


def relu_expansion(
    a: Float[ArrayLike, "*shape"], b: Float[ArrayLike, "*shape"]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*shape"]]:
    r"""The diagonals D and $\tilde D$ with $\mathrm{relu}(a)-\mathrm{relu}(b) = (D+\tilde D)(a-b)$ and $D = 1\{b\ge0\}$.

    $\tilde D$ is 0 where a and b have the same sign (0 counts as positive), so its choice is unique where it matters;
    $D+\tilde D$ has its entries in [0, 1] and $\tilde D$ in [-1, 1].

    Args:
        a: Values after the step.
        b: Values before it, of the same shape.

    Returns:
        D and $\tilde D$, of that shape.

    Raises:
        InputError: The shapes differ, or an entry is not finite.
    """
    new, old = as_tensors(a=a, b=b)
    if not is_exact(new) and not is_exact(old) and new.shape != old.shape:
        raise InputError(
            f"`a` and `b` have shapes {tuple(new.shape)} and {tuple(old.shape)} but the same shape is wanted; pass the values "
            "of one layer before and after the step."
        )
    one = torch.ones_like(old)
    flipped = (new >= 0) != (old >= 0)
    slope = (torch.clamp(new, min=0) - torch.clamp(old, min=0)) / torch.where(flipped, new - old, one)
    D = torch.where(old >= 0, one, 0 * one)
    return D, torch.where(flipped, slope - D, 0 * one)


def forward(weights: Sequence[Float[ArrayLike, "*batch m d"]], X: Float[ArrayLike, "*batch n d"]) -> Layers:
    r"""The values in a bias-free relu network on n inputs.

    Args:
        weights: $W^1, \dots, W^L$, each (..., width of the layer, width of the one before).
        X: (..., n, d) inputs.

    Raises:
        InputError: No weights are given, an entry is not finite, or the shapes do not fit.
    """
    matrices, points = _fitting(weights, X)
    pre, post = [], [points]
    for W in matrices:
        pre.append(post[-1] @ W.mT)
        post.append(torch.clamp(pre[-1], min=0))
    return Layers(pre, post)


def layer_gradients(
    weights: Sequence[Float[ArrayLike, "*batch m d"]],
    B: Float[ArrayLike, "*batch k m"],
    X: Float[ArrayLike, "*batch n d"],
    Y: Float[ArrayLike, "*batch n k"],
) -> list[Float[Tensor, "*batch m d"]]:
    r"""$\nabla_{W^l}\frac12\sum_i|Bh^L(x_i)-y_i|^2$ for every layer, with relu'(0) = 1 as in $D^l = 1\{g^l\ge0\}$.

    Args:
        weights: As in `forward`.
        B: (..., K, m) output weights.
        X: (..., n, d) inputs.
        Y: (..., n, K) labels.

    Returns:
        One gradient a layer, each of the shape of its weights.

    Raises:
        InputError: As in `forward`, or B or Y does not fit.
    """
    matrices, points = _fitting(weights, X)
    out, labels = as_tensor("B", B, like=("X", points)), as_tensor("Y", Y, like=("X", points))
    layers = forward(matrices, points)
    if not is_exact(points) and (
        out.shape[-1] != matrices[-1].shape[-2] or labels.shape[-2:] != (points.shape[-2], out.shape[-2])
    ):
        raise InputError(
            f"`B` and `Y` have shapes {tuple(out.shape)} and {tuple(labels.shape)} but (..., K, {matrices[-1].shape[-2]}) and "
            f"(..., {points.shape[-2]}, K) are wanted; pass output weights and labels of this network."
        )
    back = (layers.post[-1] @ out.mT - labels) @ out
    found = []
    for level in range(len(matrices) - 1, -1, -1):
        g = layers.pre[level]
        back = torch.where(g >= 0, back, 0 * back)
        found.append(back.mT @ layers.post[level])
        back = back @ matrices[level]
    return found[::-1]


def propagators(
    masks: Sequence[Float[ArrayLike, "*batch n m"]], weights: Sequence[Float[ArrayLike, "*batch m d"]]
) -> list[Float[Tensor, "*batch n m_L m_r"]]:
    r"""$D^LW^L\cdots W^{r+1}D^r$ for r = 1, ..., L and every input, with any diagonals in the place of the $D^l$.

    Args:
        masks: L diagonals, each (..., n, width of the layer).
        weights: As in `forward`; $W^1$ is not used.

    Returns:
        L arrays (..., n, width of the last layer, width of layer r); the last is diag($D^L$).

    Raises:
        InputError: There are not as many masks as weights, or an entry is not finite.
    """
    if len(masks) != len(weights) or not masks:
        raise InputError(f"{len(masks)} `masks` and {len(weights)} `weights` are given but one of each a layer is wanted.")
    diagonals, matrices = [as_tensor("masks", m) for m in masks], [as_tensor("weights", W) for W in weights]
    found = [torch.diag_embed(diagonals[-1])]
    for level in range(len(matrices) - 1, 0, -1):
        found.append(found[-1] @ matrices[level][..., None, :, :] * diagonals[level - 1][..., None, :])
    return found[::-1]


def _fitting(weights: Sequence[Any], X: Any) -> tuple[list[Any], Any]:
    if not weights:
        raise InputError("`weights` is empty but one matrix a layer is wanted; pass at least one.")
    X = as_tensor("X", X)
    matrices = [as_tensor("weights", W, like=("X", X)) for W in weights]
    if any(is_exact(value) for value in (X, *matrices)):
        return matrices, X
    sizes = [X.shape[-1] if X.ndim > 1 else -1]
    for number, W in enumerate(matrices):
        if W.ndim < 2 or W.shape[-1] != sizes[-1]:
            raise InputError(
                f"`weights[{number}]` has shape {tuple(W.shape)} but (..., m, {sizes[-1]}) is wanted after `X` of shape "
                f"{tuple(X.shape)}; pass matrices in the order of the layers."
            )
        sizes.append(W.shape[-2])
    return matrices, X
