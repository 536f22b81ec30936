"""How alembic runs our migrations: on a connection that `api.library.migrating` hands over, in its transaction."""

from alembic import context

from api.library.tables import Table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
context.run_migrations()
