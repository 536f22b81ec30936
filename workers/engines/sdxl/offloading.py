"""Weights that wait in host memory and visit the GPU while they work: whole parts of a pipeline, or single layers.

diffusers' older ways of offloading copy a part back to the host after each visit, and empty the allocator's cache for every
single weight. Weights do not change, so here a visit ends by dropping what lies on the GPU, and freed blocks serve the
next layer. The hooks are accelerate's, because the pipelines ask those where to compute.

With streams ("group") it is diffusers' newer way: while a layer works the next one is copied, from page-locked memory, and
nothing is copied back. It learns the order of the layers in its first pass, which therefore must not be a job's (`engine.load`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from accelerate.utils import send_to_device
from diffusers.hooks import apply_group_offloading
from torch import nn

from workers.engines.base import LoadPlan
from workers.engines.torch_tools.host_copy import keep_on_host, may_be_pinned, off_gpu, onto_gpu, places_of


def enable(parts: Sequence[nn.Module], plan: LoadPlan) -> None:
    """Let all parts wait in host memory, where they lie already, and visit the plan's device as it says."""
    for part in parts:
        if plan.offload == "group":
            enable_streams(part, plan.device)
            continue
        if plan.offload == "model":
            keep_on_host(part)
            add_hook_to_module(part, PartVisits(plan.device, parts), append=True)
        else:
            _enable_layers(part, plan.device)


def end_visits(parts: Iterable[nn.Module]) -> None:
    """After a job, also a broken one: whatever still visits the GPU leaves it."""
    for part in parts:
        for layer in part.modules():
            hook = getattr(layer, "_hf_hook", None)
            if isinstance(hook, PartVisits | LayerVisits):
                off_gpu(layer, recurse=isinstance(hook, PartVisits))
            if (group := _group_of(layer)) is not None:
                group.offload_()


class PartVisits(ModelHook):  # type: ignore[misc]
    """One part is on the GPU at a time; it stays until another one works, so that the UNet comes once a job."""

    def __init__(self, device: str, parts: Sequence[nn.Module]) -> None:
        self.execution_device = torch.device(device)
        self._parts = parts

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """See `ModelHook`."""
        if not self._is_here(module):
            for other in self._parts:
                off_gpu(other)
            onto_gpu(module, self.execution_device)
        return send_to_device(args, self.execution_device), send_to_device(kwargs, self.execution_device)

    def _is_here(self, module: nn.Module) -> bool:
        """Parts move as a whole: one weight speaks for all. Asked at every step of the UNet."""
        return next(places_of(module)).tensor.device.type == self.execution_device.type


class LayerVisits(ModelHook):  # type: ignore[misc]
    """A layer is on the GPU while it works; its parts have hooks of their own."""

    def __init__(self, device: str) -> None:
        self.execution_device = torch.device(device)

    def pre_forward(self, module: nn.Module, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
        """See `ModelHook`."""
        onto_gpu(module, self.execution_device, recurse=False)
        return send_to_device(args, self.execution_device), send_to_device(kwargs, self.execution_device)

    def post_forward(self, module: nn.Module, output: Any) -> Any:
        """See `ModelHook`."""
        off_gpu(module, recurse=False)
        return output


def enable_streams(part: nn.Module, device: str) -> None:
    """Only CUDA has streams; elsewhere every hook runs, and copies without them. Where the host has no plenty of memory to lock,
    each layer is locked for its own copy."""
    has_streams = torch.device(device).type == "cuda"
    apply_group_offloading(
        part,
        torch.device(device),
        offload_type="leaf_level",
        use_stream=has_streams,
        record_stream=has_streams,
        low_cpu_mem_usage=has_streams and not may_be_pinned(part),
    )


def _group_of(layer: nn.Module) -> Any:
    """What of a layer visits the GPU with streams; None: nothing does."""
    registry = getattr(layer, "_diffusers_hook", None)
    hook = registry.get_hook("group_offloading") if registry is not None else None
    return None if hook is None else hook.group


def _enable_layers(part: nn.Module, device: str) -> None:
    for layer in part.modules():
        is_busy = any(True for _ in places_of(layer, recurse=False))
        if is_busy:
            keep_on_host(layer, recurse=False)
        if is_busy or layer is part:  # a part's own hook tells the pipeline where to compute
            add_hook_to_module(layer, LayerVisits(device), append=True)
