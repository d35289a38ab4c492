"""One run of the command line over the whole registry, shared by every test that looks at its records."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import torch
from claim_tools import PROGRAM
from filelock import FileLock

torch.set_num_threads(1)  # the test processes use the cores


@dataclass(frozen=True)
class FinishedRun:
    """`proofs-check verify --budget quick --json --workers 2`, finished."""

    out: Path
    code: int
    stdout: str
    stderr: str

    @cached_property
    def records(self) -> dict[str, dict]:
        """The lines of results.jsonl by id; thousands of tests look at them, none may change them."""
        lines = (self.out / "results.jsonl").read_text(encoding="utf-8").splitlines()
        return {record["id"]: record for record in map(json.loads, lines)}


@pytest.fixture(scope="session")
def registry_run(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Made once, also when pytest-xdist runs several processes."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out, told = base / "registry", base / "registry.json"
    with FileLock(base / "registry.lock"):
        if not told.exists():
            command = [PROGRAM, "verify", "--budget", "quick", "--json", "--workers", "2", "--out", out]
            done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=base, timeout=900)
            told.write_text(json.dumps([done.returncode, done.stdout, done.stderr]))
    return FinishedRun(out, *json.loads(told.read_text()))
