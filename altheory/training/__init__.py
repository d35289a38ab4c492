r"""Training: gradient descent of networks, of their linearisation, and gradient flow under a kernel.

    run = al.training.gradient_descent(net, X, Y, lr=0.1, steps=1000, record=al.training.Record(kernel=[0, 100, 1000]))
    run.E, run.loss, run.kernel_drift, run.net
    line = al.training.linearised(net, X, Y, lr=0.1, steps=1000)
    flow = al.training.gradient_flow(al.kernels.analytic(X), Y, times=[0, 1, 10])

Losses are sums over the points: $\frac12\sum_i|f(x_i)-y_i|^2$, or the cross-entropies added.
"""

from altheory.training._descent import gradient_descent
from altheory.training._flow import gradient_flow, kernel_descent
from altheory.training._linearised import linearised
from altheory.training._trajectory import Record, Trajectory, stack

__all__ = ["Record", "Trajectory", "gradient_descent", "gradient_flow", "kernel_descent", "linearised", "stack"]
