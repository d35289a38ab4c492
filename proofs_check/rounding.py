r"""Is a float64 violation more than rounding? The probe that decides before exact arithmetic does.

Monte Carlo arithmetic (Parker 1997): the body runs again a few times, with the result of every operation moved at random by
about one unit in the last place, as if the hardware had rounded otherwise. Sums and products of arrays move their inputs
too (each addend rounds), and the matrices that enter a LAPACK routine move relative to their largest entry, which is how such
a routine errs. What moves is what rounding could have moved, cancellation inside the body and conditioning included, and no
claim declares a tolerance.
A violation stands when its size exceeds `SAFETY` times the movement of either side and it never changes sign.

A violation that stands is a *candidate*. Only exact arithmetic makes it a refutation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from proofs_check.claim import Claim
from proofs_check.evaluate import evaluate
from proofs_check.instances import Batch
from proofs_check.relations import Relation

#: largest relative movement of an entry in one operation: one unit in the last place
UNIT = 2.0**-52
#: how many randomly rounded runs: a first look, and the second look that what stood has to pass (a coin that falls the same
#: way in all of them has one chance in 2^38)
RUNS, MORE_RUNS = 6, 32
#: a violation must exceed this many times the largest movement of either side
SAFETY = 8.0
#: margins up to this are never nominated: sums of a few hundred terms lose that much in the worst case
FLOOR = 1e-12


class RandomRounding(TorchFunctionMode):
    """While active, every torch operation on float64 tensors rounds at random."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.startswith("__get") or name in _EXACT:
            return func(*args, **kwargs)
        solver = "linalg" in name or name in _SOLVERS
        if solver or name in _SUMS:
            move = self._normwise if solver else self._entrywise
            args = tuple(_map(arg, move) for arg in args)
            kwargs = {key: _map(arg, move) for key, arg in kwargs.items()}
        return _map(func(*args, **kwargs), self._entrywise)

    def _noise(self, x: Tensor) -> Tensor:
        noise = torch.rand(x.shape, generator=self.generator, device=x.device, dtype=x.dtype)
        return (2 * noise - 1) * UNIT

    def _entrywise(self, x: Tensor) -> Tensor:
        return x * (1 + 2 * self._noise(x)) if _real(x) else x

    def _normwise(self, x: Tensor) -> Tensor:
        if not _real(x) or x.ndim < 3:
            return self._entrywise(x)
        moved = x + x.abs().amax((-2, -1), keepdim=True) * x.shape[-1] * self._noise(x)
        square = x.shape[-1] == x.shape[-2] and bool((x == x.mT).all())
        return (moved + moved.mT) / 2 if square else moved


#: operations that add up many numbers
_SUMS = frozenset(
    [
        "sum",
        "nansum",
        "mean",
        "nanmean",
        "var",
        "var_mean",
        "std",
        "std_mean",
        "cov",
        "corrcoef",
        "matmul",
        "__matmul__",
        "__rmatmul__",
        "bmm",
        "baddbmm",
        "mv",
        "addmv",
        "mm",
        "addmm",
        "dot",
        "vdot",
        "inner",
        "tensordot",
        "einsum",
        "kron",
        "cumsum",
        "cumprod",
        "trace",
        "norm",
        "dist",
        "cdist",
        "prod",
        "softmax",
        "log_softmax",
        "logsumexp",
        "logcumsumexp",
    ]
)
#: solvers and factorisations that do not carry linalg in their name
_SOLVERS = frozenset(
    [
        "det",
        "logdet",
        "slogdet",
        "inverse",
        "pinverse",
        "cholesky",
        "cholesky_inverse",
        "cholesky_solve",
        "triangular_solve",
        "lu_solve",
        "lu",
        "qr",
        "svd",
        "lstsq",
        "matrix_exp",
        "matrix_power",
    ]
)
#: operations without rounding; moving their results would only blur the picture
_EXACT = frozenset(
    [
        "dim",
        "size",
        "stride",
        "is_floating_point",
        "is_complex",
        "numel",
        "shape",
        "to",
        "clone",
        "detach",
        "contiguous",
        "reshape",
        "view",
        "expand",
        "permute",
        "transpose",
        "unsqueeze",
        "squeeze",
        "flatten",
        "stack",
        "cat",
        "__getitem__",
        "__setitem__",
        "where",
        "isfinite",
        "isnan",
        "any",
        "all",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "__eq__",
        "__ne__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "neg",
        "abs",
        "maximum",
        "minimum",
        "amax",
        "amin",
        "max",
        "min",
        "clamp",
        "zeros_like",
        "ones_like",
        "full_like",
        "broadcast_tensors",
        "broadcast_to",
        "argmax",
        "argmin",
        "argsort",
        "sort",
        "tolist",
        "item",
        "is_sparse",
        "layout",
        "dtype",
        "device",
        "ndim",
    ]
)


def _real(x: Any) -> bool:
    return isinstance(x, Tensor) and x.is_floating_point()


def _map(value: Any, move: Callable[[Tensor], Tensor]) -> Any:
    """Apply to every tensor in a value, a list or a (named) tuple."""
    if isinstance(value, Tensor):
        return move(value)
    if isinstance(value, tuple) and hasattr(value, "_fields") or type(value).__module__ == "torch.return_types":
        return type(value)([_map(v, move) for v in value])
    if isinstance(value, (list, tuple)):
        return type(value)(_map(v, move) for v in value)
    return value


class Probe:
    """How far both sides of every link move under random rounding, on a few instances.

    Attributes:
        stands: (links, batch) bool: the link is violated by more than rounding explains.
        steady: (links, batch) bool: the link's ratio moves by less than 1e-6, so it may be reported.
    """

    def __init__(self, claim: Claim, batch: Batch, relation: Relation, generator: torch.Generator, runs: int = RUNS) -> None:
        equal = torch.tensor([link.op == "==" for link in relation.links], device=relation.links[0].lhs.device)[:, None]
        lhs, rhs, ratio = _sides(relation)
        here = _gap(lhs, rhs, equal)
        # all runs at once: the instances side by side `runs` times, rounded independently
        with RandomRounding(generator):
            moved = evaluate(claim, batch.repeated(runs), probing=True)
        moved_lhs, moved_rhs, moved_ratio = (x.reshape(len(lhs), runs, -1) for x in _sides(moved))
        movement = torch.maximum((moved_lhs - lhs[:, None]).abs(), (moved_rhs - rhs[:, None]).abs()).amax(1)
        smallest = torch.minimum(here, _gap(moved_lhs, moved_rhs, equal[:, None]).amin(1))
        wobble = (moved_ratio - ratio[:, None]).abs().amax(1)
        lost = (moved_lhs + moved_rhs).isnan().any(1)
        scale = torch.maximum(lhs.abs(), rhs.abs())
        # a run that leaves the reals makes NaN, every comparison with it is false, and nothing stands or is steady
        self.stands = (smallest > 0) & (here > SAFETY * movement) & (here > FLOOR * scale) & ~lost
        self.steady = (wobble < 1e-6) & ~lost


def _sides(relation: Relation) -> tuple[Tensor, Tensor, Tensor]:
    """Left sides, right sides and ratios, each (links, batch)."""
    lhs = torch.stack([link.lhs for link in relation.links])
    rhs = torch.stack([link.rhs for link in relation.links])
    return lhs, rhs, torch.stack([link.ratio() for link in relation.links])


def _gap(lhs: Tensor, rhs: Tensor, equal: Tensor) -> Tensor:
    return torch.where(equal, (lhs - rhs).abs(), lhs - rhs)
