"""Full-batch gradient descent of networks, recorded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, overload

import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory._memory import check_fits
from altheory.networks import TwoLayerNet
from altheory.training import _losses
from altheory.training._autograd import AutogradEngine, trained
from altheory.training._engines import Engine, two_layer_engine
from altheory.training._layers import Span
from altheory.training._trajectory import Record, StepsLike, Trajectory, as_record, check_room, chosen

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike

# Pre-activations of one network up to which batched products over several networks beat a loop.
_TOGETHER = {"cpu": 1 << 15, "cuda": 1 << 22}
_LOOK_GPU = 64  # steps between looks at divergence: each look waits for the GPU


@overload
def gradient_descent(
    net: Sequence[Any],
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n outputs"] | Float[ArrayLike, " n"] | Int[ArrayLike, " n"],
    lr: float,
    steps: int,
    *,
    loss: str = "squared",
    record: Record | StepsLike = "all",
    chunk: int | None = None,
) -> list[Trajectory]: ...


@overload
def gradient_descent(
    net: Any,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n outputs"] | Float[ArrayLike, " n"] | Int[ArrayLike, " n"],
    lr: float,
    steps: int,
    *,
    loss: str = "squared",
    record: Record | StepsLike = "all",
    chunk: int | None = None,
) -> Trajectory: ...


def gradient_descent(
    net: Any,
    X: Float[ArrayLike, "n d"],
    Y: Float[ArrayLike, "n outputs"] | Float[ArrayLike, " n"] | Int[ArrayLike, " n"],
    lr: float,
    steps: int,
    *,
    loss: str = "squared",
    record: Record | StepsLike = "all",
    chunk: int | None = None,
) -> Trajectory | list[Trajectory]:
    r"""Full-batch gradient descent $\theta_{t+1} = \theta_t-\eta\nabla L(\theta_t)$.

    $L = \frac12\sum_i|f(x_i)-y_i|^2$, or the sum of the cross-entropies: sums, never means (divide `lr` by n for a mean).
    So for small steps and large width the residual follows $u_{t+1} = (I-\eta\Theta)u_t$, and the squared loss wants
    `lr` below $2/\lambda_{\max}(\Theta)$. A training that diverges stops and says so in `diverged_at` and `message`.

    Two-layer networks are trained by hand-written passes over chunks of the width (for relu on the CPU with compiled loops,
    where numba is installed, on as many threads as torch has), in the span of the points where these are fewer than the
    dimensions; everything else by autograd. The given network is not changed. On the CPU the order of the sums of a pass
    is fixed by `chunk`, not by the threads.

    Args:
        net: A `TwoLayerNet` or `altheory.modules.ModuleNet`; or a list of them, to train all on the same data: those of
            one shape together where they are small.
        X: (n, d) points in the network's dtype and on its device.
        Y: (n, K) labels; (n,) for one output; for cross-entropy classes 0 to K - 1, or one-hot rows.
        lr: Learning rate, positive.
        steps: Number of steps, at least 0.
        loss: `"squared"` or `"cross_entropy"`.
        record: When to record the outputs (`"all"`, every k-th step, or a list of steps), or a `Record` that also asks
            for the drift of the kernel and of the weights.
        chunk: Neurons at a time for two-layer networks, points at a time for others; chosen by default.

    Returns:
        A `Trajectory` with the trained network, or a list of them for a list (see `stack`).

    Raises:
        InputError: Data that do not fit the network; a network that stores no weights, or whose activation has no
            derivative; a learning rate that is not positive; steps to record beyond the last; an unknown loss; records or
            weights that do not fit into memory.
    """
    several = isinstance(net, Sequence)
    nets = list(net) if several else [net]
    if not nets:
        raise InputError("`net` is an empty list but at least one network is wanted; pass a network or a list of them.")
    rate, count = check_rate(lr), check_integer("steps", steps, least=0)
    if chunk is not None:
        chunk = check_integer("chunk", chunk)
    plan = _Plan(_losses.get(loss), rate, count, as_record(record))
    data = [points_and_labels(one, X, Y, plan.loss) for one in nets]
    with torch.no_grad():
        if len(nets) > 1 and _small_and_alike(nets, data[0][0]):
            return _train_layers(nets, *data[0], plan, chunk)
        runs = []
        for one, (points, labels) in zip(nets, data, strict=True):
            if isinstance(one, TwoLayerNet):
                runs += _train_layers([one], points, labels, plan, chunk)
            else:
                runs.append(_train_other(one, points, labels, plan, chunk))
    return runs if several else runs[0]


def check_rate(lr: Any) -> float:
    """The learning rate as a positive finite float.

    Raises:
        InputError: Anything else.
    """
    try:
        rate = float(lr)
    except (TypeError, ValueError, RuntimeError):
        rate = math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise InputError(f"`lr` is {lr!r} but a positive finite number is wanted; pass e.g. 1 / lambda_max of the kernel.")
    return rate


def points_and_labels(net: Any, X: Any, Y: Any, loss: _losses.Loss) -> tuple[Tensor, Tensor]:
    """The data of a network, checked: X (n, d) and Y (n, K).

    Raises:
        InputError: They do not fit the network, or it is none, or it stores no weights.
    """
    if isinstance(net, TwoLayerNet) and not net.stored:
        raise InputError(
            "`net` was made with `stored=False` and holds no weights but training changes them; make it with `stored=True`."
        )
    if not (hasattr(net, "parameters") and hasattr(net, "functional")):
        raise InputError(
            f"`net` is a {type(net).__name__} but a `TwoLayerNet` or `ModuleNet` is wanted; "
            "wrap a module in `altheory.modules.ModuleNet`."
        )
    points = check_points(net, "X", X)
    if isinstance(net, TwoLayerNet):
        outputs = net.outputs
    else:
        with torch.no_grad():
            value = net.functional(*net.parameters(), points[:1])
        outputs = value.shape[-1] if value.ndim > 1 else 1
    return points, _losses.targets(loss, Y, len(points), outputs, ("net's parameters", net.parameters()[0].detach()))


def check_points(net: Any, name: str, X: Any) -> Tensor:
    """X as a tensor in the network's dtype and on its device, without a graph."""
    if hasattr(net, "check_points"):
        points: Tensor = net.check_points(name, X)
        return points.detach()
    return as_tensor(name, X, min_ndim=2, layout="(n, ...)", like=("net's parameters", net.parameters()[0])).detach()


class _Plan:
    """What to run and what to record."""

    def __init__(self, loss: _losses.Loss, lr: float, steps: int, record: Record) -> None:
        self.loss, self.lr, self.steps = loss, lr, steps
        self.outputs = chosen("record", record.outputs, steps)
        self.kernel = chosen("record.kernel", record.kernel, steps)
        self.weights = chosen("record.weights", record.weights, steps)


class _Run:
    """One run of an engine: its records, and where each network diverged."""

    def __init__(self, engine: Engine, plan: _Plan, labels: Tensor, networks: int, snapshot: Callable[[int], Any]) -> None:
        """Prepare; `snapshot(i)` is network i at the engine's present parameters, which the next step changes."""
        self.plan, self.labels, self.snapshot = plan, labels, snapshot
        self.kernel: list[list[Tensor]] = [[] for _ in range(networks)]
        self.weights: list[list[tuple[Tensor | None, Tensor]]] = [[] for _ in range(networks)]
        self._kernels: list[Tensor] = []
        self._engine, self._networks = engine, networks

    def train(self, drift: Callable[[int], tuple[Tensor | None, Tensor]], kernel: Callable[[Any], Tensor]) -> None:
        """Run the loop; `drift(i)` are the distances of network i's weights, `kernel(net)` its tangent kernel."""
        plan = self.plan
        f = self._engine.start()
        check_room(len(plan.outputs), f)
        self.outputs = f.new_full((len(plan.outputs), *f.shape), math.nan)
        finite_steps = torch.zeros(f.shape[:-2], dtype=torch.int64, device=f.device)
        look = _LOOK_GPU if f.is_cuda else 1
        places = {int(t): k for k, t in enumerate(plan.outputs)}
        at_kernel, at_weights = set(plan.kernel.tolist()), set(plan.weights.tolist())
        if at_kernel:
            self._kernels = [kernel(self.snapshot(i)) for i in range(self._networks)]
        for t in range(plan.steps + 1):
            if t:
                f = self._engine.step(plan.loss.slope(f, self.labels), plan.lr)
            finite_steps += torch.isfinite(f).all(-1).all(-1)
            if t in places:
                self.outputs[places[t]] = f
            if (t % look == 0 or t == plan.steps) and not bool((finite_steps > t).any()):
                break
            if t not in at_weights and t not in at_kernel:
                continue
            for i in (finite_steps.reshape(-1) > t).nonzero()[:, 0].tolist():
                if t in at_weights:
                    self.weights[i].append(drift(i))
                if t in at_kernel:
                    start = self._kernels[i]
                    norm = torch.linalg.matrix_norm
                    self.kernel[i].append(norm(kernel(self.snapshot(i)) - start) / norm(start) if t else norm(start) * 0)
        self.finite = finite_steps.reshape(-1).tolist()

    def trajectory(self, i: int) -> Trajectory:
        """The trajectory of network i."""
        plan, alive = self.plan, self.finite[i]
        kept = plan.outputs[plan.outputs < alive]
        outputs = self.outputs if self._networks == 1 else self.outputs[:, i]
        at_kernel, at_weights = plan.kernel[plan.kernel < alive], plan.weights[plan.weights < alive]
        weights, kernel = self.weights[i], self.kernel[i]
        rows = [largest for largest, _ in weights if largest is not None]
        return Trajectory(
            t=kept,
            outputs=outputs[: len(kept)],
            Y=self.labels,
            loss_name=plan.loss.name,
            net=None if alive <= plan.steps else self.snapshot(i),
            diverged_at=None if alive > plan.steps else alive,
            kernel_t=at_kernel if len(plan.kernel) else None,
            kernel_drift=_stacked(kernel, outputs) if len(plan.kernel) else None,
            weights_t=at_weights if len(plan.weights) else None,
            weights_drift=_stacked(rows, outputs) if len(plan.weights) and len(rows) == len(weights) else None,
            parameter_drift=_stacked([total for _, total in weights], outputs) if len(plan.weights) else None,
        )


def _stacked(values: list[Tensor], like: Tensor) -> Tensor:
    return torch.stack(values) if values else like.new_empty(0)


def _small_and_alike(nets: list[Any], X: Tensor) -> bool:
    """Whether the networks are of one shape and kind, and too small to keep the machine busy alone."""
    if not all(isinstance(net, TwoLayerNet) for net in nets):
        return False
    kinds = {(n.d, n.width, n.outputs, n.activation, n.train_output, n.antisymmetric, n.dtype, n.device) for n in nets}
    return len(kinds) == 1 and nets[0].width * len(X) <= _TOGETHER.get(X.device.type, 0)


def _train_layers(nets: list[Any], X: Tensor, Y: Tensor, plan: _Plan, chunk: int | None) -> list[Trajectory]:
    """Train two-layer networks of one shape together."""
    first = nets[0]
    numbers = 3 * len(nets) * (first.width * (first.d + first.outputs) + len(X) * first.width // 64)
    check_fits("training the network", numbers * X.element_size(), X.device, "train a narrower network")
    span = Span(nets, X)
    with ExitStack() as stack:
        engine = two_layer_engine(span.layers, stack, plan.steps, chunk)
        a = span.layers.a

        def drift(i: int) -> tuple[Tensor, Tensor]:
            changes = (engine.W - span.layers.W, engine.a - a)
            W, output = changes if len(nets) == 1 else (changes[0][i], changes[1][i])
            rows = torch.linalg.vector_norm(W, dim=-1)
            return rows.max(), torch.hypot(torch.linalg.vector_norm(rows), torch.linalg.vector_norm(output))

        run = _Run(engine, plan, Y, len(nets), lambda i: span.network(i, engine.W, engine.a))
        run.train(drift, lambda net: _tangent_kernel(net, X))
        return [run.trajectory(i) for i in range(len(nets))]


def _train_other(net: Any, X: Tensor, Y: Tensor, plan: _Plan, chunk: int | None) -> Trajectory:
    """Train any network by autograd."""
    engine = AutogradEngine(net, X, chunk)
    start = trained(net)

    def drift(_: int) -> tuple[None, Tensor]:
        distances = [torch.linalg.vector_norm(p - q) for p, q in zip(engine.parameters, start, strict=True)]
        return None, torch.linalg.vector_norm(torch.stack(distances))

    run = _Run(engine, plan, Y, 1, lambda _: net.replace(*(p.detach() for p in engine.parameters)))
    run.train(drift, lambda one: _tangent_kernel(one, X))
    return run.trajectory(0)


def _tangent_kernel(net: Any, X: Tensor) -> Tensor:
    from altheory import kernels

    kernel: Any = kernels.empirical(net, X)
    return kernel
