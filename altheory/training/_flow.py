"""Gradient flow and gradient descent of outputs under a fixed kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer, check_symmetric
from altheory.training import _losses
from altheory.training._descent import check_rate
from altheory.training._kernel_form import (
    Space,
    States,
    check_kernel,
    integrated_flow,
    iterated_descent,
    squared_descent,
    squared_flow,
)
from altheory.training._trajectory import StepsLike, Trajectory, check_room, chosen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


def gradient_flow(
    kernel: Float[ArrayLike, "*batch n n"],
    Y: Float[ArrayLike, "*batch n outputs"] | Float[ArrayLike, "*batch n"] | Int[ArrayLike, " n"],
    times: Float[ArrayLike, " times"] | float,
    *,
    f0: Float[ArrayLike, "*batch n outputs"] | None = None,
    loss: str = "squared",
    kernel_test: Float[ArrayLike, "*batch n_test n"] | None = None,
    f0_test: Float[ArrayLike, "*batch n_test outputs"] | None = None,
) -> Trajectory:
    r"""Gradient flow $\dot f = -\Theta\,\partial L/\partial f$ under a fixed kernel.

    For the squared loss $f_t = Y+e^{-t\Theta}(f_0-Y)$ on the eigenvectors, exact for every t; for cross-entropy by
    `scipy.integrate.solve_ivp` at relative tolerance 1e-10. Predictions elsewhere are
    $f_t^* = f_0^*-\Theta_*\int_0^t\partial L/\partial f_s\,ds$.

    Args:
        kernel: (..., n, n) one kernel for every output (a batch for the squared loss), or (K, K, n, n) for all pairs of
            outputs, as `altheory.kernels.empirical(..., outputs="pairs")` gives it, with Y (n, K).
        Y: (..., n, K), or (..., n) for one output; for cross-entropy (n, K) one-hot rows, or n classes.
        times: (T,) times >= 0.
        f0: Outputs at time 0, shaped like Y; 0 by default.
        loss: `"squared"` or `"cross_entropy"`, normalised as in `gradient_descent`.
        kernel_test: (..., n_test, n) kernel between other points and the training points, or (K, K, n_test, n); it vanishes
            where `kernel` does, as every kernel of all the points together.
        f0_test: (..., n_test, K) outputs there at time 0; 0 by default.

    Returns:
        A `Trajectory` with `t` the times, outputs (..., T, n, K), and `test_outputs` (..., T, n_test, K).

    Raises:
        InputError: Shapes, dtypes or devices that do not fit; a kernel that is not symmetric positive semi-definite; a
            negative time; an unknown loss; labels that are no classes.
    """
    problem = Problem(kernel, Y, f0, loss, kernel_test, f0_test)
    at = as_tensor("times", times, ndim=(0, 1), layout="(T,)", like=("kernel", problem.theta)).reshape(-1)
    if bool((at < 0).any()):
        raise InputError(f"`times` has the negative time {float(at.min()):.3g} but times >= 0 are wanted; start at 0.")
    check_room(len(at), problem.f0)
    if problem.loss.name == "squared":
        states = squared_flow(problem.matrix, problem.start - problem.labels, at, problem.kernel_test is not None)
        return problem.trajectory(at, states, residuals=True)
    return problem.trajectory(at, integrated_flow(problem.matrix, problem.start, problem.slope, at))


def kernel_descent(
    kernel: Float[ArrayLike, "*batch n n"],
    Y: Float[ArrayLike, "*batch n outputs"] | Float[ArrayLike, "*batch n"] | Int[ArrayLike, " n"],
    lr: float,
    steps: int,
    *,
    f0: Float[ArrayLike, "*batch n outputs"] | None = None,
    loss: str = "squared",
    kernel_test: Float[ArrayLike, "*batch n_test n"] | None = None,
    f0_test: Float[ArrayLike, "*batch n_test outputs"] | None = None,
    record: StepsLike = "all",
) -> Trajectory:
    r"""Gradient descent $f_{t+1} = f_t-\eta\,\Theta\,\partial L/\partial f_t$ under a fixed kernel.

    For the squared loss $f_t = Y+(I-\eta\Theta)^t(f_0-Y)$ on the eigenvectors, at any step without those before it; for
    cross-entropy step by step.

    Args:
        kernel: As in `gradient_flow`.
        Y: As in `gradient_flow`.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        f0: As in `gradient_flow`.
        loss: As in `gradient_flow`.
        kernel_test: As in `gradient_flow`.
        f0_test: As in `gradient_flow`.
        record: `"all"`, every k-th step, or a list of steps.

    Returns:
        A `Trajectory`, shaped as in `gradient_flow`.

    Raises:
        InputError: As in `gradient_flow`; a learning rate or steps that `gradient_descent` refuses.
    """
    rate, count = check_rate(lr), check_integer("steps", steps, least=0)
    at = chosen("record", record, count)
    return descend(Problem(kernel, Y, f0, loss, kernel_test, f0_test), rate, at, count)[0]


class Problem:
    """A kernel and labels, checked."""

    def __init__(self, kernel: Any, Y: Any, f0: Any, loss: str, kernel_test: Any, f0_test: Any) -> None:
        self.loss = _losses.get(loss)
        self.theta = check_kernel("kernel", kernel)
        n = self.theta.shape[-1]
        self.Y = self._labels(Y, n)
        outputs = self.Y.shape[-1]
        coupled = self.theta.ndim == 4 and self.Y.ndim == 2
        if coupled and tuple(self.theta.shape[:2]) != (outputs, outputs):
            raise InputError(
                f"`kernel` has shape {tuple(self.theta.shape)} but `Y` has {outputs} output(s); "
                f"pass ({outputs}, {outputs}, {n}, {n}) for all pairs of outputs, or ({n}, {n}) for one kernel."
            )
        if self.loss.name != "squared" and self.theta.ndim != (4 if coupled else 2):
            raise InputError(
                f"`kernel` has shape {tuple(self.theta.shape)} but cross-entropy takes one kernel (n, n) or (K, K, n, n); "
                "loop over the batch."
            )
        self.space = Space(n, outputs, coupled)
        self.matrix = self.space.matrix(self.theta)
        check_symmetric(self.matrix, name="kernel")
        like = ("kernel", self.theta)
        self.f0 = torch.zeros_like(self.Y) if f0 is None else _shaped("f0", f0, tuple(self.Y.shape), like)
        self.start, self.labels = self.space.columns(self.f0), self.space.columns(self.Y)
        self.kernel_test = None if kernel_test is None else self._cross(kernel_test, like)
        if f0_test is not None and self.kernel_test is None:
            raise InputError(
                "`f0_test` was given without `kernel_test`; pass the kernel between its points and the training points."
            )
        self.f0_test = None if f0_test is None else self._test_start(f0_test, like)

    def slope(self, columns: Tensor) -> Tensor:
        """The slope of the loss, on columns."""
        return self.space.columns(self.loss.slope(self.space.outputs_of(columns), self.Y))

    def trajectory(self, at: Tensor, states: States, *, residuals: bool = False) -> Trajectory:
        """The trajectory of these states."""
        outputs = self.space.outputs_of(states.outputs)
        if residuals:
            outputs = outputs + (self.Y if self.Y.ndim == 2 else self.Y[..., None, :, :])
        kept, diverged = finite_steps(outputs, at)
        test = None
        if self.kernel_test is not None and states.pulls is not None:
            cross = self.kernel_test if self.kernel_test.ndim == 2 else self.kernel_test[..., None, :, :]
            moved = self.space.outputs_of(-(cross @ states.pulls))[..., :kept, :, :]
            test = moved if self.f0_test is None else moved + self.f0_test[..., None, :, :]
        return Trajectory(
            t=at[:kept],
            outputs=outputs[..., :kept, :, :],
            Y=self.Y,
            loss_name=self.loss.name,
            diverged_at=diverged,
            test_outputs=test,
        )

    def _labels(self, Y: Any, n: int) -> Tensor:
        like = ("kernel", self.theta)
        if self.theta.ndim == 2 or self.loss.name != "squared":
            return _losses.targets(self.loss, Y, n, None, like)
        values = as_tensor("Y", Y, min_ndim=1, like=like)
        batch = tuple(self.theta.shape[:-2])
        if self.theta.ndim == 4 and values.ndim == 2 and values.shape[0] == n:
            return values
        values = values[..., None] if values.ndim == self.theta.ndim - 1 else values
        if tuple(values.shape[:-1]) != (*batch, n):
            raise InputError(
                f"`Y` has shape {tuple(values.shape)} but `kernel` has shape {tuple(self.theta.shape)}; "
                f"pass `Y` as {(*batch, n, 'K')} with one row for each point."
            )
        return values

    def _cross(self, kernel_test: Any, like: tuple[str, Tensor]) -> Tensor:
        cross = as_tensor("kernel_test", kernel_test, min_ndim=2, like=like)
        wanted = (*self.theta.shape[:-2], "n_test", self.space.points)
        if cross.ndim != self.theta.ndim or cross.shape[:-2] != self.theta.shape[:-2] or cross.shape[-1] != self.space.points:
            raise InputError(
                f"`kernel_test` has shape {tuple(cross.shape)} but {wanted} is wanted; "
                "pass the kernel of the test points (rows) with the training points (columns)."
            )
        return self.space.matrix(cross)

    def _test_start(self, f0_test: Any, like: tuple[str, Tensor]) -> Tensor:
        assert self.kernel_test is not None
        points = self.kernel_test.shape[-2] // (self.space.outputs if self.space.coupled else 1)
        return _shaped("f0_test", f0_test, (*self.Y.shape[:-2], points, self.space.outputs), like)


def _shaped(name: str, value: Any, shape: tuple[int, ...], like: tuple[str, Tensor]) -> Tensor:
    """Outputs of this shape, the last axis left out where there is one output."""
    found = as_tensor(name, value, like=like)
    if shape[-1] == 1 and tuple(found.shape) == shape[:-1]:
        found = found[..., None]
    if tuple(found.shape) != shape:
        raise InputError(f"`{name}` has shape {tuple(found.shape)} but {shape} is wanted; pass one row for each point.")
    return found


def descend(problem: Problem, lr: float, at: Tensor, steps: int) -> tuple[Trajectory, Tensor]:
    """The trajectory of `kernel_descent` at the steps `at`, and the pull (..., n, K) of all steps."""
    check_room(len(at), problem.f0)
    squared, test = problem.loss.name == "squared", problem.kernel_test is not None
    if squared:
        states = squared_descent(problem.matrix, problem.start - problem.labels, lr, at, steps, test)
    else:
        states = iterated_descent(lambda push: problem.matrix @ push, problem.start, problem.slope, lr, at, steps, test)
    return problem.trajectory(at, states, residuals=squared), problem.space.outputs_of(states.last)


def finite_steps(outputs: Tensor, at: Tensor) -> tuple[int, int | None]:
    """How many of the records (..., T, n, K) come before the first that is not finite, and its step."""
    finite = torch.isfinite(outputs).all(-1).all(-1)
    bad = (~finite).reshape(-1, finite.shape[-1]).any(0).nonzero()
    kept = int(bad[0, 0]) if len(bad) else len(at)
    return kept, (int(at[kept]) if kept < len(at) else None)
