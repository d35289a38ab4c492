"""Which torch functions and tensor methods run exactly: `@implements(...)` fills the table, `call` looks it up.

A handler has torch's own parameter names. A name without prefix covers `torch.name` and `Tensor.name`;
`linalg.`, `special.`, `functional.`, `torch.` and `Tensor.` name one place. What is not in the table, or is
called with an argument that the handler does not know, raises `Unsupported` naming it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch

from .errors import Unsupported, UnsupportedAttribute

Handler = Callable[..., Any]
FUNCTIONS: dict[Any, Handler] = {}
METHODS: dict[str, Handler] = {}
_SIGNATURES: dict[Handler, inspect.Signature] = {}
_RENAMED = {"axis": "dim", "keepdims": "keepdim"}
_PLACES = {
    "torch": torch, "Tensor": torch.Tensor, "linalg": torch.linalg, "special": torch.special,
    "functional": torch.nn.functional,
}  # fmt: skip


def implements(*names: str) -> Callable[[Handler], Handler]:
    """Register the decorated handler under the given torch names."""

    def register(handler: Handler) -> Handler:
        _SIGNATURES[handler] = inspect.signature(handler)
        for name in names:
            place, _, short = name.rpartition(".")
            for where in [place] if place else ["torch", "Tensor"]:
                _register_at(where, short, handler)
        return handler

    return register


def _register_at(place: str, short: str, handler: Handler) -> None:
    if place == "Tensor":
        METHODS[short] = handler
    function = getattr(_PLACES[place], short, None)
    if function is not None:
        FUNCTIONS[function] = handler


def name_of(function: Any) -> str:
    """The name a caller would recognise: "torch.linalg.qr", "Tensor.scatter"."""
    if getattr(function, "__name__", "") == "__get__":  # a property of plain tensors
        return f"Tensor.{getattr(function.__self__, '__name__', 'property')}"
    resolved = torch.overrides.resolve_name(function)
    return resolved if resolved else f"torch.{getattr(function, '__name__', function)}"


def call(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What `__torch_function__` does."""
    handler = FUNCTIONS.get(function)
    if handler is None:
        raise Unsupported(name_of(function))
    return invoke(handler, name_of(function), args, kwargs)


def invoke(handler: Handler, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a handler with torch's spellings of the arguments."""
    kwargs = {_RENAMED.get(key, key): value for key, value in kwargs.items()}
    if "input" in kwargs:
        args = (kwargs.pop("input"), *args)
    known = _SIGNATURES[handler].parameters
    kwargs = {k: v for k, v in kwargs.items() if k in known or (v is not None and v is not False)}
    try:
        _SIGNATURES[handler].bind(*args, **kwargs)
    except TypeError as error:
        why = f"called with arguments it has no exact form for ({error})"
        raise Unsupported(name, why) from None
    return handler(*args, **kwargs)


def method(owner: Any, name: str) -> Callable[..., Any]:
    """The bound method `name` of an exact tensor."""
    handler = METHODS.get(name)
    if handler is None:
        raise UnsupportedAttribute(f"Tensor.{name}")
    return lambda *args, **kwargs: invoke(handler, f"torch.Tensor.{name}", (owner, *args), kwargs)
