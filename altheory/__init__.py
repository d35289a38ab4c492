r"""altheory: the mathematics of active-learning theory in plain, batched PyTorch.

Nothing here knows about claims, verdicts or papers; `proofs_check` imports this package and never the
reverse. Submodules and the names below are loaded on first use (PEP 562), so `import altheory` alone imports
no torch:

    import altheory as al
    net = al.TwoLayerNet(d=2, width=512, seed=0)
    theta = al.kernels.analytic(X)
    mu = al.spectra.label_measure(theta, Y)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from altheory import (
        acquisition,
        activations,
        active_learning,
        alignment,
        conditioning,
        convergence,
        data,
        dynamics,
        enclosures,
        generalisation,
        gradnorm,
        influence,
        kernels,
        lookahead,
        mmd,
        modules,
        networks,
        orthonormal_basis,
        rank_correlation,
        recursion,
        semi_smooth,
        semi_supervised,
        significance,
        sparsifier,
        spectra,
        training,
    )
    from altheory._inputs import InputError
    from altheory.networks import TwoLayerNet

__version__ = "0.1.0"

# A new public module is one word here; a new flat name is one entry of `_NAMES`.
_SUBMODULES = (
    "acquisition",
    "activations",
    "active_learning",
    "alignment",
    "conditioning",
    "convergence",
    "data",
    "dynamics",
    "enclosures",
    "generalisation",
    "gradnorm",
    "influence",
    "kernels",
    "lookahead",
    "mmd",
    "modules",
    "networks",
    "orthonormal_basis",
    "rank_correlation",
    "recursion",
    "semi_smooth",
    "semi_supervised",
    "significance",
    "sparsifier",
    "spectra",
    "training",
)
_NAMES = {"InputError": "altheory._inputs", "TwoLayerNet": "altheory.networks"}

__all__ = [
    "InputError",
    "TwoLayerNet",
    "__version__",
    "acquisition",
    "activations",
    "active_learning",
    "alignment",
    "conditioning",
    "convergence",
    "data",
    "dynamics",
    "enclosures",
    "generalisation",
    "gradnorm",
    "influence",
    "kernels",
    "lookahead",
    "mmd",
    "modules",
    "networks",
    "orthonormal_basis",
    "rank_correlation",
    "recursion",
    "semi_smooth",
    "semi_supervised",
    "significance",
    "sparsifier",
    "spectra",
    "training",
]


def __getattr__(name: str) -> Any:
    """Import the submodule or the flat name `name` on first use.

    Raises:
        AttributeError: The package has no such submodule or name.
    """
    if name in _SUBMODULES:
        return importlib.import_module(f"altheory.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'altheory' has no attribute {name!r}; it has {', '.join(sorted(__all__))}.")


def __dir__() -> list[str]:
    """The public names, loaded or not."""
    return sorted(__all__)
