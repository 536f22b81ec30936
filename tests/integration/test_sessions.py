"""Sessions and failed sign-ins, as Redis keeps them."""

import threading
import time

import pytest
import redis

from shared.accounts.audit import COMMAND_LINE
from shared.accounts.people import People
from shared.accounts.sessions import MOST_SESSIONS, Sessions, digest_of, proof_of
from shared.accounts.sign_in_throttle import SignInThrottle, counted_as
from shared.contracts.access import Person
from shared.errors import TooManySignIns, Unauthorized
from shared.redis import keys


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def sessions(client):
    return Sessions(client, idle_s=3600, max_s=86_400)


# -- sessions ------------------------------------------------------------------------------------------------------------


def test_a_token_finds_its_session(sessions):
    token, opened = sessions.open("ann", key_id="k1", key_digest="d1")

    found = sessions.of_token(token)

    assert (found.person, found.key_id, found.key_digest, found.digest) == ("ann", "k1", "d1", opened.digest)
    assert found.ends_at_ms - found.created_at_ms == 86_400_000
    assert 3_590_000 < found.idle_ends_at_ms - found.created_at_ms <= 3_600_000


def test_redis_never_sees_the_token(sessions, client):
    token, opened = sessions.open("ann", environment_key="short")

    everything = b" ".join(client.keys()) + b" ".join(client.hgetall(keys.session(opened.digest)).values())

    assert token.encode() not in everything
    assert b"short" not in everything
    assert opened.proof == proof_of(token, "short") != proof_of("x" * 43, "short")


@pytest.mark.parametrize(
    "token", ["", "x", "x" * 42, "x" * 44, "x" * 43, "é" * 43, "*" * 43, "x" * 42 + "\n", "\udcff" * 43]
)
def test_a_forged_token_finds_nothing(sessions, token):
    sessions.open("ann")

    assert sessions.of_token(token) is None


def test_the_digest_opens_nothing(sessions):
    _, opened = sessions.open("ann")

    assert sessions.of_token(opened.digest[:43]) is None
    assert sessions.of_token(opened.id) is None


def test_a_session_that_was_ended_stays_ended(sessions, client):
    token, opened = sessions.open("ann")
    other, _ = sessions.open("ann")

    sessions.end(opened)

    assert sessions.of_token(token) is None
    assert sessions.of_token(other) is not None
    assert not client.exists(keys.session(opened.digest))


def test_using_an_ended_session_does_not_bring_it_back(sessions, client):
    """It is ended between the look and the prolonging."""
    _, opened = sessions.open("ann")
    client.pexpire(keys.session(opened.digest), 100_000)
    seen, now_ms = sessions._read(opened.digest)
    sessions.end(opened)

    sessions._prolong(seen, now_ms)

    assert not client.exists(keys.session(opened.digest))


def test_all_sessions_of_a_person_end_at_once_and_nobody_elses(sessions):
    tokens = [sessions.open("ann")[0] for _ in range(3)]
    other, _ = sessions.open("bob")

    ended = sessions.end_all("ann")

    assert ended == 3
    assert [sessions.of_token(token) for token in tokens] == [None] * 3
    assert sessions.of_token(other) is not None
    assert sessions.end_all("ann") == 0


def test_who_is_disabled_is_signed_out_for_good(client, sessions):
    people = People(client)
    people.add(Person(name="ann"), COMMAND_LINE)
    token, _ = sessions.open("ann")

    people.change("ann", {"is_disabled": True}, {}, COMMAND_LINE)
    people.change("ann", {"is_disabled": False}, {}, COMMAND_LINE)

    assert sessions.of_token(token) is None


def test_use_prolongs_a_session_but_not_beyond_its_end(client):
    sessions = Sessions(client, idle_s=3600, max_s=5400)
    token, opened = sessions.open("ann")
    client.pexpire(keys.session(opened.digest), 100_000)

    sessions.of_token(token)
    prolonged_ms = client.pttl(keys.session(opened.digest))
    client.hset(keys.session(opened.digest), "ends_at_ms", opened.created_at_ms + 200_000)
    client.pexpire(keys.session(opened.digest), 100_000)
    sessions.of_token(token)

    assert 3_590_000 < prolonged_ms <= 3_600_000
    assert 190_000 < client.pttl(keys.session(opened.digest)) <= 200_000


def test_a_session_that_nobody_uses_is_over(client):
    sessions = Sessions(client, idle_s=3600, max_s=86_400)
    token, opened = sessions.open("ann")
    client.pexpire(keys.session(opened.digest), 1)
    wait_until(lambda: not client.exists(keys.session(opened.digest)))

    assert sessions.of_token(token) is None
    assert sessions.of_person("ann") == []


def test_a_person_has_so_many_sessions_and_the_oldest_ends(sessions):
    tokens = [sessions.open("ann")[0] for _ in range(MOST_SESSIONS + 1)]

    assert len(sessions.of_person("ann")) == MOST_SESSIONS
    assert sum(sessions.of_token(token) is None for token in tokens) == 1
    assert sessions.of_token(tokens[-1]) is not None


def test_a_digest_is_sha_256():
    assert digest_of("a") == "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"


# -- failed sign-ins -----------------------------------------------------------------------------------------------------


@pytest.fixture
def throttle(client):
    return SignInThrottle(client, attempts=3, window_s=60)


def fail(throttle, address="10.0.0.1", key_id="k1"):
    with pytest.raises(Unauthorized), throttle.attempt(address, key_id):
        raise Unauthorized("no")


def is_refused(throttle, address, key_id) -> bool:
    try:
        with throttle.attempt(address, key_id):
            return False
    except TooManySignIns:
        return True


def test_after_so_many_failures_nothing_is_tried_any_more(throttle):
    for _ in range(3):
        fail(throttle)

    with pytest.raises(TooManySignIns) as refused, throttle.attempt("10.0.0.1", "k1"):
        raise AssertionError("tried")

    assert 1 <= refused.value.retry_after_s <= 60


def test_an_address_is_counted_whatever_keys_it_tries(throttle):
    for number in range(3):
        fail(throttle, key_id=f"k{number}")

    assert is_refused(throttle, "10.0.0.1", "k9")
    assert not is_refused(throttle, "10.0.0.2", "k9")


def test_a_key_is_counted_wherever_it_is_tried_from(throttle):
    for number in range(3):
        fail(throttle, address=f"10.0.0.{number}")

    assert is_refused(throttle, "10.9.9.9", "k1")
    assert not is_refused(throttle, "10.9.9.9", "k2")


def test_what_has_no_id_counts_for_the_address_alone(throttle):
    for _ in range(3):
        fail(throttle, key_id="")

    assert is_refused(throttle, "10.0.0.1", "")
    assert not is_refused(throttle, "10.0.0.2", "")


def test_who_signs_in_well_is_never_counted(throttle, client):
    for _ in range(20):
        with throttle.attempt("10.0.0.1", "k1"):
            pass

    assert client.keys(keys.sign_ins("*")) == []


def test_a_refusal_is_not_counted_so_the_window_moves_on(throttle, client):
    for _ in range(3):
        fail(throttle)
    for _ in range(10):
        assert is_refused(throttle, "10.0.0.1", "k1")

    assert client.zcard(keys.sign_ins("key:k1")) == 3


def test_each_failure_leaves_the_window_when_its_own_time_is_over(client):
    throttle = SignInThrottle(client, attempts=2, window_s=60)
    for _ in range(2):
        fail(throttle)
    window = keys.sign_ins("key:k1")
    oldest = client.zrange(window, 0, 0)[0]
    for name in (window, keys.sign_ins("address:10.0.0.1")):
        client.zincrby(name, -60_001, oldest)

    fail(throttle)

    assert is_refused(throttle, "10.0.0.1", "k1")
    assert client.zcard(window) == 2


def test_many_at_once_gain_nothing(throttle):
    tried, ready = [], threading.Barrier(12)

    def attempt() -> None:
        ready.wait()
        try:
            with throttle.attempt("10.0.0.1", "k1"):
                tried.append(1)
                raise Unauthorized("no")
        except (Unauthorized, TooManySignIns):
            pass

    threads = [threading.Thread(target=attempt) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(tried) == 3


def test_of_an_ipv6_address_the_network_counts():
    assert counted_as("2001:db8::1") == counted_as("2001:db8::ffff:1") != counted_as("2001:db8:0:1::1")
    assert (counted_as("10.0.0.1"), counted_as("")) == ("10.0.0.1", "")


def wait_until(look, limit_s: float = 60.0) -> None:
    ends_at = time.monotonic() + limit_s
    while not look():
        assert time.monotonic() < ends_at
