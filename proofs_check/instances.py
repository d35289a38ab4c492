"""From domains to instances: draw the leaves, build what derives from them, hand the arguments over by name."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from proofs_check.claim import Claim, Setting
from proofs_check.domains import Domain, Draw, Leaf, walk
from proofs_check.errors import ClaimFault

if TYPE_CHECKING:
    from altheory.data import Dataset


@contextmanager
def float64_default() -> Iterator[None]:
    """Numbers without a dtype of their own are float64 inside: in torch, 2 / n is float32 for an integer tensor n."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@dataclass(frozen=True)
class Place:
    """Where and with what a run attacks: the seed, the device and the data that replace every named data set."""

    seed: int = 0
    device: torch.device = torch.device("cpu")
    data: Dataset | None = None

    def generator(self, *path: str) -> torch.Generator:
        """A generator that depends on the run's seed and on what it is for, never on the order of the work."""
        digest = hashlib.sha256("\0".join((str(self.seed), *path)).encode()).digest()
        return torch.Generator(device=self.device).manual_seed(int.from_bytes(digest[:7], "big"))


@dataclass(frozen=True)
class Batch:
    """Arguments by name, each with a leading batch dimension, and the sizes they share."""

    values: dict[str, Tensor]
    sizes: dict[str, int]
    #: the members of the setting's leaves that the arguments were built from, in the order of `leaves`
    members: tuple[Tensor, ...] = ()

    def __len__(self) -> int:
        return len(next(iter(self.values.values())))

    def rows(self, index: Tensor | slice) -> Batch:
        """The chosen rows (an index, a mask or a slice)."""
        values = {name: value[index] for name, value in self.values.items()}
        return Batch(values, self.sizes, tuple(member[index] for member in self.members))

    def repeated(self, times: int) -> Batch:
        """The whole batch `times` times, one after the other."""
        return self.rows(torch.arange(len(self)).repeat(times))


def leaves(setting: Setting) -> list[Leaf]:
    """The leaf domains under the setting's arguments, each once, in a fixed order."""
    found: list[Leaf] = []
    for domain in setting.arguments.values():
        for node in walk(domain):
            if isinstance(node, Leaf) and not any(node is other for other in found):
                found.append(node)
    return found


def assemble(setting: Setting, members: dict[int, Tensor], draw: Draw) -> dict[str, Tensor]:
    """The arguments that belong to these members of the leaves (keyed by ``id(leaf)``)."""
    built: dict[int, Tensor] = dict(members)
    batch = len(next(iter(members.values())))

    def value(domain: Domain | str) -> Tensor:
        node = setting.arguments[domain] if isinstance(domain, str) else domain
        if id(node) not in built:
            built[id(node)] = _build(node, [value(parent) for parent in node.parents()], draw, batch)
        return built[id(node)]

    return {name: value(domain) for name, domain in setting.arguments.items()}


def _build(node: Domain, values: list[Tensor], draw: Draw, batch: int) -> Tensor:
    """The derived member; a fault of a stranger's function is the claim's, in one sentence."""
    if not all(isinstance(value, Tensor) for value in values):
        return node.build(values, draw)  # an exact run: its own driver names what it cannot do
    try:
        with float64_default():
            made = node.build(values, draw)
    except Exception as fault:
        first = (str(fault).strip().splitlines() or ["no message"])[0]
        raise ClaimFault(f"the domain {node.describe()!r} failed: {type(fault).__name__}: {first}") from fault
    if not isinstance(made, Tensor) or made.ndim == 0 or len(made) != batch:
        got = f"shape {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
        raise ClaimFault(
            f"the domain {node.describe()!r} gave {got}, but a tensor with the leading batch dimension {batch} is wanted."
        )
    return made


def size_choices(claim: Claim, setting: Setting) -> list[dict[str, int]]:
    """Small sizes first: the few smallest of every dimension, in all combinations, then what the domains ask for."""
    names = _dims_of(claim, setting)
    few = {1: 6, 2: 4, 3: 3}.get(len(names), 2)
    combos: list[dict[str, int]] = [{}]
    for name in names:
        low, high = claim.dims[name]
        options = list(range(low, min(high, low + few - 1) + 1))
        combos = [{**combo, name: option} for combo in combos for option in options]
    wishes = [wish for leaf in leaves(setting) for wish in leaf.sizes_of_interest()]
    for wish in wishes:
        base = {name: claim.dims[name][0] for name in names}
        if all(claim.dims[k][0] <= v <= claim.dims[k][1] for k, v in wish.items() if k in claim.dims):
            combos.append({**base, **{k: v for k, v in wish.items() if k in names}})
    return list({tuple(combo.items()): combo for combo in combos}.values())


def _dims_of(claim: Claim, setting: Setting) -> list[str]:
    """The named dimensions that the setting's domains have."""
    used = {size for domain in setting.arguments.values() for node in walk(domain) for size in node.dims}
    return [name for name in claim.dims if name in used]


def random_sizes(claim: Claim, setting: Setting, place_generator: torch.Generator) -> dict[str, int]:
    """One random size a dimension, small ones more often (log-uniform)."""
    sizes = {}
    for name in _dims_of(claim, setting):
        low, high = claim.dims[name]
        u = torch.rand((), generator=place_generator, device=place_generator.device).item()
        sizes[name] = min(high, int(low * ((high + 1) / low) ** u))
    return sizes


def draw_random(claim: Claim, setting: Setting, place: Place, generator: torch.Generator, batch: int) -> Batch:
    """One random batch at one random choice of sizes."""
    draw = Draw(random_sizes(claim, setting, generator), generator, place.device, place.data)
    members: dict[int, Tensor] = {id(leaf): leaf.sample(batch, draw) for leaf in leaves(setting)}
    return Batch(assemble(setting, members, draw), draw.sizes, tuple(members.values()))


def combinations(counts: list[int], cap: int, draw: Draw) -> list[Tensor]:
    """One index a factor for every combination of the factors' members; a random `cap` of them when there are more."""
    total = math.prod(counts)
    if total <= cap:
        picks = torch.arange(total, device=draw.device)
    else:
        picks = torch.unique(torch.randint(0, total, (cap,), generator=draw.generator, device=draw.device))
    found = []
    for count in counts:
        found.append(picks % count)
        picks = picks // count
    return found


def degenerate_batches(claim: Claim, setting: Setting, place: Place, generator: torch.Generator, cap: int) -> Iterator[Batch]:
    """All combinations of the leaves' degenerate members, size by size, at most `cap` a size (a random subset beyond)."""
    for sizes in size_choices(claim, setting):
        draw = Draw(sizes, generator, place.device, place.data)
        members = [torch.stack(leaf.degenerate(draw)) for leaf in leaves(setting)]
        picks = combinations([len(m) for m in members], cap, draw)
        chosen = {id(leaf): m[pick] for leaf, m, pick in zip(leaves(setting), members, picks, strict=True)}
        yield Batch(assemble(setting, chosen, draw), sizes, tuple(chosen.values()))
