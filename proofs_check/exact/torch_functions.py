"""Importing this module fills the registry: torch's functions on exact tensors, one family a module."""

from . import torch_elementwise, torch_indexing, torch_linalg, torch_reductions, torch_shapes
from .registry import FUNCTIONS, METHODS


def supported() -> list[str]:
    """The names of everything that runs exactly, for messages and documentation."""
    from .registry import name_of

    return sorted({name_of(f) for f in FUNCTIONS} | {f"torch.Tensor.{name}" for name in METHODS})


__all__ = [
    "supported",
    "torch_elementwise",
    "torch_indexing",
    "torch_linalg",
    "torch_reductions",
    "torch_shapes",
]
