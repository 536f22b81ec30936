"""An action over pictures → a batch: one member a picture, its own words and model filled into the recipe.

What is wrong with the request is refused before anything is made, a picture that is not there by its id. A picture whose own
words make the prompt too long fails alone, as a broken file of a batch does.
"""

import json
from collections.abc import Iterable, Mapping, Sequence

from api.library.sources import Source, sources_of
from api.requests.batches import Accepted, chosen_steps, new_record, with_pictures
from api.requests.library import viewer
from api.requests.model_choice import Choice
from api.requests.parsing import validated_json
from api.requests.submission import body_hash
from api.services import Services
from api.services.auth import current_caller
from shared.accounts.limits import check_batch
from shared.accounts.scope_rules import at_most
from shared.contracts.actions import OWN_WORDS, ActionRequest
from shared.contracts.base import MAX_SEED, Priority
from shared.contracts.batch_records import Member
from shared.contracts.batches import PREVIOUS, AnalyzeStep, BatchOptions, GenerateStep
from shared.errors import CallersError, DarkroomError, Gone, InvalidRequest, NotFound
from shared.jobs.lifecycle import failure_of
from shared.models.actions import FORMS, Action, words_of
from shared.pictures.artifact_store import ID

#: Ids that a message names; of more it tells the number.
NAMED = 10
ABSENT = frozenset({NotFound.code, Gone.code})


def accepted(ours: Services, action: Action, body: ActionRequest) -> Accepted:
    """The batch of one action.

    Raises:
        NotFound: an id, or the preset, is none; the message names them.
        InvalidRequest: an override is unknown or out of range; more pictures than this server takes.
        And what batches raise: see `api.requests.batches.from_json`.
    """
    _check_size(ours, body)
    step = _step_of(action, body)
    sources = _sources(ours, body.sources)
    models = _models(ours, action, step, sources.values())
    options = _options(action, body, step)
    try:
        steps = chosen_steps(
            ours, Choice(ours), options, has_pictures=True, grid_models=list(dict.fromkeys(models.values()))
        )
    except DarkroomError as error:
        error.field = error.field.replace("steps.0.", "overrides.") if error.field else None
        raise
    if isinstance(step, GenerateStep):  # each member brings its prompt: the recipe's with its own words in it
        steps = tuple(each.model_copy(update={"has_prompt": False}) for each in steps)
    members = [_member(action, body, step, source, models.get(source.model, "")) for source in sources.values()]
    needs_size = any(variant.sizing for variant in steps[0].variants)
    members = with_pictures(ours, members, needs_size=needs_size)
    _refuse_absent(sources, members)
    return Accepted(new_record(ours, options, steps, len(members)), members, body.dry_run, body_hash(body))


def _check_size(ours: Services, body: ActionRequest) -> None:
    if len(body.sources) > ours.settings.max_batch_members:
        raise InvalidRequest(
            f"a batch may have {ours.settings.max_batch_members:,} members here, this one has {len(body.sources):,}: "
            "split it",
            field="ids",
        )
    check_batch(len(body.sources), 1, current_caller().limits)


def _step_of(action: Action, body: ActionRequest) -> GenerateStep | AnalyzeStep:
    """The one step of it, the caller's overrides checked as a job's own fields are."""
    try:
        checked = validated_json(FORMS[action.kind], json.dumps(body.overrides))
    except CallersError as error:
        error.field = f"overrides.{error.field}" if error.field != "body" else "overrides"
        raise
    recipe = action.recipe(body.preset, checked.model_dump(mode="json", exclude_unset=True))
    if action.kind == "analyze":
        return validated_json(AnalyzeStep, json.dumps({"kind": "analyze"} | recipe))
    return validated_json(
        GenerateStep, json.dumps({"kind": "generate", "image": PREVIOUS, "prompt": OWN_WORDS} | recipe)
    )


def _sources(ours: Services, ids: Sequence[str]) -> dict[str, Source]:
    """What each id is, in their order. A picture that no asset has brings no words of its own."""
    with ours.library.database.reading() as session:
        known = sources_of(session, ids, viewer())
    found = {each: known.get(each) or (Source(each, each) if ID.match(each) else None) for each in ids}
    _refuse([each for each, source in found.items() if source is None])
    return {each: source for each, source in found.items() if source is not None}


def _refuse_absent(sources: Mapping[str, Source], members: Sequence[Member]) -> None:
    """Pictures whose bytes are gone, or are not the caller's to open."""
    _refuse(
        [each for each, member in zip(sources, members, strict=True) if member.error and member.error.code in ABSENT]
    )


def _refuse(missing: Sequence[str]) -> None:
    if missing:
        more = f" and {len(missing) - NAMED:,} more" if len(missing) > NAMED else ""
        named = ", ".join(repr(each) for each in missing[:NAMED])
        raise NotFound(f"there is no asset and no picture {named}{more}", field="ids")


def _models(
    ours: Services, action: Action, step: GenerateStep | AnalyzeStep, sources: Iterable[Source]
) -> dict[str, str]:
    """What a source calls its model → the one that is used; empty: the same for all. One that cannot be had here now (a
    foreign checkpoint, one that was taken off the rack) becomes the one of a request that names none."""
    if not isinstance(step, GenerateStep) or step.model is not None or "model" not in action.takes:
        return {}
    choice, found = Choice(ours), dict[str, str]()
    for name in dict.fromkeys(source.model for source in sources):
        try:
            card = choice.named(name)
            found[name] = card.id if card.kind == "generate" else ""
        except CallersError:
            found[name] = ""
    if "" in found.values():
        best = choice.wanted_or_best(None, "generate", "generating model").id
        found = {name: model or best for name, model in found.items()}
    return found


def _options(action: Action, body: ActionRequest, step: GenerateStep | AnalyzeStep) -> BatchOptions:
    count = len(body.sources)
    priority = body.priority or at_most(current_caller().scopes, Priority.NORMAL if count == 1 else Priority.LOW)
    return BatchOptions(
        name=body.name or f"{action.title}: {count} picture{'s' if count > 1 else ''}",
        steps=[step],
        priority=priority,
        keep=body.keep,
        fresh=body.fresh,
        dry_run=body.dry_run,
    )


def _member(
    action: Action, body: ActionRequest, step: GenerateStep | AnalyzeStep, source: Source, model: str
) -> Member:
    bare = Member(name=source.name, image=source.picture)
    if not isinstance(step, GenerateStep):
        return bare
    own = source.words if "prompt" in action.takes else ""
    takes_negative = "negative_prompt" in action.takes and step.negative_prompt is None and source.negative_prompt
    try:
        prompt = words_of(step.prompt or "", own)
    except InvalidRequest as error:
        return bare.model_copy(update={"error": failure_of(error)})
    return bare.model_copy(
        update={
            "prompt": prompt,
            "negative_prompt": source.negative_prompt if takes_negative else None,
            # Of other programs' pictures some are larger than ours may be.
            "seed": source.seed if "seed" in action.takes and (source.seed or 0) <= MAX_SEED else None,
            "model": model,
        }
    )
