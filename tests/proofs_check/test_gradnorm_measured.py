"""The experiments of gradnorm (tables 1 to 5, figures 1 and 3, leave-one-out) at sizes where brute force can follow.

Oracles: enumeration of all subsets, autograd and dense matrices, torch's own optimiser step by step, `al.influence`'s refits of
one network at a time.
"""

from __future__ import annotations

import itertools
from fractions import Fraction as F

import pytest
import torch

import altheory as al
from proofs_check.evaluate import at
from proofs_check.papers.gradnorm import _influences, _measured, _networks, _refits, leave_one_out, table2, tables45
from proofs_check.registry import registered

D, N, M = 4, 3, 5


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def normal(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def classes(seed, *shape):
    y = torch.randint(N, shape, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.one_hot(y, N).double()


def flat(net):
    return [p.clone().requires_grad_() for p in _networks.parameters(net)]


def outputs(parameters, x):
    W, A, b, c = parameters
    return torch.tanh(x @ W.mT + b[..., None, :]) @ A.mT + c[..., None, :]


def cross_entropy(z, y):
    return -(torch.log_softmax(z, -1) * y).sum(-1)


def entropies(z):
    log = torch.log_softmax(z, -1)
    return -(log.exp() * log).sum(-1)


# counting


@pytest.mark.parametrize(("pool", "count"), [(4, 1), (5, 2), (6, 3), (6, 6)])
def test_chance_is_the_hypergeometric_law(pool, count):
    sets = [frozenset(c) for c in itertools.combinations(range(pool), count)]
    shared = [len(one & two) for one in sets for two in sets]
    mean = F(sum(shared), len(shared))
    variance = F(sum(v * v for v in shared), len(shared)) - mean**2
    assert _measured.chance(pool, count) == pytest.approx((float(mean), float(variance) ** 0.5), abs=1e-12)


def test_common_counts_what_two_selections_share():
    one = torch.stack([torch.randperm(20)[:7] for _ in range(50)])
    two = torch.stack([torch.randperm(20)[:7] for _ in range(50)])
    wanted = [len(set(a) & set(b)) for a, b in zip(one.tolist(), two.tolist(), strict=True)]
    assert _measured.common(one, two).tolist() == wanted


def test_the_largest_scores_come_first_and_ties_in_order():
    assert _measured.largest(torch.tensor([[1.0, 3.0, 2.0, 3.0, 0.0]]), 3).tolist() == [[1, 3, 2]]


# networks


def test_training_is_nesterovs_method_on_the_decayed_loss():
    x, y = normal(1, 2, 6, D), classes(2, 2, 6)
    start = _networks.initialised(D, M, N, [3, 4])
    got = _networks.parameters(_networks.trained(start, x, y, 3, decay=0.01))
    now, move = [p.detach() for p in flat(start)], [torch.zeros_like(p) for p in flat(start)]
    for _ in range(3):
        ahead = [(p + _networks.MOMENTUM * m).requires_grad_() for p, m in zip(now, move, strict=True)]
        value = cross_entropy(outputs(ahead, x), y).mean(-1).sum() + 0.005 * sum((p * p).sum() for p in ahead)
        slopes = torch.autograd.grad(value, ahead)
        move = [_networks.MOMENTUM * m - _networks.RATE * g for m, g in zip(move, slopes, strict=True)]
        now = [p + m for p, m in zip(now, move, strict=True)]
    for one, two in zip(got, now, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)


def test_networks_trained_side_by_side_do_not_see_each_other():
    B = _networks.TOGETHER + 3
    x, y = normal(1, B, 6, D), classes(2, B, 6)
    start = _networks.initialised(D, M, N, list(range(B)))
    whole = _networks.trained(start, x, y, 4)
    for i in (0, B - 1):
        alone = _networks.trained(_networks.chosen(start, slice(i, i + 1)), x[i : i + 1], y[i : i + 1], 4)
        torch.testing.assert_close(alone.W[0], whole.W[i], rtol=1e-12, atol=1e-13)


def test_a_network_and_its_module_are_the_same_function():
    net = _networks.chosen(_networks.initialised(D, M, N, [5]), 0)
    net = al.gradnorm.TwoLayer(net.W, net.A, normal(1, M), normal(2, N))
    x = normal(3, 7, D)
    torch.testing.assert_close(_networks.module(net)(x), net(x))


# the runs


@pytest.fixture
def tiny(monkeypatch):
    """The experiment at sizes of seconds' fractions, and its rows."""
    sizes = dict(WIDTH=M, INITIAL=6, UNLABELLED=30, TEST=20, POOL=16, K=4, CYCLES=2, FIRST_STEPS=30, STEPS=10)
    for name, value in sizes.items():
        monkeypatch.setattr(_measured, name, value)
    monkeypatch.setattr(_measured.largest, "__defaults__", (4,))
    for name in ("INITIAL", "UNLABELLED"):
        monkeypatch.setattr(_influences, name, sizes[name])
    x = torch.nn.functional.normalize(normal(9, 2, 56, D), dim=-1)
    return x, classes(10, 2, 56), torch.tensor([11, 12])


def test_runs_are_functions_of_their_seeds(tiny):
    x, labels, seed = tiny
    one, two = (_measured.runs.__wrapped__(x, labels, seed) for _ in range(2))
    other = _measured.runs.__wrapped__(x, labels, seed + 100)
    for query in _measured.QUERIES:
        assert torch.equal(one.accuracy[query], two.accuracy[query])
        assert torch.equal(one.overlap[query], two.overlap[query])
        assert one.accuracy[query].shape == (2, _measured.SPLITS, 3)
    assert any(not torch.equal(one.accuracy[q], other.accuracy[q]) for q in _measured.QUERIES)
    assert all(torch.equal(a.selected, b.selected) for a, b in zip(one.cycles, two.cycles, strict=True))


def test_all_queries_start_from_one_network(tiny):
    found = _measured.runs.__wrapped__(*tiny)
    first = found.accuracy[_measured.RANDOM][..., 0]
    assert all(torch.equal(found.accuracy[q][..., 0], first) for q in _measured.QUERIES)


def test_selected_samples_are_those_of_the_largest_entropy_gradnorm(tiny):
    found = _measured.runs.__wrapped__(*tiny)
    for cycle in found.cycles:
        for run in range(4):
            net = _networks.chosen(cycle.before, run)
            norms = {}
            for row in cycle.pool[run].tolist():
                parameters = flat(net)
                slopes = torch.autograd.grad(entropies(outputs(parameters, found.x[run, row][None])).sum(), parameters)
                norms[row] = float(sum((g * g).sum() for g in slopes))
            best = sorted(norms, key=norms.__getitem__, reverse=True)[: _measured.K]
            assert set(cycle.selected[run].tolist()) == set(best)


def test_the_true_gradient_norm_shares_all_and_counts_lie_in_range(tiny):
    found = _measured.runs.__wrapped__(*tiny)
    assert (found.overlap[_measured.TRUE] == _measured.K).all()
    assert (found.overlap[_measured.RANDOM] <= _measured.K).all()


def test_the_control_is_trained_on_random_others_of_the_same_pool(tiny):
    found = _measured.runs.__wrapped__(*tiny)
    for number, cycle in enumerate(found.cycles):
        for run in range(4):
            labelled, pool, selected, others = (
                set(rows[run].tolist()) for rows in (cycle.labelled, cycle.pool, cycle.selected, cycle.others)
            )
            assert not labelled & pool
            assert selected <= pool
            assert others <= pool - selected
            assert len(others) == len(selected) == _measured.K
            assert len(labelled) == _measured.INITIAL + number * _measured.K
            assert max(pool | labelled) < _measured.INITIAL + _measured.UNLABELLED  # no test sample
        for net, more in ((cycle.after, cycle.selected), (cycle.twin, cycle.others)):
            rows = torch.cat([cycle.labelled, more], 1)
            x, y = (_measured.taken(v, rows) for v in (found.x, found.labels))
            again = _networks.trained(cycle.before, x, y, _measured.STEPS)
            torch.testing.assert_close(net.W, again.W, rtol=1e-10, atol=1e-12)


def test_retrained_networks_start_from_their_initial_weights(tiny):
    whole, cycles = _measured.retrained.__wrapped__(*tiny)
    start = _networks.initialised(D, M, N, tiny[2].tolist())
    last = cycles[-1]
    rows = torch.cat([last.labelled, last.selected], 1)
    x, y = (_measured.taken(v[:: _measured.SPLITS], rows) for v in (whole.x, whole.labels))
    again = _networks.trained(start, x, y, _measured.FIRST_STEPS)
    torch.testing.assert_close(last.after.A, again.A, rtol=1e-10, atol=1e-12)


def test_falling_norms_are_counted_group_by_group(tiny):
    found = _measured.runs.__wrapped__(*tiny)
    cycle = found.cycles[0]
    got = tables45._counted(found.x, cycle)

    def falls(after, run, row):
        point = found.x[run, row][None]
        sizes = []
        for net in (cycle.before, after):
            parameters = flat(_networks.chosen(net, run))
            slopes = torch.autograd.grad(entropies(outputs(parameters, point)).sum(), parameters)
            sizes.append(float(sum((g * g).sum() for g in slopes)))
        return sizes[1] <= sizes[0]

    for run in range(4):
        pool, selected, others = (set(rows[run].tolist()) for rows in (cycle.pool, cycle.selected, cycle.others))
        groups = {
            tables45.SELECTED: (cycle.after, selected),
            tables45.SELECTED_LEFT: (cycle.twin, selected),
            tables45.RANDOM: (cycle.twin, others),
            tables45.RANDOM_LEFT: (cycle.after, others),
            tables45.REST: (cycle.after, pool - selected - others),
        }
        for group, (net, rows) in groups.items():
            wanted = 100 * sum(falls(net, run, row) for row in rows) / len(rows)
            assert float(got[group][run]) == pytest.approx(wanted), group


# influences


def test_influences_of_unlabelled_samples_are_those_of_dense_matrices(tiny, monkeypatch):
    monkeypatch.setattr(_influences, "TESTED", 8)
    found = _measured.runs.__wrapped__(*tiny)
    cycle, run = found.cycles[1], 2
    net, x, labels = _networks.chosen(cycle.after, run), found.x[run], found.labels[run]
    trained, pool = torch.cat([cycle.labelled[run], cycle.selected[run]]), cycle.pool[run]
    total, norms, direction = _influences.of_points(net, x, labels, trained, pool)
    shapes = [p.shape for p in _networks.parameters(net)]
    theta = torch.cat([p.flatten() for p in _networks.parameters(net)])

    def z(at, rows):
        parts = at.split([s.numel() for s in shapes])
        return outputs([part.view(s) for part, s in zip(parts, shapes, strict=True)], x[rows])

    J = torch.func.jacrev(lambda at: z(at, trained))(theta)  # (n, N, p)
    p = torch.softmax(z(theta, trained), -1)
    S = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    H = torch.einsum("nkp,nkl,nlq->pq", J, S, J) / len(trained) + _networks.DECAY * torch.eye(len(theta), dtype=torch.float64)
    test = torch.arange(36, 44)
    losses = {
        _influences.CE: lambda at, rows: cross_entropy(z(at, rows), labels[rows]),
        _influences.ENT: lambda at, rows: entropies(z(at, rows)),
    }
    for name, loss in losses.items():
        G = torch.func.jacrev(lambda at, loss=loss: loss(at, pool))(theta)
        s = torch.linalg.solve(H, torch.func.jacrev(lambda at, loss=loss: loss(at, test).sum())(theta)) / len(trained)
        torch.testing.assert_close(total[name], G @ s, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(norms[name], G.norm(dim=1), rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(direction[name], s.norm(), rtol=1e-8, atol=1e-10)


def test_the_four_terms_of_figure_3_are_in_order_up_to_the_third(tiny, monkeypatch):
    monkeypatch.setattr(_influences, "TESTED", 8)
    monkeypatch.setattr(_influences, "runs", _measured.runs.__wrapped__)
    found = _influences.influences.__wrapped__(*tiny)
    for loss in (_influences.CE, _influences.ENT):
        target, one, two, three = found.terms(loss)
        assert target.shape == (2, _measured.CYCLES, _measured.POOL)
        assert (target <= one).all()
        assert (one <= two * (1 + 1e-9)).all()
        torch.testing.assert_close(three / two, found.norms[loss][:, :, 0] / found.norms[loss][:, :, 1])


def test_table_2_counts_the_largest_of_both_lists():
    norms = torch.tensor([5.0, 4.0, 3.0, 2.0, 1.0]).expand(1, 1, 2, 5)
    total = torch.tensor([-9.0, 1.0, 2.0, 3.0, 4.0]).expand(1, 1, 2, 5)
    found = _influences.Influences({"x": total}, {"x": norms}, {})
    largest = _measured.largest.__defaults__
    try:
        _measured.largest.__defaults__ = (2,)
        signed, sized = (float(table2.percent(found, "x", "x", 0, size=size)) for size in (False, True))
    finally:
        _measured.largest.__defaults__ = largest
    assert (signed, sized) == pytest.approx((0.0, 100 / _measured.K))


# leave-one-out


def test_refits_are_stationary_and_agree_with_those_of_one_network_at_a_time():
    x, y = torch.nn.functional.normalize(normal(1, 8, D), dim=-1), classes(2, 8)
    Z, t = torch.nn.functional.normalize(normal(3, 9, D), dim=-1), classes(4, 9)
    net = al.TwoLayerNet(D, 6, N, "tanh", seed=7)
    fitted, refits = _refits.without_each(net, x, y, 0.01, 3, tol=1e-9)

    def slope(net, keep):
        W = net.W.clone().requires_grad_()
        value = cross_entropy(torch.tanh(x[keep] @ W.T) @ net.a / 6**0.5, y[keep]).sum() / 8 + 0.005 * (W * W).sum()
        return float(torch.autograd.grad(value, W)[0].norm())

    assert slope(fitted, range(8)) <= 1e-9
    assert all(slope(other, [j for j in range(8) if j != i]) <= 1e-9 for i, other in enumerate(refits))
    wanted = al.influence.leave_one_out(fitted, x, y, 0.01, Z, t, points=range(3))
    got = torch.stack([cross_entropy(other(Z), t) - cross_entropy(fitted(Z), t) for other in refits])
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-6)


def test_the_hessian_of_the_refits_is_autograds():
    problem = _refits.Problem(normal(1, 2, M, N), normal(2, 2, 6, D), classes(3, 2, 6), normal(4, 2, 6).abs(), 0.1)
    W, V = normal(5, 2, M, D), normal(6, 2, M, D)

    def value(W):
        z = torch.tanh(problem.x @ W.mT) @ problem.a
        return (problem.w * cross_entropy(z, problem.y)).sum() + 0.05 * (W * W).sum()

    now = problem.at(W)
    torch.testing.assert_close(now.slope, torch.func.grad(value)(W))
    torch.testing.assert_close(problem.hessian(now, V), torch.func.jvp(torch.func.grad(value), (W,), (V,))[1])
    back = problem.solve(problem.gauss_newton(now), V)
    J = torch.func.jacrev(lambda W: torch.tanh(problem.x @ W.mT) @ problem.a)(W)
    for i in range(2):
        rows = J[i, :, :, i].flatten(2)  # (n, N, p)
        S = torch.diag_embed(now.p[i]) - now.p[i][:, :, None] * now.p[i][:, None, :]
        G = torch.einsum("n,nkp,nkl,nlq->pq", problem.w[i], rows, S, rows) + 0.1 * torch.eye(M * D, dtype=torch.float64)
        torch.testing.assert_close(back[i].flatten(), torch.linalg.solve(G, V[i].flatten()))


def test_slope_and_ranks_of_removals():
    key = (leave_one_out.WIDTH, leave_one_out.SMALL)
    found = leave_one_out.Removals({key: torch.tensor([[2.0, 4.0, -6.0]])}, {key: torch.tensor([[1.0, 2.0, -3.0]])})
    assert float(found.slope()) == pytest.approx(2)
    assert float(found.ranks()) == pytest.approx(1)


# figure 3's first two steps, exactly


def test_the_chain_of_figure_3_at_an_instance_by_hand():
    """H = diag(1, 2), test gradient (3, 8), so s = (3, 4), |s| = 5; gradients (0, -3) and (12, 5)."""
    relation = at(
        registered()["gradnorm.figure3.order"], G=[[0.0, -3.0], [12.0, 5.0]], test=[3.0, 8.0], H=[[1.0, 0.0], [0.0, 2.0]]
    )
    terms = [float(value[0]) for _, value in relation.terms]
    assert terms == pytest.approx([float(F(-12 + 56, 2)), float(F(12 + 56, 2)), float(F(5 * 3 + 5 * 13, 2))])
