"""Answers are cut short in the middle of a word: nobody's is lost, and what is said in the end is what one alone would say.

Each start of a worker costs seconds: the first test leaves the one that the others begin with.
"""

import base64
from collections.abc import Iterator

import pytest

from tests import pictures, talker
from tests.faults.stack import MODELS, FaultRig
from tests.rig import wait_for

#: Long enough that whatever happens in the middle of an answer does.
WORDS = 400
#: Seen of an answer before something happens to it.
SEEN = 20
#: Of a drain: enough for an answer, and not.
LONG_S, SHORT_S = "30", "0.3"
#: Room for the talker, and for no real model.
BUDGET_MIB = "600"


@pytest.fixture(scope="module")
def stack(tmp_path_factory) -> Iterator[FaultRig]:
    """One worker, which serves the talker and the fault model."""
    folder = tmp_path_factory.mktemp("talking")
    models = talker.catalogue_with(folder)
    models.write_text(models.read_text() + MODELS.read_text())
    environment = {
        "DARKROOM_MODELS_FILE": str(models),
        "DARKROOM_CPU_BUDGETS_MIB": BUDGET_MIB,
        "DARKROOM_SLOWER_IN_COMPANY": "100",
    }
    with FaultRig(folder, 1, **environment) as rig:
        rig.start_api().start_workers(DARKROOM_DRAIN_S=LONG_S).wait_until_ready()
        yield rig


@pytest.fixture
def rig(stack: FaultRig) -> FaultRig:
    return stack.wait_until_ready()


@pytest.fixture(scope="module")
def alone(stack: FaultRig) -> str:
    """The words, said by one that nothing happens to."""
    return text_of(stack.finish(asked(stack)))


def asked(rig: FaultRig, words: int = WORDS) -> str:
    """A question's job: the likeliest words."""
    task = {"task": "query", "question": "what is there?", "max_tokens": words, "temperature": 0.0}
    image = base64.b64encode(pictures.png(80, 50)).decode()
    answer = rig.http.post("/v1/analyze", json={"model": "talker", "image": image, "tasks": [task]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def text_of(record: dict) -> str:
    assert record["state"] == "succeeded", record
    return str(record["result"]["answers"][0]["answer"]["text"])


def in_the_middle(rig: FaultRig, ids: list[str]) -> list[dict]:
    """Their records, once each is well on its way."""

    def look() -> list[dict] | None:
        records = [rig.job(job_id) for job_id in ids]
        is_there = all(r["state"] == "running" and r["progress"]["step"] >= SEEN for r in records)
        return records if is_there else None

    return wait_for(look, what="answers on their way")  # type: ignore[return-value]


def test_one_of_several_is_cancelled_and_a_worker_that_is_stopped_says_the_others_to_their_end(rig, alone):
    ids = [asked(rig) for _ in range(2)]
    gone = asked(rig, 1900)
    in_the_middle(rig, [*ids, gone])

    rig.http.delete(f"/v1/jobs/{gone}").raise_for_status()
    in_the_middle(rig, ids)
    rig.stop("workers")

    left, *ended = (rig.job(job_id) for job_id in (gone, *ids))
    assert left["state"] == "cancelled"
    assert [text_of(record) for record in ended] == [alone] * 2
    assert {record["attempt"] for record in ended} == {1}
    rig.start_workers(DARKROOM_DRAIN_S=SHORT_S).wait_until_ready()
    rig.one_more_good_answer()


def test_answers_for_which_the_drain_is_too_short_go_back_and_are_made_anew(rig, alone):
    ids = [asked(rig), asked(rig)]
    in_the_middle(rig, ids)

    rig.stop("workers")
    waiting = [rig.job(job_id) for job_id in ids]
    rig.start_workers(DARKROOM_DRAIN_S=SHORT_S).wait_until_ready()

    ended = [rig.finish(job_id) for job_id in ids]
    assert [record["state"] for record in waiting] == ["queued"] * 2
    assert [[past["reason"] for past in record["history"]] for record in ended] == [["drained"]] * 2
    assert [text_of(record) for record in ended] == [alone] * 2
    rig.one_more_good_answer()


def test_answers_of_a_killed_worker_are_made_anew(rig, alone):
    ids = [asked(rig), asked(rig)]
    seen = in_the_middle(rig, ids)

    rig.main_of(seen[0]["worker"]).kill()

    ended = [rig.finish(job_id) for job_id in ids]
    assert [text_of(record) for record in ended] == [alone] * 2
    assert [record["attempt"] for record in ended] == [2, 2]
    rig.one_more_good_answer()
