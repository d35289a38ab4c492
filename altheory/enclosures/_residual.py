r"""Every eigenvalue at once, from the residual of an approximate eigendecomposition.

**Theorem** (Kahan; Cao, Xie and Li, 1996, for rectangular Q). Let A be symmetric, D symmetric, Q square and invertible. Then
$$|\lambda_i(A)-\lambda_i(D)|\le\|AQ-QD\|_2/\sigma_{\min}(Q)\qquad(i=1,\dots,n),$$
both spectra in ascending order. So the matching is one to one, whatever the gaps and multiplicities.

*Proof.* Let $Q=U\Sigma V^\top$, $A'=U^\top AU$, $D'=V^\top DV$ and $E=U^\top(AQ-QD)V=A'\Sigma-\Sigma D'$. A' and D' have the
spectra of A and D, so by Weyl it is enough that $\delta=\|A'-D'\|_2\le\|E\|_2/\sigma_{\min}$. Let x be a unit eigenvector of
the symmetric matrix $A'-D'$ for its eigenvalue $\pm\delta$. The symmetric part of E satisfies
$E+E^\top=(A'-D')\Sigma+\Sigma(A'-D')$, hence $2\|E\|_2\ge|x^\top(E+E^\top)x|=2\delta\,x^\top\Sigma x\ge2\delta\sigma_{\min}$.

Here D is the diagonal of the computed eigenvalues, so $\lambda_i(D)=d_i$ without error, and
$\sigma_{\min}(Q)\ge(1-\|Q^\top Q-I\|_2)^{1/2}$. With $R=fl(AQ-QD)$ and the bounds of `_rounding`,
$$\|AQ-QD\|_2\le(1+u)\|R\|_2+g\|\,|A||Q|\,\|_2+u\|\,|Q||D|\,\|_2 .$$
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from altheory.enclosures._interval import Interval, down, up
from altheory.enclosures._rounding import TINY, U, gamma, inflate, norm_bound, norm_bound_product, product


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Approximate eigenvalues `values` (ascending) and eigenvectors (columns), and a proved `radius` for all of the former."""

    values: Tensor
    vectors: Tensor
    radius: float

    def interval(self, i: int) -> Interval:
        """What encloses the i-th smallest eigenvalue."""
        centre = float(self.values[i])
        return Interval(down(centre - self.radius), up(centre + self.radius))


def enclosed_spectrum(A: Tensor) -> Spectrum:
    """The spectrum of a symmetric float64 matrix with entries at most 1 in absolute value."""
    try:
        values, Q = torch.linalg.eigh(A)
    except RuntimeError:  # not converged
        return _disc(A)
    order = torch.argsort(values)
    values, Q = values[order], Q[:, order]
    defect = orthogonality_defect(Q)
    if not defect < 0.5:  # also when eigh returned NaN
        return _disc(A)
    P, g = product(A, Q)
    QD = Q * values
    R = inflate(norm_bound(P - QD), 1) + inflate(g * norm_bound_product(A, Q), 1) + inflate(U * norm_bound(QD), 2) + TINY
    radius = inflate(R / (1 - defect), 5)  # (1 - e)^(1/2) >= 1 - e
    return Spectrum(values, Q, radius) if radius < float("inf") else _disc(A)


def orthogonality_defect(Q: Tensor) -> float:
    r"""An upper bound of $\|Q^\top Q-I\|_2$."""
    gram = Q.T @ Q
    gram.diagonal().sub_(1)
    rounding = up(gamma(Q.shape[0]) * norm_bound_product(Q.T, Q))
    return inflate(norm_bound(gram) + rounding, 3) + TINY


def _disc(A: Tensor) -> Spectrum:
    """The theorem with Q = I and D the diagonal: a coarse answer where `eigh` gave none."""
    values, order = torch.sort(A.diagonal())
    Q = torch.eye(A.shape[0], dtype=A.dtype)[:, order]
    return Spectrum(values, Q, norm_bound(A - torch.diag(A.diagonal())))
