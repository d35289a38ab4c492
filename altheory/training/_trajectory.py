"""What training returns, what it records, and at which steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from altheory._inputs import InputError
from altheory._memory import check_fits
from altheory.training import _losses

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

StepsLike = str | int | Iterable[int]


@dataclass(frozen=True)
class Record:
    """What to record, and when.

    Each entry is `"all"` (every step), an integer k (every k-th step, and the last), or the steps themselves. Outputs are
    computed by training anyway, so recording them costs their memory alone; the drifts cost a kernel, or a pass over
    the weights, at each step asked for.

    Attributes:
        outputs: Steps at which the outputs are kept (loss, residual and E_t follow from them).
        kernel: Steps at which the relative distance of the tangent kernel from its start is computed.
        weights: Steps at which the distance of the parameters from their start is computed.
    """

    outputs: StepsLike = "all"
    kernel: StepsLike = ()
    weights: StepsLike = ()


@dataclass(frozen=True, eq=False)
class Trajectory:
    r"""A training run, at the recorded steps (or times).

    A leading axis of networks stands in front of every shape but those of the steps, `Y` and `test_outputs`' points where
    several runs were put together by `stack`.

    Attributes:
        t: (T,) the recorded steps (int64), or times (of the kernel's dtype).
        outputs: (T, n, K) the outputs $f_t(x_i)$.
        Y: (n, K) the labels (one-hot for classes).
        loss_name: `"squared"` or `"cross_entropy"`.
        net: The network after the last step; None where training diverged, and for kernels alone.
        diverged_at: The first step whose outputs are not finite, where training stopped; None otherwise.
        test_outputs: (T, n_test, K) predictions at the test points, where they were asked for.
        kernel_t: Steps of `kernel_drift`.
        kernel_drift: $|K_t-K_0|_F/|K_0|_F$ of the empirical tangent kernel on the training points.
        weights_t: Steps of `weights_drift` and `parameter_drift`.
        weights_drift: $\max_r|w_r(t)-w_r(0)|$; of two-layer networks.
        parameter_drift: $|\theta_t-\theta_0|$, Euclidean, over all trained parameters.
    """

    t: Int[Tensor, " steps"] | Float[Tensor, " steps"]
    outputs: Float[Tensor, "*nets steps n outputs"]
    Y: Float[Tensor, "n outputs"]
    loss_name: str = "squared"
    net: Any = None
    diverged_at: Any = None
    test_outputs: Float[Tensor, "*nets steps n_test outputs"] | None = None
    kernel_t: Int[Tensor, " steps"] | None = None
    kernel_drift: Float[Tensor, "*nets steps"] | None = None
    weights_t: Int[Tensor, " steps"] | None = None
    weights_drift: Float[Tensor, "*nets steps"] | None = None
    parameter_drift: Float[Tensor, "*nets steps"] | None = None

    @property
    def loss(self) -> Float[Tensor, "*nets steps"]:
        r"""(T,) the loss: $\frac12\sum_i|f-y|^2$, or the sum of the cross-entropies."""
        return _losses.get(self.loss_name).value(self.outputs, self._labels)

    @property
    def residual(self) -> Float[Tensor, "*nets steps n outputs"]:
        r"""(T, n, K) the slope of the loss in the outputs: $f-Y$, or $\mathrm{softmax}(f)-Y$."""
        return _losses.get(self.loss_name).slope(self.outputs, self._labels)

    @property
    def E(self) -> Float[Tensor, "*nets steps"]:
        r"""(T,) the error $E_t = |\text{residual}|_F$."""
        return torch.linalg.vector_norm(self.residual, dim=(-2, -1))

    @property
    def message(self) -> str:
        """One sentence where training diverged, empty otherwise."""
        stopped = self.diverged_at if isinstance(self.diverged_at, tuple) else (self.diverged_at,)
        first = [step for step in stopped if step is not None]
        if not first:
            return ""
        return (
            f"The outputs are not finite from step {min(first)} on and training stopped there: `lr` is too large; the squared "
            "loss wants `lr` below 2 / lambda_max of the tangent kernel."
        )

    @property
    def _labels(self) -> Tensor:
        """Y with an axis for the steps."""
        return self.Y if self.Y.ndim == 2 else self.Y[..., None, :, :]

    def __repr__(self) -> str:
        shape = tuple(self.outputs.shape)
        ending = f", diverged_at={self.diverged_at}" if self.message else ""
        return f"Trajectory(outputs={shape}, loss={self.loss_name!r}{ending})"


def stack(trajectories: Sequence[Trajectory]) -> Trajectory:
    """One trajectory with a leading axis over several runs on the same labels, e.g. over seeds or widths.

    `net` and `diverged_at` become tuples.

    Args:
        trajectories: Runs that recorded the same steps.

    Returns:
        The stacked trajectory.

    Raises:
        InputError: None given, or runs of different labels, losses or recorded steps (one that diverged has fewer).
    """
    runs = list(trajectories)
    if not runs:
        raise InputError("`trajectories` is empty but at least one run is wanted; pass the list that training returned.")
    for run in runs[1:]:
        for what in ("t", "kernel_t", "weights_t", "Y", "loss_name"):
            one, other = getattr(runs[0], what), getattr(run, what)
            same = (
                torch.equal(one, other) if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor) else one == other
            )
            if not same:
                raise InputError(
                    f"`trajectories` differ in `{what}` (one that diverged has fewer steps) but runs of the same labels, "
                    "loss and recorded steps are wanted; stack only such runs."
                )
    merged: dict[str, Any] = {}
    for what in ("outputs", "test_outputs", "kernel_drift", "weights_drift", "parameter_drift"):
        values = [getattr(run, what) for run in runs]
        merged[what] = None if any(value is None for value in values) else torch.stack(values)
    return replace(runs[0], net=tuple(run.net for run in runs), diverged_at=tuple(run.diverged_at for run in runs), **merged)


def as_record(record: Record | StepsLike) -> Record:
    """A `Record`; anything else says when to keep the outputs."""
    return record if isinstance(record, Record) else Record(outputs=record)


def chosen(name: str, which: StepsLike, steps: int) -> Tensor:
    """The steps meant by one entry of a `Record`, increasing, without repetition.

    Raises:
        InputError: Anything but "all", an integer of at least 1, or integers from 0 to `steps`.
    """
    wanted = (
        f"'all', an integer k >= 1 (every k-th step) or integers from 0 to {steps}; "
        "pass one of these, or a larger number of steps."
    )
    if isinstance(which, str):
        if which != "all":
            raise InputError(f"`{name}` is {which!r} but it wants {wanted}")
        return _every(1, steps)
    if isinstance(which, (int, np.integer)):
        if which < 1 or isinstance(which, bool):
            raise InputError(f"`{name}` is {which} but it wants {wanted}")
        return _every(int(which), steps)
    try:
        found = [step.item() if isinstance(step, (torch.Tensor, np.generic)) else step for step in which]
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"`{name}` is a {type(which).__name__} but it wants {wanted}") from None
    wrong = [step for step in found if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= steps]
    if wrong:
        raise InputError(f"`{name}` has the step {wrong[0]!r} but it wants {wanted}")
    return torch.tensor(sorted(set(found)), dtype=torch.int64)


def _every(stride: int, steps: int) -> Tensor:
    """0, stride, 2 stride, ..., and the last step."""
    check_room(steps // stride + 1, torch.empty(1, dtype=torch.int64))
    found = torch.arange(0, steps + 1, stride)
    return found if int(found[-1]) == steps else torch.cat([found, torch.tensor([steps])])


def check_room(count: int, like: Tensor, networks: int = 1) -> None:
    """Refuse records of outputs that cannot fit."""
    wanted = networks * count * like.numel() * like.element_size()
    check_fits(f"recording the outputs at {count} steps", wanted, like.device, "pass `record=100` for every 100th step")
