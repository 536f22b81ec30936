"""A conversation → one question about at most one picture.

Moondream answers one question about one picture; it has no notion of turns. So the last message is the question, what
came before it (system text, earlier turns) is put in front of it as text, and the newest picture of the conversation is
the one that is looked at; earlier ones are mentioned, not shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from api.compat.openai_chat.contract import ImagePart, Message, TextPart
from shared.contracts.vision import MAX_QUESTION_CHARS
from shared.errors import InvalidRequest

EARLIER = "Earlier in this conversation:"
EARLIER_PICTURE = "[an earlier picture]"
SPEAKERS = {"user": "User", "assistant": "Assistant"}


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
    #: The last message alone: "" where it has no text.
    last: str
    #: The texts of the system.
    system: tuple[str, ...] = ()
    #: Whether the picture came with the last message.
    is_fresh: bool = False


def asked(messages: Sequence[Message]) -> Asked:
    """The question and the picture of a conversation.

    Raises:
        InvalidRequest: the last word is not the user's, it asks nothing, or about several pictures at once.
    """
    *before, last = messages
    if last.role != "user":
        raise InvalidRequest("the last message must be the user's: it is the question", field="messages")
    question = _text_of(last, shown=None)
    picture = _newest_picture(messages)
    if not question and picture is None:
        raise InvalidRequest("the last message has neither text nor picture: ask something", field="messages")
    system = [_text_of(message, shown=picture) for message in before if message.role in ("system", "developer")]
    said = [(SPEAKERS[m.role], _text_of(m, shown=picture)) for m in before if m.role in SPEAKERS]
    turns = [f"{speaker}: {text}" for speaker, text in said if text]
    history = ["\n".join([EARLIER, *turns])] if turns else []
    whole = "\n\n".join(text for text in [*system, *history, question] if text)
    if len(whole) > MAX_QUESTION_CHARS:
        raise InvalidRequest(
            f"the conversation has {len(whole):,} characters of text, the limit is {MAX_QUESTION_CHARS:,}",
            field="messages",
        )
    return Asked(
        whole,
        picture,
        last=question,
        system=tuple(text for text in system if text),
        is_fresh=picture is not None and picture.field.startswith(f"messages.{len(before)}."),
    )


def _newest_picture(messages: Sequence[Message]) -> Picture | None:
    for at in range(len(messages) - 1, -1, -1):
        parts = messages[at].parts
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
    for part in message.parts:
        if isinstance(part, TextPart):
            words.append(part.text.strip())
        elif shown is not None and part.image_url.url != shown.url:
            words.append(EARLIER_PICTURE)
    return "\n".join(word for word in words if word)
