"""Prints instances per second and the ratio to the slowest of each group, once the benchmarks have run."""

from __future__ import annotations

from collections import defaultdict


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    groups = defaultdict(list)
    for bench in getattr(session, "benchmarks", []):
        if "instances" in bench.extra_info:
            groups[bench.group].append((bench.extra_info["instances"] / bench.stats.median, bench.name))
    for group, rows in groups.items():
        slowest = min(rate for rate, _ in rows)
        terminalreporter.write_line(f"\n{group} (instances per second, median; ratio to the slowest)")
        for rate, name in sorted(rows, reverse=True):
            terminalreporter.write_line(f"  {name:<24} {rate:>12,.0f}   {rate / slowest:>6.1f}")
