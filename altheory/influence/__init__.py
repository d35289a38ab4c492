r"""What removing or adding a training point does to the test loss: influence functions, and the refits they stand for.

    fit = al.influence.ridge(X, y, 1.0)                      # closed forms: fit.influences, fit.without(), fit.loss_without
    fit = al.influence.softmax(X, y, 1.0, classes=3)         # Newton; fit.without() refits exactly, all in one batch
    near = al.influence.gauss_newton(net, X, y, 1e-3)        # any network, in sample space, no Jacobian formed
    near.influences(X_test, y_test)                          # (n, m): (1/n) g_j' H^-1 g_i
    al.influence.conjugate_gradient(net, X, y, 1e-3)         # the same by Hessian- or Gauss-Newton-vector products
    net = al.influence.fit(net, X, y, 1e-3).net              # a stationary point
    al.influence.leave_one_out(net, X, y, 1e-3, Z, t)        # (n, m): what really happens; and add_one

Signs and scales: I(x, z) is the first-order *increase* of the loss at z when x is *removed*; adding a point changes it by -I.
Regressions sum their losses and have a penalty $\frac\rho2|\theta|^2$; networks average them and have a damping $\lambda =
\rho/n$. I is the same number in both.

Source: Koh and Liang (2017); "Boosting Active Learning via Improving Test Performance" (gradnorm), eq. (1) to (4).
"""

from altheory.influence._bounds import linear_bound, norm_order_constant, p_norm, strong_bound
from altheory.influence._conjugate_gradient import ConjugateGradient, conjugate_gradient
from altheory.influence._curvature import Curvature, relu_curvature
from altheory.influence._gauss_newton import GaussNewton, gauss_newton
from altheory.influence._regression import Regression, logistic, softmax
from altheory.influence._retraining import Trained, add_one, fit, leave_one_out
from altheory.influence._ridge import RidgeFit, ridge

__all__ = [
    "ConjugateGradient",
    "Curvature",
    "GaussNewton",
    "Regression",
    "RidgeFit",
    "Trained",
    "add_one",
    "conjugate_gradient",
    "fit",
    "gauss_newton",
    "leave_one_out",
    "linear_bound",
    "logistic",
    "norm_order_constant",
    "p_norm",
    "relu_curvature",
    "ridge",
    "softmax",
    "strong_bound",
]
