"""Keys derived from the exchange's secret, and small values sealed with them: a leak of the database alone opens nothing."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE = 12  # bytes, as AES-GCM wants


def derived_key(secret: bytes, label: str) -> bytes:
    """32 bytes for one purpose; keys for different labels say nothing of each other (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"placefeed/{label}".encode()).derive(secret)


def seal(secret: bytes, text: str, *, about: str) -> bytes:
    """Encrypt a short text. `about` (say, the id of its row) must be given again to open it."""
    nonce = secrets.token_bytes(NONCE)
    return nonce + AESGCM(derived_key(secret, "sealed")).encrypt(nonce, text.encode(), about.encode())


def unseal(secret: bytes, sealed: bytes, *, about: str) -> str:
    """The text again. Raises ValueError where the secret has changed or the bytes were tampered with."""
    try:
        return AESGCM(derived_key(secret, "sealed")).decrypt(sealed[:NONCE], sealed[NONCE:], about.encode()).decode()
    except InvalidTag as error:
        raise ValueError(
            "A stored credential cannot be opened: was PLACEFEED_SECRET changed? Enter it again."
        ) from error
