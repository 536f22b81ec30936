"""What the search box's `name:value` terms mean: each is an `AssetFilter`, and together they are one.

A row of `TERMS` a name. What does not contradict goes into the filter's own fields, as the API would be sent it; a second
word on the same field goes into `also`, a term that is turned round into `without`. `like:` is no filter: it asks for what
looks like a picture, and comes back beside it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from api.library.filters import ASSET_ID_PATTERN, AssetFilter
from api.library.query import BadQuery, FieldTerm, Query, parse
from shared.errors import InvalidRequest

#: What one term says in the fields of a filter.
Said = dict[str, Any]
LIKE = "like"
#: Asks for other pictures than the filter's own default does, so it counts for the whole box.
OF_THE_WHOLE = ("scope", "trashed")
_NESTED = ("also", "without")


@dataclass(frozen=True)
class Wanted:
    """What a search box asks for."""

    query: Query
    #: With the words that must be there.
    filter: AssetFilter
    #: Ids of the assets that what is found shall look like.
    like: tuple[str, ...] = ()

    @property
    def has_words(self) -> bool:
        return bool(self.query.words)


def read(text: str) -> Wanted:
    """Read a search box.

    Raises:
        BadQuery: it cannot be read; it says where.
    """
    query = parse(text, NAMES)
    whole: Said = {}
    also: list[AssetFilter] = []
    without: list[AssetFilter] = []
    like: list[str] = []
    for term in query.fields:
        if term.name == LIKE:
            like += _likes(query.text, term)
            continue
        said = _said(query.text, term)
        if term.is_negated:
            _refuse_of_the_whole(query.text, term, said)
            without.append(_filter(query.text, term, said))
        elif whole.keys() & said.keys():
            _refuse_of_the_whole(query.text, term, said)
            also.append(_filter(query.text, term, said))
        else:
            _filter(query.text, term, said)
            whole |= said
    words = query.text_terms or None
    return Wanted(query, AssetFilter(**whole, words=words, also=tuple(also), without=tuple(without)), tuple(like))


def read_rules(text: str) -> AssetFilter:
    """A box that is a filter and nothing else: of a rule album, a bulk change, a list.

    Raises:
        BadQuery: it cannot be read, or asks for likeness, which ranks and does not filter.
    """
    wanted = read(text)
    if wanted.like:
        term = next(field for field in wanted.query.fields if field.name == LIKE)
        raise BadQuery("like: ranks what is found and is no filter: use it in GET /v1/search", text, term.at)
    return wanted.filter


def joined(first: AssetFilter, second: AssetFilter) -> AssetFilter:
    """One filter that says what both say. Whose pictures are looked at, and whether in the trash, is the first's word where
    it has one.

    Raises:
        InvalidRequest: together they are more than one filter may say.
    """
    said, more = _explicit(first), _explicit(second)
    clashing = {name: value for name, value in more.items() if name in said and name not in (*OF_THE_WHOLE, *_NESTED)}
    alone = {name: value for name, value in more.items() if name not in said}
    nested = {name: (*said.get(name, ()), *more.get(name, ())) for name in _NESTED if name in said or name in more}
    try:
        also = (*nested.pop("also", ()), *([AssetFilter(**clashing)] if clashing else []))
        return AssetFilter(**{**said, **alone, **nested, "also": also})
    except ValidationError as exc:
        why = exc.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise InvalidRequest(f"the search and the filter together: {why}", field="filter") from exc


def _explicit(filter: AssetFilter) -> Said:
    """The fields that say something."""
    usual = AssetFilter()
    return {
        name: value for name in AssetFilter.model_fields if (value := getattr(filter, name)) != getattr(usual, name)
    }


def _refuse_of_the_whole(text: str, term: FieldTerm, said: Said) -> None:
    """Only once, and never turned round: `-is:trashed` is what every search without it asks for."""
    if said.keys() & set(OF_THE_WHOLE):
        raise BadQuery(f"{term.name}:{term.values[0].text} may stand once, and without a -", text, term.at)


def _said(text: str, term: FieldTerm) -> Said:
    row = TERMS[term.name]
    if term.comparison and not row.compares:
        raise BadQuery(f"{term.name}: has no {term.comparison}: write the value alone", text, term.values[0].at - 1)
    if len(term.values) > 1 and not row.takes_several:
        raise BadQuery(f"{term.name}: has one value", text, term.values[1].at)
    try:
        return row.read(tuple(value.text for value in term.values), term.comparison)
    except ValueError as exc:
        raise BadQuery(f"{term.name}: {exc}", text, term.values[0].at) from exc


def _filter(text: str, term: FieldTerm, said: Said) -> AssetFilter:
    try:
        return AssetFilter(**said)
    except ValidationError as exc:
        why = exc.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
        raise BadQuery(f"{term.name}: {why}", text, term.values[0].at) from exc


def _likes(text: str, term: FieldTerm) -> list[str]:
    if term.is_negated:
        raise BadQuery("like: cannot be turned round", text, term.at)
    for value in term.values:
        _filter(text, FieldTerm(LIKE, (value,), value.at, value.at), {"ids": (value.text,)})
    return [value.text for value in term.values]


# -- what each name means ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """How the values of one name are read, and what they look like."""

    read: Callable[[tuple[str, ...], str], Said]
    example: str
    compares: bool = False
    takes_several: bool = False


def _any_of(field: str, example: str) -> Row:
    return Row(lambda values, _: {field: values}, example, takes_several=True)


def _exactly(field: str, example: str) -> Row:
    return Row(lambda values, _: {field: values[0]}, example)


def _number(field: str, example: str, kind: type = int) -> Row:
    return Row(lambda values, op: _bounds(field, kind, values[0], op), example, compares=True)


def _bounds(field: str, kind: type, value: str, comparison: str) -> Said:
    number = _parsed(kind, value)
    just = 1 if kind is int else 0
    match comparison:
        case ">=":
            return {f"{field}_min": number}
        case "<=":
            return {f"{field}_max": number}
        case ">":
            return {f"{field}_min": number + just if just else math.nextafter(number, math.inf)}
        case "<":
            return {f"{field}_max": number - just if just else math.nextafter(number, -math.inf)}
    return {f"{field}_min": number, f"{field}_max": number}


def _parsed(kind: type, value: str) -> Any:
    """ASCII only, and never so long that Python would refuse to read it for its length."""
    if not value.isascii() or len(value) > 20 or "_" in value:
        raise ValueError(f"{value[:40]!r} is no number")
    try:
        number = kind(value)
    except ValueError as exc:
        raise ValueError(f"{value!r} is no {'whole ' if kind is int else ''}number") from exc
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is no number")
    return number


def _tags(values: tuple[str, ...], _: str) -> Said:
    return {"tag": values} if len(values) == 1 else {"any_tag": values}


def _seed(values: tuple[str, ...], _: str) -> Said:
    return {"seed": _parsed(int, values[0])}


def _size(values: tuple[str, ...], comparison: str) -> Said:
    sides = values[0].lower().replace("×", "x").split("x")
    if len(sides) != 2:
        raise ValueError(f"{values[0][:40]!r} is no size: write 1024x768")
    return _bounds("width", int, sides[0], comparison) | _bounds("height", int, sides[1], comparison)


#: How a date of so many characters is written.
_FORMS = {10: "%Y-%m-%d", 7: "%Y-%m", 4: "%Y"}


def _span(value: str) -> tuple[datetime, datetime]:
    """The first moment of a year, a month or a day in UTC, and the first one behind it; of a moment, itself twice."""
    form = _FORMS.get(len(value)) if value.isascii() else None
    if form is None:
        moment = _moment(value)
        return moment, moment
    try:
        first = datetime.strptime(value, form).replace(tzinfo=UTC)
        if form == "%Y-%m-%d":
            return first, first + timedelta(days=1)
        if form == "%Y-%m":
            return first, (first + timedelta(days=32)).replace(day=1)
        return first, first.replace(year=first.year + 1)
    except (ValueError, OverflowError) as exc:
        raise ValueError(f"{value!r} is no day, month or year: write 2026-11-01, 2026-11 or 2026") from exc


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as exc:
        raise ValueError(f"{value[:40]!r} is no date: write 2026-11-01, or 2026-11-01T18:30") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _made_on(values: tuple[str, ...], _: str) -> Said:
    first, behind = _span(values[0])
    return {"after": first, "before": behind}


def _choice(choices: dict[str, Said], example: str) -> Row:
    def read_choice(values: tuple[str, ...], _: str) -> Said:
        chosen = choices.get(values[0].lower())
        if chosen is None:
            raise ValueError(f"{values[0][:40]!r} is none of {', '.join(choices)}")
        return chosen

    return Row(read_choice, example)


#: Name → what it means.
TERMS: dict[str, Row] = {
    "model": _any_of("model", "model:sdxl,sdxl-anime"),
    "tag": Row(_tags, 'tag:cat; tag:cat,dog is any of them; tag:"red door"', takes_several=True),
    "album": Row(lambda values, _: {"album": values, "scope": "all"}, 'album:"My trip"', takes_several=True),
    "owner": Row(lambda values, _: {"owner": values, "scope": "all"}, "owner:ada", takes_several=True),
    "kind": _any_of("kind", "kind:generate,upload"),
    "origin": _any_of("origin", "origin:import"),
    "sampler": _any_of("scheduler", "sampler:euler"),
    "stars": _number("stars", "stars:>=4"),
    "nsfw": _number("nsfw", "nsfw:<0.2", float),
    "steps": _number("steps", "steps:>20"),
    "width": _number("width", "width:>=1024"),
    "height": _number("height", "height:<=512"),
    "size": Row(_size, "size:1024x768; size:>=1024x1024", compares=True),
    "seed": Row(_seed, "seed:42"),
    "after": Row(lambda values, _: {"after": _span(values[0])[0]}, "after:2026-11-01"),
    "before": Row(lambda values, _: {"before": _span(values[0])[0]}, "before:2026-11"),
    "on": Row(_made_on, "on:2026-11-01; on:2026-11; on:2026"),
    "job": _exactly("job", "job:job_…"),
    "batch": _exactly("batch", "batch:bat_…"),
    "stack": _exactly("stack", "stack:stk_…"),
    "parent": _exactly("parent", "parent:ast_…"),
    "analysis": _any_of("analysis", "analysis:failed"),
    "is": _choice(
        {
            "favourite": {"favourite": True},
            "favorite": {"favourite": True},
            "rack": {"visibility": "rack"},
            "private": {"visibility": "private"},
            "trashed": {"trashed": True},
        },
        "is:favourite",
    ),
    "has": _choice(
        {"caption": {"has_caption": True}, "parent": {"has_parent": True}, "stars": {"stars_min": 1}},
        "has:caption",
    ),
    "in": _choice({name: {"scope": name} for name in ("mine", "rack", "shared", "all")}, "in:all"),
    LIKE: Row(lambda values, _: {}, f"like:ast_… ({ASSET_ID_PATTERN})", takes_several=True),
}
NAMES = frozenset(TERMS)
