"""Condition numbers, bases, ranks, widths and derivatives against fractions, mpmath, enumeration and the audit's table."""

from __future__ import annotations

import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch
from basis_oracles import exactly

import altheory as al
from altheory import InputError, activations
from altheory import orthonormal_basis as ob


def instance(seed, n=12, D=4, batch=(), heavy=False):
    rng = torch.Generator().manual_seed(seed)
    V = torch.randn(*batch, n, D, generator=rng, dtype=torch.float64)
    V = V / torch.rand(*batch, n, 1, generator=rng, dtype=torch.float64) if heavy else V
    p = -torch.log(torch.rand(*batch, n, generator=rng, dtype=torch.float64))
    return V, p / p.sum(-1, keepdim=True)


def solved(A, b):
    """Ax = b over the rationals by Gauss-Jordan."""
    rows = [[*row, value] for row, value in zip(A, b)]
    for i in range(len(rows)):
        pivot = next(r for r in range(i, len(rows)) if rows[r][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for r in range(len(rows)):
            if r != i:
                rows[r] = [v - rows[r][i] * w for v, w in zip(rows[r], rows[i])]
    return [row[-1] for row in rows]


V3 = [[F(1), F(0)], [F(1), F(2)], [F(-1), F(3)], [F(5), F(5)]]
P3 = [F(1, 2), F(1, 3), F(1, 6), F(0)]


def rational_ratios():
    G = [[sum(p * v[a] * v[b] for v, p in zip(V3, P3)) for b in range(2)] for a in range(2)]
    return [sum(x * c for x, c in zip(v, solved(G, v))) if p else F(0) for v, p in zip(V3, P3)]


# ---- the condition number of a span ------------------------------------------------------------------------


def test_ratios_against_fractions():
    found = ob.pointwise_ratio([[float(x) for x in v] for v in V3], [float(p) for p in P3])
    assert found.tolist() == pytest.approx([float(r) for r in rational_ratios()], rel=1e-13)
    assert float(ob.condition_number(np.array(V3, dtype=float), np.array(P3, dtype=float))) == pytest.approx(
        float(max(rational_ratios())), rel=1e-13
    )


DYADIC = {"V": [[1, 0], [1, 2], [-1, 3], [5, 5]], "p": [0.5, 0.25, 0.25, 0]}


def test_ratios_in_exact_arithmetic():
    rows, G = [[F(1), F(0)], [F(1), F(2)], [F(-1), F(3)]], [[F(1), F(-1, 4)], [F(-1, 4), F(13, 4)]]
    wanted = [51 * sum(x * c for x, c in zip(v, solved(G, v))) for v in rows] + [F(0)]
    assert all(w.denominator == 1 for w in wanted)

    def body(V, p):
        ratios = ob.pointwise_ratio(V, p)
        h = (V @ ob.extremal_functions(V, p)[2][:, None])[:, 0]
        values = [(51 * ratios[i], int(wanted[i]), "==") for i in range(4)]
        return [*values, (ob.peak_ratio(h, p), ob.condition_number(V, p), "=="), (ob.leverage(V, p).sum(-1), 2, "==")]

    assert exactly(body, **DYADIC) == ["equal"] * 6


def test_importance_sampling_in_exact_arithmetic():
    def body(V, p, alpha):
        q, trace = ob.leverage_distribution(V, p), 17 / 4
        G = ob.gram(V, p)
        energy = (alpha * (G @ alpha[:, None])[:, 0]).sum(-1) / (alpha * alpha).sum(-1)
        return [
            (ob.mean_of_supremum(V, p, q), trace, "=="),
            (ob.alpha_condition_number(V[:3], p[:3], q[:3]), trace, "=="),
            (ob.mean_ratio(V, p, q, alpha), energy, "=="),
            (ob.mean_ratio(V, p, p, alpha), energy, "=="),
            (ob.equicorrelated(alpha[0], 3)[0, 1], alpha[0], "=="),
            (ob.correlation(ob.equicorrelated(alpha[0], 3)), 2, "=="),
            (ob.printed_factor(alpha[0], 3), 7, "=="),
            (ob.gershgorin_bounds(alpha[0], 3)[0], -3, "=="),
        ]

    assert exactly(body, **DYADIC, alpha=[2, -3]) == ["equal"] * 8


def test_gram_schmidt_in_exact_arithmetic():
    def body(V, p):
        # the second function is (4 v_2 + v_1)/sqrt(51), which is 25/sqrt(51) at the point without mass
        Q, U = ob.orthonormal_basis(V, p), ob.normalised(V, p)
        return [(7 * Q[3, 1], 25, "<="), (25, 7.15 * Q[3, 1], "<="), (2 * U[3, 0], 10, "<="), (2.7 * U[3, 1] - 7, 0.5, "<=")]

    assert exactly(body, **DYADIC)[:2] == ["strict"] * 2
    assert exactly(body, **DYADIC)[2] == "equal"


def test_the_span_bounds_and_attains():
    V, p = instance(0, batch=(5,), heavy=True)
    K = ob.condition_number(V, p)
    rng = torch.Generator().manual_seed(1)
    for _ in range(200):
        h = (V @ torch.randn(5, 4, 1, generator=rng, dtype=torch.float64))[..., 0]
        assert bool((ob.peak_ratio(h, p) <= K * (1 + 1e-9)).all())
    best = (V @ ob.maximiser(V, p)[..., None])[..., 0]
    assert torch.allclose(ob.peak_ratio(best, p), K, rtol=1e-9)
    rows = ob.extremal_functions(V, p)
    ratios = ob.pointwise_ratio(V, p)
    h = V @ rows.mT
    assert torch.allclose(torch.diagonal(h, 0, -2, -1), ratios, rtol=1e-9)
    assert torch.allclose((p[..., None] * h * h).sum(-2), ratios, rtol=1e-9)


def test_leverages_sum_to_the_rank_of_every_member():
    V, p = instance(2, batch=(3,))
    V[1, :, 3] = V[1, :, 0] - V[1, :, 1]
    V[2, :, 1:] = 0
    ell = ob.leverage(V, p)
    assert ell.sum(-1).tolist() == pytest.approx([4, 3, 1], rel=1e-10)
    independent = ob.condition_number(V[1, :, :3], p[1])
    assert float(ob.condition_number(V[1], p[1])) == pytest.approx(float(independent), rel=1e-9)
    assert ob.pointwise_ratio(torch.zeros(3, 2), torch.full((3,), 1 / 3)).tolist() == [0, 0, 0]


def test_a_light_clone_does_not_hide_and_a_light_outlier_has_ratio_one_over_its_mass():
    V, p = torch.eye(3, dtype=torch.float64), torch.tensor([0.5, 0.5 - 1e-9, 1e-9], dtype=torch.float64)
    assert float(ob.condition_number(V, p)) == pytest.approx(1e9, rel=1e-12)
    assert float(ob.condition_number(V[:, :2], p)) == pytest.approx(1 / (0.5 - 1e-9), rel=1e-12)
    tiny = torch.tensor([0.5, 0.5, 1e-30], dtype=torch.float64)
    assert float(ob.condition_number(V, tiny)) == pytest.approx(2)
    assert float(ob.condition_number(V, tiny, rtol=1e-17)) == pytest.approx(1e30)


def test_hadamard_attains_the_rank():
    H = torch.tensor([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1.0]]).double()
    p = torch.full((4,), 0.25).double()
    assert float(ob.condition_number(H[:, 1:], p)) == pytest.approx(3, rel=1e-14)
    assert float(ob.mean_of_supremum(H, p, p)) == 4
    assert float(ob.supremum_of_mean(H, p, p)) == pytest.approx(1)


@pytest.mark.parametrize("dependent", [False, True])
def test_gradients_against_differences(dependent):
    V, p = instance(3, n=7, D=3)
    V = torch.cat([V, V[:, :1] + V[:, 1:2]], -1) if dependent else V
    X = V[:, :3].clone().requires_grad_()
    mix = (
        torch.cat([torch.eye(3).double(), torch.tensor([[1.0], [1], [0]]).double()], -1) if dependent else torch.eye(3).double()
    )

    def K(X):
        return ob.condition_number(X @ mix, p)

    K(X).backward()
    step = 1e-6 * torch.randn(7, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    with torch.no_grad():
        difference = float(K(X + step) - K(X - step)) / 2
    assert float((X.grad * step).sum()) == pytest.approx(difference, rel=1e-4)


def test_peak_ratio_of_zero_and_of_tiny_functions():
    p = torch.tensor([0.5, 0.5, 0]).double()
    assert float(ob.peak_ratio([0.0, 0, 7], p)) == 0
    assert float(ob.peak_ratio([1e-200, 0, 7], p)) == pytest.approx(2)


@pytest.mark.parametrize(
    ("V", "p", "words"),
    [
        ([1.0, 2], [0.5, 0.5], ["at least 2, (..., n, D)"]),
        ([[1.0], [2]], [0.5, 0.5, 0], ["`p` has shape (3,)", "2 points"]),
        ([[1.0], [2]], [1.5, -0.5], ["negative mass", "pass masses >= 0"]),
        ([[1.0], [2]], [1.0, 1], ["sums to 2", "p / p.sum"]),
        ([[1.0], [float("nan")]], [0.5, 0.5], ["NaN"]),
    ],
)
@pytest.mark.parametrize("function", [ob.condition_number, ob.gram, ob.orthonormal_basis, ob.leverage_distribution])
def test_bad_supports(function, V, p, words):
    with pytest.raises(InputError) as caught:
        function(V, p)
    assert all(word in str(caught.value) for word in words), caught.value


@pytest.mark.parametrize("rtol", [-1, 1, True, "small"])
def test_bad_tolerances(rtol):
    with pytest.raises(InputError, match="`rtol` is .* but a number at least 0 and below 1"):
        ob.condition_number([[1.0]], [1.0], rtol=rtol)


# ---- networks ----------------------------------------------------------------------------------------------


def test_every_point_of_an_arc_is_isolated_only_at_its_ends():
    angles = torch.linspace(0, math.pi / 2, 6, dtype=torch.float64)
    X, p = torch.stack([angles.cos(), angles.sin()], -1), torch.full((6,), 1 / 6, dtype=torch.float64)
    found = [ob.isolating_neuron(X, p, i) for i in range(6)]
    assert [f.w is not None for f in found] == [True, False, False, False, False, True]
    for f in (found[0], found[5]):
        assert f.ratio == pytest.approx(6, rel=1e-9)
        h = ob.network_values(X, f.w[None], [1.0], "relu")
        assert float(ob.peak_ratio(h, p)) == pytest.approx(f.ratio, rel=1e-12)
    for f in found[1:5]:
        assert float(f.combination.min()) >= 0
        assert float(f.combination[f.point]) == 0
        assert torch.allclose(f.combination @ X, X[f.point], atol=1e-7)


def test_points_without_mass_do_not_hinder():
    X = [[1.0, 0], [1, 1], [0, 1]]
    assert ob.isolating_neuron(X, [0.5, 0.25, 0.25], 1).w is None
    assert ob.isolating_neuron(X, [0.0, 0.5, 0.5], 1).ratio == pytest.approx(2)
    assert ob.isolating_neuron(X, [0.0, 1.0, 0.0], 1).ratio == pytest.approx(1)
    assert ob.isolating_neuron([[0.0, 0], [1, 1]], [0.5, 0.5], 0).w is None
    for point, words in ((3, "`X` has 3 points"), (0, "must have mass"), (1.0, "integer")):
        with pytest.raises(InputError, match=words):
            ob.isolating_neuron(X, [0.0, 0.5, 0.5], point)


def test_ascent_is_below_the_span_and_finds_the_square():
    # one neuron w^2 on e1, e2 and a diagonal: the best form (w.x)^2 on a grid of angles
    X, p = torch.tensor([[1.0, 0], [0, 1], [0.6, 0.8]]).double(), torch.tensor([0.5, 0.3, 0.2]).double()
    square = activations.polynomial(0, 0, 1)
    angles = torch.linspace(0, math.pi, 20001, dtype=torch.float64)
    W = torch.stack([angles.cos(), angles.sin()], -1)[:, None]
    wanted = float(ob.peak_ratio(ob.network_values(X, W, [1.0], square), p).max())
    ratio, best = ob.ascend_condition_number(X, p, [1.0], square, seed=0, starts=8, steps=100)
    assert ratio == pytest.approx(wanted, rel=1e-4)
    assert float(ob.peak_ratio(ob.network_values(X, best, [1.0], square), p)) == pytest.approx(ratio, rel=1e-9)
    again, _ = ob.ascend_condition_number(X, p, [1.0], square, seed=0, starts=8, steps=100)
    assert again == ratio
    forms = torch.stack([X[:, 0] ** 2, X[:, 0] * X[:, 1], X[:, 1] ** 2], -1)
    assert ratio <= float(ob.condition_number(forms, p))


def test_network_values_against_the_definition():
    X, W, a = instance(6, 4, 3)[0], instance(7, 5, 3)[0], torch.tensor([1.0, -1, 1, 1, -1]).double()
    wanted = [sum(float(s) * math.sin(float(w @ x)) for s, w in zip(a, W)) for x in X]
    assert ob.network_values(X, W, a, "sin").tolist() == pytest.approx(wanted, rel=1e-13)
    with pytest.raises(InputError, match="pass .* and"):
        ob.network_values(X, W, a[:3], "sin")
    with pytest.raises(InputError, match="`starts`"):
        ob.ascend_condition_number(X, [0.25] * 4, a, "sin", seed=0, starts=0)


# ---- bases -------------------------------------------------------------------------------------------------


def test_gram_schmidt():
    V, p = instance(8, batch=(3,))
    p[0, 0] = 0
    p = p / p.sum(-1, keepdim=True)
    Q = ob.orthonormal_basis(V, p)
    assert torch.allclose(ob.gram(Q, p), torch.eye(4).double().expand(3, 4, 4), atol=1e-12)
    assert float(ob.correlation(ob.gram(Q, p)).max()) < 1e-12
    # against the recursion
    q = []
    for j in range(4):
        v = V[1, :, j] - sum(float((p[1] * V[1, :, j] * u).sum()) * u for u in q)
        q.append(v / math.sqrt(float((p[1] * v * v).sum())))
    assert torch.allclose(Q[1], torch.stack(q, -1), rtol=1e-9)
    assert torch.allclose(ob.condition_number(Q, p), ob.condition_number(V, p), rtol=1e-9)
    mixing = torch.linalg.lstsq(V[0, 1:], Q[0, 1:]).solution
    assert torch.allclose(V[0, 0] @ mixing, Q[0, 0], rtol=1e-8)


def test_gram_schmidt_keeps_digits_that_the_gram_matrix_loses():
    t = torch.linspace(0, 1, 40, dtype=torch.float64)
    V, p = t[:, None] ** torch.arange(12), torch.full((40,), 1 / 40, dtype=torch.float64)
    assert float(torch.linalg.cond(ob.gram(V, p))) > 1e14
    assert torch.allclose(ob.gram(ob.orthonormal_basis(V, p, rtol=1e-16), p), torch.eye(12).double(), atol=1e-6)


def test_dependent_functions_need_a_spanning_basis():
    V, p = instance(9)
    V[:, 3] = V[:, 0] + V[:, 1]
    with pytest.raises(InputError, match="dependent columns .*spanning_basis"):
        ob.orthonormal_basis(V, p)
    with pytest.raises(InputError, match="5 functions on 2 points"):
        ob.orthonormal_basis(torch.ones(2, 5), torch.tensor([0.5, 0.5]))
    Q = ob.spanning_basis(V, p)
    assert Q.shape == (12, 3)
    assert torch.allclose(ob.gram(Q, p), torch.eye(3).double(), atol=1e-12)
    assert torch.allclose(Q @ (Q.mT @ (p[:, None] * V)), V, atol=1e-10)
    for bad in (torch.zeros(3, 2).double(), torch.ones(2, 3, 1).double()):
        with pytest.raises(InputError):
            ob.spanning_basis(bad, torch.full((bad.shape[-2],), 1 / bad.shape[-2], dtype=torch.float64))


@pytest.mark.parametrize("D", [1, 2, 3, 11])
def test_gershgorin_is_attained_by_equal_correlations(D):
    for rho in (0.05, 0.1):
        low, high = ob.gershgorin_bounds(rho, D)
        assert float(torch.linalg.eigvalsh(ob.equicorrelated(rho, D))[-1]) == pytest.approx(high)
        assert float(torch.linalg.eigvalsh(ob.equicorrelated(-rho, D))[0]) == pytest.approx(low, abs=1e-14)
        assert ob.printed_factor(rho, D) - high == pytest.approx(rho)
        assert float(ob.correlation(ob.equicorrelated(-rho, D))) == pytest.approx(0 if D == 1 else rho)
    assert ob.equicorrelated([0.1, 0.2], D).shape == (2, D, D)


def test_gershgorin_holds_for_features():
    V, p = instance(10, n=30, D=5, batch=(20,))
    G = ob.gram(ob.normalised(V, p), p)
    low, high = ob.gershgorin_bounds(ob.correlation(G), 5)
    values = torch.linalg.eigvalsh(G)
    assert bool((values[..., 0] >= low - 1e-12).all())
    assert bool((values[..., -1] <= high + 1e-12).all())


def test_bad_bases():
    with pytest.raises(InputError, match="column that vanishes"):
        ob.normalised([[1.0, 0], [1, 0]], [0.5, 0.5])
    with pytest.raises(InputError, match="diagonal entry that is not 1 in batch member"):
        ob.correlation([[[1.0, 0], [0, 1]], [[1, 0], [0, 2]]])
    with pytest.raises(InputError, match="Gram matrix"):
        ob.correlation([[1.0, 0]])
    for call in (lambda: ob.gershgorin_bounds(0.1, 0), lambda: ob.equicorrelated(0.1, 1.5), lambda: ob.printed_factor(0.1, 0)):
        with pytest.raises(InputError, match="`D`"):
            call()


# ---- importance sampling -----------------------------------------------------------------------------------


def test_the_leverage_distribution_is_the_least():
    V, p = instance(11, batch=(6,), heavy=True)
    Q = ob.orthonormal_basis(V, p)
    best = ob.leverage_distribution(Q, p)
    assert torch.allclose(ob.alpha_condition_number(Q, p, best), torch.full((6,), 4.0).double())
    for seed in range(20):
        q = 0.9 * best + 0.1 * instance(seed, batch=(6,))[1]
        assert bool((ob.alpha_condition_number(Q, p, q) > 4).all())
        assert torch.allclose(ob.mean_of_supremum(Q, p, q), torch.full((6,), 4.0).double())
        assert torch.allclose(ob.supremum_of_mean(Q, p, q), torch.ones(6).double())


def test_importance_sampling_by_enumeration():
    V, p = instance(12, n=5, D=2)
    q, alpha = instance(13, n=5)[1], torch.tensor([2.0, -1]).double()
    h = [float(v @ alpha) for v in V]
    mean = sum(float(q[i]) * float(p[i] / q[i]) * h[i] ** 2 / 5 for i in range(5))
    assert float(ob.mean_ratio(V, p, q, alpha)) == pytest.approx(mean, rel=1e-13)
    angles = torch.linspace(0, math.pi, 20001, dtype=torch.float64)
    A = torch.stack([angles.cos(), angles.sin()])
    over_h = ((V @ A) ** 2).amax(-1)
    assert float(ob.alpha_condition_number(V, p, q)) == pytest.approx(float((p / q * over_h).max()), rel=1e-6)
    assert float(ob.supremum_of_mean(V, p, q)) == pytest.approx(float((p @ (V @ A) ** 2).max()), rel=1e-6)
    weighted = ob.weighted_condition_number(V, p, q)
    smallest = torch.linalg.eigvalsh(ob.gram(V, p))[0]
    assert float(weighted) == pytest.approx(float((p / q * ob.pointwise_ratio(V, p)).max()))
    assert float(weighted) <= float(ob.alpha_condition_number(V, p, q) / smallest)


def test_a_missed_point_makes_the_number_infinite_and_breaks_the_identity():
    V, p, q = [[1.0], [1], [0]], [0.5, 0.25, 0.25], [1.0, 0, 0]
    assert float(ob.alpha_condition_number(V, p, q)) == math.inf
    assert float(ob.weighted_condition_number(V, p, q)) == math.inf
    assert float(ob.mean_ratio(V, p, q, [3.0])) == 0.5
    assert float(ob.mean_of_supremum(V, p, q)) == 0.5
    assert float(ob.alpha_condition_number(V, p, [0.5, 0.5, 0.0])) == 1


def test_bad_importance_sampling():
    V, p = [[1.0, 0], [1, 1]], [0.5, 0.5]
    with pytest.raises(InputError, match="`q` sums to 3"):
        ob.alpha_condition_number(V, p, [1.0, 2])
    with pytest.raises(InputError, match="`alpha` is zero"):
        ob.mean_ratio(V, p, p, [0.0, 0])
    with pytest.raises(InputError, match="`V` has 2 functions"):
        ob.mean_ratio(V, p, p, [1.0])
    with pytest.raises(InputError, match="vanishes on the support"):
        ob.leverage_distribution([[0.0], [1]], [1.0, 0])


def test_the_module_is_public():
    assert al.orthonormal_basis is ob
    assert all(hasattr(ob, name) for name in ob.__all__)
