r"""Training of a network's linearisation $f_{lin}(x;\theta) = f(x;\bar\theta)+J(x)(\theta-\bar\theta)$.

Gradient descent on it moves outputs by its constant kernel $\Theta = JJ^\top$:
$f_{t+1} = f_t-\eta\,\Theta\,\partial L/\partial f_t$. So the run happens in function space
(`_kernel_form`), and the parameters follow at the end by one backward pass, $\theta_t = \theta_0-J^\top S_t$. Where the
kernel would cost more than the run, $\Theta v$ is made of one backward and one forward derivative each step.

Source: Lee, Xiao, Schoenholz, Bahri, Novak, Sohl-Dickstein, Pennington (2019), arXiv:1902.06720, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, check_integer
from altheory._memory import available_bytes
from altheory.networks import TwoLayerNet
from altheory.training import _losses
from altheory.training._autograd import AutogradEngine, function, trained
from altheory.training._descent import check_points, check_rate, points_and_labels
from altheory.training._flow import Problem, descend, finite_steps
from altheory.training._kernel_form import iterated_descent
from altheory.training._layers import Layers
from altheory.training._trajectory import StepsLike, Trajectory, check_room, chosen
from altheory.training._two_layer import TwoLayerEngine

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

_FORMS = ("auto", "kernel", "parameters")


def linearised(
    net: Any,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n outputs"] | Float[ArrayLike, " n"] | Int[ArrayLike, " n"],
    lr: float,
    steps: int,
    *,
    at: Any = None,
    loss: str = "squared",
    X_test: Float[ArrayLike, "n_test d"] | None = None,
    record: StepsLike = "all",
    form: str = "auto",
) -> Trajectory:
    r"""Gradient descent of the linearisation $f_{lin}(x;\theta) = f(x;\bar\theta)+J(x)(\theta-\bar\theta)$.

    In kernel form the squared loss is solved on the eigenvectors of $\Theta = J(X)J(X)^\top$ (nK by nK), at any step without
    those before it; cross-entropy is iterated in function space.

    Args:
        net: The network whose trained parameters are $\theta_0$, the start.
        X: (n, d) points in the network's dtype and on its device.
        Y: (n, K) labels; (n,) for one output; for cross-entropy classes 0 to K - 1, or one-hot rows.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        at: A network of the same kind, whose trained parameters are $\bar\theta$; `net` itself by default.
        loss: `"squared"` or `"cross_entropy"`, normalised as in `gradient_descent`.
        X_test: (n_test, d) points to predict at.
        record: `"all"`, every k-th step, or a list of steps.
        form: `"kernel"` (the kernel is made once), `"parameters"` (one backward and one forward derivative each step,
            memory of one backward pass), or `"auto"`: the cheaper one.

    Returns:
        A `Trajectory`; `net` is the network with the parameters $\theta$ reached (its own outputs are not those of the
        linearisation), `test_outputs` (T, n_test, K) the predictions.

    Raises:
        InputError: As in `gradient_descent`; `at` is of another kind; an unknown form.
    """
    rate, count = check_rate(lr), check_integer("steps", steps, least=0)
    if form not in _FORMS:
        raise InputError(f"`form` is {form!r} but one of {', '.join(map(repr, _FORMS))} is wanted; pass one of these.")
    points, labels = points_and_labels(net, X, Y, _losses.get(loss))
    test = None if X_test is None else check_points(net, "X_test", X_test)
    base = net if at is None else _same_kind(net, at)
    shift = None if at is None else tuple(p - q for p, q in zip(trained(net), trained(base), strict=True))
    f0 = _value(base, points, shift)
    f0_test = None if test is None else _value(base, test, shift)
    with torch.no_grad():
        if form == "kernel" or (form == "auto" and _kernel_is_cheaper(base, labels, count, loss)):
            trajectory, pull = _by_kernel(base, points, labels, rate, count, loss, record, f0, test, f0_test)
        else:
            trajectory, pull = _by_products(base, points, labels, rate, count, loss, record, f0, test, f0_test)
        if trajectory.diverged_at is not None:
            return trajectory
        moves = _backward(base, points, pull)
    return replace(trajectory, net=net.replace(*(p - move for p, move in zip(trained(net), moves, strict=True))))


def _by_kernel(
    base: Any, X: Tensor, Y: Tensor, lr: float, steps: int, loss: str, record: StepsLike, f0: Tensor, test: Any, f0_test: Any
) -> tuple[Trajectory, Tensor]:
    """The trajectory, and the pull (n, K) of all steps, through the kernel."""
    from altheory import kernels

    which: Any = "mean" if Y.shape[1] == 1 else "pairs"
    theta = kernels.empirical(base, X, outputs=which)
    cross = None if test is None else kernels.empirical(base, test, X, outputs=which)
    return descend(Problem(theta, Y, f0, loss, cross, f0_test), lr, chosen("record", record, steps), steps)


def _by_products(
    base: Any, X: Tensor, Y: Tensor, lr: float, steps: int, loss: str, record: StepsLike, f0: Tensor, test: Any, f0_test: Any
) -> tuple[Trajectory, Tensor]:
    """The same, through products with the Jacobian and its transpose."""
    rule, at, parameters, here = _losses.get(loss), chosen("record", record, steps), trained(base), function(base, X)
    check_room(len(at), f0)

    def apply(push: Tensor) -> Tensor:
        return _forward(here, parameters, _backward(base, X, push))[1]

    states = iterated_descent(apply, f0, lambda f: rule.slope(f, Y), lr, at, steps, test is not None)
    kept, diverged = finite_steps(states.outputs, at)
    predictions = None
    if test is not None and states.pulls is not None:
        there = function(base, test)
        moved = [_forward(there, parameters, _backward(base, X, pull))[1] for pull in states.pulls[:kept]]
        predictions = f0_test - torch.stack(moved)
    trajectory = Trajectory(at[:kept], states.outputs[:kept], Y, loss, diverged_at=diverged, test_outputs=predictions)
    return trajectory, states.last


def _backward(base: Any, X: Tensor, slope: Tensor) -> tuple[Tensor, ...]:
    """J(X)^T slope, shaped as the trained parameters."""
    if isinstance(base, TwoLayerNet):
        layers = Layers(base.W.detach(), base.a.detach(), X, base.activation, base.antisymmetric, base.train_output)
        engine = TwoLayerEngine(layers)
        engine.start()
        return tuple(part for part in engine.gradient(slope) if part is not None)
    return AutogradEngine(base, X).gradient(slope)


def _forward(here: Callable[..., Tensor], parameters: tuple[Tensor, ...], move: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """The value, and J(x) times a move of the parameters."""
    value, slope = torch.func.jvp(here, parameters, move)[:2]
    return value, slope


def _value(base: Any, X: Tensor, shift: tuple[Tensor, ...] | None) -> Tensor:
    """f(x) at the base, and J(x) times the shift of the parameters from it."""
    here = function(base, X)
    with torch.no_grad():
        if shift is None:
            return base(X) if isinstance(base, TwoLayerNet) else here(*trained(base))
        value, slope = _forward(here, trained(base), shift)
    return value + slope


def _kernel_is_cheaper(base: Any, Y: Tensor, steps: int, loss: str) -> bool:
    """Flops of making and using the kernel against those of a backward and a forward derivative each step."""
    numbers = sum(p.numel() for p in trained(base))
    rows = Y.numel()
    if 4 * rows * rows * Y.element_size() > available_bytes(Y.device):
        return False
    using = 10 * rows**3 if loss == "squared" else 2 * rows * rows * steps
    return rows * rows * numbers + using < 12 * len(Y) * numbers * steps + using * (rows < 512)


def _same_kind(net: Any, at: Any) -> Any:
    """`at`, if its trained parameters are shaped as the network's."""
    same = isinstance(at, type(net)) and [tuple(p.shape) for p in at.parameters()] == [tuple(p.shape) for p in net.parameters()]
    if same and isinstance(net, TwoLayerNet):
        same = net.train_output == at.train_output and net.activation == at.activation
        same = same and (net.train_output or torch.equal(net.a, at.a))
    if not same:
        raise InputError(
            f"`at` is {at!r} but a network of the same kind and sizes as `net` is wanted; "
            "pass `net.replace(...)` with the parameters at which to linearise."
        )
    return at
