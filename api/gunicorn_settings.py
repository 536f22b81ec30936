"""How gunicorn serves `api.wsgi:app`; gunicorn reads this module's names (`-c python:api.gunicorn_settings`)."""

from typing import Any

from api.services.start_rules import check_listening, check_settings
from shared.errors import DarkroomError
from shared.settings import from_environment

_settings = from_environment()

_host = f"[{_settings.host}]" if ":" in _settings.host else _settings.host
bind = f"{_host}:{_settings.port}"
# Threads, because a waiting request only waits: 64 of them cost little, and no library needs patching.
worker_class = "gthread"
workers = _settings.api_processes
threads = _settings.api_threads
# gunicorn keeps `worker_connections` − threads idle connections and closes every other one after its answer: at its
# default of 1,000 a server of 1,024 threads would keep none.
worker_connections = threads + 1000
# A thousand ids in one poll are 29 kB of URL; gunicorn's own largest limit is 8 kB, 0 lifts it.
limit_request_line = 0
limit_request_fields = 100
limit_request_field_size = 8190
# Longest a silent process lives. Waiting requests do not count: its main thread beats beside them.
timeout = 60
# Waiting requests end by themselves within max_wait_seconds; a stop does not wait for them so long.
graceful_timeout = 5
keepalive = 20
# What proxies say is read in one place of ours (`api/services/trusted_proxies.py`), so gunicorn believes none of them. A header
# name with underscores would become the same variable as one with dashes, so those are dropped.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
header_map = "drop"
# In memory: a beat must not wait for a disk.
worker_tmp_dir = "/dev/shm"
accesslog = None
# None: plain HTTP.
certfile = str(_settings.tls_cert) if _settings.tls_cert else None
keyfile = str(_settings.tls_key) if _settings.tls_key else None
errorlog = "-"
loglevel = "warning"


def on_starting(server: Any) -> None:
    """Refuse settings that say nothing clear of who comes in, and to listen where everybody would, wherever `--bind` says."""
    # Pairs of host and port; else a socket's path or number, behind which a proxy brings anybody.
    bound = server.cfg.address
    addresses = [str(address[0]) if isinstance(address, tuple) else f"the socket {address}" for address in bound]
    try:
        check_settings(_settings)
        check_listening(_settings, addresses)
    except DarkroomError as exc:
        raise SystemExit(f"darkroom: {exc.message}") from exc
