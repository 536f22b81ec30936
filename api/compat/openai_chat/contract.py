"""OpenAI's chat shape as we take it.

What would change the meaning and cannot be honoured is refused by name; what would not is taken, and named in the answer.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from api.compat.openai_chat.ignorable_fields import (
    IgnoredOfMessage,
    IgnoredOfPart,
    IgnoredOfRequest,
    IgnoredOfStream,
    ignored_in,
)
from shared.contracts.base import MAX_INLINE_CHARS, Priority, Seed
from shared.contracts.vision import MAX_NEW_TOKENS
from shared.errors import InvalidRequest

MAX_MESSAGES = 200
#: OpenAI's tiers → our priorities.
TIERS = {
    "auto": Priority.NORMAL,
    "default": Priority.NORMAL,
    "flex": Priority.LOW,
    "scale": Priority.NORMAL,
    "priority": Priority.HIGH,
}
#: What some clients send for "as long as it gets".
NO_LIMIT = -1
#: Forms of an answer: words, or a JSON object.
FORMATS = ("text", "json_object")
#: Efforts that mean no reasoning.
NO_EFFORT = ("none", "minimal")


def only(*neutral: Any, why: str) -> Any:
    """A field that is taken only where it changes nothing."""

    def check(value: Any) -> Any:
        if not any(value == each and type(value) is type(each) for each in neutral):
            raise ValueError(why)
        return value

    return AfterValidator(check)


def _listed(content: Any) -> Any:
    """Plain text is one text part."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _addressed(image_url: Any) -> Any:
    """Some clients send the address alone."""
    return {"url": image_url} if isinstance(image_url, str) else image_url


def _filled(content: Any, info: ValidationInfo) -> Any:
    """Only a turn of the assistant's may be without content, as after a call of a tool."""
    if content is None and info.data.get("role") != "assistant":
        raise ValueError("only an assistant's turn may have no content")
    return content or []


def _limit(value: Any) -> Any:
    """-1 is no limit, and no number of tokens."""
    return None if value == NO_LIMIT and type(value) is int else value


def _format(value: Any) -> Any:
    """The form of the answer.

    Raises:
        ValueError: another one than words or a JSON object without a schema.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or value.get("type") not in FORMATS or any(value[k] for k in value if k != "type"):
        raise ValueError('this model answers in words, or with {"type": "json_object"} in JSON; it keeps to no schema')
    return value


class TextPart(IgnoredOfPart):
    type: Literal["text", "input_text"]
    text: str


class ImageUrl(IgnoredOfPart):
    url: str = Field(
        min_length=1,
        max_length=MAX_INLINE_CHARS,
        description="A data URI, bare base64, the id of a stored picture, or (where the server allows it) an address",
    )
    detail: Literal["low", "auto", "high", "original"] | None = Field(
        None, description="A hint; the model always looks at full detail"
    )
    format: str | None = Field(None, max_length=100, description="The media type; the bytes say it anyway")


class ImagePart(IgnoredOfPart):
    type: Literal["image_url", "input_image"]
    image_url: Annotated[ImageUrl, BeforeValidator(_addressed)]
    detail: Literal["low", "auto", "high", "original"] | None = None


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]
_NO_TOOLS = "this model cannot call tools"


class Message(IgnoredOfMessage):
    """One turn. What an answer of ours has beside its text may come back as it was."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        Annotated[list[Part], Field(min_length=1)] | None, BeforeValidator(_listed), AfterValidator(_filled)
    ] = Field(None, validate_default=True)
    audio: Annotated[Any, only(None, why="this model does not hear or speak")] = None
    tool_calls: Annotated[Any, only(None, [], why=_NO_TOOLS)] = None
    function_call: Annotated[Any, only(None, why=_NO_TOOLS)] = None

    @property
    def parts(self) -> list[TextPart | ImagePart]:
        return self.content or []


class StreamOptions(IgnoredOfStream):
    include_usage: bool | None = None


class ChatRequest(IgnoredOfRequest):
    """`POST /v1/chat/completions`."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    model: str | None = Field(None, min_length=1, max_length=64, description="An analysis model; absent: the default")
    temperature: float | None = Field(None, ge=0, le=2, description="Absent: 0.5")
    top_p: float | None = Field(None, ge=0, le=1, description="Absent: 0.3, as the model was tuned")
    max_tokens: Annotated[int | None, BeforeValidator(_limit)] = Field(
        None, ge=1, description=f"Of the answer; absent: 768, above {MAX_NEW_TOKENS:,}: clamped to that"
    )
    max_completion_tokens: Annotated[int | None, BeforeValidator(_limit)] = Field(
        None, ge=1, description="The newer name of it"
    )
    seed: Seed = Field(None, description="The same seed gives the same answer; absent, null or -1: drawn")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="From low on the model thinks first; absent: it does not"
    )
    service_tier: Literal["auto", "default", "flex", "scale", "priority"] | None = Field(
        None, description="The job's priority"
    )
    user: str | None = Field(None, max_length=256, description="Kept in the job's record")

    n: Annotated[Any, only(None, 1, why="one answer per request: ask again for another")] = None
    tools: Annotated[Any, only(None, [], why=_NO_TOOLS)] = None
    tool_choice: Annotated[Any, only(None, "none", "auto", why=_NO_TOOLS)] = None
    parallel_tool_calls: Annotated[Any, only(None, False, True, why=_NO_TOOLS)] = None
    functions: Annotated[Any, only(None, [], why=_NO_TOOLS)] = None
    function_call: Annotated[Any, only(None, "none", "auto", why=_NO_TOOLS)] = None
    logprobs: Annotated[Any, only(None, False, why="probabilities are not given")] = None
    top_logprobs: Annotated[Any, only(None, 0, why="probabilities are not given")] = None
    logit_bias: Annotated[Any, only(None, {}, why="tokens cannot be weighted")] = None
    response_format: Annotated[Any, AfterValidator(_format)] = Field(
        None, description='{"type": "json_object"}: the answer is a JSON object; a request for a box is then detected'
    )
    modalities: Annotated[Any, only(None, ["text"], why="this model answers in text only")] = None
    audio: Annotated[Any, only(None, why="this model does not speak")] = None
    stop: Annotated[Any, only(None, [], "", why="stop words are not supported")] = None
    frequency_penalty: Annotated[Any, only(None, 0, 0.0, why="penalties are not supported")] = None
    presence_penalty: Annotated[Any, only(None, 0, 0.0, why="penalties are not supported")] = None
    prediction: Annotated[Any, only(None, why="predicted output is not supported")] = None
    web_search_options: Annotated[Any, only(None, why="this model does not search the web")] = None

    @property
    def reasons(self) -> bool:
        return self.reasoning_effort is not None and self.reasoning_effort not in NO_EFFORT

    @property
    def priority(self) -> Priority:
        return TIERS[self.service_tier or "auto"]

    @property
    def is_json(self) -> bool:
        return self.response_format is not None and self.response_format["type"] == "json_object"

    def most_tokens(self) -> int | None:
        """Under whichever name it came, at most what the model can say.

        Raises:
            InvalidRequest: both names, with different values.
        """
        both = {min(n, MAX_NEW_TOKENS) for n in (self.max_tokens, self.max_completion_tokens) if n is not None}
        if len(both) > 1:
            raise InvalidRequest("max_tokens and max_completion_tokens differ: give one", field="max_tokens")
        return next(iter(both), None)

    def clamped(self) -> dict[str, int]:
        """What was given beyond its limit, and what was taken instead."""
        given = {"max_tokens": self.max_tokens, "max_completion_tokens": self.max_completion_tokens}
        return {name: MAX_NEW_TOKENS for name, n in given.items() if n is not None and n > MAX_NEW_TOKENS}

    def ignored(self) -> list[str]:
        """What was given and changes nothing, by its path."""
        return [*ignored_in(self), *self._low_details()]

    def _low_details(self) -> list[str]:
        """The model looks at full detail, so that asking for less is not honoured."""
        found = []
        for at, message in enumerate(self.messages):
            for i, part in enumerate(message.parts):
                if isinstance(part, ImagePart) and "low" in (part.detail, part.image_url.detail):
                    place = f"messages.{at}.content.{i}"
                    found.append(f"{place}.detail" if part.detail == "low" else f"{place}.image_url.detail")
        return found
