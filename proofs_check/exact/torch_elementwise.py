"""torch's elementwise functions, comparisons and logic on exact tensors."""

from __future__ import annotations

from typing import Any

import torch

from .errors import Unsupported
from .registry import implements
from .tensor import BOOL, FLOAT, INT, ExactTensor, apply, common_shape, expand, lift, promoted

_KEEPS_DTYPE = {"neg", "abs", "square", "sign", "floor", "ceil", "trunc", "round", "relu"}
_COMPARISONS = {"lt", "le", "gt", "ge", "eq", "ne"}


def unary(function: str, x: Any) -> ExactTensor:
    """Elementwise function of one argument."""
    x = lift(x)
    dtype = x.dtype if function in _KEEPS_DTYPE else FLOAT
    return apply("unary", [x], {"function": function}, x.shape, dtype)


def binary(function: str, a: Any, b: Any) -> ExactTensor:
    """Elementwise function of two arguments, broadcast; a single number is not expanded."""
    a, b = lift(a), lift(b)
    shape = common_shape(a, b)
    dtype = promoted(a, b)
    if function == "add" and dtype is BOOL:
        function = "maximum"
    if function in _COMPARISONS:
        dtype = BOOL
    elif function in ("div", "atan2"):
        dtype = FLOAT
    a = a if len(a.scalars) == 1 else expand(a, shape)
    b = b if len(b.scalars) == 1 else expand(b, shape)
    return apply("binary", [a, b], {"function": function}, shape, dtype)


def _register_unary(function: str, *names: str) -> None:
    implements(*names)(lambda x: unary(function, x))


for _function in (
    "neg", "abs", "reciprocal", "square", "sqrt", "rsqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "tan", "asin",
    "acos", "atan", "sinh", "cosh", "tanh", "sigmoid", "erf", "erfc", "lgamma", "digamma", "sign", "floor", "ceil",
    "trunc", "relu",
):  # fmt: skip
    _register_unary(_function, _function)
for _function, _also in {
    "neg": ["negative", "Tensor.__neg__"], "abs": ["absolute", "Tensor.__abs__"], "asin": ["arcsin"],
    "acos": ["arccos"],
    "atan": ["arctan"], "sigmoid": ["special.expit", "functional.sigmoid"], "erf": ["special.erf"],
    "erfc": ["special.erfc"], "expm1": ["special.expm1"], "log1p": ["special.log1p"], "tanh": ["functional.tanh"],
    "relu": ["functional.relu"], "trunc": ["fix"], "lgamma": ["special.gammaln"], "digamma": ["special.digamma"],
    "sign": ["sgn"],
}.items():  # fmt: skip
    _register_unary(_function, *_also)
for _function, _names in {
    "minimum": ["minimum", "fmin"], "maximum": ["maximum", "fmax"], "atan2": ["atan2", "arctan2"],
    "floor_divide": ["floor_divide", "Tensor.__floordiv__"], "remainder": ["remainder"],
    "lt": ["lt", "less"], "le": ["le", "less_equal"], "gt": ["gt", "greater"], "ge": ["ge", "greater_equal"],
    "eq": ["eq", "Tensor.__eq__"], "ne": ["ne", "not_equal", "Tensor.__ne__"],
}.items():  # fmt: skip
    implements(*_names)(lambda x, other, _function=_function: binary(_function, x, other))
for _function in ("lt", "le", "gt", "ge"):
    implements(f"Tensor.__{_function}__")(lambda x, other, _function=_function: binary(_function, x, other))


@implements("add", "Tensor.__add__", "Tensor.__radd__", "Tensor.__iadd__")
def add(x: Any, other: Any, *, alpha: Any = 1) -> ExactTensor:
    """`torch.add`."""
    return binary("add", x, other if alpha == 1 else binary("mul", alpha, other))


@implements("sub", "subtract", "Tensor.__sub__", "Tensor.__isub__")
def sub(x: Any, other: Any, *, alpha: Any = 1) -> ExactTensor:
    """`torch.sub`."""
    return binary("sub", x, other if alpha == 1 else binary("mul", alpha, other))


@implements("rsub", "Tensor.__rsub__")
def rsub(x: Any, other: Any, *, alpha: Any = 1) -> ExactTensor:
    """`torch.rsub`."""
    return sub(other, x, alpha=alpha)


@implements("mul", "multiply", "Tensor.__mul__", "Tensor.__rmul__", "Tensor.__imul__")
def mul(x: Any, other: Any) -> ExactTensor:
    """`torch.mul`."""
    return binary("mul", x, other)


@implements(
    "div",
    "divide",
    "true_divide",
    "Tensor.__truediv__",
    "Tensor.__div__",
    "Tensor.__itruediv__",
    "Tensor.__idiv__",
)
def div(x: Any, other: Any, *, rounding_mode: str | None = None) -> ExactTensor:
    """`torch.div`."""
    if rounding_mode == "floor":
        return binary("floor_divide", x, other)
    quotient = binary("div", x, other)
    if rounding_mode is None:
        return quotient
    result = unary("trunc", quotient)
    return ExactTensor(result.scalars, result.shape, promoted(lift(x), lift(other)), result.node)


@implements("Tensor.__rtruediv__", "Tensor.__rdiv__")
def rdiv(x: Any, other: Any) -> ExactTensor:
    """`Tensor.__rtruediv__`."""
    return binary("div", other, x)


@implements("Tensor.__rfloordiv__")
def rfloordiv(x: Any, other: Any) -> ExactTensor:
    """`Tensor.__rfloordiv__`."""
    return binary("floor_divide", other, x)


@implements("Tensor.__mod__")
def mod(x: Any, other: Any) -> ExactTensor:
    """`Tensor.__mod__`."""
    return binary("remainder", x, other)


@implements("pow", "torch.float_power", "Tensor.float_power", "Tensor.__pow__", "Tensor.__ipow__")
def pow(x: Any, exponent: Any) -> ExactTensor:
    """`torch.pow`."""
    return binary("pow", x, exponent)


@implements("Tensor.__rpow__")
def rpow(x: Any, other: Any) -> ExactTensor:
    """`Tensor.__rpow__`."""
    return binary("pow", other, x)


@implements("round")
def round(x: Any, *, decimals: int = 0) -> ExactTensor:
    """`torch.round`."""
    if decimals != 0:
        raise Unsupported("torch.round", "only decimals=0")
    return unary("round", x)


@implements("positive", "clone", "detach", "contiguous", "Tensor.cpu", "Tensor.resolve_conj", "torch.real")
def identity(x: Any, *, memory_format: Any = None) -> ExactTensor:
    """`torch.positive`."""
    return lift(x)


implements("Tensor.double")(lambda x: converted(x, FLOAT, "Tensor.double"))
implements("Tensor.long")(lambda x: converted(x, INT, "Tensor.long"))
implements("Tensor.bool")(lambda x: converted(x, BOOL, "Tensor.bool"))
implements("Tensor.float")(lambda x: converted(x, torch.float32, "Tensor.float"))
implements("Tensor.int")(lambda x: converted(x, INT, "Tensor.int"))
implements("Tensor.type_as")(lambda x, other: converted(x, other.dtype, "Tensor.type_as"))


def converted(x: Any, dtype: torch.dtype | None, operation: str) -> ExactTensor:
    """Another dtype; a real number would be rounded by a narrower float, which is refused."""
    x = lift(x)
    if dtype is None or dtype is x.dtype:
        return x
    if dtype is BOOL:
        return binary("ne", x, 0)
    if dtype.is_floating_point and (dtype is FLOAT or x.dtype is not FLOAT):
        return ExactTensor(x.scalars, x.shape, FLOAT, x.node)
    if dtype.is_floating_point or dtype.is_complex:
        raise Unsupported(operation, f"{dtype} would round exact values; use float64")
    whole = unary("trunc", x) if x.dtype is FLOAT else x
    return ExactTensor(whole.scalars, whole.shape, INT, whole.node)


@implements("Tensor.to", "Tensor.type")
def to(x: Any, *args: Any, device: Any = None, dtype: Any = None, copy: bool = False, non_blocking: bool = False) -> Any:
    """`Tensor.to`."""
    for argument in args:
        if isinstance(argument, torch.dtype):
            dtype = argument
        elif hasattr(argument, "dtype"):
            dtype = argument.dtype
    return converted(x, dtype, "Tensor.to")


# ---- clamping, choosing, logic ---------------------------------------------------------------------------


@implements("clamp", "clip")
def clamp(x: Any, min: Any = None, max: Any = None) -> ExactTensor:
    """`torch.clamp`."""
    x = x if min is None else binary("maximum", x, min)
    return lift(x) if max is None else binary("minimum", x, max)


implements("clamp_min")(lambda x, min: binary("maximum", x, min))
implements("clamp_max")(lambda x, max: binary("minimum", x, max))


def truth(x: Any) -> ExactTensor:
    """A bool tensor: x != 0."""
    x = lift(x)
    return x if x.dtype is BOOL else binary("ne", x, 0)


@implements("where")
def where(condition: Any, input: Any = None, other: Any = None) -> ExactTensor:
    """`torch.where`."""
    if input is None or other is None:
        raise Unsupported("torch.where", "only with three arguments")
    tensors = [truth(condition), lift(input), lift(other)]
    shape = common_shape(*tensors)
    return apply("where", [expand(t, shape) for t in tensors], {}, shape, promoted(*tensors[1:]))


@implements("Tensor.where")
def method_where(x: Any, condition: Any, other: Any) -> ExactTensor:
    """`Tensor.where`."""
    return where(condition, x, other)


@implements("masked_fill")
def masked_fill(x: Any, mask: Any, value: Any) -> ExactTensor:
    """`torch.masked_fill`."""
    return where(mask, value, x)


implements("logical_and")(lambda x, other: _logic("minimum", x, other))
implements("logical_or")(lambda x, other: _logic("maximum", x, other))
implements("logical_xor")(lambda x, other: _logic("ne", x, other))
implements("bitwise_and", "Tensor.__and__", "Tensor.__rand__")(lambda x, other: _bits("and", "minimum", x, other))
implements("bitwise_or", "Tensor.__or__", "Tensor.__ror__")(lambda x, other: _bits("or", "maximum", x, other))
implements("bitwise_xor", "Tensor.__xor__", "Tensor.__rxor__")(lambda x, other: _bits("xor", "ne", x, other))


def _bits(name: str, function: str, x: Any, other: Any) -> ExactTensor:
    """&, | and ^ are logic on bools; on integers they are not supported."""
    if lift(x).dtype is not BOOL or lift(other).dtype is not BOOL:
        raise Unsupported(f"torch.bitwise_{name}", "only on bool tensors")
    return _logic(function, x, other)


def _logic(function: str, x: Any, other: Any) -> ExactTensor:
    return binary(function, truth(x), truth(other))


@implements("logical_not")
def logical_not(x: Any) -> ExactTensor:
    """`torch.logical_not`."""
    return binary("ne", truth(x), True)


@implements("bitwise_not", "Tensor.__invert__")
def bitwise_not(x: Any) -> ExactTensor:
    """`torch.bitwise_not`."""
    return _bits("not", "ne", x, True)


# ---- small formulas --------------------------------------------------------------------------------------


@implements("xlogy", "special.xlogy")
def xlogy(x: Any, other: Any) -> ExactTensor:
    """x log y, 0 where x = 0."""
    return where(binary("eq", x, 0), 0.0, mul(x, unary("log", other)))


implements("special.entr")(lambda x: unary("neg", xlogy(x, x)))
implements("logit", "special.logit")(lambda x: unary("log", div(x, sub(1, x))))
implements("exp2", "special.exp2")(lambda x: pow(2, x))
implements("log2")(lambda x: div(unary("log", x), unary("log", 2)))
implements("log10")(lambda x: div(unary("log", x), unary("log", 10)))
implements("hypot")(lambda x, other: unary("sqrt", add(unary("square", x), unary("square", other))))
implements("frac")(lambda x: sub(x, unary("trunc", x)))
implements("lerp")(lambda x, end, weight: add(x, mul(weight, sub(end, x))))
implements("addcmul")(lambda x, a, b, *, value=1: add(x, mul(value, mul(a, b))))
implements("logaddexp")(lambda x, other: add(x, unary("softplus", sub(other, x))))
implements("deg2rad")(lambda x: mul(x, div(torch.pi, 180)))
implements("isfinite")(lambda x: apply("isfinite", [lift(x)], {}, lift(x).shape, BOOL))
implements("isnan")(lambda x: bitwise_not(apply("isfinite", [lift(x)], {}, lift(x).shape, BOOL)))
implements("functional.logsigmoid")(lambda x: unary("neg", unary("softplus", unary("neg", x))))
implements("functional.silu")(lambda x: mul(x, unary("sigmoid", x)))
implements("functional.leaky_relu")(lambda x, negative_slope=0.01: where(binary("gt", x, 0), x, mul(x, negative_slope)))
implements("functional.elu")(lambda x, alpha=1.0: where(binary("gt", x, 0), x, mul(alpha, unary("expm1", x))))


@implements("functional.softplus")
def softplus(x: Any, beta: Any = 1, threshold: Any = 20) -> ExactTensor:
    """log(1 + exp(beta x)) / beta, without torch's linear shortcut above the threshold."""
    return unary("softplus", x) if beta == 1 else div(unary("softplus", mul(x, beta)), beta)


@implements("functional.gelu")
def gelu(x: Any, approximate: str = "none") -> ExactTensor:
    """`torch.nn.functional.gelu`."""
    if approximate != "none":
        raise Unsupported("torch.nn.functional.gelu", "only approximate='none'")
    return mul(div(x, 2), add(1, unary("erf", div(x, unary("sqrt", 2)))))


@implements("heaviside")
def heaviside(x: Any, values: Any) -> ExactTensor:
    """`torch.heaviside`."""
    return where(binary("eq", x, 0), values, where(binary("gt", x, 0), 1.0, 0.0))
