r"""What products with a symmetric K tell of its spectrum: extreme eigenvalues, $f(K)y$, and the label measure.

k steps of the Lanczos process from y give an orthonormal V and a tridiagonal $T_k = V^\top KV$, with eigenvalues $\theta_j$ and
first components $s_j$ of its eigenvectors. Then $f(K)y\approx|y|\,Vf(T_k)e_1$, and

$$y^\top f(K)y\approx|y|^2\sum_js_j^2f(\theta_j),$$

the Gauss quadrature of the label measure, exact for polynomials of degree below 2k and below the truth where the even
derivatives of f are positive. Source: Golub, Meurant (2010), "Matrices, Moments and Quadrature with Applications",
chapters 4 and 6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from altheory._inputs import InputError
from altheory.kernels._cg import conjugate_gradients, nystrom

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    Product = Callable[[Tensor], Tensor]

_DENSE = 64  # up to this order the matrix itself is as cheap as a Krylov space
_BASIS = 1 << 25  # numbers in a Krylov basis, beyond 30 vectors
_INVERSES = 60  # solves


@dataclass(frozen=True)
class Ritz:
    r"""Approximate eigenpairs $(\theta_j, v_j)$, $|v_j| = 1$, $\theta_j = v_j^\top Kv_j$, with their residuals.

    What is true, up to the rounding of one product with K (about $n\varepsilon\lambda_{\max}$, which is not included):

    - every interval of `intervals` contains an eigenvalue of K;
    - $\lambda_{\min}\le\theta_j\le\lambda_{\max}$ for all j.

    What is not: that it is the extreme eigenvalue which the interval contains. A start vector that is (nearly) orthogonal to
    the extreme eigenvector hides it, with a probability that is tiny for a random start. Rigorous ends, for matrices that fit
    into memory, come from `altheory.enclosures`.

    Attributes:
        values: (k,) Rayleigh quotients, ascending.
        residuals: (k,) $|Kv_j-\theta_jv_j|$.
        vectors: (n, k).
    """

    values: Float[Tensor, " k"]
    residuals: Float[Tensor, " k"]
    vectors: Float[Tensor, "n k"]

    @property
    def intervals(self) -> list[tuple[float, float]]:
        """The k pairs (value - residual, value + residual)."""
        return [(v - r, v + r) for v, r in zip(self.values.tolist(), self.residuals.tolist(), strict=True)]

    def __float__(self) -> float:
        if len(self.values) != 1:
            raise InputError(f"there are {len(self.values)} Ritz values but one is wanted for a float; use `.values`.")
        return float(self.values[0])


class Applied(NamedTuple):
    """An approximation of f(K) Y.

    Attributes:
        value: (n,) or (n, k), as Y.
        change: () or (k,) how far the last steps moved it, relative to its norm: an estimate of the error, not a bound.
        steps: Lanczos steps taken.
    """

    value: Float[Tensor, " n *k"]
    change: Float[Tensor, "*k"]
    steps: int


class Basis:
    """The Lanczos process for several start vectors at once, each its own, fully reorthogonalised (twice is enough)."""

    def __init__(self, product: Product, Y: Float[Tensor, "n k"]) -> None:
        """Begin at the columns of Y."""
        self.product = product
        self.norms = Y.norm(dim=0)
        self.alphas: list[Tensor] = []
        self.betas: list[Tensor] = []  # betas[j] couples vector j to vector j + 1; 0 where an invariant subspace is complete
        self.vectors = [Y / torch.where(self.norms == 0, 1, self.norms)]
        self._size = torch.zeros_like(self.norms)

    @property
    def finished(self) -> bool:
        """Whether every column has found an invariant subspace."""
        return bool((self.betas[-1] == 0).all()) if self.betas else bool((self.norms == 0).all())

    def step(self) -> None:
        """One more product."""
        v = self.vectors[-1]
        w = self.product(v)
        alpha = (v * w).sum(0)
        for _ in range(2):
            for u in self.vectors:
                w = w - u * (u * w).sum(0)
        beta = w.norm(dim=0)
        self._size = torch.maximum(self._size, alpha.abs() + beta)
        done = beta <= 10 * len(v) ** 0.5 * torch.finfo(v.dtype).eps * self._size
        if self.betas:
            done |= self.betas[-1] == 0
        beta = torch.where(done, 0, beta)
        self.alphas.append(alpha)
        self.betas.append(beta)
        self.vectors.append(torch.where(done, 0, w / torch.where(done, 1, beta)))

    def run(self, steps: int) -> None:
        """Step until so many steps have been taken, or no column can go on."""
        while len(self.alphas) < min(steps, len(self.vectors[0])) and not self.finished:
            self.step()

    def tridiagonal(self, column: int) -> tuple[Any, Any, float]:
        """Diagonal and off-diagonal of T for one column, float64 numpy arrays, and the coupling to the next vector."""
        alpha = np.array([float(a[column]) for a in self.alphas])
        beta = np.array([float(b[column]) for b in self.betas])
        stop = np.flatnonzero(beta == 0)
        size = int(stop[0]) + 1 if len(stop) else len(alpha)
        return alpha[:size], beta[: size - 1], float(beta[size - 1])

    def combine(self, coefficients: list[Any]) -> Tensor:
        """The columns V c."""
        out = torch.zeros_like(self.vectors[0])
        for j in range(max(map(len, coefficients))):
            c = torch.tensor([float(cs[j]) if j < len(cs) else 0.0 for cs in coefficients], dtype=torch.float64).to(out)
            out += c * self.vectors[j]
        return out


def quadrature(basis: Basis, lo: float | None, columns: list[int] | None = None) -> tuple[Tensor, Tensor]:
    """Atoms and weights of the Gauss rule of all columns (or of some) together, or of the Gauss-Radau rule with an atom at lo.

    Raises:
        InputError: lo lies above an eigenvalue.
    """
    from scipy.linalg import eigh_tridiagonal, solve_banded

    atoms, weights = [np.zeros(1)], [np.zeros(1)]
    for column, norm in enumerate(basis.norms.tolist()):
        if norm == 0 or (columns is not None and column not in columns):
            continue
        alpha, beta, last = basis.tridiagonal(column)
        values, vectors = eigh_tridiagonal(alpha, beta)
        if lo is not None and last > 0:
            if lo > values[0]:
                raise InputError(
                    f"`lo` is {lo:g} but an eigenvalue lies below {values[0]:g}; pass a lower bound of the spectrum."
                )
            if lo < values[0]:
                bands = np.zeros((3, len(alpha)))
                bands[0, 1:], bands[1], bands[2, :-1] = beta, alpha - lo, beta
                right = np.zeros(len(alpha))
                right[-1] = last * last
                corner = lo + solve_banded((1, 1), bands, right)[-1]
                values, vectors = eigh_tridiagonal(np.append(alpha, corner), np.append(beta, last))
        atoms.append(values)
        weights.append((norm * vectors[0]) ** 2)
    keep = slice(1, None) if len(atoms) > 1 else slice(None)  # labels that are all zero have one atom, of no mass
    like = basis.vectors[0]
    pair = (torch.from_numpy(np.concatenate(parts[keep])).to(like) for parts in (atoms, weights))
    return next(pair), next(pair)


def applied(product: Product, f: Callable[[Tensor], Tensor], Y: Float[Tensor, "n k"], *, tol: float, steps: int) -> Applied:
    """f(K) Y, stopped when five steps change it by at most `tol` relative to its norm.

    Raises:
        InputError: It is not so after `steps` steps, or f gives no finite numbers on the spectrum.
    """
    from scipy.linalg import eigh_tridiagonal

    basis = Basis(product, Y)
    before: list[Any] | None = None
    change = torch.full_like(basis.norms, torch.inf)
    norms = basis.norms.tolist()
    while True:
        basis.run(len(basis.alphas) + 5)
        now = []
        for column, norm in enumerate(norms):
            if norm == 0:
                now.append(np.zeros(1))
                continue
            values, vectors = eigh_tridiagonal(*basis.tridiagonal(column)[:2])
            factors = f(torch.from_numpy(values)).numpy()
            if not np.isfinite(factors).all():
                raise InputError(
                    "`f` gives NaN or infinity on the spectrum but finite numbers are wanted; pass another function."
                )
            now.append(norm * (vectors * factors) @ vectors[0])
        complete = basis.finished or len(basis.alphas) == len(Y)
        if before is not None or complete:
            gaps = [0.0 if complete else _relative(a, b) for a, b in zip(now, before or now, strict=True)]
            change = torch.tensor(gaps, dtype=torch.float64).to(Y)
            if complete or max(gaps) <= tol:
                return Applied(basis.combine(now), change, len(basis.alphas))
        if len(basis.alphas) >= steps:
            raise InputError(
                f"`tol` is {tol:g} but f(K) Y still changes by {float(change.max()):.2g} after {steps} Lanczos steps; "
                "pass a larger `tol` or `steps`."
            )
        before = now


def extremes(
    product: Product, n: int, k: int, which: str, generator: torch.Generator, like: Tensor, *, tol: float, steps: int
) -> Ritz:
    """The k largest ("max") or smallest ("min") eigenpairs.

    ARPACK on products with K; where it does not find the smallest, on solves with K (conjugate gradients); where that
    fails too, LOBPCG, which always has an answer.
    """
    largest = which == "max"
    if n <= max(_DENSE, 3 * k):
        values, V = torch.linalg.eigh(_symmetric(product(torch.eye(n, dtype=like.dtype, device=like.device))))
        return _ritz(product, V[:, -k:] if largest else V[:, :k])
    start = torch.randn(n, k, generator=generator, dtype=torch.float64)
    if largest:
        V, converged = _arpack(product, start, tol, steps, like)
        return _ritz(product, V if converged else _lobpcg(product, V, start, steps, like))
    # The smallest eigenvalue of K is the largest of cI - K, whose accuracy is then relative to c and can be reached.
    top = extremes(product, n, 1, "max", generator, like, tol=1e-3, steps=steps)
    c = float(top.values[0]) + float(top.residuals[0])
    V, converged = _arpack(lambda v: c * v - product(v), start, tol, steps, like, _BASIS // n)
    if not converged:
        try:
            precondition = nystrom(product, n, min(n, 100), 0.0, generator, like)
            V, converged = _arpack(
                lambda v: conjugate_gradients(product, v, tol=1e-7, steps=steps, precondition=precondition).x,
                start,
                1e-6,
                _INVERSES,
                like,
            )
        except InputError:  # not positive definite, or too nearly singular
            converged = False
    return _ritz(product, V if converged else _lobpcg(lambda v: c * v - product(v), V, start, steps, like))


def _arpack(product: Product, start: Tensor, tol: float, steps: int, like: Tensor, room: int = 0) -> tuple[Tensor, bool]:
    """Approximate eigenvectors (n, k) of the largest eigenvalues; False, and those that converged, after so many products."""
    from scipy.sparse.linalg import ArpackNoConvergence, eigsh

    (n, k), operator = start.shape, _scipy(product, len(start), like)
    width = min(n, max(4 * k + 1, 30, min(300, room)), max(2 * k + 1, steps))
    tol = max(tol, 4 * float(np.finfo(operator.dtype).eps))
    v0 = start[:, 0].numpy().astype(operator.dtype)
    try:
        rounds = 1 + max(0, (steps - width) // max(1, width - k))
        V = eigsh(operator, k, which="LA", v0=v0, ncv=width, tol=tol, maxiter=rounds)[1]
    except ArpackNoConvergence as stopped:
        return torch.from_numpy(np.ascontiguousarray(stopped.eigenvectors)).to(like), False
    return torch.from_numpy(np.ascontiguousarray(V)).to(like), True


def _lobpcg(product: Product, V: Tensor, start: Tensor, steps: int, like: Tensor) -> Tensor:
    """Approximate eigenvectors (n, k) from those found so far; there is always an answer, and its residual says how good."""
    import warnings

    from scipy.sparse.linalg import lobpcg

    operator = _scipy(product, len(start), like)
    guess = start.numpy().astype(operator.dtype)
    found = min(V.shape[1], start.shape[1])
    guess[:, :found] = V[:, :found].cpu().numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of what the residuals say
        answer = lobpcg(operator, guess, largest=True, maxiter=min(steps, 200))[1]
    return torch.from_numpy(np.ascontiguousarray(answer)).to(like)


def _scipy(product: Product, n: int, like: Tensor) -> Any:
    from scipy.sparse.linalg import LinearOperator

    dtype = np.float32 if like.dtype == torch.float32 else np.float64

    def matmat(v: Any) -> Any:
        return product(torch.from_numpy(np.array(v, dtype=dtype).reshape(n, -1)).to(like)).cpu().numpy()

    return LinearOperator((n, n), matvec=matmat, matmat=matmat, dtype=dtype)


def _ritz(product: Product, V: Tensor) -> Ritz:
    """Rayleigh quotients and residuals, computed from the vectors."""
    V = torch.linalg.qr(V)[0]
    KV = product(V)
    small = _symmetric(V.T @ KV)
    S = torch.linalg.eigh(small)[1]  # within the span, the best vectors
    V, KV = V @ S, KV @ S
    values = (V * KV).sum(0) / (V * V).sum(0)
    order = values.argsort()
    residuals = (KV - V * values).norm(dim=0) / V.norm(dim=0)
    return Ritz(values[order], residuals[order], V[:, order])


def _symmetric(A: Tensor) -> Tensor:
    return (A + A.T) / 2


def _relative(a: Any, b: Any) -> float:
    """|a - b| / |a| for coefficient vectors, the shorter one filled with zeros."""
    padded = np.zeros(len(a))
    padded[: len(b)] = b[: len(a)]
    size = float(np.linalg.norm(a))
    gap = float(np.linalg.norm(a - padded))
    return gap / size if size else gap
