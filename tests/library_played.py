"""Plays what ends in the library: jobs that end with real pictures in the store, analyses that say something of them."""

import itertools
from typing import Any

import numpy as np
from PIL import Image

from api.app import create_app
from api.library.library import Library, open_library
from api.library.newcomers import job_asset_id
from api.services import Services
from shared.accounts.audit import COMMAND_LINE
from shared.contracts.access import Key, Person, Role
from shared.contracts.jobs import JobRecord, State, new_job_id
from shared.jobs import lifecycle
from shared.pictures.fingerprints import fingerprints
from shared.pictures.pixels import to_png

_numbers = itertools.count(1)


def picture(seed: int | None = None, size: tuple[int, int] = (24, 16)) -> Image.Image:
    """A small picture that is like no other."""
    pixels = np.random.default_rng(next(_numbers) if seed is None else seed).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size)


def result_of(services: Services, n: int = 1) -> dict[str, Any]:
    """A generation's result, as a worker writes it; its pictures are stored."""
    rows = []
    for index in range(n):
        made = picture()
        data = to_png(made)
        artifact_id = services.artifacts.put(data)
        rows.append(
            {
                "id": artifact_id,
                "seed": 7 + index,
                "width": made.width,
                "height": made.height,
                "bytes": len(data),
                "media_type": "image/png",
                **fingerprints(made).as_row(),
            }
        )
    return {"images": rows}


def ended(
    services: Services,
    result: dict[str, Any] | None = None,
    *,
    state: State = State.SUCCEEDED,
    params: dict[str, Any] | None = None,
    **fields: Any,
) -> JobRecord:
    """A job that was made, run and ended; with one picture unless told otherwise."""
    if result is None and state == State.SUCCEEDED:
        result = result_of(services)
    given: dict[str, Any] = {
        "id": new_job_id(),
        "kind": "generate",
        "model": "sdxl-toy",
        "state": State.QUEUED,
        "queue": "sdxl-toy.normal",
        "caller": "anna",
        "params": {"prompt": "a lamp", "negative_prompt": "", "steps": 4, "n": 1} | (params or {}),
    }
    record, _ = services.store.create(JobRecord(**(given | fields)))
    services.store.move(record.id, lambda job, now: lifecycle.claim(job, now, worker="gpu0", gpu="GPU-0", token="pen"))
    return services.store.move(
        record.id, lambda job, now: lifecycle.end(job, now, token="pen", state=state, result=result)
    )


def analysed(services: Services, picture_id: str, answers: dict[str, Any], **fields: Any) -> JobRecord:
    """An analysis of a stored picture that ended with these answers, by task; an exception's text fails a task."""
    rows = [
        {"task": task, "ok": False, "error": {"code": "engine_failed", "message": answer}}
        if isinstance(answer, str)
        else {"task": task, "ok": True, "answer": answer}
        for task, answer in answers.items()
    ]
    return ended(
        services, {"answers": rows}, kind="analyze", model="moondream-toy", params={"image": picture_id}, **fields
    )


def library_of(services: Services) -> Library:
    """Another process's library over the same database."""
    return open_library(services.settings, services.store, services.artifacts)


class Caller:
    """One person's way to the API."""

    def __init__(self, services: Services, name: str, role: Role = Role.USER) -> None:
        services.people.add(Person(name=name, role=role), COMMAND_LINE)
        key = str(services.keys.add(Key(id="", person=name, digest=""), COMMAND_LINE)[1])
        self.name = name
        self._headers = {"Authorization": f"Bearer {key}"}
        self._web = create_app(services).test_client()

    def __getattr__(self, method: str) -> Any:
        """`get`, `post` and so on, with this person's key."""

        def ask(path: str, expect: int = 200, **how: Any) -> Any:
            response = getattr(self._web, method)(path, headers=self._headers, **how)
            assert response.status_code == expect, (response.status_code, response.get_data(as_text=True)[:2000])
            return response.get_json() if response.is_json else response.data

        return ask


def owned(services: Services, owner: str, n: int = 1, **params: Any) -> list[str]:
    """Assets of a person's jobs, taken in; their ids, the oldest first."""
    ids = []
    for _ in range(n):
        record = ended(services, caller=owner, params=params)
        ids.append(job_asset_id(record.id, 0))
    while services.library.ingest.look():
        pass
    return ids
