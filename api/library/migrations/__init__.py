"""Migrations of the library, run by alembic (`api.library.migrating`); one file a revision in `versions`, in order."""
