"""What this request's key is narrowed to, held against the jobs it would make: single ones, retries, commands, batches."""

from collections.abc import Sequence
from typing import Protocol

from api.services.auth import current_caller
from shared.accounts.scope_rules import at_most, check_asked, check_priority, models_of
from shared.contracts.base import Priority
from shared.contracts.batch_records import StepPlan, Variant
from shared.contracts.jobs import JobRecord
from shared.errors import DarkroomError, ScopeExceeded


class HasPriority(Protocol):
    """The body of a job."""

    @property
    def priority(self) -> Priority: ...

    @property
    def model_fields_set(self) -> set[str]: ...


def check_record(record: JobRecord, *, has_chosen_priority: bool = True) -> None:
    """Whether this request's key may make this job.

    Raises:
        ScopeExceeded: it is narrowed to less.
    """
    check_asked(
        current_caller().scopes,
        kind=record.kind,
        models=models_of(record.model, record.params),
        priority=record.priority if has_chosen_priority else None,
        params=record.params,
    )


def priority_of(body: HasPriority, *, is_named: bool | None = None) -> Priority:
    """What the caller names; where they name none, the usual one, or the highest that their key may ask for.

    Args:
        is_named: whether they do; None: as the field `priority` of the body tells.
    """
    named = "priority" in body.model_fields_set if is_named is None else is_named
    return body.priority if named else at_most(current_caller().scopes, body.priority)


def within_scopes(steps: Sequence[StepPlan], priority: Priority) -> tuple[StepPlan, ...]:
    """A batch's steps, if this request's key may make such jobs.

    Where a picture's size follows another one, it follows it within what the key may.

    Raises:
        ScopeExceeded: it is narrowed to less; the field names the step.
    """
    scopes = current_caller().scopes
    check_priority(scopes, priority)
    return tuple(_step_within(step, index) for index, step in enumerate(steps))


def _step_within(step: StepPlan, index: int) -> StepPlan:
    try:
        return step.model_copy(update={"variants": tuple(_within(step.kind, each) for each in step.variants)})
    except DarkroomError as error:
        error.field = f"steps.{index}.{error.field}"
        raise


def _within(kind: str, variant: Variant) -> Variant:
    scopes, params, sizing = current_caller().scopes, variant.params, variant.sizing
    if sizing is not None and scopes.max_pixels is not None:
        # Its size is not known yet, and the parameters' is only the model's usual one.
        params = {name: value for name, value in params.items() if name not in ("width", "height")}
        if (sizing.min_side_px + sizing.step_px) ** 2 > scopes.max_pixels:
            raise ScopeExceeded(
                f"scope max_pixels: this key makes up to {scopes.max_pixels:,} pixels, and {variant.model} may not stay "
                "within them: name width and height",
                field="width",
            )
        sizing = sizing.model_copy(update={"max_pixels": min(sizing.max_pixels, scopes.max_pixels)})
    check_asked(scopes, kind=kind, models=models_of(variant.model, params), params=params)
    return variant.model_copy(update={"sizing": sizing})
