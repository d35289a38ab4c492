"""The attacks find what is rare; the same seed finds the same; a witness is simple and far from the rounding edge."""

from __future__ import annotations

import json

import pytest
import torch
from claim_tools import HOLDS, QUICK, TINY, VIOLATED, attacked, made, numbers, without_times, written

from proofs_check import domains as D
from proofs_check import leq
from proofs_check.evaluate import at
from proofs_check.registry import find
from proofs_check.run import Plan, verify


def false_for_one(x):
    """(sum x)^2 <= n (n - 1) sum x^2, false only at n = 1."""
    n = x.shape[-1]
    return leq(x.sum(-1) ** 2, n * (n - 1) * (x * x).sum(-1))


def false_for_duplicates(x):
    """Every two points are a billionth apart."""
    gaps = (x[:, :, None] - x[:, None, :]).norm(dim=-1) + 10 * torch.eye(x.shape[1], dtype=x.dtype)
    return leq(1e-9, gaps.amin((-2, -1)))


def false_at_the_start(t):
    """(1/2)^t <= 3/4, false only at t = 0."""
    return leq(torch.pow(0.5, t.double()), 0.75)


def false_for_wide_spectra(lam):
    """Condition numbers are at most 1e8."""
    return leq(lam.amax(-1), 1e8 * lam.amin(-1))


def not_too_wide(lam):
    """condition number at most 1e9, which keeps the ends of the domain out"""
    return lam.amax(-1) <= 1e9 * lam.amin(-1)


def false_for_singular(theta):
    """lambda_min > 0."""
    lam = torch.linalg.eigvalsh(theta)
    return leq(1e-6 * lam[..., -1], lam[..., 0])


def false_for_one_class(y):
    """No class holds every example (n >= 2)."""
    return leq(y.sum(-2).amax(-1), y.shape[-2] - 1)


def false_for_the_hexagon(theta):
    """The kernel of distinct points without antipodes has no null vector (n = 6, d = 2)."""
    return leq(1e-9, torch.linalg.eigvalsh(theta)[..., 0])


RARE = {
    "n = 1": (false_for_one, {"x": D.real("n")}, lambda w: w.sizes == {"n": 1}),
    "duplicates": (
        false_for_duplicates,
        {"x": D.unit_vectors("n", "d"), "dims": {"n": (2, 8), "d": (2, 4)}},
        lambda w: len(torch.unique(w.inputs["x"].round(decimals=8), dim=0)) < len(w.inputs["x"]),
    ),
    "t = 0": (false_at_the_start, {"t": D.integer(0, 60)}, lambda w: int(w.inputs["t"]) == 0),
    "eight decades": (
        false_for_wide_spectra,
        {"lam": D.spectrum("n", lo=1e-12, hi=1), "assumes": [not_too_wide]},
        lambda w: 1e8 < float(w.inputs["lam"].max() / w.inputs["lam"].min()) <= 1e9,
    ),
    "rank loss": (false_for_singular, {"theta": D.psd("n", cond=1e8)}, lambda w: torch.linalg.cond(w.inputs["theta"]) > 1e6),
    "one class": (
        false_for_one_class,
        {"y": D.labels("n", "k"), "dims": {"n": (2, 9), "k": (2, 4)}},
        lambda w: w.inputs["y"].sum(0).max() == len(w.inputs["y"]),
    ),
    "hexagon": (
        false_for_the_hexagon,
        {"theta": D.kernel_of(points=D.unit_vectors(6, 2))},
        lambda w: torch.linalg.eigvalsh(w.inputs["theta"])[0] < 1e-9,
    ),
}


@pytest.mark.parametrize("name", RARE)
def test_a_rare_violation_is_found(name):
    body, declaration, fits = RARE[name]
    found = attacked(made(body, **declaration))
    assert found.verdict in VIOLATED, found.reason()
    assert found.witness.lhs > found.witness.rhs
    assert fits(found.witness)


def test_a_true_claim_counts_what_it_tried():
    found = attacked(made(lambda p: leq(p.amax(-1), 1), id="attacks.simplex", p=D.simplex("n")))
    assert found.verdict in HOLDS
    assert found.best_ratio == 1
    assert found.witness is None
    random = next(e for e in found.evidence if e.attack == "random")
    assert random.instances == random.admissible == QUICK.batches * QUICK.batch
    for e in found.evidence:
        assert sum(e.counts) == e.admissible  # one bar of the histogram for each instance
        assert e.best is None or e.best.ratio <= 1


def test_the_best_ratio_is_the_largest_one():
    """For x in [0, 3], x (3 - x) <= 9/4, with equality in the middle of the interval."""
    found = attacked(made(lambda x: leq(x * (3 - x), 2.25), id="attacks.parabola", x=D.interval(0, 3)))
    assert found.best_ratio == 1
    best = max((e.best for e in found.evidence if e.best), key=lambda best: best.ratio)
    assert float(best.inputs["x"]) == 1.5


def test_a_witness_keeps_half_of_the_best_margin():
    """x = 3 is the simplest violation, but its margin 1/30 is far below that of x = 4, 11/40."""
    found = attacked(made(lambda x: leq(x, 2.9), id="attacks.rising", x=D.interval(0, 4)))
    assert 1 - found.witness.rhs / found.witness.lhs >= 11 / 80
    for e in found.evidence:  # each of the two by itself meets instances near x = 4
        if e.attack in ("degenerate", "random"):
            assert 1 - e.witness.rhs / e.witness.lhs >= 0.99 * 11 / 80, e.attack


def test_a_witness_is_the_simplest_of_those():
    """Every x above 1/2 is a violation; the ends and quarters of the interval are among the degenerate members."""
    witness = attacked(made(lambda x: leq(x, 0.25), id="attacks.simple", x=D.interval(0, 1))).witness
    p, q = float(witness.inputs["x"]).as_integer_ratio()
    assert q <= 4


def test_assumptions_keep_instances_out():
    def above(x):
        """x >= 1/2"""
        return x >= 0.5

    found = attacked(made(lambda x: leq(0.5, x), id="attacks.assumed", x=D.interval(0, 1), assumes=[above]))
    assert found.verdict in HOLDS
    assert all(0 < e.admissible < e.instances for e in found.evidence if e.attack in ("degenerate", "random"))


def test_assumptions_that_nothing_meets_are_vacuous():
    def never(x):
        return x > 1

    found = attacked(made(lambda x: leq(x, 0), id="attacks.vacuous", x=D.interval(0, 1), assumes=[never]))
    assert found.verdict == "vacuous"
    assert not found.agrees
    assert found.best_ratio is None
    expected = made(lambda x: leq(x, 0), id="attacks.vacuous2", x=D.interval(0, 1), assumes=[never], expect="vacuous")
    assert attacked(expected).agrees


def test_a_mutant_that_is_true_survives():
    subject = made(lambda x, *, c=2.0: leq(x, c), id="attacks.loose", x=D.interval(0, 1), mutants={"1.5": dict(c=1.5)})
    found = attacked(subject)
    assert found.verdict in HOLDS
    assert [m.killed for m in found.mutants.values()] == [False]


def test_mutants_of_every_kind_are_killed():
    def wrong(x):
        return leq(x, 0.5)

    def low(x):
        return x <= 1

    subject = made(
        lambda x, *, c=1.0: leq(x, c),
        id="attacks.mutants",
        x=D.interval(0, 4),
        assumes=[low],
        mutants={
            "constant": dict(c=0.9),
            "function": wrong,
            "domain": dict(x=D.interval(0.5, 1), c=0.6),
            "free": dict(assumes=[]),
        },
    )
    found = attacked(subject)
    assert found.verdict in HOLDS
    assert {name: m.killed for name, m in found.mutants.items()} == dict.fromkeys(subject.mutants, True)
    assert 1 < float(found.mutants["free"].witness.inputs["x"]) <= 4


def test_further_settings_are_attacked_too():
    subject = made(lambda x: leq(x, 1), id="attacks.far", x=D.interval(0, 1), also_on={"far": {"x": D.interval(2, 3)}})
    found = attacked(subject)
    assert found.verdict in VIOLATED
    assert found.witness.setting == "far"
    assert {e.setting for e in found.evidence} == {"declared domain", "far"}


FILE = """
@claim(source="a test", x=D.real("n"), y=D.real("n"), mutants={"one percent": dict(c=0.99)})
def cauchy_schwarz(x, y, *, c=1.0):
    return leq((x * y).sum(-1).abs(), c * x.norm(dim=-1) * y.norm(dim=-1))

@claim(source="a test", theta=D.psd("n"), expect="refuted", mutants={"two": dict(c=2.0)})
def well_conditioned(theta, *, c=1.0):
    lam = torch.linalg.eigvalsh(theta)
    return leq(c * lam[..., -1], 1e3 * lam[..., 0])

@claim(source="a test", x=D.interval(0, 1), t=D.integer(0, 9), expect="refuted")
def powers(x, t):
    return leq(x**t, 0.5)

@claim(source="a test", x=D.unit_vectors("n", "d"))
def dots(x):
    return leq((x @ x.mT).amax((-2, -1)), 1)
"""


def all_of_it(out, file, *, workers, seed=0):
    records = verify(find([str(file)]), Plan(TINY, seed), out, workers=workers)
    witnesses = {path.name: json.loads(path.read_text()) for path in (out / "witness").glob("*.json")}
    return without_times(records), witnesses


def test_one_seed_gives_one_result_for_any_number_of_workers(tmp_path):
    file = written(tmp_path, "several.py", FILE)
    alone, witnesses = all_of_it(tmp_path / "a", file, workers=1)
    together, same = all_of_it(tmp_path / "b", file, workers=2)
    assert alone == together
    assert witnesses == same
    assert set(witnesses) >= {"several.well_conditioned.json", "several.powers.json"}


def test_another_seed_draws_other_instances(tmp_path):
    file = written(tmp_path, "several.py", FILE)
    runs = [all_of_it(tmp_path / str(seed), file, workers=1, seed=seed)[0] for seed in (0, 1)]
    assert [r["agrees"] for r in runs[0]] == [r["agrees"] for r in runs[1]] == [True] * 4
    for first, second in zip(*(run[:2] for run in runs), strict=True):
        counts = [next(e["histogram"] for e in r["evidence"] if e["attack"] == "random") for r in (first, second)]
        assert counts[0] != counts[1]


def test_a_witness_file_holds_the_reported_inputs_as_fractions(tmp_path):
    file = written(tmp_path, "several.py", FILE)
    records, witnesses = all_of_it(tmp_path / "out", file, workers=1)
    for record in records:
        if record["verdict"] not in VIOLATED:
            assert record["witness"] is None
            continue
        witness = witnesses[f"{record['id']}.json"]
        assert record["witness"]["file"] == f"witness/{record['id']}.json"
        assert all(isinstance(x, str) for x in leaves_of(witness["inputs"]))
        inputs = numbers(witness["inputs"])
        assert inputs == numbers(record["witness"]["inputs"])
        (claim,) = [address.load() for address in find([str(file)]) if address.id == record["id"]]
        link = at(claim, **inputs).links[0]
        assert float(link.lhs[0]) > float(link.rhs[0])
        told = numbers([record["witness"]["lhs"], record["witness"]["rhs"]])
        assert [float(link.lhs[0]), float(link.rhs[0])] == pytest.approx(told, rel=1e-12)


def leaves_of(value):
    """The innermost values of nested dicts and lists."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if inside is None else [leaf for part in inside for leaf in leaves_of(part)]
