"""Gradnorm, equations (6), (7) and (10), appendices A.4 and A.7, algorithm 1 and the tables: the audit's counterexamples.

Worked out here from the definitions, in fractions where they are rational and with `math` where a logarithm enters, not by
`altheory`; the claims must give the same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import pytest
import torch

from altheory import gradnorm
from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.papers.gradnorm import _printed_tables as printed
from proofs_check.papers.gradnorm import algorithm1
from proofs_check.registry import registered

CLAIMS = registered()


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance."""
    found = at(CLAIMS[f"gradnorm.{id}"], **values).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def inside(id, **values):
    """Whether the instance meets the claim's assumptions."""
    tensors = {name: torch.as_tensor(value, dtype=torch.float64)[None] for name, value in values.items()}
    return bool(admissible(CLAIMS[f"gradnorm.{id}"], Batch(tensors, {}))[0])


def logits_of(*p):
    return [math.log(v) for v in p]


def H(*p):
    return -sum(v * math.log(v) for v in p if v)


# equation (6)


def test_the_expected_loss_is_the_entropy_and_its_gradient_the_entropys():
    p = (F(1, 6), F(2, 6), F(3, 6))
    assert sides("eq6", z=logits_of(*p)) == pytest.approx((H(*p), H(*p)), rel=1e-14)
    slope = [-v * (math.log(v) + H(*p)) for v in p]
    for k in range(3):
        u = [float(k == j) for j in range(3)]
        assert sides("eq6.gradient", z=logits_of(*p), u=u) == pytest.approx((slope[k], slope[k]), rel=1e-13)
        # sum_i P_i (P_k - delta_ik) = 0
        assert sum(v * (p[k] - (i == k)) for i, v in enumerate(p)) == 0
        assert sides("eq6.detached", z=logits_of(*p), u=u) == pytest.approx((float(p[k]), float(p[k])), rel=1e-14)


def test_one_scheme_not_two():
    more, same = sides("eq6.independent", J=[[1.0], [0.0]], z=[1.0, 0.0])
    p = 1 / (1 + math.exp(-1))
    assert more == pytest.approx((1 + 1e-6) * p * (1 - p), rel=1e-13)
    assert same == pytest.approx(p * (1 - p), rel=1e-13)
    more, same = sides("eq6.independent.detached", J=[[1.0], [0.0]], z=[0.0, 0.0])
    assert (more, same) == (0.5 * (1 + 1e-6), 0.5)


def test_the_brier_score_too():
    p = (F(1, 6), F(2, 6), F(3, 6))
    u = (1, -2, 5)
    mean = sum(a * b for a, b in zip(p, u, strict=True))
    moves = [a * (b - mean) for a, b in zip(p, u, strict=True)]  # how p moves along u
    slopes = [2 * sum((q - (j == i)) * m for j, (q, m) in enumerate(zip(p, moves, strict=True))) for i in range(3)]
    assert sum(a * b for a, b in zip(p, slopes, strict=True)) == 0
    left, right = sides("eq6.detached.brier", z=logits_of(*p), u=[float(v) for v in u])
    wanted = float(sum(a * b for a, b in zip(p, moves, strict=True)))
    assert (left, right) == pytest.approx((wanted, wanted), rel=1e-13)


def test_expected_gradient_length_is_another_score():
    assert sides("eq6.egl", J=[[1.0], [0.0]], z=[0.0, 0.0]) == (0.0, 0.5)
    p = 1 / (1 + math.exp(-3))
    left, right = sides("eq6.egl", J=[[1.0], [0.0]], z=[3.0, 0.0])
    assert right == pytest.approx(2 * p * (1 - p), rel=1e-14)
    assert left / right == pytest.approx(1.5, rel=1e-14)


def test_varentropy_and_fisher_information_of_two_classes():
    p, q = F(3, 4), F(1, 4)
    J = [[2.0, 1.0], [0.0, 1.0]]  # |J_1 - J_2|^2 = 4
    egl2 = p * q**2 * 4 + q * p**2 * 4
    V = float(p * q) * math.log(3) ** 2
    left, right = sides("eq6.varentropy.binary", J=J, z=logits_of(p, q))
    assert left == pytest.approx(4 * (math.log(3) * float(p * q)) ** 2, rel=1e-13)
    assert right == pytest.approx(V * float(egl2), rel=1e-13)
    assert left == pytest.approx(right, rel=1e-13)
    squares, trace = sides("eq6.egl2", J=J, z=logits_of(p, q))
    assert (squares, trace) == pytest.approx((float(egl2), float(egl2)), rel=1e-13)


def test_varentropy_bounds_the_slope_strictly_for_three_classes():
    z, J = [2.0, 0.0, -1.0], [[1.0], [3.0], [0.0]]
    left, middle = sides("eq6.varentropy.norm", J=J, z=z)
    _, right = sides("eq6.varentropy.norm", link=1, J=J, z=z)
    assert left < 0.9 * middle
    assert middle == pytest.approx(right, rel=1e-12)  # one parameter: F is a number


# equation (7)


def test_the_peak_and_the_uniform_posterior():
    z = 1.543404638418208
    p = 1 / (1 + math.exp(-z))
    assert z * math.tanh(z / 2) == pytest.approx(1, rel=1e-14)
    slope, bound = sides("eq7.peak", z=[z, 0.0])
    assert slope == pytest.approx(math.sqrt(2) * z * p * (1 - p), rel=1e-15)
    assert slope <= bound <= slope * 1.0004
    assert sides("eq7.uniform", link=1, J=[[1.0], [5.0]], z=[3.0, -1.0], level=7.0)[0] == 0.0
    low, curvature = sides("eq7.convex.binary", z=z + 1e-9)
    assert low <= curvature < 1e-8
    p = 1 / (1 + math.exp(-1.5))
    below = -p * (1 - p) * (1 - 1.5 * math.tanh(0.75))
    assert sides("eq7.convex.binary", z=1.5)[1] == pytest.approx(below, rel=1e-13)
    assert below < 0


def test_the_entropy_is_not_convex():
    middle, ends = sides("eq7.convex", z=[1.0, -1.0], w=[-1.0, 1.0])
    p = 1 / (1 + math.exp(-2))
    assert (middle, ends) == pytest.approx((math.log(2), H(p, 1 - p)), rel=1e-14)
    assert ends < 0.366 < 0.693 < middle
    for N in (2, 3, 5):
        u = [1.0] + [0.0] * (N - 1)
        bent, wanted = sides("eq7.convex.uniform", level=4.0, u=u)
        assert bent == pytest.approx(float(-F(1, N) * (1 - F(1, N))), rel=1e-14)
        assert bent == pytest.approx(wanted, rel=1e-14)


def test_a_trained_model_is_not_stationary_for_the_entropy():
    slope, zero = sides("eq7.stationary", ones=1, others=2)
    assert slope == pytest.approx(2 / 9 * math.log(2), rel=1e-14)
    assert zero == 0
    assert sides("eq7.stationary", ones=3, others=3)[0] == 0


def test_less_entropy_more_cross_entropy():
    before, after = (F(4, 10), F(6, 10)), (F(2, 10), F(8, 10))
    assert H(*after) < H(*before)
    left, right = sides("eq7.reduces", z=logits_of(*before), w=logits_of(*after))
    assert (left, right) == pytest.approx((math.log(5), math.log(5 / 2)), rel=1e-14)
    assert inside("eq7.reduces", z=logits_of(*before), w=logits_of(*after))
    left, right = sides("eq7.reduces.right_many", z=[1.0, 1.0], w=[0.0, 40.0])
    assert (left, right) == pytest.approx((math.log(2), math.log(1 + 2 * math.exp(-1))), rel=1e-14)
    assert left > right
    assert inside("eq7.reduces.right_many", z=[1.0, 1.0], w=[0.0, 40.0])


@pytest.mark.parametrize(("q", "factor"), [(1e-1, 3.1), (1e-2, 5.6), (1e-4, 10.2), (1e-8, 19.4)])
def test_the_relative_error_diverges(q, factor):
    gap = math.log((1 - q) / q)
    entropy, twice = sides("eq7.relative", gap=gap)
    assert 2 * entropy / twice == pytest.approx(factor, abs=0.05)
    loss, same = sides("eq7.diverges", gap=[gap])
    assert same == pytest.approx(entropy, rel=1e-12)
    assert loss < same < loss * (1 + 0.3 * q**0.5)
    _, apart = sides("eq7.absolute", gap=[gap])
    assert apart == pytest.approx(q * gap, rel=1e-8)


def test_entropy_of_labels_plus_divergence():
    p, q = (F(1, 2), F(1, 2)), (F(1, 4), F(3, 4))
    left, right = sides("eq7.calibrated", z=logits_of(*p), w=logits_of(*q))
    assert left == pytest.approx(math.log(2), rel=1e-14)
    divergence = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    assert right == pytest.approx(H(*q) + divergence, rel=1e-14)


def test_a_wrong_and_sure_sample_has_the_largest_gradient_and_no_score():
    first, second = sides("eq7.order", z=[-2.0, 0.0], further=8.0)
    for score, z in ((first, 2.0), (second, 10.0)):
        p = 1 / (1 + math.exp(z))  # of the label
        assert score == pytest.approx(z * p * (1 - p), rel=1e-13)
    assert second < 0.0005 < 0.2 < first


# appendix A.3


def test_monotone_under_the_assumption_only():
    c, g = [[1.0, -2.0]], [3.0, 4.0]
    assert sides("eq10.monotone.without_assumption", c=c, g=g, factor=2.0) == (-5.0, -10.0)
    assert not inside("eq10.monotone", c=c, g=g, factor=2.0, push=0.0)
    unit = [F(3, 5), F(4, 5)]
    assert sum(F(a) * b for a, b in zip((1, -2), unit, strict=True)) == -1
    assert inside("eq10.monotone", c=[[2.0, -1.0]], g=g, factor=2.0, push=0.0)
    assert sides("eq10.monotone", c=[[2.0, -1.0]], g=g, factor=2.0, push=0.0) == (2.0, 4.0)
    assert sides("eq10", c=[[1.0, -2.0]], g=g) == pytest.approx((-5.0, -5.0), rel=1e-15)
    assert sides("eq10.direction", c=[[3.0, 0.0], [0.0, 4.0]], g=[3.0, 4.0]) == pytest.approx((5.0, 5.0), rel=1e-15)


def test_copies_are_selected():
    pool = [F(1), F(1), F(0)]
    mean = sum((a - b) ** 2 for a, b in itertools.combinations(pool, 2)) / 3
    assert sides("eq10.diversity", g=[[1.0], [1.0], [0.0]]) == pytest.approx((float(mean), 0.0), rel=1e-15)
    assert sides("eq10.diversity", g=[[2.0], [-2.0], [0.0]]) == pytest.approx((8.0, 16.0), rel=1e-15)
    assert sides("eq10.diversity.by_direction", c=[1.0], g=[[-2.0], [-2.0], [1.0], [0.0]]) == (1.0, 0.0)
    assert sides("eq10.duplicates", g=[[1.0], [3.0], [-2.0]]) == (9.0, 9.0)


# appendix A.4


def test_the_count_and_the_sum_over_labelings():
    assert 688 * 688 == 473344
    below, above = sides("a4.count", link=1, side=688)[1], sides("a4.count", link=2, side=688)[0]
    assert below == above == pytest.approx(473344 * math.log10(19), rel=1e-14)
    power = 19**473344
    assert 10**605290 <= power < 10**605291
    assert 19 * 473344 == 8993536
    assert sides("a4.infeasible", pixels=3, C=2) == (8.0, 6.0)
    p = [[F(1, 4), F(3, 4)], [F(2, 3), F(1, 3)], [F(1, 2), F(1, 2)]]
    loss = [[F(1), F(5)], [F(-2), F(7)], [F(3), F(4)]]
    total = F(0)
    for labels in itertools.product(range(2), repeat=3):
        weight = math.prod((p[i][y] for i, y in enumerate(labels)), start=F(1))
        total += weight * sum(loss[i][y] for i, y in enumerate(labels))
    wanted = sum(p[i][y] * loss[i][y] for i in range(3) for y in range(2))
    assert total == wanted
    left, right = sides("a4.linear", z=[logits_of(*row) for row in p], losses=[[float(v) for v in row] for row in loss])
    assert (left, right) == pytest.approx((float(wanted), float(wanted)), rel=1e-13)
    left, right = sides("a4.entropy", z=[logits_of(*row) for row in p])
    assert (left, right) == pytest.approx((sum(H(*row) for row in p),) * 2, rel=1e-13)
    weight, change = sides("a4.general", z=[logits_of(*row) for row in p], table=[1.0] * 8, place=5)
    wanted = float(p[0][1] * p[1][0] * p[2][1])  # 5 = (1, 0, 1)
    assert (weight, change) == pytest.approx((wanted, wanted), rel=1e-12)


# algorithm 1, appendix A.7


@pytest.mark.parametrize(("C", "each"), [(1, 1), (2, 3), (7, 5)])
def test_the_last_selection_is_never_trained_on(C, each):
    labelled, trained_on = [], []
    for cycle in range(C):
        trained_on = list(labelled)
        labelled += [f"{cycle}.{i}" for i in range(each)]
    assert sides("algorithm1.used", C=C, each=each) == (len(trained_on), len(labelled))
    assert sides("algorithm1.cycles", C=C, each=each) == (len(trained_on), (C - 1) * each)


def test_the_experiment_selects_from_a_trained_network():
    claim = CLAIMS["gradnorm.algorithm1.norm"]
    from proofs_check.instances import Place, draw_random

    place = Place(seed=5)
    batch = draw_random(claim, claim.settings[0], place, place.generator("test"), 1)
    found = algorithm1.overlaps(*(batch.values[name] for name in ("x", "labels", "seed")))
    for name in algorithm1.WAYS:
        assert float(found[name, name]) == 1.0
        assert found[name, algorithm1.REFERENCE] == found[algorithm1.REFERENCE, name]
    assert float(found["expected, tensors, float32", algorithm1.REFERENCE]) >= 0.98
    assert float(found["expected, posterior detached", algorithm1.REFERENCE]) < 0.9


def test_closed_form_and_operations_by_hand():
    """W = (2), b = (1), A = (3, -1)', c = 0, x = 1, v = (1, 2): u = h = 3, D = 1, q = A'v = 1."""
    network = {"W": [[2.0]], "b": [1.0], "A": [[3.0], [-1.0]], "c": [0.0, 0.0], "x": [[1.0]]}
    assert sides("a7.closed_form", v=[[1.0, 2.0]], **network) == pytest.approx((52.0, 52.0), rel=1e-14)
    assert (1 + 1) * 1**2 + (3**2 + 1) * (1 + 4) == 52
    # x' = -1: u' = -1, D' = 0, h' = 0: only the biases of the output meet
    left, right = sides("a7.cross", other=[[-1.0]], v=[1.0, 2.0], w=[1.0, -3.0], **network)
    assert left == right == 1 * 1 + 2 * -3
    left, middle = sides("a7.operations", d=64, m=512, N=10)
    assert middle == 512 * (3 * 64 + 4 * 10)
    assert left == 2 * (512 * (64 + 20 + 3) + 74)


# tables


def test_the_printed_tables():
    room = [b + 2500 - a for b, a in zip(printed.OVERLAPS["expected-gradnorm"], printed.CONSISTENT, strict=True)]
    assert room == [913, 1103, 1320, 2010, 2369, 2489, 2466]
    assert [sides("table2.against_table1", cycle=i) for i in range(7)] == [(2250.0, float(r)) for r in room]
    assert F(913, 2500) == F("0.3652")
    assert sides("table5.printed", cycle=5) == (2251.0, 2250.0)
    assert F(2250, 2500) == F(9, 10)
    assert sum(printed.REDUCED["entropy-gradnorm"]) == 14516
    assert round(14516 / 15000, 3) == 0.968
    assert sides("table4.printed", cycle=5) == (2251.0, 2255.0)
    assert sides("table1", budget=2) == (1120.0, 1141.0)
    assert sides("table3", budget=1) == (1004.0, 1025.0)
    assert sides("table9.much", cell=7) == (139.5, 101.0)
    assert round(101 / 93, 2) == 1.09
    assert sides("table6", scheme=1) == (9268.0, 9316.0)
    assert max(printed.CLASSWISE["entropy-gradnorm"]) == 9742


def test_inclusion_over_all_triples_of_subsets():
    subsets = list(itertools.product((0, 1), repeat=3))
    for A, B, T in itertools.product(subsets, repeat=3):
        both = [sum(a & b for a, b in zip(x, y, strict=True)) for x, y in ((A, T), (B, T), (A, B))]
        bound = both[1] + sum(A) - both[2]
        assert both[0] <= bound
    found = sides("table2.inclusion", A=[1.0, 1.0, 0.0], B=[1.0, 0.0, 0.0], T=[0.0, 1.0, 1.0])
    assert found == (1.0, 1.0)


def test_the_sentence_about_smoothness_with_autograd():
    z = torch.tensor([0.3, -2.0, 1.7], dtype=torch.float64)
    u = torch.tensor([1.0, 4.0, -2.0], dtype=torch.float64)
    hessian = torch.func.hessian(lambda t: -(torch.softmax(t, -1) * torch.log_softmax(t, -1)).sum())(z)
    bent, bound = sides("eq7.smooth", z=z.tolist(), u=u.tolist())
    assert bent == pytest.approx(abs(float(u @ hessian @ u)), rel=1e-12)
    p = torch.softmax(z, -1)
    variance = (p * torch.log(p) ** 2).sum() - (p * torch.log(p)).sum() ** 2
    assert bound == pytest.approx(float((0.5 + variance**0.5) * (u @ u)), rel=1e-12)
    assert float(gradnorm.varentropy(z)) == pytest.approx(float(variance), rel=1e-12)
