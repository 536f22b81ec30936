"""Captions of mixed lengths through `/v1/batches` against a bare loop that makes one after the other: the ratio.

Run: `python -m tests.bench.bench_captions OUT.json`; four minutes on two quiet cores. A random model of middle size that never
ends by itself, so that lengths are what was asked for. Several batches at once, a length each, of low priority as batches are,
to one worker as shipped; the bare loop decodes, encodes and answers the same pictures at its quickest number of threads. Both
take turns; the median of the pairs' ratios counts.
"""

import json
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.bench.bare_captions import BareCaptions
from tests.bench.bench_moondream import MID_SIZE
from tests.bench.bench_stack import AS_SHIPPED
from tests.bench.rows import Rows, in_turns
from tests.rig import Rig, wait_for
from tests.talker import NEVER, ROW
from workers.engines.moondream.config import MoondreamConfig
from workers.engines.moondream.network import Network, initialise
from workers.engines.moondream.tokenizer import small_tokenizer
from workers.engines.moondream.toy import save_snapshot

#: Tokens of each batch's captions.
LENGTHS = (8, 24, 48, 96)
PICTURES_EACH = 4
PAIRS = 7
LIMIT_S = 300.0


def build(folder: Path, config: MoondreamConfig = MID_SIZE) -> None:
    """The model's snapshot: letters only, so that no caption is empty, and never an end."""
    network, tokenizer = Network(config).requires_grad_(False), small_tokenizer()
    initialise(network, seed=0)
    network.text.lm_head.bias[:] = NEVER
    network.text.lm_head.bias[tokenizer.encode("abcdefghijklmnopqrstuvwxyz").ids] = 0.0
    save_snapshot(folder, network, tokenizer)


class Pictures:
    """Bursts of pictures that nobody has seen before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._random = np.random.default_rng(0)
        folder.mkdir()

    def burst(self) -> list[dict[str, Any]]:
        """As many as both sides caption in a pair: their files and the tokens that are asked for."""
        return [{"picture": self._one(), "max_tokens": most} for most in LENGTHS for _ in range(PICTURES_EACH)]

    def _one(self) -> str:
        path = self._folder / f"{len(list(self._folder.iterdir()))}.png"
        Image.fromarray(self._random.integers(0, 256, (150, 180, 3), dtype=np.uint8)).save(path)
        return str(path)


def batches_s(rig: Rig, burst: list[dict[str, Any]]) -> float:
    """Seconds from sending all batches to the last one's end; their pictures are here."""
    ids: dict[int, list[str]] = {}
    for job in burst:
        content = Path(job["picture"]).read_bytes()
        answer = rig.http.post("/v1/images", content=content, headers={"Content-Type": "image/png"})
        ids.setdefault(job["max_tokens"], []).append(answer.raise_for_status().json()["id"])
    started = time.perf_counter()
    sent = []
    for most, mine in ids.items():
        task = {"task": "caption", "temperature": 0.0, "max_tokens": most}
        step = {"kind": "analyze", "model": "talker", "tasks": [task]}
        answer = rig.http.post("/v1/batches", json={"images": mine, "steps": [step]})
        sent.append(answer.raise_for_status().json()["id"])

    def all_ended() -> bool:
        found = [rig.http.get(f"/v1/batches/{batch}", params={"wait": 5}).json() for batch in sent]
        assert not any(batch["counts"].get("failed") for batch in found)
        return all(batch["state"] == "finished" for batch in found)

    wait_for(all_ended, LIMIT_S, "the end of the batches")
    return time.perf_counter() - started


def measure(folder: Path, rows: Rows, config: MoondreamConfig = MID_SIZE) -> None:
    """All rows."""
    rows.add("captions", len(LENGTHS) * PICTURES_EACH)
    rows.add("tokens", list(LENGTHS))
    build(folder / "talker", config)
    (folder / "models.toml").write_text(ROW.format(name="talker", folder=folder / "talker"))
    pictures = Pictures(folder / "pictures")
    settings = {"DARKROOM_MODELS_FILE": str(folder / "models.toml")}
    with BareCaptions(folder / "talker") as bare, Rig(folder / "rig", **AS_SHIPPED, **settings) as rig:
        rig.start_api().start_workers().wait_until_ready()
        warm = pictures.burst()
        batches_s(rig, warm)  # loads the model, learns what a turn takes
        bare.seconds(warm)
        ratios = in_turns(PAIRS, pictures.burst, bare.seconds, partial(batches_s, rig))
        rows.add_median("ratio_captions_low", ratios, digits=3)
        rows.add("cpu_threads_bare_loop", sorted(bare.threads))


def main(out: Path) -> dict[str, Any]:
    rows = Rows(out)
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), rows)
    return rows.numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
