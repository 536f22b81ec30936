"""Levers on a small model of the real architecture: the same picture, and nothing done that cannot be done."""

import functools
from pathlib import Path
from typing import get_args

import pytest
import torch

from shared.settings import Lever, Settings
from workers.engines.base import LoadPlan
from workers.engines.sdxl import files, toy
from workers.engines.torch_tools import levers
from workers.engines.torch_tools.levers import pull_for_model, pull_for_process

#: Sums in another order.
ROUNDING = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("toy")
    toy.build(path)
    return path


@pytest.fixture
def pipe(folder):
    return files.read(folder, {"default": torch.float32})


SWITCHES = (
    (torch.backends.cuda.matmul, "allow_tf32"),
    (torch.backends.cuda.matmul, "allow_fp16_accumulation"),
    (torch.backends.cudnn, "benchmark"),
)


@pytest.fixture
def switches():
    """As they were, whatever a test pulls."""
    before = [getattr(owner, name) for owner, name in SWITCHES]
    yield
    for (owner, name), value in zip(SWITCHES, before, strict=True):
        setattr(owner, name, value)


def predicted(unet) -> torch.Tensor:
    config, draw = unet.config, torch.Generator().manual_seed(3)
    pooled = config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
    with torch.no_grad():
        return unet(
            torch.randn(2, config.in_channels, 8, 8, generator=draw),
            torch.tensor(500),
            torch.randn(2, 7, config.cross_attention_dim, generator=draw),
            added_cond_kwargs={"text_embeds": torch.randn(2, pooled, generator=draw), "time_ids": torch.ones(2, 6)},
        ).sample


@pytest.mark.parametrize("lever", ["channels_last", "fused_projections"])
def test_a_lever_of_the_unet_predicts_the_same_with_the_same_memory(pipe, lever):
    before, weights = predicted(pipe.unet), sum(p.numel() for p in pipe.unet.parameters())

    pulled = pull_for_model(pipe.unet, pipe.vae, LoadPlan(levers=(lever,)))

    assert pulled == [lever]
    assert torch.allclose(predicted(pipe.unet), before, atol=ROUNDING)
    assert sum(p.numel() for p in pipe.unet.parameters()) == weights


def test_a_lever_changes_what_it_says(pipe):
    pull_for_model(pipe.unet, pipe.vae, LoadPlan(levers=("channels_last", "fused_projections")))

    assert pipe.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    assert any(name.endswith("to_qkv.weight") for name, _ in pipe.unet.named_parameters())
    assert not any(name.endswith("to_k.weight") for name, _ in pipe.unet.named_parameters())


def test_blocks_compile_without_a_break_in_their_graph(pipe, monkeypatch):
    before = predicted(pipe.unet)
    # Tracing is what may fail; code for this CPU would take a minute.
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend="eager"))
    monkeypatch.setattr(levers, "COMPILERS", ("python3", "python"))

    pulled = pull_for_model(pipe.unet, pipe.vae, LoadPlan(levers=("compiled_blocks",)))

    assert pulled == ["compiled_blocks"]
    assert levers.is_compiled(pipe.unet)
    assert torch.allclose(predicted(pipe.unet), before, atol=ROUNDING)


@pytest.mark.parametrize("plan", [LoadPlan(precision="nf4"), LoadPlan(offload="model"), LoadPlan(offload="sequential")])
def test_packed_and_visiting_weights_are_not_compiled(pipe, plan):
    wanted = LoadPlan(precision=plan.precision, offload=plan.offload, levers=("compiled_blocks",))

    assert pull_for_model(pipe.unet, pipe.vae, wanted) == []
    assert not levers.is_compiled(pipe.unet)


@pytest.mark.parametrize(
    ("plan", "are"),
    [
        (LoadPlan(), True),
        (LoadPlan(device="cuda:0", precision="fp16"), False),
        (LoadPlan(device="cuda:0", precision="fp16", levers=("traced_passes",)), True),
        (LoadPlan(device="cuda:0", precision="nf4", levers=("traced_passes",)), False),
        (LoadPlan(device="cuda:0", precision="fp8", levers=("traced_passes",)), False),
        (LoadPlan(device="cuda:0", precision="fp16", offload="group", levers=("traced_passes",)), False),
    ],
)
def test_passes_are_traced_on_a_cpu_and_where_an_operator_says_so(pipe, plan, are):
    assert levers.traces(pipe.unet, plan) is are


def test_compiled_blocks_are_not_traced(pipe, monkeypatch):
    monkeypatch.setattr(levers, "COMPILERS", ("python3", "python"))
    pull_for_model(pipe.unet, pipe.vae, LoadPlan(levers=("compiled_blocks",)))

    assert not levers.traces(pipe.unet, LoadPlan())


def test_without_a_compiler_nothing_is_compiled(pipe, monkeypatch):
    monkeypatch.setattr(levers, "COMPILERS", ("no-such-compiler",))

    assert pull_for_model(pipe.unet, pipe.vae, LoadPlan(levers=("compiled_blocks",))) == []


def test_levers_of_the_process_are_pulled_on_a_card(switches):
    assert pull_for_process(get_args(Lever), is_cpu=False) == ["tf32", "fp16_accumulation", "cudnn_benchmark"]

    assert torch.backends.cuda.matmul.allow_tf32
    assert torch.backends.cuda.matmul.allow_fp16_accumulation
    assert torch.backends.cudnn.benchmark


def test_a_cpu_has_no_levers_of_the_process(switches):
    assert pull_for_process(get_args(Lever), is_cpu=True) == []
    assert not torch.backends.cudnn.benchmark


def test_no_lever_is_pulled_unless_it_is_named(pipe, switches):
    assert Settings().levers == ()
    assert pull_for_process((), is_cpu=False) == []
    assert pull_for_model(pipe.unet, pipe.vae, LoadPlan()) == []


def test_a_lever_that_is_none_is_refused_by_its_name(monkeypatch):
    monkeypatch.setenv("DARKROOM_LEVERS", "channels_last, warp_drive")

    with pytest.raises(ValueError, match="levers"):
        Settings()
