r"""What two enclosed numbers say about `lhs <= rhs` or `lhs == rhs`.

    <=   violated: lhs > rhs certainly      strict: lhs < rhs certainly      equal: both rational and the same
    ==   violated: lhs != rhs certainly                                      equal: both rational and the same

Anything else is `undecided`. The relative margin is $(\text{lhs} - \text{rhs}) / \max(|\text{lhs}|, |\text{rhs}|)$ when
violated, its negative when strict; the number given is a lower bound of its absolute value.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from flint import arb, fmpq

from . import scalars as s
from .errors import ProgramError, Singular
from .scalars import Poison, Scalar

RELATIONS = ("<=", "==")
EXACT_TEXT_LIMIT = 400  # longer "p/q" strings are left out


@dataclass(frozen=True)
class PairResult:
    """One comparison: `status` is violated, strict, equal or undecided; `exact` sides are "p/q" strings or None."""

    relation: str
    status: str
    lhs: str
    rhs: str
    lhs_exact: str | None
    rhs_exact: str | None
    margin: float
    bits: int
    reason: str = ""


def compare(lhs: Scalar, rhs: Scalar, relation: str, bits: int) -> PairResult:
    """The verdict on one pair at the present precision."""
    if relation not in RELATIONS:
        raise ProgramError(f"relation {relation!r}; known: {', '.join(RELATIONS)}.")
    if isinstance(lhs, Poison) or isinstance(rhs, Poison):
        failed = lhs if isinstance(lhs, Poison) else rhs
        reason = str(failed.error) if isinstance(failed, Poison) else ""
        return PairResult(relation, "undecided", decimal(lhs), decimal(rhs), None, None, 0.0, bits, reason)
    status = _status(lhs, rhs, relation)
    margin = relative_margin(lhs, rhs) if status in ("violated", "strict") else 0.0
    reason = "the balls overlap" if status == "undecided" else ""
    return PairResult(relation, status, decimal(lhs), decimal(rhs), exact_text(lhs), exact_text(rhs), margin, bits, reason)


def hopeless(result: PairResult, lhs: Scalar, rhs: Scalar) -> bool:
    """True when more precision cannot help: a side does not exist."""
    failed = [side for side in (lhs, rhs) if isinstance(side, Poison)]
    return result.status == "undecided" and any(isinstance(side.error, Singular) for side in failed)


def _status(lhs: s.Number, rhs: s.Number, relation: str) -> str:
    if isinstance(lhs, fmpq) and isinstance(rhs, fmpq) and lhs == rhs:
        return "equal"
    if lhs > rhs or (relation == "==" and lhs < rhs):
        return "violated"
    return "strict" if relation == "<=" and lhs < rhs else "undecided"


def relative_margin(lhs: s.Number, rhs: s.Number) -> float:
    """A lower bound of |lhs - rhs| / max(|lhs|, |rhs|), rounded down to a float."""
    gap, size = s.ball(lhs - rhs).abs_lower(), s.ball(lhs).abs_upper().max(s.ball(rhs).abs_upper())
    bound = s.to_fraction((gap / size).lower())
    return max(0.0, _round_down(bound))


def _round_down(value: Fraction) -> float:
    rounded = float(value)
    return rounded if Fraction(rounded) <= value else rounded - abs(rounded) * 2.0**-52


def decimal(value: Scalar) -> str:
    """Twenty digits, with the radius of a ball; "undefined" for a value that failed."""
    if isinstance(value, Poison):
        return "undefined"
    if isinstance(value, fmpq):
        return arb(value).str(20, radius=False)
    return value.str(20)


def exact_text(value: Scalar) -> str | None:
    """ "p/q" when the value is rational and short enough to be worth reading."""
    if not isinstance(value, fmpq):
        return None
    text = str(value)
    return text if len(text) <= EXACT_TEXT_LIMIT else None
