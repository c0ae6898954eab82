"""Simulated providers at an exchange: each pushes with its own key, first everything, then what changes."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import orjson

from placefeed.client import Provider, Retry
from placefeed.client.errors import PlacefeedError, Unreachable
from placefeed.service.clock import iso
from placefeed.service.simulate.forms import Sending
from placefeed.service.simulate.life import Life

AT_ONCE = 4
"""Providers that push at the same time."""


class NoKeys(ValueError):
    """The file of keys cannot be used; the message says what it should be."""


@dataclass(slots=True)
class Outcome:
    """What became of a round of pushes. `verdicts` counts reports, `failures` the first few refusals in words."""

    sent: int = 0
    without_key: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """As printed for machines."""
        return {
            "sent": self.sent, "withoutKey": self.without_key, "verdicts": dict(self.verdicts), "records": dict(self.records),
            "failed": self.failed, "failures": self.failures,
        }  # fmt: skip


def read_keys(path: Path) -> dict[str, str]:
    """The providers' keys by owner, from the file that `placefeed demo` writes (`providers`: id -> key), or a plain object of them."""
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise NoKeys(f"The file of keys {path} cannot be read: {error.strerror}.") from error
    except orjson.JSONDecodeError as error:
        raise NoKeys(f"{path} is not JSON. `placefeed demo` writes such a file: keys.json in its folder.") from error
    keys = found.get("providers", found) if isinstance(found, dict) else None
    if not isinstance(keys, dict) or not all(isinstance(key, str) for key in keys.values()):
        raise NoKeys(
            f"{path} does not say one key for each provider, as {{“providers”: {{“example-homes”: “pf_...”}}}}."
        )
    return keys


class Providers:
    """The providers that have keys, over shared connections."""

    def __init__(
        self, url: str, keys: Mapping[str, str], *, insecure: bool = False, retry: Retry | None = None
    ) -> None:
        self._url, self._keys, self._insecure, self._retry = url, keys, insecure, retry
        self._transport = httpx2.HTTPTransport(
            limits=httpx2.Limits(max_connections=AT_ONCE * 2, max_keepalive_connections=AT_ONCE * 2)
        )

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def answers(self) -> bool:
        """Whether the exchange is up."""
        with httpx2.Client() as probe:
            try:
                return probe.get(f"{self._url}/healthz", timeout=2).is_success
            except httpx2.HTTPError:
                return False

    def of(self, owner: str) -> Provider | None:
        """A client with this owner's key; not to be closed by itself, its connections are everybody's."""
        key = self._keys.get(owner)
        return (
            None
            if key is None
            else Provider(self._url, key, transport=self._transport, insecure=self._insecure, retry=self._retry)
        )

    def push(
        self,
        sent: Iterable[Sending],
        *,
        stop: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] | None = None,
    ) -> Outcome:
        """Push all, some at once, an owner's files one after the other. Raises Unreachable when the exchange does not answer at all."""
        outcome = Outcome()
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="placefeed-provider") as pool:
            running: set[Future[list[Any]]] = set()
            for batch in _by_owner(sent):
                if stop():
                    break
                if len(running) >= AT_ONCE:
                    running = self._gathered(running, outcome, progress)
                if batch[0].owner in self._keys:
                    running.add(pool.submit(self._push, batch, stop))
                else:
                    outcome.without_key += 1
            while running:
                running = self._gathered(running, outcome, progress)
        return outcome

    def _push(self, batch: list[Sending], stop: Callable[[], bool]) -> list[Any]:
        provider = self.of(batch[0].owner)
        assert provider is not None
        results: list[Any] = []
        for sending in batch:
            if stop():
                break
            try:
                results.append(
                    provider.push(sending.content, content_type=sending.content_type, name=sending.name, wait=False)
                )
            except Unreachable:
                raise
            except PlacefeedError as error:
                results.append(f"{sending.name}: {error}")
        return results

    def _gathered(
        self, running: set[Future[list[Any]]], outcome: Outcome, progress: Callable[[int], None] | None
    ) -> set[Future[list[Any]]]:
        done, left = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            for result in future.result():
                outcome.sent += 1
                if isinstance(result, str):
                    outcome.failed += 1
                    outcome.failures = [*outcome.failures, result][:5]
                else:
                    outcome.verdicts[str(result.document.get("verdict", "working"))] += 1
                    outcome.records.update({name: n for name, n in result.document.get("counts", {}).items() if n})
        if progress is not None:
            progress(outcome.sent)
        return left


def _by_owner(sent: Iterable[Sending]) -> Iterable[list[Sending]]:
    batch: list[Sending] = []
    for sending in sent:
        if batch and batch[0].owner != sending.owner:
            yield batch
            batch = []
        batch.append(sending)
    if batch:
        yield batch


def say(provider: Provider, life: Life, what: str, before: Mapping[str, int]) -> None:
    """Tell the exchange what just happened at a setting, by small updates: the counts, then each offer that changed.

    `before`: places by offer as they stood. Raises the client's errors.
    """
    if what == "attested":
        provider.attest(life.urn)
        return
    provider.put_capacity(life.urn, life.capacity())
    now = {offer.id: offer.places for offer in life.offers}
    for gone in before.keys() - now.keys():
        provider.withdraw_vacancy(life.urn, gone)
    for offer in life.offers:
        if before.get(offer.id) != offer.places:
            provider.put_vacancy(life.urn, offer.id, life.vacancy(offer) | {"asOf": iso(life.said_at)})
