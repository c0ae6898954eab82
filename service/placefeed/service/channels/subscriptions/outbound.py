"""Where a webhook may go, judged twice: by its form when it is asked for and sent, and by the address when a connection is opened.

The rules are those of polled feeds (`adapters/addresses.py`): public addresses only, others where the operator allows them by
name, cloud metadata never. A receiver is also reached at the usual port of https alone, and never by way of a redirect.
"""

import asyncio
import ipaddress
import re
import socket
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Refused
from placefeed.service.config import Settings
from placefeed.service.errors import Invalid

HTTPS: Final = 443
LONGEST: Final = 2000  # characters of a URL
PLACES_KEPT: Final = 10_000
NAMES_KEPT: Final = 10  # seconds that a name's checked addresses are used again
_NUMBER: Final = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


def guard_of(settings: Settings) -> Guard:
    """The rules as the operator has set them."""
    return Guard(allow=tuple(settings.allow_hosts), allow_loopback=settings.allow_loopback)


class Forms:
    """Judges URLs by their form for one guard; remembers the hosts it found good."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._good: set[tuple[str, str, int]] = set()

    def __call__(self, url: str) -> URL:
        """The URL as it will be used. Raises Refused."""
        parts, host, port = _parsed(url)
        place = (parts.scheme, host, port)
        if place not in self._good:
            _check_place(parts.scheme, host, port, self._guard)
            if len(self._good) >= PLACES_KEPT:
                self._good.clear()
            self._good.add(place)
        return parts


def check_form(url: str, guard: Guard) -> URL:
    """The URL as it will be used. Raises Refused, whose `rule` says why, for its form or for an address that it names outright."""
    return Forms(guard)(url)


def _parsed(url: str) -> tuple[URL, str, int]:
    if len(url) > LONGEST or not url.isprintable() or any(map(str.isspace, url)) or "\\" in url:
        raise Refused(
            "This is not an address that can be reached. Check it for blanks and misprints (rule url).", rule="url"
        )
    try:
        parts = URL(url)
        host, port = parts.raw_host, parts.port
    except ValueError as error:
        raise Refused(
            "This is not an address that can be reached. Check it for misprints (rule url).", rule="url"
        ) from error
    if parts.scheme not in ("http", "https") or not host or not port:
        raise Refused("A receiver's address begins with https:// and names a host (rule url).", rule="url")
    if parts.user is not None or parts.password is not None:
        raise Refused(
            "A receiver is not given a name and password: messages are signed instead (rule url-credentials).",
            rule="url-credentials",
        )
    if parts.fragment:
        raise Refused("Leave out what comes after # in the address: it is never sent (rule url).", rule="url")
    return parts, host, port


def _check_place(scheme: str, host: str, port: int, guard: Guard) -> None:
    _check_host(host, port, guard)
    allowed = guard.allows_host(host)
    if scheme != "https" and not allowed:
        raise Refused("A receiver is reached by https only (rule https-only). " + _allowing(host), rule="https-only")
    if port != HTTPS and not allowed:
        raise Refused(f"A receiver is reached at port {HTTPS} only (rule port). " + _allowing(host), rule="port")


def check_receiver(url: str, settings: Settings) -> None:
    """Refuse an address that nothing could be sent to: by its form, and by what its name leads to just now. Raises Invalid.

    A name that does not resolve is refused as well. It asks the name server: call it from a thread. What it finds good is
    judged again at each sending.
    """
    guard = guard_of(settings)
    try:
        parts = check_form(url, guard)
        judge(guard, str(parts.raw_host), int(parts.port or HTTPS))
    except Refused as error:
        raise _invalid(str(error), error.rule) from error
    except (OSError, UnicodeError) as error:
        raise _invalid("The name in this address is not known (rule unknown-host).", "unknown-host") from error


def _invalid(message: str, rule: str) -> Invalid:
    return Invalid(message, errors=[{"pointer": "/url", "rule": rule, "detail": message}])


def _check_host(host: str, port: int, guard: Guard) -> None:
    """An address in place of a name: it never meets the resolver, so it is judged here; and only in its usual form."""
    if "%" in host:
        raise Refused("An address with a zone is not reached (rule url).", rule="url")
    bare = host.rstrip(".")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        # 2130706433, 0x7f.1 and 0177.0.0.1 are addresses to some and names to others.
        if _NUMBER.fullmatch(bare.rpartition(".")[2]):
            raise Refused("Write the address as four numbers, or use a name (rule url).", rule="url") from None
        return
    if bare != host:
        raise Refused("Leave out the dot after the address (rule url).", rule="url")
    judge(Guard(guard.allow, guard.allow_loopback, resolver=lambda name, _port: [name]), host, port)


def judge(guard: Guard, host: str, port: int) -> list[str]:
    """The checked addresses of a host. Raises Refused in the words of a receiver, or OSError for an unknown name."""
    try:
        return guard.check(host, port)
    except Refused as error:
        if error.rule == "metadata-address":
            why = f"{host} leads to an address where cloud machines keep their credentials, and nothing is ever sent there (rule {error.rule})."
            raise Refused(why, rule=error.rule) from error
        where = {"loopback-address": "to the exchange's own machine", "multicast-address": "to a multicast address"}
        kind = where.get(error.rule, "to a private network")
        raise Refused(
            f"{host} leads {kind}, so nothing is sent there (rule {error.rule}). {_allowing(host)}", rule=error.rule
        ) from error


def _allowing(host: str) -> str:
    return f"If that is meant, the operator can allow {host} by name in PLACEFEED_ALLOW_HOSTS."


class GuardedResolver(AbstractResolver):
    """Resolves for aiohttp, which then connects to exactly these addresses; one that may not be reached is enough to refuse."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002  every address is judged, of whatever family
    ) -> list[ResolveResult]:
        """The checked addresses of a host. Raises Refused, or OSError for an unknown name."""
        try:
            addresses = await asyncio.get_running_loop().run_in_executor(None, judge, self._guard, host, port)
        except UnicodeError as error:  # a label that is too long
            raise OSError(f"{host} is no name") from error
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


def opened(settings: Settings, guard: Guard) -> aiohttp.ClientSession:
    """A session that goes only where the guard lets it, keeps connections, and knows neither proxies nor cookies. Close it."""
    connector = aiohttp.TCPConnector(
        resolver=GuardedResolver(guard),
        ttl_dns_cache=NAMES_KEPT,
        limit=0,  # how many are under way, in all and to one host, is the sender's to say
        keepalive_timeout=15.0,
    )
    contact = f" ({settings.user_agent_contact})" if settings.user_agent_contact else ""
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=settings.deliver_timeout),
        headers={"User-Agent": f"placefeed/1.0{contact}", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
    )
