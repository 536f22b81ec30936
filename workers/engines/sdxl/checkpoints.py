"""A sample as bytes, between two of its calls, and back: so that it goes on elsewhere where it stopped.

What is kept is what the calls have changed: the latents, the generator, and of the scheduler what differs from a fresh one
of the same settings. Everything else (conditioning, time steps) follows from the job. The bytes are safetensors with
JSON beside the tensors, never pickle: they may come from another host.

The limit we know of: a sample that goes on in another precision is not the picture it would have been; who resumes says so.
"""

import json
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from shared.errors import EngineFailed
from workers.engines.sdxl.samples import Sample

#: Of the bytes; another one is not read.
VERSION = 1
LATENTS, GENERATOR, ABOUT = "latents", "generator", "about"
#: Made anew from the seed when it is missing: torchsde's tree gives the same noise whatever it was asked before.
REMADE = ("noise_sampler",)

Plain = bool | int | float | str | None


def saved(sample: Sample, fresh: Any) -> bytes:
    """The state of a sample.

    Args:
        fresh: a scheduler as the sample's was before its first call.

    Raises:
        EngineFailed: its scheduler holds something that cannot be kept; it can only be run from the start.
    """
    tensors: dict[str, torch.Tensor] = {GENERATOR: sample.generator.get_state()}
    state: dict[str, Any] = {}
    latents = _put(sample.latents, LATENTS, tensors)
    for name, value in vars(sample.scheduler).items():
        if name not in REMADE and not _is_same(value, vars(fresh).get(name)):
            state[name] = _put(value, f"scheduler.{name}", tensors)
    about = {"version": VERSION, "calls": sample.calls, LATENTS: latents, "scheduler": state}
    return bytes(save(tensors, metadata={ABOUT: json.dumps(about)}))


def restore(sample: Sample, data: bytes) -> None:
    """Bring a prepared sample to where another one was when it was saved.

    Raises:
        EngineFailed: these bytes are no state of such a sample; it is unchanged.
    """
    try:
        tensors, about = load(data), json.loads(_metadata(data)[ABOUT])
        if about["version"] != VERSION or not 0 < about["calls"] <= len(sample.timesteps):
            raise ValueError("another version, or another number of steps")
        state = {name: _take(value, tensors, sample) for name, value in about["scheduler"].items()}
        latents = _take(about[LATENTS], tensors, sample)
        sample.generator.set_state(tensors[GENERATOR])
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as exc:
        raise EngineFailed(
            f"a checkpoint cannot be used ({type(exc).__name__}); the job starts from its beginning"
        ) from exc
    for name, value in state.items():
        setattr(sample.scheduler, name, value)
    sample.latents = latents.to(sample.latents.dtype)
    sample.calls = about["calls"]


def dtype_of(data: bytes) -> torch.dtype:
    """The precision in which a sample was saved. Raises EngineFailed: these bytes are no state."""
    try:
        return load(data)[LATENTS].dtype
    except (SafetensorError, KeyError, ValueError) as exc:
        raise EngineFailed("a checkpoint cannot be read; the job starts from its beginning") from exc


def _metadata(data: bytes) -> dict[str, str]:
    """The JSON that safetensors puts before the tensors (its format: eight bytes of length, then the header)."""
    size = int.from_bytes(data[:8], "little")
    found: dict[str, str] = json.loads(data[8 : 8 + size])["__metadata__"]
    return found


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, np.ndarray):
        return isinstance(other, np.ndarray) and np.array_equal(one, other)
    if callable(one):
        return callable(other)  # a method that was wrapped, of this very scheduler
    return type(one) is type(other) and bool(one == other)


def _put(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """A value as JSON has it; tensors go beside and are named."""
    if isinstance(value, torch.Tensor):
        # Convolutions round by the layout, so it comes back as it was.
        is_channels_last = value.dim() == 4 and not value.is_contiguous()
        tensors[name] = (value.permute(0, 2, 3, 1) if is_channels_last else value).detach().cpu().contiguous()
        return {"tensor": name, "on_device": value.device.type != "cpu", "is_channels_last": is_channels_last}
    if isinstance(value, list):
        return [_put(item, f"{name}.{place}", tensors) for place, item in enumerate(value)]
    if isinstance(value, Plain):
        return value
    raise EngineFailed(f"{name} is a {type(value).__name__}, which no checkpoint holds")


def _take(value: Any, tensors: dict[str, torch.Tensor], sample: Sample) -> Any:
    if isinstance(value, dict):
        tensor = tensors[value["tensor"]]
        tensor = tensor.permute(0, 3, 1, 2) if value["is_channels_last"] else tensor
        return tensor.to(sample.latents.device) if value["on_device"] else tensor
    if isinstance(value, list):
        return [_take(item, tensors, sample) for item in value]
    return value
