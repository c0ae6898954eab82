"""Passwords, second factors, one-use links, invitations and lock-out, by themselves; their pages are tested beside the pages."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlmodel import select

from placefeed.service.access import invitations, links, lockout, organisations, passwords, people, second_factor
from placefeed.service.access.passwords import Passwords
from placefeed.service.access.who import OPERATOR, Caller
from placefeed.service.clock import Clock
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import Conflict, Invalid, NotFound, TooManyRequests, Unavailable
from placefeed.service.purge import purge
from placefeed.service.tables import FailedSignIn, OneUse, Person, Post, SignIn

SECRET = b"s" * 40
BY = Caller(None, None, OPERATOR)
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture
def council(database: Database, clock: Clock) -> str:
    with database.write() as session:
        organisations.create_organisation(
            session, "lewisham", kind="member", name="Lewisham", la_code="E09000023", now=clock()
        )
    return "lewisham"


# -- passwords ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "short", "elevenchars", "a" * 201, "aaaaaaaaaaaa", "Password1234", "passwordpassword", "123456789012", "Qwertyuiop123!",
        "sam.carter@1", "x-samcarter-99", "xx Sam Carter xx", "my placefeed key", "November2026!!", "PaSsWoRd!2345",
    ],
)  # fmt: skip
def test_a_password_that_is_tried_first_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        passwords.check(text, email="sam.carter@example.org", name="Sam Carter")
    assert refused.value.errors[0]["pointer"] == "/password"
    assert text not in str(refused.value)


@pytest.mark.parametrize("text", ["violet kettle umbrella", "zebra-9-clouds", "ÄÖÜ unter dem Baum", "k7w2p9x4m1q8"])
def test_a_long_one_of_its_own_is_taken(text: str) -> None:
    passwords.check(text, email="sam.carter@example.org", name="Sam Carter")


def test_passwords_are_argon2id_and_hashed_again_when_parameters_change() -> None:
    cheap, real = Passwords(CHEAP), Passwords()
    kept = cheap.hash("violet kettle umbrella")

    assert kept.startswith("$argon2id$")
    assert cheap.verify(kept, "violet kettle umbrella")
    assert not cheap.verify(kept, "violet kettle umbrellas")
    assert not cheap.verify("nonsense", "violet kettle umbrella")
    assert not cheap.is_stale(kept)
    assert real.is_stale(kept)


def test_nobodys_password_takes_the_same_work() -> None:
    verified: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: Any, password: Any) -> Any:
            verified.append(hash)
            return super().verify(hash, password)

    hasher = Passwords(Watched(time_cost=1, memory_cost=8, parallelism=1))

    assert not hasher.verify(None, "the password of nobody")  # not even with the very text
    assert not hasher.verify(CHEAP.hash("x" * 300), "x" * 300)
    assert len(verified) == 2


def test_few_are_hashed_at_a_time_and_the_rest_is_told_to_come_again() -> None:
    going, most, go = 0, 0, threading.Event()
    lock = threading.Lock()

    class Slow(PasswordHasher):
        def hash(self, password: Any, *, salt: bytes | None = None) -> str:
            nonlocal going, most
            with lock:
                going += 1
                most = max(most, going)
            go.wait(10)
            with lock:
                going -= 1
            return "hash"

    hasher = Passwords(Slow(), at_once=2, waiting=3)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(hasher.hash, "x") for _ in range(8)]
        refused = [each for each in asked if _refuses(each)]
        go.set()
        answers = [each.result() for each in asked if each not in refused]
    assert len(refused) == 3
    assert answers == ["hash"] * 5
    assert most == 2


def _refuses(asked: Any) -> bool:
    try:
        error = asked.exception(timeout=0.1)
    except TimeoutError:
        return False
    assert isinstance(error, Unavailable)
    assert error.headers["Retry-After"] == "5"
    return True


# -- the second factor --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"), (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)  # fmt: skip
def test_codes_are_those_of_rfc_6238(at: int, code: str) -> None:
    assert second_factor.hotp(b"12345678901234567890", at // second_factor.STEP, digits=8) == code


def test_a_code_is_good_one_step_early_or_late_and_never_twice(clock: Any) -> None:
    key, here = b"k" * 20, second_factor.step_at(clock())
    codes = {offset: second_factor.hotp(key, here + offset) for offset in range(-2, 3)}

    found = {offset: second_factor.matching_step(key, code, now=clock(), after=0) for offset, code in codes.items()}

    assert found == {-2: None, -1: here - 1, 0: here, 1: here + 1, 2: None}
    assert second_factor.matching_step(key, codes[0], now=clock(), after=here) is None


def test_of_two_that_bring_the_same_code_at_once_one_succeeds(database: Database, clock: Clock, council: str) -> None:
    with database.write() as session:
        person = people.create_person(session, email="sam@example.org", name="Sam", now=clock())
    text, sealed = second_factor.propose(person.id, secret=SECRET)
    key = base64.b32decode(text)
    here = second_factor.step_at(clock())
    with database.write() as session:
        codes = second_factor.enrol(
            session, person.id, sealed, second_factor.hotp(key, here - 1), secret=SECRET, now=clock()
        )
    assert len(set(codes)) == 8

    def verify(code: str) -> bool:
        with database.write() as session:
            return second_factor.verify(session, person.id, code, secret=SECRET, now=clock())

    for code in (second_factor.hotp(key, here), codes[0]):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(verify, [code, code])) == [False, True]
    with database.read() as session:
        kept = session.get_one(Person, person.id)
        assert len(kept.recovery) == 7
        assert key not in (kept.totp or b"")
        assert not any(code.replace("-", "") in str(kept.recovery) for code in codes)


def test_a_secret_proposed_to_one_person_is_nobody_elses(clock: Clock) -> None:
    _text, sealed = second_factor.propose("a", secret=SECRET)
    for person, given in (("b", sealed), ("a", sealed[:-4] + "AAAA"), ("a", ""), ("a", "ä")):
        with pytest.raises(Invalid):
            second_factor.proposed(person, given, secret=SECRET)


# -- links and invitations ----------------------------------------------------------------------------------------------


def test_a_link_works_once_and_says_the_same_whatever_is_wrong(database: Database, clock: Any) -> None:
    with database.write() as session:
        tokens = [
            links.make(session, kind=links.UNCHANGED, detail={"a": 1}, lasts=timedelta(hours=1), now=clock())
            for _ in range(2)
        ]
        kept = session.exec(select(OneUse)).all()
        assert not any(token.encode() in row.digest for token in tokens for row in kept)
    for _ in range(2):  # opening changes nothing
        with database.read() as session:
            assert links.look(session, tokens[0], kind=links.UNCHANGED, now=clock()).detail == {"a": 1}
    with database.write() as session:
        assert links.consume(session, tokens[0], kind=links.UNCHANGED, now=clock()).used_at == clock()
    clock.move(minutes=59)
    told = set()
    for token, kind in ((tokens[0], links.UNCHANGED), (tokens[1], links.RESET), ("nothing", links.UNCHANGED)):
        for use in (links.look, links.consume):
            with database.write() as session, pytest.raises(NotFound) as refused:
                use(session, token, kind=kind, now=clock())
            told.add(str(refused.value))
    clock.move(minutes=1)
    with database.write() as session, pytest.raises(NotFound) as refused:
        links.consume(session, tokens[1], kind=links.UNCHANGED, now=clock())
    assert told == {str(refused.value)}


def test_of_two_that_accept_an_invitation_at_once_one_succeeds(
    database: Database, settings: Settings, clock: Clock, council: str
) -> None:
    with database.write() as session:
        token, person = invitations.invite(
            session, organisation_id=council, email="Sam@Example.org ", name="Sam", level="editor", by=BY, settings=settings,
            now=clock(),
        )  # fmt: skip
        assert session.get(Post, (person.id, council)) is None  # it is theirs when they accept

    def accept(_number: int) -> bool:
        try:
            with database.write() as session:
                invitations.accept(session, token, now=clock())
        except NotFound:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(accept, range(2))) == [False, True]
    with database.read() as session:
        assert session.get_one(Post, (person.id, council)).level == "editor"
        assert person.email == "sam@example.org"


def test_a_new_invitation_voids_the_earlier_one(
    database: Database, settings: Settings, clock: Clock, council: str
) -> None:
    def invite() -> str:
        with database.write() as session:
            return invitations.invite(
                session, organisation_id=council, email="sam@example.org", name="Sam", level="reader", by=BY,
                settings=settings, now=clock(),
            )[0]  # fmt: skip

    first, second = invite(), invite()
    with database.write() as session, pytest.raises(NotFound):
        invitations.accept(session, first, now=clock())
    with database.write() as session:
        invitations.accept(session, second, now=clock())
    with pytest.raises(Conflict, match="work here already"):
        invite()
    with database.write() as session:
        person = people.find(session, "sam@example.org")
        assert person is not None
        session.delete(session.get_one(Post, (person.id, council)))
        people.disable(session, person.id, now=clock())
    with pytest.raises(Conflict, match="closed"):
        invite()


# -- lock-out -----------------------------------------------------------------------------------------------------------


def test_strangers_are_stopped_and_the_owner_comes_in(database: Database, clock: Any) -> None:
    cookie = lockout.remember(None, email="sam@example.org", secret=SECRET, now=clock())

    def try_in(place: str, cookie: str | None = None, email: str = "sam@example.org") -> bool:
        try:
            with database.write() as session:
                lockout.begin(session, email=email, place=place, cookie=cookie, secret=SECRET, now=clock())
        except TooManyRequests as error:
            return error.headers["Retry-After"] != "900"
        return True

    assert [try_in("192.0.2.7") for _ in range(11)] == [True] * 10 + [False]
    assert not try_in("192.0.2.200")  # the same network
    assert not try_in("::ffff:192.0.2.9")
    assert sum(try_in(f"198.51.{number}.1") for number in range(100)) == 40  # many networks: fifty in all
    assert not try_in("2001:db8::1")
    assert try_in("192.0.2.7", email="ali@example.org")  # another account is not locked by it
    assert [try_in("192.0.2.7", cookie) for _ in range(11)] == [True] * 10 + [
        False
    ]  # its owner, in a browser of their own
    assert not try_in("203.0.113.1", cookie + "x")
    clock.move(minutes=15, seconds=1)
    assert try_in("192.0.2.7")


def test_a_known_browser_is_known_to_its_account_only_and_for_half_a_year(clock: Any) -> None:
    first = lockout.remember(None, email="sam@example.org", secret=SECRET, now=clock())
    both = lockout.remember(first, email="ali@example.org", secret=SECRET, now=clock())

    def known(cookie: str | None, email: str, secret: bytes = SECRET) -> bool:
        return lockout.known_browser(cookie, email=email, secret=secret, now=clock()) is not None

    assert known(both, "sam@example.org")
    assert known(both, "ali@example.org")
    assert not known(first, "ali@example.org")
    assert not known(first, "sam@example.org", b"t" * 40)
    assert not any(
        known(each, "sam@example.org") for each in (None, "", "~~~", "a.b.c", "ä.9.é", first.replace(".", ""))
    )
    for number in range(9):
        both = lockout.remember(both, email=f"{number}@example.org", secret=SECRET, now=clock())
    assert len(both.split("~")) == lockout.ACCOUNTS
    clock.move(days=181)
    assert not known(first, "sam@example.org")


def test_one_network_is_stopped_over_all_accounts(database: Database, clock: Any) -> None:
    def try_in(number: int) -> bool:
        try:
            with database.write() as session:
                lockout.begin(
                    session, email=f"{number}@example.org", place="192.0.2.7", cookie=None, secret=SECRET, now=clock()
                )
        except TooManyRequests:
            return False
        return True

    assert sum(try_in(number) for number in range(120)) == lockout.PLACE
    with database.read() as session:
        rows = session.exec(select(FailedSignIn)).all()
        assert not any(b"example" in row.account or b"192" in row.place for row in rows)


# -- what is kept -------------------------------------------------------------------------------------------------------


def test_what_is_over_is_purged(database: Database, settings: Settings, clock: Any, council: str) -> None:
    now = clock()
    with database.write() as session:
        invitations.invite(
            session, organisation_id=council, email="never@example.org", name="Never", level="reader", by=BY, settings=settings,
            now=now,
        )  # fmt: skip
        stays = people.create_person(session, email="stays@example.org", name="Stays", now=now)
        people.give_post(session, stays.id, council, level="reader", now=now)
        session.add(
            SignIn(
                id="a", digest=b"a", person_id=stays.id, how="password", created_at=now, seen_at=now,
                expires_at=now + timedelta(days=7),
            )
        )  # fmt: skip
        lockout.begin(session, email="a@example.org", place="192.0.2.1", cookie=None, secret=SECRET, now=now)

    assert purge(database, settings, now=now + timedelta(days=6)) == {}
    assert purge(database, settings, now=now + timedelta(days=8)) == {"failed sign-ins": 1}
    assert purge(database, settings, now=now + timedelta(days=36)) == {}
    assert purge(database, settings, now=now + timedelta(days=38)) == {
        "sign-ins that are over": 1, "links that work once": 1, "accounts that nobody took up": 1,
    }  # fmt: skip
    with database.read() as session:
        assert [person.email for person in session.exec(select(Person))] == ["stays@example.org"]
