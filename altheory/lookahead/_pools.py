r"""The ways to a `LookAhead`: from kernels, from features, from a network.

Where the kernel of the labelled points is well conditioned it is factorised by Cholesky; else its pseudo-inverse is taken on
the eigenvectors, and points given twice get their mean label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_symmetric, is_exact
from altheory.lookahead._candidates import LookAhead, made
from altheory.lookahead._filters import Converged
from altheory.training._kernel_form import eigen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


def from_kernels(
    K_L: Float[ArrayLike, "*batch L L"],
    K_UL: Float[ArrayLike, "*batch U L"],
    K_U: Float[ArrayLike, "*batch U U"],
    Y: Float[ArrayLike, "*batch L C"],
    F_L: Float[ArrayLike, "*batch L C"],
    F_U: Float[ArrayLike, "*batch U C"],
) -> LookAhead:
    """The look-ahead of a pool under any kernel: empirical (eq. 11), infinite, or another.

    A singular $K_{LL}$ is taken by its pseudo-inverse, so that points given twice have their mean label. Exact arrays, and
    arrays that ask for gradients, are solved with $K_{LL}^+$; others by Cholesky.

    Args:
        K_L: (..., L, L) kernel of the labelled points.
        K_UL: (..., U, L) of the pool with them.
        K_U: (..., U, U) of the pool.
        Y: (..., L, C) labels.
        F_L: (..., L, C) the model's outputs on the labelled points.
        F_U: (..., U, C) its outputs on the pool.

    Returns:
        The `LookAhead`.

    Raises:
        InputError: Shapes that do not fit, or blocks that are not those of one symmetric positive semi-definite kernel.
    """
    found = as_tensors(K_L=K_L, K_UL=K_UL, K_U=K_U, Y=Y, F_L=F_L, F_U=F_U)
    K, cross, pool, labels, inside, F = found
    exact = any(is_exact(x) for x in found)
    if not exact:
        _check_shapes(K, cross, pool, labels, inside, F)
    residual, across = labels - inside, torch.transpose(cross, -1, -2)
    if exact or (torch.is_grad_enabled() and any(x.requires_grad for x in found)):
        V = Converged().pull(K) @ across
        S, G = pool - cross @ V, torch.transpose(V, -1, -2) @ residual
    else:
        W, z, V = _solved(K, across, residual)
        S = torch.addmm(pool, W.mT, W, alpha=-1) if K.ndim == 2 else pool - W.mT @ W
        G = W.mT @ z
    return made(S, V, F, G, torch.linalg.diagonal(K), torch.linalg.diagonal(pool))


def from_jacobian(
    J_L: Float[ArrayLike, "*batch L P"],
    J_U: Float[ArrayLike, "*batch U P"],
    Y: Float[ArrayLike, "*batch L C"],
    F_L: Float[ArrayLike, "*batch L C"],
    F_U: Float[ArrayLike, "*batch U C"],
) -> LookAhead:
    r"""The same from features, $K = JJ^\top$: S is the Gram matrix of what projection leaves of the pool's features.

    The projection is done twice, so that what is left is orthogonal to the span to working precision. Nothing is squared
    before it is subtracted: near a labelled point at distance $\delta$, u is right down to $\delta\approx\varepsilon$
    instead of $\sqrt\varepsilon$. It costs $L^2P+2LUP+U^2P$ and holds three arrays of the size of J_U.

    Args:
        J_L: (..., L, P) features of the labelled points: gradients of one logit.
        J_U: (..., U, P) features of the pool.
        Y: (..., L, C) labels.
        F_L: (..., L, C) the model's outputs on the labelled points.
        F_U: (..., U, C) its outputs on the pool.

    Returns:
        The `LookAhead`.

    Raises:
        InputError: Shapes that do not fit.
    """
    found = as_tensors(J_L=J_L, J_U=J_U, Y=Y, F_L=F_L, F_U=F_U)
    J, others, labels, inside, F = found
    if any(is_exact(x) for x in found):
        turned, back = torch.transpose(J, -1, -2), torch.transpose(others, -1, -2)
        return from_kernels(J @ turned, others @ turned, others @ back, labels, inside, F)
    if J.ndim < 2 or others.ndim != J.ndim or J.shape[-1] != others.shape[-1]:
        raise InputError(
            f"`J_L` has shape {tuple(J.shape)} and `J_U` {tuple(others.shape)} but (..., L, P) and (..., U, P) are wanted; "
            "pass gradients of one model."
        )
    check_outputs(J.shape[:-1], others.shape[:-1], labels, inside, F)
    left, s, right = torch.linalg.svd(J, full_matrices=False)
    kept = s > max(J.shape[-2:]) * torch.finfo(s.dtype).eps * s[..., :1]
    basis = right * kept[..., None]
    coordinates = basis @ others.mT
    rest = others - coordinates.mT @ basis
    rest = rest - (rest @ basis.mT) @ basis
    V = left @ (coordinates * torch.where(kept, 1 / torch.where(kept, s, 1), 0)[..., None])
    sizes, kappa = (J * J).sum(-1), (others * others).sum(-1)
    return made(rest @ rest.mT, V, F, V.mT @ (labels - inside), sizes, kappa, projected=True)


def from_network(
    net: Any,
    X_L: Float[ArrayLike, "L d"],
    Y: Float[ArrayLike, "L C"] | Int[ArrayLike, " L"],
    X_U: Float[ArrayLike, "U d"],
    *,
    logit: int | str = "mean",
) -> LookAhead:
    r"""The look-ahead of a network linearised where it is (eq. 11), all logits sharing one kernel $\Theta\otimes I_C$.

    Args:
        net: An `altheory.TwoLayerNet`, `altheory.modules.ModuleNet` or module, trained on the labelled points.
        X_L: (L, d) labelled points.
        Y: (L, C) labels, or (L,) integer classes.
        X_U: (U, d) pool.
        logit: The logit whose tangent kernel stands for all (the paper takes the first, 0), or "mean", the mean of all of
            theirs.

    Returns:
        The `LookAhead`.

    Raises:
        InputError: Points or labels that do not fit the network, or no such logit.
    """
    from altheory import kernels
    from altheory.modules._adapter import as_module_net
    from altheory.networks import TwoLayerNet

    model = net if isinstance(net, TwoLayerNet) else as_module_net(net)
    labelled, pool = model.check_points("X_L", X_L).detach(), model.check_points("X_U", X_U).detach()
    points = torch.cat([labelled, pool])
    with torch.no_grad():
        F = model(points)
        if logit != "mean" and (isinstance(logit, bool) or not isinstance(logit, int) or not 0 <= logit < F.shape[1]):
            raise InputError(f"`logit` is {logit!r} but 'mean' or a number from 0 to {F.shape[1] - 1} is wanted; pass one.")
        labels = one_hot("Y", Y, F.shape[1], F)
        K: Any = kernels.empirical(model, points, outputs=logit)
        L = len(labelled)
        return from_kernels(K[:L, :L], K[L:, :L], K[L:, L:], labels, F[:L], F[L:])


def one_hot(name: str, Y: Any, classes: int, like: Tensor) -> Tensor:
    """Labels (n, C): as they are, or of n integer classes.

    Args:
        name: What they are called in messages.
        Y: (n, C) numbers, or (n,) classes 0 to C - 1.
        classes: C.
        like: What they are used with (dtype and device).

    Returns:
        (n, C).

    Raises:
        InputError: Classes out of range, or labels that do not fit `like`.
    """
    values = as_tensor(name, Y, ndim=(1, 2), layout="(n, C) or (n,)", like=("F", like))
    if values.ndim == 2:
        return values
    if bool((values != values.round()).any()) or bool((values < 0).any()) or bool((values >= classes).any()):
        raise InputError(
            f"`{name}` has shape {tuple(values.shape)} but is not made of classes 0 to {classes - 1}; pass such integers, or "
            f"(n, {classes}) numbers."
        )
    return torch.nn.functional.one_hot(values.long(), classes).to(like)


def _solved(K: Tensor, across: Tensor, residual: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """W and z with W' W = K_UL K^+ K_LU and W' z = K_UL K^+ r, and V = K^+ K_LU."""
    R, failed = torch.linalg.cholesky_ex(K)
    pivots, sizes = torch.linalg.diagonal(R) ** 2, torch.linalg.diagonal(K)
    lost = (K.shape[-1] + 2) * torch.finfo(K.dtype).eps * sizes
    if not bool(failed.any()) and bool((pivots > lost).all()):
        W, z = (torch.linalg.solve_triangular(R, x, upper=False) for x in (across, residual))
        return W, z, torch.linalg.solve_triangular(R.mT, W, upper=True)
    eigenvalues, Q = eigen(K)
    root = torch.where(eigenvalues > 0, 1 / torch.sqrt(torch.where(eigenvalues > 0, eigenvalues, 1)), 0)[..., :, None]
    W, z = root * (Q.mT @ across), root * (Q.mT @ residual)
    return W, z, Q @ (root * W)


def _check_shapes(K: Tensor, cross: Tensor, pool: Tensor, labels: Tensor, inside: Tensor, F: Tensor) -> None:
    shapes = [tuple(x.shape) for x in (K, cross, pool)]
    batch, L, U = shapes[0][:-2], shapes[0][-1], shapes[2][-1]
    if min(map(len, shapes)) < 2 or shapes != [(*batch, L, L), (*batch, U, L), (*batch, U, U)]:
        raise InputError(
            f"`K_L`, `K_UL` and `K_U` have shapes {shapes[0]}, {shapes[1]} and {shapes[2]} but (..., L, L), (..., U, L) and "
            "(..., U, U) are wanted; pass the blocks of one kernel."
        )
    check_outputs(torch.Size(shapes[0][:-1]), torch.Size(shapes[2][:-1]), labels, inside, F)
    check_symmetric(K, name="K_L")
    rows, columns = pool.detach().sum(-1), pool.detach().sum(-2)  # a full comparison would cost as much as the look-ahead
    size = torch.finfo(K.dtype).eps * U * pool.detach().abs().amax((-2, -1))
    if bool(((rows - columns).abs() > 100 * U * size[..., None]).any()):
        raise InputError(
            "`K_U` is not symmetric (its row sums are not its column sums); pass the kernel of the pool with itself."
        )


def check_outputs(labelled: torch.Size, pool: torch.Size, labels: Tensor, inside: Tensor, F: Tensor) -> None:
    C = F.shape[-1] if F.ndim else 0
    for name, tensor, wanted in (("Y", labels, labelled), ("F_L", inside, labelled), ("F_U", F, pool)):
        if tuple(tensor.shape) != (*wanted, C):
            raise InputError(
                f"`{name}` has shape {tuple(tensor.shape)} but {(*wanted, C)} is wanted; pass one row a point and one "
                "column an output."
            )
