"""OpenAI's chat shape → one question about at most one picture.

Moondream answers one question about one picture; it has no notion of turns. So the last message is the question, what
came before it (system text, earlier turns) is put in front of it as text, and the newest picture of the conversation is
the one that is looked at; earlier ones are mentioned, not shown. What cannot be honoured is refused by name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from shared.contracts.generation import MAX_INLINE_CHARS, MAX_SEED, Contract, Priority
from shared.contracts.vision import MAX_NEW_TOKENS, MAX_QUESTION_CHARS
from shared.errors import InvalidRequest

MAX_MESSAGES = 200
EARLIER = "Earlier in this conversation:"
EARLIER_PICTURE = "[an earlier picture]"
SPEAKERS = {"user": "User", "assistant": "Assistant"}
#: OpenAI's tiers → our priorities.
TIERS = {"auto": Priority.NORMAL, "default": Priority.NORMAL, "flex": Priority.LOW, "priority": Priority.HIGH}
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


class TextPart(Contract):
    type: Literal["text"]
    text: str


class ImageUrl(Contract):
    url: str = Field(
        min_length=1,
        max_length=MAX_INLINE_CHARS,
        description="A data URI, bare base64, the id of a stored picture, or (where the server allows it) an address",
    )
    detail: Literal["auto", "high"] = Field("auto", description="The model always looks at full detail")


class ImagePart(Contract):
    type: Literal["image_url"]
    image_url: Annotated[ImageUrl, BeforeValidator(_addressed)]


Part = Annotated[TextPart | ImagePart, Field(discriminator="type")]
_NO_TOOLS = "this model cannot call tools"


class Message(Contract):
    """One turn. What an answer of ours has beside its text may come back as it was."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[list[Part], BeforeValidator(_listed)] = Field(min_length=1)
    name: Annotated[Any, only(None, why="speakers have no names here")] = None
    refusal: Annotated[Any, only(None, why="there are no refusals here")] = None
    annotations: Annotated[Any, only(None, [], why="there are no annotations here")] = None
    audio: Annotated[Any, only(None, why="this model does not hear or speak")] = None
    tool_calls: Annotated[Any, only(None, [], why=_NO_TOOLS)] = None
    function_call: Annotated[Any, only(None, why=_NO_TOOLS)] = None
    reasoning_content: str | None = None


class StreamOptions(Contract):
    include_usage: bool = False
    include_obfuscation: Annotated[Any, only(None, False, why="streams are not padded here")] = None


class ChatRequest(Contract):
    """`POST /v1/chat/completions`."""

    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES)
    model: str | None = Field(None, min_length=1, max_length=64, description="An analysis model; absent: the default")
    temperature: float | None = Field(None, ge=0, le=2, description="Absent: 0.5")
    top_p: float | None = Field(None, ge=0, le=1, description="Absent: 0.3, as the model was tuned")
    max_tokens: int | None = Field(None, ge=1, le=MAX_NEW_TOKENS, description="Of the answer; absent: 768")
    max_completion_tokens: int | None = Field(None, ge=1, le=MAX_NEW_TOKENS, description="The newer name of it")
    seed: int | None = Field(None, ge=0, le=MAX_SEED, description="The same seed gives the same answer")
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = Field(
        None, description="From low on the model thinks first; absent: it does not"
    )
    service_tier: Literal["auto", "default", "flex", "priority"] | None = Field(None, description="The job's priority")
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
    response_format: Annotated[Any, only(None, {"type": "text"}, why="this model answers in plain text only")] = None
    modalities: Annotated[Any, only(None, ["text"], why="this model answers in text only")] = None
    audio: Annotated[Any, only(None, why="this model does not speak")] = None
    stop: Annotated[Any, only(None, [], why="stop words are not supported")] = None
    frequency_penalty: Annotated[Any, only(None, 0, 0.0, why="penalties are not supported")] = None
    presence_penalty: Annotated[Any, only(None, 0, 0.0, why="penalties are not supported")] = None
    store: Annotated[Any, only(None, False, why="conversations are not stored")] = None
    metadata: Annotated[Any, only(None, {}, why="conversations are not stored")] = None
    prediction: Annotated[Any, only(None, why="predicted output is not supported")] = None
    web_search_options: Annotated[Any, only(None, why="this model does not search the web")] = None

    @property
    def reasons(self) -> bool:
        return self.reasoning_effort is not None and self.reasoning_effort not in NO_EFFORT

    @property
    def priority(self) -> Priority:
        return TIERS[self.service_tier or "auto"]

    def most_tokens(self) -> int | None:
        """Under whichever name it came.

        Raises:
            InvalidRequest: both names, with different values.
        """
        both = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(both) > 1:
            raise InvalidRequest("max_tokens and max_completion_tokens differ: give one", field="max_tokens")
        return next(iter(both), None)


@dataclass(frozen=True)
class Picture:
    """A picture of the conversation, and where it stands in the request."""

    url: str
    field: str


@dataclass(frozen=True)
class Asked:
    """What a conversation comes to."""

    question: str
    picture: Picture | None


def asked(messages: Sequence[Message]) -> Asked:
    """The question and the picture of a conversation.

    Raises:
        InvalidRequest: the last word is not the user's, it asks nothing, or about several pictures at once.
    """
    *before, last = messages
    if last.role != "user":
        raise InvalidRequest("the last message must be the user's: it is the question", field="messages")
    question = _text_of(last, shown=None)
    if not question:
        raise InvalidRequest("the last message has no text: ask something", field="messages")
    picture = _newest_picture(messages)
    system = [_text_of(message, shown=picture) for message in before if message.role in ("system", "developer")]
    turns = [f"{SPEAKERS[m.role]}: {_text_of(m, shown=picture)}" for m in before if m.role in SPEAKERS]
    history = ["\n".join([EARLIER, *turns])] if turns else []
    whole = "\n\n".join([*(text for text in system if text), *history, question])
    if len(whole) > MAX_QUESTION_CHARS:
        raise InvalidRequest(
            f"the conversation has {len(whole):,} characters of text, the limit is {MAX_QUESTION_CHARS:,}",
            field="messages",
        )
    return Asked(whole, picture)


def _newest_picture(messages: Sequence[Message]) -> Picture | None:
    for at in range(len(messages) - 1, -1, -1):
        parts = messages[at].content
        found = [
            Picture(part.image_url.url, f"messages.{at}.content.{i}.image_url.url")
            for i, part in enumerate(parts)
            if isinstance(part, ImagePart)
        ]
        if found and messages[at].role != "user":
            raise InvalidRequest("only the user shows pictures", field=f"messages.{at}.content")
        if len(found) > 1:
            raise InvalidRequest("this model looks at one picture at a time", field=f"messages.{at}.content")
        if found:
            return found[0]
    return None


def _text_of(message: Message, *, shown: Picture | None) -> str:
    """A message's words; a picture that is not looked at is mentioned."""
    words = []
    for part in message.content:
        if isinstance(part, TextPart):
            words.append(part.text.strip())
        elif shown is not None and part.image_url.url != shown.url:
            words.append(EARLIER_PICTURE)
    return "\n".join(word for word in words if word)
