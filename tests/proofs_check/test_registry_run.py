"""The verdicts of one quick run over the whole registry, and what every claim declares about itself."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from claim_tools import HOLDS, QUICK, VIOLATED, numbers, without_times

from proofs_check.evaluate import admissible, at, evaluate
from proofs_check.instances import Place, draw_random
from proofs_check.registry import Address, registered
from proofs_check.run import Plan, verify
from proofs_check.trials import says_statistical

CLAIMS = registered()
EXACT = {id: claim for id, claim in CLAIMS.items() if not says_statistical(claim)}
FALSE = sorted(id for id, claim in EXACT.items() if claim.expect == "refuted")
AGREES = {
    "held": HOLDS,
    "tight": HOLDS,
    "refuted": VIOLATED,
    "reproduced": {"reproduced"},
    "not-reproduced": {"not-reproduced"},
}

#: claims whose assumptions (a unique best candidate, no ties, independent features) exclude most degenerate members
NO_DEGENERATE_MEMBERS = {
    "crc.algorithm1.union", "crc.conditioning", "crc.eq9.positive", "crc.figure3b.positive", "crc.myopic.positive",
    "crc.myopic.sampled_groups", "lookahead.eq2.joint", "lookahead.eq2.joint_of_others", "lookahead.eq2.joint_without_itself",
    "lookahead.eq2.pairwise_without_itself",
}  # fmt: skip


@pytest.mark.parametrize("id", CLAIMS)
def test_the_verdict_agrees_with_the_audit_and_every_mutant_is_killed(registry_run, id):
    record, claim = registry_run.records[id], CLAIMS[id]
    wanted = {"candidate"} if claim.expect == "refuted" and id not in EXACT else AGREES[claim.expect]
    assert record["verdict"] in wanted, record["reason"]
    assert record["agrees"]
    assert set(record["mutants"]) == set(claim.mutants)
    assert all(record["mutants"].values()), record["mutants"]


@pytest.mark.parametrize("id", EXACT)
def test_every_setting_was_met_by_instances_that_fit_the_assumptions(registry_run, id):
    for e in registry_run.records[id]["evidence"]:
        if e["attack"] == "random" or (e["attack"] == "degenerate" and id not in NO_DEGENERATE_MEMBERS):
            assert e["admissible"] >= min(10, e["instances"]), (e["setting"], e["attack"])


@pytest.mark.parametrize("id", FALSE)
def test_the_reported_witness_violates_the_claim(registry_run, id):
    witness = registry_run.records[id]["witness"]
    relation = at(CLAIMS[id], **numbers(witness["inputs"]))
    link = next(link for link in relation.links if link.name == witness["link"])
    got, told = [float(link.lhs[0]), float(link.rhs[0])], numbers([witness["lhs"], witness["rhs"]])
    assert got == pytest.approx(told, rel=1e-6, abs=1e-9 * max(map(abs, told)))
    assert told[0] > told[1] if link.op == "<=" else told[0] != told[1]


REPLAYS = """
import json, pathlib, sys
sys.modules["torch"] = None  # an import of it fails
from proofs_check.replay import load, replay
found = {}
for path in sorted(pathlib.Path(sys.argv[1]).glob("*.json")):
    if not json.loads(path.read_text())["confirmed"]:
        continue
    witness = load(path)
    plain = replay(witness)
    first = witness["links"][0]
    first["status"] = "strict" if first["status"] != "strict" else "violated"
    found[witness["id"]] = [plain.disagreements, any("violated" in line for line in plain.lines), replay(witness).disagreements]
print(json.dumps(found))
"""


def test_every_witness_replays_without_torch_and_a_forged_one_does_not(registry_run):
    done = subprocess.run(
        [sys.executable, "-c", REPLAYS, str(registry_run.out / "witness")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    replays = json.loads(done.stdout)
    assert set(FALSE) <= set(replays)
    assert not {id: wrong for id, (wrong, _, _) in replays.items() if wrong}
    assert not [id for id in FALSE if not replays[id][1]]
    assert not [id for id, (_, _, forged) in replays.items() if not forged]


def test_another_run_in_one_process_gives_the_same_records(registry_run, tmp_path):
    """Against the shared run, which used two processes."""
    ids = ["theorem2.termwise", "theorem2.symmetrised", "proposition1.dominance", "proposition1.faster_at_first", "table10"]
    addresses = [Address(f"dynamical.{id}") for id in ids]
    records = verify(addresses, Plan(QUICK), tmp_path, workers=1)
    for record in records:
        assert without_times(record) == without_times(registry_run.records[record["id"]])
        name = f"witness/{record['id']}.json"
        if record["witness"]:
            assert (tmp_path / name).read_text() == (registry_run.out / name).read_text()


# the declarations


@pytest.mark.parametrize("id", CLAIMS)
def test_every_claim_tells_its_statement_source_and_mutants(id):
    claim = CLAIMS[id]
    assert claim.statement
    assert len(claim.source) > 10
    assert claim.title
    assert len(claim.mutants) >= 2
    assert all(text for _, text in claim.sections)
    if claim.expect == "refuted" and id in EXACT:
        assert "Counterexample" in dict(claim.sections)
        assert claim.reading


@pytest.mark.parametrize("id", CLAIMS)
def test_links_between_claims_lead_somewhere(id):
    claim = CLAIMS[id]
    linked = [*claim.uses, *(other for other in (claim.amends, claim.sharpens) if other)]
    assert set(linked) <= set(CLAIMS) - {id}
    assert not [other for other in claim.uses if CLAIMS[other].expect in ("refuted", "not-reproduced")]


@pytest.mark.parametrize("id", EXACT)
def test_a_batch_gives_what_its_rows_give(id):
    claim = EXACT[id]
    for setting in claim.settings:
        generator = Place(seed=11).generator(id, setting.name)
        batch = draw_random(claim, setting, Place(), generator, 96)
        batch = batch.rows(admissible(claim, batch)).rows(slice(6))
        if not len(batch):
            continue
        together = evaluate(claim, batch)
        for row in range(len(batch)):
            alone = evaluate(claim, batch.rows(torch.tensor([row])))
            for (name, value), (_, single) in zip(together.terms, alone.terms, strict=True):
                assert float(single) == pytest.approx(
                    float(value[row]), rel=1e-6, abs=max(1e-12 * float(value.abs().max()), 1e-15)
                ), name
