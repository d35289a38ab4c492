"""The driver: statuses, precision doubling, unsupported operations, decisions, and the program it leaves."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch

from proofs_check.exact import replay, tape
from proofs_check.exact.errors import ProgramError, Singular, Undecided, Unsupported
from proofs_check.exact.run import Confirmation, ExactTensor, confirm
from proofs_check.exact.scalars import Poison

ROOT = Path(__file__).resolve().parents[2]
THETA = [[[Fraction(1), Fraction(0)], [Fraction(0), Fraction(100)]]]
ONES = [[Fraction(1), Fraction(1)]]


def kantorovich(theta: Any, y: Any, *, c: float = 1.0) -> list[tuple[Any, Any, str]]:
    lam = torch.linalg.eigvalsh(theta)
    lo, hi = lam[..., 0], lam[..., -1]
    quad = (y * (theta @ y[..., None])[..., 0]).sum(-1)
    inv = (y * torch.linalg.solve(theta, y)).sum(-1)
    return [(quad * inv, c * (lo + hi) ** 2 / (4 * lo * hi) * (y * y).sum(-1) ** 2, "<=")]


def mutant() -> Confirmation:
    return confirm(lambda theta, y: kantorovich(theta, y, c=0.99), {"theta": THETA, "y": ONES})


def test_kantorovich_is_tight_at_its_equality_instance() -> None:
    result = confirm(kantorovich, {"theta": THETA, "y": ONES})
    assert result.statuses == ["equal"]
    assert result.pairs[0].lhs_exact == result.pairs[0].rhs_exact == "10201/100"


def test_one_percent_too_strong_is_violated_exactly() -> None:
    result = mutant()
    assert result.statuses == ["violated"]
    assert result.violated
    assert 0.0099 < result.pairs[0].margin <= 0.0101
    assert result.rounded == ["0.99"]
    assert result.unsupported is None


def test_irrational_spectrum_is_strict() -> None:
    theta = [[[Fraction(2), Fraction(1)], [Fraction(1), Fraction(4)]]]
    result = confirm(kantorovich, {"theta": theta, "y": [[Fraction(1), Fraction(0)]]})
    assert result.statuses == ["strict"]
    assert result.pairs[0].rhs_exact is None or result.pairs[0].margin > 0


def test_precision_doubles_until_the_sides_separate() -> None:
    """exp(10^-40) against 1 + 10^-40: they differ in the 80th digit."""
    x = [Fraction(1, 10**40)]
    result = confirm(lambda x: [(torch.exp(x), 1 + x, "<="), (1 + x, x.exp(), "<=")], {"x": x})
    assert result.statuses == ["violated", "strict"]
    assert result.bits == 512
    assert 0 < result.pairs[0].margin < 1e-79


def test_equal_but_irrational_stays_undecided() -> None:
    result = confirm(lambda x: [(x.exp().log(), x, "==")], {"x": [Fraction(1, 3)]}, max_bits=256)
    assert result.statuses == ["undecided"]
    assert result.bits == 256
    assert "overlap" in result.pairs[0].reason


def test_equality_relation() -> None:
    result = confirm(lambda x: [(x * 2, x + x, "=="), (x, x + 1, "=="), (x, 3, "<=")], {"x": [Fraction(1, 3)]})
    assert result.statuses == ["equal", "violated", "strict"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (lambda x: [(torch.linalg.qr(x[:, None]).R.sum(), 0, "<=")], "torch.linalg.qr"),
        (lambda x: [(torch.fft.fft(x).real, 0, "<=")], "torch.fft.fft"),
        (lambda x: [(x.item(), 0, "<=")], "Tensor.item"),
        (lambda x: [(float(x[0]), 0, "<=")], "Tensor.__float__"),
        (lambda x: [(x.numpy(), 0, "<=")], "Tensor.numpy"),
        (lambda x: [(x.frobnicate(), 0, "<=")], "Tensor.frobnicate"),
        (lambda x: [(torch.zeros(1).add_(x), 0, "<=")], "torch.Tensor.add_"),
        (lambda x: [(x.float(), 0, "<=")], "Tensor.float"),
        (lambda x: [(x * float("inf"), 0, "<=")], "constant inf"),
        (lambda x: [(torch.round(x, decimals=2), 0, "<=")], "torch.round"),
    ],
)
def test_unsupported_operations_are_named(body: Any, name: str) -> None:
    result = confirm(body, {"x": [Fraction(1, 2)]})
    assert result.unsupported == name
    assert name in result.reason
    assert result.pairs == []
    assert result.program is None


def test_a_body_that_needs_a_real_tensor_is_reported() -> None:
    result = confirm(lambda x: [(torch.vmap(torch.sin)(x), 0, "<=")], {"x": [Fraction(1, 2)]})
    assert result.unsupported is not None
    assert "body" in result.unsupported


def test_no_way_to_a_float() -> None:
    x = ExactTensor.from_fractions([Fraction(1, 3)])
    for escape in (lambda: float(x), lambda: x.__array__(), lambda: x.tolist(), lambda: complex(x), lambda: int(x),
                   lambda: torch.tensor(x), lambda: torch.as_tensor(x), lambda: math.sqrt(x[0])):  # fmt: skip
        with pytest.raises(Unsupported):
            escape()
    assert not hasattr(x, "numpy")


def test_singular_values_fail_only_where_they_are_used() -> None:
    x = ExactTensor.from_fractions([Fraction(0), Fraction(1)])
    poison = (1 / x).scalars[0]
    assert isinstance(poison, Poison)
    assert isinstance(poison.error, Singular)
    assert [str(v) for v in torch.where(x > 0, torch.log(x), 5.0).scalars] == ["5", "0"]
    result = confirm(lambda x: [(1 / x, 1, "<=")], {"x": [Fraction(0)]})
    assert result.statuses == ["undecided"]
    assert result.bits == 64
    assert "division by an exact zero" in result.pairs[0].reason


def test_undecided_branch_doubles_then_gives_up() -> None:
    def body(x: Any) -> Any:
        return [(x, 2, "<=")] if bool((x.sqrt() ** 2 > 2).all()) else [(x, 1, "<=")]

    result = confirm(body, {"x": [Fraction(2)]}, max_bits=128)
    assert result.pairs == []
    assert "not decided" in result.reason
    assert result.unsupported is None
    with pytest.raises(Undecided):
        bool((ExactTensor.from_fractions([Fraction(2)]).sqrt() ** 2 > 2).all())


def test_the_float_nearest_to_pi_means_pi() -> None:
    body = lambda x: [(torch.acos(-x), math.pi * x, "<="), (math.pi, torch.acos(-x) + 1e-30, "<=")]  # noqa: E731
    result = confirm(body, {"x": [Fraction(1)]}, max_bits=256)
    assert result.statuses == ["undecided", "strict"]


def test_integer_inputs_and_decisions() -> None:
    def body(k: Any, p: Any) -> list[tuple[Any, Any, str]]:
        best = p.argmax(-1)
        chosen = p.gather(-1, best[:, None])[:, 0]
        powers = p[..., 0] ** k
        return [
            (chosen, p.amax(-1), "=="),
            (powers, torch.tensor([0.25], dtype=torch.float64), "=="),
            (p[p > 0.4].sum(), 2, "<="),
        ]

    result = confirm(body, {"k": [2], "p": [[Fraction(1, 2), Fraction(2, 3), Fraction(1, 7)]]})
    assert result.statuses == ["equal", "equal", "strict"]
    assert replay.evaluate(result.program).agrees


def test_spectral_body_through_eigenvectors() -> None:
    def body(a: Any) -> list[tuple[Any, Any, str]]:
        lam, vec = torch.linalg.eigh(a)
        rebuilt = vec @ torch.diag_embed(lam) @ vec.mT
        return [((rebuilt - a).abs().sum((-1, -2)), torch.tensor(1e-30, dtype=torch.float64), "<=")]

    a = [
        [
            [Fraction(2), Fraction(1), Fraction(0)],
            [Fraction(1), Fraction(3), Fraction(1)],
            [Fraction(0), Fraction(1), Fraction(7)],
        ]
    ]
    assert confirm(body, {"a": a}).statuses == ["strict"]


# ---- programs --------------------------------------------------------------------------------------------


def test_program_replays_from_its_text() -> None:
    program = json.loads(json.dumps(mutant().program))
    again = replay.evaluate(program)
    assert again.statuses == ["violated"]
    assert again.agrees
    assert replay.inputs(program) == {"theta": ["1", "0", "0", "100"], "y": ["1", "1"]}


def test_dead_code_is_not_saved() -> None:
    def body(x: Any) -> list[tuple[Any, Any, str]]:
        torch.exp(x) + torch.sin(x)
        return [(x, 1, "<=")]

    program = confirm(body, {"x": [Fraction(1, 2)]}).program
    assert [node[0] for node in program["nodes"]] == ["input", "const"]


def test_replay_runs_where_torch_and_numpy_cannot_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "program.json"
    path.write_text(json.dumps(mutant().program))
    code = (
        "import sys\n"
        "for name in ('torch', 'numpy', 'scipy', 'mpmath'): sys.modules[name] = None\n"
        "import proofs_check.exact.replay as replay\n"
        f"sys.exit(replay.main([{str(path)!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "violated" in done.stdout


def tampered(change: Any, *, refresh: bool) -> dict[str, Any]:
    program = json.loads(json.dumps(mutant().program))
    change(program)
    if refresh:
        program["sha256"] = tape.digest(program)
    return program


def _set_input(program: dict[str, Any]) -> None:
    program["nodes"][0][2]["values"][3] = "1"


def _swap_sides(program: dict[str, Any]) -> None:
    left, right, relation = program["pairs"][0]
    program["pairs"][0] = [right, left, relation]


def test_a_changed_file_is_refused() -> None:
    with pytest.raises(ProgramError, match="digest"):
        replay.evaluate(tampered(_set_input, refresh=False))


def test_changed_inputs_change_the_result_even_with_a_fresh_digest() -> None:
    result = replay.evaluate(tampered(_set_input, refresh=True))
    assert result.statuses == ["violated"]
    assert result.pairs[0].margin == pytest.approx(0.01)
    assert result.pairs[0].lhs_exact == "4"
    changed = replay.evaluate(tampered(_swap_sides, refresh=True))
    assert changed.statuses == ["strict"]
    assert not changed.agrees


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda p: p.update(schema="other"), "schema"),
        (lambda p: p["nodes"][2].__setitem__(0, "guess"), "unknown operation"),
        (lambda p: p["nodes"][2].__setitem__(1, [99]), "precede"),
        (lambda p: p["nodes"][0][2]["values"].__setitem__(0, "one"), "rational"),
        (lambda p: p["nodes"][0][2]["values"].__setitem__(0, "1/0"), "rational"),
        (lambda p: p["nodes"][2].__setitem__(2, {"wrong": 1}), "malformed"),
        (lambda p: p["pairs"][0].__setitem__(0, 1000), "pair"),
        (lambda p: p["pairs"][0].__setitem__(2, "<"), "relation"),
        (lambda p: p.pop("statuses"), "malformed"),
    ],
)
def test_malformed_programs_are_clear_errors(change: Any, match: str) -> None:
    with pytest.raises(ProgramError, match=match):
        replay.evaluate(tampered(change, refresh=True))


def test_a_recorded_decision_is_checked_again() -> None:
    def body(p: Any) -> list[tuple[Any, Any, str]]:
        return [(p.gather(-1, p.argmax(-1, keepdim=True))[:, 0], 1, "<=")]

    program = confirm(body, {"p": [[Fraction(1, 2), Fraction(2, 3)]]}).program
    assert replay.evaluate(program).agrees
    program["nodes"][0][2]["values"] = ["2/3", "1/2"]
    program["sha256"] = tape.digest(program)
    with pytest.raises(ProgramError, match="decision"):
        replay.evaluate(program)
