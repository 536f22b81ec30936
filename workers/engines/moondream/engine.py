"""The Moondream engine: a picture is encoded once and asked many times; tasks share every pass, join and leave between two.

Whoever calls may take answers from turn to turn in any company (`begin`, `step`, `finish`: see `stepping.Stepping`), or have
jobs answered from end to end (`analyze`); then too the next task begins when one has its answer.

Short of memory it first forgets the pictures it keeps, then asks fewer questions at once, and tells the watch. Nobody
begins again for that: who has no seat waits in host memory.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from PIL.Image import Image, new
from torch import nn

from shared.errors import DarkroomError, OutOfVram, Signal
from shared.models.catalogue import ModelCard
from workers.engines.base import AnalyzeWork, EngineKind, LoadPlan, Watch, WorkOutcome
from workers.engines.moondream import inspection
from workers.engines.moondream.asking import Asked, Refused, outcome_of
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.prefix_cache import PrefixCache
from workers.engines.moondream.requests import CaptionRequest, Prefix, Sampling
from workers.engines.moondream.talking import Talking, ask_all
from workers.engines.moondream.tasks import request_for
from workers.engines.moondream.toy import build
from workers.engines.torch_tools.host_copy import HOST, device_nbytes, forget, host_nbytes, off_gpu, onto_gpu
from workers.engines.torch_tools.out_of_vram import forget_frames, free_cache, named_out_of_vram
from workers.engines.torch_tools.precision import dtype_of, quantise_nf4

MIB = 2**20
#: Of the smallest call: enough that a picture's pass and words' passes both count.
CALL_TOKENS = 8
#: Answers at once where nobody says how many memory allows.
SEATS = 1


def load(card: ModelCard, path: Path, plan: LoadPlan) -> "MoondreamEngine":
    """Put a model on the plan's device.

    Raises:
        OutOfVram: it does not fit; nothing stays allocated.
        ModelMissing, EngineFailed: see `inspection.inspect` and `Moondream.load`.
    """
    dtype = dtype_of(plan)
    tokenizer_folder = path / inspection.TOKENIZER_FOLDER if card.source.tokenizer_repo else None

    def quantise(network: nn.Module) -> object:
        return quantise_nf4(network, device=plan.device, compute_dtype=dtype) if plan.precision == "nf4" else None

    inspection.inspect(path, tokenizer_folder)
    try:
        with named_out_of_vram(f"loading {card.id}"):
            model = Moondream.load(path, tokenizer_folder, device=plan.device, dtype=dtype, quantise=quantise)
    except OutOfVram:
        free_cache()
        raise
    return MoondreamEngine(card, model, plan)


class MoondreamEngine:
    """One loaded model and the pictures it knows."""

    def __init__(self, card: ModelCard, model: Moondream, plan: LoadPlan) -> None:
        self.card = card
        self.model = model
        self._plan = plan
        self._before_pass: Callable[[], None] = lambda: None
        self.prefixes = PrefixCache(self._encode, plan.prefix_cache_mib * MIB)
        self._talking = Talking(model, SEATS)

    def held_mib(self) -> int:
        """Weights with their scales, and the pictures it keeps."""
        weights = device_nbytes([self.model.network], self._plan.device)
        return -(-(weights + self.prefixes.held_bytes) // MIB)

    def host_mib(self) -> int:
        """RAM: all of it while the model waits there, else the copy that was left there. None on a CPU, where the RAM
        is the device.
        """
        return 0 if self._plan.device == HOST else -(-host_nbytes([self.model.network]) // MIB)

    def forget_host(self) -> None:
        """Give up what lies in host memory beside the GPU; the next way off the GPU copies it again."""
        forget(self.model.network)
        free_cache()

    def close(self) -> None:
        """Drop the model; a closed engine cannot be used again."""
        self.prefixes.clear()
        self._talking.rest()
        del self.model, self._talking
        free_cache()

    def to_host(self) -> None:
        """Wait in host RAM, without pictures. Four-bit weights of a CPU cannot: running turns them into its own form.

        Raises:
            OutOfVram, MemoryError: no room there, or they cannot; the model is whole where it was.
        """
        if self._plan.precision == "nf4" and self._plan.device == HOST:
            raise MemoryError("four-bit weights stay on their CPU")
        self.prefixes.clear()
        try:
            with named_out_of_vram(f"moving {self.card.id} to host memory"):
                off_gpu(self.model.network)
        finally:
            free_cache()

    def to_device(self) -> None:
        """Come back.

        Raises:
            OutOfVram: no room there; the model is in host memory still.
        """
        try:
            with named_out_of_vram(f"bringing {self.card.id} back"):
                onto_gpu(self.model.network, self._plan.device)
        finally:
            free_cache()

    def smallest_call(self) -> None:
        """A picture of one crop and a few words, past the pictures it keeps."""
        [prefix] = self.model.encode([new("RGB", (8, 8))])
        self.model.answer([CaptionRequest(prefix, sampling=Sampling(0.0, max_tokens=CALL_TOKENS))])

    # -- from end to end ---------------------------------------------------------------------------------------------

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """See `AnalyzeEngine.analyze`. Pictures are encoded first, then all tasks are asked."""
        try:
            looked = self._look(works, lambda: watch.step(0, 1), watch)
            rows = [self._prepared(work, prefix) for work, (prefix, _) in zip(works, looked, strict=True)]
            asked = [each for row in rows for each in row if isinstance(each, Asked)]
            ask_all(self.model, asked, watch, at_once, forget=self.prefixes.clear)
        except BaseException as exc:
            forget_frames(exc)
            free_cache()
            raise
        return [WorkOutcome(tuple(map(outcome_of, row)), passes) for row, (_, passes) in zip(rows, looked, strict=True)]

    # -- in steps ----------------------------------------------------------------------------------------------------

    def has_room_for(self, samples: int) -> None:
        """See `stepping.HoldsSeats`."""
        self._talking.has_room_for(samples)

    def begin(self, work: AnalyzeWork, watch: Watch) -> list[Asked | Refused]:
        """See `Stepping`: its picture is encoded, and its prompts are read as far as there are seats."""

        def pulse() -> None:
            with suppress(Signal):  # whoever does not want it any more says so by `is_wanted`
                watch.step(0, 1)

        try:
            [(prefix, passes)] = self._look([work], pulse, watch)
        except OutOfVram:
            self._talking.rest()
            free_cache()
            [(prefix, passes)] = self._look([work], pulse, watch)
        samples = self._prepared(work, prefix)
        samples[0].vision_passes = passes
        with suppress(OutOfVram), named_out_of_vram("reading a prompt"):  # then `step` finds out how many fit
            self._talking.begin([each for each in samples if isinstance(each, Asked)])
        return samples

    def step(self, samples: Sequence[Asked]) -> None:
        """See `Stepping`: one turn, mostly one word each."""
        with named_out_of_vram(f"{len(samples)} answers at once"):
            self._talking.step(samples)

    def finish(self, samples: Sequence[Asked | Refused], watch: Watch) -> list[WorkOutcome]:
        """See `Stepping`: what became of each task."""
        return [WorkOutcome((outcome_of(each),), each.vision_passes) for each in samples]

    def rest(self) -> None:
        """See `Stepping`: keys and values of all who have no answer yet wait in host memory."""
        self._talking.rest()
        free_cache()

    # -- looking -----------------------------------------------------------------------------------------------------

    def _look(
        self, works: Sequence[AnalyzeWork], before_pass: Callable[[], None], watch: Watch
    ) -> list[tuple[Prefix | None, int]]:
        """Each work's prefix, and how many pictures were encoded for it: 1 for the first that brings a new one."""
        pictures = [(work.picture_id, work.picture) for work in works if work.picture is not None]
        new = {picture_id for picture_id, _ in pictures if picture_id not in self.prefixes}
        self._before_pass = before_pass
        try:
            prefixes = iter(self.prefixes.look_up(pictures).prefixes)
        except OutOfVram:
            watch.degrade("prefix_cache_dropped")
            self.prefixes.clear()
            free_cache()
            prefixes = iter([self.prefixes.look_up([each]).prefixes[0] for each in pictures])
        found: list[tuple[Prefix | None, int]] = []
        for work in works:
            found.append((next(prefixes) if work.picture is not None else None, int(work.picture_id in new)))
            new.discard(work.picture_id)
        return found

    def _encode(self, pictures: list[Image]) -> list[Prefix]:
        with named_out_of_vram(f"encoding {len(pictures)} pictures"):
            return self.model.encode(pictures, lambda turn: self._before_pass())

    def _prepared(self, work: AnalyzeWork, prefix: Prefix | None) -> list[Asked | Refused]:
        """A work's tasks, ready to be asked; one that cannot be does not spoil the others."""
        rows: list[Asked | Refused] = []
        for index, task in enumerate(work.tasks):
            try:
                request = request_for(task, prefix)
                rows.append(Asked(work, index, request, self.model.strand(request)))
            except DarkroomError as exc:
                rows.append(Refused(exc))
        return rows


KIND = EngineKind(load=load, build=build, makes_steps=True)
