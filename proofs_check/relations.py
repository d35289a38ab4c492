r"""What a claim's body returns: a relation between batched quantities.

``leq(a, b)`` says $a \le b$, ``eq(a, b)`` says $a = b$, ``chain(a, b, c)`` says $a \le b \le c$ (a proof, step by step),
``all_of(r, s)`` says both. A relation is a list of links; every attack looks at links only.

Two numbers describe a link on one instance:

* the **margin** $(a-b)/\max(|a|,|b|)$, positive exactly when $a \le b$ fails (for ``eq``: $|a-b|/\max(|a|,|b|)$);
* the **ratio** $a/b$ when both sides are positive, else $1 + $ margin, so that 1 is equality, more than 1 a violation,
  and how far below 1 the best ratio stays is how loose the statement is. For ``eq`` it is 1 + margin.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from proofs_check.errors import ClaimFault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from proofs_check.figure import Figure, Table

#: margins and ratios stay finite, however small or large the sides
_LARGEST = sys.float_info.max

Op = Literal["<=", "=="]


@dataclass(frozen=True)
class Link:
    """One relation ``lhs op rhs`` between two named batched quantities."""

    name: str
    lhs: Any
    rhs: Any
    op: Op

    def margin(self) -> Tensor:
        """Normalised margin, shape (batch,); 0 where both sides are 0."""
        import torch

        a, b = self.lhs, self.rhs
        top = torch.maximum(a.abs(), b.abs())
        gap = ((a - b) if self.op == "<=" else (a - b).abs()).clamp(-_LARGEST, _LARGEST)
        return torch.where(top > 0, gap / top.clamp(min=torch.finfo(a.dtype).tiny), torch.zeros_like(gap))

    def ratio(self) -> Tensor:
        """Ratio, shape (batch,); NaN where both sides are 0 (nothing is said about looseness there)."""
        import torch

        a, b = self.lhs, self.rhs
        ratio = 1 + self.margin()
        if self.op == "<=":
            positive = (a > 0) & (b > 0)
            ratio = torch.where(positive, (a / torch.where(positive, b, torch.ones_like(b))).clamp(max=_LARGEST), ratio)
        return torch.where((a == 0) & (b == 0), torch.full_like(ratio, torch.nan), ratio)


@dataclass(frozen=True)
class Relation:
    """The links a body returned, and the quantities they compare, by name and in order."""

    kind: Literal["leq", "eq", "chain", "all"]
    terms: tuple[tuple[str, Any], ...]
    links: tuple[Link, ...]

    def rows(self, index: Tensor) -> Relation:
        """The same relation on the chosen instances only."""
        return Relation(
            self.kind,
            tuple((name, value[index]) for name, value in self.terms),
            tuple(Link(k.name, k.lhs[index], k.rhs[index], k.op) for k in self.links),
        )

    def checked(self, batch: int) -> Relation:
        """The same relation with every side a finite float64 tensor of shape (batch,), or a `ClaimFault` saying why not."""
        sides: dict[int, Tensor] = {}

        def side(name: str, value: Any) -> Tensor:
            if id(value) not in sides:
                sides[id(value)] = _batched(name, value, batch)
            return sides[id(value)]

        terms = tuple((name, side(name, value)) for name, value in self.terms)
        links = tuple(
            Link(k.name, side(f"the left side of {k.name!r}", k.lhs), side(f"the right side of {k.name!r}", k.rhs), k.op)
            for k in self.links
        )
        return Relation(self.kind, terms, links)


def _batched(name: str, value: Any, batch: int) -> Tensor:
    import torch
    from torch import Tensor

    if isinstance(value, (bool, int, float)):
        try:
            return torch.full((batch,), float(value), dtype=torch.float64)
        except OverflowError:
            raise ClaimFault(f"the body returned an integer beyond float64 for {name}; keep the sides below 1e308.") from None
    if not isinstance(value, Tensor):
        raise ClaimFault(
            f"the body returned {type(value).__name__} for {name}, but a tensor of shape (batch,) or a number is "
            "wanted: compute it with torch from the arguments."
        )
    if value.shape != (batch,):
        raise ClaimFault(
            f"the body returned shape {tuple(value.shape)} for {name}, but every side must have shape (batch,) = "
            f"({batch},): arguments carry a leading batch dimension, so reduce over the last dimensions only, as in "
            "x.sum(-1)."
        )
    if not (value.is_floating_point() or value.dtype in (torch.int64, torch.int32)):
        raise ClaimFault(f"the body returned dtype {value.dtype} for {name}, but real numbers are wanted.")
    return value.to(torch.float64)


def _names(given: list[str] | tuple[str, ...] | None, default: list[str], what: str) -> list[str]:
    if given is None:
        return default
    if len(given) != len(default):
        raise ClaimFault(f"{what} got {len(given)} names for {len(default)} quantities: give one name for each.")
    return [str(name) for name in given]


def leq(lhs: Any, rhs: Any, *, names: list[str] | tuple[str, str] | None = None) -> Relation:
    r"""The claim $\mathrm{lhs} \le \mathrm{rhs}$; each side a tensor of shape (batch,) or a number."""
    left, right = _names(names, ["left side", "right side"], "leq(...)")
    return Relation("leq", ((left, lhs), (right, rhs)), (Link(f"{left} <= {right}", lhs, rhs, "<="),))


def eq(a: Any, b: Any, *, names: list[str] | tuple[str, str] | None = None) -> Relation:
    """The claim a = b, in real arithmetic; rounding is allowed for by the attacks, not here."""
    left, right = _names(names, ["left side", "right side"], "eq(...)")
    return Relation("eq", ((left, a), (right, b)), (Link(f"{left} == {right}", a, b, "=="),))


def chain(*terms: Any, names: list[str] | tuple[str, ...] | None = None) -> Relation:
    r"""The claim $t_1 \le t_2 \le \dots \le t_k$, judged link by link: the report shows where a proof loses.

    Args:
        terms: at least two quantities, each of shape (batch,) or a number.
        names: one name a term, or one name a step (one fewer).
    """
    if len(terms) < 2:
        raise ClaimFault(f"chain(...) got {len(terms)} quantities; give at least two to compare.")
    plain = [f"term {i + 1}" for i in range(len(terms))]
    if names is not None and len(names) == len(terms) - 1:
        steps = [str(name) for name in names]
    else:
        plain = _names(names, plain, "chain(...)")
        steps = [f"{plain[i]} <= {plain[i + 1]}" for i in range(len(terms) - 1)]
    links = tuple(Link(steps[i], terms[i], terms[i + 1], "<=") for i in range(len(terms) - 1))
    return Relation("chain", tuple(zip(plain, terms, strict=True)), links)


def all_of(*relations: Relation) -> Relation:
    """Every one of the given relations holds."""
    if not relations or not all(isinstance(r, Relation) for r in relations):
        raise ClaimFault("all_of(...) wants relations made by leq, eq or chain; give at least one.")
    terms = tuple(term for r in relations for term in r.terms)
    return Relation("all", terms, tuple(link for r in relations for link in r.links))


@dataclass(frozen=True)
class Event:
    """Each instance is one trial; `ok` says whether the event happened. See `event`."""

    ok: Any
    delta: float


@dataclass(frozen=True)
class Rate:
    """Each instance is one seed; `y` are its measurements at the sizes `x`. See `rate`."""

    x: Any
    y: Any
    exponent: float
    tolerance: float


@dataclass(frozen=True)
class Measurement:
    """Each instance is one seed; `value` is what it measured. See `measurement`."""

    value: Any
    expect: Any
    show: tuple[Any, ...] = ()


def event(ok: Any, *, delta: float) -> Event:
    r"""The claim that `ok` is true with probability at least $1 - \delta$ over the claim's domain.

    Args:
        ok: bool, shape (batch,); every instance is an independent trial (give the body a seed: ``seed=D.seed()``).
        delta: the largest probability of failure.
    """
    return Event(ok, delta)


def rate(x: Any, y: Any, *, exponent: float, tolerance: float = 0.2) -> Rate:
    """The claim that y goes like x to the power `exponent`, within `tolerance` on the log-log slope.

    Args:
        x: the sizes, shape (points,), at least three of them.
        y: positive measurements, shape (batch, points); every instance is one seed.
        exponent: the claimed slope.
        tolerance: how far the slope may be from it at these sizes.
    """
    return Rate(x, y, exponent, tolerance)


def measurement(value: Any, *, expect: Any, show: Sequence[Figure | Table] = ()) -> Measurement:
    """The result of an experiment, shape (batch,), every instance one seed.

    Args:
        value: what was measured.
        expect: a pair (low, high) for the mean over seeds, or a predicate on the array of values.
        show: the figures and tables of the experiment, for the report (`proofs_check.figure`).
    """
    return Measurement(value, expect, tuple(show))
