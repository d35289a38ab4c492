"""Look-ahead queries (eq. 1-3, 12, 13, Algorithm 1, complexity): the audit's exact counterexamples, worked out here.

Fractions and logarithms are computed from the definitions (claims/lookahead.md), not by `altheory`; the claims must give the
same.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction as F

import numpy as np
import pytest
import torch

from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.papers.lookahead import error_reduction, near_duplicates, solvers
from proofs_check.papers.lookahead._work import Work
from proofs_check.registry import registered

CLAIMS = registered()
ROOT2 = math.sqrt(2)


def plain(value):
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else float(value) if isinstance(value, F) else value


def sides(id, link=0, **values):
    found = at(CLAIMS[f"lookahead.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def inside(id, **values):
    claim = CLAIMS[f"lookahead.{id}"]
    tensors = {name: torch.as_tensor(plain(value), dtype=torch.float64)[None] for name, value in values.items()}
    return bool(admissible(claim, Batch(tensors, {}))[0])


# eq. (1) and BADGE


def test_two_equal_scores_have_two_first_maximisers():
    assert sides("eq1.as_printed", scores=[1.0, 1.0]) == (0, 1)
    assert sides("eq1.as_printed", scores=[1.0, 2.0]) == (1, 1)


def test_badge_is_the_least_length_over_labels():
    p, h = [F(1, 2), F(3, 10), F(1, 5)], [F(3), F(4)]
    lengths = [5 * math.sqrt(sum((F(c == i) - p[i]) ** 2 for i in range(3))) for c in range(3)]
    for c in range(3):
        one_hot = [[float(c == i) for i in range(3)]]
        got = sides("badge", p=p, h=h, y=one_hot)
        assert got == pytest.approx((min(lengths), lengths[c]))
    assert min(lengths) == lengths[0]


# eq. (2): entropies of finite laws, in bits, by enumeration


def entropy(law, of):
    mass = {}
    for outcome, chance in law.items():
        key = tuple(outcome[i] for i in of)
        mass[key] = mass.get(key, 0) + chance
    return -sum(float(m) * math.log2(m) for m in mass.values() if m)


def pairwise(law, x, of):
    return sum(entropy(law, [i]) + entropy(law, [x]) - entropy(law, sorted({i, x})) for i in of)


def joint(law, x, of):
    return entropy(law, of) + entropy(law, [x]) - entropy(law, sorted({*of, x}))


def reduction(law, x):
    n = len(next(iter(law)))
    return -sum(entropy(law, [i, x]) - entropy(law, [x]) for i in range(n) if i != x)


def table(law):
    n = len(next(iter(law)))
    return [law.get(outcome, F(0)) for outcome in itertools.product((0, 1), repeat=n)]


def nested():
    """Y3 fair; Y1 = 1 with probability 1/4, then Y2 = 1 with probability 3/4."""
    pair = {(0, 0): F(3, 4), (1, 0): F(1, 16), (1, 1): F(3, 16)}
    return {(*key, bit): chance / 2 for key, chance in pair.items() for bit in (0, 1)}


def lonely():
    """Y1 fair; Y2 = Y3 = 1 with probability 1/16."""
    return {(bit, c, c): (F(1, 16) if c else F(15, 16)) / 2 for bit in (0, 1) for c in (0, 1)}


def all_zero():
    """Y2, Y3 fair, Y4 their sum, Y1 whether all are 0."""
    return {(int(a == b == 0), a, b, a ^ b): F(1, 4) for a in (0, 1) for b in (0, 1)}


def test_the_joint_information_refuted_with_the_candidate_in_the_sum():
    law = nested()
    sums = [pairwise(law, x, range(3)) for x in range(3)]
    assert [round(s, 2) for s in sums] == [1.30, 1.19, 1.00]
    assert max(range(3), key=lambda x: reduction(law, x)) == 0
    values = [joint(law, x, range(3)) for x in range(3)]
    assert values == pytest.approx([entropy(law, [x]) for x in range(3)])
    assert inside("eq2.joint", law=table(law))
    largest, first = sides("eq2.joint", law=table(law))
    assert (largest / math.log(2), first / math.log(2)) == pytest.approx((max(values), values[0]))
    assert largest > first


def test_without_the_candidate_a_label_that_says_nothing_wins():
    law = lonely()
    assert max(range(3), key=lambda x: reduction(law, x)) == 0
    assert inside("eq2.joint_without_itself", law=table(law))
    for id, information in (("joint_without_itself", joint), ("pairwise_without_itself", pairwise)):
        values = [information(law, x, [i for i in range(3) if i != x]) for x in range(3)]
        assert values[0] == pytest.approx(0, abs=1e-12)
        assert values[1] == pytest.approx(0.337, abs=1e-3)
        got = sides(f"eq2.{id}", law=table(law))
        assert [v / math.log(2) for v in got] == pytest.approx([max(values), values[0]], abs=1e-12)


def test_the_largest_sum_of_informations_is_not_the_largest_joint_one():
    law = all_zero()
    others = [[i for i in range(4) if i != x] for x in range(4)]
    sums = [pairwise(law, x, others[x]) for x in range(4)]
    values = [joint(law, x, others[x]) for x in range(4)]
    assert sums == pytest.approx([0.934, 0.311, 0.311, 0.311], abs=1e-3)
    assert values == pytest.approx([entropy(law, [0]), 1, 1, 1])
    assert inside("eq2.joint_of_others", law=table(law))
    got = sides("eq2.joint_of_others", law=table(law))
    assert [v / math.log(2) for v in got] == pytest.approx([1, values[0]])


def test_the_audits_two_further_examples():
    """Four points a, b = c = d (a: two bits), and five bits with an exclusive or: EER and joint information disagree."""
    copies = {(a, b, b, b): F(1, 8) for a in range(4) for b in (0, 1)}
    assert [pairwise(copies, x, range(4)) for x in (0, 1)] == pytest.approx([2, 3])
    assert [joint(copies, x, range(4)) for x in (0, 1)] == pytest.approx([2, 1])
    parity = {
        (a, b, a ^ b, c, c ^ flip): F(1, 8) * (F(1, 10) if flip else F(9, 10))
        for a in (0, 1) for b in (0, 1) for c in (0, 1) for flip in (0, 1)
    }  # fmt: skip
    scores = [reduction(parity, x) for x in range(5)]
    informations = [joint(parity, x, [i for i in range(5) if i != x]) for x in range(5)]
    assert scores == pytest.approx([-4, -4, -4, -3.469, -3.469], abs=1e-3)
    assert informations == pytest.approx([1, 1, 1, 0.531, 0.531], abs=1e-3)


@pytest.mark.parametrize("law", [nested(), lonely()])
def test_the_score_of_eq_2_by_enumeration(law):
    tensor = torch.tensor([float(v) for v in table(law)], dtype=torch.float64)[None]
    for x in range(3):
        wanted = reduction(law, x) * math.log(2)
        assert float(error_reduction.error_reduction(tensor, x, range(3))) == pytest.approx(wanted)
        assert float(error_reduction._Informations(tensor).reduction[0, x]) == pytest.approx(wanted)
    information, score = sides("eq2", law=table(law))
    assert information == pytest.approx(score)


def test_an_incoherent_model_doubts():
    before, later = sides("eq2.incoherent", before=[1.0, 0.0], after=[0.5, 0.5], otherwise=[0.5, 0.5], p=F(1, 4))
    assert (math.log(2) - later, math.log(2) - before) == pytest.approx((math.log(2), 0))


# eq. (12)


def test_the_printed_v_in_integers():
    # K = 2, k = kappa = K_x = k_x = 1, residuals (0, 1): [[2,1],[1,1]]^-1 (0,1) = (-1, 2), so f(x) moves by -1 + 2 = 1
    M = [[2.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 2.0]]
    r = [0.0, 1.0, 0.0]
    v, u = F(2), F(1) - F(1, 2)
    printed = (1 * v - 1) / u * (v * 0 - 1)
    assert printed == -2
    assert sides("eq12.as_printed", M=M, r=r) == pytest.approx((-2, 1))
    assert sides("eq12", M=M, r=r) == pytest.approx((1, 1))


def test_the_network_in_the_place_of_the_linear_model():
    M = [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 2.0]]
    assert sides("eq12.network", M=M, r=[1.0, 0.0, 0.0]) == (0, 1)
    assert sides("eq12", M=M, r=[1.0, 0.0, 0.0]) == (1, 1)


def test_a_point_labelled_for_the_third_time_gets_the_mean():
    # one point twice with residuals 1 and 2, again with 6: the mean goes from 3/2 to 3
    A = [[1.0], [1.0]]  # the kernel [[2, 1], [1, 2]]
    for link, wanted in ((0, F(1, 2) * (6 - F(3, 2)) / 3), (1, F(1, 2) * 3)):
        assert sides("eq12.duplicates", link, A=A, r=[2.0, 0.0], rho=[1.0, 6.0]) == pytest.approx([float(wanted)] * 2)


# eq. (13)

FEATURES = {"labelled": [1.0, 0.0, 0.0], "pool": [[1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]}


def changes(labelled, pool, r, outputs, against):
    """The score (13) of both candidates from the definition: gradient features, one labelled point, exact fractions inside."""

    def dot(a, b):
        return sum(F(s) * F(t) for s, t in zip(a, b, strict=True))

    scores = []
    for j, candidate in enumerate(pool):
        rows = [labelled, candidate]
        (a, b), (_, d) = [[dot(s, t) for t in rows] for s in rows]
        det = a * d - b * b
        best = max(range(2), key=lambda c: outputs[j][c])
        total = 0.0
        for feature in pool:
            square = F(0)
            for c in range(2):
                residual = r[c], F(c == best) - F(outputs[j][c])
                weights = (d * residual[0] - b * residual[1]) / det, (a * residual[1] - b * residual[0]) / det
                moved = sum(w * dot(feature, row) for w, row in zip(weights, rows, strict=True))
                before = dot(feature, labelled) / a * r[c] if against == "linearised" else F(0)
                square += (moved - before) ** 2
            total += math.sqrt(square)
        scores.append(total)
    return scores


def test_residuals_on_the_labelled_points_turn_the_order():
    outputs = [[F(1, 2), F(49, 100)], [F(7, 10), F(3, 10)]]
    r = [F(1, 2), F(-1, 2)]
    features = ([1, 0, 0], [[1, 1, 0], [0, 0, 1]])
    assert changes(*features, [F(0), F(0)], outputs, "network") == pytest.approx([13 * math.sqrt(29) / 100, 3 * ROOT2 / 10])
    assert changes(*features, r, outputs, "network") == pytest.approx([13 * math.sqrt(29) / 100, 4 * ROOT2 / 5])
    assert changes(*features, r, outputs, "linearised") == pytest.approx([0.01, 3 * ROOT2 / 10])
    assert inside("eq13.unconverged", **FEATURES, r=r, F=outputs)
    assert sides("eq13.unconverged", **FEATURES, r=r, F=outputs) == pytest.approx((4 * ROOT2 / 5, 13 * math.sqrt(29) / 100))


def test_the_candidate_that_changes_less_scores_more():
    outputs = [[F(1, 2), F(1, 2)], [F(1, 2), F(1, 2)]]
    r = [F(-1, 2), F(1, 2)]
    features = ([1, 0, 0], [[1, 1, 0], [0, 0, 1]])
    assert changes(*features, r, outputs, "linearised") == pytest.approx([ROOT2, 1 / ROOT2])
    assert changes(*features, r, outputs, "network") == pytest.approx([1 / ROOT2, ROOT2])
    assert inside("eq13.ranking", **FEATURES, r=r, F=outputs)
    assert sides("eq13.ranking", **FEATURES, r=r, F=outputs) == pytest.approx((ROOT2, 1 / ROOT2))


def test_mlmoc_above_emoc_for_a_model_that_has_not_converged():
    point = {"labelled": [1.0, 0.0], "pool": [[0.0, 1.0], [1.0, 1.0]], "r": [F(1, 2), F(-1, 2)]}
    outputs = {"here": [F(51, 100), F(49, 100)], "there": [F(1, 2), F(1, 2)]}
    assert inside("emoc.unconverged", **point, **outputs)
    assert sides("emoc.unconverged", **point, **outputs) == pytest.approx((37 * ROOT2 / 25, 631 * ROOT2 / 625))


def test_emoc_and_mlmoc_order_three_classes_differently():
    f, g = [F(1, 2), F(1, 2), F(0)], [F(1, 2), F(1, 4), F(1, 4)]

    def gaps(v):
        return [math.sqrt(sum((F(c == i) - v[i]) ** 2 for i in range(3))) for c in range(3)]

    assert min(gaps(f)) > min(gaps(g))
    expected = [sum(float(p) * gap for p, gap in zip(v, gaps(v), strict=True)) for v in (g, f)]
    assert inside("emoc.order", f=f, g=g)
    assert sides("emoc.order", f=f, g=g) == pytest.approx(expected)
    assert expected[0] > expected[1]


@pytest.mark.parametrize("C", [2, 3, 10])
def test_the_supremum_of_emoc_over_mlmoc(C):
    e = 1e-7
    f = np.array([1 - e, *[e / (C - 1)] * (C - 1)])
    gaps = [np.linalg.norm(np.eye(C)[c] - f) for c in range(C)]
    limit = 1 + math.sqrt(2 * (C - 1) / C)
    assert limit - 1e-5 < f @ gaps / min(gaps) < limit
    total, bound = sides("emoc.below", f=[0.5, 0.25, 0.25])
    assert total < bound


# Algorithm 1 and complexity


def test_a_pair_is_no_member_of_the_pool():
    assert sides("algorithm1.as_printed", scores=[1.0, 2.0], label=0) == (2, 1)
    assert sides("algorithm1", scores=[1.0, 2.0], label=0) == (1, 1)


def test_copies_fill_a_batch_and_have_nothing_left():
    M = np.eye(4).tolist()
    outputs = [[0.0, 0.0], [F(1, 2), F(1, 2)], [0.0, 0.0], [F(9, 10), F(1, 10)]]
    assert inside("algorithm1.batch", M=M, F=outputs)
    share, after = sides("algorithm1.batch", M=M, F=outputs)
    assert share == pytest.approx(0.001)
    assert after == pytest.approx(0, abs=1e-12)


def test_the_kernel_inside_the_pool_is_needed():
    # distance of (1/4, 0) from (1, 0), times 1 or 1 + 2 c
    assert sides("complexity.pool_kernel", first=1, second=0, tenths=5) == pytest.approx((0.75, 1.5))


def test_the_counts_at_the_sizes_the_notes_give():
    ours, bound = sides("complexity.dominated", L=1, U=299, more=0)
    L, U, P = 1, 300, 301
    assert ours == pytest.approx((L + U) ** 2 * P / 2 + L**3 / 3 + L * L * U + L * U * U)
    assert bound == 100 * (L * U * P + L * L * P + L**3 + U * L * L)
    assert ours / P > 0.4 * U**2
    share, naive = sides("faster.times_E", L=1, U=999, E=100, more=10**6)
    assert naive < share
    assert sides("faster.many_labels", U=1, E=1, more=0) == pytest.approx((ROOT2, 1))


@pytest.mark.parametrize(("L", "U", "ratio"), [(100, 4000, 4.05), (1000, 6000, 12.5), (10000, 6000, 21.4)])
def test_the_ratios_at_the_papers_sizes(L, U, ratio):
    E = 15
    assert pytest.approx(ratio, rel=0.02) == (3 * L * E + U) * U / (L * U + L**2 / 2 + U**2 / 2)


def test_conjugate_gradients_end_after_as_many_steps_as_eigenvalues():
    K = torch.diag(torch.tensor([1.0, 1.0, 5.0, 5.0, 9.0], dtype=torch.float64))
    assert solvers.conjugate_gradients(K, torch.ones(5, dtype=torch.float64)) == 3


def test_the_error_of_u_is_measured_against_its_exact_value():
    relative, over_bound, projected = near_duplicates._error(seed=5, delta=1e-4)
    assert 0 < over_bound < 1
    assert projected < relative < 1e-3


def test_the_work_counter_counts_products_by_their_inner_length():
    a, b = torch.ones(3, 5, dtype=torch.float64), torch.ones(5, 2, dtype=torch.float64)
    with Work() as counting:
        c = a @ b
        torch.addmm(c, a, b)
        c + c
    assert (counting.products, counting.others, counting.total) == (60, 6, 66)
