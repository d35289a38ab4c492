"""CRC, the query and the eigenvalues: the audit's exact counterexamples, worked out here in fractions.

The fractions are computed from the definitions (claims/crc.md), not by `altheory`; the claims must give the same.
"""

from __future__ import annotations

import math
from fractions import Fraction as F

import pytest
import torch

from proofs_check.evaluate import admissible, at
from proofs_check.instances import Batch
from proofs_check.registry import registered

CLAIMS = registered()


def plain(value):
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return float(value) if isinstance(value, F) else value


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""
    found = at(CLAIMS[f"crc.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def inside(id, **values):
    """Whether the instance meets the claim's assumptions."""
    tensors = {name: torch.as_tensor(plain(value), dtype=torch.float64)[None] for name, value in values.items()}
    return bool(admissible(CLAIMS[f"crc.{id}"], Batch(tensors, {}))[0])


def gram(J):
    return [[sum(F(a) * F(b) for a, b in zip(u, v, strict=True)) for v in J] for u in J]


def det(M):
    """By expansion along the first row."""
    if not M:
        return F(1)
    return sum((-1) ** j * M[0][j] * det([row[:j] + row[j + 1 :] for row in M[1:]]) for j in range(len(M)))


def shifted(M, t):
    return [[F(x) - (t if i == j else 0) for j, x in enumerate(row)] for i, row in enumerate(M)]


def eigenvalues(M, candidates):
    """The rational eigenvalues among the candidates, each as often as it is a root of the characteristic polynomial."""
    found = []
    for t in candidates:
        multiplicity, kernel = 0, len(M) - rank(shifted(M, F(t)))
        while multiplicity < kernel:
            found.append(F(t))
            multiplicity += 1
    return found


def rank(M):
    rows, done = [list(row) for row in M], 0
    for column in range(len(M[0])):
        pivot = next((i for i in range(done, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        for i in range(done + 1, len(rows)):
            factor = rows[i][column] / rows[done][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[done], strict=True)]
        done += 1
    return done


def of_two(M):
    """The two eigenvalues of a 2 x 2 matrix, by its trace and determinant."""
    trace, size = M[0][0] + M[1][1], det(M)
    root = math.sqrt(trace * trace - 4 * size)
    return (float(trace) - root) / 2, (float(trace) + root) / 2


# eq. (9)


def test_labelling_lowers_the_smallest_eigenvalue_and_may_raise_the_smallest_positive_one():
    K = [[F(1), F(1, 2)], [F(1, 2), F(1)]]
    assert of_two(K)[0] == 0.5
    assert sides("eq9.increase", K=K) == pytest.approx((1, 0.5))
    assert sides("eq9.interlacing", K=K) == pytest.approx((0.5, 1))
    three = [[F(1) if i == j else F(1, 2) for j in range(3)] for i in range(3)]
    assert sides("eq9.any_size", K=three) == pytest.approx((1, 0.5))
    assert eigenvalues(gram([[1], [2]]), range(6)) == [0, 5]
    assert sides("eq9.positive", J=[[1], [2]]) == pytest.approx((5, 1))
    # (1, 0), (1, 1/10) before, and (0, 1) added: from 0.00499 to 1
    before = of_two(gram([[1, 0], [1, F(1, 10)]]))[0]
    after = gram([[1, 0], [1, F(1, 10)], [0, 1]])
    assert eigenvalues(after, [0, 1, F(201, 100)]) == [0, 1, F(201, 100)]
    assert before == pytest.approx(0.00499, abs=1e-5)
    assert sides("eq9.positive", J=[[1, 0], [1, F(1, 10)], [0, 1]]) == pytest.approx((1, before))


def test_the_secular_equation_may_have_no_root_below_the_old_eigenvalue():
    K, b, k = [[F(1), F(0)], [F(0), F(2)]], [F(0), F(0)], F(3)
    bordered = [[*row, x] for row, x in zip(K, b, strict=True)] + [[*b, k]]
    assert eigenvalues(bordered, [1, 2, 3]) == [1, 2, 3]  # lambda_min stays 1, and s(t) = 3 - t has its root at 3
    assert not inside("eq9.secular", K=K, b=b, k=k, away=0)
    # with b = (1, 0): t^2 - 4 t + 2 = 0 below 1
    root = 2 - math.sqrt(2)
    high, zero = sides("eq9.secular", K=K, b=[F(1), F(0)], k=F(3), away=F(1, 4))
    _, low = sides("eq9.secular", 1, K=K, b=[F(1), F(0)], k=F(3), away=F(1, 4))
    assert zero == 0
    assert high == pytest.approx(3 - root - 0.25 - 1 / (1 - root - 0.25))
    assert low == pytest.approx(3 - root + 0.25 - 1 / (1 - root + 0.25))
    assert high < 0 < low


def test_the_smallest_eigenvalue_is_not_conditioning():
    preferred = [[F(101), F(99)], [F(99), F(101)]]
    assert eigenvalues(preferred, [2, 200]) == [2, 200]
    assert inside("conditioning", lam1=[2, 200], lam2=[1, 1])
    assert sides("conditioning", lam1=[2, 200], lam2=[1, 1]) == (100, 1)
    # the best step on it, 1 / 101, contracts by 99 / 101
    assert sides("conditioning.best_step", 1, lam=[F(1, 100), F(1)], eta=F(1)) == pytest.approx((99 / 101, 99 / 101))
    t, w, eta = 1, [F(0), F(1)], F(1, 2)
    one, other = [F(1, 5), F(1, 5)], [F(1, 10), F(1)]
    errors = [sum(m * (1 - eta * lam) ** (2 * t) for m, lam in zip(w, spectrum, strict=True)) for spectrum in (one, other)]
    assert errors == [F(81, 100), F(1, 4)]
    assert inside("conditioning.faster", lam1=one, lam2=other, w=w, eta=eta, t=t)
    assert sides("conditioning.faster", lam1=one, lam2=other, w=w, eta=eta, t=t) == pytest.approx((0.81, 0.25))
    steps = [math.log(0.01) / math.log(e) for e in errors]  # until a hundredth of the squared error is left
    assert steps == pytest.approx([21.9, 3.3], abs=0.1)


# the trace over outputs


def test_the_trace_over_outputs_has_no_converse_and_reverses_the_ranking():
    same = [[[F(1)], [F(1)]]]  # one point, two outputs with one gradient
    block = gram(same[0])
    assert eigenvalues(block, [0, 1, 2]) == [0, 2]
    assert sides("trace.lower", J=same) == pytest.approx((0, 2), abs=1e-15)
    assert sides("trace.accurate", J=same) == pytest.approx((2, 0), abs=1e-13)
    preferred, other = [[[2, 0], [2, 0]]], [[[1, 0], [0, 1]]]
    assert eigenvalues(gram(preferred[0]), [0, 8]) == [0, 8]
    assert eigenvalues(gram(other[0]), [1]) == [1, 1]
    assert inside("trace.ranking", J1=preferred, J2=other)
    assert sides("trace.ranking", J1=preferred, J2=other) == pytest.approx((0.02, 0), abs=1e-14)
    # the gap is 2, both residuals are (1, 1), the spread is 2
    assert sides("trace.equality", 0, J=same) == pytest.approx((4, 4))
    assert sides("trace.equality", 1, J=same) == pytest.approx((4, 8))


# Algorithm 1


def test_the_union_of_the_best_groups():
    J = [[2, 0, 0], [0, 2, 0], [0, 2, 0], [0, 0, 1]]
    K = gram(J)
    pair = [[K[i][j] for j in (0, 3)] for i in (0, 3)]
    assert (K[1][1], K[0][1], of_two(pair)[0]) == (4, 0, 1)
    assert det(gram([J[0], J[1], J[2]])) == 0
    assert eigenvalues(gram([J[0], J[1], J[3]]), [1, 4]) == [1, 4, 4]
    assert sides("algorithm1.union", J=J) == pytest.approx((1, 0), abs=1e-14)
    # without copies
    J = [[2, 0, 0], [0, 2, 2], [-1, 2, 2], [-1, -1, 2]]
    scores = [of_two(gram([J[0], J[u]]))[0] for u in (1, 2, 3)]
    assert scores == pytest.approx([4, (13 - math.sqrt(41)) / 2, 5 - math.sqrt(5)])
    assert scores == sorted(scores, reverse=True)
    assert det(gram(J[:3])) == 0  # 2 (0, 2, 2) - 2 (-1, 2, 2) = (2, 0, 0)
    best, reached = sides("algorithm1.union", J=J)
    assert reached == pytest.approx(0, abs=1e-14)
    other = gram([J[0], J[2], J[3]])
    below, above = det(shifted(other, F(27592, 10000))), det(shifted(other, F(27594, 10000)))
    assert below > 0 > above
    assert best == pytest.approx(2.7593, abs=1e-4)


def test_myopic_and_grouped_queries():
    copy_first = [[1, 0], [1, 0], [0, 1]]  # labelled, its copy, a new direction
    assert eigenvalues(gram(copy_first[:2]), [0, 2]) == [0, 2]
    assert sides("myopic.positive", J=copy_first) == pytest.approx((0.01, 0), abs=1e-15)
    assert sides("myopic.sampled_groups", J=[[1, 0], [1, 0], [0, 1], [0, 1]]) == pytest.approx((0.5, 0), abs=1e-15)


# Proposition 2


def test_distinct_rows_of_a_singular_kernel():
    assert gram([[1], [2]]) == [[1, 2], [2, 4]]
    assert eigenvalues(gram([[1], [2]]), [0, 5]) == [0, 5]
    for J in ([[1], [2]], [[1, 0], [0, 1], [1, 1]]):
        assert det(gram(J)) == 0
        assert inside("proposition2", J=J)
        assert sides("proposition2", J=J) == (1, 0)
        assert sides("proposition2.proof", J=J) == (len(J), len(J) - 1)
    assert eigenvalues(gram([[1, 0], [0, 1], [1, 1]]), range(4)) == [0, 1, 3]
    assert eigenvalues(gram([[1, 0], [0, 1], [0, 1]]), range(4)) == [0, 1, 2]
    assert not inside("proposition2", J=[[1], [1]])  # a copy is no witness
    independent = [[1, 0], [1, 1]]
    assert sides("proposition2", J=independent) == (1, 1)
    low = of_two(gram(independent))[0]
    assert sides("proposition2.gap", K=gram(independent)) == pytest.approx((low, low))


def test_the_six_points_at_which_both_layers_kernels_are_singular():
    x = [[F(1), F(0)], [F(0), F(1)], [F(3, 5), F(4, 5)]]
    alpha = [F(3, 5), F(4, 5), F(-1)]
    assert [sum(a * p[i] for a, p in zip(alpha, x, strict=True)) for i in range(2)] == [0, 0]
    points = [*x, *([-a for a in p] for p in x)]
    apart = min(sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) for p in points for q in points if p is not q)
    assert apart == F(2, 5)  # 0.63 squared
    for link in (0, 1):
        assert sides("proposition2.six_points", link, x=x) == pytest.approx((0, 0), abs=1e-15)

    # and with the closed forms of both layers' kernels, by math alone
    def kernels(p, q):
        inner = float(sum(a * b for a, b in zip(p, q, strict=True)))
        angle = math.acos(max(-1.0, min(1.0, inner)))
        first = inner * (math.pi - angle) / (2 * math.pi)
        return first, first + math.sqrt(max(0.0, 1 - inner * inner)) / (2 * math.pi)

    c = [*alpha, *(-a for a in alpha)]
    for layer in (0, 1):
        for p in points:
            assert sum(float(a) * kernels(p, q)[layer] for a, q in zip(c, points, strict=True)) == pytest.approx(0, abs=1e-15)


def test_a_point_and_its_double_have_parallel_rows():
    # K(x, x) = |x|^2 / 2 for the first layer: ((1/2, 1), (1, 2))
    assert det([[F(1, 2), F(1)], [F(1), F(2)]]) == 0
    assert sides("proposition2.collinear", 0, x=[[1.0, 0.0]], s=2) == pytest.approx((1, 1))


def test_copies_score_at_least_as_much_as_new_points():
    for k, b, limit in ((F(1), F(0), 1.0), (F(3), F(1), 2 - math.sqrt(2))):
        K = [[F(1), b], [b, k]]
        assert sides("proposition2.algorithm1", K=K) == pytest.approx((2, limit))
        assert sides("proposition2.search", K=K) == pytest.approx((limit, limit))
    # two labelled points, one copied once: 1 against (1, 1, 1), which scores 2 - sqrt(3)
    J = [[1, 0, 0], [0, 1, 0], [1, 1, 1]]
    new = gram(J)
    assert det(new) == 1
    low = 2 - math.sqrt(3)
    cubic = [F(-1), F(5), F(-5), F(1)]  # -(t - 1)(t^2 - 4 t + 1)
    for t in range(4):
        assert det(shifted(new, F(t))) == sum(c * t ** (3 - i) for i, c in enumerate(cubic))
    assert eigenvalues(gram([J[0], J[1], J[0]]), [0, 1, 2]) == [0, 1, 2]
    assert sides("proposition2.reversed", 0, K=new, more=[1, -1], times=1) == pytest.approx((low, 1))
    assert sides("proposition2.reversed", 1, K=new, more=[1, -1], times=1) == pytest.approx((1, 1))


def test_the_reversed_order_is_not_always_strict():
    """The audit saw only strict instances; here all three are equal."""
    K = [[F(1), F(0), F(0)], [F(0), F(2), F(0)], [F(0), F(0), F(5)]]
    copied = [[F(1), F(0), F(0)], [F(0), F(2), F(2)], [F(0), F(2), F(2)]]
    assert eigenvalues(copied, [0, 1, 4]) == [0, 1, 4]
    for link in (0, 1):
        assert sides("proposition2.reversed", link, K=K, more=[-1, 1], times=1) == pytest.approx((1, 1))
    # every point copied m times: m + 1 times the eigenvalue
    assert sides("proposition2.reversed", 1, K=K, more=[1, 1], times=2) == pytest.approx((1, 3))


def test_the_gradients_of_a_relu_network_where_all_its_neurons_are_dead():
    assert sides("remark1.dead", W=[[1.0]], x=[[-1.0], [-2.0]]) == (1, 0)
    # width 2, W = (1, 0), (0, 1): x = (1, 1) is active on both, z = (1, -1) on the first
    W, x = [[1, 0], [0, 1]], [[1, 1], [1, -1]]
    gradients = [[F(v) for v in g] for g in ((1, 1, 1, 1), (1, -1, 0, 0))]
    apart = sum((a - b) ** 2 for a, b in zip(*gradients, strict=True)) / 2
    assert apart == (F(4) + F(2)) / 2  # |x - z|^2 once, |x|^2 once
    assert sides("remark1.finite", W=W, x=x) == (apart, apart)
    assert sides("remark1.infinite_width", x=[[1.0, 0.0], [-1.0, 0.0]]) == pytest.approx((1, 1))


# costs


def test_how_many_kernels_are_decomposed_in_the_papers_setting():
    U, Q, G = 49_900, 50, 5
    groups = sum(1 for start in range(0, U, G))
    rounds = sum(U - q for q in range(Q))
    assert (groups, Q // G, rounds, U * Q) == (9980, 10, 2_493_775, 2_495_000)
    assert sides("complexity.printed", U=U, G=G, g=Q // G) == (9980, 10_000)
    assert sides("complexity.printed", U=1001, G=1, g=1) == (1001, 1000)
    assert sides("complexity.loop", 1, U=U, G=G, g=Q // G) == (9980 * G, U + G - 1)
    assert sides("complexity.greedy", 1, U=U, G=G, g=Q // G) == (rounds, U * Q)
    assert sides("complexity.saving", U=U, G=G, g=Q // G) == (rounds, Q * G * groups)
    assert sides("complexity.cubic", L=10, G=1) == (1331, 1000)


def test_the_greedy_query_below_half_of_the_optimum():
    J = [[3, 3], [2, 0], [0, 2]]
    assert gram([J[0], J[1]]) == [[18, 6], [6, 4]]
    low = 11 - math.sqrt(85)
    assert of_two(gram([J[0], J[1]]))[0] == pytest.approx(low)
    assert sides("complexity.greedy_half", J=J) == pytest.approx((2, low))
    assert low < 2


# layers, growing sets


def test_the_last_layer_and_all_layers_rank_two_sets_in_opposite_order():
    full = [[F(6), F(1)], [F(1), F(6)]]
    assert eigenvalues(full, [5, 7]) == [5, 7]
    assert eigenvalues([[F(1), F(1)], [F(1), F(1)]], [0, 2]) == [0, 2]
    assert inside("section33.ranking", A1=[[0]], A2=[[1]], B1=[[2]], B2=[[0]])
    assert sides("section33.ranking", A1=[[0]], A2=[[1]], B1=[[2]], B2=[[0]]) == (0.01, 0)
    K1, K2 = [[F(5), F(0)], [F(0), F(5)]], [[F(1), F(1)], [F(1), F(1)]]
    assert sides("section33", 0, K1=K1, K2=K2, rate=F(1, 8)) == pytest.approx((1 - 5 / 8, 1 - 5 / 8))
    assert sides("section33", 1, K1=K1, K2=K2, rate=F(1, 8)) == pytest.approx((1 - 5 / 8, 1))


def test_the_smallest_positive_eigenvalue_rises_beyond_the_rank():
    assert sides("figure3b.positive", 0, J=[[1], [1], [1]]) == pytest.approx((3, 2))
    assert sides("figure3b.positive", 1, J=[[1], [1], [1]]) == pytest.approx((2, 1))
    # features e1, e2, then (1, 1): covariance ((2, 1), (1, 2)), then (1, -1): 3 I
    assert of_two([[F(2), F(1)], [F(1), F(2)]])[0] == 1
    r = math.sqrt(0.5)
    both = {"s": [1, 1], "u": [[r, r], [r, -r]], "length": math.sqrt(2)}
    assert sides("section33.beyond_rank", 0, **both) == pytest.approx((1, 1))
    assert sides("section33.beyond_rank", 1, **both) == pytest.approx((1, 3))
    assert sides("section33.beyond_rank", 2, **both) == pytest.approx((3, 3))


def test_a_second_point_may_speed_up_training():
    K = [[F(1, 10), F(0)], [F(0), F(1)]]
    assert sides("figure3b.slower", K=K, Y=[0, 1], eta=1, t=1) == pytest.approx((0.81, 0))


# variances


def test_the_variance_between_data_sets_is_left_out():
    e, p = [[F(0)], [F(1)]], [F(1, 2), F(1, 2)]
    mean = sum(q * row[0] for q, row in zip(p, e, strict=True))
    variance = sum(q * (row[0] - mean) ** 2 for q, row in zip(p, e, strict=True))
    assert variance == F(1, 4)
    assert sides("b1.total", e=e, p=p) == (0.25, 0)
    assert sides("b1.runs", e=[[0.0, 1.0]]) == (0.25, 0)
    assert sides("b1.law", e=e, p=p) == (0.25, 0.25)
    # two runs each: within 1/4 and 1, between (1/2 and 3) ((5/2) / 2)^2
    e = [[F(0), F(1)], [F(2), F(4)]]
    within = (F(1, 4) + F(1)) / 2
    between = F(5, 4) ** 2
    flat = [x for row in e for x in row]
    total = sum((x - sum(flat) / 4) ** 2 for x in flat) / 4
    assert total == within + between
    assert sides("b1.total", e=e, p=p) == (float(total), float(within))
    assert sides("b1.law", e=e, p=p) == (float(total), float(total))
    assert sides("b1.definition", e=e, p=p, shift=[F(7), F(0)]) == (float(within), float(within))


def test_the_triangle_inequality():
    assert sides("section21", now=[3.0, 0.0], limit=[0.0, 0.0], best=[0.0, 4.0]) == (5, 7)
