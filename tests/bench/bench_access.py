"""What the door costs a request: milliseconds of a key that was just shown, of one that must be looked up, of a wrong one, and
of counting a request of somebody who may send so many a second; with ten keys and with ten thousand.

Run: `python -m tests.bench.bench_access OUT.json`. A private Valkey and the door as the API has it, in one process; the last
rows ask an empty view through the whole app, with and without a key. The promise is 0.3 ms at the median, whatever the
number of keys.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from api.app import create_app
from api.services import Services, build_services, permissions
from api.services.auth import Access
from shared.accounts.audit import COMMAND_LINE
from shared.accounts.key_text import KeyText, new_key_text
from shared.accounts.standing import Standings
from shared.contracts.access import Key, Limits, Person
from shared.errors import Unauthorized
from shared.redis import keys as names
from shared.redis.embedded import EmbeddedRedis
from shared.settings import Settings

FEW, MANY = 10, 10_000
#: Questions of each sort.
ASKED = 3_000
PEOPLE = 500
#: Counted like any other limit, and never reached here.
SO_MANY = Limits(requests_per_s=1e6)


def with_keys(ours: Services, count: int) -> list[KeyText]:
    """So many keys of `PEOPLE` people (or fewer), written as `key_add.lua` writes them."""
    people = [f"person-{number}" for number in range(min(count, PEOPLE))]
    for name in people:
        ours.people.add(Person(name=name), COMMAND_LINE)
    first, text = ours.keys.add(Key(id="", person=people[0], digest=""), COMMAND_LINE)
    fields = ours.store.redis.hgetall(names.key(first.id)) | {b"last_used_at_ms": str(2**50).encode()}
    texts = [text, *(new_key_text() for _ in range(count - 1))]
    pipe = ours.store.redis.pipeline(transaction=False)
    for age, each in enumerate(texts):
        person = people[age % len(people)]
        own = {b"id": each.id, b"digest": each.digest, b"person": person}
        pipe.hset(names.key(each.id), mapping=fields | own)
        pipe.zadd(names.KEYS, {each.id: age})
        pipe.zadd(names.keys_of(person), {each.id: age})
    pipe.execute()
    return texts


def median_ms(ask: Callable[[Any], object], asked: Iterable[Any]) -> float:
    spans = []
    for each in asked:
        since = time.perf_counter()
        ask(each)
        spans.append(1000 * (time.perf_counter() - since))
    return round(statistics.median(spans), 4)


def door(ours: Services, texts: list[KeyText]) -> dict[str, float]:
    """The door alone."""
    shown = [str(text) for text in texts]
    different = [shown[place % len(shown)] for place in range(ASKED)]

    def look_up(key: str) -> None:
        # A door that never saw the key: it is made anew, which costs microseconds, and knows that it is closed.
        Access(Standings(ours.store.redis), ours.keys, (("nobody", "of the environment"),)).caller_of(key)

    def refused(key: str) -> None:
        try:
            ours.access.caller_of(key)
        except Unauthorized:
            return
        raise AssertionError("a wrong key was let in")

    ours.access.caller_of(shown[0])
    return {
        "shown_just_now_ms": median_ms(ours.access.caller_of, [shown[0]] * ASKED),
        "looked_up_ms": median_ms(look_up, different),
        "wrong_ms": median_ms(refused, (str(new_key_text()) for _ in range(ASKED))),
        "counted_ms": median_ms(lambda person: ours.quotas.admit(person, SO_MANY), ["person-0"] * ASKED),
    }


def app_costs(ours: Services, key: KeyText) -> dict[str, float]:
    """An empty view through the whole app: public, and with a key."""
    app = create_app(ours)
    app.add_url_rule("/v1/empty", view_func=lambda: "")
    web, shown = app.test_client(), {"Authorization": f"Bearer {key}"}

    def ask(_: int) -> None:
        assert web.get("/v1/empty", headers=shown).status_code == 200

    with patch.dict(permissions.ROUTES, {"GET /v1/empty": permissions.PUBLIC}):
        public = median_ms(ask, range(ASKED // 3))
    with patch.dict(permissions.ROUTES, {"GET /v1/empty": permissions.VIEWER}):
        keyed = median_ms(ask, range(ASKED // 3))
    return {
        "empty_public_view_ms": public,
        "empty_view_with_key_ms": keyed,
        "cost_of_a_request_ms": round(keyed - public, 4),
    }


def measure() -> dict[str, Any]:
    """All numbers of one run."""
    report: dict[str, Any] = {}
    for count in (FEW, MANY):
        with tempfile.TemporaryDirectory() as folder:
            server = EmbeddedRedis(Path(folder) / "redis")
            limits = (f"requests_per_s={SO_MANY.requests_per_s:.0f}",)
            ours = build_services(Settings(redis_url=server.start(), data_dir=Path(folder), user_limits=limits))
            texts = with_keys(ours, count)
            report[f"with_{count}_keys"] = door(ours, texts) | app_costs(ours, texts[0])
            server.stop()
    return report


def main(out: Path) -> dict[str, Any]:
    numbers = measure()
    out.write_text(json.dumps(numbers, indent=2) + "\n")
    return numbers


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1])), indent=2))
