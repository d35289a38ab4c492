"""Kernel operators against the matrices they stand for: products, solves, eigenvalues, traces, functions, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import altheory as al
from altheory.kernels._operators import operator
from altheory.kernels._products import Source
from altheory.modules import ModuleNet

F64 = torch.float64


def draws(*shape: int, seed: int = 0, dtype: torch.dtype = F64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


X, Z, V, V2 = draws(70, 4), draws(30, 4, seed=1), draws(70, 3, seed=2), draws(30, 3, seed=3)


def brute(net: al.TwoLayerNet, layer: str, outputs: str | int) -> torch.Tensor:
    """The kernel of X with Z from per-neuron Jacobians, written out."""
    W, a, K = net.W, net.a, net.outputs

    def features(points: torch.Tensor) -> torch.Tensor:
        pre = points @ W.T
        first = torch.einsum("nr,rk,nd->nkrd", net.activation.derivative(pre), a, points).flatten(2)
        output = torch.einsum("nr,kl->nkrl", net.activation.phi(pre), torch.eye(K, dtype=F64)).flatten(2)
        parts = {"first": [first], "output": [output], "both": [first, output]}[layer]
        return torch.cat(parts, -1) / net.width**0.5

    every = torch.einsum("ikp,jlp->klij", features(X), features(Z))
    if outputs == "mean":
        return torch.einsum("kkij->ij", every) / K
    return every.sum((0, 1)) / K if outputs == "sum" else every[outputs, outputs]


@pytest.mark.parametrize("kind", ["signs", "general a", "from the seed"])
@pytest.mark.parametrize("layer", ["first", "output", "both"])
@pytest.mark.parametrize("outputs", ["mean", "sum", 1])
def test_an_empirical_operator_is_the_brute_force_kernel_by_both_ways_and_in_any_blocks(kind, layer, outputs):
    net = al.TwoLayerNet(4, 90, 2, "tanh", seed=1, antisymmetric=kind != "general a")
    if kind == "general a":
        net = net.replace(a=draws(90, 2, seed=5))
    expected = brute(net, layer, outputs)
    if kind == "from the seed":
        net = al.TwoLayerNet(4, 90, 2, "tanh", seed=1, stored=False)
    for block in (None, 7, 64):
        K = operator(net, X, Z, layer=layer, outputs=outputs, block=block)
        assert K.shape == (70, 30)
        close = {"rtol": 0, "atol": 1e-11}
        torch.testing.assert_close(K.source.by_jacobian(V2), expected @ V2, **close)
        torch.testing.assert_close(Source.matmul(K.source, V2), expected @ V2, **close)
        torch.testing.assert_close(K @ V2[:, 0], expected @ V2[:, 0], **close)
        torch.testing.assert_close(K.T @ V, expected.T @ V, **close)
        torch.testing.assert_close(K.T.source.by_jacobian(V), expected.T @ V, **close)
        torch.testing.assert_close(K.to_dense(), expected, **close)
        torch.testing.assert_close(K.rows([3, -1], slice(0, 5)), expected[[3, -1], :5], **close)


@pytest.mark.parametrize("layer", ["first", "output", "both"])
def test_the_symmetric_operator_agrees_with_the_kernel_and_its_diagonal(layer):
    net = al.TwoLayerNet(4, 120, 3, "relu", seed=2, train_output=True)
    K = al.kernels.empirical(net, X, layer=layer)
    for block in (None, 16):
        op = operator(net, X, layer=layer, block=block)
        assert op.T is op
        torch.testing.assert_close(op @ V, K @ V, rtol=0, atol=1e-11)
        torch.testing.assert_close(op.source.by_jacobian(V), K @ V, rtol=0, atol=1e-11)
        torch.testing.assert_close(Source.matmul(op.source, V), K @ V, rtol=0, atol=1e-11)
        torch.testing.assert_close(op.diagonal(), K.diagonal(), rtol=1e-12, atol=0)
        torch.testing.assert_close(Source.diagonal(op.source), K.diagonal(), rtol=1e-12, atol=0)
        dense = op.to_dense()
        assert torch.equal(dense, dense.T)
        torch.testing.assert_close(dense, K, rtol=0, atol=1e-12)


def test_the_way_of_a_product_is_chosen_by_its_cost():
    wide = operator(al.TwoLayerNet(2, 64, seed=0), draws(3000, 2))
    assert wide.source.through_jacobian(1)
    assert not wide.source.through_jacobian(3000)  # as many vectors as points: the tiles cost less
    assert not operator(al.TwoLayerNet(200, 64, seed=0), draws(20, 200)).source.through_jacobian(1)
    small = operator(al.TwoLayerNet(2, 64, seed=0), draws(100, 2))
    assert not small.source.through_jacobian(1)  # its only tile is kept
    # a tile for every few points would make the weights again and again
    assert operator(al.TwoLayerNet(8, 64, seed=0, stored=False), draws(30, 8), block=2).source.through_jacobian(1)


@pytest.mark.parametrize("activation", ["relu", "erf", "softplus"])
@pytest.mark.parametrize("train_output", [False, True])
def test_an_analytic_operator_is_the_analytic_kernel(activation, train_output):
    K = al.kernels.analytic(X, Z, activation, train_output)
    S = al.kernels.analytic(X, None, activation, train_output)
    for block in (None, 64):
        op = operator(X, Z, activation=activation, train_output=train_output, block=block)
        torch.testing.assert_close(op @ V2, K @ V2, rtol=0, atol=1e-11)
        torch.testing.assert_close(op.T @ V, K.T @ V, rtol=0, atol=1e-11)
        same = operator(activation, X, train_output=train_output, block=block)
        torch.testing.assert_close(same @ V, S @ V, rtol=0, atol=1e-11)
        torch.testing.assert_close(same.diagonal(), S.diagonal(), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(same.to_dense(), S, rtol=0, atol=1e-12)


@pytest.mark.parametrize("outputs", ["mean", "sum", 0])
def test_a_module_operator_is_its_brute_force_kernel(outputs):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.LayerNorm(6), torch.nn.Tanh(), torch.nn.Linear(6, 2)).double()

    def jacobian(points: torch.Tensor) -> torch.Tensor:
        rows = [[torch.autograd.grad(module(x)[k], list(module.parameters())) for k in range(2)] for x in points]
        return torch.stack([torch.stack([torch.cat([g.flatten() for g in one]) for one in row]) for row in rows])

    every = torch.einsum("ikp,jlp->klij", jacobian(X), jacobian(Z))
    expected = {"mean": (every[0, 0] + every[1, 1]) / 2, "sum": every.sum((0, 1)) / 2, 0: every[0, 0]}[outputs]
    for block in (None, 9):
        op = operator(ModuleNet(module), X, Z, outputs=outputs, block=block)
        torch.testing.assert_close(op @ V2, expected @ V2, rtol=0, atol=1e-10)
        torch.testing.assert_close(op.T @ V[:, 0], expected.T @ V[:, 0], rtol=0, atol=1e-10)
        torch.testing.assert_close(op.to_dense(), expected, rtol=0, atol=1e-11)
    torch.testing.assert_close(
        operator(module, X, outputs=outputs).diagonal(), operator(module, X, outputs=outputs).to_dense().diagonal()
    )


def test_no_tile_is_larger_than_the_block(monkeypatch):
    sizes = []
    original = Source.tile

    def counted(self, rows, columns):
        tile = original(self, rows, columns)
        sizes.append(tile.numel())
        return tile

    monkeypatch.setattr(Source, "tile", counted)
    op = operator(X, block=16)
    op @ V
    op.diagonal()
    op.solve(V, tol=1e-6, shift=1.0)
    op.label_measure(V, steps=4)
    assert max(sizes) == 256
    assert len(sizes) % 15 == 0  # 5 x 5 tiles, of which 15 are computed in every product


RELU = al.kernels.analytic(X, activation="relu", train_output=True)


def relu_operator(**options: int) -> object:
    return operator(X, activation="relu", train_output=True, **options)


@pytest.mark.parametrize("preconditioner", ["nystrom", "jacobi", None])
@pytest.mark.parametrize("shift", [0.0, 0.3])
def test_solve_agrees_with_a_direct_solve_and_states_its_residual(preconditioner, shift):
    op = relu_operator()
    A = RELU + shift * torch.eye(70, dtype=F64)
    exact = torch.linalg.solve(A, V)
    found = op.solve(V, shift=shift, tol=1e-11, preconditioner=preconditioner)
    torch.testing.assert_close(found.x, exact, rtol=1e-8, atol=1e-8)
    residual = (V - A @ found.x).norm(dim=0) / V.norm(dim=0)
    assert bool((residual <= 1e-11 * 1.01).all())
    torch.testing.assert_close(found.residual, residual, rtol=1e-2, atol=1e-13)
    single = op.solve(V[:, 1], shift=shift, tol=1e-11, preconditioner=preconditioner)
    assert single.x.shape == (70,)
    torch.testing.assert_close(single.x, exact[:, 1], rtol=1e-8, atol=1e-8)


def test_the_nystrom_preconditioner_saves_products_and_its_seed_does_not_matter_to_the_answer():
    op = relu_operator()
    plain, seed0, seed1 = (
        op.solve(V, tol=1e-10, preconditioner=p, seed=s) for p, s in ((None, 0), ("nystrom", 0), ("nystrom", 1))
    )
    assert seed0.steps < plain.steps / 2
    torch.testing.assert_close(seed0.x, seed1.x, rtol=1e-7, atol=1e-7)
    assert torch.equal(seed0.x, op.solve(V, tol=1e-10).x)


def test_zero_right_hand_sides_are_solved_by_zero():
    b = torch.stack([torch.zeros(70, dtype=F64), V[:, 0]], 1)
    found = relu_operator().solve(b, tol=1e-9)
    assert bool((found.x[:, 0] == 0).all())
    assert float(found.residual[0]) == 0


def test_a_solve_that_cannot_succeed_says_why():
    class Negative(Source):
        pass

    indefinite = operator(X)
    indefinite.source = Negative(lambda x, z: -al.kernels.analytic(x, z), X, None, X[:0], None)
    for preconditioner in ("nystrom", "jacobi", None):
        with pytest.raises(al.InputError, match="positive"):
            indefinite.solve(V, preconditioner=preconditioner)
    with pytest.raises(al.InputError, match="residual"):
        relu_operator().solve(V, tol=1e-10, steps=3, preconditioner=None)
    twice = operator(torch.cat([X, X]))  # singular, and the labels of equal points differ
    with pytest.raises(al.InputError, match="`tol`|positive"):
        twice.solve(draws(140), tol=1e-10, preconditioner=None)


@pytest.mark.parametrize("n", [5, 70, 200])
def test_extreme_eigenvalues_lie_in_their_intervals(n):
    points = draws(n, 4, seed=7)
    K = al.kernels.analytic(points, activation="erf", train_output=True)
    exact = torch.linalg.eigvalsh(K)
    op = operator(points, activation="erf", train_output=True)
    slack = 1e-12 * float(exact[-1])
    for seed in (0, 1):
        low, high = op.extremes(2, seed=seed)
        for ritz, truth in ((low, exact[:2]), (high, exact[-2:])):
            torch.testing.assert_close(ritz.values, truth, rtol=1e-7, atol=slack)
            torch.testing.assert_close(ritz.vectors.T @ ritz.vectors, torch.eye(2, dtype=F64), rtol=0, atol=1e-12)
            torch.testing.assert_close(
                (K @ ritz.vectors - ritz.vectors * ritz.values).norm(dim=0), ritz.residuals, rtol=1, atol=slack
            )
            for lo, hi in ritz.intervals:
                assert bool(((exact >= lo - slack) & (exact <= hi + slack)).any())
        assert float(op.lambda_min(seed=seed)) == pytest.approx(float(exact[0]), abs=slack)
        assert float(op.lambda_max(seed=seed)) == pytest.approx(float(exact[-1]), rel=1e-12)


def test_an_iteration_that_is_cut_short_still_gives_true_intervals():
    points = draws(300, 3, seed=8)
    exact = torch.linalg.eigvalsh(al.kernels.analytic(points))
    ritz = operator(points).lambda_min(seed=0, steps=45)
    assert float(ritz.residuals) > 1e-9  # it did not converge
    assert float(ritz.values) >= float(exact[0]) - 1e-10
    ((lo, hi),) = ritz.intervals
    assert bool(((exact >= lo) & (exact <= hi)).any())


def test_traces():
    op = relu_operator()
    exact = float(RELU.trace())
    assert op.trace().value == pytest.approx(exact, rel=1e-13)
    assert op.trace().error == 0
    for seed in range(3):
        value, error = op.trace("hutch++", seed=seed)
        assert abs(value - exact) < 6 * error
        assert error < 0.05 * exact
    assert op.trace("hutch++", seed=0) == op.trace("hutch++", seed=0)
    # 70 products span everything, and then nothing is left to chance
    assert op.trace("hutch++", probes=210).value == pytest.approx(exact, rel=1e-12)
    value, error = op.trace_of(torch.log, seed=0, probes=60)
    assert abs(value - float(torch.linalg.slogdet(RELU)[1])) < 5 * error
    assert op.trace_of(lambda x: x, seed=1, probes=400).value == pytest.approx(exact, rel=0.03)


def test_functions_of_the_kernel_agree_with_the_eigendecomposition():
    values, vectors = torch.linalg.eigh(RELU)
    op = relu_operator()
    eta = 1 / float(values[-1])
    functions = [lambda x: torch.exp(-3 * x), lambda x: (1 - eta * x) ** 150, lambda x: x**0.5]
    for f in functions:
        exact = vectors @ (f(values)[:, None] * (vectors.T @ V))
        found = op.apply(f, V, tol=1e-11)
        torch.testing.assert_close(found.value, exact, rtol=0, atol=1e-9)
        assert bool((found.change <= 1e-11).all())
        torch.testing.assert_close(op.apply(f, V[:, 2]).value, exact[:, 2], rtol=0, atol=1e-9)
    with pytest.raises(al.InputError, match="`steps`"):
        op.apply(functions[0], V, tol=1e-12, steps=5)
    with pytest.raises(al.InputError, match="`f`"):
        op.apply(lambda x: torch.log(x - 1), V)


def test_the_label_measure_has_the_true_moments_and_bounds_the_rest():
    op, true = relu_operator(), al.spectra.label_measure(RELU, V)
    lo, eta = 0.99 * float(true.lo), 1 / float(true.hi)
    below, above = op.label_measure(V, steps=12), op.label_measure(V, steps=12, lo=lo)
    assert below.eigenvalues.shape == (36,)
    for t in (0, 1, 5, 11):
        assert float(below.E2(t, eta)) == pytest.approx(float(true.E2(t, eta)), rel=1e-12)
    assert float(below.A) == pytest.approx(float(true.A), rel=1e-12)
    assert float(op.alignment(V)) == pytest.approx(float(al.alignment.alignment(RELU, V)), rel=1e-12)
    assert float(op.alignment(V[:, 0])) == pytest.approx(float(al.alignment.alignment(RELU, V[:, 0])), rel=1e-12)
    integrals = [lambda mu: mu.I, lambda mu: mu.flow_E2(20.0)]
    for f in integrals:
        assert float(f(below)) < float(f(true)) < float(f(above))
    assert float(below.E2(10**4, eta)) < float(true.E2(10**4, eta))
    for f in [*integrals, lambda mu: mu.E2(10**4, eta)]:
        every = op.label_measure(V, steps=70)
        assert float(f(every)) == pytest.approx(float(f(true)), rel=1e-7)
    with pytest.raises(al.InputError, match="`lo`"):
        op.label_measure(V, steps=12, lo=1.0)


def test_the_label_measure_of_an_eigenvector_is_one_atom():
    values, vectors = torch.linalg.eigh(RELU)
    mu = relu_operator().label_measure(3 * vectors[:, 50], steps=30)
    assert float(mu.T) == pytest.approx(9, rel=1e-12)
    assert float(mu.I) == pytest.approx(9 / float(values[50]), rel=1e-9)
    zero = relu_operator().label_measure(torch.zeros(70, dtype=F64))
    assert (float(zero.T), float(zero.I)) == (0, 0)


def test_mass_where_the_kernel_is_singular_makes_I_infinite():
    twice = torch.cat([X, X])
    y = torch.cat([V[:, 0], -V[:, 0]])  # entirely in the null space
    mu = operator(twice).label_measure(y, steps=20)
    assert float(mu.I) == float("inf")
    assert float(mu.E2(100, 0.01)) == pytest.approx(float(y @ y), rel=1e-12)


def test_scipy_sees_a_linear_operator():
    from scipy.sparse.linalg import eigsh

    view = relu_operator().as_scipy()
    assert view.shape == (70, 70)
    top = eigsh(view, 1, v0=np.ones(70), return_eigenvectors=False)[0]
    assert top == pytest.approx(float(torch.linalg.eigvalsh(RELU)[-1]), rel=1e-10)
    cross = operator(X, Z).as_scipy()
    dense = al.kernels.analytic(X, Z).numpy()
    np.testing.assert_allclose(cross.rmatvec(V[:, 0].numpy()), dense.T @ V[:, 0].numpy(), atol=1e-11)
    np.testing.assert_allclose(cross @ V2.numpy(), dense @ V2.numpy(), atol=1e-11)


def test_float32_stays_float32():
    points = X.float()
    op = operator(points)
    K = al.kernels.analytic(points)
    assert op.dtype == (op @ points[:, 0]).dtype == torch.float32
    torch.testing.assert_close(op @ V.float(), K @ V.float(), rtol=1e-5, atol=1e-4)
    assert float(op.lambda_max(seed=0)) == pytest.approx(float(torch.linalg.eigvalsh(K)[-1]), rel=1e-5)
    assert op.solve(points[:, 0], shift=1.0, tol=1e-5).x.dtype == torch.float32


NET = al.TwoLayerNet(4, 10, 2, seed=0)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: operator(X) @ V[:5], "`V`"),
        (lambda: operator(X) @ V.float(), "float32"),
        (lambda: operator(X) @ torch.full((70,), float("nan"), dtype=F64), "NaN"),
        (lambda: operator(X) @ V.to("meta"), "meta"),
        (lambda: operator(X).solve(V, tol=0), "`tol`"),
        (lambda: operator(X).solve(V, shift=-1), "`shift`"),
        (lambda: operator(X).solve(V, preconditioner="ilu"), "'ilu'"),
        (lambda: operator(X).solve(V[:3]), "`b`"),
        (lambda: operator(X, Z).solve(V), "cross kernel"),
        (lambda: operator(X, Z).lambda_min(seed=0), "cross kernel"),
        (lambda: operator(X, Z).diagonal(), "cross kernel"),
        (lambda: operator(X).lambda_min(seed=0, k=71), "`k`"),
        (lambda: operator(X).lambda_min(seed=-1), "`seed`"),
        (lambda: operator(X).trace("guess"), "'guess'"),
        (lambda: operator(X).rows([70]), "`i`"),
        (lambda: operator(X).rows(slice(0, 3), [0.5]), "`j`"),
        (lambda: operator(X).label_measure(V, lo=-1.0), "`lo`"),
        (lambda: operator(X, block=0), "`block`"),
        (lambda: operator(X, X, X), "two sets"),
        (lambda: operator("relu"), "`X`"),
        (lambda: operator("relu", X, activation="erf"), "twice"),
        (lambda: operator("rleu", X), "rleu"),
        (lambda: operator(X[:0]), "empty"),
        (lambda: operator(X, draws(3, 5)), "`X2`"),
        (lambda: operator(X, layer="first"), "`layer`"),
        (lambda: operator(NET), "`X`"),
        (lambda: operator(NET, X, outputs="pairs"), "'pairs'"),
        (lambda: operator(NET, X, outputs=2), "`outputs`"),
        (lambda: operator(NET, X, layer="third"), "third"),
        (lambda: operator(NET, X, activation="erf"), "`activation`"),
        (lambda: operator(NET, draws(3, 5)), "d = 4"),
        (lambda: operator(torch.nn.Linear(4, 1).double(), X, layer="per layer"), "per layer"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(call, named):
    with pytest.raises(al.InputError) as refusal:
        call()
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)
