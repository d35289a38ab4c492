"""Everything a user can get wrong: one sentence on stderr that says what was given, and exit code 2."""

from __future__ import annotations

import numpy as np
import pytest
from claim_tools import command, refusal, written

GOOD = '@claim(source="a test", x=D.interval(0, 1){extra})\ndef {name}(x):\n    return leq(x, 1)\n'


def one(name: str = "one", extra: str = "") -> str:
    return GOOD.format(name=name, extra=f", {extra}" if extra else "")


@pytest.fixture
def good(tmp_path):
    return written(tmp_path, "good.py", one())


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["verify", "dynamical.theorem9"], "'dynamical.theorem9'"),
        (["verify", "dynamica"], "'dynamica'"),
        (["verify", "nowhere.py"], "'nowhere.py'"),
        (["verify", "."], "'.'"),
        (["show", "theorem1"], "'theorem1'"),
        (["show", "dynamical"], "'dynamical'"),
        (["list", "--paper", "crcc"], "'crcc'"),
        (["verify", "--budget", "huge"], "'huge'"),
        (["verify", "--device", "tpu"], "'tpu'"),
        (["verify", "--data", "nowhere.npz"], "'nowhere.npz'"),
        (["verify", "--data", "mnist"], "'mnist'"),
        (["verify", "--data", "openml:"], "'openml:'"),
        (["verify", "--seed", "-1"], "-1"),
        (["verify", "--seed", "two"], "'two'"),
        (["verify", "--workers", "0"], "0"),
        (["verify", "--workers", "1.5"], "'1.5'"),
        (["verify", "--bugdet", "quick"], "--bugdet"),
        (["prove"], "'prove'"),
        (["show"], "CLAIM"),
    ],
    ids=" ".join,
)
def test_a_wrong_argument_is_named(arguments, given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert given in refusal(*arguments)
    assert not list(tmp_path.iterdir())  # nothing was written for it


def test_a_near_miss_is_suggested():
    assert "did you mean dynamical.theorem1.sharp" in refusal("verify", "dynamical.theorem1.shrap")
    assert "did you mean quick" in refusal("verify", "--budget", "qick")


def test_a_gpu_that_is_not_there(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert "cuda" in refusal("verify", "--device", "cuda")


def archive(path, **arrays):
    np.savez(path, **arrays)


X, Y = np.eye(4), np.array([0, 1, 0, 1])

DATA = {
    "no X": (lambda p: archive(p, y=Y), "'X'"),
    "no y": (lambda p: archive(p, X=X), "'y'"),
    "NaN": (lambda p: archive(p, X=np.where(X > 0, np.nan, X), y=Y), "NaN"),
    "infinity": (lambda p: archive(p, X=np.where(X > 0, np.inf, X), y=Y), "infinity"),
    "object array": (lambda p: archive(p, X=np.array([[1, "a"], [None, 2]], dtype=object), y=Y[:2]), "'X'"),
    "object labels": (lambda p: archive(p, X=X, y=np.array([0, "a", None, 1], dtype=object)), "'y'"),
    "too few labels": (lambda p: archive(p, X=X, y=Y[:3]), "3 labels"),
    "a matrix of labels": (lambda p: archive(p, X=X, y=X), "(4, 4)"),
    "real labels": (lambda p: archive(p, X=X, y=Y + 0.5), "float64"),
    "strings for features": (lambda p: archive(p, X=X.astype(str), y=Y), "<U"),
    "a zero row": (lambda p: archive(p, X=X * (Y[:, None] + 0.0), y=Y), "row 0"),
    "one row": (lambda p: archive(p, X=X[:1], y=Y[:1]), "(1, 4)"),
    "text": (lambda p: p.write_text("X, y\n1, 2\n"), "not an npz archive"),
    "cut off": (lambda p: (archive(p, X=X, y=Y), p.write_bytes(p.read_bytes()[:200])), "data.npz"),
    "a folder": (lambda p: p.mkdir(), "data.npz"),
}


@pytest.mark.parametrize("fault", DATA)
def test_a_data_file_that_cannot_be_used(fault, good, tmp_path):
    make, says = DATA[fault]
    path = tmp_path / "data.npz"
    make(path)
    said = refusal("verify", good, "--data", path, "--out", tmp_path / "out")
    assert str(path) in said
    assert says in said


class Trap:
    """Unpickling this would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_object_arrays_are_never_unpickled(good, tmp_path):
    array = np.empty(2, dtype=object)
    array[:] = [Trap(tmp_path / "sprung"), Trap(tmp_path / "sprung")]
    archive(tmp_path / "data.npz", X=array, y=Y[:2])
    refusal("verify", good, "--data", tmp_path / "data.npz", "--out", tmp_path / "out")
    assert not (tmp_path / "sprung").exists()


FILES = {
    "SyntaxError": ("def f(:\n", "line 3"),
    "ImportError": ("import not_a_module\n", "not_a_module"),
    "exception": ('x = 1\nraise RuntimeError("a tree\\nfell")\n', "(line 4): RuntimeError: a tree"),
    "exit": ("raise SystemExit(0)\n", "SystemExit"),
    "no claim": ("def f(x):\n    return leq(x, 1)\n", "declares no claim"),
    "one id twice": (one() + one(), "'mine.one'"),
    "an id of a paper": (one(extra='id="dynamical.theorem1"'), "'dynamical.theorem1'"),
    "an undeclared dimension": (one(extra='dims={"n": (1, 2)}'), "'n'"),
    "a missing domain": ('@claim(source="a test")\ndef f(x):\n    return leq(x, 1)\n', "'x'"),
    "a wrong domain": ('@claim(source="a test", x=D.interval(1, 0))\ndef f(x):\n    return leq(x, 1)\n', "lo=1 above hi=0"),
    "an unknown domain": ('@claim(source="a test", x=D.sphere("n"))\ndef f(x):\n    return leq(x, 1)\n', "sphere"),
    "no source": ("@claim(x=D.interval(0, 1))\ndef f(x):\n    return leq(x, 1)\n", "source"),
    "an unknown name": ("from proofs_check import less\n", "less"),
    "an unknown data set": (one() + '@claim(source="a test", x=D.dataset("", n="n"))\ndef f(x):\n    return leq(x, 1)\n', "''"),
}


@pytest.mark.parametrize("fault", FILES)
def test_a_claim_file_that_cannot_be_used(fault, tmp_path, monkeypatch):
    text, says = FILES[fault]
    path = written(tmp_path, "mine.py", text)
    before = set(tmp_path.iterdir())
    for given in (path, "mine.py"):  # the line is named for an absolute and for a relative path
        monkeypatch.chdir(tmp_path)
        said = refusal("verify", given, "--out", tmp_path / "out")
        assert "mine.py" in said
        assert says in said
    assert {p for p in tmp_path.iterdir() if p.name != "__pycache__"} == before


def test_a_claim_file_that_is_not_python(tmp_path):
    path = tmp_path / "mine.py"
    for content in (b"\x00\x01\x02", b"\xff\xfe\xfa = 1", b""):
        path.write_bytes(content)
        assert "mine.py" in refusal("verify", path, "--out", tmp_path / "out")
    path.unlink()
    path.mkdir()
    assert str(path) in refusal("verify", path, "--out", tmp_path / "out")


def test_two_files_with_one_id(tmp_path):
    paths = [written(tmp_path, name, one(extra='id="both.one"')) for name in ("a.py", "b.py")]
    assert "'both.one'" in refusal("verify", *paths, "--out", tmp_path / "out")


def test_a_data_set_that_a_claim_names_and_is_not_there(tmp_path):
    text = '@claim(source="a test", x=D.dataset("nowhere.npz", n="n"))\ndef f(x):\n    return leq(0, x[:, 0, 0].abs())\n'
    assert "'nowhere.npz'" in refusal_without_progress(written(tmp_path, "mine.py", text), tmp_path)


def refusal_without_progress(path, tmp_path):
    done = command("verify", path, "--out", tmp_path / "out", "--workers", 1)
    assert done.exit_code == 2
    assert "Traceback" not in done.output
    return done.stderr.strip()


@pytest.mark.parametrize("place", ["a file", "below a file", "results is a folder", "witness is a file"])
def test_an_output_folder_that_cannot_be_written(place, good, tmp_path):
    (tmp_path / "file").write_text("in the way")
    out = tmp_path / {"a file": "file", "below a file": "file/out"}.get(place, "out")
    if place == "results is a folder":
        (out / "results.jsonl").mkdir(parents=True)
    if place == "witness is a file":
        out.mkdir()
        (out / "witness").write_text("in the way")
    assert str(out) in refusal("verify", good, "--out", out, "--workers", 1)
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_results_file_of_something_else_is_not_overwritten_by_resume(good, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.jsonl").write_text("my thesis\n")
    assert "results.jsonl" in refusal("verify", good, "--out", tmp_path / "out", "--resume", "--workers", 1)
    assert (tmp_path / "out" / "results.jsonl").read_text() == "my thesis\n"
