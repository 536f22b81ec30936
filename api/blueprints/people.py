"""`/v1/people`: who there is, for administrators. A name is given once; people are disabled, never deleted."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.requests.accounts import check_change
from api.requests.parsing import reads_request
from api.responses.accounts import PersonList, answer, person_view
from api.services import services
from api.services.auth import current_caller
from shared.contracts.access import Limits, Person
from shared.contracts.accounts import PersonChange, PersonRequest

blueprint = APIBlueprint("people", __name__, abp_tags=[Tag(name="people", description="Who there is")])

MAX_PAGE = 1000


class PersonPath(BaseModel):
    """A person's name."""

    name: str = Field(min_length=1, max_length=100)


class PeopleQuery(BaseModel):
    """Which people to list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=MAX_PAGE, description="People on a page")
    cursor: str = Field("", max_length=100, description="`next_cursor` of the page before")


@blueprint.get(
    "/v1/people", summary="List people", responses={"200": openapi.body("PersonList", "By name"), **openapi.failures()}
)
@reads_request
def index(query: PeopleQuery) -> Response:
    ours = services()
    found, cursor = ours.people.page(query.limit, query.cursor)
    return answer(PersonList(people=[person_view(each, ours.role_limits) for each in found], next_cursor=cursor))


@blueprint.post(
    "/v1/people",
    summary="Add a person",
    description="Their first key: `POST /v1/keys`.",
    responses={
        "201": openapi.body("PersonView", "Added", Location=openapi.LOCATION),
        **openapi.failures(400, 409, 413, 415),
    },
)
@reads_request
def add(body: PersonRequest) -> Response:
    ours = services()
    wanted = Person(**body.model_dump(exclude={"limits"}), limits=Limits(**body.limits.model_dump()))
    person = ours.people.add(wanted, current_caller().as_actor)
    return answer(person_view(person, ours.role_limits), 201, Location=f"/v1/people/{person.name}")


@blueprint.get(
    "/v1/people/<name>",
    summary="Look at a person",
    responses={"200": openapi.body("PersonView", "The person"), **openapi.failures(404)},
)
@reads_request
def show(path: PersonPath) -> Response:
    ours = services()
    return answer(person_view(ours.people.get(path.name), ours.role_limits))


@blueprint.patch(
    "/v1/people/<name>",
    summary="Change a person, or disable them",
    description="Counts within a second. Jobs that are there keep what they were made with; limits act on new ones.",
    responses={"200": openapi.body("PersonView", "As it now is"), **openapi.failures(400, 404, 409, 413, 415)},
)
@reads_request
def change(path: PersonPath, body: PersonChange) -> Response:
    ours, caller = services(), current_caller()
    check_change(caller, path.name, body)
    values = body.model_dump(mode="json", exclude_none=True, exclude={"limits"})
    limits = body.limits.model_dump(exclude_unset=True) if body.limits is not None else {}
    if values or limits:
        ours.people.change(path.name, values, limits, caller.as_actor)
    return answer(person_view(ours.people.get(path.name), ours.role_limits))
