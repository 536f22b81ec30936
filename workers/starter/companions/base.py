"""The finished painter, frozen, as its companions are trained on it: pictures to latents, words to conditions, noise to v.

A companion is trained against these very weights and fits no others; `BASE_HASH` is what its file names, the same hash
that results of the painter carry as `weights_hash`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from workers.starter.evaluate import WEIGHTS, load_painter
from workers.starter.latents import ENCODED_AT_ONCE, LatentCache, load_cache, save_cache, scaled
from workers.starter.pictures import to_tensor
from workers.starter.sdxl import TIME_POWER
from workers.starter.world import SIDE_PX
from workers.weights.hashes import model_hash

BASE_NAME = "sdxl-starter"
PAINTER = WEIGHTS / BASE_NAME


@cache
def base_hash() -> str:
    """SHA-256 over the painter's files, in hexadecimal."""
    return model_hash(PAINTER, keep=False)


@dataclass(frozen=True)
class Words:
    """What the UNet reads of prompts: hidden states (B, 77, 160) and the pooled ones (B, 96)."""

    hidden: Tensor
    pooled: Tensor

    def kept(self, share: Tensor) -> "Words":
        """With the rows zeroed where `share` (B,) is 0: the painter's unconditional."""
        return Words(self.hidden * share[:, None, None], self.pooled * share[:, None])


@dataclass(frozen=True)
class Noised:
    """Latents on their way: `target` is the v to predict; all (B, 4, 16, 16) but `times` (B,)."""

    noisy: Tensor
    times: Tensor
    target: Tensor


class Base:
    """The painter with all gradients off; what trains on it hooks into its modules."""

    def __init__(self, folder: Path = PAINTER) -> None:
        self.painter = load_painter(folder)
        for part in (self.painter.unet, self.painter.vae, self.painter.text_encoder, self.painter.text_encoder_2):
            part.requires_grad_(False).to(torch.get_default_device())
        self.unet = self.painter.unet.to(memory_format=torch.channels_last)
        self.vae = self.painter.vae
        self._signal = self.painter.scheduler.alphas_cumprod.to(torch.get_default_device())

    def latents_of(self, pictures: Iterable[Image.Image]) -> LatentCache:
        """Pictures as the UNet sees them, in half precision."""
        means, deviations = [], []
        with torch.inference_mode():
            left = iter(pictures)
            while part := list(islice(left, ENCODED_AT_ONCE)):
                posterior = self.vae.encode(torch.stack([to_tensor(picture) for picture in part])).latent_dist
                means.append(posterior.mean)
                deviations.append(posterior.std)
        return scaled(LatentCache(torch.cat(means), torch.cat(deviations)))

    def kept_latents_of(self, pictures: Iterable[Image.Image], path: Path) -> LatentCache:
        """The same, read from `path` where an earlier run left them."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            save_cache(self.latents_of(pictures), path)
        return load_cache(path)

    def words(self, texts: Sequence[str]) -> Words:
        """Conditions of prompts, as the pipeline makes them; with gradients if something in the encoders has them."""
        first, second = (
            self._tokens(tokenizer, texts) for tokenizer in (self.painter.tokenizer, self.painter.tokenizer_2)
        )
        narrow = self.painter.text_encoder(first, output_hidden_states=True).hidden_states[-2]
        wide = self.painter.text_encoder_2(second, output_hidden_states=True)
        return Words(torch.cat([narrow, wide.hidden_states[-2]], -1), wide.text_embeds)

    def _tokens(self, tokenizer: Any, texts: Sequence[str]) -> Tensor:
        whole = self.painter.maybe_convert_prompt(list(texts), tokenizer)  # a learnt word may be several tokens
        found = tokenizer(whole, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        return found.input_ids.to(self.unet.device)

    def noised(self, clean: Tensor) -> Noised:
        """Latents with noise of every strength: time steps are spread evenly over the batch."""
        many = len(clean)
        noise = torch.randn_like(clean)
        times = (1000 * ((torch.arange(many) + torch.rand(many)) / many) ** TIME_POWER).long()
        signal = self._signal[times][:, None, None, None]
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        return Noised(noisy, times, signal.sqrt() * noise - (1 - signal).sqrt() * clean)

    def predict(self, noised: Noised, words: Words, **more: Any) -> Tensor:
        """The v that the UNet sees; `more` goes to its `forward`, such as a ControlNet's residuals."""
        return self.unet(
            noised.noisy, noised.times, words.hidden, added_cond_kwargs=self.added_to_time(words), **more
        ).sample

    def added_to_time(self, words: Words) -> dict[str, Tensor]:
        """SDXL's second condition: pooled words and sizes."""
        sizes = torch.tensor([[SIDE_PX, SIDE_PX, 0, 0, SIDE_PX, SIDE_PX]] * len(words.pooled), dtype=words.pooled.dtype)
        return {"text_embeds": words.pooled, "time_ids": sizes}
