"""Writes the table of a `make bench` run into RESULTS.md, one section a machine, the newest run of each."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections import defaultdict
from pathlib import Path

import numpy
import pytest
import scipy
import torch
from side_by_side import met, threads

RESULTS = Path(__file__).with_name("RESULTS.md")


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def on_threads(request):
    """Run the benchmark on one thread, then on two."""
    with threads(request.param):
        yield request.param


@pytest.fixture
def one_thread():
    """Run the benchmark on one thread."""
    with threads(1):
        yield


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    rows = [bench for bench in getattr(session, "benchmarks", []) if "what" in bench.extra_info]
    skipped = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]
    if rows:
        section = _write(f"{_machine()}, {os.cpu_count()} cores", _groups(rows, skipped))
        terminalreporter.write_line(section)
        terminalreporter.write_line(f"\nwritten to benchmarks/{RESULTS.name}")


def _machine() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*:\s*(.+)", info.read_text())
        model = found[1].strip() if found else ""
    return model or platform.machine()


def _groups(rows, skipped) -> dict[str, str]:
    """The table of each group of benchmarks, by its heading."""
    versions = (
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {numpy.__version__}, scipy {scipy.__version__}"
    )
    groups = defaultdict(list)
    for bench in rows:
        groups[bench.group or "Others"].append(bench)
    tables = {}
    for group, members in groups.items():
        out = [
            f"{datetime.date.today()}, `make bench`, {versions}.",
            "",
            "| what | goal | reached | rounds | |",
            "|---|---|---|---|---|",
        ]
        for bench in members:
            info = bench.extra_info
            goal = info["goal"].replace(">=", "at least").replace("<=", "at most")
            reached = f"{info['value']:,.3g} {info['unit']}"
            out.append(f"| {info['what']} | {goal} | {reached} | {bench.stats.rounds} | {met(info['value'], info['goal'])} |")
        tables[group] = "\n".join(out)
    if skipped:
        tables["Not run"] = "\n".join(f"- {reason}" for reason in sorted(set(skipped)))
    return tables


def _write(machine: str, tables: dict[str, str]) -> str:
    """Put the tables into this machine's section; what was not run today stays as it was."""
    head, *sections = re.split(r"(?m)^## ", RESULTS.read_text())
    by_machine = {one.partition("\n")[0]: one.partition("\n")[2] for one in sections}
    old = re.split(r"(?m)^### ", by_machine.pop(machine, ""))[1:]
    kept = {one.partition("\n")[0]: one.partition("\n")[2].strip() for one in old}
    section = "\n\n".join(f"### {group}\n\n{text}" for group, text in {**kept, **tables}.items())
    parts = [head.strip(), f"## {machine}\n\n{section}", *(f"## {name}\n{text.rstrip()}" for name, text in by_machine.items())]
    RESULTS.write_text("\n\n".join(parts) + "\n")
    return section
