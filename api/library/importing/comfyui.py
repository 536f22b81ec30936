"""ComfyUI's graph as fields: the text `prompt` holds every node that ran, by id. Pure.

What made the picture hangs together: the sampler names its positive and negative conditioning, its latents and its model;
following those links backwards finds prompt, size, checkpoint and adapters. Own nodes of others are followed by the same
names of inputs. The last sampler on the way to the picture counts: where a graph refines, it says what came out.

The limit we know of: graphs that compute their texts with nodes of their own give what stands in them, not what they made.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from api.library.importing import values

#: Links followed from one node: a graph with a circle or with thousands of nodes ends here.
MAX_NODES = 2_000
SAVES = ("SaveImage", "PreviewImage", "SaveAnimatedWEBP", "SaveImageWebsocket")
PROMPT_INPUTS = ("text", "text_g", "text_l", "prompt", "positive", "string", "value")

Node = Mapping[str, Any]
Graph = Mapping[str, Node]


def read(graph: Any) -> dict[str, Any] | None:
    """Our fields of a graph as JSON has it; None: there is no sampler in it."""
    if not isinstance(graph, Mapping) or not all(isinstance(node, Mapping) for node in graph.values()):
        return None
    sampler = _sampler(graph)
    if sampler is None:
        return None
    inputs = _inputs(sampler)
    guider = _node(graph, inputs.get("guider")) or sampler
    size = next((_inputs(n) for n in _behind(graph, inputs.get("latent_image")) if _has_size(n)), {})
    model_nodes = list(_behind(graph, inputs.get("model") or _inputs(guider).get("model")))
    return values.present(
        {
            "prompt": _prompt(graph, _inputs(guider).get("positive") or _inputs(guider).get("conditioning")),
            "negative_prompt": _prompt(graph, _inputs(guider).get("negative")),
            "steps": values.whole(_value(graph, sampler, "steps", via="sigmas")),
            "guidance_scale": values.number(_value(graph, guider, "cfg")),
            "seed": values.whole(_value(graph, sampler, "seed", "noise_seed", via="noise")),
            "width": values.whole(size.get("width")),
            "height": values.whole(size.get("height")),
            "model": _model(model_nodes),
            "strength": _strength(_value(graph, sampler, "denoise", via="sigmas")),
            "loras": list(_loras(model_nodes)),
            **values.sampling(
                _value(graph, sampler, "sampler_name", via="sampler"), _value(graph, sampler, "scheduler", via="sigmas")
            ),
        }
    )


def _sampler(graph: Graph) -> Node | None:
    """The one nearest to a saved picture; where nothing is saved, any."""
    for save in graph.values():
        if save.get("class_type") in SAVES:
            found = next((node for node in _behind(graph, _inputs(save).get("images")) if _samples(node)), None)
            if found is not None:
                return found
    return next((node for node in graph.values() if _samples(node)), None)


def _samples(node: Node) -> bool:
    inputs = _inputs(node)
    return "latent_image" in inputs and ("seed" in inputs or "noise_seed" in inputs or "noise" in inputs)


def _behind(graph: Graph, link: Any) -> Iterator[Node]:
    """The node a link comes from and all behind it, nearest first."""
    waiting, seen = [link], set[str]()
    while waiting and len(seen) < MAX_NODES:
        key = _target(waiting.pop(0))
        node = graph.get(key) if key is not None else None
        if key is None or key in seen or node is None:
            continue
        seen.add(key)
        yield node
        waiting += [value for value in _inputs(node).values() if _target(value) is not None]


def _target(link: Any) -> str | None:
    """A link is [id of a node, number of its output]."""
    is_link = isinstance(link, list) and len(link) == 2 and isinstance(link[0], str) and isinstance(link[1], int)
    return link[0] if is_link else None


def _node(graph: Graph, link: Any) -> Node | None:
    return graph.get(_target(link) or "")


def _inputs(node: Node) -> Mapping[str, Any]:
    inputs = node.get("inputs")
    return inputs if isinstance(inputs, Mapping) else {}


def _value(graph: Graph, node: Node, *names: str, via: str = "") -> Any:
    """An input's value: its own, or that of the node it is linked to; else that of the node behind `via`."""
    inputs = _inputs(node)
    for name in names:
        if name in inputs:
            return _resolved(graph, inputs[name], names)
    behind = _node(graph, inputs.get(via))
    return _value(graph, behind, *names) if behind is not None else None


def _resolved(graph: Graph, value: Any, names: tuple[str, ...]) -> Any:
    source = _node(graph, value)
    if source is None:
        return value
    return next((_inputs(source)[name] for name in (*names, "value") if name in _inputs(source)), None)


def _prompt(graph: Graph, link: Any) -> str | None:
    for node in _behind(graph, link):
        for name in PROMPT_INPUTS:
            found = values.text(_inputs(node).get(name))
            if found is not None:
                return found
    return None


def _has_size(node: Node) -> bool:
    return all(values.whole(_inputs(node).get(side)) for side in ("width", "height"))


def _model(nodes: list[Node]) -> str | None:
    names = ("ckpt_name", "unet_name", "model_name")
    found = (_inputs(node).get(name) for node in nodes for name in names)
    return next((values.model(name) for name in found if isinstance(name, str)), None)


def _loras(nodes: list[Node]) -> Iterator[dict[str, Any]]:
    for node in nodes[: values.MAX_LORAS]:
        found = values.lora(_inputs(node).get("lora_name"), _inputs(node).get("strength_model"))
        if found is not None:
            yield found


def _strength(denoise: Any) -> float | None:
    """1 is from nothing: no strength of a starting picture."""
    found = values.number(denoise)
    return found if found is not None and found < 1 else None
