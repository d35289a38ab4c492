"""What a person sees in the terminal: a claim in words, live progress, the closing summary."""

from __future__ import annotations

import re
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proofs_check.claim import Claim
from proofs_check.registry import Address

if TYPE_CHECKING:
    from proofs_check.attacks import Found

Told = Callable[[dict[str, Any], bool], None]


def claim_in_words(claim: Claim) -> str:
    """The page of `proofs-check show`."""
    from proofs_check.evaluate import predicate_name

    lines = [f"{claim.id}: {claim.title}", f"source: {claim.source}", f"expected: {claim.expect}"]
    if claim.reading:
        lines.append(f"reading: {claim.reading}")
    lines += ["", *_wrapped(claim.statement)]
    for heading, text in claim.sections:
        lines += ["", f"{heading}:", *_wrapped(text, "  ")]
    for setting in claim.settings:
        lines += ["", f"On {setting.name}:"]
        lines += [f"  {name}: {domain.describe()}" for name, domain in setting.arguments.items()]
    sizes = ", ".join(f"{name} in {low}..{high}" for name, (low, high) in claim.dims.items())
    extra = [
        ("sizes", sizes),
        ("assumes", "; ".join(predicate_name(p) for p in claim.assumes)),
        ("constants", ", ".join(f"{name} = {value}" for name, value in claim.constants.items())),
        ("mutants", "; ".join(claim.mutants)),
        ("uses", ", ".join(claim.uses)),
        ("amends", claim.amends or ""),
        ("sharpens", claim.sharpens or ""),
    ]
    lines += [""] + [f"{name}: {text}" for name, text in extra if text]
    if glossary := glossary_of(claim.paper):
        text = claim.statement + " ".join(body for _, body in claim.sections)
        used = [row for row in glossary if row[0].strip("$") in text]
        if used:
            lines += ["", "symbols:"] + [f"  {s.strip('$')}  {code}  {shape}  {meaning}" for s, code, shape, meaning in used]
    return "\n".join(lines)


def glossary_of(paper: str) -> list[tuple[str, str, str, str]]:
    """A paper's symbols: (symbol, code name, shape, meaning); empty for a user's own file."""
    import importlib

    from proofs_check.registry import papers

    if paper not in papers():
        return []
    return list(getattr(importlib.import_module(f"proofs_check.papers.{paper}"), "GLOSSARY", []))


def _wrapped(text: str, indent: str = "") -> list[str]:
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        found += textwrap.wrap(paragraph, 100, initial_indent=indent, subsequent_indent=indent) or [""]
    return found


def rising(found: Found, seconds: float) -> None:
    """One line of `proofs-check falsify`: the new best ratio and where it was found."""
    sizes = ", ".join(f"{name} = {value}" for name, value in found.sizes.items())
    where = f"{found.attack} on {found.setting}" + (f", {sizes}" if sizes else "")
    print(f"{seconds:8.1f} s  best ratio {found.ratio:.9g}  {where}  ({found.link})", flush=True)


def _mark(record: dict[str, Any]) -> str:
    from proofs_check.verdict import is_green

    return "ok" if is_green(record) else "DISAGREES" if not record["agrees"] else "MUTANT SURVIVED"


@contextmanager
def progress(addresses: list[Address]) -> Iterator[Told]:
    """A live table on a terminal, plain lines otherwise; both on stderr."""
    if sys.stderr.isatty():
        with _live(addresses) as told:
            yield told
        return
    count, width, done = len(addresses), max((len(a.id) for a in addresses), default=0), 0

    def plain(record: dict[str, Any], reused: bool) -> None:
        nonlocal done
        done += 1
        took = "kept" if reused else f"{record['seconds']:.1f} s"
        print(
            f"[{done:>{len(str(count))}}/{count}] {record['id']:<{width}}  {record['verdict']:<10} "
            f"(expected {record['expected']}) {_mark(record)}, {took}",
            file=sys.stderr,
            flush=True,
        )

    yield plain


@contextmanager
def _live(addresses: list[Address]) -> Iterator[Told]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Table

    console = Console(stderr=True)
    columns = (TextColumn("verifying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    table = Table(box=None, pad_edge=False)
    for heading, justify in (("claim", "left"), ("observed", "left"), ("expected", "left"), ("best ratio", "right"),
                             ("mutants", "right"), ("", "left")):  # fmt: skip
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("verifying", total=len(addresses))

        def told(record: dict[str, Any], reused: bool) -> None:
            mark = _mark(record)
            ratio = "" if record["best_ratio"] is None else f"{record['best_ratio']:.6g}"
            killed = f"{sum(record['mutants'].values())}/{len(record['mutants'])}"
            style = "" if mark == "ok" else "bold red"
            table.add_row(record["id"], record["verdict"], record["expected"], ratio, killed, mark, style=style)
            bar.console.print(f"[{style or 'default'}]{record['id']}  {record['verdict']}  {mark}[/]", highlight=False)
            bar.advance(task)

        yield told
    console.print(table)


def summary(records: list[dict[str, Any]], wanted: int, page: Path | None, interrupted: bool) -> str:
    """The closing lines: counts, disagreements in words, where the report is."""
    from proofs_check.verdict import is_green

    counts = ", ".join(f"{count} {verdict}" for verdict, count in Counter(r["verdict"] for r in records).most_common())
    planted = [killed for r in records for killed in r["mutants"].values()]
    lines = []
    for r in records:
        if not r["agrees"]:
            lines.append(f"DISAGREES  {r['id']}: observed {r['verdict']}, expected {r['expected']}. {r['reason']}")
        survivors = [name for name, killed in r["mutants"].items() if not killed]
        if survivors and not r["error"]:
            lines.append(f"MUTANT SURVIVED  {r['id']}: {'; '.join(survivors)}")
    if any(r["verdict"] == "candidate" for r in records):
        lines.append(
            "A candidate is a float64 violation beyond rounding that exact arithmetic did not confirm; the report says why."
        )
    green = sum(is_green(r) for r in records)
    lines.append(f"{len(records)} claims: {counts or 'none'}; {green} green; mutants killed {sum(planted)} of {len(planted)}.")
    if interrupted:
        lines.append(f"Interrupted after {len(records)} of {wanted} claims; add --resume to finish the rest.")
    if page:
        lines.append(f"report: {page}")
    return "\n".join(lines)
