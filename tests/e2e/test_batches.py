"""Batches with real workers, real kills and a real folder; the engine is the fault tests' one, which needs no torch."""

import http.server
import io
import json
import signal
import threading
from collections.abc import Iterator

import pytest

from shared.contracts.jobs import State
from shared.net.signatures import HEADER, is_genuine
from tests.faults.stack import FaultRig, fault_stack
from tests.pictures import png
from tests.rig import wait_for

STEP = {"kind": "generate", "model": "fault", "steps": 1}
REMIX = STEP | {"image": "@previous", "prompt": "pace=0", "strength": 1.0}
FAST_STEPS = {"DARKROOM_MAX_BATCH": "16", "DARKROOM_BATCH_WINDOW": "96"}
SECRET = "a secret of sixteen"
HOOKS = {
    "DARKROOM_WEBHOOK_SECRET": SECRET,
    "DARKROOM_WEBHOOK_BACKOFF_S": "0.5",
    "DARKROOM_ALLOW_PRIVATE_ADDRESSES": "true",
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultRig]:
    with fault_stack(tmp_path_factory.mktemp("batches"), workers=2, **FAST_STEPS, **HOOKS) as rig:
        yield rig


@pytest.fixture
def rig(stack: FaultRig) -> FaultRig:
    return stack.wait_until_ready()


def start(rig, **body):
    answer = rig.http.post("/v1/batches", json={"steps": [STEP]} | body)
    assert answer.status_code == 202, answer.text
    return answer.json()


def look(rig, batch):
    return rig.http.get(f"/v1/batches/{batch['id']}").json()


def ended_share(rig, batch, percent):
    return wait_for(lambda: look(rig, batch)["percent"] >= percent, 90, f"{percent} % of {batch['id']}")


def finish(rig, batch, limit_s=120):
    def over():
        now = look(rig, batch)
        return now if now["state"] in ("finished", "cancelled") else None

    return wait_for(over, limit_s, f"the end of {batch['id']}")


def members(rig, batch, state=""):
    query = {"state": state, "limit": 1000}
    return rig.http.get(f"/v1/batches/{batch['id']}/members", params=query).json()["members"]


def nothing_is_left(rig):
    """No job waits, runs or is queued, and nothing is counted twice."""
    counts = rig.store.counts()
    return not any(counts[state.value] for state in (State.WAITING, State.QUEUED, State.RUNNING))


def test_a_thousand_members_with_twenty_bad_ones_while_workers_and_redis_are_killed(rig):
    bad = {number * 50 + 7 for number in range(20)}
    prompts = [f"raise=1 {n}" if n in bad else f"pace=0 {n}" for n in range(1000)]
    batch = start(rig, prompts=prompts)

    ended_share(rig, batch, 15)
    rig.children()[0].send_signal(signal.SIGKILL)
    ended_share(rig, batch, 35)
    rig.mains()[0].send_signal(signal.SIGKILL)
    ended_share(rig, batch, 55)
    rig.kill_valkey()
    rig.valkey.start()
    now = finish(rig, batch)

    assert now["counts"] == {"waiting": 0, "active": 0, "succeeded": 980, "failed": 20, "cancelled": 0}
    assert {row["index"] for row in members(rig, batch, "failed")} == bad
    assert now["jobs"]["succeeded"] == 980
    assert [(each["code"], each["count"]) for each in now["failures"]] == [("engine_failed", 20)]
    assert nothing_is_left(rig)
    rig.one_more_good_answer()


@pytest.mark.parametrize("bad_step", [0, 1, 2])
def test_a_member_fails_at_its_step_and_the_others_end_well(rig, bad_step):
    steps = [STEP | {"prompt": "pace=0"}, REMIX, REMIX]
    steps[bad_step] = {key: value for key, value in steps[bad_step].items() if key != "prompt"}

    now = finish(rig, start(rig, prompts=["pace=0", "raise=1", "pace=0"], steps=steps))

    assert (now["counts"]["succeeded"], now["counts"]["failed"]) == (2, 1)
    assert now["jobs"]["succeeded"] == 6 + bad_step
    assert now["jobs"]["failed"] == 3 - bad_step
    (failed,) = members(rig, now, "failed")
    assert (failed["index"], failed["error"]["code"]) == (1, "engine_failed")


def test_a_batch_cancelled_half_way_stops_and_can_be_resumed(rig):
    batch = start(rig, prompts=[f"pace=40 {n}" for n in range(60)])
    ended_share(rig, batch, 50)

    rig.http.post(f"/v1/batches/{batch['id']}/cancel")
    cancelled = finish(rig, batch)
    rig.http.post(f"/v1/batches/{batch['id']}/resume")
    resumed = finish(rig, batch)

    assert cancelled["state"] == "cancelled"
    assert cancelled["counts"]["succeeded"] + cancelled["counts"]["cancelled"] == 60
    assert cancelled["counts"]["cancelled"] > 0
    assert (resumed["state"], resumed["counts"]["succeeded"]) == ("finished", 60)
    assert resumed["jobs"]["succeeded"] == 60
    assert nothing_is_left(rig)


def test_two_callers_at_once_and_a_single_job_between_them(rig):
    large = start(rig, prompts=[f"pace=10 {n}" for n in range(300)])
    ended_share(rig, large, 10)

    small = start(rig, prompts=[f"pace=10 {n}" for n in range(10)])
    single = rig.finish(rig.generate("pace=10", width=72)["id"])
    first, last = finish(rig, small), finish(rig, large)

    assert single["state"] == "succeeded"
    assert (first["counts"]["succeeded"], last["counts"]["succeeded"]) == (10, 300)
    assert max(first["ended_at"], single["ended_at"]) < last["ended_at"]


def test_a_folder_sent_as_a_form_keeps_its_names_and_its_broken_files_apart(rig):
    files = [("files", (f"{n}.png", io.BytesIO(png(8, 8, (n, 0, 0)) if n % 10 else b"broken"))) for n in range(40)]
    steps = '{"steps": [{"kind": "generate", "model": "fault", "image": "@previous", "prompt": "x", "steps": 1, "strength": 1}]}'

    batch = rig.http.post("/v1/batches", data={"batch": steps}, files=files).json()
    now = finish(rig, batch)

    assert (now["counts"]["succeeded"], now["counts"]["failed"]) == (36, 4)
    assert [row["name"] for row in members(rig, batch, "failed")] == ["0.png", "10.png", "20.png", "30.png"]
    table = rig.http.get(f"/v1/batches/{batch['id']}/export.csv").text.splitlines()
    assert table[1].startswith("0.png,,failed")
    assert table[2].startswith("1.png,img_")


def test_the_end_of_a_batch_is_told_to_its_webhook_after_a_first_refusal(rig):
    got = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.headers[HEADER], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(503 if len(got) == 1 else 204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        batch = start(rig, prompts=["pace=0"], webhook=f"http://127.0.0.1:{server.server_port}/done")
        wait_for(lambda: look(rig, batch)["webhook"]["state"] == "delivered", 60, "the webhook")
        server.shutdown()

    assert len(got) == 2
    assert all(is_genuine(signature, SECRET, body) for signature, body in got)
    assert json.loads(got[1][1])["batch"]["counts"]["succeeded"] == 1
    assert look(rig, batch)["webhook"]["attempts"] == 2
