"""Whether this server speaks TLS by itself, with the two files it is given.

Behind a proxy that does, none are set. Browsers install the page, share to it and keep it offline only where the connection is
secure, and a session's cookie is `Secure` then.
"""

import ssl

from shared.errors import InvalidRequest
from shared.settings import Settings


def is_secure(settings: Settings) -> bool:
    """Whether the address begins with https."""
    return settings.tls_cert is not None and settings.tls_key is not None


def check_tls(settings: Settings) -> None:
    """Read both files now, for one sentence instead of a process that dies again and again.

    Raises:
        InvalidRequest: one of two is given, or they cannot be read, or do not belong together; the message names which.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        return
    if settings.tls_cert is None or settings.tls_key is None:
        given, missing = ("cert", "key") if settings.tls_cert else ("key", "cert")
        raise InvalidRequest(
            f"--tls-{given} (DARKROOM_TLS_{given.upper()}) needs --tls-{missing} (DARKROOM_TLS_{missing.upper()}), "
            "the other half of the pair",
            field=f"tls_{missing}",
        )
    for name, path in (("tls_cert", settings.tls_cert), ("tls_key", settings.tls_key)):
        if not path.is_file():
            raise InvalidRequest(f"{name}: there is no file {path}", field=name)
    try:
        # A key with a passphrase would ask a terminal that is not there.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key, password="")
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise InvalidRequest(
            f"tls_cert {settings.tls_cert} and tls_key {settings.tls_key} cannot be used: {exc}; both must be PEM, the key "
            "without a passphrase and the certificate's own, the server's certificate first",
            field="tls_cert",
        ) from exc
