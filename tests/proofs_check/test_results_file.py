"""results.jsonl: whole lines only, whatever happens to the run; what --resume keeps; what differs between two files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from claim_tools import HOLDS, PROGRAM, TINY, command, refusal, without_times, written

from proofs_check.errors import BadInput
from proofs_check.registry import find
from proofs_check.results import ResultsFile, differences, read
from proofs_check.run import Plan, verify

FOUR = """
@claim(source="a test", x=D.interval(0, 1), mutants={"half": dict(c=0.5)})
def one(x, *, c=1.0):
    return leq(x, c)

@claim(source="a test", x=D.interval(0, 1), expect="refuted")
def two(x):
    return leq(x, 0.5)

@claim(source="a test", theta=D.psd("n"))
def three(theta):
    return leq(0, torch.diagonal(theta, dim1=-2, dim2=-1).sum(-1))

@claim(source="a test", y=D.labels("n", "k"))
def four(y):
    return eq(y.sum((-2, -1)), y.shape[-2])
"""
IDS = ["four.one", "four.two", "four.three", "four.four"]


def finish(file: Path, out: Path, *, plan: Plan | None = None, resume: bool = False, workers: int = 1):
    """Run the four claims; the records, and which of them were kept from before."""
    kept: dict[str, bool] = {}
    records = verify(
        find([str(file)]),
        plan or Plan(TINY),
        out,
        resume=resume,
        workers=workers,
        on_record=lambda record, reused: kept.update({record["id"]: reused}),
    )
    return records, kept


@pytest.fixture
def four(tmp_path):
    return written(tmp_path, "four.py", FOUR)


def cut(out: Path, *, after: int, and_a_piece: float = 0.5) -> None:
    """Leave the first lines and a piece of the next one, as a killed run would."""
    lines = (out / "results.jsonl").read_text().splitlines(keepends=True)
    (out / "results.jsonl").write_text("".join(lines[:after]) + lines[after][: int(and_a_piece * len(lines[after]))])


@pytest.mark.parametrize("piece", [0.0, 0.01, 0.5, 0.999])
def test_resume_redoes_the_unfinished_claim_and_keeps_the_finished_ones(four, tmp_path, piece):
    whole, _ = finish(four, tmp_path / "out")
    cut(tmp_path / "out", after=2, and_a_piece=piece)
    resumed, kept = finish(four, tmp_path / "out", resume=True)
    assert kept == {"four.one": True, "four.two": True, "four.three": False, "four.four": False}
    assert without_times(resumed) == without_times(whole)
    assert [r["seconds"] for r in resumed[:2]] == [r["seconds"] for r in whole[:2]]
    assert {r["id"]: without_times(r) for r in read(tmp_path / "out" / "results.jsonl")} == {
        r["id"]: without_times(r) for r in whole
    }


def test_without_resume_nothing_is_kept(four, tmp_path):
    finish(four, tmp_path / "out")
    records, kept = finish(four, tmp_path / "out")
    assert not any(kept.values())
    assert [r["id"] for r in read(tmp_path / "out" / "results.jsonl")] == IDS == [r["id"] for r in records]


def test_resume_keeps_nothing_of_another_seed_or_budget(four, tmp_path):
    for plan in (Plan(TINY, seed=1), Plan(replace(TINY, name="standard"))):
        finish(four, tmp_path / "out")
        assert not any(finish(four, tmp_path / "out", plan=plan, resume=True)[1].values())


def test_resume_keeps_nothing_of_an_edited_file(four, tmp_path):
    finish(four, tmp_path / "out")
    four.write_text(four.read_text().replace("leq(x, 0.5)", "leq(x, 1.5)"))
    records, kept = finish(four, tmp_path / "out", resume=True)
    assert not any(kept.values())
    assert records[1]["verdict"] in HOLDS  # the edited claim, not the one first read
    assert not (tmp_path / "out" / "witness" / "four.two.json").exists()


def test_resume_without_an_earlier_run_is_a_run(four, tmp_path):
    assert not any(finish(four, tmp_path / "new", resume=True)[1].values())


SLOW = """
import os, time

def declare(number):
    @claim(id=f"slow.c{number}", source="a test", x=D.interval(0, 1), mutants={"half": dict(c=0.5)})
    def body(x, *, c=1.0):
        if number and os.environ.get("SLOW"):
            time.sleep(0.2)
        return leq(x, c)

for number in range(4):
    declare(number)
"""


def started(file: Path, out: Path, **options) -> subprocess.Popen:
    """`verify` in a process of its own, once its first claim is finished; the others are slow."""
    arguments = [PROGRAM, "verify", file, "--out", out, "--workers", "1"]
    process = subprocess.Popen(
        list(map(str, arguments)),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "SLOW": "1"},
        # a shell that runs the tests in the background has told its children to ignore Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "slow.c0" in process.stderr.readline()
    return process


def test_a_killed_run_leaves_whole_lines_and_can_be_resumed(tmp_path):
    file, out = written(tmp_path, "slow.py", SLOW), tmp_path / "out"
    process = started(file, out)
    process.kill()
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (out / "results.jsonl").read_text().endswith("\n")
    before = read(out / "results.jsonl", forgive_last=False)
    assert 1 <= len(before) < 4
    done = command("verify", file, "--out", out, "--workers", 1, "--resume", "--json")
    assert done.exit_code == 0
    assert "slow.c0" in done.stderr.splitlines()[0]
    assert "kept" in done.stderr.splitlines()[0]
    after = [json.loads(line) for line in done.stdout.splitlines()]
    assert after[0] == before[0]
    assert sorted(r["id"] for r in after) == [f"slow.c{i}" for i in range(4)]


def test_an_interrupted_run_writes_its_report_and_exits_130(tmp_path):
    file, out = written(tmp_path, "slow.py", SLOW), tmp_path / "out"
    process = started(file, out)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "of 4 claims; add --resume" in stderr
    done = read(out / "results.jsonl", forgive_last=False)
    assert 1 <= len(done) < 4
    assert "slow.c0" in (out / "index.html").read_text()


def record(id: str = "a.b", **changes):
    base = {"id": id, "verdict": "held", "expected": "held", "agrees": True, "mutants": {"m": True}, "best_ratio": 0.5}
    return {**base, **changes}


def test_lines_are_appended_whole(tmp_path):
    file = ResultsFile(tmp_path / "deep" / "results.jsonl")
    file.start([record("a.kept")])
    file.append(record("a.b", reason="line\u2028separator, \x85 and \n too"))
    file.append(record("a.c", statement="λ"))
    text = (tmp_path / "deep" / "results.jsonl").read_text(encoding="utf-8")
    assert text.count("\n") == 3
    assert [r["id"] for r in read(file.path)] == ["a.kept", "a.b", "a.c"]
    assert read(file.path)[1]["reason"] == "line\u2028separator, \x85 and \n too"
    file.start([])
    assert read(file.path) == []


@pytest.mark.parametrize(
    "text",
    [
        "hello",
        "hello\n",
        "[1, 2]\n",
        json.dumps({"id": "a.b"}) + "\n",
        json.dumps(record(mutants=3)) + "\n",
        json.dumps({k: v for k, v in record().items() if k != "expected"}) + "\n",
        '{"id": "a.b", "ver\n' + json.dumps(record()) + "\n",
    ],
)
def test_what_is_not_a_results_file_is_refused(tmp_path, text):
    (tmp_path / "results.jsonl").write_text(text)
    with pytest.raises(BadInput, match=r"line 1 of .*results\.jsonl"):
        read(tmp_path / "results.jsonl")


def test_only_the_beginning_of_a_record_is_forgiven_and_only_at_the_end(tmp_path):
    (tmp_path / "r.jsonl").write_text(json.dumps(record()) + '\n{"id": "a.c", "verd')
    assert [r["id"] for r in read(tmp_path / "r.jsonl")] == ["a.b"]
    with pytest.raises(BadInput, match="line 2"):
        read(tmp_path / "r.jsonl", forgive_last=False)


def test_differences():
    a = [record("p.same"), record("p.gone"), record("p.verdict"), record("p.mutant"), record("p.ratio"), record("p.expected")]
    b = [
        record("p.same"),
        record("p.verdict", verdict="candidate", agrees=False),
        record("p.mutant", mutants={"m": False, "new": True}),
        record("p.ratio", best_ratio=0.75),
        record("p.expected", expected="refuted"),
        record("p.new"),
    ]
    assert differences(a, a) == []
    assert [(d["id"], d["what"], d["before"], d["after"]) for d in differences(a, b)] == [
        ("p.gone", "claim", "held", None),
        ("p.verdict", "verdict", "held (expected held)", "candidate (expected held)"),
        ("p.mutant", "mutant 'm'", "killed", "survived"),
        ("p.mutant", "mutant 'new'", "absent", "killed"),
        ("p.ratio", "best_ratio", 0.5, 0.75),
        ("p.expected", "verdict", "held (expected held)", "held (expected refuted)"),
        ("p.new", "claim", None, "held"),
    ]


def stored(path: Path, *records) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def test_diff_on_the_command_line(tmp_path):
    a = stored(tmp_path / "a.jsonl", record())
    looser = stored(tmp_path / "looser.jsonl", record(best_ratio=0.25))
    other = stored(tmp_path / "other.jsonl", record(verdict="candidate"))
    survived = stored(tmp_path / "survived.jsonl", record(mutants={"m": False}))
    same = command("diff", a, a)
    assert same.exit_code == 0
    assert "nothing changed" in same.stdout
    assert command("diff", a, looser).exit_code == 0
    assert "best_ratio was 0.5, is 0.25" in command("diff", a, looser).stdout
    changed = command("diff", a, other, "--json")
    assert changed.exit_code == 1
    assert [json.loads(line)["what"] for line in changed.stdout.splitlines()] == ["verdict"]
    assert command("diff", a, survived).exit_code == 1
    assert command("diff", a, a, "--json").stdout == ""


def test_diff_refuses_what_it_cannot_read(tmp_path):
    good = stored(tmp_path / "good.jsonl", record())
    bad = tmp_path / "bad.jsonl"
    bad.write_bytes(b"\x00\xff\xfe not json\n")
    for path in (tmp_path / "none.jsonl", tmp_path, bad):
        assert str(path) in refusal("diff", good, path)
        assert str(path) in refusal("diff", path, good)
