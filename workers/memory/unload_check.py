"""Makes sure with the driver that the memory of an unloaded model came back.

A framework may keep blocks, a library may keep references, a driver takes its time. So after each unload we look until
most of it is back; what is not is a leak, and only a new process cures that.

What the driver has free is everybody's: another program that takes memory in the same second would make a leak of ours
out of it, and one that lets go would hide one. So where our own allocator counts what we hold, that count decides.
"""

import time
from collections.abc import Callable
from typing import Protocol

#: Every 250 ms for up to 5 s until three quarters are back: the rule that Ollama's scheduler settled on.
LOOK_EVERY_S = 0.25
LOOK_FOR_S = 5.0
BACK_SHARE = 0.75
#: Smaller unloads are lost in the driver's noise and are not checked.
CHECKED_FROM_MIB = 128


class Device(Protocol):
    """What is asked of a GPU."""

    def free_mib(self) -> int | None:
        """What the driver could still give, blocks cached by our own allocator included; None: it does not say."""
        ...

    def own_mib(self) -> int | None:
        """What this process has allocated itself, whatever others do meanwhile; None: it is not counted."""
        ...

    def free_cache(self) -> None:
        """Hand unused blocks back to the driver."""
        ...

    def start_peak(self) -> None:
        """Count the highest use from here on."""
        ...

    def peak_mib(self) -> int | None:
        """The highest use since then, all loaded models included; None: not counted, or cut off by a refusal."""
        ...


class SilentDevice:
    """A device that says nothing: a CPU, or a GPU whose driver does not answer. The ledger alone counts."""

    def free_mib(self) -> int | None:
        return None

    def own_mib(self) -> int | None:
        return None

    def free_cache(self) -> None:
        return None

    def start_peak(self) -> None:
        return None

    def peak_mib(self) -> int | None:
        return None


def check_unload(
    unload: Callable[[], bool],
    released_mib: Callable[[], int],
    device: Device,
    *,
    clock_s: Callable[[], float] = time.monotonic,
    wait_s: Callable[[float], object] = time.sleep,
) -> tuple[bool, int]:
    """Unload, then wait for the memory.

    Args:
        released_mib: how much should have come back; asked after the unload, because shared weights stay.

    Returns:
        What `unload` returned, and the MiB that did not come back (0 where it did, or where the driver is silent).
    """
    before = _room_mib(device)
    is_unloaded = unload()
    device.free_cache()
    if not is_unloaded or before is None or (released := released_mib()) < CHECKED_FROM_MIB:
        return is_unloaded, 0
    deadline_s = clock_s() + LOOK_FOR_S
    while (room := _room_mib(device)) is not None and room - before < BACK_SHARE * released:
        if clock_s() >= deadline_s:
            return True, released - max(0, room - before)
        wait_s(LOOK_EVERY_S)
    return True, 0


def _room_mib(device: Device) -> int | None:
    """A number that grows by what comes back; only its differences mean something."""
    own = device.own_mib()
    return device.free_mib() if own is None else -own
