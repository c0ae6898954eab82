"""Lock-out, sessions in other processes and second factors through HTTP; once on each database."""

import base64
import re

from placefeed.service.access import people, second_factor
from placefeed.service.access.sign_ins import SignIns
from placefeed.service.db import Database
from placefeed.service.tables import Person
from tests.service.api.exchange import World
from tests.service.pages.jar import Jar, account, reset_token, text_of
from tests.service.post import wait_for

SAM = "sam@lewisham.example"


def test_guessing_is_stopped_and_the_owner_is_not_locked_out(world: World) -> None:
    account(world, SAM, "lewisham")
    owner, stranger = Jar(world, host="198.51.100.1"), Jar(world, host="192.0.2.1")
    owner.sign_in(SAM)
    owner.post("/sign-out")

    statuses = [stranger.sign_in(SAM, f"guess number {number}").status_code for number in range(11)]
    assert statuses == [422] * 10 + [429]
    answer = stranger.sign_in(SAM)  # even with the right one
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    ghost = Jar(world, host="192.0.2.1")
    told = [ghost.sign_in("nobody@lewisham.example", "x").text for _ in range(11)][-1]
    assert told.replace("nobody@lewisham.example", "E") == answer.text.replace(SAM, "E")
    for network in range(10):  # and from everywhere
        for number in range(4):
            Jar(world, host=f"10.{network}.0.1").sign_in(SAM, f"guess {number}")
    assert Jar(world, host="10.99.0.1").sign_in(SAM).status_code == 429
    owner.client, owner.host = None, "192.0.2.2"  # in the very network of the stranger
    assert owner.sign_in(SAM).status_code == 303


def test_who_is_shut_out_is_out_at_once_in_every_process(world: World) -> None:
    person = account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.sign_in(SAM)
    database = Database(world.settings)
    database.listen()
    other = SignIns(database, world.clock)
    cookie = jar.session or ""
    try:
        assert other.visitor(cookie) is not None
        with world.database.write() as session:
            people.disable(session, person, now=world.clock())
        assert not jar.is_in()
        if database.dialect == "postgresql":
            wait_for(lambda: other.visitor(cookie) is None, seconds=5)  # the bell rang there
        world.clock.move(seconds=6)  # where there is no bell between processes
        assert other.visitor(cookie) is None
        assert jar.sign_in(SAM).status_code == 422
        with world.database.write() as session:
            people.enable(session, person)
        assert not jar.is_in(), "what was ended stays ended"
        assert jar.sign_in(SAM).status_code == 303
    finally:
        other.close()
        database.close()


# -- the second factor --------------------------------------------------------------------------------------------------


def enrolled(jar: Jar) -> tuple[bytes, list[str]]:
    """Switch it on; the app's secret, and the recovery codes."""
    shown = jar.get("/account/second-factor")
    key = base64.b32decode(re.search(r'<code class="pf-key">([A-Z2-7 ]+)<', shown.text).group(1).replace(" ", ""))  # type: ignore[union-attr]
    sealed = re.search(r'name="proposed" value="([^"]+)"', shown.text).group(1)  # type: ignore[union-attr]
    assert '<svg role="img"' in shown.text
    assert "style=" not in shown.text
    wrong = jar.post("/account/second-factor", {"proposed": sealed, "code": "12"})
    assert wrong.status_code == 422
    assert sealed in wrong.text  # the same secret again: it is in the app by now
    done = jar.post("/account/second-factor", {"proposed": sealed, "code": code_of(key, jar.world)})
    codes = re.findall(r'<code class="pf-key">([a-z0-9]{5}-[a-z0-9]{5})<', done.text)
    assert (done.status_code, len(codes)) == (200, 8)
    return key, codes


def code_of(key: bytes, world: World) -> str:
    return second_factor.hotp(key, second_factor.step_at(world.clock()))


def test_there_is_no_session_before_the_code_is_right(world: World) -> None:
    account(world, SAM, "lewisham")
    jar, thief = Jar(world), Jar(world)
    jar.sign_in(SAM)
    key, codes = enrolled(jar)
    jar.post("/sign-out")
    used = code_of(key, world)

    answer = jar.sign_in(SAM, next="/list")
    assert answer.headers["location"] == "/sign-in/code?next=%2Flist"
    assert jar.session is None
    assert not jar.is_in()
    assert "Enter your code" in text_of(jar.get("/sign-in/code?next=/list"))
    assert jar.post("/sign-in/code", {"code": used}).status_code == 422, "the code of the enrolment does not work twice"
    world.clock.move(seconds=30)
    half_way = dict(jar.cookies)
    answer = jar.post("/sign-in/code", {"code": code_of(key, world), "next": "/list"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/list")
    assert jar.is_in()
    # The same code and the same half-way cookie again: neither works.
    thief.cookies = half_way
    replayed = thief.post("/sign-in/code", {"code": code_of(key, world)})
    assert replayed.status_code == 422
    assert thief.session is None
    thief.sign_in(SAM)
    assert thief.post("/sign-in/code", {"code": code_of(key, world)}).status_code == 422
    assert thief.post("/sign-in/code", {"code": codes[0].upper()}).status_code == 303
    thief.post("/sign-out")
    thief.sign_in(SAM)
    assert thief.post("/sign-in/code", {"code": codes[0]}).status_code == 422, "a recovery code works once"


def test_codes_cannot_be_guessed(world: World) -> None:
    account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.sign_in(SAM)
    key, _codes = enrolled(jar)
    jar.post("/sign-out")
    world.clock.move(minutes=1)

    jar.sign_in(SAM)
    assert [jar.post("/sign-in/code", {"code": "0"}).status_code for _ in range(6)] == [422] * 5 + [429]
    assert jar.post("/sign-in/code", {"code": code_of(key, world)}).status_code == 422, (
        "the password is asked for again"
    )
    jar.sign_in(SAM)
    world.clock.move(minutes=11)
    late = jar.post("/sign-in/code", {"code": code_of(key, world)})
    assert (late.status_code, "took too long" in text_of(late)) == (422, True)


def test_who_knows_the_password_cannot_guess_codes_all_day(world: World) -> None:
    account(world, SAM, "lewisham")
    owner, thief = Jar(world), Jar(world, host="192.0.2.1")
    owner.sign_in(SAM)
    key, _codes = enrolled(owner)
    owner.post("/sign-out")

    statuses = []
    for _ in range(11):
        thief.sign_in(SAM)
        statuses += [thief.post("/sign-in/code", {"code": "0"}).status_code for _ in range(5)]
        world.clock.move(minutes=16)
    assert statuses[:50] == [422] * 50
    assert statuses[50] == 429
    thief.sign_in(SAM)
    assert thief.post("/sign-in/code", {"code": code_of(key, world)}).status_code == 429
    owner.sign_in(SAM)  # in the browser of before
    assert owner.post("/sign-in/code", {"code": code_of(key, world)}).status_code == 303


def test_a_new_password_does_not_go_round_the_second_factor(world: World) -> None:
    person = account(world, SAM, "lewisham")
    jar = Jar(world)
    jar.sign_in(SAM)
    key, codes = enrolled(jar)
    token = reset_token(world, person)
    jar.post(f"/new-password/{token}", {"password": "brass lantern otter"})

    assert jar.sign_in(SAM, "brass lantern otter").headers["location"] == "/sign-in/code"
    world.clock.move(seconds=30)
    jar.post("/sign-in/code", {"code": code_of(key, world)})
    assert jar.post("/account/second-factor/off", {"code": "1"}).status_code == 422
    assert (
        jar.post("/account/second-factor/off", {"code": codes[3]}).headers["location"] == "/account?done=second-factor"
    )
    with world.database.read() as session:
        kept = session.get_one(Person, person)
        assert (kept.totp, kept.recovery) == (None, [])


def test_the_operators_people_need_a_second_factor_before_anything_else(world: World) -> None:
    account(world, "op@exchange.example", "exchange")
    jar = Jar(world)

    assert jar.sign_in("op@exchange.example", next="/list").headers["location"] == "/account/second-factor"
    for path in ("/people", "/organisations"):
        assert jar.get(path).headers["location"] == "/account/second-factor", path
    assert jar.get("/").headers["location"] == "/organisations"
    assert jar.ask("GET", "/v1/listings").status_code == 401, "the API neither"
    enrolled(jar)
    assert jar.get("/people").status_code == 200
