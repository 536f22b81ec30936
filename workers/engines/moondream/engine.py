"""The Moondream engine: a picture is encoded once and asked many times; all tasks of a GPU batch share every pass.

Short of memory it first forgets the pictures it keeps, then asks fewer questions at once, and tells the watch. A retried
answer is the same again (each has its own seed), so words that were already passed on are not passed on twice.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL.Image import Image, new
from torch import nn

from shared.contracts.vision import AnyTask
from shared.errors import DarkroomError, EngineFailed, InvalidRequest, OutOfVram
from shared.models.catalogue import ModelCard
from workers.engines.base import AnalyzeWork, EngineKind, LoadPlan, TaskOutcome, Watch, WorkOutcome
from workers.engines.moondream import inspection
from workers.engines.moondream.asking import Asked, Ticks
from workers.engines.moondream.model import Moondream
from workers.engines.moondream.prefix_cache import PrefixCache
from workers.engines.moondream.prompts import prompt
from workers.engines.moondream.requests import CaptionRequest, Delta, Prefix, Request, Sampling
from workers.engines.moondream.tasks import most_turns, request_for
from workers.engines.moondream.toy import build
from workers.engines.torch_tools.host_copy import HOST, device_nbytes, forget, host_nbytes, off_gpu, onto_gpu
from workers.engines.torch_tools.out_of_vram import forget_frames, free_cache, named_out_of_vram
from workers.engines.torch_tools.precision import dtype_of, quantise_nf4

MIB = 2**20
#: Of the smallest call: enough that a picture's pass and words' passes both count.
CALL_TOKENS = 8


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
        del self.model
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

    def analyze(self, works: list[AnalyzeWork], watch: Watch, at_once: int) -> list[WorkOutcome]:
        """See `AnalyzeEngine.analyze`. Pictures are encoded first, then all tasks are asked."""
        started_s = time.monotonic()
        try:
            looked = self._look(works, watch)
            outcomes = [self._prepared(work, prefix) for work, (prefix, _) in zip(works, looked, strict=True)]
            self._ask([each for row in outcomes for each in row if isinstance(each, Asked)], watch, at_once, started_s)
        except BaseException as exc:
            forget_frames(exc)
            free_cache()
            raise
        return [
            WorkOutcome(tuple(_outcome(each) for each in row), passes)
            for row, (_, passes) in zip(outcomes, looked, strict=True)
        ]

    # -- looking -----------------------------------------------------------------------------------------------------

    def _look(self, works: Sequence[AnalyzeWork], watch: Watch) -> list[tuple[Prefix | None, int]]:
        """Each work's prefix, and how many pictures were encoded for it: 1 for the first that brings a new one."""
        pictures = [(work.picture_id, work.picture) for work in works if work.picture is not None]
        new = {picture_id for picture_id, _ in pictures if picture_id not in self.prefixes}
        self._before_pass = lambda: watch.step(0, 1)
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

    # -- asking ------------------------------------------------------------------------------------------------------

    def _prepared(self, work: AnalyzeWork, prefix: Prefix | None) -> list[Asked | TaskOutcome]:
        """A work's tasks, ready to be asked; one that cannot be does not spoil the others."""
        rows: list[Asked | TaskOutcome] = []
        for index, task in enumerate(work.tasks):
            try:
                rows.append(Asked(work, index, self._request(task, prefix)))
            except DarkroomError as exc:
                rows.append(TaskOutcome(error=exc))
        return rows

    def _request(self, task: AnyTask, prefix: Prefix | None) -> Request:
        request = request_for(task, prefix)
        taken = len(prompt(request, self.model.config.tokens, self.model.tokenizer)) + (prefix.length if prefix else 0)
        limit = self.model.config.text.max_context
        if taken >= limit:
            raise InvalidRequest(f"picture and question take {taken} tokens of {limit}: ask in fewer words")
        return request

    def _ask(self, asked: Sequence[Asked], watch: Watch, at_once: int, started_s: float) -> None:
        """Answer all, so many at a time; those that said nothing once more."""
        chunks = chunked(asked, at_once)
        ticks = Ticks(watch, sum(max(most_turns(each.request) for each in chunk) for chunk in chunks))
        for chunk in chunks:
            self._ask_together(chunk, watch, ticks, started_s)
        for chunk in chunked([each for each in asked if each.outcome is None], at_once):
            self._ask_together(chunk, watch, ticks, started_s)

    def _ask_together(self, chunk: Sequence[Asked], watch: Watch, ticks: Ticks, started_s: float) -> None:
        """Answer these in one GPU batch; in halves if they do not fit together."""
        try:
            with named_out_of_vram(f"{len(chunk)} answers at once"):
                self._run(chunk, ticks, started_s)
            return
        except OutOfVram as exc:
            refusal = exc.message
        free_cache()
        left = [each for each in chunk if each.outcome is None]
        if len(chunk) == 1:
            raise OutOfVram(refusal)
        watch.degrade("batch_split")
        self.prefixes.clear()
        middle = -(-len(left) // 2)
        for part in (left[:middle], left[middle:]):
            if part:
                self._ask_together(part, watch, ticks, started_s)

    def _run(self, chunk: Sequence[Asked], ticks: Ticks, started_s: float) -> None:
        for each in chunk:
            each.restart()

        def on_step(turn: int) -> set[int]:
            ticks.tick()
            return {index for index, each in enumerate(chunk) if not each.work.is_wanted()}

        for event in self.model.generate([each.request for each in chunk], on_step):
            if isinstance(event, Delta):
                chunk[event.index].hear(event)
            else:
                chunk[event.index].end(event.answer, round((time.monotonic() - started_s) * 1000))


def chunked(asked: Sequence[Asked], at_once: int) -> list[Sequence[Asked]]:
    """In order, so many together at most."""
    return [asked[start : start + at_once] for start in range(0, len(asked), at_once)]


def _outcome(each: Asked | TaskOutcome) -> TaskOutcome:
    if isinstance(each, TaskOutcome):
        return each
    return each.outcome or TaskOutcome(error=EngineFailed("the model gave no answer"))


KIND = EngineKind(load=load, build=build)
