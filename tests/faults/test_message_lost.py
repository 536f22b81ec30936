"""The broker loses messages: some, or all of them."""

from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from workers.recovery.requeue import Requeue


def test_a_job_whose_message_is_lost_among_others_still_runs(rig):
    busy = rig.occupy(seconds=2)
    ids = [rig.generate(seed=seed)["id"] for seed in range(4)]

    assert rig.store.redis.rpop("fault.normal")

    assert {job["state"] for job in rig.finish_all([*busy, *ids])} == {"succeeded"}
    rig.one_more_good_answer()


def test_a_broker_that_forgot_everything_is_filled_again(rig):
    busy = rig.occupy(seconds=2)
    ids = [rig.generate(seed=seed)["id"] for seed in range(4)]

    rig.store.redis.delete("fault.normal")

    assert {job["state"] for job in rig.finish_all([*busy, *ids])} == {"succeeded"}
    rig.one_more_good_answer()


def test_requeue_sends_exactly_the_messages_that_are_missing(rig):
    busy = rig.occupy(seconds=3)
    ids = [rig.generate(seed=seed)["id"] for seed in range(4)]
    rig.store.redis.rpop("fault.normal")
    rig.store.redis.lpop("fault.normal")
    requeue = Requeue(rig.store, Dispatcher(rig.store, make_app(rig.settings, for_worker=False)), rig.settings)

    sent = requeue.send_all()

    assert sent == 2
    assert {job["state"] for job in rig.finish_all([*busy, *ids])} == {"succeeded"}
    rig.one_more_good_answer()
