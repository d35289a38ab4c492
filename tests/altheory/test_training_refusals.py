"""What training cannot use is refused in one sentence that names it."""

from __future__ import annotations

import math

import pytest
import torch
from training_oracles import normal

import altheory as al
from altheory import activations, training


def arguments(**change):
    given = {"net": al.TwoLayerNet(3, 8, 2, seed=1), "X": normal(5, 3), "Y": normal(5, 2, seed=1), "lr": 0.1, "steps": 4}
    return {**given, **change}


CASES = [
    ({"lr": 0.0}, "`lr` is 0.0"),
    ({"lr": -1}, "`lr` is -1"),
    ({"lr": math.nan}, "`lr` is nan"),
    ({"lr": math.inf}, "`lr` is inf"),
    ({"lr": "fast"}, "`lr` is 'fast'"),
    ({"steps": -1}, "`steps` is -1"),
    ({"steps": 1.5}, "`steps` is 1.5"),
    ({"steps": True}, "`steps` is True"),
    ({"X": normal(5, 4)}, "`X` has 4 columns"),
    ({"X": normal(0, 3)}, "`X` is empty"),
    ({"X": normal(5, 3) * math.nan}, "`X` contains NaN"),
    ({"X": normal(5, 3, dtype=torch.float32)}, "`X` has dtype"),
    ({"Y": normal(4, 2)}, "`Y` has shape"),
    ({"Y": normal(5, 3)}, "`Y` has shape"),
    ({"Y": normal(5)}, "`Y` has shape"),
    ({"Y": normal(5, 2, dtype=torch.float32)}, "`Y` has dtype"),
    ({"Y": normal(5, 2) * math.inf}, "`Y` contains NaN or infinity"),
    ({"loss": "hinge"}, "`loss` is 'hinge'"),
    ({"loss": ["squared"]}, "`loss` is"),
    ({"loss": "cross_entropy", "Y": [0, 1, 2, 0, 1]}, "class labels from 0 to 2"),
    ({"loss": "cross_entropy", "Y": [0, 1, -1, 0, 1]}, "class labels from -1 to 1"),
    ({"loss": "cross_entropy", "Y": [0, 1, 1]}, "3 class label"),
    ({"loss": "cross_entropy", "Y": normal(5, 2)}, "not probabilities"),
    ({"loss": "cross_entropy", "Y": [0.0, 1.0, 1.0, 0.0, 1.0]}, "`Y` has shape"),
    ({"loss": "cross_entropy", "net": al.TwoLayerNet(3, 8, seed=1)}, "one output"),
    ({"net": al.TwoLayerNet(3, 8, 2, seed=1, stored=False)}, "`stored=False`"),
    ({"net": torch.nn.Linear(3, 2)}, "`net` is a Linear"),
    ({"net": []}, "`net` is an empty list"),
    ({"net": al.TwoLayerNet(3, 8, 2, activations.Activation("step", torch.sign, None), seed=1)}, "no derivative"),
    ({"record": [0, 5]}, "the step 5"),
    ({"record": [-1]}, "the step -1"),
    ({"record": [0.5]}, "the step 0.5"),
    ({"record": 0}, "`record` is 0"),
    ({"record": True}, "`record` is True"),
    ({"record": "some"}, "`record` is 'some'"),
    ({"record": 2.5}, "`record` is a float"),
    ({"record": training.Record(kernel=[9])}, "`record.kernel` has the step 9"),
    ({"record": training.Record(weights="no")}, "`record.weights` is 'no'"),
    ({"chunk": 0}, "`chunk` is 0"),
    ({"steps": 10**12}, "recording the outputs at 1000000000001 steps"),
]


@pytest.mark.parametrize(("change", "words"), CASES)
def test_bad_input_gets_one_sentence(change, words):
    with pytest.raises(al.InputError, match=words) as caught:
        training.gradient_descent(**arguments(**change))
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize("steps", [0, 4])
def test_the_same_arguments_without_the_fault_are_accepted(steps):
    run = training.gradient_descent(**arguments(steps=steps, record=[0, steps], chunk=3))
    assert run.t.tolist() == sorted({0, steps})


def test_runs_that_do_not_match_are_not_stacked():
    one, two = (training.gradient_descent(**arguments(steps=s)) for s in (2, 3))
    with pytest.raises(al.InputError, match="differ in `t`"):
        training.stack([one, two])
    other = training.gradient_descent(**arguments(steps=2, Y=normal(5, 2, seed=9)))
    with pytest.raises(al.InputError, match="differ in `Y`"):
        training.stack([one, other])
    with pytest.raises(al.InputError, match="`trajectories` is empty"):
        training.stack([])
