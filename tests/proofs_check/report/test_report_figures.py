"""The figures show what the evidence says: where 1 stands, what violates, and where a chain loses."""

import re

import pytest
from report_reading import Page

from proofs_check.report import figures


def evidence(edges, counts, **more):
    return {"attack": "a", "instances": sum(counts), "histogram": {"edges": edges, "counts": counts}, **more}


def drawn(items, **more):
    return Page(str(figures.margin([figures.bars_of("a", items)], **more)))


def one(page):
    return float(next(line["x1"] for line in page.all("line") if line.get("class") == "one"))


LARGEST = 1.7976931348623157e308  # what a ratio to a zero side is recorded as


@pytest.mark.parametrize(
    ("low", "high"),
    [(0.0, 1.0), (0.2, 1.4), (0.001, 1e6), (-1.0, 3.0), (-0.5, 1e9), (1.0, 1 + 1e-13), (0.3, LARGEST), (0.0, LARGEST)],
)
def test_axis_is_monotone_and_inside_the_frame(low, high):
    axis = figures.axis(low, high, "ratio", "distance")
    places = [axis.place(low + (high - low) * i / 20) for i in range(21)]
    assert places == sorted(places)
    assert figures.LEFT <= places[0] < places[-1] <= figures.WIDTH - figures.RIGHT
    assert axis.place(low) <= axis.place(1.0) <= axis.place(high)
    assert axis.ticks


def bars(page, kind):
    """The bars of one kind as (left end, width)."""
    outlines = [path["d"] for path in page.all("path") if path["class"] == kind]
    return [tuple(map(float, found)) for d in outlines for found in re.findall(r"M([\d.]+) \S+?h([\d.]+)", d)]


def test_bars_beyond_one_are_marked_only_where_something_was_violated():
    edges, counts = [0.5, 1.0, 1.5, 2.0], [5, 3, 2]
    violated = drawn([evidence(edges, counts, violations=5)])
    assert (len(bars(violated, "col")), len(bars(violated, "col beyond"))) == (1, 2)
    held = drawn([evidence(edges, counts, violations=0)])
    assert (len(bars(held, "col")), len(bars(held, "col beyond"))) == (3, 0)


def test_equalities_stand_at_one_not_right_of_it():
    page = drawn([evidence([0.9, 1.0, 1.1], [4, 4])])
    left, width = bars(page, "col")[-1]
    assert left + width / 2 == pytest.approx(one(page), abs=1)


def test_histograms_of_one_attack_are_summed():
    row = figures.bars_of("a", [evidence([0.0, 0.5, 1.0], [1, 2]), evidence([0.0, 0.5, 1.0], [10, 20])])
    assert [amount for *_, amount in row.bins] == [11, 22]
    assert row.instances == 33


def test_bins_without_finite_edges_are_counted():
    row = figures.bars_of("a", [evidence([0.0, 1.0, float("inf")], [3, 4])])
    assert (len(row.bins), row.outside) == (1, 4)


def test_nothing_to_draw():
    assert figures.bars_of("a", [{"attack": "a", "histogram": None}]) is None
    assert figures.margin([]) == ""
    assert figures.chain([]) == ""


def test_chain_links_are_gathered_over_the_evidence():
    first = {"links": [{"name": "a <= b", "best_ratio": 1.0, "median_ratio": 0.2}]}
    second = {
        "links": [
            {"name": "a <= b", "best_ratio": 0.5, "median_ratio": 0.4},
            {"name": "b <= c", "best_ratio": None},
        ]
    }
    links = figures.links_of([first, second])
    assert [(link.name, link.best) for link in links] == [("a <= b", 1.0), ("b <= c", None)]
    assert links[0].median == pytest.approx(0.3)
    page = Page(str(figures.chain(links)))
    assert page.faults == []
    assert "a ≤ b" in page.text


def test_names_are_escaped():
    row = figures.bars_of("<b>", [evidence([0.0, 1.0], [3])])
    assert "<b>" not in figures.margin([row])
