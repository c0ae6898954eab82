"""Checking webhooks: what the reference library signs is genuine, and nothing that anybody sends makes it stumble."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from placefeed.client import NotGenuine, NotSigned, NotTimely, WrongSignature, verify_webhook

NOW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = '{"type":"subscription.events", "data": {"number": 7,  "näme": "Ö\\u00d6"} }'.encode()


def signed(body: bytes = BODY, *secrets: str, at: datetime = NOW, **changes: str) -> dict[str, str]:
    """The headers that the reference library makes."""
    texts = [
        Webhook(secret).sign("msg_1", at, body.decode("utf-8", "surrogateescape")) for secret in secrets or [SECRET]
    ]
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(texts),
    } | {name.replace("_", "-"): value for name, value in changes.items()}


def test_what_the_reference_library_signs_is_genuine() -> None:
    assert verify_webhook(BODY, signed(), SECRET, now=NOW) == json.loads(BODY)


def test_what_is_genuine_for_us_is_so_for_the_reference_library() -> None:
    now = datetime.now(UTC)
    headers = signed(at=now)

    assert verify_webhook(BODY, headers, SECRET) == Webhook(SECRET).verify(BODY, headers)


def test_names_of_headers_are_taken_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed().items()}

    assert verify_webhook(BODY, headers, SECRET, now=NOW)


@pytest.mark.parametrize("ours", [[SECRET], [OLD], [OLD, SECRET]])
@pytest.mark.parametrize("theirs", [(SECRET, OLD), (OLD, SECRET)])
def test_while_secrets_change_either_will_do(ours: list[str], theirs: tuple[str, ...]) -> None:
    assert verify_webhook(BODY, signed(BODY, *theirs), ours, now=NOW)


def test_a_secret_may_lack_its_prefix_and_padding() -> None:
    assert verify_webhook(BODY, signed(), SECRET.removeprefix("whsec_").rstrip("="), now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        BODY.replace(b"7", b"8"),
        json.dumps(json.loads(BODY)).encode(),
        BODY + b"\n",
        BODY.replace(b"\xc3\xa4", b"a"),
        b"",
    ],
    ids=["changed", "written again", "one byte more", "another letter", "empty"],
)
def test_every_byte_counts(body: bytes) -> None:
    with pytest.raises(WrongSignature):
        verify_webhook(body, signed(), SECRET, now=NOW)


@pytest.mark.parametrize("changes", [{"webhook_id": "msg_2"}, {"webhook_timestamp": str(int(NOW.timestamp()) + 1)}])
def test_id_and_time_are_signed_too(changes: dict[str, str]) -> None:
    with pytest.raises(WrongSignature):
        verify_webhook(BODY, signed(**changes), SECRET, now=NOW)


def test_another_secret_is_told() -> None:
    with pytest.raises(WrongSignature, match="Check that the secret"):
        verify_webhook(BODY, signed(BODY, OLD), SECRET, now=NOW)


@pytest.mark.parametrize("apart", [301, 3600, -301, -3600])
def test_a_message_is_timely_or_refused(apart: int) -> None:
    headers = signed(at=NOW - timedelta(seconds=apart))

    with pytest.raises(NotTimely, match="ago" if apart > 0 else "ahead"):
        verify_webhook(BODY, headers, SECRET, now=NOW)
    assert verify_webhook(BODY, headers, SECRET, now=NOW, tolerance=abs(apart))


@pytest.mark.parametrize("apart", [300, -300, 0])
def test_five_minutes_either_way_are_timely(apart: int) -> None:
    assert verify_webhook(BODY, signed(at=NOW - timedelta(seconds=apart)), SECRET, now=NOW)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_lacks_a_header_is_not_signed(name: str, value: str | None) -> None:
    headers = signed()
    if value is None:
        del headers[name]
    else:
        headers[name] = value

    with pytest.raises(NotSigned):
        verify_webhook(BODY, headers, SECRET, now=NOW)


@pytest.mark.parametrize(
    "timestamp",
    ["soon", "-1", "1.5", "1e9", "٣", "²", "9" * 13, "9" * 5000, "0x10", "1 2", "nan", "\x00", "1763748000\n2"],
)
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    with pytest.raises(NotGenuine):
        verify_webhook(BODY, signed(webhook_timestamp=timestamp), SECRET, now=NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "v1", "v1,", ",", " ", "v1,,", "v2,abc", "v1a,abc", "abc", "v1,ä", "v1,🏠", "v1,\udcff", "v1,\x00", "v1,===", "v1,a",
        "v1," + "A" * 44, "v1," + "A" * 1_000_000, "v1,A " * 100_000, "V1,abc", "v1 , abc", "v1;abc",
    ],
    ids=lambda text: ascii(text[:12]),
)  # fmt: skip
def test_a_signature_that_is_none_is_refused(signature: str) -> None:
    with pytest.raises(NotGenuine):
        verify_webhook(BODY, signed(webhook_signature=signature), SECRET, now=NOW)


@pytest.mark.parametrize("identifier", ["ä", "🏠", "\udcff", "a" * 100_000])
def test_an_id_of_any_letters_is_no_error_of_ours(identifier: str) -> None:
    with pytest.raises(WrongSignature):
        verify_webhook(BODY, signed(webhook_id=identifier), SECRET, now=NOW)


def test_a_genuine_signature_among_odd_ones_is_found() -> None:
    good = signed()["webhook-signature"]

    assert verify_webhook(BODY, signed(webhook_signature=f"v1,ä v2,xyz {good} v1,"), SECRET, now=NOW)


@pytest.mark.parametrize("body", [b"hello", b"[]", b"7", b"\xff\xfe", b'{"a":'])
def test_what_is_signed_but_no_message_is_refused(body: bytes) -> None:
    import hashlib
    import hmac

    made = hmac.digest(bytes(range(32)), b"msg_1.%d." % int(NOW.timestamp()) + body, hashlib.sha256)
    headers = signed(webhook_signature="v1," + base64.b64encode(made).decode())

    with pytest.raises(NotGenuine, match="no JSON object"):
        verify_webhook(body, headers, SECRET, now=NOW)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_ä", "whsec_AAAA", SECRET[:20], SECRET + "AAAA" * 20, [], ["nonsense!"]]
)
def test_a_secret_that_is_none_is_a_mistake_of_ours(secret: Any) -> None:
    with pytest.raises(ValueError, match="secret"):
        verify_webhook(BODY, signed(), secret, now=NOW)


@pytest.mark.parametrize("body", [BODY.decode(), json.loads(BODY), None])
def test_only_bytes_can_be_checked(body: Any) -> None:
    with pytest.raises(TypeError, match="bytes that came"):
        verify_webhook(body, signed(), SECRET, now=NOW)
