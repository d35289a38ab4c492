r"""What removing or adding a training point does to the test loss: influence functions, and the refits they stand for.

    fit = al.influence.ridge(X, y, 1.0)                      # closed forms: fit.influences, fit.without(), fit.loss_without
    fit = al.influence.softmax(X, y, 1.0, classes=3)         # Newton; fit.without() refits exactly, all in one batch
    near = al.influence.gauss_newton(net, X, y, 1e-3)        # any network, in sample space, no Jacobian formed
    near.influences(X_test, y_test)                          # (n, m): (1/n) g_j' H^-1 g_i

Signs and scales: I(x, z) is the first-order *increase* of the loss at z when x is *removed*; adding a point changes it by -I.
Regressions sum their losses and have a penalty $\frac\rho2|\theta|^2$; networks average them and have a damping $\lambda =
\rho/n$. I is the same number in both.

Source: Koh and Liang (2017); "Boosting Active Learning via Improving Test Performance" (gradnorm), eq. (1) to (4).
"""

from altheory.influence._bounds import linear_bound, norm_order_constant, p_norm, strong_bound
from altheory.influence._gauss_newton import GaussNewton, gauss_newton
from altheory.influence._regression import Regression, logistic, softmax
from altheory.influence._ridge import RidgeFit, ridge

__all__ = [
    "GaussNewton",
    "Regression",
    "RidgeFit",
    "gauss_newton",
    "linear_bound",
    "logistic",
    "norm_order_constant",
    "p_norm",
    "ridge",
    "softmax",
    "strong_bound",
]
