"""What a domain is: the set an argument ranges over, and how the attacks walk in it.

A **leaf** domain draws its own members. A **derived** domain is a function of others (a kernel of points, a step size that
depends on the spectrum); it has no randomness of its own, and two arguments derived from one leaf see the same draw.
A parent may be another domain or the *name* of an argument of the same claim.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from proofs_check.errors import BadInput

if TYPE_CHECKING:
    from altheory.data import Dataset

Size = str | int


@dataclass
class Draw:
    """Everything a domain may look at while drawing: sizes of this batch, generator, device, the run's data set."""

    sizes: dict[str, int]
    generator: torch.Generator
    device: torch.device
    data: Dataset | None = None
    dtype: torch.dtype = torch.float64

    def of(self, size: Size) -> int:
        """The value of a dimension, named or fixed."""
        return size if isinstance(size, int) else self.sizes[size]

    def uniform(self, *shape: int) -> Tensor:
        """Uniform on [0, 1)."""
        return torch.rand(*shape, generator=self.generator, device=self.device, dtype=self.dtype)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal."""
        return torch.randn(*shape, generator=self.generator, device=self.device, dtype=self.dtype)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Uniform integers in [low, high], int64."""
        return torch.randint(low, high + 1, shape, generator=self.generator, device=self.device)

    def chance(self, p: float, *shape: int) -> Tensor:
        """Boolean, true with probability p."""
        return self.uniform(*shape) < p

    def log_uniform(self, low: float | Tensor, high: float | Tensor, *shape: int) -> Tensor:
        """exp of a uniform on [log low, log high]."""
        low, high = (torch.as_tensor(v, dtype=self.dtype, device=self.device) for v in (low, high))
        return torch.exp(torch.log(low) + self.uniform(*shape) * (torch.log(high) - torch.log(low)))

    def tensor(self, values: Any) -> Tensor:
        """A float64 tensor on the draw's device."""
        return torch.as_tensor(values, dtype=self.dtype, device=self.device)


class Domain:
    """The set an argument ranges over. Users make one by calling a function of `proofs_check.domains`, never by subclassing."""

    #: the dimensions of a member, outermost first; strings are named sizes shared between arguments
    dims: tuple[Size, ...]

    def __repr__(self) -> str:
        return f"<domain: {self.describe()}>"

    def describe(self) -> str:
        """One phrase for a reader of the report."""
        raise NotImplementedError

    def parents(self) -> tuple[Domain | str, ...]:
        """The domains (or argument names) this one is a function of; empty for a leaf."""
        return ()

    def build(self, values: list[Tensor], draw: Draw) -> Tensor:
        """The member that belongs to these members of the parents; a batch gives a batch. Leaves have no parents."""
        raise NotImplementedError

    def sizes_of_interest(self) -> list[dict[str, int]]:
        """Sizes at which this domain has members worth visiting (a hexagon wants six points in the plane)."""
        return []


@dataclass(frozen=True)
class Chart:
    """Coordinates on a domain: a box in R^k and a rational map of it onto the domain.

    One chart serves three masters. Ascent moves in it (through a smooth map of R^k onto the box), shrinking sets one coordinate
    after the other to a simple rational, and exact confirmation runs `build` on rational coordinates, so that the member lies
    in the domain exactly and not only up to rounding. `build` is therefore plain torch without roots or trigonometry.

    Attributes:
        lower: smallest value of each coordinate, (k,), possibly -inf.
        upper: largest value of each, (k,), possibly inf.
        build: (batch, k) coordinates -> (batch, *dims) members.
        coordinates: (batch, *dims) members -> (batch, k), up to rounding; NaN where a member has none.
        logarithmic: whether ascent moves on a logarithmic scale between positive ends.
    """

    lower: Tensor
    upper: Tensor
    build: Callable[[Tensor], Tensor]
    coordinates: Callable[[Tensor], Tensor]
    logarithmic: bool = False

    @classmethod
    def box(
        cls,
        k: int,
        lower: float,
        upper: float,
        build: Callable[[Tensor], Tensor],
        coordinates: Callable[[Tensor], Tensor],
        *,
        logarithmic: bool = False,
    ) -> Chart:
        """A chart whose coordinates all have the same range."""
        low, high = (torch.full((k,), end, dtype=torch.float64) for end in (lower, upper))
        return cls(low, high, build, coordinates, logarithmic)


class Leaf(Domain):
    """A domain with randomness of its own."""

    def chart(self, draw: Draw) -> Chart | None:
        """Coordinates on the domain, or None where its members are discrete."""
        raise NotImplementedError

    def degenerate(self, draw: Draw) -> list[Tensor]:
        """The members where theorems break first (ties, zeros, rank loss, ends), each without a batch dimension."""
        raise NotImplementedError

    def sample(self, batch: int, draw: Draw) -> Tensor:
        """A batch of random members, shape (batch, *dims)."""
        raise NotImplementedError

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        """Whether each of a batch belongs to the domain up to rounding, shape (batch,), bool."""
        raise NotImplementedError


@dataclass(frozen=True, repr=False, eq=False)
class Derived(Domain):
    """A function of other domains; see the module's docstring."""

    function: Callable[..., Tensor]
    of: tuple[Domain | str, ...]
    text: str
    dims: tuple[Size, ...]

    def describe(self) -> str:
        return self.text

    def parents(self) -> tuple[Domain | str, ...]:
        return self.of

    def build(self, values: list[Tensor], draw: Draw) -> Tensor:
        return self.function(*values)


def derived(function: Callable[..., Tensor], *of: Domain | str, text: str, dims: Sequence[Size] = ()) -> Derived:
    """The set of all ``function(*members)`` with the members drawn from `of`.

    Args:
        function: plain torch, batched: called with one tensor a parent, each with a leading batch dimension.
        of: domains, or names of arguments of the same claim.
        text: the phrase a reader sees, e.g. ``"eta with eta * lambda_max(theta) in (0, 1]"``.
        dims: named or fixed dimensions of the value, when it is an array.

    Raises:
        BadInput: `function` cannot be called, or a parent is neither a domain nor a name.
    """
    if not callable(function):
        raise BadInput(f"D.derived got the function {function!r}; give a function of batched tensors.")
    if stray := [parent for parent in of if not isinstance(parent, (Domain, str))]:
        raise BadInput(f"{text!r} cannot be derived from {stray[0]!r}; give a domain or the name of an argument.")
    return Derived(function, tuple(of), text, tuple(dims))


def walk(domain: Domain) -> list[Domain]:
    """The domain and all its domain ancestors, parents before children, each once."""
    seen: list[Domain] = []

    def visit(node: Domain) -> None:
        for parent in node.parents():
            if isinstance(parent, Domain):
                visit(parent)
        if not any(node is other for other in seen):
            seen.append(node)

    visit(domain)
    return seen


def checked_size(function: str, size: Any) -> Size:
    """A dimension: an identifier-like name or an integer of at least 1, else `BadInput`."""
    if isinstance(size, str) and size.isidentifier():
        return size
    if isinstance(size, int) and not isinstance(size, bool) and size >= 1:
        return size
    raise BadInput(
        f"D.{function} got the dimension {size!r}; a dimension is a name such as 'n' or a fixed integer of at least 1."
    )


def checked_number(function: str, name: str, value: Any, *, low: float = -float("inf")) -> float:
    """A finite number of at least `low`, else `BadInput`."""
    good = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not (good and value == value and abs(value) != float("inf") and value >= low):
        at_least = "" if low == -float("inf") else f" of at least {low:g}"
        raise BadInput(f"D.{function} got {name}={value!r}; give a finite number{at_least}.")
    return value
