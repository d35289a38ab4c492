"""Running claims: one after another or on several processes, each result kept the moment it exists.

A claim's verdict depends on the claim, the seed, the budget, the device and the data, never on the order of the work or on
the number of workers.
"""

from __future__ import annotations

import json
import os
import platform
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from altheory._inputs import InputError
from proofs_check.attacks import Place, attack_setting, draw_random
from proofs_check.budget import Budget, budget_named
from proofs_check.claim import Claim
from proofs_check.conclude import conclude
from proofs_check.errors import BadInput, ClaimFault
from proofs_check.evaluate import check_batched
from proofs_check.record import best_file, to_record, witness_file
from proofs_check.registry import Address
from proofs_check.results import ResultsFile, read
from proofs_check.statistics import holm
from proofs_check.trials import ALPHA, is_statistical, judge
from proofs_check.verdict import SATISFIES, MutantResult, Result

if TYPE_CHECKING:
    from altheory.data import Dataset


@dataclass(frozen=True)
class Plan:
    """What a run does, apart from which claims: everything that a verdict may depend on."""

    budget: Budget
    seed: int = 0
    device: str = "cpu"
    data: Dataset | None = None

    def place(self) -> Place:
        """Seed, device and data, as the attacks take them."""
        return Place(self.seed, torch.device(self.device), self.data)

    def environment(self) -> dict[str, Any]:
        """What the run ran on and with (no names and no paths of the machine)."""
        import numpy

        import altheory

        device = torch.cuda.get_device_name() if self.device == "cuda" else f"{platform.machine()} CPU"
        return {
            "altheory": altheory.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
            "device": device,
            "cores": os.cpu_count(),
            "data": self.data.name if self.data else "digits",
        }


def pick_device(name: str) -> str:
    """ "cpu" or "cuda"; "auto" takes the GPU when there is one.

    Raises:
        BadInput: the name is unknown, or a GPU is asked for and there is none.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise BadInput(f"the device {name!r} is unknown; give auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise BadInput("the device cuda was asked for, but torch sees no GPU here; give --device cpu or auto.")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def examine(claim: Claim, plan: Plan) -> Result:
    """Attack one claim and its mutants; a fault in its body is its own verdict and harms nothing else."""
    result, started, place = Result(claim), time.perf_counter(), plan.place()
    try:
        first = draw_random(claim, claim.settings[0], place, place.generator(claim.id, "batched"), 64)
        if is_statistical(claim, first.rows(slice(2))):
            return _examine_trials(claim, plan, result)
        check_batched(claim, first)
        for setting in claim.settings:
            result.evidence += attack_setting(claim, setting, place, plan.budget)
        result.conclusion = conclude(claim, result.evidence, place)
        for name in claim.mutants:
            result.mutants[name] = _try_mutant(claim, name, place, plan.budget)
    except Exception as fault:
        result.error = _fault(claim, fault)
    result.seconds = time.perf_counter() - started
    return result


def _examine_trials(claim: Claim, plan: Plan, result: Result) -> Result:
    """Judge a claim about a probability, a rate or a measurement, and its mutants, each with trials of its own."""
    started, place = time.perf_counter(), plan.place()
    result.judged, evidence = judge(claim, place, plan.budget)
    result.evidence = [evidence]
    for name in claim.mutants:
        told = result.mutants[name] = MutantResult(_change(claim.mutants[name]))
        try:
            judged, seen = judge(claim.mutant(name), place, plan.budget, variant=name)
            told.attacks["trials"] = (judged.verdict in ("candidate", "not-reproduced"), seen.instances)
        except Exception as fault:
            told.error = _fault(claim, fault)
    result.seconds = time.perf_counter() - started
    return result


def check(claim: Claim, *, budget: str = "quick", seed: int = 0, device: str = "auto", data: str | None = None) -> Result:
    """Put one claim through the machine and look at the result: what a notebook or a script calls.

    Args:
        claim: as made by the `claim` decorator.
        budget: "quick", "standard" or "deep".
        seed: same seed, same result.
        device: "auto", "cpu" or "cuda".
        data: what takes the place of every data set the claim names: "digits", "FILE.npz" or "openml:NAME".

    Raises:
        BadInput: the budget or the device is unknown.
    """
    import altheory as al

    loaded = al.data.load(data) if data is not None else None
    return examine(claim, Plan(budget_named(budget), seed, pick_device(device), loaded))


def _try_mutant(claim: Claim, name: str, place: Place, budget: Budget) -> MutantResult:
    """Attack a mutant until it dies, setting after setting; the deep budget tries every attack on the setting where it dies."""
    mutant = claim.mutant(name)
    told = MutantResult(_change(claim.mutants[name]))
    try:
        for setting in mutant.settings:
            for e in attack_setting(mutant, setting, place, budget, variant=name, until_killed=True):
                killed, instances = told.attacks.get(e.attack, (False, 0))
                told.attacks[e.attack] = (killed or e.witness is not None, instances + e.instances)
                told.witness = told.witness or e.witness
            if told.killed:
                break
    except Exception as fault:
        told.error = _fault(claim, fault)
    return told


def _fault(claim: Claim, fault: Exception) -> str:
    """What went wrong with this claim, in one sentence; a fault of the run's input is raised again."""
    if isinstance(fault, (BadInput, InputError)):
        raise fault
    if isinstance(fault, ClaimFault):
        return str(fault) if claim.id in str(fault) else f"{claim.id}: {fault}"
    first = (str(fault).strip().splitlines() or ["no message"])[0]
    return f"{claim.id} could not be examined: {type(fault).__name__}: {first}"


def _change(change: Any) -> str:
    if callable(change):
        return f"{change.__name__} in place of the body"
    parts = []
    for name, value in change.items():
        if name == "assumes":
            parts.append("fewer assumptions" if value else "no assumptions")
        else:
            parts.append(f"{name}: {value.describe()}" if hasattr(value, "describe") else f"{name} = {value}")
    return ", ".join(parts)


def _work(address: Address, plan: Plan) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """One claim, in whichever process: the record and the witness file's content."""
    torch.set_num_threads(1)  # bit-identical results for any number of workers; the workers use the cores
    result = examine(address.load(), plan)
    record = to_record(result, seed=plan.seed, budget=plan.budget.name, environment=plan.environment())
    return record, witness_file(result)


def reusable(out: Path, addresses: list[Address], plan: Plan) -> list[dict[str, Any]]:
    """The records of an earlier run in `out` that this run would only repeat."""
    path = out / "results.jsonl"
    if not path.exists():
        return []
    environment = plan.environment()
    wanted = {address.id: address.load().fingerprint() for address in addresses}
    return [
        record
        for record in read(path)
        if wanted.get(record["id"]) == record.get("fingerprint")
        and (record.get("seed"), record.get("budget")) == (plan.seed, plan.budget.name)
        and all(record["environment"].get(k) == environment[k] for k in ("altheory", "torch", "device", "data"))
    ]


def verify(
    addresses: list[Address],
    plan: Plan,
    out: Path,
    *,
    resume: bool = False,
    workers: int = 1,
    on_record: Callable[[dict[str, Any], bool], None] = lambda record, reused: None,
) -> list[dict[str, Any]]:
    """Verify claims, writing results.jsonl and witness files into `out` as they come.

    Args:
        addresses: which claims.
        plan: budget, seed, device, data.
        out: the folder to write to, made if it is not there.
        resume: keep the results that an earlier, interrupted run left in `out`.
        workers: processes; 1 stays in this one.
        on_record: called with each record, and whether it was kept from an earlier run.

    Returns:
        The records, in the order of `addresses`.
    """
    kept = reusable(out, addresses, plan) if resume else []
    file = ResultsFile(out / "results.jsonl")
    file.start(kept)
    (out / "witness").mkdir(parents=True, exist_ok=True)
    if not kept:
        for stale in (out / "witness").glob("*.json"):
            stale.unlink()
    records = {}
    for record in kept:
        records[record["id"]] = record
        on_record(record, True)
    todo = [address for address in addresses if address.id not in records]
    for record, witness in _results(todo, plan, workers):
        if witness:
            (out / "witness" / f"{record['id']}.json").write_text(json.dumps(witness, indent=1) + "\n", encoding="utf-8")
        else:  # one that an earlier run left
            (out / "witness" / f"{record['id']}.json").unlink(missing_ok=True)
        file.append(record)
        records[record["id"]] = record
        on_record(record, False)
    _several_events(records, file)
    return [records[address.id] for address in addresses]


def _several_events(records: dict[str, dict[str, Any]], file: ResultsFile) -> None:
    """Holm's procedure over the events of a run: a contradiction that does not survive it becomes inconclusive."""
    events = {id: r["statistics"] for id, r in records.items() if (r.get("statistics") or {}).get("kind") == "event"}
    rejected = holm({id: numbers["p_value"] for id, numbers in events.items()}, ALPHA)
    withdrawn = [id for id in events if records[id]["verdict"] == "candidate" and not rejected[id]]
    for id in withdrawn:
        record = records[id]
        record["verdict"], record["agrees"] = "inconclusive", "inconclusive" in SATISFIES[record["expected"]]
        record["reason"] += (
            f" Not contradicted any more at error level {ALPHA:g} over all {len(events)} events of the run (Holm)."
        )
    if withdrawn:
        file.start(list(records.values()))


def _results(todo: list[Address], plan: Plan, workers: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    if workers <= 1 or len(todo) <= 1:
        yield from (_work(address, plan) for address in todo)
        return
    import joblib

    # loky replaces a worker whose memory has grown, and says so; nothing is lost by it
    warnings.filterwarnings("ignore", message="A worker stopped while some jobs", category=UserWarning)
    groups = _groups(todo)
    jobs: Iterable[Any] = (joblib.delayed(_work_together)(group, plan) for group in groups)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        for found in joblib.Parallel(n_jobs=min(workers, len(groups)), return_as="generator_unordered")(jobs):
            yield from found


def _groups(todo: list[Address]) -> list[list[Address]]:
    """What one process does at a time: the claims about one experiment (run once for all of them, the longest jobs first), then
    single claims."""
    experiments: dict[str, list[Address]] = {}
    alone = []
    for address in todo:
        experiment = address.load().experiment
        if experiment:
            experiments.setdefault(experiment, []).append(address)
        else:
            alone.append([address])
    return [*experiments.values(), *alone]


def _work_together(addresses: list[Address], plan: Plan) -> list[tuple[dict[str, Any], dict[str, Any] | None]]:
    return [_work(address, plan) for address in addresses]


def default_workers() -> int:
    """One process a core, at most eight: a claim is seconds of work and a process costs one to start."""
    return max(1, min(os.cpu_count() or 1, 8))


def writable(out: Path) -> None:
    """Make the output folder.

    Raises:
        BadInput: it cannot be made or written to.
    """
    try:
        (out / "witness").mkdir(parents=True, exist_ok=True)
        with open(out / "results.jsonl", "ab"):
            pass
    except OSError as fault:
        raise BadInput(f"the folder {str(out)!r} cannot be written to ({fault.strerror}); give another --out.") from None


def keep_witness(result: Result, out: Path) -> Path | None:
    """Write what an attack found into out/witness; a best instance that violates nothing goes to <id>.best.json."""
    content, name = witness_file(result), f"{result.claim.id}.json"
    best = max((e.best for e in result.evidence if e.best), key=lambda found: found.ratio, default=None)
    if content is None and best is not None:
        content, name = best_file(result.claim, best), f"{result.claim.id}.best.json"
    if content is None:
        return None
    path = out / "witness" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def reports(records: list[dict[str, Any]], out: Path, command: str) -> Path:
    """Write index.html from the records."""
    from proofs_check.display import glossary_of
    from proofs_check.report import write_report

    papers = dict.fromkeys(record["paper"] for record in records)
    return write_report(records, out, command=command, glossary={paper: glossary_of(paper) for paper in papers})
