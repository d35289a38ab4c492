r"""Many networks refitted at once, each with weights of its own on the same points: exact leave-one-out.

The networks are $f(x) = m^{-1/2}\sum_ra_r\tanh(w_r\cdot x)$ with the first layer trained. (With both layers trained the
penalty leaves directions almost flat, along which weights move from one layer to the other: the Hessian is next to singular,
and a refit takes very long.) The objective is $\frac1n\sum_iw_i\ell_i+\frac\lambda2|\theta|^2$; leaving a point out sets its
weight to 0 and changes nothing else. Newton steps by conjugate gradients, with the Hessian in closed form and the
Gauss-Newton matrix, in sample space, as preconditioner. `altheory.influence.leave_one_out` does the same for any network, one
refit at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

import altheory as al

NEWTON, INNER, HALVINGS = 40, 40, 6


@dataclass
class _At:
    """The problem at B first layers W (B, m, d)."""

    W: Tensor
    h: Tensor  # (B, n, m)
    p: Tensor  # (B, n, N)
    r: Tensor  # (B, n, N) weighted residuals
    value: Tensor  # (B,)
    slope: Tensor  # (B, m, d)


@dataclass
class Problem:
    r"""B objectives of networks with output weights a.

    Attributes:
        a: (B, m, N), with the factor $m^{-1/2}$.
        x: (B, n, d) points.
        y: (B, n, N) one-hot labels.
        w: (B, n) weights of the losses, divided by n.
        decay: $\lambda>0$.
    """

    a: Tensor
    x: Tensor
    y: Tensor
    w: Tensor
    decay: float

    def rows(self, which: Tensor) -> Problem:
        """Some of the objectives."""
        return Problem(self.a[which], self.x[which], self.y[which], self.w[which], self.decay)

    def at(self, W: Tensor) -> _At:
        """The objective and its gradient."""
        h = torch.tanh(self.x @ W.mT)
        z = h @ self.a
        losses = torch.logsumexp(z, -1) - (z * self.y).sum(-1)
        p = torch.softmax(z, -1)
        r = self.w[..., None] * (p - self.y)
        value = (self.w * losses).sum(-1) + self.decay / 2 * W.square().sum((1, 2))
        return _At(W, h, p, r, value, ((1 - h * h) * (r @ self.a.mT)).mT @ self.x + self.decay * W)

    def hessian(self, at: _At, V: Tensor) -> Tensor:
        """The Hessian times V (B, m, d)."""
        u, D, pulled = self.x @ V.mT, 1 - at.h**2, at.r @ self.a.mT
        dz = (D * u) @ self.a
        curved = self.w[..., None] * at.p * (dz - (at.p * dz).sum(-1, keepdim=True))
        return (D * (curved @ self.a.mT - 2 * at.h * u * pulled)).mT @ self.x + self.decay * V

    def gauss_newton(self, at: _At) -> tuple[Tensor, Tensor]:
        r"""$UU^\top+\lambda I$, the first part of the Hessian: directions q (B, n (N - 1), m) of the rows $q\,x^\top$ of
        $U^\top$, and the Cholesky factors of $\lambda I+U^\top U$.
        """
        B, n, N = at.p.shape
        root = at.p.sqrt()
        v = root.clone()
        v[..., -1] += 1  # a reflection takes the null direction of the curvature's root to the last axis, which is cut off
        reflect = torch.eye(N, dtype=root.dtype) - v[..., :, None] * (v / (1 + root[..., -1:]))[..., None, :]
        R = root[..., :, None] * reflect[..., :-1] - at.p[..., :, None] * (root[..., None, :] @ reflect[..., :-1])
        R = R * self.w.sqrt()[..., None, None]
        q = ((R.mT.flatten(1, 2) @ self.a.mT).unflatten(1, (n, N - 1)) * (1 - at.h**2)[..., None, :]).flatten(1, 2)
        M = (q @ q.mT).view(B, n, N - 1, n, N - 1) * (self.x @ self.x.mT)[:, :, None, :, None]
        M = M.view(B, n * (N - 1), n * (N - 1))
        M.diagonal(dim1=1, dim2=2).add_(self.decay)
        return q, torch.linalg.cholesky(M)

    def solve(self, factor: tuple[Tensor, Tensor], V: Tensor) -> Tensor:
        r"""$(UU^\top+\lambda I)^{-1}V = \frac1\lambda[V-U(\lambda I+U^\top U)^{-1}U^\top V]$."""
        q, L = factor
        n = self.x.shape[1]
        moved = (q.unflatten(1, (n, -1)) * (self.x @ V.mT)[:, :, None, :]).sum(-1).flatten(1)
        w = torch.cholesky_solve(moved[..., None], L)
        return (V - (w * q).unflatten(1, (n, -1)).sum(2).mT @ self.x) / self.decay

    def newton_step(self, at: _At, factor: tuple[Tensor, Tensor]) -> Tensor:
        """Conjugate gradients; each problem stops where it is good enough, or where the Hessian is not positive."""
        size = _norm(at.slope)
        goal = size * size.sqrt().clamp(max=0.1)
        r, z = at.slope, self.solve(factor, at.slope)
        x, p, rz, active = torch.zeros_like(r), z, _dot(r, z), size > 0
        for k in range(INNER):
            q = self.hessian(at, p)
            bend = _dot(p, q)
            if k == 0:
                x = torch.where((bend <= 0)[:, None, None], p, x)
            active = active & (bend > 0)
            alpha = torch.where(active, rz / bend, 0.0)[:, None, None]
            x, r = x + alpha * p, r - alpha * q
            active = active & (_norm(r) > goal)
            if not bool(active.any()):
                break
            z = self.solve(factor, r)
            new = _dot(r, z)
            p, rz = z + (new / rz)[:, None, None] * p, new
        return x


def refitted(problem: Problem, W: Tensor, tol: float) -> Tensor:
    """(B, m, d) first layers at stationary points near W; what has not reached `tol` in `NEWTON` steps is left where it is."""
    W, open_ = W.clone(), torch.arange(len(W))
    for _ in range(NEWTON):
        now = problem.rows(open_)
        at = now.at(W[open_])
        left = _norm(at.slope) > tol
        if not bool(left.any()):
            break
        if not bool(left.all()):
            open_ = open_[left]
            now = problem.rows(open_)
            at = now.at(W[open_])
        size, step, length = _norm(at.slope), now.newton_step(at, now.gauss_newton(at)), at.value.new_ones(len(open_))
        for _ in range(HALVINGS):
            moved = now.at(at.W - length[:, None, None] * step)
            worse = (moved.value > at.value * (1 + 1e-12)) & (_norm(moved.slope) > size / 2)
            if not bool(worse.any()):
                break
            length = torch.where(worse, length / 4, length)
        W[open_] = moved.W
    return W


def _dot(one: Tensor, two: Tensor) -> Tensor:
    return (one * two).sum((1, 2))


def _norm(V: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(V)


def without_each(
    net: al.TwoLayerNet, x: Tensor, y: Tensor, decay: float, which: int, *, tol: float = 1e-6
) -> tuple[al.TwoLayerNet, list[al.TwoLayerNet]]:
    """A network at a stationary point near where it is, and its refits without one of its first `which` points.

    Args:
        net: The network.
        x: (n, d) points.
        y: (n, N) one-hot labels.
        decay: The penalty.
        which: How many points are left out, one at a time.
        tol: The gradient norm to reach.
    """
    a, n = net.a[None] / net.width**0.5, len(x)
    W = refitted(Problem(a, x[None], y[None], x.new_full((1, n), 1 / n), decay), net.W[None], tol)
    weights = (1 - torch.eye(n, dtype=x.dtype)[:which]) / n
    a, x, y = (v.expand(which, *v.shape[-2:]) for v in (a, x, y))
    many = Problem(a, x, y, weights, decay)
    after = refitted(many, W.expand(which, -1, -1), tol)
    return net.replace(W=W[0]), [net.replace(W=V) for V in after]
