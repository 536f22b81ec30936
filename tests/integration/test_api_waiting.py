"""Clients that wait at a real server: seats, connections, and those who leave."""

import socket
from collections.abc import Iterator

import pytest

from tests.integration.test_api_stack import Up, running, until

#: Of eight threads three quarters may wait.
SEATS = 6


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A server with few seats."""
    yield from running(tmp_path_factory.mktemp("small"), DARKROOM_API_THREADS="8")


def queued(up: Up) -> str:
    return up.http.post("/v1/generate", json={"prompt": "x", "model": "sdxl-toy"}).json()["id"]


def waiting_for(up: Up, job_id: str, wait_s: float) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", up.port))
    client.sendall(f"GET /v1/jobs/{job_id}?wait={wait_s} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client


def finds_a_seat(up: Up, job_id: str) -> bool:
    return "Retry-After" not in up.http.get(f"/v1/jobs/{job_id}?wait=0.01").headers


def test_clients_that_went_away_leave_their_seats_at_once(small):
    job_id = queued(small)
    waiters = [waiting_for(small, job_id, 50) for _ in range(SEATS)]
    while finds_a_seat(small, job_id):  # the look itself sat there when a waiter came
        waiters.append(waiting_for(small, job_id, 50))

    for waiter in waiters:
        waiter.close()

    until(lambda: finds_a_seat(small, job_id), limit_s=40)


def test_a_client_that_stays_keeps_its_seat_and_gets_its_answer(small):
    job_id = queued(small)
    with waiting_for(small, job_id, 2) as waiter:
        waiter.settimeout(10)

        assert waiter.recv(12) == b"HTTP/1.1 200"


def test_a_server_of_many_threads_keeps_its_connections(tmp_path):
    for up in running(tmp_path, DARKROOM_API_THREADS="1024"):
        answers = [up.http.get("/healthz") for _ in range(2)]

        assert all(answer.headers.get("Connection", "keep-alive") != "close" for answer in answers)
