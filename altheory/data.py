r"""Labelled data sets for classification: digits, a user's npz file, OpenML.

`load` accepts three forms of name and refuses everything else with one sentence (`InputError`):

- `"digits"`: the 1797 handwritten digits that ship with scikit-learn, 64 features, 10 classes;
- `"PATH/FILE.npz"`: arrays `X` (n, d) and `y` (n,) in a file written by `numpy.savez`; nothing is unpickled;
- `"openml:NAME"`: the newest active version of NAME on openml.org (network on the first use, then
  scikit-learn's cache).
"""

from __future__ import annotations

import os
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from altheory._inputs import InputError

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

FORMS = '"digits", "FILE.npz" or "openml:NAME"'


@dataclass(frozen=True, eq=False)
class Dataset:
    """A labelled data set.

    Attributes:
        name: Where it comes from, as given to `load`.
        X: (n, d) float64 features.
        y: (n,) int64 class numbers 0 to K-1.
        classes: (K,) the names of the classes, sorted: `classes[y]` are the labels as given.
    """

    name: str
    X: Float64[np.ndarray, "n d"]
    y: Int64[np.ndarray, " n"]
    classes: np.ndarray[Any, Any]

    def unit(self) -> Dataset:
        r"""The same data with every row scaled to $|x_i| = 1$.

        Returns:
            A new data set.

        Raises:
            InputError: A row is zero.
        """
        scale = np.abs(self.X).max(axis=1, keepdims=True)
        zero = np.flatnonzero(scale == 0)
        if zero.size:
            raise InputError(
                f"row {zero[0]} of data set {self.name!r} is zero and has no direction; remove it "
                f"({zero.size} such row(s) in all)."
            )
        rows = self.X / scale  # first by the largest entry, so that squares neither overflow nor vanish
        return Dataset(self.name, rows / np.linalg.norm(rows, axis=1, keepdims=True), self.y, self.classes)


def load(spec: str | os.PathLike[str]) -> Dataset:
    """Load a data set by name.

    Args:
        spec: `"digits"`, the path of an `.npz` file, or `"openml:NAME"`.

    Returns:
        The data set, numpy arrays in memory.

    Raises:
        InputError: The name has none of the three forms, or the data are missing, unreadable or unusable.
    """
    if not isinstance(spec, (str, os.PathLike)):
        raise InputError(f"the data set is {spec!r} but a name is wanted; pass {FORMS}.")
    name = os.fspath(spec)
    if name == "digits":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
    elif isinstance(name, str) and name.startswith("openml:") and len(name) > len("openml:"):
        X, y = _openml(name)
    elif isinstance(name, str) and name.endswith(".npz"):
        X, y = _npz(name)
    else:
        raise InputError(f"the data set {name!r} is unknown; pass {FORMS}.")
    return _dataset(name, X, y)


def two_moons(n: int, *, noise: float = 0.1, seed: int) -> Dataset:
    r"""Two interlocked half circles in the plane, the toy set of semi-supervised learning.

    Class 0 lies along $(\cos a, \sin a)$, class 1 along $(1-\cos a, \frac12-\sin a)$, a equally spaced from 0 to $\pi$; every
    coordinate is perturbed.

    Args:
        n: How many points; even, half of them in each class, in order of a.
        noise: Standard deviation of the perturbation.
        seed: Seed of the perturbation.

    Returns:
        The data set, class 0 first.

    Raises:
        InputError: n is odd or below 4, or the noise is negative.
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 4 or n % 2:
        raise InputError(f"`n` is {n!r} but an even integer of at least 4 is wanted; pass such an integer.")
    if not 0 <= noise < np.inf:
        raise InputError(f"`noise` is {noise!r} but a finite number of at least 0 is wanted; pass such a number.")
    a = np.linspace(0, np.pi, n // 2)
    moons = [np.stack([np.cos(a), np.sin(a)], 1), np.stack([1 - np.cos(a), 0.5 - np.sin(a)], 1)]
    X = np.concatenate(moons) + noise * np.random.default_rng(seed).standard_normal((n, 2))
    return Dataset("two moons", X, np.repeat(np.arange(2, dtype=np.int64), n // 2), np.array(["0", "1"]))


def _npz(name: str) -> tuple[Any, Any]:
    """The arrays X and y of an npz file."""
    try:
        with open(name, "rb") as file:
            if not zipfile.is_zipfile(file):
                raise InputError(f"file {name!r} is not an npz archive; write one with `numpy.savez(FILE, X=X, y=y)`.")
    except OSError as error:
        raise InputError(
            f"file {name!r} cannot be read ({error.strerror or error}); pass the path of a readable npz file."
        ) from error
    arrays = []
    try:
        with np.load(name, allow_pickle=False) as archive:
            missing = [key for key in ("X", "y") if key not in archive.files]
            if missing:
                raise InputError(
                    f"file {name!r} has no array {missing[0]!r} (it has {sorted(archive.files)}); "
                    "write it with `numpy.savez(FILE, X=X, y=y)`."
                )
            for key in ("X", "y"):
                arrays.append(_member(name, archive, key))
    except InputError:
        raise
    except Exception as error:  # a damaged archive raises whatever its parser meets (zlib, zipfile, struct, numpy)
        raise InputError(
            f"file {name!r} is damaged ({_one_line(error)}); write it again with `numpy.savez(FILE, X=X, y=y)`."
        ) from error
    return arrays[0], arrays[1]


def _member(name: str, archive: Any, key: str) -> Any:
    """One array of an archive; an object array would need unpickling, which can run code, and is refused."""
    try:
        return archive[key]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            f"array {key!r} of file {name!r} holds Python objects, which are never unpickled; "
            f"save it as an array of numbers{' or strings' if key == 'y' else ''}."
        ) from error


def _openml(name: str) -> tuple[Any, Any]:
    """The arrays X and y of a data set on openml.org."""
    from sklearn import datasets

    try:
        bunch = datasets.fetch_openml(name=name.removeprefix("openml:"), as_frame=False)
        X, y = bunch.data, bunch.target
    except Exception as error:  # network, parser, name: scikit-learn documents no closed list
        raise InputError(
            f"data set {name!r} could not be fetched ({_one_line(error)}); "
            "check the name and the network, or save it as an npz file and pass that."
        ) from error
    return X, y


def _dataset(name: str, X: Any, y: Any) -> Dataset:
    """Validate features and labels, and number the classes."""
    if not isinstance(X, np.ndarray) or X.dtype.kind not in "biuf" or X.ndim != 2:
        what = f"dtype {X.dtype}, shape {X.shape}" if isinstance(X, np.ndarray) else f"a {type(X).__name__}"
        raise InputError(f"`X` of {name!r} is {what} but real numbers of shape (n, d) are wanted; convert it first.")
    if not isinstance(y, np.ndarray) or y.ndim != 1:
        what = f"has shape {y.shape}" if isinstance(y, np.ndarray) else f"is a {type(y).__name__}"
        raise InputError(f"`y` of {name!r} {what} but one label a row, shape (n,), is wanted; pass class labels.")
    if len(X) != len(y):
        raise InputError(f"`X` of {name!r} has {len(X)} rows but `y` has {len(y)} labels; pass one label for each row.")
    if len(X) < 2 or X.shape[1] < 1:
        raise InputError(f"`X` of {name!r} has shape {X.shape} but at least 2 rows and 1 column are wanted; add data.")
    if y.dtype.kind == "O" and all(isinstance(label, str) for label in y):
        y = y.astype(str)  # fetch_openml gives string classes as Python strings
    if y.dtype.kind not in "biuUS":
        raise InputError(
            f"`y` of {name!r} has dtype {y.dtype} but class labels are wanted; pass integers, booleans or strings."
        )
    X = np.array(X, dtype=np.float64)
    if not np.isfinite(X).all():
        row, column = np.argwhere(~np.isfinite(X))[0]
        raise InputError(
            f"`X` of {name!r} contains NaN or infinity (first at row {row}, column {column}) "
            "but finite numbers are wanted; remove or impute them."
        )
    classes, numbers = np.unique(y, return_inverse=True)
    return Dataset(name, X, numbers.reshape(-1).astype(np.int64), classes)


def _one_line(error: BaseException) -> str:
    """An exception's kind and message on one line, cut to a readable length."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
