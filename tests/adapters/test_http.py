"""HTTP pull against real servers on this machine: polite, capped, timed, and never where it must not go."""

import gzip
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stamina
import stamina.instrumentation
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from placefeed.adapters.addresses import Guard, closed_because
from placefeed.adapters.base import AdapterError, Batch, ChangedShape, Cursor, Refused, TooLarge, Unreachable
from placefeed.adapters.guarded import GuardedBackend, guarded_transport
from placefeed.adapters.http import HttpPull
from placefeed.adapters.http_words import wait_asked
from placefeed.adapters.media import CSV, JSON, NDJSON, ODS, XLSX, content_type

FEED = b'{"standard": "placefeed", "version": "1.0", "settings": []}'
HERE = Guard(allow_loopback=True)


@pytest.fixture(autouse=True)
def _quick_retries() -> Iterator[None]:
    """Retries happen, but without their waits."""
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1") as running:
        yield running


def pull(server: HTTPServer, path: str = "/feed.json", **options: Any) -> HttpPull:
    return HttpPull(server.url_for(path), **({"guard": HERE, "timeout": 10.0} | options))


def take(adapter: HttpPull, cursor: Cursor | None = None) -> list[Batch]:
    return list(adapter.fetch(cursor))


# -- conditional ---------------------------------------------------------------------------------------------------


def test_an_unchanged_feed_is_asked_for_by_its_etag_and_yields_nothing(server: HTTPServer) -> None:
    def answer(request: Request) -> Response:
        if request.headers.get("If-None-Match") == '"v1"':
            return Response(status=304)
        return Response(FEED, content_type="application/json", headers={"ETag": '"v1"'})

    server.expect_request("/feed.json").respond_with_handler(answer)
    [batch] = take(pull(server))

    again = take(pull(server), batch.cursor)

    assert (batch.content, batch.content_type, batch.name) == (FEED, JSON, "feed.json")
    assert batch.cursor["etag"] == '"v1"'
    assert again == []
    assert server.log[-1][1].status_code == 304


def test_an_unchanged_feed_is_asked_for_by_its_date(server: HTTPServer) -> None:
    date = "Wed, 01 Jul 2026 14:00:00 GMT"

    def answer(request: Request) -> Response:
        if request.headers.get("If-Modified-Since") == date:
            return Response(status=304)
        return Response(FEED, content_type="application/json", headers={"Last-Modified": date})

    server.expect_request("/feed.json").respond_with_handler(answer)
    [batch] = take(pull(server))

    assert take(pull(server), batch.cursor) == []
    assert server.log[-1][1].status_code == 304


def test_the_same_bytes_from_a_server_without_validators_are_nothing_new(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(FEED, content_type="application/json")
    [batch] = take(pull(server))

    assert take(pull(server), batch.cursor) == []


def test_a_cursor_of_another_address_is_not_used(server: HTTPServer) -> None:
    server.expect_request("/a.json").respond_with_data(FEED, content_type="application/json", headers={"ETag": '"v1"'})
    server.expect_request("/b.json").respond_with_data(FEED, content_type="application/json", headers={"ETag": '"v1"'})
    [batch] = take(pull(server, "/a.json"))

    [other] = take(pull(server, "/b.json"), batch.cursor)

    assert other.content == FEED
    assert "If-None-Match" not in server.log[-1][0].headers


def test_304_to_a_question_that_was_not_asked_stops_the_source(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(b"", status=304)

    with pytest.raises(ChangedShape, match="304"):
        take(pull(server))


# -- waiting and retrying ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(server: HTTPServer, status: int) -> None:
    server.expect_ordered_request("/feed.json").respond_with_data(b"", status=status)
    server.expect_ordered_request("/feed.json").respond_with_data(FEED, content_type="application/json")

    [batch] = take(pull(server))

    assert batch.content == FEED


def test_the_wait_is_as_long_as_the_server_asks(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    server.expect_ordered_request("/feed.json").respond_with_data(b"", status=429, headers={"Retry-After": "7"})
    server.expect_ordered_request("/feed.json").respond_with_data(FEED, content_type="application/json")

    with stamina.set_testing(False):
        [batch] = take(pull(server))

    assert batch.content == FEED
    assert waits == [7.0]


def test_a_longer_wait_than_we_have_time_for_is_left_to_the_schedule(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(b"", status=503, headers={"Retry-After": "3600"})

    with pytest.raises(Unreachable, match="503") as caught:
        take(pull(server))

    assert caught.value.retry_after == 3600
    assert len(server.log) == 1


def test_a_server_that_stays_busy_is_unreachable_after_some_tries(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(b"", status=502)

    with pytest.raises(Unreachable):
        take(pull(server))

    assert len(server.log) == 3


def test_nobody_there_is_unreachable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        take(HttpPull(f"http://127.0.0.1:{port}/feed.json", guard=HERE, timeout=5))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Wed, 01 Jul 2026 14:02:00 GMT", 120.0),
        ("Wed, 01 Jul 2026 13:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
        ("٣", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert wait_asked(header, now=datetime(2026, 7, 1, 14, 0, tzinfo=UTC)) == seconds


@pytest.mark.parametrize("where", ["headers", "body"])
def test_a_server_that_drips_is_left_at_the_time_limit(where: str) -> None:
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + (
        b"Content-Length: 10000\r\n\r\n" if where == "body" else b"X: "
    )
    with dripping_server(start) as port:
        began = time.monotonic()

        with pytest.raises(Unreachable, match="1 seconds"):
            take(HttpPull(f"http://127.0.0.1:{port}/feed.json", guard=HERE, timeout=1.0, attempts=1))

        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "key"), (403, "key"), (404, "no longer"), (410, "no longer"), (204, "204"), (206, "206"), (418, "418")],
)
def test_an_answer_that_a_retry_will_not_mend_stops_the_source(server: HTTPServer, status: int, word: str) -> None:
    server.expect_request("/feed.json").respond_with_data(b"", status=status)

    with pytest.raises(ChangedShape, match=word):
        take(pull(server))

    assert len(server.log) == 1


def test_a_sign_in_page_in_place_of_the_feed_stops_the_source(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(
        "<!DOCTYPE html><title>Sign in</title>", content_type="text/html"
    )

    with pytest.raises(ChangedShape, match="web page"):
        take(pull(server))


# -- size ----------------------------------------------------------------------------------------------------------


def test_a_body_over_the_cap_is_refused_before_it_is_read(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(b"x" * 2000, content_type="text/csv")

    with pytest.raises(TooLarge, match="1000 bytes"):
        take(pull(server, max_bytes=1000))


def test_an_endless_body_is_left_at_the_cap(server: HTTPServer) -> None:
    def answer(_: Request) -> Response:
        return Response((b"x" * 1000 for _ in range(10_000)), content_type="text/csv")

    server.expect_request("/feed.json").respond_with_handler(answer)

    with pytest.raises(TooLarge):
        take(pull(server, max_bytes=20_000))


def test_gzip_is_read_and_a_bomb_is_not(server: HTTPServer) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    server.expect_request("/good").respond_with_data(
        gzip.compress(FEED), content_type="application/json", headers={"Content-Encoding": "gzip"}
    )
    server.expect_request("/bomb").respond_with_data(
        bomb, content_type="application/json", headers={"Content-Encoding": "gzip"}
    )

    [batch] = take(pull(server, "/good"))
    with pytest.raises(TooLarge):
        take(pull(server, "/bomb", max_bytes=1_000_000))

    assert batch.content == FEED
    assert len(bomb) < 1_000_000


def test_half_a_gzip_stream_is_not_a_file(server: HTTPServer) -> None:
    half = gzip.compress(b"urn,places\n" * 5000)[:-20]
    server.expect_request("/half").respond_with_data(
        half, content_type="text/csv", headers={"Content-Encoding": "gzip"}
    )
    server.expect_request("/bad").respond_with_data(
        b"not gzip", content_type="text/csv", headers={"Content-Encoding": "gzip"}
    )

    for path in ("/half", "/bad"):
        with pytest.raises(Unreachable, match=r"part of the file|damaged"):
            take(pull(server, path))


def test_a_body_that_breaks_off_is_not_a_file() -> None:
    with (
        dripping_server(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 100\r\n\r\nurn,places\n", then="close"
        ) as port,
        pytest.raises(Unreachable),
    ):
        take(HttpPull(f"http://127.0.0.1:{port}/feed.csv", guard=HERE, timeout=5, attempts=1))


def test_a_compression_that_was_not_asked_for_stops_the_source(server: HTTPServer) -> None:
    server.expect_request("/feed.json").respond_with_data(b"...", headers={"Content-Encoding": "br"})

    with pytest.raises(ChangedShape, match="gzip"):
        take(pull(server))


# -- redirects and keys --------------------------------------------------------------------------------------------


def test_three_redirects_are_followed_and_four_are_not(server: HTTPServer) -> None:
    for step in range(4):
        server.expect_request(f"/{step}").respond_with_data(b"", status=302, headers={"Location": f"/{step + 1}"})
    server.expect_request("/4").respond_with_data(FEED, content_type="application/json")

    [batch] = take(pull(server, "/1"))
    with pytest.raises(Refused) as caught:
        take(pull(server, "/0"))

    assert batch.content == FEED
    assert caught.value.rule == "redirect-limit"


def test_each_hop_of_a_redirect_is_checked(server: HTTPServer) -> None:
    target = server.url_for("/feed.json")
    guard = Guard(allow=["start.example"], resolver=lambda host, port: ["127.0.0.1"])
    server.expect_request("/go").respond_with_data(
        b"", status=307, headers={"Location": target.replace("127.0.0.1", "elsewhere.example")}
    )

    with pytest.raises(Refused) as caught:
        take(HttpPull(server.url_for("/go").replace("127.0.0.1", "start.example"), guard=guard, timeout=5))

    assert caught.value.rule == "https-only"
    assert len(server.log) == 1


def test_a_redirect_to_a_private_https_address_is_refused(server: HTTPServer) -> None:
    server.expect_request("/go").respond_with_data(
        b"", status=307, headers={"Location": "https://169.254.169.254/latest/meta-data"}
    )

    with pytest.raises(Refused) as caught:
        take(pull(server, "/go"))

    assert caught.value.rule == "metadata-address"


def test_the_key_goes_to_its_own_host_alone(server: HTTPServer) -> None:
    with HTTPServer(host="127.0.0.1") as other:
        other.expect_request("/stored").respond_with_data(FEED, content_type="application/json")
        server.expect_request("/feed.json").respond_with_data(
            b"", status=302, headers={"Location": other.url_for("/stored")}
        )

        take(pull(server, authorization="Bearer secret"))

        assert server.log[0][0].headers["Authorization"] == "Bearer secret"
        assert "Authorization" not in other.log[0][0].headers


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://feeds.example/a.json", "https-only"),
        ("ftp://feeds.example/a.json", "url"),
        ("file:///etc/passwd", "url"),
        ("https://[::1/a.json", "url"),
        ("https://feeds.example:port/a.json", "url"),
        ("https://feeds.example:99999999/a.json", "url"),
        ("https://fe eds.example/a.json", "url"),
        ("", "url"),
        ("https://name:secret@feeds.example/a.json", "url-credentials"),
    ],
)
def test_the_form_of_an_address_is_judged_first(url: str, rule: str) -> None:
    with pytest.raises(Refused) as caught:
        take(HttpPull(url))

    assert caught.value.rule == rule
    assert "secret" not in str(caught.value)


# -- addresses -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "rule"),
    [
        ("127.0.0.1", "loopback-address"),
        ("127.9.9.9", "loopback-address"),
        ("0.0.0.0", "private-address"),
        ("10.1.2.3", "private-address"),
        ("172.16.0.1", "private-address"),
        ("192.168.1.1", "private-address"),
        ("100.64.0.1", "private-address"),
        ("192.88.99.1", "private-address"),
        ("240.0.0.1", "private-address"),
        ("255.255.255.255", "private-address"),
        ("224.0.0.1", "multicast-address"),
        ("169.254.169.254", "metadata-address"),
        ("168.63.129.16", "metadata-address"),
        ("100.100.100.200", "metadata-address"),
        ("::", "private-address"),
        ("::1", "loopback-address"),
        ("fe80::1", "metadata-address"),
        ("fc00::1", "private-address"),
        ("fd00:ec2::254", "metadata-address"),
        ("ff02::1", "multicast-address"),
        ("2001:db8::1", "private-address"),
        ("::ffff:127.0.0.1", "loopback-address"),
        ("::ffff:169.254.169.254", "metadata-address"),
        ("::127.0.0.1", "loopback-address"),
        ("64:ff9b::7f00:1", "loopback-address"),
        ("64:ff9b::a9fe:a9fe", "metadata-address"),
        ("64:ff9b::a00:1", "private-address"),
        ("64:ff9b:1::1", "private-address"),
        ("2002:7f00:1::", "loopback-address"),
        ("2002:a00:1::", "private-address"),
        ("2001:0:7f00:1::", "private-address"),
        ("4000::1", "private-address"),
        ("93.184.216.34", None),
        ("2606:2800:220:1::1", None),
        ("64:ff9b::5db8:d822", None),
    ],
)
def test_only_public_addresses_are_open(address: str, rule: str | None) -> None:
    assert closed_because(ipaddress.ip_address(address)) == rule


def test_one_closed_address_among_many_is_enough_to_refuse() -> None:
    guard = Guard(resolver=lambda host, port: ["93.184.216.34", "10.0.0.1"])

    with pytest.raises(Refused, match="PLACEFEED_ALLOW_HOSTS") as caught:
        guard.check("feeds.example", 443)

    assert caught.value.rule == "private-address"
    assert "10.0.0.1" not in str(caught.value)


@pytest.mark.parametrize("allow", [["feeds.example"], ["FEEDS.example."], ["10.0.0.0/8"], ["10.0.0.1"]])
def test_the_operator_can_allow_a_private_host_or_network(allow: list[str]) -> None:
    guard = Guard(allow=allow, resolver=lambda host, port: ["10.0.0.1"])

    assert guard.check("feeds.example", 443) == ["10.0.0.1"]


def test_no_allow_list_opens_a_metadata_address() -> None:
    guard = Guard(
        allow=["0.0.0.0/0", "feeds.example"], allow_loopback=True, resolver=lambda host, port: ["169.254.169.254"]
    )

    with pytest.raises(Refused) as caught:
        guard.check("feeds.example", 443)

    assert caught.value.rule == "metadata-address"


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "localhost"])
def test_a_disguised_loopback_address_is_seen_for_what_it_is(host: str) -> None:
    with pytest.raises(Refused) as caught:
        take(HttpPull(f"https://{host}/feed.json", timeout=5))

    assert caught.value.rule == "loopback-address"


def test_the_socket_goes_to_the_checked_address_while_the_host_stays(server: HTTPServer) -> None:
    """Pins the private attribute of httpx2 through which the guard works: unguarded, this name would not resolve."""
    asked: list[str] = []

    def answers_once(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    guard = Guard(allow=["feeds.invalid"], resolver=answers_once)
    server.expect_request("/feed.json").respond_with_data(FEED, content_type="application/json")
    url = server.url_for("/feed.json").replace("127.0.0.1", "feeds.invalid")

    [batch] = take(HttpPull(url, guard=guard, timeout=5, attempts=1))

    assert batch.content == FEED
    assert asked == ["feeds.invalid"]
    assert server.log[0][0].headers["Host"] == f"feeds.invalid:{server.port}"


def test_a_second_address_is_tried_when_the_first_does_not_answer(server: HTTPServer) -> None:
    guard = Guard(allow_loopback=True, allow=["feeds.invalid"], resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    server.expect_request("/feed.json").respond_with_data(FEED, content_type="application/json")

    assert take(HttpPull(server.url_for("/feed.json").replace("127.0.0.1", "feeds.invalid"), guard=guard, timeout=5))


def test_the_name_and_not_the_address_is_what_the_certificate_must_prove(tmp_path: Path) -> None:
    authority = certificate_for("feeds.invalid", tmp_path)
    context = ssl.create_default_context(cafile=str(authority))
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(authority, tmp_path / "key.pem")
    with HTTPServer(host="127.0.0.1", ssl_context=server_context) as server:
        server.expect_request("/feed.json").respond_with_data(FEED, content_type="application/json")
        names = {"feeds.invalid": ["127.0.0.1"], "other.invalid": ["127.0.0.1"]}
        guard = Guard(allow=list(names), resolver=lambda host, port: names[host])

        [batch] = take(
            HttpPull(f"https://feeds.invalid:{server.port}/feed.json", guard=guard, verify=context, timeout=5)
        )
        with pytest.raises(Unreachable, match="certificate"):
            take(
                HttpPull(
                    f"https://other.invalid:{server.port}/feed.json", guard=guard, verify=context, timeout=5, attempts=1
                )
            )

    assert batch.content == FEED


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 70 + ".invalid"])
def test_a_name_that_is_not_known_is_unreachable(host: str) -> None:
    def unknown(host: str, port: int) -> list[str]:
        host.encode("idna")
        raise socket.gaierror("unknown")

    with pytest.raises((Unreachable, Refused)):
        take(HttpPull(f"https://{host}/feed.json", guard=Guard(resolver=unknown), timeout=5, attempts=1))


def test_proxies_of_the_environment_are_ignored(server: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://10.0.0.1:1")
    server.expect_request("/feed.json").respond_with_data(FEED, content_type="application/json")

    assert take(pull(server))


def test_a_socket_of_this_machine_is_never_opened() -> None:
    with pytest.raises(Refused):
        GuardedBackend(Guard()).connect_unix_socket("/var/run/docker.sock")


def test_without_the_place_for_the_guard_no_transport_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Another:
        _pool = object()

    monkeypatch.setattr(httpx2, "HTTPTransport", lambda **_: Another())

    with pytest.raises(RuntimeError, match="guarded"):
        guarded_transport(Guard())


# -- kinds ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "name", "head", "kind"),
    [
        ("application/json; charset=utf-8", "feed", b"{}", JSON),
        ("application/vnd.api+json", "feed", b"{}", JSON),
        ("application/octet-stream", "feed.ndjson", b"{}", NDJSON),
        ("text/plain", "feed", b'{"line":"header"}\n{"line":"setting"}', NDJSON),
        ("text/plain", "feed", b"\xef\xbb\xbf {}", JSON),
        ("text/plain", "feed", b"urn,places\n", CSV),
        ("text/csv", "report", b"urn;places\n", CSV),
        ("application/vnd.ms-excel", "report.csv", b"urn,places\n", CSV),
        ("application/vnd.ms-excel", "report", b"PK\x03\x04" + b"\0" * 60, XLSX),
        (
            "application/zip",
            "report",
            b"PK\x03\x04" + b"\0" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet",
            ODS,
        ),
        (None, "https://feeds.example/a/b.csv?key=1", b"urn\n", CSV),
        ("text/plain", "report", "urn,places\n".encode("utf-16"), CSV),
        ("text/html", "feed.json", b"\n <HTML>", None),
        ("application/pdf", "report.csv", b"%PDF-1.7", None),
        ("application/octet-stream", "report", b"\xd0\xcf\x11\xe0\0\0", None),
    ],
)
def test_the_form_of_a_document_is_told_by_what_it_is(
    declared: str | None, name: str, head: bytes, kind: str | None
) -> None:
    assert content_type(declared, name=name, head=head) == kind


def test_every_refusal_is_an_adapter_error() -> None:
    assert all(issubclass(kind, AdapterError) for kind in (Unreachable, ChangedShape, TooLarge, Refused))


# -- servers -------------------------------------------------------------------------------------------------------


class dripping_server:  # noqa: N801  used as a context manager
    """Sends a start, then a byte every tenth of a second for ever (or closes)."""

    def __init__(self, start: bytes, *, then: str = "drip") -> None:
        self._start = start
        self._then = then
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> int:
        self._thread.start()
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def _serve(self) -> None:
        self._socket.settimeout(5)
        try:
            connection, _ = self._socket.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(self._start)
                while self._then == "drip" and not self._stop.wait(0.1):
                    connection.sendall(b"x")
        except OSError:
            return  # the reader left, as it should


def certificate_for(name: str, folder: Path) -> Path:
    """A self-signed certificate for one name, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    path = folder / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
