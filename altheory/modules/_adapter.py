r"""Any `torch.nn.Module` as a function $f(\theta, x)$ of its trainable parameters, for kernels and training.

A tangent kernel needs a function that treats every point alone and is the same at every call. A module in training mode is
neither: BatchNorm mixes the points of a batch and updates its running statistics, Dropout is random. So the module is copied,
the copy is put into evaluation mode, and what still mixes points, is random or changes its buffers is refused.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parameter import UninitializedParameter

from altheory._inputs import FLOATS, InputError, as_tensor

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor, nn

    from altheory._inputs import ArrayLike


class ModuleNet:
    """A module as a network: `parameters()`, `functional(*parameters, X)`, and calls on points.

    The module is copied and the copy is put into evaluation mode; the original is neither changed nor looked at again.
    Parameters with `requires_grad=False` and buffers keep their values. Shared (tied) parameters are one parameter.

    Attributes:
        names: The names of the trainable parameters, in the order of `module.named_parameters()`.
        dtype: `torch.float32` or `torch.float64`, of all parameters.
        device: Where the parameters live.
    """

    def __init__(self, module: nn.Module) -> None:
        """Copy the module.

        Args:
            module: Maps points (n, ...) to outputs (n,) or (n, K), every point alone.

        Raises:
            InputError: Not an eager `torch.nn.Module`; no trainable parameter; parameters not yet initialised, of several
                dtypes or devices, or not float32 or float64; BatchNorm without running statistics; a module that cannot be
                copied.
        """
        if not isinstance(module, torch.nn.Module):
            raise InputError(f"`module` is a {type(module).__name__} but a `torch.nn.Module` is wanted; pass a module.")
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError("`module` is a compiled script but an eager module is wanted; pass the module it was made from.")
        _check_parameters(module)
        for name, part in module.named_modules():
            if isinstance(part, _BatchNorm) and part.running_mean is None:
                where = f"module.{name}".rstrip(".")
                raise InputError(
                    f"`{where}` is a BatchNorm without running statistics, which mixes the points of a batch, but every point "
                    "must be treated alone; pass a module whose BatchNorm has `track_running_stats=True`."
                )
        try:
            self.module = copy.deepcopy(module).eval()
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"`module` cannot be copied ({_first_line(error)}) but a copy in evaluation mode is needed; "
                "pass a module that `copy.deepcopy` accepts."
            ) from error
        trained = {name: p.detach() for name, p in self.module.named_parameters() if p.requires_grad}
        self.names = tuple(trained)
        self._values = tuple(trained.values())
        self.dtype, self.device = self._values[0].dtype, self._values[0].device
        self._outputs: int | None = None
        kinds = (torch.nn.Embedding, torch.nn.EmbeddingBag)
        self._tokens = any(isinstance(part, kinds) for part in self.module.modules())

    @property
    def outputs(self) -> int:
        """The number K of outputs, known from the first evaluation on.

        Raises:
            InputError: The network has not been evaluated yet.
        """
        if self._outputs is None:
            raise InputError("`net.outputs` is not known before the first evaluation; call `net(X)` on a point first.")
        return self._outputs

    def parameters(self) -> tuple[Tensor, ...]:
        """The trainable tensors, in the order of `names`, without a graph; change them through `replace`."""
        return self._values

    def replace(self, *parameters: Tensor) -> ModuleNet:
        """The same module with other values of all trainable parameters (not copied).

        Raises:
            InputError: Not one tensor for each parameter, or one of another shape, dtype or device.
        """
        if len(parameters) != len(self.names):
            raise InputError(
                f"{len(parameters)} parameter(s) were given but the module trains {len(self.names)} "
                f"({', '.join(self.names)}); pass one tensor for each."
            )
        values = []
        for name, old, new in zip(self.names, self._values, parameters, strict=True):
            tensor = as_tensor(name, new, like=("the module's parameters", self._values[0]))
            if tensor.shape != old.shape:
                raise InputError(
                    f"`{name}` has shape {tuple(tensor.shape)} but the module's has shape {tuple(old.shape)}; "
                    "pass one value for every entry."
                )
            values.append(tensor.detach())
        other = object.__new__(ModuleNet)
        other.__dict__.update(self.__dict__)
        other._values = tuple(values)
        return other

    def functional(self, *arguments: Tensor) -> Float[Tensor, "n outputs"]:
        """The module as a function of its parameters: `functional(*parameters, X)`, without validation, for `torch.func`.

        Args:
            *arguments: One tensor for each of `names`, then the points (n, ...).

        Returns:
            (n, K); a module with outputs (n,) has K = 1.
        """
        *parameters, X = arguments
        return self.outputs_at(dict(zip(self.names, parameters, strict=True)), X)

    def outputs_at(self, parameters: dict[str, Tensor], X: Tensor) -> Tensor:
        """The outputs (n, K) with the named parameters replaced and all others at the network's values."""
        values = {**dict(zip(self.names, self._values, strict=True)), **parameters}
        f = functional_call(self.module, values, (X,))
        if not isinstance(f, torch.Tensor) or f.ndim not in (1, 2) or f.shape[0] != X.shape[0]:
            got = f"shape {tuple(f.shape)}" if isinstance(f, torch.Tensor) else f"a {type(f).__name__}"
            raise InputError(
                f"`module` gives {got} for {X.shape[0]} point(s) but outputs of shape (n,) or (n, K) are wanted; wrap it in a "
                "module that returns such a tensor."
            )
        f = f[:, None] if f.ndim == 1 else f
        self._outputs = f.shape[1]
        return f

    def __call__(self, X: Float[ArrayLike, " n *point"]) -> Float[Tensor, "n outputs"]:
        """Evaluate the network.

        Args:
            X: (n, ...) points in the module's dtype and on its device; integer tensors stay integers where the module has an
                embedding.

        Returns:
            (n, K) outputs.

        Raises:
            InputError: Points the module does not take, outputs of another shape than (n,) or (n, K), or a forward pass that
                changes the module's buffers.
        """
        X = self.check_points("X", X)
        return self.evaluated({}, X)

    def evaluated(self, parameters: dict[str, Tensor], X: Tensor) -> Tensor:
        """As `outputs_at`, with a sentence where the module fails on X or updates its buffers in place."""
        buffers = dict(self.module.named_buffers())
        before = {name: (buffer._version, buffer.clone()) for name, buffer in buffers.items()}
        try:
            f = self.outputs_at(parameters, X)
        except (InputError, torch.OutOfMemoryError):
            raise
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            raise InputError(
                f"`module` fails on points of shape {tuple(X.shape)} ({_first_line(error)}); pass points that it takes."
            ) from error
        for name, buffer in buffers.items():
            version, old = before[name]  # torch's own BatchNorm updates its statistics without a new version
            if buffer._version != version or bool(((old != buffer) & ~((old != old) & (buffer != buffer))).any()):
                raise InputError(
                    f"`module` updates its buffer `{name}` in place in evaluation mode but its outputs must be the same at "
                    "every call; pass a module whose forward pass leaves its buffers alone."
                )
        return f

    def check_points(self, name: str, X: Any) -> Tensor:
        """X as a tensor (n, ...) for this module.

        Raises:
            InputError: X is not finite, empty, or has another dtype or device than the module.
        """
        if self._tokens and isinstance(X, torch.Tensor) and not X.is_floating_point() and X.ndim and X.numel():
            if X.device != self.device:
                raise InputError(f"`{name}` is on device {X.device} but the module is on {self.device}; move one of them.")
            return X
        return as_tensor(name, X, min_ndim=2, layout="(n, ...)", like=("the module's parameters", self._values[0]))

    def __repr__(self) -> str:
        numbers = sum(p.numel() for p in self._values)
        return f"ModuleNet({type(self.module).__name__}, {numbers} trainable numbers in {len(self.names)} tensors)"


def as_module_net(net: Any) -> ModuleNet:
    """The network itself, or the adapter of a module.

    Raises:
        InputError: Neither, or a module that `ModuleNet` refuses.
    """
    return net if isinstance(net, ModuleNet) else ModuleNet(net)


def _check_parameters(module: nn.Module) -> None:
    """Refuse parameters that are missing, not initialised, of no usable dtype, or in several dtypes or places."""
    named = dict(module.named_parameters())
    if not any(p.requires_grad for p in named.values()):
        raise InputError(
            "`module` has no parameter with `requires_grad=True` but at least one is wanted; unfreeze what is to be trained."
        )
    for name, p in named.items():
        if isinstance(p, UninitializedParameter):
            raise InputError(f"`module.{name}` is not initialised yet; call the module on one batch before passing it.")
    first, start = next((name, p) for name, p in named.items() if p.requires_grad)
    for name, p in named.items():
        if p.dtype not in FLOATS:
            raise InputError(f"`module.{name}` has dtype {p.dtype} but float32 or float64 is wanted; pass `module.double()`.")
        if p.dtype != start.dtype or p.device != start.device:
            raise InputError(
                f"`module.{name}` is {p.dtype} on {p.device} but `module.{first}` is {start.dtype} on {start.device}; "
                "pass a module in one dtype on one device."
            )
    for name, p in named.items():
        if not bool(torch.isfinite(p.detach()).all()):
            raise InputError(f"`module.{name}` contains NaN or infinity but finite numbers are wanted; train or draw it again.")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].rstrip(".;") or type(error).__name__
