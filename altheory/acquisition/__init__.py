"""Query strategies: which points of a pool to label next.

Every strategy is an object with its settings and one method, `query`, that returns a `Query`:

    asked = al.acquisition.CRC(group_size=5).query(K, labelled, 50, seed=0)
    asked.chosen              # row numbers of K
    asked.eigendecompositions  # what it cost

`K` is the kernel of all points, or a function of two lists of row numbers that returns a block of it, so that a large pool
never needs the whole matrix. `DynamicAL` takes the Gram matrix of the examples' gradients in its place, `RandomizedBSS`
features; `altheory.active_learning.run` hands each strategy what its `query` names.
"""

from altheory.acquisition._crc import CRC, GreedyCRC
from altheory.acquisition._dynamical import DynamicAL
from altheory.acquisition._lookahead import EER, EMOC, MLMOC, SequentialMLMOC
from altheory.acquisition._query import Query, attained
from altheory.acquisition._random import Random
from altheory.acquisition._sparsifier import RandomizedBSS
from altheory.acquisition._uncertainty import EGL, Entropy, EntropyGradNorm, ExpectedGradNorm

__all__ = [
    "CRC",
    "EER",
    "EGL",
    "EMOC",
    "MLMOC",
    "DynamicAL",
    "Entropy",
    "EntropyGradNorm",
    "ExpectedGradNorm",
    "GreedyCRC",
    "Query",
    "Random",
    "RandomizedBSS",
    "SequentialMLMOC",
    "attained",
]
