"""Adam on a batch of independent starts (Kingma & Ba 2015), maximising.

Written out because `torch.optim` imports torch's compiler with its first step, one and a half seconds in every process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_BETA1, _BETA2, _SMALL = 0.9, 0.999, 1e-8


class Adam:
    """Moments of the gradient of each start's own height; `step` moves the parameters uphill in place."""

    def __init__(self, z: Tensor) -> None:
        self.z = z
        self.first, self.second, self.count = torch.zeros_like(z), torch.zeros_like(z), 0

    def step(self, gradient: Tensor, rate: float) -> None:
        """One step of the given length; entries without a finite gradient stay."""
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
        self.count += 1
        self.first = _BETA1 * self.first + (1 - _BETA1) * gradient
        self.second = _BETA2 * self.second + (1 - _BETA2) * gradient**2
        mean = self.first / (1 - _BETA1**self.count)
        size = (self.second / (1 - _BETA2**self.count)).sqrt()
        with torch.no_grad():
            self.z += rate * mean / (size + _SMALL)


def gradient_of(height: Callable[[Tensor], Tensor], z: Tensor) -> tuple[Tensor, Tensor | None]:
    """Heights of all starts, and the gradient of each with respect to its own row of z; None where nothing depends on z."""
    z = z.detach().requires_grad_(True)
    heights = height(z)
    if not heights.requires_grad:
        return heights, None
    total = torch.where(heights.isfinite(), heights, torch.zeros_like(heights)).sum()
    (gradient,) = torch.autograd.grad(total, z, allow_unused=True)
    return heights.detach(), gradient
