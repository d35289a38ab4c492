"""Both forms of the alignment against sums by hand and each other."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import altheory as al
from altheory.alignment import alignment, spectral_alignment


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(1, 7),
    st.integers(1, 3),
    st.sampled_from(["full", "repeated", "rank one"]),
)
def test_both_forms_are_the_double_sum(seed, n, K, kind):
    generator = torch.Generator().manual_seed(seed)
    B = torch.randn(n, n, generator=generator, dtype=torch.float64)
    if kind == "full":
        theta = B + B.mT  # symmetric, indefinite
    elif kind == "repeated":  # the eigenvectors are not unique, the sum is
        Q = torch.linalg.qr(B)[0]
        theta = Q @ torch.diag(torch.tensor([2.0] * (n // 2) + [1.0] * (n - n // 2), dtype=torch.float64)) @ Q.mT
    else:
        theta = B[:, :1] @ B[:, :1].mT
    Y = torch.randn(n, K, generator=generator, dtype=torch.float64)
    total = sum(theta[i, j] * Y[i, k] * Y[j, k] for i in range(n) for j in range(n) for k in range(K))
    scale = float(theta.abs().max() * (Y * Y).sum()) * n
    assert alignment(theta, Y).item() == pytest.approx(float(total), abs=1e-13 * scale)
    assert spectral_alignment(theta, Y).item() == pytest.approx(float(total), abs=1e-13 * scale)


def test_shapes_batches_and_one_hot_labels():
    theta = torch.tensor([[2.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 4.0]], dtype=torch.float64)
    one_hot = torch.tensor([[1.0, 0], [1, 0], [0, 1]], dtype=torch.float64)
    assert alignment(theta, one_hot).item() == 2 + 3 + 2 * 1 + 4  # the sum of theta within the classes
    stacked = torch.stack([theta, 2 * theta])
    for form in (alignment, spectral_alignment):
        assert form(stacked, torch.stack([one_hot, one_hot])).tolist() == pytest.approx([11, 22])
        assert form(stacked, np.ones((2, 3))).tolist() == pytest.approx([12.5, 25])  # (2, 3): a vector for each
        assert form(theta, [1.0, 1.0, 1.0]).item() == pytest.approx(12.5)
        assert form(np.zeros((2, 2)), [1, 1]).item() == 0


def test_exact_arrays(exact):
    theta = exact.fractions([[F(1, 3), 1], [1, 5]])
    assert alignment(theta, exact.fractions([3, 1])).values == F(14)
    exact.eigh = exact.fractions([1, 3]), exact.fractions([[F(3, 5), F(4, 5)], [F(-4, 5), F(3, 5)]])
    assert spectral_alignment(theta, exact.fractions([[5], [0]])).values == 9 + 3 * 16


@pytest.mark.parametrize("form", [alignment, spectral_alignment])
def test_refusals(form):
    with pytest.raises(al.InputError, match="square matrix"):
        form(np.ones((2, 3)), np.ones(2))
    with pytest.raises(al.InputError, match=r"`Y` has shape \(3,\) but `theta` has shape \(2, 2\)"):
        form(np.eye(2), np.ones(3))


def test_symmetry_is_needed_only_by_the_spectral_form():
    skewed = [[1.0, 2.0], [0.0, 1.0]]
    assert alignment(skewed, [1.0, 1.0]).item() == 4
    with pytest.raises(al.InputError, match="`theta` is not symmetric"):
        spectral_alignment(skewed, [1.0, 1.0])
