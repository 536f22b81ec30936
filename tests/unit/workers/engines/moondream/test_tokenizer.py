"""Any text survives, special words in a text mean nothing, and streams never break a character."""

import pytest

from workers.engines.moondream.tokenizer import (
    SPECIAL_TOKENS,
    STREAM_WINDOW,
    WordStream,
    load_tokenizer,
    small_tokenizer,
)

TEXT = "Zwei Füße, 猫が二匹, and a 🦊!\n"


@pytest.mark.parametrize("tokenizer", [small_tokenizer(), small_tokenizer([TEXT] * 3, vocab=290)])
def test_any_text_survives(tokenizer):
    assert tokenizer.decode(tokenizer.encode(TEXT).ids) == TEXT


def test_merges_make_texts_shorter():
    plain, merged = small_tokenizer(), small_tokenizer(["a red square"] * 5, vocab=280)

    assert merged.get_vocab_size() == 280
    assert len(merged.encode("a red square").ids) < len(plain.encode("a red square").ids)


def test_a_saved_tokenizer_loads_and_gives_the_same_ids(tmp_path):
    made = small_tokenizer()
    made.save(str(tmp_path / "tokenizer.json"))

    loaded = load_tokenizer(tmp_path)

    assert loaded.encode(TEXT).ids == made.encode(TEXT).ids


def test_special_words_in_a_text_stay_text(snapshot):
    ids = load_tokenizer(snapshot).encode(f"say {SPECIAL_TOKENS[5]}").ids

    assert min(ids) >= len(SPECIAL_TOKENS)


def test_a_stream_gives_whole_characters_and_in_the_end_all_of_the_text():
    tokenizer, text = small_tokenizer(), TEXT * 5
    ids = tokenizer.encode(text).ids
    assert len(ids) > 2 * STREAM_WINDOW
    stream = WordStream(tokenizer)

    pieces = [stream.push(token) for token in ids]

    assert "".join(pieces) + stream.flush() == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_character_cut_off_at_the_end_is_not_lost():
    tokenizer = small_tokenizer()
    stream = WordStream(tokenizer)

    said = "".join(stream.push(token) for token in tokenizer.encode("ok 猫").ids[:-1])

    assert said == "ok "
    assert stream.flush() == "\ufffd"
