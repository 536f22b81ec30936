"""`darkroom person` and `darkroom key`, on the Redis of the settings."""

import json

import pytest
import redis
import structlog

from api.app import create_app
from api.cli.main import main
from api.services import build_services
from shared.accounts.audit import COMMAND_LINE, Audit
from shared.accounts.key_text import parse_key_text
from shared.redis import keys as names
from shared.redis.embedded import EmbeddedRedis, running_url


@pytest.fixture(autouse=True)
def logs_go_where_they_went():
    """A command sets up the logs of its process, here those of all tests, onto what is read of this test alone."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def darkroom(settings, monkeypatch, capsys):
    """Runs a command on the test's server; gives its status and both outputs."""
    monkeypatch.setenv("DARKROOM_REDIS_URL", settings.redis_url)
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(settings.data_dir))
    return runner(capsys)


def runner(capsys):
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()  # what the app in this process said before is not the command's
        status = main(list(arguments))
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def test_the_first_key_is_the_local_administrators_and_alone_on_the_standard_output(darkroom, services, web):
    before = web.get("/v1/jobs").status_code
    status, out, err = darkroom("key", "add")
    key = out.strip()

    closed = create_app(build_services(services.settings)).test_client()
    me = closed.get("/v1/me", headers={"Authorization": f"Bearer {key}"}).json

    assert (before, status) == (200, 0)
    assert parse_key_text(key)
    assert key not in err
    assert (me["person"], me["role"]) == ("local", "admin")
    assert closed.get("/v1/jobs").status_code == 401


def test_where_there_are_people_a_key_needs_a_name(darkroom):
    darkroom("person", "add", "ann")

    status, out, err = darkroom("key", "add")

    assert (status, out) == (1, "")
    assert "darkroom key add NAME" in err
    assert darkroom("key", "add", "ann")[0] == 0


def test_a_person_is_added_changed_disabled_and_taken_again(darkroom):
    added = darkroom("person", "add", "ann", "--role", "operator", "--limit", "stored_mib=5", "--weight", "2", "--json")
    changed = darkroom("person", "change", "ann", "--limit", "stored_mib=none", "--limit", "requests_per_s=3", "--json")
    disabled = darkroom("person", "disable", "ann", "--json")
    listed = darkroom("person", "list", "--json")
    enabled = darkroom("person", "enable", "ann", "--json")

    assert (json.loads(added[1])["role"], json.loads(added[1])["limits"]["stored_mib"]) == ("operator", 5)
    assert json.loads(changed[1])["limits"]["stored_mib"] is None
    assert json.loads(changed[1])["limits"]["requests_per_s"] == 3.0
    assert json.loads(disabled[1])["is_disabled"] is True
    assert [person["name"] for person in json.loads(listed[1])] == ["ann"]
    assert json.loads(enabled[1]) == json.loads(changed[1])


def test_a_key_is_narrowed_listed_rotated_and_revoked(darkroom):
    darkroom("person", "add", "ann")
    made = json.loads(
        darkroom(
            *("key", "add", "ann", "--role", "viewer", "--model", "sdxl-toy", "--kind", "generate", "--max-n", "2"),
            *("--max-pixels", "4096", "--highest-priority", "low", "--facade", "native", "--expires-days", "1"),
            *("--note", "CI", "--json"),
        )[1]
    )
    listed = json.loads(darkroom("key", "list", "ann", "--json")[1])
    rotated = json.loads(darkroom("key", "rotate", made["id"], "--json")[1])
    revoked = json.loads(darkroom("key", "revoke", rotated["key"], "--json")[1])  # the whole key names it, too

    assert made["scopes"] == {
        "models": ["sdxl-toy"],
        "kinds": ["generate"],
        "max_pixels": 4096,
        "max_n": 2,
        "highest_priority": "low",
        "facades": ["native"],
    }
    assert listed == [{name: value for name, value in made.items() if name != "key"}]
    assert (rotated["id"], revoked["id"]) == (made["id"], made["id"])
    assert rotated["key"] != made["key"]
    assert revoked["is_revoked"] is True
    assert json.loads(darkroom("key", "list", "--json")[1]) == []


@pytest.mark.parametrize("command", ["person show ann", "person list", "key list"])
def test_what_is_there_is_shown_as_a_table(darkroom, command):
    darkroom("person", "add", "ann", "--note", "of the gallery", "--limit", "unfinished_jobs=3")
    darkroom("key", "add", "ann", "--max-n", "2", "--note", "of the gallery")

    status, out, _ = darkroom(*command.split())

    assert status == 0
    assert "ann" in out
    assert "gallery" in out
    assert ("max_n=2" if command == "key list" else "unfinished_jobs=3") in out


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("person add 127.0.0.1", "an address is no name"),
        ("person add Ann", "name"),
        ("person add ann --weight 0", "weight"),
        ("person add ann --weight nan", "NaN"),
        ("person add ann --limit jobs=3", "--limit"),
        ("person change nobody --weight 2", "no person 'nobody'"),
        ("person change nobody", "nothing to change"),
        ("person change nobody --limit jobs=none", "'jobs' is no limit"),
        ("person show nobody", "no person 'nobody'"),
        ("key add nobody", "darkroom person add nobody"),
        ("key add --model nobody", "nobody"),
        ("key add --max-n 0", "max_n"),
        ("key add --expires-days -1", "expires_in_s"),
        ("key list nobody", "no person 'nobody'"),
        ("key revoke abcdefgh", "no key 'abcdefgh'"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_and_nothing_is_made(darkroom, services, command, why):
    status, out, err = darkroom(*command.split())

    assert (status, out) == (1, "")
    assert why in err
    assert err.count("\n") == 1
    assert services.people.page(10) == ([], None)


def test_what_was_done_at_a_terminal_is_told_as_such(darkroom, services):
    darkroom("person", "add", "ann")
    darkroom("key", "add", "ann")

    assert {entry.who for entry in Audit(services.store.redis).page(10)[0]} == {COMMAND_LINE.who}


def test_where_no_server_runs_one_is_started_for_the_moment(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)
    run, data = runner(capsys), str(tmp_path)

    _, out, _ = run("key", "add", "--data", data)
    _, listed, _ = run("key", "list", "--json", "--data", data)

    assert [key["id"] for key in json.loads(listed)] == [out.strip()[3:11]]
    assert running_url(tmp_path / "redis") is None


def test_where_the_private_server_runs_that_one_is_used(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("DARKROOM_REDIS_URL", raising=False)
    server = EmbeddedRedis(tmp_path / "redis")
    server.start()

    status, _, _ = runner(capsys)("key", "add", "--data", str(tmp_path))
    with redis.Redis.from_url(server.url) as client:
        found = client.exists(names.CLOSED)
    is_running = server.is_running
    server.stop()

    assert (status, found, is_running) == (0, 1, True)


def test_without_redis_a_command_says_so(monkeypatch, capsys):
    monkeypatch.setenv("DARKROOM_REDIS_URL", "redis://127.0.0.1:1/0")

    status, out, err = runner(capsys)("key", "add")

    assert (status, out) == (1, "")
    assert "Redis" in err
