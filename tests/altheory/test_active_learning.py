"""The loop and what it hands to strategies, against autograd and by hand; dynamicAL and randomized BSS as queries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

import altheory as al
from altheory import InputError
from altheory.acquisition import DynamicAL, Query, Random, RandomizedBSS, SequentialMLMOC
from altheory.active_learning import run

N, D, K = 24, 3, 3


def points(seed=0):
    rng = torch.Generator().manual_seed(seed)
    X = torch.randn(N, D, generator=rng, dtype=torch.float64)
    return X, (X[:, 0] > 0).long() + (X[:, 1] > 0.5).long()


def network(train_output=True):
    return al.TwoLayerNet(D, 32, K, "softplus", train_output=train_output, seed=1, antisymmetric=False)


def gradients(net, X, labels):
    """One row an example, by autograd on its own loss."""
    parameters = [net.W.detach().clone(), net.a.detach().clone()]
    for p in parameters:
        p.requires_grad_()
    rows = []
    for x, label in zip(X, labels, strict=True):
        f = torch.nn.functional.softplus(parameters[0] @ x) @ parameters[1] / net.width**0.5
        grads = torch.autograd.grad(torch.nn.functional.cross_entropy(f[None], label[None]), parameters)
        rows.append(torch.cat([g.flatten() for g in grads]))
    return torch.stack(rows)


@dataclass
class Spy:
    """Queries the first of the pool and remembers what it saw."""

    seen: list[dict] = field(default_factory=list)

    def query(self, net, X, labelled, Y, pool, count, gram, features, kernel, outputs, seed, something=3):
        self.seen.append(
            dict(net=net, X=X, labelled=labelled, Y=Y, pool=pool, gram=gram, features=features, kernel=kernel, outputs=outputs)
        )
        return Query(pool[:count])


def test_a_strategy_sees_what_it_names():
    X, y = points()
    spy = Spy()
    done = run(spy, network(), X, y, start=[5, 2, 9], count=2, cycles=2, seed=0, steps=20)
    assert done.labelled.tolist() == [5, 2, 9, 0, 1, 3, 4]
    assert done.labels.tolist() == [3, 5, 7]
    first, second = spy.seen
    assert first["Y"].tolist() == [int(y[5]), int(y[2]), int(y[9])]
    assert second["pool"].tolist() == [3, 4, 6, 7, 8, *range(10, N)]
    net = second["net"]
    believed = net(X).argmax(-1)
    believed[[5, 2, 9, 0, 1]] = y[[5, 2, 9, 0, 1]]
    g = gradients(net, X, believed)
    torch.testing.assert_close(second["gram"], g @ g.T)
    torch.testing.assert_close(second["features"] @ net.a, second["outputs"])
    torch.testing.assert_close(second["kernel"], al.kernels.empirical(net, X))
    assert not torch.equal(first["net"].W, net.W)


def test_no_label_is_used_before_it_is_bought():
    X, y = points()
    test = points(1)
    one = run(DynamicAL(), network(), X, y, start=4, count=3, cycles=2, seed=5, steps=15, test=test)
    other = y.clone()
    untouched = [row for row in range(N) if row not in one.labelled.tolist()]
    other[untouched] = (other[untouched] + 1) % K
    two = run(DynamicAL(), network(), X, other, start=4, count=3, cycles=2, seed=5, steps=15, test=test)
    assert torch.equal(one.labelled, two.labelled)
    assert torch.equal(one.accuracy, two.accuracy)
    assert torch.equal(one.net.W, two.net.W)


def test_the_numbers_of_a_run():
    X, y = points()
    done = run(Random(), network(), X, y, start=4, count=3, cycles=1, seed=5, steps=30)
    rest = [row for row in range(N) if row not in done.labelled.tolist()]
    right = (done.net(X[rest]).argmax(-1) == y[rest]).double().mean()
    assert float(done.accuracy[-1]) == pytest.approx(float(right))
    f = done.net(X[done.labelled])
    assert float(done.loss[-1]) == pytest.approx(float(torch.nn.functional.cross_entropy(f, y[done.labelled])))
    again = run(Random(), network(), X, y, start=4, count=3, cycles=1, seed=5, steps=30)
    other = run(Random(), network(), X, y, start=4, count=3, cycles=1, seed=6, steps=30)
    assert torch.equal(done.labelled, again.labelled)
    assert not torch.equal(done.labelled, other.labelled)


def test_retraining_starts_from_the_given_network():
    X, y = points()
    net = network()
    done = run(Random(), net, X, y, start=[0, 1], count=2, cycles=1, seed=0, steps=1, retrain=True)
    rows = done.labelled
    theta = al.kernels.empirical(net, X[rows])
    once = al.training.gradient_descent(
        net, X[rows], y[rows], 1 / float(torch.linalg.eigvalsh(theta)[-1]), 1, loss="cross_entropy"
    )
    assert torch.equal(done.net.W, once.net.W)


def test_an_oracle_answers_for_one_row_after_the_other():
    X, y = points()
    asked = []

    class Asking(SequentialMLMOC):
        def query(self, kernel, labelled, count, *, outputs, Y, pool, oracle):
            def told(row):
                asked.append(row)
                return oracle(row)

            return super().query(kernel, labelled, count, outputs=outputs, Y=Y, pool=pool, oracle=told)

    done = run(Asking(), network(), X, y, start=[0, 5], count=3, cycles=1, seed=0, steps=10)
    assert asked == done.queries[0].chosen.tolist()


# ---- dynamicAL


@pytest.mark.parametrize(("gamma", "weights"), [(2.0, (1, 2)), (0.0, (1, 0)), (float("inf"), (0, 1)), (0.5, (1, 0.5))])
def test_dynamical_scores_are_inner_products_of_gradients(gamma, weights):
    X, y = points()
    net = network()
    labelled, pool = [3, 8, 11], [row for row in range(N) if row not in (3, 8, 11)]
    believed = net(X).argmax(-1)
    believed[labelled] = y[labelled]
    g = gradients(net, X, believed)
    total = g[labelled].sum(0)
    wanted = torch.stack([weights[0] * (g[u] @ g[u]) + weights[1] * (g[u] @ total) for u in pool])
    gram = g @ g.T
    whole = DynamicAL(gamma).query(gram, labelled, 4)
    blocks = DynamicAL(gamma).query(lambda r, c: gram[r][:, c], labelled, 4, pool=pool)
    torch.testing.assert_close(whole.scores, wanted)
    assert whole.chosen.tolist() == [pool[i] for i in wanted.argsort(descending=True)[:4]]
    assert torch.equal(whole.chosen, blocks.chosen)


def test_with_nothing_labelled_the_longest_gradients_are_chosen():
    assert DynamicAL().query(np.diag([1.0, 3.0, 2.0]), [], 2).chosen.tolist() == [1, 2]


# ---- randomized BSS


def features(n=60, D=4):
    rng = np.random.default_rng(3)
    return rng.standard_normal((n, D)) * rng.standard_exponential((n, 1))


def test_a_whole_sample_is_a_spectral_approximation_of_the_pool():
    V = features()
    labelled = [0, 1, 2]
    asked = RandomizedBSS(0.5).query(V, labelled, seed=0)
    assert not set(asked.chosen.tolist()) & set(labelled)
    assert len(set(asked.chosen.tolist())) == len(asked.chosen) == len(asked.weights)
    pool = np.arange(3, 60)
    G = V[pool].T @ V[pool] / len(pool)
    rows = asked.chosen.numpy()
    A = (V[rows] * asked.weights.numpy()[:, None]).T @ V[rows]
    values = np.linalg.eigvals(np.linalg.solve(G, A)).real
    assert values.min() >= 0.75
    assert values.max() <= 1.25


def test_a_query_of_fixed_size_is_the_beginning_of_a_sample():
    V = features()
    whole, few = (RandomizedBSS(0.5).query(V, [], count, seed=1) for count in (None, 7))
    assert few.chosen.tolist() == whole.chosen[:7].tolist()
    assert bool((few.weights > 0).all())
    assert bool((few.weights <= whole.weights[:7] + 1e-12).all())
    more = RandomizedBSS(0.5).query(V, [], len(whole.chosen) + 2, seed=1)  # from a second sample
    assert more.chosen[:-2].tolist() == whole.chosen.tolist()
    assert len(set(more.chosen.tolist())) == len(whole.chosen) + 2


def test_principal_directions():
    V = np.zeros((12, 3))
    V[:6, 0], V[6:9, 1], V[9:, 2] = 5, 2, 1
    asked = RandomizedBSS(0.5, dimension=1).query(V, [], seed=0)
    assert set(asked.chosen.tolist()) <= set(range(6))


class Wrong:
    def __init__(self, answer):
        self.answer = answer

    def query(self, pool):
        return self.answer


class Curious:
    def query(self, temperature):
        return temperature


GOOD = dict(start=3, count=2, cycles=1, seed=0, steps=2)
BAD = {
    "a class": (Random, {}, "object with a method `query`"),
    "no query": (3, {}, "object with a method `query`"),
    "an unknown ingredient": (Curious(), {}, "temperature"),
    "no query returned": (Wrong([1, 2]), {}, "2 row numbers"),
    "one row too few": (Wrong(Query(torch.tensor([20]))), {}, "2 row numbers"),
    "a row twice": (Wrong(Query(torch.tensor([20, 20]))), {}, "different rows"),
    "too many": (Random(), dict(cycles=40), "40 cycles of 2"),
    "no start": (Random(), dict(start=[]), "at least one"),
    "a row twice at the start": (Random(), dict(start=[1, 1]), "each once"),
    "a row that is not there": (Random(), dict(start=[N]), f"row number {N}"),
    "a test that is no pair": (Random(), dict(test=3), "(points, classes)"),
    "a rate that diverges": (Random(), dict(rate=1e6, steps=200, loss="squared"), "diverged"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_runs_get_one_sentence(name):
    strategy, changes, named = BAD[name]
    X, y = points()
    with pytest.raises(InputError) as caught:
        run(strategy, network(), X, y, **{**GOOD, **changes})
    assert named in str(caught.value)
    assert str(caught.value).count("\n") == 0


@pytest.mark.parametrize(("y", "named"), [(torch.zeros(N), "class numbers"), (torch.full((N,), 3), "classes 3 to 3")])
def test_bad_classes(y, named):
    with pytest.raises(InputError, match=named):
        run(Random(), network(), points()[0], y, **GOOD)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: DynamicAL(float("nan")).query(np.eye(3), [], 1), "gamma"),
        (lambda: DynamicAL().query(np.ones((2, 3)), [], 1), "`gram` has shape"),
        (lambda: DynamicAL().query(np.eye(3), [0], 3), "the pool has 2 points"),
        (lambda: RandomizedBSS().query(np.zeros((5, 2)), [], seed=0), "vanish"),
        (lambda: RandomizedBSS(2.0).query(features(), [], seed=0), "at most 1"),
        (lambda: RandomizedBSS().query(features(), [60], seed=0), "row number 60"),
        (lambda: RandomizedBSS().query(np.eye(5)[:, :2], [], 3, seed=0), "50 whole samples"),
    ],
)
def test_bad_queries(call, named):
    with pytest.raises(InputError, match=named):
        call()
