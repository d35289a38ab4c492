"""Re-evaluate a saved straight-line program, exactly, from the file alone: python-flint and the standard library.

    python -m proofs_check.exact.replay PROGRAM.json

Neither torch nor the claim is imported. Every constant is a "p/q" string, every step a primitive of `primitives.py`,
every recorded decision (an index, a mask, a branch) is checked again, and the precision starts where the caller says
and doubles until the sides separate.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flint import fmpq, fmpz

from . import pairs, primitives
from .errors import ExactError, ProgramError, Undecided
from .pairs import PairResult
from .scalars import precision
from .tape import SCHEMA, digest

MAX_BITS = 1 << 16


@dataclass(frozen=True)
class Replay:
    """The pairs as recomputed, and whether they say what the file says."""

    pairs: list[PairResult]
    bits: int
    agrees: bool

    @property
    def statuses(self) -> list[str]:
        """The status of each pair, in order."""
        return [pair.status for pair in self.pairs]


def evaluate(program: dict[str, Any], *, start_bits: int = 64, max_bits: int | None = None) -> Replay:
    """Recompute every pair of the program, doubling the precision while one is undecided.

    `max_bits` is by default the precision the program was recorded at; more may decide what was left undecided.
    """
    _validate(program)
    max_bits = max(start_bits, program["bits"]) if max_bits is None else max_bits
    bits = start_bits
    results: list[PairResult] = []
    while True:
        with precision(bits):
            try:
                results, hopeless = _once(program, bits)
                settled = all(r.status != "undecided" or h for r, h in zip(results, hopeless, strict=True))
            except Undecided as error:
                settled = False
                results = [
                    PairResult(relation, "undecided", "undefined", "undefined", None, None, 0.0, bits, str(error))
                    for _, _, relation in program["pairs"]
                ]
        if settled or 2 * bits > max_bits:
            return Replay(results, bits, [r.status for r in results] == program["statuses"])
        bits *= 2


def inputs(program: dict[str, Any]) -> dict[str, list[str]]:
    """The named inputs of the program, flat, as "p/q" strings: compare them with the witness the program is kept in."""
    return {node[2]["name"]: node[2]["values"] for node in program["nodes"] if node[0] == "input"}


def _once(program: dict[str, Any], bits: int) -> tuple[list[PairResult], list[bool]]:
    values: list[primitives.Values] = []
    for operation, sources, parameters in program["nodes"]:
        if operation in ("input", "const"):
            values.append([parse_rational(text) for text in parameters["values"]])
        else:
            values.append(primitives.run(operation, [values[i] for i in sources], parameters))
    results, hopeless = [], []
    for left, right, relation in program["pairs"]:
        lhs, rhs = values[left], values[right]
        if len(lhs) != 1 or len(rhs) != 1:
            raise ProgramError("a side of a pair is not a single number.")
        results.append(pairs.compare(lhs[0], rhs[0], relation, bits))
        hopeless.append(pairs.hopeless(results[-1], lhs[0], rhs[0]))
    return results, hopeless


def parse_rational(text: str) -> fmpq:
    """ "p/q" or "p" as an exact rational."""
    try:
        top, _, bottom = text.partition("/")
        return fmpq(fmpz(top), fmpz(bottom or "1"))  # flint's parser: Python's own stops at 4300 digits
    except (ValueError, TypeError, AttributeError, ZeroDivisionError) as error:
        raise ProgramError(f"{text!r} is not a rational number.") from error


def _validate(program: dict[str, Any]) -> None:
    """Schema, digest and the straight-line property: every step reads earlier steps only."""
    if not isinstance(program, dict) or program.get("schema") != SCHEMA:
        raise ProgramError(f"not a program of schema {SCHEMA!r}.")
    if program.get("sha256") != digest(program):
        raise ProgramError("the digest does not match: the file was changed after it was written.")
    try:
        for position, (_, sources, parameters) in enumerate(program["nodes"]):
            if not isinstance(parameters, dict) or not all(0 <= i < position for i in sources):
                raise ProgramError(f"step {position} reads a step that does not precede it.")
        size = len(program["nodes"])
        if not 1 <= program["bits"] <= MAX_BITS:
            raise ProgramError(f"bits = {program['bits']!r}; wanted 1 to {MAX_BITS}.")
        if not all(0 <= i < size for left, right, _ in program["pairs"] for i in (left, right)):
            raise ProgramError("a pair refers to a step that does not exist.")
        if len(program["statuses"]) != len(program["pairs"]):
            raise ProgramError("statuses and pairs differ in number.")
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, ProgramError):
            raise
        raise ProgramError(f"malformed program: {error!r}.") from error


def main(arguments: list[str]) -> int:
    """Print the recomputed statuses; 0 when they agree with the file, 1 when not, 2 when it cannot be read."""
    try:
        result = evaluate(json.loads(Path(arguments[0]).read_text()))
    except (ExactError, OSError, IndexError, json.JSONDecodeError) as error:
        print(f"cannot replay: {error}", file=sys.stderr)
        return 2
    for pair in result.pairs:
        print(f"{pair.lhs} {pair.relation} {pair.rhs}: {pair.status} (at {pair.bits} bits)")
    return 0 if result.agrees else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
