"""leq, eq, chain, all_of: margins and ratios against numbers worked out by hand, and what is refused."""

from __future__ import annotations

import math

import pytest
import torch

from proofs_check import all_of, chain, eq, leq
from proofs_check.errors import ClaimFault


def column(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def measured(relation) -> list[tuple[float, float]]:
    """(margin, ratio) of the first instance, link by link."""
    links = relation.checked(len(relation.terms[0][1])).links
    return [(float(link.margin()[0]), float(link.ratio()[0])) for link in links]


@pytest.mark.parametrize(
    ("lhs", "rhs", "margin", "ratio"),
    [
        (1, 2, -0.5, 0.5),
        (2, 1, 0.5, 2),
        (3, 3, 0, 1),
        (0, 0, 0, math.nan),
        (0, 4, -1, 0),
        (4, 0, 1, 2),
        (-1, 1, -2, -1),
        (1, -1, 2, 3),
        (1, -3, 4 / 3, 7 / 3),
        (-2, -1, -0.5, 0.5),
        (-1, -2, 0.5, 1.5),
        (-3, 0, -1, 0),
        (0, -3, 1, 2),
    ],
)
def test_leq(lhs, rhs, margin, ratio):
    assert measured(leq(column(lhs), column(rhs)))[0] == pytest.approx((margin, ratio), nan_ok=True)


def test_subnormal_sides_keep_their_sign_and_ratio():
    margin, ratio = measured(leq(column(1e-310), column(3e-310)))[0]
    assert margin < 0
    assert ratio == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("a", "b", "margin", "ratio"),
    [(1, 2, 0.5, 1.5), (2, 1, 0.5, 1.5), (-1, 1, 2, 3), (5, 5, 0, 1), (0, 0, 0, math.nan), (0, -7, 1, 2)],
)
def test_eq(a, b, margin, ratio):
    assert measured(eq(column(a), column(b)))[0] == pytest.approx((margin, ratio), nan_ok=True)


@pytest.mark.parametrize(("lhs", "rhs"), [(1.7e308, -1.7e308), (1e300, 1e-300), (1.0, 5e-324)])
def test_a_violation_of_any_size_has_a_finite_positive_margin_and_ratio(lhs, rhs):
    margin, ratio = measured(leq(column(lhs), column(rhs)))[0]
    assert margin > 0
    assert ratio > 1
    assert math.isfinite(margin)
    assert math.isfinite(ratio)


def test_chain_is_judged_link_by_link():
    relation = chain(column(1), column(2), column(1.5))
    assert measured(relation) == [(-0.5, 0.5), (0.25, pytest.approx(4 / 3))]
    assert [link.name for link in relation.links] == ["term 1 <= term 2", "term 2 <= term 3"]


def test_chain_takes_a_name_a_term_or_a_name_a_step():
    terms = column(1), column(2), column(3)
    assert [k.name for k in chain(*terms, names=["a", "b", "c"]).links] == ["a <= b", "b <= c"]
    assert [name for name, _ in chain(*terms, names=["a", "b", "c"]).terms] == ["a", "b", "c"]
    assert [k.name for k in chain(*terms, names=["Jensen", "chord"]).links] == ["Jensen", "chord"]
    assert leq(*terms[:2], names=["E", "T"]).links[0].name == "E <= T"
    assert eq(*terms[:2], names=["E", "T"]).links[0].name == "E == T"


def test_all_of_keeps_every_link():
    both = all_of(leq(column(1), column(2)), eq(column(1), column(4)), chain(column(1), column(2), column(4)))
    assert measured(both) == [(-0.5, 0.5), (0.75, 1.75), (-0.5, 0.5), (-0.5, 0.5)]
    assert len(both.terms) == 7


def test_numbers_and_integers_may_stand_on_a_side():
    relation = leq(torch.tensor([1, 3]), 2).checked(2)
    assert relation.links[0].lhs.dtype == relation.links[0].rhs.dtype == torch.float64
    assert relation.links[0].margin().tolist() == [-0.5, pytest.approx(1 / 3)]


def test_rows_picks_the_same_instances_of_every_side():
    relation = chain(column(1, 2, 3), column(4, 5, 6), column(7, 8, 9)).rows(torch.tensor([2, 0]))
    assert [value.tolist() for _, value in relation.terms] == [[3, 1], [6, 4], [9, 7]]
    assert [(k.lhs.tolist(), k.rhs.tolist()) for k in relation.links] == [([3, 1], [6, 4]), ([6, 4], [9, 7])]


@pytest.mark.parametrize(
    ("side", "says"),
    [
        (torch.tensor(1.0), "shape ()"),
        (torch.ones(3, 1), "shape (3, 1)"),
        (torch.ones(2), "shape (2,)"),
        (torch.ones(3, dtype=torch.complex128), "complex128"),
        (torch.ones(3, dtype=torch.bool), "torch.bool"),
        ("one", "str"),
        (None, "NoneType"),
        ([1.0, 2.0, 3.0], "list"),
        (10**400, "beyond float64"),
    ],
)
def test_a_side_that_is_not_one_real_number_an_instance_is_refused(side, says):
    for relation in (leq(side, column(1, 2, 3)), eq(column(1, 2, 3), side), chain(column(1, 2, 3), 1.0, side)):
        with pytest.raises(ClaimFault, match="the body returned") as fault:
            relation.checked(3)
        assert says in str(fault.value)
        assert "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: chain(column(1)), "at least two"),
        (lambda: chain(column(1), column(2), names=["a", "b", "c"]), "3 names for 2"),
        (lambda: leq(column(1), column(2), names=["a"]), "1 names for 2"),
        (lambda: all_of(), "at least one"),
        (lambda: all_of(True), "leq, eq or chain"),
    ],
)
def test_a_relation_that_makes_no_sense_is_refused(make, says):
    with pytest.raises(ClaimFault, match=says):
        make()
