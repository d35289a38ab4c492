"""The weights of a network of any width as a function of (seed, neuron), so that they need not be stored.

Neurons are drawn in units of `UNIT`, each unit from its own generator (SFC64, spawned from the seed and the unit's
number by numpy's `SeedSequence`). So any range of neurons can be made again alone, on any thread, in any order, and
a stored network and a generated one with the same seed are the same network.
"""

from __future__ import annotations

import numpy as np
import torch

from altheory._inputs import InputError, check_integer

UNIT = 1024


def seed_of(seed: int | torch.Generator) -> int:
    """The integer seed: the given one, or one drawn from the given CPU generator (which is advanced).

    Raises:
        InputError: A negative seed, another type, or a generator that is not on the CPU.
    """
    if isinstance(seed, torch.Generator):
        if seed.device.type != "cpu":
            raise InputError(
                f"`seed` is a generator on {seed.device} but parameters are drawn on the CPU; "
                "pass an integer or a CPU generator."
            )
        return int(torch.randint(0, 2**62, (), generator=seed))
    return check_integer("seed", seed, least=0)


def drawn(seed: int, start: int, stop: int, d: int, outputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Neurons start to stop: standard normal weights (stop - start, d) and signs (stop - start, outputs), float64."""
    W = np.empty((stop - start, d))
    a = np.empty((stop - start, outputs))
    for unit in range(start // UNIT, -(-stop // UNIT)):
        rng = np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy=seed, spawn_key=(unit,))))
        first = unit * UNIT
        lo, hi = max(start, first), min(stop, first + UNIT)
        # a whole unit is drawn even where only a part is wanted: its numbers must not depend on the range
        signs = 2.0 * rng.integers(0, 2, (UNIT, outputs), dtype=np.int8) - 1.0
        a[lo - start : hi - start] = signs[lo - first : hi - first]
        if lo == first:
            rng.standard_normal(out=W[lo - start : hi - start])
        else:
            W[lo - start : hi - start] = rng.standard_normal((hi - first, d))[lo - first :]
    return torch.from_numpy(W), torch.from_numpy(a)
