"""Instances per second of the random attack on Theorem 1, beside plain Hypothesis and a Python loop, in one run.

The three judge the same claim (`dynamical.theorem1`, n up to 16) on members of the same domain. Read the ratios, not the
seconds: pytest-benchmark's columns give instances through `extra_info`, and `conftest.py` prints instances per second.
"""

from __future__ import annotations

import pytest
import torch

from proofs_check.attacks import Examiner, draw_random
from proofs_check.attacks.structured import points_of
from proofs_check.evaluate import evaluate
from proofs_check.instances import Place
from proofs_check.landscape import Landscape
from proofs_check.registry import registered

BATCH = 512


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def theorem():
    return registered()["dynamical.theorem1"]


@pytest.mark.benchmark(group="theorem 1, instances judged")
def test_random_attack(benchmark, theorem):
    place = Place(seed=1)
    generator = place.generator("bench")

    def attack():
        examiner = Examiner(theorem, theorem.settings[0], "random", place)
        for _ in range(4):
            examiner.look(draw_random(theorem, theorem.settings[0], place, generator, BATCH))
        return examiner.close()

    evidence = benchmark(attack)
    assert evidence.admissible == 4 * BATCH
    benchmark.extra_info["instances"] = 4 * BATCH


@pytest.mark.benchmark(group="theorem 1, instances judged")
def test_plain_hypothesis(benchmark, theorem):
    import hypothesis
    from hypothesis import HealthCheck, given, settings

    place = Place(seed=1)
    sizes = {"n": 8, "k": 2}
    landscape = Landscape(theorem, theorem.settings[0], place, sizes, place.generator("bench"))
    count = 100

    @hypothesis.seed(1)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(points_of(landscape))
    def judged(points):
        assert float(landscape.margins(points).amax()) < 1e-9

    benchmark(judged)
    benchmark.extra_info["instances"] = count


@pytest.mark.benchmark(group="theorem 1, instances judged")
def test_python_loop(benchmark, theorem):
    place = Place(seed=1)
    batch = draw_random(theorem, theorem.settings[0], place, place.generator("bench"), 64)

    def loop():
        worst = -1.0
        for row in range(len(batch)):
            relation = evaluate(theorem, batch.rows(slice(row, row + 1)))
            worst = max(worst, *(float(link.margin()) for link in relation.links))
        return worst

    assert benchmark(loop) < 1e-9
    benchmark.extra_info["instances"] = len(batch)
