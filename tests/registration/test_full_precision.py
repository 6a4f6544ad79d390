"""What the program around a registration has allowed changes nothing, and is allowed again afterwards."""

import threading

import pytest
import torch

from hepareg.registration import register
from hepareg.registration.full_precision import full_precision

CPU = torch.device("cpu")
BACKENDS = (torch.backends.cuda.matmul, torch.backends.mkldnn.matmul)


@pytest.fixture
def medium():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield [backend.fp32_precision for backend in BACKENDS]
    torch.set_float32_matmul_precision(before)


def precisions():
    return [backend.fp32_precision for backend in BACKENDS]


def test_a_setting_of_the_process(pair, with_both_masks, medium):
    found = register(**pair[0])
    assert found.transform.matrix.tobytes() == with_both_masks.transform.matrix.tobytes()
    assert precisions() == medium


def test_autocast(pair, with_both_masks):
    with torch.autocast("cpu", torch.bfloat16):
        found = register(**pair[0])
    assert found.transform.matrix.tobytes() == with_both_masks.transform.matrix.tobytes()


def test_restored_after_an_error(medium):
    block = full_precision(CPU)
    block.__enter__()
    assert precisions() == ["ieee", "ieee"]
    assert not block.__exit__(ValueError, ValueError(), None)
    assert precisions() == medium


def test_restored_by_the_last_of_several_threads(medium):
    entered, go = threading.Event(), threading.Event()

    def other():
        with full_precision(CPU):
            entered.set()
            go.wait(10)

    with full_precision(CPU):
        thread = threading.Thread(target=other)
        thread.start()
        assert entered.wait(10)
    assert precisions() == ["ieee", "ieee"]
    go.set()
    thread.join()
    assert precisions() == medium


@pytest.fixture
def unset():
    before = precisions()
    for backend in BACKENDS:
        backend.fp32_precision = "none"
    yield
    torch.backends.fp32_precision = "none"
    for backend, precision in zip(BACKENDS, before, strict=True):
        backend.fp32_precision = precision


def test_what_was_inherited_is_inherited_again(unset):
    torch.backends.fp32_precision = "tf32"
    with full_precision(CPU):
        assert precisions() == ["ieee", "ieee"]
    assert precisions() == ["tf32", "tf32"]
    torch.backends.fp32_precision = "ieee"
    assert precisions() == ["ieee", "ieee"]
