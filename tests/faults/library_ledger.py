"""The reckoning of a library that was killed: what was promised against what is there. Every violation is one line of text."""

from collections import Counter
from collections.abc import Iterator, Mapping

from sqlalchemy import select

from api.library.database import Database
from api.library.newcomers import job_asset_id
from api.library.sweep import DAY_MS, Sweep
from api.library.tables import Album, AlbumItem, Asset, AssetTag, AssetText, Tag
from shared.contracts.jobs import State
from shared.jobs.store import JobStore
from shared.pictures.folder_store import FolderStore
from tests.faults.library_load import Expected
from tests.faults.stack import FaultRig

#: Whoever stored a picture has named it by then.
TOMORROW_MS = DAY_MS + 60_000


class Later(JobStore):
    """The store as it will be seen some time from now."""

    ahead_ms = 0

    def now_ms(self) -> int:
        return super().now_ms() + self.ahead_ms


def pictures_of_jobs(store: JobStore, jobs: list[str]) -> tuple[dict[str, str], list[str]]:
    """Asset → picture of all that these jobs promised, and what is wrong with the jobs themselves."""
    promised: dict[str, str] = {}
    wrong = []
    for job_id, record in zip(jobs, store.get_many(jobs), strict=True):
        if record is None:
            wrong.append(f"{job_id}: accepted, and there is no record")
        elif not record.is_final:
            wrong.append(f"{job_id}: accepted, and still {record.state.value}")
        elif record.state == State.SUCCEEDED and record.result is not None:
            images = enumerate(record.result["images"])
            promised |= {job_asset_id(job_id, index): image["id"] for index, image in images}
    return promised, wrong


def of_assets(database: Database, promised: Mapping[str, str], expected: Mapping[str, Expected]) -> Iterator[str]:
    """Each picture of a job is one asset, unless a person deleted it for good."""
    with database.reading() as session:
        rows = session.execute(select(Asset.id, Asset.job, Asset.job_index, Asset.picture)).all()
    there = {row.id: row.picture for row in rows}
    purged = {each for each, known in expected.items() if known.is_purged}
    for asset_id, picture in promised.items():
        if asset_id not in there and asset_id not in purged:
            yield f"{asset_id}: lost, its job made {picture}"
        elif asset_id in there and there[asset_id] != picture:
            yield f"{asset_id}: shows {there[asset_id]}, its job made {picture}"
    yield from (f"{each}: nobody was promised it" for each in there.keys() - promised.keys())
    yield from (f"{each}: deleted for good, and there again" for each in there.keys() & purged)
    for pair, times in Counter((row.job, row.job_index) for row in rows).items():
        if times > 1:
            yield f"{pair}: {times} assets of one picture"


def of_edits(database: Database, expected: Mapping[str, Expected], album: str) -> Iterator[str]:
    """Each asset is what the answers said."""
    with database.reading() as session:
        tags: dict[int, set[str]] = {}
        tagged = select(AssetTag.asset_no, Tag.name).join(Tag, Tag.no == AssetTag.tag_no)
        for no, name in session.execute(tagged.where(AssetTag.is_off.is_(False))):
            tags.setdefault(no, set()).add(name)
        in_album = set(session.scalars(select(AlbumItem.asset_no).join(Album).where(Album.id == album)))
        rows = session.execute(select(Asset, AssetText.note).join(AssetText, AssetText.asset_no == Asset.no)).all()
        found = {
            asset.id: Expected(
                stars=asset.stars,
                favourite=asset.favourite,
                note=note,
                tags=frozenset(tags.get(asset.no, ())),
                is_in_album=asset.no in in_album,
                is_trashed=asset.trashed_ms is not None,
            )
            for asset, note in rows
        }
    for asset_id, known in expected.items():
        if not known.is_purged and found.get(asset_id) != known:
            yield f"{asset_id}: acknowledged as {known}, and is {found.get(asset_id)}"


def of_uploads(artifacts: FolderStore, stored: Mapping[str, bytes]) -> Iterator[str]:
    """What was stored is there, to the byte."""
    for image_id, data in stored.items():
        if artifacts.absent([image_id]) or artifacts.get(image_id) != data:
            yield f"{image_id}: acknowledged, and not there"


def of_bytes(rig: FaultRig, database: Database) -> Iterator[str]:
    """When everything has expired that nobody keeps, there is each picture of an asset, and nothing else.

    Nothing of the stack may run any more: time is turned on here, and only here.
    """
    store = Later(rig.store.redis, rig.settings)
    # Everything that is not kept was last used longer ago than this.
    artifacts = FolderStore(rig.settings.artifacts_path, store.redis, ttl_s=-60)
    sweep = Sweep(database, store, artifacts, rig.settings)
    with database.reading() as session:
        named = set(session.scalars(select(Asset.picture)))
    if missing := named - set(artifacts.ids()):
        yield f"{len(missing)} assets whose bytes are gone: {min(missing)}"
    if unmarked := named - set(artifacts.kept_ids()):
        yield f"{len(unmarked)} assets whose bytes are not marked as kept: {min(unmarked)}"
    sweep.look_for_strays()
    store.ahead_ms = TOMORROW_MS
    while sweep.free_loose():
        pass
    for part in range(artifacts.parts):
        artifacts.expire(part)
    if lost := named - set(artifacts.ids()):
        yield f"{len(lost)} assets whose bytes the sweep took: {min(lost)}"
    if orphans := set(artifacts.ids()) - named:
        yield f"{len(orphans)} pictures that no asset names: {min(orphans)}"
    if marks := set(artifacts.kept_ids()) - named:
        yield f"{len(marks)} marks that no asset needs: {min(marks)}"
    halves = [path.name for path in artifacts.folder.glob("??/.*") if path.is_file()]
    if halves:
        yield f"{len(halves)} files half written: {halves[0]}"
