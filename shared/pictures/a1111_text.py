"""Generation parameters as the text that A1111 writes into its pictures; viewers and galleries read it."""

import json
from typing import Any

from shared.contracts.samplers import sampling_of

#: Hexadecimal digits of a checkpoint's SHA-256 by which A1111 and Civitai know it.
SHORT_HASH = 10


def a1111_parameters(params: dict[str, Any], *, seed: int, model: str, model_hash: str = "") -> str:
    """Generation parameters as the text that A1111, Civitai and most viewers read.

    Args:
        params: of a record, also one from before there were schedules.
        model_hash: SHA-256 of its weights, of which A1111 shows the first ten hex digits; "": left out.
    """
    lines = [str(params["prompt"])]
    if params.get("negative_prompt"):
        lines.append(f"Negative prompt: {params['negative_prompt']}")
    sampling = sampling_of(params["scheduler"], params.get("schedule"))
    facts = {
        "Steps": params["steps"],
        "Sampler": sampling.label,
        "Schedule type": sampling.schedule_label,
        "CFG scale": params["guidance_scale"],
        "Seed": seed,
        "Size": f"{params['width']}x{params['height']}",
        **({"Model hash": model_hash[:SHORT_HASH]} if model_hash else {}),
        "Model": model,
        **({"Denoising strength": params["strength"]} if params.get("strength") is not None else {}),
        # Without it A1111 takes the noise for a GPU's.
        "RNG": "CPU",
        "Version": "darkroom",
    }
    lines.append(", ".join(f"{name}: {_quoted(value)}" for name, value in facts.items()))
    return "\n".join(lines)


def _quoted(value: Any) -> str:
    """As A1111 writes a value, so that its reader finds the end of it."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(char in text for char in ",:\n") else text
