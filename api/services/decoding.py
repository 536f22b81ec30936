"""Decoding pictures takes turns, so that a flood of uploads leaves the process time for everything else.

A few pictures are decoded at a time, each in the thread of its own request; the others wait, and as many wait as two
seconds or so of work allow. That is counted in pixels, not in requests: sixty small pictures are soon through, four of
48 megapixels are not, however few bytes they came in. What finds no room is told so at once, before anything is decoded.

A form brings many pictures, and sending it again costs more than waiting: its pictures wait as long as it takes. So that
forms do not hold every thread of the server, only a few of them are looked through at a time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.library.brought import Looked, look
from shared.errors import NotReady
from shared.pictures.pixels import PictureFacts, PictureLimits, check, inspect, thumbnail

#: Largest pictures that may be decoded or wait at a time, in all; one takes about half a second.
ROOM_IN_PICTURES = 4


class Decoding:
    """The turns of one process.

    Args:
        at_once: pictures decoded at a time.
        room_px: pixels that may be decoded or wait; one picture is always let in.
        forms: forms looked through at a time.
    """

    def __init__(self, *, at_once: int, room_px: int, forms: int) -> None:
        self._seats = threading.BoundedSemaphore(at_once)
        self._forms = threading.BoundedSemaphore(forms)
        self._room_px = room_px
        self._changed = threading.Condition()
        #: Pixels that are decoded or wait now.
        self._taken_px = 0

    def check(
        self, data: bytes, limits: PictureLimits, claimed_type: str | None = None, *, is_patient: bool = False
    ) -> PictureFacts:
        """See `pixels.check`.

        Args:
            is_patient: wait for room, too.

        Raises:
            NotReady: there is no room. And what `pixels.check` raises; what the header shows costs no turn.
        """
        facts = inspect(data, limits, claimed_type=claimed_type)
        with self._turn(facts.width * facts.height, is_patient=is_patient):
            return check(data, limits, claimed_type=claimed_type)

    def look(
        self, data: bytes, limits: PictureLimits, claimed_type: str | None = None, *, is_patient: bool = False
    ) -> Looked:
        """See `brought.look`; as `check`, but it also tells what the picture looks like."""
        facts = inspect(data, limits, claimed_type=claimed_type)
        with self._turn(facts.width * facts.height, is_patient=is_patient):
            return look(data, limits, claimed_type)

    def thumbnail(self, data: bytes, facts: PictureFacts, width_px: int) -> bytes:
        """See `pixels.thumbnail`. Raises NotReady: there is no room."""
        with self._turn(facts.width * facts.height, is_patient=False):
            return thumbnail(data, width_px)

    @contextmanager
    def form(self) -> Iterator[None]:
        """One form is looked through.

        Raises:
            NotReady: enough others are.
        """
        if not self._forms.acquire(blocking=False):
            raise NotReady("enough forms are looked through already; send it again soon", retry_after_s=5)
        try:
            yield
        finally:
            self._forms.release()

    @contextmanager
    def _turn(self, pixels: int, *, is_patient: bool) -> Iterator[None]:
        with self._changed:
            if is_patient:
                self._changed.wait_for(lambda: self._has_room(pixels))
            elif not self._has_room(pixels):
                raise NotReady("too many pictures are being looked at; send it again soon", retry_after_s=1)
            self._taken_px += pixels
        try:
            with self._seats:
                yield
        finally:
            with self._changed:
                self._taken_px -= pixels
                self._changed.notify_all()

    def _has_room(self, pixels: int) -> bool:
        return not self._taken_px or self._taken_px + pixels <= self._room_px
