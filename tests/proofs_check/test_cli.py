"""The command line: what goes to stdout and what to stderr, exit codes, and the files a run leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from claim_tools import HOLDS, PROGRAM, VIOLATED, command, numbers, written

from proofs_check.registry import registered

KANTOROVICH = Path(__file__).parent / "data" / "kantorovich.py"

#: DESIGN.md, "Command line (contract)"
CONTRACT = {
    *("schema", "id", "paper", "kind", "expected", "verdict", "agrees", "statement", "source", "evidence", "best_ratio"),
    *("witness", "mutants", "seed", "budget", "seconds", "environment"),
}


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_list_json_is_one_object_a_line_and_nothing_else():
    done = command("list", "--json")
    assert done.exit_code == 0
    rows = lines(done.stdout)
    assert [row["id"] for row in rows] == list(registered())
    assert sum(row["id"].startswith("dynamical.") for row in rows) >= 14
    assert all(row["statement"] and row["source"] and row["expected"] for row in rows)


def test_list_for_people_and_by_paper():
    done = command("list")
    assert done.exit_code == 0
    assert "dynamical.theorem1.sharp" in done.stdout
    assert len(done.stdout.splitlines()) == len(registered())
    of_paper = lines(command("list", "--paper", "dynamical", "--json").stdout)
    assert {row["id"] for row in of_paper} == {id for id, claim in registered().items() if claim.paper == "dynamical"}


@pytest.mark.parametrize("id", ["dynamical.theorem1", "dynamical.remark1.higher_is_faster", "dynamical.area_identity"])
def test_show_tells_statement_source_domains_and_mutants(id):
    claim, done = registered()[id], command("show", id)
    assert done.exit_code == 0
    flat = " ".join(done.stdout.split())
    for told in (claim.id, claim.source, " ".join(claim.statement.split()), claim.expect, *claim.mutants, *claim.uses):
        assert told in flat
    for domain in claim.settings[0].arguments.values():
        assert domain.describe() in flat


def test_show_works_for_every_claim():
    for id in registered():
        assert command("show", id).exit_code == 0


def test_show_works_for_a_users_file():
    assert "kantorovich.kantorovich" in command("show", KANTOROVICH).stdout


def test_the_example_of_the_design_works_as_printed(tmp_path):
    """A process of its own, as a user starts it."""
    done = subprocess.run([PROGRAM, "verify", KANTOROVICH, "--json"], capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    (record,) = lines(done.stdout)
    assert record["id"] == "kantorovich.kantorovich"
    assert record["verdict"] in HOLDS
    assert record["agrees"]
    assert record["mutants"] == {"one percent too strong": True}
    assert record["best_ratio"] > 0.999  # Kantorovich's inequality is sharp
    assert (tmp_path / "report" / "results.jsonl").read_text() == done.stdout
    assert "<html" in (tmp_path / "report" / "index.html").read_text()
    assert "kantorovich" in done.stderr


def test_verify_json_prints_the_lines_of_the_results_file(registry_run):
    assert registry_run.code == 0, registry_run.stderr
    assert registry_run.stdout == (registry_run.out / "results.jsonl").read_text(encoding="utf-8")
    assert {row["id"] for row in lines(registry_run.stdout)} == set(registered())


def test_progress_goes_to_stderr_a_line_a_claim(registry_run):
    told = registry_run.stderr.splitlines()
    count = len(registry_run.records)
    assert [line.partition("]")[0].strip("[ ") for line in told[:count]] == [f"{i}/{count}" for i in range(1, count + 1)]
    assert {line.split("]")[1].split()[0] for line in told[:count]} == set(registry_run.records)
    assert told[-1].startswith("report: ")


def test_records_have_the_fields_of_the_contract(registry_run):
    for record in registry_run.records.values():
        assert set(record) >= CONTRACT
        assert record["seed"] == 0
        assert record["budget"] == "quick"
        assert isinstance(record["agrees"], bool)
        assert record["kind"] in ("leq", "eq", "chain", "all", "event", "rate", "measurement")
        assert all(isinstance(killed, bool) for killed in record["mutants"].values())
        assert {"torch", "numpy", "python", "device"} <= set(record["environment"])
        for e in record["evidence"]:
            assert {"attack", "instances", "best_ratio", "seconds"} <= set(e)
            assert e["admissible"] <= e["instances"]


def test_the_report_lays_out_every_record(registry_run):
    page = (registry_run.out / "index.html").read_text(encoding="utf-8")
    assert "could not be laid out" not in page
    assert "every verdict is the expected one" in page
    assert all(f'id="{id}"' in page for id in registry_run.records)


def test_nothing_of_the_machine_is_in_the_records(registry_run):
    text = registry_run.stdout
    assert str(registry_run.out.parent) not in text
    assert str(Path.home()) + "/" not in text


def test_every_violated_claim_has_a_witness_file(registry_run):
    found = {path.name: json.loads(path.read_text()) for path in (registry_run.out / "witness").iterdir()}
    violated = {id for id, record in registry_run.records.items() if record["verdict"] in VIOLATED and not record["statistics"]}
    assert {f"{id}.json" for id in violated} <= set(found)
    assert all(witness["id"] == name.removesuffix(".json") for name, witness in found.items())
    for id in violated:
        witness, record = found[f"{id}.json"], registry_run.records[id]["witness"]
        # what a domain derives from the others (a kernel of points) is in the record only
        assert set(witness["inputs"]) <= set(record["inputs"])
        assert numbers(witness["inputs"]) == {k: v for k, v in numbers(record["inputs"]).items() if k in witness["inputs"]}


HELD = '@claim(source="a test", x=D.interval(0, 1), mutants={"m": dict(c=%s)})\ndef one(x, *, c=1.0):\n    return leq(x, c)\n'


def verdict_of(folder: Path, text: str) -> tuple[int, str]:
    done = command("verify", written(folder, "mine.py", text), "--out", folder / "out", "--workers", 1)
    return done.exit_code, done.stderr


def test_exit_code_0_when_all_is_green(tmp_path):
    assert verdict_of(tmp_path, HELD % 0.5)[0] == 0


def test_exit_code_1_when_a_verdict_disagrees(tmp_path):
    code, said = verdict_of(tmp_path, '@claim(source="a test", x=D.interval(0, 1))\ndef f(x):\n    return leq(x, 0.5)\n')
    assert code == 1
    assert "DISAGREES  mine.f: observed " in said


def test_exit_code_1_when_a_mutant_survives(tmp_path):
    code, said = verdict_of(tmp_path, HELD % 1.5)
    assert code == 1
    assert "MUTANT SURVIVED  mine.one: m" in said


def test_exit_code_1_when_a_false_claim_is_not_refuted(tmp_path):
    text = '@claim(source="a test", x=D.interval(0, 1), expect="refuted")\ndef f(x):\n    return leq(x, 1)\n'
    assert verdict_of(tmp_path, text)[0] == 1


def test_the_users_data_take_the_place_of_every_data_set(tmp_path):
    import numpy as np

    rng = np.random.default_rng(0)
    np.savez(tmp_path / "mine.npz", X=rng.normal(size=(40, 3)), y=rng.integers(0, 4, 40))
    text = """
    digits = D.dataset("digits", n="n")

    @claim(source="a test", x=digits, y=digits.labels)
    def shapes(x, y):
        return eq(torch.full((len(x),), 1.0 * x.shape[2]), 3) if y.shape[2] == 4 else leq(1, 0)
    """
    file = written(tmp_path, "data.py", text)
    done = command("verify", file, "--data", tmp_path / "mine.npz", "--out", tmp_path / "out", "--workers", 1, "--json")
    assert done.exit_code == 0, done.output
    assert lines(done.stdout)[0]["environment"]["data"] == str(tmp_path / "mine.npz")
    assert command("verify", file, "--out", tmp_path / "out", "--workers", 1).exit_code == 1


def test_claims_papers_and_files_may_be_named_together(tmp_path):
    file = written(tmp_path, "mine.py", HELD % 0.5)
    targets = ["dynamical.theorem2.symmetrised", file, "dynamical.theorem2.symmetrised"]
    done = command("verify", *targets, "--out", tmp_path / "out", "--workers", 1, "--json")
    assert done.exit_code == 0
    assert [row["id"] for row in lines(done.stdout)] == ["dynamical.theorem2.symmetrised", "mine.one"]


def test_help_does_not_import_torch():
    code = (
        "import sys\nfrom proofs_check.cli import main\n"
        "try:\n    main(['verify', '--help'])\nexcept SystemExit as done:\n    assert done.code == 0\n"
        "assert not {'torch', 'numpy', 'sklearn', 'matplotlib'} & set(sys.modules), 'heavy import'\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--budget" in done.stdout
