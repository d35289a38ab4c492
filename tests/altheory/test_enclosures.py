"""Float64 enclosures of eigenvalues, also of matrices known up to an error, against mpmath and known spectra."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from enclosure_oracles import (
    EPS,
    MATRICES,
    graded,
    gram,
    holds,
    integer_gram,
    near_duplicates,
    norm,
    reflected,
    spectrum,
    symmetric,
)
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory.enclosures as enclosures
from altheory import InputError
from altheory.enclosures import Interval
from altheory.enclosures._interval import times_power


@pytest.mark.parametrize(
    ("name", "scale"),
    [(name, 1.0) for name in MATRICES]
    + [(name, scale) for name, A in MATRICES.items() if len(A) <= 12 for scale in (2.0**-1000, 1e-100, 1e100, 1e300)],
)
def test_intervals_contain_the_true_eigenvalues_and_are_narrow(name: str, scale: float) -> None:
    A = MATRICES[name] * scale
    true, size, n = spectrum(A), norm(MATRICES[name]) * scale, len(A)
    found = enclosures.eigenvalues(A)
    assert len(found) == n
    assert all(holds(interval, value, size) for interval, value in zip(found, true))
    least = enclosures.lambda_min(A, exact=False)
    most = enclosures.lambda_max(A, exact=False)
    assert holds(least, true[0], size)
    assert holds(most, true[-1], size)
    for interval in (*found, least, most):
        assert interval.width <= 100 * n * EPS * size
    assert least.width <= found[0].width


@given(
    n=st.integers(1, 7),
    seed=st.integers(0, 2**32),
    kind=st.sampled_from(["random", "gram", "deficient", "integer", "graded", "shifted", "duplicates"]),
    exponent=st.integers(-300, 300),
)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_no_random_matrix_escapes(n: int, seed: int, kind: str, exponent: int) -> None:
    A = {
        "random": lambda: symmetric(n, seed),
        "gram": lambda: gram(n, 2 * n, seed),
        "deficient": lambda: gram(n, (n + 1) // 2, seed),
        "integer": lambda: integer_gram(n, n - n // 3, seed),
        "graded": lambda: graded(n, seed, 1e-2),
        "shifted": lambda: torch.eye(n, dtype=torch.float64) + 1e-9 * symmetric(n, seed),
        "duplicates": lambda: near_duplicates(max(n, 2), seed, 1e-6),
    }[kind]() * 10.0**exponent
    true, size = spectrum(A), norm(A * 10.0**-exponent) * 10.0**exponent
    assert all(holds(interval, value, size) for interval, value in zip(enclosures.eigenvalues(A), true))
    assert holds(enclosures.lambda_min(A, exact=False), true[0], size)
    assert holds(enclosures.lambda_max(A, exact=False), true[-1], size)
    assert holds(enclosures.lambda_min_exact(A), true[0], size)
    decided = enclosures.is_positive_definite(A)
    tiny = size * 1e-70
    if abs(true[0]) > tiny:
        assert decided is (true[0] > 0)


@pytest.mark.parametrize("n", [64, 256])
def test_known_spectra_of_large_matrices_are_enclosed_one_to_one(n: int) -> None:
    """H diag(...) H is exact here, with eigenvalues of any multiplicity, few and many below."""
    for below in ([1, 1, 1], [-3] * (n // 2), [-1, 0, 0, 0, 0, 2, 2]):
        values = below + [5] * 9 + list(range(100, 100 + n - len(below) - 9))
        A = reflected(values)
        assert sum(Fraction(x) for x in A.diagonal().tolist()) == sum(values)
        found = enclosures.eigenvalues(A)
        assert all(value in interval for value, interval in zip(values, found))
        assert max(interval.width for interval in found) <= 100 * n * EPS * max(values)
        least, most = enclosures.lambda_min(A, exact=False), enclosures.lambda_max(A, exact=False)
        assert values[0] in least
        assert values[-1] in most
        assert enclosures.is_positive_definite(A) is (values[0] > 0)
        if len(below) < 9:
            assert least.width < 1e-2 * found[0].width


@pytest.mark.parametrize(("distance", "digits"), [(1e-5, 13), (1e-7, 13), (1e-9, 10)])
def test_a_tiny_smallest_eigenvalue_keeps_its_relative_accuracy(distance: float, digits: int) -> None:
    """Float64 eigenvalues have lost all of these digits but a few; the Rayleigh-Ritz and Lehmann bounds have them."""
    A = near_duplicates(10, 1, distance)
    found = enclosures.lambda_min(A, exact=False)
    true = spectrum(A)[0]
    assert holds(found, true, norm(A))
    assert found.width <= 10.0**-digits * abs(found.mid)
    if distance < 1e-6:
        assert abs(float(torch.linalg.eigvalsh(A)[0]) - float(true)) > 100 * found.width


def test_a_diagonal_matrix_and_a_number_are_enclosed_by_points() -> None:
    A = torch.diag(torch.tensor([3.0, 1e-310, -2.5, 0.1], dtype=torch.float64))
    assert enclosures.eigenvalues(A) == [Interval(x, x) for x in (-2.5, 1e-310, 0.1, 3.0)]
    assert enclosures.lambda_min(A) == Interval(-2.5, -2.5)
    assert enclosures.lambda_max([[7]]) == Interval(7.0, 7.0)
    assert enclosures.lambda_min(torch.zeros(3, 3)) == Interval(0.0, 0.0)
    assert enclosures.is_positive_definite(torch.zeros(3, 3)) is False


def test_the_largest_eigenvalue_may_leave_the_range_of_float64() -> None:
    A = torch.full((4, 4), 1e308, dtype=torch.float64)
    assert enclosures.lambda_max(A).hi == math.inf
    assert enclosures.lambda_max(A, exact=True) == Interval(math.nextafter(math.inf, 0), math.inf)
    assert enclosures.lambda_min(-A, exact=True) == Interval(-math.inf, -math.nextafter(math.inf, 0))
    assert times_power(Interval(2.0**-1000, 1.0), -80) == Interval(0.0, 2.0**-80)
    assert times_power(Interval(-(2.0**-1000), 3 * 2.0**-1000), -74) == Interval(-5e-324, 15e-324)
    assert times_power(Interval(-3.0, 3.0), -1075) == Interval(-10e-324, 10e-324)


def test_float32_numbers_are_taken_as_they_are() -> None:
    A = symmetric(6, 3).to(torch.float32)
    assert enclosures.lambda_min(A) == enclosures.lambda_min(A.to(torch.float64))
    assert enclosures.lambda_min(A.numpy()) == enclosures.lambda_min(A)
    assert not holds(enclosures.lambda_min(A), spectrum(symmetric(6, 3))[0], 1.0)


# ---- matrices known up to an error -----------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_every_matrix_within_the_error_is_covered(seed: int) -> None:
    A = gram(7, 9, seed)
    E = 1e-3 * symmetric(7, seed + 50).abs()
    least, most, all_of = (f(A, error=E) for f in (enclosures.lambda_min, enclosures.lambda_max, enclosures.eigenvalues))
    generator = torch.Generator().manual_seed(seed)
    for _ in range(30):
        signs = torch.sign(torch.randn(7, 7, dtype=torch.float64, generator=generator))
        other = A + 0.999 * E * (torch.tril(signs) + torch.tril(signs, -1).T)
        true = spectrum(other)
        assert all(holds(interval, value, norm(A)) for interval, value in zip(all_of, true))
        assert holds(least, true[0], norm(A))
        assert holds(most, true[-1], norm(A))
    assert least.width < 2.01 * float(torch.linalg.eigvalsh(E)[-1])


def test_a_uniform_error_is_met_by_the_worst_case() -> None:
    """The eigenvalue -n c of -c 1 1' is attained, so that the interval can be no shorter."""
    for n, c in ((3, 0.1), (10, 1e-12), (5, 1e200), (4, 1e-310)):
        found = enclosures.lambda_min(torch.zeros(n, n), error=c)
        assert Fraction(found.lo) <= -n * Fraction(c)
        assert Fraction(found.lo) >= -n * Fraction(c) * (1 + Fraction(1, 10**12)) - Fraction(1, 10**320)
    mixed = torch.zeros(2, 2, dtype=torch.float64)
    mixed[0, 1] = 1.0  # its mirror allows nothing
    assert enclosures.lambda_min(torch.eye(2), error=mixed) == Interval(1.0, 1.0)


def test_an_error_makes_a_sign_undecided_or_leaves_it() -> None:
    A = torch.eye(4, dtype=torch.float64) + 0.5
    for error, positive in ((None, True), (0.0, True), (0.2, True), (0.26, None), (1e308, None)):
        assert enclosures.is_positive_definite(A, error=error) is positive
        assert enclosures.lambda_min(A, error=error).positive is positive
    assert enclosures.is_positive_definite(A - 3 * torch.eye(4), error=0.2) is False
    assert enclosures.lambda_min(A, error=0.2, exact=True).contains(1 - 0.8)


def test_rounded_asymmetry_is_part_of_the_error() -> None:
    A = symmetric(5, 1)
    crooked = A.clone()
    crooked[3, 1] = math.nextafter(math.nextafter(float(A[3, 1]), 9), 9)
    found = enclosures.lambda_min(crooked)
    for entry in (crooked[3, 1], crooked[1, 3]):
        reading = A.clone()
        reading[3, 1] = reading[1, 3] = entry
        assert holds(found, spectrum(reading)[0], norm(A))
    with pytest.raises(InputError, match=r"not exactly symmetric at \(3, 1\)"):
        enclosures.lambda_min_exact(crooked)


# ---- intervals and bad input -----------------------------------------------------------------------------


def test_an_interval_says_what_it_proves() -> None:
    assert [Interval(*ends).positive for ends in ((1.0, 2.0), (-1.0, 0.0), (0.0, 0.0), (0.0, 1.0), (-1.0, 1.0))] == [
        True,
        False,
        False,
        None,
        None,
    ]
    third = Interval(0.3333333333333333, 0.33333333333333337)
    assert Fraction(1, 3) in third
    assert 0.3333333333333332 not in third
    assert third.contains(0.3333333333333333)
    assert third.mid in third
    assert Fraction(third.width) >= Fraction(third.hi) - Fraction(third.lo)
    assert eval(repr(third)) == third
    assert repr(third) == "Interval(0.3333333333333333, 0.33333333333333337)"
    assert str(Interval(1.0, 2.0)) == "[1.0, 2.0] (width 1)"
    assert -Interval(-2.0, 0.0) == Interval(0.0, 2.0)
    assert Interval(-1e308, 1.7e308).mid in Interval(-1e308, 1.7e308)
    assert Interval(1.0, 1.0).width == 0
    for ends in ((2.0, 1.0), (math.nan, 1.0)):
        with pytest.raises(InputError, match="empty"):
            Interval(*ends)


BAD = {
    "NaN": ([[1.0, math.nan], [math.nan, 1.0]], "NaN"),
    "infinite": ([[math.inf]], "finite|rational"),
    "empty": (torch.zeros(0, 0), "empty|shape|rows"),
    "not square": (torch.zeros(2, 3), "square"),
    "a vector": (torch.ones(3), "square|dimension"),
    "a number": (1.0, "square|rational"),
    "a batch": (torch.eye(3).expand(2, 3, 3), "batch|dimension"),
    "not symmetric": ([[1.0, 2.0], [3.0, 1.0]], "symmetric"),
    "complex": (torch.eye(2, dtype=torch.complex128), "complex"),
    "words": ([["a", "b"], ["b", "c"]], "numbers"),
}


@pytest.mark.parametrize("function", [enclosures.lambda_min, enclosures.eigenvalues, enclosures.lambda_max])
@pytest.mark.parametrize("name", BAD)
def test_bad_matrices_are_refused_in_a_sentence(name: str, function) -> None:
    with pytest.raises(InputError, match="`theta`"):
        function(BAD[name][0])
    with pytest.raises(InputError, match="`theta`"):
        enclosures.is_positive_definite(BAD[name][0])


@pytest.mark.parametrize("name", BAD)
def test_exact_arithmetic_refuses_them_too(name: str) -> None:
    with pytest.raises(InputError, match="`theta`"):
        enclosures.lambda_min_exact(BAD[name][0])
    with pytest.raises(InputError, match="`theta`"):
        enclosures.inertia_exact(BAD[name][0])


def test_bad_errors_and_options_are_refused() -> None:
    A = torch.eye(3)
    for error, match in ((-1.0, "negative"), (torch.ones(2, 2), "shape"), (torch.ones(3), "shape"), (math.nan, "NaN")):
        with pytest.raises(InputError, match=match):
            enclosures.lambda_min(A, error=error)
    with pytest.raises(InputError, match="`exact`"):
        enclosures.lambda_min(A, exact="yes")
    with pytest.raises(InputError, match="kept to 128"):
        enclosures.lambda_min(torch.eye(129), exact=True)
    with pytest.raises(InputError, match="lambda_min_exact"):
        enclosures.lambda_min(type("Duck", (), {"__torch_function__": None})())
    torch.set_flush_denormal(True)
    try:
        with pytest.raises(InputError, match="set_flush_denormal"):
            enclosures.lambda_min(symmetric(3, 0))
    finally:
        torch.set_flush_denormal(False)
