"""A CPU computes in fp32, whatever it could do and whatever was asked."""

import pytest
import torch

from workers.engines.table import load_libraries
from workers.load_plan import LoadPlan
from workers.precision import dtype_of


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16", "nf4"])
def test_on_a_cpu_every_precision_computes_in_fp32(precision):
    assert dtype_of(LoadPlan("cpu", precision)) == torch.float32


def test_no_library_that_engines_load_lets_fp32_be_rounded_to_less():
    load_libraries()

    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.mkldnn.matmul.fp32_precision in ("none", "ieee")
    assert torch.backends.mkldnn.conv.fp32_precision in ("none", "ieee")
