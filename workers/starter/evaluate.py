"""Measure the starter models on held-out combinations: `python -m workers.starter.evaluate --many 500`.

Pictures are judged twice, by the rules of `judge.py` and by the vision model's caption; the rules are first measured on
true pictures, for a judge must be right before it is quoted. Answers are judged against the world's truth. Seeds are
fixed: the same weights give the same table. A second table (`further.py`) is about what people write: short prompts,
open requests, pictures that are no postcards.
"""

import argparse
import json
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image

from workers.engines.moondream.model import Moondream
from workers.engines.moondream.requests import (
    CaptionRequest,
    ObjectsAnswer,
    Point,
    Prefix,
    QueryRequest,
    Sampling,
    TextAnswer,
)
from workers.engines.moondream.tasks import TAGS_QUESTION
from workers.starter import further, truth
from workers.starter.foreign import load_photos
from workers.starter.judge import sightings
from workers.starter.lessons import tags_answer
from workers.starter.marks import facts_of, facts_told, is_hit, mean_overlap, things_of, things_told
from workers.starter.paint import paint
from workers.starter.phrasing import rephrased_questions
from workers.starter.pictures import save_grid
from workers.starter.world import SIDE_PX, Scene, scene_from_seed
from workers.starter.written import written_prompts

WEIGHTS = Path(__file__).parent / "weights"
STEPS, GUIDANCE = 16, 2.0
#: Three prompts in five ask for one thing, the others for two.
ONE_THING = 0.6
PICTURES_AT_ONCE = 8
#: The evaluation's own seeds, far from those that grids and looks use.
FIRST_SEED = 700_000
GREEDY = Sampling(temperature=0.0, max_tokens=80)

Marks = dict[str, float]


def load_painter(folder: Path) -> StableDiffusionXLPipeline:
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, dtype=torch.float32, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def scenes_to_ask(many: int) -> list[Scene]:
    """Held-out scenes, first those with one thing."""
    one = round(many * ONE_THING)
    return [scene_from_seed(FIRST_SEED + k, "held-out", 1 if k < one else 2) for k in range(many)]


def prompts_for(scenes: Sequence[Scene]) -> list[str]:
    return [truth.prompt(scene, random.Random(scene.seed)) for scene in scenes]


def generate(painter: StableDiffusionXLPipeline, prompts: Sequence[str]) -> list[Image.Image]:
    """One picture for each prompt; the seed is the prompt's number."""
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), PICTURES_AT_ONCE):
        part = list(prompts[start : start + PICTURES_AT_ONCE])
        noise = [torch.Generator().manual_seed(start + k) for k in range(len(part))]
        pictures += painter(
            part, num_inference_steps=STEPS, guidance_scale=GUIDANCE, width=SIDE_PX, height=SIDE_PX, generator=noise
        ).images
    return pictures


def mark_rules(scenes: Sequence[Scene]) -> Marks:
    """How often the rules see the true things of true pictures."""
    right = [_seen(paint(scene)) == things_of(scene.things) for scene in scenes]
    return {"rules right on true pictures": fmean(right)}


def mark_pictures(scenes: Sequence[Scene], pictures: Sequence[Image.Image], reader: Moondream) -> Marks:
    """The share of pictures that show every thing asked for in its colour, by number of things and by judge."""
    told = [things_told(text) for text in captions(reader, pictures)]
    marks = defaultdict(list)
    for scene, picture, words in zip(scenes, pictures, told, strict=True):
        asked, many = things_of(scene.things), f"{len(scene.things)} thing"
        seen = _seen(picture)
        marks[f"{many}, rules"].append(asked <= seen)
        marks[f"{many}, rules, and no other"].append(asked == seen)
        marks[f"{many}, vision model"].append(asked <= words)
        marks[f"{many}, rules, colour"].append({c for c, _ in asked} <= {c for c, _ in seen})
        marks[f"{many}, rules, kind"].append({k for _, k in asked} <= {k for _, k in seen})
    return {name: fmean(values) for name, values in marks.items()}


def captions(reader: Moondream, pictures: Sequence[Image.Image]) -> list[str]:
    texts: list[str] = []
    for start in range(0, len(pictures), PICTURES_AT_ONCE):
        prefixes = reader.encode(list(pictures[start : start + PICTURES_AT_ONCE]))
        answers = reader.answer([CaptionRequest(prefix, "normal", GREEDY) for prefix in prefixes])
        texts += [answer.text for answer in answers if isinstance(answer, TextAnswer)]
    return texts


def mark_answers(scenes: Sequence[Scene], reader: Moondream) -> Marks:
    """Captions, questions, boxes and points on true pictures."""
    marks: dict[str, list[float]] = defaultdict(list)
    for scene in scenes:
        prefix = reader.encode([paint(scene)])[0]
        _mark_caption(marks, scene, reader, prefix)
        _mark_questions(marks, scene, reader, prefix)
        _mark_places(marks, scene, reader, prefix)
    return {name: fmean(values) for name, values in sorted(marks.items())}


def _mark_caption(marks: dict[str, list[float]], scene: Scene, reader: Moondream, prefix: Prefix) -> None:
    (answer,) = reader.answer([CaptionRequest(prefix, "normal", GREEDY)])
    true, told = facts_of(scene), facts_told(answer.text if isinstance(answer, TextAnswer) else "")
    marks["caption facts"].append(len(true & told) / len(true))
    marks["caption flawless"].append(true == told)


def _mark_questions(marks: dict[str, list[float]], scene: Scene, reader: Moondream, prefix: Prefix) -> None:
    draw = random.Random(scene.seed)
    asked = [(f"question: {each.kind}", each.question, each.answer) for each in truth.questions(scene, draw)]
    asked += [("question: in other words", each.question, each.answer) for each in rephrased_questions(scene, draw)]
    asked.append(("tags flawless", TAGS_QUESTION, tags_answer(scene)))
    answers = reader.answer([QueryRequest(prefix, question, sampling=GREEDY) for _, question, _ in asked])
    for (name, _, right), answer in zip(asked, answers, strict=True):
        marks[name].append(isinstance(answer, TextAnswer) and answer.text.strip() == right)


def _mark_places(marks: dict[str, list[float]], scene: Scene, reader: Moondream, prefix: Prefix) -> None:
    for kind in sorted({thing.kind for thing in scene.things}):
        boxes = [thing.box for thing in scene.things if thing.kind == kind]
        detected, pointed = reader.detect([prefix], [kind])[0], reader.point([prefix], [kind])[0]
        marks["detection IoU"].append(mean_overlap(boxes, _boxes(detected)))
        points = [(found.x, found.y) for found in pointed.objects if isinstance(found, Point)]
        marks["point hits"] += [is_hit(box, points) for box in boxes]


def _boxes(answer: ObjectsAnswer) -> list[tuple[float, float, float, float]]:
    return [(box.x_min, box.y_min, box.x_max, box.y_max) for box in answer.objects if not isinstance(box, Point)]


def _seen(picture: Image.Image) -> Counter[tuple[str, str]]:
    return Counter((sighting.colour, sighting.kind) for sighting in sightings(picture))


def mark_further(given: argparse.Namespace, reader: Moondream, painter: StableDiffusionXLPipeline) -> Marks:
    """The second table; leaves a grid of pictures from short prompts."""
    written = written_prompts(given.written)
    pictures = generate(painter, [each.text for each in written])
    save_grid(pictures[:: max(1, len(pictures) // 48)][:48], given.out / "grid-written.png")
    photos = load_photos(given.photos) if given.photos else []
    return (
        further.mark_rules(written)
        | further.mark_written(written, pictures)
        | further.mark_requests(scenes_to_ask(given.many)[:: max(1, given.many // given.asked)], reader)
        | further.mark_foreign(reader, photos)
        | further.mark_cards(scenes_to_ask(given.many), pictures, reader)
    )


def table(marks: Marks) -> str:
    width = max(map(len, marks))
    return "\n".join(f"{name:<{width}}  {value:6.1%}" for name, value in marks.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=500, help="held-out prompts and as many true pictures")
    parser.add_argument("--sdxl", type=Path, default=WEIGHTS / "sdxl-starter")
    parser.add_argument("--moondream", type=Path, default=WEIGHTS / "moondream-starter")
    parser.add_argument("--written", type=int, default=300, help="prompts as people write them")
    parser.add_argument("--asked", type=int, default=100, help="cards that are asked openly, about fifteen times each")
    parser.add_argument("--photos", type=Path, help="a folder of photographs that nothing was trained on")
    parser.add_argument("--out", type=Path, default=Path("out/starter"), help="marks.json and a sample grid go here")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    scenes = scenes_to_ask(given.many)
    reader, painter = Moondream.load(given.moondream), load_painter(given.sdxl)
    pictures = generate(painter, prompts_for(scenes))
    marks = mark_rules(scenes) | mark_pictures(scenes, pictures, reader) | mark_answers(scenes, reader)
    save_grid(pictures[:32] + pictures[-16:], given.out / "grid.png")
    print(f"Spelled out\n{table(marks)}\n\nAs people write\n{table(more := mark_further(given, reader, painter))}")
    (given.out / "marks.json").write_text(json.dumps({"many": given.many, **marks, **more}, indent=2))


if __name__ == "__main__":
    main()
