"""Which addresses a pull may be given at all, and what is said of a failing one: never its path, which may hold a key."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Refused


def check_form(url: str, *, guard: Guard, secret: bool) -> None:
    """Refuse a URL for its form alone; its address is judged when the socket is opened."""
    try:
        parts, readable = urlsplit(url), httpx2.URL(url)
        plausible = (parts.port is None or parts.port > 0) and readable.host and not any(map(str.isspace, url))
    except (httpx2.InvalidURL, ValueError) as error:
        raise Refused(
            "This is not an address that can be read (rule url). Check it for blanks and misprints.", rule="url"
        ) from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not plausible:
        raise Refused("A feed's address begins with https:// and names a host (rule url).", rule="url")
    if parts.username or parts.password:
        raise Refused(
            "Give the name and password of a feed as its credential, not in its address (rule url-credentials).",
            rule="url-credentials",
        )
    if parts.scheme == "http" and not guard.allows_host(parts.hostname):
        why = "the key would travel readable" if secret else "anybody on the way could change the prices in it"
        raise Refused(
            f"{site(url)} is read by https only: over http {why} (rule https-only). "
            "A host inside your network can be allowed by name in PLACEFEED_ALLOW_HOSTS.",
            rule="https-only",
        )


def wait_asked(value: str | None, *, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for (a number or an HTTP date, RFC 9110 section 10.2.3); None when unreadable."""
    if not value:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max((moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds(), 0.0)


def site(url: str) -> str:
    """Host of a URL for a message: paths and queries may hold keys."""
    return urlsplit(url).hostname or "the address"


def described(declared: str | None) -> str:
    kind = (declared or "").partition(";")[0].strip().lower()
    return {"text/html": "a web page", "application/pdf": "a PDF", "": "something unknown"}.get(kind, f"“{kind[:60]}”")


def reason(error: Exception) -> str:
    text = str(error)
    if "CERTIFICATE" in text.upper():
        return "its certificate is not valid"
    return "the connection failed or broke off" if not text.startswith("the name") else text


def unexpected(url: str, status: int) -> str:
    at = site(url)
    if status in (401, 403):
        return f"{at} answered {status}: it does not accept the key that we hold. Ask the provider for a new one."
    if status in (404, 410):
        return f"{at} answered {status}: the feed is no longer at this address. Ask the provider for the new one."
    return f"{at} answered {status}, where a feed (200) or “nothing new” (304) was expected."
