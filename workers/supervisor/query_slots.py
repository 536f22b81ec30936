"""Small CPU workers beside the cards' own, so that a search never waits for a picture.

A query becomes a vector in 15 ms, and somebody waits for it; a worker that paints is busy for seconds. So where an
encoder is here, a worker of its own reads the urgent queue of each encoder, and nothing else. Its model is loaded when
it starts and stays. The others read the encoders' other queues: what describes whole libraries runs there, between
pictures, and never in front of a query.

Each costs what torch and an encoder take of RAM (470 MB with MiniLM) and no core while nobody searches.
"""

from shared.contracts.base import Priority
from shared.jobs.routing import queue_of
from shared.models.catalogue import ModelCard, load_catalogue
from shared.settings import Settings
from workers.devices.slot import CPU, Slot, slot_name
from workers.supervisor.placing import here_of

#: What stands in its name where others have `cpu` or `gpu`.
WORDS = "words"
#: RAM it plans with, against what its models need: the planner leaves a margin of its own, and longer texts take more.
ROOM = 2


def query_slots(settings: Settings) -> list[Slot]:
    """The slots of this host's small workers; none where no encoder is here."""
    encoders = [card for card in here_of(load_catalogue(settings)) if card.kind == "embed"]
    return [_slot(number, encoders) for number in range(settings.embed_workers if encoders else 0)]


def _slot(number: int, encoders: list[ModelCard]) -> Slot:
    room_mib = ROOM * sum(card.vram.peak_mib for card in encoders)
    models = tuple(card.id for card in encoders)
    return Slot(
        name=slot_name(WORDS, number),
        gpu=CPU,
        device=CPU,
        budget_mib=room_mib,
        total_mib=room_mib,
        threads=1,
        models=models,
        leaves_out=tuple(queue_of(model, calm) for model in models for calm in (Priority.NORMAL, Priority.LOW)),
        at_hand=models,
    )
