"""Strategies that score points by the model: against scores taken one point at a time, and what they share."""

from __future__ import annotations

import pytest
import torch

import altheory as al
from altheory.acquisition import EGL, Entropy, EntropyGradNorm, ExpectedGradNorm

STRATEGIES = [ExpectedGradNorm(), ExpectedGradNorm(norm="tensors"), EntropyGradNorm(), EGL(), EGL(squared=True), Entropy()]


@pytest.fixture
def setting():
    generator = torch.Generator().manual_seed(0)
    X = 3 * torch.randn(30, 4, generator=generator, dtype=torch.float64)
    return X, al.TwoLayerNet(4, 16, 3, "tanh", train_output=True, antisymmetric=False, seed=2)


def score_of(strategy, net, x):
    """The score of one point by autograd."""
    W, a = (p.detach().clone().requires_grad_() for p in (net.W, net.a))
    z = net.functional(W, a, x[None])[0]
    p, logs = torch.softmax(z, -1), torch.log_softmax(z, -1)

    def norm(loss):
        parts = torch.autograd.grad(loss, (W, a), retain_graph=True)
        if getattr(strategy, "norm", "") == "tensors":
            return float(sum(g.norm() for g in parts))
        return float(torch.cat([g.flatten() for g in parts]).norm())

    if isinstance(strategy, Entropy):
        return float(-(p * logs).sum().detach())
    if isinstance(strategy, EGL):
        return sum(float(p[y].detach()) * norm(-logs[y]) ** (1 + strategy.squared) for y in range(len(z)))
    return norm(-(p * logs).sum())


@pytest.mark.parametrize("strategy", STRATEGIES, ids=str)
def test_the_points_with_the_largest_scores(strategy, setting):
    X, net = setting
    labelled = [0, 7, 11]
    asked = strategy.query(X, labelled, 5, net=net)
    pool = [i for i in range(30) if i not in labelled]
    scores = [score_of(strategy, net, X[i]) for i in pool]
    assert asked.scores.tolist() == pytest.approx(scores, rel=1e-9)
    assert asked.chosen.tolist() == sorted(pool, key=lambda i: -scores[pool.index(i)])[:5]
    few = strategy.query(X.numpy(), labelled, 2, net=net, pool=[9, 3, 20])
    assert few.chosen.tolist() == sorted([9, 3, 20], key=lambda i: -scores[pool.index(i)])[:2]
    module = strategy.query(X, labelled, 5, net=al.modules.to_module(net))
    assert module.chosen.tolist() == asked.chosen.tolist()


def test_expected_and_entropy_gradnorm_ask_for_the_same_points(setting):
    X, net = setting
    one, other = (s.query(X, [], 12, net=net) for s in (ExpectedGradNorm(), EntropyGradNorm()))
    assert one.chosen.tolist() == other.chosen.tolist()
    detached = ExpectedGradNorm(posterior="detached").query(X, [], 12, net=net)
    assert detached.scores.max() < 1e-14 < other.scores.min()


def test_copies_have_one_score_and_are_taken_together_the_first_first(setting):
    X, net = setting
    twice = torch.cat([X, X])
    chosen = EntropyGradNorm().query(twice, [], 2, net=net).chosen.tolist()
    assert chosen == [chosen[0], chosen[0] + 30]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"count": 31}, "`count` is 31 but the pool has 30 points"),
        ({"count": 0}, "`count` is 0 but an integer of at least 1"),
        ({"labelled": [30]}, "`labelled` has a row number 30; `X` has rows 0 to 29"),
        ({"pool": [1, 1]}, "`pool` names a row twice"),
        ({"net": al.TwoLayerNet(5, 16, 3, seed=0)}, "`X` has 4 columns"),
    ],
)
def test_refusals(change, sentence, setting):
    X, net = setting
    arguments = {"labelled": [], "count": 3, "net": net, **change}
    with pytest.raises(al.InputError, match=sentence):
        EntropyGradNorm().query(X, **arguments)


def test_a_squared_length_has_one_norm(setting):
    X, net = setting
    with pytest.raises(al.InputError, match="`squared=True` knows 'euclidean' only"):
        EGL(squared=True, norm="tensors").query(X, [], 3, net=net)
