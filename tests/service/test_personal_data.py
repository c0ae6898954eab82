"""Data that looks like a child's, planted in every field of every form, is refused and found nowhere afterwards."""

import csv
import io
import logging
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import orjson
import pytest
import xlsxwriter

from placefeed.adapters import media
from placefeed.adapters.folder import WatchedFolder
from placefeed.service.access import sources
from placefeed.service.config import Settings
from placefeed.service.db import Database
from placefeed.service.errors import PlacefeedError
from placefeed.service.intake import updates
from placefeed.service.intake.sources import poll
from placefeed.service.tables import Quarantine, Source
from tests.service.conftest import MovableClock
from tests.service.feeds import Desk, feed, lines, rate, record, urns, vacancy

NHS = "943 476 5919"
BORN = "born 12/03/2011"
NEEDLES = (b"943 476 5919", b"9434765919", b"943-476-5919", b"12/03/2011", b"2011-03-12", b"12.03.2011")
SHEET = ["URN", "Vacancy ID", "Places", "Available from", "Ages from", "Ages to", "Notes", "Our own column"]
ROW = ["SC000001", "v1", "1", "01/07/2026", "11", "16", "quiet home", "something"]


@pytest.fixture
def desk(database: Database, settings: Settings, clock: MovableClock) -> Iterator[Desk]:
    made = Desk(database, settings, clock)
    made.provider(speaks_for=urns(20))
    yield made
    nothing_is_left(made)


@pytest.fixture(autouse=True)
def logs(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    said = capfd.readouterr()
    text = (caplog.text + said.out + said.err).encode()
    assert not [needle for needle in NEEDLES if needle in text]


def nothing_is_left(desk: Desk) -> None:
    """Search every table, and every file of the data folder (the SQLite file and its WAL among them)."""
    found = desk.everything()
    assert not [needle for needle in NEEDLES if needle in found]
    for path in desk.settings.data.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not [needle for needle in NEEDLES if needle in content], path.name


def full(now: datetime) -> dict[str, Any]:
    """A record with a value in about every property that the standard has."""
    return record(
        "SC000001",
        now,
        setting={
            "asOf": "2026-07-01T13:00:00Z",
            "name": "A Home",
            "registrations": [{"scheme": "ofsted", "id": "SC000001"}],
            "provisionType": "children-home",
            "provider": {"identifiers": [{"scheme": "GB-COH", "id": "00000001"}], "name": "Example Homes Ltd"},
            "localAuthority": "E08000035",
            "services": [{"kind": "therapy", "title": "Weekly therapy"}],
            "referralContact": {
                "role": "referrals-team",
                "telephone": "0121 496 0001",
                "email": "referrals@homes.example",
                "hours": "9 to 5",
            },
            "units": [{"id": "u1", "kind": "building"}],
            "website": "https://homes.example",
            "extensions": {"https://homes.example/ext": {"a": ["b", {"c": "d"}]}},
        },
        vacancies=[vacancy(now, notes="A quiet home", extensions={"https://homes.example/x": "y"})],
        rates=[rate(now, title="Standard", lines=[{"code": "care-staff", "title": "Care", "pence": 512500}])],
        ofsted={
            "asOf": "2026-07-01T13:00:00Z",
            "inspections": [{"id": "10000001", "framework": "sccif-2017", "kind": "full", "inspectedOn": "2026-02-10"}],
            "restrictions": [{"kind": "notice", "from": "2026-02-10", "detail": "A notice"}],
        },
    )


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every string, number and name of a property."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*at, name, None)  # the name itself
            yield from leaves(item, (*at, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from leaves(item, (*at, number))
    elif isinstance(value, str | int) and not isinstance(value, bool):
        yield at


def planted(value: Any, path: tuple[Any, ...], what: str) -> Any:
    """A copy with `what` at a leaf, or added to the name of a property."""
    head, *rest = path
    if rest == [None]:
        return {(f"{name} {what}" if name == head else name): item for name, item in value.items()}
    if isinstance(value, list):
        return [
            planted(item, tuple(rest), what) if rest and number == head else what if number == head else item
            for number, item in enumerate(value)
        ]
    return {
        name: (planted(item, tuple(rest), what) if rest else what) if name == head else item
        for name, item in value.items()
    }


def test_the_standards_own_record_is_clean(desk: Desk) -> None:
    taken = desk.send(feed([full(desk.now)], desk.now))
    assert taken.report["counts"]["accepted"] == 1, taken.report["issues"]


@pytest.mark.parametrize("what", [NHS, BORN, "9434765919"])
@pytest.mark.parametrize("form", ["json", "ndjson", "large"])
def test_in_every_field_of_a_feed(desk: Desk, what: str, form: str) -> None:
    whole = full(desk.now)
    places = [path for path in leaves(whole) if "telephone" not in path]
    records = [planted(whole, path, what) for path in places]
    good = [record(urn, desk.now) for urn in urns(3, first=2)]

    document = feed([*good[:1], *records, *good[1:]], desk.now, complete=True)
    if form == "large":
        taken = desk.send_large(document)
    else:
        taken = desk.send(
            lines(document) if form == "ndjson" else document,
            content_type=media.NDJSON if form == "ndjson" else media.JSON,
        )

    assert len(places) > 80
    assert taken.report["counts"]["accepted"] == 3
    assert taken.report["counts"]["rejected"] == len(places)
    rows = desk.rows(Quarantine)
    assert len(rows) == len(places)
    personal = [row for row in rows if row.issues[0]["rule"].startswith("personal-")]
    assert len(personal) == len(places)
    assert all(row.record is None and len(row.sha256) == 64 for row in personal)
    nothing_is_left(desk)


@pytest.mark.parametrize("what", [NHS, BORN])
def test_in_a_header_a_withdrawal_a_file_name_and_a_key(desk: Desk, what: str) -> None:
    good = [record("SC000002", desk.now)]
    header = feed(good, desk.now)
    for document in (
        {**header, "publisher": {"id": "GB-COH-00000001", "name": what}},
        {**header, what: 1},
        {**header, "extensions": {"https://homes.example/x": what}},
        {**header, "ttl": what},
    ):
        assert desk.send(document).status == 422
    assert (
        desk.send(
            feed(
                [],
                desk.now,
                withdrawn=[{"urn": "SC000002", "part": "vacancy", "id": what}, {"urn": what, "part": "vacancy"}],
            )
        ).report["counts"]["rejected"]
        == 2
    )
    assert desk.send(feed(good, desk.now), name=f"{what}.json", idempotency_key=what).status == 201


@pytest.mark.parametrize("what", [NHS, BORN])
@pytest.mark.parametrize("damage", ["cut", "garbled", "not json"])
def test_in_a_document_that_cannot_be_read(desk: Desk, what: str, damage: str) -> None:
    body = orjson.dumps(feed([record("SC000001", desk.now, vacancies=[vacancy(desk.now, notes=what)])], desk.now))
    rows = lines(feed([record("SC000001", desk.now, vacancies=[vacancy(desk.now, notes=what)])], desk.now))
    if damage == "cut":
        body, rows = body[:-30], rows[:-30]
    elif damage == "garbled":
        body, rows = body.replace(b'"notes"', b"notes"), rows.replace(b'"notes"', b"notes")
    else:
        body = rows = f"{what}\n{what}, {what}".encode()

    for content, kind in ((body, media.JSON), (rows, media.NDJSON)):
        desk.send(content, content_type=kind)
        desk.send_large(content, content_type=kind)

    assert desk.standing() == {}


# -- sheets ---------------------------------------------------------------------------------------------------------


def as_csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def as_xlsx(rows: list[list[str]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Vacancies")
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    return out.getvalue()


def as_ods(rows: list[list[str]]) -> bytes:
    cells = "".join(
        "<table:table-row>"
        + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
            for cell in row
        )
        + "</table:table-row>"
        for row in rows
    )
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {names} office:version="1.2"><office:body><office:spreadsheet><table:table table:name="Vacancies">{cells}</table:table></office:spreadsheet></office:body></office:document-content>'
    manifest = '<?xml version="1.0" encoding="UTF-8"?><manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2"><manifest:file-entry manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/><manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", media.ODS, zipfile.ZIP_STORED)
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


FORMS = {"csv": (as_csv, media.CSV), "xlsx": (as_xlsx, media.XLSX), "ods": (as_ods, media.ODS)}


def sheets_with(what: str) -> Iterator[list[list[str]]]:
    """The sheet with something planted in each cell of a row, each heading, a title above and a remark below."""
    second = ["SC000002", "v1", "2", "01/07/2026", "8", "12", "", ""]
    for column in range(len(SHEET)):
        yield [SHEET, [what if number == column else cell for number, cell in enumerate(ROW)], second]
        yield [[f"{cell} {what}" if number == column else cell for number, cell in enumerate(SHEET)], ROW, second]
    yield [[f"Vacancies {what}"], [], SHEET, ROW, second]
    yield [SHEET, ROW, second, [f"Remark: {what}"]]
    yield [[*SHEET[:7], "DOB"], [*ROW[:7], "12/03/2011"], second]


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("what", [NHS, BORN])
def test_in_every_cell_of_a_sheet(desk: Desk, form: str, what: str) -> None:
    write, kind = FORMS[form]
    for number, rows in enumerate(sheets_with(what)):
        sheet = write(rows)
        if number % 2:
            desk.send(sheet, content_type=kind, name=f"sheet-{number}.{form}")
        else:
            desk.send_large(sheet, content_type=kind, name=f"sheet-{number}.{form}")
        desk.clock.move(minutes=1)

    assert {row.record for row in desk.rows(Quarantine) if row.issues[0]["rule"].startswith("personal-")} == {None}


def test_in_a_watched_folder(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file itself is emptied before it is put away; its report stands beside it."""
    folder = tmp_path / "drop"
    folder.mkdir()
    with desk.database.write() as session:
        sources.create_source(
            session,
            "example-homes",
            name="Folder",
            transport="folder",
            source_id="folder",
            address=str(folder),
            secret=b"s" * 40,
            now=desk.now,
        )
    monkeypatch.setattr(
        "placefeed.service.intake.sources.open_source", lambda _name, address, **_: WatchedFolder(address, settle=0)
    )
    desk.settings.small_body = 4000
    others = [[urn, *ROW[1:]] for urn in urns(150, first=2)]
    (folder / "small.csv").write_bytes(as_csv([SHEET, [*ROW[:6], NHS, ""]]))
    (folder / "large.csv").write_bytes(as_csv([SHEET, [*ROW[:6], BORN, ""], *others]))
    (folder / "clean.csv").write_bytes(as_csv([SHEET, ROW]))

    said = poll(desk.database, "folder", settings=desk.settings, clock=desk.clock)

    assert sorted(said.split(", ")) == ["accepted", "partly-accepted", "rejected"]
    sizes = {path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*.csv")}
    assert sizes == {"failed/small.csv": 0, "done/large.csv": 0, "done/clean.csv": len(as_csv([SHEET, ROW]))}
    report = orjson.loads((folder / "done/large.csv.report.json").read_bytes())
    assert report["counts"]["accepted"] == 19
    assert "personal-date-of-birth" in {issue["rule"] for issue in report["issues"]}


def test_in_a_small_update(desk: Desk) -> None:
    whole = full(desk.now)["vacancies"][0]
    for path in leaves(whole):
        with desk.database.write() as session, pytest.raises(PlacefeedError) as refusal:
            updates.put(
                session,
                source=session.get_one(Source, desk.source_id),
                urn="SC000001",
                part="vacancy",
                item="v1",
                document=planted(whole, path, NHS),
                now=desk.now,
            )
        assert NHS not in str(refusal.value) + str(refusal.value.errors)
