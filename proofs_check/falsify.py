"""The attack alone, for as long as one likes: rounds of all attacks with ever new seeds, the best ratio shown as it climbs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from proofs_check.attacks import ATTACKS, Evidence, Examiner, Found
from proofs_check.budget import Budget
from proofs_check.claim import Claim
from proofs_check.conclude import conclude
from proofs_check.run import Plan
from proofs_check.verdict import Result

#: the work of one attack in one round: small, so that the clock and Ctrl-C are heeded
ROUND = Budget("round", combinations=500, batches=8, batch=1_024, searched=1_000, examples=40, climbs=3, starts=16, steps=60)


def falsify(claim: Claim, plan: Plan, seconds: float, climbed: Callable[[Found, float], None]) -> Result:
    """Attack until the time is up or Ctrl-C is pressed, then shrink and confirm what was found.

    Args:
        claim: the claim.
        plan: seed, device and data; the budget is not used.
        seconds: when to stop.
        climbed: called with the instance and the seconds elapsed whenever the best ratio rises.

    Raises:
        ClaimFault: the claim's body failed.
    """
    result, started = Result(claim), time.perf_counter()
    best: Found | None = None
    try:
        for evidence in _rounds(claim, plan):
            result.evidence.append(evidence)
            for found in (evidence.best, evidence.witness):
                if found is not None and (best is None or found.ratio > best.ratio + 1e-9):
                    best = found
                    climbed(found, time.perf_counter() - started)
            if time.perf_counter() - started > seconds:
                break
    except KeyboardInterrupt:
        pass
    result.conclusion = conclude(claim, result.evidence, plan.place())
    result.seconds = time.perf_counter() - started
    return result


def _rounds(claim: Claim, plan: Plan) -> Iterator[Evidence]:
    number = 0
    while True:
        place = replace(plan, seed=plan.seed + number).place()
        for setting in claim.settings:
            for attack in ATTACKS:
                examiner = Examiner(claim, setting, attack.NAME, place, f"falsify {number}")
                for batch in attack.batches(claim, setting, place, ROUND, f"falsify {number}"):
                    examiner.look(batch)
                yield examiner.close()
        number += 1
