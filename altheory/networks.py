r"""Wide two-layer networks in the NTK parametrisation.

$$f(x)_k = m^{-1/2}\sum_{r=1}^m a_{rk}\,\phi(w_r\cdot x),\qquad w_r\sim N(0, I_d),\quad a_{rk}\in\{-1,+1\}.$$

Source: Arora, Du, Hu, Li, Wang (2019), arXiv:1901.08584, section 3 (first layer trained, $a$ fixed). The
antisymmetric pairing that makes $f = 0$ at initialisation is the "doubling trick" of Chizat, Oyallon, Bach
(2019), arXiv:1812.07956.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from altheory import activations
from altheory._inputs import FLOATS, InputError, as_tensor, check_integer
from altheory._memory import check_fits
from altheory._weights import drawn, seed_of

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike
    from altheory.activations import Activation

_FORWARD_BYTES = 1 << 26  # pre-activations held at once when no gradient is asked for


class TwoLayerNet:
    r"""A two-layer network $f(x)_k = m^{-1/2}\sum_r a_{rk}\phi(w_r\cdot x)$, at its initialisation.

    With `antisymmetric` the second half of the neurons copies the weights of the first half and negates its
    signs, so that $f = 0$ at initialisation, and the network evaluates there to exactly 0.0 (see
    `functional`).

    With `stored=False` the weights are never held: `rows` and `blocks` make them again from the seed, so a network of any
    width has a kernel in a fixed amount of memory. Both ways the same seed is the same network.

    Attributes:
        d: Input dimension.
        width: Number m of neurons.
        outputs: Number of outputs K.
        activation: The `altheory.activations.Activation` in use.
        train_output: Whether `a` is trained.
        antisymmetric: Whether the neurons are paired.
        stored: Whether the weights are held.
        device: Where the parameters live.
        dtype: `torch.float32` or `torch.float64`.
    """

    def __init__(
        self,
        d: int,
        width: int,
        outputs: int = 1,
        activation: str | Activation = "relu",
        *,
        train_output: bool = False,
        antisymmetric: bool = True,
        seed: int | torch.Generator,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float64,
        stored: bool = True,
    ) -> None:
        """Draw the parameters.

        They are drawn in float64 on the CPU, then rounded to `dtype` and moved, so that one seed gives one
        network on every device.

        Args:
            d: Input dimension.
            width: Number m of neurons; even when `antisymmetric`.
            outputs: Number of outputs.
            activation: A name of `altheory.activations`, or an `Activation`.
            train_output: Whether the output layer is trained too.
            antisymmetric: Pair the neurons so that f = 0 at initialisation.
            seed: An integer, or a CPU `torch.Generator` (which gives one integer and is advanced).
            device: Where the parameters live.
            dtype: `torch.float32` or `torch.float64`.
            stored: Hold the weights; False makes them again from the seed whenever they are needed.

        Raises:
            InputError: A size below 1, an odd antisymmetric width, an unknown activation, dtype, device or seed, or
                weights that do not fit into memory.
        """
        self.d, self.width = check_integer("d", d), check_integer("width", width)
        self.outputs = check_integer("outputs", outputs)
        if antisymmetric and width % 2:
            raise InputError(
                f"`width` is {width} but an antisymmetric network pairs its neurons and wants an even width; "
                f"pass {width + 1}, or `antisymmetric=False`."
            )
        if dtype not in FLOATS:
            raise InputError(f"`dtype` is {dtype} but float32 or float64 is wanted; pass `torch.float64`.")
        self.dtype, self.device = dtype, _device(device)
        self.activation = activations.get(activation)
        self.train_output, self.antisymmetric, self.stored = bool(train_output), bool(antisymmetric), bool(stored)
        self._seed = seed_of(seed)
        self._W: Tensor | None = None
        self._a: Tensor | None = None
        if stored:
            numbers = self.width * (self.d + self.outputs)
            what = f"a network of width {self.width} and d = {self.d}"
            advice = "pass `stored=False` to make its weights from the seed as they are needed"
            check_fits(what, 16 * numbers, "cpu", advice)
            self._W, self._a = self._made(0, self.width)

    @property
    def W(self) -> Float[Tensor, "m d"]:
        """(m, d) first-layer weights, row r is w_r.

        Raises:
            InputError: The network does not store them.
        """
        return self._held(self._W, "W")

    @property
    def a(self) -> Float[Tensor, "m outputs"]:
        """(m, outputs) output weights, signs at initialisation; trained only when `train_output`.

        Raises:
            InputError: The network does not store them.
        """
        return self._held(self._a, "a")

    @property
    def paired(self) -> bool:
        """Whether the second half of the neurons mirrors the first exactly, so that half of them give the kernel."""
        if not self.antisymmetric:
            return False
        half = self.width // 2
        return not self.stored or bool(torch.equal(self.W[:half], self.W[half:]) and torch.equal(self.a[:half], -self.a[half:]))

    def parameters(self) -> tuple[Tensor, ...]:
        """The trained tensors: `(W,)`, or `(W, a)` when `train_output`."""
        return (self.W, self.a) if self.train_output else (self.W,)

    def rows(self, start: int, stop: int) -> tuple[Float[Tensor, "rows d"], Float[Tensor, "rows outputs"]]:
        """The weights of neurons start to stop - 1: slices of W and a, or made from the seed."""
        return (self.W[start:stop], self.a[start:stop]) if self.stored else self._made(start, stop)

    def blocks(self, size: int) -> Iterator[tuple[Float[Tensor, "rows d"], Float[Tensor, "rows outputs"]]]:
        """The weights in neuron order, at most `size` neurons at a time."""
        for start in range(0, self.width, size):
            yield self.rows(start, min(start + size, self.width))

    def replace(self, W: Float[ArrayLike, "m d"] | None = None, a: Float[ArrayLike, "m outputs"] | None = None) -> TwoLayerNet:
        """A stored network of the same kind with other parameters (not copied); what is None is kept.

        Raises:
            InputError: Parameters of another shape, dtype or device than the network's.
        """
        shapes = {"W": (self.width, self.d), "a": (self.width, self.outputs)}
        tensors = {}
        for name, value in (("W", W), ("a", a)):
            if value is None:
                tensors[name] = self.rows(0, self.width)[name == "a"]
                continue
            tensors[name] = as_tensor(name, value, like=("net.W", self._sample()))
            if tuple(tensors[name].shape) != shapes[name]:
                raise InputError(
                    f"`{name}` has shape {tuple(tensors[name].shape)} but the network's has shape {shapes[name]}; "
                    "pass one value for every parameter."
                )
        other = self._like()
        other._W, other._a = tensors["W"], tensors["a"]
        other.stored = True
        return other

    def to(self, device: str | torch.device | None = None, dtype: torch.dtype | None = None) -> TwoLayerNet:
        """The same network on another device or in another dtype.

        Raises:
            InputError: A dtype that is not float32 or float64, or a device that is not there.
        """
        if dtype is not None and dtype not in FLOATS:
            raise InputError(f"`dtype` is {dtype} but float32 or float64 is wanted; pass `torch.float64`.")
        other = self._like()
        other.device = self.device if device is None else _device(device)
        other.dtype = self.dtype if dtype is None else dtype
        if self.stored:
            other._W, other._a = (t.to(device=other.device, dtype=other.dtype) for t in (self.W, self.a))
        return other

    def check_points(self, name: str, X: Any, *, batched: bool = False) -> Tensor:
        """X as a tensor (n, d), or (..., n, d) when `batched`, in the network's dtype and on its device.

        Raises:
            InputError: X has another dimension d, dtype or device than the network, or is not finite.
        """
        layout = "(..., n, d)" if batched else "(n, d)"
        X = as_tensor(name, X, ndim=None if batched else 2, min_ndim=2, layout=layout, like=("net.W", self._sample()))
        if X.shape[-1] != self.d:
            raise InputError(
                f"`{name}` has {X.shape[-1]} columns (shape {tuple(X.shape)}) but the network takes d = {self.d}; "
                f"pass points of shape {layout.replace('d)', f'{self.d})')}."
            )
        return X

    def __call__(self, X: Float[ArrayLike, "*batch n d"]) -> Float[Tensor, "*batch n outputs"]:
        """Evaluate the network, over chunks of its width where nothing asks for a gradient.

        Args:
            X: (..., n, d) inputs in the network's dtype and on its device.

        Returns:
            (..., n, outputs) values.

        Raises:
            InputError: X has another dimension d, dtype or device than the network, or is not finite.
        """
        X = self.check_points("X", X, batched=True)
        points = X.shape[:-1].numel()
        if not self.stored and self.antisymmetric:
            return X.new_zeros(*X.shape[:-1], self.outputs)  # the neurons are pairs that cancel
        wants_gradient = torch.is_grad_enabled() and (X.requires_grad or (self.stored and self._trains_now()))
        size = max(1, _FORWARD_BYTES // (8 * points))
        if wants_gradient or (self.stored and self.width <= size):
            return self.functional(self.W, self.a, X)
        half = self.width // 2
        total = X.new_zeros(*X.shape[:-1], self.outputs)
        for start in range(0, half if self.antisymmetric else self.width, size):
            if self.antisymmetric:
                stop = min(start + size, half)
                (W1, a1), (W2, a2) = self.rows(start, stop), self.rows(half + start, half + stop)
                total += self._pairs(W1, W2, a1, a2, X)
            else:
                W, a = self.rows(start, min(start + size, self.width))
                total += self.activation.phi(X @ W.T) @ a
        return self.width**-0.5 * total

    def functional(
        self, W: Float[Tensor, "m d"], a: Float[Tensor, "m outputs"], X: Float[Tensor, "*batch n d"]
    ) -> Float[Tensor, "*batch n outputs"]:
        r"""The network as a function of its parameters (for `torch.func`), without validation.

        Plain evaluation of a paired network leaves rounding of size $\varepsilon\sqrt m$ at initialisation: a
        matrix product may add equal columns in different orders. So a paired network, with halves $(W_1,a_1)$
        and $(W_2,a_2)$, is evaluated as

        $$p_1 = XW_1^\top,\quad p_2 = p_1 + X(W_2-W_1)^\top,\quad
          f = m^{-1/2}\bigl[\phi(p_1)(a_1+a_2) + (\phi(p_2)-\phi(p_1))a_2\bigr],$$

        the same function of all parameters, in which $W_2-W_1$, $a_1+a_2$ and $\phi(p_2)-\phi(p_1)$ are
        exactly zero at initialisation: f is exactly 0.0 there for every summation order and device, and stays
        accurate when the halves part.

        Args:
            W: (m, d).
            a: (m, outputs).
            X: (..., n, d).

        Returns:
            (..., n, outputs).
        """
        scale = W.shape[0] ** -0.5
        if not self.antisymmetric:
            return scale * (self.activation.phi(X @ W.T) @ a)
        half = W.shape[0] // 2
        return scale * self._pairs(W[:half], W[half:], a[:half], a[half:], X)

    def _pairs(self, W1: Tensor, W2: Tensor, a1: Tensor, a2: Tensor, X: Tensor) -> Tensor:
        """The sum over pairs of neurons, unscaled, by the formula of `functional`."""
        p1 = X @ W1.T
        p2 = p1 + X @ (W2 - W1).T
        h1, h2 = self.activation.phi(p1), self.activation.phi(p2)
        return h1 @ (a1 + a2) + (h2 - h1) @ a2

    def _trains_now(self) -> bool:
        return self.W.requires_grad or self.a.requires_grad

    def _made(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        """Neurons start to stop from the seed; the second half of a paired network mirrors the first."""
        if not self.antisymmetric:
            W, a = drawn(self._seed, start, stop, self.d, self.outputs)
            return W.to(device=self.device, dtype=self.dtype), a.to(device=self.device, dtype=self.dtype)
        half = self.width // 2
        parts = []
        if start < half:
            parts.append(drawn(self._seed, start, min(stop, half), self.d, self.outputs))
        if stop > half:
            if start == 0 and stop == self.width:
                W, a = parts[0]
            else:
                W, a = drawn(self._seed, max(start, half) - half, stop - half, self.d, self.outputs)
            parts.append((W, -a))
        W, a = (torch.cat(tensors) if len(tensors) > 1 else tensors[0] for tensors in zip(*parts, strict=True))
        return W.to(device=self.device, dtype=self.dtype), a.to(device=self.device, dtype=self.dtype)

    def _held(self, tensor: Tensor | None, name: str) -> Tensor:
        if tensor is None:
            raise InputError(
                f"`net.{name}` was asked for but the network was made with `stored=False` and holds no weights; "
                "iterate over `net.blocks(size)`, or make it with `stored=True`."
            )
        return tensor

    def _sample(self) -> Tensor:
        """An empty tensor of the network's dtype on its device."""
        return torch.empty(0, dtype=self.dtype, device=self.device)

    def _like(self) -> TwoLayerNet:
        other = object.__new__(TwoLayerNet)
        other.__dict__.update(self.__dict__)
        return other

    def __repr__(self) -> str:
        return (
            f"TwoLayerNet(d={self.d}, width={self.width}, outputs={self.outputs}, "
            f"activation={self.activation.name!r}, train_output={self.train_output}, "
            f"antisymmetric={self.antisymmetric}, device={str(self.device)!r}, dtype={self.dtype}"
            f"{'' if self.stored else ', stored=False'})"
        )


def _device(device: str | torch.device) -> torch.device:
    """The device, or a refusal where it is not there."""
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError):
        raise InputError(f"`device` is {device!r} but a torch device is wanted; pass 'cpu' or 'cuda'.") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"`device` is {str(device)!r} but torch finds no CUDA device here; pass 'cpu'.")
    return found
