"""Counting what a computation does, by watching every operation of torch."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

PRODUCTS = ("mm", "bmm", "addmm", "baddbmm", "mv")


class Work(TorchDispatchMode):
    """While it is entered, counts numbers computed.

    Attributes:
        products: multiplications in products of matrices: the entries of each result times the length of the sums.
        others: entries of the results of all other operations.
    """

    def __init__(self) -> None:
        super().__init__()
        self.products = 0
        self.others = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.products + self.others

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operation and count its results."""
        out = func(*args, **(kwargs or {}))
        product = func.overloadpacket.__name__ in PRODUCTS
        for one in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(one, Tensor):
                if product:
                    self.products += one.numel() * args[-2].shape[-1]
                else:
                    self.others += one.numel()
        return out
