"""The starter text-to-image model: SDXL's UNet and two text encoders, shrunk and trained together.

The layout is SDXL's (three UNet levels, hidden states of both encoders side by side, pooled text and sizes added to the
time), so `StableDiffusionXLPipeline` loads it unchanged. It predicts v; captions are dropped to *zeros*, because that
is what SDXL's unconditional is (`force_zeros_for_empty_prompt`).
"""

import random
from collections.abc import Sequence
from math import ceil
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from workers.starter.latents import LatentCache
from workers.starter.loop import Schedule
from workers.starter.pictures import save_grid
from workers.starter.tokens import clip_tokenizers
from workers.starter.usual import scene_to_ask
from workers.starter.wording import wording
from workers.starter.world import SIDE_PX, Scene

CHANNELS = (48, 80, 112)
#: The two widths must differ: tools tell SDXL's encoders apart by them.
TEXT_WIDTHS = (64, 96)
TEXT_LAYERS = (2, 3)
TIME_WIDTH = 32
BATCH = 16
#: Shares of captions replaced by zeros (for guidance) and by the empty prompt.
ZEROED, EMPTIED = 0.08, 0.02
#: Until this much of the budget most pictures show one thing: a colour must be bound to a kind before two can be. Then
#: more of them than the world has show several.
ALONE_UNTIL, ALONE_SHARE, SEVERAL_SHARE = 0.4, 0.6, 0.3
#: The loss where a thing is counts so many times; things cover a tenth of a card and are all that is hard about it.
THING_WEIGHT = 4.0
#: Below 1, more of the time steps are noisy ones, where it is decided what stands where.
TIME_POWER = 0.85
#: Scenes kept for the held-out loss.
HELD_OUT = 96
LOOK_STEPS, LOOK_GUIDANCE = 16, 2.5


def new_scheduler() -> EulerDiscreteScheduler:
    """SDXL's noise schedule; v-prediction has to stay in its config, or samplers read the output as noise."""
    with torch.device("cpu"):  # where schedulers expect their own tables
        return EulerDiscreteScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            steps_offset=1,
            timestep_spacing="trailing",
            prediction_type="v_prediction",
        )


def new_unet() -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=CHANNELS,
        norm_num_groups=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=tuple(channels // 16 for channels in CHANNELS),
        transformer_layers_per_block=(1, 1, 1),
        use_linear_projection=True,
        cross_attention_dim=sum(TEXT_WIDTHS),
        addition_embed_type="text_time",
        addition_time_embed_dim=TIME_WIDTH,
        projection_class_embeddings_input_dim=6 * TIME_WIDTH + TEXT_WIDTHS[1],
    )


def new_text_encoders() -> tuple[CLIPTextModel, CLIPTextModelWithProjection]:
    """CLIP's 0.02 is too small a start for the second-last layer of a model this narrow: 0.5 and 0.2 were found."""
    first = CLIPTextModel(_text_config(0, "quick_gelu"))
    second = CLIPTextModelWithProjection(_text_config(1, "gelu"))
    for encoder in (first, second):
        for name, weight in encoder.named_parameters():
            if "token_embedding" in name:
                nn.init.normal_(weight, std=0.5)
            elif "position_embedding" in name:
                nn.init.normal_(weight, std=0.2)
    return first, second


class SdxlTrainee:
    """v-prediction on cached latents, with fresh words for every picture at every step."""

    def __init__(self, cache: LatentCache, vae: AutoencoderKL, peak_rate: float = 1e-3) -> None:
        first, second = new_text_encoders()
        unet = new_unet().to(memory_format=torch.channels_last)  # a sixth faster on a CPU
        self.modules = nn.ModuleDict({"unet": unet, "first": first, "second": second})
        self.schedule = Schedule(peak_rate, warmup_steps=100, flat_until=0.35)
        self.ema_decay, self.weight_decay = 0.999, 1e-2
        self._cache, self._vae = cache, vae
        counts = {seed: len(scene_to_ask(seed).things) for seed in range(HELD_OUT, len(cache.mean))}
        self._alone = [seed for seed, things in counts.items() if things == 1]
        self._several = [seed for seed, things in counts.items() if things > 1]
        self._tokenizers = clip_tokenizers()
        self.vocabulary = self._tokenizers[0].get_vocab()
        self._signal = new_scheduler().alphas_cumprod.to(torch.get_default_device())

    def loss(self, step: int, progress: float) -> tuple[Tensor, dict[str, float]]:
        draw = random.Random(step)
        seeds = [self._seed(draw, progress) for _ in range(BATCH)]
        errors = self._errors_of(self.modules, seeds, draw, ZEROED, EMPTIED)
        weights = thing_weights([scene_to_ask(seed) for seed in seeds])
        return (errors * weights).mean(), {"plain": errors.mean().item()}

    def look(self, averaged: nn.Module, folder: Path, step: int) -> dict[str, float]:
        models = cast(nn.ModuleDict, averaged)
        torch.manual_seed(7)
        parts = [list(range(k, k + 48)) for k in range(0, HELD_OUT, 48)]
        losses = [self._errors_of(models, seeds, random.Random(7), 0.0, 0.0).mean((1, 2, 3)) for seeds in parts]
        pipe = self.pipeline(models)
        pipe.set_progress_bar_config(disable=True)
        draw = random.Random(7)
        prompts = [wording(scene_to_ask(seed, "held-out", 1 if seed < 16 else 2), draw) for seed in range(24)]
        pictures = []
        for k in range(0, 24, 8):
            noise = [torch.Generator().manual_seed(seed) for seed in range(k, k + 8)]
            pictures += pipe(
                prompts[k : k + 8],
                num_inference_steps=LOOK_STEPS,
                guidance_scale=LOOK_GUIDANCE,
                height=SIDE_PX,
                width=SIDE_PX,
                generator=noise,
            ).images
        save_grid(pictures, folder / f"sdxl-{step:06d}.png")
        (folder / "prompts.txt").write_text("\n".join(prompts))
        return {"v_loss": torch.cat(losses).mean().item()}

    def pipeline(self, modules: nn.ModuleDict) -> StableDiffusionXLPipeline:
        """The whole model in diffusers' own class, ready to sample or to save."""
        first, second = self._tokenizers
        return StableDiffusionXLPipeline(
            vae=self._vae,
            unet=modules["unet"],
            scheduler=new_scheduler(),
            tokenizer=first,
            tokenizer_2=second,
            text_encoder=modules["first"],
            text_encoder_2=modules["second"],
            force_zeros_for_empty_prompt=True,
            add_watermarker=False,
        )

    def _seed(self, draw: random.Random, progress: float) -> int:
        favoured, share = (self._alone, ALONE_SHARE) if progress < ALONE_UNTIL else (self._several, SEVERAL_SHARE)
        if favoured and draw.random() < share:
            return draw.choice(favoured)
        return draw.randrange(HELD_OUT, len(self._cache.mean))

    def _errors_of(
        self, modules: nn.ModuleDict, seeds: list[int], draw: random.Random, zeroed: float, emptied: float
    ) -> Tensor:
        """Squared errors, (B, 4, 16, 16); time steps are spread evenly over the batch, which steadies its mean."""
        many = len(seeds)
        clean = self._cache.sample(torch.tensor(seeds))
        noise = torch.randn_like(clean)
        times = (1000 * ((torch.arange(many) + torch.rand(many)) / many) ** TIME_POWER).long()
        signal = self._signal[times][:, None, None, None]
        noisy = signal.sqrt() * clean + (1 - signal).sqrt() * noise
        target = signal.sqrt() * noise - (1 - signal).sqrt() * clean
        words = ["" if draw.random() < emptied else wording(scene_to_ask(seed), draw) for seed in seeds]
        kept = (torch.rand(many) >= zeroed).float()
        found = self._predict(modules, noisy, times, words, kept)
        return F.mse_loss(found, target, reduction="none")

    def _predict(self, modules: nn.ModuleDict, noisy: Tensor, times: Tensor, words: list[str], kept: Tensor) -> Tensor:
        first, second = (self._tokens(tokenizer, words) for tokenizer in self._tokenizers)
        narrow = modules["first"](first, output_hidden_states=True).hidden_states[-2]
        wide = modules["second"](second, output_hidden_states=True)
        hidden = torch.cat([narrow, wide.hidden_states[-2]], -1) * kept[:, None, None]
        sizes = torch.tensor([[SIDE_PX, SIDE_PX, 0, 0, SIDE_PX, SIDE_PX]] * len(words), dtype=noisy.dtype)
        added = {"text_embeds": wide.text_embeds * kept[:, None], "time_ids": sizes}
        return modules["unet"](noisy, times, hidden, added_cond_kwargs=added).sample

    def _tokens(self, tokenizer: CLIPTokenizer, words: list[str]) -> Tensor:
        found = tokenizer(words, padding="max_length", max_length=77, truncation=True, return_tensors="pt")
        return found.input_ids.to(torch.get_default_device())


def thing_weights(scenes: Sequence[Scene], side: int = 16) -> Tensor:
    """(B, 1, side, side), mean 1 on each picture: `THING_WEIGHT` to 1 in favour of cells that a thing touches.

    The best prediction of every cell stays what it was: only the pace at which it is learnt shifts.
    """
    weights = torch.ones(len(scenes), 1, side, side)
    for row, scene in enumerate(scenes):
        for thing in scene.things:
            left, top, right, bottom = (share * side for share in thing.box)
            weights[row, :, int(top) : ceil(bottom), int(left) : ceil(right)] = THING_WEIGHT
    return weights / weights.mean((2, 3), keepdim=True)


def _text_config(which: int, activation: str) -> CLIPTextConfig:
    tokenizer = clip_tokenizers()[which]
    width = TEXT_WIDTHS[which]
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=TEXT_LAYERS[which],
        num_attention_heads=4,
        max_position_embeddings=77,
        hidden_act=activation,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
