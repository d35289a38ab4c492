r"""A procedure that watches for rare noise: what stopping and steering can do to the average over good outputs.

The space is that of the constants, under a law of which a share $\tau$ is noisy (mean zero, equal variance) and the rest is
labelled without noise; eps = 1/(2n). A regular step draws from the law itself with $\beta = \varepsilon/2$.

- **Stopping.** After 3n regular steps, when $A^*A = 3/4$, stop if a noisy point has been drawn; otherwise go on, and stop at
  the first noisy point, at the latest after 5n steps, when $A^*A = 5/4$. Every output is good.
- **Steering.** The same up to 5n - 1 steps. If no noisy point has been drawn by then, take a step with $\beta =
  \varepsilon/4$ that draws, with probability 1/10, from a noiseless set S of mass 1/5 (so $K = 2$). If it hits S, take another
  with $\beta = \varepsilon/4$ from the law itself, which makes $A^*A = 5/4+\varepsilon/4$: a bad output; otherwise stop.

All steps have $\beta K\le\varepsilon/2$, $\sum\beta\le5/4$, and at most one output in ten is bad. The bad ones are all free of
error, so that conditioning on good outputs divides the error by 0.9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from altheory._inputs import as_tensors, check_integer

if TYPE_CHECKING:
    from jaxtyping import Float

    from altheory._inputs import ArrayLike


class RareNoise(NamedTuple):
    r"""What the procedure reaches, each of shape (...).

    Attributes:
        error: $E\,\|\tilde f-f\|^21_{good}$ as a multiple of $\varepsilon\,E|y-f|^2$.
        good: The probability of a good output.
    """

    error: Any
    good: Any


def stop_at_noise(n: Float[ArrayLike, "*batch"], tau: Float[ArrayLike, "*batch"], *, largest: int) -> RareNoise:
    r"""Stopping: the error is $2n\left[\frac1{3n}+\sum_{j=3n+1}^{5n}\frac{(1-\tau)^{j-1}}{j^2}\right]$ and good is 1.

    It rises to 14/15 as $\tau\to0$ and n grows.

    Args:
        n: (...), integers; eps = 1/(2n).
        tau: (...), the mass of the noisy points, in (0, 1).
        largest: The largest n.

    Raises:
        InputError: `largest` is no integer of at least 1, or an array is not finite.
    """
    size, mass = as_tensors(n=n, tau=tau)
    error, _ = _watched(size, mass, 5 * size, largest)
    return RareNoise(2 * size * error, 1 + 0 * error)


def steer_away_from_silence(
    n: Float[ArrayLike, "*batch"], tau: Float[ArrayLike, "*batch"], *, largest: int, noise_in_the_last_step: bool = True
) -> RareNoise:
    r"""Steering: with $m = 5n-1$ and $s = (1-\tau)^m$, the probability of good is $1-s/10$ and the error
    $$2n\Big[\frac1{3n}+\sum_{j=3n+1}^m\frac{(1-\tau)^{j-1}}{j^2}+\frac{2s}{9(m+4/9)^2}\Big].$$

    error / good rises to 28/27. The last term is that of a noisy point in the biased step, drawn with probability
    $\frac98\tau$ and weight $\frac29\varepsilon$.

    Args:
        n: As for `stop_at_noise`, as are the next two and the errors.
        tau: (...), below 4/5.
        largest: The largest n.
        noise_in_the_last_step: False puts the noisy points into S: then the last term is missing.
    """
    size, mass = as_tensors(n=n, tau=tau)
    steps = 5 * size - 1
    error, silent = _watched(size, mass, steps, largest)
    if noise_in_the_last_step:
        reached = 9 * steps + 4
        error = error + 18 * silent / (reached * reached)
    return RareNoise(2 * size * error, 1 - silent / 10)


def _watched(n: Any, tau: Any, steps: Any, largest: int) -> tuple[Any, Any]:
    """The mean square weight of the noise over its rate, up to a number of steps, and the chance of no noise in them."""
    j = torch.arange(1, 5 * check_integer("largest", largest) + 1, dtype=torch.float64)
    quiet = torch.cumprod(1 - tau[..., None] + 0 * j, -1)  # after j steps
    before = quiet / (1 - tau)[..., None]
    late = (j > 3 * n[..., None] + 0.5) & (j < steps[..., None] + 0.5)
    error = 1 / (3 * n) + torch.where(late, before / (j * j), 0 * before).sum(-1)
    silent = torch.where((j - steps[..., None]).abs() < 0.5, quiet, 0 * quiet).sum(-1)
    return error, silent
