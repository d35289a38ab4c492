r"""The empirical tangent kernel of any module.

$$K_{kl}(x, z) = \sum_p\langle\partial f_k(x)/\partial p,\ \partial f_l(z)/\partial p\rangle$$

over the trainable parameters p. Linear layers enter by a closed form that needs no gradients; all other parameters by
per-sample gradients, a chunk of points and a group of tensors at a time (`altheory.kernels._factors`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, check_integer
from altheory._memory import check_fits
from altheory.kernels._factors import Rows, Signals, check_alone, closed_layers, rows_of, signals_of
from altheory.modules._adapter import ModuleNet, as_module_net

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from altheory._inputs import ArrayLike

    Layer = str | Sequence[str]
    Factors = dict[str, list[Rows | Signals]]

_BYTES = 1 << 28  # per-sample gradients or signals held at once, unless one point needs more


def module_kernel(
    net: ModuleNet | nn.Module,
    X: Float[ArrayLike, " n *point"],
    X2: Float[ArrayLike, " n2 *point"] | None = None,
    *,
    layer: Layer = "trained",
    outputs: str | int = "mean",
    chunk: int | None = None,
) -> Float[Tensor, "n n2"] | Float[Tensor, "K K n n2"] | dict[str, Tensor]:
    r"""The tangent kernel of a module at its present parameters.

    Above the result, memory is that of two chunks of points: their signals in linear layers, and their gradients in a group of
    other parameters of at least one tensor; by default about 256 MB, or two points if one point needs more. If all points do
    not fit into one chunk, the gradients of the second chunk are computed again for every first one.

    Args:
        net: A `ModuleNet`, or a module to be wrapped in one (evaluation mode, BatchNorm frozen).
        X: (n, ...) points.
        X2: (n2, ...) points; X itself when None, and then the result is exactly symmetric.
        layer: "trained": all trainable parameters. "per layer": a dict with one kernel for every layer, whose sum is the
            kernel; a layer is a submodule with parameters of its own, called by its name, and each parameter of the module
            itself. Or the name of a layer or parameter, or a list of such names.
        outputs: "mean": $\frac1K\sum_kK_{kk}$; "sum": $\frac1K\sum_{kl}K_{kl}$, the kernel of the sum of the logits; k:
            $K_{kk}$ alone; "pairs": all of them.
        chunk: Points at a time.

    Returns:
        (n, n2), or (K, K, n, n2) for "pairs", in the module's dtype on its device; for "per layer" a dict of these.

    Raises:
        InputError: A module that `ModuleNet` refuses or that mixes points; points it does not take; an unknown layer or output;
            a result that does not fit into memory.
    """
    net = as_module_net(net)
    X = net.check_points("X", X)
    Z = X if X2 is None else net.check_points("X2", X2)
    if Z.shape[1:] != X.shape[1:]:
        raise InputError(f"`X2` has shape {tuple(Z.shape)} but `X` has {tuple(X.shape)}; pass points of one shape.")
    size = None if chunk is None else check_integer("chunk", chunk)
    keys = layer_parameters(net, layer)
    probe = torch.cat([X[:3], Z[:3]]) if X2 is not None else X[:3]
    check_alone(net, probe)
    cotangents, scale = cotangents_of(net, outputs)
    pairs, K = outputs == "pairs", net.outputs
    shape = (K, K, len(X), len(Z)) if pairs else (len(X), len(Z))
    advice = "use `al.kernels.operator`, or fewer points"
    numbers = len(keys) * (K * K if pairs else 1) * len(X) * len(Z)
    check_fits(
        f"{len(keys)} kernel(s) of shape {shape}", numbers * X.new_empty(0, dtype=net.dtype).element_size(), net.device, advice
    )
    totals = {key: torch.zeros(shape, dtype=net.dtype, device=net.device) for key in keys}
    names = [name for parts in keys.values() for name in parts]
    closed = closed_layers(net, names, probe, cotangents)
    with torch.no_grad():
        for factors, most in _passes(net, keys, closed, probe[:1], cotangents):
            _add(totals, factors, X, Z, X2 is None, size or most, pairs)
    for total in totals.values():
        total *= scale
    return totals if layer == "per layer" else next(iter(totals.values()))


def layer_parameters(net: ModuleNet, layer: Layer) -> dict[str, list[str]]:
    """The parameter names of what is asked for: of every layer for "per layer", else under one key.

    Raises:
        InputError: No such layer or parameter.
    """
    layers: dict[str, list[str]] = {}
    for name in net.names:
        layers.setdefault(name.rpartition(".")[0] or name, []).append(name)
    if isinstance(layer, str) and layer in ("trained", "per layer"):
        return layers if layer == "per layer" else {"trained": list(net.names)}
    wanted = [layer] if isinstance(layer, str) else list(layer)
    chosen: list[str] = []
    for name in wanted:
        found = layers.get(name, []) or [p for p in net.names if p == name]
        if not found:
            raise InputError(
                f"`layer` names {name!r} but 'trained', 'per layer', or trainable layers or parameters are wanted; pass some "
                f"of {', '.join(map(repr, [*layers, *net.names]))}."
            )
        chosen += [p for p in found if p not in chosen]
    if not chosen:
        raise InputError("`layer` is an empty list but at least one layer or parameter is wanted; pass 'trained' for all.")
    return {"chosen": [p for p in net.names if p in chosen]}


def cotangents_of(net: ModuleNet, outputs: str | int) -> tuple[Float[Tensor, "R K"], float]:
    r"""The functions of the outputs whose kernels are summed, and the factor of the sum.

    Raises:
        InputError: `outputs` is none of the choices.
    """
    K = net.outputs
    one = torch.eye(K, dtype=net.dtype, device=net.device)
    if outputs == "pairs":
        return one, 1.0
    if outputs == "mean":
        return one, 1 / K
    if outputs == "sum":
        return one.sum(0, keepdim=True), 1 / K
    if isinstance(outputs, int) and not isinstance(outputs, bool) and 0 <= outputs < K:
        return one[outputs : outputs + 1], 1.0
    raise InputError(
        f"`outputs` is {outputs!r} but 'mean', 'sum', 'pairs' or a number from 0 to {K - 1} is wanted; pass one of these."
    )


def _passes(
    net: ModuleNet, keys: dict[str, list[str]], closed: dict[str, list[str]], point: Tensor, cotangents: Tensor
) -> list[tuple[Callable[[Tensor], Factors], int]]:
    """The ways to all factors: functions of points, each with the number of points it should get at a time."""
    owner = {name: key for key, names in keys.items() for name in names}
    item, R = cotangents.element_size(), len(cotangents)
    passes: list[tuple[Callable[[Tensor], Factors], int]] = []
    if closed:
        samples = signals_of(net, closed, point, cotangents)[0].values()
        # the graph of the forward pass lives beside the signals
        needs = 4 * item * sum(s.inputs.numel() + s.signals.numel() for s in samples)
        products = R * max(s.inputs.shape[1] for s in samples)  # of a tile, for every pair of points, at most squared

        def signals(points: Tensor) -> Factors:
            found = signals_of(net, closed, points, cotangents)[0]
            return _by_key({name: owner[closed[name][0]] for name in closed}, found)

        passes.append((signals, max(1, min(_BYTES // (2 * needs), math.isqrt(_BYTES // item) // products))))
    done = {name for names in closed.values() for name in names}
    sizes = {name: p.numel() for name, p in zip(net.names, net.parameters(), strict=True)}
    rest = [name for names in keys.values() for name in names if name not in done]
    for group in _groups(rest, sizes, _BYTES // (64 * R * item)):

        def rows(points: Tensor, group: list[str] = group) -> Factors:
            J, start, factors = rows_of(net, group, points, cotangents).J, 0, {}
            for name in group:
                factors[name] = Rows(J[..., start : start + sizes[name]])
                start += sizes[name]
            return _by_key(owner, factors)

        needs = 2 * item * R * sum(sizes[name] for name in group)  # twice: the tensors are joined to one
        passes.append((rows, max(1, _BYTES // (2 * needs))))
    return passes


def _by_key(owner: dict[str, str], factors: dict[str, Any]) -> Factors:
    answer: Factors = {}
    for name, factor in factors.items():
        answer.setdefault(owner[name], []).append(factor)
    return answer


def _groups(names: list[str], sizes: dict[str, int], most: int) -> list[list[str]]:
    """The names in groups of at most so many numbers, or of one tensor."""
    groups: list[list[str]] = []
    room = 0
    for name in names:
        if sizes[name] > room or not groups:
            groups.append([])
            room = max(most, sizes[name])
        groups[-1].append(name)
        room -= sizes[name]
    return groups


def _add(
    totals: dict[str, Tensor], factors: Callable[[Tensor], Factors], X: Tensor, Z: Tensor, same: bool, size: int, pairs: bool
) -> None:
    """Add the Grams of the factors, tile by tile; of a symmetric kernel one half is computed and mirrored."""
    for i in range(0, len(X), size):
        left = factors(X[i : i + size])
        for j in range(i if same else 0, len(Z), size):
            diagonal = same and i == j
            right = left if diagonal else factors(Z[j : j + size])
            rows, columns = slice(i, i + size), slice(j, j + size)
            for key, parts in left.items():
                for one, other in zip(parts, right[key], strict=True):
                    tile = one.gram(other, pairs)
                    tile = _mirrored(tile) if diagonal else tile
                    totals[key][..., rows, columns] += tile.permute(0, 2, 1, 3) if pairs else tile
                    if same and not diagonal:
                        totals[key][..., columns, rows] += tile.permute(2, 0, 3, 1) if pairs else tile.T


def _mirrored(tile: Tensor) -> Tensor:
    """The tile with its lower half replaced by the upper one: (c, c), or (R, c, R, c) as a matrix on pairs (R, c)."""
    flat = tile.flatten(2).flatten(0, 1) if tile.ndim == 4 else tile
    return (flat.triu() + flat.triu(1).T).view(tile.shape)
