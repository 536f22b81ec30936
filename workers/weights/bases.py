"""Which model an adapter was trained on: its file names the base's hash, and another base is refused.

Adapters fit the shape of every model of an architecture but mean something to one only. Ours say so in the header under
`darkroom_base_hash`; LoRAs of kohya's trainer under `ss_new_sd_model_hash`. A file that names no base is anybody's.
"""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from shared.errors import EngineFailed
from workers.weights.weight_files import first_words, refuse_content

#: Keys of the header's metadata: the base's hash and its name for a reader.
BASE_HASH, BASE_TITLE = "darkroom_base_hash", "darkroom_base"
#: Where other trainers put them.
OTHERS_HASH, OTHERS_TITLE = "ss_new_sd_model_hash", "ss_sd_model_name"
#: Characters of a hash that are shown.
SHOWN = 12


def base_named_by(file: Path) -> tuple[str, str]:
    """Hash and name of the model that a safetensors file says it was trained on; "" where it says nothing.

    Raises:
        ModelMissing, EngineFailed: it is not there, or no safetensors file.
    """
    refuse_content(file, file.name)
    try:
        with safe_open(file, framework="np") as opened:
            about = opened.metadata() or {}
    except (SafetensorError, OSError) as exc:
        raise EngineFailed(f"{file.name} is cut short, damaged, or no safetensors file ({first_words(exc)})") from exc
    return (
        about.get(BASE_HASH) or about.get(OTHERS_HASH) or "",
        about.get(BASE_TITLE) or about.get(OTHERS_TITLE) or "",
    )


def refuse_another_base(file: Path, base_hash: str) -> None:
    """Raise EngineFailed if a file names another base than the model with this hash."""
    named, title = base_named_by(file)
    if named and named.lower() != base_hash.lower():
        raise EngineFailed(
            f"{file.name} was trained on {title or 'a model'} with hash {named[:SHOWN]}…, the model here has "
            f"{base_hash[:SHOWN]}…: choose that model, or an adapter for this one"
        )
