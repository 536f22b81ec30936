"""Which model is looked at how: by its engine."""

from collections.abc import Callable
from pathlib import Path

from shared.errors import DarkroomError
from shared.models.catalogue import Catalogue, ModelCard
from workers.engines.classifiers import inspection as classifiers
from workers.engines.encoders import inspection as encoders
from workers.engines.moondream import inspection as moondream
from workers.engines.sdxl.inspection import model as sdxl


def _moondream(card: ModelCard, path: Path) -> None:
    moondream.inspect(path, path / moondream.TOKENIZER_FOLDER if card.source.tokenizer_repo else None)


INSPECTIONS: dict[str, Callable[[ModelCard, Path], None]] = {
    "sdxl": lambda card, path: sdxl.inspect(path),
    "moondream": _moondream,
    "efficientnet": lambda card, path: classifiers.inspect_efficientnet(path),
    "wd_tagger": lambda card, path: classifiers.inspect_wd_tagger(path),
    "opennsfw": lambda card, path: classifiers.inspect_opennsfw(path),
    "hf_classifier": lambda card, path: classifiers.inspect_hf_classifier(path),
    "minilm": lambda card, path: encoders.inspect_minilm(path),
    "clip": lambda card, path: encoders.inspect_clip(path),
}


def flaw_of(catalogue: Catalogue, card: ModelCard) -> str | None:
    """What is wrong with a model's files on this host, in one sentence; None: nothing that can be seen from outside.

    A model that is not here, a toy that was not built yet and an engine of somebody else's are not looked at.
    """
    path, look = catalogue.locate(card), INSPECTIONS.get(card.engine)
    if path is None or look is None or not path.exists():
        return None
    try:
        look(card, path)
    except DarkroomError as exc:
        return exc.message
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError) as exc:
        return f"its files cannot be read ({type(exc).__name__}: {str(exc)[:200]})"
    return None
