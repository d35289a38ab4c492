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

from altheory._inputs import InputError, as_tensor, is_exact
from altheory.dynamics import pseudo_labels
from altheory.lookahead._rounding import projection_error, schur_error

if TYPE_CHECKING:
    from jaxtyping import Bool, Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

UNRESOLVED = ("raise", "nan", "dependent")


@dataclass(frozen=True, eq=False)
class LookAhead:
    r"""What `from_kernels`, `from_jacobian`, `from_network` and `from_operator` make: a pool, ready for any look-ahead score.

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
        the pool: its rows and columns become 0, and its outputs are no longer followed.

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
            most = torch.maximum(sizes.amax(-1), kappa.amax(-1))[..., None]
            low = u < -100 * schur_error(most[..., None].expand_as(self.V.mT), most.expand_as(u), self.V.mT)
            low &= self.pool
        if bool(low.any()):
            raise InputError(
                f"the kernel of the labelled points and candidate {int(low.nonzero()[0][-1])} has the Schur complement "
                f"{float(u[low].min()):.3g} but a positive semi-definite kernel has none below 0; pass blocks of one kernel."
            )
        return replace(self, u=u, resolved=u > bound)


def made(S: Any, V: Any, F: Any, G: Any, sizes: Any, kappa: Any, projected: bool = False) -> LookAhead:
    """The look-ahead of a whole pool, its u measured."""
    pool = torch.ones(S.shape[-1], dtype=torch.bool, device=S.device)
    empty = LookAhead(S, V, F, G, kappa, pool, pool, (sizes, kappa), projected)
    return empty._measured()
