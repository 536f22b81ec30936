"""The library's first tables."""

import sqlalchemy as sa
from alembic import op

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "assets",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("picture", sa.String(length=40), nullable=False),
        sa.Column("origin", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("job", sa.String(length=40), nullable=False),
        sa.Column("job_index", sa.Integer(), nullable=False),
        sa.Column("batch", sa.String(length=40), nullable=False),
        sa.Column("stack", sa.String(length=40), nullable=False),
        sa.Column("on_top", sa.Boolean(), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=True),
        sa.Column("steps", sa.Integer(), nullable=True),
        sa.Column("guidance_scale", sa.Float(), nullable=True),
        sa.Column("scheduler", sa.String(length=64), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("media_type", sa.String(length=32), nullable=False),
        sa.Column("thumbhash", sa.String(length=64), nullable=False),
        sa.Column("dhash", sa.BigInteger(), nullable=True),
        sa.Column("stars", sa.SmallInteger(), nullable=False),
        sa.Column("favourite", sa.Boolean(), nullable=False),
        sa.Column("visibility", sa.String(length=8), nullable=False),
        sa.Column("nsfw", sa.Float(), nullable=True),
        sa.Column("has_caption", sa.Boolean(), nullable=False),
        sa.Column("has_parent", sa.Boolean(), nullable=False),
        sa.Column("analysis", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("trashed_ms", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_assets"),
        sa.UniqueConstraint("id", name="uq_assets_id"),
        sa.UniqueConstraint("owner", "picture", name="uq_assets_owner_picture"),
    )
    op.create_index("ix_assets_batch", "assets", ["batch"])
    op.create_index(
        "ix_assets_facets",
        "assets",
        ["owner", "trashed_ms", "model", "kind", "origin", "stars", "favourite", "width", "height"],
    )
    op.create_index("ix_assets_job", "assets", ["job"])
    op.create_index("ix_assets_list", "assets", ["owner", "trashed_ms", "created_ms", "no"])
    op.create_index("ix_assets_months", "assets", ["owner", "trashed_ms", "month"])
    op.create_index("ix_assets_picture", "assets", ["picture"])
    op.create_index("ix_assets_stack", "assets", ["stack"])
    op.create_index("ix_assets_tiles", "assets", ["owner", "trashed_ms", "on_top", "created_ms", "no"])
    op.create_index("ix_assets_trashed_ms", "assets", ["trashed_ms"])
    op.create_index("ix_assets_visibility", "assets", ["visibility", "created_ms"])

    op.create_table(
        "loose_pictures",
        sa.Column("picture", sa.String(length=40), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("picture", name="pk_loose_pictures"),
    )
    op.create_table(
        "positions",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_positions"),
    )
    op.create_table(
        "presets",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_presets"),
        sa.UniqueConstraint("id", name="uq_presets_id"),
        sa.UniqueConstraint("owner", "kind", "name", name="uq_presets_owner_kind_name"),
    )
    op.create_table(
        "prompts",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("negative_prompt", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("first_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_prompts"),
        sa.UniqueConstraint("id", name="uq_prompts_id"),
        sa.UniqueConstraint("owner", "digest", name="uq_prompts_owner_digest"),
    )
    op.create_index("ix_prompts_list", "prompts", ["owner", "last_ms", "no"])

    op.create_table(
        "purged",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("purged_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_purged"),
    )
    op.create_table(
        "searches",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("q", sa.Text(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_searches"),
        sa.UniqueConstraint("id", name="uq_searches_id"),
        sa.UniqueConstraint("owner", "name", name="uq_searches_owner_name"),
    )
    op.create_table(
        "tags",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("no", name="pk_tags"),
        sa.UniqueConstraint("name", name="uq_tags_name"),
    )
    op.create_table(
        "undos",
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("token", name="pk_undos"),
    )
    op.create_table(
        "albums",
        sa.Column("no", NUMBER, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=True),
        sa.Column("cover_no", NUMBER, nullable=True),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["cover_no"], ["assets.no"], name="fk_albums_cover_no_assets", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("no", name="pk_albums"),
        sa.UniqueConstraint("id", name="uq_albums_id"),
    )
    op.create_index("ix_albums_owner", "albums", ["owner"])

    op.create_table(
        "asset_parents",
        sa.Column("asset_no", NUMBER, nullable=False),
        sa.Column("picture", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["asset_no"], ["assets.no"], name="fk_asset_parents_asset_no_assets", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("asset_no", "picture", name="pk_asset_parents"),
    )
    op.create_index("ix_asset_parents_picture", "asset_parents", ["picture"])

    op.create_table(
        "asset_tags",
        sa.Column("tag_no", NUMBER, nullable=False),
        sa.Column("asset_no", NUMBER, nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["asset_no"], ["assets.no"], name="fk_asset_tags_asset_no_assets", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_no"], ["tags.no"], name="fk_asset_tags_tag_no_tags"),
        sa.PrimaryKeyConstraint("tag_no", "asset_no", name="pk_asset_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_asset_tags_asset", "asset_tags", ["asset_no"])

    op.create_table(
        "asset_texts",
        sa.Column("asset_no", NUMBER, nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("negative_prompt", sa.Text(), nullable=False),
        sa.Column("caption", sa.Text(), nullable=False),
        sa.Column("caption_source", sa.String(length=8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("analysis_job", sa.String(length=40), nullable=False),
        sa.Column("analysis_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["asset_no"], ["assets.no"], name="fk_asset_texts_asset_no_assets", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("asset_no", name="pk_asset_texts"),
    )
    op.create_table(
        "album_items",
        sa.Column("album_no", NUMBER, nullable=False),
        sa.Column("asset_no", NUMBER, nullable=False),
        sa.Column("position", sa.Float(), nullable=False),
        sa.Column("added_by", sa.String(length=255), nullable=False),
        sa.Column("added_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["album_no"], ["albums.no"], name="fk_album_items_album_no_albums", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["asset_no"], ["assets.no"], name="fk_album_items_asset_no_assets", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("album_no", "asset_no", name="pk_album_items"),
    )
    op.create_index("ix_album_items_asset_no", "album_items", ["asset_no"])
    op.create_index("ix_album_items_order", "album_items", ["album_no", "position", "asset_no"])

    op.create_table(
        "album_shares",
        sa.Column("album_no", NUMBER, nullable=False),
        sa.Column("person", sa.String(length=255), nullable=False),
        sa.Column("may", sa.String(length=8), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["album_no"], ["albums.no"], name="fk_album_shares_album_no_albums", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("album_no", "person", name="pk_album_shares"),
    )
    op.create_index("ix_album_shares_person", "album_shares", ["person"])
