"""Where a webhook may go: every way to name a neighbour that should not be reached, and what the refusal says."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import aiohttp
import pytest
from yarl import URL

from placefeed.adapters.addresses import Guard
from placefeed.adapters.base import Refused
from placefeed.service.channels.subscriptions import outbound
from placefeed.service.channels.subscriptions.outbound import GuardedResolver, check_form, check_receiver, opened
from placefeed.service.config import Settings
from placefeed.service.errors import Invalid
from tests.service.subscribed import receiver

PUBLIC = "93.184.216.34"


def names(*addresses: str) -> Callable[[str, int], list[str]]:
    """A name server that says this of every name."""
    return lambda _host, _port: list(addresses)


@contextmanager
def resolving(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> Iterator[None]:
    """As if the system resolved every name to these."""
    with monkeypatch.context() as patch:
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
        patch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
        yield


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        # this machine, in every form
        ("https://127.0.0.1/hook", "loopback-address"),
        ("https://127.9.9.9/hook", "loopback-address"),
        ("https://[::1]/hook", "loopback-address"),
        ("https://[::ffff:127.0.0.1]/hook", "loopback-address"),  # mapped
        ("https://[::127.0.0.1]/hook", "loopback-address"),  # compatible
        ("https://[64:ff9b::7f00:1]/hook", "loopback-address"),  # NAT64
        ("https://[2002:7f00:1::]/hook", "loopback-address"),  # 6to4
        ("https://0.0.0.0/hook", "private-address"),
        ("https://[::]/hook", "private-address"),
        # forms that some read as an address and some as a name
        ("https://2130706433/hook", "url"),
        ("https://0x7f000001/hook", "url"),
        ("https://0x7f.0.0.1/hook", "url"),
        ("https://0177.0.0.1/hook", "url"),
        ("https://127.1/hook", "url"),
        ("https://127.0.0.1./hook", "url"),
        ("https://１２７.０.０.１/hook", "loopback-address"),  # full-width digits
        ("https://①②⑦.⓪.⓪.①/hook", "loopback-address"),
        ("https://127。0。0。1/hook", "loopback-address"),  # ideographic full stops
        # neighbours
        ("https://10.0.0.5/hook", "private-address"),
        ("https://172.16.0.1/hook", "private-address"),
        ("https://192.168.1.1/hook", "private-address"),
        ("https://100.64.0.1/hook", "private-address"),
        ("https://[fc00::1]/hook", "private-address"),
        ("https://[64:ff9b::a00:5]/hook", "private-address"),
        ("https://[2002:a00:5::]/hook", "private-address"),
        ("https://[64:ff9b:1::1]/hook", "private-address"),
        ("https://[2001:db8::1]/hook", "private-address"),
        ("https://224.0.0.1/hook", "multicast-address"),
        ("https://[ff02::1]/hook", "multicast-address"),
        ("https://255.255.255.255/hook", "private-address"),
        # where clouds keep their credentials
        ("https://169.254.169.254/latest/meta-data/", "metadata-address"),
        ("https://[::ffff:169.254.169.254]/", "metadata-address"),
        ("https://[fd00:ec2::254]/", "metadata-address"),
        ("https://168.63.129.16/", "metadata-address"),
        ("https://100.100.100.200/", "metadata-address"),
        ("https://[fe80::1]/hook", "metadata-address"),
        ("https://[fe80::1%25eth0]/hook", "url"),  # a zone
        ("https://[fe80::1%eth0]/hook", "url"),
        # what else an address may hold
        ("http://hooks.example.org/hook", "https-only"),
        ("https://hooks.example.org:8443/hook", "port"),
        ("https://hooks.example.org:22/hook", "port"),
        ("https://user@hooks.example.org/hook", "url-credentials"),
        ("https://user:word@hooks.example.org/hook", "url-credentials"),
        ("https://hooks.example.org@127.0.0.1/hook", "url-credentials"),
        ("https://hooks.example.org/hook#part", "url"),
        ("https://hooks.example.org:0/hook", "url"),
        ("https://hooks.example.org:99999/hook", "url"),
        ("https://hooks.example.org\\@127.0.0.1/hook", "url"),
        ("https://hooks.example.org/ho ok", "url"),
        ("https://hooks.example.org/\r\nHost: 127.0.0.1", "url"),
        ("https:///hook", "url"),
        ("hooks.example.org/hook", "url"),
        ("ftp://hooks.example.org/hook", "url"),
        ("file:///etc/passwd", "url"),
        ("gopher://hooks.example.org/hook", "url"),
        ("https://" + "a" * 2000, "url"),
    ],
)
def test_what_an_address_names_outright_is_refused_by_a_rule_that_is_told(url: str, rule: str) -> None:
    with pytest.raises(Refused) as refused:
        check_form(url, Guard())

    assert refused.value.rule == rule
    assert f"rule {rule}" in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org/hook",
        "https://hooks.example.org:443/hook?a=b",
        "https://hooks.example.org./hook",
        "https://bücher.example/hook",
        f"https://{PUBLIC}/hook",
        "https://[2606:2800:220:1:248:1893:25c8:1946]/hook",
    ],
)
def test_a_public_address_is_taken(url: str) -> None:
    assert check_form(url, Guard()).scheme == "https"


@pytest.mark.parametrize(
    ("addresses", "rule"),
    [
        (("127.0.0.1",), "loopback-address"),
        ((PUBLIC, "10.0.0.5"), "private-address"),  # one of several is enough
        (("169.254.169.254",), "metadata-address"),
        (("::ffff:10.0.0.5",), "private-address"),
    ],
)
def test_a_name_that_leads_to_a_neighbour_is_refused_when_it_is_given(
    monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...], rule: str
) -> None:
    with resolving(monkeypatch, *addresses), pytest.raises(Invalid) as refused:
        check_receiver("https://hooks.example.org/hook", Settings())

    [error] = refused.value.errors
    assert (error["pointer"], error["rule"]) == ("/url", rule)
    assert "hooks.example.org" in error["detail"]
    assert not any(address in error["detail"] for address in addresses)
    if rule != "metadata-address":
        assert "PLACEFEED_ALLOW_HOSTS" in error["detail"]


def test_a_name_that_nobody_knows_is_refused_when_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_args: object, **_more: object) -> None:
        raise socket.gaierror(8, "not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(Invalid) as refused:
        check_receiver("https://hooks.example.org/hook", Settings())
    assert refused.value.errors[0]["rule"] == "unknown-host"


def test_a_public_name_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with resolving(monkeypatch, PUBLIC):
        check_receiver("https://hooks.example.org/hook", Settings())


def test_what_the_operator_allows_by_name_may_be_private_plain_and_at_any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(allow_hosts=["Hooks.Internal.Example", "10.1.0.0/16"])
    with resolving(monkeypatch, "10.0.0.5"):
        check_receiver("http://hooks.internal.example:8080/hook", settings)
        with pytest.raises(Invalid):
            check_receiver("https://other.internal.example/hook", settings)
    with resolving(monkeypatch, "10.1.2.3"):
        check_receiver("https://other.internal.example/hook", settings)  # by its network: the usual port of https only
        with pytest.raises(Invalid):
            check_receiver("https://other.internal.example:8080/hook", settings)
    check_receiver("http://10.1.2.3:8080/hook", settings)
    with resolving(monkeypatch, "169.254.169.254"), pytest.raises(Invalid) as refused:
        check_receiver("https://hooks.internal.example/hook", settings)  # whatever is allowed
    assert refused.value.errors[0]["rule"] == "metadata-address"


def test_this_machine_is_reached_only_where_a_setting_says_so() -> None:
    check_receiver("http://127.0.0.1:9999/hook", Settings(allow_loopback=True))
    check_receiver("http://localhost:9999/hook", Settings(allow_loopback=True))
    with pytest.raises(Invalid):
        check_receiver("http://10.0.0.5:9999/hook", Settings(allow_loopback=True))
    with pytest.raises(Invalid):
        check_receiver("http://127.0.0.1:9999/hook", Settings())


def fetch(url: str, guard: Guard) -> int:
    async def main() -> int:
        async with (
            opened(Settings(), guard) as http,
            http.post(URL(url), data=b"{}", allow_redirects=False) as response,
        ):
            return response.status

    return asyncio.run(main())


def test_the_connection_goes_to_the_address_that_was_checked() -> None:
    """A name that answers differently the second time gains nothing: it is asked once, for what is connected to."""
    with receiver() as here:
        port = URL(here.url).port
        asked: list[str] = []

        def resolver(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.5"]

        status = fetch(f"http://hooks.example.org:{port}/hook", Guard(allow_loopback=True, resolver=resolver))

        assert (status, asked) == (204, ["hooks.example.org"])
        assert here.heard[0].headers["Host"] == f"hooks.example.org:{port}"


def test_a_name_that_leads_to_a_neighbour_is_not_connected_to() -> None:
    with receiver() as here:
        port = URL(here.url).port
        guard = Guard(resolver=names(PUBLIC, "127.0.0.1"))
        with pytest.raises(Refused) as refused:
            fetch(f"http://hooks.example.org:{port}/hook", guard)

        assert refused.value.rule == "loopback-address"
        assert here.heard == []


def test_a_name_that_is_too_long_is_unknown() -> None:
    with pytest.raises(aiohttp.ClientConnectorDNSError):
        fetch("https://" + "a" * 70 + ".example/hook", Guard())


def test_proxies_and_cookies_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiver() as here:
        here.says(200, **{"Set-Cookie": "a=b"})

        async def twice() -> None:
            async with opened(Settings(), Guard(allow_loopback=True)) as http:
                for _ in range(2):
                    async with http.post(f"{here.url}/hook", data=b"{}", allow_redirects=False) as response:
                        assert response.status == 200

        asyncio.run(twice())
        assert len(here.heard) == 2
        assert all("Cookie" not in each.headers for each in here.heard)


def test_the_resolver_says_each_address_with_its_family() -> None:
    resolver = GuardedResolver(Guard(resolver=names(PUBLIC, "2606:2800:220:1:248:1893:25c8:1946")))
    found = asyncio.run(resolver.resolve("hooks.example.org", 443))
    assert [(each["host"], each["family"]) for each in found] == [
        (PUBLIC, socket.AF_INET),
        ("2606:2800:220:1:248:1893:25c8:1946", socket.AF_INET6),
    ]


def test_the_words_of_a_refusal_are_a_receivers() -> None:
    with pytest.raises(Refused, match="nothing is sent there"):
        outbound.judge(Guard(resolver=names("10.0.0.5")), "hooks.example.org", 443)
