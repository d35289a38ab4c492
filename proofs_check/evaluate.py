"""Run a claim's body on a batch, and turn whatever goes wrong inside into one sentence."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from torch import Tensor

from proofs_check.claim import Claim
from proofs_check.errors import ClaimFault
from proofs_check.instances import Batch, Place, draw_random, float64_default
from proofs_check.relations import Relation


def evaluate(claim: Claim, batch: Batch, *, probing: bool = False, grad: bool = False) -> Relation:
    """The claim's relation on a batch, every side a finite float64 tensor of shape (batch,).

    Args:
        claim: the claim or mutant.
        batch: instances of its arguments.
        probing: leave non-finite values in (a perturbed instance may fall off the edge of the domain).
        grad: keep the autograd graph.

    Raises:
        ClaimFault: the body failed, returned no relation, a wrong shape, or a non-finite value.
    """
    size = len(batch)
    if not probing and size:
        for name, value in batch.values.items():
            if value.is_floating_point() and (bad := ~value.isfinite().reshape(size, -1).all(1)).any():
                raise ClaimFault(
                    f"{claim.id} got NaN or infinity in {describe(batch, int(bad.nonzero()[0, 0]))}, from the domain of "
                    f"{name!r}; narrow that domain or add a predicate to assumes=[...] that excludes such instances."
                )
    with torch.set_grad_enabled(grad):
        returned = _call(claim.body, batch.values, claim.constants, f"the body of {claim.id}")
    if not isinstance(returned, Relation):
        raise ClaimFault(
            f"the body of {claim.id} returned {type(returned).__name__}, but a relation is wanted: return leq(a, b), "
            "eq(a, b) or chain(a, b, ...)."
        )
    try:
        relation = returned.checked(size)
    except ClaimFault as fault:
        raise ClaimFault(f"{claim.id}: {fault}") from None
    if not probing:
        for name, value in relation.terms:
            bad = ~value.isfinite()
            if bad.any():
                row = int(bad.nonzero()[0, 0])
                raise ClaimFault(
                    f"{claim.id} returned {float(value[row])} for {name} at {describe(batch, row)}; narrow the domain or "
                    "add a predicate to assumes=[...] so that every value is finite."
                )
    return relation


def returned_by(claim: Claim, batch: Batch) -> Any:
    """Whatever the body returns on a batch: a relation, or an event, a rate or a measurement.

    Raises:
        ClaimFault: the body failed.
    """
    with torch.no_grad():
        return _call(claim.body, batch.values, claim.constants, f"the body of {claim.id}")


def admissible(claim: Claim, batch: Batch) -> Tensor:
    """Which instances meet every assumption, shape (batch,), bool."""
    mask = torch.ones(len(batch), dtype=torch.bool, device=next(iter(batch.values.values())).device)
    for predicate in claim.assumes:
        with torch.no_grad():
            holds = _call(
                predicate, batch.values, claim.constants, f"the assumption {predicate_name(predicate)!r} of {claim.id}"
            )
        if not isinstance(holds, Tensor) or holds.dtype != torch.bool or holds.shape != mask.shape:
            got = f"{holds.dtype} of shape {tuple(holds.shape)}" if isinstance(holds, Tensor) else type(holds).__name__
            raise ClaimFault(
                f"the assumption {predicate_name(predicate)!r} of {claim.id} returned {got}, but a bool tensor of shape "
                "(batch,) is wanted."
            )
        mask &= holds
    return mask


def at(claim: Claim, **values: Any) -> Relation:
    """The claim's relation on one instance given by plain numbers and nested lists: ``at(theorem, lam=[1], t=0)``.

    Raises:
        ClaimFault: as `evaluate`, or an argument is missing or unknown.
    """
    wanted = list(claim.settings[0].arguments)
    if set(values) != set(wanted):
        raise ClaimFault(f"{claim.id} takes the arguments {', '.join(wanted)}; got {', '.join(values) or 'none'}.")

    drawn = draw_random(claim, claim.settings[0], Place(), Place().generator(claim.id, "at"), 1).values

    def tensor(name: str) -> Tensor:
        return torch.as_tensor(values[name], dtype=drawn[name].dtype)[None]

    return evaluate(claim, Batch({name: tensor(name) for name in wanted}, {}))


def check_batched(claim: Claim, batch: Batch) -> None:
    """Refuse a body that mixes the instances of a batch: rows one by one must give what the batch gives.

    Raises:
        ClaimFault: most rows differ by more than a thousandth.
    """
    few = batch.rows(admissible(claim, batch)).rows(slice(5))
    if len(few) < 2:
        return
    together = evaluate(claim, few)
    apart = [evaluate(claim, few.rows(torch.tensor([row]))) for row in range(len(few))]
    for position, (name, value) in enumerate(together.terms):
        alone = torch.cat([relation.terms[position][1] for relation in apart])
        off = (alone - value).abs() > 1e-3 * torch.maximum(alone.abs(), value.abs())
        if 2 * int(off.sum()) > len(few):
            raise ClaimFault(
                f"{claim.id} is not batched: {name} of an instance changes with the other instances of the batch; reduce "
                "over the last dimensions only, as in x.sum(-1)."
            )


def predicate_name(predicate: Callable[..., Any]) -> str:
    """The predicate's docstring, or its name."""
    doc = inspect.getdoc(predicate)
    return doc.splitlines()[0].rstrip(".") if doc else predicate.__name__


def describe(batch: Batch, row: int) -> str:
    """One instance in a few words."""
    parts = []
    for name, value in batch.values.items():
        here = value[row]
        parts.append(f"{name}={here.tolist()!r}" if here.numel() <= 4 else f"{name} of shape {tuple(here.shape)}")
    return ", ".join(parts)


def _call(function: Callable[..., Any], values: Mapping[str, Tensor], constants: Mapping[str, Any], who: str) -> Any:
    """Call with what the function names; whatever it raises becomes one sentence."""
    try:
        # copies: a body that works in place must not move the instance it is judged on
        wanted = named(function, values, constants)
        with float64_default():
            return function(**{name: v.clone() if isinstance(v, Tensor) else v for name, v in wanted.items()})
    except ClaimFault:
        raise
    except Exception as fault:  # whatever a stranger's code raises becomes this one claim's error
        first = (str(fault).strip().splitlines() or ["no message"])[0]
        where = _line(fault, function)
        raise ClaimFault(f"{who} failed{where}: {type(fault).__name__}: {first}") from fault


def named(function: Callable[..., Any], values: Mapping[str, Any], constants: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments and constants that the function names (all of them if it takes ``**kwargs``)."""
    names = _parameters(function)
    everything = {**values, **constants}
    return everything if names is None else {name: everything[name] for name in names if name in everything}


@cache
def _parameters(function: Callable[..., Any]) -> tuple[str, ...] | None:
    """The names of its parameters; None for a function with ``**kwargs``."""
    parameters = inspect.signature(function).parameters.values()
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters) else tuple(p.name for p in parameters)


def _line(fault: Exception, function: Callable[..., Any]) -> str:
    """`` on line N`` of the function's own file, when the traceback passes through it."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    trace, line = fault.__traceback__, None
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return f" on line {line}" if line else ""
