"""`/v1/uploads`: many pictures at once into the library; `/v1/assets/analyze`: have assets looked at, or looked at again."""

from flask import Response
from flask_openapi import APIBlueprint, Tag
from pydantic import Field

from api import openapi
from api.library.changing import Chosen, chosen
from api.requests import uploads
from api.requests.describing import describe
from api.requests.library import viewer
from api.requests.parsing import reads_request
from api.responses.accounts import answer
from api.responses.uploads import Described
from api.services import services
from api.services.auth import current_caller
from shared.pictures.formats import READ_HERE

blueprint = APIBlueprint("uploads", __name__, abp_tags=[Tag(name="assets", description="Pictures that stay")])

FORM_SCHEMA = {
    "type": "object",
    "required": ["files"],
    "properties": {
        "upload": {"type": "string", "description": "An `UploadRequest` as JSON"},
        "files": {"type": "array", "items": {"type": "string", "format": "binary"}},
    },
}


class AnalyzeAssets(Chosen):
    """`POST /v1/assets/analyze`."""

    fresh: bool = Field(False, description="Find out again what was found out before by the same models")


@blueprint.post(
    "/v1/uploads",
    summary="Bring pictures into the library",
    description=f"The files of a form and pictures that are stored already, each as an asset of yours. {READ_HERE}. What "
    "A1111, ComfyUI, InvokeAI and Darkroom wrote into them, and XMP, is read into the asset's fields. A file that cannot "
    "be read is an error of its own in the answer. Bytes that you have already are the asset that is there. Caption, tags "
    "and rating follow: `analysis` of each asset says how far they are.",
    request_body={
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": openapi.REF + "UploadRequest"}},
            "multipart/form-data": {"schema": FORM_SCHEMA},
        },
    },
    responses={
        "200": openapi.body("UploadAnswer", "None of them is new"),
        "201": openapi.body("UploadAnswer", "At least one asset is new"),
        **openapi.failures(400, 404, 410, 413, 415, 507),
    },
)
@reads_request
def create() -> Response:
    ours = services()
    ours.door.check()
    told = uploads.upload(ours)
    return answer(told, 201 if told.added else 200)


@blueprint.post(
    "/v1/assets/analyze",
    summary="Have assets looked at, or looked at again",
    description="By ids or by filter: caption, tags and rating of each, as one batch of low priority. Those that are being "
    "looked at stay with that. `filter: {analysis: [failed]}` tries again what failed.",
    responses={
        "200": openapi.body("Described", "Nothing was to be sent"),
        "202": openapi.body("Described", "They wait for a batch"),
        **openapi.failures(400, 404, 409, 410, 413, 415),
    },
)
@reads_request
def analyze(body: AnalyzeAssets) -> Response:
    ours = services()
    with ours.library.database.reading() as session:
        nos = chosen(session, body, viewer())
    sent = describe(ours, current_caller(), nos, fresh=body.fresh)
    return answer(Described(matched=len(nos), analysis=uploads.shown_sent(sent)), 202 if sent.batch else 200)
