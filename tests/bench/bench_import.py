"""How quickly a folder of pictures becomes assets: `darkroom import`, without describing them, on SQLite.

Run: `python -m tests.bench.bench_import OUT.json`. A thousand PNGs of 512 × 512 with the parameters of another program in
them, no two alike; read, decoded, stored and written down by the command's own code in one process.
"""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from api.cli.import_sources import in_folder
from api.cli.importing import Importer, Report, Wishes
from api.cli.imports import owner_of
from api.services import build_services
from shared.pictures.pixels import to_png
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings

PICTURES, SIDE_PX = 1_000, 512
#: Pictures a second that were promised.
AIM_PER_S = 40


def paint(folder: Path, count: int) -> int:
    """So many pictures with soft forms, as photographs have; how many bytes they are."""
    folder.mkdir()
    size = 0
    for number in range(count):
        forms = np.random.default_rng(number).integers(0, 255, (24, 24, 3), dtype=np.uint8)
        picture = Image.fromarray(forms).resize((SIDE_PX, SIDE_PX), Image.Resampling.BICUBIC)
        words = (
            f"a lamp, number {number}\nNegative prompt: blur\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: {number}"
        )
        size += (folder / f"{number:05}.png").write_bytes(to_png(picture, parameters=words))
    return size


def brought(folder: Path, redis_url: str, pictures: Path) -> Report:
    """The folder, taken into a new library."""
    ours = build_services(Settings(redis_url=redis_url, data_dir=folder))
    ours.artifacts.check_identity()
    importer = Importer(ours, owner_of(ours, ours.settings, ""), Wishes(describes=False))
    importer.bring(in_folder(pictures))
    return importer.finish()


def main(out: Path) -> dict[str, Any]:
    """Pictures per second, by the clock and by what the processor worked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = paint(folder / "pictures", PICTURES)
        server = EmbeddedRedis(folder / "redis")
        try:
            url = server.start()
            began, worked = time.perf_counter(), time.process_time()
            report = brought(folder / "data", url, folder / "pictures")
            took_s, worked_s = time.perf_counter() - began, time.process_time() - worked
        finally:
            server.stop()
    numbers = {
        "pictures": report.added,
        "side_px": SIDE_PX,
        "mean_kib": round(size / PICTURES / 1024),
        "pictures_per_s": round(report.added / took_s, 1),
        "pictures_per_s_of_one_core": round(report.added / worked_s, 1),
        "promised_per_s": AIM_PER_S,
        "is_missed": report.added / took_s < AIM_PER_S,
    }
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
