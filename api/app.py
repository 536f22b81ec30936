"""The web app: blueprints, two error handlers, who is calling, CORS. Thin: parse, dispatch, show."""

from pathlib import Path
from typing import Any

from flask import Response, g, request
from flask_cors import CORS
from flask_openapi import Info, OpenAPI

from api import openapi
from api.blueprints import (
    actions,
    albums,
    analyze,
    asset_exports,
    assets,
    audit,
    batch_exports,
    batches,
    chat,
    docs,
    generate,
    home,
    images,
    in_hand,
    jobs,
    keys,
    models,
    oidc,
    people,
    queue,
    saved,
    search,
    session,
    shared_links,
    shares,
    status,
    uploads,
    web,
    workers,
)
from api.compat.openai_chat.response import ChatCompletion
from api.errors import ErrorBody, register_errors
from api.library.album_views import AlbumList, AlbumView
from api.library.changing import Changed
from api.library.found_views import DuplicateGroups, SearchAnswer, SimilarAnswer
from api.library.lineage import Lineage
from api.library.saved import PresetList, PresetView, PromptList, SearchList, SearchView
from api.library.tag_lists import TagList
from api.library.views import AssetList, AssetView, BucketList, Facets
from api.requests.uploads import UploadRequest
from api.responses import accounts, answer_headers
from api.responses.actions import ActionList
from api.responses.models import ModelDetail, ModelList
from api.responses.page_files import PAGE_FOLDER, PageFiles
from api.responses.uploads import Described, UploadAnswer
from api.services import EXTENSION, Services, build_services, permissions, services
from api.services.session_cookie import COOKIE
from api.services.trusted_proxies import BehindProxies, trusted_proxies
from shared.contracts.batch_records import BatchCheck, BatchList, BatchView, MemberList
from shared.contracts.batches import BatchRequest
from shared.contracts.in_hand import JobOutcomes
from shared.contracts.jobs import JobView
from shared.contracts.share_links import SharedBatch, ShareList, ShareView
from shared.pictures.pixels import MIB
from shared.settings import Settings

BLUEPRINTS = (
    generate,
    analyze,
    chat,
    batches,
    batch_exports,
    actions,
    in_hand,  # and with it `jobs`: they share one
    images,
    models,
    queue,
    shares,
    shared_links,
    status,
    workers,
    people,
    keys,
    audit,
    session,
    oidc,
    assets,
    asset_exports,
    uploads,
    albums,
    saved,
    search,
)
#: Models that answers refer to by name.
ANSWERED = (
    JobView,
    jobs.JobList,
    JobOutcomes,
    queue.QueueView,
    ShareView,
    ShareList,
    SharedBatch,
    images.StoredImage,
    BatchCheck,
    BatchView,
    BatchList,
    MemberList,
    ActionList,
    ChatCompletion,
    ModelList,
    ModelDetail,
    models.CommandList,
    workers.WorkerCommand,
    session.SessionState,
    session.SessionsEnded,
    status.SystemStatus,
    status.Health,
    AssetList,
    AssetView,
    Facets,
    BucketList,
    Lineage,
    Changed,
    assets.Restored,
    assets.Purged,
    UploadAnswer,
    Described,
    AlbumList,
    AlbumView,
    SearchList,
    SearchView,
    PresetList,
    PresetView,
    PromptList,
    TagList,
    SearchAnswer,
    SimilarAnswer,
    DuplicateGroups,
    accounts.PersonView,
    accounts.PersonList,
    accounts.KeyView,
    accounts.NewKey,
    accounts.KeyList,
    accounts.Me,
    accounts.AuditList,
    ErrorBody,
)
ABOUT = (
    "Send jobs, poll for results. Every job is a record that one poll reads; every error has the shape "
    '`{"error": {"code", "message", "type", "field"?, "retryable"}}`.'
)
#: The ways to show a key, by their names in the description.
SECURITY_SCHEMES: dict[str, Any] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key is the password, whatever the user's name is"},
    "x_api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "See POST /v1/session"},
}
#: Headers that scripts in browsers may read.
EXPOSED = ("ETag", "Location", "Retry-After", "Preference-Applied")


class Api(OpenAPI):
    """flask-openapi, made to describe exactly what we answer."""

    def generate_spec_json(self) -> None:
        super().generate_spec_json()
        # The library adds its own 422 to operations that take nothing they could refuse.
        own_schema = {"$ref": openapi.REF + ErrorBody.__name__}
        for operations in self.spec_json["paths"].values():
            for operation in operations.values():
                answer = operation["responses"]["422"]["content"]["application/json"]
                if answer["schema"] != own_schema:
                    del operation["responses"]["422"]
        permissions.describe(self.spec_json["paths"])

    def make_default_options_response(self) -> Response:
        """The methods of this address; Flask's own adds those of other rules it also matches (`/v1/models/<id>`)."""
        here = request.url_rule.rule if request.url_rule else ""
        methods = {method for rule in self.url_map.iter_rules() if rule.rule == here for method in rule.methods or ()}
        response = self.response_class()
        response.allow.update(methods)
        return response


def create_app(what: Services | Settings, page_folder: Path = PAGE_FOLDER) -> Api:
    """The app over given services, or over new ones made from settings.

    Args:
        page_folder: where the built page lies, if it is built.
    """
    ours = what if isinstance(what, Services) else build_services(what)
    app = Api(
        "api",
        info=Info(title="Darkroom", version="1", description=ABOUT),
        doc_ui=False,
        static_folder=None,
        validation_error_model=ErrorBody,
        **_security(ours),
    )
    app.openapi_version = "3.1.0"
    app.extensions[EXTENSION] = ours
    app.extensions[web.EXTENSION] = PageFiles(page_folder)
    app.config["MAX_CONTENT_LENGTH"] = ours.settings.max_body_mib * MIB
    # A form's fields are few and short; its file goes to disk, under the limit above.
    app.config["MAX_FORM_PARTS"] = 20
    app.components_schemas |= openapi.schemas_of(*ANSWERED) | openapi.schemas_of(
        BatchRequest, UploadRequest, mode="validation"
    )
    for module in BLUEPRINTS:
        app.register_api(module.blueprint)
    app.register_blueprint(docs.blueprint)
    app.register_blueprint(home.blueprint)
    app.register_blueprint(web.blueprint)
    register_errors(app)
    app.before_request(_admit)
    app.after_request(answer_headers.complete)
    # Those that the door knows, read the same way.
    CORS(app, origins=list(ours.gate.listed.patterns), expose_headers=list(EXPOSED))
    app.wsgi_app = BehindProxies(app.wsgi_app, trusted_proxies(ours.settings))  # type: ignore[method-assign]
    return app


def _admit() -> None:
    """Who calls, whether they may, and whether not too often; what is public asks nobody."""
    needed = permissions.needed_by(request)
    g.caller = services().gate.let_in(request, is_public=needed.role is None)
    permissions.check(g.caller, needed)
    services().quotas.admit(g.caller.person, g.caller.limits)


def _security(ours: Services) -> dict[str, Any]:
    """Any of the ways to show a key; none, where none was ever made."""
    ways: list[dict[str, list[str]]] = [{name: []} for name in SECURITY_SCHEMES]
    if not ours.access.has_environment_keys:
        ways.insert(0, {})
    return {"security_schemes": SECURITY_SCHEMES, "openapi_extensions": {"security": ways}}
