"""Events, rates and measurements through the machine: fixed trials, statistical verdicts, Holm over a run."""

from __future__ import annotations

import json

import torch
from claim_tools import command, made, written

from proofs_check import check, event, leq, measurement, rate
from proofs_check import domains as D
from proofs_check.relations import Measurement

SEED = D.integer(0, 10**9)


def draws(seed, count):
    """Uniform numbers that depend on each instance's seed only."""
    return torch.stack([torch.rand(count, generator=torch.Generator().manual_seed(int(s)), dtype=torch.float64) for s in seed])


def coin(seed, *, p=0.02, delta=0.05):
    """Fails with probability p."""
    return event(draws(seed, 1)[:, 0] >= p, delta=delta)


def test_a_rare_failure_is_held_and_a_frequent_one_contradicted():
    held = check(made(coin, seed=SEED, mutants={"fails too often": dict(p=0.2)}), device="cpu")
    assert held.verdict == "held"
    assert held.mutants["fails too often"].killed
    assert held.judged.numbers["trials"] == 400  # the budget's number, no more and no less
    false = check(made(lambda seed: coin(seed, p=0.2), seed=SEED, expect="refuted"), device="cpu")
    assert false.verdict == "candidate"
    assert false.agrees  # statistics cannot do more


def test_trials_outside_the_assumptions_do_not_count():
    def even(seed):
        """the seed is even"""
        return seed % 2 == 0

    result = check(made(coin, seed=SEED, assumes=[even]), device="cpu")
    assert 100 < result.judged.numbers["trials"] < 300
    never = check(made(coin, seed=SEED, assumes=[lambda seed: seed < 0]), device="cpu")
    assert never.verdict == "vacuous"


def test_a_rate_is_judged_by_its_slope():
    def spread(seed, *, exponent=-0.5):
        """The standard error of a mean falls like n^(-1/2)."""
        sizes = [16, 64, 256, 1024]
        rows = [[draws(s[None] + n, 40 * n).reshape(40, n).mean(1).std() for n in sizes] for s in seed]
        return rate(torch.tensor(sizes), torch.tensor(rows), exponent=exponent)

    result = check(made(spread, seed=SEED, mutants={"slope -1": dict(exponent=-1.0)}), device="cpu")
    assert result.verdict == "held", result.reason()
    assert result.mutants["slope -1"].killed
    assert abs(result.judged.numbers["slope"] + 0.5) < 0.2


def test_a_measurement_is_reproduced_or_not():
    def mean(seed, *, low=0.4):
        """The mean of uniform numbers."""
        return measurement(draws(seed, 500).mean(1), expect=(low, 0.6))

    result = check(made(mean, seed=SEED, expect="reproduced", mutants={"too high": dict(low=0.55)}), device="cpu")
    assert result.verdict == "reproduced"
    assert result.mutants["too high"].killed
    assert check(made(lambda seed: mean(seed, low=0.55), seed=SEED), device="cpu").verdict == "not-reproduced"


def test_an_experiment_that_says_what_it_is_runs_once():
    sizes = []

    def counted(seed: torch.Tensor) -> Measurement:
        sizes.append(len(seed))
        return measurement(draws(seed, 500).mean(1), expect=(0.4, 0.6))

    assert check(made(counted, seed=SEED), device="cpu").verdict == "reproduced"
    assert sizes == [5]


def test_an_annotation_that_lies_is_the_claims_error():
    def lies(seed: torch.Tensor) -> Measurement:
        return leq(seed, seed + 1)

    result = check(made(lies, seed=SEED), device="cpu")
    assert result.verdict == "error"
    assert "annotation says Measurement" in result.reason()


def test_wrong_shapes_are_the_claims_error():
    for body in (lambda seed: event(draws(seed, 1) > 0.1, delta=0.1), lambda seed: event(draws(seed, 1)[:, 0], delta=0.1)):
        result = check(made(body, seed=SEED), device="cpu")
        assert result.verdict == "error"
        assert "(batch,)" in result.reason() or "(400,)" in result.reason() or "shape" in result.reason()


def test_holm_withdraws_what_one_of_ten_events_shows_alone(tmp_path):
    """32 failures of 400 at delta = 0.05 have p = 0.0067: enough for one event at error level 0.01, not for one of ten."""
    fine = """
        @claim(source="own", seed=D.integer(0, 10**9))
        def fine{i}(seed):
            "never fails"
            return event(seed >= 0, delta=0.05)
    """
    doubtful = """
        @claim(source="own", seed=D.integer(0, 10**9))
        def doubtful(seed):
            "32 of 400 fail"
            return event(torch.arange(len(seed)) >= 32, delta=0.05)
    """
    alone = written(tmp_path, "alone.py", "        from proofs_check import event\n" + doubtful)
    command("verify", alone, "--out", tmp_path / "alone", "--workers", "1")
    record = json.loads((tmp_path / "alone" / "results.jsonl").read_text())
    assert record["verdict"] == "candidate"
    assert 0.006 < record["statistics"]["p_value"] < 0.007
    text = "        from proofs_check import event\n" + "".join(fine.replace("{i}", str(i)) for i in range(9)) + doubtful
    file = written(tmp_path, "events.py", text)
    command("verify", file, "--out", tmp_path / "ten", "--workers", "1")
    records = {(r := json.loads(line))["id"]: r for line in (tmp_path / "ten" / "results.jsonl").read_text().splitlines()}
    assert len(records) == 10
    assert records["events.doubtful"]["verdict"] == "inconclusive"
    assert "Holm" in records["events.doubtful"]["reason"]
    assert records["events.fine0"]["verdict"] == "held"
