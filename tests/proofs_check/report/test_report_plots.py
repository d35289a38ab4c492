"""Figures and tables of experiments: from a claim's body to the page."""

from __future__ import annotations

import re

import numpy as np
import pytest
from report_reading import Page

from proofs_check.errors import ClaimFault
from proofs_check.figure import Figure, Series, Table, printed
from proofs_check.report.plots import Shown, plots_of, power_of_ten, tables_of

CURVES = Figure(
    "Error over rounds",
    "round",
    "error",
    [Series("ours", [1, 10, 100], np.array([[3.0, 2.0, 1.0], [5.0, 4.0, 1.0]])), printed("the paper", [1, 10, 100], [4, 3, 2])],
    log_x=True,
    note="two seeds",
)


def test_a_series_keeps_its_seeds_and_a_curve_without_seeds_is_one_row():
    ours, paper = CURVES.record()["series"]
    assert ours == {
        "label": "ours",
        "x": [1.0, 10.0, 100.0],
        "y": [[3.0, 2.0, 1.0], [5.0, 4.0, 1.0]],
        "printed": False,
        "dots": False,
    }
    assert paper["y"] == [[4.0, 3.0, 2.0]]
    assert paper["printed"] is True


@pytest.mark.parametrize("y", [[1, 2], [[1, 2, 3], [1, 2]], []])
def test_points_that_do_not_fit_their_positions_are_refused(y):
    with pytest.raises(ClaimFault, match="the series 'ours' has 3 positions"):
        Series("ours", [1, 2, 3], y).record()


def test_a_row_that_does_not_fit_its_columns_is_refused():
    with pytest.raises(ClaimFault, match="row 'ours' of the table 'T' has 1 cells for 2 columns"):
        Table("T", ["a", "b"], [("ours", [1])]).record()


def test_the_drawing_says_its_axes_and_curves_in_text_and_has_ids_of_its_own():
    figures = [CURVES.record(), CURVES.record()]
    first, second = plots_of({"id": "paper.claim", "figures": figures})
    page = Page(f"<html><body>{first.svg}{second.svg}</body></html>")
    assert not page.faults
    for word in ("round", "error", "ours", "the paper"):
        assert word in page.text
    assert len(page.ids) == len(set(page.ids))
    anchors = set(re.findall(r'(?:href="|url\()#([^")]+)', first.svg + second.svg))
    assert anchors <= set(page.ids)
    assert "#010203" not in first.svg
    assert first.note == "two seeds"


def test_words_stand_along_the_axis_and_missing_values_are_left_out():
    record = Figure("F", "method", "accuracy", [Series("ours", ["random", "crc"], [[None, 1.0], [float("nan"), 0.5]])]).record()
    assert record["series"][0]["y"] == [[None, 1.0], [None, 0.5]]
    (plot,) = plots_of({"id": "c", "figures": [record]})
    assert "random" in Page(str(plot.svg)).text


def test_a_cell_of_several_seeds_is_mean_and_sample_spread():
    table = Table("T", ["a", "b", "c", "d"], [("ours", [np.array([1.0, 2.0, 4.0]), 0.5, "n/a", [float("nan")]])])
    (grid,) = tables_of({"figures": [table.record()]})
    assert grid.rows == [("ours", ["2.333 ± 1.528", "0.5", "n/a", "–"])]  # sd of 1, 2, 4 is sqrt(7/3)


def test_claims_about_one_experiment_show_its_figures_once():
    shared = {"figure": "Curves", "x": "t", "y": "v", "series": [{"label": "", "x": [1, 2], "y": [[1.0, 2.0]]}]}
    own = {**shared, "figure": "Another"}
    shown = Shown()
    first, elsewhere = shown.first({"id": "p.a", "figures": [shared]}, "p.a", "a")
    assert first["figures"] == [shared]
    assert elsewhere == []
    second, elsewhere = shown.first({"id": "p.b", "figures": [shared, own, shared]}, "p.b", "b")
    assert second["figures"] == [own]
    assert elsewhere == [("p.a", "a")]
    assert shown.first({"id": "p.c"}, "p.c", "c") == ({"id": "p.c", "figures": []}, [])


LONG = "certified bound, equal noise"


@pytest.mark.parametrize(
    "labels", [[LONG] * 4, ["BSS", LONG, "uniform, no row twice", "leverage", "D / k"] * 2, ["a"] * 7, ["w" * 40] * 3]
)
def test_a_legend_stays_inside_its_figure(labels, monkeypatch):
    from matplotlib import figure as drawing

    seen = []

    class Measured(drawing.Figure):
        def savefig(self, *args, **kwargs):
            self.draw_without_rendering()
            box = self.axes[0].get_legend().get_window_extent()
            seen.append((box.x1 / self.dpi, box.y1 / self.dpi, *self.get_size_inches()))
            super().savefig(*args, **kwargs)

    monkeypatch.setattr(drawing, "Figure", Measured)
    record = Figure("t", "x", "y", [Series(label, [1, 2], [1, 2]) for label in labels]).record()
    plots_of({"id": "a.claim", "figures": [record]})
    ((right, top, width, height),) = seen
    assert right <= width
    assert top <= height + 0.05


def test_ticks_of_logarithmic_axes_are_plain_up_to_a_thousand():
    assert [power_of_ten(10.0**k) for k in (-6, -3, 0, 2, 5)] == ["10⁻⁶", "0.001", "1", "100", "10⁵"]
