"""What today's chat clients send and this model has no use for: it is taken, changes nothing, and is named in the answer.

Ignorable is what leaves the meaning of a request as it is: hints to other samplers, caches, stores and accounts. What asks
for another answer than ours (tools, stop words, a schema) is refused where it stands. A name that nobody sends is a typing
error and stays one.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

from shared.contracts.base import Contract

Ignored = Annotated[Any, Field(description="Taken and ignored")]
#: Values that ask for nothing, so that ignoring them needs no word.
NOTHING: tuple[Any, ...] = (None, False, "", [], {})


class IgnoredOfRequest(Contract):
    """Beside a conversation."""

    # OpenAI
    metadata: Ignored = None
    prompt_cache_key: Ignored = None
    prompt_cache_retention: Ignored = None
    safety_identifier: Ignored = None
    store: Ignored = None
    verbosity: Ignored = None
    # Other samplers: vLLM, llama.cpp, Ollama, LM Studio, text-generation-webui
    do_sample: Ignored = None
    length_penalty: Ignored = None
    min_p: Ignored = None
    mirostat: Ignored = None
    mirostat_eta: Ignored = None
    mirostat_tau: Ignored = None
    repeat_last_n: Ignored = None
    repeat_penalty: Ignored = None
    repetition_penalty: Ignored = None
    tfs_z: Ignored = None
    top_a: Ignored = None
    top_k: Ignored = None
    typical_p: Ignored = None
    # Other words for an effort
    enable_thinking: Ignored = None
    reasoning: Ignored = None
    think: Ignored = None
    thinking: Ignored = None
    # Other servers' housekeeping
    add_generation_prompt: Ignored = None
    cache_control: Ignored = None
    cache_prompt: Ignored = None
    chat_template_kwargs: Ignored = None
    include_reasoning: Ignored = None
    keep_alive: Ignored = None
    num_ctx: Ignored = None
    skip_special_tokens: Ignored = None
    # Gateways and pages: LiteLLM, OpenRouter, Open WebUI, LibreChat
    background_tasks: Ignored = None
    caching: Ignored = None
    chat_id: Ignored = None
    conversation_id: Ignored = None
    drop_params: Ignored = None
    features: Ignored = None
    id: Ignored = None
    num_retries: Ignored = None
    provider: Ignored = None
    session_id: Ignored = None
    tags: Ignored = None
    timeout: Ignored = None
    transforms: Ignored = None
    usage: Ignored = None
    variables: Ignored = None


class IgnoredOfPart(Contract):
    """Beside a part of a message."""

    annotations: Ignored = None
    cache_control: Ignored = None
    id: Ignored = None
    uuid: Ignored = None


class IgnoredOfMessage(Contract):
    """Beside a turn. What answers of other servers have beside their text may come back as it was."""

    annotations: Ignored = None
    cache_control: Ignored = None
    id: Ignored = None
    metadata: Ignored = None
    name: Ignored = None
    provider_specific_fields: Ignored = None
    reasoning: Ignored = None
    reasoning_content: Ignored = None
    reasoning_details: Ignored = None
    refusal: Ignored = None
    status: Ignored = None
    thinking_blocks: Ignored = None
    timestamp: Ignored = None


class IgnoredOfStream(Contract):
    """Beside the options of a stream."""

    continuous_usage_stats: Ignored = None
    include_obfuscation: Ignored = None


BASES = (IgnoredOfRequest, IgnoredOfPart, IgnoredOfMessage, IgnoredOfStream)


def ignored_in(sent: Contract, path: str = "") -> list[str]:
    """The fields of a request that were given and are ignored, by their paths."""
    return list(_found(sent, path))


def _found(sent: Contract, path: str) -> Iterator[str]:
    ignorable: Mapping[str, Any] = next((base.model_fields for base in BASES if isinstance(sent, base)), {})
    for name in (each for each in type(sent).model_fields if each in sent.model_fields_set):
        value, here = getattr(sent, name), f"{path}.{name}" if path else name
        if name in ignorable:
            if not any(value == each and type(value) is type(each) for each in NOTHING):
                yield here
        elif isinstance(value, Contract):
            yield from _found(value, here)
        elif isinstance(value, list):
            for index, each in enumerate(value):
                if isinstance(each, Contract):
                    yield from _found(each, f"{here}.{index}")
