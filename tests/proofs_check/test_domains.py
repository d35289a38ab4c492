"""Every public domain: its members lie in it, by its own word and by numpy's; draws repeat; wrong arguments are named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from claim_tools import made
from sklearn.datasets import load_digits

import altheory as al
from proofs_check import domains as D
from proofs_check import leq
from proofs_check.claim import Setting
from proofs_check.domains import Draw
from proofs_check.errors import BadInput
from proofs_check.instances import Place, assemble, draw_random, leaves, random_sizes, size_choices

SIZES = [{"n": n, "d": d, "k": k} for n, d, k in [(1, 1, 1), (1, 3, 2), (2, 1, 3), (3, 2, 1), (6, 2, 4), (7, 5, 2)]]


def draw(sizes: dict[str, int], seed: int = 0) -> Draw:
    return Draw(sizes, torch.Generator().manual_seed(seed), torch.device("cpu"))


@dataclass(frozen=True)
class Case:
    """A domain, its dimensions, and an oracle that knows numpy only."""

    domain: Any
    dims: tuple[str, ...]
    holds: Callable[[np.ndarray], bool]
    dtype: torch.dtype = torch.float64


def within(low: float, high: float) -> Callable[[np.ndarray], bool]:
    return lambda x: bool((x >= low).all() and (x <= high).all())


def psd_of(cond: float) -> Callable[[np.ndarray], bool]:
    """Symmetric to the last bit, and the condition number (inf: singular allowed) up to rounding of the eigenvalues."""

    def holds(x: np.ndarray) -> bool:
        values = np.linalg.eigvalsh(x)
        return bool((x == x.T).all() and values[0] >= values[-1] / cond - 1e-13 * len(x) * abs(values[-1]))

    return holds


CASES = {
    "real": Case(D.real("n", "k"), ("n", "k"), within(-1e300, 1e300)),
    "real number": Case(D.real(), (), within(-1e300, 1e300)),
    "nonneg": Case(D.nonneg("n"), ("n",), within(0, 1e300)),
    "positive": Case(D.positive("n", "k"), ("n", "k"), within(1e-300, 1e300)),
    "interval": Case(D.interval(-0.5, 2), (), within(-0.5, 2)),
    "long interval": Case(D.interval(1e-3, 1e7), (), within(1e-3, 1e7)),
    "one point": Case(D.interval(3, 3), (), within(3, 3)),
    "integer": Case(D.integer(-2, 60), (), within(-2, 60), torch.int64),
    "one integer": Case(D.integer(5, 5), (), within(5, 5), torch.int64),
    "simplex": Case(D.simplex("n"), ("n",), lambda x: (x >= 0).all() and abs(math.fsum(x) - 1) < 1e-12),
    "unit vectors": Case(D.unit_vectors("n", "d"), ("n", "d"), lambda x: np.allclose((x * x).sum(-1), 1, rtol=0, atol=1e-12)),
    "points": Case(D.points("n", "d"), ("n", "d"), within(-1e3, 1e3)),
    "psd": Case(D.psd("n"), ("n", "n"), psd_of(np.inf)),
    "psd, cond 1e4": Case(D.psd("n", cond=1e4), ("n", "n"), psd_of(1e4)),
    "psd, cond 2": Case(D.psd("n", cond=2), ("n", "n"), psd_of(2)),
    "psd, cond 1": Case(D.psd("n", cond=1), ("n", "n"), psd_of(1)),
    "spectrum": Case(D.spectrum("n", lo=0, hi=4), ("n",), within(0, 4)),
    "short spectrum": Case(D.spectrum("n", lo=1 / 64, hi=1), ("n",), within(1 / 64, 1)),
    "labels": Case(D.labels("n", "k"), ("n", "k"), lambda x: np.isin(x, [0, 1]).all() and (x.sum(-1) == 1).all()),
    "rows": Case(D.dataset("digits", n="n").rows, ("n",), within(0, 1796), torch.int64),
}


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("name", CASES)
def test_degenerate_and_random_members_lie_in_the_domain(name, sizes):
    case = CASES[name]
    shape = tuple(sizes[dim] for dim in case.dims)
    for seed in (0, 1):
        here = draw(sizes, seed)
        special = case.domain.degenerate(here)
        assert special
        for members in (torch.stack(special), case.domain.sample(50, here)):
            assert members.dtype == case.dtype
            assert members.shape[1:] == shape
            assert case.domain.contains(members, here).all()
            assert all(case.holds(member) for member in members.numpy())


@pytest.mark.parametrize("name", CASES)
def test_one_seed_one_draw(name):
    domain = CASES[name].domain
    sizes = {"n": 5, "d": 3, "k": 3}
    first, again, other = (domain.sample(20, draw(sizes, seed)) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    if not name.startswith("one "):
        assert not torch.equal(first, other)


OUTSIDE = {
    "real": [[math.inf]],
    "nonneg": [-1.0],
    "positive": [[0.0]],
    "interval": 2.5,
    "integer": 61,
    "simplex": [0.9],
    "unit vectors": [[1.001]],
    "points": [[math.nan]],
    "psd": [[-1.0]],
    "spectrum": [4.5],
    "labels": [[0.0]],
    "rows": [1797],
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_contains_says_no_to_an_outsider(name):
    outsider = torch.tensor([OUTSIDE[name]])
    assert not CASES[name].domain.contains(outsider, draw({"n": 1, "d": 1, "k": 1})).any()


def test_psd_refuses_asymmetry_and_bad_condition():
    here = draw({"n": 2})
    assert not D.psd("n").contains(torch.tensor([[[1.0, 0.5], [0.0, 1.0]]]), here).any()
    matrix = torch.diag(torch.tensor([1.0, 2e-4], dtype=torch.float64))[None]
    assert D.psd("n", cond=1e4).contains(matrix, here).all()
    assert not D.psd("n", cond=1e3).contains(matrix, here).any()


@pytest.mark.parametrize("n", [2, 3, 6])
def test_singular_matrices_are_members_when_no_condition_is_set(n):
    special = torch.stack(D.psd("n").degenerate(draw({"n": n}))).numpy()
    ranks = {np.linalg.matrix_rank(matrix, hermitian=True) for matrix in special}
    assert {1, n} <= ranks
    drawn = D.psd("n").sample(400, draw({"n": n})).numpy()
    assert min(np.linalg.matrix_rank(matrix, hermitian=True) for matrix in drawn) < n


def test_conditions_reach_their_bound_and_not_beyond():
    conditions = np.linalg.cond(D.psd("n", cond=1e4).sample(2000, draw({"n": 6})).numpy())
    assert 5e3 < conditions.max() < 1.0001e4
    assert conditions.min() < 10


def test_spectra_cover_many_decades_and_mild_ones_too():
    values = D.spectrum("n", lo=0, hi=1).sample(2000, draw({"n": 8})).numpy()
    positive = values[(values > 0).all(1)]
    decades = np.log10(positive.max(1) / positive.min(1))
    assert (decades > 8).mean() > 0.05
    assert (decades < 2).mean() > 0.2
    assert (values == 0).any()
    assert (np.diff(values, axis=1) >= 0).all(1).mean() < 0.5  # in no particular order


def test_integers_visit_every_value_of_a_short_range_and_small_ones_of_a_long_one():
    assert {int(x) for x in D.integer(0, 5).degenerate(draw({}))} == set(range(6))
    assert {0, 1, 60} <= {int(x) for x in D.integer(0, 60).degenerate(draw({}))}
    drawn = D.integer(0, 60).sample(2000, draw({}))
    assert (drawn < 5).double().mean() > 0.4
    assert set(range(61)) == set(drawn.tolist())


def test_intervals_visit_both_ends_and_their_neighbourhoods():
    assert {-1.0, 0.0, 2.0} <= {float(x) for x in D.interval(-1, 2).degenerate(draw({}))}
    drawn = D.interval(-1, 2).sample(4000, draw({}))
    for end in (-1, 2):
        assert ((drawn - end).abs() < 1e-5).any()
    long = D.interval(1e-6, 1).sample(4000, draw({}))
    assert (long < 1e-4).double().mean() > 0.1


def gram(points: torch.Tensor) -> torch.Tensor:
    return points @ points.mT


def test_hexagon_antipodes_and_duplicates_are_among_unit_vectors():
    special = gram(torch.stack(D.unit_vectors("n", "d").degenerate(draw({"n": 6, "d": 2}))))
    index = torch.arange(6, dtype=torch.float64)
    hexagon = torch.cos(math.pi / 3 * (index[:, None] - index))
    assert ((special - hexagon).abs() < 1e-12).all((1, 2)).any()
    off_diagonal = special[:, *torch.triu_indices(6, 6, 1)]
    assert ((off_diagonal + 1).abs() < 1e-12).any(1).any()
    assert ((off_diagonal - 1).abs() < 1e-12).all(1).any()
    near = 1 - off_diagonal
    assert ((near > 0) & (near < 1e-7)).any()


def test_the_kernel_of_the_hexagon_is_the_rational_one():
    """First row (1/2, 1/6, -1/12, 0, -1/12, 1/6); eigenvalues 0, 5/12 twice, 2/3, 3/4 twice (claims/dynamical.md, Lemma 1)."""
    points = torch.stack(D.unit_vectors("n", "d").degenerate(draw({"n": 6, "d": 2})))
    values = torch.linalg.eigvalsh(D.kernel_of(points=D.unit_vectors("n", "d")).build([points], draw({})))
    wanted = torch.tensor([0, 5 / 12, 5 / 12, 2 / 3, 3 / 4, 3 / 4], dtype=torch.float64)
    assert ((values - wanted).abs() < 1e-12).all(1).any()


def test_duplicates_and_zeros_are_among_points():
    special = torch.stack(D.points("n", "d").degenerate(draw({"n": 4, "d": 3})))
    assert (special == 0).all((1, 2)).any()
    assert any(len(torch.unique(member, dim=0)) == 1 and member.any() for member in special)
    drawn = D.points("n", "d").sample(500, draw({"n": 4, "d": 3})).numpy()
    directions = drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)
    assert any(np.abs(x[0] - x[1:]).max(1).min() < 1e-12 for x in directions)


def test_zeros_one_hot_and_alternating_signs_are_among_reals():
    special = {tuple(x.tolist()) for x in D.real("n").degenerate(draw({"n": 4}))}
    assert {(0, 0, 0, 0), (1, 0, 0, 0), (1, 1, 1, 1), (1, -1, 1, -1)} <= special


def test_constant_and_balanced_labels_are_among_labels():
    special = torch.stack(D.labels("n", "k").degenerate(draw({"n": 4, "k": 2})))
    counts = {tuple(c) for c in special.sum(1).tolist()}
    assert {(4, 0), (2, 2)} <= counts


def test_digits_and_their_labels_belong_to_the_same_rows():
    images, classes = load_digits(return_X_y=True)
    unit = images / np.linalg.norm(images, axis=1, keepdims=True)
    digits = D.dataset("digits", n="n")
    setting = Setting("digits", {"x": digits, "y": digits.labels})
    here = draw({"n": 20}, seed=5)
    (rows,) = leaves(setting)
    for members in (rows.sample(10, here), torch.stack(rows.degenerate(here))):
        built = assemble(setting, {id(rows): members}, here)
        for x, y in zip(built["x"].numpy().reshape(-1, 64), built["y"].numpy().reshape(-1, 10), strict=True):
            (found,) = np.nonzero(np.abs(unit - x).max(1) < 1e-12)
            assert len(found) == 1
            assert y.tolist() == np.eye(10)[classes[found[0]]].tolist()


def test_rows_are_drawn_without_replacement_but_for_planted_repeats():
    drawn = D.dataset("digits", n="n").rows.sample(1000, draw({"n": 12}))
    distinct = torch.tensor([len(set(row)) for row in drawn.tolist()])
    assert 0.7 < (distinct == 12).double().mean() < 1
    assert drawn.min() < 50
    assert drawn.max() > 1745


def test_a_data_set_smaller_than_n_repeats_rows():
    tiny = al.data.Dataset("tiny", np.eye(3) + 1, np.array([0, 1, 1]), np.array(["a", "b"]))
    here = draw({"n": 5})
    here.data = tiny
    digits = D.dataset("digits", n="n")
    rows = digits.rows.sample(50, here)
    assert rows.max() <= 2
    assert digits.labels.build([rows], here).shape == (50, 5, 2)
    assert torch.stack(digits.rows.degenerate(here)).max() <= 2


def drawn_from(**arguments: D.Domain) -> dict[str, torch.Tensor]:
    """A random batch of these arguments."""
    setting, here = Setting("test", arguments), draw({"n": 5, "d": 3})
    return assemble(setting, {id(leaf): leaf.sample(64, here) for leaf in leaves(setting)}, here)


def test_a_step_size_by_argument_name_depends_on_that_argument():
    for spectrum in (D.spectrum("n", lo=1e-3, hi=7), D.psd("n", cond=100)):
        values = drawn_from(eta=D.step_size("lam", D.interval(0.5, 2)), lam=spectrum)
        top = np.array([np.linalg.norm(x, 2) if x.ndim == 2 else x.max() for x in values["lam"].numpy()])
        relative = values["eta"].numpy() * top
        assert relative.min() >= 0.5 - 1e-9
        assert relative.max() <= 2 + 1e-9
        assert relative.std() > 0.1


def test_derived_arguments_see_one_draw():
    x = D.real("n")
    values = drawn_from(a=x, b=D.derived(lambda v: v.sum(-1), x, text="sum"))
    assert torch.equal(values["a"].sum(-1), values["b"])


def test_a_kernel_by_argument_name():
    values = drawn_from(x=D.unit_vectors("n", 3), theta=D.kernel_of(points="x", train_output=True))
    assert torch.equal(values["theta"], al.kernels.analytic(values["x"], train_output=True))


def test_equal_domains_are_drawn_apart():
    values = drawn_from(x=D.real("n"), y=D.real("n"))
    assert not torch.equal(values["x"], values["y"])


def test_dimensions_are_shared_and_every_size_occurs():
    subject = made(lambda x, y: leq(0.0, 1.0), id="domains.sizes", x=D.real("n"), y=D.psd("n"), dims={"n": (2, 9)})
    generator = Place().generator("sizes")
    assert {random_sizes(subject, subject.settings[0], generator)["n"] for _ in range(500)} == set(range(2, 10))
    batch = draw_random(subject, subject.settings[0], Place(), generator, 4)
    assert batch.values["x"].shape[1:] * 2 == batch.values["y"].shape[1:] == (batch.sizes["n"],) * 2


def test_small_sizes_come_first_and_points_ask_for_the_hexagon():
    subject = made(lambda x: leq(0.0, 1.0), id="domains.hexagon", x=D.unit_vectors("n", "d"), dims={"n": (1, 8), "d": (1, 5)})
    sizes = size_choices(subject, subject.settings[0])
    assert sizes[0] == {"n": 1, "d": 1}
    assert {"n": 6, "d": 2} in sizes
    small = made(lambda x: leq(0.0, 1.0), id="domains.small", x=D.unit_vectors("n", "d"), dims={"n": (1, 3)})
    assert {"n": 6, "d": 2} not in size_choices(small, small.settings[0])


REFUSED = {
    "real(0)": (lambda: D.real(0), "0"),
    "real('2n')": (lambda: D.real("2n"), "'2n'"),
    "real(2.0)": (lambda: D.real(2.0), "2.0"),
    "real(True)": (lambda: D.real(True), "True"),
    "nonneg(-1)": (lambda: D.nonneg(-1), "-1"),
    "positive('')": (lambda: D.positive(""), "''"),
    "simplex(None)": (lambda: D.simplex(None), "None"),
    "interval(2, 1)": (lambda: D.interval(2, 1), "lo=2 above hi=1"),
    "interval(nan, 1)": (lambda: D.interval(math.nan, 1), "lo=nan"),
    "interval(0, inf)": (lambda: D.interval(0, math.inf), "hi=inf"),
    "interval('0', 1)": (lambda: D.interval("0", 1), "lo='0'"),
    "integer(2, 1)": (lambda: D.integer(2, 1), "lo=2 above hi=1"),
    "integer(0, 1.5)": (lambda: D.integer(0, 1.5), "hi=1.5"),
    "integer(False, 1)": (lambda: D.integer(False, 1), "lo=False"),
    "unit_vectors('n', 0)": (lambda: D.unit_vectors("n", 0), "0"),
    "points(-3, 'd')": (lambda: D.points(-3, "d"), "-3"),
    "psd(0)": (lambda: D.psd(0), "0"),
    "psd, cond 1/2": (lambda: D.psd("n", cond=0.5), "cond=0.5"),
    "psd, cond inf": (lambda: D.psd("n", cond=math.inf), "cond=inf"),
    "psd, cond 'big'": (lambda: D.psd("n", cond="big"), "cond='big'"),
    "spectrum, lo > hi": (lambda: D.spectrum("n", lo=2, hi=1), "lo=2, hi=1"),
    "spectrum, lo < 0": (lambda: D.spectrum("n", lo=-1, hi=1), "lo=-1"),
    "spectrum, hi = 0": (lambda: D.spectrum("n", lo=0, hi=0), "hi=0"),
    "spectrum('m n')": (lambda: D.spectrum("m n", lo=0, hi=1), "'m n'"),
    "labels('n', 'n')": (lambda: D.labels("n", "n"), "'n'"),
    "labels('n', 0)": (lambda: D.labels("n", 0), "0"),
    "kernel_of, activation": (lambda: D.kernel_of(points=D.points("n", "d"), activation="gelu"), "'gelu'"),
    "kernel_of(3)": (lambda: D.kernel_of(points=3), "3"),
    "dataset('')": (lambda: D.dataset("", n="n"), "''"),
    "dataset(3)": (lambda: D.dataset(3, n="n"), "3"),
    "dataset, n = 0": (lambda: D.dataset("digits", n=0), "0"),
    "step_size('lam', 2)": (lambda: D.step_size("lam", 2), "2"),
    "derived from a number": (lambda: D.derived(abs, 7, text="|7|"), "7"),
    "derived by no function": (lambda: D.derived("abs", D.real(), text="|x|"), "'abs'"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_a_wrong_argument_is_named_in_one_sentence(call):
    make, names = REFUSED[call]
    with pytest.raises(BadInput) as fault:
        make()
    assert names in str(fault.value)
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("name", D.__all__)
def test_every_public_name_is_there(name):
    assert getattr(D, name).__doc__


def test_an_experiment_gets_different_rows_of_the_data():
    place = draw({"n": 700})
    rows = D.dataset("digits", n="n", repeats=False).rows
    drawn = rows.sample(12, place)
    assert all(len(set(row)) == 700 for row in drawn.tolist())
    with pytest.raises(BadInput, match="1798 different rows of digits were asked for, but it has 1797"):
        D.dataset("digits", n=1798, repeats=False).rows.sample(1, place)


def test_seeds_are_different_in_every_trial():
    place = draw({})
    for domain in (D.seed(), D.integer(0, 10**9)):
        assert len(set(domain.sample(400, place).tolist())) == 400
    assert (D.integer(0, 1000).sample(400, place) <= 4).sum() > 100  # a short range still has its low end looked at
