"""What exact arithmetic adds: refuted, tight, candidate with a reason; shrinking; falsify and replay."""

from __future__ import annotations

import json
import signal
import subprocess
from fractions import Fraction

import numpy as np
import pytest
import torch
from claim_tools import PROGRAM, command, made, refusal, written

from proofs_check import check, leq
from proofs_check import domains as D
from proofs_check.attacks import Examiner, Place, ascent
from proofs_check.budget import budget_named
from proofs_check.confirm import exact_constant
from proofs_check.replay import replay as replayed


def test_a_violation_is_refuted_with_small_integers_and_both_sides():
    def squares(x, y, *, c=0.9):
        """2xy <= 0.9 (x^2 + y^2): false wherever x = y."""
        return leq(2 * (x * y).sum(-1), c * ((x * x).sum(-1) + (y * y).sum(-1)))

    result = check(made(squares, x=D.real("n"), y=D.real("n"), expect="refuted"), device="cpu")
    assert result.verdict == "refuted"
    assert result.agrees
    confirmed = result.conclusion.refuted
    x, y = (confirmed.exact.arguments[name] for name in ("x", "y"))
    assert len(x) == len(y) == 1  # the smallest size
    x, y = Fraction(x[0]), Fraction(y[0])
    assert x.denominator == y.denominator == 1
    assert abs(x) < 1000
    assert 2 * x * y > Fraction(9, 10) * (x * x + y * y)  # judged here, by the standard library


def test_a_decimal_constant_is_the_decimal_it_was_written_as():
    assert exact_constant(0.5) == 0.5
    assert exact_constant(0.99).fractions() == [Fraction(99, 100)]


def test_what_exact_arithmetic_cannot_run_is_a_candidate_with_the_operation_named():
    def fourier(x):
        """Half of Parseval's identity: false."""
        return leq((torch.fft.fft(x).abs() ** 2).sum(-1), 0.5 * x.shape[-1] * (x * x).sum(-1))

    result = check(made(fourier, x=D.real("n"), expect="refuted"), device="cpu")
    assert result.verdict == "candidate"
    assert "fft" in result.reason()
    assert not result.agrees  # only a confirmed violation is refuted


def test_numpy_inside_a_body_is_a_candidate_too():
    def outside(x):
        """False, and computed where exact numbers cannot follow."""
        return leq(torch.as_tensor(np.abs(np.asarray(x)).sum(-1)), 0.5 * x.abs().amax(-1))

    result = check(made(outside, x=D.real("n"), expect="refuted"), device="cpu")
    assert result.verdict == "candidate"


def test_equality_is_confirmed_and_its_instance_is_not_trivial():
    def root(x):
        """(sum x)^2 <= n sum x^2."""
        return leq(x.sum(-1) ** 2, x.shape[-1] * (x * x).sum(-1))

    result = check(made(root, x=D.real("n")), device="cpu")
    assert result.verdict == "tight"
    assert any(Fraction(v) != 0 for v in result.conclusion.attained[0].exact.arguments["x"])


def test_a_bound_that_is_never_attained_is_held_not_tight():
    def strict(x):
        """x^2 <= x^2 + 1."""
        return leq(x**2, x**2 + 1)

    assert check(made(strict, x=D.interval(-3, 3)), device="cpu").verdict == "held"


def test_a_claim_without_a_gradient_is_searched_by_differential_evolution():
    """A staircase has gradient zero everywhere; its top step is a share of 4e-4 of the domain."""

    def stairs(x, y):
        """The staircase does not reach its top step."""
        far = torch.maximum((x - 0.617).abs(), (y - 0.25).abs())
        return leq(torch.floor(100 * (1 - far)) / 100, 0.985)

    subject = made(stairs, x=D.interval(0, 1), y=D.interval(0, 1))
    found = 0
    for seed in range(5):
        examiner = Examiner(subject, subject.settings[0], "ascent", Place(seed))
        for batch in ascent.batches(subject, subject.settings[0], Place(seed), budget_named("quick")):
            examiner.look(batch)
        found += examiner.violated
    assert found == 5


def test_a_false_claim_about_unit_vectors_gets_a_rational_witness_on_the_sphere():
    def distinct(u):
        """No two unit vectors have an inner product of -1/2 or less."""
        return leq(torch.full_like(u[..., 0, 0], -0.5), (u @ u.mT).amin((-2, -1)))

    result = check(made(distinct, u=D.unit_vectors("n", "d"), dims={"n": (1, 3), "d": (2, 3)}, expect="refuted"), device="cpu")
    assert result.verdict == "refuted"
    for row in result.conclusion.refuted.exact.arguments["u"]:
        assert sum(Fraction(v) ** 2 for v in row) == 1


@pytest.fixture
def witness(tmp_path):
    file = written(
        tmp_path,
        "own.py",
        """
        @claim(source="own", x=D.real("n"), expect="refuted")
        def halves(x, *, c=0.5):
            "the largest entry is at most half of the sum of absolute values"
            return leq(x.abs().amax(-1), c * x.abs().sum(-1))
        """,
    )
    done = command("verify", file, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.output
    return file, tmp_path / "out" / "witness" / "own.halves.json"


def test_replay_confirms_and_against_claim_notices_an_edit(witness):
    file, path = witness
    assert command("replay", path).exit_code == 0
    same = command("replay", path, "--claims", file)
    assert same.exit_code == 0
    assert "says the same" in same.stdout
    file.write_text(file.read_text().replace("c=0.5", "c=1.5"))
    differs = command("replay", path, "--claims", file)
    assert differs.exit_code == 1
    assert "was violated, and is" in differs.stdout


@pytest.mark.parametrize("part", ["inputs", "coordinates", "links", "program", "link"])
def test_a_witness_that_was_tampered_with_is_noticed(witness, part):
    content = json.loads(witness[1].read_text())
    if part == "inputs":
        content["inputs"]["x"] = ["7/3"] * len(content["inputs"]["x"])
    elif part == "coordinates":
        content["coordinates"]["leaf0"] = [["7/3"] * len(content["coordinates"]["leaf0"][0])]
    elif part == "links":
        content["links"][0]["status"] = "strict"
    elif part == "link":
        content["link"] = "another one"
    else:
        content["program"]["bits"] = 63
        witness[1].write_text(json.dumps(content))
        assert "digest" in refusal("replay", witness[1])
        return
    assert replayed(content).disagreements
    witness[1].write_text(json.dumps(content))
    assert command("replay", witness[1]).exit_code == 1


def test_replay_refuses_what_is_no_confirmed_witness(tmp_path, witness):
    assert "nowhere.json" in refusal("replay", tmp_path / "nowhere.json")
    (tmp_path / "text.json").write_text("not json")
    assert "text.json" in refusal("replay", tmp_path / "text.json")
    (tmp_path / "list.json").write_text("[1]")
    assert "list.json" in refusal("replay", tmp_path / "list.json")
    content = json.loads(witness[1].read_text())
    (tmp_path / "open.json").write_text(json.dumps({**content, "confirmed": False, "program": None, "why": "a reason"}))
    assert "a reason" in refusal("replay", tmp_path / "open.json")
    assert "own.halves" in refusal("replay", witness[1], "--against-claim")  # no paper's claim has this id


def test_falsify_shows_the_ratio_climbing_and_keeps_the_witness(tmp_path):
    done = command("falsify", "dynamical.theorem2.termwise", "--seconds", "1", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    ratios = [float(line.split("best ratio ")[1].split()[0]) for line in done.stdout.splitlines() if "best ratio" in line]
    assert ratios == sorted(ratios)
    assert ratios[-1] > 1
    assert command("replay", tmp_path / "witness" / "dynamical.theorem2.termwise.json").exit_code == 0


def test_ctrl_c_ends_falsify_with_its_best_instance_saved(tmp_path):
    process = subprocess.Popen(
        [str(PROGRAM), "falsify", "dynamical.theorem1.flow", "--seconds", "300", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert "best ratio" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=120)
    assert "Traceback" not in stderr
    assert process.returncode == 0, stderr
    assert "witness:" in stdout
    assert len(list((tmp_path / "witness").iterdir())) == 1


@pytest.mark.parametrize("arguments", [["falsify", "dynamical"], ["falsify", "no.such"], ["falsify", "x.py"]])
def test_falsify_wants_one_claim(arguments):
    assert arguments[1] in refusal(*arguments)
