"""All candidates at once, against refits one by one; sequential against batch; refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from lookahead_oracles import blocks, pool, refit

import altheory as al
from altheory import InputError
from altheory.lookahead import _scores as scores
from altheory.lookahead import (
    changes_by_label,
    class_probabilities,
    expected_change,
    expected_error_reduction,
    from_jacobian,
    from_kernels,
    mlmoc,
    most_likely_change,
    one_step_change,
    sequential,
)

D = torch.float64


def made(L=6, U=9, C=3, P=20, seed=0):
    K, J, Y, F = pool(L, U, C, P, seed)
    return from_kernels(*blocks(K, L), Y, F[:L], F[L:]), K, J, Y, F


def by_refits(K, Y, F, L, against="network"):
    """Change of every candidate and label, and the outputs after it, one solve each."""
    K, Y, F = K.numpy(), Y.numpy(), F.numpy()
    U, C = len(F) - L, F.shape[1]
    base = F[L:] if against == "network" else F[L:] + K[L:, :L] @ np.linalg.solve(K[:L, :L], Y - F[:L])
    after = np.array([[refit(K, L, j, np.eye(C)[c], Y, F) for c in range(C)] for j in range(U)])
    return torch.from_numpy(np.linalg.norm(after - base, axis=-1).sum(-1)), torch.from_numpy(after)


@pytest.fixture(params=["in one piece", "in tiles"])
def both_ways(request, monkeypatch):
    """Small problems are evaluated in one piece; large ones in tiles."""
    if request.param == "in tiles":
        monkeypatch.setattr(scores, "_SMALL", 0)
        monkeypatch.setattr(scores, "_TILE", 40)


@pytest.mark.parametrize("against", ["network", "linearised"])
def test_every_label_of_every_candidate(both_ways, against):
    ahead, K, _, Y, F = made()
    wanted, after = by_refits(K, Y, F, 6, against)
    torch.testing.assert_close(changes_by_label(ahead, against=against), wanted, rtol=1e-12, atol=0)
    best = F[6:].argmax(1)
    likely = wanted[torch.arange(9), best]
    torch.testing.assert_close(most_likely_change(ahead, against=against), likely, rtol=1e-12, atol=0)
    torch.testing.assert_close(mlmoc(*blocks(K, 6), Y, F[:6], F[6:], against=against), likely, rtol=1e-12, atol=0)
    p = class_probabilities(F[6:])
    torch.testing.assert_close(expected_change(ahead, p, against=against), (p * wanted).sum(1), rtol=1e-12, atol=0)
    torch.testing.assert_close(ahead.predictions(), after[torch.arange(9), best])
    labels = torch.eye(3, dtype=D)[[2] * 9]
    torch.testing.assert_close(ahead.predictions(labels), after[:, 2])


@pytest.mark.parametrize("rule", ["softmax", "clip"])
@pytest.mark.parametrize("itself", [True, False])
def test_expected_error_reduction(both_ways, rule, itself):
    ahead, K, _, Y, F = made()
    _, after = by_refits(K, Y, F, 6)
    p = class_probabilities(F[6:])
    wanted = torch.zeros(9, dtype=D)
    for j in range(9):
        for c in range(3):
            for x in range(9):
                f = after[j, c, x]
                q = torch.exp(f) if rule == "softmax" else f.clamp(min=0) if f.max() > 0 else torch.ones(3, dtype=D)
                if x != j or itself:
                    wanted[j] += p[j, c] * sum(float(a) * math.log(float(a)) for a in q / q.sum() if a > 0)
    torch.testing.assert_close(expected_error_reduction(ahead, p, rule=rule, itself=itself), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", ["converged", "not converged"])
def test_the_sizes_of_the_paper(kind):
    """L = 200, U = 1500, C = 10: brute force (a solve of 201 equations each) on 12 candidates, every label."""
    L, U, C = 200, 1500, 10
    K, _, Y, F = pool(L, U, C, 1000, seed=3)
    if kind == "converged":
        F[:L] = Y
    found = changes_by_label(from_kernels(*blocks(K, L), Y, F[:L], F[L:]))
    score = mlmoc(*blocks(K, L), Y, F[:L], F[L:])
    a, b, c = K.numpy(), Y.numpy(), F.numpy()
    for j in range(7, U, 131):
        chosen = [*range(L), L + j]
        residuals = np.concatenate([np.vstack([b, np.eye(C)[[k]]]) - c[chosen] for k in range(C)], 1)
        change = a[L:][:, chosen] @ np.linalg.solve(a[np.ix_(chosen, chosen)], residuals)
        wanted = np.linalg.norm(change.reshape(U, C, C), axis=2).sum(0)
        np.testing.assert_allclose(found[j].numpy(), wanted, rtol=1e-12, atol=0)
        assert float(score[j]) == pytest.approx(float(found[j, int(F[L + j].argmax())]), rel=1e-13)


def test_nothing_is_lost_where_the_change_cancels(both_ways):
    """A move that undoes G at one point: the norm there is 0, and the sum is right to the last digits."""
    ahead, *_ = made(U=4, C=2)
    gain = ahead.gains()
    G = torch.zeros(4, 2, dtype=D)
    d = ahead.labels - ahead.F
    for _ in range(60):  # G so that G + A d = 1e-13 at point 1 under candidate 2, where H = F + G
        G[1] = 1e-13 - gain[1, 2] * (ahead.labels - ahead.F - G)[2]
    d = ahead.labels - ahead.F - G
    wanted = sum(math.hypot(*(G[x] + gain[x, 2] * d[2]).tolist()) for x in range(4))
    from dataclasses import replace

    assert float(most_likely_change(replace(ahead, G=G))[2]) == pytest.approx(wanted, rel=1e-14)
    assert math.hypot(*(G[1] + gain[1, 2] * d[2]).tolist()) < 1e-12


def test_a_converged_model_has_a_closed_form():
    K, _, Y, F = pool(seed=4)
    F[:6] = Y
    ahead = from_kernels(*blocks(K, 6), Y, Y, F[6:])
    gaps = (ahead.labels - F[6:]).norm(dim=1)
    wanted = gaps / torch.linalg.diagonal(ahead.S) * ahead.S.abs().sum(0)
    torch.testing.assert_close(most_likely_change(ahead), wanted)
    p = class_probabilities(F[6:])
    ratio = al.lookahead.emoc_over_mlmoc(F[6:], p)
    torch.testing.assert_close(expected_change(ahead, p), wanted * ratio)


def test_the_audits_reversal():
    """Convergence reverses the order of two candidates; the values of the audit, worked out by hand there."""
    J = torch.tensor([[1, 0, 0], [1, 1, 0], [0, 0, 1]], dtype=D)
    F = torch.tensor([[0.5, 0.49], [0.7, 0.3]], dtype=D)
    Y = torch.tensor([[1.0, 0]], dtype=D)
    converged, not_yet = (from_jacobian(J[:1], J[1:], Y, torch.tensor([f], dtype=D), F) for f in ([1.0, 0], [0.5, 0.5]))
    p, q = most_likely_change(converged).tolist()
    assert (p, q) == pytest.approx((13 * math.sqrt(29) / 100, 3 * math.sqrt(2) / 10), abs=1e-15)
    p, q = most_likely_change(not_yet).tolist()
    assert (p, q) == pytest.approx((13 * math.sqrt(29) / 100, 4 * math.sqrt(2) / 5), abs=1e-15)


def test_emoc_may_be_below_mlmoc():
    J = torch.tensor([[1, 0], [0, 1], [1, 1]], dtype=D)
    F = torch.tensor([[0.51, 0.49], [0.5, 0.5]], dtype=D)
    ahead = from_jacobian(J[:1], J[1:], torch.tensor([[1.0, 0]], dtype=D), torch.tensor([[0.5, 0.5]], dtype=D), F)
    assert float(most_likely_change(ahead)[0]) == pytest.approx(37 * math.sqrt(2) / 25, abs=1e-15)
    assert float(expected_change(ahead, F)[0]) == pytest.approx(631 * math.sqrt(2) / 625, abs=1e-15)


def test_sequential_is_batch(both_ways):
    """Acquiring 5, 0, 7 by downdates, in either order, is training on all three by eq. (11)."""
    ahead, K, _, Y, F = made()
    order, labels = [5, 0, 7], torch.eye(3, dtype=D)[[2, 0, 0]]
    for way in ([0, 1, 2], [2, 0, 1]):
        now = ahead
        for i in way:
            now = now.acquire(order[i], labels[i])
        chosen = [*range(6), 11, 6, 13]
        rest = torch.cat([Y, labels]) - F[chosen]
        wanted = F[6:] + K[6:][:, chosen] @ torch.linalg.solve(K[chosen][:, chosen], rest)
        torch.testing.assert_close(now.F, wanted, rtol=0, atol=1e-11)
        left = [j for j in range(9) if j not in order]
        again = from_kernels(
            K[chosen][:, chosen], K[[6 + j for j in left]][:, chosen], K[[6 + j for j in left]][:, [6 + j for j in left]],
            torch.cat([Y, labels]), torch.cat([Y, labels]), wanted[left],
        )  # fmt: skip
        score = most_likely_change(now)
        torch.testing.assert_close(score[left], most_likely_change(again), rtol=1e-9, atol=0)
        assert score[order].tolist() == [-math.inf] * 3
        p = class_probabilities(now.F)
        torch.testing.assert_close(
            expected_error_reduction(now, p)[left], expected_error_reduction(again, p[left]), rtol=1e-9, atol=0
        )
        torch.testing.assert_close(expected_change(now, p)[left], expected_change(again, p[left]), rtol=1e-9, atol=0)


def test_sequential_queries():
    ahead, K, _, Y, F = made(U=12)
    truth = torch.eye(3, dtype=D)[torch.arange(12) % 3]
    order, last = sequential(ahead, 4, Y=truth)
    now = ahead
    for j in order:
        assert j == int(most_likely_change(now).argmax())
        now = now.acquire(j, truth[j])
    torch.testing.assert_close(last.F, now.F)
    pseudo, _ = sequential(ahead, 12)
    assert sorted(pseudo) == list(range(12))


def duplicates():
    """Pool points 1 and 3 are copies of labelled ones, 4 of pool point 0."""
    _, J, Y, F = pool(L=4, U=5, P=12, seed=6)
    J[[5, 7, 8]] = J[[2, 2, 4]]
    return J @ J.T, J, Y, F


@pytest.mark.parametrize("route", ["kernels", "jacobian"])
def test_duplicates(both_ways, route):
    K, J, Y, F = duplicates()
    ahead = from_kernels(*blocks(K, 4), Y, F[:4], F[4:]) if route == "kernels" else from_jacobian(J[:4], J[4:], Y, F[:4], F[4:])
    assert ahead.resolved.tolist() == [True, False, True, False, True]
    with pytest.raises(InputError, match="candidate 1 has u = .* below its rounding error"):
        most_likely_change(ahead)
    found = most_likely_change(ahead, unresolved="dependent")
    marked = most_likely_change(ahead, unresolved="nan")
    assert marked.isnan().tolist() == [False, True, False, True, False]
    assert found[0] == pytest.approx(float(found[4]), rel=1e-12) or F[4].argmax() != F[8].argmax()
    for j in range(5):
        chosen = [0, 1, 2, 3, 4 + j]
        y = torch.eye(3, dtype=D)[F[4 + j].argmax()]
        fit = np.linalg.pinv(J[chosen].numpy(), rcond=1e-10) @ (torch.cat([Y, y[None]]) - F[chosen]).numpy()
        change = torch.linalg.vector_norm(J[4:] @ torch.from_numpy(fit), dim=1).sum()
        assert float(found[j]) == pytest.approx(float(change), rel=1e-9)


def test_a_copy_of_an_acquired_point_is_a_duplicate():
    K, J, Y, F = duplicates()
    y = torch.eye(3, dtype=D)
    now = from_jacobian(J[:4], J[4:], Y, F[:4], F[4:]).acquire(0, y[0]).acquire(4, y[1])  # the same point, other labels
    now = now.acquire(1, y[2])
    chosen = [0, 1, 2, 3, 4, 8, 5]
    fit = np.linalg.pinv(J[chosen].numpy(), rcond=1e-10) @ (torch.cat([Y, y[[0, 1, 2]]]) - F[chosen]).numpy()
    wanted = F[4:] + J[4:] @ torch.from_numpy(fit)
    torch.testing.assert_close(now.F[[2, 3]], wanted[[2, 3]], rtol=0, atol=1e-11)  # what has left is not followed


def test_features_tell_nearer_points_apart():
    """A pool point at distance delta of a labelled one: kernels resolve 1e-6, features 1e-12; scores against 50 digits."""
    import mpmath

    _, J, Y, F = pool(L=3, U=3, C=2, P=8, seed=7)
    far = torch.randn(8, generator=torch.Generator().manual_seed(8), dtype=D)
    seen = []
    for delta in (1e-2, 1e-5, 1e-7, 1e-9, 1e-11, 1e-16):
        J[3] = J[0] + delta * far
        K = J @ J.T
        kernels = from_kernels(*blocks(K, 3), Y, F[:3], F[3:])
        features = from_jacobian(J[:3], J[3:], Y, F[:3], F[3:])
        seen.append((bool(kernels.resolved[0]), bool(features.resolved[0])))
        if not features.resolved[0]:
            continue
        with mpmath.workdps(80):
            rows = mpmath.matrix(J.tolist())
            gram = rows * rows.T
            chosen = [0, 1, 2, 3]
            y = [1, 0] if F[3, 0] >= F[3, 1] else [0, 1]
            inside = mpmath.matrix([[gram[a, b] for b in chosen] for a in chosen])
            across = mpmath.matrix([[gram[a, b] for b in chosen] for a in (3, 4, 5)])
            right = mpmath.matrix([*(Y - F[:3]).tolist(), [a - b for a, b in zip(y, F[3].tolist())]])
            change = across * mpmath.lu_solve(inside, right[:, 0]), across * mpmath.lu_solve(inside, right[:, 1])
            wanted = sum(mpmath.sqrt(change[0][x] ** 2 + change[1][x] ** 2) for x in range(3))
        # the features' own rounding moves the answer by eps / delta
        assert float(most_likely_change(features, unresolved="nan")[0]) == pytest.approx(float(wanted), rel=1e-13 / delta)
    assert seen == [(True, True), (True, True), (False, True), (False, True), (False, True), (False, False)]


def test_singular_labelled_kernels(both_ways):
    """Labelled points given twice with other labels: their mean label."""
    _, J, Y, F = pool(L=4, U=5, P=12, seed=9)
    J[3] = J[1]
    K = J @ J.T
    for ahead in (from_kernels(*blocks(K, 4), Y, F[:4], F[4:]), from_jacobian(J[:4], J[4:], Y, F[:4], F[4:])):
        fit = np.linalg.pinv(J[:4].numpy(), rcond=1e-10) @ (Y - F[:4]).numpy()
        torch.testing.assert_close(ahead.G, J[4:] @ torch.from_numpy(fit), rtol=0, atol=1e-11)
        chosen = [0, 1, 2, 3, 6]
        y = torch.eye(3, dtype=D)[F[6].argmax()]
        fit = np.linalg.pinv(J[chosen].numpy(), rcond=1e-10) @ (torch.cat([Y, y[None]]) - F[chosen]).numpy()
        change = torch.linalg.vector_norm(J[4:] @ torch.from_numpy(fit), dim=1).sum()
        assert float(most_likely_change(ahead)[2]) == pytest.approx(float(change), rel=1e-9)


def test_batches_and_numpy(both_ways):
    many = [pool(seed=s) for s in (1, 2)]
    K, Y, F = (torch.stack([one[i] for one in many]) for i in (0, 2, 3))
    args = (K[:, :6, :6], K[:, 6:, :6], K[:, 6:, 6:], Y, F[:, :6], F[:, 6:])
    for against in ("network", "linearised"):
        found = mlmoc(*args, against=against)
        one = mlmoc(*blocks(K[1], 6), Y[1], F[1, :6], F[1, 6:], against=against)
        torch.testing.assert_close(found[1], one)
        torch.testing.assert_close(mlmoc(*(x.numpy() for x in args), against=against), found)
    ahead = from_kernels(*args)
    p = class_probabilities(ahead.F)
    alone = from_kernels(*(x[0] for x in args))
    torch.testing.assert_close(expected_error_reduction(ahead, p)[0], expected_error_reduction(alone, p[0]))
    later, single = ahead.acquire(2, Y[:, 0]), alone.acquire(2, Y[0, 0])
    torch.testing.assert_close(later.F[0], single.F)
    torch.testing.assert_close(most_likely_change(later)[0], most_likely_change(single))
    assert mlmoc(*(x.float() for x in args)).dtype == torch.float32


def test_gradients():
    _, J, Y, F = pool(L=2, U=3, C=2, P=6, seed=11)

    def score(J, F):
        K = J @ J.T
        ahead = from_kernels(K[:2, :2], K[2:, :2], K[2:, 2:], Y, F[:2], F[2:])
        p = class_probabilities(F[2:])
        return most_likely_change(ahead), expected_change(ahead, p), expected_error_reduction(ahead, p)

    assert torch.autograd.gradcheck(score, (J.requires_grad_(), F.requires_grad_()), atol=1e-5)


def test_rounding_is_not_taken_for_a_kernel_that_is_none():
    """Entries wrong by some ulp of the largest one: u of a small point may be negative, and is unresolved, not refused."""
    K, J, Y, F = pool(L=3, U=4, P=9, seed=12)
    J[5] = 1e-9 * J[0]
    K = J @ J.T
    K[5, 5] -= 1e-16 * K.max()
    ahead = from_kernels(*blocks(K, 3), Y, F[:3], F[3:])
    assert float(ahead.u[2]) < 0
    assert ahead.resolved.tolist() == [True, True, False, True]


def test_one_step():
    _, K, _, Y, F = made()
    outputs, kernel = F[6:], K[6:, 6:]
    for j in (0, 4):
        y = torch.eye(3, dtype=D)[outputs[j].argmax()]
        wanted = torch.linalg.vector_norm(kernel[:, j, None] * (y - outputs[j]), dim=1).sum()
        torch.testing.assert_close(one_step_change(kernel, outputs)[j], wanted)


def test_permutations_and_ties():
    """Scores move with the candidates, and equal candidates have equal scores; the first of them is queried."""
    K, J, Y, F = duplicates()
    F[8] = F[4]
    keep, order = [0, 1, 2, 3, 4, 6, 8], [6, 4, 5]
    J, F = J[keep], F[keep]
    K = J @ J.T
    score = mlmoc(*blocks(K, 4), Y, F[:4], F[4:])
    assert float(score[0]) == pytest.approx(float(score[2]), rel=1e-12)
    moved = [0, 1, 2, 3, *order]
    again = mlmoc(*blocks(K[moved][:, moved], 4), Y, F[:4], F[order])
    torch.testing.assert_close(again, score[[2, 0, 1]])


@pytest.mark.parametrize(
    ("place", "change", "words"),
    [
        (0, lambda x: x[:, :3], "the blocks of one kernel"),
        (1, lambda x: x.T, "the blocks of one kernel"),
        (2, lambda x: x[:4], "the blocks of one kernel"),
        (3, lambda x: x[:, :2], "`Y` has shape"),
        (4, lambda x: x[:2], "`F_L` has shape"),
        (5, lambda x: x[:, 0], "`Y` has shape"),
        (2, lambda x: x + torch.randn(9, 9, dtype=D), "not symmetric"),
        (0, lambda x: -x, "positive semi-definite"),
        (2, lambda x: x - 5 * x.mean() * torch.eye(9, dtype=D) - 20 * torch.eye(9, dtype=D), "positive semi-definite"),
        (0, lambda x: x * float("nan"), "NaN"),
        (1, lambda x: x.float(), "dtype"),
    ],
)
def test_bad_blocks(place, change, words):
    K, _, Y, F = pool()
    args = [*blocks(K, 6), Y, F[:6], F[6:]]
    args[place] = change(args[place])
    with pytest.raises(InputError, match=words):
        mlmoc(*args)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a: most_likely_change(a, against="nobody"), "'network' or 'linearised'"),
        (lambda a: most_likely_change(a, unresolved="ignore"), "'raise', 'nan', 'dependent'"),
        (lambda a: expected_change(a, a.F[:2]), "`p` has shape"),
        (lambda a: expected_error_reduction(a, a.F, rule="max"), "'softmax', 'clip', 'identity'"),
        (lambda a: a.acquire(9, a.F[0]), "still in the pool"),
        (lambda a: a.acquire(2, a.F[0]).acquire(2, a.F[0]), "still in the pool"),
        (lambda a: a.acquire(2, a.F), "`y` has shape"),
        (lambda a: a.predictions(a.F[:3]), "`Y` has shape"),
        (lambda a: sequential(a, 10), "9 candidates are in the pool"),
        (lambda a: sequential(a, 2, Y=a.F[:2]), "`Y` has shape"),
        (lambda a: one_step_change(a.S[:3], a.F), "one row a candidate"),
        (lambda a: from_jacobian(a.F, a.S, a.F, a.F, a.F), "gradients of one model"),
    ],
)
def test_bad_requests(call, words):
    ahead, *_ = made()
    with pytest.raises(InputError, match=words):
        call(ahead)
