"""The command line. Every fault of the input is one sentence on stderr and exit code 2; nothing heavy is imported for help.

Exit codes: 0 all green, 1 a verdict disagrees or a mutant survived, 2 bad usage or input, 130 interrupted.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from proofs_check.errors import BadInput

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class _Program(click.Group):
    """Turns `BadInput` and wrong usage, from wherever they come, into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadInput as fault:
            self._end(str(fault))
        except click.UsageError as fault:
            command = fault.ctx.command_path if fault.ctx else "proofs-check"
            self._end(f"{fault.format_message()} `{command} --help` tells more.")
        except ValueError as fault:
            if type(fault).__name__ != "InputError":  # altheory's own sentence about data it was given
                raise
            self._end(str(fault))

    @staticmethod
    def _end(sentence: str) -> None:
        click.echo(f"proofs-check: {sentence}", err=True)
        sys.exit(2)


@click.group(cls=_Program, context_settings=CONTEXT)
@click.version_option(package_name="altheory", prog_name="proofs-check")
def main() -> None:
    """Verdicts on the theorems of deep active learning, and on yours."""


@main.command("list")
@click.option("--paper", metavar="P", help="Only this paper's claims.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_claims(paper: str | None, as_json: bool) -> None:
    """List the claims."""
    from proofs_check.registry import find, papers

    if paper is not None and paper not in papers():
        from proofs_check.errors import nearest

        raise BadInput(f"the paper {paper!r} is unknown; the papers are {', '.join(papers())}{nearest(paper, papers())}.")
    claims = [address.load() for address in find([paper] if paper else [])]
    for claim in claims:
        if as_json:
            row = {"id": claim.id, "paper": claim.paper, "title": claim.title, "expected": claim.expect,
                   "reading": claim.reading, "source": claim.source, "statement": claim.statement,
                   "mutants": list(claim.mutants), "uses": list(claim.uses), "amends": claim.amends,
                   "sharpens": claim.sharpens}  # fmt: skip
            click.echo(json.dumps(row, ensure_ascii=False))
    if not as_json:
        width = max((len(claim.id) for claim in claims), default=0)
        for claim in claims:
            click.echo(f"{claim.id:<{width}}  {claim.expect:<8}  {claim.title}")
        click.echo(f"{len(claims)} claims; `proofs-check show CLAIM` tells more of one.", err=True)


@main.command()
@click.argument("claim")
def show(claim: str) -> None:
    """Show one claim: statement, source, domains, mutants."""
    from proofs_check.display import claim_in_words
    from proofs_check.registry import the_claim

    click.echo(claim_in_words(the_claim(claim)))


@main.command()
@click.argument("targets", nargs=-1, metavar="[CLAIM | PAPER | FILE.py]...")
@click.option("--budget", default="quick", show_default=True, help="quick, standard or deep.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Same seed, same verdicts.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--data", default=None, help="digits, FILE.npz (arrays X and y) or openml:NAME, in place of every data set.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("report"), show_default=True,
              help="Folder for results.jsonl, witness/ and index.html.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Keep what an interrupted run finished.")
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Processes  [default: one a core].")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on stdout.")
def verify(
    targets: tuple[str, ...],
    budget: str,
    seed: int,
    device: str,
    data: str | None,
    out: Path,
    resume: bool,
    workers: int | None,
    as_json: bool,
) -> None:
    """Attack claims and print verdicts with their evidence."""
    from proofs_check.budget import budget_named
    from proofs_check.display import progress, summary

    chosen = budget_named(budget)
    from proofs_check.registry import find
    from proofs_check.run import Plan, default_workers, pick_device, reports, writable
    from proofs_check.run import verify as run
    from proofs_check.verdict import is_green

    addresses = find(list(targets))
    plan = Plan(chosen, seed, pick_device(device), _load(data))
    writable(out)
    records: list[dict[str, Any]] = []
    command = shlex.join(["proofs-check", "verify", *targets, "--budget", budget, "--seed", str(seed)]
                         + (["--device", device] if device != "auto" else []) + (["--data", data] if data else []))  # fmt: skip
    interrupted = False
    try:
        with progress(addresses) as told:

            def on_record(record: dict[str, Any], reused: bool) -> None:
                records.append(record)
                told(record, reused)
                if as_json:
                    click.echo(json.dumps(record, ensure_ascii=False))

            run(addresses, plan, out, resume=resume, workers=workers or default_workers(), on_record=on_record)
    except KeyboardInterrupt:
        interrupted = True
    order = {address.id: position for position, address in enumerate(addresses)}
    records.sort(key=lambda record: order[record["id"]])
    page = reports(records, out, command)
    click.echo(summary(records, len(addresses), page, interrupted), err=True)
    if interrupted:
        sys.exit(130)
    sys.exit(0 if all(is_green(record) for record in records) else 1)


def _load(data: str | None) -> Any:
    """The data set to put in place of every named one, checked before any work starts."""
    if data is None:
        return None
    import altheory as al

    loaded = al.data.load(data)
    loaded.unit()  # a zero row is a fault of the input, not of a claim
    return loaded


@main.command()
@click.argument("target", metavar="CLAIM | FILE.py")
@click.option("--seconds", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="When to stop.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Where the search starts.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu or cuda.")
@click.option("--data", default=None, help="As for verify.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("report"), show_default=True,
              help="Folder whose witness/ receives what is found.")  # fmt: skip
def falsify(target: str, seconds: float, seed: int, device: str, data: str | None, out: Path) -> None:
    """Attack one claim, printing the best ratio as it climbs; Ctrl-C stops and keeps the best witness."""
    from proofs_check.budget import BUDGETS
    from proofs_check.display import rising
    from proofs_check.errors import ClaimFault
    from proofs_check.falsify import falsify as attack
    from proofs_check.registry import the_claim
    from proofs_check.run import Plan, keep_witness, pick_device, writable

    claim = the_claim(target)
    plan = Plan(BUDGETS["quick"], seed, pick_device(device), _load(data))
    writable(out)
    click.echo(f"{claim.id}: {claim.title} (expected {claim.expect}); Ctrl-C stops", err=True)
    try:
        result = attack(claim, plan, seconds, rising)
    except ClaimFault as fault:
        raise BadInput(str(fault)) from None
    path = keep_witness(result, out)
    click.echo(f"{result.verdict}: {result.reason()}")
    if path:
        click.echo(f"witness: {path}")
    sys.exit(0 if result.agrees else 1)


@main.command()
@click.argument("witness", type=click.Path(path_type=Path))
@click.option(
    "--against-claim", is_flag=True, help="Also run the claim's present body at the witness, and say if the two differ."
)
@click.option(
    "--claims", type=click.Path(path_type=Path), default=None, help="The file that declares the claim, if it is your own."
)
def replay(witness: Path, against_claim: bool, claims: Path | None) -> None:
    """Re-check a witness from its file alone, in exact arithmetic, without torch."""
    from proofs_check import replay as machine

    content = machine.load(witness)
    done = machine.replay(content)
    compared = against_claim or claims is not None
    changed = machine.against_claim(content, claims) if compared else []
    for line in done.lines:
        click.echo(line)
    if compared and not changed:
        click.echo("the claim's present body says the same")
    wrong = done.disagreements + changed
    for line in wrong:
        click.echo(f"DISAGREES: {line}")
    if not wrong:
        click.echo(f"confirmed: {content['id']}, {content['shows']} at {content['link']}")
    sys.exit(1 if wrong else 0)


@main.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def diff(before: Path, after: Path, as_json: bool) -> None:
    """What changed between two runs (their results.jsonl); exit code 1 if a verdict or a mutant did."""
    from proofs_check.results import differences, read

    changes = differences(read(before), read(after))
    for change in changes:
        if as_json:
            click.echo(json.dumps(change, ensure_ascii=False))
        else:
            click.echo(f"{change['id']}: {change['what']} was {change['before']}, is {change['after']}")
    if not changes and not as_json:
        click.echo("nothing changed: the same claims, verdicts, mutants and best ratios")
    sys.exit(1 if any(change["what"] != "best_ratio" for change in changes) else 0)
