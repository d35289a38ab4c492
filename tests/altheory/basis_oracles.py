"""What the tests of orthonormal bases share: a body run in exact arithmetic."""

from __future__ import annotations

import torch

from proofs_check.exact import confirm


def exactly(body, **inputs):
    """Every equality of the body holds in exact arithmetic, for the rationals that the floats are."""
    found = confirm(body, {name: torch.tensor(value, dtype=torch.float64) for name, value in inputs.items()})
    assert found.unsupported is None, found.unsupported
    return found.statuses
