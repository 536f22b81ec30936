"""Which models are loaded, and which one leaves first."""

import pytest

from shared.errors import DoesNotFit, OutOfVram
from tests.unit.workers.memory.fake_gpu import (
    LARGE,
    OTHER,
    SMALL,
    FakeGpu,
    MovingEngine,
    OffloadedEngine,
    PlainEngine,
    Rig,
    card,
)


def test_a_model_is_loaded_once_and_then_used():
    rig = Rig()

    first, second = rig.use(LARGE), rig.use(LARGE)

    assert first is second
    assert rig.loads == ["large"]


def test_a_models_hash_is_that_of_the_weights_it_was_loaded_from():
    rig = Rig(host_cache_mib=4000, engine=MovingEngine)
    model = card("a", 1000)
    rig.use(model)
    rig.residency.evict_others("b")
    rig.use(model)
    after_coming_back = dict(rig.residency.weights)
    rig.residency.unload("a")
    rig.use(model)

    assert after_coming_back == {"a": "hash 1"}
    assert rig.residency.weights == {"a": "hash 2"}


def test_the_longest_unused_model_leaves_first():
    rig = Rig()
    large, small = rig.use(LARGE), rig.use(SMALL)
    rig.use(LARGE)

    rig.use(card("new", 4000))

    assert small.closed
    assert not large.closed


def test_only_as_many_leave_as_must():
    rig = Rig()
    for name in ("a", "b", "c"):
        rig.use(card(name, 4000))

    rig.use(card("d", 4000))

    assert rig.names() == {"b", "c", "d"}


def test_room_for_work_counts_as_much_as_room_for_weights():
    rig = Rig()
    small = rig.use(SMALL)

    rig.use(LARGE, working_mib=4000)

    assert small.closed


def test_a_resident_model_that_needs_more_room_for_a_larger_job_gets_it():
    rig = Rig()
    small = rig.use(SMALL)
    rig.use(LARGE)

    rig.use(LARGE, working_mib=4500)

    assert small.closed
    assert rig.loads == ["small", "large"]


def test_pinned_models_stay_and_the_error_says_who_holds_the_room():
    rig = Rig()
    rig.use(LARGE)
    rig.residency.pin("large")

    with pytest.raises(OutOfVram, match=r"large 7,000 \(pinned\)"):
        rig.use(card("new", 6000))

    assert rig.names() == {"large"}


def test_an_unpinned_model_may_leave_again():
    rig = Rig()
    rig.use(LARGE)
    rig.residency.pin("large")
    rig.residency.unpin("large")

    rig.use(card("new", 6000))

    assert rig.names() == {"new"}


def test_a_model_in_use_is_never_evicted():
    rig = Rig()

    with rig.residency.using(LARGE, 7000) as engine, pytest.raises(OutOfVram, match="in use"):
        rig.use(card("new", 6000))

    assert isinstance(engine, PlainEngine)
    assert not engine.closed


def test_a_model_in_use_is_not_unloaded_by_a_command():
    rig = Rig()

    with rig.residency.using(LARGE, 7000):
        gone = rig.residency.unload("large")

    assert gone == []
    assert rig.names() == {"large"}


def test_what_exceeds_the_whole_budget_is_refused_with_numbers_before_anything_leaves():
    rig = Rig(budget_mib=7500)
    rig.use(SMALL)

    with pytest.raises(DoesNotFit, match="large needs 9,800 MiB, largest budget 7,500"):
        rig.residency.engine_for(LARGE, 9800)

    assert rig.names() == {"small"}


def test_the_driver_counts_as_much_as_the_ledger():
    """Another program took 6,000 MiB: our ledger has room, the GPU has not."""
    rig = Rig()
    rig.use(SMALL)
    rig.device.used_mib += 6000

    rig.use(OTHER)

    assert rig.names() == {"other"}


def test_a_card_taken_by_others_is_reported_with_what_the_driver_says():
    rig = Rig()
    rig.device.used_mib = 9000

    with pytest.raises(OutOfVram, match="the driver has 3,000 MiB free"):
        rig.use(OTHER)


def test_memory_that_does_not_come_back_is_counted_after_five_seconds():
    rig = Rig(device=FakeGpu(keeps_mib=3000))
    rig.use(LARGE)
    before_s = rig.now_s

    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 3000
    assert 5.0 <= rig.now_s - before_s <= 5.5


def test_three_quarters_back_is_enough():
    rig = Rig(device=FakeGpu(keeps_mib=1700))
    rig.use(LARGE)

    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 0


def test_memory_may_come_back_late():
    rig = Rig(device=FakeGpu(keeps_mib=7000))
    rig.use(LARGE)

    def wait(seconds: float) -> None:
        rig.now_s += seconds
        if rig.now_s > 3:
            rig.device.used_mib = 0

    rig.wait = wait
    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 0


def test_memory_that_another_program_takes_meanwhile_is_no_leak_of_ours():
    rig = Rig(device=FakeGpu(counts=True))
    engine = rig.use(LARGE)
    close = engine.close

    def close_while_a_game_starts() -> None:
        close()
        rig.device.foreign_mib += 8000
        rig.device.used_mib += 8000

    engine.close = close_while_a_game_starts
    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 0


def test_memory_that_another_program_lets_go_meanwhile_hides_no_leak_of_ours():
    rig = Rig(device=FakeGpu(counts=True, keeps_mib=7000, used_mib=4000, foreign_mib=4000))
    engine = rig.use(LARGE)
    close = engine.close

    def close_while_a_game_ends() -> None:
        close()
        rig.device.foreign_mib = 0
        rig.device.used_mib -= 4000

    engine.close = close_while_a_game_ends
    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 7000


def test_a_silent_driver_proves_no_leak():
    rig = Rig(device=FakeGpu(silent=True, keeps_mib=7000))
    rig.use(LARGE)

    rig.residency.unload("large")

    assert rig.residency.leaked_mib == 0


def test_when_a_load_runs_out_of_memory_the_others_leave_and_it_is_tried_once_more():
    """The model is larger than its catalogue row says."""
    rig = Rig(device=FakeGpu(total_mib=8000, silent=True))
    small = rig.use(SMALL)

    with rig.residency.using(LARGE, 7000) as engine:
        pass

    assert small.closed
    assert rig.loads == ["small", "large", "large"]
    assert rig.residency.held_mib == engine.held_mib()


def test_a_model_that_does_not_load_alone_is_tried_no_second_time():
    rig = Rig(device=FakeGpu(total_mib=4000, silent=True))

    with pytest.raises(OutOfVram, match="large does not load"):
        rig.use(LARGE)

    assert rig.loads == ["large"]
    assert rig.names() == set()


def test_an_evicted_model_waits_in_host_memory_and_comes_back_without_a_load():
    rig = Rig(host_cache_mib=8000, engine=MovingEngine)
    first = rig.use(LARGE)
    rig.use(card("new", 6000))
    waiting = rig.residency.in_host()

    again = rig.use(LARGE)

    assert waiting == ["large"]
    assert again is first
    assert rig.loads == ["large", "new"]


def test_the_host_tier_keeps_its_limit_and_drops_the_longest_unused():
    rig = Rig(host_cache_mib=8000, engine=MovingEngine)
    engines = {name: rig.use(card(name, 7000)) for name in ("a", "b", "c")}

    assert rig.residency.in_host() == ["b"]
    assert engines["a"].closed
    assert not engines["b"].closed


def test_a_model_larger_than_the_host_tier_is_dropped_and_throws_nobody_out():
    rig = Rig(host_cache_mib=4000, engine=MovingEngine)
    rig.use(card("a", 3000))
    rig.use(card("b", 11_000))

    rig.use(card("c", 10_000))

    assert rig.residency.in_host() == ["a"]


def test_an_engine_that_cannot_move_is_closed():
    rig = Rig(host_cache_mib=8000)
    large = rig.use(LARGE)

    rig.use(card("new", 6000))

    assert large.closed
    assert rig.residency.in_host() == []


def test_unused_models_leave_after_their_keep_alive_and_pinned_ones_do_not():
    rig = Rig()
    rig.use(SMALL)
    rig.use(OTHER)
    rig.residency.pin("other")
    rig.now_s += 61

    gone = rig.residency.expire_idle()

    assert gone == ["small"]
    assert rig.names() == {"other"}


def test_a_model_used_within_its_keep_alive_stays():
    rig = Rig()
    rig.use(SMALL)
    rig.now_s += 59

    assert rig.residency.expire_idle() == []


def test_copies_in_host_memory_are_dropped_after_twice_the_keep_alive():
    rig = Rig(host_cache_mib=8000, engine=MovingEngine)
    small = rig.use(SMALL)
    rig.now_s += 61
    rig.residency.expire_idle()
    waiting = rig.residency.in_host()
    rig.now_s += 60

    rig.residency.expire_idle()

    assert waiting == ["small"]
    assert rig.residency.in_host() == []
    assert small.closed


def test_a_command_to_unload_one_model_takes_its_pin_too():
    rig = Rig()
    rig.use(LARGE)
    rig.residency.pin("large")

    gone = rig.residency.unload("large")

    assert gone == ["large"]
    assert rig.names() == set()


def test_a_command_to_unload_all_leaves_the_pinned():
    rig = Rig()
    rig.use(LARGE)
    rig.use(SMALL)
    rig.residency.pin("large")

    gone = rig.residency.unload()

    assert gone == ["small"]
    assert rig.names() == {"large"}


def test_unloading_what_is_not_loaded_does_nothing():
    assert Rig().residency.unload("large") == []


def test_a_mode_may_keep_only_one_large_model():
    rig = Rig(max_large_residents=1)
    small = rig.use(card("tags", 300))
    large = rig.use(OTHER)

    rig.use(card("new", 5000))

    assert large.closed
    assert not small.closed


def test_residents_say_what_they_hold_and_how_long_they_were_idle():
    rig = Rig()
    rig.use(LARGE)
    rig.residency.pin("large")
    rig.now_s += 10

    resident = rig.residency.residents()[0]

    assert (resident.model, resident.held_mib, resident.pinned, resident.idle_s) == ("large", 7000, True, 10.0)


def test_closing_drops_everything_pinned_or_waiting():
    rig = Rig(host_cache_mib=8000, engine=MovingEngine)
    engines = [rig.use(LARGE), rig.use(card("new", 6000))]
    rig.residency.pin("new")

    rig.residency.close()

    assert all(engine.closed for engine in engines)
    assert rig.device.used_mib == 0


# -- host RAM ----------------------------------------------------------------------------------------------------------


def two_that_take_turns(host_cache_mib: int) -> Rig:
    """Two models of SDXL's size on a card for one, used a, b, a, b, …"""
    rig = Rig(budget_mib=10_000, device=FakeGpu(10_000), host_cache_mib=host_cache_mib, engine=MovingEngine)
    for name in "abababab":
        rig.use(card(name, 6617))
    return rig


def test_two_models_that_take_turns_come_from_disk_once_where_ram_is_enough():
    assert two_that_take_turns(host_cache_mib=16_384).loads == ["a", "b"]


def test_a_model_is_copied_off_the_card_once():
    rig = two_that_take_turns(host_cache_mib=16_384)

    engines = [rig.use(card(name, 6617)) for name in "ab"]

    assert [engine.copies for engine in engines] == [1, 1]


def test_copies_of_models_on_the_card_count_in_host_ram():
    rig = two_that_take_turns(host_cache_mib=16_384)

    assert rig.residency.in_host() == ["a"]
    assert rig.residency.host_held_mib == 2 * 6617


def test_host_ram_is_bounded_whatever_happens():
    rig = Rig(budget_mib=10_000, device=FakeGpu(10_000), host_cache_mib=8192, engine=MovingEngine)
    for name, mib in zip("abcabdac" * 3, (6617, 3000, 5000, 6617, 3000, 2000, 6617, 5000) * 3, strict=True):
        rig.use(card(name, mib))

        assert rig.residency.host_held_mib <= 8192


def test_a_spare_copy_goes_before_a_model_that_waits():
    """What is on the GPU can be copied again; what waits would come from disk."""
    rig = Rig(budget_mib=10_000, device=FakeGpu(10_000), host_cache_mib=10_000, engine=MovingEngine)
    rig.use(card("spare", 3000))
    rig.use(card("all", 10_000))
    rig.residency.unload("all")
    rig.use(card("waits", 5000))
    rig.use(card("spare", 3000))  # back, its copy still there
    rig.use(card("last", 4000))  # "waits" leaves for it
    rig.use(card("spare", 3000))
    before_mib = rig.residency.host_held_mib

    rig.use(card("new", 6000))  # "last" leaves for it

    assert before_mib == 5000 + 3000
    assert sorted(rig.residency.in_host()) == ["last", "waits"]
    assert rig.residency.host_held_mib == 5000 + 4000


def test_offloaded_models_are_bounded_by_the_host_though_the_card_holds_none():
    """Four models on a GPU of 8 GB, all offloaded: the ledger said 0, and RAM filled with 26.5 GiB."""
    rig = Rig(host_cache_mib=16_384, engine=OffloadedEngine)
    for name in "abcd":
        rig.now_s += 1
        with rig.residency.using(card(name, 6617), 5000, host_mib=6617):
            assert rig.residency.host_held_mib <= 16_384

    assert rig.names() == {"c", "d"}


def test_an_offloaded_model_beyond_the_whole_limit_runs_alone():
    rig = Rig(host_cache_mib=4096, engine=OffloadedEngine)
    for name in "ab":
        rig.now_s += 1
        with rig.residency.using(card(name, 6617), 5000, host_mib=6617):
            pass

    assert rig.names() == {"b"}


def test_an_offloaded_model_is_as_large_as_its_weights_when_the_mode_counts_large_ones():
    rig = Rig(host_cache_mib=60_000, engine=OffloadedEngine, max_large_residents=1)
    for name in "ab":
        rig.now_s += 1
        with rig.residency.using(card(name, 6617), 5000, host_mib=6617):
            pass

    assert rig.names() == {"b"}


def test_a_model_that_holds_nothing_on_the_card_is_not_sent_away_for_room_there():
    rig = Rig(host_cache_mib=16_384)
    rig.engine = OffloadedEngine
    offloaded = rig.use(card("offloaded", 6617), working_mib=-6617)
    rig.engine = PlainEngine
    rig.use(card("one", 7000))

    rig.use(card("two", 8000))

    assert rig.names() == {"offloaded", "two"}
    assert not offloaded.closed
