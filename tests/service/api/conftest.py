"""A running exchange for the tests of routes; once on each database."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.service.api.exchange import BASE, World, peopled

from placefeed.service.app import create_app
from placefeed.service.config import Settings


@pytest.fixture
def make_app(settings: Settings, clock: Any) -> Iterator[Callable[..., World]]:
    """Start an exchange with these settings changed."""
    running: list[TestClient] = []

    def start(**changes: Any) -> World:
        chosen = settings.model_copy(update={"base_url": BASE, **changes})
        app = create_app(chosen, clock=clock)
        client = TestClient(app, base_url=BASE, raise_server_exceptions=False)
        client.__enter__()
        running.append(client)
        return World(client, app, chosen, clock)

    yield start
    for client in running:
        client.__exit__(None, None, None)


@pytest.fixture
def bare(make_app: Callable[..., World]) -> World:
    """A running exchange with nobody in it."""
    return make_app()


@pytest.fixture
def world(bare: World) -> World:
    """A running exchange: `provider` speaks for two homes, `rival` for one, `member` sees both through its consortium."""
    return peopled(bare)
