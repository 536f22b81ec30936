"""Stage 2: every way to put a model on the card paints the same picture and says the same words, as near as it can.

The trained starters are the judges: pictures against those of the same model in fp32 on the CPU, in decibels; words
equal or not. Levers of the plan (fp8 storage, offload with streams, encoders that wait) are put as the engine puts them.
"""

import gc
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from shared.contracts.generation import GenerationParams
from shared.contracts.vision import CaptionTask
from tests.bench.card.where import STARTERS, Where, attempted, card_of
from tests.gpu.gpu_rig import Watch
from workers.engines.base import AnalyzeWork, GenerateWork, LoadPlan
from workers.engines.moondream import engine as moondream_engine
from workers.engines.sdxl import eight_bits, files
from workers.engines.sdxl.engine import SdxlEngine
from workers.engines.sdxl.offloading import enable_streams
from workers.engines.sdxl.placement import ENCODERS, PACKED_PARTS, modules_of, wait_on_host
from workers.engines.torch_tools.precision import quantise_nf4

PAINTER, TALKER = STARTERS / "sdxl-starter", STARTERS / "moondream-starter"
PROMPT = "a big red house in the middle, on the snow at dusk"
PRECISIONS = ("bf16", "fp16", "nf4", "fp8")
OFFLOADS = ("none", "model", "group", "encoders")
VARIANTS = tuple(itertools.product((False, True), ("txt2img", "img2img"), (1, 3)))
#: A difference of nothing.
SAME_DB = 99.0


def run(where: Where) -> dict[str, Any]:
    truths = _pictures(_engine("cpu", "fp32", "none"))
    precisions, offloads = (("fp32",), ("none", "group")) if where.is_dry else (PRECISIONS, OFFLOADS)
    found: dict[str, Any] = {}
    for precision, offload in itertools.product(precisions, offloads):
        found[f"{precision}/{offload}"] = attempted(lambda p=precision, o=offload: _compared(where, p, o, truths))
        gc.collect()
        where.free()
    return {"psnr_db": found, "words": _words(where)}


def _compared(where: Where, precision: str, offload: str, truths: dict[str, list[Image.Image]]) -> dict[str, Any]:
    engine = _engine(where.device, precision, offload)
    try:
        painted = _pictures(engine)
        found: dict[str, Any] = {
            name: round(min(map(psnr_db, pictures, truths[name])), 1) for name, pictures in painted.items()
        }
        if offload == "none":
            found["after_host_round_trip"] = attempted(lambda: _round_trip(engine, painted))
        return found
    finally:
        engine.close()


def _engine(device: str, precision: str, offload: str) -> SdxlEngine:
    """The starter, put on the device. Half precision for all parts: a VAE that overflows shows as a low figure."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision, torch.float16)
    dtype = torch.float32 if device == "cpu" else dtype
    pipe = files.read(PAINTER, dtype)
    if precision == "nf4":
        for name in PACKED_PARTS:
            quantise_nf4(getattr(pipe, name), device=device, compute_dtype=dtype)
    if precision == "fp8":
        eight_bits.store(pipe.unet, dtype)
    if offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif offload == "group":
        pipe.vae.to(device)
        for name, part in modules_of(pipe).items():
            if name != "vae":
                enable_streams(part, device)
    elif offload == "encoders":
        for name, part in modules_of(pipe).items():
            wait_on_host(part) if name in ENCODERS else part.to(device)
    else:
        pipe.to(device)
    levers = ("encoders_to_host",) if offload == "encoders" else ()
    way = offload if offload in ("model", "group") else "none"
    return SdxlEngine(card_of("sdxl-starter"), pipe, LoadPlan(device, precision, way, levers=levers))  # type: ignore[arg-type]


def _pictures(engine: SdxlEngine) -> dict[str, list[Image.Image]]:
    """By variant: tiled or not, from words or from a picture, one or three at once."""
    defaults, found = engine.card.defaults, {}
    assert defaults is not None
    start = Image.new("RGB", (defaults.width, defaults.height), (200, 60, 40))
    for tiled, mode, batch in VARIANTS:
        params = GenerationParams(
            prompt=PROMPT,
            negative_prompt="",
            width=defaults.width,
            height=defaults.height,
            steps=8,
            guidance_scale=defaults.guidance_scale,
            scheduler=defaults.scheduler,
            seed=7,
            n=batch,
            **({"image": "start", "strength": 0.75} if mode == "img2img" else {}),
        )
        engine._plan = replace(engine._plan, vae_tiling=tiled)
        [made] = engine.generate([GenerateWork(params, start if mode == "img2img" else None)], Watch())
        found[f"{mode} × {batch}{' tiled' if tiled else ''}"] = made
    return found


def _round_trip(engine: SdxlEngine, before: dict[str, list[Image.Image]]) -> float:
    engine.to_host()
    engine.to_device()
    after = _pictures(engine)
    return round(min(psnr_db(a, b) for name in before for a, b in zip(before[name], after[name], strict=True)), 1)


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    error = float(np.mean((np.asarray(one, float) - np.asarray(other, float)) ** 2))
    return SAME_DB if error == 0 else min(SAME_DB, 10 * float(np.log10(255**2 / error)))


def _words(where: Where) -> dict[str, Any]:
    """The talker's captions of the painter's pictures, against those of fp32 on the CPU."""
    pictures = [made for row in _pictures(_engine("cpu", "fp32", "none")).values() for made in row[:1]][:3]
    truth = _captions(LoadPlan("cpu", "fp32"), pictures)
    plans = ("fp32",) if where.is_dry else ("bf16", "fp16", "nf4")
    return {
        "truth": truth,
        **{
            precision: attempted(lambda p=precision: _captions(LoadPlan(where.device, p), pictures) == truth)
            for precision in plans
        },
    }


def _captions(plan: LoadPlan, pictures: list[Image.Image]) -> list[str]:
    engine = moondream_engine.load(card_of("moondream-starter"), TALKER, plan)
    task = CaptionTask(task="caption", temperature=0.0, max_tokens=48)
    works = [AnalyzeWork(picture, str(number), (task,)) for number, picture in enumerate(pictures)]
    outcomes = engine.analyze(works, Watch(), len(works))
    engine.close()
    return [str(getattr(one.tasks[0].answer, "text", one.tasks[0].error)) for one in outcomes]
