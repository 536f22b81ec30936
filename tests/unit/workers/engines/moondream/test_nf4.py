"""Four-bit linears take effect on a CPU, the same on every CPU, and the model still says something close."""

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from torch import nn

from shared.errors import EngineFailed
from tests.unit import cpus
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.requests import CaptionRequest, DetectRequest, Sampling
from workers.engines.torch_tools.precision import quantise_nf4


@pytest.fixture(autouse=True, params=[True, False], ids=["with AVX-512-BF16", "without AVX-512-BF16"])
def kind_of_cpu(request):
    with cpus.pretended(request.param):
        yield


def stack():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(128, 192), nn.GELU(), nn.Linear(192, 64, bias=False), nn.LayerNorm(64))


def test_every_linear_shrinks_and_is_counted():
    module = stack()

    done = quantise_nf4(module)

    weights = 128 * 192 + 192 * 64
    assert done.linears == 2
    assert done.bytes_before == 4 * weights
    assert done.bytes_after == weights // 2 + 4 * weights // 64
    assert [type(module[at]) for at in (0, 2)] == [Linear4bit, Linear4bit]


def test_double_quantisation_needs_less():
    plain, double = quantise_nf4(stack()), quantise_nf4(stack(), double_quant=True)

    assert double.bytes_after < plain.bytes_after


@pytest.mark.parametrize("double_quant", [False, True])
def test_what_comes_out_is_close_but_not_the_same(double_quant):
    module, x = stack(), torch.randn(5, 128)
    before = module[0](x).detach()

    quantise_nf4(module, double_quant=double_quant)

    error = (module[0](x) - before).norm() / before.norm()
    assert 0.01 < error < 0.2


@pytest.mark.parametrize(("inside", "outside"), [(128, 192), (588, 24), (64, 1), (4, 24)])
@torch.inference_mode()
def test_packed_weights_stay_as_they_are_however_often_they_are_used(inside, outside):
    module = nn.Sequential(nn.Linear(inside, outside)).eval()
    quantise_nf4(module)
    packed, scales = module[0].weight.clone(), module[0].weight.quant_state.absmax.clone()

    first, second = (module(torch.ones(3, inside)) for _ in range(2))

    assert torch.equal(module[0].weight, packed)
    assert torch.equal(module[0].weight.quant_state.absmax, scales)
    assert torch.equal(first, second)


@torch.inference_mode()
def test_both_kinds_of_cpu_compute_the_same():
    results = []
    for has_avx512bf16 in (True, False):
        with cpus.pretended(has_avx512bf16):
            module = stack().eval()
            quantise_nf4(module)
            results.append(module(torch.ones(3, 128)))

    assert torch.equal(*results)


def test_linears_with_odd_rows_or_less_than_a_block_of_weights_stay_as_they_are():
    module = nn.Sequential(nn.Linear(129, 64), nn.Linear(6, 10), nn.Linear(2, 32), nn.Linear(64, 1))

    done = quantise_nf4(module)

    assert done.linears == 2
    assert [type(each) for each in module] == [nn.Linear, nn.Linear, Linear4bit, Linear4bit]


def test_excluded_linears_stay_as_they_are():
    module = stack()

    done = quantise_nf4(module, exclude=lambda name, linear: name == "0")

    assert done.linears == 1
    assert type(module[0]) is nn.Linear


def test_quantising_nothing_is_an_error():
    with pytest.raises(EngineFailed, match="no linear"):
        quantise_nf4(nn.Sequential(nn.LayerNorm(4)))
    with pytest.raises(EngineFailed, match="no linear"):
        quantise_nf4(nn.Sequential(nn.Linear(7, 5)))


def test_quantising_twice_finds_nothing_left():
    module = stack()
    quantise_nf4(module)

    with pytest.raises(EngineFailed, match="no linear"):
        quantise_nf4(module)


def test_a_quantised_moondream_loads_and_answers_the_same_alone_and_in_a_batch(snapshot, pictures):
    reports = []
    moondream = Moondream.load(snapshot, quantise=lambda network: reports.append(quantise_nf4(network)))

    prefixes = moondream.encode(pictures)
    requests = [
        CaptionRequest(prefixes[0], sampling=Sampling(0.0, max_tokens=12)),
        DetectRequest(prefixes[1], "cat", 2),
    ]
    together = moondream.answer(requests)

    assert reports[0].linears == 2 * 4 + 3 * 4 + 1 + 2 + 1 + 6  # ViT, text, patches, projection, lm_head, region
    assert together == [moondream.answer([request])[0] for request in requests]
    assert moondream.network.dtype == torch.float32
