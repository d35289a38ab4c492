"""Look-ahead in exact arithmetic: the functions that claims call run on exact tensors and give the floats' values."""

from __future__ import annotations

from fractions import Fraction as F

import pytest
import torch

import proofs_check.exact.run  # noqa: F401  (torch's functions for exact tensors)
from altheory import lookahead as la
from proofs_check.exact import ExactTensor

D = torch.float64
J = [[[1, 0, 2], [0, 1, 1], [1, 0, 2], [1, 1, 0], [0, 1, 1]]]  # a copy among the labelled, a copy of one in the pool
Y = [[[1, 0], [0, 1], [0, 1]]]
OUT = [[[F(1, 2), F(1, 4)], [0, F(3, 4)], [F(1, 2), F(1, 4)], [F(1, 2), F(1, 3)], [F(1, 5), F(4, 5)]]]


def both(values):
    exact = ExactTensor.from_fractions(values)
    return exact, torch.tensor([float(v) for v in _flat(values)], dtype=D).reshape(tuple(exact.shape))


def _flat(values):
    return [x for one in values for x in _flat(one)] if isinstance(values, list) else [values]


def same(call, *arguments):
    """The call on exact tensors and on floats; returns the exact numbers as strings."""
    pairs = [both(a) if isinstance(a, list) else (a, a) for a in arguments]
    exact, wanted = call(*(p[0] for p in pairs)), call(*(p[1] for p in pairs))
    found = torch.tensor([_float(str(v)) for v in exact.scalars], dtype=D)
    torch.testing.assert_close(found.reshape(tuple(exact.shape)), wanted, rtol=1e-10, atol=1e-12)
    return [str(v) for v in exact.scalars]


def _float(number):
    """A ball's middle, or a rational."""
    return float(number.split("+/-")[0].strip("[ ") or 0) if "+/-" in number else float(F(number))


def kernel(J):
    return J @ J.mT


@pytest.mark.parametrize("part", ["pull", "remain"])
@pytest.mark.parametrize("how", [la.Flow(0.5), la.Descent(0.125, 4), la.Converged(), la.Ridge(0.5)])
def test_filters(how, part):
    same(lambda J: getattr(how, part)(kernel(J)), J)


def test_parameters_of_a_batch():
    for make in (la.Flow, lambda t: la.Descent(t, 3), la.Ridge):
        same(lambda J, t, make=make: make(t).pull(kernel(J)), J, [F(1, 4)])
        same(lambda J, t, make=make: make(t).remain(kernel(J)), J, [F(1, 4)])


def test_training_in_turn():
    def warm(J, f, Y):
        return la.train_in_turn(kernel(J), f, Y, [[0, 3], [0, 1, 3]], [la.Ridge(1.0), la.Converged()])[0]

    labels = [[1, 0, 5, 2, 0]]
    warm_ = same(warm, J, [[0, 0, 0, 0, 1]], labels)
    assert warm_ == same(lambda J, f, Y: la.train(kernel(J), f, Y, [0, 1, 3]), J, [[0, 0, 0, 0, 1]], labels)
    cross = [[[1, 2, 0, 1, 0]]]
    for how in (la.Flow(1.0), la.Descent(0.125, 2), la.Ridge(1.0)):
        same(lambda J, a, K_x, how=how: la.warm_start_gap(K_x @ kernel(J), kernel(J), a, how), J, [[1, 2, 0, 0, 0]], cross)
        same(lambda J, a, k, how=how: la.warm_start_gap_bound(k, kernel(J)[..., :2, :2], a, how), J, [[1, 2]], [[1, 2]])


def test_block_update_is_rational():
    def change(which):
        def call(J, r):
            K = kernel(J)
            k, old, new = K[..., :2, 3], r[..., :2], r[..., 3]
            return which(K[..., :2, :2], k, K[..., 3, 3], K[..., 4:, :2], K[..., 4:, 3], old, new)

        return call

    r = [[1, F(1, 2), 0, 2, 0]]
    found = same(change(la.block_update), J, r)
    assert all("+/-" not in v for v in found)
    assert found != same(change(la.printed_block_update), J, r)


def test_a_pool():
    def score(which):
        def call(J, Y, f):
            return which(la.from_jacobian(J[..., :3, :], J[..., 3:, :], Y, f[..., :3, :], f[..., 3:, :]))

        return call

    likely = dict(unresolved="dependent")
    same(score(lambda a: la.most_likely_change(a, **likely)), J, Y, OUT)
    same(score(lambda a: la.most_likely_change(a, against="linearised", **likely)), J, Y, OUT)
    same(score(lambda a: la.changes_by_label(a, **likely)), J, Y, OUT)
    same(score(lambda a: la.expected_change(a, la.class_probabilities(a.F, "clip"), **likely)), J, Y, OUT)
    same(score(lambda a: la.expected_error_reduction(a, la.class_probabilities(a.F), itself=False, **likely)), J, Y, OUT)
    found = same(score(lambda a: a.predictions()), J, Y, OUT)
    assert all("+/-" not in v for v in found)
    after = score(lambda a: a.acquire(0, a.labels[..., 0, :]).acquire(1, a.labels[..., 1, :]).F)
    assert all("+/-" not in v for v in same(after, J, Y, OUT))


def test_gaps_and_entropies():
    f = [[F(1, 2), F(3, 10), F(1, 5)]]
    same(la.label_gaps, f)
    same(la.emoc_over_mlmoc, f, f)
    same(la.expected_gradient_length, f, f, [2])
    same(la.gradient_lengths, f, [[[2, 1, 0], [1, 2, 0], [0, 0, 1]]])
    same(la.badge_length, f, [[3, 4]])
    same(la.one_step_change, [[[2, 1], [1, 3]]], [[[F(1, 2), 0], [0, 1]]])
    joint = [[[F(1, 8), F(1, 4)], [F(3, 8), F(1, 4)]]]
    same(lambda p: la.mutual_information(p, 2, [0], [1]), joint)
    same(lambda p: la.conditional_entropies(p, 2, 0, [0, 1]), joint)
