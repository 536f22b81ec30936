"""Text → the words it is found by. The same for what is stored and for what is asked, and the same on every database.

SQLite and PostgreSQL would each cut, fold and stem in their own way, and one search would find different pictures on each.
So it is done here, once: accents and case are folded, everything but letters and digits separates, an English plural counts
as its singular. Scripts that write no spaces (Han, kana) give a word a character; what is asked for together is then looked
for as a phrase.

A plural is told by its spelling (Harman's S-stemmer, and the endings `xes`, `ches`, `shes`, `sses`): `news` becomes `new`,
and `mice` stays.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

#: Longest word; the rest of a longer one is cut off, on both sides alike. PostgreSQL takes 2,046 bytes.
MAX_WORD_CHARS = 64
_RUN = re.compile(r"[^\W_]+")
#: Han with its extensions, Hiragana and Katakana.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def words_of(text: str) -> list[str]:
    """The words of a text in their order, folded, plurals as singulars."""
    return [_singular(word) for word in _folded_words(text)]


def prefix_of(text: str) -> list[str]:
    """The words of a text whose last one is only a beginning: that one stays as it was typed."""
    words = list(_folded_words(text))
    return [*(_singular(word) for word in words[:-1]), *words[-1:]]


def _folded_words(text: str) -> Iterator[str]:
    for run in _RUN.findall(_folded(text)):
        yield from (word[:MAX_WORD_CHARS] for word in _cut(run))


def _folded(text: str) -> str:
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(char for char in apart if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", bare)  # Hangul was taken apart too


def _cut(run: str) -> Iterator[str]:
    """A run of letters, with each unspaced character a word of its own."""
    if run.isascii():
        yield run
        return
    start = 0
    for found in _UNSPACED.finditer(run):
        if found.start() > start:
            yield run[start : found.start()]
        yield found.group()
        start = found.end()
    if start < len(run):
        yield run[start:]


@lru_cache(maxsize=65_536)
def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word if word.endswith(("eies", "aies")) else word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1]
