"""Exact confirmation: rationals and balls behind torch's protocol, straight-line programs, replay without torch.

    errors scalars functions order eigen matrices primitives   the arithmetic; python-flint only
    tape pairs replay                                          programs, comparisons, the torch-free evaluator
    tensor torch_functions ... run                             torch's functions on exact values; the driver `confirm`

Names are imported when first asked for, so that `proofs_check.exact.replay` never pulls torch in.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "ExactTensor": "tensor",
    "confirm": "run",
    "Confirmation": "run",
    "evaluate": "replay",
    "Unsupported": "errors",
    "Undecided": "errors",
    "Singular": "errors",
    "ProgramError": "errors",
}
__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)
