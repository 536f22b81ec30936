"""How gunicorn serves `api.wsgi:app`; gunicorn reads this module's names (`-c python:api.gunicorn_settings`)."""

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
# In memory: a beat must not wait for a disk.
worker_tmp_dir = "/dev/shm"
accesslog = None
errorlog = "-"
loglevel = "warning"
