"""Executable claims, the attacks on them, and the verdicts.

The data's way: ``papers`` -> ``claim`` -> ``attacks`` -> ``verdict`` -> ``results.jsonl`` -> ``report``.
A researcher's own file needs four names only::

    from proofs_check import chain, claim, domains as D, leq

and a notebook a fifth, ``check(claim)``, which attacks it there and then.

Nothing that imports torch is imported here, so that ``proofs-check --help`` answers at once.
"""

from __future__ import annotations

import importlib
from typing import Any

from proofs_check.claim import claim
from proofs_check.relations import all_of, chain, eq, event, leq, measurement, rate

__all__ = ["all_of", "chain", "check", "claim", "domains", "eq", "event", "leq", "measurement", "rate"]


def __getattr__(name: str) -> Any:
    if name == "domains":
        return importlib.import_module("proofs_check.domains")
    if name == "check":
        return importlib.import_module("proofs_check.run").check
    raise AttributeError(f"module 'proofs_check' has no attribute {name!r}; it offers {', '.join(__all__)}")
