"""Points in space, the kernels of points, and rows of real data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

import altheory as al
from proofs_check.domains._base import Chart, Derived, Domain, Draw, Leaf, Size, checked_size, derived
from proofs_check.errors import BadInput

if TYPE_CHECKING:
    import numpy as np

    from altheory.data import Dataset

ACTIVATIONS = ("relu", "erf")


def _configurations(n: int, d: int, draw: Draw) -> list[Tensor]:
    """n unit vectors in R^d with structure: regular polygon, antipodal pairs, duplicates, axes, a near-duplicate."""
    index = torch.arange(n, device=draw.device)
    axes = torch.nn.functional.one_hot(index % d, d).to(draw.dtype)
    signed = axes * (1 - 2 * ((index // d) % 2).to(draw.dtype))[:, None]
    same = axes[:1].expand(n, d).clone()
    antipodal = same * (1 - 2 * (index % 2).to(draw.dtype))[:, None]
    pairs = axes[index // 2] * (1 - 2 * (index % 2).to(draw.dtype))[:, None]
    found = [signed, pairs, same, antipodal]
    if d >= 2:
        angle = 2 * math.pi * index.to(draw.dtype) / n
        polygon = torch.zeros(n, d, device=draw.device, dtype=draw.dtype)
        polygon[:, 0], polygon[:, 1] = torch.cos(angle), torch.sin(angle)
        near = signed.clone()
        near[-1] = math.cos(1e-4) * near[0] + math.sin(1e-4) * torch.roll(near[0], 1)
        found += [polygon, near]
    return found


@dataclass(frozen=True, repr=False, eq=False)
class Points(Leaf):
    """n points in R^d; with `unit`, on the unit sphere."""

    dims: tuple[Size, ...]
    unit: bool

    def describe(self) -> str:
        n, d = self.dims
        return f"{n} unit vectors in R^{d}" if self.unit else f"{n} points in R^{d}"

    def sizes_of_interest(self) -> list[dict[str, int]]:
        n, d = self.dims
        wanted = {size: value for size, value in ((n, 6), (d, 2)) if isinstance(size, str)}
        return [wanted] if len(wanted) == 2 else []

    def degenerate(self, draw: Draw) -> list[Tensor]:
        n, d = (draw.of(size) for size in self.dims)
        found = _configurations(n, d, draw)
        if self.unit:
            return found
        steps = torch.arange(1, n + 1, device=draw.device, dtype=draw.dtype)[:, None]
        return [*found, found[2] * steps, torch.zeros_like(found[0])]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        n, d = (draw.of(size) for size in self.dims)
        x = draw.normal(batch, n, d)
        x = x / x.norm(dim=-1, keepdim=True).clamp(min=1e-300)
        # neighbours: some rows move close to the first one (or to its antipode), over many decades of distance
        sign = torch.where(draw.chance(0.3, batch, n, 1), -1.0, 1.0)
        neighbour = sign * x[:, :1] + draw.log_uniform(1e-6, 1.0, batch, n, 1) * draw.normal(batch, n, d)
        x = torch.where(draw.chance(0.3, batch, 1, 1) & draw.chance(0.5, batch, n, 1), neighbour, x)
        x = torch.where(draw.chance(0.1, batch, 1, 1) & draw.chance(0.3, batch, n, 1), x[:, :1], x)
        if self.unit:
            return x / x.norm(dim=-1, keepdim=True)
        return x * draw.log_uniform(0.1, 10.0, batch, n, 1)

    def chart(self, draw: Draw) -> Chart | None:
        """The entries; on the sphere, stereographic coordinates (none on the 0-sphere, which is discrete)."""
        n, d = (draw.of(size) for size in self.dims)
        if not self.unit:
            return Chart.box(n * d, -math.inf, math.inf, lambda c: c.reshape(-1, n, d), lambda x: x.reshape(-1, n * d))
        if d == 1:
            return None
        return Chart.box(
            n * (d - 1),
            -math.inf,
            math.inf,
            lambda c: _from_stereographic(c.reshape(-1, n, d - 1)),
            lambda x: _to_stereographic(x).reshape(-1, n * (d - 1)),
        )

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        if not self.unit:
            return x.isfinite().flatten(1).all(1)
        return ((x.norm(dim=-1) - 1).abs() < 1e-12).all(-1)


def _from_stereographic(t: Tensor) -> Tensor:
    """(1 - |t|^2, 2 t) / (1 + |t|^2): t = 0 is the first axis, every rational t a rational unit vector."""
    square = (t * t).sum(-1)[..., None]
    return torch.cat([1 - square, 2 * t], -1) / (1 + square)


def _to_stereographic(x: Tensor) -> Tensor:
    below = 1 + x[..., :1]
    return torch.where(below > 1e-6, x[..., 1:] / torch.where(below > 1e-6, below, 1.0), torch.nan)


@dataclass(frozen=True, repr=False, eq=False)
class Rows(Leaf):
    """n row numbers of a data set, the source of both its points and its labels."""

    name: str
    dims: tuple[Size, ...]
    repeats: bool = True

    def describe(self) -> str:
        return f"{self.dims[0]} {'' if self.repeats else 'different '}rows of {self.name}"

    def data(self, draw: Draw) -> Dataset:
        """The data set: the run's own (``--data``), or the one this domain names."""
        return draw.data if draw.data is not None else _loaded(self.name)

    def degenerate(self, draw: Draw) -> list[Tensor]:
        """The first rows, one row repeated, rows of one class, one row of each class in turn."""
        y = torch.as_tensor(self.data(draw).y)
        n, total = draw.of(self.dims[0]), len(y)
        index = torch.arange(n)
        one_class = torch.nonzero(y == y[0])[:, 0]
        by_class = [torch.nonzero(y == c)[:, 0] for c in torch.unique(y)]
        in_turn = torch.stack(
            [by_class[i % len(by_class)][(i // len(by_class)) % len(by_class[i % len(by_class)])] for i in range(n)]
        )
        found = [index % total, torch.zeros_like(index), index // 2 % total, one_class[index % len(one_class)], in_turn]
        return [f.to(draw.device) for f in found]

    def sample(self, batch: int, draw: Draw) -> Tensor:
        """Without replacement, but (with `repeats`) with a repeated row in a tenth of the batch."""
        n, total = draw.of(self.dims[0]), len(self.data(draw).y)
        if n > total and not self.repeats:
            raise BadInput(f"{n} different rows of {self.name} were asked for, but it has {total}; ask for fewer.")
        if n <= total:
            rows = draw.integers(0, total - 1, batch, n)
            clash = (rows.sort(1).values.diff(dim=1) == 0).any(1)
            shuffled = draw.uniform(int(clash.sum()), total).argsort(-1)[:, :n]
            rows[clash] = shuffled
        else:
            rows = draw.integers(0, total - 1, batch, n)
        if not self.repeats:
            return rows
        repeated = draw.chance(0.1, batch, 1) & draw.chance(0.3, batch, n)
        return torch.where(repeated, rows[:, :1], rows)

    def chart(self, draw: Draw) -> None:
        return None

    def contains(self, x: Tensor, draw: Draw) -> Tensor:
        return ((x >= 0) & (x < len(self.data(draw).y))).all(-1)


@dataclass(frozen=True, repr=False, eq=False)
class DataSet(Domain):
    """Rows of a data set as unit vectors; `.labels` are the same rows' one-hot labels."""

    rows: Rows
    field: str = "points"

    @property
    def dims(self) -> tuple[Size, ...]:  # type: ignore[override]
        return self.rows.dims

    @property
    def labels(self) -> DataSet:
        """The one-hot labels of the same rows, shape (batch, n, number of classes)."""
        return DataSet(self.rows, "labels")

    def describe(self) -> str:
        if self.field == "labels":
            return f"the one-hot labels of these {self.rows.describe()}"
        return f"{self.rows.describe()}, scaled to unit length"

    def parents(self) -> tuple[Domain, ...]:
        return (self.rows,)

    def build(self, values: list[Tensor], draw: Draw) -> Tensor:
        """Look the rows up: (batch, n) -> (batch, n, d) or (batch, n, classes)."""
        rows = values[0]
        data = self.rows.data(draw)
        if self.field == "labels":
            return torch.nn.functional.one_hot(torch.as_tensor(data.y, device=draw.device)[(rows,)], len(data.classes)).to(
                draw.dtype
            )
        return draw.tensor(_unit(data))[(rows,)]


@cache
def _loaded(name: str) -> Dataset:
    return al.data.load(name)


@lru_cache(maxsize=4)
def _unit(data: Dataset) -> np.ndarray:
    return data.unit().X


def points(n: Size, d: Size) -> Points:
    """Points in R^d, shape (batch, n, d), with duplicates, antipodes, collinear points and zeros among them."""
    return Points((checked_size("points", n), checked_size("points", d)), unit=False)


def unit_vectors(n: Size, d: Size) -> Points:
    """Points on the unit sphere of R^d, shape (batch, n, d); regular polygons and antipodal pairs among them."""
    return Points((checked_size("unit_vectors", n), checked_size("unit_vectors", d)), unit=True)


def dataset(name: str, *, n: Size, repeats: bool = True) -> DataSet:
    """n rows of real data as unit vectors, shape (batch, n, d); ``.labels`` gives the same rows' one-hot labels.

    Args:
        name: what `altheory.data.load` takes; a run with ``--data`` puts the user's data in its place.
        n: how many rows, named or fixed.
        repeats: let a tenth of the draws contain a row more than once, as an attack wants; an experiment passes False.
    """
    if not isinstance(name, str) or not name:
        raise BadInput(f"D.dataset got the name {name!r}; give 'digits', 'FILE.npz' or 'openml:NAME'.")
    return DataSet(Rows(name, (checked_size("dataset", n),), repeats))


def kernel_of(points: Domain | str, *, activation: str = "relu", train_output: bool = False) -> Derived:
    """The infinite-width neural tangent kernel of the points, shape (batch, n, n); see `altheory.kernels.analytic`.

    Args:
        points: a domain of points, or the name of the argument that holds them.
        activation: "relu" or "erf".
        train_output: False trains the first layer only, True both.

    Raises:
        BadInput: `activation` is not one of these, or `points` is not a domain of points.
    """
    if activation not in ACTIVATIONS:
        raise BadInput(f"D.kernel_of got activation={activation!r}; give one of {', '.join(ACTIVATIONS)}.")
    if not isinstance(points, (Domain, str)):
        raise BadInput(f"D.kernel_of got points={points!r}; give a domain such as D.unit_vectors('n', 'd').")

    def kernel(x: Tensor) -> Tensor:
        return al.kernels.analytic(x, activation=activation, train_output=train_output)

    layers = "both layers" if train_output else "first layer"
    of = f"argument {points}" if isinstance(points, str) else points.describe()
    dims = points.dims[:1] * 2 if isinstance(points, Domain) else ()
    return derived(kernel, points, text=f"two-layer {activation} NTK ({layers} trained) of {of}", dims=dims)


def step_size(of: Domain | str, relative: Domain) -> Derived:
    r"""A step size $\eta$ with $\eta\,\lambda_{\max}$ in a given range.

    Args:
        of: a domain of kernels or of spectra, or the name of the argument that holds one.
        relative: the range of $\eta\,\lambda_{\max}$, e.g. ``D.interval(0, 1)``; a zero kernel takes it as it is.

    Raises:
        BadInput: `relative` is not a domain, or `of` is neither a domain nor a name.
    """
    if not isinstance(relative, Domain):
        raise BadInput(f"D.step_size got relative={relative!r}; give a domain such as D.interval(0, 1).")
    function: Callable[..., Tensor] = _relative_step
    name = of if isinstance(of, str) else "the spectrum"
    return derived(function, of, relative, text=f"s / lambda_max({name}) with s {relative.describe()}")


def _relative_step(kernel_or_spectrum: Tensor, relative: Tensor) -> Tensor:
    square = kernel_or_spectrum.ndim == 3
    values = torch.linalg.eigvalsh(kernel_or_spectrum) if square else kernel_or_spectrum
    top = values.amax(-1)
    return relative / torch.where(top > 0, top, torch.ones_like(top))
