"""What an SFTP source is registered with: an address, our private key, and the server's host keys. Nothing is looked up elsewhere.

sftp://placefeed@files.example.org:2222/outgoing      an absolute path; /~/outgoing begins at the account's home

-----BEGIN OPENSSH PRIVATE KEY-----                   the credential: our key, without a passphrase (it is kept
...                                                   encrypted), then lines as in a known_hosts file: which keys
-----END OPENSSH PRIVATE KEY-----                     the server shows. `cat id_ed25519 known_hosts` makes one.
files.example.org ssh-ed25519 AAAAC3Nza...
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import asyncssh

from placefeed.adapters.base import Refused

PORT = 22
PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----[ \t]*(?:\n|$)", re.DOTALL)


@dataclass(frozen=True)
class Folder:
    """Where to go: a folder on a server, and as whom."""

    host: str
    port: int
    user: str
    path: bytes


@dataclass(frozen=True)
class Keys:
    """What we show the server, and what it must show us: host keys, authorities of host certificates, and revoked keys."""

    private: asyncssh.SSHKey = field(repr=False)
    host: tuple[asyncssh.SSHKey, ...]
    authorities: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...]

    @property
    def public(self) -> str:
        """Our public key, as a line for the server's authorized_keys."""
        return " ".join(self.private.export_public_key().decode().split()[:2])


def folder_of(address: str) -> Folder:
    """The parts of an address. Raises Refused (rules url, url-credentials, path-escape)."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise _no_address() from error
    if parts.scheme != "sftp" or not parts.hostname or port == 0 or any(map(str.isspace, address)):
        raise _no_address()
    if parts.password is not None:
        raise Refused(
            "Passwords are not used (rule url-credentials): give a private key as the credential.",
            rule="url-credentials",
        )
    if not parts.username or parts.query or parts.fragment:
        raise _no_address()
    path = unquote(parts.path, errors="surrogateescape").rstrip("/") or "/"
    steps = path.split("/")
    if ".." in steps or "." in steps or "\0" in path:
        raise Refused("Give the folder's plain path, without . and .. in it (rule path-escape).", rule="path-escape")
    if steps[:2] == ["", "~"]:
        path = "/".join(steps[2:]) or "."
    return Folder(
        host=parts.hostname,
        port=port or PORT,
        user=unquote(parts.username),
        path=path.encode("utf-8", "surrogateescape"),
    )


def keys_of(credential: str | None, folder: Folder) -> Keys:
    """The keys in a credential that are for this folder's server. Raises Refused (rules credential, host-key-missing)."""
    text = (credential or "").replace("\r\n", "\n").strip() + "\n"
    blocks = PEM.findall(text)
    if len(blocks) != 1:
        raise _bad_credential(
            "The credential of an SFTP source is one private key, and below it the server's known_hosts lines"
        )
    try:
        private = asyncssh.import_private_key(blocks[0])
    except ValueError as error:  # KeyImportError and KeyEncryptionError are both
        if isinstance(error, asyncssh.KeyEncryptionError) or "assphrase" in str(error):
            raise _bad_credential(
                "The private key has a passphrase, which nobody could enter at night; the exchange keeps it encrypted itself. Take it off with `ssh-keygen -p`"
            ) from error
        raise _bad_credential(
            "The private key cannot be read. It is a key in OpenSSH's form, as `ssh-keygen -t ed25519` makes it"
        ) from error
    lines = [line.strip() for line in PEM.sub("", text).splitlines()]
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#") and not _is_host_line(line):
            raise _bad_credential(f"Line {number} of the known hosts is not “host key-type key”")
    known = asyncssh.import_known_hosts("\n".join(lines))
    # Matched by the name alone: an address line would let whoever answers there be this host.
    host, authorities, revoked, *_ = known.match(folder.host, "", folder.port if folder.port != PORT else None)
    if not host and not authorities:
        raise Refused(
            f"The known hosts have no key of {_named(folder)} (rule host-key-missing). Ask its owner for the line, or get one "
            f"with `ssh-keyscan -p {folder.port} {folder.host}` and have its owner confirm the fingerprint.",
            rule="host-key-missing",
        )
    return Keys(private, tuple(host), tuple(authorities), tuple(revoked))


def check(address: str, credential: str | None) -> Keys:
    """Everything that can be said of a source before its server is asked. Raises Refused."""
    return keys_of(credential, folder_of(address))


def _named(folder: Folder) -> str:
    return folder.host if folder.port == PORT else f"[{folder.host}]:{folder.port}"


def _is_host_line(line: str) -> bool:
    """Whether a line of known hosts can be read; asyncssh itself passes over a misprinted key in silence."""
    marker, _, rest = line.partition(" ") if line.startswith("@") else ("", "", line)
    if marker not in ("", "@cert-authority", "@revoked"):
        return False
    words = rest.split(None, 1)
    try:
        return len(words) == 2 and bool(asyncssh.import_public_key(words[1]))
    except asyncssh.KeyImportError:
        return False


def _no_address() -> Refused:
    return Refused(
        "An SFTP folder's address is sftp://user@host/path, with :port after the host where it is not 22 (rule url).",
        rule="url",
    )


def _bad_credential(why: str) -> Refused:
    return Refused(f"{why} (rule credential).", rule="credential")
