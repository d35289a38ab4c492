"""Products, einsum and linear algebra on exact tensors: one batched product, one primitive per matrix function."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .errors import Unsupported
from .registry import implements
from .scalars import rational
from .tensor import FLOAT, ExactTensor, apply, constant, expand, lift, promoted, take
from .torch_elementwise import binary, mul, sub, unary
from .torch_reductions import Dims, Extreme, attempt, reduce, vector_norm
from .torch_shapes import axis, diagonal, reshape, transpose, unsqueeze

# ---- products --------------------------------------------------------------------------------------------


@implements("matmul", "linalg.matmul", "Tensor.__matmul__")
def matmul(a: Any, b: Any) -> ExactTensor:
    """torch's matmul: vectors are padded, leading dimensions broadcast."""
    a, b = lift(a), lift(b)
    if a.ndim == 0 or b.ndim == 0:
        raise RuntimeError("matmul: both arguments need at least one dimension")
    left = unsqueeze(a, 0) if a.ndim == 1 else a
    right = unsqueeze(b, 1) if b.ndim == 1 else b
    rows, inner, columns = left.shape[-2], left.shape[-1], right.shape[-1]
    if right.shape[-2] != inner:
        raise RuntimeError(f"matmul: shapes {tuple(a.shape)} and {tuple(b.shape)} cannot be multiplied")
    lead = np.broadcast_shapes(tuple(left.shape[:-2]), tuple(right.shape[:-2]))
    left, right = expand(left, (*lead, rows, inner)), expand(right, (*lead, inner, columns))
    parameters = {"batch": math.prod(lead), "rows": rows, "inner": inner, "columns": columns}
    out = apply("matmul", [left, right], parameters, (*lead, rows, columns), promoted(a, b))
    if a.ndim == 1:
        out = reshape(out, (*out.shape[:-2], columns))
    return reshape(out, tuple(out.shape[:-1])) if b.ndim == 1 else out


@implements("Tensor.__rmatmul__")
def rmatmul(a: Any, b: Any) -> ExactTensor:
    """`Tensor.__rmatmul__`."""
    return matmul(b, a)


implements("bmm")(lambda x, mat2: matmul(x, mat2))
implements("mm")(lambda x, mat2: matmul(x, mat2))
implements("mv")(lambda x, vec: matmul(x, vec))
implements("dot", "vdot")(lambda x, other: matmul(x, other))
implements("outer", "ger")(lambda x, vec2: mul(unsqueeze(x, 1), unsqueeze(vec2, 0)))
implements("functional.linear")(
    lambda x, weight, bias=None: matmul(x, transpose(weight, -2, -1)) if bias is None
    else binary("add", matmul(x, transpose(weight, -2, -1)), bias)
)  # fmt: skip
implements("addmm", "addmv", "baddbmm")(
    lambda x, a, b, *, beta=1, alpha=1: binary("add", mul(beta, x), mul(alpha, matmul(a, b)))
)


@implements("inner")
def inner(x: Any, other: Any) -> ExactTensor:
    """`torch.inner`."""
    x, other = lift(x), lift(other)
    if x.ndim == 0 or other.ndim == 0:
        return mul(x, other)
    letters = [chr(97 + i) for i in range(x.ndim + other.ndim)]
    left, right = letters[: x.ndim - 1], letters[x.ndim : x.ndim + other.ndim - 1]
    return einsum(f"{''.join(left)}z,{''.join(right)}z->{''.join(left + right)}", x, other)


@implements("linalg.vecdot")
def vecdot(x: Any, y: Any, *, dim: int = -1) -> ExactTensor:
    """`torch.linalg.vecdot`."""
    return reduce("sum", mul(x, y), dim)


@implements("linalg.multi_dot", "torch.chain_matmul")
def multi_dot(tensors: Any) -> ExactTensor:
    """`torch.linalg.multi_dot`."""
    out = tensors[0]
    for other in tensors[1:]:
        out = matmul(out, other)
    return lift(out)


@implements("torch.tensordot")
def tensordot(a: Any, b: Any, dims: Any = 2) -> ExactTensor:
    """`torch.tensordot`."""
    a, b = lift(a), lift(b)
    if isinstance(dims, int):
        dims = (list(range(a.ndim - dims, a.ndim)), list(range(dims)))
    left, right = ([axis(int(d), t.ndim) for d in side] for side, t in zip(dims, (a, b), strict=True))
    free_a = [d for d in range(a.ndim) if d not in left]
    free_b = [d for d in range(b.ndim) if d not in right]
    size = math.prod(a.shape[d] for d in left)
    first = reshape(take([a], a.index_map.transpose([*free_a, *left])), (-1, size) if size else (1, 0))
    second = reshape(take([b], b.index_map.transpose([*right, *free_b])), (size, -1) if size else (0, 1))
    return reshape(matmul(first, second), tuple([a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]))


@implements("kron")
def kron(a: Any, b: Any) -> ExactTensor:
    """`torch.kron`."""
    a, b = lift(a), lift(b)
    ndim = max(a.ndim, b.ndim)
    a, b = (reshape(t, (*(1,) * (ndim - t.ndim), *t.shape)) for t in (a, b))
    x = reshape(a, tuple(n for size in a.shape for n in (size, 1)))
    y = reshape(b, tuple(n for size in b.shape for n in (1, size)))
    return reshape(mul(x, y), tuple(m * n for m, n in zip(a.shape, b.shape, strict=True)))


@implements("torch.einsum")
def einsum(equation: str, *operands: Any) -> ExactTensor:
    """Contract pairs from the left; a letter is summed as soon as nothing later needs it."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    tensors = [lift(t) for t in operands]
    terms, output = _letters(equation, tensors)
    current, names = _own_diagonal(tensors[0], terms[0])
    for position, tensor in enumerate(tensors[1:], start=1):
        needed = set(output).union(*terms[position + 1 :])
        other, other_names = _own_diagonal(tensor, terms[position])
        current, names = _contract(current, names, other, other_names, needed)
    current, names = _sum_unneeded(current, names, set(output))
    return take([current], current.index_map.transpose([names.index(n) for n in output]))


def _letters(equation: str, tensors: list[ExactTensor]) -> tuple[list[list[str]], list[str]]:
    """The names of the axes of every operand and of the result, the ellipsis spelled out as numbered names."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    texts = left.split(",")
    if len(texts) != len(tensors):
        raise ValueError(f"einsum: {len(texts)} terms in {equation!r} for {len(tensors)} operands")
    terms, widest = [], 0
    for text, tensor in zip(texts, tensors, strict=True):
        dots = tensor.ndim - len(text.replace("...", ""))
        if dots < 0 or (dots > 0 and "..." not in text):
            raise ValueError(f"einsum: term {text!r} does not fit a tensor of {tensor.ndim} dimensions")
        widest = max(widest, dots)
        terms.append(_spell(text, dots))
    if arrow:
        return terms, _spell(right, widest)
    flat = [name for term in terms for name in term]
    return terms, [
        *_spell("...", widest),
        *sorted({n for n in flat if not n.startswith("@") and flat.count(n) == 1}),
    ]


def _spell(text: str, dots: int) -> list[str]:
    before, found, after = text.partition("...")
    return [*before, *([f"@{i}" for i in range(dots, 0, -1)] if found else []), *after]


def _own_diagonal(tensor: ExactTensor, names: list[str]) -> tuple[ExactTensor, list[str]]:
    """A letter repeated within one operand picks its diagonal."""
    index, names = tensor.index_map, list(names)
    for name in dict.fromkeys(names):
        while names.count(name) > 1:
            first = names.index(name)
            second = names.index(name, first + 1)
            index = np.moveaxis(np.diagonal(index, 0, first, second), -1, first)
            names.pop(second)
    return take([tensor], index), names


def _sum_unneeded(tensor: ExactTensor, names: list[str], needed: set[str]) -> tuple[ExactTensor, list[str]]:
    drop = [i for i, name in enumerate(names) if name not in needed]
    if drop:
        tensor = reduce("sum", tensor, tuple(drop))
    return tensor, [name for name in names if name in needed]


def _contract(
    a: ExactTensor, a_names: list[str], b: ExactTensor, b_names: list[str], needed: set[str]
) -> tuple[ExactTensor, list[str]]:
    """One pair as a batched matrix product: kept common letters are the batch, dropped common ones the inner axis."""
    a, a_names = _sum_unneeded(a, a_names, needed | set(b_names))
    b, b_names = _sum_unneeded(b, b_names, needed | set(a_names))
    common = [n for n in a_names if n in b_names]
    batch, summed = [n for n in common if n in needed], [n for n in common if n not in needed]
    rows, columns = [n for n in a_names if n not in common], [n for n in b_names if n not in common]
    size: dict[str, int] = {}
    for name, n in [*zip(a_names, a.shape, strict=True), *zip(b_names, b.shape, strict=True)]:
        if size.get(name, 1) != 1 and n not in (1, size[name]):
            raise RuntimeError(f"einsum: axis {name!r} has lengths {size[name]} and {n}")
        size[name] = max(size.get(name, n), n) if n else 0

    def arranged(t: ExactTensor, names: list[str], order: list[str], shape: list[int]) -> ExactTensor:
        full = expand(t, tuple(size[n] for n in names))
        return reshape(take([full], full.index_map.transpose([names.index(n) for n in order])), tuple(shape))

    count = {key: math.prod(size[n] for n in group)
             for key, group in (("b", batch), ("r", rows), ("s", summed), ("c", columns))}  # fmt: skip
    left = arranged(a, a_names, batch + rows + summed, [count["b"], count["r"], count["s"]])
    right = arranged(b, b_names, batch + summed + columns, [count["b"], count["s"], count["c"]])
    names = batch + rows + columns
    return reshape(matmul(left, right), tuple(size[n] for n in names)), names


# ---- matrix functions ------------------------------------------------------------------------------------


def _square(x: Any, operation: str) -> tuple[ExactTensor, tuple[int, ...], int]:
    x = lift(x)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise RuntimeError(f"{operation}: expected square matrices, got shape {tuple(x.shape)}")
    return x, tuple(x.shape[:-2]), x.shape[-1]


def _matrix(primitive: str, x: Any, tail: int, operation: str) -> ExactTensor:
    x, lead, n = _square(x, operation)
    return apply(primitive, [x], {"batch": math.prod(lead), "n": n}, (*lead, *(n,) * tail), FLOAT)


implements("linalg.inv", "inverse")(lambda x: _matrix("inv", x, 2, "linalg.inv"))
implements("linalg.det", "det")(lambda x: _matrix("det", x, 0, "linalg.det"))
implements("logdet")(lambda x: unary("log", _matrix("det", x, 0, "logdet")))
implements("linalg.matrix_exp", "matrix_exp")(lambda x: _matrix("exp_matrix", x, 2, "linalg.matrix_exp"))
implements("trace")(lambda x: reduce("sum", diagonal(x)))


@implements("linalg.slogdet", "slogdet")
def slogdet(x: Any) -> Any:
    """`torch.linalg.slogdet`."""
    determinant = _matrix("det", x, 0, "linalg.slogdet")
    return Extreme(attempt(lambda: unary("sign", determinant)), unary("log", unary("abs", determinant)))


@implements("linalg.cholesky", "cholesky")
def cholesky(x: Any, upper: bool = False) -> ExactTensor:
    """`torch.linalg.cholesky`."""
    factor = _matrix("cholesky", x, 2, "linalg.cholesky")
    return transpose(factor, -2, -1) if upper else factor


def _triangle(x: Any, UPLO: str) -> Any:  # noqa: N803
    return x if UPLO == "L" else transpose(x, -2, -1)


@implements("linalg.eigvalsh")
def eigvalsh(x: Any, UPLO: str = "L") -> ExactTensor:  # noqa: N803
    """`torch.linalg.eigvalsh`."""
    return _matrix("eigvalsh", _triangle(x, UPLO), 1, "linalg.eigvalsh")


@implements("linalg.eigh")
def eigh(x: Any, UPLO: str = "L") -> Any:  # noqa: N803
    """Eigenvalues, and eigenvectors up to sign where they are determined."""
    x = _triangle(x, UPLO)
    return Extreme(eigvalsh(x), attempt(lambda: _matrix("eigvectors", x, 2, "linalg.eigh")))


@implements("linalg.svdvals")
def svdvals(x: Any) -> ExactTensor:
    """Singular values, descending: the largest min(m, n) eigenvalues of [[0, A], [A', 0]]."""
    x = lift(x)
    m, n = x.shape[-2:]
    index = np.full((*x.shape[:-2], m + n, m + n), -1)
    index[..., :m, m:] = x.index_map
    index[..., m:, :m] = x.index_map.swapaxes(-1, -2)
    values = unary("relu", eigvalsh(take([x], index)))
    top = values.index_map[..., ::-1][..., : min(m, n)]
    return take([values], top)


@implements("linalg.solve")
def solve(A: Any, B: Any, *, left: bool = True) -> ExactTensor:  # noqa: N803
    """A X = B; B is a batch of vectors when its shape is that of A without its last axis."""
    a, b = lift(A), lift(B)
    a, lead, n = _square(a, "linalg.solve")
    if not left:
        return transpose(solve(transpose(a, -2, -1), transpose(b, -2, -1)), -2, -1)
    vector = b.ndim == 1 or (b.ndim == a.ndim - 1 and tuple(b.shape) == tuple(a.shape[:-1]))
    b = unsqueeze(b, -1) if vector else b
    lead = np.broadcast_shapes(lead, tuple(b.shape[:-2]))
    columns = b.shape[-1]
    a, b = expand(a, (*lead, n, n)), expand(b, (*lead, n, columns))
    parameters = {"batch": math.prod(lead), "n": n, "columns": columns}
    x = apply("solve", [a, b], parameters, (*lead, n, columns), FLOAT)
    return reshape(x, tuple(x.shape[:-1])) if vector else x


@implements("linalg.solve_triangular")
def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> ExactTensor:
    """`torch.linalg.solve_triangular`."""
    from .torch_shapes import tril, triu

    if unitriangular:
        raise Unsupported("torch.linalg.solve_triangular", "unitriangular=True")
    return solve((triu if upper else tril)(A), B, left=left)


@implements("linalg.matrix_power", "matrix_power")
def matrix_power(x: Any, n: int) -> ExactTensor:
    """By repeated squaring; n = 0 is the identity, n < 0 goes through the inverse."""
    x, lead, size = _square(x, "linalg.matrix_power")
    if n < 0:
        return matrix_power(_matrix("inv", x, 2, "linalg.inv"), -n)
    identity = constant([rational(int(i == j)) for i in range(size) for j in range(size)], (size, size), x.dtype)
    result: ExactTensor | None = None
    while n:
        if n & 1:
            result = x if result is None else matmul(result, x)
        n >>= 1
        x = matmul(x, x) if n else x
    return expand(identity, (*lead, size, size)) if result is None else result


# ---- norms and distances ---------------------------------------------------------------------------------


@implements("linalg.matrix_norm")
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    """Frobenius, nuclear, spectral (2, -2), largest column sum (1) and row sum (inf)."""
    x = lift(A)
    if ord == "fro":
        return vector_norm(x, 2, tuple(dim), keepdim)
    x = take([x], np.moveaxis(x.index_map, dim, (-2, -1)))
    if ord in (2, -2, "nuc"):
        function = {2: "max", -2: "min", "nuc": "sum"}[ord]
        result = reduce(function, svdvals(x), -1)
    elif ord in (1, -1, math.inf, -math.inf):
        sums = reduce("sum", unary("abs", x), -2 if abs(ord) == 1 else -1)
        result = reduce("max" if ord > 0 else "min", sums, -1)
    else:
        raise Unsupported("torch.linalg.matrix_norm", f"ord={ord!r}")
    if keepdim:
        for d in sorted(axis(d, lift(A).ndim) for d in dim):
            result = unsqueeze(result, d)
    return result


@implements("linalg.norm")
def linalg_norm(A: Any, ord: Any = None, dim: Dims = None, keepdim: bool = False, *, dtype: Any = None) -> ExactTensor:
    """`torch.linalg.norm`."""
    x = lift(A)
    if ord is None:
        return vector_norm(x, 2, dim, keepdim)
    pair = dim if isinstance(dim, (tuple, list)) and len(dim) == 2 else (-2, -1) if dim is None and x.ndim == 2 else None
    return vector_norm(x, ord, dim, keepdim) if pair is None else matrix_norm(x, ord, pair, keepdim)


@implements("norm")
def norm(x: Any, p: Any = "fro", dim: Dims = None, keepdim: bool = False, dtype: Any = None) -> ExactTensor:
    """`torch.norm`."""
    if p == "nuc":
        return matrix_norm(x, "nuc", dim or (-2, -1), keepdim)
    return vector_norm(x, 2 if p in ("fro", None) else p, dim, keepdim)


@implements("cdist")
def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = None) -> ExactTensor:
    """Distances between all pairs of rows."""
    return vector_norm(sub(unsqueeze(x1, -2), unsqueeze(x2, -3)), p, -1)


@implements("dist")
def dist(x: Any, other: Any, p: Any = 2) -> ExactTensor:
    """`torch.dist`."""
    return vector_norm(sub(x, other), p)


@implements("cosine_similarity", "functional.cosine_similarity")
def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> ExactTensor:
    """`torch.cosine_similarity`."""
    norms = [binary("maximum", vector_norm(x, 2, dim), eps) for x in (x1, x2)]
    return binary("div", reduce("sum", mul(x1, x2), dim), mul(*norms))
