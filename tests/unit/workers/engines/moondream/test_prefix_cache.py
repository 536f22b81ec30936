"""Encode once, ask many: hits cost nothing, the budget holds, and what was not used longest leaves first."""

import pytest

from shared.errors import CancelRequested
from workers.engines.moondream.prefix_cache import PrefixCache
from workers.engines.moondream.requests import CaptionRequest, DetectRequest, QueryRequest, Sampling

GREEDY = Sampling(0.0, max_tokens=8)


@pytest.fixture
def cache_for(moondream, prefixes):
    """A cache with room for so many pictures."""
    return lambda count: PrefixCache(moondream.encode, budget_bytes=count * prefixes[0].nbytes)


def test_five_questions_about_one_picture_cost_one_vision_pass(moondream, pictures, cache_for):
    cache = cache_for(2)
    spent = []

    def prefix():
        found = cache.look_up([("hash", pictures[0])])
        spent.append(found.vision_passes)
        return found.prefixes[0]

    answers = moondream.answer(
        [
            CaptionRequest(prefix(), sampling=GREEDY),
            QueryRequest(prefix(), "What?", sampling=GREEDY),
            QueryRequest(prefix(), "Why?", sampling=GREEDY),
            DetectRequest(prefix(), "cat", 2),
            DetectRequest(prefix(), "dog", 2),
        ]
    )

    assert len(answers) == 5
    assert spent == [1, 0, 0, 0, 0]
    assert (cache.counts.vision_passes, cache.counts.hits) == (1, 4)


def test_a_batch_encodes_each_missing_picture_once(pictures, cache_for):
    cache = cache_for(3)
    cache.look_up([("a", pictures[0])])

    found = cache.look_up([("b", pictures[1]), ("a", pictures[0]), ("b", pictures[1])])

    assert found.vision_passes == 1
    assert found.prefixes[0] is found.prefixes[2]


def test_the_longest_unused_leaves_first_and_the_budget_holds(pictures, prefixes, cache_for):
    cache = cache_for(2)
    cache.look_up([("a", pictures[0]), ("b", pictures[1])])
    cache.look_up([("a", pictures[0])])

    cache.look_up([("c", pictures[2])])

    assert [key in cache for key in "abc"] == [True, False, True]
    assert cache.held_bytes == 2 * prefixes[0].nbytes
    assert cache.counts.evicted == 1


def test_more_pictures_than_fit_are_all_answered(pictures, cache_for):
    cache = cache_for(1)

    found = cache.look_up([(str(at), picture) for at, picture in enumerate(pictures)])

    assert len(found.prefixes) == 3
    assert cache.held_bytes == found.prefixes[0].nbytes


def test_a_prefix_beyond_the_budget_is_given_and_not_held(pictures, cache_for):
    cache = cache_for(0)

    found = cache.look_up([("a", pictures[0])])

    assert found.prefixes[0].nbytes > 0
    assert cache.held_bytes == 0


def test_what_is_held_does_not_keep_its_batch_alive(moondream, prefixes):
    assert [prefix.kv.untyped_storage().nbytes() for prefix in prefixes] == [prefix.nbytes for prefix in prefixes]
    assert prefixes[0].nbytes == moondream.config.prefix_nbytes(bytes_per_value=4)


def test_a_failed_encoding_leaves_the_cache_as_it_was(moondream, pictures):
    def fail(missing):
        raise CancelRequested("stop")

    cache = PrefixCache(fail, budget_bytes=1 << 20)

    with pytest.raises(CancelRequested):
        cache.look_up([("a", pictures[0])])

    assert cache.held_bytes == 0
    assert "a" not in cache


def test_clearing_gives_the_bytes_back(pictures, cache_for):
    cache = cache_for(2)
    cache.look_up([("a", pictures[0])])

    cache.clear()

    assert cache.held_bytes == 0
    assert cache.look_up([("a", pictures[0])]).vision_passes == 1
