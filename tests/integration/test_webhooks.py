"""The end of a batch is told once it is told, signed, and to nobody inside."""

import http.server
import json
import threading

import httpx
import pytest
from pydantic import SecretStr

from shared.batches.store import BatchStore
from shared.net.signatures import HEADER, is_genuine
from shared.redis import keys
from tests.batches_played import fails, look, run_all, start
from tests.integration.jobs import lose_answers
from workers.batches.webhooks import Webhooks

SECRET = "a secret of sixteen"
URL = "https://example.org/hook"


@pytest.fixture
def settings(settings):
    return settings.model_copy(update={"webhook_secret": SecretStr(SECRET)})


def webhooks(services, post=None, **changes):
    settings = services.settings.model_copy(update=changes)
    return Webhooks(BatchStore(services.store.redis, settings), settings, post)


def due(services):
    return [delivery.decode() for delivery in services.store.redis.zrange(keys.WEBHOOKS, 0, -1)]


def refuse(url, body, headers):
    raise httpx.ConnectError("nobody there")


def ended(web, services, **body):
    batch = start(web, prompts=["a"], webhook=URL, **body)
    run_all(services, fails)
    return batch


def test_nothing_is_due_before_the_last_member_has_ended(web, services):
    start(web, prompts=["a", "b"], webhook=URL)

    assert due(services) == []


def test_the_end_of_a_batch_is_due_once(web, services):
    batch = ended(web, services)

    assert due(services) == [f"{batch['id']} 0"]
    assert look(web, batch)["webhook"] == {"url": URL, "state": "pending", "attempts": 0, "error": None}


def test_a_delivery_whose_lock_had_its_answer_lost_is_made_now(web, services, monkeypatch):
    batch, sent = ended(web, services), []
    lost = lose_answers(monkeypatch, lambda answer: answer == b"OK" and is_locked(services, batch))

    taken = webhooks(services, lambda url, body, headers: sent.append(body)).deliver(f"{batch['id']} 0")

    assert lost() == 1
    assert taken
    assert len(sent) == 1


def is_locked(services, batch) -> bool:
    return bool(services.store.redis.exists(keys.lock(f"webhook:{batch['id']} 0")))


def test_a_delivery_is_signed_and_tells_how_the_batch_ended(web, services):
    batch, sent = ended(web, services), []

    assert webhooks(services, lambda *what: sent.append(what)).deliver(due(services)[0])

    url, body, headers = sent[0]
    told = json.loads(body)
    assert url == URL
    assert is_genuine(headers[HEADER], SECRET, body)
    assert (told["event"], told["batch"]["id"], told["batch"]["counts"]["failed"]) == ("batch.ended", batch["id"], 1)
    assert due(services) == []
    assert look(web, batch)["webhook"]["state"] == "delivered"


def test_a_delivery_that_was_not_taken_is_put_off_longer_each_time(web, services):
    batch = ended(web, services)
    deliverer = webhooks(services, refuse, webhook_attempts=3, webhook_backoff_s=10)
    pauses = []

    for _ in range(2):
        deliverer.deliver(due(services)[0])
        pauses.append(services.store.redis.zscore(keys.WEBHOOKS, due(services)[0]) - services.store.now_ms())
    deliverer.deliver(due(services)[0])

    assert [round(pause / 1000) for pause in pauses] == [10, 30]
    shown = look(web, batch)["webhook"]
    assert (shown["state"], shown["attempts"]) == ("failed", 3)
    assert "nobody there" in shown["error"]
    assert due(services) == []


def test_what_was_put_off_is_not_due_yet(web, services):
    ended(web, services)
    deliverer = webhooks(services, refuse)
    deliverer.deliver(due(services)[0])

    assert deliverer._due(4) == []


def test_two_workers_do_not_tell_the_same(web, services):
    ended(web, services)
    entered, go_on, sent = threading.Event(), threading.Event(), []

    def slowly(*what):
        sent.append(what)
        entered.set()
        assert go_on.wait(60)

    first = threading.Thread(target=webhooks(services, slowly).deliver, args=(due(services)[0],))
    first.start()
    assert entered.wait(60)

    taken_twice = webhooks(services, slowly).deliver(due(services)[0])
    go_on.set()
    first.join()

    assert (taken_twice, len(sent)) == (False, 1)


def test_a_resumed_batch_tells_its_new_end_and_not_the_old_one(web, services):
    batch, sent = ended(web, services), []
    web.post(f"/v1/batches/{batch['id']}/resume")
    deliverer = webhooks(services, lambda *what: sent.append(what))

    deliverer.deliver(f"{batch['id']} 0")
    run_all(services)
    deliverer.deliver(f"{batch['id']} 1")

    assert [json.loads(body)["batch"]["counts"]["succeeded"] for _, body, _ in sent] == [1]


def test_a_deleted_batch_tells_nothing(web, services):
    batch, sent = ended(web, services), []
    delivery = due(services)[0]
    web.delete(f"/v1/batches/{batch['id']}")

    webhooks(services, lambda *what: sent.append(what)).deliver(delivery)

    assert (sent, due(services)) == ([], [])


@pytest.mark.parametrize("url", ["http://example.org/", "https://127.0.0.1/", "https://localhost/", "ftp://x/", "x"])
def test_addresses_inside_are_refused_when_the_batch_is_sent(web, url):
    answer = web.post("/v1/batches", json={"prompts": ["a"], "webhook": url})

    assert answer.status_code == 422
    assert answer.json["error"]["field"] == "webhook"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Notes what it gets; answers as its server says."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def end_for(web, services, receiver):
    """A batch that ended, whose webhook is this receiver; only written, as an attacker's name would resolve."""
    batch = ended(web, services)
    BatchStore(services.store.redis, services.settings).note(
        batch["id"], webhook=f"http://localhost:{receiver.server_port}/hook"
    )
    return batch


def test_a_real_receiver_inside_is_not_reached_unless_that_is_allowed(web, services, receiver):
    end_for(web, services, receiver)

    refused = webhooks(services).deliver(due(services)[0])
    reached = webhooks(services, allow_private_addresses=True).deliver(due(services)[0])

    assert (refused, reached, len(receiver.got)) == (False, True, 1)
    headers, body = receiver.got[0]
    assert headers["Host"] == f"localhost:{receiver.server_port}"
    assert is_genuine(headers[HEADER], SECRET, body)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_redirects_and_errors_count_as_not_taken(web, services, receiver, status):
    batch, receiver.status = end_for(web, services, receiver), status

    assert not webhooks(services, allow_private_addresses=True).deliver(due(services)[0])

    assert look(web, batch)["webhook"]["error"] == f"HTTPStatusError: HTTP {status}"
    assert len(receiver.got) == 1
