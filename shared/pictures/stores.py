"""The store that the settings name: a row a back end.

Which one: the folder is 3 × faster and costs no RAM; Redis needs no shared disk between hosts. A worker that sees another
store than the API refuses to start (`check_identity`), because its results would be lost.

A new one is a file beside `folder_store` with the promises of `ArtifactStore`, a row here, and its name among the values
of `Settings.artifacts`.
"""

from collections.abc import Callable

import redis

from shared.pictures.artifact_store import ArtifactStore
from shared.pictures.folder_store import FolderStore
from shared.pictures.redis_store import RedisStore
from shared.settings import Settings

#: `DARKROOM_ARTIFACTS` → how its store is opened.
STORES: dict[str, Callable[[Settings, "redis.Redis"], ArtifactStore]] = {
    "folder": lambda settings, client: FolderStore(settings.artifacts_path, client, settings.artifact_ttl_s),
    "redis": lambda settings, client: RedisStore(client, settings.artifact_ttl_s),
}


def open_store(settings: Settings, client: "redis.Redis") -> ArtifactStore:
    """The store that `DARKROOM_ARTIFACTS` names."""
    return STORES[settings.artifacts](settings, client)
