"""Numbers on the page are exact where they look exact, and rounding never changes what they say."""

import math

import pytest

from proofs_check.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "1/2"),
        (-0.75, "−3/4"),
        (1.0, "1"),
        (3, "3"),
        (15.5, "31/2"),
        (1 / 64, "1/64"),
        (1 / 128, "0.0078125"),
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (0.98, "0.98"),
        (123456, "123,456"),
        (59358.668, "59,358.7"),
        (1.25e-9, "1.25×10⁻⁹"),
        (-2.5e10 - 0.5, "−2.5×10¹⁰"),
        (math.inf, "∞"),
        (math.nan, "not a number"),
        (10**400, "∞"),
        (None, "–"),
    ],
)
def test_number(value, text):
    assert numbers.number(value) == text


def test_only_exact_fractions_are_shown_as_fractions():
    assert numbers.simple_fraction(0.5 + 2**-40) is None
    assert numbers.simple_fraction(1 / 3) is None
    assert numbers.simple_fraction(0.375).denominator == 8


@pytest.mark.parametrize("value", [1 - 2e-8, 1 - 2**-53, 1 + 2.2e-16, 0.99995])
def test_a_ratio_next_to_one_is_not_printed_as_one(value):
    assert numbers.ratio(value) != "1"
    assert ("+" in numbers.ratio(value)) == (value > 1)


def test_a_ratio_of_one_is_one():
    assert numbers.ratio(1.0) == "1"


def test_sides_that_differ_are_printed_differently():
    left, right = 0.1234567890123, 0.1234567890124
    assert numbers.number(left) == numbers.number(right)
    assert len(set(numbers.pair(left, right))) == 2
    assert len(set(numbers.pair(0.25, 0.25))) == 1


def test_rounded_entries_keep_their_full_value_as_a_tooltip():
    assert 'title="0.123456789012"' in numbers.entry(0.123456789012)
    assert "title" not in numbers.entry(0.5)


def test_exact_rationals_of_a_witness():
    assert numbers.entry("6561/50000") == "6561/50000"
    long = f"{10**40}/{3 * 10**40 + 1}"
    assert "0.333333" in numbers.entry(long)
    assert long in numbers.entry(long)


def test_small_matrices_are_complete_and_large_ones_say_their_size():
    small = numbers.block([[1.0, 0.5], [0.5, 1.0]])
    assert small.count("<td>") == 4
    large = numbers.block([[float(i * j) for j in range(30)] for i in range(20)])
    assert large.count("<tr>") == 8
    assert "20 × 30" in large
    assert "361" not in large
    assert "551" in large  # the last entry is always shown: 19 * 29


def test_vectors_are_cut_with_their_length_stated():
    text = numbers.block([float(i) for i in range(1000)])
    assert "length 1000" in text
    assert text.count("<td>") == numbers.VECTOR_SHOWN
    assert "999" in text


@pytest.mark.parametrize("value", [[], [[]], [[[1.0]]], [[1.0], [1.0, 2.0]], {"a": [1.0]}, "text", None, True])
def test_any_value_has_a_block(value):
    assert numbers.block(value)


def test_strings_are_escaped():
    assert "<b>" not in numbers.block(["<b>"])
    assert "<b>" not in numbers.block({"<b>": "<b>"})


def test_inline_values():
    assert numbers.assignments({"lam": [1.0, 0.5], "t": 0}) == "lam = (1, 1/2), t = 0"
    assert numbers.inline([[1.0, 0.0], [0.0, 1.0]]) == "[1, 0; 0, 1]"
    assert numbers.inline([0.0] * 100) == "a vector of length 100"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.123, "0.12 s"), (4.06, "4.1 s"), (59.9, "1 min 0 s"), (3700, "1 h 1 min"), (None, "–")],
)
def test_seconds(value, text):
    assert numbers.seconds(value) == text
