"""A round of randomized BSS in exact arithmetic: the rationals that the definition gives by hand."""

from __future__ import annotations

from fractions import Fraction as F

import pytest

import proofs_check.exact.run  # noqa: F401  (torch's functions for exact tensors)
from altheory import sparsifier
from proofs_check.exact import ExactTensor


def exact(values):
    return ExactTensor.from_fractions(values)


def numbers(tensor):
    return [F(str(value)) for value in tensor.scalars]


B = [[[F(1, 2), F(0)], [F(0), F(-1, 3)]]]
LOW, HIGH, G = F(-1), F(2), F(1, 10)
# (uI - B)^-1 + (B - lI)^-1 on a diagonal B
Q = [1 / (HIGH - b) + 1 / (b - LOW) for b in (F(1, 2), F(-1, 3))]
PHI = sum(Q)


def test_the_barrier_matrix_and_the_potential():
    state = exact(B), exact([LOW]), exact([HIGH])
    assert numbers(sparsifier.barrier_matrix(*state)) == [Q[0], 0, 0, Q[1]]
    assert numbers(sparsifier.potential(*state)) == [PHI]


def test_the_law():
    found = sparsifier.round_law(
        exact([[[1, 1], [1, -1], [0, 2]]]), exact([[F(1, 2)] * 3]), exact(B), exact([LOW]), exact([HIGH])
    )
    assert numbers(found) == [F(1, 2), F(1, 2), 2 * Q[1] / PHI]


@pytest.mark.parametrize("gamma", [exact([G]), 0.125])
def test_a_round(gamma):
    g = G if isinstance(gamma, ExactTensor) else F(1, 8)
    found = sparsifier.next_round(exact(B), exact([LOW]), exact([HIGH]), exact([[1, 2]]), gamma)
    s = g / (Q[0] + 4 * Q[1])
    assert numbers(found.B) == [F(1, 2) + s, 2 * s, 2 * s, F(-1, 3) + 4 * s]
    assert numbers(found.lower) == [LOW + g / (PHI * (1 + g))]
    assert numbers(found.upper) == [HIGH + g / (PHI * (1 - g))]
    assert numbers(sparsifier.middle(3, exact([G]))) == [6 * (1 - G * G) / (G * G)]
    assert [numbers(end) for end in sparsifier.start(3, exact([G]))] == [[-6 / G], [6 / G]]
