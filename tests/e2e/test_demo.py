"""`make demo`: what a newcomer sees first works on any machine and leaves nothing running."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from PIL import Image


@pytest.mark.timeout(300)
def test_the_demo_makes_pictures_looks_at_them_shows_the_records_and_stops_everything(tmp_path: Path):
    environment = os.environ | {"DARKROOM_GPUS": "none", "DARKROOM_DATA_DIR": str(tmp_path / "home"), "COLUMNS": "120"}
    mark = {"DARKROOM_DEMO_TEST": tmp_path.name}

    done = subprocess.run(
        [str(Path(sys.executable).with_name("darkroom")), "demo"],
        cwd=tmp_path,
        env=environment | mark,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    first, remix = (Image.open(tmp_path / "out" / f"{name}.png") for name in ("txt2img", "img2img"))
    assert first.size == remix.size
    assert first.tobytes() != remix.tobytes()
    sheet = Image.open(tmp_path / "out" / "contact-sheet.png")
    assert sheet.width > 8 * first.width
    assert sheet.height > 8 * first.height
    for shown in ("model", "txt2img: job job_", "img2img: job job_", "analyze: job job_", "seed", "wrote"):
        assert shown in done.stdout
    for answer in ("caption", "tags", "detect"):
        assert re.search(
            rf"│ {answer} +│ .*red house" if answer != "detect" else r"│ detect +│ house at 0", done.stdout
        )
    assert len(re.findall(r"│ cpu threads +│ [1-9]", done.stdout)) == 3, "as shipped, threads are measured and shown"
    assert not processes_with(mark), "the demo left processes behind"


def processes_with(mark: dict[str, str]) -> list[str]:
    """Command lines of living processes that inherited the mark."""
    name, value = next(iter(mark.items()))
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
