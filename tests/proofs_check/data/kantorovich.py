# kantorovich.py: a researcher's own file
import torch
from proofs_check import chain, claim, domains as D, leq

@claim(
    source="Kantorovich 1948",
    theta=D.psd("n", cond=1e6),           # symmetric positive definite, n x n, condition number at most 1e6
    y=D.real("n"),
    mutants={"one percent too strong": dict(c=0.99)},
)
def kantorovich(theta, y, *, c=1.0):
    r"""$(y^\top\Theta y)(y^\top\Theta^{-1}y) \le \frac{(\lambda_1+\lambda_n)^2}{4\lambda_1\lambda_n}\|y\|^4$."""
    lam = torch.linalg.eigvalsh(theta)
    lo, hi = lam[..., 0], lam[..., -1]
    quad = (y * (theta @ y[..., None])[..., 0]).sum(-1)
    inv = (y * torch.linalg.solve(theta, y)).sum(-1)
    return leq(quad * inv, c * (lo + hi) ** 2 / (4 * lo * hi) * (y * y).sum(-1) ** 2)
