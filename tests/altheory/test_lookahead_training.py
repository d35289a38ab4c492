"""Training in turn: warm against cold starts, in the parameters of linear models and in fractions."""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch
from lookahead_oracles import gram, least_squares, moved

from altheory import InputError
from altheory.lookahead import Converged, Descent, Flow, Ridge, pull, train, train_in_turn, warm_start_gap, warm_start_gap_bound

D = torch.float64


def tensor(rows):
    return torch.tensor([[float(x) for x in row] for row in rows], dtype=D)


def in_parameters(J, stages, labels):
    """The outputs after minimising each stage's squares in turn, from theta = 0, each time the shortest move; fractions."""
    theta = [F(0)] * len(J[0])
    for on, Y in zip(stages, labels):
        residual = [F(Y[i]) - f for i, f in zip(on, moved([J[i] for i in on], theta))]
        step = least_squares([J[i] for i in on], residual)
        theta = [a + b for a, b in zip(theta, step)]
    return moved(J, theta)


#: features, stages, labels of each stage: duplicates, conflicting labels, rank loss, sets that are not nested
CASES = [
    ([[1, 0], [0, 1], [1, 1]], [[0], [0, 1]], [[1, 2, 0]] * 2),
    ([[1, 2], [1, 2], [3, 1], [0, 1]], [[0], [0, 1, 2]], [[5, 0, 0, 0], [0, 1, 2, 0]]),
    ([[1, 2, 0], [2, 4, 0], [0, 1, 1], [1, 1, 1]], [[1], [0, 2], [0, 1, 2]], [[3, 1, 2, 0]] * 3),
    ([[1, 0], [0, 1], [2, 3]], [[0], [1]], [[1, 1, 0]] * 2),
    ([[0, 0], [1, 1], [1, 2]], [[0], [0, 1]], [[1, 2, 0]] * 2),
]


@pytest.mark.parametrize(("J", "stages", "labels"), CASES)
def test_training_to_the_end_is_least_squares_in_the_parameters(J, stages, labels):
    wanted = in_parameters(J, stages, labels)
    Y = [torch.tensor(one, dtype=D) for one in labels]
    found, a = train_in_turn(tensor(gram(J)), torch.zeros(len(J), dtype=D), Y, stages)
    torch.testing.assert_close(found, torch.tensor([float(x) for x in wanted], dtype=D), rtol=0, atol=1e-13)
    torch.testing.assert_close(tensor(gram(J)) @ a, found, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("J", "stages", "labels"), CASES[:3] + CASES[4:])
def test_warm_is_cold_once_the_last_set_spans_the_others(J, stages, labels):
    K, Y = tensor(gram(J)), [torch.tensor(one, dtype=D) for one in labels]
    zero = torch.zeros(len(J), dtype=D)
    for early in (Converged(), Flow(0.3), Descent(0.01, 3), Ridge(2.0)):  # only the last stage has to converge
        warm, _ = train_in_turn(K, zero, Y, stages, [early] * (len(stages) - 1) + [Converged()])
        torch.testing.assert_close(warm, train(K, zero, Y[-1], stages[-1]), rtol=0, atol=1e-12)


def test_sets_that_are_not_nested_remember():
    K, one = torch.eye(2, dtype=D), torch.ones(2, dtype=D)
    warm, _ = train_in_turn(K, 0 * one, one, [[0], [1]])
    assert warm.tolist() == [1, 1]
    assert train(K, 0 * one, one, [1]).tolist() == [0, 1]


def test_a_last_stage_that_stops_remembers():
    K, one = torch.ones(1, 1, dtype=D), torch.ones(1, dtype=D)
    for how in (Flow(math.log(2)), Ridge(1.0)):
        warm, _ = train_in_turn(K, 0 * one, one, [[0], [0]], how)
        assert (warm.item(), train(K, 0 * one, one, [0], how).item()) == pytest.approx((0.75, 0.5), abs=1e-15)


def test_descent_from_any_function_is_descent_in_the_parameters():
    g = torch.Generator().manual_seed(0)
    J, Y, f = (torch.randn(5, k, generator=g, dtype=D) for k in (3, 2, 2))
    theta = torch.zeros(3, 2, dtype=D)
    for _ in range(4):
        theta = theta + 0.1 * J[:3].T @ (Y - f - J @ theta)[:3]
    torch.testing.assert_close(train(J @ J.T, f, Y, range(3), Descent(0.1, 4)), f + J @ theta)


@pytest.mark.parametrize("how", [Flow(0.4), Descent(0.02, 6), Ridge(1.5), Converged()])
def test_the_law_of_the_gap(how):
    g = torch.Generator().manual_seed(1)
    J = torch.randn(3, 7, 4, generator=g, dtype=D)
    K = J @ J.mT
    f, Y = (torch.randn(3, 7, 2, generator=g, dtype=D) for _ in range(2))
    early, last = [1, 3], [0, 1, 3, 4]
    before, a = train_in_turn(K, f, Y, [early], Flow(0.2))
    gap = train(K, before, Y, last, how) - train(K, f, Y, last, how)
    law = warm_start_gap(K[:, :, last], K[:, last][:, :, last], a[:, last], how)
    torch.testing.assert_close(gap, law, rtol=0, atol=1e-12)
    bound = warm_start_gap_bound(torch.linalg.diagonal(K), K[:, last][:, :, last], a[:, last, 0], how)
    assert bool((law[..., 0].abs() <= bound + 1e-12).all())


def test_the_bound_is_attained():
    K, a = torch.diag(torch.tensor([1.0, 3.0], dtype=D)), torch.tensor([2.0, 0.0], dtype=D)
    gap = warm_start_gap(K[:1], K, a, Flow(0.5))
    bound = warm_start_gap_bound(torch.ones(1, dtype=D), K, a, Flow(0.5))
    torch.testing.assert_close(gap, torch.full((1,), 2 * math.exp(-0.5), dtype=D))
    torch.testing.assert_close(bound, gap)


def test_shapes_of_a_pull():
    K, Y = torch.eye(3, dtype=D).expand(2, 3, 3), torch.ones(2, 3, dtype=D)
    assert pull(K, 0 * Y, Y, slice(1, None)).tolist() == [[0, 1, 1]] * 2
    assert train(K.numpy(), 0 * Y.numpy(), Y.numpy(), (2, 0)).tolist() == [[1, 0, 1]] * 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(on=[]), "at least one"),
        (dict(on=[0, 0]), "different integers"),
        (dict(on=[3]), "from 0 to 2"),
        (dict(f=torch.zeros(2, dtype=D)), "one row for each point"),
        (dict(Y=torch.zeros(3, 2, dtype=D)), "one row for each point"),
        (dict(K=torch.eye(3, dtype=D)[:2]), "square"),
    ],
)
def test_bad_input(change, words):
    good = dict(K=torch.eye(3, dtype=D), f=torch.zeros(3, dtype=D), Y=torch.ones(3, dtype=D), on=[0])
    with pytest.raises(InputError, match=words):
        train(**{**good, **change})


def test_bad_stages():
    K, Y = torch.eye(2, dtype=D), torch.ones(2, dtype=D)
    with pytest.raises(InputError, match="there are 2 stages"):
        train_in_turn(K, 0 * Y, Y, [[0], [0, 1]], [Converged()])
    with pytest.raises(InputError, match="for each point of the last stage"):
        warm_start_gap(K[:, :1], K, Y, Converged())
    with pytest.raises(InputError, match="one number a point"):
        warm_start_gap_bound(Y, K, Y[:1], Converged())
