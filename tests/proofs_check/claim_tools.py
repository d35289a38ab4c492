"""Making claims, running them, and reading what came out."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from proofs_check.budget import Budget, budget_named
from proofs_check.claim import Claim, claim
from proofs_check.cli import main
from proofs_check.run import Plan, examine
from proofs_check.verdict import Result as Outcome

#: the console command of the environment that runs the tests
PROGRAM = Path(sys.executable).with_name("proofs-check")

QUICK = budget_named("quick")
#: the degenerate members and random batches of the quick budget, without its searches
PLAIN = Budget("quick", combinations=QUICK.combinations, batches=QUICK.batches, batch=QUICK.batch)
#: enough for tests of the machinery, not of its power
TINY = Budget("quick", **{f.name: max(1, getattr(QUICK, f.name) // 10) for f in fields(Budget) if f.name != "name"})

#: a violation that stands, not yet or already confirmed in exact arithmetic
VIOLATED = ("candidate", "refuted")
#: no violation, without or with a certificate
HOLDS = ("held", "tight", "proved")

HEADER = "import torch\nfrom proofs_check import all_of, chain, claim, domains as D, eq, leq\n"


def made(body: Callable[..., Any], **declaration: Any) -> Claim:
    """The claim with this body."""
    declaration.setdefault("id", f"bench.{body.__name__.strip('<>')}")
    return claim(**{"source": "a test", **declaration})(body)


def attacked(subject: Claim, budget: Budget = PLAIN, seed: int = 0) -> Outcome:
    """What the machine finds out about one claim."""
    return examine(subject, Plan(budget, seed))


def written(folder: Path, name: str, text: str) -> Path:
    """A user's claim file: the usual imports and this text."""
    path = folder / name
    path.write_text(HEADER + textwrap.dedent(text), encoding="utf-8")
    return path


def command(*arguments: Any) -> Result:
    """The command line, in this process."""
    return CliRunner().invoke(main, [str(a) for a in arguments])


def refusal(*arguments: Any) -> str:
    """The one sentence on stderr with which the command line refuses bad input (exit code 2)."""
    done = command(*arguments)
    assert done.exit_code == 2, (done.exit_code, done.output, done.exception)
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("proofs-check: ")
    assert done.stdout == ""
    return lines[0]


def without_times(value: Any) -> Any:
    """A record without its seconds, and without the histogram of the climbed points (how a climb wanders is not a result)."""
    if isinstance(value, dict):
        dropped = {"seconds", "histogram"} if value.get("attack") == "ascent" else {"seconds"}
        return {key: without_times(v) for key, v in value.items() if key not in dropped}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def numbers(value: Any) -> Any:
    """Inputs of a record or of a witness file, "p/q" or numbers, as numbers: whole ones as int, the others as float."""
    if isinstance(value, dict):
        return {key: numbers(v) for key, v in value.items()}
    if isinstance(value, list):
        return [numbers(v) for v in value]
    if isinstance(value, str) and value.startswith("["):  # a ball, [middle +/- radius]
        value = value.strip("[]").partition("+/-")[0].strip() or 0
    exact = Fraction(value)
    return int(exact) if exact.denominator == 1 else float(exact)
