"""E-mail against a real mail server: what is taken, refused for now or for good, cut off, late; and that no line is the sender's to add."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pydantic import SecretStr

from placefeed.service.channels.subscriptions.mail import Attachment, Letter, own_host, send, server_of
from placefeed.service.channels.subscriptions.outcomes import Outcome
from placefeed.service.config import Settings
from tests.service.post import PASSWORD, USER, Inbox, certificate, mailbox, part

LETTER = Letter(to="team@member.example", subject="3 new", text="Zwölf Plätze: £5\n", message="msg_1", about="abc")
CREDENTIALS = f"{USER}:{quote(PASSWORD)}@"


def settings_for(inbox: Inbox, scheme: str = "smtp", credentials: str = "", **more: Any) -> Settings:
    url = SecretStr(f"{scheme}://{credentials}127.0.0.1:{inbox.port}")
    return Settings(smtp_url=url, mail_from="Places <exchange@example.org>", **more)


def sent(inbox: Inbox, letter: Letter = LETTER, *, now: Any, **more: Any) -> Outcome:
    return asyncio.run(send(letter, settings=settings_for(inbox, **more), now=now))


def test_a_letter_arrives_as_it_was_written(now: Any) -> None:
    letter = Letter(
        to="team@member.example",
        subject="Zwölf: 3 new",
        text="Zwölf Plätze: £5\n.\nend\n",
        html="<p>Zwölf</p>",
        message="msg_1",
        attachments=(Attachment("changes.csv", "csv", "a,ü\r\n".encode()),),
        about="abc",
    )
    with mailbox() as inbox:
        outcome = sent(inbox, letter, now=now)

    assert (outcome.ok, outcome.status, outcome.answer) == (True, 250, "Taken")
    (mail,) = inbox.taken
    assert mail["to"] == "team@member.example"
    assert mail["from"] == "Places <exchange@example.org>"
    assert mail["subject"] == "Zwölf: 3 new"
    assert mail["message-id"] == "<msg_1@127.0.0.1>"
    assert mail["auto-submitted"] == "auto-generated"
    assert mail["date"].datetime == now
    assert mail["list-unsubscribe"] == "<mailto:exchange@example.org?subject=Unsubscribe%20abc>"
    assert part(mail, "text/plain") == letter.text
    assert "<p>Zwölf</p>" in part(mail, "text/html")
    assert part(mail, "text/csv").splitlines() == ["a,ü"]


REFUSALS: list[tuple[dict[str, Any], bool, int | None]] = [
    ({"refuse": {"team@member.example": "550 No such user"}}, True, 550),
    ({"refuse": {"team@member.example": "450 Greylisted"}}, False, 450),
    ({"at_data": "554 This is spam"}, True, 554),
    ({"at_data": "452 Full"}, False, 452),
    ({"drop_at": "data"}, False, None),
]


@pytest.mark.parametrize(("behaviour", "gone", "status"), REFUSALS)
def test_what_is_refused_for_good_is_told_from_what_is_for_later(
    behaviour: dict[str, Any], gone: bool, status: int | None, now: Any
) -> None:
    with mailbox() as inbox:
        for name, value in behaviour.items():
            setattr(inbox, name, value)
        outcome = sent(inbox, now=now)

    assert (outcome.ok, outcome.gone, outcome.status) == (False, gone, status)
    assert outcome.error
    assert inbox.taken == []


def test_what_was_taken_stays_taken_however_the_goodbye_goes(now: Any) -> None:
    with mailbox() as inbox:
        inbox.drop_at = "quit"

        assert sent(inbox, now=now).ok


def test_a_server_that_dawdles_is_left(now: Any) -> None:
    with mailbox() as inbox:
        inbox.slow = 3.0
        outcome = sent(inbox, now=now, deliver_timeout=0.2)

    assert (outcome.ok, outcome.gone, outcome.status) == (False, False, None)
    assert "in time" in (outcome.error or "")


def test_no_server_at_all_is_for_later(now: Any) -> None:
    with mailbox() as inbox:
        pass

    outcome = sent(inbox, now=now)
    assert (outcome.ok, outcome.gone) == (False, False)
    assert asyncio.run(send(LETTER, settings=Settings(), now=now)).error


def test_a_password_goes_over_an_encrypted_and_proved_line_only(
    now: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path)
    with mailbox(password=True) as inbox:  # offers no encryption
        assert not sent(inbox, now=now, credentials=CREDENTIALS).ok
    assert inbox.logins == []
    with mailbox(password=True, starttls=True, certificate=own) as inbox:  # one that nobody vouches for
        assert not sent(inbox, now=now, credentials=CREDENTIALS).ok
    assert inbox.logins == []
    monkeypatch.setenv("SSL_CERT_FILE", str(own[0]))
    with mailbox(password=True, starttls=True, certificate=own) as inbox:
        assert sent(inbox, now=now, credentials=CREDENTIALS).ok
        wrong = sent(inbox, now=now, credentials=f"{USER}:wrong@")
    assert inbox.logins[0] == (USER, True)
    assert len(inbox.taken) == 1
    assert (wrong.ok, wrong.gone, wrong.status) == (False, False, 535)  # our fault, not the receiver's
    with mailbox(password=True, implicit=True, certificate=own) as inbox:
        assert sent(inbox, now=now, scheme="smtps", credentials=CREDENTIALS).ok


def test_encryption_that_is_offered_is_taken(now: Any, tmp_path: Path) -> None:
    with mailbox(starttls=True, certificate=certificate(tmp_path)) as inbox:
        assert sent(inbox, now=now).ok
    assert len(inbox.taken) == 1


@pytest.mark.parametrize("name", ["subject", "to"])
def test_nobody_adds_a_header(name: str, now: Any) -> None:
    with mailbox() as inbox:
        outcome = sent(inbox, replace(LETTER, **{name: "x@y.example\r\nBcc: all@rest.example"}), now=now)

    assert not outcome.ok
    assert inbox.taken == []


def test_the_servers_address_is_read_and_never_repeated() -> None:
    def read(url: str) -> Any:
        return server_of(Settings(smtp_url=SecretStr(url)))

    assert (read("smtp://mail.example").port, read("smtps://mail.example").port) == (25, 465)
    assert read("smtp://u%40x:p%3Aw@mail.example").port == 587
    assert (read("smtp://u%40x:p%3Aw@mail.example").user, read("smtp://u:p%3Aw@m.example").password) == ("u@x", "p:w")
    assert "hush" not in repr(Settings(smtp_url=SecretStr("smtp://u:hush@m.example")))
    for url in ("http://u:hush@m.example", "smtp://", "smtp://m.example:hush"):
        with pytest.raises(ValueError, match="PLACEFEED_SMTP_URL") as caught:
            read(url)
        assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("https://ex.example/x", "ex.example"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:1", "[IPv6:::1]"),
    ],
)
def test_how_we_greet(base_url: str, host: str) -> None:
    assert own_host(Settings(base_url=base_url)) == host
