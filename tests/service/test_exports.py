"""Lines and tables: read back as a reader would, harmless in a spreadsheet, and flat in memory."""

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import orjson
import pytest
from python_calamine import CalamineWorkbook

from placefeed.service.channels import exports, forms
from placefeed.service.channels.lists import Streamed, build_answer
from placefeed.service.channels.pages import Plan
from placefeed.service.publishing.sight import OPERATOR_VIEW
from tests.service.factories import NOW, listing_row, rate
from tests.service.test_query import as_row, state_of


def body(**about: Any) -> bytes:
    return bytes(listing_row(**about)["body"])


def csv_rows(*bodies: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(exports.csv_text(bodies)).decode(), newline="")))


def sheet(name: str, *bodies: bytes) -> list[dict[str, Any]]:
    target = io.BytesIO()
    exports.xlsx(bodies, target)
    rows = CalamineWorkbook.from_filelike(io.BytesIO(target.getvalue())).get_sheet_by_name(name).to_python()
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]]


LINES = [
    {"code": "care-staff", "title": "Care staff", "pence": 300_050},
    {"code": "return", "pence": 100_000, "included": False},
]


def test_a_listing_is_one_row_with_the_standards_names() -> None:
    (row,) = csv_rows(body(rates=[rate(612_345, package="with-education"), rate(500_000, contract="block")]))

    assert (row["id"], row["urn"], row["availability"]) == ("listing-1", "SC000001", "available")
    assert row["setting.localAuthority.name"] == "Bristol, City of"
    assert (row["vacancy.ages.from"], row["vacancy.genders"]) == ("11", "female")
    assert (row["rates.count"], row["rates.lowest.weeklyEquivalentPence"], row["rates.lowest.contract.type"]) == (
        "2",
        "500000",
        "block",
    )
    assert row["ofsted.judgements.overall.code"] == "good"
    assert row["ofsted.judgements"] == "sccif-2017/overall:good"


def test_a_sheet_has_real_numbers_dates_and_pounds() -> None:
    (row,) = sheet("Listings", body(rates=[rate(512_550)]))

    assert row["vacancy.places"] == 1
    assert row["vacancy.from"] == date(2026, 6, 1)
    assert row["rates.lowest.weeklyEquivalent (£)"] == 5125.5
    assert row["clocks.asOf (UTC)"] == datetime(2026, 7, 1, 13, 0)  # noqa: DTZ001 - a sheet knows no zone


def test_a_sheet_has_every_rate_and_its_cost_lines() -> None:
    content = body(rates=[rate(400_050, lines=LINES), rate(500_000, title="Dear")])

    assert [row["weeklyEquivalent (£)"] for row in sheet("Rates", content)] == [4000.5, 5000]
    lines = sheet("Cost lines", content)
    assert [(row["id"], row["rate"], row["code"], row["amount (£)"], row["included"]) for row in lines] == [
        ("listing-1", "Core", "care-staff", 3000.5, True),
        ("listing-1", "Core", "return", 1000, False),
    ]


@pytest.mark.parametrize("nasty", ["=1+1", "+441234", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_begins_as_a_formula(nasty: str) -> None:
    content = body(name=nasty)

    assert csv_rows(content)[0]["setting.name"] == f"'{nasty}"
    assert str(sheet("Listings", content)[0]["setting.name"]).startswith("'")


def test_commas_quotes_lines_and_letters_come_back_as_they_were() -> None:
    name = 'Tŷ "Oak", 2nd\nhouse – £'

    assert csv_rows(body(name=name))[0]["setting.name"] == name
    assert sheet("Listings", body(name=name))[0]["setting.name"] == name


def test_a_cell_longer_than_excel_takes_is_cut_not_lost() -> None:
    assert len(str(sheet("Listings", body(notes="x" * 40_000))[0]["vacancy.notes"])) == 32_767


def test_columns_have_names_of_their_own() -> None:
    for columns in (exports.COLUMNS,):
        assert len({column.name for column in columns}) == len(columns)
        assert len({column.heading for column in columns}) == len(columns)


def test_an_empty_list_still_has_its_headings() -> None:
    assert b"".join(exports.csv_text([])).startswith(b"id,urn,availability")
    assert sheet("Listings") == []
    assert b"".join(exports.ndjson([])) == b""


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_a_large_list_is_streamed_and_whole(encoding: str) -> None:
    rows = [as_row(f"id-{number:05}") for number in range(2100)]
    state = state_of(*rows)
    plan = Plan.parse({"format": ["ndjson"]})

    answer = build_answer(
        state, state.moment(NOW), NOW, state.sight(OPERATOR_VIEW), plan, encoding, base_url="https://x.test"
    )

    assert isinstance(answer, Streamed)
    packed = b"".join(answer.chunks)
    if encoding == "gzip":
        import gzip

        packed = gzip.decompress(packed)
    elif encoding == "zstd":
        import zstandard

        packed = zstandard.ZstdDecompressor().decompressobj().decompress(packed)
    assert sorted(orjson.loads(line)["id"] for line in packed.splitlines()) == [row.id for row in rows]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_table_of_any_length_takes_flat_memory(form: str) -> None:
    content = body(rates=[rate(lines=LINES)])

    def peak(count: int) -> int:
        def many() -> Iterator[bytes]:
            for _ in range(count):
                yield content

        tracemalloc.start()
        if form == "csv":
            for _chunk in exports.csv_text(many()):
                pass
        else:
            import tempfile

            with tempfile.TemporaryFile() as target:
                exports.xlsx(many(), target)
        _now, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    peak(10)
    assert peak(1500) < 2 * peak(300) + 500_000


def test_encodings_are_taken_as_the_reader_weighs_them() -> None:
    assert forms.encoding_for("gzip, zstd") == "zstd"
    assert forms.encoding_for("zstd;q=0, gzip") == "gzip"
    assert forms.encoding_for("gzip;q=0") == ""
    assert forms.encoding_for("*") == "zstd"
    assert forms.encoding_for("identity") == ""
