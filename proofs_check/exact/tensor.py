"""`ExactTensor`: a stand-in for a float64 (or int64, or bool) tensor whose entries are rationals and balls.

It is not a `torch.Tensor`; it speaks torch's `__torch_function__` protocol, so that a claim body written in plain torch
runs on it unchanged. Entries are a flat row-major list of scalars (`scalars.py`); every operation is a primitive
(`primitives.py`), executed and recorded on the current tape. There is no way to a float: `float(x)`, `x.numpy()`,
`x.item()` raise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from flint import arb, fmpq, fmpz

from . import primitives, registry
from . import tape as tapes
from .errors import Unsupported, UnsupportedLength
from .scalars import Scalar, rational

BOOL, INT, FLOAT = torch.bool, torch.int64, torch.float64
_RANK = {BOOL: 0, INT: 1, FLOAT: 2}
_ROUNDED_BITS = 24  # a float constant with a longer odd part is probably a rounded decimal, not a dyadic number
Index = np.ndarray[Any, np.dtype[np.int64]]


class ExactTensor:
    """A tensor of exact numbers; `scalars` is the flat list of its entries."""

    __hash__ = object.__hash__
    __array_ufunc__ = None  # numpy operands defer to the operators below
    is_cuda = is_sparse = requires_grad = is_quantized = False
    layout = torch.strided

    def __init__(self, scalars: list[Scalar], shape: tuple[int, ...], dtype: torch.dtype, node: int) -> None:
        self.scalars = scalars
        self.shape = torch.Size(shape)
        self.dtype = dtype
        self.node = node
        self.tape = tapes.current()
        self.device = torch.device("cpu")

    # ---- making one ---------------------------------------------------------------------------------------------

    @classmethod
    def from_fractions(cls, values: Any, integer: bool = False, *, name: str | None = None) -> ExactTensor:
        """From nested lists or an object array of Fractions, ints or finite floats; `name` makes it a program input."""
        array = np.array(values, dtype=object)
        entries: list[Scalar] = [rational(_plain(value)) for value in array.ravel()]
        if integer and any(value.q != 1 for value in entries):  # type: ignore[union-attr]
            raise ValueError("an integer tensor was asked for, but an entry is not an integer.")
        return constant(entries, array.shape, INT if integer else FLOAT, name)

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return registry.call(func, args, kwargs or {})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return registry.method(self, name)

    # ---- what a tensor says about itself ------------------------------------------------------------------------

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def T(self) -> ExactTensor:  # noqa: N802
        """All axes reversed."""
        return registry.method(self, "permute")(*reversed(range(self.ndim)))

    @property
    def mT(self) -> ExactTensor:  # noqa: N802
        """The last two axes exchanged."""
        return registry.method(self, "transpose")(-2, -1)

    @property
    def real(self) -> ExactTensor:
        """The tensor itself."""
        return self

    @property
    def index_map(self) -> Index:
        """The flat positions 0..numel-1 in this tensor's shape: reshaping tools act on it."""
        return np.arange(len(self.scalars)).reshape(tuple(self.shape))

    def fractions(self) -> list[Fraction] | None:
        """The entries in row-major order, when all are rational."""
        found = []
        for x in self.scalars:
            if not isinstance(x, fmpq):
                return None
            found.append(Fraction(int(x.p), int(x.q)))
        return found

    def __len__(self) -> int:
        if not self.shape:
            why = "a single number has no length (was it handed to torch.tensor or torch.as_tensor?)"
            raise UnsupportedLength("Tensor.__len__", why)
        return self.shape[0]

    def __iter__(self) -> Any:
        return iter([self[i] for i in range(len(self))])

    def __repr__(self) -> str:
        entries = ", ".join(str(v) if isinstance(v, (fmpq, arb)) else "undefined" for v in self.scalars[:8])
        more = ", ..." if len(self.scalars) > 8 else ""
        return f"ExactTensor([{entries}{more}], shape={tuple(self.shape)}, dtype={self.dtype})"

    # ---- leaving exact arithmetic: only decisions ---------------------------------------------------------------

    def __bool__(self) -> bool:
        if len(self.scalars) != 1:
            raise RuntimeError("Boolean value of a tensor with more than one value is ambiguous")
        truth = self if self.dtype is BOOL else registry.METHODS["ne"](self, 0)
        return bool(decided(truth)[0])

    def __index__(self) -> int:
        if self.dtype is FLOAT or len(self.scalars) != 1:
            raise Unsupported("Tensor.__index__", "only a single integer can be used as an index")
        return decided(self)[0]

    def __int__(self) -> int:
        if self.dtype is FLOAT:
            raise Unsupported("Tensor.__int__", "a real number is not turned into an integer silently")
        return self.__index__()

    def __float__(self) -> float:
        raise Unsupported("Tensor.__float__", "exact values are not turned into floats silently")

    def __complex__(self) -> complex:
        raise Unsupported("Tensor.__complex__", "exact values are not turned into floats silently")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise Unsupported("Tensor.__array__", "exact values are not turned into floats silently")

    def __contains__(self, item: Any) -> bool:
        raise Unsupported("Tensor.__contains__")

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise Unsupported("Tensor.__setitem__", "write the claim without in-place changes (torch.where, torch.cat)")

    def __getitem__(self, key: Any) -> ExactTensor:
        return registry.METHODS["__getitem__"](self, key)


def _operator(name: str, reflected: bool = False) -> Any:
    def operator(self: ExactTensor, other: Any) -> Any:
        if isinstance(other, (str, type(None), dict)):
            return NotImplemented
        handler = registry.METHODS[name]
        return handler(other, self) if reflected else handler(self, other)

    return operator


for _symbol, _name in {
    "add": "add", "sub": "sub", "mul": "mul", "truediv": "div", "pow": "pow", "matmul": "matmul", "mod": "remainder",
    "floordiv": "floor_divide", "and": "bitwise_and", "or": "bitwise_or", "xor": "bitwise_xor",
}.items():  # fmt: skip
    setattr(ExactTensor, f"__{_symbol}__", _operator(_name))
    setattr(ExactTensor, f"__r{_symbol}__", _operator(_name, reflected=True))
for _name in ("lt", "le", "gt", "ge", "eq", "ne"):
    setattr(ExactTensor, f"__{_name}__", _operator(_name))
for _symbol, _name in {"neg": "neg", "abs": "abs", "pos": "positive", "invert": "bitwise_not"}.items():
    setattr(ExactTensor, f"__{_symbol}__", lambda self, _name=_name: registry.METHODS[_name](self))


# ---- constants and execution -----------------------------------------------------------------------------


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def constant(entries: Sequence[Scalar], shape: tuple[int, ...], dtype: torch.dtype, name: str | None = None) -> ExactTensor:
    """A tensor of rationals as an input (`name`) or a constant of the program."""
    parameters: dict[str, Any] = {"values": [str(v) for v in entries]} if tapes.current().recording else {}
    if name is not None:
        parameters["name"] = name
    node = tapes.current().record("const" if name is None else "input", [], parameters)
    return ExactTensor(list(entries), shape, dtype, node)


def lift(value: Any) -> ExactTensor:
    """Anything torch would accept as a tensor operand, exactly; plain tensors and floats are the rationals they store.

    The float nearest to pi (or a power of two times it) given as a Python number or a 0-d tensor means pi itself.
    """
    if isinstance(value, ExactTensor):
        return value if value.tape is tapes.current() else _relocated(value)
    if isinstance(value, torch.Tensor):
        if value.is_complex():
            raise Unsupported("complex tensor")
        dtype = FLOAT if value.is_floating_point() else BOOL if value.dtype is BOOL else INT
        flat = value.detach().reshape(-1).tolist()
        if value.ndim == 0 and dtype is FLOAT:
            return _float(flat[0])
        entries = [rational(v) for v in flat]
        _note_rounding(entries, "a float64 tensor in the claim's body")
        return constant(entries, tuple(value.shape), dtype)
    if isinstance(value, np.ndarray):
        if value.dtype == object:
            return ExactTensor.from_fractions(value)
        return lift(torch.from_numpy(np.ascontiguousarray(value)).reshape(value.shape))
    value = _plain(value)
    if isinstance(value, float):
        return _float(value)
    if isinstance(value, (bool, int, Fraction, fmpq, fmpz)):
        dtype = BOOL if isinstance(value, bool) else INT if isinstance(value, (int, fmpz)) else FLOAT
        return constant([rational(value)], (), dtype)
    raise Unsupported(f"constant of type {type(value).__name__}")


def _relocated(value: ExactTensor) -> ExactTensor:
    """A tensor made outside the current recording enters it as a constant."""
    if not all(isinstance(v, fmpq) for v in value.scalars):
        if tapes.current().recording:
            raise Unsupported("a ball computed outside the recorded run")
        return ExactTensor(value.scalars, value.shape, value.dtype, -1)
    return constant(value.scalars, value.shape, value.dtype)


def _float(value: float) -> ExactTensor:
    mantissa, exponent = math.frexp(value)
    pi_mantissa, pi_exponent = math.frexp(math.pi)
    shift = exponent - pi_exponent + 4
    if abs(mantissa) == pi_mantissa and 0 <= shift <= 12:
        return apply("pi", [], {"sixteenths": int(math.copysign(1 << shift, value))}, (), FLOAT)
    entries: list[Scalar] = [rational(value)]
    _note_rounding(entries, repr(value))
    return constant(entries, (), FLOAT)


def _note_rounding(entries: list[Any], text: str) -> None:
    tape = tapes.current()
    if not tape.recording or text in tape.rounded:
        return
    if any(v.q != 1 and int(v.p).bit_length() > _ROUNDED_BITS for v in entries):
        tape.rounded.append(text)


def apply(
    operation: str,
    tensors: list[ExactTensor],
    parameters: dict[str, Any],
    shape: tuple[int, ...],
    dtype: torch.dtype,
) -> ExactTensor:
    """Run one primitive now and record it."""
    tensors = [lift(t) for t in tensors]
    values = primitives.run(operation, [t.scalars for t in tensors], parameters)
    node = tapes.current().record(operation, [t.node for t in tensors], parameters)
    return ExactTensor(values, shape, dtype, node)


def take(tensors: list[ExactTensor], index: Index, guards: list[ExactTensor] | None = None) -> ExactTensor:
    """Entries of the concatenated tensors by flat index (-1: zero), in the shape of `index`.

    `guards` are exact integer or bool tensors that `index` was computed from. A plain reshape records nothing.
    """
    tensors, flat = [lift(t) for t in tensors], index.ravel().tolist()
    dtype = promoted(*tensors)
    if len(tensors) == 1 and not guards and flat == list(range(len(tensors[0].scalars))):
        return ExactTensor(tensors[0].scalars, index.shape, dtype, tensors[0].node)
    parameters: dict[str, Any] = {"index": flat}
    if guards:
        parameters["guards"] = [[str(v) for v in primitives.numbers(g.scalars)] for g in guards]
    return apply("gather", [*tensors, *(guards or [])], parameters, index.shape, dtype)


def decided(tensor: ExactTensor) -> list[int]:
    """The integer or truth values of a tensor, asserted in the program: for branches and indices."""
    values = [int(v.p) for v in primitives.numbers(tensor.scalars)]  # type: ignore[union-attr]
    apply("check", [tensor], {"values": [str(v) for v in values]}, tensor.shape, tensor.dtype)
    return values


def promoted(*tensors: ExactTensor) -> torch.dtype:
    """bool < int64 < float64."""
    return max((t.dtype for t in tensors), key=_RANK.__getitem__)


def expand(tensor: ExactTensor, shape: tuple[int, ...]) -> ExactTensor:
    """Broadcast to a shape."""
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    try:
        return take([tensor], np.broadcast_to(tensor.index_map, shape))
    except ValueError as error:
        raise RuntimeError(f"shape {tuple(tensor.shape)} cannot be broadcast to {tuple(shape)}.") from error


def common_shape(*tensors: ExactTensor) -> tuple[int, ...]:
    """The broadcast shape."""
    try:
        return np.broadcast_shapes(*(tuple(t.shape) for t in tensors))
    except ValueError as error:
        shapes = ", ".join(str(tuple(t.shape)) for t in tensors)
        raise RuntimeError(f"shapes {shapes} cannot be broadcast together.") from error
