"""Moondream as an engine uses it: pictures → prefixes, requests → words, boxes and points.

A picture is encoded once and asked many times. All requests of one call share every pass of the text model, whatever
they ask. fp32 on a CPU; bf16 or fp16 on a GPU.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor, nn

from shared.errors import InvalidRequest
from workers.engines.moondream.config import PICTURES_PER_PASS
from workers.engines.moondream.generate import OnStep, generate
from workers.engines.moondream.network import Network
from workers.engines.moondream.prompts import prompt
from workers.engines.moondream.requests import (
    Answer,
    CaptionRequest,
    DetectRequest,
    Event,
    Finished,
    ObjectsAnswer,
    PointRequest,
    Prefix,
    QueryRequest,
    Request,
)
from workers.engines.moondream.scripts import ObjectScript, Script, TextScript
from workers.engines.moondream.strands import Strand
from workers.engines.moondream.text import NewPrefixes
from workers.engines.moondream.tokenizer import load_tokenizer
from workers.engines.moondream.vision import cut
from workers.engines.moondream.weights import load_network


class Moondream:
    def __init__(self, network: Network, tokenizer: Tokenizer) -> None:
        self.network = network.eval()
        self.tokenizer = tokenizer
        self.config = network.config

    @classmethod
    def load(
        cls,
        folder: Path,
        tokenizer_folder: Path | None = None,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        quantise: Callable[[nn.Module], object] | None = None,
    ) -> Self:
        """From local snapshots.

        Args:
            tokenizer_folder: where `tokenizer.json` lies, if not beside the weights.
            quantise: changes the network before it moves to the device, so that only its small form ever gets there.

        Raises:
            ModelMissing: a file is not there.
            EngineFailed: the file is not a checkpoint of this architecture and size.
        """
        tokenizer = load_tokenizer(tokenizer_folder or folder)
        network = load_network(folder, dtype=dtype)
        if quantise is not None:
            quantise(network)
        return cls(network.to(device), tokenizer)

    @torch.inference_mode()
    def encode(self, pictures: Sequence[Image.Image], on_step: OnStep | None = None) -> list[Prefix]:
        """The prefix of each picture; their crops, and then they themselves, share passes.

        Args:
            on_step: called before each pass; may raise to stop here.
        """
        passes = iter(range(1 << 30))
        before_pass = (lambda: on_step(next(passes))) if on_step else (lambda: None)
        prefixes: list[Prefix] = []
        for start in range(0, len(pictures), PICTURES_PER_PASS):
            crops = [cut(picture, self.config.vision) for picture in pictures[start : start + PICTURES_PER_PASS]]
            tokens = self.network.vision.encode(crops, before_pass)
            before_pass()
            prefixes += self._prefixes(tokens)
        return prefixes

    def _prefixes(self, tokens: Tensor) -> list[Prefix]:
        """Image tokens (B, P, D) → the keys and values of BOS and them, of each picture on its own."""
        text = self.network.text
        bos = text.embed(torch.tensor([[self.config.tokens.bos]], device=tokens.device))
        x = torch.cat([bos.expand(len(tokens), -1, -1), tokens], dim=1)
        batch, length, _ = x.shape
        made = NewPrefixes(self.config.text, batch, length, like=x)
        positions = torch.arange(length, device=x.device).expand(batch, -1)
        text(x, positions, torch.ones(1, 1, length, length, dtype=torch.bool, device=x.device), made)
        return [Prefix(kv) for kv in made.kv]

    def generate(
        self, requests: Sequence[Request], on_step: OnStep | None = None, seats: int | None = None
    ) -> Iterator[Event]:
        """Words as they come, and each answer when it is complete; the next request begins when one has ended.

        Args:
            seats: how many are answered at once; None: all.

        Raises:
            InvalidRequest: a request does not fit the context, or names places without a picture.
        """
        strands = [self.strand(request, index) for index, request in enumerate(requests)]
        return generate(self.network, strands, seats or len(strands), on_step)

    def answer(self, requests: Sequence[Request], on_step: OnStep | None = None) -> list[Answer]:
        """All answers, in the order of the requests."""
        done = {event.index: event.answer for event in self.generate(requests, on_step) if isinstance(event, Finished)}
        return [done[index] for index in range(len(requests))]

    def detect(self, prefixes: Sequence[Prefix], objects: Sequence[str]) -> list[ObjectsAnswer]:
        """The boxes of one kind of object in each picture."""
        return self._find([DetectRequest(*pair) for pair in zip(prefixes, objects, strict=True)])

    def point(self, prefixes: Sequence[Prefix], objects: Sequence[str]) -> list[ObjectsAnswer]:
        """The centres of one kind of object in each picture."""
        return self._find([PointRequest(*pair) for pair in zip(prefixes, objects, strict=True)])

    def _find(self, requests: Sequence[Request]) -> list[ObjectsAnswer]:
        return [answer for answer in self.answer(requests) if isinstance(answer, ObjectsAnswer)]

    def strand(self, request: Request, index: int = 0) -> Strand:
        """A request before its first turn; see `seating`.

        Raises:
            InvalidRequest: it does not fit the context, or names places without a picture.
        """
        feeds = prompt(request, self.config.tokens, self.tokenizer)
        strand = Strand(index, request.prefix, feeds, self._script(request))
        if strand.prompt_tokens >= (limit := self.config.text.max_context):
            raise InvalidRequest(
                f"picture and question take {strand.prompt_tokens} tokens of {limit}: ask in fewer words"
            )
        return strand

    def _script(self, request: Request) -> Script:
        tokens = self.config.tokens
        match request:
            case CaptionRequest(sampling=sampling):
                return TextScript(sampling, tokens, self.tokenizer, reasons=False)
            case QueryRequest(sampling=sampling, reasoning=reasons):
                return TextScript(sampling, tokens, self.tokenizer, reasons=reasons)
            case DetectRequest(max_objects=most):
                return ObjectScript(tokens, most, boxes=True)
            case PointRequest(max_objects=most):
                return ObjectScript(tokens, most, boxes=False)
