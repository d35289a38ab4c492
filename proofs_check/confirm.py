"""Exact confirmation: the claim's own body on exact numbers, at a point with rational coordinates.

The charts turn rational coordinates into members that lie in their domains exactly; derived domains, assumptions and body then
run on `ExactTensor` through torch's `__torch_function__`. What comes back is a verdict on every link that no rounding enters,
and the straight-line program of the run, which `proofs-check replay` evaluates again from the witness file alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from torch import Tensor

from proofs_check.evaluate import named, predicate_name
from proofs_check.exact import Confirmation, ExactTensor, confirm
from proofs_check.instances import assemble
from proofs_check.landscape import Landscape
from proofs_check.relations import Relation

#: precision at which undecided stays undecided, and the seconds after which no further doubling starts
MAX_BITS, SECONDS = 2048, 10.0
#: arguments of more entries than this are not written out in the witness
ENTRIES = 4_096


class OutsideAssumptions(Exception):
    """The rational point does not meet an assumption."""


@dataclass(frozen=True)
class Exact:
    """What exact arithmetic said at one rational point.

    Attributes:
        status: for each link, in order: violated, strict, equal or undecided; empty when the run stopped before.
        links: the links' names.
        confirmation: sides, margins, bits and program.
        coordinates: the rational coordinates of each continuous leaf, and the members of each discrete one, by input name.
        arguments: every argument with rational entries, as nested "p/q" strings.
        why: why there is no status, or which link is undecided and why; "" when all is decided.
    """

    status: list[str]
    links: list[str]
    confirmation: Confirmation
    coordinates: dict[str, Any]
    arguments: dict[str, Any]
    why: str

    @property
    def violated(self) -> list[int]:
        """The links that are certainly violated."""
        return [i for i, status in enumerate(self.status) if status == "violated"]

    @property
    def attained(self) -> list[int]:
        """The links that hold with equality, exactly, with sides that are not both zero."""
        pairs = self.confirmation.pairs
        return [i for i, status in enumerate(self.status) if status == "equal" and pairs[i].lhs_exact != "0"]


def confirm_point(landscape: Landscape, c: list[Fraction], discrete: dict[int, Tensor]) -> Exact:
    """Run the landscape's claim exactly at rational coordinates `c` and the given members of the discrete leaves."""
    inputs: dict[str, Any] = {}
    offset = 0
    for position, chart in enumerate(landscape.charts):
        name = f"leaf{position}"
        if chart is None:
            inputs[name] = _plain(discrete[position])
        else:
            inputs[name] = [c[offset : offset + len(chart.lower)]]
            offset += len(chart.lower)
    seen: dict[str, Any] = {}
    body = _body(landscape, seen)
    try:
        confirmation = confirm(body, inputs, max_bits=MAX_BITS, seconds=SECONDS)
    except OutsideAssumptions as outside:
        return Exact([], [], Confirmation(), inputs, {}, str(outside))
    names = seen.get("links", [])
    status = confirmation.statuses[: len(names)]
    why = f"outside exact arithmetic: {confirmation.unsupported}" if confirmation.unsupported else confirmation.reason
    if not why:
        why = "; ".join(
            f"{name}: {pair.reason}"
            for name, pair in zip(names, confirmation.pairs, strict=False)
            if pair.status == "undecided" and pair.reason
        )
    return Exact(status, names, confirmation, inputs, seen.get("arguments", {}), why)


def _body(landscape: Landscape, seen: dict[str, Any]) -> Callable[..., list[tuple[Any, Any, str]]]:
    """The exact run: build members, assemble arguments, check assumptions, evaluate; notes names and arguments in `seen`."""
    claim = landscape.claim
    constants = {name: exact_constant(value) for name, value in claim.constants.items()}

    def run(**inputs: Any) -> list[tuple[Any, Any, str]]:
        members: dict[int, Any] = {}
        for position, (leaf, chart) in enumerate(zip(landscape.leaves, landscape.charts, strict=True)):
            value = inputs[f"leaf{position}"]
            members[id(leaf)] = value if chart is None else chart.build(value)
        arguments = assemble(landscape.setting, members, landscape.draw)
        for predicate in claim.assumes:
            if not bool(predicate(**named(predicate, arguments, constants))):
                raise OutsideAssumptions(f"the point does not meet the assumption {predicate_name(predicate)!r}")
        relation: Relation = claim.body(**named(claim.body, arguments, constants))
        seen["links"] = [link.name for link in relation.links]
        stated, checks = _stated(arguments)
        seen["arguments"] = stated
        # the arguments as the witness states them are part of the program, so that replay checks them too
        return [(link.lhs, link.rhs, link.op) for link in relation.links] + checks

    return run


def _stated(arguments: dict[str, Any]) -> tuple[dict[str, Any], list[tuple[Any, Any, str]]]:
    stated: dict[str, Any] = {}
    checks: list[tuple[Any, Any, str]] = []
    for name, value in arguments.items():
        if isinstance(value, Tensor):
            stated[name] = _strings(value[0].tolist())
            continue
        rational = value.fractions()
        if rational is None or len(rational) > ENTRIES:
            continue
        stated[name] = _nested([str(x) for x in rational], tuple(value.shape)[1:])
        flat = value.reshape(1, -1)
        checks += [(flat[:, i], ExactTensor.from_fractions([x]), "==") for i, x in enumerate(rational)]
    return stated, checks


def exact_constant(value: Any) -> Any:
    """A decimal constant as the decimal it was written as (0.99 is 99/100); everything else as it is."""
    if not isinstance(value, float) or not math.isfinite(value) or Fraction(str(value)) == Fraction(value):
        return value
    return ExactTensor.from_fractions(Fraction(str(value)))


def _plain(member: Tensor) -> Any:
    values = member.cpu().tolist()
    return values if not member.is_floating_point() else _fractions(values)


def _fractions(values: Any) -> Any:
    return [_fractions(v) for v in values] if isinstance(values, list) else Fraction(values)


def _strings(values: Any) -> Any:
    return [_strings(v) for v in values] if isinstance(values, list) else str(Fraction(values))


def _nested(flat: list[str], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    step = len(flat) // shape[0]
    return [_nested(flat[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
