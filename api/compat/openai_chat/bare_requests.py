"""Whether a text is nothing but a request to describe the picture. Pure.

Such a text adds nothing to the picture, and a model that was trained to caption does that better without it. Whatever asks
for more (a length, an aspect, a language, a format) is a question and stays one.
"""

import difflib
import re

#: Words that are neither asked for nor about the picture.
_POLITE = (
    r"(?:please|pls|plz|kindly|hi|hello|hey|thanks|thank you|ok|okay|just|now|quickly|"
    r"(?:can|could|would|will) you|i(?: would|d)? (?:want|need|like) you to|help me)"
)
_NOUN = (
    r"(?:images?|pictures?|photos?|photographs?|pics?|imgs?|screenshots?|snapshots?|drawings?|paintings?|illustrations?|"
    r"artworks?|scenes?|attachments?|contents?)"
)
_WHICH = (
    r"(?:the|this|that|these|my|our|an?|following|above|below|attached|given|provided|uploaded|enclosed|whole|entire)"
)
_WHERE = r"(?:above|below|attached|here|provided|given|i (?:sent|uploaded|attached)(?: you)?|for me|to me|for us)"
_THING = rf"(?:(?:it|this|that|(?:{_WHICH} )*{_NOUN}(?: of (?:{_WHICH} )*{_NOUN})?)(?: {_WHERE})*)"
_SEEN = (
    rf"(?:whats|what (?:you (?:can )?see|is|there is|is (?:shown|visible|depicted|there)|{_THING} shows))"
    rf"(?: (?:here|(?:in|on|inside) {_THING}))?"
)
_VERB = r"(?:describe|caption|depict)"
_TEXT = rf"(?:{_NOUN} )?(?:description|descriptions|caption|captions)"
_GIVE = r"(?:give|write|provide|generate|create|make|produce|show|tell|add|return|output|i need|i want|i would like)"
_BARE = re.compile(
    rf"(?:{_POLITE} )*(?:"
    rf"{_VERB}(?: (?:to )?(?:me|us))?(?: {_THING}| {_SEEN})?"
    rf"|(?:{_GIVE}(?: (?:me|us))? )?(?:(?:an?|the|one|your) )?{_TEXT}(?: (?:of|for|about|to) {_THING})?(?: {_WHERE})*"
    rf"|{_THING} {_TEXT}"
    rf")(?: {_POLITE})*"
)
#: Longer words that people misspell; short ones turn into each other.
_MISSPELT = ("describe", "caption", "description", "picture", "image", "photo", "photograph", "please")
_LEAST_LETTERS, _LIKENESS = 5, 0.8
#: A text longer than this says more.
_MOST_CHARS = 200

#: Instructions that every client sends and that say nothing about the answer.
_NEUTRAL_SYSTEM = re.compile(
    r"you are an? (?:(?:very|helpful|friendly|useful|polite|smart|intelligent|expert|professional|honest|harmless|and|ai|"
    r"visual|vision|image|picture|photo|multimodal|captioning|caption|description|analysis|language) )*"
    r"(?:assistant|model|ai|chatbot|bot|captioner|expert)"
)


def is_bare(text: str) -> bool:
    """Whether a text only asks for a description; an empty one does."""
    if len(text) > _MOST_CHARS:
        return False
    words = _words(text)
    return not words or _BARE.fullmatch(" ".join(_spelt(word) for word in words)) is not None


def is_neutral(system: str) -> bool:
    """Whether a system text changes nothing about a description."""
    words = _words(system)
    return not words or _NEUTRAL_SYSTEM.fullmatch(" ".join(words)) is not None


def _words(text: str) -> list[str]:
    """Its words in lower case; punctuation, marks and quotes are gone."""
    return re.findall(r"\w+", re.sub(r"['’`]", "", text.lower()).replace("_", " "))


def _spelt(word: str) -> str:
    if len(word) < _LEAST_LETTERS:
        return word
    close = difflib.get_close_matches(word, _MISSPELT, n=1, cutoff=_LIKENESS)
    return close[0] if close else word
