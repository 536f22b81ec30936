"""What search reads: the index of words, and the vectors of words and looks.

Triggers note each asset whose words have changed; `text_index.keep_up` works the notes off in the same transaction. The index
is FTS5 on SQLite, whose tokens we cut ourselves (`ascii` separates at our spaces), and a tsvector on PostgreSQL. Where
PostgreSQL has pgvector, vectors lie in a table of its type too.
"""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0002"
down_revision = "0001"

SQLITE = (
    "CREATE VIRTUAL TABLE asset_words USING fts5(caption, tags, prompt, note, tokenize = 'ascii', prefix = '2 3')",
    """
    CREATE TRIGGER asset_texts_made AFTER INSERT ON asset_texts BEGIN
        INSERT OR IGNORE INTO words_due (asset_no) VALUES (new.asset_no);
    END
    """,
    """
    CREATE TRIGGER asset_texts_changed AFTER UPDATE OF caption, tags, prompt, note ON asset_texts
    WHEN new.caption <> old.caption OR new.tags <> old.tags OR new.prompt <> old.prompt OR new.note <> old.note BEGIN
        INSERT OR IGNORE INTO words_due (asset_no) VALUES (new.asset_no);
    END
    """,
    """
    CREATE TRIGGER asset_texts_gone AFTER DELETE ON asset_texts BEGIN
        DELETE FROM words_due WHERE asset_no = old.asset_no;
        DELETE FROM asset_words WHERE rowid = old.asset_no;
    END
    """,
    "INSERT INTO words_due (asset_no) SELECT asset_no FROM asset_texts",
)
POSTGRESQL = (
    """
    CREATE TABLE asset_words (
        asset_no bigint PRIMARY KEY REFERENCES asset_texts (asset_no) ON DELETE CASCADE,
        words tsvector NOT NULL
    )
    """,
    "CREATE INDEX ix_asset_words_words ON asset_words USING gin (words)",
    """
    CREATE FUNCTION asset_texts_due() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            DELETE FROM words_due WHERE asset_no = OLD.asset_no;
            RETURN OLD;
        END IF;
        IF TG_OP = 'UPDATE' AND (NEW.caption, NEW.tags, NEW.prompt, NEW.note)
                IS NOT DISTINCT FROM (OLD.caption, OLD.tags, OLD.prompt, OLD.note) THEN
            RETURN NEW;
        END IF;
        INSERT INTO words_due (asset_no) VALUES (NEW.asset_no) ON CONFLICT DO NOTHING;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER asset_texts_due AFTER INSERT OR UPDATE OR DELETE ON asset_texts
    FOR EACH ROW EXECUTE FUNCTION asset_texts_due()
    """,
    "INSERT INTO words_due (asset_no) SELECT asset_no FROM asset_texts",
    # Only a superuser may add an extension that is not trusted; without it the file of vectors serves.
    """
    DO $$ BEGIN
        CREATE EXTENSION IF NOT EXISTS vector;
        CREATE TABLE asset_directions (
            asset_no bigint NOT NULL REFERENCES assets (no) ON DELETE CASCADE,
            model text NOT NULL,
            space text NOT NULL,
            direction vector NOT NULL,
            PRIMARY KEY (asset_no, model)
        );
    EXCEPTION WHEN OTHERS THEN
        RAISE NOTICE 'without pgvector: %', SQLERRM;
    END $$
    """,
)


def upgrade() -> None:
    op.create_table(
        "words_due",
        sa.Column("asset_no", NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("asset_no", name="pk_words_due"),
    )
    op.create_table(
        "asset_vectors",
        sa.Column("asset_no", NUMBER, nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("space", sa.String(length=160), nullable=False),
        sa.Column("change", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=40), nullable=False),
        sa.Column("halves", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["asset_no"], ["assets.no"], name="fk_asset_vectors_asset_no_assets", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_no", "model", name="pk_asset_vectors"),
    )
    op.create_index("ix_asset_vectors_state", "asset_vectors", ["model", "state"])
    op.create_index("ix_asset_vectors_job", "asset_vectors", ["job"])
    op.create_index("ix_asset_vectors_change", "asset_vectors", ["space", "change"])
    op.create_index("ix_assets_dhash", "assets", ["owner", "dhash"])
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)
