"""What the web side owns: one object, built once a process, handed to every view.

In reading order, after this file's `Services`:

- `credentials`: what a request shows of a key
- `recent_callers`: what was found a moment ago
- `auth`: who calls
- `permissions`: the role that each route needs
- `ownership`: whose something is, and who may see it
- `share_links`: links that open something without a key
- `cross_site`: whether another site's page may have sent a request, and whether it calls us by a name of ours
- `trusted_proxies`: what a proxy says of the client behind it
- `start_rules`: where it may listen without a key
- `tls`: the two files of a server that speaks TLS by itself
- `session_cookie`: what a browser holds of a session
- `session_callers`: who comes in by a session
- `proxy_people`: who comes in by a proxy's word
- `sign_in`: from a key to a session
- `oidc_rules`, `oidc_provider`, `oidc_sign_in`: from the word of an OpenID provider to a session
- `gate`: all of these, in their order
- `decoding`: pictures are decoded in turns
- `job_events`: wakes requests that wait for a job
- `departures`: notices clients that went away
- `searching`: a search of the library, carried out
- `query_vectors`: what a search means, asked of a worker and never waited for long
- `queue_forecast`: a queued job's place, and when it will probably be done
- `wait_reasons`: why queued jobs wait, for answers
"""

from dataclasses import dataclass
from typing import cast

import redis
from flask import current_app

from api.library.embedding import Embedding
from api.library.library import Library, open_library
from api.services.auth import Access, EnvironmentKeys, environment_keys
from api.services.decoding import ROOM_IN_PICTURES, Decoding
from api.services.departures import Departures
from api.services.gate import Gate
from api.services.job_events import JobEvents
from api.services.oidc_provider import OidcProvider
from api.services.oidc_rules import oidc_rules
from api.services.oidc_sign_in import OidcSignIn
from api.services.ownership import Ownership
from api.services.proxy_people import ProxyPeople
from api.services.query_vectors import QueryVectors
from api.services.queue_forecast import QueueForecast
from api.services.searching import Searching
from api.services.session_callers import SessionCallers
from api.services.share_links import ShareLinks
from api.services.sign_in import SignIn
from api.services.start_rules import may_be_open
from api.services.wait_reasons import WaitReasons
from shared.accounts.audit import Audit
from shared.accounts.identities import Identities
from shared.accounts.keys import Keys
from shared.accounts.people import People
from shared.accounts.quotas import Quotas
from shared.accounts.roles import Defaults, default_limits
from shared.accounts.sessions import Sessions
from shared.accounts.sign_in_throttle import SignInThrottle
from shared.accounts.standing import Standings
from shared.batches.members import BatchMembers
from shared.batches.store import BatchStore
from shared.contracts.access import Role
from shared.jobs.owners import FormerJobs
from shared.jobs.pauses import Pauses
from shared.jobs.shares import Shares
from shared.jobs.store import JobStore
from shared.models.actions import Action, load_actions
from shared.models.catalogue import Catalogue, load_catalogue
from shared.models.measurements import Measurements
from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.pixels import MIB, PictureLimits
from shared.pictures.references import PictureReferences
from shared.pictures.room import Door
from shared.pictures.stores import open_store
from shared.queue.broker import make_app
from shared.queue.dispatch import Dispatcher
from shared.queue.rating_jobs import RatingJobs
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
    sessions: Sessions
    sign_in: SignIn
    #: None: no provider is set.
    oidc: OidcSignIn | None
    #: Who comes in.
    gate: Gate
    library: Library
    searching: Searching
    #: Whether there is room for what is asked.
    door: Door
    quotas: Quotas
    pauses: Pauses
    reasons: WaitReasons
    ownership: Ownership
    shares: ShareLinks
    ratings: RatingJobs
    #: What can be done to pictures with one click, by name.
    actions: dict[str, Action]

    @property
    def picture_limits(self) -> PictureLimits:
        """What an uploaded picture may be."""
        return _picture_limits(self.settings)


def build_services(settings: Settings) -> Services:
    """Connect lazily: nothing is asked of Redis here, so the API starts while Redis is away."""
    client = connect(settings.required_redis_url(), settings.redis_timeout_s)
    store, registry = JobStore(client, settings), WorkerRegistry(client)
    keys, audit, role_limits = Keys(client), Audit(client), default_limits(settings)
    artifacts, door = open_store(settings, client), Door(settings, client)
    people, standings, environment = People(client), Standings(client), environment_keys(settings)
    access = Access(standings, keys, environment, role_limits, may_be_open=may_be_open(settings))
    sessions = Sessions(client, settings.session_idle_s, settings.session_max_s)
    session_callers = SessionCallers(sessions, standings, environment, role_limits)
    throttle = SignInThrottle(client, settings.sign_in_attempts, settings.sign_in_window_s)
    proxy_people = ProxyPeople(people, session_callers, Role(settings.proxy_user_role))
    batches = BatchStore(client, settings)
    references = PictureReferences(client, settings)
    catalogue, library = load_catalogue(settings), open_library(settings, store, artifacts)
    dispatcher = Dispatcher(store, make_app(settings, for_worker=False), check_room=door.check)
    job_events = JobEvents(client, max_waiters=settings.api_threads * 3 // 4)
    library.duties.also(Embedding(library.database, store, dispatcher, registry, catalogue).look)
    queries = QueryVectors(store, dispatcher, registry, catalogue, job_events)
    ratings = RatingJobs(store, dispatcher, catalogue, settings)
    quotas = Quotas(client)
    return Services(
        settings=settings,
        store=store,
        artifacts=artifacts,
        registry=registry,
        catalogue=catalogue,
        dispatcher=dispatcher,
        batches=batches,
        members=BatchMembers(store),
        job_events=job_events,
        departures=Departures(),
        decoding=_decoding(settings),
        forecast=QueueForecast(store, Shares(store, settings.max_wait_s), registry, Measurements(client)),
        access=access,
        people=people,
        keys=keys,
        audit=audit,
        role_limits=role_limits,
        library=library,
        searching=Searching(library.database, catalogue, queries),
        door=door,
        quotas=quotas,
        pauses=Pauses(store),
        reasons=WaitReasons(store, registry, Measurements(client), settings),
        ownership=Ownership(
            store,
            batches,
            artifacts,
            references,
            FormerJobs(store, settings),
            audit,
            ratings,
            quotas,
            library.database,
        ),
        shares=ShareLinks(client),
        ratings=ratings,
        actions=load_actions(),
        sessions=sessions,
        sign_in=SignIn(access, sessions, session_callers, throttle, audit),
        oidc=_oidc(settings, client, people, sessions, session_callers, throttle, audit, environment),
        gate=Gate(settings, access, session_callers, proxy_people),
    )


def _oidc(
    settings: Settings,
    client: "redis.Redis",
    people: People,
    sessions: Sessions,
    callers: SessionCallers,
    throttle: SignInThrottle,
    audit: Audit,
    environment: EnvironmentKeys,
) -> OidcSignIn | None:
    rules = oidc_rules(settings)
    if rules is None:
        return None
    reserved = frozenset(name for name, _ in environment)
    return OidcSignIn(
        rules, OidcProvider(rules), people, Identities(client), sessions, callers, throttle, audit, reserved
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
