"""One more point: the block update against refits in fractions, duplicates, and what rounding takes away."""

from __future__ import annotations

import random
from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
import torch
from lookahead_oracles import gram, independent_rows, least_squares, moved, solved

from altheory import InputError
from altheory.lookahead import augmented, block_update, linear_fit, printed_block_update, schur, schur_error

D = torch.float64


def one(x):
    return torch.tensor(float(x), dtype=D)


def row(values):
    return torch.tensor([float(x) for x in values], dtype=D)


def tensor(rows):
    return torch.tensor([[float(x) for x in line] for line in rows], dtype=D)


def problem(seed, L=3, m=2, p=6):
    rng = random.Random(seed)
    J = [[F(rng.randint(-3, 3)) for _ in range(p)] for _ in range(L + 1 + m)]
    r = [F(rng.randint(-4, 4), rng.randint(1, 3)) for _ in range(L + 1)]
    K = gram(J)
    given = (
        tensor([line[:L] for line in K[:L]]), row(K[L][:L]), one(K[L][L]),
        tensor([line[:L] for line in K[L + 1 :]]), row([line[L] for line in K[L + 1 :]]), row(r[:L]), one(r[L]),
    )  # fmt: skip
    return J, r, L, given


def truth(J, r, L):
    """The change of the outputs at the other points from the fit of L points to that of L + 1, in the parameters."""
    before, after = (moved(J[L + 1 :], least_squares(J[:n], r[:n])) for n in (L, L + 1))
    return [b - a for a, b in zip(before, after)]


def printed(J, r, L):
    """Eq. (12) letter by letter, in fractions."""
    K = gram(J)
    v = [sum(K[i][j] * K[j][L] for j in range(L)) for i in range(L)]
    w = [x for (x,) in solved([line[:L] for line in K[:L]], [[K[i][L]] for i in range(L)])]
    u = K[L][L] - sum(K[L][i] * w[i] for i in range(L))
    e = sum(v[i] * r[i] for i in range(L)) - r[L]
    return [(sum(K[x][i] * v[i] for i in range(L)) - K[x][L]) / u * e for x in range(L + 1, len(J))]


@pytest.mark.parametrize("seed", range(20))
def test_repaired_right_and_printed_wrong(seed):
    J, r, L, given = problem(seed)
    assert len(independent_rows(J[: L + 1])) == L + 1
    wanted = row(truth(J, r, L))
    torch.testing.assert_close(block_update(*given), wanted, rtol=0, atol=1e-11)
    torch.testing.assert_close(printed_block_update(*given), row(printed(J, r, L)), rtol=1e-10, atol=1e-11)
    assert not torch.allclose(printed_block_update(*given), wanted)


def test_the_smallest_example():
    given = (one(2)[None, None], row([1]), one(1), one(1)[None, None], row([1]), row([0]), one(1))
    assert block_update(*given).tolist() == [1]
    assert printed_block_update(*given).tolist() == pytest.approx([-2], abs=1e-15)


@pytest.mark.parametrize(
    ("J", "L"),
    [
        ([[1, 2], [3, 1], [1, 2], [0, 1]], 2),  # a duplicate
        ([[1, 2], [1, 2], [1, 2], [0, 1]], 2),  # the third copy
        ([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 2, 3]], 2),  # a combination
        ([[0, 0], [0, 0], [1, 1]], 1),  # features that vanish
        ([[1, 2, 0], [1, 2, 0], [0, 1, 1], [1, 0, 0]], 2),  # a singular kernel and an independent point
    ],
)
def test_features_in_the_span(J, L):
    r = [F(3), F(-1), F(5, 2)][: L + 1]
    K = gram(J)
    given = (
        tensor([line[:L] for line in K[:L]]), row(K[L][:L]), one(K[L][L]),
        tensor([line[:L] for line in K[L + 1 :]]), row([line[L] for line in K[L + 1 :]]), row(r[:L]), one(r[L]),
    )  # fmt: skip
    torch.testing.assert_close(block_update(*given), row(truth(J, r, L)), rtol=0, atol=1e-13)
    independent = len(independent_rows(J[: L + 1])) > len(independent_rows(J[:L]))
    assert bool(schur(*given[:3]).independent) == independent


def test_the_printed_form_says_nothing_about_duplicates():
    given = (one(2)[None, None], row([2]), one(2), one(2)[None, None], row([2]), row([0]), one(1))
    assert printed_block_update(*given).tolist() == [0]
    assert block_update(*given).tolist() == [0.5]


def test_equal_points_get_their_mean_label():
    K = torch.ones(3, 3, dtype=D)
    labels = row([0, 1, 5])
    fit = linear_fit(K, K[:1], labels)
    more = block_update(K, row([1, 1, 1]), one(1), K[:1], row([1]), labels, one(10))
    assert (fit + more).item() == pytest.approx(4, abs=1e-14)


def test_fits_against_numpy():
    J = torch.randn(2, 7, 4, generator=torch.Generator().manual_seed(0), dtype=D)
    J[:, 2] = J[:, 1]
    K, r = J @ J.mT, torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(1), dtype=D)
    wanted = K.numpy()[:, 5:, :5] @ np.linalg.pinv(K.numpy()[:, :5, :5], rcond=1e-12) @ r.numpy()
    torch.testing.assert_close(linear_fit(K[:, :5, :5], K[:, 5:, :5], r), torch.from_numpy(wanted))
    joined = augmented(K[:, :5, :5], K[:, :5, 5], K[:, 5, 5])
    torch.testing.assert_close(joined, K[:, :6, :6])


def test_batches_outputs_and_gradients():
    J = torch.randn(2, 6, 9, generator=torch.Generator().manual_seed(2), dtype=D)
    r = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(3), dtype=D)

    def change(J, r):
        K = J @ J.mT
        return block_update(
            K[..., :3, :3], K[..., :3, 3], K[..., 3, 3], K[..., 4:, :3], K[..., 4:, 3], r[..., :3, :], r[..., 3, :]
        )

    found = change(J, r)
    assert found.shape == (2, 2, 3)
    torch.testing.assert_close(found[1], change(J[1], r[1]))
    K = J @ J.mT
    wanted = linear_fit(K[:, :4, :4], K[:, 4:, :4], r) - linear_fit(K[:, :3, :3], K[:, 4:, :3], r[:, :3])
    torch.testing.assert_close(found, wanted)
    assert torch.autograd.gradcheck(change, (J[0].requires_grad_(), r[0].requires_grad_()))


def test_the_rounding_error_of_u():
    """Points approach a labelled one; u in 60 digits; float64 must be within the bound, and refuse what it cannot tell."""
    g = np.random.default_rng(0)
    X = g.standard_normal((8, 3))
    refused = 0
    for delta in np.logspace(-1, -9, 17):
        points = np.vstack([X, X[0] + delta * np.array([0.6, 0.8, 0.0])])
        squares = ((points[:, None] - points[None]) ** 2).sum(-1)
        K = torch.from_numpy(np.exp(-squares / 2))
        found = schur(K[:8, :8], K[:8, 8], K[8, 8])
        with mpmath.workdps(60):
            exact = mpmath.matrix(K.tolist())
            u = mpmath.det(exact) / mpmath.det(exact[:8, :8])
        bound = float(schur_error(torch.ones(8, dtype=D), one(1), found.v))
        assert abs(float(found.u - float(u))) <= bound
        assert bool(found.independent) == (float(found.u) > bound)
        refused += not found.independent
    assert 1 <= refused <= 6  # from about 1e-7 on


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (1, row([1, 2]), "the four blocks"),
        (2, row([1]), "the four blocks"),
        (3, tensor([[1, 2]]), "`K_x`"),
        (4, row([1, 2]), "`k_x`"),
        (5, row([1, 2]), "`residual`"),
        (6, row([1, 2]), "`new_residual`"),
        (0, one(-1)[None, None], "positive semi-definite"),
        (5, row([float("nan")]), "NaN"),
    ],
)
def test_bad_input(place, value, words):
    given = [one(2)[None, None], row([1]), one(1), one(1)[None, None], row([1]), row([0]), one(1)]
    given[place] = value
    with pytest.raises(InputError, match=words):
        block_update(*given)


def test_bad_fits():
    with pytest.raises(InputError, match="one row, or column, for each labelled point"):
        linear_fit(torch.eye(2, dtype=D), torch.eye(3, dtype=D), row([1, 2]))
