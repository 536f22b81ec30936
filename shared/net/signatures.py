"""How a webhook proves who sent it, and when: HMAC-SHA256 over the time and the body.

    Darkroom-Signature: t=1700000000,v1=<hex>

The time is signed too, so a receiver that refuses old ones cannot be sent the same again. Receivers written in Python may
use `is_genuine`; others compute HMAC-SHA256(secret, "<t>.<body>") over the raw bytes and compare in constant time.
"""

import hashlib
import hmac
import time

HEADER = "Darkroom-Signature"
#: How old a signature may be.
TOLERANCE_S = 300.0


def signature(secret: str, body: bytes, at_s: int) -> str:
    """The header's value."""
    return f"t={at_s},v1={_digest(secret, body, at_s)}"


def is_genuine(
    header: str, secret: str, body: bytes, *, now_s: float | None = None, tolerance_s: float = TOLERANCE_S
) -> bool:
    """Whether who sent this body lately knew the secret."""
    parts = dict(part.strip().partition("=")[::2] for part in header.split(","))
    stamp = parts.get("t", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
        return False
    now = time.time() if now_s is None else now_s
    fits = hmac.compare_digest(_digest(secret, body, int(stamp)).encode(), parts.get("v1", "").encode())
    return fits and abs(now - int(stamp)) <= tolerance_s


def _digest(secret: str, body: bytes, at_s: int) -> str:
    return hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
