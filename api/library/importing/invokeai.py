"""InvokeAI's record of a picture as fields: the text `invokeai_metadata` of versions since 3, `sd-metadata` before. Pure."""

from collections.abc import Mapping
from typing import Any

from api.library.importing import values


def read(record: Any) -> dict[str, Any] | None:
    """Our fields of `invokeai_metadata`, as JSON has it; None: it is no record of a picture."""
    if not isinstance(record, Mapping) or not any(name in record for name in ("positive_prompt", "seed", "steps")):
        return None
    return values.present(
        {
            "prompt": values.text(record.get("positive_prompt")),
            "negative_prompt": values.text(record.get("negative_prompt")),
            "steps": values.whole(record.get("steps")),
            "guidance_scale": values.number(record.get("cfg_scale")),
            "seed": values.whole(record.get("seed")),
            "width": values.whole(record.get("width")),
            "height": values.whole(record.get("height")),
            "model": _model(record.get("model")),
            "model_hash": values.text(_of(record.get("model"), "hash")),
            "strength": values.number(record.get("strength")),
            "loras": _loras(record.get("loras")),
            **values.sampling(record.get("scheduler")),
        }
    )


def read_old(record: Any) -> dict[str, Any] | None:
    """Our fields of `sd-metadata` (InvokeAI 2): a record with an `image` inside."""
    image = _of(record, "image")
    if not isinstance(image, Mapping):
        return None
    return values.present(
        {
            "prompt": values.text(_old_prompt(image.get("prompt"))),
            "steps": values.whole(image.get("steps")),
            "guidance_scale": values.number(image.get("cfg_scale")),
            "seed": values.whole(image.get("seed")),
            "width": values.whole(image.get("width")),
            "height": values.whole(image.get("height")),
            "model": values.model(_of(record, "model_weights")),
            "model_hash": values.text(_of(record, "model_hash")),
            "strength": values.number(image.get("strength")),
            **values.sampling(image.get("sampler")),
        }
    )


def _old_prompt(prompt: Any) -> Any:
    """Either text, or a list of prompts with weights."""
    if isinstance(prompt, list):
        return "\n".join(str(_of(part, "prompt") or "") for part in prompt[:16])
    return prompt


def _model(model: Any) -> str | None:
    return values.model(_of(model, "name") or _of(model, "model_name"))


def _loras(loras: Any) -> list[dict[str, Any]]:
    rows = loras[: values.MAX_LORAS] if isinstance(loras, list) else []
    found = [values.lora(_lora_name(row), _of(row, "weight")) for row in rows]
    return [row for row in found if row]


def _lora_name(row: Any) -> Any:
    """`model.name` since 4, `lora.model_name` in 3."""
    return _of(_of(row, "model"), "name") or _of(_of(row, "lora"), "model_name")


def _of(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else None
