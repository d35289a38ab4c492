"""Loading data: the three forms of name, and every refusal."""

from __future__ import annotations

import io
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import altheory as al
from altheory import data

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


class Trap:
    """Unpickling an instance leaves a mark."""

    unpickled = False

    def __setstate__(self, state: object) -> None:
        Trap.unpickled = True


def save(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


def test_digits():
    digits = data.load("digits")
    assert (digits.X.shape, digits.X.dtype, digits.y.dtype) == ((1797, 64), np.float64, np.int64)
    assert digits.classes.tolist() == list(range(10))
    assert digits.y[:10].tolist() == list(range(10))
    assert digits.name == "digits"


@pytest.mark.parametrize(
    ("y", "numbers", "classes"),
    [
        (np.array(["cat", "ant", "cat"]), [1, 0, 1], ["ant", "cat"]),
        (np.array([b"cat", b"ant", b"cat"]), [1, 0, 1], [b"ant", b"cat"]),
        (np.array([7, -1, 7], dtype=np.int8), [1, 0, 1], [-1, 7]),
        (np.array([True, False, False]), [1, 0, 0], [False, True]),
    ],
)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_npz(tmp_path, y, numbers, classes, dtype):
    path = tmp_path / "set.npz"
    loaded = data.load(save(path, X=X.astype(dtype), y=y))
    assert loaded.X.dtype == np.float64
    assert loaded.X.tolist() == X.tolist()
    assert (loaded.y.dtype, loaded.y.tolist()) == (np.int64, numbers)
    assert loaded.classes.tolist() == classes
    assert loaded.classes[loaded.y].tolist() == y.tolist()
    assert data.load(path).y.tolist() == numbers  # a pathlib.Path too


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"X": X}, r"has no array 'y' \(it has \['X'\]\)"),
        ({"y": np.arange(3)}, "has no array 'X'"),
        ({"X": X[0], "y": np.arange(2)}, r"`X` of .* shape \(2,\) but real numbers of shape \(n, d\)"),
        ({"X": X * 1j, "y": np.arange(3)}, "dtype complex128"),
        ({"X": X.astype(str), "y": np.arange(3)}, "dtype <U"),
        ({"X": X, "y": np.arange(4)}, "has 3 rows but `y` has 4 labels"),
        ({"X": X, "y": np.eye(3)}, r"`y` of .* has shape \(3, 3\) but one label a row"),
        ({"X": X, "y": np.array([0.5, 1.5, 2.5])}, "dtype float64 but class labels are wanted"),
        ({"X": X[:1], "y": np.arange(1)}, r"shape \(1, 2\) but at least 2 rows"),
        ({"X": X[:, :0], "y": np.arange(3)}, r"shape \(3, 0\) but at least 2 rows and 1 column"),
        ({"X": np.where(X == 4, np.nan, X), "y": np.arange(3)}, "first at row 1, column 1"),
        ({"X": np.where(X == 5, np.inf, X), "y": np.arange(3)}, "first at row 2, column 0"),
    ],
)
def test_refused_npz(tmp_path, arrays, words):
    with pytest.raises(al.InputError, match=words) as caught:
        data.load(save(tmp_path / "set.npz", **arrays))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("key", ["X", "y"])
def test_object_arrays_are_refused_without_unpickling(tmp_path, key):
    arrays = {"X": X, "y": np.arange(3), key: np.array([Trap(), Trap(), Trap()], dtype=object)}
    arrays[key][0].mark = 1  # a state, so that unpickling would call __setstate__
    path = save(tmp_path / "set.npz", **arrays)
    Trap.unpickled = False
    with pytest.raises(al.InputError, match=f"array '{key}' of file .* holds Python objects, which are never unpickled"):
        data.load(path)
    assert not Trap.unpickled
    with np.load(path, allow_pickle=True) as archive:  # the trap does work
        archive[key]
    assert Trap.unpickled


def test_files_that_are_not_npz_archives(tmp_path):
    with pytest.raises(al.InputError, match=r"cannot be read \(No such file or directory\); pass the path"):
        data.load(str(tmp_path / "missing.npz"))
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(al.InputError, match=r"cannot be read \(Is a directory\)"):
        data.load(str(tmp_path / "folder.npz"))
    for content in (b"", b"hello", b"\x93NUMPY"):
        (tmp_path / "text.npz").write_bytes(content)
        with pytest.raises(al.InputError, match="is not an npz archive; write one with `numpy.savez"):
            data.load(str(tmp_path / "text.npz"))


def test_damaged_archives(tmp_path):
    path = tmp_path / "set.npz"
    np.savez_compressed(path, X=np.random.default_rng(0).standard_normal((50, 20)), y=np.arange(50))
    whole = path.read_bytes()
    for start in (60, 200, 3000):
        path.write_bytes(whole[:start] + bytes(200) + whole[start + 200 :])
        with pytest.raises(al.InputError, match=r"is damaged \(|not an npz archive"):
            data.load(str(path))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", "not an array")
        archive.writestr("y.npy", "not an array")
    with pytest.raises(al.InputError, match="`X` of .* is a bytes but real numbers"):
        data.load(str(path))
    buffer = io.BytesIO()
    np.save(buffer, X)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", buffer.getvalue()[:-8])
        archive.writestr("y.npy", buffer.getvalue())
    with pytest.raises(al.InputError, match=r"is damaged \("):
        data.load(str(path))


@pytest.mark.parametrize("spec", ["iris", "openml:", "set.csv", ""])
def test_unknown_names(spec):
    with pytest.raises(al.InputError, match='is unknown; pass "digits", "FILE.npz" or "openml:NAME"'):
        data.load(spec)


@pytest.mark.parametrize("spec", [3, None, b"set.npz"])
def test_names_that_are_no_names(spec):
    with pytest.raises(al.InputError, match=f'the data set is {spec!r} but a name is wanted; pass "digits"'):
        data.load(spec)


def test_openml(monkeypatch):
    asked = {}

    def fetch(**arguments):
        asked.update(arguments)
        return SimpleNamespace(data=X, target=np.array(["b", "a", "b"], dtype=object))

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    loaded = data.load("openml:mnist_784")
    assert asked == {"name": "mnist_784", "as_frame": False}
    assert (loaded.y.tolist(), loaded.classes.tolist()) == ([1, 0, 1], ["a", "b"])


@pytest.mark.parametrize(
    ("target", "values", "words"),
    [
        (None, X, "`y` of 'openml:x' is a NoneType"),
        (np.array([1.5, 2.5, 3.5]), X, "dtype float64 but class labels"),
        (np.array(["a", None, "b"], dtype=object), X, "dtype object but class labels"),
        (np.arange(3), X.astype(object), "dtype object, shape"),
        (np.arange(3), "sparse", "is a str but real numbers"),
    ],
)
def test_openml_sets_that_do_not_fit(monkeypatch, target, values, words):
    monkeypatch.setattr("sklearn.datasets.fetch_openml", lambda **_: SimpleNamespace(data=values, target=target))
    with pytest.raises(al.InputError, match=words):
        data.load("openml:x")


@pytest.mark.parametrize("error", [OSError("no\nnetwork"), ValueError("unknown data set"), KeyError()])
def test_openml_failures_are_one_sentence(monkeypatch, error):
    def fetch(**_):
        raise error

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch)
    with pytest.raises(al.InputError, match=f"'openml:x' could not be fetched .{type(error).__name__}") as caught:
        data.load("openml:x")
    assert "\n" not in str(caught.value)


def test_unit_rows():
    rows = np.array([[3.0, 4.0], [1e200, 1e200], [1e-200, 0.0]])
    unit = data.Dataset("mine", rows, np.arange(3), np.arange(3)).unit()
    np.testing.assert_allclose(unit.X, [[0.6, 0.8], [0.5**0.5, 0.5**0.5], [1, 0]], rtol=1e-15)
    assert rows[0].tolist() == [3.0, 4.0]
    assert unit.name == "mine"
    rows[1] = 0
    with pytest.raises(al.InputError, match="row 1 of data set 'mine' is zero .* remove it .1 such"):
        data.Dataset("mine", rows, np.arange(3), np.arange(3)).unit()
