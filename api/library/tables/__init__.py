"""Every table of the library, a file a noun. Migrations (`api.library.migrations`) make them; these describe them.

base         types that mean the same on SQLite and PostgreSQL
assets       assets, their words, tags and parents
albums       albums, what is in them, who else may see them
saved        searches, presets, prompts
vectors      vectors, and whose words wait for the index
bookkeeping  positions of readers, undo, pictures that nobody names
"""

from api.library.tables.albums import Album, AlbumItem, AlbumShare
from api.library.tables.assets import Asset, AssetParent, AssetTag, AssetText, Tag
from api.library.tables.base import Table
from api.library.tables.bookkeeping import LoosePicture, Position, Purged, Undo
from api.library.tables.saved import Preset, Prompt, SavedSearch
from api.library.tables.vectors import AssetVector, WordsDue

__all__ = [
    "Album",
    "AlbumItem",
    "AlbumShare",
    "Asset",
    "AssetParent",
    "AssetTag",
    "AssetText",
    "AssetVector",
    "LoosePicture",
    "Position",
    "Preset",
    "Prompt",
    "Purged",
    "SavedSearch",
    "Table",
    "Tag",
    "Undo",
    "WordsDue",
]
