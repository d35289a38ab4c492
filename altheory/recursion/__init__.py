r"""One step of gradient descent on a squared loss: what the kernel predicts, and what it leaves out.

With $e_t = y-f(\theta_t)$, $L = c\,|e|^2$ and $\theta_{t+1} = \theta_t-\eta\nabla L_t$, the step is described by

$$\xi_t = \int_0^\eta\nabla L_t^\top\left(\nabla L_t-\nabla L(\theta_t-\gamma\nabla L_t)\right)d\gamma,\qquad
\varepsilon_t = \tfrac12|f_{t+1}-f_t|^2,\qquad
b_t = \int_0^\eta(h'(\gamma)-h'(0))\,d\gamma,\ h(\gamma) = f(\theta_t-\gamma\nabla L_t).$$

Two identities hold for every c and every step size (the fundamental theorem of calculus, on L and on f): $L_{t+1} =
L_t-\eta|\nabla L_t|^2+\xi_t$ and $\xi_t-2c\,\varepsilon_t = -2c\,e_t^\top b_t$. All three quantities are integrals of
gradients here, never differences of losses, so that the identities test something.

    model = al.recursion.QuadraticModel(outputs, jacobian, hessian)         # or TwoLayerModel(W, a, X, (0, 1, 0.5))
    step = al.recursion.polynomial_step(model, y, eta)                      # exact, batched, rational arithmetic too
    f, theta = al.recursion.of_network(net, X)
    step = al.recursion.integrated_step(f, theta, y, eta)                   # any differentiable model, by quadrature
    step.xi, step.eps, step.bound()

Source: Kong et al., "Relieving the Plateau: Active Semi-Supervised Learning for a Better Landscape" (CRC), Lemmas 1 and 3;
after Du et al. (2019).
"""

from altheory.recursion._autograd import integrated_step, of_network
from altheory.recursion._models import QuadraticModel, TwoLayerModel
from altheory.recursion._rules import gauss_legendre, newton_cotes
from altheory.recursion._step import Step
from altheory.recursion._steps import polynomial_step, relu_neuron_step

__all__ = [
    "QuadraticModel",
    "Step",
    "TwoLayerModel",
    "gauss_legendre",
    "integrated_step",
    "newton_cotes",
    "of_network",
    "polynomial_step",
    "relu_neuron_step",
]
