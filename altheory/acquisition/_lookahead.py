r"""Look-ahead strategies: what the model becomes when a point is labelled, for every point of the pool.

The model is linearised where it is: `kernel` is its tangent kernel (one logit, or their mean), `outputs` what it says now. A
point whose features lie in the span of the labelled ones up to rounding, as a duplicate's do, counts as such.

Source: Mohamadi, Bae, Sutherland, "Making Look-Ahead Active Learning Strategies Feasible with Neural Tangent Kernels" (2022),
eq. (2), (3), (13) and Algorithm 1; see `altheory.lookahead`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import lookahead
from altheory._inputs import InputError, as_tensor
from altheory.acquisition._query import BlockReader, Query, check_count

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.acquisition._query import Kernel, Rows

    Labels = Float[ArrayLike, "n C"] | Int[ArrayLike, " n"]


@dataclass(frozen=True)
class MLMOC:
    """The points whose most likely label would change the outputs on the pool most (eq. 13); of tied scores the first.

    All points come from one scoring, so that copies of one point are taken together; `SequentialMLMOC` is diverse.

    Attributes:
        against: "network" or "linearised", as in `altheory.lookahead.most_likely_change`.
    """

    against: str = "network"

    def query(
        self,
        kernel: Kernel,
        labelled: Rows,
        count: int,
        *,
        outputs: Float[ArrayLike, "N C"],
        Y: Labels,
        pool: Rows | None = None,
    ) -> Query:
        """The points to label.

        Args:
            kernel: (N, N) kernel of all points, or a function of two int64 row-number tensors that returns the block.
            labelled: Row numbers of the labelled set, at least one.
            count: How many.
            outputs: (N, C) the model's outputs on all points.
            Y: (n, C) labels, or (n,) classes, of the labelled points in their order.
            pool: Row numbers of the pool; all that are not labelled when None.

        Returns:
            The points, best first, and the scores of the whole pool.

        Raises:
            InputError: No labelled point, fewer than `count` points in the pool; row numbers, a kernel, outputs or labels that
                do not fit.
        """
        ahead, rows, wanted = _look(kernel, labelled, count, outputs, Y, pool)
        return _best(rows, wanted, lookahead.most_likely_change(ahead, against=self.against, unresolved="dependent"))


@dataclass(frozen=True)
class EMOC:
    """The points that would change the outputs on the pool most, in expectation over their label (eq. 3).

    Attributes:
        rule: How outputs become probabilities, as in `altheory.lookahead.class_probabilities`.
        against: As in `MLMOC`.
    """

    rule: str = "softmax"
    against: str = "network"

    def query(
        self,
        kernel: Kernel,
        labelled: Rows,
        count: int,
        *,
        outputs: Float[ArrayLike, "N C"],
        Y: Labels,
        pool: Rows | None = None,
    ) -> Query:
        """The points to label; arguments, result and errors as in `MLMOC.query`."""
        ahead, rows, wanted = _look(kernel, labelled, count, outputs, Y, pool)
        p = lookahead.class_probabilities(ahead.F, self.rule)
        return _best(rows, wanted, lookahead.expected_change(ahead, p, against=self.against, unresolved="dependent"))


@dataclass(frozen=True)
class EER:
    """The points that would leave the least entropy on the pool, in expectation over their label (eq. 2).

    Attributes:
        rule: How outputs become probabilities, as in `altheory.lookahead.class_probabilities`.
        itself: Whether the sum over the pool includes the candidate, as printed.
    """

    rule: str = "softmax"
    itself: bool = True

    def query(
        self,
        kernel: Kernel,
        labelled: Rows,
        count: int,
        *,
        outputs: Float[ArrayLike, "N C"],
        Y: Labels,
        pool: Rows | None = None,
    ) -> Query:
        """The points to label; arguments, result and errors as in `MLMOC.query`."""
        ahead, rows, wanted = _look(kernel, labelled, count, outputs, Y, pool)
        p = lookahead.class_probabilities(ahead.F, self.rule)
        scores = lookahead.expected_error_reduction(ahead, p, rule=self.rule, itself=self.itself, unresolved="dependent")
        return _best(rows, wanted, scores)


@dataclass(frozen=True)
class SequentialMLMOC:
    """One point after the other by MLMOC, each label added to the linear model at once (section 3, "Sequential query
    strategy").

    Attributes:
        against: As in `MLMOC`; it matters for the first point only.
    """

    against: str = "network"

    def query(
        self,
        kernel: Kernel,
        labelled: Rows,
        count: int,
        *,
        outputs: Float[ArrayLike, "N C"],
        Y: Labels,
        pool: Rows | None = None,
        oracle: Callable[[int], Any] | None = None,
    ) -> Query:
        """The points to label, in the order in which they were asked for; arguments as in `MLMOC.query`.

        Args:
            kernel: As in `MLMOC.query`.
            labelled: As in `MLMOC.query`.
            count: As in `MLMOC.query`.
            outputs: As in `MLMOC.query`.
            Y: As in `MLMOC.query`.
            pool: As in `MLMOC.query`.
            oracle: Gives the label of a row number: a class, or (C,) numbers. None: the model's own most likely label at that
                time, a diverse batch that asks nobody.

        Returns:
            The points, and the score of each when it was chosen.

        Raises:
            InputError: As in `MLMOC.query`; an oracle whose answer is no label.
        """
        ahead, rows, wanted = _look(kernel, labelled, count, outputs, Y, pool)
        chosen, reached = [], []
        for _ in range(wanted):
            scores = lookahead.most_likely_change(ahead, against=self.against, unresolved="dependent")
            j = int(torch.argmax(scores))
            chosen.append(rows[j])
            reached.append(scores[j])
            label = ahead.labels[j] if oracle is None else _label(oracle(int(rows[j])), ahead.F)
            ahead = ahead.acquire(j, label)
        return Query(torch.stack(chosen), torch.stack(reached))


def _look(
    kernel: Kernel, labelled: Rows, count: int, outputs: Any, Y: Any, pool: Rows | None
) -> tuple[lookahead.LookAhead, Int[Tensor, " U"], int]:
    """The look-ahead of the pool, the pool's row numbers, and how many are wanted."""
    reader = BlockReader(kernel)
    have = reader.rows("labelled", labelled)
    rows = reader.pool(have, pool)
    wanted = check_count(count, rows)
    if not len(have):
        raise InputError("`labelled` is empty but look-ahead trains on a labelled set; give at least one point.")
    cross = reader.block(rows, have)
    F = as_tensor("outputs", outputs, ndim=2, layout="(N, C)", like=("kernel", cross))
    last = int(torch.cat([rows, have]).max())
    if len(F) <= last or (reader.size is not None and len(F) != reader.size):
        raise InputError(f"`outputs` has {len(F)} rows but the kernel has {reader.size or last + 1}; pass one row for each.")
    on = F.device
    labels = lookahead.one_hot("Y", Y, F.shape[1], F)
    inside, outside = F[have.to(on)], F[rows.to(on)]
    return (
        lookahead.from_kernels(reader.block(have, have), cross, reader.block(rows, rows), labels, inside, outside),
        rows,
        wanted,
    )


def _best(rows: Int[Tensor, " U"], count: int, scores: Float[Tensor, " U"]) -> Query:
    order = torch.argsort(scores, descending=True, stable=True)[:count]
    return Query(rows[order.cpu()], scores)


def _label(answer: Any, F: Float[Tensor, "U C"]) -> Float[Tensor, " C"]:
    """One label (C,), of a class or of numbers."""
    value = as_tensor("oracle", answer, ndim=(0, 1), layout="() or (C,)", like=("outputs", F))
    return value if value.ndim else lookahead.one_hot("oracle", value[None], F.shape[1], F)[0]
