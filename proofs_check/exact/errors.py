"""Why an exact computation stopped: three different answers that the driver treats differently.

`Unsupported`: the operation has no exact counterpart here; more precision will not help, the sentence names it.
`Undecided`:   balls overlap where a decision is needed; the driver doubles the precision and starts again.
`Singular`:    the value does not exist (division by an exact zero, logarithm of zero, singular matrix).
"""

from __future__ import annotations


class ExactError(Exception):
    """Base of everything the exact arithmetic raises on purpose."""


class Unsupported(ExactError):
    """An operation without an exact counterpart; `operation` is its name as the caller would write it."""

    def __init__(self, operation: str, why: str = "") -> None:
        self.operation = operation
        reason = f": {why}" if why else ""
        super().__init__(f"`{operation}` cannot be run in exact arithmetic{reason}.")


class UnsupportedAttribute(Unsupported, AttributeError):
    """An unknown tensor attribute; also an `AttributeError`, so that `hasattr` and protocols behave."""


class UnsupportedLength(Unsupported, TypeError):
    """The length of a 0-d tensor; also a `TypeError`, as torch has it."""


class Undecided(ExactError):
    """Balls overlap at this precision where a decision (comparison, sign, order, invertibility) is needed."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        super().__init__(f"`{operation}` is not decided at this precision: the balls overlap.")


class UnseparatedEigenvalues(Undecided, Unsupported):
    """Eigenvectors of a cluster: undecided at this precision, unsupported if no precision separates it."""

    def __init__(self, operation: str) -> None:
        Unsupported.__init__(self, operation, "the eigenvalues are not separated, so eigenvectors are not determined")


class Singular(ExactError, ArithmeticError):
    """A value that does not exist as a real number."""

    def __init__(self, operation: str, why: str) -> None:
        self.operation = operation
        super().__init__(f"`{operation}`: {why}.")


class ProgramError(ExactError, ValueError):
    """A straight-line program that cannot be read: wrong schema, broken digest, unknown operation."""
