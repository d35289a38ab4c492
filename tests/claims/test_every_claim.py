"""What every claim of the registry inherits, whoever wrote it."""

from __future__ import annotations

import pytest
import torch
from flint import arb

from proofs_check.confirm import confirm_point
from proofs_check.domains import Draw, walk
from proofs_check.evaluate import admissible, evaluate
from proofs_check.instances import Batch, Place, degenerate_batches, draw_random, leaves
from proofs_check.landscape import Landscape
from proofs_check.registry import registered
from proofs_check.rounding import SAFETY, RandomRounding
from proofs_check.trials import is_statistical, says_statistical

CLAIMS = registered()
SETTINGS = [(id, s.name) for id, claim in CLAIMS.items() for s in claim.settings]
#: claims whose instances are judged one by one; those about probabilities, rates and experiments are run in `registry_run`
EXACT = [id for id, claim in CLAIMS.items() if not says_statistical(claim)]
PLACE = Place(seed=11)


def setting_of(id, name):
    claim = CLAIMS[id]
    return claim, next(s for s in claim.settings if s.name == name)


@pytest.mark.parametrize(("id", "name"), SETTINGS)
def test_draws_and_degenerate_members_lie_in_their_domains(id, name):
    claim, setting = setting_of(id, name)
    generator = PLACE.generator(id, name)
    if id in EXACT:
        batches = [draw_random(claim, setting, PLACE, generator, 64) for _ in range(3)]
        batches += list(degenerate_batches(claim, setting, PLACE, generator, 64))[:4]
    else:
        batches = [draw_random(claim, setting, PLACE, generator, 2)]
    for batch in batches:
        draw = Draw(batch.sizes, generator, PLACE.device)
        for leaf, member in zip(leaves(setting), batch.members, strict=True):
            assert leaf.contains(member, draw).all(), leaf


@pytest.mark.parametrize(("id", "name"), [(id, name) for id, name in SETTINGS if id in EXACT])
def test_the_assumptions_leave_something_and_the_body_is_finite_there(id, name):
    claim, setting = setting_of(id, name)
    generator = PLACE.generator(id, name, "met")
    met = 0
    for _ in range(6):
        batch = draw_random(claim, setting, PLACE, generator, 128)
        batch = batch.rows(admissible(claim, batch))
        met += len(batch)
        if len(batch):
            assert not is_statistical(claim, batch)  # the annotation tells the truth
            evaluate(claim, batch)  # raises on anything that is not finite
    assert met > 0


@pytest.mark.parametrize("id", EXACT)
def test_float64_agrees_with_exact_arithmetic_within_random_rounding(id):
    """Both sides of every link at rational points: float64 against balls, within what the rounding probe allows for."""
    claim = CLAIMS[id]
    sizes = {name: max(low, min(2, high)) for name, (low, high) in claim.dims.items()}
    landscape = Landscape(claim, claim.settings[0], PLACE, sizes, PLACE.generator(id, "exact"))
    points = landscape.random(40)
    inside = (landscape.margins(points).amax(0) > -torch.inf).nonzero()[:4, 0]
    compared = 0
    for row in inside.tolist():
        point = points.rows(slice(row, row + 1))
        exact = confirm_point(landscape, [_exact(x) for x in point.c[0].tolist()], point.discrete)
        if not exact.status:
            assert "eigh" in exact.why or "undecided" in exact.why or "assumption" in exact.why, exact.why
            continue
        batch = landscape.batch(point)
        relation = evaluate(claim, batch, probing=True)
        with RandomRounding(PLACE.generator(id, "rounding")):
            moved = evaluate(claim, batch.repeated(32), probing=True)
        for number, pair in enumerate(exact.confirmation.pairs[: len(relation.links)]):
            for side in ("lhs", "rhs"):
                value = float(getattr(relation.links[number], side)[0])
                moves = (getattr(moved.links[number], side) - value).abs().max()
                ball = arb(getattr(pair, side))
                assert abs(value - float(ball.mid())) <= SAFETY * float(moves) + float(ball.rad()) + 1e-300
                compared += 1
    assert compared > 0, "no point could be compared"


def _exact(x):
    from fractions import Fraction

    return Fraction(x)


@pytest.mark.parametrize(("id", "name"), [(id, name) for id, claim in CLAIMS.items() for name in claim.invariant])
def test_declared_invariances_are_true(id, name):
    claim = CLAIMS[id]
    change = claim.invariant[name]
    compared = 0
    for setting in claim.settings:
        batch = draw_random(claim, setting, PLACE, PLACE.generator(id, setting.name, "invariant"), 64)
        batch = batch.rows(admissible(claim, batch))
        if not len(batch):
            continue
        wanted = change.__code__.co_varnames[: change.__code__.co_argcount]
        values = {**batch.values, **change(*(batch.values[argument] for argument in wanted))}
        before, after = evaluate(claim, batch), evaluate(claim, Batch(values, batch.sizes))
        with RandomRounding(PLACE.generator(id, "rounding")):
            moved = evaluate(claim, batch.repeated(8), probing=True)
        for a, b, m in zip(before.links, after.links, moved.links, strict=True):
            wobble = (m.ratio().reshape(8, -1) - a.ratio()).abs().amax(0)
            off = (a.ratio() - b.ratio()).abs()
            decided = ~(off.isnan() | wobble.isnan())
            assert (off <= 8 * wobble + 1e-9 * a.ratio().abs() + 1e-9)[decided].all()
            compared += int(decided.sum())
    assert compared > 0


def test_a_false_invariance_is_noticed():
    claim = CLAIMS["dynamical.theorem1.sharp"]
    batch = draw_random(claim, claim.settings[0], PLACE, PLACE.generator("false"), 64)
    values = {**batch.values, "lam": batch.values["lam"] / 4}  # without the step size: not an invariance
    before, after = evaluate(claim, batch), evaluate(claim, Batch(values, batch.sizes))
    assert ((before.links[0].ratio() - after.links[0].ratio()).abs() > 1e-3).any()


def test_every_claim_says_where_it_comes_from_and_links_to_claims_that_exist():
    for id, claim in CLAIMS.items():
        assert claim.source.strip()
        assert claim.statement.strip()
        for link in [*claim.uses, *[x for x in (claim.amends, claim.sharpens) if x]]:
            assert link in CLAIMS, (id, link)
    assert len({claim.id for claim in CLAIMS.values()}) == len(CLAIMS)


def test_derived_domains_name_arguments_that_exist():
    for claim in CLAIMS.values():
        for setting in claim.settings:
            for domain in setting.arguments.values():
                named = [parent for node in walk(domain) for parent in node.parents() if isinstance(parent, str)]
                assert set(named) <= set(setting.arguments)


@pytest.mark.parametrize("id", EXACT)
def test_the_strategies_of_its_domains_stay_in_them(id):
    """The structured attack's own Hypothesis strategies, as a property engine."""
    from hypothesis import HealthCheck, given, settings

    from proofs_check.attacks.structured import points_of

    claim = CLAIMS[id]
    sizes = {name: max(low, min(3, high)) for name, (low, high) in claim.dims.items()}
    landscape = Landscape(claim, claim.settings[0], PLACE, sizes, PLACE.generator(id, "strategy"))

    @settings(max_examples=15, database=None, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(points_of(landscape))
    def stays(point):
        batch = landscape.batch(point)
        for leaf, member in zip(landscape.leaves, batch.members, strict=True):
            assert not member.isfinite().all() or leaf.contains(member, landscape.draw).all(), leaf

    stays()
