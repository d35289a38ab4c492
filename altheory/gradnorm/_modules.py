r"""Per-sample gradients of any module: $J_x^\top v$ by one forward and one backward pass for every point and slope.

Vectorised over a chunk of points by `torch.func`, or point by point where a module cannot be (control flow on values). Of a
gradient only the squared norm of each tensor is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from altheory.gradnorm._closed_forms import Squares
from altheory.kernels._factors import check_alone, rows_of

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.modules import ModuleNet

_BYTES = 1 << 27  # per-sample gradients held at once, unless one point needs more


def slope_squares(net: ModuleNet, X: Tensor, V: Float[Tensor, "n R N"], chunk: int | None = None) -> Squares:
    """The squared norms of $J_x^\\top v$ for R slopes v a point, tensor by tensor.

    Args:
        net: The module.
        X: (n, ...) points.
        V: (n, R, N) slopes in the outputs.
        chunk: Points at a time; None for what fits into about 128 MB.
    """
    parameters = net.parameters()

    def single(x: Tensor, v: Tensor) -> Tensor:
        pull = torch.func.vjp(lambda *p: net.functional(*p, x[None])[0], *parameters)[1]
        return torch.stack([g.flatten(1).square().sum(1) for g in torch.vmap(pull)(v)], -1)

    size = chunk or _points(net, V.shape[1])
    found = [_each(net, single, X[i : i + size], V[i : i + size]) for i in range(0, len(X), size)]
    return Squares(tuple(torch.cat(found).unbind(-1)))


def output_gram(net: ModuleNet, X: Tensor, chunk: int | None = None) -> Float[Tensor, "n N N"]:
    """$K_x = J_xJ_x^\\top$ of every point, tensor by tensor and chunk by chunk."""
    eye = torch.eye(net.outputs, dtype=net.dtype, device=net.device)
    total = torch.zeros(len(X), net.outputs, net.outputs, dtype=net.dtype, device=net.device)
    size = chunk or _points(net, net.outputs)
    for i in range(0, len(X), size):
        J = rows_of(net, list(net.names), X[i : i + size], eye).J
        total[i : i + size] = J @ J.mT
    return total


def check(net: ModuleNet, X: Tensor) -> Tensor:
    """The logits, of a module that treats every point alone.

    Raises:
        InputError: A module that mixes points or is random.
    """
    check_alone(net, X[:3])
    with torch.no_grad():
        return net.evaluated({}, X)


def _points(net: ModuleNet, slopes: int) -> int:
    item = net.parameters()[0].element_size()
    return max(1, _BYTES // (3 * item * slopes * sum(p.numel() for p in net.parameters())))


def _each(net: ModuleNet, single: object, X: Tensor, V: Tensor) -> Tensor:
    """(c, R, tensors), vectorised where the module can be."""
    try:
        return torch.vmap(single)(X, V).detach()  # type: ignore[arg-type]
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError):
        rows = []
        for x, v in zip(X, V, strict=True):
            leaves = [p.detach().requires_grad_() for p in net.parameters()]
            with torch.enable_grad():
                f = net.functional(*leaves, x[None])[0]
            grads = [torch.autograd.grad(f, leaves, c, retain_graph=True, allow_unused=True, materialize_grads=True) for c in v]
            rows.append(torch.stack([torch.stack([g.square().sum() for g in one]) for one in grads]))
        return torch.stack(rows)
