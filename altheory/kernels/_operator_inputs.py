"""The arguments that operators take besides points: indices, numbers, seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError, check_integer

if TYPE_CHECKING:
    from torch import Tensor


def places(name: str, index: Any, size: int) -> Tensor:
    """Numbers of rows or columns."""
    every = torch.arange(size)
    if isinstance(index, slice):
        found = every[index]
    else:
        found = torch.as_tensor(index)
        good = found.ndim == 1 and not found.is_floating_point() and found.dtype != torch.bool
        found = found.cpu().to(torch.int64) if good else every[:0]
        found = found if not len(found) or -size <= int(found.min()) <= int(found.max()) < size else every[:0]
    if not len(found):
        raise InputError(f"`{name}` is {index!r} but a slice or numbers from 0 to {size - 1} are wanted; pass at least one.")
    return found % size


def number_of(name: str, value: Any, *, least: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        bound = f" of at least {least:g}" if math.isfinite(least) else ""
        raise InputError(f"`{name}` is {value!r} but a finite number{bound} is wanted; pass such a number.")
    return number


def positive(name: str, value: Any) -> float:
    number = number_of(name, value, least=0.0)
    if number == 0:
        raise InputError(f"`{name}` is {value!r} but a positive number is wanted; pass e.g. 1e-8.")
    return number


def generator_of(seed: int | torch.Generator) -> torch.Generator:
    """A CPU generator.

    Raises:
        InputError: Neither an integer of at least 0 nor a CPU generator.
    """
    if isinstance(seed, torch.Generator):
        if seed.device.type != "cpu":
            raise InputError(
                f"`seed` is a generator on {seed.device} but random vectors are drawn on the CPU; pass an integer."
            )
        return seed
    return torch.Generator().manual_seed(check_integer("seed", seed, least=0))
