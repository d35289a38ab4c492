r"""Per-sample gradients of two-layer networks, their sizes and inner products, without any gradient.

For $z = A\,s(Wx+b)+c$ let $u = Wx+b$, $h = s(u)$, $D = s'(u)$. The gradient of $\langle v,z(x)\rangle$ in (W, b, A, c) is
$(q\,x^\top,\ q,\ v\,h^\top,\ v)$ with $q = (A^\top v)\circ D$. So

$$|J_x^\top v|^2 = (|x|^2+1)\,|q|^2+(|h|^2+1)\,|v|^2,$$
$$\langle J_k(x),J_l(x')\rangle = (\langle x,x'\rangle+1)\sum_rA_{kr}A_{lr}D_rD'_r+\delta_{kl}(\langle h,h'\rangle+1),$$

each summand where its layer is trained: $|x|^2$ for W, the first 1 for b, $|h|^2$ for A, the second 1 for c. A
`TwoLayerNet` has $A = m^{-1/2}a^\top$, no biases, and $\frac1m\langle h,h'\rangle$ for its output layer.

Cost: $O(n\,m\,(d+N))$ for one slope a point, $O(n\,m\,(d+N^2))$ for all classes; the gradients themselves have
$n\,m\,(d+N)$ numbers each and are never made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._elementwise import nonnegative
from altheory.gradnorm._layers import Pieces

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor


@dataclass(frozen=True)
class Squares:
    """Squared norms of per-sample gradients, tensor by tensor: each (..., n, R), for R slopes a point."""

    tensors: tuple[Any, ...]

    def norms(self, norm: str) -> Any:
        """Euclidean norms of the whole gradients, or the sums of their tensors' norms."""
        parts = [nonnegative(t) for t in self.tensors]
        if norm == "euclidean":
            return torch.sqrt(sum(parts[1:], parts[0]))
        return sum(map(torch.sqrt, parts[1:]), torch.sqrt(parts[0]))

    def squares(self) -> Any:
        """Squared Euclidean norms."""
        return sum(self.tensors[1:], self.tensors[0])


def slope_squares(net: Pieces, X: Any, V: Float[Tensor, "*batch n R N"]) -> Squares:
    """The squared norms of $J_x^\\top v$ for R slopes v a point."""
    hidden, outer = None, None
    lead, (R, N) = tuple(V.shape[:-2]), V.shape[-2:]
    flat = V.reshape(*lead[:-1], lead[-1] * R, N)  # one matrix product for all points
    for u, A in net.blocks(X):
        q = (flat @ A).reshape(*lead, R, A.shape[-1]) * net.net.activation.derivative(u)[..., None, :]
        hidden = _plus(hidden, (q * q).sum(-1))
        outer = _plus(outer, _outer(net, u))
    return _squares(net, X, hidden, outer, (V * V).sum(-1))


def class_squares(net: Pieces, X: Any, V: Float[Tensor, "*batch n R N"]) -> Squares:
    """As `slope_squares`, through the N x N matrix of each point: for as many slopes as classes."""
    S, outer = hidden_gram(net, X)
    hidden = ((V @ S) * V).sum(-1)
    return _squares(net, X, hidden, outer, (V * V).sum(-1))


def hidden_gram(net: Pieces, X: Any) -> tuple[Any, Any]:
    """$\\sum_rA_{kr}A_{lr}D_r^2$, (..., n, N, N), and $|h|^2$ times its factor where A is trained, (..., n)."""
    S: Any = None
    outer: Any = None
    for u, A in net.blocks(X):
        D = net.net.activation.derivative(u)
        N, r = A.shape[-2:]
        pairs = (A[..., :, None, :] * A[..., None, :, :]).reshape(*A.shape[:-2], N * N, r)
        flat = (D * D) @ torch.transpose(pairs, -1, -2)
        S = _plus(S, flat.reshape(*flat.shape[:-1], N, N))
        outer = _plus(outer, _outer(net, u))
    return S, outer


def output_gram(net: Pieces, X: Any) -> Float[Tensor, "*batch n N N"]:
    """$K_x = J_xJ_x^\\top$ of every point."""
    S, outer = hidden_gram(net, X)
    inner = ("b" in net.layers) + ("W" in net.layers) * (X * X).sum(-1)
    alone = ("c" in net.layers) + (0 if outer is None else outer)
    return _times(inner, S) + _times(alone, _eye(S.shape[-1], S))


def cross_products(net: Pieces, X: Any, X2: Any) -> Float[Tensor, "*batch N N n n2"]:
    """$\\langle J_k(x),J_l(x')\\rangle$ for all pairs of points, by [..., k, l, x, x']."""
    weights: Any = None
    values: Any = None
    for (u, A), (u2, _) in zip(net.blocks(X), net.blocks(X2), strict=True):
        D, D2 = (net.net.activation.derivative(t)[..., None, None, :, :] for t in (u, u2))
        pairs = (A[..., :, None, :] * A[..., None, :, :])[..., None, :]
        weights = _plus(weights, (D * pairs) @ torch.transpose(D2, -1, -2))
        if "A" in net.layers:
            h, h2 = net.net.activation.phi(u), net.net.activation.phi(u2)
            values = _plus(values, net.share * (h @ torch.transpose(h2, -1, -2)))
    inner = ("b" in net.layers) + ("W" in net.layers) * (X @ torch.transpose(X2, -1, -2))
    total = weights * (inner if isinstance(inner, int) else inner[..., None, None, :, :])
    alone = ("c" in net.layers) + (0 if values is None else values)
    eye = _eye(net.net.outputs, total)[:, :, None, None]
    return total + eye * (alone if isinstance(alone, int) else alone[..., None, None, :, :])


def _squares(net: Pieces, X: Any, hidden: Any, outer: Any, sizes: Any) -> Squares:
    tensors = {
        "W": lambda: (X * X).sum(-1)[..., None] * hidden,
        "b": lambda: hidden,
        "A": lambda: outer[..., None] * sizes,
        "c": lambda: sizes,
    }
    return Squares(tuple(tensors[name]() for name in net.layers))


def _outer(net: Pieces, u: Any) -> Any:
    """The block's share of $|h|^2$ times its factor; None where the output layer is not trained."""
    if "A" not in net.layers:
        return None
    h = net.net.activation.phi(u)
    return net.share * (h * h).sum(-1)


def _plus(total: Any, more: Any) -> Any:
    return more if total is None else total + more


def _times(scale: Any, matrix: Any) -> Any:
    """A number, or one a point (..., n), times a matrix (..., n, N, N)."""
    return scale * matrix if isinstance(scale, int) else scale[..., None, None] * matrix


def _eye(N: int, like: Any) -> Tensor:
    plain = isinstance(like, torch.Tensor)
    return torch.eye(N, dtype=like.dtype if plain else torch.float64, device=like.device if plain else None)
