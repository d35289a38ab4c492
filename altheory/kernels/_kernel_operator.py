"""The class behind `altheory.kernels.operator`: what can be asked of a kernel by its products."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import InputError, as_tensor, check_integer
from altheory._memory import check_fits
from altheory.kernels import _cg, _lanczos
from altheory.kernels._cg import Solution
from altheory.kernels._lanczos import Applied, Ritz
from altheory.kernels._operator_inputs import generator_of, number_of, places, positive
from altheory.kernels._products import ModuleSource, Source, TwoLayerSource
from altheory.spectra import LabelMeasure

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike

_CHOICES = ("nystrom", "jacobi", None)


class Estimate(NamedTuple):
    """A number and the standard error of its random part (0.0 where nothing was random)."""

    value: float
    error: float


class KernelOperator:
    """A kernel matrix K (n, n2) by its products; made by `operator`.

    Nothing here is differentiable. What asks for eigenvalues or solves wants a kernel of points with themselves (`symmetric`).
    Random starts and probes take a seed, an integer or a CPU generator.

    Attributes:
        shape: (n, n2).
        dtype: Of the kernel and of the vectors.
        device: Where both live.
        symmetric: Whether it is the kernel of points with themselves.
        products: How many vectors K has been multiplied with so far.
    """

    def __init__(self, source: Source) -> None:
        """Wrap a source of tiles and products."""
        self.source = source
        self.shape = source.shape
        self.dtype, self.device = source.like.dtype, source.like.device
        self.symmetric = source.symmetric
        self.products = 0

    def __matmul__(self, V: Float[ArrayLike, " n2 *k"]) -> Float[Tensor, " n *k"]:
        """K V for (n2,) or (n2, k).

        Raises:
            InputError: V has another length, dtype or device, or is not finite.
        """
        block, vector = self._block("V", V, self.shape[1])
        out = self._product(block)
        return out[:, 0] if vector else out

    @property
    def T(self) -> KernelOperator:
        """The transpose; the operator itself where it is symmetric."""
        return self if self.symmetric else KernelOperator(self.source.transposed())

    def diagonal(self) -> Float[Tensor, " n"]:
        """$K_{ii}$.

        Raises:
            InputError: A cross kernel.
        """
        self._square("diagonal")
        with torch.no_grad():
            return self.source.diagonal()

    def rows(
        self, i: slice | Sequence[int] | Tensor, j: slice | Sequence[int] | Tensor | None = None
    ) -> Float[Tensor, "rows columns"]:
        """The tile of rows i and columns j (all columns for None).

        Args:
            i: A slice, or row numbers.
            j: A slice, or column numbers.

        Raises:
            InputError: No rows, or a number out of range.
        """
        indices = [places(name, k, size) for name, k, size in zip("ij", (i, slice(None) if j is None else j), self.shape)]
        rows, columns = (p.to(self.device) for p in indices)
        check_fits(
            f"a tile of shape {len(rows), len(columns)}", 16 * len(rows) * len(columns), self.device, "ask for fewer rows"
        )
        with torch.no_grad():
            return self.source.tile(rows, columns)

    def to_dense(self) -> Float[Tensor, "n n2"]:
        """The matrix, exactly symmetric where the operator is.

        Raises:
            InputError: It does not fit into memory.
        """
        n, n2 = self.shape
        check_fits(f"a kernel of {n} x {n2} points", n * n2 * self.source.like.element_size(), self.device, "keep the operator")
        K = self.source.like.new_empty(n, n2)
        with torch.no_grad():
            for i, j in self.source.tiles():
                K[i, j] = tile = self.source.tile(i, j)
                if self.symmetric and i != j:
                    K[j, i] = tile.T
        return K

    def as_scipy(self) -> Any:
        """A `scipy.sparse.linalg.LinearOperator` on numpy arrays, with products from both sides."""
        import numpy as np
        from scipy.sparse.linalg import LinearOperator

        dtype = np.float32 if self.dtype == torch.float32 else np.float64
        other = self.T

        def by(factor: KernelOperator) -> Callable[[Any], Any]:
            return lambda v: (factor @ torch.from_numpy(np.array(v, dtype=dtype)).to(self.device)).cpu().numpy()

        return LinearOperator(self.shape, matvec=by(self), rmatvec=by(other), matmat=by(self), rmatmat=by(other), dtype=dtype)

    def solve(
        self,
        b: Float[ArrayLike, " n *k"],
        *,
        shift: float = 0.0,
        tol: float = 1e-8,
        preconditioner: str | None = "nystrom",
        rank: int | None = None,
        steps: int | None = None,
        seed: int | torch.Generator = 0,
    ) -> Solution:
        r"""Solve $(K+\sigma I)x = b$ by preconditioned conjugate gradients.

        The answer solves exactly a system whose right-hand side differs from b by the stated relative residual; its own error
        is at most that times the condition number.

        Args:
            b: (n,) or (n, k) right-hand sides.
            shift: $\sigma\ge0$, a ridge.
            tol: The relative residual $|b-(K+\sigma I)x|/|b|$ wanted in every column.
            preconditioner: "nystrom" (a low-rank approximation from `rank` products with random vectors; for decaying spectra),
                "jacobi" (the diagonal) or None.
            rank: Of the Nyström approximation; about $2\sqrt n$, at most 200, by default.
            steps: The most products in the iteration; 10 n, at most 5000, by default.
            seed: Of the Nyström approximation.

        Returns:
            x, its residuals, and the number of products.

        Raises:
            InputError: Arguments out of range; a direction of curvature <= 0 (K + shift I is not positive definite); or
                `tol` not reached.
        """
        n = self._square("solve")
        B, vector = self._block("b", b, n)
        ridge = number_of("shift", shift, least=0.0)
        goal = positive("tol", tol)
        most = min(10 * n, 5000) if steps is None else check_integer("steps", steps)
        if preconditioner not in _CHOICES:
            raise InputError(
                f"`preconditioner` is {preconditioner!r} but 'nystrom', 'jacobi' or None is wanted; pass one of these."
            )
        with torch.no_grad():
            precondition: Callable[[Tensor], Tensor] = _identity
            if preconditioner == "jacobi":
                precondition = _cg.jacobi(self.diagonal(), ridge)
            elif preconditioner == "nystrom":
                wanted = min(n, 2 * math.isqrt(n) + 8, 200) if rank is None else min(n, check_integer("rank", rank))
                generator = generator_of(seed)
                precondition = _cg.nystrom(self._product, n, wanted, ridge, generator, self.source.like)
            answer = _cg.conjugate_gradients(
                lambda v: self._product(v) + ridge * v, B, tol=goal, steps=most, precondition=precondition
            )
        return Solution(answer.x[:, 0], answer.residual[0], answer.steps) if vector else answer

    def lambda_max(self, *, seed: int | torch.Generator, k: int = 1, tol: float = 1e-12, steps: int = 2000) -> Ritz:
        """The k largest eigenvalues, by Lanczos from a random start; see `Ritz` for what is certain about them.

        Args:
            seed: Of the start vector.
            k: How many, at most n.
            tol: Relative accuracy asked of the iteration; the residuals say what was reached.
            steps: The most products.

        Raises:
            InputError: A cross kernel, or arguments out of range.
        """
        return self._extremes("max", seed, k, tol, steps)

    def lambda_min(self, *, seed: int | torch.Generator, k: int = 1, tol: float = 1e-12, steps: int = 2000) -> Ritz:
        r"""The k smallest eigenvalues; as `lambda_max`, and `tol` is relative to $\lambda_{\max}$.

        Raises:
            InputError: As `lambda_max`.
        """
        return self._extremes("min", seed, k, tol, steps)

    def extremes(self, k: int = 1, *, seed: int | torch.Generator, tol: float = 1e-12, steps: int = 2000) -> tuple[Ritz, Ritz]:
        """`lambda_min` and `lambda_max`.

        Raises:
            InputError: As `lambda_max`.
        """
        generator = generator_of(seed)
        return self._extremes("min", generator, k, tol, steps), self._extremes("max", generator, k, tol, steps)

    def trace(self, method: str = "exact", *, seed: int | torch.Generator = 0, probes: int = 30) -> Estimate:
        """The trace: the sum of the diagonal, or an estimate from products alone.

        Args:
            method: "exact"; or "hutch++" (Meyer, Musco, Musco, Woodruff, 2021, "Hutch++: Optimal stochastic trace estimation"),
                which is exact on a subspace found by random products and averages over random signs on the rest.
            seed: Of the probes.
            probes: Products of the estimate, at least 6.

        Returns:
            The value and its standard error.

        Raises:
            InputError: A cross kernel, or arguments out of range.
        """
        n = self._square("trace")
        if method == "exact":
            return Estimate(float(self.diagonal().sum()), 0.0)
        if method != "hutch++":
            raise InputError(f"`method` is {method!r} but 'exact' or 'hutch++' is wanted; pass one of these.")
        third = check_integer("probes", probes, least=6) // 3
        generator = generator_of(seed)
        with torch.no_grad():
            Q = torch.linalg.qr(self._product(_signs(n, min(third, n), generator, self.source.like)))[0]
            G = _signs(n, third, generator, self.source.like)
            G = G - Q @ (Q.T @ G)
            parts = (G * self._product(G)).sum(0)
            value = float((Q * self._product(Q)).sum() + parts.mean())
        return Estimate(value, float(parts.std() / third**0.5))

    def trace_of(
        self, f: Callable[[Tensor], Tensor], *, seed: int | torch.Generator, probes: int = 20, steps: int = 40
    ) -> Estimate:
        r"""$\mathrm{Tr}\,f(K)$ by stochastic Lanczos quadrature, e.g. the log-determinant for `torch.log`.

        Source: Ubaru, Chen, Saad (2017), "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature".

        Args:
            f: An elementwise function, finite on the spectrum.
            seed: Of the probes, vectors of random signs.
            probes: How many, at least 2.
            steps: Lanczos steps for each.

        Returns:
            The mean over the probes and its standard error; the error of the quadrature is not in it.

        Raises:
            InputError: A cross kernel, arguments out of range, or f is not finite on the spectrum.
        """
        n = self._square("trace_of")
        V = _signs(n, check_integer("probes", probes, least=2), generator_of(seed), self.source.like)
        most = check_integer("steps", steps)
        with torch.no_grad():
            basis = _lanczos.Basis(self._product, V)
            basis.run(most)
            parts = []
            for column in range(V.shape[1]):
                atoms, weights = _lanczos.quadrature(basis, None, columns=[column])
                parts.append(float((weights * f(atoms)).sum()))
        values = torch.tensor(parts, dtype=torch.float64)
        if not bool(torch.isfinite(values).all()):
            raise InputError("`f` gives NaN or infinity on the spectrum but finite numbers are wanted; pass another function.")
        return Estimate(float(values.mean()), float(values.std() / len(values) ** 0.5))

    def apply(
        self, f: Callable[[Tensor], Tensor], Y: Float[ArrayLike, " n *k"], *, tol: float = 1e-10, steps: int = 500
    ) -> Applied:
        r"""$f(K)Y$ by Lanczos, e.g. $e^{-tK}Y$ for `lambda x: torch.exp(-t * x)`, or $(1-\eta K)^tY$.

        Memory: n numbers for every step and column.

        Args:
            f: An elementwise function of float64 tensors.
            Y: (n,) or (n, k).
            tol: Stop when five more steps change no column by more than this, relative to its norm.
            steps: The most steps.

        Returns:
            The value, its last change (an estimate of the error, not a bound), and the steps.

        Raises:
            InputError: A cross kernel, arguments out of range, `tol` not reached, or f not finite on the spectrum.
        """
        n = self._square("apply")
        B, vector = self._block("Y", Y, n)
        with torch.no_grad():
            answer = _lanczos.applied(self._product, f, B, tol=positive("tol", tol), steps=check_integer("steps", steps))
        return Applied(answer.value[:, 0], answer.change[0], answer.steps) if vector else answer

    def alignment(self, Y: Float[ArrayLike, " n *k"]) -> Float[Tensor, ""]:
        r"""$A = \mathrm{Tr}[Y^\top KY]$, as `altheory.alignment.alignment`.

        Raises:
            InputError: A cross kernel, or Y does not fit.
        """
        B, _ = self._block("Y", Y, self._square("alignment"))
        return (B * self._product(B)).sum()

    def label_measure(self, Y: Float[ArrayLike, " n *k"], *, steps: int = 50, lo: float | None = None) -> LabelMeasure:
        r"""The label measure $\mu$ of `altheory.spectra`, with at most `steps` atoms for every column of Y.

        Integrals of polynomials of degree below 2 `steps` are those of the true measure, up to rounding: T, A, and $E_t^2$ for
        t < `steps`. For larger t (with $0\le\eta\lambda\le1$), for `I` and for `flow_E2` they are at most the true ones; with
        `lo`, an atom there makes `I` and `flow_E2` at least the true ones. `lo` and `hi` of the measure lie
        inside the spectrum. Memory: n numbers for every step and column.

        Args:
            Y: (n,) or (n, K) labels.
            steps: Lanczos steps; fewer where the measure has fewer atoms, and then it is the true one.
            lo: A lower bound of the spectrum, >= 0, and > 0 for `I` to be finite.

        Returns:
            The measure; atoms below $n\varepsilon\lambda_{\max}$ are 0, as in `altheory.spectra.label_measure`.

        Raises:
            InputError: A cross kernel; Y does not fit; `lo` is above an eigenvalue; or K has a negative eigenvalue.
        """
        n = self._square("label_measure")
        B, _ = self._block("Y", Y, n)
        low = None if lo is None else number_of("lo", lo, least=0.0)
        with torch.no_grad():
            basis = _lanczos.Basis(self._product, B)
            basis.run(check_integer("steps", steps))
            atoms, weights = _lanczos.quadrature(basis, low)
        rounding = n * torch.finfo(self.dtype).eps * float(atoms.abs().max())
        if float(atoms.min()) < -100 * rounding:
            raise InputError(
                f"the operator has an eigenvalue below {float(atoms.min()):.3g} but a positive semi-definite one is wanted; "
                "pass a kernel."
            )
        null = atoms <= rounding
        noise = null & (weights <= n * torch.finfo(self.dtype).eps * weights.sum())
        return LabelMeasure(torch.where(null, 0, atoms), torch.where(noise, 0, weights))

    def _extremes(self, which: str, seed: int | torch.Generator, k: int, tol: float, steps: int) -> Ritz:
        n, number = self._square(f"lambda_{which}"), check_integer("k", k)
        if number > n:
            raise InputError(f"`k` is {number} but the kernel has {n} eigenvalue(s); pass at most {n}.")
        goal, most, generator = positive("tol", tol), check_integer("steps", steps), generator_of(seed)
        with torch.no_grad():
            return _lanczos.extremes(self._product, n, number, which, generator, self.source.like, tol=goal, steps=most)

    def _product(self, V: Tensor) -> Tensor:
        self.products += V.shape[1]
        with torch.no_grad():
            return self.source.matmul(V)

    def _block(self, name: str, value: Any, n: int) -> tuple[Tensor, bool]:
        """A vector or block (n, k), and whether it was a vector."""
        V = as_tensor(name, value, ndim=(1, 2), layout="(n,) or (n, k)", like=("the operator", self.source.like)).detach()
        if V.shape[0] != n:
            raise InputError(
                f"`{name}` has shape {tuple(V.shape)} but the operator is {self.shape[0]} x {self.shape[1]}; pass {n} rows."
            )
        return (V[:, None], True) if V.ndim == 1 else (V, False)

    def _square(self, what: str) -> int:
        if not self.symmetric:
            raise InputError(
                f"`{what}` was asked of a cross kernel {self.shape} but a kernel of points with themselves is wanted; "
                "make the operator without `X2`."
            )
        return self.shape[0]

    def __repr__(self) -> str:
        kind = {TwoLayerSource: "of a two-layer network", ModuleSource: "of a module"}.get(
            type(self.source), "of infinite width"
        )
        return f"KernelOperator({self.shape[0]} x {self.shape[1]}, {kind}, {self.dtype}, {self.device})"


def _identity(r: Tensor) -> Tensor:
    return r


def _signs(n: int, k: int, generator: torch.Generator, like: Tensor) -> Tensor:
    return (2 * torch.randint(0, 2, (n, k), generator=generator) - 1).to(like)
