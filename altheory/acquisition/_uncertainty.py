r"""Strategies that score every point of the pool alone, by the model's outputs and gradients there.

All take the points, the labelled row numbers, a count and the model; none looks at a label. All points come from one scoring,
so that copies of one point have one score and are taken together.

Source: Wang et al., "Boosting Active Learning via Improving Test Performance" (AAAI 2022), eq. (6), (7), Algorithm 1; Settles,
Craven, Ray (2007) for `EGL`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import gradnorm
from altheory._inputs import InputError, as_tensor, check_integer
from altheory.acquisition._query import Query, RowReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.acquisition._query import Rows
    from altheory.gradnorm import Network


@dataclass(frozen=True)
class ExpectedGradNorm:
    r"""The points with the largest $|\nabla_\theta L_{exp}(x)|$, $L_{exp} = \sum_iP(y_i|x)L_i$ (eq. 6); ties: the first.

    With the posterior differentiated these are the points of `EntropyGradNorm`; detached, every score is 0 up to rounding.

    Attributes:
        posterior: "differentiated" or "detached", as in `altheory.gradnorm.expected_slope`.
        norm: "euclidean", or "tensors" as in the paper's code (`altheory.gradnorm.entropy_gradnorm`).
    """

    posterior: str = "differentiated"
    norm: str = "euclidean"

    def query(self, X: Float[ArrayLike, "N d"], labelled: Rows, count: int, *, net: Network, pool: Rows | None = None) -> Query:
        """The points to label.

        Args:
            X: (N, d) all points.
            labelled: Row numbers of the labelled set, possibly none.
            count: How many.
            net: The model: a `TwoLayerNet`, an `altheory.gradnorm.TwoLayer`, or any `torch.nn.Module`.
            pool: Row numbers of the pool; all that are not labelled when None.

        Returns:
            The points, best first, and the scores of the whole pool.

        Raises:
            InputError: Fewer than `count` points in the pool; row numbers or points that do not fit; an unknown setting.
        """

        def score(points: Tensor) -> Tensor:
            return gradnorm.expected_gradnorm(net, points, posterior=self.posterior, norm=self.norm)

        return _largest(X, labelled, count, pool, score)


@dataclass(frozen=True)
class EntropyGradNorm:
    r"""The points with the largest $|\nabla_\theta L_{ent}(x)|$, $L_{ent}$ the entropy of the posterior (eq. 7).

    Attributes:
        norm: As in `ExpectedGradNorm`.
    """

    norm: str = "euclidean"

    def query(self, X: Float[ArrayLike, "N d"], labelled: Rows, count: int, *, net: Network, pool: Rows | None = None) -> Query:
        """The points to label; arguments, result and errors as in `ExpectedGradNorm.query`."""
        return _largest(X, labelled, count, pool, lambda points: gradnorm.entropy_gradnorm(net, points, norm=self.norm))


@dataclass(frozen=True)
class EGL:
    r"""The points with the largest expected gradient length $\sum_yp_y|\nabla_\theta L_y(x)|$.

    Attributes:
        squared: $\sum_yp_y|\nabla_\theta L_y(x)|^2$ instead, the trace of the Fisher information.
        norm: As in `ExpectedGradNorm`; squares are Euclidean.
    """

    squared: bool = False
    norm: str = "euclidean"

    def query(self, X: Float[ArrayLike, "N d"], labelled: Rows, count: int, *, net: Network, pool: Rows | None = None) -> Query:
        """The points to label; arguments, result and errors as in `ExpectedGradNorm.query`."""
        if self.squared and self.norm != "euclidean":
            raise InputError(f"`norm` is {self.norm!r} but `squared=True` knows 'euclidean' only; pass that, or squared=False.")

        def score(points: Tensor) -> Tensor:
            return gradnorm.egl2(net, points) if self.squared else gradnorm.egl(net, points, norm=self.norm)

        return _largest(X, labelled, count, pool, score)


@dataclass(frozen=True)
class Entropy:
    """The points with the largest entropy of the posterior: the uncertainty, not its gradient."""

    def query(self, X: Float[ArrayLike, "N d"], labelled: Rows, count: int, *, net: Network, pool: Rows | None = None) -> Query:
        """The points to label; arguments, result and errors as in `ExpectedGradNorm.query`."""
        return _largest(X, labelled, count, pool, lambda points: gradnorm.entropy(gradnorm.logits(net, points)))


def _largest(X: Any, labelled: Rows, count: int, pool: Rows | None, score: Callable[[Tensor], Tensor]) -> Query:
    """The points of the pool with the largest scores."""
    points = X if isinstance(X, torch.Tensor) else as_tensor("X", X, min_ndim=2, layout="(N, d)")
    reader = RowReader(len(points), "`X`")
    rows, wanted = reader.pool(reader.rows("labelled", labelled), pool), check_integer("count", count)
    if wanted > len(rows):
        raise InputError(f"`count` is {wanted} but the pool has {len(rows)} points; ask for at most that many.")
    scores = score(points[rows.to(points.device)])
    order = torch.argsort(scores, descending=True, stable=True)[:wanted]
    return Query(rows[order.cpu()], scores)
