"""A batch's plan and its members' chains: everything explicit, the same each time they are made."""

import pytest

from shared.batches.plan import chain_of, job_id_of, members_of, plan_steps
from shared.contracts.batch_records import BatchRecord, Member
from shared.contracts.batches import PREVIOUS, BatchRequest
from shared.contracts.jobs import State
from shared.errors import InvalidRequest
from shared.jobs.chain_rules import released
from shared.models.catalogue import Defaults, ModelCard, ModelLimits, Vram
from shared.settings import Settings

ASK = {"kind": "analyze", "tasks": [{"task": "caption"}]}


def card(name="painter", kind="generate"):
    return ModelCard(
        id=name,
        kind=kind,
        engine="e",
        title="",
        summary="",
        licence="",
        source={"builtin": "toy"},
        defaults=Defaults(width=64, height=64),
        limits=ModelLimits(),
        vram=Vram(weights_mib=1, peak_mib=1),
    )


def seeded(tasks, seed=99):
    return [task.model_copy(update={"engine": "eyes", "seed": seed} if hasattr(task, "seed") else {}) for task in tasks]


def plan(has_pictures=False, models=(), seed=99, **body):
    request = BatchRequest.model_validate({"prompts": ["x"]} | body)
    return plan_steps(
        request,
        has_pictures=has_pictures,
        grid_models=models,
        choose_card=lambda name: card(name or "painter"),
        choose_tasks=lambda tasks, model: (card("eyes", "analyze"), seeded(tasks, seed)),
        settings=Settings(),
    )


def batch(steps, **fields):
    return BatchRecord(**({"id": "bat_1", "total": 1, "steps": steps} | fields))


def chain(steps, member=Member(prompt="a fox"), **how):  # noqa: B008 (frozen)
    return chain_of(batch(plan(steps=steps)), 0, member, **how)


def test_without_steps_each_prompt_makes_one_picture():
    (job,) = chain_of(batch(plan()), 0, Member(prompt="a fox"))

    assert (job.kind, job.params["prompt"], job.state) == ("generate", "a fox", State.QUEUED)


def test_the_first_step_is_queued_and_the_others_wait_linked_to_one_another():
    jobs = chain([{"kind": "generate"}, ASK, {"kind": "generate", "image": PREVIOUS}])

    assert [job.state for job in jobs] == [State.QUEUED, State.WAITING, State.WAITING]
    assert [job.next_id for job in jobs] == [jobs[1].id, jobs[2].id, ""]
    assert [job.previous_id for job in jobs] == ["", jobs[0].id, jobs[1].id]
    assert [job.params["image"] for job in jobs] == [None, PREVIOUS, PREVIOUS]


def test_making_a_chain_again_makes_the_same_jobs():
    steps = [{"kind": "generate"}, {"kind": "generate"}]
    made = batch(plan(steps=steps))

    assert chain_of(made, 3, Member(prompt="a")) == chain_of(made, 3, Member(prompt="a"))


def test_ids_of_other_members_steps_rounds_and_batches_differ():
    ids = {job_id_of(b, m, s, r) for b in ("bat_1", "bat_11") for m in (1, 11) for s in (0, 1) for r in (0, 1)}

    assert len(ids) == 16


def test_members_get_seeds_of_their_own_unless_one_is_named():
    free, fixed = [{"kind": "generate"}], [{"kind": "generate", "seed": 5}]
    made = batch(plan(steps=free))

    drawn = {chain_of(made, index, Member(prompt="a"))[0].params["seed"] for index in range(20)}
    assert len(drawn) == 20
    assert chain_of(made, 0, Member(prompt="a", seed=7))[0].params["seed"] == 7
    assert chain(fixed, Member(prompt="a", seed=7))[0].params["seed"] == 5


def test_a_grid_over_models_gives_each_member_its_model_with_its_own_queue():
    made = batch(plan(models=("painter", "sculptor")))

    jobs = [chain_of(made, 0, Member(prompt="a", model=name))[0] for name in ("painter", "sculptor")]

    assert [(job.model, job.queue) for job in jobs] == [("painter", "painter.low"), ("sculptor", "sculptor.low")]


def test_a_step_that_names_its_model_keeps_it_in_a_grid():
    made = batch(plan(models=("painter", "sculptor"), steps=[{"kind": "generate"}, {"kind": "generate", "model": "m"}]))

    assert [job.model for job in chain_of(made, 0, Member(prompt="a", model="sculptor"))] == ["sculptor", "m"]


def test_a_resumed_chain_starts_behind_what_succeeded_with_its_picture():
    steps = [{"kind": "generate"}, {"kind": "generate", "image": PREVIOUS}]
    first = chain(steps)[0].model_copy(update={"state": State.SUCCEEDED})

    (again,) = chain(steps, round_=1, done=[first], picture="img_2")

    assert (again.state, again.params["image"], again.previous_id) == (State.QUEUED, "img_2", first.id)
    assert again.id != chain(steps)[1].id


def test_the_same_question_is_known_whatever_seed_was_drawn():
    asked = {plan(has_pictures=True, steps=[ASK], seed=seed)[0].asked for seed in (1, 2)}
    named = plan(has_pictures=True, steps=[ASK | {"tasks": [{"task": "caption", "seed": 1}]}])[0].asked

    assert len(asked) == 1
    assert named not in asked


def test_fresh_batches_take_nothing_over():
    steps = plan(has_pictures=True, steps=[ASK])

    assert chain_of(batch(steps), 0, Member(image="img_1"))[0].asked
    assert not chain_of(batch(steps, fresh=True), 0, Member(image="img_1"))[0].asked


def test_cells_of_a_grid_come_prompt_by_prompt():
    grid = {"prompts": ["a", "b"], "seeds": [1, 2], "models": ["x", "y"]}
    cells = members_of(BatchRequest.model_validate({"grid": grid}))

    assert [(cell.prompt, cell.seed, cell.model) for cell in cells][:3] == [("a", 1, "x"), ("a", 1, "y"), ("a", 2, "x")]
    assert len(cells) == 8


@pytest.mark.parametrize("seed", [-1, None])
def test_a_seed_of_a_grid_is_drawn_for_each_cell_where_everybody_would_have_one_drawn(seed):
    body = {"grid": {"prompts": ["a", "b"], "seeds": [seed, 7]}, "steps": [{"kind": "generate"}]}
    cells = members_of(BatchRequest.model_validate(body))
    whole = batch(plan(steps=[{"kind": "generate"}]))
    seeds = [chain_of(whole, index, cell)[0].params["seed"] for index, cell in enumerate(cells)]

    assert [cell.seed for cell in cells] == [None, 7, None, 7]
    assert seeds[1] == seeds[3] == 7
    assert len(set(seeds)) == 3


def test_errors_name_the_step():
    with pytest.raises(InvalidRequest) as caught:
        plan(steps=[{"kind": "generate"}, {"kind": "generate", "width": 4096, "height": 4096}])

    assert caught.value.field == "steps.1.width"


def test_tasks_keep_their_order_and_their_effective_values():
    steps = plan(has_pictures=True, steps=[{"kind": "analyze", "tasks": [{"task": "tags"}, {"task": "caption"}]}])

    (job,) = chain_of(batch(steps), 0, Member(image="img_1"))

    assert [task["task"] for task in job.params["tasks"]] == ["tags", "caption"]
    assert job.params["tasks"][1]["seed"] == 99
    assert job.params["image"] == "img_1"


REMIX = {"kind": "generate", "image": PREVIOUS, "prompt": "at night"}


def remixed(size, **step):
    steps = plan(has_pictures=True, steps=[REMIX | step, REMIX | step])
    return chain_of(batch(steps), 0, Member(image="img_1", size=size))


def test_a_remix_without_a_size_follows_the_members_own_picture():
    first, second = remixed((640, 320))

    assert (first.params["width"], first.params["height"]) == (64, 64)
    assert second.sizing is not None


def test_a_remix_with_a_size_follows_nothing():
    assert [job.sizing for job in remixed((640, 320), width=64)] == [None, None]


def test_a_remix_follows_the_picture_that_the_step_before_made_or_looked_at():
    _, waiting = remixed(None)
    waiting = waiting.model_copy(update={"sizing": waiting.sizing.model_copy(update={"step_px": 8, "pixels": 65_536})})
    made = {"images": [{"id": "img_2", "width": 400, "height": 100}]}
    looked_at = {"width": 100, "height": 400, "answers": []}

    after = [released(waiting, 1, previous=ended_with(result)) for result in (made, looked_at, {})]

    assert [(job.params["width"], job.params["height"]) for job in after] == [(512, 128), (128, 512), (64, 64)]
    assert len({job.batch_key for job in after}) == 3


def ended_with(result):
    (job,) = chain_of(batch(plan()), 0, Member(prompt="x"))
    return job.model_copy(
        update={"state": State.SUCCEEDED, "result": result, "params": job.params | {"image": "img_1"}}
    )
