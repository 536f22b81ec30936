"""Parts that several loaded models have in common: one copy of a VAE or text encoder whose files are identical.

Many SDXL fine-tunes change the UNet alone. A part is the same if its weight files are, byte for byte, and its
configuration is; and it can only be shared where it lies on the same device in the same precision. Parts under offload
hooks are never shared: the hooks belong to one pipeline.

A copy lives as long as a model holds it. It leaves the GPU with the last of its users that is there, and only the first
of them counts its memory.
"""

import hashlib
import json
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from workers.engines.base import LoadPlan
from workers.engines.sdxl import placement
from workers.engines.sdxl.inspection.model import weights_of_part
from workers.weights.hashes import sha256_of

PARTS = ("vae", "text_encoder", "text_encoder_2")
#: Entries of a configuration that say who wrote it, not what the part is.
AUTHORSHIP = ("transformers_version", "torch_dtype", "dtype")


@dataclass(frozen=True)
class Identity:
    """What two copies must have in common to be one."""

    digest: str
    dtype: torch.dtype
    device: str
    is_packed: bool


@dataclass(eq=False)
class Copy:
    """One part in memory."""

    module: nn.Module
    #: Tokens of its users that are on the GPU, in order of arrival.
    on_card: list[object] = field(default_factory=list)
    #: Of all its users, wherever they are.
    users: list[object] = field(default_factory=list)


class Shares:
    """The copies that one model uses, and whether it uses them on the GPU."""

    def __init__(self, copies: Mapping[str, Copy]) -> None:
        self._copies = dict(copies)
        self._token = object()
        for copy in self._copies.values():
            copy.users.append(self._token)
        self.arrive()

    def __contains__(self, part: str) -> bool:
        return part in self._copies

    def arrive(self) -> None:
        """The model is on the GPU now."""
        for copy in self._copies.values():
            copy.on_card.append(self._token)

    def leave(self) -> None:
        """It is not any more."""
        for copy in self._copies.values():
            if self._token in copy.on_card:
                copy.on_card.remove(self._token)

    def close(self) -> None:
        """The model is gone."""
        self.leave()
        for copy in self._copies.values():
            copy.users.remove(self._token)

    def unused(self) -> list[nn.Module]:
        """Parts that no model on the GPU uses."""
        return [copy.module for copy in self._copies.values() if not copy.on_card]

    def counted(self) -> list[nn.Module]:
        """Parts whose memory this model counts, because it was the first of those that are on the GPU."""
        return [copy.module for copy in self._copies.values() if copy.on_card[:1] == [self._token]]

    def counted_on_host(self) -> list[nn.Module]:
        """Parts whose host memory this model counts, because it was the first of all that are loaded."""
        return [copy.module for copy in self._copies.values() if copy.users[:1] == [self._token]]


class Shelf:
    """All shared parts of one process; those that nobody uses any more are gone."""

    def __init__(self) -> None:
        self._copies: weakref.WeakValueDictionary[Identity, Copy] = weakref.WeakValueDictionary()

    def find(self, identities: dict[str, Identity]) -> dict[str, Copy]:
        """The parts that are here already, by name."""
        found = {name: self._copies.get(identity) for name, identity in identities.items()}
        return {name: copy for name, copy in found.items() if copy is not None}

    def put(self, identities: dict[str, Identity], pipe: Any, known: dict[str, Copy]) -> dict[str, Copy]:
        """The copies of all shareable parts of a loaded pipeline; new ones can be found from now on."""
        copies = {name: known.get(name) or Copy(getattr(pipe, name)) for name in identities}
        for name, identity in identities.items():
            self._copies[identity] = copies[name]
        return copies


def identities(path: Path, plan: LoadPlan, dtypes: Mapping[str, torch.dtype]) -> dict[str, Identity]:
    """Part → what it is; empty where nothing can be shared (a single file, offload).

    Args:
        dtypes: by part, `default` for those not named.
    """
    if placement.offloads(plan) or not path.is_dir():
        return {}
    digests = {name: _digest(path, name) for name in PARTS}
    packs = plan.precision == "nf4"
    return {
        name: Identity(
            digest, dtypes.get(name, dtypes["default"]), plan.device, packs and name in placement.PACKED_PARTS
        )
        for name, digest in digests.items()
        if digest is not None
    }


def _digest(folder: Path, part: str) -> str | None:
    weights, config = weights_of_part(folder, part), folder / part / "config.json"
    if not weights or not config.exists():
        return None
    try:
        settings = dict(json.loads(config.read_text(encoding="utf-8-sig")))
    except (ValueError, TypeError):
        return None  # a damaged one is shared with nobody; reading the model says what is wrong with it
    kept = {name: v for name, v in settings.items() if not name.startswith("_") and name not in AUTHORSHIP}
    about = [json.dumps(kept, sort_keys=True), *sha256_of(weights, folder)]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()
