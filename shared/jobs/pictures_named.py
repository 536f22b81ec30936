"""Which pictures a job's record names: what it starts from and what it made. Pure.

A picture's id follows from its bytes, so knowing one is no right; a record that names it is.
"""

from shared.contracts.jobs import JobRecord
from shared.pictures.artifact_store import ID

#: Parameters that hold the id of a picture. Whoever adds a kind or a field with another one adds it here, else its owner
#: cannot open that picture. Never looked for in all of the parameters: a prompt may say anything.
PICTURE_PARAMS = ("image",)


def inputs_of(record: JobRecord) -> set[str]:
    """Ids of the pictures it starts from; those of `@previous` are not known yet."""
    return {str(record.params[name]) for name in PICTURE_PARAMS if ID.match(str(record.params.get(name)))}


def pictures_named(record: JobRecord) -> set[str]:
    """Ids of its starting pictures and its results."""
    return inputs_of(record) | set(made_by(record))


def newly_named(before: JobRecord, after: JobRecord) -> list[str]:
    """What a move gives its owner to open: what was not named before, and at the end everything once more, because a
    right to open lives on from its last mention."""
    named = pictures_named(after)
    has_ended = after.is_final and not before.is_final
    return sorted(named if has_ended else named - pictures_named(before))


def made_by(record: JobRecord) -> list[str]:
    """Ids of the pictures it made, in order."""
    made = [str(image.get("id")) for image in (record.result or {}).get("images") or ()]
    return [name for name in made if ID.match(name)]
