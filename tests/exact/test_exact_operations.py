"""Every supported operation, function and method forms, against torch's float64 on random rational inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from exact_oracles import assert_same, fractions

from proofs_check.exact import registry

F = torch.nn.functional
L = torch.linalg
X, P, U = fractions((2, 3, 4), 1), fractions((2, 3, 4), 2, 1, 12), fractions((2, 3, 4), 3, -7, 7)
Y, ROW, CELL = fractions((2, 3, 4), 4), fractions((4,), 5), fractions((), 6, 1, 9)
A, B, V = fractions((2, 3, 3), 7), fractions((2, 3, 2), 8), fractions((2, 3), 9)
S = fractions((2, 3, 3), 10)
N, M = fractions((3, 4), 11, -5, 5, 1), fractions((3, 4), 12, 1, 5, 1)  # integers
D = fractions((5,), 13) + fractions((5,), 14) / 64
K = fractions((2, 3), 15, 0, 2, 1)


def spd(a: Any) -> Any:
    return a @ a.mT + torch.eye(3, dtype=torch.float64)


def symmetric(a: Any) -> Any:
    return a + a.mT


ONE = {
    name: (lambda x, name=name: (getattr(torch, name)(x), getattr(x, name)()), [array])
    for names, array in [
        (("neg", "abs", "square", "exp", "expm1", "sin", "cos", "atan", "tanh", "sigmoid", "erf", "relu",
            "sign", "floor",
          "ceil", "trunc", "round", "sinh", "cosh", "erfc", "clone", "frac", "exp2", "isfinite", "isnan"), X),
        (("reciprocal", "sqrt", "rsqrt", "log", "log1p", "lgamma", "digamma", "log2", "log10"), P),
        (("asin", "acos", "tan"), U),
        (("sum", "mean", "prod", "max", "min", "amax", "amin", "argmax", "argmin", "norm", "std", "var",
            "flatten",
          "ravel", "numel", "count_nonzero"), D),
        (("any", "all", "logical_not"), X),
        (("inverse", "det", "matrix_exp"), A),
    ]
    for name in names
}  # fmt: skip
TWO = {
    name: (lambda x, y, name=name: (getattr(torch, name)(x, y), getattr(x, name)(y)), [X, Y])
    for name in ("add", "sub", "mul", "minimum", "maximum", "lt", "le", "gt", "ge", "eq", "ne", "atan2",
        "logical_and",
                 "logical_or", "logical_xor", "hypot", "logaddexp", "dist")
}  # fmt: skip

ELEMENTWISE: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "operators": (lambda x, y: (x + y, x - y, x * y, -x, +x, abs(x), x < y, x <= y, x > y, x >= y, x == y,
        x != y), [X, Y]),
    "scalars": (lambda x: (x + 1, 2 - x, 3 * x, x / 4, 0.5 * x, x - 0.25, x**2, x**3, x > 0, x > 0,
        x == 0.5), [X]),
    "reflected": (lambda p: (1 / p, 2**p, 2.0 ** (-p), 1 - p), [P]),
    "division": (lambda x, p: (x / p, torch.div(x, p), x // p, x % p, x.remainder(p), torch.fmod is None),
        [X, P]),
    "plain tensors": (lambda x: (torch.ones(4, dtype=torch.float64) + x, x * torch.arange(4), torch.eye(4,
        dtype=torch.float64) @ x.mT), [X]),
    "pow": (lambda p: (p**0.5, p**-2, p**1.5, p**0, torch.pow(p, 2), torch.pow(2, p), p.pow(3),
        p ** (1 / 3)), [P]),
    "integer pow": (lambda p, n: (p.double() ** n, n**2, n * n), [M, N]),
    "broadcast": (lambda x, r, c: (x + r, r - x, x * c, c / (x + 9), x[:, :1] * r, c + c), [X, ROW, CELL]),
    "clamp": (lambda x: (x.clamp(-0.5, 0.5), torch.clamp(x, min=0), x.clamp_min(0.1), x.clamp_max(0),
        x.clip(max=1)), [X]),
    "where": (lambda x, y: (torch.where(x > 0, x, y), torch.where(x > 0, 1.0, y), x.where(x > 0, y),
        torch.where(x < 0, 0.0, x)), [X, Y]),
    "masked": (lambda x: (x.masked_fill(x > 0, 2.0), (x > 0) & (x < 1), (x > 1) | (x < 0), ~(x > 0),
        (x > 0) ^ (x > 1)), [X]),
    "bool sums": (lambda x: ((x > 0).sum(), (x > 0).sum(-1), (x > 0).double().mean(), (x > 0).any(0),
        (x > 9).all(-1)), [X]),
    "activations": (lambda x: (F.relu(x), F.softplus(x), F.sigmoid(x), F.gelu(x), F.silu(x), F.elu(x),
        F.leaky_relu(x), F.logsigmoid(x), torch.special.erf(x), torch.special.expit(x)), [X]),
    "softmax": (lambda x: (torch.softmax(x, -1), x.softmax(1), F.softmax(x, dim=0), x.log_softmax(-1),
        F.log_softmax(x, -1), torch.logsumexp(x, -1), x.logsumexp(1, keepdim=True)), [X]),
    "entropy": (lambda x: (torch.special.xlogy(x, x), torch.special.entr(x), torch.xlogy(x, x + 1)),
        [abs(X)]),
    "to": (lambda x: (x.to(torch.float64), x.double(), x.long(), x.bool(), x.to(torch.int64),
        x.detach().contiguous(), x.to(x), x.type_as(x)), [X]),
    "like": (lambda x: (torch.zeros_like(x), torch.ones_like(x), torch.full_like(x, 0.5), x.new_zeros(2, 3),
        x.new_ones((2,)), torch.zeros_like(x, dtype=torch.int64), x.new_full((2, 2), 3.0)), [X]),
    "heaviside": (lambda x: torch.heaviside(x, torch.tensor(0.5, dtype=torch.float64)), [X]),
    "lerp": (lambda x, y: (torch.lerp(x, y, 0.25), torch.addcmul(x, x, y, value=2), torch.add(x, y,
        alpha=3), torch.sub(x, y, alpha=2)), [X, Y]),
}  # fmt: skip

REDUCTIONS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "sum": (lambda x: (x.sum(-1), x.sum((0, 2)), x.sum(dim=1, keepdim=True), torch.sum(x, dim=-1),
        torch.sum(x, axis=0)), [X]),
    "mean": (lambda x: (x.mean(-1), x.mean((1, 2), keepdim=True), x.var(-1), x.std(-1, correction=0),
        torch.var(x, dim=0, unbiased=False)), [X]),
    "prod": (lambda x: (x.prod(-1), x.prod(1, keepdim=True), x.cumprod(-1), torch.cumsum(x, dim=1),
        x.cumsum(0)), [X]),
    "max": (lambda x: (x.max(-1).values, x.amax((1, 2)), x.amin(-1, keepdim=True), torch.max(x, x * 2),
        torch.min(x, -x), torch.maximum(x, -x)), [X]),
    "argmax": (lambda d: (d.max(0), d.min(dim=0), d.argmax(-1), torch.argmin(d, dim=0, keepdim=True)), [D]),
    "sort": (lambda d: (d.sort(), torch.sort(d, descending=True), d.argsort(), d.topk(2), d.median(),
        d.sort().values[1]), [D]),
    "sort along": (lambda x: (x.sort(1).values, x.sort(-1, descending=True).values, x.cummax(-1).values,
        x.cummin(1).values), [X]),
    "diff": (lambda x: (x.diff(), torch.diff(x, n=2, dim=1), torch.diff(x, dim=0, prepend=x[:1]),
        torch.trapezoid(x, dx=0.5)), [X]),
    "norms": (lambda x: (x.norm(), x.norm(dim=-1), torch.norm(x, p=1, dim=-1), L.norm(x, dim=-1),
        L.vector_norm(x, dim=(1, 2)), L.norm(x, ord=float("inf"), dim=-1), L.vector_norm(x, 3, -1),
        L.norm(x, dim=(1, 2)), L.vector_norm(x, 0)), [X]),
    "matrix norms": (lambda a: (L.matrix_norm(a), L.norm(a, "fro", (-2, -1)), L.matrix_norm(a, 1),
        L.matrix_norm(a, float("inf")), L.matrix_norm(a, 2), L.norm(a[0], 2), L.matrix_norm(a, "nuc"),
        L.svdvals(a), L.matrix_norm(a, 2, keepdim=True)), [B]),
}  # fmt: skip

SHAPES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "transpose": (lambda x: (x.transpose(0, 2), x.mT, x.permute(2, 0, 1), torch.permute(x, (1, 0, 2)),
        x.movedim(0, -1), torch.movedim(x, (0, 1), (1, 2)), x.swapaxes(0, 1), x[0].T, x[0].t()), [X]),
    "reshape": (lambda x: (x.reshape(6, -1), x.view(-1), x.flatten(1), x.unflatten(-1, (2, 2)),
        x.unflatten(2, (-1, 2)), torch.reshape(x, (3, 8)), x.view(x.shape), torch.flatten(x)), [X]),
    "squeeze": (lambda x: (x.unsqueeze(0), x.unsqueeze(-1), x[:1].squeeze(0), x[:, :1].squeeze(),
        torch.unsqueeze(x, 2), x.squeeze(1)), [X]),
    "expand": (lambda v: (v.unsqueeze(1).expand(2, 5, 3), v[..., None].expand(-1, -1, 4),
        torch.broadcast_to(v, (3, 2, 3)), v[0].expand_as(v), torch.broadcast_tensors(v, v[0]), v.repeat(2,
        2), v.tile((2,)), v.repeat_interleave(2, dim=1)), [V]),
    "join": (lambda x, y: (torch.cat([x, y]), torch.cat((x, y), dim=-1), torch.stack([x, y]),
        torch.stack([x, y], -1), torch.concat([x, torch.ones(2, 1, 4)], 1), torch.hstack([x, y]),
        torch.vstack([x, y])), [X, Y]),
    "split": (lambda x: (x.unbind(0), x.split(2, dim=-1), torch.split(x, [1, 2], 1), x.chunk(2, -1),
        torch.tensor_split(x, 3, dim=-1)), [X]),
    "move": (lambda x: (x.flip(0), torch.flip(x, (1, 2)), x.roll(1, -1), torch.roll(x, (1, 2), (0, 1)),
        x.roll(3), F.pad(x, (1, 2))), [X]),
    "diagonals": (lambda a: (a.diagonal(dim1=-2, dim2=-1), torch.diagonal(a, 1, 1, 2), L.diagonal(a),
        torch.diag(a[0]), torch.diag(a[0, 0]), torch.diag_embed(a[:, 0]), torch.diag_embed(a[:, 0], 1),
        a.tril(), torch.triu(a, 1), a.tril(-1), a[0].trace(), torch.block_diag(a[0], a[1])), [A]),
    "slices": (lambda x: (x[0], x[..., 0], x[:, 1:, ::2], x[:, None], x[-1, :, 2], x[..., None, :], x[0, 1,
        2], x[:, -1], x[...]), [X]),
    "arrays": (lambda x: (x[:, [0, 2]], x[[0, 1], [1, 2]], x[0, :, [1, 2]], x[:, torch.tensor([2, 0])],
        x[torch.tensor([1]), :, 0], x[:, torch.tensor([[0, 1], [2, 2]])], x[..., torch.arange(2)],
        x[torch.tensor([True, False])]), [X]),
    "masks": (lambda x: (x[x > 0], torch.masked_select(x, x > 0.5), x[0][x[0, :, 0] > -9]), [X]),
    "size": (lambda x: (tuple(x.shape), x.ndim, x.dim(), x.size(0), x.size(), len(x), x.numel(), x.dtype,
        x.is_floating_point()), [X]),
    "one hot": (lambda k: (F.one_hot(k, 3), torch.ones(3, 4, dtype=torch.float64)[k],
        k.unsqueeze(-1).eq(torch.arange(3))), [K]),
    "gather": (lambda x, k: (torch.gather(x, 1, k[:, :, None]), x.gather(1, k[..., None].expand(2, 3, 4)),
        x.index_select(1, k[0]), x[:, k[0]]), [X, K]),
}  # fmt: skip
INTEGER_ARGUMENTS = {"one hot": [0], "gather": [1], "integer pow": [0, 1]}

LINEAR: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "matmul": (lambda a, b, v: (a @ b, torch.matmul(a, b), a.matmul(v[..., None]), torch.bmm(a, b),
        a[0].mm(b[0]), a[0].mv(v[0]), v[0] @ a[0], v[0] @ v[1], v[0].dot(v[1]), a @ v[0], torch.mv(a[0],
        v[0])), [A, B, V]),
    "products": (lambda a, v: (torch.outer(v[0], v[1]), torch.inner(v, a), torch.dot(v[0], v[1]),
        L.vecdot(v, v), torch.tensordot(a, v, dims=([1], [1])), torch.kron(a[0], v), L.multi_dot([a[0],
        a[1], v[0]]), F.linear(v, a[0], v[0])), [A, V]),
    "einsum": (lambda a, b, v: (torch.einsum("bij,bjk->bik", a, b), torch.einsum("bi,bi->b", v, v),
        torch.einsum("bii->b", a), torch.einsum("bi,bij,bj->b", v, a, v), torch.einsum("...ij,...j->...i",
        a, v), torch.einsum("ij,kj", v, v), torch.einsum("bij->ij", a), torch.einsum("bi,ci->bc", v, v),
        torch.einsum("i,j->ij", v[0], v[1]), torch.einsum("bii->bi", a)), [A, B, V]),
    "solve": (lambda a, b, v: (L.solve(a, b), L.solve(a, v), L.solve(a[0], v[0]), torch.linalg.inv(a),
        L.det(a), a.det(), L.inv(a[0]), L.slogdet(a), torch.logdet(spd(a)), L.solve_triangular(a.tril(), b,
        upper=False)), [A, B, V]),
    "balls": (lambda a, b: (L.solve(a.exp(), b), L.inv(a.exp()), L.det(a.exp()), a.exp() @ b,
        L.matrix_exp(a)), [A, B]),
    "cholesky": (lambda a: (L.cholesky(spd(a)), torch.linalg.cholesky(spd(a)) @ L.cholesky(spd(a)).mT), [A]),
    "power": (lambda a: (L.matrix_power(a, 3), torch.matrix_power(a, 0), L.matrix_power(a, -2),
        a.matrix_power(2)), [A]),
    "eigvalsh": (lambda s: (L.eigvalsh(symmetric(s)), L.eigvalsh(spd(s)), L.eigvalsh(symmetric(s)[0]),
        L.eigvalsh(s, UPLO="U"), L.eigvalsh(s)), [S]),
    "eigh": (lambda s: (L.eigh(symmetric(s)).eigenvalues if False else L.eigh(symmetric(s))[0],
        L.eigh(symmetric(s))[1] ** 2), [S]),
    "cdist": (lambda v: (torch.cdist(v, v), torch.cdist(v, v, p=1), torch.cdist(v[:1], v), F.normalize(v,
        dim=-1), F.cosine_similarity(v, v + 1, dim=-1), F.mse_loss(v, v * 2)), [V]),
}  # fmt: skip
NAMES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "aliases": (lambda x: (x.negative(), torch.absolute(x), x.fix(), x.sgn(), F.tanh(x), torch.special.erfc(x),
        torch.special.expm1(x), x.arctan(), torch.special.log1p(x + 3), torch.deg2rad(x), x.isnan()), [X]),
    "aliases inside": (lambda u: (u.arcsin(), torch.arccos(u), torch.logit(abs(u) / 2 + 0.25), torch.acos(u / 2)), [U]),
    "aliases positive": (lambda p: (torch.special.gammaln(p), torch.special.digamma(p), torch.rsub(p, 1),
        torch.floor_divide(p, 0.375)), [P]),
    "truth tables": (lambda x: (torch.bitwise_and(x > 0, x < 1), torch.bitwise_or(x > 0, x < 1), ~(x > 0),
        torch.bitwise_xor(x > 0, x < 1), torch.bitwise_not(x > 0), torch.where(x > 0, x, 0.0).isfinite()), [X]),
    "positions": (lambda x: (x.select(1, 2), torch.narrow(x, 2, 1, 2), x.take(torch.tensor([0, 5])), x.adjoint(),
        torch.take_along_dim(x, torch.zeros(2, 1, 4, dtype=torch.int64), 1), torch.atleast_2d(x[0, 0]),
        torch.atleast_1d(x[0, 0, 0]), x[:, 0].msort(), x.new_tensor([1.0, 2.0]), x.is_complex()), [X]),
    "fused": (lambda a, b: (torch.addmm(b[0], a[0], b[0], beta=2), torch.baddbmm(b, a, b)), [A, B]),
}  # fmt: skip
CASES = {**ONE, **TWO, **ELEMENTWISE, **REDUCTIONS, **SHAPES, **LINEAR, **NAMES}
REFUSALS = {"Tensor.float", "Tensor.int", "Tensor.get_device", "nn.functional.tanh"}  # elsewhere, or trivial


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
@pytest.mark.parametrize("name", CASES)
def test_same_as_torch(name: str) -> None:
    function, arrays = CASES[name]
    assert_same(function, arrays, INTEGER_ARGUMENTS.get(name, ()))


@pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
def test_every_handler_is_compared_with_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new handler without a case above is noticed here; operators (`__add__`) are the functions they stand for."""
    used = set()

    def spy(handler: Any, *rest: Any) -> Any:
        used.add(handler)
        return invoke(handler, *rest)

    invoke = registry.invoke
    monkeypatch.setattr(registry, "invoke", spy)
    for name in CASES:
        test_same_as_torch(name)
    names: dict[Any, set[str]] = {}
    for function, handler in registry.FUNCTIONS.items():
        names.setdefault(handler, set()).add(registry.name_of(function).removeprefix("torch."))
    unused = [n for handler, n in names.items() if handler not in used]
    assert [n for n in unused if not n & REFUSALS and not any("__" in name for name in n)] == []
