"""What a WSGI server loads: `api.wsgi:app`. The one place of the web side that reads the environment at import, because
a server can only import."""

from flask import Flask

from api.app import create_app
from api.library.migrating import SchemaMismatch
from api.services import Services, build_services
from shared.errors import LibraryUnavailable, RedisUnavailable
from shared.log import configure, logger
from shared.settings import from_environment


def _app() -> Flask:
    settings = from_environment()
    configure(json_lines=settings.log_json)
    services = build_services(settings)
    _check_artifacts(services)
    _open_library(services)
    return create_app(services)


def _check_artifacts(services: Services) -> None:
    """Whoever comes first marks the picture folder; a process that sees another one must not start.

    While Redis is away there is nothing to compare with; the workers compare before they take their first job.
    """
    try:
        services.artifacts.check_identity()
    except RedisUnavailable as exc:
        logger().warning("artifacts.unchecked", reason=exc.message)


def _open_library(services: Services) -> None:
    """A library that is not this code's must not be served; one that is away is waited for."""
    try:
        services.library.database.make_ready()
    except SchemaMismatch:
        raise
    except LibraryUnavailable as exc:
        logger().warning("library.waits", reason=exc.message)
    services.library.duties.start()


app = _app()
