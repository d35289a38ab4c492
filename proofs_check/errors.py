"""The two ways an input can be wrong, each carrying one sentence for the person who gave it."""

from __future__ import annotations


class BadInput(ValueError):
    """Something given to the program cannot be used: what was given, what was wanted, what to do (exit code 2)."""


class ClaimFault(RuntimeError):
    """The body of one claim failed or returned something that is not a verdict's material (verdict ``error``)."""


def nearest(word: str, known: list[str]) -> str:
    """`` (did you mean X?)`` when a known word is close to `word`, else the empty string."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""
