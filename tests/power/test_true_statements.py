"""Forty true inequalities through the whole machine: no `refuted`, and no `candidate`, ever.

Half are attained with equality; some involve condition numbers of 1e10, where float64 keeps six digits or fewer.
"""

from __future__ import annotations

import pytest
import torch

from proofs_check import chain, check, claim, leq
from proofs_check import domains as D

X, Y, P, W = D.real("n"), D.real("n"), D.positive("n"), D.nonneg("n")
ILL, MILD, SINGULAR = D.psd("n", cond=1e10), D.psd("n", cond=1e4), D.psd("n")
SPECTRUM, WEIGHTS = D.spectrum("n", lo=1e-10, hi=1), D.simplex("n")


def dot(a, b):
    return (a * b).sum(-1)


def apply(theta, y):
    return (theta @ y[..., None])[..., 0]


def solve(theta, y):
    return torch.linalg.solve(theta, y[..., None])[..., 0]


def low(theta):
    return torch.linalg.eigvalsh(theta)[..., 0]


def high(theta):
    return torch.linalg.eigvalsh(theta)[..., -1]


def trace(theta):
    return theta.diagonal(dim1=-2, dim2=-1).sum(-1)


def norm(x):
    return dot(x, x) ** 0.5


ATTAINED = {
    "Cauchy-Schwarz": (dict(x=X, y=Y), lambda x, y: leq(dot(x, y) ** 2, dot(x, x) * dot(y, y))),
    "triangle": (dict(x=X, y=Y), lambda x, y: leq(norm(x + y), norm(x) + norm(y))),
    "sum below root n times norm": (dict(x=X), lambda x: leq(x.sum(-1) ** 2, x.shape[-1] * dot(x, x))),
    "max below sum": (dict(w=W), lambda w: leq(w.amax(-1), w.sum(-1))),
    "mean square": (dict(x=X), lambda x: leq(x.mean(-1) ** 2, (x * x).mean(-1))),
    "harmonic below arithmetic": (dict(p=P), lambda p: leq(1 / (1 / p).mean(-1), p.mean(-1))),
    "two squares": (dict(a=D.interval(-5, 5), b=D.interval(-5, 5)), lambda a, b: leq(2 * a * b, a * a + b * b)),
    "four below ratio": (dict(p=D.interval(0.1, 9)), lambda p: leq(torch.full_like(p, 2.0), p + 1 / p)),
    "Rayleigh above": (dict(theta=MILD, y=Y), lambda theta, y: leq(dot(y, apply(theta, y)), high(theta) * dot(y, y))),
    "Rayleigh below": (dict(theta=SINGULAR, y=Y), lambda theta, y: leq(low(theta) * dot(y, y), dot(y, apply(theta, y)))),
    "trace above top": (dict(theta=SINGULAR), lambda theta: leq(high(theta), trace(theta))),
    "trace below n top": (dict(theta=MILD), lambda theta: leq(trace(theta), theta.shape[-1] * high(theta))),
    "Schur diagonal": (dict(theta=SINGULAR), lambda theta: leq(theta.diagonal(dim1=-2, dim2=-1).amax(-1), high(theta))),
    "Cauchy for a kernel": (
        dict(theta=MILD, y=Y),
        lambda theta, y: leq(dot(y, y) ** 2, dot(y, apply(theta, y)) * dot(y, solve(theta, y))),
    ),
    "Cauchy for an ill-conditioned kernel": (
        dict(theta=ILL, y=Y),
        lambda theta, y: leq(dot(y, y) ** 2, dot(y, apply(theta, y)) * dot(y, solve(theta, y))),
    ),
    "Jensen for 1/x": (dict(lam=SPECTRUM, w=WEIGHTS), lambda lam, w: leq(1 / dot(lam, w), (w / lam).sum(-1))),
    "Jensen for squares": (dict(lam=SPECTRUM, w=WEIGHTS), lambda lam, w: leq(dot(lam, w) ** 2, dot(lam * lam, w))),
    "chord of the square": (
        dict(lam=SPECTRUM, w=WEIGHTS),
        lambda lam, w: leq(dot(lam * lam, w), (lam.amin(-1) + lam.amax(-1)) * dot(lam, w) - lam.amin(-1) * lam.amax(-1)),
    ),
    "Bernoulli": (
        dict(x=D.interval(0, 2), t=D.integer(0, 20)),
        lambda x, t: leq(1 - t * x, torch.where(t % 2 == 0, (1 - x).abs() ** t, 1 - t * x)),
    ),
    "determinant below product": (
        dict(theta=MILD),
        lambda theta: leq(torch.linalg.det(theta), theta.diagonal(dim1=-2, dim2=-1).prod(-1)),
    ),
}

STRICT = {
    "square below double exponential": (dict(x=D.interval(0, 4)), lambda x: leq(x * x, 2 * torch.exp(x))),
    "log below root": (dict(p=D.interval(0.01, 50)), lambda p: leq(torch.log(p), p**0.5)),
    "sine below half more": (dict(x=D.interval(0, 3)), lambda x: leq(torch.sin(x), x + 0.5)),
    "variance below range": (dict(x=X), lambda x: leq((x * x).mean(-1) - x.mean(-1) ** 2, (x.amax(-1) - x.amin(-1)) ** 2 + 1)),
    "norms": (dict(x=X), lambda x: chain(x.abs().amax(-1), norm(x) + 1, x.abs().sum(-1) + 2)),
    "trace squared": (dict(theta=MILD), lambda theta: leq(trace(theta @ theta), trace(theta) ** 2 + 1)),
    "kernel doubled": (dict(theta=MILD, y=Y), lambda theta, y: leq(dot(y, apply(theta, y)), 2 * high(theta) * dot(y, y) + 1)),
    "inverse below": (dict(theta=ILL, y=Y), lambda theta, y: leq(dot(y, y) / (2 * high(theta)), dot(y, solve(theta, y)) + 1)),
    "inverse above": (dict(theta=ILL, y=Y), lambda theta, y: leq(dot(y, solve(theta, y)), 2 * dot(y, y) / low(theta) + 1)),
    "inverse of inverse": (
        dict(theta=ILL, y=Y),
        lambda theta, y: leq(dot(y, apply(theta, solve(theta, y))), 1.5 * dot(y, y) + 1),
    ),
    "cancelled sum": (dict(x=X), lambda x: leq(((x + 1e8) - 1e8).sum(-1) - x.sum(-1), torch.full_like(x[..., 0], 1.0))),
    "difference of squares": (dict(a=D.interval(1e6, 2e6)), lambda a: leq((a + 1) ** 2 - a**2 - 2 * a, 1.5 + 0 * a)),
    "entropy": (
        dict(w=WEIGHTS),
        lambda w: leq(-(torch.where(w > 0, w * torch.log(w.clamp(min=1e-300)), w)).sum(-1), 5 + w[..., 0]),
    ),
    "distances": (dict(p=D.points("n", "d")), lambda p: leq(torch.cdist(p, p).amax((-2, -1)), 2 * p.norm(dim=-1).amax(-1) + 1)),
    "cosines": (dict(u=D.unit_vectors("n", "d")), lambda u: leq((u @ u.mT).amax((-2, -1)), 1.5 + 0 * u[..., 0, 0])),
    "kernel of points": (
        dict(theta=D.kernel_of(points=D.unit_vectors("n", "d"))),
        lambda theta: leq(theta.diagonal(dim1=-2, dim2=-1).amax(-1), 0.75 + 0 * theta[..., 0, 0]),
    ),
    "labels": (dict(Y=D.labels("n", "k")), lambda Y: leq((Y * Y).sum((-2, -1)), Y.shape[-2] + 1 + 0 * Y[..., 0, 0])),
    "small determinant": (dict(theta=D.psd(2, cond=1e10)), lambda theta: leq(torch.linalg.det(theta), trace(theta) ** 2)),
    "contraction": (
        dict(lam=SPECTRUM, w=WEIGHTS, t=D.integer(0, 30)),
        lambda lam, w, t: leq((w * (1 - lam) ** (2 * t[..., None])).sum(-1), 1.25 + 0 * w[..., 0]),
    ),
    "exponential tail": (dict(lam=SPECTRUM, w=WEIGHTS), lambda lam, w: leq(dot(w, torch.exp(-lam)), 1.1 + 0 * w[..., 0])),
}


def test_there_are_forty_and_half_are_attained():
    assert len(ATTAINED) >= 20
    assert len(ATTAINED) + len(STRICT) >= 40


@pytest.mark.parametrize("name", [*ATTAINED, *STRICT])
def test_a_true_statement_is_never_refuted_and_never_a_candidate(name):
    arguments, body = {**ATTAINED, **STRICT}[name]
    torch.set_num_threads(1)
    declared = declare(name, arguments, body)
    result = check(declared, seed=3, device="cpu")
    assert result.error is None, result.error
    assert result.verdict in ("held", "tight"), str(result)


@pytest.mark.parametrize("name", ["Cauchy-Schwarz", "Rayleigh above", "Jensen for 1/x", "chord of the square", "two squares"])
def test_equality_is_confirmed_exactly_where_it_is_attained(name):
    arguments, body = ATTAINED[name]
    torch.set_num_threads(1)
    declared = declare(name, arguments, body)
    assert check(declared, seed=3, device="cpu").verdict == "tight"


def declare(name, arguments, body):
    """The claim, at sizes up to 8, so that forty of them take seconds."""
    named = {size for domain in arguments.values() for size in domain.dims if isinstance(size, str)}
    id = "true." + name.replace(" ", "_").replace("/", "_")
    return claim(source="textbook", id=id, dims=dict.fromkeys(named & {"n"}, (1, 8)), **arguments)(body)
