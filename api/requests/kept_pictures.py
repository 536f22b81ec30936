"""Pictures that a request brings are kept, and count for whoever brought them.

They count before they are stored, so that many at once cannot pass a limit that each alone would; what could not be stored
is given back.
"""

from api.services import Services
from api.services.auth import current_caller
from shared.errors import DarkroomError
from shared.pictures.artifact_store import id_of


def keep(ours: Services, data: bytes) -> str:
    """Store a picture of this request's caller; returns its id.

    Raises:
        StorageFull: they have no room for it; nothing was stored.
        ArtifactStoreFull, ArtifactStoreDown: nothing was stored.
    """
    caller, picture = current_caller(), id_of(data)
    is_new = ours.quotas.take_in(caller.person, caller.limits, picture, len(data))
    try:
        return ours.ownership.store_picture(caller, data)
    except DarkroomError:
        if is_new:
            ours.quotas.let_go(caller.person, [picture])
        raise
