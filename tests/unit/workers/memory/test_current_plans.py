"""What may go on where a model was put in another way."""

import pytest

from workers.memory.current_plans import computes_alike


@pytest.mark.parametrize(
    ("kind", "one", "other", "goes_on"),
    [
        ("generate", "fp16", "nf4", True),
        ("generate", "fp16", "bf16", False),
        ("generate", "bf16", "nf4", False),
        ("generate", "nf4", "fp32", False),
        ("analyze", "bf16", "nf4", True),
        ("analyze", "fp16", "nf4", True),
        ("analyze", "fp16", "fp32", False),
        ("analyze", "nf4", "fp32", False),
        ("generate", "fp32", "fp32", True),
    ],
)
def test_what_goes_on_in_another_precision_is_of_one_type(kind, one, other, goes_on):
    assert computes_alike(kind, one, other) is goes_on
    assert computes_alike(kind, other, one) is goes_on
