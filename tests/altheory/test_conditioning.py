"""Smallest eigenvalues against closed forms, singular values, fractions, mpmath with 50 digits, and autograd."""

from __future__ import annotations

import math
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch

import altheory as al
from altheory.conditioning import (
    block_matrix,
    bordered,
    bordered_smallest,
    condition_number,
    eigenvalues,
    growing_spectra,
    layer_grams,
    numerical_rank,
    secular_smallest,
    smallest_eigenvalue,
    smallest_positive_eigenvalue,
    trace_proxy,
)


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def lowest_of(matrix):
    """The smallest eigenvalue of a symmetric matrix, by mpmath with 50 digits."""
    with mpmath.workdps(50):
        return float(mpmath.eigsy(mpmath.matrix(matrix.tolist()), eigvals_only=True)[0])


def rank_of(rows):
    """The rank of a rational matrix, by elimination."""
    rows, rank = [[F(x) for x in row] for row in rows], 0
    for column in range(len(rows[0])):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


# eigenvalues and the rank rule


def test_kernels_whose_spectrum_is_known():
    K = [[[2, 1], [1, 2]], [[1, 2], [2, 4]], [[0, 0], [0, 0]], [[101, 99], [99, 101]]]
    assert smallest_eigenvalue(K).tolist() == pytest.approx([1, 0, 0, 2], abs=1e-13)
    assert smallest_positive_eigenvalue(K).tolist() == pytest.approx([1, 5, 0, 2], abs=1e-13)
    assert numerical_rank(K).tolist() == [2, 1, 0, 2]
    assert eigenvalues(K)[1].tolist() == [0, pytest.approx(5)]
    assert condition_number(K).tolist()[0] == pytest.approx(3)
    assert condition_number(K).tolist()[3] == pytest.approx(100)


def test_a_singular_kernel_has_no_condition_number():
    assert condition_number([[1.0, 0.0], [0.0, 0.0]]) == math.inf


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_the_rank_rule_finds_the_smallest_singular_value_of_the_features_and_a_literal_sign_finds_noise(dtype):
    for seed in range(5):
        H = normal(seed, 40, 20).to(dtype)
        true = float(np.linalg.svd(H.double().numpy(), compute_uv=False)[-1] ** 2)
        K = H @ H.mT
        assert numerical_rank(K) == 20
        found = smallest_positive_eigenvalue(K)
        assert found.dtype == dtype
        assert float(found) == pytest.approx(true, rel=1e-3 if dtype == torch.float32 else 1e-10)
        assert float(smallest_positive_eigenvalue(K, rtol=0.0)) < 1e-5 * true


def test_the_rank_of_integer_kernels_is_that_of_elimination():
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        J = torch.randint(-2, 3, (5, 4), generator=generator)
        assert int(numerical_rank((J @ J.mT).double())) == rank_of(J.tolist())


def test_a_tolerance_of_ones_own_moves_the_rank():
    K = torch.diag(torch.tensor([1.0, 1e-4, 1e-8], dtype=torch.float64))
    assert [int(numerical_rank(K, rtol=r)) for r in (0.0, 1e-6, 1e-2)] == [3, 2, 1]
    assert float(smallest_positive_eigenvalue(K, rtol=1e-6)) == 1e-4


def test_copies_raise_the_smallest_positive_eigenvalue_by_their_number():
    K = normal(3, 3, 6) @ normal(3, 3, 6).mT
    for copies in (2, 3):
        rows = torch.arange(3).repeat(copies)
        both = K[rows][:, rows]
        assert float(smallest_positive_eigenvalue(both)) == pytest.approx(copies * float(smallest_eigenvalue(K)), rel=1e-10)


# several outputs, several layers


def test_the_block_kernel_and_its_trace_are_those_of_the_gradients():
    net = al.TwoLayerNet(d=3, width=6, outputs=2, activation="erf", train_output=True, antisymmetric=False, seed=0)
    X = normal(1, 4, 3)
    jacobian = torch.func.jacrev(lambda W, a: net.functional(W, a, X), argnums=(0, 1))(net.W, net.a)
    J = torch.cat([part.flatten(2) for part in jacobian], -1)  # (4 points, 2 outputs, parameters)
    pairs = al.kernels.empirical(net, X, outputs="pairs")
    flat = J.reshape(8, -1)
    torch.testing.assert_close(block_matrix(pairs), flat @ flat.mT)
    by_hand = sum(J[:, c] @ J[:, c].mT for c in range(2))
    torch.testing.assert_close(trace_proxy(pairs), by_hand)
    torch.testing.assert_close(trace_proxy(pairs), 2 * al.kernels.empirical(net, X, outputs="mean"))


def test_blocks_of_two_lists_of_points_are_rectangular():
    pairs = normal(0, 5, 2, 2, 3, 4)
    found = block_matrix(pairs)
    assert found.shape == (5, 6, 8)
    assert found[3, 2 * 1 + 1, 2 * 2 + 0] == pairs[3, 1, 0, 1, 2]
    assert trace_proxy(pairs).shape == (5, 3, 4)


def test_the_layers_kernels_are_their_own_and_sum_to_the_kernel():
    J = normal(2, 4, 7)
    layers = layer_grams(J, [3, 1, 3])
    torch.testing.assert_close(layers.sum(0), J @ J.mT)
    assert layers[1].numpy() == pytest.approx(np.outer(J[:, 3], J[:, 3]))
    # the smallest eigenvalue is superadditive
    assert float(smallest_eigenvalue(J @ J.mT)) >= float(smallest_eigenvalue(layers).sum())


# one more point


@pytest.mark.parametrize(
    "kind", ["generic", "cluster", "near cluster", "no coupling to the bottom", "sparse coupling", "one point"]
)
def test_the_secular_equation_gives_the_bordered_matrix_its_smallest_eigenvalue(kind):
    for seed in range(12):
        n, m = (1 if kind == "one point" else 2 + seed % 4), 3
        w = torch.exp(8 * torch.rand(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 6).sort().values
        if kind == "cluster":
            w[:2] = w[0]
        if kind == "near cluster":
            w[1] = w[0] * (1 + 1e-9)
        Q = torch.linalg.qr(normal(seed, n, n))[0]
        K = (Q * w) @ Q.mT
        K = (K + K.mT) / 2
        z = normal(seed + 100, n, m) * torch.exp(10 * normal(seed + 200, n, m).clamp(-1.5, 0.3))
        if kind == "no coupling to the bottom":
            z[0] = 0
        if kind == "sparse coupling":
            z[normal(seed + 300, n, m) > 0] = 0
        B, k = Q @ z, torch.exp(normal(seed + 400, m))
        found = bordered_smallest(K, B, k)
        for j in range(m):
            whole = bordered(K, B[:, j], k[j])
            assert abs(float(found[j]) - lowest_of(whole)) <= 40 * 2**-52 * float(whole.abs().sum())


def test_where_there_is_no_root_the_old_eigenvalue_stays():
    K = torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64))
    none = torch.zeros(2, 3, dtype=torch.float64)
    assert bordered_smallest(K, none, [3.0, 1.0, 0.5]).tolist() == [1, 1, 0.5]
    # coupled to the second eigenvector only: a root below 1 while 3 - 1 < b^2 / (2 - 1)
    some = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    assert bordered_smallest(K, some, [3.0, 3.0]).tolist() == pytest.approx([1, (5 - math.sqrt(17)) / 2])


def test_the_secular_equation_takes_a_batch():
    w, z, k = normal(0, 5, 3).sort(-1).values, normal(1, 5, 3, 4), normal(2, 5, 4)
    found = secular_smallest(w, z, k)
    assert found.shape == (5, 4)
    one_by_one = [[float(secular_smallest(w[i], z[i, :, j : j + 1], k[i, j : j + 1])) for j in range(4)] for i in range(5)]
    assert found.numpy() == pytest.approx(np.array(one_by_one), abs=1e-14)


# growing sets


def test_spectra_of_a_growing_set_interlace_and_follow_the_order():
    K = normal(5, 6, 9) @ normal(5, 6, 9).mT
    order = [4, 1, 5, 0]
    spectra = growing_spectra(K, order)
    assert [len(s) for s in spectra] == [1, 2, 3, 4]
    assert float(spectra[0][0]) == pytest.approx(float(K[4, 4]))
    two = [[float(K[i, j]) for j in (4, 1)] for i in (4, 1)]
    middle, radius = (two[0][0] + two[1][1]) / 2, math.hypot((two[0][0] - two[1][1]) / 2, two[0][1])
    assert spectra[1].tolist() == pytest.approx([middle - radius, middle + radius])
    for small, large in zip(spectra, spectra[1:], strict=False):
        assert (large[:-1] <= small + 1e-12).all()
        assert (small <= large[1:] + 1e-12).all()
    assert [s.tolist() for s in growing_spectra(K, order, sizes=[3])] == [spectra[2].tolist()]


# what is refused


SQUARE = torch.eye(3, dtype=torch.float64)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: smallest_eigenvalue(torch.ones(2, 3)), "square"),
        (lambda: smallest_eigenvalue([[1.0, 2.0], [0.0, 1.0]]), "symmetric"),
        (lambda: smallest_eigenvalue([[float("nan")]]), "NaN"),
        (lambda: smallest_positive_eigenvalue(-SQUARE), "negative eigenvalue"),
        (lambda: smallest_positive_eigenvalue(SQUARE, rtol=1.0), "rtol"),
        (lambda: smallest_positive_eigenvalue(SQUARE, rtol=-1e-9), "rtol"),
        (lambda: block_matrix(torch.ones(2, 3, 4, 4)), "pairs"),
        (lambda: trace_proxy(torch.ones(4, 4)), "dimension"),
        (lambda: layer_grams(torch.ones(2, 5), [2, 2]), "sizes"),
        (lambda: layer_grams(torch.ones(2, 5), [5, 0]), "sizes"),
        (lambda: bordered(SQUARE, torch.ones(2, dtype=torch.float64), 1.0), "border"),
        (lambda: bordered_smallest(SQUARE, torch.ones(3, 2, dtype=torch.float64), [1.0]), "corner"),
        (lambda: secular_smallest([2.0, 1.0], [[1.0], [1.0]], [1.0]), "ascend"),
        (lambda: secular_smallest([1.0, 2.0], [[1.0]], [1.0]), "coupling"),
        (lambda: growing_spectra(SQUARE, [0, 0]), "order"),
        (lambda: growing_spectra(SQUARE, [0, 3]), "order"),
        (lambda: growing_spectra(SQUARE, [0, 1], sizes=[3]), "sizes"),
        (lambda: growing_spectra(torch.stack([SQUARE, SQUARE])), "one matrix"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(call, named):
    with pytest.raises(al.InputError, match=named) as refusal:
        call()
    assert "\n" not in str(refusal.value)
