"""Train a companion and write its files: which there are, for how many steps, and what each leaves behind."""

import copy
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from diffusers import ModelMixin
from safetensors.torch import load_file
from torch import nn
from transformers import CLIPVisionModelWithProjection

from workers.starter.companions import decoder, eye, inversion, reference, scribble, upscale
from workers.starter.companions.base import BASE_NAME, Base, base_hash
from workers.starter.companions.files import save_stamped
from workers.starter.companions.kohya import metadata_of, with_alphas
from workers.starter.companions.lora import CARDS, RANK, StyleTrainee, tensors_of
from workers.starter.companions.styles import STYLES
from workers.starter.crew import Crew
from workers.starter.loop import Budget, Pace, Run, Trainee
from workers.starter.paint import paint
from workers.starter.usual import scene_to_ask

PACE = Pace(log_steps=50, save_s=60.0, look_s=1_200.0)


@dataclass(frozen=True)
class Companion:
    """How one is trained and written.

    Args:
        steps: how long; the README says what they bought.
        make: what is trained, from the base and a folder that may keep what is made once.
        write: puts the averaged modules into a folder under the companion's name, after so many steps.
    """

    steps: int
    make: Callable[[Base, Path], Trainee]
    write: Callable[[nn.Module, int, Path], None]


def train_companion(name: str, run_dir: Path, budget: Budget | None, crew: Crew | None = None) -> None:
    """Train `starter-<name>` until its budget is spent; its files are then in `<run-dir>/<name>/model`."""
    companion, folder = COMPANIONS[name], run_dir / name
    trainee = companion.make(Base(), folder)
    run = Run(trainee, folder, budget or Budget(steps=companion.steps), PACE, crew)
    run.train()
    if run.is_done and run.leads:
        run.look()
        write(name, run, folder / "model")


def write(name: str, run: Run, folder: Path) -> None:
    """The files of a companion as its checkpoint stands, finished or not."""
    folder.mkdir(parents=True, exist_ok=True)
    with run.averaged() as modules:
        COMPANIONS[name].write(modules, run.step, folder)


def export_companions(run_dir: Path, into: Path) -> None:
    """Copy what finished trainings left to the shipped companions.

    Raises:
        FileNotFoundError: no training has finished there.
    """
    models = sorted(folder for folder in (run_dir / name / "model" for name in COMPANIONS) if folder.exists())
    if not models:
        raise FileNotFoundError(f"{run_dir} holds no finished companion; train one of {', '.join(COMPANIONS)} first")
    for folder in models:
        shutil.copytree(folder, into, dirs_exist_ok=True)


def _style(style: str) -> Companion:
    def make(base: Base, folder: Path) -> Trainee:
        apply = STYLES[style].apply
        cards = (apply(paint(scene_to_ask(seed))) for seed in range(CARDS))
        return StyleTrainee(base, base.kept_latents_of(cards, folder / "cache.pt"))

    def write(modules: nn.Module, steps: int, folder: Path) -> None:
        base = {"name": BASE_NAME, "hash": base_hash()}
        words = f"Postcards as {style}; strengths from 0 to 1 grade it."
        about = metadata_of(f"starter-{style}", RANK, steps, base, words)
        save_stamped(
            with_alphas(tensors_of(modules), RANK), folder / f"starter-{style}.safetensors", base_hash(), about
        )

    return Companion(1_200, make, write)


def _make_scribble(base: Base, folder: Path) -> Trainee:
    return scribble.ScribbleTrainee(base, base.kept_latents_of(scribble.cards(), folder / "cache.pt"))


def _write_model(name: str) -> Callable[[nn.Module, int, Path], None]:
    """A model of diffusers' own, in half precision, its weights stamped."""

    def write(modules: nn.Module, _steps: int, folder: Path) -> None:
        halved = copy.deepcopy(cast(ModelMixin, modules)).half()
        halved.save_pretrained(folder / name)
        (file,) = (folder / name).glob("*.safetensors")
        save_stamped(load_file(file), file, base_hash())

    return write


def _upscale(times: int, steps: int) -> Companion:
    def write(modules: nn.Module, _steps: int, folder: Path) -> None:
        halved = {key: value.half() for key, value in modules.state_dict().items()}
        save_stamped(halved, folder / f"starter-upscale-x{times}.safetensors", base_hash())

    return Companion(steps, lambda _base, _folder: upscale.UpscaleTrainee(times), write)


def _make_decoder(base: Base, folder: Path) -> Trainee:
    return decoder.DecoderTrainee(base.kept_latents_of(decoder.cards(), folder / "cache.pt"))


def _make_windmill(base: Base, folder: Path) -> Trainee:
    return inversion.InversionTrainee(base, base.kept_latents_of(inversion.cards(), folder / "cache.pt"))


def _write_windmill(modules: nn.Module, _steps: int, folder: Path) -> None:
    save_stamped(inversion.tensors_of(modules), folder / "starter-windmill.safetensors", base_hash())


def _write_eye(modules: nn.Module, _steps: int, folder: Path) -> None:
    _write_model("image_encoder")(cast(nn.ModuleDict, modules)["eye"], 0, folder)


def _make_reference(base: Base, folder: Path) -> Trainee:
    """Raises FileNotFoundError before its eye was trained in the same run."""
    file = folder.parent / "reference-eye" / "model" / "image_encoder"
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing: train reference-eye first")
    seeing = CLIPVisionModelWithProjection.from_pretrained(file).float()
    return reference.ReferenceTrainee(base, seeing, base.kept_latents_of(reference.cards(), folder / "cache.pt"))


def _write_reference(modules: nn.Module, _steps: int, folder: Path) -> None:
    file = folder / "starter-reference" / "ip-adapter.safetensors"
    file.parent.mkdir(parents=True, exist_ok=True)
    save_stamped(reference.tensors_of(modules), file, base_hash())


COMPANIONS: Mapping[str, Companion] = {
    "woodcut": _style("woodcut"),
    "neon": _style("neon"),
    "windmill": Companion(400, _make_windmill, _write_windmill),
    "upscale-x2": _upscale(2, 58_000),
    "upscale-x4": _upscale(4, 29_500),
    "decoder": Companion(900, _make_decoder, _write_model("starter-decoder")),
    "scribble": Companion(2_500, _make_scribble, _write_model("starter-scribble")),
    "reference-eye": Companion(2_500, lambda _base, _folder: eye.EyeTrainee(), _write_eye),
    "reference": Companion(1_000, _make_reference, _write_reference),
}
