r"""Wide two-layer networks in the NTK parametrisation.

$$f(x)_k = m^{-1/2}\sum_{r=1}^m a_{rk}\,\phi(w_r\cdot x),\qquad w_r\sim N(0, I_d),\quad a_{rk}\in\{-1,+1\}.$$

Source: Arora, Du, Hu, Li, Wang (2019), arXiv:1901.08584, section 3 (first layer trained, $a$ fixed). The
antisymmetric pairing that makes $f = 0$ at initialisation is the "doubling trick" of Chizat, Oyallon, Bach
(2019), arXiv:1812.07956.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from altheory import activations
from altheory._inputs import FLOATS, InputError, as_tensor, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


class TwoLayerNet:
    r"""A two-layer network $f(x)_k = m^{-1/2}\sum_r a_{rk}\phi(w_r\cdot x)$, at its initialisation.

    With `antisymmetric` the second half of the neurons copies the weights of the first half and negates its
    signs, so that $f = 0$ at initialisation, and the network evaluates there to exactly 0.0 (see
    `functional`).

    Attributes:
        W: (m, d) first-layer weights, row r is $w_r$.
        a: (m, outputs) output signs; trained only when `train_output`.
        activation: The `altheory.activations.Activation` in use.
        train_output: Whether `a` is trained.
        antisymmetric: Whether the neurons are paired.
    """

    def __init__(
        self,
        d: int,
        width: int,
        outputs: int = 1,
        activation: str = "relu",
        *,
        train_output: bool = False,
        antisymmetric: bool = True,
        seed: int | torch.Generator,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float64,
    ) -> None:
        """Draw the parameters.

        They are drawn in float64 on the CPU, then rounded to `dtype` and moved, so that one seed gives one
        network on every device.

        Args:
            d: Input dimension.
            width: Number m of neurons; even when `antisymmetric`.
            outputs: Number of outputs.
            activation: `"relu"` or `"erf"`.
            train_output: Whether the output layer is trained too.
            antisymmetric: Pair the neurons so that f = 0 at initialisation.
            seed: An integer, or a CPU `torch.Generator` (which is advanced).
            device: Where the parameters live.
            dtype: `torch.float32` or `torch.float64`.

        Raises:
            InputError: A size below 1, an odd antisymmetric width, an unknown activation, dtype or seed.
        """
        d, width = check_integer("d", d), check_integer("width", width)
        outputs = check_integer("outputs", outputs)
        if antisymmetric and width % 2:
            raise InputError(
                f"`width` is {width} but an antisymmetric network pairs its neurons and wants an even width; "
                f"pass {width + 1}, or `antisymmetric=False`."
            )
        if dtype not in FLOATS:
            raise InputError(f"`dtype` is {dtype} but float32 or float64 is wanted; pass `torch.float64`.")
        self.activation = activations.get(activation)
        self.train_output, self.antisymmetric = bool(train_output), bool(antisymmetric)
        generator = _generator(seed)
        drawn = width // 2 if antisymmetric else width
        W = torch.randn(drawn, d, generator=generator, dtype=torch.float64)
        a = 2.0 * torch.randint(0, 2, (drawn, outputs), generator=generator).to(torch.float64) - 1.0
        if antisymmetric:
            W, a = torch.cat([W, W]), torch.cat([a, -a])
        self.W: Tensor = W.to(device=device, dtype=dtype)
        self.a: Tensor = a.to(device=device, dtype=dtype)

    @property
    def d(self) -> int:
        """Input dimension."""
        return self.W.shape[1]

    @property
    def width(self) -> int:
        """Number m of neurons."""
        return self.W.shape[0]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.a.shape[1]

    def parameters(self) -> tuple[Tensor, ...]:
        """The trained tensors: `(W,)`, or `(W, a)` when `train_output`."""
        return (self.W, self.a) if self.train_output else (self.W,)

    def __call__(self, X: Float[ArrayLike, "*batch n d"]) -> Float[Tensor, "*batch n outputs"]:
        """Evaluate the network.

        Args:
            X: (..., n, d) inputs in the network's dtype and on its device.

        Returns:
            (..., n, outputs) values.

        Raises:
            InputError: X has another dimension d, dtype or device than the network, or is not finite.
        """
        X = as_tensor("X", X, min_ndim=2, layout="(..., n, d)", like=("net.W", self.W))
        if X.shape[-1] != self.d:
            raise InputError(
                f"`X` has {X.shape[-1]} columns (shape {tuple(X.shape)}) but the network takes d = {self.d}; "
                f"pass points of shape (..., n, {self.d})."
            )
        return self.functional(self.W, self.a, X)

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
        phi, scale = self.activation.phi, W.shape[0] ** -0.5
        if not self.antisymmetric:
            return scale * (phi(X @ W.T) @ a)
        half = W.shape[0] // 2
        p1 = X @ W[:half].T
        p2 = p1 + X @ (W[half:] - W[:half]).T
        h1, h2 = phi(p1), phi(p2)
        return scale * (h1 @ (a[:half] + a[half:]) + (h2 - h1) @ a[half:])

    def __repr__(self) -> str:
        return (
            f"TwoLayerNet(d={self.d}, width={self.width}, outputs={self.outputs}, "
            f"activation={self.activation.name!r}, train_output={self.train_output}, "
            f"antisymmetric={self.antisymmetric}, device={str(self.W.device)!r}, dtype={self.W.dtype})"
        )


def _generator(seed: int | torch.Generator) -> torch.Generator:
    """The CPU generator of an integer seed, or the given CPU generator."""
    if isinstance(seed, torch.Generator):
        if seed.device.type != "cpu":
            raise InputError(
                f"`seed` is a generator on {seed.device} but parameters are drawn on the CPU; "
                "pass an integer or a CPU generator."
            )
        return seed
    return torch.Generator().manual_seed(check_integer("seed", seed, least=0))
