"""A module's way off the GPU and back. Its weights never change, so it is copied off once: the copy in host memory stays,
coming back copies from it, and leaving again only drops what lies on the GPU.

The copy hangs on the module itself: whoever shares the module shares it, and it goes with the module. It lies in
page-locked memory where there is plenty, because copies from there are two to three times as fast. Nobody else can use
such memory, so it is only taken where the host has several times what is copied, and not where it is scarce (WSL2).

Moves are all or nothing: every tensor is copied before the first one is put in its place.

The scales of four-bit weights lie outside torch's own lists of tensors; here they are moved and weighed like all others.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import torch
from bitsandbytes.nn import Linear4bit
from torch import Tensor, nn

from workers.devices import host_ram
from workers.devices.allocator_settings import pinned_nbytes

MIB = 2**20
#: Free RAM must be so many times what is pinned.
PLENTY = 3
HOST = "cpu"
#: Where a module keeps its copy.
_NAME = "_darkroom_host_copy"
#: The tensors of a four-bit weight's state, and of the state of its scales where those are quantised too.
_SCALES = ("absmax", "code", "offset")


@dataclass(frozen=True)
class Place:
    """Where a module keeps one of its tensors."""

    owner: object
    name: str

    @property
    def tensor(self) -> Tensor:
        return getattr(self.owner, self.name)  # type: ignore[no-any-return]

    def put(self, tensor: Tensor) -> None:
        """Lay another tensor with the same values there."""
        if not isinstance(self.owner, nn.Module):
            setattr(self.owner, self.name, tensor)
        elif torch._has_compatible_shallow_copy_type(self.tensor, tensor):
            self.tensor.data = tensor
        elif self.name in self.owner._parameters:  # as `nn.Module.to` does with types of different kinds
            parameter = torch.Tensor._make_subclass(type(self.tensor), tensor, False)
            parameter.__dict__.update(self.tensor.__dict__)  # a four-bit weight's state hangs on it
            self.owner._parameters[self.name] = parameter  # type: ignore[assignment]
        else:
            self.owner._buffers[self.name] = tensor


@dataclass(frozen=True)
class HostCopy:
    """All tensors of a module, in host memory."""

    rows: tuple[tuple[Place, Tensor], ...]


def off_gpu(module: nn.Module, *, recurse: bool = True) -> None:
    """Into host memory; what lies on the GPU is dropped. The first time, the weights are copied.

    Args:
        recurse: with its parts; else only the tensors that are its own.

    Raises:
        MemoryError: the host has no room for the copy; nothing has changed.
    """
    copy = _kept(module)
    if copy is None:
        places = list(places_of(module, recurse=recurse))
        if all(_is_on_host(place.tensor) for place in places):
            return
        copy = _copied(places)
        setattr(module, _NAME, copy)
    for place, tensor in copy.rows:
        place.put(tensor)


def onto_gpu(module: nn.Module, device: str | torch.device, *, recurse: bool = True) -> None:
    """Onto the device; kernels that follow wait for the copy by themselves. A copy in host memory stays there.

    Raises:
        torch.OutOfMemoryError: the device has no room; nothing has changed.
    """
    target = torch.device(device)
    if target.type == HOST:
        return
    copied = [(place, copied_to(place.tensor, target)) for place in places_of(module, recurse=recurse)]
    for place, tensor in copied:
        place.put(tensor)


def keep_on_host(module: nn.Module, *, recurse: bool = True) -> None:
    """Make where a module lies in host memory its copy there: page-locked if it may be, else the tensors it has."""
    places = list(places_of(module, recurse=recurse))
    copy = HostCopy(tuple((place, place.tensor.detach()) for place in places))
    if _may_pin(places):
        with suppress(MemoryError):
            copy = _copied(places)
    setattr(module, _NAME, copy)
    for place, tensor in copy.rows:
        place.put(tensor)


def forget(module: nn.Module) -> None:
    """Give up the copies in host memory of what lies on the GPU; what has left it keeps them."""
    for part in module.modules():
        copy = _kept(part)
        if copy is not None and any(not _is_on_host(place.tensor) for place, _ in copy.rows):
            delattr(part, _NAME)


def may_be_pinned(module: nn.Module) -> bool:
    """Whether there is plenty of host memory to lock a copy of it there."""
    return _may_pin(list(places_of(module)))


def host_nbytes(modules: Iterable[nn.Module]) -> int:
    """The host memory that weights take now: those that lie there, and copies of those on the GPU."""
    found: dict[int, Tensor] = {}
    for module in modules:
        for part in module.modules():
            copy = _kept(part)
            rows = [] if copy is None else [tensor for _, tensor in copy.rows]
            for tensor in [*rows, *(place.tensor for place in places_of(part, recurse=False))]:
                if _is_on_host(tensor):
                    found[tensor.data_ptr()] = tensor
    return sum(_real_nbytes(tensor) for tensor in found.values())


def device_nbytes(modules: Iterable[nn.Module], device: str) -> int:
    """The bytes of all weights, scales included, that lie on a kind of device now."""
    kind = torch.device(device).type
    tensors = (place.tensor for module in modules for place in places_of(module))
    return sum(tensor.nbytes for tensor in tensors if tensor.device.type == kind)


def places_of(module: nn.Module, *, recurse: bool = True) -> Iterator[Place]:
    """Where the tensors of a module are kept, those that several parts share once."""
    seen: set[int] = set()
    for part in module.modules() if recurse else (module,):
        for place in _own_places(part):
            if id(place.tensor) not in seen:
                seen.add(id(place.tensor))
                yield place


def copied_to(tensor: Tensor, device: torch.device) -> Tensor:
    """A copy on the device (the tensor itself where it lies there)."""
    return tensor.detach().to(device, non_blocking=device.type == "cuda" and not tensor.is_cuda)


def _own_places(part: nn.Module) -> Iterator[Place]:
    for names in (part._parameters, part._buffers):
        yield from (Place(part, name) for name, tensor in names.items() if tensor is not None)
    state = getattr(part.weight, "quant_state", None) if isinstance(part, Linear4bit) else None
    for one in (state, getattr(state, "state2", None)):
        yield from (Place(one, name) for name in _SCALES if isinstance(getattr(one, name, None), Tensor))


def _kept(module: nn.Module) -> HostCopy | None:
    return module.__dict__.get(_NAME)


def _copied(places: list[Place]) -> HostCopy:
    """A copy of what lies there now; raises MemoryError."""
    size, available = _nbytes(places), host_ram.available_mib() * MIB
    if available < size + host_ram.HEADROOM_MIB * MIB:
        raise MemoryError(f"{size // MIB:,} MiB of weights, {available // MIB:,} MiB of RAM available")
    pinned = _may_pin(places)
    return HostCopy(tuple((place, on_host(place.tensor, pinned=pinned)) for place in places))


def on_host(tensor: Tensor, *, pinned: bool) -> Tensor:
    """A copy in host memory; in ordinary memory where no more can be page-locked."""
    if pinned:
        with suppress(RuntimeError):
            return torch.empty_like(tensor, device=HOST, pin_memory=True).copy_(tensor.detach())
    return tensor.detach().to(HOST)


def _may_pin(places: list[Place]) -> bool:
    if not torch.cuda.is_available() or host_ram.pins_badly():
        return False
    return host_ram.available_mib() * MIB > PLENTY * _nbytes(places)


def _nbytes(places: list[Place]) -> int:
    return sum(place.tensor.nbytes for place in places)


def _is_on_host(tensor: Tensor) -> bool:
    return tensor.device.type == HOST


def _real_nbytes(tensor: Tensor) -> int:
    return pinned_nbytes(tensor.nbytes, os.environ) if tensor.is_pinned() else tensor.nbytes
