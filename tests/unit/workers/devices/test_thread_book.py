"""What was measured about threads is kept while its circumstances hold, and no longer."""

import pytest

from workers.devices import thread_book
from workers.devices.thread_book import FILE_NAME, Circumstances, Pace, ThreadBook, circumstances, stamp_of

HERE = Circumstances(host="attic", cpu="a CPU", cores=4, workers=1, libraries="torch 1", weights="w")


def pace(threads: int = 2, model: str = "toy", **changes) -> Pace:
    where = HERE.model_copy(update=changes)
    return Pace(model=model, precision="fp32", circumstances=where, threads=threads, quickest_ms={1: 3.0, 2: 2.0})


def test_a_row_is_found_by_another_process(tmp_path):
    ThreadBook(tmp_path / "data").keep(pace())

    assert ThreadBook(tmp_path / "data").find("toy", "fp32", HERE) == pace()
    assert ThreadBook(tmp_path / "data").find("toy", "nf4", HERE) is None


@pytest.mark.parametrize(
    "change", [{"host": "b"}, {"cpu": "b"}, {"cores": 2}, {"workers": 2}, {"libraries": "torch 2"}, {"weights": "x"}]
)
def test_a_row_holds_for_its_circumstances_alone(tmp_path, change):
    book = ThreadBook(tmp_path)
    book.keep(pace())

    assert book.find("toy", "fp32", HERE.model_copy(update=change)) is None


def test_of_two_workers_that_measure_at_once_the_first_counts_for_both(tmp_path):
    first, second = ThreadBook(tmp_path), ThreadBook(tmp_path)

    assert first.keep(pace(threads=1)).threads == 1
    assert second.keep(pace(threads=2)).threads == 1


def test_a_new_row_takes_the_place_of_one_that_does_not_hold_any_more(tmp_path):
    book = ThreadBook(tmp_path)
    book.keep(pace(threads=1))

    book.keep(pace(threads=2, libraries="torch 2"))

    assert [row.threads for row in book.rows()] == [2]


def test_the_oldest_rows_go_when_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(thread_book, "MOST_ROWS", 2)
    book = ThreadBook(tmp_path)

    for host in ("a", "b", "c"):
        book.keep(pace(host=host))

    assert [row.circumstances.host for row in book.rows()] == ["b", "c"]


@pytest.mark.parametrize("damage", [b"", b"{", b'{"attic/toy/fp32": {"threads": "many"}}'])
def test_a_damaged_file_is_an_empty_one_and_is_written_anew(tmp_path, damage):
    (tmp_path / FILE_NAME).write_bytes(damage)
    book = ThreadBook(tmp_path)

    assert book.rows() == []
    assert book.keep(pace()) == pace()
    assert book.rows() == [pace()]


def test_a_folder_that_cannot_be_written_costs_only_the_knowledge(tmp_path):
    (tmp_path / "file").write_text("in the way")

    assert ThreadBook(tmp_path / "file" / "data").keep(pace()) == pace()


def test_a_stamp_changes_with_the_weights_and_not_with_what_lies_beside_them(tmp_path):
    weights = tmp_path / "unet" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    before = stamp_of(tmp_path)

    (tmp_path / "darkroom-hashes.json").write_text("{}")
    assert stamp_of(tmp_path) == before
    weights.write_bytes(b"another")
    assert stamp_of(tmp_path) != before
    assert stamp_of(weights) != before


def test_this_hosts_circumstances_name_what_computes(tmp_path):
    now = circumstances(3, tmp_path)

    assert now == circumstances(3, tmp_path)
    assert (now.workers, now.cores >= 1) == (3, True)
    assert "torch 2" in now.libraries
