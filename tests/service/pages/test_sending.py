"""Files sent from a page: every form of them, the worst of them, twice, and what is left of what may not be kept."""

import io
import random
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
import sqlalchemy as sa
from httpx2 import Response
from sqlmodel import select

from placefeed.service.access.sources import by_hand_source, own_source
from placefeed.service.intake.submit import work
from placefeed.service.tables import Absence, Audit, Source, Standing, Submission, metadata
from tests.browser.looking import assert_parses
from tests.service.api.exchange import OURS, OURS_TOO, World, feed_of, peopled
from tests.service.pages.conftest import Browser
from tests.service.test_personal_data import BORN, FORMS, NEEDLES, NHS, ROW, SHEET

Visit = Callable[..., Browser]
GOOD = [SHEET, ROW, ["SC000002", "v1", "2", "01/07/2026", "8", "12", "", ""]]
BAD = [SHEET, [*ROW[:2], "many", *ROW[3:]], ["SC000002", "v1", "2", "01/07/2026", "8", "12", "", ""]]


def upload(browser: Browser, content: bytes, name: str = "homes.csv", **fields: str) -> Response:
    files = {"file": (name, content, "application/octet-stream")}
    return browser.post("/upload", {"key": "k1", "complete": "no", **fields}, files=files)


def report_of(browser: Browser, answer: Response) -> str:
    """The page that an upload led to."""
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert_parses(page.text)
    return str(page.text)


def everything(world: World) -> bytes:
    """Every value of every table, and every file of the data folder."""
    found: list[bytes] = []
    with world.database.read() as session:
        for table in metadata.sorted_tables:
            for row in session.execute(sa.select(table)):
                found += [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    found += [path.read_bytes() for path in world.settings.data.rglob("*") if path.is_file()]
    return b"\n".join(found)


def test_every_form_is_taken(world: World, visit: Visit) -> None:
    browser = visit("provider", level="editor")
    for name, (write, _kind) in FORMS.items():
        page = report_of(browser, upload(browser, write(GOOD), f"homes.{name}", key=name))
        assert "Nothing in it could be taken" not in page
        assert f"homes.{name}" in page
    world.clock.move(minutes=10)
    feed = feed_of(OURS, as_of="2026-07-01T14:05:00Z")
    assert "Taken" in report_of(browser, upload(browser, orjson.dumps(feed), "feed.json", key="json"))
    head = {**{k: v for k, v in feed.items() if k != "settings"}, "line": "header"}
    body = [head, {"line": "setting", **feed["settings"][0]}, {"line": "trailer", "count": 1}]
    lines = b"\n".join(orjson.dumps(line) for line in body)
    assert "Nothing changed" in report_of(browser, upload(browser, lines, "feed.ndjson", key="lines"))

    with world.database.read() as session:
        assert session.exec(select(Standing.urn).where(Standing.part == "vacancy").distinct()).all() == [OURS, OURS_TOO]
        source = session.exec(select(Source).where(Source.transport == "upload")).one()
        audit = session.exec(select(Audit).where(Audit.action == "submission.upload")).all()
    assert source.organisation_id == "example-homes"
    assert {row.person_id for row in audit} == {browser.person_id}
    listed = browser.get("/reports").text
    assert_parses(listed)
    assert all(f"homes.{name}" in listed for name in FORMS)


def test_the_same_again_says_that_nothing_changed_and_a_double_click_is_one_submission(
    world: World, visit: Visit
) -> None:
    browser = visit("provider")
    content = FORMS["csv"][0](GOOD)
    first = upload(browser, content)
    again = upload(browser, content)
    assert first.headers["location"] == again.headers["location"]
    other = upload(browser, FORMS["csv"][0](GOOD[:2]))  # back in the browser, another file, the same hidden key
    assert other.headers["location"] != first.headers["location"]
    later = upload(browser, content, key="k2")
    assert "Nothing changed: we knew all of this already." in report_of(browser, later)


def test_a_report_speaks_of_sheet_row_and_column_and_gives_the_sheet_back(world: World, visit: Visit) -> None:
    browser = visit("provider")
    answer = upload(browser, FORMS["xlsx"][0](BAD), "homes.xlsx")
    page = report_of(browser, answer)
    assert "Sheet Vacancies, row 2, column Places (C)" in page
    assert "Must be mended" in page
    for form in ("xlsx", "csv"):
        sheet = browser.get(f"{answer.headers['location']}/comments.{form}")
        assert sheet.status_code == 200
        assert sheet.headers["content-disposition"].endswith(f'.{form}"')
    assert "What to mend" in sheet.content.decode("utf-8-sig")
    assert browser.get(f"{answer.headers['location']}/comments.pdf").status_code == 404


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", b"<Types/>")
        archive.writestr("xl/workbook.xml", b"<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 40_000_000)
    return out.getvalue()


def worst() -> dict[str, bytes]:
    return {
        "noise.xlsx": random.Random(1).randbytes(20_000),
        "photo.jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF" + random.Random(2).randbytes(5000),
        "bomb.xlsx": bomb(),
        "wide.csv": "URN,Plätze\nSC000001,1\n".encode("utf-16-le"),
        "half.json": b'{"standard": "placefeed", "settings": [{"urn": "SC0',
        "page.html": b"<!doctype html><html><body>Sign in</body></html>",
        "words.csv": b"just some words",
    }


def test_the_worst_files_are_refused_in_a_report(world: World, visit: Visit) -> None:
    browser = visit("provider")
    for name, content in worst().items():
        page = report_of(browser, upload(browser, content, name, key=name))
        assert "Not taken" in page, name
        assert "What we found" in page, name


def test_what_is_wrong_with_the_form_is_said_on_it(world: World, visit: Visit) -> None:
    browser = visit("provider")
    nothing = browser.post("/upload", {"key": "a"}, files={"file": ("", b"", "application/octet-stream")})
    empty = upload(browser, b"", "empty.csv")
    stranger = upload(browser, b"URN\n", "a.csv", source="other-homes-push")
    for answer, said in ((nothing, "Choose a file to send"), (empty, "is empty"), (stranger, "Choose which of your")):
        assert answer.status_code == 422
        assert said in answer.text
        assert_parses(answer.text)
    two = [("file", ("a.csv", b"x", "text/csv")), ("file", ("b.csv", b"x", "text/csv"))]
    assert browser.post("/upload", {}, files=two).status_code == 400
    broken = {"Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Site": "same-origin"}
    assert browser.ask("POST", "/upload", content=b"--x\r\nContent-Dis", headers=broken).status_code == 400
    assert upload(browser, b"x" * (world.settings.max_upload + 1)).status_code == 413


def test_a_large_file_waits_encrypted_and_its_report_says_so(world: World, visit: Visit) -> None:
    world.settings.data.joinpath("spool").mkdir(exist_ok=True)
    before = {path.name for path in Path(tempfile.gettempdir()).iterdir()}
    browser = visit("provider")
    marker = b"SC000001,v1,1,01/07/2026,11,16,943 476 5919,\r\n"
    content = ",".join(SHEET).encode() + b"\r\n" + marker * (19 * 1024 * 1024 // len(marker))
    answer = upload(browser, content, "large.csv")
    page = report_of(browser, answer)
    assert "working through it" in page
    assert browser.get(f"{answer.headers['location']}/state").json()["working"] is True
    assert NEEDLES[0] not in everything(world)
    new = {path for path in Path(tempfile.gettempdir()).iterdir() if path.name not in before and path.is_file()}
    assert not [path for path in new if NEEDLES[0] in path.read_bytes()]
    # The same form again: the same submission, and the second copy is not left behind.
    assert upload(browser, content, "large.csv").headers["location"] == answer.headers["location"]
    assert len(list((world.settings.data / "spool").iterdir())) == 1


def test_a_large_file_is_worked_to_its_report(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(small_body=100))
    browser = provider_of(world)
    answer = upload(browser, FORMS["csv"][0](BAD))
    assert "working through it" in report_of(browser, answer)
    assert work(world.database, settings=world.settings, clock=world.clock)
    page = report_of(browser, answer)
    assert "Partly taken" in page
    assert "Row 2, column Places (C)" in page
    assert list((world.settings.data / "spool").iterdir()) == []


def provider_of(world: World) -> Browser:
    from tests.service.people import somebody

    person, cookie = somebody(world.database, world.settings, "example-homes", now=world.clock())
    return Browser(world, cookie, person)


def test_data_about_a_child_is_found_nowhere_afterwards(
    world: World, visit: Visit, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    browser = visit("provider")
    sheet = [SHEET, [*ROW[:6], NHS, ""], ["SC000002", "v1", "2", "01/07/2026", "8", "12", BORN, ""]]
    for name, (write, _kind) in FORMS.items():
        answer = upload(browser, write(sheet), f"born 12-03-2011 {NHS}.{name}", key=name)
        page = report_of(browser, answer)
        back = browser.get(f"{answer.headers['location']}/comments.csv").content
        assert "looks like" in page
        assert not [each for each in NEEDLES if each in page.encode() or each in back]
    said = capfd.readouterr()
    found = everything(world) + (caplog.text + said.out + said.err).encode()
    assert not [each for each in NEEDLES if each in found]


def test_a_whole_list_that_lacks_homes_asks_first(make_app: Callable[..., World]) -> None:
    world = peopled(make_app(guard_least=1))
    browser = provider_of(world)
    report_of(browser, upload(browser, FORMS["csv"][0](GOOD)))
    world.clock.move(minutes=5)
    answer = upload(browser, FORMS["csv"][0](GOOD[:2]), complete="yes")
    where = answer.headers["location"]
    page = report_of(browser, answer)
    assert "Are these homes gone?" in page
    assert "SC000002" in page
    undecided = browser.post(f"{where}/absences", {})
    assert undecided.status_code == 422
    assert "Say whether these homes are gone." in undecided.text
    assert_parses(undecided.text)
    assert browser.post(f"{where}/absences", {"gone": "no"}).status_code == 303
    assert "stay as they were" in browser.get(f"{where}?decided=no").text
    with world.database.read() as session:
        assert session.exec(select(Absence.state)).all() == ["refused"]
    assert browser.post(f"{where}/absences", {"gone": "yes"}).status_code == 409


def test_a_reader_looks_and_does_not_send_or_decide(world: World, visit: Visit) -> None:
    answer = upload(visit("provider"), FORMS["csv"][0](BAD))
    reader = visit("provider", level="reader")
    assert reader.get("/upload").status_code == 403
    assert upload(reader, b"URN\n").status_code == 403
    assert "What we found" in report_of(reader, answer)
    assert reader.post(f"{answer.headers['location']}/absences", {"gone": "yes"}).status_code == 403


def test_what_a_sheet_says_cannot_become_part_of_the_page(world: World, visit: Visit) -> None:
    browser = visit("provider")
    nasty = "<img src=x onerror=alert(1)>"
    page = report_of(
        browser, upload(browser, FORMS["csv"][0]([[*SHEET[:7], nasty], [*BAD[1][:7], nasty]]), f"{nasty}.csv")
    )
    assert "<img" not in page
    assert "&lt;img" in page
    assert "<img" not in browser.get("/reports").text


def test_of_several_sources_one_is_chosen_and_never_what_people_type(world: World, visit: Visit) -> None:
    now = world.clock()
    with world.database.write() as session:
        for name in ("push", "upload"):
            own_source(session, "example-homes", source_id=None, transport=name, now=now)
        by_hand_source(session, "example-homes", now=now)
        federated = Source(
            id="other-exchange", organisation_id="example-homes", name="Elsewhere", transport="rpde", created_at=now
        )
        session.add(federated)
    browser = visit("provider")
    page = browser.get("/upload").text
    assert_parses(page)
    assert re.findall(r'name="source" type="radio" value="([^"]+)"', page) == [
        "example-homes-upload",
        "example-homes-push",
    ]
    answer = upload(browser, FORMS["csv"][0](GOOD), source="example-homes-push")
    assert "sent by a program (API)" in report_of(browser, answer)
    for closed in ("other-exchange", "example-homes-by-hand"):
        assert upload(browser, FORMS["csv"][0](GOOD), source=closed).status_code == 422


def test_older_reports_are_on_the_next_page(world: World, visit: Visit) -> None:
    browser = visit("provider")
    upload(browser, FORMS["csv"][0](GOOD))
    with world.database.write() as session:
        source = session.exec(select(Source.id)).one()
        for number in range(29):
            session.add(
                Submission(
                    id=f"s{number:02}",
                    source_id=source,
                    organisation_id="example-homes",
                    received_at=world.clock(),
                    content_type="text/csv",
                    sha256="",
                    size=1,
                    state="done",
                )
            )
    first = browser.get("/reports").text
    older = re.search(r'href="(/reports\?before=[^"]+)"', first)
    assert older is not None
    second = browser.get(older.group(1)).text
    seen = [set(re.findall(r"/reports/(\w+)", page)) for page in (first, second)]
    assert (len(seen[0]), len(seen[1]), seen[0] & seen[1]) == (25, 5, set())
    assert browser.get("/reports?before=nothing").status_code == 404


def test_the_template_is_the_standards_own(world: World, visit: Visit) -> None:
    answer = visit().get("/template.xlsx")
    assert answer.content.startswith(b"PK")
    browser = visit("provider")
    page = report_of(browser, upload(browser, answer.content, "template.xlsx"))
    assert "Not taken" not in page  # nothing but its example row, which is never read
