"""Batched equals one by one, streams equal answers, and every way a sequence may end."""

import itertools

import pytest

from shared.errors import CancelRequested, InvalidRequest
from workers.engines.moondream.requests import (
    CaptionRequest,
    Delta,
    DetectRequest,
    Finished,
    PointRequest,
    QueryRequest,
    Sampling,
)

GREEDY = Sampling(temperature=0.0, max_tokens=24)
REFS = ((0.2, 0.7), (0.1, 0.2, 0.5, 0.9))


def every_kind(prefixes, sampling):
    """Requests of every kind, with prompts and answers of different lengths."""
    return [
        CaptionRequest(prefixes[0], "short", sampling),
        CaptionRequest(prefixes[1], "long", sampling),
        QueryRequest(prefixes[1], "What colour is the sky above the harbour?", sampling=sampling),
        QueryRequest(prefixes[2], "Why?", reasoning=True, sampling=sampling),
        QueryRequest(prefixes[0], "And here?", spatial_refs=REFS, sampling=sampling),
        QueryRequest(None, "Who are you?", sampling=sampling),
        DetectRequest(prefixes[2], "cat", max_objects=3),
        PointRequest(prefixes[1], "a red lamp", max_objects=5),
    ]


def test_greedy_answers_are_the_same_alone_and_in_a_batch(moondream, prefixes):
    requests = every_kind(prefixes, GREEDY)

    together = moondream.answer(requests)

    assert together == [moondream.answer([request])[0] for request in requests]


def test_sampled_answers_are_the_same_alone_and_in_a_batch(moondream, prefixes):
    requests = every_kind(prefixes, Sampling(temperature=1.0, top_p=0.9, max_tokens=24, seed=11))

    together = moondream.answer(requests)

    assert together == [moondream.answer([request])[0] for request in requests]


def test_seeds_that_differ_above_32_bits_give_different_answers(moondream, prefixes):
    sampled = [Sampling(temperature=1.0, top_p=1.0, max_tokens=24, seed=seed) for seed in (5, 5 + 2**32)]

    low, high = moondream.answer([CaptionRequest(prefixes[0], sampling=one) for one in sampled])

    assert low.text != high.text


def test_at_temperature_one_sixty_texts_are_the_same_alone_and_in_batches_of_twenty(moondream, prefixes):
    requests = [CaptionRequest(prefixes[n % 3], sampling=Sampling(1.0, 1.0, 16, seed=n)) for n in range(60)]

    together = [answer for start in range(0, 60, 20) for answer in moondream.answer(requests[start : start + 20])]

    assert together == [moondream.answer([request])[0] for request in requests]


def test_another_seed_gives_another_answer(moondream, prefixes):
    sampled = [Sampling(temperature=1.0, top_p=1.0, max_tokens=24, seed=seed) for seed in (1, 2, 1)]

    first, other, again = moondream.answer([CaptionRequest(prefixes[0], sampling=one) for one in sampled])

    assert first == again
    assert first != other


def test_pictures_encoded_together_answer_as_if_encoded_alone(moondream, pictures, prefixes):
    alone = [moondream.encode([picture])[0] for picture in pictures]

    fresh = moondream.answer(every_kind(alone, GREEDY))

    assert fresh == moondream.answer(every_kind(prefixes, GREEDY))


def test_a_prefix_is_as_good_the_second_time(moondream, prefixes):
    before = prefixes[0].kv.clone()

    first = moondream.answer(every_kind(prefixes, GREEDY))
    second = moondream.answer(every_kind(prefixes, GREEDY))

    assert first == second
    assert prefixes[0].kv.equal(before)


def test_the_answer_depends_on_the_picture(moondream, prefixes):
    requests = [CaptionRequest(prefix, sampling=Sampling(1.0, 1.0, 24, seed=5)) for prefix in prefixes]

    texts = {answer.text for answer in moondream.answer(requests)}

    assert len(texts) == len(prefixes)


def test_streamed_words_join_to_the_answers(moondream, prefixes):
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=90, seed=3)

    events = list(moondream.generate(every_kind(prefixes, sampling)))

    answers = {event.index: event.answer for event in events if isinstance(event, Finished)}
    said = [event for event in events if isinstance(event, Delta)]
    assert sorted(answers) == list(range(8))
    for index in range(6):
        mine = [event for event in said if event.index == index]
        assert "".join(event.text for event in mine if not event.is_reasoning) == answers[index].text
        assert "".join(event.text for event in mine if event.is_reasoning) == (answers[index].reasoning or "")


def test_words_come_before_the_answer_is_complete(moondream, prefixes):
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=40, seed=3)

    events = list(moondream.generate([CaptionRequest(prefixes[0], sampling=sampling)]))

    assert len([event for event in events if isinstance(event, Delta)]) > 5
    assert isinstance(events[-1], Finished)


def test_a_text_stops_at_its_token_limit_and_says_so(moondream, prefixes):
    short, long = (Sampling(1.0, 1.0, max_tokens=count, seed=3) for count in (2, 9))

    answers = moondream.answer([CaptionRequest(prefixes[0], sampling=one) for one in (short, long)])

    assert [(answer.completion_tokens, answer.ended) for answer in answers] == [(2, "length"), (9, "length")]


def test_prompt_tokens_count_the_picture_too(moondream, prefixes):
    with_picture, text_only = moondream.answer(
        [QueryRequest(prefixes[0], "ab", sampling=GREEDY), QueryRequest(None, "ab", sampling=GREEDY)]
    )

    assert with_picture.prompt_tokens == 65 + 3 + 2 + 2  # BOS and 8×8 patches, opening, two bytes, answer twice
    assert text_only.prompt_tokens == 1 + 3 + 2 + 2


def test_a_sequence_ends_where_its_context_does(moondream):
    question = "x" * (moondream.config.text.max_context - 16)

    answer = moondream.answer([QueryRequest(None, question, sampling=Sampling(1.0, 1.0, 100, seed=4))])[0]

    assert answer.ended == "length"
    assert answer.prompt_tokens + answer.completion_tokens == moondream.config.text.max_context + 1


def test_a_question_that_fills_the_context_is_refused(moondream, prefixes):
    with pytest.raises(InvalidRequest, match="256"):
        moondream.generate([QueryRequest(prefixes[0], "x" * 300)])


def test_places_without_a_picture_are_refused(moondream):
    with pytest.raises(InvalidRequest, match="picture"):
        moondream.generate([QueryRequest(None, "where?", spatial_refs=REFS)])


def test_places_change_the_answer(moondream, prefixes):
    here, there = (((0.1, 0.1),), ((0.9, 0.4),))
    sampling = Sampling(1.0, 1.0, 24, seed=5)

    answers = moondream.answer(
        [QueryRequest(prefixes[0], "?", spatial_refs=r, sampling=sampling) for r in (here, there)]
    )

    assert answers[0].text != answers[1].text


def test_objects_stop_at_their_limit(moondream, prefixes):
    found = moondream.answer([DetectRequest(prefixes[0], "cat", 2), PointRequest(prefixes[0], "cat", 4)])

    assert [(len(answer.objects), answer.ended) for answer in found] == [(2, "length"), (4, "length")]


def test_raising_between_steps_aborts_and_leaves_the_model_usable(moondream, prefixes):
    request = CaptionRequest(prefixes[0], sampling=GREEDY)
    before = moondream.answer([request])

    def give_up(step):
        if step == 3:
            raise CancelRequested("enough")

    with pytest.raises(CancelRequested):
        moondream.answer([request, request], on_step=give_up)

    assert moondream.answer([request]) == before


def test_raising_while_encoding_aborts_and_leaves_the_model_usable(moondream, pictures, prefixes):
    passes = []

    def give_up(step):
        passes.append(step)
        if len(passes) == 2:
            raise CancelRequested("enough")

    with pytest.raises(CancelRequested):
        moondream.encode(pictures, on_step=give_up)

    assert moondream.encode(pictures)[0].kv.equal(prefixes[0].kv)


def test_one_request_of_a_batch_can_be_dropped_and_the_others_go_on(moondream, prefixes):
    requests = [CaptionRequest(prefix, sampling=GREEDY) for prefix in prefixes]
    undisturbed = moondream.answer(requests)

    dropped = moondream.answer(requests, on_step=lambda step: {1} if step == 4 else None)

    assert dropped[1].ended == "cancelled"
    assert dropped[1].completion_tokens == 4
    assert [dropped[0], dropped[2]] == [undisturbed[0], undisturbed[2]]


def test_every_token_is_a_step(moondream, prefixes):
    steps = []

    answers = moondream.answer([CaptionRequest(prefixes[0], sampling=GREEDY)], on_step=steps.append)

    assert steps == list(range(answers[0].completion_tokens))


def test_a_stream_that_is_dropped_leaves_the_model_usable(moondream, prefixes):
    request = CaptionRequest(prefixes[0], sampling=Sampling(1.0, 1.0, 24, seed=3))
    stream = moondream.generate([request])

    begun = list(itertools.islice(stream, 2))
    stream.close()

    assert len(begun) == 2
    assert moondream.answer([request]) == moondream.answer([request])


def test_nothing_asked_is_nothing_answered(moondream):
    assert moondream.answer([]) == []
    assert moondream.encode([]) == []
