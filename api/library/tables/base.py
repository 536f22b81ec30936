"""What all tables share: their base class and the types that mean the same on SQLite and PostgreSQL."""

from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Integer, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

#: SQLite numbers rows only in a column that it calls INTEGER; PostgreSQL's has 64 bits.
Number = BigInteger().with_variant(Integer, "sqlite")

#: A row's own number: short, so that indexes and the text index stay small. It never leaves the library.
RowNumber = Annotated[int, mapped_column(Number, primary_key=True, autoincrement=True)]
#: Milliseconds since 1970.
Ms = Annotated[int, mapped_column(BigInteger)]
#: A person's name. Names from before persons existed may be long addresses.
Owner = Annotated[str, mapped_column(String(255))]
#: `ast_…`, `alb_…` and the like.
PublicId = Annotated[str, mapped_column(String(40))]
Words = Annotated[str, mapped_column(Text, default="")]
Json = Annotated[dict[str, Any], mapped_column(JSON, default=dict)]


class Table(DeclarativeBase):
    """Base of all tables. Constraints have names, so that migrations can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
