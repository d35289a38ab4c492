"""A claim's docstring: the statement, then sections under fixed headings."""

from __future__ import annotations

import pytest

from proofs_check.docstring import HEADINGS, parse_docstring


def test_statement_and_sections():
    text = r"""For every x:
    $x \le x$.

    And so on.

    Proof: trivial,
    by inspection.

    More of the proof.
    Tight at: x = 0.

    Notes: none."""
    statement, sections = parse_docstring(text)
    assert statement == "For every x: $x \\le x$.\n\nAnd so on."
    assert sections == (("Proof", "trivial, by inspection.\n\nMore of the proof."), ("Tight at", "x = 0."), ("Notes", "none."))


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_heading_opens_a_section(heading):
    assert parse_docstring(f"A.\n\n    {heading}: b.") == ("A.", ((heading, "b."),))


def test_other_words_before_a_colon_are_text():
    assert parse_docstring("In words: a.\n\nRemark: b.") == ("In words: a.\n\nRemark: b.", ())


def test_no_docstring_is_an_empty_statement():
    assert parse_docstring("") == ("", ())


def test_a_statement_may_open_with_a_section():
    assert parse_docstring("Notes: only this.") == ("", (("Notes", "only this."),))
