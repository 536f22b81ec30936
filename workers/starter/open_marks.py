"""Open requests in words that were not trained on, and how their answers are marked against the truth.

A description is marked by its facts, a box by its overlap, every other answer by its words: the world has one right
answer to each.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from workers.starter.answering import KINDS_OF_REQUESTS, NO_POSTCARD, NOBODY, Answer, found_answer
from workers.starter.marks import facts_of, facts_told, overlap
from workers.starter.truth import PLACE_PHRASES, PLURALS, capital, number_answer, with_article, yes_answer
from workers.starter.world import KINDS, Scene

#: By kind of request. But for the bare ones, which everybody sends, no text is in `asking.py`, in any spelling.
OTHER_WORDS = {
    "bare": (
        "Describe this image.", "describe this image", "Describe this image!", "Caption this.", "caption this",
        "CAPTION THIS IMAGE", "Explain this image", "What is in the image?", "what's in this picture",
        "What does the picture show?", "Describe the postcard", "Describe the drawing", "describe the scene please",
        "Caption the photo", "Caption this drawing please",
    ),
    "describe": (
        "What do you see?", "What do you see here?", "What can be seen?", "What can be seen in this image?",
        "Tell me what this is", "Describe the image for me", "Describe the image to me please", "Please caption this picture",
        "Please describe it", "Would you describe this picture?", "Could you describe this photo?", "Can you caption it?",
        "Give a description", "Give me a caption", "Give the picture a caption", "Write a caption", "Write a description",
        "Write a caption please", "I need a caption for this image", "I need a description of this picture",
        "Explain the picture to me", "What does it show?", "What's this?", "What is in this photograph?", "What's shown here?",
        "What is depicted here?", "What is pictured?", "Tell me about it", "Tell me more about this image",
        "Report what you see", "Say what you see", "List what you see in a sentence or two",
        "Look at this picture and describe it", "Look at the image and tell me what you see", "Describe this card for me",
        "Describe what is in the picture", "Describe what is shown here", "Describe the whole picture",
        "Create a caption for this image", "Create a description of the image", "Produce a caption", "Image caption",
        "Image description please", "Describe it for somebody who is blind", "Describe this for a blind reader",
        "Make me a description of it", "A caption for the picture, please", "So what is in there?", "Desribe this image",
        "Describe teh picture", "Tell me the content of this picture", "What is on this card?", "What is on the postcard?",
        "What has been drawn here?", "Put this picture into words", "Put it in words for me", "Say what this image shows",
        "Talk about the picture", "What would you write under this picture?", "Which scene is this?", "Narrate the image",
        "Sum up what you see", "Give your description of it", "Would you kindly caption this?",
    ),
    "detail": (
        "Describe this image in as much detail as possible.", "Describe the picture in detail please",
        "Write a very detailed caption",
    ),
    "short": (
        "Describe this picture in a single sentence.", "Write an alt text for this picture", "Caption this briefly",
        "Short caption",
    ),
    "title": ("A short title for this picture", "Give this picture a short title", "What would be a good title?"),
    "few words": ("Three words for this picture", "Describe it in three words"),
    "keywords": (
        "5 to 10 descriptive keywords for what is visible, separated by commas", "Give me ten tags, comma separated.",
        "List 10 key tags for this picture, comma separated, no sentences.", "keywords please", "Tag it, please",
    ),
    "mood": (
        "5 to 10 keywords for the mood, separated by commas and nothing else", "What's the mood?",
        "Describe the mood of this picture",
    ),
    "subject": ("Describe the main subject of this image.", "What is the subject?", "List all objects in the picture"),
    "surroundings": (
        "Describe the surroundings of the subject.", "What is in the background of the picture?",
        "Describe its setting",
    ),
    "lighting": ("Describe the lighting of this image.", "What is the lighting like?", "How is the light?"),
    "style": ("Describe the style of this image.", "What is the style?", "In what style is it drawn?"),
    "prompt": ("Describe it as a Stable Diffusion prompt", "Write a Stable Diffusion prompt for this picture"),
    "rating": ("Answer for this image with exactly one of PG, PG-13, R, X.", "Is this PG, PG-13, R or X?"),
    "box": (
        "Find the main subject and return ymin, xmin, ymax, xmax between 0 and 1 as a JSON object.",
        "Give me the main subject's box as JSON (ymin, xmin, ymax, xmax between 0 and 1)",
    ),
    "close-up": ("Say briefly what is there and whether it's a close-up of an eye or a person",),
    "text": ("Is there text in it?", "Read the text in this image", "What text is there?"),
    "unknowable": ("Who drew this?", "Who is the painter?", "Why is it so?"),
    "language": ("Beschreibe das Bild", "Décris l'image", "¿Qué ves en la imagen?", "Cosa c'è nella foto?"),
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """What is asked of a card; `answer` is the only right one, but for descriptions and boxes."""

    kind: str
    text: str
    answer: str


def open_requests_of(scene: Scene, describing: int = 3, others: int = 6) -> list[Request]:
    """Some requests for a description, some of other kinds, and closed questions in other words."""
    draw = random.Random(f"open:{scene.seed}")
    answers: dict[str, Answer] = {kind: answer for kind, _, answer in KINDS_OF_REQUESTS}
    kinds = ["describe"] * describing + draw.sample([kind for kind in OTHER_WORDS if kind != "describe"], others)
    answers["bare"] = answers["describe"]
    return [
        Request(kind, draw.choice(OTHER_WORDS[kind]), answers[kind](scene, draw)) for kind in kinds
    ] + closed_requests_of(scene, draw)


def closed_requests_of(scene: Scene, draw: random.Random) -> list[Request]:
    """Yes or no, how many, which colour, where, detect: about a kind that is there and one that is not."""
    there = {thing.kind for thing in scene.things}
    asked = []
    for kind in [*sorted(there)[:1], draw.choice([kind for kind in KINDS if kind not in there])]:
        things = [thing for thing in scene.things if thing.kind == kind]
        a, many = with_article(kind), PLURALS[kind]
        asked += [
            Request("yes-no", draw.choice((f"Is {a} visible here?", f"Is there {a} in it?")), yes_answer(bool(things))),
            Request("count", draw.choice((f"How many {many} are shown?", f"Count all {many}")), number_answer(len(things))),
            Request("detect", draw.choice((f"Detect the {kind} please", f"Find me the {kind}")), found_answer(things)),
        ]  # fmt: skip
        if len(things) == 1:
            place = capital(PLACE_PHRASES[things[0].place])
            asked.append(Request("where", f"Where is the {kind} in this picture?", f"{place}."))
            asked.append(Request("colour", f"What color does the {kind} have?", f"{capital(things[0].colour)}."))
        elif not things:
            asked.append(Request("where", f"Where in this picture is the {kind}?", NOBODY))
    return asked


def mark_of(request: Request, told: str, scene: Scene) -> float:
    """0 to 1: the share of right facts of a description, less the wrong ones; else right or wrong."""
    told = told.strip()
    if request.kind == "detail":  # which begins "A flat postcard of" or "with", as it likes
        return float(told.replace(" of ", " with ", 1) == request.answer.replace(" of ", " with ", 1))
    if request.kind in ("bare", "describe"):
        true, said = facts_of(scene), facts_told(told)
        return max(0, len(true & said) - len(said - true)) / len(true)
    if request.kind == "box":
        return float(_box_is_right(told, scene))
    return float(told == request.answer)


def _box_is_right(told: str, scene: Scene) -> bool:
    """Half of box and thing are common; an empty object where nothing is."""
    try:
        sides = json.loads(told)
        box = tuple(float(sides[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
    except (ValueError, KeyError, TypeError):
        return told == "{}" and not scene.things
    return any(overlap(thing.box, (box[0], box[1], box[2], box[3])) >= 0.5 for thing in scene.things)


def says_no_postcard(texts: Sequence[str]) -> float:
    """How many of the answers say that the picture is none."""
    return sum(text.strip() == NO_POSTCARD for text in texts) / len(texts)
