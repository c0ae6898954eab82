"""Whatever a caller sends, the answer is one that the OpenAPI document names, and never an unexpected error."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import schemathesis
import uvicorn
from starlette.testclient import TestClient
from tests.service.api.exchange import BASE, World, peopled, sqlite_settings

from placefeed.service.app import create_app
from placefeed.service.config import Settings


@pytest.fixture
def settings(tmp_path: Path, sqlite_template: Path) -> Settings:
    """One database is enough for what has nothing to do with it."""
    return sqlite_settings(tmp_path, sqlite_template)


@pytest.fixture
def served(settings: Settings, clock: Any) -> Iterator[tuple[str, dict[str, str]]]:
    """The exchange on a port of this machine, and the keys of its roles."""
    chosen = settings.model_copy(update={"base_url": BASE, "rate_per_minute": 0})
    app = create_app(chosen, clock=clock)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    world = peopled(World(TestClient(app), app, chosen, clock))
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", world.keys
    server.should_exit = True
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("role", ["operator", "provider", "member"])
def test_every_answer_is_as_documented(served: tuple[str, dict[str, str]], role: str) -> None:
    base, keys = served
    wrong: Counter[tuple[str, str, int]] = Counter()
    schema = schemathesis.openapi.from_url(f"{base}/openapi.json")

    for found in schema.get_all_operations():
        if found.ok().path.endswith("/stream"):  # what is right never ends: test_stream.py has it
            continue
        _try(found.ok(), f"Bearer {keys[role]}", base, wrong)

    assert wrong == {}


def _try(operation: Any, authorization: str, base: str, wrong: Counter[tuple[str, str, int]]) -> None:
    @hypothesis.settings(
        max_examples=4,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def check(case: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": authorization}
        answer = case.call(base_url=base)
        documented = str(answer.status_code) in operation.definition.raw["responses"]
        problem = answer.status_code < 400 or "application/problem+json" in answer.headers["content-type"]
        if not documented or not problem or answer.status_code == 500:
            wrong[operation.method, operation.path, answer.status_code] += 1

    check()
