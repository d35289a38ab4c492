"""The record of a run: a straight-line program of primitives that can be saved, read and replayed.

A node is (operation, input nodes, parameters); its value is a flat list of numbers. `input` and `const` nodes carry
rationals, so the whole program is exact text: no ball and no float is stored in it. Only what the final
comparisons and the recorded decisions (`check`) depend on is saved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

SCHEMA = "altheory.exact-program/1"
MAX_ENTRIES = 2_000_000  # entries of constants and index lists together; larger programs are not saved


@dataclass(frozen=True)
class Node:
    """One step: `operation` applied to the values of earlier nodes `inputs`."""

    operation: str
    inputs: tuple[int, ...]
    parameters: dict[str, Any]


@dataclass
class Tape:
    """The nodes of one run, in order; `checks` are nodes that assert a decision and are kept whatever happens."""

    nodes: list[Node] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    rounded: list[str] = field(default_factory=list)
    recording: bool = True

    def record(self, operation: str, inputs: list[int], parameters: dict[str, Any]) -> int:
        """Append a node and return its number (-1 when nothing is recorded)."""
        if not self.recording:
            return -1
        self.nodes.append(Node(operation, tuple(inputs), parameters))
        if operation == "check":
            self.checks.append(len(self.nodes) - 1)
        return len(self.nodes) - 1

    def program(self, pairs: list[tuple[int, int, str]], statuses: list[str], bits: int) -> dict[str, Any] | None:
        """The JSON-able program that computes the pairs, without dead code; None when it is too large to keep."""
        roots = [node for left, right, _ in pairs for node in (left, right)] + self.checks
        live = self._reachable(roots)
        number = {old: new for new, old in enumerate(live)}
        nodes: list[list[Any]] = [
            [n.operation, [number[i] for i in n.inputs], n.parameters] for n in (self.nodes[old] for old in live)
        ]
        if sum(_entries(parameters) for _, _, parameters in nodes) > MAX_ENTRIES:
            return None
        body = {
            "schema": SCHEMA,
            "bits": bits,
            "nodes": nodes,
            "checks": [number[i] for i in self.checks],
            "pairs": [[number[left], number[right], relation] for left, right, relation in pairs],
            "statuses": statuses,
        }
        return {**body, "sha256": digest(body)}

    def _reachable(self, roots: list[int]) -> list[int]:
        seen: set[int] = set()
        stack = list(roots)
        while stack:
            i = stack.pop()
            if i not in seen:
                seen.add(i)
                stack.extend(self.nodes[i].inputs)
        return sorted(seen)


def _entries(parameters: dict[str, Any]) -> int:
    return sum(len(v) for v in parameters.values() if isinstance(v, list))


def digest(body: dict[str, Any]) -> str:
    """SHA-256 of the program's canonical JSON, without the digest itself: it finds accidents, not forgery."""
    text = json.dumps({k: v for k, v in body.items() if k != "sha256"}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


_ACTIVE: list[Tape] = [Tape(recording=False)]


def current() -> Tape:
    """The tape that operations are recorded on."""
    return _ACTIVE[-1]


@contextmanager
def recording() -> Iterator[Tape]:
    """Record everything done inside on a new tape."""
    tape = Tape()
    _ACTIVE.append(tape)
    try:
        yield tape
    finally:
        _ACTIVE.pop()
