r"""Retraining on every candidate with every label at once.

For labelled points (kernel $K_{LL} = RR^\top$), a pool U and a model f with outputs $F_L, F_U$, training to the end under the
kernel on $L^+ = L\cup(x',y)$ gives, for all points x and candidates x' of the pool and every label y,

$$f_{L^+}(x)-f(x) = G(x)+A_{x,x'}\,(y-H(x')),\qquad A_{x,x'} = \frac{S(x,x')}{u(x')},$$
$$W = R^{-1}K_{LU},\quad S = K_{UU}-W^\top W,\quad u = \mathrm{diag}\,S,\quad G = W^\top R^{-1}(Y-F_L),\quad H = F_U+G .$$

S is the posterior covariance, $H = f^{lin}_L$ the linear model trained on L alone, and G what f still lacks of it: 0 where f
has converged. The price is that of one factorisation and one product, $L^3/3+L^2U+LU^2$; labels cost nothing.

Where $u(x') = 0$, the candidate's feature lies in the span of the labelled ones and
$A_{x,x'} = v_x^\top v_{x'}/(1+\|v_{x'}\|^2)$ with $V = K_{LL}^+K_{LU}$ (`altheory.lookahead.block_update`). In floats u is
known up to a rounding error (`schur_error`); a candidate with u below it is called *unresolved*: its features may or may not
lie in the span, and the two cases differ by any amount.

Source: Mohamadi, Bae, Sutherland (2022), eq. (11) and (12) for one candidate; all of them at once: own derivation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, as_tensors, check_symmetric, is_exact
from altheory.dynamics import pseudo_labels
from altheory.lookahead._filters import Converged
from altheory.lookahead._rounding import projection_error, schur_error
from altheory.training._kernel_form import eigen

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

UNRESOLVED = ("raise", "nan", "dependent")


@dataclass(frozen=True, eq=False)
class LookAhead:
    r"""What `from_kernels`, `from_jacobian` and `from_network` make: a pool, ready for any look-ahead score.

    Attributes:
        S: (..., U, U) posterior covariance.
        V: (..., L, U) $K_{LL}^+K_{LU}$.
        F: (..., U, C) the model's outputs on the pool, $F_U$.
        G: (..., U, C) $f^{lin}_L-f$ on the pool.
        u: (..., U) diagonal of S.
        resolved: (..., U) whether u is above its rounding error.
        pool: (U,) which candidates have not been acquired yet.
        diagonals: (..., L) and (..., U), the kernel's diagonal at the labelled points and in the pool.
        projected: Whether S comes from features, so that its rounding error is the smaller one.
    """

    S: Float[Tensor, "*batch U U"]
    V: Float[Tensor, "*batch L U"]
    F: Float[Tensor, "*batch U C"]
    G: Float[Tensor, "*batch U C"]
    u: Float[Tensor, "*batch U"]
    resolved: Bool[Tensor, "*batch U"]
    pool: Bool[Tensor, " U"]
    diagonals: tuple[Float[Tensor, "*batch L"], Float[Tensor, "*batch U"]]
    projected: bool = False

    @property
    def H(self) -> Float[Tensor, "*batch U C"]:
        r"""(..., U, C) the outputs of the linear model trained on the labelled points, $f^{lin}_L = F_U+G$."""
        return self.F + self.G

    @property
    def labels(self) -> Float[Tensor, "*batch U C"]:
        r"""(..., U, C) the most likely label of every candidate, $e_{\hat y}$, $\hat y = \arg\max F_U$; of ties the first."""
        return pseudo_labels(self.F)

    def gains(self) -> Float[Tensor, "*batch U U"]:
        r"""(..., x, x') the matrix $A_{x,x'}$; unresolved candidates are taken to lie in the span of the labelled features."""
        return torch.transpose(self.gain_rows(slice(None)), -1, -2)

    def gain_rows(self, candidates: slice) -> Float[Tensor, "*batch rows U"]:
        """Some columns of `gains` as rows: (..., x', x)."""
        resolved, u = self.resolved[..., candidates], self.u[..., candidates]
        rows = self.S[..., candidates, :] / torch.where(resolved, u, 1.0)[..., None]
        if self.plain:
            return torch.where(resolved[..., None], rows, self._spanned(candidates))
        open_ = ~resolved & self.pool[candidates]
        for i in open_.reshape(-1, open_.shape[-1]).any(0).nonzero()[:, 0].tolist():
            j = range(len(self.pool))[candidates][i]
            rows[..., i, :] = torch.where(open_[..., i, None], self._spanned(slice(j, j + 1))[..., 0, :], rows[..., i, :])
        return rows

    def _spanned(self, candidates: slice) -> Tensor:
        """Rows of gains of candidates in the span of the labelled features."""
        v = self.V[..., :, candidates]
        return (torch.transpose(v, -1, -2) @ self.V) / (1 + (v * v).sum(-2))[..., None]

    def predictions(self, Y: Float[ArrayLike, "*batch U C"] | None = None) -> Float[Tensor, "*batch U U C"]:
        r"""(..., x', x, C) the outputs $f_{L^+}(x)$ after training on each candidate x' with its label: U^2 C numbers.

        Args:
            Y: (..., U, C) one hypothetical label for each candidate, any real vectors; the most likely ones by default.

        Raises:
            InputError: Y is not shaped like F.
        """
        y = self.labels if Y is None else self.checked("Y", Y, self.F)
        H = self.H
        return H[..., None, :, :] + self.gain_rows(slice(None))[..., None] * (y - H)[..., :, None, :]

    def acquire(self, j: int, y: Float[ArrayLike, "*batch C"]) -> LookAhead:
        r"""The look-ahead after candidate j got its label: with $b = A_{\cdot j}$ and $s = S_{\cdot j}$,

        $$F' = H+b\,(y-H(j))^\top,\quad G' = 0,\quad S' = S-sb^\top,\quad V' = [V-v_jb^\top;\ b^\top]:$$

        $O(U^2+LU+UC)$, where eq. (11) solves again. The model is then the linear one, which has converged. Candidate j leaves
        the pool: its rows and columns become 0.

        Args:
            j: Its number.
            y: (..., C) its label.

        Raises:
            InputError: j is not in the pool, or y is not one label.
        """
        label = self.checked("y", y, self.F[..., 0, :])
        if isinstance(j, bool) or not isinstance(j, int) or not 0 <= j < len(self.pool) or not bool(self.pool[j]):
            raise InputError(f"`j` is {j!r} but the number of a candidate still in the pool is wanted; pass one of those.")
        H, here = self.H, slice(j, j + 1)
        b = self.gain_rows(here)[..., 0, :]
        stays = torch.arange(len(self.pool), device=self.pool.device) != j
        keep = stays.to(torch.float64) if is_exact(b) else stays.to(b)
        F = H + b[..., :, None] * (label - H[..., j, :])[..., None, :]
        step = torch.where(self.resolved[..., j][..., None], self.S[..., j, :], 0.0)
        S = (self.S - step[..., :, None] * b[..., None, :]) * keep * keep[:, None]
        V = torch.cat([self.V - self.V[..., :, here] * b[..., None, :], b[..., None, :]], -2) * keep
        sizes, kappa = self.diagonals
        diagonals = (torch.cat([sizes, kappa[..., here]], -1), kappa * keep)
        fresh = replace(self, S=S, V=V, F=F, G=0 * F, pool=self.pool & stays, diagonals=diagonals)
        return fresh._measured()

    def admitted(self, scores: Tensor, unresolved: str) -> Tensor:
        """Scores (..., U) with unresolved candidates treated as asked for, and those no longer in the pool at -inf.

        Raises:
            InputError: `unresolved` is not one of its values; or it is "raise", and a candidate is unresolved.
        """
        if unresolved not in UNRESOLVED:
            raise InputError(
                f"`unresolved` is {unresolved!r} but one of {', '.join(map(repr, UNRESOLVED))} is wanted; pass one of these."
            )
        if is_exact(scores):
            return scores
        open_ = ~self.resolved & self.pool
        if unresolved == "raise" and bool(open_.any()):
            place = tuple(int(i) for i in open_.nonzero()[0])
            where = f" in batch member {place[:-1]}" if place[:-1] else ""
            raise InputError(
                f"candidate {place[-1]}{where} has u = {float(self.u[place]):.3g} below its rounding error: its features may "
                'lie in the span of the labelled ones, as those of a duplicate do; pass `unresolved="dependent"` to say that '
                'they do, "nan" to mark it, or use `from_jacobian`, which tells nearer points apart.'
            )
        if unresolved == "nan":
            scores = torch.where(open_, torch.nan, scores)
        return scores if bool(self.pool.all()) else torch.where(self.pool, scores, -torch.inf)

    @property
    def converged(self) -> bool:
        """Whether G is exactly 0, as after `acquire`; not asked of exact arrays."""
        return not is_exact(self.G) and not bool((self.G != 0).any())

    @property
    def plain(self) -> bool:
        """Whether formulas must be evaluated in one piece, without writing into arrays: for exact arithmetic and autograd."""
        parts = (self.S, self.V, self.F, self.G)
        return any(is_exact(x) for x in parts) or (torch.is_grad_enabled() and any(x.requires_grad for x in parts))

    @staticmethod
    def checked(name: str, value: Any, like: Any) -> Any:
        """An array shaped like another one.

        Raises:
            InputError: It is not.
        """
        found = as_tensor(name, value, like=("F", like))
        if not is_exact(found) and tuple(found.shape) != tuple(like.shape):
            raise InputError(f"`{name}` has shape {tuple(found.shape)} but {tuple(like.shape)} is wanted; reshape it.")
        return found

    def _measured(self) -> LookAhead:
        """The same with u and `resolved` of its S.

        Raises:
            InputError: u is negative beyond rounding.
        """
        u = torch.linalg.diagonal(self.S)
        if is_exact(u):
            return replace(self, u=u, resolved=u > 0)
        with torch.no_grad():
            error = projection_error if self.projected else schur_error
            sizes, kappa = self.diagonals
            bound = error(sizes[..., None, :], kappa, self.V.mT)
            low = u < -100 * bound
        if bool(low.any()):
            raise InputError(
                f"the kernel of the labelled points and candidate {int(low.nonzero()[0][-1])} has the Schur complement "
                f"{float(u[low].min()):.3g} but a positive semi-definite kernel has none below 0; pass blocks of one kernel."
            )
        return replace(self, u=u, resolved=u > bound)


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

    Raises:
        InputError: Classes out of range.
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


def made(S: Any, V: Any, F: Any, G: Any, sizes: Any, kappa: Any, projected: bool = False) -> LookAhead:
    pool = torch.ones(S.shape[-1], dtype=torch.bool, device=S.device)
    empty = LookAhead(S, V, F, G, kappa, pool, pool, (sizes, kappa), projected)
    return empty._measured()


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
