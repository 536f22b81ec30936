"""Pictures that come in to stay: the files of a form, stored pictures by id, or one of them kept; each becomes an asset.

Everything that can be refused for the whole call is refused before a byte is stored: its wishes, ids of others, an album
that is not theirs, a database that is away. From then on a bad file is its own error alone. Bytes are stored first and the
assets written in one transaction behind; should the database be away by then, what was stored expires like any other input.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import request
from pydantic import Field, StringConstraints
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge

from api.library import albums, brought, tags
from api.library.albums import AlbumId
from api.library.brought import Brought, Looked
from api.library.changing import TagNames
from api.library.filters import MAX_IDS, Viewer, Visibility
from api.library.newcomers import Added, NewAsset
from api.requests.describing import Sent, describe, give_up
from api.requests.library import viewer
from api.requests.parsing import read_json, validated_json
from api.responses.pictures import withheld
from api.responses.uploads import Describing, UploadAnswer, UploadedPicture
from api.services import Services
from api.services.auth import Caller, current_caller
from shared.contracts.base import Contract
from shared.contracts.jobs import Failure
from shared.errors import CallersError, DarkroomError, Gone, InvalidRequest, NotFound, StorageFull, TooLarge
from shared.jobs.lifecycle import failure_of
from shared.log import logger
from shared.pictures.artifact_store import id_of
from shared.pictures.pixels import MIB, NO_LIMITS

#: The form field that holds everything but the files, as JSON.
WISHES_FIELD = "upload"
#: Parts of a form beside its files.
OTHER_PARTS = 4
PictureId = Annotated[str, StringConstraints(pattern="^img_[0-9a-f]{32}$")]


class UploadRequest(Contract):
    """`POST /v1/uploads` as JSON, and what a form says beside its files."""

    ids: Annotated[tuple[PictureId, ...], Field(max_length=MAX_IDS)] = Field((), description="Stored pictures")
    album: AlbumId | None = Field(None, description="Put them there")
    tags: TagNames = ()
    visibility: Visibility = Field("private", description="Of those that are new. rack: everybody who is signed in")
    analyse: bool = Field(True, description="Have caption, tags and rating found out, as a batch of low priority")


@dataclass(frozen=True)
class Taken:
    """One picture of a call: an asset to be, or why not."""

    name: str
    asset: NewAsset | None = None
    error: Failure | None = None


def upload(ours: Services) -> UploadAnswer:
    """Take in what this request brings.

    Raises:
        InvalidRequest: no pictures, too many, a wish that cannot be. TooLarge: the form is.
        NotFound, Gone: a picture that is named is not there, or not theirs; an album is not. NotYours: it is only shown to them.
        NotReady: too many forms are looked through already.
        LibraryUnavailable, ArtifactStoreFull, ArtifactStoreDown: nothing has become an asset.
    """
    caller, who = current_caller(), viewer()
    wishes, files = _read(ours)
    _check_ids(ours, caller, wishes)
    with ours.library.database.writing() as session:  # also asks whether anything can be written now
        if wishes.album is not None:
            albums.to_add_to(session, wishes.album, who)
    with ours.decoding.form():
        taken = [*_from_files(ours, caller, wishes, files), *_from_ids(ours, caller, wishes)]
    added, nos = _written(ours, who, wishes, [each.asset for each in taken if each.asset is not None])
    sent = _described(ours, caller, nos) if wishes.analyse else Sent()
    return _answer(taken, added, sent)


def keep(ours: Services, caller: Caller, data: bytes, stored: str, looked: Looked, name: str = "") -> str:
    """One stored picture becomes an asset of the caller; returns its id.

    Raises:
        LibraryUnavailable: it is stored, and expires like any other.
    """
    asset = _asset(ours, caller, UploadRequest(), data, stored, looked, name)
    added, _ = _written(ours, Viewer(caller.person), UploadRequest(), [asset])
    return added[0].id


def _read(ours: Services) -> tuple[UploadRequest, list[FileStorage]]:
    most = ours.settings.max_upload_files
    if request.mimetype != "multipart/form-data":
        wishes, files = read_json(UploadRequest), list[FileStorage]()
    else:
        wishes, files = _read_form(ours)
    count = len(files) + len(set(wishes.ids))
    if not count:
        raise InvalidRequest("there are no pictures: send files, or name stored ones (ids)", field="files")
    if count > most:
        field = "files" if files else "ids"
        raise InvalidRequest(f"{field}: up to {most:,} pictures at once, these are {count:,}; send fewer", field=field)
    tags.checked(wishes.tags, field="tags")
    return wishes, files


def _read_form(ours: Services) -> tuple[UploadRequest, list[FileStorage]]:
    most_files, most_mib = ours.settings.max_upload_files, ours.settings.max_upload_mib
    request.max_content_length = most_mib * MIB
    request.max_form_parts = most_files + OTHER_PARTS
    try:
        files = [file for _, file in request.files.items(multi=True) if file.filename or file.mimetype]
    except RequestEntityTooLarge as exc:
        raise TooLarge(
            f"the form is larger than this server takes: up to {most_files:,} files and {most_mib:,} MiB at once; send "
            "fewer at a time",
            field="files",
        ) from exc
    unknown = [name for name in request.form if name != WISHES_FIELD]
    if unknown:
        raise InvalidRequest(
            f"unknown form field {unknown[0][:100]!r}: everything but the files stands as JSON in {WISHES_FIELD!r}",
            field=unknown[0][:100],
        )
    return validated_json(UploadRequest, request.form.get(WISHES_FIELD, "{}")), files


def _check_ids(ours: Services, caller: Caller, wishes: UploadRequest) -> None:
    ids = list(dict.fromkeys(wishes.ids))
    closed = ours.ownership.closed(caller, ids) if ids else set()
    missing = ours.artifacts.renew([each for each in ids if each not in closed])
    # Of a picture that is not theirs nobody learns that it existed.
    expired = ours.store.which_existed(sorted(missing)) if missing else set()
    for place, each in enumerate(wishes.ids):
        if each in expired:
            raise Gone(f"picture {each} has expired", field=f"ids.{place}")
        if each in missing | closed:
            raise NotFound(f"there is no picture {each}", field=f"ids.{place}")


def _from_files(ours: Services, caller: Caller, wishes: UploadRequest, files: Sequence[FileStorage]) -> Iterator[Taken]:
    for place, file in enumerate(files):
        name = brought.tidy(file.filename or "")[: brought.MAX_NAME_CHARS]
        try:
            data = _bytes_of(file, ours.picture_limits.max_bytes)
            _check_shown(ours, id_of(data))
            looked = ours.decoding.look(data, ours.picture_limits, file.mimetype or None, is_patient=True)
            stored = ours.ownership.store_picture(caller, data)
            yield Taken(name, _asset(ours, caller, wishes, data, stored, looked, file.filename or ""))
        except (CallersError, StorageFull) as error:
            yield Taken(name, error=_failure(error, f"files.{place}"))


def _from_ids(ours: Services, caller: Caller, wishes: UploadRequest) -> Iterator[Taken]:
    for place, picture in enumerate(dict.fromkeys(wishes.ids)):
        try:
            _check_shown(ours, picture)
            data = ours.artifacts.get(picture)
            looked = ours.decoding.look(data, NO_LIMITS, is_patient=True)
            ours.ownership.store_picture(caller, data)  # from now on it counts for them
            yield Taken(picture, _asset(ours, caller, wishes, data, picture, looked))
        except (CallersError, StorageFull) as error:
            yield Taken(picture, error=_failure(error, f"ids.{place}"))


def _bytes_of(file: FileStorage, most_bytes: int) -> bytes:
    """A file that is too large is not read into memory."""
    size = file.stream.seek(0, 2)
    if size > most_bytes:
        raise TooLarge(f"the picture has {size:,} bytes, the limit is {most_bytes:,}; send a smaller one")
    file.stream.seek(0)
    return file.read()


def _check_shown(ours: Services, picture: str) -> None:
    for image_id, rating in ours.ratings.refused([picture]).items():
        raise withheld(ours, image_id, rating)


def _asset(
    ours: Services,
    caller: Caller,
    wishes: UploadRequest,
    data: bytes,
    stored: str,
    looked: Looked,
    name: str = "",
) -> NewAsset:
    return brought.asset_of(
        Brought(
            data=data,
            picture=stored,
            owner=caller.person,
            origin="upload",
            looked=looked,
            created_ms=ours.store.now_ms(),
            file_name=name,
            tags=tuple(tags.checked(wishes.tags, field="tags")),
            visibility=wishes.visibility,
        )
    )


def _written(
    ours: Services, who: Viewer, wishes: UploadRequest, assets: Sequence[NewAsset]
) -> tuple[list[Added], list[int]]:
    """What became of each, and the assets' numbers, each once."""
    now_ms = ours.store.now_ms()
    with ours.library.database.writing() as session:
        added = brought.take_in(session, ours.artifacts, assets, now_ms)
        found = brought.numbers(session, [each.id for each in added])
        nos = [found[asset_id] for asset_id in dict.fromkeys(each.id for each in added)]
        if wishes.album is not None:
            albums.add(session, albums.to_add_to(session, wishes.album, who), nos, who, now_ms)
    logger().info("library.uploaded", assets=sum(each.is_new for each in added), pictures=len(added))
    return added, nos


def _described(ours: Services, caller: Caller, nos: Sequence[int]) -> Sent:
    """They are assets by now: what goes wrong from here on stands with them, and can be tried again."""
    try:
        return describe(ours, caller, nos, again=False)
    except DarkroomError as error:
        give_up(ours, nos, error.message)
        return Sent(left_out=error.message)


def _answer(taken: Sequence[Taken], added: Sequence[Added], sent: Sent) -> UploadAnswer:
    came = iter(added)
    pictures = [_shown(each, next(came) if each.asset is not None else None) for each in taken]
    new = sum(each.is_new for each in pictures)
    return UploadAnswer(
        pictures=pictures,
        added=new,
        known=len(added) - new,
        refused=len(taken) - len(added),
        analysis=shown_sent(sent),
    )


def shown_sent(sent: Sent) -> Describing:
    """Who looks at the assets, for answers."""
    return Describing(batch=sent.batch or None, assets=sent.assets, pending=sent.pending, reason=sent.left_out or None)


def _shown(taken: Taken, added: Added | None) -> UploadedPicture:
    if taken.asset is None or added is None:
        return UploadedPicture(name=taken.name, picture=None, asset=None, is_new=False, error=taken.error)
    return UploadedPicture(name=taken.name, picture=taken.asset.picture, asset=added.id, is_new=added.is_new)


def _failure(error: DarkroomError, field: str) -> Failure:
    return failure_of(error).model_copy(update={"field": field})
