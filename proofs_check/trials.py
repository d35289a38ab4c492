"""Claims that are judged by statistics: probabilities, rates, measurements.

The number of trials or seeds is the budget's, decided before the first of them; nothing stops early. A statistical
contradiction is a `candidate`, never a refutation: it has an error level, not an exact witness.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import torch

from proofs_check import statistics
from proofs_check.attacks import Evidence
from proofs_check.budget import Budget
from proofs_check.claim import Claim
from proofs_check.errors import ClaimFault
from proofs_check.evaluate import admissible, returned_by
from proofs_check.figure import Figure, Series
from proofs_check.instances import Batch, Place, draw_random
from proofs_check.relations import Event, Measurement, Rate

#: error level of a run: Holm's procedure keeps the chance of any false contradiction in a run below it
ALPHA = 0.01

Statistical = Event | Rate | Measurement


@dataclass(frozen=True)
class Judged:
    """The statistical verdict, its sentence, and the numbers behind it."""

    kind: str
    verdict: str
    sentence: str
    numbers: dict[str, Any]
    #: figures and tables, as they stand in the record
    shown: list[dict[str, Any]] = field(default_factory=list)


def is_statistical(claim: Claim, batch: Batch) -> bool:
    """Whether the claim's body returns an event, a rate or a measurement on this batch; one that says so is not run to know."""
    return says_statistical(claim) or isinstance(returned_by(claim, batch), Statistical)


def says_statistical(claim: Claim) -> bool:
    """Whether the body's return annotation says that statistics judge the claim; nothing is run."""
    return _said(claim) in {"Event", "Rate", "Measurement"}


def _said(claim: Claim) -> str:
    """The name of the type that the body is annotated to return."""
    said = claim.body.__annotations__.get("return", "")
    return said if isinstance(said, str) else getattr(said, "__name__", "")


def judge(claim: Claim, place: Place, budget: Budget, variant: str = "") -> tuple[Judged, Evidence]:
    """Draw the trials or seeds, run the body once on all of them, judge what it returns.

    Raises:
        ClaimFault: the body failed, or returned something of the wrong shape.
    """
    started = time.perf_counter()
    setting = claim.settings[0]
    stream = (claim.experiment, "") if claim.experiment else (claim.id, variant)
    generator = place.generator(*stream, "trials")
    few = draw_random(claim, setting, place, generator, 2)
    # an experiment is not run twice to learn what its annotation says
    event = _said(claim) == "Event" if says_statistical(claim) else isinstance(returned_by(claim, few), Event)
    count = budget.trials if event else budget.seeds
    batch = draw_random(claim, setting, place, generator, count)
    inside = batch.rows(admissible(claim, batch))
    evidence = Evidence("trials", setting.name, instances=count, admissible=len(inside), device=str(place.device))
    if not len(inside):
        judged = Judged("statistical", "vacuous", f"No trial met the assumptions, out of {count:,}.", {})
    else:
        seed = int(torch.randint(2**31, (1,), generator=generator, device=place.device))
        judged = _judged(claim, returned_by(claim, inside), len(inside), seed)
    evidence.seconds = time.perf_counter() - started
    return judged, evidence


def _judged(claim: Claim, returned: Any, batch: int, seed: int) -> Judged:
    if not isinstance(returned, Statistical):
        raise ClaimFault(
            f"{claim.id} returned {type(returned).__name__}, but its annotation says {_said(claim) or 'nothing'}: return what "
            "event, rate or measurement gives, or correct the annotation."
        )
    numbers: dict[str, Any]
    if isinstance(returned, Event):
        ok = _shaped(claim, "ok", returned.ok, (batch,))
        if ok.dtype != torch.bool:
            raise ClaimFault(
                f"{claim.id}: event(...) got ok of dtype {ok.dtype}, but a bool tensor of shape (batch,) is wanted."
            )
        said = statistics.judge_event(int((~ok).sum()), batch, returned.delta, ALPHA)
        numbers = {"failures": said.failures, "trials": said.n, "delta": returned.delta, "low": said.low, "high": said.high,
                   "p_value": said.p_value, "alpha": ALPHA}  # fmt: skip
        return Judged("event", said.verdict, said.sentence, numbers)
    if isinstance(returned, Rate):
        x = torch.as_tensor(returned.x, dtype=torch.float64).cpu()
        y = _shaped(claim, "y", returned.y, (batch, len(x)))
        slope = statistics.judge_rate(
            x.numpy(), y.to(torch.float64).cpu().numpy(), returned.exponent, tolerance=returned.tolerance, seed=seed
        )
        numbers = {"slope": slope.slope, "low": slope.low, "high": slope.high, "exponent": returned.exponent,
                   "tolerance": returned.tolerance, "x": x.tolist(), "y": y.tolist()}  # fmt: skip
        return Judged("rate", slope.verdict, slope.sentence, _finite(numbers), [_rate_figure(x, y, returned.exponent).record()])
    value = _shaped(claim, "value", returned.value, (batch,)).to(torch.float64)
    measured = statistics.judge_measurement(value.cpu().numpy(), returned.expect, seed=seed)
    numbers = {"mean": measured.mean, "spread": measured.spread, "median": measured.median, "low": measured.low,
               "high": measured.high, "seeds": measured.n, "values": value.tolist()}  # fmt: skip
    shown = [one.record() for one in returned.show]
    return Judged("measurement", measured.verdict, measured.sentence, _finite(numbers), shown)


def _rate_figure(x: torch.Tensor, y: torch.Tensor, exponent: float) -> Figure:
    """What was measured, and the claimed slope through the middle of it."""
    centre = y.to(torch.float64).cpu().clamp(min=torch.finfo(torch.float64).tiny).log().mean()
    line = (centre + exponent * (x.log() - x.log().mean())).exp()
    curves = [Series("measured", x, y), Series(f"slope {exponent:g}", x, line)]
    return Figure("Measured sizes and the claimed rate", "size", "measured", curves, log_x=True, log_y=True)


def _shaped(claim: Claim, name: str, value: Any, shape: tuple[int, ...]) -> torch.Tensor:
    if not isinstance(value, torch.Tensor) or tuple(value.shape) != shape:
        got = f"shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else type(value).__name__
        raise ClaimFault(f"{claim.id} returned {got} for {name}, but a tensor of shape {shape} is wanted.")
    return value


def _finite(numbers: dict[str, Any]) -> dict[str, Any]:
    """The same with None for what JSON cannot say."""
    return {k: None if isinstance(v, float) and not abs(v) < float("inf") else v for k, v in numbers.items()}
