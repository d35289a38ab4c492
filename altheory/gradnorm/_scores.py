"""Gradient norms of samples without labels: the paper's two scores, those of expected gradient length, and the true one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

from altheory._inputs import InputError, as_tensor, check_integer, is_exact
from altheory.gradnorm import _closed_forms, _logits, _modules
from altheory.gradnorm._layers import Pieces, TwoLayer, pieces
from altheory.lookahead import one_hot
from altheory.modules import ModuleNet
from altheory.modules._adapter import as_module_net
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.gradnorm._closed_forms import Squares

    Slope: TypeAlias = Callable[[Tensor], Tensor]

#: what scores are asked of
Network: TypeAlias = TwoLayer | TwoLayerNet | ModuleNet | torch.nn.Module

NORMS = ("euclidean", "tensors")
_BYTES = 1 << 20  # hidden activations at once: what a processor's second-level cache holds


@dataclass(frozen=True)
class Scores:
    """What `scores` gives of n points.

    Attributes:
        logits: (n, N).
        entropy: (n,), the uncertainty itself.
        entropy_gradnorm: (n,), which is the expected-gradnorm too.
        class_gradnorms: (n, N), the true gradient norm if class y were the label.
        egl: (n,), expected gradient length.
        egl2: (n,), expected squared gradient length.
    """

    logits: Float[Tensor, "n N"]
    entropy: Float[Tensor, " n"]
    entropy_gradnorm: Float[Tensor, " n"]
    class_gradnorms: Float[Tensor, "n N"]
    egl: Float[Tensor, " n"]
    egl2: Float[Tensor, " n"]


def entropy_gradnorm(
    net: Network, X: Float[ArrayLike, "*batch n d"], *, norm: str = "euclidean", chunk: int | None = None
) -> Float[Tensor, "*batch n"]:
    r"""$|\nabla_\theta L_{ent}(x)| = |J_x^\top v|$ with $v = \partial H/\partial z$ (eq. 7): 0 at a uniform posterior.

    Args:
        net: A two-layer network, in closed form; or any `torch.nn.Module`, by one backward pass for each point.
        X: (n, d) points; (..., n, d) for a `TwoLayer`.
        norm: "euclidean"; or "tensors", the sum over the parameter tensors of their gradients' norms, as in the paper's code.
        chunk: Points at a time; chosen to bound memory when None.

    Returns:
        (n,). Of a `TwoLayer` differentiable, of the others without a graph.

    Raises:
        InputError: Points that do not fit the network; an unknown norm; a module that mixes points or is random.
    """
    return slope_norms(net, X, _logits.entropy_slope, norm=norm, chunk=chunk)


def expected_gradnorm(
    net: Network,
    X: Float[ArrayLike, "*batch n d"],
    *,
    posterior: str = "differentiated",
    norm: str = "euclidean",
    chunk: int | None = None,
) -> Float[Tensor, "*batch n"]:
    r"""$|\nabla_\theta L_{exp}(x)|$ (eq. 6): the entropy-gradnorm if the posterior is differentiated, 0 if it is detached.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        posterior: "differentiated" or "detached", as in `altheory.gradnorm.expected_slope`.
        norm: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n,).

    Raises:
        InputError: As `entropy_gradnorm`, or another word for the posterior.
    """
    return slope_norms(net, X, lambda z: _logits.expected_slope(z, posterior=posterior), norm=norm, chunk=chunk)


def true_gradnorm(
    net: Network,
    X: Float[ArrayLike, "*batch n d"],
    Y: Float[ArrayLike, "*batch n N"] | Int[ArrayLike, " n"],
    *,
    norm: str = "euclidean",
    chunk: int | None = None,
) -> Float[Tensor, "*batch n"]:
    r"""$|\nabla_\theta L(x,y)|$ of the cross-entropy with the true labels: what the paper's bound asks for, eq. (5).

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        Y: (n, N) one-hot labels or probabilities, or n classes 0 to N - 1.
        norm: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n,).

    Raises:
        InputError: As `entropy_gradnorm`, or labels that do not fit.
    """
    net, X, z = _evaluated(net, X)
    labels = Y if is_exact(Y) or is_exact(z) else _labels(Y, z)
    return _squares(net, X, _logits.cross_entropy_slope(z, labels)[..., None, :], chunk).norms(_norm(norm))[..., 0]


def class_gradnorms(
    net: Network, X: Float[ArrayLike, "*batch n d"], *, norm: str = "euclidean", chunk: int | None = None
) -> Float[Tensor, "*batch n N"]:
    r"""$|\nabla_\theta L_y(x)| = |J_x^\top(p-e_y)|$ for every class y.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        norm: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n, N).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    return slope_norms(net, X, _logits.class_slopes, norm=norm, chunk=chunk)


def egl(
    net: Network, X: Float[ArrayLike, "*batch n d"], *, norm: str = "euclidean", chunk: int | None = None
) -> Float[Tensor, "*batch n"]:
    r"""Expected gradient length $\sum_yp_y|\nabla_\theta L_y(x)|$ (Settles, Craven, Ray 2007): the norm inside the sum.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        norm: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n,).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    net, X, z = _evaluated(net, X)
    lengths = _squares(net, X, _logits.class_slopes(z), chunk).norms(_norm(norm))
    return (_logits.posterior(z) * lengths).sum(-1)


def egl2(net: Network, X: Float[ArrayLike, "*batch n d"], *, chunk: int | None = None) -> Float[Tensor, "*batch n"]:
    r"""Expected squared gradient length $\sum_yp_y|\nabla_\theta L_y(x)|^2 = \mathrm{tr}[K_x(\mathrm{diag}(p)-pp^\top)]$: the
    trace of the sample's Fisher information.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n,).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    net, X, z = _evaluated(net, X)
    return (_logits.posterior(z) * _squares(net, X, _logits.class_slopes(z), chunk).squares()).sum(-1)


def scores(net: Network, X: Float[ArrayLike, "n d"], *, norm: str = "euclidean", chunk: int | None = None) -> Scores:
    """All scores that need no label, from one pass.

    Args:
        net: As in `entropy_gradnorm`.
        X: (n, d) points.
        norm: As in `entropy_gradnorm`; `egl2` is Euclidean always.
        chunk: As in `entropy_gradnorm`.

    Returns:
        The scores.

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    net, X, z = _evaluated(net, X)
    p = _logits.posterior(z)
    slopes = torch.cat([_logits.class_slopes(z), _logits.entropy_slope(z)[..., None, :]], -2)
    found = _squares(net, X, slopes, chunk)
    lengths = found.norms(_norm(norm))
    classes = lengths[..., :-1]
    return Scores(
        logits=z,
        entropy=_logits.entropy(z),
        entropy_gradnorm=lengths[..., -1],
        class_gradnorms=classes,
        egl=(p * classes).sum(-1),
        egl2=(p * found.squares()[..., :-1]).sum(-1),
    )


def slope_norms(
    net: Network,
    X: Float[ArrayLike, "*batch n d"],
    slope: Slope,
    *,
    norm: str = "euclidean",
    chunk: int | None = None,
) -> Float[Tensor, "*batch n"] | Float[Tensor, "*batch n R"]:
    r"""$|J_x^\top v(z)|$: the gradient norm of any loss of the logits.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        slope: The loss's slope: logits (..., n, N) -> v (..., n, N), or R slopes a point (..., n, R, N).
        norm: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n,), or (n, R).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    net, X, z = _evaluated(net, X)
    V = slope(z)
    single = V.ndim == z.ndim
    lengths = _squares(net, X, V[..., None, :] if single else V, chunk).norms(_norm(norm))
    return lengths[..., 0] if single else lengths


def logits(net: Network, X: Float[ArrayLike, "*batch n d"]) -> Float[Tensor, "*batch n N"]:
    """The logits z(x), of any kind of network.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.

    Returns:
        (n, N).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    z: Tensor = _evaluated(net, X)[2]
    return z


def output_gram(net: Network, X: Float[ArrayLike, "*batch n d"], *, chunk: int | None = None) -> Float[Tensor, "*batch n N N"]:
    r"""$K_x = J_xJ_x^\top$ of every point: $[K_x]_{kl} = \langle\nabla z_k(x),\nabla z_l(x)\rangle$.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        chunk: As in `entropy_gradnorm`.

    Returns:
        (n, N, N).

    Raises:
        InputError: As `entropy_gradnorm`.
    """
    known, points, _ = _evaluated(net, X)
    if isinstance(known, TwoLayer):
        return _closed_forms.output_gram(pieces(known), points)
    if isinstance(known, TwoLayerNet):
        form = pieces(known)
        with torch.no_grad():
            return torch.cat([_closed_forms.output_gram(form, part) for part in points.split(_points(known, chunk))])
    return _modules.output_gram(known, points, chunk)


def cross_products(
    net: Network, X: Float[ArrayLike, "*batch n d"], X2: Float[ArrayLike, "*batch n2 d"] | None = None
) -> Float[Tensor, "*batch N N n n2"]:
    r"""$\langle J_k(x),J_l(x')\rangle$, by [k, l, x, x'] as in `altheory.kernels.empirical(..., outputs="pairs")`.

    Args:
        net: As in `entropy_gradnorm`.
        X: As in `entropy_gradnorm`.
        X2: Other points; X itself when None.

    Returns:
        (N, N, n, n2).

    Raises:
        InputError: As `entropy_gradnorm`, or a result that does not fit into memory.
    """
    if not isinstance(net, TwoLayer):
        from altheory.kernels import empirical

        return empirical(net, X, X2, outputs="pairs")
    X = net.check_points("X", X)
    return _closed_forms.cross_products(pieces(net), X, X if X2 is None else net.check_points("X2", X2))


def _evaluated(net: Any, X: Any) -> tuple[Any, Any, Any]:
    """The network, its points and their logits."""
    if isinstance(net, TwoLayer):
        X = net.check_points("X", X)
        return net, X, net(X)
    if isinstance(net, TwoLayerNet):
        X = net.check_points("X", X)
        with torch.no_grad():
            return net, X, net(X)
    net = as_module_net(net)
    X = net.check_points("X", X)
    return net, X, _modules.check(net, X)


def _squares(net: Any, X: Any, V: Any, chunk: int | None) -> Squares:
    """The squared gradient norms of R slopes a point, by the way that suits the network."""
    if chunk is not None:
        chunk = check_integer("chunk", chunk)
    if isinstance(net, TwoLayer):
        return _by_form(pieces(net), X, V)
    if isinstance(net, TwoLayerNet):
        form, size = pieces(net), _points(net, chunk)
        with torch.no_grad():
            parts = [_by_form(form, x, v) for x, v in zip(X.split(size), V.split(size), strict=True)]
        return _closed_forms.Squares(tuple(torch.cat(t) for t in zip(*(part.tensors for part in parts), strict=True)))
    return _modules.slope_squares(net, X, V, chunk)


def _by_form(form: Pieces, X: Any, V: Any) -> Squares:
    many = V.shape[-2] >= V.shape[-1] > 1
    return _closed_forms.class_squares(form, X, V) if many else _closed_forms.slope_squares(form, X, V)


def _points(net: TwoLayerNet, chunk: int | None) -> int:
    return chunk or max(16, _BYTES // (8 * min(net.width, 4096)))


def _labels(Y: Any, z: Tensor) -> Tensor:
    labels = as_tensor("Y", Y, like=("X", z))
    if labels.ndim == z.ndim == 2 or labels.ndim == 1:
        labels = one_hot("Y", Y, z.shape[-1], z)
    if labels.shape != z.shape:
        raise InputError(
            f"`Y` has shape {tuple(labels.shape)} but the logits have {tuple(z.shape)}; pass one row of labels for each point."
        )
    return labels


def _norm(norm: str) -> str:
    if norm not in NORMS:
        raise InputError(f"`norm` is {norm!r} but {' or '.join(map(repr, NORMS))} is wanted; pass one of these.")
    return norm
