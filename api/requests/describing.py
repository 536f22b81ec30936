"""Assets are described: caption, tags and rating, as one batch of low priority, with a chain for each picture.

What the rack cannot do now (no tagger is here, the key is for other models) is left out, and the assets say so. The assets
wait first and the batch is sent then, so that no answer comes too early; where it cannot be sent they are put back as they
were. Should we die in between, the sweep finds that they wait for nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from api.library import analyses
from api.library.analyses import Standing
from api.requests.model_choice import Choice, choose_for_tasks
from api.responses.pictures import withheld
from api.services import Services
from api.services.auth import Caller
from shared.accounts.limits import check_batch
from shared.accounts.scope_rules import check_asked, models_of
from shared.batches.plan import plan_steps
from shared.contracts.base import Priority
from shared.contracts.batch_records import BatchRecord, Member, StepPlan, new_batch_id
from shared.contracts.batches import AnalyzeStep, BatchOptions
from shared.contracts.jobs import JobRecord, State
from shared.contracts.vision import AnyTask, CaptionTask, RatingTask, TagsTask
from shared.errors import CallersError, DarkroomError, InvalidRequest
from shared.models.catalogue import ModelCard

#: In the order of the chain.
TASKS: tuple[AnyTask, ...] = (CaptionTask(task="caption"), TagsTask(task="tags"), RatingTask(task="rating"))


@dataclass(frozen=True)
class Sent:
    """What became of the wish."""

    #: "": nothing was sent.
    batch: str = ""
    #: Assets that wait for it.
    assets: int = 0
    #: Those that something looks at already.
    pending: int = 0
    #: What will not be said, and why; "": everything will.
    left_out: str = ""


@dataclass(frozen=True)
class Plan:
    """Chain and what is not in it."""

    steps: tuple[StepPlan, ...]
    left_out: str
    #: Why nothing can be said at all.
    error: DarkroomError | None = field(default=None, compare=False)


def describe(
    ours: Services, caller: Caller, asset_nos: Sequence[int], *, fresh: bool = False, again: bool = True
) -> Sent:
    """Have these assets looked at, but for those that are.

    Args:
        caller: at whose account; must see and may change them.
        fresh: do again what was done before with the same picture and model.
        again: also those that were looked at before.

    Raises:
        InvalidRequest: more than a batch holds. BatchTooLarge, TooManyRequests: more than this caller may send.
        ModelMissing, DoesNotFit, ScopeExceeded: nothing can be said of them here, by this key.
        LibraryUnavailable, RedisUnavailable, ArtifactStoreDown. Whatever is raised, they are as they were.
    """
    with ours.library.database.reading() as session:
        found = analyses.standings(session, asset_nos)
    found = [each for each in found if again or each.analysis != "done"]
    wanted = [each for each in found if each.analysis not in analyses.PENDING]
    if not wanted:
        return Sent(pending=len(found))
    plan = plan_for(ours, caller)
    if plan.error is not None:
        raise plan.error
    pictures = list(dict.fromkeys(each.picture for each in wanted))
    _check_size(ours, caller, len(pictures), len(plan.steps))
    reasons = _unusable(ours, pictures)
    record = _record(ours, caller, plan.steps, len(pictures) - len(reasons), fresh=fresh)
    with ours.library.database.writing() as session:
        now_ms = ours.store.now_ms()
        # Only here is it certain that nobody else has them looked at.
        still = analyses.standings(session, [each.no for each in wanted])
        wanted = [each for each in still if each.analysis not in analyses.PENDING]
        here = [each for each in wanted if each.picture not in reasons]
        for each in wanted:
            if each.picture in reasons:
                analyses.fail(session, [each.no], reasons[each.picture], now_ms)
        analyses.wait_for(session, [each.no for each in here], record.id, now_ms, plan.left_out)
    if here:
        _send(ours, record, here)
    return Sent(record.id if here else "", len(here), len(found) - len(wanted), plan.left_out)


def give_up(ours: Services, asset_nos: Sequence[int], reason: str) -> None:
    """Those of these that nobody looked at, or looks at, say why; they can be tried again."""
    with ours.library.database.writing() as session:
        unseen = [each.no for each in analyses.standings(session, asset_nos) if each.analysis in ("none", "failed")]
        analyses.fail(session, unseen, reason, ours.store.now_ms())


def plan_for(ours: Services, caller: Caller) -> Plan:
    """The chain that the rack can do now for this caller."""
    steps: list[StepPlan] = []
    errors: dict[str, DarkroomError] = {}
    choice = Choice(ours, caller.scopes)
    for task in TASKS:
        try:
            steps += _planned(ours, choice, caller, task)
        except CallersError as error:
            errors[task.task] = error
    left_out = "; ".join(f"{task}: {error.message}" for task, error in errors.items())
    return Plan(tuple(steps), left_out, None if steps else next(iter(errors.values())))


def jobs_looking_at(ours: Services, awaited: str, picture: str) -> list[JobRecord | None]:
    """The job that an asset waits for, or those of its batch that look at its picture now."""
    if not awaited:
        return []
    if not awaited.startswith("bat_"):
        return ours.store.get_many([awaited])
    running = ours.store.get_many(ours.batches.jobs_in(awaited, (State.RUNNING,)))
    return [record for record in running if record is not None and record.params.get("image") == picture]


def _planned(ours: Services, choice: Choice, caller: Caller, task: AnyTask) -> tuple[StepPlan, ...]:
    def choose_card(wanted: str | None) -> ModelCard:
        return choice.wanted_or_best(wanted, "generate", "generating model")

    def choose_tasks(tasks: Sequence[AnyTask], model: str | None) -> tuple[ModelCard, list[AnyTask]]:
        chosen = choose_for_tasks(choice, tasks, model)
        return chosen.card, chosen.tasks

    steps = plan_steps(
        BatchOptions(steps=[AnalyzeStep(kind="analyze", tasks=[task])]),
        has_pictures=True,
        grid_models=(),
        choose_card=choose_card,
        choose_tasks=choose_tasks,
        settings=ours.settings,
    )
    for variant in steps[0].variants:
        models = models_of(variant.model, variant.params)
        check_asked(caller.scopes, kind=steps[0].kind, models=models, priority=Priority.LOW, params=variant.params)
    return steps


def _unusable(ours: Services, pictures: Sequence[str]) -> dict[str, str]:
    """Those of the pictures that no job may look at, and why."""
    absent = ours.artifacts.absent(pictures)
    refused = ours.ratings.refused([each for each in pictures if each not in absent])
    return dict.fromkeys(absent, "its picture is not in the store") | {
        each: withheld(ours, each, rating).message for each, rating in refused.items()
    }


def _check_size(ours: Services, caller: Caller, pictures: int, steps: int) -> None:
    most = ours.settings.max_batch_members
    if pictures > most:
        raise InvalidRequest(
            f"a batch may have {most:,} members here, these are {pictures:,} pictures: narrow the filter",
            field="filter",
        )
    check_batch(pictures, steps, caller.limits)


def _record(ours: Services, caller: Caller, steps: tuple[StepPlan, ...], total: int, *, fresh: bool) -> BatchRecord:
    return BatchRecord(
        id=new_batch_id(),
        name=f"describe {total:,} picture{'' if total == 1 else 's'}",
        caller=caller.person,
        weight=caller.weight,
        priority=Priority.LOW,
        total=total,
        steps=steps,
        fresh=fresh,
        max_attempts=ours.settings.max_attempts,
    )


def _send(ours: Services, record: BatchRecord, waiting: Sequence[Standing]) -> None:
    members = [Member(name=name, image=picture) for picture, name in {e.picture: e.file_name for e in waiting}.items()]
    try:
        ours.batches.create(record.model_copy(update={"total": len(members)}), members)
    except BaseException:
        with ours.library.database.writing() as session:
            analyses.put_back(session, waiting, ours.store.now_ms())
        raise
