"""nginx before the exchange: read in any case, and where nginx is installed run, with TLS, at the root and below a path."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from starlette.routing import Route

from placefeed.service.app import PLAIN, create_app
from placefeed.service.channels.summary import make_summary
from placefeed.service.config import Settings
from tests.deploy.files import DEPLOY, Block, nginx
from tests.service.api.exchange import OURS, feed_of, peopled, sqlite_settings
from tests.service.api.streams import Live, live

FOLDER = DEPLOY / "nginx"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


# -- read ------------------------------------------------------------------------------------------------------------


def locations(name: str) -> dict[str, Block]:
    """The locations of a file that lead to the exchange, by their words."""
    found = nginx(FOLDER / name, FOLDER).all("location")
    return {" ".join(each.words): each for each in found if each.own("proxy_pass")}


@pytest.mark.parametrize("name", ["placefeed.conf", "prefix.conf"])
def test_no_directive_stands_twice_in_a_location(name: str) -> None:
    repeated = {"proxy_set_header", "add_header", "allow", "deny", "error_page", "include"}

    for where, block in locations(name).items():
        names = [each.name for each in block.inside if each.name not in repeated]
        assert len(names) == len(set(names)), f"{where}: nginx takes each once"
        headers = [words[0] for words in block.own("proxy_set_header") if words[0] != "Authorization"]
        assert len(headers) == len(set(headers))


@pytest.mark.parametrize("name", ["placefeed.conf", "prefix.conf"])
def test_what_a_client_says_of_itself_is_replaced_everywhere(name: str) -> None:
    for where, block in locations(name).items():
        headers = dict(block.own("proxy_set_header"))  # type: ignore[arg-type]
        assert headers["X-Forwarded-For"] == "$remote_addr", where
        assert headers["X-Forwarded-Proto"] == "$scheme"
        assert headers["X-Request-ID"] == "$request_id"
        assert block.own("proxy_request_buffering") == [["off"]]
        assert block.own("proxy_max_temp_file_size") == [["0"]]


@pytest.mark.parametrize(("name", "prefix"), [("placefeed.conf", ""), ("prefix.conf", "/placefeed")])
def test_the_stream_is_not_buffered_and_only_open_pages_are_kept(name: str, prefix: str, tmp_path: Path) -> None:
    found = locations(name)
    app = create_app(Settings(data=tmp_path))
    paths = {route.path for module in PLAIN for route in module.routes()}

    stream = found.pop(f"= {prefix}/v1/listings/stream")
    assert stream.own("proxy_buffering") == [["off"]]
    assert int(stream.own("proxy_read_timeout")[0][0].removesuffix("m")) >= 5
    assert "/v1/listings/stream" in paths
    cached = {where for where, block in found.items() if block.own("proxy_cache")}
    assert cached == {f"~ ^{prefix}/v1/(open|public)/"}
    [where] = cached
    assert found[where].own("proxy_no_cache") == found[where].own("proxy_cache_bypass") == [["$http_authorization"]]
    assert "$http_authorization" not in found[where].own("proxy_cache_key")[0][0]
    kept = re.compile(where.removeprefix("~ "))
    routes = {route.path for route in app.router.routes if isinstance(route, Route)} | paths
    assert {path for path in routes if kept.search(prefix + path)} == {"/v1/open/feeds/summary", "/v1/public/summary"}


def test_tls_and_limits() -> None:
    plain, secure = (
        each for each in nginx(FOLDER / "placefeed.conf", FOLDER).all("server") if each.inside
    )  # an upstream's `server` has nothing inside

    assert secure.own("ssl_protocols") == [["TLSv1.2", "TLSv1.3"]]
    assert all("ssl" in words and "http2" in words for words in secure.own("listen"))
    assert secure.own("client_max_body_size") == [[f"{Settings().max_body // 1024**2}m"]]
    assert secure.own("limit_conn")
    assert not any("ssl" in words for words in plain.own("listen"))
    assert not plain.all("proxy_pass"), "nothing is served readable"


def test_the_upstreams_are_where_the_services_listen() -> None:
    here = nginx(FOLDER / "upstream.conf", FOLDER).all("server")
    there = nginx(FOLDER / "upstream.compose.conf", FOLDER).all("server")

    assert "--port 8000" in (DEPLOY / "systemd" / "placefeed-serve.service").read_text()
    assert [each.words for each in here] == [["127.0.0.1:8000"]]
    assert [each.words for each in there] == [["api:8000"]]


# -- run, where there is one -----------------------------------------------------------------------------------------


@dataclass
class Front:
    """A running nginx with the exchange behind it."""

    exchange: Live
    base: str
    plain: str
    client: httpx2.Client
    context: ssl.SSLContext

    def get(self, path: str, role: str = "", **headers: str) -> httpx2.Response:
        if role:
            headers["Authorization"] = f"Bearer {self.exchange.world.keys[role]}"
        return self.client.get(self.base + path, headers=headers)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificate(folder: Path) -> ssl.SSLContext:
    """A certificate of our own making in the folder, and who trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = made.public_bytes(serialization.Encoding.PEM)
    (folder / "fullchain.pem").write_bytes(text)
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return ssl.create_default_context(cadata=text.decode())


def configuration(folder: Path, *, upstream: int, secure: int, plain: int, prefix: str) -> str:
    """The files as they are shipped, with the ports and folders of this test."""
    for path in FOLDER.glob("*.conf"):
        text = path.read_text()
        changed = (
            text.replace("/etc/nginx/placefeed", str(folder))
            .replace("/etc/placefeed/tls", str(folder))
            .replace("/var/cache/placefeed-nginx", str(folder / "cache"))
            .replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
            .replace("listen 443 ", f"listen 127.0.0.1:{secure} ")
            .replace("listen 80;", f"listen 127.0.0.1:{plain};")
        )
        (folder / path.name).write_text(re.sub(r"\n\s*listen \[::\][^\n]*", "", changed))
    site = (folder / "placefeed.conf").read_text()
    if prefix:  # as in another site: its own server, and only the include
        start, end = site.index("    location = /v1/listings/stream"), site.rindex("}")
        site = site[:start] + f"    include {folder}/prefix.conf;\n" + site[end:]
    (folder / "site.conf").write_text(site)
    temporary = "".join(
        f"  {each}_temp_path {folder}/{each};\n" for each in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # pytest's folders are closed to others
    return (
        f"{user}daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log {folder}/error.log warn;\n"
        f"events {{ worker_connections 256; }}\nhttp {{\n{temporary}  access_log off;\n  include {folder}/site.conf;\n}}\n"
    )


@contextmanager
def served(folder: Path, settings: Settings, clock: Any, prefix: str) -> Iterator[Front]:
    secure, plain = free_port(), free_port()
    base = f"https://localhost:{secure}{prefix}"
    context = certificate(folder)
    changes = {"base_url": base, "public": True, "open_feed": True}
    with live(settings.model_copy(update=changes), clock) as exchange:
        peopled(exchange.world)
        text = configuration(folder, upstream=exchange.port, secure=secure, plain=plain, prefix=prefix)
        (folder / "nginx.conf").write_text(text)
        process = subprocess.Popen([str(NGINX), "-c", str(folder / "nginx.conf")], stderr=subprocess.PIPE)
        try:
            with httpx2.Client(verify=context, trust_env=False, timeout=20) as client:
                front = Front(exchange, base, f"http://localhost:{plain}", client, context)
                answering(process, secure)
                yield front
        finally:
            process.terminate()
            process.communicate(timeout=20)


def answering(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        assert process.poll() is None, (process.stderr.read() if process.stderr else b"").decode()
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short and open to nginx's own account, which pytest's are not."""
    made = Path(tempfile.mkdtemp(prefix="placefeed-nginx-"))
    yield made
    shutil.rmtree(made)


class TestRunning:
    """Not skipped where there is no nginx: there is nothing to run then, and the files have been read above."""

    __test__ = NGINX is not None

    @pytest.mark.parametrize("prefix", ["", "/placefeed"], ids=["root", "prefix"])
    def test_it_runs_in_front_of_the_exchange(
        self, folder: Path, tmp_path: Path, sqlite_template: Path, clock: Any, prefix: str
    ) -> None:
        with served(folder, sqlite_settings(tmp_path, sqlite_template), clock, prefix) as front:
            world = front.exchange.world
            _speaks_tls_and_http_2(front)
            _serves_nothing_readable(front)
            _passes_on(front)

            with front.client.stream("GET", f"{front.base}/v1/listings/stream", headers=key(front, "member")) as stream:
                lines = stream.iter_lines()
                assert stream.headers["content-type"].startswith("text/event-stream")
                next(line for line in lines if line == "event: ready")
                sent = front.client.post(
                    f"{front.base}/v1/submissions",
                    content=orjson.dumps(feed_of(OURS)) + b" " * 900_000,
                    headers={"Content-Type": "application/json", **key(front, "provider")},
                )
                assert sent.status_code == 201, sent.text
                world.publish()
                assert next(line for line in lines if line.startswith("event: ")) == "event: vacancy.published"

            page = front.get("/v1/feeds/vacancies", "member")
            assert page.json()["next"].startswith(f"{front.base}/v1/feeds/vacancies?")
            assert "x-cache-status" not in page.headers
            assert front.client.get(page.json()["next"], headers=key(front, "member")).status_code == 200
            _keeps_open_pages_only(front)
            errors = [
                line for line in (folder / "error.log").read_text().splitlines() if "forbidden by rule" not in line
            ]
            assert [line for line in errors if "[warn]" not in line or "temporary file" in line] == []
            assert list((folder / "client_body").iterdir()) == [], "nothing that was sent rests on the disk"

            front.exchange.server.should_exit = True
            front.exchange.thread.join(20)
            away = front.get("/healthz")
            assert (away.status_code, away.json()["status"], away.headers["retry-after"]) == (503, 503, "5")
            assert away.headers["content-type"] == "application/problem+json"


def key(front: Front, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {front.exchange.world.keys[role]}"}


def _speaks_tls_and_http_2(front: Front) -> None:
    context = front.context
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = "localhost", int(front.base.split(":")[2].partition("/")[0])
    with socket.create_connection((host, port)) as plain, context.wrap_socket(plain, server_hostname=host) as stream:
        assert stream.selected_alpn_protocol() == "h2"
    context.set_alpn_protocols(["http/1.1"])


def _serves_nothing_readable(front: Front) -> None:
    moved = front.client.get(f"{front.plain}/v1/listings?age=14")
    assert (moved.status_code, moved.headers["location"]) == (308, "https://localhost/v1/listings?age=14")
    assert front.client.get(f"{front.plain}/v1/listings", headers=key(front, "member")).status_code == 403


def _passes_on(front: Front) -> None:
    mine = front.get("/healthz", **{"X-Request-ID": "mine"})
    assert mine.json() == {"status": "ok"}
    assert re.fullmatch("[0-9a-f]{32}", mine.headers["x-request-id"]), "nginx's, which is in its log too"
    assert front.get("/v1/listings").status_code == 401
    assert front.get("/v1/listings", "member").status_code == 200
    odd = front.get("/v1/settings/a%2Fb%20c", "member")
    assert odd.headers["content-type"] == "application/problem+json"
    assert odd.json()["status"] == 404
    climbing = front.get("/v1/open/..%2Flistings", "member")
    assert climbing.status_code == 404
    prefixed = "/placefeed" in front.base
    assert front.get("/metrics").status_code == (403 if prefixed else 200)


def _keeps_open_pages_only(front: Front) -> None:
    world = front.exchange.world
    make_summary(world.database, world.app.state.exchange.settings, world.clock)
    for path in ("/v1/public/summary", "/v1/open/feeds/summary"):
        said = [front.get(path).headers.get("x-cache-status") for _ in range(2)]
        assert said == ["MISS", "HIT"], path
        asked = front.get(path, "member")
        assert asked.headers["x-cache-status"] == "BYPASS"
        assert asked.json() == front.get(path).json()
    for path in ("/v1/listings", "/v1/feeds/vacancies"):
        assert all("x-cache-status" not in front.get(path, "member").headers for _ in range(2))
