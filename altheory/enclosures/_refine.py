r"""The smallest eigenvalue to (nearly) its last digit, far below $\varepsilon\|A\|$ where a gap allows it.

Let V (n by k) span approximately the invariant subspace of the k smallest eigenvalues, and let $\nu\le\lambda_{k+1}(A)$ be
known, from `_residual`. For an orthonormal basis W of the span of V put $H=W^\top AW$ and $E=(I-WW^\top)AW$.

**Above** (Rayleigh and Ritz): $\lambda_1(A)\le\lambda_1(H)$.

**Below** (Lehmann, 1949; k = 1 is Temple's bound): if $\lambda_k(H)<\nu$, then
$$\lambda_1(A)\ge\lambda_1(H)-\frac{\|E\|_2^2}{\nu-\lambda_k(H)} .$$
*Proof.* Move $\nu$ down a little so that it is no eigenvalue of A. Then
$(A-\nu)^{-1}$ has at most k negative eigenvalues, $1/(\lambda_i(A)-\nu)$ for $\lambda_i(A)<\nu$, and exactly k since A is
below $\nu$ on the span of W. The largest of them is its k-th eigenvalue $1/(\lambda_1(A)-\nu)$. By Courant and Fischer, on the
k-dimensional space of vectors $y=(A-\nu)Wc$, the k-th eigenvalue is at most
$$\max_c\frac{y^\top(A-\nu)^{-1}y}{y^\top y}=\max_c\frac{-c^\top Nc}{\|Nc\|^2+\|Ec\|^2},\qquad N=\nu-H\succ0 .$$
All are negative, so $\nu-\lambda_1(A)\le\max_c(\|Nc\|^2+\|Ec\|^2)/(c^\top Nc)\le\lambda_k(N)+\|E\|_2^2/\lambda_1(N)$, which is
the claim; let $\nu$ return to its place.

**From V to W.** Let $\|V^\top V-I\|_2\le e<1$ and $W=V(V^\top V)^{-1/2}$. H is congruent to $V^\top AV$, so that by Ostrowski
$\lambda_i(H)=\theta_i\lambda_i(V^\top AV)$ with $\theta_i\in[1/(1+e),1/(1-e)]$; and for any D,
$\|E\|_2\le\|AV-VD\|_2/(1-e)^{1/2}$.

$V^\top AV$, $AV-VD$ and e are computed in twice the working precision, at $O(kn^2)$. The k by k matrix is then a smaller
instance of the same problem, with an error bound.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from altheory.enclosures._interval import Interval, down, times_power, up
from altheory.enclosures._residual import Spectrum, enclosed_spectrum
from altheory.enclosures._rounding import (
    TINY,
    U,
    dot2,
    gamma,
    inflate,
    norm_bound,
    perturbation_norm,
    product2,
    to_unit,
)

_MOST = 8  # the largest cluster that is split off


@dataclass(frozen=True, eq=False)
class _Ritz:
    """$V^\top AV$ and its entrywise error; bounds of $\\|V^\top V-I\\|_2$ and of $\\|E\\|_2$."""

    H: Tensor
    error: Tensor
    defect: float
    coupling: float


def smallest(A: Tensor) -> Interval:
    """An interval that contains the smallest eigenvalue of a symmetric float64 matrix."""
    if not bool((A - torch.diag(A.diagonal())).any()):
        least = float(A.diagonal().min())
        return Interval(least, least)
    A, exponent = to_unit(A)
    spectrum = enclosed_spectrum(A)
    found = spectrum.interval(0)
    k = _cluster(spectrum)
    sharper = None if k is None else _refined(A, spectrum, k)
    if sharper is not None:
        found = Interval(max(found.lo, sharper.lo), min(found.hi, sharper.hi))
    return times_power(found, exponent)


def _cluster(spectrum: Spectrum) -> int | None:
    """How many of the smallest eigenvalues to split off: the fewest whose gap is within a factor 4 of the widest."""
    d = spectrum.values[: _MOST + 1]
    gaps = (d[1:] - d[:-1] - spectrum.radius).tolist()
    widest = max(gaps, default=0.0)
    if not widest > spectrum.radius:
        return None
    return 1 + next(i for i, gap in enumerate(gaps) if 4 * gap >= widest)


def _refined(A: Tensor, spectrum: Spectrum, k: int) -> Interval | None:
    """The two bounds of the module docstring, or None where the premise is not proved."""
    ritz = _ritz(A, spectrum.vectors[:, :k].contiguous(), spectrum.values[:k])
    if ritz is None:
        return None
    off = ritz.H.abs().sum(1) - ritz.H.diagonal().abs()
    radii = off + ritz.error.sum(1)
    top = up(float((ritz.H.diagonal() + radii).max()) + 8 * k * U * float((ritz.H.diagonal().abs() + radii).max()))
    top = up(top / down(1 - ritz.defect)) if top > 0 else up(top * down(1 - ritz.defect))
    gap = down(down(float(spectrum.values[k]) - spectrum.radius) - top)
    if not gap > 0:
        return None
    small = smallest(ritz.H) if k > 1 else Interval(float(ritz.H), float(ritz.H))
    small = small.widened(perturbation_norm(ritz.error))
    shrink, grow = down(1 - ritz.defect), up(1 + ritz.defect)
    lo = down(small.lo / (grow if small.lo > 0 else shrink))
    hi = up(small.hi / (shrink if small.hi > 0 else grow))
    return Interval(down(lo - up(up(ritz.coupling * ritz.coupling) / gap)), hi)


def _ritz(A: Tensor, V: Tensor, d: Tensor) -> _Ritz | None:
    n, k = V.shape
    high, low, bound = product2(A, V)
    rows = V.T.contiguous()
    # V'V - I: the diagonal is near 1, so that subtracting 1 is exact (Sterbenz); everything else is added up in absolute value
    g, g_low, g_bound = dot2(rows[:, None], rows[None])
    g.diagonal().sub_(1)
    defect = inflate(float((g.abs() + g_low.abs() + g_bound).sum(1).max()), k + 6) + TINY
    if not defect < 0.5:
        return None
    # V'AV
    h, h_low, h_bound = dot2(rows[:, None], high.T[None])
    tail = rows @ low
    rest = h_low + tail
    H = h + rest
    error = h_bound + rows.abs() @ (bound + 2 * gamma(n) * low.abs()) + 2 * U * (H.abs() + rest.abs()) + TINY
    error = error * (1 + 4 * (n + 8) * U)
    # the lower triangle says it all
    H, error = (torch.tril(x) + torch.tril(x, -1).T for x in (H, error))
    # AV - VD
    VD = V * d
    R = (high - VD) + low
    roundings = 2 * U * (norm_bound(VD) + norm_bound(high - VD) + norm_bound(R))
    coupling = inflate((norm_bound(R) + roundings + norm_bound(bound) + TINY) / (1 - defect), 8)
    return _Ritz(H, error, defect, coupling)
