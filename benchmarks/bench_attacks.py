"""Instances per second of the random attack on Theorem 1, beside plain Hypothesis and a Python loop, in one run.

The three judge the same claim (`dynamical.theorem1`, n up to 16) on members of the same domain.
"""

from __future__ import annotations

import pytest
from side_by_side import measured_ratio

from proofs_check.attacks import Examiner, draw_random
from proofs_check.attacks.structured import points_of
from proofs_check.evaluate import evaluate
from proofs_check.instances import Place
from proofs_check.landscape import Landscape
from proofs_check.registry import registered

BATCH, EXAMPLES, LOOPED = 512, 100, 64
PLACE = Place(seed=1)
pytestmark = pytest.mark.benchmark(group="Random attack on Theorem 1, instances judged a second")


@pytest.fixture
def theorem():
    return registered()["dynamical.theorem1"]


def attack(theorem):
    generator = PLACE.generator("bench")
    examiner = Examiner(theorem, theorem.settings[0], "random", PLACE)
    for _ in range(4):
        examiner.look(draw_random(theorem, theorem.settings[0], PLACE, generator, BATCH))
    assert examiner.close().admissible == 4 * BATCH


def test_beside_plain_hypothesis(benchmark, theorem, one_thread):
    import hypothesis
    from hypothesis import HealthCheck, given, settings

    landscape = Landscape(theorem, theorem.settings[0], PLACE, {"n": 8, "k": 2}, PLACE.generator("bench"))

    @hypothesis.seed(1)
    @settings(max_examples=EXAMPLES, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(points_of(landscape))
    def judged(points):
        assert float(landscape.margins(points).amax()) < 1e-9

    measured_ratio(
        benchmark, lambda: attack(theorem), judged, scale=4 * BATCH / EXAMPLES,
        goal=">= 100", what="batched attack, rounding probe included", unit="times plain Hypothesis",
    )  # fmt: skip


def test_beside_a_python_loop(benchmark, theorem, one_thread):
    batch = draw_random(theorem, theorem.settings[0], PLACE, PLACE.generator("bench"), LOOPED)

    def loop():
        for row in range(LOOPED):
            relation = evaluate(theorem, batch.rows(slice(row, row + 1)))
            assert all(float(link.margin()) < 1e-9 for link in relation.links)

    measured_ratio(
        benchmark, lambda: attack(theorem), loop, scale=4 * BATCH / LOOPED,
        goal=">= 20", what="batched attack, rounding probe included", unit="times the body in a Python loop",
    )  # fmt: skip
