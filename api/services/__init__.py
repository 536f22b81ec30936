"""What the web side owns: one object, built once a process, handed to every view.

In reading order, after this file's `Services`:

- `credentials`: what a request shows of a key
- `recent_callers`: what was found a moment ago
- `auth`: who calls
- `permissions`: the role that each route needs
- `decoding`: pictures are decoded in turns
- `job_events`: wakes requests that wait for a job
- `departures`: notices clients that went away
- `searching`: a search of the library, carried out
- `query_vectors`: what a search means, asked of a worker and never waited for long
- `queue_forecast`: a queued job's place, and when it will probably be done
"""

from dataclasses import dataclass
from typing import cast

from flask import current_app

from api.library.embedding import Embedding
from api.library.library import Library, open_library
from api.services.auth import Access, environment_keys
from api.services.decoding import ROOM_IN_PICTURES, Decoding
from api.services.departures import Departures
from api.services.job_events import JobEvents
from api.services.query_vectors import QueryVectors
from api.services.queue_forecast import QueueForecast
from api.services.searching import Searching
from shared.accounts.audit import Audit
from shared.accounts.keys import Keys
from shared.accounts.people import People
from shared.accounts.roles import Defaults, default_limits
from shared.accounts.standing import Standings
from shared.batches.members import BatchMembers
from shared.batches.store import BatchStore
from shared.jobs.store import JobStore
from shared.models.catalogue import Catalogue, load_catalogue
from shared.models.measurements import Measurements
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.pixels import MIB, PictureLimits
from shared.pictures.room import Door
from shared.pictures.stores import open_store
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.rack.worker_registry import WorkerRegistry
from shared.redis.client import connect
from shared.settings import Settings

#: Where Flask keeps it.
EXTENSION = "darkroom"


@dataclass(frozen=True)
class Services:
    """Everything a view may use."""

    settings: Settings
    store: JobStore
    artifacts: ArtifactStore
    registry: WorkerRegistry
    catalogue: Catalogue
    dispatcher: Dispatcher
    batches: BatchStore
    members: BatchMembers
    job_events: JobEvents
    departures: Departures
    decoding: Decoding
    forecast: QueueForecast
    access: Access
    people: People
    keys: Keys
    audit: Audit
    #: What people may use, by role.
    role_limits: Defaults
    library: Library
    searching: Searching
    #: Whether there is room for what is asked.
    door: Door

    @property
    def picture_limits(self) -> PictureLimits:
        """What an uploaded picture may be."""
        return _picture_limits(self.settings)


def build_services(settings: Settings) -> Services:
    """Connect lazily: nothing is asked of Redis here, so the API starts while Redis is away."""
    client = connect(settings.required_redis_url(), settings.redis_timeout_s)
    store, registry = JobStore(client, settings), WorkerRegistry(client)
    keys, role_limits = Keys(client), default_limits(settings)
    artifacts, door = open_store(settings, client), Door(settings, client)
    catalogue, library = load_catalogue(settings), open_library(settings, store, artifacts)
    dispatcher = Dispatcher(store, make_app(settings, for_worker=False), check_room=door.check)
    job_events = JobEvents(client, max_waiters=settings.api_threads * 3 // 4)
    library.duties.also(Embedding(library.database, store, dispatcher, registry, catalogue).look)
    queries = QueryVectors(store, dispatcher, registry, catalogue, job_events)
    return Services(
        settings=settings,
        store=store,
        artifacts=artifacts,
        registry=registry,
        catalogue=catalogue,
        dispatcher=dispatcher,
        batches=BatchStore(client, settings),
        members=BatchMembers(store),
        job_events=job_events,
        departures=Departures(),
        decoding=_decoding(settings),
        forecast=QueueForecast(store, registry, Measurements(client)),
        access=Access(Standings(client), keys, environment_keys(settings), role_limits),
        people=People(client),
        keys=keys,
        audit=Audit(client),
        role_limits=role_limits,
        library=library,
        searching=Searching(library.database, catalogue, queries),
        door=door,
    )


def _picture_limits(settings: Settings) -> PictureLimits:
    return PictureLimits(settings.max_image_mib * MIB, settings.max_image_megapixels * 1_000_000)


def _decoding(settings: Settings) -> Decoding:
    return Decoding(
        at_once=settings.decode_at_once,
        room_px=ROOM_IN_PICTURES * _picture_limits(settings).max_pixels,
        forms=max(1, settings.api_threads // 8),
    )


def services() -> Services:
    """Those of the app that answers this request."""
    return cast(Services, current_app.extensions[EXTENSION])
