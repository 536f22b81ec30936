"""`/v1/actions`: what can be done to pictures with one click, and doing it. What it makes is a batch."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import BaseModel, Field

from api import openapi
from api.blueprints.batches import answer_new
from api.requests import actions as action_requests
from api.requests.parsing import reads_request
from api.requests.submission import SubmitHeaders
from api.responses.actions import ActionList, action_view
from api.services import services
from shared.contracts.actions import ActionRequest
from shared.errors import NotFound

blueprint = APIBlueprint(
    "actions", __name__, abp_tags=[Tag(name="actions", description="What can be done to pictures with one click")]
)


class ActionPath(BaseModel):
    """An action's name, as `GET /v1/actions` lists it."""

    action: str = Field(max_length=64)


@blueprint.get(
    "/v1/actions",
    summary="List actions",
    description="Each with its presets and the fields of its form: `overrides` may hold those.",
    responses={"200": openapi.body("ActionList", "All actions"), **openapi.failures()},
)
@reads_request
def index() -> Response:
    ours = services()
    rows = tuple(action_view(action, ours.settings.max_batch_members) for action in ours.actions.values())
    return Response(ActionList(actions=rows).model_dump_json(), mimetype="application/json")


@blueprint.post(
    "/v1/actions/<action>",
    summary="Do something to pictures",
    description="Answers a batch, also for one picture. Each picture's own prompt (or caption), model and, by action, seed "
    "fill what neither preset nor overrides say; a model that is not here becomes the usual one. What is made has the picture "
    "as its parent.",
    responses={
        "200": openapi.body("BatchCheck", "Of a dry run: what would be made"),
        "202": openapi.body("BatchView", "Accepted", Location=openapi.LOCATION, ETag=openapi.ETAG),
        **openapi.failures(400, 404, 409, 413, 415, 429, 507),
    },
)
@reads_request
def run(path: ActionPath, header: SubmitHeaders, body: ActionRequest) -> Response:
    ours = services()
    action = ours.actions.get(path.action)
    if action is None:
        raise NotFound(f"there is no action {path.action!r}; there are: {', '.join(ours.actions)}")
    return answer_new(ours, action_requests.accepted(ours, action, body), header)
