"""Which program made a picture, and what it says about it: any file in, our fields out. Pure.

Nothing in a file can make this fail: what cannot be read is no metadata.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from api.library.importing import comfyui, infotext, invokeai, values
from api.library.importing.texts import texts_of

#: Levels of lists and objects that a program's record may have; ComfyUI's graphs have five.
MAX_DEPTH = 64


@dataclass(frozen=True)
class Foreign:
    """What a picture says of itself."""

    #: darkroom, a1111, comfyui, invokeai; "": it says nothing that is known.
    program: str = ""
    #: By the names of our own parameters, and `loras`, `model_hash`.
    fields: Mapping[str, Any] = field(default_factory=dict)
    #: As it stands in the file.
    text: str = ""
    #: The XMP packet of the file, where it has one.
    xmp: str = ""


#: Keyword → program, and who reads it; the first that reads something counts. ComfyUI's nodes may write an infotext too.
_READERS: tuple[tuple[str, str, Callable[[str], dict[str, Any] | None]], ...] = (
    ("darkroom", "darkroom", lambda text: _ours(_json(text))),
    ("invokeai_metadata", "invokeai", lambda text: invokeai.read(_json(text))),
    ("sd-metadata", "invokeai", lambda text: invokeai.read_old(_json(text))),
    ("parameters", "a1111", infotext.read),
    ("prompt", "comfyui", lambda text: comfyui.read(_json(text))),
    ("comment", "a1111", infotext.read),
    ("description", "a1111", infotext.read),
)


def foreign_fields(data: bytes) -> Foreign:
    """What a picture file says about how it was made."""
    texts = texts_of(data)
    packet = texts.get("xmp") or texts.get("XML:com.adobe.xmp", "")
    for keyword, program, read in _READERS:
        text = texts.get(keyword, "")
        found = read(text) if text else None
        if found:
            return Foreign(_program(program, text), found, text, packet)
    return Foreign(xmp=packet)


def _program(program: str, text: str) -> str:
    return "darkroom" if program == "a1111" and text.rstrip().endswith("Version: darkroom") else program


def _json(text: str) -> Any:
    """None where it is none, or nested deeper than anything that programs write."""
    if _depth(text) > MAX_DEPTH:
        return None
    try:
        return json.loads(text, parse_constant=lambda name: None)
    except (ValueError, RecursionError):
        return None


def _depth(text: str) -> int:
    """Brackets open at once, at most; those inside texts count too, so this is never too low."""
    deepest = now = 0
    for char in text:
        if char in "[{":
            now += 1
            deepest = max(deepest, now)
        elif char in "]}":
            now -= 1
    return deepest


def _ours(record: Any) -> dict[str, Any] | None:
    """Our own record (`workers.execution.kinds.generate` writes it), whose parameters are checked all the same."""
    params = record.get("params") if isinstance(record, Mapping) else None
    if not isinstance(params, Mapping):
        return None
    return values.present(
        {
            **{name: values.text(params.get(name)) for name in ("prompt", "negative_prompt")},
            **{name: values.whole(params.get(name)) for name in ("steps", "seed", "width", "height")},
            **{name: values.number(params.get(name)) for name in ("guidance_scale", "strength")},
            **values.sampling(params.get("scheduler"), params.get("schedule")),
            "model": values.text(record.get("model")),
            "model_hash": values.text(record.get("model_hash")),
            "job": values.text(record.get("job")),
        }
    )
