r"""Active learning, whole: label, train, query, and again, with any strategy.

    digits = al.data.load("digits").unit()
    net = al.TwoLayerNet(64, 256, 10, "relu", train_output=True, seed=0)
    run = al.active_learning.run(al.acquisition.MLMOC(), net, X, y, start=20, count=10, cycles=5, test=(X2, y2), seed=0)
    run.labels, run.accuracy

A strategy is any object with a method `query` that returns an `altheory.acquisition.Query`. It is handed what its arguments
name, computed when they name it:

| argument | what it is |
|---|---|
| `net`, `X` | the network as it is now, all points |
| `kernel` | (N, N) empirical tangent kernel, the mean over outputs |
| `gram` | (N, N) inner products of loss gradients, pseudo labels where there are no others |
| `features` | (N, m) hidden layer, $m^{-1/2}\phi(Wx)$ |
| `outputs` | (N, K) |
| `labelled`, `Y` | row numbers of the labelled set, and their classes |
| `pool`, `count` | row numbers of the pool; how many to choose |
| `oracle` | the class of a row, for strategies that ask for one label after the other |
| `seed` | a generator, another one in each cycle |

Source: the loop around every query of the five papers, e.g. Algorithm 1 of dynamicAL and of gradnorm.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory import dynamics, kernels, training
from altheory._inputs import InputError, check_integer
from altheory.acquisition._query import Query, RowReader, check_count, generator_of
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.acquisition._query import Rows


@dataclass(frozen=True, eq=False)
class Run:
    """What happened.

    Attributes:
        labels: (cycles + 1,) int64, labels bought before each training.
        accuracy: (cycles + 1,) after each training, in [0, 1], on the test set; without one, on the points without a label.
        loss: (cycles + 1,) mean training loss after each training.
        labelled: (n,) int64, all labelled row numbers, in the order in which they were labelled.
        queries: What the strategy answered in each cycle.
        net: The network after the last training.
    """

    labels: Int[Tensor, " rounds"]
    accuracy: Float[Tensor, " rounds"]
    loss: Float[Tensor, " rounds"]
    labelled: Int[Tensor, " n"]
    queries: tuple[Query, ...]
    net: TwoLayerNet


def run(
    strategy: Any,
    net: TwoLayerNet,
    X: Float[ArrayLike, "N d"],
    y: Int[ArrayLike, " N"],
    *,
    start: int | Rows,
    count: int,
    cycles: int,
    seed: int | torch.Generator,
    steps: int = 200,
    rate: float = 1.0,
    loss: str = "cross_entropy",
    retrain: bool = False,
    test: tuple[Any, Any] | None = None,
) -> Run:
    r"""Train on the start, then `cycles` times query, label and train.

    Every training is full-batch gradient descent with step size `rate` $/\,\lambda_{\max}(\Theta)$, $\Theta$ the tangent kernel
    of the labelled set when it begins (the mean over outputs: wide networks, whose outputs decouple, descend below 2). The
    labels of a query are revealed when it is made and never before. Weights that a strategy gives (`RandomizedBSS`) are kept in
    its `Query`, not trained with.

    Args:
        strategy: An object with `query`, as the module says.
        net: The network before the first training; it is not changed.
        X: (N, d) all points, labelled or not, in the network's dtype and on its device.
        y: (N,) their classes, 0 to K - 1.
        start: Row numbers labelled at the start; or how many, drawn at random.
        count: Labels a cycle.
        cycles: How many, at least 0.
        seed: Integer or CPU generator: of the start, if drawn, and of strategies that draw.
        steps: Steps of each training.
        rate: Step size in units of $1/\lambda_{\max}$.
        loss: "cross_entropy" or "squared" (against one-hot rows).
        retrain: Begin every training with `net` as it was given; otherwise go on from the last (a warm start).
        test: Points and classes to measure on.

    Returns:
        A `Run`.

    Raises:
        InputError: Points, classes or a start that do not fit the network; more queries than there are points; a strategy
            without `query`, that wants what there is not, or whose answer is no query of this size; training that diverges.
    """
    if not isinstance(net, TwoLayerNet):
        raise InputError(f"`net` is a {type(net).__name__} but a TwoLayerNet is wanted; make one, or write the loop by hand.")
    wants = _wants(strategy)
    generator = generator_of(seed)
    points = net.check_points("X", X)
    classes = _classes("y", y, len(points), net.outputs)
    measured = (points, classes) if test is None else _test(net, test)
    labelled = _start(start, len(points), generator)
    count, cycles = check_integer("count", count), check_integer("cycles", cycles, least=0)
    if len(labelled) + cycles * count > len(points):
        raise InputError(
            f"{len(labelled)} labels and {cycles} cycles of {count} are more than the {len(points)} points; query fewer."
        )
    queries: list[Query] = []
    found: list[tuple[int, float, float]] = []
    now = net
    for cycle in range(cycles + 1):
        if cycle:
            situation = _Situation(now, points, labelled, classes, loss, count, generator)
            queries.append(_asked(strategy, wants, situation))
            labelled = torch.cat([labelled, queries[-1].chosen])
        now, value = _trained(net if retrain else now, points, classes, labelled, steps, rate, loss)
        right = now(measured[0]).argmax(-1) == measured[1].to(points.device)
        if test is None:
            right = right[_rest(labelled, len(points)).to(right.device)]
        found.append((len(labelled), float(right.double().mean()), value))
    labels, accuracy, losses = zip(*found, strict=True)
    return Run(torch.tensor(labels), torch.tensor(accuracy), torch.tensor(losses), labelled, tuple(queries), now)


@dataclass(frozen=True, eq=False)
class _Situation:
    """What a strategy may look at in one cycle; each property is computed when it is asked for."""

    net: TwoLayerNet
    X: Tensor
    labelled: Tensor
    classes: Tensor
    loss: str
    count: int
    seed: torch.Generator

    @property
    def pool(self) -> Tensor:
        return _rest(self.labelled, len(self.X))

    @property
    def Y(self) -> Tensor:
        return self.classes[self.labelled].to(self.X.device)

    @property
    def outputs(self) -> Tensor:
        return self.net(self.X)

    @property
    def kernel(self) -> Tensor:
        return kernels.empirical(self.net, self.X)

    @property
    def gram(self) -> Tensor:
        f = self.outputs
        believed = dynamics.pseudo_labels(f)
        rows = self.labelled.to(f.device)
        believed[rows] = torch.nn.functional.one_hot(self.Y, self.net.outputs).to(f.dtype)
        return dynamics.gradient_gram(self.net, self.X, dynamics.residual(f, believed, loss=self.loss))

    @property
    def features(self) -> Tensor:
        return torch.cat([self.net.activation.phi(self.X @ W.T) for W, _ in self.net.blocks(4096)], 1) / self.net.width**0.5

    @property
    def oracle(self) -> Callable[[int], int]:
        return lambda row: int(self.classes[row])


_OFFERED = ("net", "X", "labelled", "count", "seed", "pool", "Y", "outputs", "kernel", "gram", "features", "oracle")


def _wants(strategy: Any) -> tuple[str, ...]:
    """The arguments of a strategy's query that there are; all it requires must be among them."""
    query = getattr(strategy, "query", None)
    if inspect.isclass(strategy) or not callable(query):
        raise InputError(
            f"`strategy` is {strategy!r} but an object with a method `query` is wanted; pass one like al.acquisition.Random()."
        )
    named = inspect.signature(query).parameters
    required = [name for name, p in named.items() if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if unknown := [name for name in required if name not in _OFFERED]:
        raise InputError(
            f"`strategy.query` wants {', '.join(unknown)} but a run offers {', '.join(_OFFERED)}; use these names, or give the "
            "others a default."
        )
    return tuple(name for name in named if name in _OFFERED)


def _asked(strategy: Any, wants: tuple[str, ...], situation: _Situation) -> Query:
    answer = strategy.query(**{name: getattr(situation, name) for name in wants})
    chosen = getattr(answer, "chosen", None)
    if not isinstance(chosen, torch.Tensor) or chosen.dtype != torch.int64 or tuple(chosen.shape) != (situation.count,):
        raise InputError(
            f"`strategy.query` returned {answer!r} but a Query with {situation.count} row numbers is wanted; return "
            "al.acquisition.Query(chosen) with an int64 tensor."
        )
    if len(torch.unique(chosen)) < len(chosen) or not bool(torch.isin(chosen, situation.pool).all()):
        raise InputError(f"`strategy.query` chose {chosen.tolist()}, not {situation.count} different rows of the pool.")
    result: Query = answer
    return result


def _trained(
    net: TwoLayerNet, X: Tensor, classes: Tensor, labelled: Tensor, steps: int, rate: float, loss: str
) -> tuple[TwoLayerNet, float]:
    points, truth = X[labelled.to(X.device)], classes[labelled].to(X.device)
    largest = float(torch.linalg.eigvalsh(kernels.empirical(net, points, outputs="mean"))[-1])
    if not largest > 0:
        raise InputError("The tangent kernel of the labelled set is 0, so nothing can be trained; pass points other than 0.")
    targets = torch.nn.functional.one_hot(truth, net.outputs).to(X.dtype) if loss == "squared" else truth
    done = training.gradient_descent(net, points, targets, rate / largest, steps, loss=loss, record=[steps])
    if done.net is None:
        raise InputError(f"Training diverged at step {done.diverged_at} with `rate` {rate}; pass a smaller one.")
    return done.net, float(done.loss[-1]) / len(labelled)


def _start(start: Any, n: int, generator: torch.Generator) -> Tensor:
    if isinstance(start, int) and not isinstance(start, bool):
        check_count(start, torch.arange(n))
        return torch.randperm(n, generator=generator)[:start]
    rows = RowReader(n, "X").rows("start", start)
    if not len(rows) or len(torch.unique(rows)) < len(rows):
        raise InputError(f"`start` names {len(rows)} rows, {len(torch.unique(rows))} different; name at least one, each once.")
    return rows


def _rest(labelled: Tensor, n: int) -> Tensor:
    free = torch.ones(n, dtype=torch.bool)
    free[labelled] = False
    return free.nonzero()[:, 0]


def _classes(name: str, y: Any, n: int, outputs: int) -> Tensor:
    values = torch.as_tensor(y)
    if values.is_floating_point() or values.dtype == torch.bool or values.ndim != 1 or len(values) != n:
        raise InputError(f"`{name}` is {values.dtype} of shape {tuple(values.shape)} but ({n},) class numbers are wanted.")
    values = values.to("cpu", torch.int64)
    if outputs < 2 or int(values.min()) < 0 or int(values.max()) >= outputs:
        raise InputError(
            f"`{name}` has classes {int(values.min())} to {int(values.max())} but the network has {outputs} outputs; pass "
            "classes from 0 on, and a network with an output for each (at least 2)."
        )
    return values


def _test(net: TwoLayerNet, test: Any) -> tuple[Tensor, Tensor]:
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise InputError(f"`test` is a {type(test).__name__} but (points, classes) is wanted; pass a pair.")
    points = net.check_points("test", test[0])
    return points, _classes("test", test[1], len(points), net.outputs)
