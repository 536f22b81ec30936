"""`darkroom jobs …` and `darkroom.in_hand` against the real app."""

import httpx
import pytest

from api.cli import jobs as jobs_command
from api.cli import main as cli
from api.client import Darkroom
from shared.contracts.in_hand import MOST_JOBS
from shared.contracts.jobs import State, new_job_id
from tests import workers_played


@pytest.fixture
def darkroom(web, monkeypatch):
    """A client of the app in this process, also for the command."""
    monkeypatch.setattr(
        cli.log, "configure", lambda **_: None
    )  # it would log into this test's captured stream for ever
    transport = httpx.WSGITransport(app=web.application)
    monkeypatch.setattr(jobs_command, "Darkroom", lambda url, key: Darkroom(url, key=key, transport=transport))
    with Darkroom("http://localhost", transport=transport) as client:
        yield client


@pytest.fixture
def sent(darkroom):
    return [darkroom.generate("a boat", model="sdxl-toy").id for _ in range(3)]


def run(capsys, *arguments):
    """The exit status, and what was said on both streams."""
    status = cli.main(["jobs", *arguments])
    said = capsys.readouterr()
    return status, said.out.splitlines()[-1] if said.out else "", said.err


def test_jobs_are_held_and_released_by_name(capsys, darkroom, services, sent):
    assert run(capsys, "hold", *sent[:2])[:2] == (0, "2 changed")
    assert [services.store.get(job_id).held for job_id in sent] == [True, True, False]

    assert run(capsys, "release", "--all")[:2] == (0, "2 changed, 1 unchanged")


def test_one_that_cannot_be_changed_is_told_with_its_reason_and_the_others_are_changed(
    capsys, darkroom, services, sent
):
    workers_played.start(services, sent[0])
    unknown = new_job_id()

    status, said, errors = run(capsys, "priority", "high", sent[0], unknown, sent[1])

    assert (status, said) == (1, "1 changed, 2 refused")
    assert f"{sent[0]}: job {sent[0]} is running" in errors
    assert unknown in errors
    assert services.store.get(sent[1]).priority == "high"


def test_jobs_are_moved_to_the_front_in_the_order_they_are_named(capsys, darkroom, services, sent):
    run(capsys, "front", sent[2], sent[1])

    ranks = [services.store.get(job_id).rank for job_id in sent]

    assert ranks[2] < ranks[1] < ranks[0] == 0


def test_everything_of_ones_own_is_given_up(capsys, darkroom, services, sent):
    assert run(capsys, "cancel", "--all")[:2] == (0, "3 changed")
    assert services.store.counts()[State.CANCELLED] == 3
    assert run(capsys, "cancel", "--all")[:2] == (0, "there are none")


def test_a_pause_says_how_it_ends(capsys, darkroom, services, sent):
    status, said, _ = run(capsys, "pause")

    assert (status, said) == (0, "nothing of yours starts until `darkroom jobs go-on`")
    assert all(services.store.get(job_id).held for job_id in sent)
    assert run(capsys, "go-on")[0] == 0
    assert not any(services.store.get(job_id).held for job_id in sent)


@pytest.mark.parametrize("arguments", [("hold",), ("hold", "job_1", "--all"), ("cancel", "--all", "--batch", "bat_1")])
def test_what_names_no_jobs_or_names_them_in_two_ways_is_refused(capsys, darkroom, arguments):
    status, _, errors = run(capsys, *arguments)

    assert status == 1
    assert "--all" in errors


def test_more_jobs_than_one_request_takes_keep_their_order_at_the_front(darkroom, services, sent, monkeypatch):
    monkeypatch.setattr("api.client.in_hand.MOST_JOBS", 2)

    outcomes = darkroom.in_hand.to_front([sent[1], sent[2], sent[0]])

    assert [row.id for row in outcomes] == [sent[1], sent[2], sent[0]]
    ranks = [services.store.get(job_id).rank for job_id in (sent[1], sent[2], sent[0])]
    assert ranks == sorted(ranks)
    assert MOST_JOBS == 1000


def test_a_filter_is_followed_to_its_end(darkroom, sent, monkeypatch):
    monkeypatch.setattr("api.requests.in_hand.MOST_JOBS", 2)

    outcomes = darkroom.in_hand.hold({"state": "queued"})

    assert [row.id for row in outcomes] == sent
