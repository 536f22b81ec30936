"""People, keys and the audit stream, as Redis keeps them."""

import threading

import pytest
import redis

from shared.accounts.audit import Actor, Audit
from shared.accounts.key_text import digest_of
from shared.accounts.keys import Keys
from shared.accounts.people import People
from shared.accounts.standing import Standings
from shared.contracts.access import Key, Limits, Person, Role, Scopes
from shared.contracts.audit import Deed
from shared.errors import AlreadyExists, IllegalMove, InvalidRequest, NotFound
from shared.redis import keys as names
from shared.redis.client import connect
from tests.integration.jobs import lose_answers

ROOT = Actor("root", "k")


@pytest.fixture
def client(redis_url):
    with redis.Redis.from_url(redis_url) as made:
        yield made


@pytest.fixture
def people(client):
    return People(client)


@pytest.fixture
def keys(client, people):
    people.add(Person(name="ann"), ROOT)
    return Keys(client)


def key_of(person: str = "ann", **fields) -> Key:
    return Key(id="", person=person, digest="", **fields)


def test_a_person_is_stored_as_they_were_given(people):
    ann = Person(
        name="ann", role=Role.OPERATOR, weight=2.5, limits=Limits(requests_per_s=0.5, stored_mib=0), note='"1" [] é'
    )

    stored = people.add(ann, ROOT)

    assert stored.created_at_ms > 0
    assert stored.model_copy(update={"created_at_ms": 0}) == ann
    assert people.get("ann") == stored


def test_a_name_is_given_once(people):
    people.add(Person(name="ann"), ROOT)

    with pytest.raises(AlreadyExists):
        people.add(Person(name="ann", role=Role.ADMIN), ROOT)
    assert people.get("ann").role == Role.USER


def test_two_changes_of_different_fields_do_not_undo_each_other(people):
    people.add(Person(name="ann", limits=Limits(stored_mib=5)), ROOT)

    people.change("ann", {"weight": 3.0}, {}, ROOT)
    people.change("ann", {"is_disabled": True}, {"unfinished_jobs": 4}, ROOT)
    changed = people.change("ann", {}, {"stored_mib": None}, ROOT)

    assert (changed.weight, changed.is_disabled, changed.limits) == (3.0, True, Limits(unfinished_jobs=4))


def test_a_change_of_nobody_makes_nobody(people, client):
    with pytest.raises(NotFound):
        people.change("bob", {"weight": 3.0}, {}, ROOT)
    assert not client.exists(names.person("bob"))


def test_people_come_by_name_in_pages(people):
    for name in ("cid", "ann", "bob"):
        people.add(Person(name=name), ROOT)

    first, cursor = people.page(2)
    rest, end = people.page(2, cursor)

    assert [each.name for each in [*first, *rest]] == ["ann", "bob", "cid"]
    assert end is None


def test_a_keys_secret_is_nowhere_in_redis(keys, client):
    _, text = keys.add(key_of(), ROOT)
    keys.rotate(text.id, ROOT)

    kept = b"".join(client.dump(name) for name in client.keys("*"))
    assert text.secret.encode() not in kept


def test_a_key_whose_making_had_its_answer_lost_is_the_one_that_is_shown(keys, redis_url, monkeypatch):
    lost = lose_answers(monkeypatch, lambda answer: answer == b"added")

    key, text = Keys(connect(redis_url, 5)).add(key_of(), ROOT, most=1)

    assert lost() == 1
    assert [each.id for each in keys.page(None, 10)[0]] == [key.id]
    assert key.digest == text.digest


def test_a_key_is_stored_as_it_was_given(keys):
    scopes = Scopes(models=("sdxl-toy",), max_pixels=4096, highest_priority="low")

    key, text = keys.add(key_of(role=Role.VIEWER, scopes=scopes, expires_at_ms=9_999_999_999_999, note="CI"), ROOT)

    assert keys.get(text.id) == key
    assert (key.person, key.role, key.scopes, key.note) == ("ann", Role.VIEWER, scopes, "CI")
    assert key.digest == digest_of(text.secret)
    assert key.created_at_ms > 0


def test_nobody_gets_a_key(keys):
    with pytest.raises(NotFound, match="bob"):
        keys.add(key_of("bob"), ROOT)


def test_a_person_has_so_many_keys_and_revoked_ones_do_not_count(keys):
    first = keys.add(key_of(), ROOT, most=2)[0]
    keys.add(key_of(), ROOT, most=2)

    with pytest.raises(InvalidRequest, match="2 keys"):
        keys.add(key_of(), ROOT, most=2)
    keys.revoke(first.id, ROOT)
    assert keys.add(key_of(), ROOT, most=2)


def test_the_door_is_closed_from_the_first_key_on_for_ever(keys, client):
    door = Standings(client)
    before = door.is_closed()
    key, _ = keys.add(key_of(), ROOT)
    keys.revoke(key.id, ROOT)

    assert (before, door.is_closed()) == (False, True)


def test_a_revoked_key_is_not_listed_can_be_looked_at_for_a_while_and_never_comes_back(keys, client):
    key, _ = keys.add(key_of(), ROOT)

    revoked = keys.revoke(key.id, ROOT)

    assert revoked.is_revoked
    assert keys.revoke(key.id, ROOT) == revoked
    assert keys.page("ann", 10) == keys.page(None, 10) == ([], None)
    assert 0 < client.ttl(names.key(key.id)) <= names.KEY_TTL_S
    with pytest.raises(IllegalMove, match="revoked"):
        keys.rotate(key.id, ROOT)


def test_a_rotated_key_has_another_secret_and_is_the_same_else(keys):
    before, old = keys.add(key_of(note="CI", scopes=Scopes(max_n=1)), ROOT)

    after, new = keys.rotate(before.id, ROOT)

    assert new.id == old.id
    assert new.secret != old.secret
    assert after.digest == new.digest
    assert after.model_copy(update={"digest": before.digest}) == before


def test_of_many_who_rotate_one_key_at_once_one_secret_counts(keys):
    key, _ = keys.add(key_of(), ROOT)
    made = []
    threads = [threading.Thread(target=lambda: made.append(keys.rotate(key.id, ROOT)[1])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [each.digest for each in made].count(keys.get(key.id).digest) == 1


def test_an_expired_key_is_forgotten_in_the_end(keys, client):
    key, _ = keys.add(key_of(expires_at_ms=2_000_000_000_000), ROOT)
    goes_at_ms = client.pexpiretime(names.key(key.id))
    client.delete(names.key(key.id))  # that time has come

    assert goes_at_ms == 2_000_000_000_000 + names.KEY_TTL_S * 1000
    assert keys.page("ann", 10) == ([], None)
    assert client.zcard(names.keys_of("ann")) == 0


def test_a_use_of_a_key_that_is_gone_leaves_nothing(keys, client):
    key, _ = keys.add(key_of(), ROOT)
    client.delete(names.key(key.id))

    keys.note_use(key, 1)

    assert not client.exists(names.key(key.id))


def test_keys_come_newest_first_in_pages(keys, people):
    people.add(Person(name="bob"), ROOT)
    made = [keys.add(key_of(name), ROOT)[0].id for name in ("ann", "bob", "ann", "ann")]

    page, cursor = keys.page("ann", 2)
    rest, end = keys.page("ann", 2, cursor)
    everybodys, _ = keys.page(None, 10)

    assert [key.id for key in [*page, *rest]] == [made[3], made[2], made[0]]
    assert end is None
    assert [key.id for key in everybodys] == made[::-1]


def test_a_standing_is_the_same_one_call_for_known_and_unknown_keys(keys, client, people):
    key, _ = keys.add(key_of(), ROOT)
    door = Standings(client)

    known, unknown, by_name = door.of(key.id), door.of("--------"), door.of("--------", "ann")

    assert (known.key, known.person) == (key, people.get("ann"))
    assert (unknown.key, unknown.person) == (None, None)
    assert (by_name.key, by_name.person) == (None, people.get("ann"))
    assert known.now_ms >= key.created_at_ms


def test_what_was_done_to_people_and_keys_is_told_by_whoever_did_it(keys, people, client):
    key, _ = keys.add(key_of(), ROOT)
    keys.rotate(key.id, ROOT)
    keys.revoke(key.id, Actor("ann"))
    keys.revoke(key.id, ROOT)  # was done already
    people.change("ann", {"role": "viewer"}, {"stored_mib": None}, ROOT)

    told, _ = Audit(client).page(10)

    assert [(each.who, each.key, each.what, each.target) for each in told] == [
        ("root", "k", Deed.PERSON_CHANGED, "ann"),
        ("ann", "", Deed.KEY_REVOKED, key.id),
        ("root", "k", Deed.KEY_ROTATED, key.id),
        ("root", "k", Deed.KEY_ADDED, key.id),
        ("root", "k", Deed.PERSON_ADDED, "ann"),
    ]
    assert told[0].details["role"] == "viewer"
    assert told[1].details == {"person": "ann"}


def test_the_audit_stream_is_read_in_pages_and_by_what_fits(client):
    audit = Audit(client)
    for number in range(7):
        audit.record(ROOT, Deed.WORKER_DRAINED if number % 2 else Deed.WORKER_RESUMED, f"gpu{number}")

    page, cursor = audit.page(3)
    rest, end = audit.page(10, cursor)
    drained, _ = audit.page(10, fits=lambda entry: entry.what == Deed.WORKER_DRAINED)

    assert [each.target for each in [*page, *rest]] == [f"gpu{number}" for number in range(6, -1, -1)]
    assert end is None
    assert [each.target for each in drained] == ["gpu5", "gpu3", "gpu1"]


def test_the_audit_stream_is_capped(client, monkeypatch):
    monkeypatch.setattr(names, "AUDIT_LENGTH", 100)
    audit = Audit(client)
    for number in range(700):
        audit.record(ROOT, Deed.WORKER_DRAINED, str(number))

    assert client.xlen(names.AUDIT) < 300  # whole nodes of the stream go
    assert audit.page(1)[0][0].target == "699"
