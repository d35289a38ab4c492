"""The shared validation: what is accepted and in which dtype, and each sentence of refusal."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import altheory as al
from altheory._inputs import InputError, as_labels, as_tensor, as_tensors, check_integer, check_symmetric


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.ones((2, 2)), torch.float64),
        (np.ones((2, 2), dtype=np.float32), torch.float32),
        (np.ones((2, 2), dtype=">f8"), torch.float64),
        (np.ones((2, 2), dtype=np.int16), torch.float64),
        (torch.ones(2, 2, dtype=torch.float32), torch.float32),
        (torch.ones(2, 2, dtype=torch.int64), torch.float64),
        (torch.ones(2, 2, dtype=torch.bool), torch.float64),
        ([[1, True], [1.0, 1]], torch.float64),
        (np.ones((4, 4))[::-2, ::2], torch.float64),
    ],
)
def test_accepted_values_keep_their_float_dtype(value, dtype):
    tensor = as_tensor("X", value)
    assert tensor.dtype == dtype
    assert torch.equal(tensor, torch.ones(2, 2, dtype=dtype))


def test_values_and_order_survive_the_conversion():
    array = np.arange(12, dtype=float).reshape(3, 4).T[::-1]
    assert as_tensor("X", array).tolist() == array.tolist()


def test_a_read_only_array_is_copied_without_a_warning(recwarn):
    array = np.ones(3)
    array.flags.writeable = False
    as_tensor("X", array)[0] = 5
    assert array[0] == 1
    assert not recwarn.list


def test_scalars_and_the_graph():
    assert as_tensor("eta", 3).shape == ()
    W = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert as_tensor("W", W) is W


@pytest.mark.parametrize(
    ("value", "kwargs", "words"),
    [
        ("abc", {}, ["`X` is a str", "not a rectangular array of numbers", "pass a torch tensor"]),
        (None, {}, ["`X` is a NoneType", "pass a torch tensor"]),
        ([[1, 2], [3]], {}, ["`X` is a list", "equal-length"]),
        (np.array([1, "a"], dtype=object), {}, ["dtype object", "pass a torch tensor"]),
        ([1j], {}, ["`X` is complex", "real part"]),
        (torch.ones(2, dtype=torch.complex64), {}, ["`X` is complex", "real part"]),
        (np.ones(2, dtype=np.float16), {}, ["float16", "float32 or float64", "astype"]),
        (torch.ones(2, dtype=torch.bfloat16), {}, ["bfloat16", "float32 or float64"]),
        (torch.eye(2).to_sparse(), {}, ["sparse", "to_dense"]),
        ([[1.0, float("nan")]], {}, ["NaN or infinity", "(0, 1)", "remove or impute"]),
        (float("inf"), {}, ["NaN or infinity", "finite"]),
        (np.ones((0, 3)), {}, ["empty (shape (0, 3))", "non-empty"]),
        ([1.0], {"ndim": 2}, ["1 dimension(s) (shape (1,)) but 2 are wanted"]),
        ([1.0], {"ndim": (2, 3)}, ["but 2 or 3 are wanted"]),
        ([1.0], {"min_ndim": 2, "layout": "(..., n, d)"}, ["at least 2, (..., n, d), are wanted", "reshape"]),
    ],
)
def test_refusals_are_one_sentence(value, kwargs, words):
    with pytest.raises(InputError) as caught:
        as_tensor("X", value, **kwargs)
    message = str(caught.value)
    assert all(word in message for word in words), message
    assert message.endswith(".")
    assert "\n" not in message


def test_arguments_used_together_agree_or_adopt():
    theta = torch.eye(2, dtype=torch.float32)
    assert as_tensor("Y", [1, 2], like=("theta", theta)).dtype == torch.float32
    assert as_tensor("Y", np.array([1, 2]), like=("theta", theta)).dtype == torch.float32
    assert as_tensor("eta", 0.5, like=("theta", theta)).dtype == torch.float32
    assert as_tensor("eta", np.float64(0.5), like=("theta", theta)).dtype == torch.float32
    for Y in (np.ones(2), torch.ones(2, dtype=torch.float64)):
        with pytest.raises(InputError, match=r"`Y` has dtype torch.float64 but `theta` has torch.float32; convert"):
            as_tensor("Y", Y, like=("theta", theta))
    with pytest.raises(InputError, match=r"`Y` is on device cpu but `theta` is on meta; move one of them"):
        as_tensor("Y", torch.ones(2), like=("theta", theta.to("meta")))


def test_as_tensors_takes_the_dtype_of_the_first_float_tensor():
    T, A, eta = as_tensors(T=2, A=torch.ones(3, dtype=torch.float32), eta=0.5)
    assert {T.dtype, A.dtype, eta.dtype} == {torch.float32}
    assert all(v.dtype == torch.float64 for v in as_tensors(T=2, A=[1, 2]))
    with pytest.raises(InputError, match="`T` has dtype torch.float64 but `A` has torch.float32"):
        as_tensors(T=np.ones(3), A=torch.ones(3, dtype=torch.float32))


def test_exact_arrays_pass_unchanged(exact):
    array = exact.fractions([["1/3", "2/7"]])
    assert as_tensor("X", array, ndim=5) is array
    first, second = as_tensors(T=array, A=1)
    assert first is array
    assert type(second) is int


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3), (3, 4), (3,)])
def test_label_shapes(shape):
    batch = shape[:1] if shape in ((2, 3, 4), (2, 3)) else ()
    theta, Y = as_labels(np.broadcast_to(np.eye(3), (*batch, 3, 3)), np.ones(shape))
    assert Y.shape == (*batch, 3, 4 if shape[-1] == 4 else 1)
    assert theta.shape == (*batch, 3, 3)


@pytest.mark.parametrize("shape", [(4,), (4, 2), (2, 3, 1, 1), (5, 3, 2)])
def test_labels_that_do_not_fit(shape):
    with pytest.raises(InputError, match=r"`Y` has shape .* but `theta` has shape \(3, 3\); pass `Y` as \(3, K\) or"):
        as_labels(np.eye(3), np.ones(shape))


def test_square_and_symmetric():
    with pytest.raises(InputError, match=r"`theta` has shape \(2, 3\) but a square matrix"):
        as_labels(np.ones((2, 3)), np.ones(2))
    theta = torch.eye(3, dtype=torch.float64).repeat(4, 1, 1)
    theta[..., 0, 1] += 1e-16
    check_symmetric(theta)
    theta[2, 0, 1] += 1e-6
    with pytest.raises(InputError, match=r"`theta` is not symmetric .*1e-06\) in batch member \(2,\); pass"):
        check_symmetric(theta)


@pytest.mark.parametrize("value", [0, -3, 2.0, True, "4", None])
def test_check_integer(value):
    assert check_integer("d", np.int32(4)) == 4
    with pytest.raises(InputError, match="`d` is .* but an integer of at least 1 is wanted"):
        check_integer("d", value)


def test_the_package_imports_lazily():
    code = "import sys, altheory; assert 'torch' not in sys.modules; altheory.spectra; sys.modules['torch']"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert al.__version__ == "0.1.0"
    assert al.TwoLayerNet is al.networks.TwoLayerNet
    assert al.InputError is InputError
    assert all(getattr(al, name) is not None for name in dir(al))
    with pytest.raises(AttributeError, match="no attribute 'kernel'; it has .*kernels"):
        al.__getattr__("kernel")
