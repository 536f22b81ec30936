"""The search box: one line of text → its terms, each with its place. Pure, and knows no database.

    cats "red door" -snow model:sdxl tag:cat,dog stars:>=4 after:2026-11-01 is:favourite like:ast_… paint*

Terms stand side by side and all must hold. A term is words, a `"phrase"`, a beginning (`paint*`), or `name:value`; a `-`
before it turns it round. A value may be quoted (`album:"My trip"`), may be several (`a,b`: any of them), and may begin with
a comparison (`>=4`). What a `name:` means, and which there are, is told by `terms`; a colon behind a digit (`16:9`) or
before `//` is text like any other. Marks that are no words (`&`, a lone `-`) are passed over and told in `ignored`.

Whatever cannot be read is a `BadQuery` that says where.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from api.library.tokens import prefix_of, words_of
from shared.errors import InvalidRequest

#: The field that an error names.
FIELD = "q"
MAX_CHARS = 1000
MAX_TERMS = 50
#: How much of the box stands in a message on each side of the place.
_SHOWN_CHARS = 30
_SPACES = re.compile(r"[\s\x00-\x1f\x7f]*")
_NAME = re.compile(r"([A-Za-z][A-Za-z_]*):(?!//)")
_BARE = re.compile(r"[^\s\x00-\x1f\x7f\"]+")
_VALUE = re.compile(r"[^\s\x00-\x1f\x7f\",]+")
_COMPARISON = re.compile(r">=|<=|>|<|=")


class BadQuery(InvalidRequest):
    """The box cannot be read. `at` is the character (from 0) where it went wrong."""

    def __init__(self, what: str, text: str, at: int) -> None:
        super().__init__(f"{what}, at character {at + 1}:\n{_pointed(text, at)}", field=FIELD)
        self.at = at

    def as_dict(self) -> dict[str, object]:
        return {**super().as_dict(), "at": self.at}


@dataclass(frozen=True)
class Words:
    """Words that stand together in a text; in folded form, at least one."""

    words: tuple[str, ...]
    is_prefix: bool = False
    is_negated: bool = False
    #: In quotes: what only means the same is not enough.
    is_quoted: bool = False


@dataclass(frozen=True)
class Value:
    """A piece of the box, and the character where it begins: a value of a field, or a whole term."""

    text: str
    at: int


@dataclass(frozen=True)
class FieldTerm:
    """`name:value,value`. `comparison` is one of `>=`, `<=`, `>`, `<`, `=`, or "" where none was written."""

    name: str
    values: tuple[Value, ...]
    #: Where its name begins, and where the term does: with its `-`.
    at: int
    term_at: int
    comparison: str = ""
    is_negated: bool = False


@dataclass(frozen=True)
class Query:
    """A box that could be read."""

    text: str
    words: tuple[Words, ...] = ()
    fields: tuple[FieldTerm, ...] = ()
    #: What was passed over, as it was written.
    ignored: tuple[str, ...] = ()
    #: The text terms as they were written, without those turned round: what the search by meaning is asked.
    said: str = ""
    #: Every term as it was written, but for what was passed over.
    terms: tuple[Value, ...] = ()

    @property
    def text_terms(self) -> str:
        """Those that are words, as a box of their own."""
        places = {field.term_at for field in self.fields}
        return " ".join(term.text for term in self.terms if term.at not in places)


def parse(text: str, names: Collection[str]) -> Query:
    """Read a box.

    Args:
        names: the fields there are, in lower case.

    Raises:
        BadQuery: it is too long, a quote stays open, a field is unknown or has no value.
    """
    if len(text) > MAX_CHARS:
        raise BadQuery(f"a search has at most {MAX_CHARS:,} characters, this one {len(text):,}", text, MAX_CHARS)
    text = text.replace("\x00", " ")  # in quotes too: no database and no filter takes it
    reader = _Reader(text, frozenset(names))
    while reader.read_term():
        if len(reader.words) + len(reader.fields) > MAX_TERMS:
            raise BadQuery(f"a search has at most {MAX_TERMS} terms", text, reader.term_at)
    return Query(
        text,
        tuple(reader.words),
        tuple(reader.fields),
        tuple(reader.ignored),
        " ".join(reader.said),
        tuple(reader.terms),
    )


def words_in(text: str) -> tuple[Words, ...]:
    """A box in which there are words alone.

    Raises:
        BadQuery: it cannot be read, or has a field.
    """
    return parse(text, ()).words


class _Reader:
    """Goes through a box once, from left to right."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self._text = text
        self._names = names
        self._at = 0
        self.term_at = 0
        self.words: list[Words] = []
        self.fields: list[FieldTerm] = []
        self.ignored: list[str] = []
        self.said: list[str] = []
        self.terms: list[Value] = []

    def read_term(self) -> bool:
        """False where nothing is left."""
        self._skip(_SPACES)
        if self._at >= len(self._text):
            return False
        self.term_at = self._at
        is_negated = self._take("-")
        named = _NAME.match(self._text, self._at)
        if named is not None:
            self._read_field(named, is_negated)
            self._remember()
        elif self._take('"'):
            self._add_words(self._quoted(self._at - 1), is_negated)
        else:
            self._add_words(self._skip(_BARE), is_negated)
        return True

    def _read_field(self, named: re.Match[str], is_negated: bool) -> None:
        name = named[1].lower()
        if name not in self._names:
            known = ", ".join(f"{each}:" for each in sorted(self._names)) or "none here"
            what = f"there is no {name}: to search by; there are {known}. Quote it to search for the words"
            raise BadQuery(what, self._text, named.start())
        self._at = named.end()
        comparison = self._skip(_COMPARISON)
        values = [self._value(name)]
        while self._take(","):
            values.append(self._value(name))
        self.fields.append(FieldTerm(name, tuple(values), named.start(), self.term_at, comparison, is_negated))

    def _value(self, name: str) -> Value:
        at = self._at
        value = self._quoted(at) if self._take('"') else self._skip(_VALUE)
        if not value.strip():
            raise BadQuery(f"{name}: needs a value", self._text, min(at, max(0, len(self._text) - 1)))
        return Value(value.strip(), at)

    def _quoted(self, opened_at: int) -> str:
        """Up to the closing quote, which is taken too; the opening one was."""
        closed_at = self._text.find('"', self._at)
        if closed_at < 0:
            raise BadQuery("this quote is never closed", self._text, opened_at)
        inside, self._at = self._text[self._at : closed_at], closed_at + 1
        return inside

    def _add_words(self, written: str, is_negated: bool) -> None:
        is_quoted = self._text[self._at - 1] == '"'
        is_prefix = written.endswith("*") and not is_quoted
        found = prefix_of(written) if is_prefix else words_of(written)
        if not found:
            if as_written := self._text[self.term_at : self._at].strip():
                self.ignored.append(as_written)
            return
        self.words.append(Words(tuple(found), is_prefix, is_negated, is_quoted))
        self._remember()
        if not is_negated:
            self.said.append(written.rstrip("*"))

    def _remember(self) -> None:
        self.terms.append(Value(self._text[self.term_at : self._at], self.term_at))

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return found.group()

    def _take(self, char: str) -> bool:
        if not self._text.startswith(char, self._at):
            return False
        self._at += len(char)
        return True


def _pointed(text: str, at: int) -> str:
    """The part of the box around a place, with a caret below it; what a line cannot show is a dot."""
    start = max(0, at - _SHOWN_CHARS)
    part = text[start : at + _SHOWN_CHARS]
    shown = "".join(char if char.isprintable() else "·" for char in part)
    before, after = ("…" if start else ""), ("…" if at + _SHOWN_CHARS < len(text) else "")
    return f"{before}{shown}{after}\n{' ' * (len(before) + at - start)}^"
