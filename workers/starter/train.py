"""Train the starter models: `python -m workers.starter.train all --run-dir starter-run`.

Four stages: `vae`, `latents` (the training pictures encoded once), `sdxl` and `moondream`. Each keeps its checkpoint,
log and sample grids in a folder of the run and leaves its model in `<run-dir>/<stage>/model`; started again it goes on
where it stopped. `all` skips the stages that left a model; one that is named goes on, if its budget is larger than what
it has spent. Ctrl-C writes the checkpoint first. `export` writes both models from their checkpoints, finished or not.

`companions` trains those of the finished painter (`companions/`), or one is named; `export-companions` puts them into
the package. They stand on the shipped painter and need no other stage.

`--from-weights` starts a stage that has no checkpoint from the shipped weights (or a folder like theirs) instead of from
nothing: `train all --from-weights` teaches both models on, without a new autoencoder.

Several processes or GPUs train one stage together: `torchrun --nproc-per-node 2 -m workers.starter.train sdxl …`.
"""

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog
import torch
from diffusers import AutoencoderKL
from torch import nn

from workers.engines.moondream.toy import save_snapshot
from workers.starter.companions.training import COMPANIONS, export_companions, train_companion
from workers.starter.crew import Crew, crew_from_environment
from workers.starter.foreign import load_photos
from workers.starter.graft import graft_painter, graft_reader
from workers.starter.latents import encode_scenes, fold_scale, load_cache, save_cache, scaled
from workers.starter.loop import Budget, Run
from workers.starter.moondream import MoondreamTrainee
from workers.starter.sdxl import SdxlTrainee
from workers.starter.vae import VaeTrainee

#: The weights that ship with the package.
WEIGHTS = Path(__file__).parent / "weights"

STAGES = ("vae", "latents", "sdxl", "moondream", "all", "export", *COMPANIONS, "companions", "export-companions")

log = structlog.get_logger(__name__)

#: Pictures encoded for the text-to-image model; the first `sdxl.HELD_OUT` are kept for its held-out loss.
PICTURES = 16_000
#: Pictures that the latents' mean and spread are measured on.
MEASURED = 1_024
#: Peak rates of stages that start from exported weights.
GENTLE = {"sdxl": 6e-4, "moondream": 7e-4}
#: Seconds of training by stage on two CPU cores; the README says what they bought.
SECONDS = {"vae": 2_900.0, "sdxl": 9_000.0, "moondream": 3_400.0}


@dataclass(frozen=True)
class Start:
    """What training starts with.

    Args:
        weights: exported weights to begin from, a folder like the shipped one; without it stages begin from nothing.
        photos: a folder of photographs, for the vision model to know what is no postcard.
    """

    weights: Path | None = None
    photos: Path | None = None


def train_vae(run_dir: Path, budget: Budget, crew: Crew) -> None:
    """The autoencoder, in its own scale."""
    run = Run(VaeTrainee(), run_dir / "vae", budget, crew=crew)
    run.train()
    if not run.is_done or not crew.leads:
        return
    run.look()
    with run.averaged() as vae:
        cast(AutoencoderKL, vae).save_pretrained(run_dir / "vae" / "model")


def encode_latents(run_dir: Path, pictures: int = PICTURES, weights: Path | None = None) -> None:
    """The folded VAE in `latents/model` and the pictures' latents in `latents/cache.pt`.

    Args:
        weights: exported weights whose autoencoder is taken; its scale is folded already, and its painter knows it.
    """
    vae = _load_vae(weights / "sdxl-starter" / "vae" if weights else run_dir / "vae" / "model")
    if not weights:
        fold_scale(vae, encode_scenes(vae, range(min(MEASURED, pictures))))
    cache = scaled(encode_scenes(vae, range(pictures)))
    folder = run_dir / "latents"
    folder.mkdir(parents=True, exist_ok=True)
    save_cache(cache, folder / "cache.pt")
    vae.save_pretrained(folder / "model")
    spread = cache.mean.float().std((0, 2, 3)).tolist()
    log.info("latents.encoded", pictures=pictures, spread=[round(value, 3) for value in spread])


def train_sdxl(run_dir: Path, budget: Budget, crew: Crew, start: Start) -> None:
    """UNet and text encoders; leaves the whole pipeline in half precision."""
    run, trainee = sdxl_run(run_dir, budget, crew, start)
    run.train()
    if run.is_done and crew.leads:
        run.look()
        export_sdxl(run, trainee, run_dir / "sdxl" / "model")


def train_moondream(run_dir: Path, budget: Budget, crew: Crew, start: Start) -> None:
    """The vision model; leaves it in the native loader's own layout, in half precision."""
    run, trainee = moondream_run(run_dir, budget, crew, start)
    run.train()
    if run.is_done and crew.leads:
        run.look()
        export_moondream(run, trainee, run_dir / "moondream" / "model")


def sdxl_run(
    run_dir: Path, budget: Budget, crew: Crew | None = None, start: Start = Start()
) -> tuple[Run, SdxlTrainee]:
    """The run, where its checkpoint left it; without one from exported weights, more gently, or from nothing."""
    vae, cache = _load_vae(run_dir / "latents" / "model"), load_cache(run_dir / "latents" / "cache.pt")
    trainee = SdxlTrainee(cache, vae, GENTLE["sdxl"]) if start.weights else SdxlTrainee(cache, vae)
    if start.weights:
        graft_painter(trainee.modules, start.weights / "sdxl-starter")
    return Run(trainee, run_dir / "sdxl", budget, crew=crew), trainee


def moondream_run(
    run_dir: Path, budget: Budget, crew: Crew | None = None, start: Start = Start()
) -> tuple[Run, MoondreamTrainee]:
    """The same for the vision model."""
    photos = load_photos(start.photos) if start.photos else []
    trainee = MoondreamTrainee(GENTLE["moondream"], photos) if start.weights else MoondreamTrainee(photos=photos)
    if start.weights:
        graft_reader(trainee.network, trainee.tokenizer, start.weights / "moondream-starter")
    return Run(trainee, run_dir / "moondream", budget, crew=crew), trainee


def _load_vae(folder: Path) -> AutoencoderKL:
    vae = cast(AutoencoderKL, AutoencoderKL.from_pretrained(folder))
    vae.register_to_config(_name_or_path="")  # or the folder's name would travel with the weights
    return vae.to(torch.get_default_device()).eval()


def export_sdxl(run: Run, trainee: SdxlTrainee, folder: Path) -> None:
    """Write the averaged weights as a diffusers folder of fp16 safetensors, readable for all who share a volume."""
    with run.averaged() as modules:
        halved = copy.deepcopy(trainee.pipeline(cast(nn.ModuleDict, modules))).to(dtype=torch.float16)
        halved.save_pretrained(folder)
    for path in folder.rglob("*.safetensors"):
        path.chmod(0o644)


def export_moondream(run: Run, trainee: MoondreamTrainee, folder: Path) -> None:
    """The same for the vision model, as one snapshot folder."""
    with run.averaged():
        save_snapshot(folder, copy.deepcopy(trainee.network).half(), trainee.tokenizer)


def export(run_dir: Path, into: Path) -> None:
    """Write both models from their checkpoints, however far training has come."""
    export_sdxl(*sdxl_run(run_dir, Budget()), into / "sdxl-starter")
    export_moondream(*moondream_run(run_dir, Budget()), into / "moondream-starter")


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_flush_denormal(True)
    with crew_from_environment(given.device) as crew:
        if crew.size > 1 and given.stage not in (*SECONDS, *COMPANIONS):
            parser.error(
                f"torchrun trains one of {', '.join((*SECONDS, *COMPANIONS))}; run {given.stage} in one process"
            )
        if crew.size > 1 and given.stage == "sdxl" and not (given.run_dir / "latents" / "cache.pt").exists():
            parser.error("the pictures are not encoded yet; run the stage latents first, in one process")
        _run(given, crew)


def _run(given: argparse.Namespace, crew: Crew) -> None:
    if given.stage == "export":
        export(given.run_dir, given.into)
        return
    if given.stage == "export-companions":
        export_companions(given.run_dir, given.into / "companions")
        return
    if given.stage == "companions" or given.stage in COMPANIONS:
        _train_companions(given, crew)
        return
    stages = list(SECONDS) if given.stage == "all" else [given.stage]
    if given.from_weights and given.stage == "all":
        stages.remove("vae")
    if "sdxl" in stages and "latents" not in stages:
        stages.insert(stages.index("sdxl"), "latents")
    for stage in stages:
        if stage != given.stage and (given.run_dir / stage / "model").exists():
            log.info("stage.skipped", stage=stage)
            continue
        _train(stage, given, crew)


def _train_companions(given: argparse.Namespace, crew: Crew) -> None:
    budget = Budget(given.steps, None if given.steps else given.seconds) if given.steps or given.seconds else None
    for name in COMPANIONS if given.stage == "companions" else [given.stage]:
        if given.stage == "companions" and (given.run_dir / name / "model").exists():
            log.info("stage.skipped", stage=name)
            continue
        train_companion(name, given.run_dir, budget, crew)


def _train(stage: str, given: argparse.Namespace, crew: Crew) -> None:
    if stage == "latents":
        encode_latents(given.run_dir, given.pictures, given.from_weights)
        return
    if stage == "vae":
        train_vae(given.run_dir, _budget(stage, given), crew)
        return
    train = {"sdxl": train_sdxl, "moondream": train_moondream}[stage]
    train(given.run_dir, _budget(stage, given), crew, Start(given.from_weights, given.photos))


def _budget(stage: str, given: argparse.Namespace) -> Budget:
    return Budget(given.steps, None if given.steps else given.seconds or SECONDS[stage])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stage", choices=STAGES, metavar="STAGE", help=", ".join(STAGES))
    parser.add_argument("--run-dir", type=Path, default=Path("starter-run"), help="checkpoints, logs, grids, models")
    parser.add_argument("--seconds", type=float, help="training time of the stage; the default is in the README")
    parser.add_argument("--steps", type=int, help="train so many steps instead")
    parser.add_argument("--pictures", type=int, default=PICTURES, help="pictures encoded for the sdxl stage")
    parser.add_argument(
        "--from-weights",
        type=Path,
        nargs="?",
        const=WEIGHTS,
        help="start sdxl and moondream, where they have no checkpoint, from exported weights; alone: the shipped ones",
    )
    parser.add_argument(
        "--photos", type=Path, help="a folder of photographs: what no postcard looks like; moondream only"
    )
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="where export puts the models; the shipped ones")
    parser.add_argument("--threads", type=int, default=2, help="of the CPU")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device, help=f"where to train: cpu, cuda, cuda:1 … (here {device})")
    return parser


if __name__ == "__main__":
    main()
