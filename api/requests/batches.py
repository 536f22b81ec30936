"""A batch request → what is stored: members with their pictures checked, steps with every default explicit.

What is wrong with the request is refused; what is wrong with one member makes that one fail, with its reason, and the
others run.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from flask import request
from werkzeug.datastructures import FileStorage

from api.requests.model_choice import Choice, choose_for_tasks
from api.requests.parsing import validated_json
from api.requests.scopes import within_scopes
from api.requests.submission import body_hash
from api.responses.pictures import withheld
from api.services import Services
from api.services.auth import current_caller
from shared.accounts.limits import check_batch
from shared.batches.plan import check_size, effective_grid, members_of, plan_steps
from shared.contracts.batch_records import BatchRecord, Member, StepPlan, new_batch_id
from shared.contracts.batches import MAX_NAME_CHARS, BatchOptions, BatchRequest
from shared.contracts.jobs import Failure
from shared.contracts.kinds import KIND_RULES
from shared.contracts.sizes import Size
from shared.contracts.vision import AnyTask
from shared.errors import BadPicture, CallersError, DarkroomError, Gone, InvalidRequest, NotFound
from shared.jobs.lifecycle import failure_of
from shared.log import logger
from shared.models.catalogue import ModelCard
from shared.net.addresses import check_url
from shared.pictures.artifact_store import id_of
from shared.pictures.pixels import MIB, NO_LIMITS, inspect

#: The form field that holds everything but the files, as JSON.
OPTIONS_FIELD = "batch"
#: Parts of a form beside its files.
OTHER_PARTS = 4


@dataclass(frozen=True)
class Accepted:
    """Ready to be stored."""

    record: BatchRecord
    members: list[Member]
    #: Whether it was only to be checked.
    is_dry: bool
    #: The same for requests that mean the same.
    body_hash: str


def from_json(ours: Services, body: BatchRequest) -> Accepted:
    """The batch of a JSON request.

    Raises:
        InvalidRequest, NotFound, ModelMissing, DoesNotFit: see `plan_steps`. ScopeExceeded: see `within_scopes`.
        BatchTooLarge: see `check_batch`.
    """
    check_size(body, ours.settings)
    check_batch(body.size, max(1, len(body.steps or ())), current_caller().limits)
    choice = Choice(ours)
    models = {name: choice.named(name).id for name in (body.grid.models if body.grid else ())}
    steps = chosen_steps(ours, choice, body, has_pictures=body.images is not None, grid_models=list(models.values()))
    members = effective_grid(members_of(body), models)
    record = new_record(ours, body, steps, len(members))
    if not body.dry_run:
        members = with_pictures(ours, members, needs_size=any(variant.sizing for variant in steps[0].variants))
    return Accepted(record, members, body.dry_run, body_hash(body))


def from_form(ours: Services) -> Accepted:
    """The batch of a form with files; each file is checked whole, and a bad one becomes a member that has failed.

    Raises:
        InvalidRequest: no files, too many, an unknown field; and as `from_json`.
        NotReady: too many forms are looked through already.
        ArtifactStoreFull, ArtifactStoreDown: a picture could not be stored.
    """
    request.max_content_length = ours.settings.max_batch_body_mib * MIB
    request.max_form_parts = ours.settings.max_batch_members + OTHER_PARTS
    options = _form_options()
    if options.dry_run:
        raise InvalidRequest("a form has sent its pictures already: ask for a dry run with JSON", field="dry_run")
    files = [file for _, file in request.files.items(multi=True) if file.filename or file.mimetype]
    if not files:
        raise InvalidRequest("the form has no files; send pictures, or JSON with images, prompts or a grid")
    if len(files) > ours.settings.max_batch_members:
        raise InvalidRequest(
            f"a batch may have {ours.settings.max_batch_members:,} members here, this form has {len(files):,} files"
        )
    check_batch(len(files), max(1, len(options.steps or ())), current_caller().limits)
    steps = chosen_steps(ours, Choice(ours), options, has_pictures=True, grid_models=())
    with ours.decoding.form():
        members = [_member_of(ours, file) for file in files]
    return Accepted(new_record(ours, options, steps, len(members)), members, False, _form_hash(options, members))


def _form_options() -> BatchOptions:
    unknown = [name for name in request.form if name != OPTIONS_FIELD]
    if unknown:
        raise InvalidRequest(
            f"unknown form field {unknown[0][:100]!r}: everything but the files stands as JSON in {OPTIONS_FIELD!r}",
            field=unknown[0][:100],
        )
    return validated_json(BatchOptions, request.form.get(OPTIONS_FIELD, "{}"))


def chosen_steps(
    ours: Services, choice: Choice, options: BatchOptions, *, has_pictures: bool, grid_models: Sequence[str]
) -> tuple[StepPlan, ...]:
    def choose_card(wanted: str | None) -> ModelCard:
        return choice.wanted_or_best(wanted, "generate", "generating model")

    def choose_tasks(tasks: Sequence[AnyTask], model: str | None) -> tuple[ModelCard, list[AnyTask]]:
        chosen = choose_for_tasks(choice, tasks, model)
        return chosen.card, chosen.tasks

    steps = plan_steps(
        options,
        has_pictures=has_pictures,
        grid_models=grid_models,
        choose_card=choose_card,
        choose_tasks=choose_tasks,
        settings=ours.settings,
    )
    return within_scopes(steps, options.priority)


def new_record(ours: Services, options: BatchOptions, steps: tuple[StepPlan, ...], total: int) -> BatchRecord:
    _check_webhook(ours, options.webhook)
    if any(KIND_RULES[step.kind].makes_pictures for step in steps):
        ours.door.check()
    return BatchRecord(
        id=new_batch_id(),
        name=options.name,
        caller=current_caller().person,
        weight=current_caller().weight,
        priority=options.priority,
        total=total,
        steps=steps,
        fresh=options.fresh,
        keep=options.keep,
        max_attempts=ours.settings.max_attempts,
        webhook=options.webhook or "",
    )


def _check_webhook(ours: Services, url: str | None) -> None:
    if url is None:
        return
    if ours.settings.webhook_secret is None:
        raise InvalidRequest(
            "this server signs no webhooks: set DARKROOM_WEBHOOK_SECRET there, or poll the batch", field="webhook"
        )
    private = ours.settings.allow_private_addresses
    check_url(url, allow_private=private, schemes=("https", "http") if private else ("https",), field="webhook")


def with_pictures(ours: Services, members: list[Member], *, needs_size: bool) -> list[Member]:
    """Members whose picture is not here have failed before they began; the others' pictures are kept from expiring.

    Args:
        needs_size: the first step's size follows the picture's.
    """
    wanted = list(dict.fromkeys(member.image for member in members if member.image))
    closed = ours.ownership.closed(current_caller(), wanted) if wanted else set()
    missing = ours.artifacts.renew([image_id for image_id in wanted if image_id not in closed])
    # Of a picture that is not theirs nobody learns that it existed.
    expired = ours.store.which_existed(sorted(missing)) if missing else set()
    missing |= closed
    known = {image_id: _size_or_error(ours, image_id) for image_id in wanted if needs_size and image_id not in missing}
    known |= {image_id: _absence(image_id, expired) for image_id in missing}
    refused = ours.ratings.refused([image_id for image_id in wanted if image_id not in missing])
    known |= {image_id: failure_of(withheld(ours, image_id, rating)) for image_id, rating in refused.items()}
    return [_informed(member, known.get(member.image)) for member in members]


def _informed(member: Member, known: Size | Failure | None) -> Member:
    if known is None:
        return member
    return member.model_copy(update={"error" if isinstance(known, Failure) else "size": known})


def _size_or_error(ours: Services, image_id: str) -> Size | Failure:
    try:
        return inspect(ours.artifacts.get(image_id), NO_LIMITS).size
    except CallersError as error:
        return failure_of(error)


def _absence(image_id: str, expired: set[str]) -> Failure:
    if image_id in expired:
        return failure_of(Gone(f"picture {image_id} has expired"))
    return failure_of(NotFound(f"there is no picture {image_id}"))


def _member_of(ours: Services, file: FileStorage) -> Member:
    name = "".join(char for char in (file.filename or "") if char.isprintable())[-MAX_NAME_CHARS:]
    try:
        data = file.read()
        facts = ours.decoding.check(data, ours.picture_limits, file.mimetype or None, is_patient=True)
        for image_id, rating in ours.ratings.refused([id_of(data)]).items():
            raise withheld(ours, image_id, rating)
    except CallersError as error:
        return Member(name=name, error=failure_of(error))
    except DarkroomError:
        raise
    except Exception as exc:  # a bug of ours, but of this file's alone
        logger().error("member.not_read", exc_info=exc)
        return Member(name=name, error=failure_of(BadPicture("the picture could not be read", field="image")))
    return Member(name=name, image=ours.ownership.store_picture(current_caller(), data), size=facts.size)


def _form_hash(options: BatchOptions, members: Sequence[Member]) -> str:
    rows = [(member.name, member.image, member.error.message if member.error else "") for member in members]
    return hashlib.sha256(json.dumps([body_hash(options), rows]).encode()).hexdigest()
