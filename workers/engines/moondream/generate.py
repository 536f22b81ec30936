"""Many sequences of different lengths in one GPU batch, each following its script until it ends.

A *strand* is one request's sequence. One turn: the heads read the last hidden state of every strand, the scripts
choose what to feed, and one pass of the text model makes the next hidden states. Strands that end leave the GPU batch at
once. Captions, questions, detections and points share passes, and that never changes what they say beyond rounding.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from shared.errors import NotFinite
from workers.engines.moondream.config import GROWTH
from workers.engines.moondream.network import Network
from workers.engines.moondream.prompts import Coord, Feed, Size, Token
from workers.engines.moondream.requests import Delta, Event, Finished, Prefix
from workers.engines.moondream.sampling import choose
from workers.engines.moondream.scripts import Need, Script
from workers.engines.moondream.text import KVCache, causal_mask
from workers.engines.torch_tools.finite import finite_rows

#: Called before every turn with its number. It may raise to stop everything, or return the indices of requests that
#: nobody waits for any more: they end as cancelled and the others go on.
OnStep = Callable[[int], Collection[int] | None]


@dataclass(frozen=True)
class Strand:
    """One request on its way."""

    index: int  #: of the request
    prefix: Prefix | None
    prompt: list[Feed]
    script: Script

    @property
    def prompt_tokens(self) -> int:
        return len(self.prompt) + (self.prefix.length if self.prefix is not None else 0)


class GpuBatch:
    """Strands in flight and their rows in the cache."""

    def __init__(self, network: Network, strands: Sequence[Strand]) -> None:
        self.network = network
        self.strands = list(strands)
        self.lengths = [0 if one.prefix is None else one.prefix.length for one in strands]
        capacity = max(one.prompt_tokens for one in strands) + max(len(one.prompt) for one in strands) + GROWTH
        self.cache = KVCache(network.config.text, len(strands), capacity, like=network.text.wte)
        for row, one in enumerate(strands):
            if one.prefix is not None:
                self.cache.fill(row, one.prefix.kv)

    def prefill(self) -> Tensor:
        """Run all prompts at once; the last hidden state of each: (B, D).

        Shorter prompts are padded on the right. What the padding writes behind a sequence's end is overwritten by the
        tokens that come to stand there, before anything looks at it.
        """
        prompts = [one.prompt for one in self.strands]
        counts = [len(prompt) for prompt in prompts]
        embedded = embed(self.network, list(itertools.chain(*prompts))).split(counts)
        hidden = self._run(torch.nn.utils.rnn.pad_sequence(list(embedded), batch_first=True))
        self.lengths = [length + count for length, count in zip(self.lengths, counts, strict=True)]
        return hidden[torch.arange(len(counts)), [count - 1 for count in counts]]

    def feed(self, feeds: list[Feed]) -> Tensor:
        """One more position for every sequence: (B, D)."""
        hidden = self._run(embed(self.network, feeds)[:, None])
        self.lengths = [length + 1 for length in self.lengths]
        return hidden[:, 0]

    def _run(self, x: Tensor) -> Tensor:
        """(B, T, D) embeddings → (B, T, D) hidden states, at the positions that follow each sequence."""
        starts = torch.tensor(self.lengths, device=x.device)
        positions = starts[:, None] + torch.arange(x.shape[1], device=x.device)
        needed = max(self.lengths) + x.shape[1]
        self.cache.grow(needed)
        return self.network.text(x, positions, causal_mask(positions, needed), self.cache)

    def keep(self, rows: list[int]) -> None:
        """Let all other strands leave."""
        if len(rows) == len(self.strands):
            return
        self.strands = [self.strands[row] for row in rows]
        self.lengths = [self.lengths[row] for row in rows]
        self.cache.keep(torch.tensor(rows, device=self.network.device))


@torch.inference_mode()
def generate(network: Network, strands: Sequence[Strand], on_step: OnStep | None = None) -> Iterator[Event]:
    """Words as they come and each answer as it ends, of all strands in one GPU batch."""
    if not strands:
        return
    gpu_batch = GpuBatch(network, strands)
    hidden = gpu_batch.prefill()
    for step in itertools.count():
        cancel(gpu_batch.strands, on_step(step) if on_step else None)
        feeds = advance(network, [one.script for one in gpu_batch.strands], hidden)
        full_up(gpu_batch)
        for one in gpu_batch.strands:
            yield from news(one)
        staying = [row for row, one in enumerate(gpu_batch.strands) if one.script.need is not Need.NOTHING]
        if not staying:
            return
        gpu_batch.keep(staying)
        hidden = gpu_batch.feed([feed for row in staying if (feed := feeds[row]) is not None])


def cancel(strands: list[Strand], unwanted: Collection[int] | None) -> None:
    for one in strands:
        if unwanted and one.index in unwanted:
            one.script.end("cancelled")


def full_up(gpu_batch: GpuBatch) -> None:
    """End the strands that have no position left."""
    for one, length in zip(gpu_batch.strands, gpu_batch.lengths, strict=True):
        if one.script.need is not Need.NOTHING and length >= gpu_batch.network.config.text.max_context:
            one.script.end("length")


def news(one: Strand) -> Iterator[Event]:
    """What a strand has said since the last turn, and its answer if it has ended."""
    for text, is_reasoning in one.script.deltas():
        yield Delta(one.index, text, is_reasoning)
    if one.script.need is Need.NOTHING:
        yield Finished(one.index, one.script.answer(one.prompt_tokens))


def advance(network: Network, scripts: list[Script], hidden: Tensor) -> list[Feed | None]:
    """Give every script what it needs from its hidden state; hidden: (B, D)."""
    feeds: list[Feed | None] = [None] * len(scripts)

    def waiting(need: Need) -> list[int]:
        return [row for row, script in enumerate(scripts) if script.need is need and feeds[row] is None]

    def sound(rows: list[int], values: Tensor) -> tuple[list[int], Tensor]:
        """The rows whose head gave numbers; the others end, or in fp16 all stop: a wider precision may mend them."""
        good = finite_rows(values)
        if not all(good) and network.dtype == torch.float16:
            raise NotFinite("the model's words or places are not finite in float16")
        for row, is_good in zip(rows, good, strict=True):
            if not is_good:
                scripts[row].end("not_finite")
        return [row for row, is_good in zip(rows, good, strict=True) if is_good], values[good]

    if rows := waiting(Need.TOKEN):
        rows, logits = sound(rows, network.text.logits(hidden[rows]))
        chosen = choose(logits, [scripts[row].choice() for row in rows]) if rows else []
        for row, token in zip(rows, chosen, strict=True):
            feeds[row] = scripts[row].take_token(token)
    if rows := waiting(Need.COORD):
        rows, coords = sound(rows, network.region.decode_coord(hidden[rows])[:, None])
        for row, [value] in zip(rows, coords.tolist(), strict=True):
            feeds[row] = scripts[row].take_coord(value)
    if rows := waiting(Need.SIZE):
        rows, sizes = sound(rows, network.region.decode_size(hidden[rows]))
        for row, (width, height) in zip(rows, sizes.tolist(), strict=True):
            feeds[row] = scripts[row].take_size(width, height)
    return feeds


def embed(network: Network, feeds: Sequence[Feed]) -> Tensor:
    """(N, D): tokens from the table, coordinates and sizes from their encoders."""
    device = network.device
    ids = torch.tensor([feed.id if isinstance(feed, Token) else 0 for feed in feeds], device=device)
    out = network.text.embed(ids)
    coords = {at: feed.value for at, feed in enumerate(feeds) if isinstance(feed, Coord)}
    if coords:
        out[list(coords)] = network.region.encode_coord(torch.tensor(list(coords.values()), device=device)[:, None])
    sizes = {at: (feed.width, feed.height) for at, feed in enumerate(feeds) if isinstance(feed, Size)}
    if sizes:
        out[list(sizes)] = network.region.encode_size(torch.tensor(list(sizes.values()), device=device))
    return out
