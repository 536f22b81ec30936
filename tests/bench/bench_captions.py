"""Captions of mixed lengths through `/v1/batches` against a bare loop that makes one after the other: the ratio.

Run: `python -m tests.bench.bench_captions OUT.json`. One worker, one thread on both sides, a random model of middle size that
never ends by itself, so that lengths are what was asked for. Several batches at once, a length each; the bare loop decodes,
encodes and answers the same pictures in this process. Both take turns; the median of the pairs' ratios counts.

Answers are made in runs (`DARKROOM_CONTINUOUS_BATCHING`), and for comparison from end to end.
"""

import json
import statistics
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from tests.bench.bench_moondream import MID_SIZE
from tests.bench.machine import about_this_run
from tests.rig import Rig, wait_for
from tests.talker import NEVER, ROW
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.requests import CaptionRequest, Sampling
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import save_snapshot

#: Tokens of each batch's captions.
LENGTHS = (8, 24, 48, 96)
PICTURES_EACH = 4
ROUNDS = 2
LIMIT_S = 300.0


def build(folder: Path) -> None:
    """The model's snapshot: letters and spaces only, and never an end."""
    network, tokenizer = Network(MID_SIZE).requires_grad_(False), small_tokenizer()
    initialise(network, seed=0)
    network.text.lm_head.bias[:] = NEVER
    network.text.lm_head.bias[tokenizer.encode("abcdefghijklmnopqrstuvwxyz ").ids] = 0.0
    save_snapshot(folder, network, tokenizer)


def pictures(seed: int) -> list[bytes]:
    """As many as one round takes, none seen before."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(len(LENGTHS) * PICTURES_EACH):
        data = BytesIO()
        Image.fromarray(random.integers(0, 256, (150, 180, 3), dtype=np.uint8)).save(data, "PNG")
        made.append(data.getvalue())
    return made


def bare_s(model: Moondream, given: list[bytes]) -> float:
    """Seconds of a loop over all of them."""
    started = time.perf_counter()
    for number, data in enumerate(given):
        [prefix] = model.encode([Image.open(BytesIO(data)).convert("RGB")])
        most = LENGTHS[number // PICTURES_EACH]
        [answer] = model.answer([CaptionRequest(prefix, sampling=Sampling(0.0, max_tokens=most))])
        assert answer.completion_tokens == most
    return time.perf_counter() - started


def batches_s(rig: Rig, given: list[bytes]) -> float:
    """Seconds from sending all batches to the last one's end; their pictures are here."""
    ids = []
    for data in given:
        answer = rig.http.post("/v1/images", content=data, headers={"Content-Type": "image/png"})
        ids.append(answer.raise_for_status().json()["id"])
    started = time.perf_counter()
    sent = []
    for number, most in enumerate(LENGTHS):
        task = {"task": "caption", "temperature": 0.0, "max_tokens": most}
        mine = ids[number * PICTURES_EACH : (number + 1) * PICTURES_EACH]
        step = {"kind": "analyze", "model": "talker", "tasks": [task]}
        answer = rig.http.post("/v1/batches", json={"images": mine, "steps": [step]})
        sent.append(answer.raise_for_status().json()["id"])

    def all_ended() -> bool:
        found = [rig.http.get(f"/v1/batches/{batch}", params={"wait": 5}).json() for batch in sent]
        assert not any(batch["counts"].get("failed") for batch in found)
        return all(batch["state"] == "finished" for batch in found)

    wait_for(all_ended, LIMIT_S, "the end of the batches")
    return time.perf_counter() - started


def ratios(folder: Path, name: str, model: Moondream, **environment: str) -> dict[str, Any]:
    """Bare loop and batches in turns."""
    with Rig(folder / name, DARKROOM_MODELS_FILE=str(folder / "models.toml"), **environment) as rig:
        rig.start_api().start_workers().wait_until_ready()
        batches_s(rig, pictures(seed=0))  # loads the model, learns what a turn takes
        pairs = []
        for number in range(1, ROUNDS + 1):
            given = pictures(seed=number)
            pairs.append((bare_s(model, given), batches_s(rig, given)))
    return {
        "bare_s": [round(bare, 2) for bare, _ in pairs],
        "batches_s": [round(batch, 2) for _, batch in pairs],
        "ratio": round(statistics.median(bare / batch for bare, batch in pairs), 2),
    }


def measure(folder: Path) -> dict[str, Any]:
    """The numbers; `ratio` is how many times more captions a second the batches give."""
    torch.set_num_threads(1)
    build(folder / "talker")
    (folder / "models.toml").write_text(ROW.format(name="talker", folder=folder / "talker"))
    model = Moondream.load(folder / "talker")
    return {
        "captions": len(LENGTHS) * PICTURES_EACH,
        "tokens": list(LENGTHS),
        "in_runs": ratios(folder, "runs", model, DARKROOM_CONTINUOUS_BATCHING="true"),
        "from_end_to_end": ratios(folder, "whole", model, DARKROOM_CONTINUOUS_BATCHING="false"),
        **about_this_run(),
    }


def main(out: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        numbers = measure(Path(folder))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
