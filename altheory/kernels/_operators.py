r"""Kernels as linear operators, for as many points as you like: no n x n matrix is ever held.

K = al.kernels.operator(net, X)                       # or operator(X, activation="relu", train_output=True)
K @ v                                                 # (n,) or (n, k)
K.solve(y, shift=1e-3).x                              # conjugate gradients, with its residual
K.lambda_max(seed=0).intervals                        # Lanczos, with what is certain about it
mu = K.label_measure(Y)                               # an `altheory.spectra.LabelMeasure`: mu.E2(t, eta), mu.A, mu.I
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import InputError, as_tensor, check_integer
from altheory.kernels._analytic import analytic
from altheory.kernels._kernel_operator import KernelOperator
from altheory.kernels._products import ModuleSource, Source, TwoLayerSource
from altheory.networks import TwoLayerNet

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation
    from altheory.modules._adapter import ModuleNet


def operator(
    source: TwoLayerNet | ModuleNet | nn.Module | str | Activation | Float[ArrayLike, "n d"],
    X: Float[ArrayLike, "n d"] | None = None,
    X2: Float[ArrayLike, "n2 d"] | None = None,
    *,
    activation: str | Activation | None = None,
    layer: str | Sequence[str] = "trained",
    outputs: str | int = "mean",
    train_output: bool = False,
    block: int | None = None,
) -> KernelOperator:
    r"""A kernel as a `KernelOperator`, which never holds a matrix; with the arguments of `empirical` or of `analytic`.

    - `operator(net, X, X2)` for a `TwoLayerNet`, a `ModuleNet` or a module: the empirical kernel. Products with vectors go
      through the Jacobian where that takes fewer multiplications than the kernel's tiles: O(nmd) instead of $O(n^2m)$.
    - `operator(X, X2, activation="relu")`, or `operator("relu", X, X2)`: the kernel of the infinitely wide network, by tiles.

    Args:
        source: A network or module; or an activation; or the points, with `activation`.
        X: (n, d) points; (n, ...) for modules.
        X2: (n2, d) further points for a cross kernel, which has products and tiles, but no solve and no eigenvalues.
        activation: Of the infinitely wide network; "relu" by default.
        layer: As for `empirical`, or for modules as for `module_kernel` (one kernel, not "per layer").
        outputs: "mean", "sum" or a number, as for `empirical`.
        train_output: As for `analytic`.
        block: Rows and columns of a tile, and neurons (two-layer networks) or points (modules) at once; memory is a tile, or n
            times this number.

    Raises:
        InputError: Points that do not fit, arguments that do not go together, `outputs="pairs"`, or what `empirical` or
            `analytic` refuse.
    """
    size = None if block is None else check_integer("block", block)
    if isinstance(source, (TwoLayerNet, torch.nn.Module)) or _is_module_net(source):
        return KernelOperator(_of_network(source, X, X2, activation, layer, outputs, train_output, size))
    if layer != "trained" or outputs != "mean":
        raise InputError(
            "`layer` or `outputs` was given with a kernel of infinite width but they choose parts of a network's; "
            "pass a network first, or `train_output`."
        )
    if isinstance(source, (str, activations.Activation)):
        if activation is not None:
            raise InputError("an activation was given twice, first and as `activation`; pass it once.")
        chosen, others = activations.get(source), X2
        points: Any = X
    else:
        if X is not None and X2 is not None:
            raise InputError("`source` is no network or activation, and two sets of points follow it; pass `operator(X, X2)`.")
        chosen, others = activations.get(activation or "relu"), X if X2 is None else X2
        points = source
    if points is None:
        raise InputError("`X` was not given but the points are wanted; pass `operator(X, activation=...)`.")
    x = as_tensor("X", points, ndim=2, layout="(n, d)").detach()
    z = None if others is None else as_tensor("X2", others, ndim=2, layout="(n2, d)", like=("X", x)).detach()

    def tile_of(one: Tensor, two: Tensor | None) -> Tensor:
        return analytic(one, two, activation=chosen, train_output=train_output)

    tile_of(x[:1], None if z is None else z[:1])  # refuses what `analytic` refuses
    return KernelOperator(Source(tile_of, x, z, x[:0], size))


def _is_module_net(source: Any) -> bool:
    return hasattr(source, "functional") and hasattr(source, "parameters") and hasattr(source, "module")


def _of_network(
    net: Any, X: Any, X2: Any, activation: Any, layer: Any, outputs: Any, train_output: bool, block: int | None
) -> Source:
    if X is None:
        raise InputError("`X` was not given but the points are wanted; pass `operator(net, X)`.")
    if activation is not None or train_output:
        raise InputError(
            "`activation` or `train_output` was given with a network, which has its own; pass `layer` to choose its layers."
        )
    if isinstance(outputs, str) and outputs == "pairs":
        raise InputError("`outputs` is 'pairs' but an operator is one kernel; pass 'mean', 'sum' or the number of an output.")
    if not isinstance(net, TwoLayerNet):
        from altheory.modules._adapter import as_module_net

        net = as_module_net(net)
    x = net.check_points("X", X).detach()
    z = None if X2 is None else net.check_points("X2", X2).detach()
    if isinstance(net, TwoLayerNet):
        return TwoLayerSource(net, x, z, layer, outputs, block)
    return ModuleSource(net, x, z, layer, outputs, block)
