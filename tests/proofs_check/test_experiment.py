"""Claims about one experiment share its draws and its result."""

from __future__ import annotations

import torch

from proofs_check import check, claim, measurement
from proofs_check import domains as D
from proofs_check.experiment import remembered
from proofs_check.registry import Address
from proofs_check.run import _groups


def test_a_result_is_kept_by_the_content_of_the_arguments():
    calls = []

    @remembered
    def total(x, *, k):
        calls.append(k)
        return float(x.sum()) * k

    x = torch.arange(4.0)
    assert total(x, k=2) == total(x.clone(), k=2) == 12.0
    assert total(x.to(torch.float64), k=2) == 12.0  # another dtype is another argument
    assert total(x + 1, k=2) == 20.0
    assert total(x, k=3) == 18.0
    assert calls == [2, 2, 2, 3]


def test_claims_of_one_experiment_and_their_mutants_see_the_same_draws():
    seen = []

    def make(name, experiment):
        @claim(
            id=f"own.{name}", source="test", seed=D.integer(0, 10**9), expect="reproduced", experiment=experiment,
            mutants={"high": dict(low=2.0, high=3.0)},
        )  # fmt: skip
        def body(seed, *, low=-1.0, high=1.0):
            r"""The value is $0$."""
            seen.append((name, tuple(seed.tolist())))
            return measurement(0.0 * seed.to(torch.float64), expect=(low, high))

        return body

    shared = [make("first", "E"), make("second", "E"), make("alone", None)]
    for one in shared:
        assert check(one).verdict == "reproduced"
    full = {name: {s for n, s in seen if n == name and len(s) == 5} for name in ("first", "second", "alone")}
    assert len(full["first"]) == 1
    assert full["first"] == full["second"]
    assert len(full["alone"]) == 2  # the claim and its mutant draw for themselves
    assert not full["alone"] & full["first"]


def test_one_process_takes_all_claims_of_an_experiment_and_none_is_lost():
    ids = ["dynamical.figure5", "dynamical.eq8", "dynamical.figure2", "dynamical.figure5.random", "dynamical.theorem1"]
    groups = _groups([Address(id) for id in ids])
    assert sorted(a.id for group in groups for a in group) == sorted(ids)
    assert [a.id for a in groups[0]] == ["dynamical.figure5", "dynamical.figure5.random"]
    assert all(len(group) == 1 for group in groups[1:])
