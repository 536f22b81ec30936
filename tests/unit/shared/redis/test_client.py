"""Redis' failures are ours, and those who must have an answer wait for it."""

import fakeredis
import pytest
from redis.exceptions import ConnectionError, ResponseError

from shared.errors import RedisUnavailable
from shared.redis.client import FIRST_PAUSE_S, LONGEST_PAUSE_S, LUA, redis_errors, script, until_redis_answers


class Answers:
    """Raises so often, then answers."""

    def __init__(self, refusals: int, failure: Exception) -> None:
        self.refusals, self.failure = refusals, failure

    def __call__(self) -> str:
        self.refusals -= 1
        if self.refusals >= 0:
            raise self.failure
        return "an answer"


@pytest.mark.parametrize("failure", [RedisUnavailable("away"), ConnectionError("away")])
def test_who_waits_asks_again_with_pauses_that_grow_to_a_limit(failure):
    pauses: list[float] = []

    assert until_redis_answers(Answers(8, failure), sleep=pauses.append) == "an answer"

    assert pauses[:3] == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_who_waits_gives_up_when_waiting_is_in_vain():
    with pytest.raises(RedisUnavailable):
        until_redis_answers(Answers(99, RedisUnavailable("away")), limit_s=0.0, sleep=lambda _: None)


def test_a_bug_is_not_waited_for():
    with pytest.raises(ValueError, match="a bug"):
        until_redis_answers(Answers(1, ValueError("a bug")), sleep=lambda _: None)


@pytest.mark.parametrize("said", ["OOM command not allowed", "READONLY You can't write", "MISCONF Errors writing"])
def test_a_server_that_cannot_take_writes_is_unavailable(said):
    with pytest.raises(RedisUnavailable, match="refuses writes"), redis_errors():
        raise ResponseError(said)


def test_a_wrong_command_stays_a_bug():
    with pytest.raises(ResponseError), redis_errors():
        raise ResponseError("ERR unknown command")


def test_a_script_is_called_by_its_name():
    client = fakeredis.FakeRedis()
    client.set("lock", '{"token": "mine"}')

    script(client, "gpu_lock_release")(keys=["lock"], args=["mine"])

    assert client.get("lock") is None


@pytest.mark.parametrize("file", sorted(LUA.glob("*.lua")), ids=lambda file: file.name)
def test_every_script_opens_with_what_it_does(file):
    assert file.read_text().startswith("-- ")
