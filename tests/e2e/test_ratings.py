"""Pictures rated by the house's real classifier, through the whole stack."""

from collections.abc import Iterator

import pytest

from tests.pictures import png
from tests.rig import Rig, running_stack, wait_for


@pytest.fixture(scope="module")
def rig(tmp_path_factory) -> Iterator[Rig]:
    with running_stack(tmp_path_factory.mktemp("ratings"), DARKROOM_RATING="refuse") as stack:
        yield stack


def test_pictures_that_come_and_pictures_that_are_made_are_withheld_until_they_are_rated(rig):
    upload = rig.http.post("/v1/images", content=png(80, 50), headers={"Content-Type": "image/png"}).json()
    made = rig.finish(rig.generate()["id"])["result"]["images"][0]

    first = rig.http.get(upload["url"])
    assert first.status_code == 200 or first.json()["error"]["code"] == "withheld"
    for image_id in (upload["id"], made["id"]):
        shown = wait_for(
            lambda image_id=image_id: (answer := rig.http.get(f"/v1/images/{image_id}")).status_code == 200 and answer
        )
        assert 0 <= float(shown.headers["Darkroom-Rating"]) < 0.5

    assert [job["kind"] for job in rig.http.get("/v1/jobs").json()["jobs"]] == ["generate"]
    rated = rig.http.get("/v1/jobs").json()["jobs"][0]["result"]["images"][0]["rating"]
    assert (rated["state"], rated["model"], rated["is_nsfw"]) == ("rated", "opennsfw", False)
