"""The words by which an asset is found by meaning: what it shows, not how it was asked for. Pure.

A caption describes the picture; a prompt only wished for it, and stands in where there is no caption. Tags go with both.
Weights, LoRA syntax and praise ("masterpiece, 8k") are taken out: every second prompt has them, and they mean nothing.
"""

import re

#: As long as an encoder reads, about.
MAX_CHARS = 1500
_ANGLED = re.compile(r"<[^<>]{0,200}>")
_BRACKETS = re.compile(r"[()\[\]{}]+")
_WEIGHT = re.compile(r"(?<=\S):\s*-?\d+(?:\.\d+)?(?=\s*[)\]}])")
_BREAK = re.compile(r"\bBREAK\b")
#: What says how good a picture should be, whole parts between commas; written as A1111's and NovelAI's users do.
_PRAISE = re.compile(
    r"(?:(?:best|high|highest|amazing|top|ultra|very high) (?:quality|res|resolution|detail|details)"
    r"|masterpiece|(?:ultra|highly|extremely|insanely|very)[ -]?detailed(?: \w+)?|intricate(?: details?)?"
    r"|(?:4|8|16)k(?: (?:uhd|resolution|wallpaper))?|u?hd|hdr|raw photo|absurdres|sharp focus|award[ -]winning(?: \w+)?"
    r"|trending on artstation|artstation|score_\d+(?:_up)?|professional|photorealistic|hyper[ -]?realistic)",
    re.IGNORECASE,
)


def meaning_text(caption: str, tags: str, prompt: str) -> str:
    """What an encoder is given; "" where nothing is said of the picture.

    Args:
        tags: one a line.
    """
    shown = " ".join(caption.split()) or cleaned(prompt)
    named = ", ".join(tag.strip() for tag in tags.splitlines() if tag.strip())
    return ". ".join(part for part in (shown[:MAX_CHARS].rstrip(" .,"), named[:MAX_CHARS]) if part)[:MAX_CHARS]


def cleaned(prompt: str) -> str:
    """A prompt without its syntax and without praise; what is left may be ""."""
    plain = _BREAK.sub(",", _ANGLED.sub(" ", prompt))
    plain = _BRACKETS.sub(" ", _WEIGHT.sub("", plain))
    parts = (" ".join(part.split()) for part in re.split(r"[,\n]", plain))
    return ", ".join(part for part in parts if part and not _PRAISE.fullmatch(part))
