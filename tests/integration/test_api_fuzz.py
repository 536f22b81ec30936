"""A fuzzer that knows the API's description finds nothing in it that is not true."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from api.app import create_app
from api.services import build_services
from shared.redis import keys
from tests import workers_played

#: Per operation, beyond the systematic cases. More: `schemathesis run http://127.0.0.1:2020/openapi.json`.
EXAMPLES = 3
KEY = "the-fuzzers-key"
CONFIG = Path(__file__).with_name("schemathesis.toml")


class Quiet(WSGIRequestHandler):
    """Thousands of request lines would bury what the fuzzer found."""

    def log_request(self, *args: object) -> None:
        pass


@pytest.fixture
def address(settings) -> Iterator[str]:
    """The app over the empty server, where a worker serves everything and nobody waits."""
    # An administrator of the environment, because the fuzzer makes keys and would shut itself out.
    ours = {"max_wait_seconds": 0, "chat_deadline_s": 1, "api_keys": (f"root:{KEY}",)}
    services = build_services(settings.model_copy(update=ours))
    services.registry.report(workers_played.report("gpu0", models=tuple(services.catalogue.cards)))
    services.store.redis.persist(keys.worker("gpu0"))
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.mark.timeout(1200)
def test_a_fuzzer_with_all_checks_finds_every_answer_as_described(address, tmp_path):
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", f"{address}/openapi.json"]
    options = ["-n", str(EXAMPLES), "--seed", "1", "--no-color", "-H", f"Authorization: Bearer {KEY}"]

    run = subprocess.run([*command, *options], capture_output=True, text=True, timeout=1150, cwd=tmp_path)

    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert " 0 selected" not in run.stdout
