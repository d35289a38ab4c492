"""Look-ahead strategies against the scores they stand for, and on pools whose answer is known."""

from __future__ import annotations

import pytest
import torch
from lookahead_oracles import pool

from altheory import InputError
from altheory.acquisition import EER, EMOC, MLMOC, SequentialMLMOC
from altheory.lookahead import (
    class_probabilities,
    expected_change,
    expected_error_reduction,
    from_kernels,
    most_likely_change,
    sequential,
)

D = torch.float64
LABELLED, POOL = [9, 2, 7, 4], [3, 8, 0, 1, 11, 5]


def problem(seed=0):
    K, _, Y, F = pool(L=4, U=8, P=20, seed=seed)
    ahead = from_kernels(K[LABELLED][:, LABELLED], K[POOL][:, LABELLED], K[POOL][:, POOL], Y, F[LABELLED], F[POOL])
    return K, Y, F, ahead


@pytest.mark.parametrize(
    ("strategy", "score"),
    [
        (MLMOC(), most_likely_change),
        (MLMOC("linearised"), lambda a: most_likely_change(a, against="linearised")),
        (EMOC(), lambda a: expected_change(a, class_probabilities(a.F))),
        (EER("clip"), lambda a: expected_error_reduction(a, class_probabilities(a.F, "clip"), rule="clip")),
    ],
)
def test_the_best_rows_of_the_pool(strategy, score):
    K, Y, F, ahead = problem()
    wanted = score(ahead)
    asked = strategy.query(K, LABELLED, 3, outputs=F, Y=Y, pool=POOL)
    torch.testing.assert_close(asked.scores, wanted)
    best = sorted(range(6), key=lambda j: -float(wanted[j]))[:3]
    assert asked.chosen.tolist() == [POOL[j] for j in best]
    lazy = strategy.query(lambda r, c: K[r][:, c], LABELLED, 3, outputs=F.numpy(), Y=Y.argmax(1).tolist(), pool=POOL)
    assert lazy.chosen.tolist() == asked.chosen.tolist()


def test_the_pool_is_what_is_not_labelled():
    K, Y, F, _ = problem()
    asked = MLMOC().query(K, LABELLED, 8, outputs=F, Y=Y)
    assert sorted(asked.chosen.tolist()) == [i for i in range(12) if i not in LABELLED]


@pytest.mark.parametrize("told", [True, False])
def test_one_after_the_other(told):
    K, Y, F, ahead = problem(1)
    truth = torch.arange(12) % 3
    oracle = (lambda row: int(truth[row])) if told else None
    asked = SequentialMLMOC().query(K, LABELLED, 5, outputs=F, Y=Y, pool=POOL, oracle=oracle)
    order, _ = sequential(ahead, 5, Y=torch.eye(3, dtype=D)[truth[POOL]] if told else None)
    assert asked.chosen.tolist() == [POOL[j] for j in order]
    assert float(asked.scores[0]) == pytest.approx(float(most_likely_change(ahead).max()))


def test_copies_are_taken_together_unless_one_after_the_other():
    """Two copies with the largest score: the batch takes both, the sequence has learnt the second from the first."""
    J = torch.eye(5, dtype=D)[[0, 1, 1, 2, 3]]
    F = torch.tensor([[1, 0], [0.5, 0.4], [0.5, 0.4], [0.7, 0.2], [0.9, 0.1]], dtype=D)
    K, Y = J @ J.T, torch.tensor([[1, 0]], dtype=D)
    assert MLMOC().query(K, [0], 2, outputs=F, Y=Y).chosen.tolist() == [1, 2]
    assert SequentialMLMOC().query(K, [0], 3, outputs=F, Y=Y).chosen.tolist() == [1, 3, 4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(labelled=[]), "at least one point"),
        (dict(count=7), "the pool has 6 points"),
        (dict(outputs=torch.ones(5, 3, dtype=D)), "`outputs` has 5 rows"),
        (dict(Y=[0, 1, 2, 3]), "classes 0 to 2"),
        (dict(Y=torch.ones(3, 3, dtype=D)), "`Y` has shape"),
        (dict(labelled=[12]), "row number 12"),
    ],
)
def test_bad_input(change, words):
    K, Y, F, _ = problem()
    good = dict(kernel=K, labelled=LABELLED, count=2, outputs=F, Y=Y, pool=POOL)
    for strategy in (MLMOC(), EMOC(), EER(), SequentialMLMOC()):
        with pytest.raises(InputError, match=words):
            strategy.query(**{**good, **change})


def test_an_oracle_must_give_labels():
    K, Y, F, _ = problem()
    with pytest.raises(InputError, match="classes 0 to 2"):
        SequentialMLMOC().query(K, LABELLED, 2, outputs=F, Y=Y, oracle=lambda row: 5)
