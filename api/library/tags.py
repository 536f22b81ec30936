"""Tags and who put them: a person's word always wins.

An analysis replaces what analyses said before (`auto`); it never changes a row of a person (`user`), neither one that was
put nor one that was taken away. After any change `write_words` brings the words that the text index reads up to date.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import delete, false, func, literal, select, update
from sqlalchemy.orm import Session

from api.library.filters import tag_name
from api.library.statements import in_chunks, upsert
from api.library.tables import Asset, AssetTag, AssetText, Tag
from shared.errors import InvalidRequest

#: Longest name, and most tags that one request or one analysis may put.
MAX_CHARS, MAX_TAGS = 100, 100
#: Tags stand in the text index a line each.
SEPARATOR = "\n"


def checked(names: Iterable[str], *, field: str) -> list[str]:
    """Names as they are stored, each once.

    Raises:
        InvalidRequest: one is empty or too long, or there are too many.
    """
    found = list(dict.fromkeys(tag_name(name) for name in names))
    if len(found) > MAX_TAGS:
        raise InvalidRequest(f"{field}: at most {MAX_TAGS} tags at once, got {len(found)}", field=field)
    for name in found:
        if not name or len(name) > MAX_CHARS or "\0" in name:
            raise InvalidRequest(f"{field}: a tag has 1 to {MAX_CHARS} characters, got {len(name)}", field=field)
    return found


def numbers_of(session: Session, names: Sequence[str]) -> dict[str, int]:
    """The rows of these names, made where they are not yet."""
    if not names:
        return {}
    session.execute(upsert(session, Tag).on_conflict_do_nothing(), [{"name": name} for name in names])
    rows = session.execute(select(Tag.name, Tag.no).where(Tag.name.in_(names)))
    return {row.name: row.no for row in rows}


def put(session: Session, asset_nos: Sequence[int], names: Sequence[str]) -> None:
    """A person puts these on these assets, also where they had been taken away."""
    columns = ["tag_no", "asset_no", "source", "is_off"]
    for no in numbers_of(session, names).values():
        for some in in_chunks(asset_nos):
            rows = select(literal(no), Asset.no, literal("user"), false()).where(Asset.no.in_(some))
            statement = upsert(session, AssetTag).from_select(columns, rows)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["tag_no", "asset_no"], set_={"source": "user", "is_off": False}
                )
            )


def take_away(session: Session, asset_nos: Sequence[int], names: Sequence[str]) -> None:
    """A person takes these away; no analysis brings them back."""
    numbers = select(Tag.no).where(Tag.name.in_(names))
    for some in in_chunks(asset_nos):
        session.execute(
            update(AssetTag)
            .where(AssetTag.asset_no.in_(some), AssetTag.tag_no.in_(numbers))
            .values(is_off=True, source="user")
            .execution_options(synchronize_session=False)
        )


def replace_auto(session: Session, asset_no: int, found: Mapping[str, float | None]) -> None:
    """What an analysis found stands in for what one found before."""
    session.execute(delete(AssetTag).where(AssetTag.asset_no == asset_no, AssetTag.source == "auto"))
    names = {tag_name(name): score for name, score in found.items()}
    kept = [name for name in names if name and len(name) <= MAX_CHARS and "\0" not in name][:MAX_TAGS]
    rows = [
        {"tag_no": no, "asset_no": asset_no, "source": "auto", "is_off": False, "score": names[name]}
        for name, no in numbers_of(session, kept).items()
    ]
    if rows:
        session.execute(upsert(session, AssetTag).on_conflict_do_nothing(), rows)


def write_words(session: Session, asset_nos: Sequence[int]) -> None:
    """Bring `asset_texts.tags` of these assets up to date."""
    words = (
        select(func.aggregate_strings(Tag.name, SEPARATOR))
        .select_from(AssetTag)
        .join(Tag, Tag.no == AssetTag.tag_no)
        .where(AssetTag.asset_no == AssetText.asset_no, AssetTag.is_off.is_(False))
        .scalar_subquery()
    )
    for some in in_chunks(asset_nos):
        session.execute(
            update(AssetText)
            .where(AssetText.asset_no.in_(some))
            .values(tags=func.coalesce(words, ""))
            .execution_options(synchronize_session=False)
        )
