r"""Per-sample Jacobians of a module in factored form, for one chunk of points.

A linear layer $y_t = Ux_t+b$ that a point passes at positions $t = 1..T$ has the gradient $\sum_t g_t\tilde x_t^\top$ in
$(U, b)$, where $g_t = \partial f/\partial y_t$ and $\tilde x_t = (x_t, 1)$. So its share of the kernel needs no gradient:

$$\langle\nabla f(x),\nabla f(z)\rangle = \sum_{t,s}\langle\tilde x_t,\tilde z_s\rangle\,\langle g_t,h_s\rangle .$$

`Signals` holds $\tilde x$ and g; `Rows` holds the gradients themselves, for all other parameters. Which layers may use the
closed form is not assumed but found out on a few points (`closed_layers`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from altheory._inputs import InputError

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory.modules._adapter import ModuleNet


@dataclass(frozen=True)
class Rows:
    """Gradients (c, R, p) of R functions of the outputs, of c points."""

    J: Float[Tensor, "c R p"]

    def gram(self, other: Any, pairs: bool) -> Tensor:
        """Inner products (c, c2), summed over the functions; or (R, c, R, c2) with `pairs`."""
        if not pairs:
            return self.J.flatten(1) @ other.J.flatten(1).T
        one, two = (J.transpose(0, 1).flatten(0, 1) for J in (self.J, other.J))
        return (one @ two.T).unflatten(0, self.J.shape[1::-1]).unflatten(-1, other.J.shape[1::-1])


@dataclass(frozen=True)
class Signals:
    """Inputs (c, T, in) of a linear layer, with a column of ones for the bias, and signals (c, R, T, out) from behind it."""

    inputs: Float[Tensor, "c T in"]
    signals: Float[Tensor, "c R T out"]

    def gram(self, other: Any, pairs: bool) -> Tensor:
        """As `Rows.gram`."""
        (c, T, _), (c2, T2, _) = self.inputs.shape, other.inputs.shape
        inner = self.inputs.flatten(0, 1) @ other.inputs.flatten(0, 1).T  # (c T, c2 T2)
        if pairs:
            R = self.signals.shape[1]
            one, two = (s.signals.transpose(0, 1).flatten(0, 2) for s in (self, other))  # (R c T, out)
            both = (one @ two.T).view(R, c * T, R, c2 * T2) * inner[None, :, None, :]
            return both.view(R, c, T, R, c2, T2).sum((2, 5))
        one, two = (s.signals.transpose(1, 2).flatten(2).flatten(0, 1) for s in (self, other))  # (c T, R out)
        both = inner.mul_(one @ two.T)
        return both if T == T2 == 1 else both.view(c, T, c2, T2).sum((1, 3))


def rows_of(net: ModuleNet, names: list[str], X: Tensor, cotangents: Float[Tensor, "R K"]) -> Rows:
    """The gradients in the named parameters, one point at a time (vectorised where `torch.func` can)."""
    values = dict(zip(net.names, net.parameters(), strict=True))
    parameters = tuple(values[name] for name in names)

    def single(x: Tensor) -> tuple[Tensor, ...]:
        def f(*p: Tensor) -> Tensor:
            return net.outputs_at(dict(zip(names, p, strict=True)), x[None])[0]

        pull = torch.func.vjp(f, *parameters)[1]
        return torch.vmap(pull)(cotangents)

    try:
        parts = torch.vmap(single)(X)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, NotImplementedError):  # control flow on values, an operation without a batching rule, ...
        each = [_by_autograd(net, names, parameters, x, cotangents) for x in X]
        parts = tuple(torch.stack(ps) for ps in zip(*each, strict=True))
    return Rows(torch.cat([p.reshape(len(X), len(cotangents), -1) for p in parts], -1).detach())


def _by_autograd(
    net: ModuleNet, names: list[str], parameters: tuple[Tensor, ...], x: Tensor, cotangents: Tensor
) -> list[Tensor]:
    """The gradients at one point, each (R, *shape), by plain backward passes."""
    leaves = [p.detach().requires_grad_() for p in parameters]
    with torch.enable_grad():
        f = net.outputs_at(dict(zip(names, leaves, strict=True)), x[None])[0]
    rows = [_grad(f, leaves, c, retain=True) for c in cotangents]
    return [torch.stack(r) for r in zip(*rows, strict=True)]


def signals_of(
    net: ModuleNet, layers: dict[str, list[str]], X: Tensor, cotangents: Float[Tensor, "R K"], *, detailed: bool = False
) -> tuple[dict[str, Signals], dict[str, Tensor]]:
    """The inputs and signals of the given linear layers on a batch of points.

    Args:
        net: The network.
        layers: Layer names, each with the names of those of its parameters that count.
        X: (c, ...).
        cotangents: (R, K) the functions of the outputs.
        detailed: Also give the gradients of the parameters of the first function, summed over the points.

    Returns:
        The signals by layer (a layer whose inputs are no batch of points is left out), and the gradients by parameter.
    """
    modules = dict(net.module.named_modules())
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in layers}

    def keep(name: str) -> object:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], named: dict[str, Tensor], output: Tensor) -> Tensor:
            calls[name].append(((*inputs, *named.values())[0].detach().clone(), output))
            return output.clone()  # what comes next may work in place

        return modules[name].register_forward_hook(hook, with_kwargs=True)

    handles = [keep(name) for name in layers]
    leaves = {name: p.detach().requires_grad_() for name, p in zip(net.names, net.parameters(), strict=True)}
    try:
        with torch.enable_grad():
            f = net.evaluated(leaves, X)
    finally:
        for handle in handles:
            handle.remove()  # type: ignore[attr-defined]
    fits = {
        name: records
        for name, records in calls.items()
        if records and all(len(a) == len(out) == len(X) and a.ndim >= 2 and out.requires_grad for a, out in records)
    }
    flat = [out for records in fits.values() for _, out in records]
    columns = [c.expand_as(f) for c in cotangents]
    grads = [_grad(f, flat, c, retain=True) for c in columns]
    gradients = {}
    if detailed:
        names = [p for parts in layers.values() for p in parts]
        gradients = dict(zip(names, _grad(f, [leaves[p] for p in names], columns[0], retain=False), strict=True))
    answer, place = {}, itertools.count()
    for name, records in fits.items():
        kept, backs = [], []
        for a, out in records:
            i = next(place)
            kept.append(_augmented(a.flatten(1, -2) if a.ndim > 2 else a[:, None], name, layers[name]))
            backs.append(torch.stack([g[i].reshape(len(X), -1, out.shape[-1]) for g in grads], 1))
        answer[name] = Signals(torch.cat(kept, 1), torch.cat(backs, 2).detach())
    return answer, gradients


def closed_layers(net: ModuleNet, names: list[str], X: Tensor, cotangents: Float[Tensor, "R K"]) -> dict[str, list[str]]:
    """The linear layers whose share of the kernel has the closed form, with the names of their parameters.

    A layer counts if it is a plain `nn.Linear` whose parameters belong to no other module, if its inputs are a batch of points
    (found by evaluating one point alone), if the closed form gives the gradient that autograd gives (so nothing else in the
    forward pass uses its weight), and if it is cheaper than the gradients.

    Args:
        net: The network.
        names: The parameters that count.
        X: (c, ...) a few points.
        cotangents: (R, K) the functions of the outputs.

    Raises:
        InputError: The output of a point changes when it is evaluated again, alone.
    """
    owners: dict[int, int] = {}
    for _, p in net.module.named_parameters(remove_duplicate=False):
        owners[id(p)] = owners.get(id(p), 0) + 1
    layers = {}
    for name, part in net.module.named_modules():
        plain = type(part) is nn.Linear and "forward" not in vars(part) and all(owners[id(p)] == 1 for p in part.parameters())
        own = [f"{name}.{p}" if name else p for p, _ in part.named_parameters() if (f"{name}.{p}" if name else p) in names]
        if plain and own:
            layers[name] = own
    check_alone(net, X)
    weights = torch.linspace(1, 2, cotangents.shape[1], dtype=net.dtype, device=net.device)[None]
    together, gradients = signals_of(net, layers, X, weights, detailed=True)
    alone = signals_of(net, layers, X[:1], weights)[0]
    close = 10 * torch.finfo(net.dtype).eps ** 0.5
    answer = {}
    for name, factor in together.items():
        if name not in alone or alone[name].inputs.shape[1] != factor.inputs.shape[1]:
            continue
        if _gap(alone[name].inputs, factor.inputs[:1]) > close:
            continue
        (_, T, size), out, R = factor.inputs.shape, factor.signals.shape[-1], len(cotangents)
        if T > 1 and T * T * (size + R * out) > R * size * out:
            continue
        total = torch.einsum("cti,cto->oi", factor.inputs, factor.signals[:, 0])
        wanted = [gradients[p] if gradients[p].ndim == 2 else gradients[p][:, None] for p in sorted(layers[name], reverse=True)]
        if _gap(total, torch.cat(wanted, 1)) <= close:
            answer[name] = layers[name]
    return answer


def check_alone(net: ModuleNet, X: Tensor) -> None:
    """Refuse a module that mixes the points of a batch or is random.

    Raises:
        InputError: The output of one of these points is another when it is evaluated alone.
    """
    with torch.no_grad():
        together, alone = net.evaluated({}, X), torch.cat([net.evaluated({}, x[None]) for x in X])
    if not bool(torch.isfinite(together).all()):
        raise InputError("`module` gives NaN or infinity on these points but finite outputs are wanted; check its parameters.")
    if float((together - alone).abs().max()) > 10 * torch.finfo(net.dtype).eps ** 0.5 * float(together.abs().max()):
        raise InputError(
            "`module` gives a point another output when it is evaluated again alone, in evaluation mode, but every point must "
            "be treated alone and without randomness; pass a module that does not mix the points of a batch."
        )


def _augmented(inputs: Tensor, layer: str, names: list[str]) -> Tensor:
    """The inputs (c, T, in) with a column of ones where the bias counts, alone where the weight does not."""
    ones = inputs.new_ones(*inputs.shape[:2], 1)
    prefix = f"{layer}." if layer else ""
    parts = [inputs] if f"{prefix}weight" in names else []
    return torch.cat(parts + ([ones] if f"{prefix}bias" in names else []), -1)


def _grad(f: Tensor, tensors: list[Tensor], cotangent: Tensor, *, retain: bool) -> tuple[Tensor, ...]:
    """Gradients, zeros where a tensor is not used."""
    if not tensors or not f.requires_grad:
        return tuple(torch.zeros_like(t) for t in tensors)
    return torch.autograd.grad(f, tensors, cotangent, retain_graph=retain, allow_unused=True, materialize_grads=True)


def _gap(one: Tensor, other: Tensor) -> float:
    """The largest difference relative to the largest entry; infinite for other shapes."""
    if one.shape != other.shape:
        return float("inf")
    return float((one - other).abs().max() / other.abs().max().clamp(min=torch.finfo(one.dtype).tiny))
