"""How assets get their vectors: whatever dies or changes in between, each has the one of what is said of it now."""

import numpy as np
import pytest
from sqlalchemy import select, text, update

from api.library.database import Database
from api.library.embedding import JOBS_AT_ONCE, MAX_TRIES, Embedding
from api.library.tables import Asset, AssetText, AssetVector
from api.services import Services
from shared.contracts.embedding import EmbedParams, EmbedResult, packed
from shared.contracts.jobs import JobRecord, State
from shared.contracts.kinds import KIND_RULES
from shared.errors import EngineFailed
from shared.jobs import lifecycle
from shared.models.catalogue import load_catalogue
from tests import workers_played
from tests.unit.api.library.assets import put

WORDS, LOOKS = "minilm-l6", "efficientnet-lite0"
SPACE = "minilm-l6:1:abc"


@pytest.fixture
def embedding(library: Database, services: Services) -> Embedding:
    services.registry.report(workers_played.report("cpu0", models=(WORDS,)))
    catalogue = load_catalogue(services.settings)
    return Embedding(library, services.store, services.dispatcher, services.registry, catalogue)


def jobs(services: Services) -> list[JobRecord]:
    return [services.store.get(job) for job in services.store.ids_between(State.QUEUED, 0, -1)]


def answer(services: Services, record: JobRecord, space: str = SPACE, lacking: tuple[int, ...] = ()) -> None:
    """As a worker would: each text's vector tells how long it is."""
    params = EmbedParams.model_validate(record.params)
    lengths = [len(text) for text in params.texts or params.images]
    rows = tuple(None if place in lacking else packed(np.array([n, 1.0])) for place, n in enumerate(lengths))
    result = EmbedResult(space=space, dimensions=2, vectors=rows).model_dump(mode="json")
    workers_played.start(services, record.id)
    services.store.move(
        record.id, lambda job, now_ms: lifecycle.end(job, now_ms, token="pen", state=State.SUCCEEDED, result=result)
    )


def fail(services: Services, record: JobRecord) -> None:
    error = lifecycle.failure_of(EngineFailed("it broke"))
    workers_played.start(services, record.id)
    services.store.move(
        record.id, lambda job, now_ms: lifecycle.end(job, now_ms, token="pen", state=State.FAILED, error=error)
    )


def add(library: Database, *captions: str) -> list[int]:
    with library.writing() as session:
        return [put(session, caption=caption).no for caption in captions]


def lengths(library: Database, model: str = WORDS) -> dict[int, float]:
    """Asset → the first number of its vector, of those that are made."""
    with library.reading() as session:
        made = session.scalars(select(AssetVector).where(AssetVector.model == model, AssetVector.state == "made"))
        return {row.asset_no: float(np.frombuffer(row.halves or b"", dtype="<f2")[0]) for row in made}


def states(library: Database, model: str = WORDS) -> list[str]:
    with library.reading() as session:
        return list(
            session.scalars(select(AssetVector.state).where(AssetVector.model == model).order_by(AssetVector.asset_no))
        )


def test_each_asset_gets_the_vector_of_its_words(library: Database, services: Services, embedding: Embedding):
    short, long, _ = add(library, "a", "abc", "")

    embedding.look()
    [job] = jobs(services)
    assert (job.kind, job.model, job.priority, job.caller) == ("embed", WORDS, "low", "darkroom")
    answer(services, job)
    embedding.look()

    assert lengths(library) == {short: 1, long: 3}
    assert states(library) == ["made", "made", "none"]
    assert embedding.look() == 0


def test_no_list_shows_such_jobs_and_they_cost_nothing():
    assert KIND_RULES["embed"].is_hidden
    assert KIND_RULES["embed"].is_free


def test_words_that_change_get_another_vector(library: Database, services: Services, embedding: Embedding):
    [number] = add(library, "a")
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    with library.writing() as session:
        session.execute(update(AssetText).values(caption="abcde"))
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    assert lengths(library) == {number: 5}


def test_words_that_change_while_their_job_runs_are_not_forgotten(
    library: Database, services: Services, embedding: Embedding
):
    first, second = add(library, "a", "ab")
    embedding.look()
    with library.writing() as session:
        session.execute(update(AssetText).where(AssetText.asset_no == first).values(caption="abcdefg"))

    for _ in range(3):
        for job in jobs(services):
            answer(services, job)
        embedding.look()

    assert lengths(library) == {first: 7, second: 2}


def test_words_that_say_what_they_said_need_no_new_vector(library: Database, services: Services, embedding: Embedding):
    [number] = add(library, "a")
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    with library.writing() as session:
        session.execute(update(AssetText).values(note="for Zoë"))
    embedding.look()

    assert jobs(services) == []
    assert lengths(library) == {number: 1}


def test_a_job_that_is_gone_is_sent_again(library: Database, services: Services, embedding: Embedding):
    [number] = add(library, "a")
    embedding.look()
    services.store.redis.flushall()
    services.registry.report(workers_played.report("cpu0", models=(WORDS,)))

    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    assert lengths(library) == {number: 1}


def test_one_that_breaks_its_job_takes_nobody_with_it(library: Database, services: Services, embedding: Embedding):
    good, _ = add(library, "good", "poison")

    for _ in range(2 * MAX_TRIES):
        embedding.look()
        for job in jobs(services):
            fail(services, job) if "poison" in job.params["texts"] else answer(services, job)

    assert lengths(library) == {good: 4}
    assert states(library) == ["made", "failed"]


def test_pictures_are_looked_at_by_a_model_that_knows_them(library: Database, services: Services, embedding: Embedding):
    first, gone = add(library, "", "")
    services.registry.report(workers_played.report("cpu0", models=(LOOKS,)))

    embedding.look()
    [job] = jobs(services)
    with library.reading() as session:
        pictures = dict(session.execute(select(Asset.no, Asset.picture)).all())
    assert job.params["images"] == [pictures[gone], pictures[first]]
    answer(services, job, "efficientnet-lite0:1:x", lacking=(0,))
    embedding.look()

    assert list(lengths(library, LOOKS)) == [first]
    assert states(library, LOOKS) == ["made", "failed"]


def test_other_weights_make_all_vectors_anew(library: Database, services: Services, embedding: Embedding):
    [first] = add(library, "a")
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()
    [second] = add(library, "ab")
    embedding.look()
    answer(services, jobs(services)[0], "minilm-l6:1:new")
    embedding.look()
    embedding.look()
    answer(services, jobs(services)[0], "minilm-l6:1:new")
    embedding.look()

    assert lengths(library) == {first: 1, second: 2}
    with library.reading() as session:
        assert set(session.scalars(select(AssetVector.space))) == {"minilm-l6:1:new"}


def test_a_whole_library_is_sent_a_few_jobs_at_a_time(library: Database, services: Services, embedding: Embedding):
    add(library, *("x" * n for n in range(1, 201)))

    embedding.look()
    embedding.look()

    assert len(jobs(services)) == JOBS_AT_ONCE
    assert states(library).count("sent") == 32 * JOBS_AT_ONCE


def test_without_an_encoder_nothing_happens(library: Database, services: Services, embedding: Embedding):
    services.registry.report(workers_played.report("cpu0", models=("sdxl-toy",)))
    add(library, "a")

    assert embedding.look() == 0
    with library.reading() as session:
        assert session.scalars(text("SELECT count(*) FROM asset_vectors")).one() == 0


def test_everything_can_be_made_anew(library: Database, services: Services, embedding: Embedding):
    [number] = add(library, "a")
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    assert embedding.make_all_due() == 1
    embedding.look()
    answer(services, jobs(services)[0])
    embedding.look()

    assert lengths(library) == {number: 1}
