"""A1111's infotext as fields; Forge, SD.Next, Fooocus in its A1111 mode and we ourselves write the same. Pure.

The text is the prompt, a line `Negative prompt: …` that may go on over more lines, and a last line of `name: value` pairs,
values with commas or colons in JSON's quotes (stable-diffusion-webui, modules/infotext_utils.py and docs). Prompts may hold
anything, also lines that look like the last one, so the last line that has a pair `Steps: n` counts.
"""

import json
import re
from typing import Any

from api.library.importing import values

_PAIR = re.compile(r'\s*([\w][\w \-/]{0,80}?):\s*("(?:\\.|[^\\"])*"|[^,]*)(?:,|$)')
_STEPS = re.compile(r"(?:^|,\s*)Steps:\s*\d+\s*(?:,|$)")
_LORA = re.compile(r"<lora:([^:>]{1,200})(?::([^:>]{1,20}))?[^>]{0,100}>")
_SIZE = re.compile(r"^\s*(\d{1,5})\s*x\s*(\d{1,5})\s*$")
NEGATIVE = "Negative prompt:"


def read(infotext: str) -> dict[str, Any] | None:
    """Our fields of an infotext; None: it is none, for nothing in it says how many steps there were."""
    lines = infotext.replace("\r\n", "\n").strip().split("\n")
    at = next((i for i in range(len(lines) - 1, -1, -1) if _STEPS.search(lines[i])), None)
    if at is None:
        return None
    prompt, negative = _prompts(lines[:at])
    pairs = _pairs(lines[at])
    size = _SIZE.match(pairs.get("Size", ""))
    return values.present(
        {
            "prompt": values.text(_LORA.sub("", prompt)),
            "negative_prompt": values.text(negative),
            "steps": values.whole(pairs.get("Steps")),
            "guidance_scale": values.number(pairs.get("CFG scale", "")),
            "seed": values.whole(pairs.get("Seed")),
            "width": int(size[1]) if size else None,
            "height": int(size[2]) if size else None,
            "model": values.model(pairs.get("Model")),
            "model_hash": values.text(pairs.get("Model hash")),
            "strength": values.number(pairs.get("Denoising strength", "")),
            "loras": [found for found in map(_lora, _LORA.findall(prompt)[: values.MAX_LORAS]) if found],
            **values.sampling(pairs.get("Sampler"), pairs.get("Schedule type")),
        }
    )


def _prompts(lines: list[str]) -> tuple[str, str]:
    at = next((i for i, line in enumerate(lines) if line.startswith(NEGATIVE)), len(lines))
    return "\n".join(lines[:at]), "\n".join(lines[at:]).removeprefix(NEGATIVE)


def _pairs(line: str) -> dict[str, str]:
    return {name.strip(): _unquoted(value.strip()) for name, value in reversed(_PAIR.findall(line))}


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    try:
        return str(json.loads(value))
    except ValueError:
        return value


def _lora(found: tuple[str, str]) -> dict[str, Any] | None:
    return values.lora(found[0], found[1] or None)
