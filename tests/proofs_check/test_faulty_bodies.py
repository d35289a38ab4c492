"""A body that fails is the verdict `error` of its own claim, in one sentence; the other claims of the run are unharmed."""

from __future__ import annotations

import json

import pytest
from claim_tools import HOLDS, VIOLATED, command, numbers, written

FAULTS = {
    "raises": ('raise RuntimeError("a tree\\nfell")', "RuntimeError: a tree"),
    "raises_by_torch": ("return leq(x @ torch.ones(99, dtype=x.dtype), 0)", "failed on line"),
    "returns_nothing": ("pass", "returned NoneType"),
    "returns_a_tensor": ("return x.sum(-1) <= 0", "returned Tensor"),
    "returns_a_bool": ("return True", "returned bool"),
    "reduces_the_batch": ("return leq(x.sum(), 0)", "shape ()"),
    "reduces_too_little": ("return leq(x, 0)", "for left side, but every side must have shape (batch,)"),
    "returns_strings": ('return leq("a", "b")', "str"),
    "returns_complex": ("return leq(torch.complex(x, x).sum(-1), 0)", "complex"),
    "returns_nan": ("return leq((x * 0 / 0).sum(-1), 1)", "returned nan for left side at x"),
    "returns_infinity": ("return leq(0, (1 / (x * 0)).abs().sum(-1))", "returned inf for right side at x of shape"),
    "returns_a_huge_integer": ("return leq(x.sum(-1), 10**400)", "beyond float64"),
    "mixes_the_batch": ("return leq(x.sum(-1) - x.sum(-1).mean(), 1e9)", "not batched"),
    "misnames": ('return chain(x.sum(-1), 1e9, names=["a", "b", "c"])', "3 names for 2"),
    "exits": ('raise SystemError("out")', "SystemError: out"),
}

DOMAINS = {
    "derived_raises": (
        "D.derived(lambda x: 1 // 0, D.real(), text='a ratio')",
        "the domain 'a ratio' failed: ZeroDivisionError",
    ),
    "derived_nan": ("D.derived(lambda x: x / 0, D.real(), text='a ratio')", "from the domain of 'x'"),
    "derived_without_batch": ("D.derived(lambda x: x.sum(), D.real(), text='a sum')", "the domain 'a sum' gave shape ()"),
    "derived_not_a_tensor": ("D.derived(lambda x: 1.0, D.real(), text='one')", "the domain 'one' gave float"),
}

ASSUMPTIONS = {
    "assumes_raising": ("lambda x: 1 // 0", "ZeroDivisionError"),
    "assumes_a_number": ("lambda x: x.sum(-1)", "bool tensor"),
    "assumes_one_bool": ("lambda x: (x > 0).all()", "bool tensor"),
    "assumes_another_argument": ("lambda z: z > 0", "'z'"),
    "assumes_a_builtin": ("torch.isfinite", "isfinite"),
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One run over all faulty claims, with a sound one before and after them."""
    folder = tmp_path_factory.mktemp("faulty")
    sound = '\n@claim(source="a test", x=D.interval(0, 1))\ndef {}(x):\n    return leq(x, 1)\n'
    text = sound.format("first")
    for name, (line, _) in FAULTS.items():
        text += f'\n@claim(source="a test", x=D.real("n"))\ndef {name}(x):\n    {line}\n'
    for name, (domain, _) in DOMAINS.items():
        text += f'\n@claim(source="a test", x={domain})\ndef {name}(x):\n    return leq(-x.abs(), 1)\n'
    for name, (predicate, _) in ASSUMPTIONS.items():
        text += (
            f'\n@claim(source="a test", x=D.real("n"), assumes=[{predicate}])\ndef {name}(x):\n    return leq(x.sum(-1), 1e9)\n'
        )
    text += sound.format("last")
    done = command("verify", written(folder, "faulty.py", text), "--out", folder / "out", "--workers", 1)
    records = [json.loads(line) for line in (folder / "out" / "results.jsonl").read_text().splitlines()]
    return done, {record["id"].partition(".")[2]: record for record in records}


@pytest.mark.parametrize("name", [*FAULTS, *DOMAINS, *ASSUMPTIONS])
def test_a_fault_is_one_sentence_that_names_the_claim(finished, name):
    record = finished[1][name]
    assert record["verdict"] == "error"
    assert not record["agrees"]
    assert f"faulty.{name}" in record["error"]
    assert "\n" not in record["error"]
    assert {**FAULTS, **DOMAINS, **ASSUMPTIONS}[name][1] in record["error"]


def test_the_other_claims_are_unharmed(finished):
    done, records = finished
    assert len(records) == len(FAULTS) + len(DOMAINS) + len(ASSUMPTIONS) + 2
    assert {records["first"]["verdict"], records["last"]["verdict"]} <= set(HOLDS)
    assert done.exit_code == 1
    assert "Traceback" not in done.output


def test_the_line_of_the_users_file_is_named(finished):
    """The body of `raises` stands on the fourth line after its decorator's."""
    assert "failed on line 10: RuntimeError" in finished[1]["raises"]["error"]


def outcome(folder, declaration, function):
    """The exit code and the record of one claim in a file of its own."""
    file = written(folder, "mine.py", f'@claim(source="a test", {declaration})\n{function}\n')
    done = command("verify", file, "--out", folder / "out", "--workers", 1)
    assert "Traceback" not in done.output
    return done.exit_code, json.loads((folder / "out" / "results.jsonl").read_text())


def test_a_mutant_that_fails_survives_and_says_why(tmp_path):
    declaration = 'x=D.interval(0, 1), mutants={"m": dict(c=None)}'
    code, record = outcome(tmp_path, declaration, "def one(x, *, c=1.0):\n    return leq(x, c)")
    assert code == 1
    assert record["verdict"] in HOLDS
    assert record["mutants"] == {"m": False}
    assert "NoneType" in record["mutant_evidence"]["m"]["error"]


def test_a_body_that_works_in_place_is_judged_on_the_instance_it_got(tmp_path):
    """2 x <= 3/2 on [0, 1]: whatever the body does to its argument, the witness is a member of the domain."""
    _, record = outcome(tmp_path, "x=D.interval(0, 1)", "def twice(x):\n    x *= 2\n    return leq(x, 1.5)")
    assert record["verdict"] in VIOLATED
    witness = numbers(record["witness"]["inputs"])
    lhs, rhs = numbers([record["witness"]["lhs"], record["witness"]["rhs"]])
    assert 3 / 4 < witness["x"] <= 1
    assert (lhs, rhs) == (2 * witness["x"], 1.5)


def test_constants_that_are_no_finite_numbers_are_written_too(tmp_path):
    function = 'def f(x, *, c=float("inf"), d=None):\n    return leq(1 / (1 + c), -x)'
    _, record = outcome(tmp_path, "x=D.interval(0, 1)", function)
    assert record["constants"] == {"c": "inf", "d": "None"}
    assert record["verdict"] in VIOLATED


def test_a_ratio_beyond_float64_is_written_too(tmp_path):
    _, record = outcome(tmp_path, "x=D.interval(0, 1)", "def tiny(x):\n    return leq(1.0, torch.exp(-740 - x))")
    assert record["verdict"] in VIOLATED
    assert 1e300 < record["best_ratio"] < float("inf")
