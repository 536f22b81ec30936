"""What was said last gets to Redis, also where that is away when it is said."""

import threading
from dataclasses import dataclass, field

import pytest

from shared.errors import RedisUnavailable
from shared.redis import client
from tests.rig import wait_for
from workers.execution.last_word import LastWord


@dataclass
class Listener:
    """Redis, which may be away."""

    is_away: bool = False
    heard: list[str] = field(default_factory=list)
    in_vain: int = 0

    def hears(self, word: str) -> None:
        if self.is_away:
            self.in_vain += 1
            raise RedisUnavailable("away")
        self.heard.append(word)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(client, "FIRST_PAUSE_S", 0.01)
    monkeypatch.setattr(client, "LONGEST_PAUSE_S", 0.01)


@pytest.fixture
def redis() -> Listener:
    return Listener()


@pytest.fixture
def word() -> LastWord:
    return LastWord()


def say_in_vain(redis: Listener, word: LastWord) -> None:
    redis.is_away = True
    with pytest.raises(RedisUnavailable):
        word.say(lambda: redis.hears("one"))


def test_a_word_that_is_heard_is_said_once_and_at_once(redis, word):
    word.say(lambda: redis.hears("one"))

    assert redis.heard == ["one"]
    assert not word.is_repeating


def test_one_that_is_not_heard_is_repeated_until_it_is(redis, word):
    say_in_vain(redis, word)
    wait_for(lambda: redis.in_vain > 2, what="words in vain")
    redis.is_away = False

    wait_for(lambda: redis.heard, what="a word that is heard")
    wait_for(lambda: not word.is_repeating, what="an end")

    assert redis.heard == ["one"]


def test_of_several_that_were_not_heard_the_last_is_the_last(redis, word):
    say_in_vain(redis, word)
    for name in ("two", "three"):
        word.say(lambda name=name: redis.hears(name))
    redis.is_away = False

    wait_for(lambda: not word.is_repeating, what="an end")

    assert redis.heard[-1] == "three"


def test_one_that_comes_while_another_is_repeated_does_not_wait_and_comes_after_it(redis, word):
    say_in_vain(redis, word)
    is_at_it, may_go = threading.Event(), threading.Event()

    def slow() -> None:
        is_at_it.set()
        may_go.wait(30)
        redis.hears("slow")

    word.say(slow)
    redis.is_away = False
    assert is_at_it.wait(30)
    word.say(lambda: redis.hears("last"))
    may_go.set()

    wait_for(lambda: not word.is_repeating, what="an end")

    assert redis.heard[-2:] == ["slow", "last"]


def test_after_an_outage_words_are_said_at_once_again(redis, word):
    say_in_vain(redis, word)
    redis.is_away = False
    wait_for(lambda: not word.is_repeating, what="an end")

    word.say(lambda: redis.hears("two"))

    assert redis.heard == ["one", "two"]
