"""What comes beside a job: how long its caller would wait, and when two bodies mean the same."""

import pytest

from api.requests.submission import body_hash, preferred_wait_s
from shared.contracts.generation import GenerateRequest


@pytest.mark.parametrize(
    ("prefer", "wait_s"),
    [
        ("wait=10", 10),
        ("respond-async, wait=10", 10),
        ('WAIT="5"; foo=bar', 5),
        (" wait = 7 ", 7),
        ("wait=1,wait=9", 1),
        ("", 0),
        ("wait", 0),
        ("wait=soon", 0),
        ("wait=-1", 0),
        ("wait=1.5", 0),
        ("handling=lenient", 0),
    ],
)
def test_the_prefer_header_is_read_leniently(prefer, wait_s):
    assert preferred_wait_s(prefer) == wait_s


def test_bodies_that_mean_the_same_have_the_same_hash():
    one = GenerateRequest.model_validate_json('{"prompt": "x", "scheduler": "Euler a", "seed": 1}')
    other = GenerateRequest.model_validate_json('{"seed":1,"scheduler":"euler_ancestral","prompt":"x"}')

    assert body_hash(one) == body_hash(other)


def test_another_prompt_is_another_body():
    assert body_hash(GenerateRequest(prompt="x")) != body_hash(GenerateRequest(prompt="y"))
