r"""A small consistency-regularised classifier, the Pi-model, several at once.

With $p_\theta(x) = \mathrm{softmax}(f_\theta(x))$, labelled points $\mathcal L$ and all points $\mathcal X$, each step lowers

$$\frac1{|\mathcal L|}\sum_{i\in\mathcal L}-\log p_\theta(x_i+\epsilon_i)_{y_i}
  + \omega(t)\,\frac1{|\mathcal X|K}\sum_{i\in\mathcal X}|p_\theta(x_i+\epsilon_i)-p_\theta(x_i+\epsilon_i')|^2,$$

$\epsilon, \epsilon'$ two fresh Gaussian perturbations, $\omega(t) = \omega e^{-5(1-t/R)^2}$ for $t < R$ and $\omega$ from R
on. The unlabelled points enter through the second term alone, which moves the decision boundary out of the dense regions.

Source: Laine and Aila, Temporal ensembling for semi-supervised learning, ICLR 2017 (the Pi-model and its ramp-up).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, as_tensor, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True)
class Classifiers:
    """B relu networks of one shape.

    Attributes:
        weights: One (B, inputs, outputs) tensor a layer.
        biases: One (B, 1, outputs) tensor a layer.
    """

    weights: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]

    def __call__(self, X: Float[Tensor, "*networks n d"]) -> Float[Tensor, "networks n classes"]:
        """The logits: of common points (n, d), or of (B, n, d), one set a network."""
        return _logits(list(self.weights), list(self.biases), X)

    def module(self, index: int) -> torch.nn.Sequential:
        """One of the networks as a `torch.nn.Sequential`, for `al.kernels.empirical` and others."""
        layers: list[torch.nn.Module] = []
        for W, b in zip(self.weights, self.biases, strict=True):
            layer = torch.nn.Linear(W.shape[1], W.shape[2], dtype=W.dtype, device=W.device)
            with torch.no_grad():
                layer.weight.copy_(W[index].T)
                layer.bias.copy_(b[index, 0])
            layers += [layer, torch.nn.ReLU()]
        return torch.nn.Sequential(*layers[:-1])


def consistency(logits: Float[Tensor, "*batch n classes"], again: Float[Tensor, "*batch n classes"]) -> Float[Tensor, "*batch"]:
    r"""How much two passes over the same points disagree: the mean of $(p-p')^2$ over points and classes.

    Args:
        logits: (..., n, K) of one pass.
        again: (..., n, K) of the other.

    Returns:
        (...,), differentiable in both.
    """
    return ((logits.softmax(-1) - again.softmax(-1)) ** 2).mean((-2, -1))


def ramp_up(step: int, length: int) -> float:
    r"""$e^{-5(1-t/R)^2}$ at step t below R, 1 from there on (Laine and Aila 2017)."""
    return math.exp(-5 * (1 - step / length) ** 2) if step < length else 1.0


def pi_model(
    X: Float[ArrayLike, "*networks n d"],
    y: Int[ArrayLike, "*networks n"],
    labelled: Int[ArrayLike, "*networks l"],
    *,
    classes: int,
    seed: int | Sequence[int],
    widths: Sequence[int] = (32, 32),
    weight: float = 10.0,
    noise: float = 0.1,
    steps: int = 500,
    ramp: int | None = None,
    lr: float = 0.01,
) -> Classifiers:
    """Train one Pi-model for each seed, all at once, by Adam on full batches.

    A network depends on its own seed and data, not on the others it is trained with (up to the rounding of batched products).

    Args:
        X: (n, d) points for all, or (B, n, d), one set for each of B seeds.
        y: (n,) or (B, n) classes 0 to K - 1; only those of the labelled points are looked at.
        labelled: (l,) or (B, l) which points are labelled.
        classes: K.
        seed: one integer, or B of them, one a network.
        widths: hidden layers.
        weight: omega; 0 is supervised training.
        noise: standard deviation of the perturbation of every coordinate.
        steps: steps of Adam.
        ramp: R; half of the steps when None.
        lr: learning rate.

    Returns:
        The trained `Classifiers`, in the dtype and on the device of X.

    Raises:
        InputError: shapes that do not fit, classes or labelled points out of range, a weight, noise or learning rate that is
            negative, no step at all.
    """
    seeds = [int(seed)] if isinstance(seed, int) else [int(s) for s in seed]
    points, targets = _data(X, y, labelled, check_integer("classes", classes, least=2), len(seeds))
    count, length = check_integer("steps", steps), check_integer("ramp", ramp if ramp is not None else max(1, steps // 2))
    for name, value in (("weight", weight), ("noise", noise), ("lr", lr)):
        if not (isinstance(value, (int, float)) and 0 <= value < math.inf):
            raise InputError(f"`{name}` is {value!r} but a finite number of at least 0 is wanted; pass such a number.")
    sizes = [points.shape[-1], *(check_integer("widths", w) for w in widths), classes]
    generators = [torch.Generator().manual_seed(s) for s in seeds]

    def drawn(*shape: int) -> Tensor:
        return torch.stack([torch.randn(*shape, generator=g, dtype=torch.float64) for g in generators]).to(points)

    weights = [math.sqrt(2 / a) * drawn(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)]
    biases = [torch.zeros(len(seeds), 1, b, dtype=points.dtype, device=points.device) for b in sizes[1:]]
    parameters = [p.requires_grad_() for p in (*weights, *biases)]
    optimiser = torch.optim.Adam(parameters, lr=lr)
    n = points.shape[1]
    with torch.enable_grad():
        for step in range(count):
            f = _logits(weights, biases, torch.cat([points, points], 1) + noise * drawn(2 * n, points.shape[-1]))
            # means over points, then the sum over networks: each is trained on its own loss
            loss = -(f[:, :n].log_softmax(-1) * targets).sum()
            loss = loss + weight * ramp_up(step, length) * consistency(f[:, :n], f[:, n:]).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return Classifiers(tuple(w.detach() for w in weights), tuple(b.detach() for b in biases))


def _logits(weights: list[Tensor], biases: list[Tensor], X: Tensor) -> Tensor:
    h = X
    for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
        h = (h.relu() if layer else h) @ W + b
    return h


def _data(X: Any, y: Any, labelled: Any, classes: int, networks: int) -> tuple[Tensor, Tensor]:
    """The points, (B, n, d), and 1/l at each labelled point's class, (B, n, K)."""
    points = as_tensor("X", X, ndim=(2, 3), layout="(n, d) or (B, n, d)")
    points = points if points.ndim == 3 else points.expand(networks, *points.shape)
    found = []
    for name, value in (("y", y), ("labelled", labelled)):
        index = torch.as_tensor(value)
        if index.is_floating_point() or index.ndim not in (1, 2):
            raise InputError(
                f"`{name}` has dtype {index.dtype} and shape {tuple(index.shape)}; pass integers, one row a network."
            )
        found.append(index.to(points.device).expand(networks, -1) if index.ndim == 1 else index.to(points.device))
    labels, chosen = found
    n = points.shape[1]
    if len(points) != networks or labels.shape != (networks, n) or len(chosen) != networks or not chosen.shape[1]:
        raise InputError(
            f"`X`, `y` and `labelled` have the shapes {tuple(points.shape)}, {tuple(labels.shape)} and {tuple(chosen.shape)} "
            f"for {networks} seed(s); pass (B, n, d), (B, n) and (B, l) with l >= 1, or leave B out for common data."
        )
    if bool(((chosen < 0) | (chosen >= n)).any()):
        raise InputError(f"`labelled` names points outside 0 to {n - 1}; pass indices into `X`.")
    known = labels.gather(1, chosen)
    if bool(((known < 0) | (known >= classes)).any()):
        raise InputError(f"`y` has a class outside 0 to {classes - 1} among the labelled points; pass class numbers.")
    targets = torch.zeros(networks, n, classes, dtype=points.dtype, device=points.device)
    rows = torch.arange(networks, device=points.device)[:, None]
    targets.index_put_((rows.expand_as(chosen), chosen, known), targets.new_tensor(1 / chosen.shape[1]), accumulate=True)
    return points, targets
