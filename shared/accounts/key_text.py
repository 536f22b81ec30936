"""A key as text, `dr_<id>_<secret>`: made once, shown once, kept as the digest of its secret.

The id finds the record, so nobody searches through all keys. SHA-256 is right for it: the secret is 256 random bits, no
dictionary has it, and a slow hash on every request would only be a way to keep us busy.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass

#: 62^8 ids; one that is taken is drawn again.
ID_CHARS = 8
KEY_ID_PATTERN = r"^[A-Za-z0-9]{8}$"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SECRET_BYTES = 32
_TEXT = re.compile(r"dr_([A-Za-z0-9]{8})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class KeyText:
    """A key as its owner has it."""

    id: str
    secret: str

    def __str__(self) -> str:
        return f"dr_{self.id}_{self.secret}"

    def __repr__(self) -> str:
        return f"KeyText({self.id!r}, …)"

    @property
    def digest(self) -> str:
        """SHA-256 of the secret, hex."""
        return digest_of(self.secret)


def new_key_text(key_id: str = "") -> KeyText:
    """Drawn; with an id: another secret of it."""
    drawn = key_id or "".join(secrets.choice(ALPHABET) for _ in range(ID_CHARS))
    return KeyText(drawn, secrets.token_urlsafe(SECRET_BYTES))


def parse_key_text(text: str) -> KeyText | None:
    """The parts of a key; None where this is none."""
    found = _TEXT.fullmatch(text)
    return KeyText(*found.groups()) if found else None


def digest_of(secret: str) -> str:
    """SHA-256, hex; of any text, also one that is no UTF-8."""
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()
