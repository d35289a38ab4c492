"""dynamicAL, section 4.1: the audit's verdicts and its exact counterexamples in fractions.

The fractions are computed here from the definitions (claims/dynamical.md, section 4.1), not by `altheory`.
"""

from __future__ import annotations

from fractions import Fraction as F

import pytest
import torch

from altheory.spectra import LabelMeasure
from proofs_check.evaluate import at
from proofs_check.registry import registered

DYNAMICAL = {id: claim for id, claim in registered().items() if claim.paper == "dynamical"}
PARTS = ("definition1", "label_measure", "theorem1", "remark1", "theorem2", "proposition1", "area_identity")
SECTION_4_1 = {id: claim for id, claim in DYNAMICAL.items() if id.split(".")[1] in PARTS}

#: false as read, by the audit (claims/dynamical.md, second reading); everything else is true
FALSE = {
    "dynamical.theorem1.as_printed",
    "dynamical.theorem1.large_steps",
    "dynamical.remark1.higher_is_faster",
    "dynamical.theorem2.termwise",
    "dynamical.proposition1.faster_at_first",
}


def test_the_expected_verdicts_are_the_audits():
    assert {id for id, claim in SECTION_4_1.items() if claim.expect == "refuted"} == FALSE
    assert {claim.expect for claim in SECTION_4_1.values()} <= {"held", "tight", "refuted", "reproduced"}


@pytest.mark.parametrize("id", ["theorem1.sharp", "theorem2.sharp", "theorem2.kantorovich", "theorem1.flow"])
def test_the_sharp_forms_are_attained(registry_run, id):
    assert 0.999 < registry_run.records[f"dynamical.{id}"]["best_ratio"] <= 1


# the paper's quantities in fractions


def T(w):
    return sum(map(F, w))


def A(lam, w):
    return sum(F(l) * F(x) for l, x in zip(lam, w, strict=True))


def I(lam, w):
    return sum(F(x) / F(l) for l, x in zip(lam, w, strict=True))


def E2(lam, w, eta, t):
    return sum((1 - F(eta) * F(l)) ** (2 * t) * F(x) for l, x in zip(lam, w, strict=True))


def sides(id, link=0, **values):
    """The two sides of one link of a claim on one instance given in fractions."""

    def plain(value):
        return [plain(v) for v in value] if isinstance(value, list) else float(value) if isinstance(value, F) else value

    found = at(DYNAMICAL[f"dynamical.{id}"], **{name: plain(value) for name, value in values.items()}).links[link]
    return float(found.lhs[0]), float(found.rhs[0])


def close(*fractions):
    return pytest.approx([float(f) for f in fractions], rel=1e-12)


def test_theorem1_with_t_0():
    one = {"theta": [[F(1)]], "Y": [[F(1)]], "eta": F(1, 2)}
    left, right = sides("theorem1.as_printed", link=1, **one, t=0)
    assert (left, right) == (1, 0.5)
    assert sides("theorem1", link=1, **one, t=1) == (0.25, 0.5)


def test_theorem1_beyond_eta_lambda_1():
    assert E2([1], [1], F(3, 2), 1) == F(1, 4)
    assert sides("theorem1.large_steps", theta=[[F(1)]], Y=[[F(1)]], eta=F(3, 2), t=1) == (0.25, -0.5)


def test_theorem1_between_its_bounds():
    lam, w, eta, t = [F(1, 4), F(1, 2), F(1)], [F(1), F(4), F(9)], F(1, 2), 3
    theta = [[F(0)] * i + [l] + [F(0)] * (2 - i) for i, l in enumerate(lam)]
    instance = {"theta": theta, "Y": [[F(1)], [F(2)], [F(3)]], "eta": eta, "t": t}
    wanted = close(T(w) - 2 * t * eta * A(lam, w), E2(lam, w, eta, t), T(w) - eta * A(lam, w))
    low, middle = sides("theorem1", link=0, **instance)
    _, high = sides("theorem1", link=1, **instance)
    assert [low, middle, high] == wanted


def test_theorem1_sharp_is_an_equality_on_two_points_and_on_one():
    lam, w, eta, t = [F(1, 4), F(1)], [F(3), F(5)], F(3, 4), 2
    error = E2(lam, w, eta, t)
    jensen, middle = sides("theorem1.sharp", link=0, lam=lam, w=w, eta=eta, t=t)
    _, chord = sides("theorem1.sharp", link=1, lam=lam, w=w, eta=eta, t=t)
    assert [middle, chord] == close(error, error)
    assert jensen == pytest.approx(float(T(w) * (1 - eta * A(lam, w) / T(w)) ** (2 * t)))
    assert jensen < middle
    one = sides("theorem1.sharp", link=0, lam=[F(1, 4), F(1, 2), F(1)], w=[F(0), F(2), F(0)], eta=eta, t=t)
    assert one[0] == pytest.approx(one[1], rel=1e-14)


LAM, FIRST, SECOND = [F(1, 10), F(1, 2), F(1)], [F(1, 5), F(0), F(4, 5)], [F(0), F(1), F(0)]


@pytest.mark.parametrize(("t", "first", "second"), [(90, 0.271, 0.367), (180, 0.148, 0.135), (270, 0.112, 0.049)])
def test_remark1_ahead_at_first_and_behind_later(t, first, second):
    eta = LAM[0] / 9  # lambda_min / n^2, within Lemma 1
    assert eta == F(1, 90)
    assert A(LAM, FIRST) == F(41, 50) > A(LAM, SECOND) == F(1, 2)
    exact = E2(LAM, FIRST, eta, t), E2(LAM, SECOND, eta, t)
    assert [float(e) for e in exact] == pytest.approx([first, second], abs=7e-4)
    assert (exact[0] > exact[1]) == (t > 90)
    found = sides("remark1.higher_is_faster", lam=LAM, w1=FIRST, w2=SECOND, eta=eta, t=t)
    assert list(found) == close(*exact)


def test_proposition1_faster_at_first_with_a_larger_bound():
    assert I(LAM, FIRST) == F(14, 5) > I(LAM, SECOND) == 2
    eta = F(1, 90)
    assert E2(LAM, FIRST, eta, 1) < E2(LAM, SECOND, eta, 1)
    instance = {"lam": LAM, "w1": FIRST, "w2": SECOND, "eta": eta}
    assert list(sides("proposition1.faster_at_first", **instance)) == close(F(14, 5), 2)
    assert all(assumption_holds(p, **instance) for p in DYNAMICAL["dynamical.proposition1.faster_at_first"].assumes)


def assumption_holds(predicate, **values):
    import inspect

    named = {
        k: torch.tensor([[float(x) for x in v]] if isinstance(v, list) else [float(v)]).double() for k, v in values.items()
    }
    return bool(predicate(**{k: named[k] for k in inspect.signature(predicate).parameters}))


def test_theorem2_on_two_eigenvalues():
    lam, w = [F(1), F(9)], [F(1, 2), F(1, 2)]
    paper = 9 * T(w) ** 2 / A(lam, w)
    kantorovich = F(100, 36) * T(w) ** 2 / A(lam, w)
    assert (I(lam, w), kantorovich, paper) == (F(5, 9), F(5, 9), F(9, 5))
    chain = [sides("theorem2.kantorovich", link=link, lam=lam, w=w) for link in range(3)]
    assert [chain[0][0], chain[0][1], chain[1][1], chain[2][1]] == close(F(5, 9), F(5, 9), F(5, 9), F(9, 5))


def test_theorem2_termwise_and_symmetrised():
    instance = {"lam": [F(1), F(4)], "p": [F(1), F(0)], "q": [F(0), F(1)]}
    assert sides("theorem2.termwise", **instance) == (1, 0.25)
    assert list(sides("theorem2.symmetrised", **instance)) == close(2, F(17, 4))


def test_definition1_by_hand():
    theta, Y = [[F(2), F(1)], [F(1), F(2)]], [[F(1), F(0)], [F(3), F(1)]]
    trace = sum(Y[i][k] * theta[i][j] * Y[j][k] for i in range(2) for j in range(2) for k in range(2))
    assert trace == 28
    assert list(sides("definition1", theta=theta, Y=Y)) == close(28, 28)


def test_area_identity_step_by_step_in_fractions():
    lam, w, eta, t = [F(1, 8), F(1, 2)], [F(1), F(4)], F(5, 4), 6
    moments = [
        (E2(lam, w, eta, s), sum(l * (1 - eta * l) ** (2 * s) * x for l, x in zip(lam, w, strict=True))) for s in range(t)
    ]
    area = sum(eta * (2 * error - eta * dynamics) for error, dynamics in moments)
    rest = sum((1 - eta * l) ** (2 * t) * x / l for l, x in zip(lam, w, strict=True))
    assert area + rest == I(lam, w)
    instance = {"theta": [[lam[0], F(0)], [F(0), lam[1]]], "Y": [[F(1)], [F(2)]], "eta": eta, "t": t}
    assert list(sides("area_identity", **instance)) == close(I(lam, w), area + rest)
    low, middle = sides("area_identity.bracket", link=0, lam=lam, w=w, eta=eta, t=t)
    _, high = sides("area_identity.bracket", link=1, lam=lam, w=w, eta=eta, t=t)
    last = E2(lam, w, eta, t)
    assert [low, middle, high] == close(area + last / lam[1], I(lam, w), area + last / lam[0])


def test_total_error_is_the_sum_of_the_errors():
    lam, w, eta = [0.25, 0.5, 1.0], [3.0, 0.0, 2.0], 0.75
    summed = sum(E2(lam, w, eta, t) for t in range(120))
    mu = LabelMeasure(*(torch.tensor(x, dtype=torch.float64) for x in (lam, w)))
    assert float(mu.total_E2(eta)) == pytest.approx(float(summed), rel=1e-13)
    S = summed * F(eta)
    chain = [sides("area_identity.sandwich", link=link, lam=lam, w=w, eta=eta) for link in range(4)]
    wanted = [S, (2 - F(3, 4)) * S, I(lam, w), (2 - F(3, 16)) * S, 2 * S]
    assert [chain[0][0], *(right for _, right in chain)] == pytest.approx([float(x) for x in wanted], rel=1e-12)


def test_at_names_the_arguments_it_wants():
    from proofs_check.errors import ClaimFault

    with pytest.raises(ClaimFault, match="lam, w, eta, t"):
        at(DYNAMICAL["dynamical.theorem1.sharp"], lam=[1.0], w=[1.0], eta=0.5)
