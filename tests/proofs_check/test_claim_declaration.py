"""@claim: what a declaration becomes, and the sentence each wrong declaration gets."""

from __future__ import annotations

import pytest
import torch
from claim_tools import made

from proofs_check import claim, eq, leq
from proofs_check import domains as D
from proofs_check.errors import BadInput
from proofs_check.evaluate import evaluate
from proofs_check.instances import Place, draw_random


def body(x, y, *, c=1.0):
    """The statement."""
    return leq(x.sum(-1), c * y.sum(-1))


def of_x(x):
    return leq(x.sum(-1), 0)


def declared(**changes):
    return made(body, **{"x": D.real("n"), "y": D.nonneg("n", "k"), **changes})


def test_a_declaration_becomes_a_claim():
    subject = declared(id=None, dims={"k": (2, 3)}, mutants={"half": dict(c=0.5)}, expect="refuted")
    assert subject.id == "test_claim_declaration.body"
    assert (subject.paper, subject.title, subject.statement) == ("test_claim_declaration", "Body", "The statement.")
    assert list(subject.settings[0].arguments) == ["x", "y"]
    assert subject.constants == {"c": 1.0}
    assert subject.dims == {"n": (1, 16), "k": (2, 3)}
    assert subject.expect == "refuted"
    assert declared(id="a.b.c").paper == "a"


def starred(*x):
    return leq(x[0], 0)


def keywords(x, **rest):
    return leq(x, 0)


def nothing():
    return leq(0, 0)


def unset(x, *, c):
    return leq(x.sum(-1), c)


WRONG = {
    "missing domain": (lambda: made(body, x=D.real("n")), "'y'"),
    "stray domain": (lambda: declared(z=D.real("n")), "'z'"),
    "a constant with a domain": (lambda: declared(c=D.interval(0, 1)), "'c'"),
    "undeclared dimension": (lambda: declared(dims={"m": (1, 2)}), "'m'"),
    "dims from zero": (lambda: declared(dims={"n": (0, 2)}), "(0, 2)"),
    "dims upside down": (lambda: declared(dims={"n": (3, 2)}), "(3, 2)"),
    "dims of one number": (lambda: declared(dims={"n": 4}), "dims['n'] = 4"),
    "dims not whole": (lambda: declared(dims={"n": (1, 2.5)}), "(1, 2.5)"),
    "id without a dot": (lambda: declared(id="theorem"), "'theorem'"),
    "id with an empty part": (lambda: declared(id="paper."), "'paper.'"),
    "id with a space": (lambda: declared(id="a paper.x"), "'a paper.x'"),
    "id with a slash": (lambda: declared(id="../x.y"), "'../x.y'"),
    "unknown expect": (lambda: declared(expect="true"), "'true'"),
    "a mutant of an unknown name": (lambda: declared(mutants={"m": dict(d=2)}), "'d'"),
    "a mutant that is a number": (lambda: declared(mutants={"m": 3}), "'m'"),
    "a mutant without change": (lambda: declared(mutants={"m": {}}), "'m'"),
    "a mutant with a number for a domain": (lambda: declared(mutants={"m": dict(x=3)}), "3 as the domain of 'x'"),
    "a mutant with a dimension of its own": (lambda: declared(mutants={"m": dict(x=D.real("q"))}), "'q'"),
    "a mutant with a wrong assumption": (lambda: declared(mutants={"m": dict(assumes="none")}), "'none'"),
    "no source": (lambda: declared(source="  "), "no source"),
    "* parameters": (lambda: made(starred, x=D.real()), "starred takes * or **"),
    "** parameters": (lambda: made(keywords, x=D.real()), "keywords takes * or **"),
    "no arguments": (lambda: made(nothing), "nothing has no arguments"),
    "a constant without a default": (lambda: made(unset, x=D.real("n")), "'c'"),
    "also_on another argument": (lambda: declared(also_on={"far away": {"z": D.real("n")}}), "'far away', changes 'z'"),
    "also_on without a domain": (lambda: declared(also_on={"far away": {"y": 3}}), "3 as the domain of 'y'"),
    "a number for a domain": (lambda: declared(x=3), "3 as the domain of 'x'"),
    "a dimension for a domain": (lambda: declared(x="n"), "'n' as the domain of 'x'"),
    "a parent that is no argument": (lambda: declared(x=D.step_size("lam", D.interval(0, 1))), "'lam'"),
    "a domain of itself": (lambda: declared(x=D.derived(torch.abs, "x", text="|x|")), "depends on itself"),
    "domains in a circle": (
        lambda: declared(x=D.derived(torch.abs, "y", text="|y|"), y=D.derived(torch.abs, "x", text="|x|")),
        "depends on itself",
    ),
    "an assumption that is a string": (lambda: declared(assumes=["x > 0"]), "'x > 0'"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_wrong_declaration_gets_one_sentence_that_names_the_thing(fault):
    declare, names = WRONG[fault]
    with pytest.raises(BadInput) as caught:
        declare()
    assert names in str(caught.value)
    assert "\n" not in str(caught.value)


def test_source_is_required():
    with pytest.raises(TypeError, match="source"):
        claim(x=D.real("n"))(of_x)


def test_near_misses_are_suggested():
    with pytest.raises(BadInput, match="did you mean theta"):
        made(lambda theta: leq(theta, 0), id="a.b", theta=D.real(), thta=D.real())


def test_a_mutant_by_constants():
    subject = declared(mutants={"half": dict(c=0.5)}, assumes=[positive])
    mutant = subject.mutant("half")
    assert mutant.constants == {"c": 0.5}
    assert mutant.body is body
    assert mutant.assumes == (positive,)
    assert subject.constants == {"c": 1.0}


def test_a_mutant_by_function():
    def other(x, y, *, d=7):
        return leq(x.sum(-1), d)

    mutant = declared(mutants={"other": other}).mutant("other")
    assert mutant.body is other
    assert mutant.constants == {"d": 7}


def test_a_mutant_by_domain_keeps_the_other_domains():
    wide = D.interval(0, 9)
    subject = made(body, x=D.real("n"), y=D.real("n"), mutants={"wide": dict(y=wide, c=3.0)})
    mutant = subject.mutant("wide")
    assert mutant.settings[0].arguments == {"x": subject.settings[0].arguments["x"], "y": wide}
    assert len(mutant.settings) == 1
    assert mutant.constants == {"c": 3.0}


def test_a_mutant_by_a_dropped_assumption():
    subject = declared(assumes=[positive], mutants={"free": dict(assumes=[]), "kept": dict(c=2.0)})
    assert subject.mutant("free").assumes == ()
    assert subject.mutant("kept").assumes == (positive,)


def positive(x):
    return (x > 0).all(-1)


def test_a_further_setting_changes_only_what_it_names():
    other = D.nonneg("n")
    subject = declared(also_on={"elsewhere": {"x": other}})
    here, there = subject.settings
    assert (here.name, there.name) == ("declared domain", "elsewhere")
    assert there.arguments == {"x": other, "y": here.arguments["y"]}


def test_one_domain_object_for_two_arguments_is_refused():
    shared = D.real("n")
    with pytest.raises(BadInput, match="'x' and 'y' one domain object"):

        @claim(source="a test", id="own.shared", x=shared, y=shared)
        def body(x, y):
            """Every two vectors are equal: true of what would be drawn, and false."""
            return eq((x - y).abs().sum(-1), 0.0)


def test_a_number_divided_by_an_integer_argument_is_float64():
    @claim(source="a test", id="own.third", n=D.integer(3, 3))
    def body(n):
        """A third is a third; in float32 it is off by 1e-8."""
        return eq(1 / n, torch.full(n.shape, 1 / 3, dtype=torch.float64))

    third = evaluate(body, draw_random(body, body.settings[0], Place(), Place().generator("third"), 4)).links[0]
    assert torch.equal(third.lhs, third.rhs)
