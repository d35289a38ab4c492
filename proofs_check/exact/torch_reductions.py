"""Sums, products, extremes, sorting, norms and the softmax family on exact tensors."""

from __future__ import annotations

import math
from collections import namedtuple
from typing import Any

import numpy as np

from .errors import ExactError, Singular, Unsupported
from .registry import implements
from .tensor import BOOL, FLOAT, INT, ExactTensor, apply, lift, take
from .torch_elementwise import binary, converted, mul, pow, sub, truth, unary
from .torch_shapes import axis, cat, filled, reshape, unsqueeze

Dims = int | tuple[int, ...] | list[int] | None


class Failed(ExactTensor):
    """A companion result that could not be had (the indices of a tie, vectors of a cluster): raises when used."""

    def __init__(self, error: ExactError) -> None:
        object.__setattr__(self, "error", error)

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("__"):
            return object.__getattribute__(self, name)
        raise object.__getattribute__(self, "error")

    def __repr__(self) -> str:
        return "ExactTensor(not determined)"


def attempt(build: Any) -> ExactTensor:
    """The result, or a tensor that raises the reason once it is used."""
    try:
        result = build()
        from .primitives import numbers

        numbers(result.scalars)
        return result
    except ExactError as error:
        return Failed(error)


def grouped(x: ExactTensor, dim: Dims) -> tuple[ExactTensor, tuple[int, ...], int, tuple[int, ...]]:
    """x with the axes `dim` last, the axes themselves, the size of a group, the remaining shape."""
    chosen = range(x.ndim) if dim is None or dim == () else [dim] if isinstance(dim, int) else dim
    axes = tuple(sorted({axis(d, x.ndim) for d in chosen})) if x.ndim else ()
    kept = [d for d in range(x.ndim) if d not in axes]
    moved = take([x], x.index_map.transpose([*kept, *axes]))
    return moved, axes, math.prod(x.shape[d] for d in axes), tuple(x.shape[d] for d in kept)


def _restore(result: ExactTensor, x: ExactTensor, axes: tuple[int, ...], keepdim: bool) -> ExactTensor:
    if not keepdim:
        return result
    return reshape(result, tuple(1 if d in axes else n for d, n in enumerate(x.shape)))


def reduce(function: str, x: Any, dim: Dims = None, keepdim: bool = False) -> ExactTensor:
    """sum, prod, min or max over some axes."""
    x = lift(x)
    if x.dtype is BOOL and function in ("sum", "prod"):
        x = converted(x, INT, function)
    moved, axes, inner, shape = grouped(x, dim)
    if inner == 0:
        if function in ("min", "max"):
            raise Singular(function, "extreme of an empty set")
        return _restore(filled(shape, int(function == "prod"), x.dtype), x, axes, keepdim)
    return _restore(apply("reduce", [moved], {"function": function, "inner": inner}, shape, x.dtype), x, axes, keepdim)


@implements("sum", "nansum")
def sum(x: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    """`torch.sum`."""
    return reduce("sum", converted(x, dtype, "torch.sum"), dim, keepdim)


@implements("prod")
def prod(x: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    """`torch.prod`."""
    return reduce("prod", converted(x, dtype, "torch.prod"), dim, keepdim)


@implements("mean")
def mean(x: Any, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    """`torch.mean`."""
    x = converted(x, dtype, "torch.mean")
    return binary("div", reduce("sum", x, dim, keepdim), grouped(x, dim)[2])


@implements("var")
def var(
    x: Any, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> ExactTensor:
    """Sum of squared deviations over (n - correction)."""
    x = lift(x)
    correction = int(unbiased) if correction is None else correction
    squares = unary("square", sub(x, mean(x, dim, True)))
    return binary("div", reduce("sum", squares, dim, keepdim), grouped(x, dim)[2] - correction)


@implements("std")
def std(
    x: Any, dim: Dims = None, unbiased: bool = True, keepdim: bool = False, *, correction: int | None = None
) -> ExactTensor:
    """`torch.std`."""
    return unary("sqrt", var(x, dim, unbiased, keepdim, correction=correction))


implements("amax")(lambda x, dim=None, keepdim=False: reduce("max", x, dim, keepdim))
implements("amin")(lambda x, dim=None, keepdim=False: reduce("min", x, dim, keepdim))
implements("any")(lambda x, dim=None, keepdim=False: _quantifier("max", x, dim, keepdim))
implements("all")(lambda x, dim=None, keepdim=False: _quantifier("min", x, dim, keepdim))
implements("count_nonzero")(lambda x, dim=None: reduce("sum", truth(x), dim))


def _quantifier(function: str, x: Any, dim: Dims, keepdim: bool) -> ExactTensor:
    x = truth(x)
    if grouped(x, dim)[2] == 0:
        return filled(grouped(x, dim)[3], function == "min", BOOL)
    return reduce(function, x, dim, keepdim)


Extreme = namedtuple("Extreme", ["values", "indices"])


def _extreme(largest: bool) -> Any:
    function = "max" if largest else "min"

    def handler(x: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return reduce(function, x)
        if not isinstance(dim, int):
            return binary("maximum" if largest else "minimum", x, dim)
        values = reduce(function, x, dim, keepdim)
        return Extreme(values, attempt(lambda: argextreme(largest, x, dim, keepdim)))

    return handler


implements("max")(_extreme(True))
implements("min")(_extreme(False))
implements("Tensor.max")(
    lambda x, dim=None, keepdim=False, *, other=None: _extreme(True)(x, dim if other is None else other, keepdim)
)


def argextreme(largest: bool, x: Any, dim: int | None, keepdim: bool) -> ExactTensor:
    """The position of the first largest or smallest entry, `Undecided` where balls overlap."""
    x = lift(x)
    moved, axes, inner, shape = grouped(x, dim)
    return _restore(apply("argextreme", [moved], {"inner": inner, "largest": largest}, shape, INT), x, axes, keepdim)


implements("argmax")(lambda x, dim=None, keepdim=False: argextreme(True, x, dim, keepdim))
implements("argmin")(lambda x, dim=None, keepdim=False: argextreme(False, x, dim, keepdim))


# ---- sorting ---------------------------------------------------------------------------------------------


def _along(x: ExactTensor, dim: int, operation: str, parameters: dict[str, Any], dtype: Any) -> ExactTensor:
    """Apply an operation that maps groups to groups along one axis."""
    if x.ndim == 0:
        return _along(reshape(x, (1,)), 0, operation, parameters, dtype)
    moved = take([x], np.moveaxis(x.index_map, dim, -1))
    result = apply(operation, [moved], {**parameters, "inner": moved.shape[-1]}, tuple(moved.shape), dtype)
    return take([result], np.moveaxis(result.index_map, -1, dim))


@implements("argsort")
def argsort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> ExactTensor:
    """`torch.argsort`."""
    x = lift(x)
    return _along(x, dim, "argsort", {"descending": descending}, INT)


@implements("sort")
def sort(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """`torch.sort`."""
    x = lift(x)
    values = _along(x, dim, "sort", {}, x.dtype)
    if descending:
        values = take([values], np.flip(values.index_map, dim))
    return Extreme(values, attempt(lambda: argsort(x, dim, descending)))


implements("msort")(lambda x: sort(x, 0).values)


@implements("topk")
def topk(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """`torch.topk`."""
    values = sort(x, dim, largest).values
    chosen = take([values], np.take(values.index_map, range(k), axis=dim))

    def indices() -> ExactTensor:
        order = argsort(x, dim, largest)
        return take([order], np.take(order.index_map, range(k), axis=dim))

    return Extreme(chosen, attempt(indices))


@implements("median")
def median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The lower median, as torch has it (values only)."""
    x = lift(x)
    values = sort(reshape(x, (-1,)) if dim is None else x, -1 if dim is None else dim).values
    along = 0 if dim is None else dim
    middle = np.take(values.index_map, [(values.shape[along] - 1) // 2], axis=along)
    result = take([values], middle if keepdim else middle.squeeze(along))
    return result if dim is None else Extreme(result, Failed(Unsupported("torch.median", "indices")))


# ---- running and differences -----------------------------------------------------------------------------


def _scan(function: str) -> Any:
    def handler(x: Any, dim: int, *, dtype: Any = None) -> ExactTensor:
        x = converted(x, dtype, "torch.cumsum")
        x = converted(x, INT, "torch.cumsum") if x.dtype is BOOL else x
        return _along(x, dim, "scan", {"function": function}, x.dtype)

    return handler


implements("cumsum")(_scan("sum"))
implements("cumprod")(_scan("prod"))
for _name, _function in (("cummax", "max"), ("cummin", "min")):
    implements(_name)(
        lambda x, dim, _f=_function, _n=_name: Extreme(_scan(_f)(x, dim), Failed(Unsupported(f"torch.{_n}", "indices")))
    )


@implements("diff")
def diff(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> ExactTensor:
    """`torch.diff`."""
    parts = [lift(p) for p in (prepend, x, append) if p is not None]
    x = cat(parts, dim) if len(parts) > 1 else lift(x)
    for _ in range(n):
        m, length = x.index_map, x.shape[dim]
        x = sub(
            take([x], np.take(m, range(1, length), axis=dim)),
            take([x], np.take(m, range(length - 1), axis=dim)),
        )
    return x


@implements("trapezoid", "torch.trapz")
def trapezoid(y: Any, x: Any = None, *, dx: Any = 1, dim: int = -1) -> ExactTensor:
    """`torch.trapezoid`."""
    y = lift(y)
    m, length = y.index_map, y.shape[dim]
    left, right = (take([y], np.take(m, r, axis=dim)) for r in (range(length - 1), range(1, length)))
    return binary("div", reduce("sum", mul(binary("add", left, right), dx if x is None else diff(x, dim=dim)), dim), 2)


# ---- norms -----------------------------------------------------------------------------------------------


@implements("linalg.vector_norm")
def vector_norm(x: Any, ord: Any = 2, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    r"""$(\sum |x|^p)^{1/p}$, with the limits p = inf, -inf and the count p = 0."""
    x = converted(x, dtype, "torch.linalg.vector_norm")
    size = unary("abs", converted(x, FLOAT, "torch.linalg.vector_norm"))
    if ord == 2:
        return unary("sqrt", reduce("sum", unary("square", size), dim, keepdim))
    if ord == 1:
        return reduce("sum", size, dim, keepdim)
    if ord in (math.inf, -math.inf):
        return reduce("max" if ord > 0 else "min", size, dim, keepdim)
    if ord == 0:
        return converted(reduce("sum", binary("ne", size, 0), dim, keepdim), FLOAT, "torch.linalg.vector_norm")
    return pow(reduce("sum", pow(size, ord), dim, keepdim), binary("div", 1, ord))


# ---- softmax family --------------------------------------------------------------------------------------


@implements("logsumexp", "special.logsumexp")
def logsumexp(x: Any, dim: Dims, keepdim: bool = False) -> ExactTensor:
    """log of the sum of exponentials; no shift is needed, balls do not overflow."""
    return unary("log", reduce("sum", unary("exp", x), dim, keepdim))


@implements("softmax", "special.softmax", "functional.softmax")
def softmax(x: Any, dim: int, dtype: Any = None, _stacklevel: int = 3) -> ExactTensor:
    """exp(x_i) / sum_j exp(x_j) = 1 / sum_j exp(x_j - x_i): differences keep ties and constants exact."""
    x = lift(x)
    along = axis(dim, x.ndim)
    gaps = sub(unsqueeze(x, along), unsqueeze(x, along + 1))  # [.., i, j, ..] = x_j - x_i
    return unary("reciprocal", reduce("sum", unary("exp", gaps), along + 1))


@implements("log_softmax", "special.log_softmax", "functional.log_softmax")
def log_softmax(x: Any, dim: int, dtype: Any = None, _stacklevel: int = 3) -> ExactTensor:
    """`torch.log_softmax`."""
    return unary("log", softmax(x, dim))


@implements("functional.normalize")
def normalize(x: Any, p: Any = 2.0, dim: int = 1, eps: float = 1e-12) -> ExactTensor:
    """`torch.nn.functional.normalize`."""
    return binary("div", x, binary("maximum", vector_norm(x, p, dim, True), eps))


@implements("functional.mse_loss")
def mse_loss(x: Any, target: Any, *, reduction: str = "mean") -> ExactTensor:
    """`torch.nn.functional.mse_loss`."""
    squares = unary("square", sub(x, target))
    return squares if reduction == "none" else mean(squares) if reduction == "mean" else reduce("sum", squares)
