"""One run of an experiment for all the claims about it.

Claims that name the same `experiment=` draw the same instances; a function decorated with `remembered` is then computed
once for all of them and their mutants (in each worker process). It must be a function of its arguments alone.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

Function = TypeVar("Function", bound=Callable[..., Any])

#: how many results are kept for each function
KEPT = 64


def remembered(function: Function) -> Function:
    """The function, with its last results kept by the content of its arguments (tensors by their bytes, others by repr)."""
    results: dict[bytes, Any] = {}

    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = _digest([*args, *sorted(kwargs.items())])
        if key not in results:
            while len(results) >= KEPT:
                results.pop(next(iter(results)))
            results[key] = function(*args, **kwargs)
        return results[key]

    return wrapper  # type: ignore[return-value]


def _digest(values: list[Any]) -> bytes:
    state = hashlib.blake2b(digest_size=16)
    for value in values:
        if hasattr(value, "detach"):
            state.update(f"{value.dtype}{tuple(value.shape)}".encode())
            state.update(value.detach().cpu().contiguous().numpy().tobytes())
        else:
            state.update(repr(value).encode())
    return state.digest()
