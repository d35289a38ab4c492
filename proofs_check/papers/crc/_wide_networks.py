r"""One experiment on relu networks of several widths, for the claims about wide networks.

12 random unit vectors in dimension 8; $f(x) = m^{-1/2}\sum_ra_r\mathrm{relu}(w_r\cdot x)$ with signs $a_r$, the $w_r$
standard normal and trained, f = 0 at the start; $L = \frac{1}{2}\sum_i(f(x_i)-y_i)^2$; gradient descent with $\eta =
1/(5\lambda_{\max}(K_0))$.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al
from altheory import dynamics, semi_smooth
from proofs_check.experiment import remembered

EXAMPLES, DIMENSION, STEPS = 12, 8, 20
WIDTHS = (64, 512, 2048)
NARROW = 4
#: step sizes at which the remainder of one step is measured
SIZES = tuple(10.0 ** (-4 + k / 2) for k in range(7))


@dataclass(frozen=True)
class Run:
    """Training at one width, each of shape (seeds, steps)."""

    loss: Tensor
    after: Tensor
    #: smallest eigenvalue of the kernel before the step
    lowest: Tensor
    #: |grad L|^2
    squared: Tensor
    #: (seeds, 1)
    eta: Tensor

    @property
    def rate(self) -> Tensor:
        r"""$(1-L_{t+1}/L_t)/(\eta\lambda_{\min}(K_t))$"""
        return (1 - self.after / self.loss) / (self.eta * self.lowest)

    @property
    def scale(self) -> Tensor:
        r"""$|\nabla L_t|^2/L_t$"""
        return self.squared / self.loss


@dataclass(frozen=True)
class _Networks:
    """Networks of one width, one a seed, and their data."""

    W: Tensor
    a: Tensor
    X: Tensor
    Y: Tensor

    def errors(self, W: Tensor) -> Tensor:
        """(seeds, n)"""
        return (dynamics.two_layer(W, self.a, self.X) - self.Y)[..., 0]

    def loss(self, W: Tensor) -> Tensor:
        """(seeds,)"""
        return (self.errors(W) ** 2).sum(-1) / 2

    def gradient(self, W: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of the loss, shaped like W, and the kernel (seeds, n, n)."""
        J = dynamics.two_layer_jacobian(W, self.a, self.X)[:, :, 0]
        gradient = (self.errors(W)[:, None, :] @ J)[:, 0].reshape(W.shape)
        return gradient, J @ J.mT


def _drawn(seed: Tensor, width: int, worst: bool) -> _Networks:
    columns = []
    for s in seed.tolist():
        generator = torch.Generator().manual_seed(s)
        X = torch.randn(EXAMPLES, DIMENSION, generator=generator, dtype=torch.float64)
        Y = torch.where(torch.rand(EXAMPLES, 1, generator=generator, dtype=torch.float64) < 0.5, -1.0, 1.0)
        net = al.TwoLayerNet(DIMENSION, width, seed=generator)
        columns.append((net.W.detach(), net.a.detach() / width**0.5, X / X.norm(dim=1, keepdim=True), Y))
    found = _Networks(*(torch.stack(c) for c in zip(*columns, strict=True)))
    if not worst:
        return found
    _, kernel = found.gradient(found.W)
    return _Networks(found.W, found.a, found.X, torch.linalg.eigh(kernel).eigenvectors[..., :1])


@remembered
def trained(seed: Tensor, width: int, worst: bool) -> Run:
    """Gradient descent with random signs as labels, or (`worst`) with the eigenvector of the smallest eigenvalue of K_0."""
    nets = _drawn(seed, width, worst)
    W, rows, eta = nets.W, [], torch.ones(len(seed), 1, dtype=torch.float64)
    for t in range(STEPS):
        gradient, kernel = nets.gradient(W)
        values = torch.linalg.eigvalsh(kernel)
        if t == 0:
            eta = 1 / (5 * values[:, -1:])
        moved = W - eta[..., None] * gradient
        rows.append([nets.loss(W), nets.loss(moved), values[:, 0], (gradient**2).sum((-1, -2))])
        W = moved
    loss, after, lowest, squared = (torch.stack(column, -1) for column in zip(*rows, strict=True))
    return Run(loss, after, lowest, squared, eta)


@remembered
def remainders(seed: Tensor, width: int) -> Tensor:
    r"""$\xi/(\eta^2L)$ for the step sizes `SIZES`, the largest along training (every fifth step), shape (seeds, sizes)."""
    nets = _drawn(seed, width, worst=False)
    W, found = nets.W, []
    for t in range(STEPS):
        gradient, kernel = nets.gradient(W)
        if t % 5 == 0:
            loss, squared = nets.loss(W), (gradient**2).sum((-1, -2))
            steps = [nets.loss(W - size * gradient) for size in SIZES]
            xi = [semi_smooth.perturbation(loss, after, squared, size) for after, size in zip(steps, SIZES, strict=True)]
            found.append(torch.stack([x / (size**2 * loss) for x, size in zip(xi, SIZES, strict=True)], -1))
        W = W - gradient / (5 * torch.linalg.eigvalsh(kernel)[:, -1, None, None])
    return torch.stack(found).amax(0)
