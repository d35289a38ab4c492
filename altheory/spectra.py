r"""The label measure of a kernel matrix and labels, its functionals, and their sharp bounds.

For symmetric positive semi-definite $\Theta = \sum_i\lambda_iv_iv_i^\top$ and labels $Y$ (n by K) the label
measure is

$$\mu = \sum_i w_i\,\delta_{\lambda_i},\qquad w_i = \sum_k (v_i^\top Y^k)^2 .$$

The training error of linearised gradient descent, its speed and the generalisation bound depend on
$(\Theta, Y)$ through $\mu$ alone. Names: $T = \mu(\mathbb R) = \mathrm{Tr}\,Y^\top Y$,
$A = \int\lambda\,d\mu$, $I = \int\lambda^{-1}d\mu$, $E_t^2 = \int(1-\eta\lambda)^{2t}d\mu$, and lo, hi:
the ends of the spectrum.

Source: dynamicAL (ICLR 2022 submission), section 4.1, Theorems 1 and 2; the bounds given (T, A, lo, hi) are
those of Jensen, the chord, and Kantorovich, and cannot be improved (the optimum over all measures on [lo, hi]
with this T and A).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from altheory._elementwise import beside, column, decay, nonnegative, ratio, steps
from altheory._inputs import InputError, as_labels, as_tensor, as_tensors, check_symmetric, is_exact, member

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

    from altheory._inputs import ArrayLike


@dataclass(frozen=True, eq=False)
class LabelMeasure:
    r"""A finite measure $\mu = \sum_i w_i\delta_{\lambda_i}$ on the line, one for each batch member.

    Attributes:
        eigenvalues: (..., n) atoms $\lambda_i$, in any order.
        weights: (..., n) masses $w_i\ge 0$.

    Raises:
        InputError: Shapes, dtypes or devices differ, an entry is not finite, or a weight is negative.
    """

    eigenvalues: Float[Tensor, "*batch n"]
    weights: Float[Tensor, "*batch n"]

    def __post_init__(self) -> None:
        if is_exact(self.eigenvalues) or is_exact(self.weights):
            return
        atoms = as_tensor("eigenvalues", self.eigenvalues, min_ndim=1, layout="(..., n)")
        masses = as_tensor("weights", self.weights, min_ndim=1, layout="(..., n)", like=("eigenvalues", atoms))
        if atoms.shape != masses.shape:
            raise InputError(
                f"`weights` has shape {tuple(masses.shape)} but `eigenvalues` has shape "
                f"{tuple(atoms.shape)}; pass one weight for each eigenvalue."
            )
        if bool((masses.detach() < 0).any()):
            raise InputError(
                f"`weights` has a negative entry {float(masses.min()):.3g} but a measure has none; pass weights >= 0."
            )
        object.__setattr__(self, "eigenvalues", atoms)
        object.__setattr__(self, "weights", masses)

    @property
    def T(self) -> Float[Tensor, "*batch"]:
        r"""The total mass $\mathrm{Tr}\,Y^\top Y$."""
        return self.weights.sum(-1)

    @property
    def A(self) -> Float[Tensor, "*batch"]:
        r"""The alignment $\int\lambda\,d\mu = \mathrm{Tr}\,Y^\top\Theta Y$."""
        return (self.weights * self.eigenvalues).sum(-1)

    @property
    def I(self) -> Float[Tensor, "*batch"]:
        r"""$\int\lambda^{-1}d\mu = \mathrm{Tr}\,Y^\top\Theta^{-1}Y$, 0/0 = 0; +inf with mass on 0."""
        return ratio(self.weights, self.eigenvalues).sum(-1)

    @property
    def lo(self) -> Float[Tensor, "*batch"]:
        """The smallest eigenvalue of the whole spectrum, also where it carries no mass."""
        return torch.amin(self.eigenvalues, dim=-1)

    @property
    def hi(self) -> Float[Tensor, "*batch"]:
        """The largest eigenvalue of the whole spectrum, also where it carries no mass."""
        return torch.amax(self.eigenvalues, dim=-1)

    @property
    def mean(self) -> Float[Tensor, "*batch"]:
        """A/T, with 0/0 = 0."""
        return ratio(self.A, self.T)

    def moment(self, f: Callable[[Tensor], Tensor]) -> Float[Tensor, "*batch"]:
        r"""$\int f\,d\mu$ for an elementwise f; where the mass is 0 the value of f does not matter."""
        weights = self.weights
        return torch.where(weights == 0, weights, weights * f(self.eigenvalues)).sum(-1)

    def E2(self, t: int | Tensor, eta: float | Tensor) -> Float[Tensor, "*batch"]:
        r"""$E_t^2 = \int(1-\eta\lambda)^{2t}d\mu$: squared residual after t steps of gradient descent.

        Args:
            t: Number of steps, an integer >= 0 or an integer tensor (...,); t = 0 gives T.
            eta: Learning rate, a number or tensor (...,). It need not satisfy eta * hi <= 1.

        Returns:
            (...,), with t, eta and the batch broadcast.

        Raises:
            InputError: t is not an integer, or negative; eta is not finite.
        """
        return (self.weights * self._decay(t, eta)).sum(-1)

    def total_E2(self, eta: float | Tensor) -> Float[Tensor, "*batch"]:
        r"""$\sum_{t\ge0}E_t^2 = \int\frac{d\mu}{\eta\lambda(2-\eta\lambda)}$: the area under the training curve.

        The geometric series of $(1-\eta\lambda)^2$; it converges for $0 < \eta\lambda < 2$ wherever there is mass.

        Args:
            eta: Learning rate, a number or tensor (...,).

        Returns:
            (...,), +inf where there is mass on an eigenvalue with eta * lambda outside (0, 2): the sum diverges.

        Raises:
            InputError: eta is not finite.
        """
        x = column(beside("eta", eta, ("eigenvalues", self.eigenvalues))) * self.eigenvalues
        terms = ratio(self.weights, x * (2 - x))
        if not is_exact(x):  # exact arithmetic has no infinity; there a divergent sum is a division by zero or negative
            terms = torch.where((self.weights > 0) & ((x <= 0) | (x >= 2)), torch.inf, terms)
        return terms.sum(-1)

    def training_dynamics(self, t: int | Tensor, eta: float | Tensor) -> Float[Tensor, "*batch"]:
        r"""$G_t = \mathrm{Tr}[r_t^\top\Theta r_t] = \int\lambda(1-\eta\lambda)^{2t}d\mu$; arguments as in
        `E2`."""
        return (self.weights * self.eigenvalues * self._decay(t, eta)).sum(-1)

    def flow_E2(self, time: float | Tensor, eta: float | Tensor = 1.0) -> Float[Tensor, "*batch"]:
        r"""$\int e^{-2\eta\lambda\tau}d\mu$: the squared residual of gradient flow at time $\tau$.

        Args:
            time: A number or tensor (...,).
            eta: A number or tensor (...,).

        Returns:
            (...,), with both and the batch broadcast.

        Raises:
            InputError: An argument is not finite.
        """
        like = ("eigenvalues", self.eigenvalues)
        tau, rate = column(beside("time", time, like)), column(beside("eta", eta, like))
        return (self.weights * torch.exp(-2 * tau * (rate * self.eigenvalues))).sum(-1)

    def _decay(self, t: int | Tensor, eta: float | Tensor) -> Tensor:
        rate = column(beside("eta", eta, ("eigenvalues", self.eigenvalues)))
        return decay(rate * self.eigenvalues, column(steps(t)))


def label_measure(
    theta: Float[ArrayLike, "*batch n n"], Y: Float[ArrayLike, "*batch n k"] | Float[ArrayLike, "*batch n"]
) -> LabelMeasure:
    r"""The label measure of $(\Theta, Y)$, through `torch.linalg.eigh`.

    Rank rule (with $\varepsilon$ the machine epsilon of the dtype): eigenvalues $\lambda\le
    n\varepsilon\lambda_{\max}$ are set to exactly 0. On such a null eigenvalue a weight within the rounding
    of its eigenvector, $w\le\min\{(8n\varepsilon\lambda_{\max}/\lambda_+)^2, n\varepsilon\}\,T$ with
    $\lambda_+$ the least positive eigenvalue, is set to exactly 0 too; T changes by no more than its own
    rounding. Duck arrays meet no thresholds and no checks.

    Args:
        theta: (..., n, n) symmetric positive semi-definite.
        Y: (..., n, K), or (..., n) for a single output: `Y.ndim == theta.ndim` is a matrix, one less is a
            vector.

    Returns:
        The measure, eigenvalues ascending, in theta's dtype and on its device.

    Raises:
        InputError: theta is not square, not symmetric beyond rounding, or has an eigenvalue below
            $-100\,n\varepsilon\max|\lambda|$; Y does not fit theta (shape, dtype, device); an entry is not
            finite.
    """
    kernel, labels = as_labels(theta, Y)
    if not (exact := is_exact(kernel) or is_exact(labels)):
        check_symmetric(kernel)
    eigenvalues, vectors = torch.linalg.eigh(kernel)
    coordinates = torch.transpose(vectors, -1, -2) @ labels
    weights = (coordinates * coordinates).sum(-1)
    if exact:
        return LabelMeasure(eigenvalues, weights)
    rounding = kernel.shape[-1] * torch.finfo(kernel.dtype).eps
    with torch.no_grad():
        top = eigenvalues.abs().amax(-1, keepdim=True)
        bad = eigenvalues[..., 0] < -100 * rounding * top[..., 0]
        if bool(bad.any()):
            raise InputError(
                f"`theta` has a negative eigenvalue {float(eigenvalues[..., 0][bad].min()):.3g}{member(bad)} "
                "but a positive semi-definite matrix is wanted; pass a kernel matrix, or add a "
                "multiple of the identity."
            )
        null = eigenvalues <= rounding * top
        least = torch.where(null, torch.inf, eigenvalues).amin(-1, keepdim=True)
        share = torch.clamp((8 * rounding * top / least) ** 2, max=rounding)
        noise = null & (weights <= share * weights.sum(-1, keepdim=True))
    return LabelMeasure(torch.where(null, 0, eigenvalues), torch.where(noise, 0, weights))


def jensen_E2(
    T: Float[ArrayLike, "*batch"], A: Float[ArrayLike, "*batch"], t: int | Tensor, eta: float | Tensor
) -> Float[Tensor, "*batch"]:
    r"""The sharp lower bound $E_t^2\ge T(1-\eta A/T)^{2t}$ (0 when T = 0), for every $\eta$ and integer t >=
    0.

    Jensen for the convex $(1-\eta\lambda)^{2t}$; equality for a point mass at A/T.

    Args:
        T: (...,) total mass.
        A: (...,) alignment.
        t: Integer >= 0 or integer tensor (...,).
        eta: Number or tensor (...,).

    Returns:
        (...,), all arguments broadcast.

    Raises:
        InputError: An argument is not finite, t is not an integer >= 0, or dtypes or devices differ.
    """
    mass, align, rate = as_tensors(T=T, A=A, eta=eta)
    return mass * decay(rate * ratio(align, mass), steps(t))


def chord_E2(
    T: Float[ArrayLike, "*batch"],
    A: Float[ArrayLike, "*batch"],
    lo: Float[ArrayLike, "*batch"],
    hi: Float[ArrayLike, "*batch"],
    t: int | Tensor,
    eta: float | Tensor,
) -> Float[Tensor, "*batch"]:
    r"""The sharp upper bound $E_t^2\le\frac{(hi\,T-A)(1-\eta\,lo)^{2t}+(A-lo\,T)(1-\eta\,hi)^{2t}}{hi-lo}$.

    The chord of the convex $(1-\eta\lambda)^{2t}$ on [lo, hi], for every $\eta$ and integer t >= 0; equality
    when the mass sits on {lo, hi}. It is evaluated as $p(1-\eta\,lo)^{2t}+q(1-\eta\,hi)^{2t}$ with $p, q\ge
    0$, $p+q=T$, and as $T(1-\eta\,lo)^{2t}$ when hi = lo, so it stays between its two ends however small hi -
    lo is.

    Args:
        T: (...,) total mass.
        A: (...,) alignment, with lo T <= A <= hi T; outside (no such measure exists) the nearer end is used.
        lo: (...,) smallest eigenvalue.
        hi: (...,) largest eigenvalue.
        t: Integer >= 0 or integer tensor (...,).
        eta: Number or tensor (...,).

    Returns:
        (...,), all arguments broadcast.

    Raises:
        InputError: As in `jensen_E2`.
    """
    mass, align, low, high, rate = as_tensors(T=T, A=A, lo=lo, hi=hi, eta=eta)
    count = steps(t)
    return chord(mass, align, low, high, lambda x: decay(rate * x, count))


def jensen(
    T: Float[ArrayLike, "*batch"], A: Float[ArrayLike, "*batch"], f: Callable[[Tensor], Tensor]
) -> Float[Tensor, "*batch"]:
    r"""Jensen's bound $\int f\,d\mu\ge T f(A/T)$ (0 when T = 0) for any convex f, called with (...,); errors as in
    `jensen_E2`."""
    mass, align = as_tensors(T=T, A=A)
    return mass * f(ratio(align, mass))


def envelope(
    eigenvalues: Float[ArrayLike, "*batch n"],
    T: Float[ArrayLike, "*batch"],
    A: Float[ArrayLike, "*batch"],
    f: Callable[[Tensor], Tensor],
) -> Float[Tensor, "*batch"]:
    r"""The sharp lower bound on $\int f\,d\mu$ for convex f when the whole spectrum is known, at least `jensen`'s.

    T times the value at A/T of the line through f at the two eigenvalues next to A/T; equality for mass on these two.

    Args:
        eigenvalues: (..., n), in any order.
        T: (...,) total mass.
        A: (...,) alignment.
        f: Elementwise and convex; called with (..., n), so parameters of its own need a trailing axis.

    Returns:
        (...,).

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    atoms, mass, align = as_tensors(eigenvalues=eigenvalues, T=T, A=A)
    atoms = torch.sort(atoms, dim=-1).values
    values, mean = f(atoms), ratio(align, mass)[..., None]
    least = torch.amin(values, dim=-1)
    if atoms.shape[-1] == 1:
        return mass * least
    left, right = atoms[..., :-1], atoms[..., 1:]
    between = (left <= mean) & (mean <= right) & (left < right)
    share = (mean - left) / torch.where(left < right, right - left, 1)
    line = (1 - share) * values[..., :-1] + share * values[..., 1:]
    return mass * torch.amax(torch.where(between, line, least[..., None]), dim=-1)


def chord(
    T: Float[ArrayLike, "*batch"],
    A: Float[ArrayLike, "*batch"],
    lo: Float[ArrayLike, "*batch"],
    hi: Float[ArrayLike, "*batch"],
    f: Callable[[Tensor], Tensor],
) -> Float[Tensor, "*batch"]:
    r"""The chord of any convex f, $\int f\,d\mu\le\frac{(hi\,T-A)f(lo)+(A-lo\,T)f(hi)}{hi-lo}$, evaluated as in
    `chord_E2`.

    With `jensen` the two ends between which $\int f\,d\mu$ lies, given T, A and [lo, hi]; for gradient flow f is
    $e^{-2\lambda\tau}$.

    Args:
        T, A, lo, hi: (...,) as in `chord_E2`.
        f: Elementwise and convex on [lo, hi], finite at both ends; called with (...,).

    Returns:
        (...,), all arguments broadcast.

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    mass, align, low, high = as_tensors(T=T, A=A, lo=lo, hi=hi)
    below, above = nonnegative(high * mass - align), nonnegative(align - low * mass)
    total = below + above
    one_point, safe = total == 0, torch.where(total == 0, 1, total)
    at_low, at_high = torch.where(one_point, 1, below) / safe, above / safe
    return mass * (at_low * f(low) + at_high * f(high))


def chord_I(
    T: Float[ArrayLike, "*batch"],
    A: Float[ArrayLike, "*batch"],
    lo: Float[ArrayLike, "*batch"],
    hi: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""The sharp upper bound $I\le\frac{T(lo+hi)-A}{lo\,hi}$: the chord of $1/\lambda$ on [lo, hi], 0 <= lo
    <= hi.

    Evaluated as $T/hi+(hi\,T-A)/(lo\,hi)$ with 0/0 = 0, so that lo = 0 gives +inf unless all mass sits on hi.

    Args:
        T: (...,) total mass.
        A: (...,) alignment, with lo T <= A <= hi T.
        lo: (...,) smallest eigenvalue.
        hi: (...,) largest eigenvalue.

    Returns:
        (...,), all arguments broadcast.

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    mass, align, low, high = as_tensors(T=T, A=A, lo=lo, hi=hi)
    return ratio(mass, high) + ratio(ratio(nonnegative(high * mass - align), high), low)


def kantorovich_I(
    T: Float[ArrayLike, "*batch"],
    A: Float[ArrayLike, "*batch"],
    lo: Float[ArrayLike, "*batch"],
    hi: Float[ArrayLike, "*batch"],
) -> Float[Tensor, "*batch"]:
    r"""Kantorovich's bound $I\le\frac{(lo+hi)^2}{4\,lo\,hi}\,\frac{T^2}{A}$, 0 <= lo <= hi: the worst of
    `chord_I` in $I A/T^2$.

    Equality when half of the mass sits on each end. 0 when T = 0, +inf when lo = 0 < T.

    Args:
        T: (...,) total mass.
        A: (...,) alignment.
        lo: (...,) smallest eigenvalue.
        hi: (...,) largest eigenvalue.

    Returns:
        (...,), all arguments broadcast.

    Raises:
        InputError: An argument is not finite, or dtypes or devices differ.
    """
    mass, align, low, high = as_tensors(T=T, A=A, lo=lo, hi=hi)
    spread = ratio(low, high)
    return ratio((1 + spread) * (1 + spread) * mass * ratio(mass, align), 4 * spread)
