"""What the five papers rest on without proving it: the kernel of a wide two-layer network, and how training stays close to it.

The papers quote these facts; their claims name the ones they use (`uses=`).
"""

#: the modules in reading order
ORDER = ("odd_part", "positive_definiteness", "width", "linear_training", "lazy_training")

#: symbol, name in the code, shape, meaning
GLOSSARY = [
    (r"$x_i$", "x", "(n, d)", "inputs"),
    (r"$m$", "width", "scalar", "number of neurons"),
    (r"$w_r$", "net.W", "(m, d)", "first-layer weights, standard normal at initialisation"),
    (r"$a_r$", "net.a", "(m, K)", "output signs"),
    (r"$K$", "al.kernels.analytic", "(n, n)", "tangent kernel of the infinitely wide network"),
    (r"$K_t$", "al.kernels.empirical", "(n, n)", "tangent kernel of the network of width m after t steps of training"),
    (r"$f_t$", "net(X)", "(n, K)", "outputs after t steps"),
    (r"$f_t^{lin}$", "al.training.linearised", "(n, K)", "outputs of the network linearised at initialisation, after t steps"),
    (r"$\lambda_{\min}$", "lowest", "scalar", "smallest eigenvalue of K"),
    (r"$\delta$", "separation", "scalar", "smallest distance between two inputs, or between one and the antipode of another"),
]  # fmt: skip
