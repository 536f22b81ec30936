"""How a chain goes on after one of its jobs."""

from shared.contracts.jobs import JobRecord, State
from workers.execution.continuation import carry_on


def ticket(job_id):
    return {"task": "darkroom.run_job", "args": [job_id], "options": {"task_id": job_id, "queue": "m.low"}}


def job(job_id, queue="@gpu0.low"):
    return JobRecord(id=job_id, kind="analyze", model="m", state=State.QUEUED, queue=queue)


def test_celery_sends_the_next_ticket_to_the_queue_that_was_chosen():
    chain, sent = [ticket("third"), ticket("second")], []

    assert carry_on(chain, job("second"), sent.append)

    assert chain[-1]["options"]["queue"] == "@gpu0.low"
    assert chain[0]["options"]["queue"] == "m.low"
    assert sent == []


def test_a_job_that_came_without_its_chain_gets_a_ticket_of_ours():
    sent = []

    assert carry_on(None, job("second"), sent.append)

    assert [record.id for record in sent] == ["second"]


def test_a_chain_whose_next_step_was_answered_already_goes_on_behind_it():
    chain, sent = [ticket("third"), ticket("second")], []

    assert not carry_on(chain, job("third"), sent.append)

    assert [record.id for record in sent] == ["third"]


def test_a_chain_that_stops_sends_nothing():
    sent = []

    assert not carry_on([ticket("second")], None, sent.append)
    assert sent == []


def test_a_job_without_a_chain_just_ends():
    assert carry_on(None, None, lambda record: None)
    assert carry_on([], None, lambda record: None)
