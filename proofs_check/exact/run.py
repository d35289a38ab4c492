"""The driver: run a claim body on exact inputs, doubling the precision until every comparison is decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from . import pairs as comparisons
from . import primitives, tape
from . import torch_functions as _filled  # noqa: F401  (importing it fills the registry)
from .errors import ExactError, Singular, Undecided, Unsupported
from .pairs import PairResult
from .scalars import precision
from .tensor import ExactTensor, lift

Body = Callable[..., list[tuple[Any, Any, str]]]


class _BodyError(Exception):
    """The body failed in a way that float64 tensors presumably do not (a C++ function that wants a real tensor)."""


@dataclass(frozen=True)
class Confirmation:
    """What exact arithmetic says about a body at one input.

    `pairs` in the body's order; `program` the JSON-able straight-line program (None when it is too large or
    nothing was computed); `unsupported` names the operation that has no exact form; `reason` says why there
    are no pairs; `rounded` lists float constants of the body that are probably rounded decimals (0.99, 1/3):
    a violation or a missed equality with a margin near 1e-16 may be theirs.
    """

    pairs: list[PairResult] = field(default_factory=list)
    bits: int = 0
    program: dict[str, Any] | None = None
    unsupported: str | None = None
    reason: str = ""
    rounded: list[str] = field(default_factory=list)

    @property
    def statuses(self) -> list[str]:
        """The status of each pair, in order."""
        return [pair.status for pair in self.pairs]

    @property
    def violated(self) -> bool:
        """True when some pair is certainly violated."""
        return "violated" in self.statuses


def confirm(
    body: Body,
    inputs: Mapping[str, Any],
    *,
    start_bits: int = 64,
    max_bits: int = 4096,
    seconds: float | None = None,
) -> Confirmation:
    """Run `body(**inputs)` exactly and compare its (lhs, rhs, relation) triples.

    Inputs are nested lists (or object arrays) of Fractions and ints, with the leading batch dimension of 1:
    all ints (and bools) make an int64 tensor, otherwise a float64 one; float and ready `ExactTensor` inputs
    are taken as they are. The precision starts at `start_bits` and doubles while a pair, a comparison or an
    inversion is undecided, up to `max_bits`, and no further round is started after `seconds`.
    """
    began, bits = time.monotonic(), start_bits
    last = Confirmation(reason="nothing was run")
    while True:
        with precision(bits), tape.recording() as recorded:
            try:
                last, settled = _once(body, inputs, bits, recorded)
            except Undecided as error:
                cluster = error.operation if isinstance(error, Unsupported) else None
                last, settled = Confirmation(bits=bits, reason=str(error), unsupported=cluster), False
            except Unsupported as error:
                return Confirmation(bits=bits, reason=str(error), unsupported=error.operation)
            except Singular as error:
                return Confirmation(bits=bits, reason=str(error))
            except _BodyError as error:
                return Confirmation(bits=bits, reason=str(error), unsupported=str(error))
        late = seconds is not None and time.monotonic() - began > seconds
        if settled or late or 2 * bits > max_bits:
            return last
        bits *= 2


def _once(body: Body, inputs: Mapping[str, Any], bits: int, recorded: tape.Tape) -> tuple[Confirmation, bool]:
    """One run at one precision, and whether more precision would change nothing."""
    tensors = {name: exact_input(name, value) for name, value in inputs.items()}
    results, nodes, settled = [], [], True
    try:
        triples = list(body(**tensors))
    except (TypeError, ValueError, AttributeError, IndexError, RuntimeError, NotImplementedError) as error:
        if isinstance(error, ExactError):
            raise
        raise _BodyError(f"the claim's body ({type(error).__name__}: {error})") from error
    for lhs, rhs, relation in triples:
        left, right = _side(lhs), _side(rhs)
        result = comparisons.compare(left.scalars[0], right.scalars[0], relation, bits)
        hopeless = comparisons.hopeless(result, left.scalars[0], right.scalars[0])
        settled = settled and (result.status != "undecided" or hopeless)
        results.append(result)
        nodes.append((left.node, right.node, relation))
    program = recorded.program(nodes, [r.status for r in results], bits)
    return Confirmation(results, bits, program, rounded=recorded.rounded), settled


def exact_input(name: str, value: Any) -> ExactTensor:
    """A named program input from nested Fractions and ints."""
    if isinstance(value, ExactTensor):
        entries = np.array([Fraction(str(v)) for v in primitives.numbers(value.scalars)], dtype=object)
        tensor = ExactTensor.from_fractions(entries.reshape(tuple(value.shape)), name=name)
        tensor.dtype = value.dtype
        return tensor
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    array = value.astype(object) if isinstance(value, np.ndarray) else np.array(value, dtype=object)
    integer = all(isinstance(v, (int, np.integer)) for v in array.ravel())
    return ExactTensor.from_fractions(array, integer=integer, name=name)


def _side(value: Any) -> ExactTensor:
    tensor = lift(value)
    if len(tensor.scalars) != 1:
        raise ValueError(f"a side of a comparison has shape {tuple(tensor.shape)}; wanted a single number, shape (1,).")
    return tensor
