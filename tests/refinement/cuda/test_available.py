"""When the fused kernels are used."""

from types import SimpleNamespace

import pytest
import torch

from hepareg.refinement.cuda import available as module

CUDA = torch.device("cuda")
choose = module.cuda_kernels.__wrapped__


def test_never_on_the_cpu_and_never_without_triton(monkeypatch):
    assert choose(torch.device("cpu")) is None
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert choose(CUDA) is None


@pytest.mark.parametrize("works", [True, False])
def test_where_triton_cannot_build_a_kernel_a_warning_says_so(monkeypatch, works, recwarn):
    def probe(device):
        if not works:
            raise RuntimeError("no compiler,\nand many more lines")

    kernels = SimpleNamespace(probe=probe)
    monkeypatch.setattr(module, "find_spec", lambda name: object())
    monkeypatch.setattr(module, "import_module", lambda name: kernels)
    assert choose(CUDA) is (kernels if works else None)
    assert len(recwarn) == (0 if works else 1)
    if not works:
        assert "C compiler" in str(recwarn[0].message)
        assert "\n" not in str(recwarn[0].message)
