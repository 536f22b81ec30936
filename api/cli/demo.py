"""What `make demo` shows: the whole stack on this machine, a prompt that becomes a picture, the picture remixed and looked
at, and a contact sheet.

It starts everything in a fresh data folder on a free port, works only through HTTP as any client would, and leaves its
pictures behind.
"""

import io
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from rich.console import Console

from api.cli.display import follow, follow_all, record
from api.cli.stack import Stack
from api.client import Darkroom, Job
from api.responses.contact_sheet import Frame, contact_sheet
from shared.contracts.jobs import State
from shared.errors import DarkroomError, EngineFailed, NotReady
from shared.redis.embedded import free_port
from shared.settings import Settings, from_environment

#: Longest until a worker reports: its imports take seconds, more on a slow disk.
READY_LIMIT_S = 120.0
#: How much of the parts' log is shown when something goes wrong.
LOG_TAIL_CHARS = 4000
PROMPT = "a big red house in the middle, on the snow at dusk"
SUBJECT = "house"
REMIX = "a big orange house in the middle, on the snow at night"
STRENGTH = 0.75
SEED = 7
#: The rest of the contact sheet.
PROMPTS = (
    "a small blue boat on the left and a big yellow star on the right, on the sea at night",
    "a big green tree in the middle, in the meadow by day",
    "a big pink heart in the middle, on the sand at dusk",
    "a small black cat on the left in the snow at night",
    "a big orange fish in the middle, in the sea by day",
    "a big turquoise balloon on the right, in the meadow at dusk",
    "a small purple flower on the left and a small red ball on the right, in the meadow by day",
    "a watercolour of a big yellow car in the middle, on the beach in the rain",
    "a big brown box on the left, on the sand by day",
    "an outlined drawing of a big white boat in the middle, on the sea in the rain",
)
CAPTION = {"task": "caption", "temperature": 0.0}
#: What is asked about the first picture. Its tags come from the vision model: the default tagger knows photographs.
QUESTIONS = (CAPTION, {"task": "tags", "engine": "moondream"}, {"task": "detect", "object": SUBJECT})


def run_demo(out: Path, console: Console) -> int:
    """Run it; returns the exit status."""
    with tempfile.TemporaryDirectory(prefix="darkroom-demo-") as data:
        out.mkdir(parents=True, exist_ok=True)
        log_file = out / "demo.log"
        log_file.unlink(missing_ok=True)
        say = partial(console.print, style="dim", highlight=False, soft_wrap=True)
        stack = Stack(_settings(Path(data)), say=say, log_file=log_file)
        stack.stop_on_signals()
        try:
            stack.start()
            with Darkroom(stack.url) as darkroom:
                return _show(darkroom, stack, out, console)
        except DarkroomError:
            if log_file.exists():  # else nothing was started
                console.print(log_file.read_text(errors="replace")[-LOG_TAIL_CHARS:], markup=False)
            raise
        finally:
            stack.stop()


def _settings(data: Path) -> Settings:
    """A private rack in a throw-away folder; what the user set about models and GPUs still counts."""
    given = from_environment()
    return given.model_copy(
        update={
            "redis_url": None,
            "data_dir": data,
            "models_dir": given.models_path,
            "artifacts_dir": None,
            "host": "127.0.0.1",
            # It lives for a minute, on loopback: whoever has keys of their own need not show one here.
            "api_keys": (),
            "oidc_issuer": None,
            "proxy_user_header": None,
            "tls_cert": None,
            "tls_key": None,
            "port": free_port(),
            "drain_s": 2.0,
        }
    )


def _show(darkroom: Darkroom, stack: Stack, out: Path, console: Console) -> int:
    _wait_for_worker(darkroom, stack, console)
    say = partial(console.print, highlight=False, soft_wrap=True)
    model = next(m for m in darkroom.models() if m["kind"] == "generate" and m["is_default"])
    say(f"model   [bold]{model['id']}[/bold]: {model['summary']}\n")
    first = follow(darkroom, darkroom.generate(PROMPT, seed=SEED), "txt2img", console)
    jobs = {"txt2img": first}
    if first.state == State.SUCCEEDED:
        source = _image_id(first)
        remix = darkroom.generate(REMIX, image=source, strength=STRENGTH, seed=SEED)
        jobs["img2img"] = follow(darkroom, remix, "img2img", console)
        jobs["analyze"] = follow(darkroom, darkroom.analyze(source, QUESTIONS), "analyze", console)
    for name, job in jobs.items():
        console.print(record(name, job))
    if any(job.state != State.SUCCEEDED for job in jobs.values()):
        return 1
    pictures = {name: darkroom.image(_image_id(jobs[name])) for name in ("txt2img", "img2img")}
    for name, picture in pictures.items():
        (out / f"{name}.png").write_bytes(picture)
    _sheet(darkroom, jobs, pictures, console).save(out / "contact-sheet.png")
    for name in ("txt2img", "img2img", "contact-sheet"):
        say(f"wrote   [bold]{out / name}.png[/bold]")
    return 0


def _wait_for_worker(darkroom: Darkroom, stack: Stack, console: Console) -> None:
    ends_at = time.monotonic() + READY_LIMIT_S
    with console.status("waiting for a worker"):
        while not darkroom.is_ready():
            if stack.stopping.is_set() or time.monotonic() > ends_at or not all(p.is_running for p in stack.parts):
                told = " ".join(_notes(darkroom))
                raise NotReady(f"no worker came up; the end of its log stands above. {told}".strip())
            stack.stopping.wait(0.1)
    workers = ", ".join(f"{w['name']} on {w['gpu']['name']}" for w in darkroom.status()["workers"])
    console.print(f"worker  {workers}", style="dim", highlight=False, soft_wrap=True)
    for note in _notes(darkroom):
        console.print(f"note    {note}", style="yellow", highlight=False, soft_wrap=True)


def _notes(darkroom: Darkroom) -> list[str]:
    """What workers say about themselves: why there is none, or why it has no card."""
    return list(dict.fromkeys(f"{w['name']}: {w['note']}" for w in darkroom.status()["workers"] if w["note"]))


def _sheet(darkroom: Darkroom, jobs: dict[str, Job], pictures: dict[str, bytes], console: Console) -> Image.Image:
    """The first picture with what was found on it, the remix, and more; all of them captioned."""
    asked = [darkroom.generate(prompt, seed=SEED + number) for number, prompt in enumerate(PROMPTS)]
    ids = [_image_id(job) for job in (jobs["img2img"], *follow_all(darkroom, asked, "more", console))]
    looks = [darkroom.analyze(image_id, [CAPTION]) for image_id in ids]
    seen = follow_all(darkroom, looks, "captions", console)
    look = jobs["analyze"]
    first = Frame(_opened(pictures["txt2img"]), PROMPT, _caption(look), _boxes(look), SUBJECT)
    shown = [pictures["img2img"], *(darkroom.image(image_id) for image_id in ids[1:])]
    rest = [
        Frame(_opened(picture), prompt, _caption(job))
        for prompt, picture, job in zip([f"remix of 1: {REMIX}", *PROMPTS], shown, seen, strict=True)
    ]
    note = f"white: the prompt for {jobs['txt2img'].model}   ·   amber: what {look.model} saw"
    return contact_sheet([first, *rest], "Darkroom", note)


def _caption(job: Job) -> str:
    return str(_answer(job, 0)["text"])


def _boxes(job: Job) -> tuple[tuple[float, float, float, float], ...]:
    found = _answer(job, len(QUESTIONS) - 1)["objects"]
    return tuple((box["x_min"], box["y_min"], box["x_max"], box["y_max"]) for box in found)


def _answer(job: Job, index: int) -> dict[str, Any]:
    """One answer of an analysis job.

    Raises:
        EngineFailed: there is none.
    """
    rows = (job.result or {}).get("answers", [])
    if index >= len(rows) or "answer" not in rows[index]:
        raise EngineFailed(f"job {job.id} has no answer {index}: {job.error or rows}")
    return dict(rows[index]["answer"])


def _opened(picture: bytes) -> Image.Image:
    return Image.open(io.BytesIO(picture))


def _image_id(job: Job) -> str:
    """The job's picture.

    Raises:
        EngineFailed: it made none.
    """
    if not job.image_ids():
        raise EngineFailed(f"job {job.id} made no picture: {job.error}")
    return job.image_ids()[0]
