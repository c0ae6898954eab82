"""The machine and its settings: what can be wrong before anything is asked."""

import shutil
import stat
from urllib.parse import urlsplit

from placefeed.service.checks import Finding, fail, ok, warn
from placefeed.service.config import MIB, Settings
from placefeed.service.telemetry import telemetry_of

LEAST_DISK = 200 * MIB  # below it nothing large can be taken in
LOW_DISK = 2048 * MIB
LEAST_SECRET = 32
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def secret(settings: Settings) -> Finding:
    """Keys' HMACs and the spool's cipher come from it."""
    if settings.secret is not None:
        if len(settings.secret.get_secret_value()) < LEAST_SECRET:
            return fail(
                "secret",
                f"PLACEFEED_SECRET is shorter than {LEAST_SECRET} characters.",
                "Give a longer one; with another secret than before, every key has to be issued again.",
            )
        return ok("secret", "The secret comes from PLACEFEED_SECRET.")
    path = settings.data / "secret"
    if not path.exists():
        if settings.database_url is not None:
            return warn(
                "secret",
                f"There is no secret yet: each machine would make its own in {settings.data}.",
                "Set PLACEFEED_SECRET, the same for every process.",
            )
        return ok("secret", "There is no secret yet; one is made when the exchange starts.")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return fail("secret", f"Others on this machine may read {path} (mode {mode:o}).", f"Run: chmod 600 {path}")
    if len(path.read_text().strip()) < LEAST_SECRET:
        return fail(
            "secret", f"{path} is shorter than {LEAST_SECRET} characters.", "Put the right one back from a backup."
        )
    return ok("secret", f"The secret is in {path}, which only its owner may read.")


def address(settings: Settings) -> Finding:
    """How the exchange is reached from outside."""
    parts = urlsplit(settings.base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return fail(
            "address", f"PLACEFEED_BASE_URL is no web address: {settings.base_url}.", "Give it as https://host/path."
        )
    if parts.hostname in LOOPBACK:
        return ok("address", f"Links say {settings.base_url}: good on this machine only.")
    if parts.scheme == "http":
        return warn(
            "address",
            f"Keys and data travel in the clear: PLACEFEED_BASE_URL is {settings.base_url}.",
            "Put a proxy with TLS in front, and give its https:// address.",
        )
    return ok("address", f"The exchange is reached at {settings.base_url}.")


def folder(settings: Settings) -> Finding:
    """The data folder: embedded database, spool, secret."""
    path = settings.data
    if not path.is_dir():
        return warn(
            "folder", f"The data folder {path} is not there.", "`placefeed db upgrade` or `placefeed serve` makes it."
        )
    try:
        probe = path / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        return fail(
            "folder", f"The data folder {path} cannot be written to ({error.strerror}).", "Give it to the user that runs the exchange."
        )  # fmt: skip
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o002:
        return fail("folder", f"Anybody on this machine may write to {path} (mode {mode:o}).", f"Run: chmod 750 {path}")
    return ok("folder", f"The data folder {path} can be written to.")


def disk(settings: Settings) -> Finding | None:
    """Room for the spool and the embedded database."""
    if not settings.data.is_dir():
        return None
    free = shutil.disk_usage(settings.data).free
    says = f"{free / MIB / 1024:,.1f} GiB are free for {settings.data}."
    if free < LEAST_DISK:
        return fail("disk", says, "Make room now: feeds can no longer be kept safe.")
    if free < LOW_DISK:
        return warn("disk", says, "Make room: a large feed takes as much as it is long.")
    return ok("disk", says)


def traces(settings: Settings) -> Finding | None:
    """Whether what sends traces is installed, where they are asked for."""
    try:
        telemetry = telemetry_of(settings)
    except ValueError as error:
        return fail(
            "traces", str(error), "Install them, or take the setting away: the exchange does not start like this."
        )
    if not telemetry.on:
        return None
    telemetry.close()
    return ok("traces", f"Traces go to {settings.otlp_endpoint or 'where OTEL_EXPORTER_OTLP_ENDPOINT says'}.")


CHECKS = (secret, address, folder, disk, traces)
