"""The postcode lookup, in invented files of its shape: every year's columns, dead and unplaced postcodes, and what is no lookup at all."""

import csv
import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from placefeed.adapters.base import AdapterError, ChangedShape, TooLarge
from placefeed.adapters.postcodes import Limits, Postcode, PostcodeFile, open_postcodes, sector_of

OF_2024 = [
    "pcd",
    "pcd2",
    "pcds",
    "dointr",
    "doterm",
    "usertype",
    "oseast1m",
    "osnrth1m",
    "osgrdind",
    "oa21",
    "cty",
    "lad22cd",
    "lat",
    "long",
    "imd",
]
OF_2026 = [
    "pcd7",
    "pcd8",
    "pcds",
    "dointr",
    "doterm",
    "usrtypind",
    "east1m",
    "north1m",
    "gridind",
    "oa21cd",
    "lad26cd",
    "lat",
    "long",
    "imd20ind",
]
HERE = ("51.5000", "-0.1000")


def lookup(
    *rows: dict[str, str], headings: Iterable[str] = OF_2026, end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL
) -> bytes:
    """An invented lookup. Rows name the columns of 2026."""
    columns = list(headings)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=end, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(columns)
    for row in rows:
        told = {
            "pcd7": row["pcds"].replace(" ", ""),
            "dointr": "198001",
            "gridind": "1",
            "lat": HERE[0],
            "long": HERE[1],
            **row,
        }
        told |= {"pcd": told["pcd7"], "pcd2": told["pcds"], "pcd8": told["pcds"], "osgrdind": told["gridind"]}
        writer.writerow(
            [
                told.get(name.lower(), "E00000001") if name.lower() != "doterm" else row.get("doterm", "")
                for name in columns
            ]
        )
    return out.getvalue().encode()


def read(tmp_path: Path, content: bytes, *, limits: Limits | None = None) -> tuple[list[Postcode], PostcodeFile]:
    path = tmp_path / "lookup"
    path.write_bytes(content)
    with open_postcodes(path, limits=limits) as file:
        return list(file), file


def zipped(members: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


ROWS = (
    {"pcds": "ZZ1 1AA"},
    {"pcds": "ZZ1 1AB", "doterm": "199606"},
    {"pcds": "ZZ1 1AC", "lat": "99.999999", "long": "0.000000"},
    {"pcds": "ZZ1 1AD", "gridind": "9"},
    {"pcds": "ZZ12 3XY", "lat": "54.25", "long": "-2.5"},
)
LIVE = [Postcode("ZZ1 1AA", 51.5, -0.1), Postcode("ZZ12 3XY", 54.25, -2.5)]


@pytest.mark.parametrize(
    "content",
    [
        lookup(*ROWS),
        lookup(*ROWS, end="\n"),
        lookup(*ROWS, headings=OF_2024),
        lookup(*ROWS, headings=[name.upper() for name in OF_2024]),
        lookup(*ROWS, quoting=csv.QUOTE_ALL),
        b"\xef\xbb\xbf" + lookup(*ROWS),
        lookup(*ROWS) + b"\r\n\r\n",
        lookup(*ROWS).rstrip(),
        lookup(*ROWS, headings=["pcd8", "doterm", "long", "lat", "gridind"]),
    ],
    ids=["crlf", "lf", "2024", "capitals", "quoted", "bom", "blank lines", "no last newline", "few columns"],
)
def test_live_postcodes_come_with_their_place_and_the_others_are_counted(tmp_path: Path, content: bytes) -> None:
    found, file = read(tmp_path, content)

    assert found == LIVE
    assert (file.rows, file.ended, file.nowhere) == (5, 1, 2)


def test_a_column_without_spaces_will_do(tmp_path: Path) -> None:
    found, _ = read(tmp_path, lookup(*ROWS, headings=["PCD7", "doterm", "lat", "long"]))

    assert [each.postcode for each in found] == [
        "ZZ1 1AA",
        "ZZ1 1AD",
        "ZZ12 3XY",
    ]  # no column says that one has no reference


def test_the_large_file_of_a_zip_is_read_and_not_its_parts(tmp_path: Path) -> None:
    found, file = read(
        tmp_path,
        zipped(
            {
                "User Guide/NSPL guide.csv": b"a,b\n",
                "Data/multi_csv/NSPL_MAY_2026_UK_ZZ.csv": lookup(*ROWS, *ROWS, *ROWS),
                "Documents/LA names.csv": b"lad26cd,lad26nm\n" * 1000,
                "Data/NSPL_MAY_2026_UK.csv": lookup(*ROWS),
            }
        ),
    )

    assert found == LIVE
    assert file.rows == 5


def test_how_far_it_has_come_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placefeed.adapters.postcodes._STEP", 2)
    path, told = tmp_path / "NSPL.csv", []
    path.write_bytes(lookup(*ROWS))

    with open_postcodes(path, report=lambda done, total: told.append((done, total))) as file:
        list(file)

    assert len(told) == 2
    assert all(0 < done <= total == path.stat().st_size for done, total in told)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no column for postcode, latitude, longitude, ended"),
        (b"name,lat,long\nx,1,2\n", "no column for postcode, ended"),
        (b"%PDF-1.7 nothing\n", "no column"),
        ("pcds,doterm,lat,long\n".encode("utf-16"), "no column"),
        (lookup(*ROWS)[:-25], "broken off"),
        (lookup(*ROWS) + b'"ZZ1 1AE', "damaged"),
        (lookup({"pcds": "nowhere"}), "no postcode where one was expected"),
        (b"x" * 20_000, "more than 16,384 characters"),
        (zipped({"readme.txt": b"hello"}), "no file NSPL"),
        (zipped({"Data/NSPL_UK.csv": lookup(*ROWS) * 50})[:-400], "damaged or was not loaded"),
        (b"PK\x03\x04 and no more", "damaged or was not loaded"),
    ],
)
def test_another_file_is_refused_with_what_was_expected(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(ChangedShape) as refused:
        read(tmp_path, content)

    assert said in str(refused.value)


def test_a_zip_with_a_damaged_part_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped({"Data/NSPL_UK.csv": lookup(*ROWS) + bytes(range(256)) * 40}))
    content[200] ^= 0xFF

    with pytest.raises(AdapterError):
        read(tmp_path, bytes(content))


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        (zipped({"Data/NSPL_UK.csv": b"," * 5_000_000}), Limits()),  # a thousand times larger inside
        (zipped({"Data/NSPL_UK.csv": lookup(*ROWS)}), Limits(bytes=100)),
        (lookup(*ROWS), Limits(bytes=100)),
        (zipped({f"{number}.csv": b"" for number in range(20)}), Limits(members=10)),
    ],
)
def test_a_bomb_is_not_unzipped(tmp_path: Path, content: bytes, limits: Limits) -> None:
    with pytest.raises(TooLarge):
        read(tmp_path, content, limits=limits)


def test_more_rows_than_there_are_postcodes_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placefeed.adapters.postcodes._STEP", 2)

    with pytest.raises(TooLarge):
        read(tmp_path, lookup(*ROWS), limits=Limits(rows=3))


@pytest.mark.parametrize(
    ("typed", "sector"),
    [
        ("SE13 5AB", "SE13 5"),
        (" se135ab ", "SE13 5"),
        ("se 13 5ab", "SE13 5"),
        ("SE13  5", "SE13 5"),
        ("SE13 5A", "SE13 5"),
        ("SE135", "SE13 5"),
        ("SE13", "SE13"),
        ("m1 1aa", "M1 1"),
        ("M11AA", "M1 1"),
        ("M11", "M11"),
        ("M1 1", "M1 1"),
        ("EC1A 1BB", "EC1A 1"),
        ("ec1a1", "EC1A 1"),
        ("", None),
        ("Leeds", None),
        ("SE13 5AB, 4 Some Street", None),
        ("SE13 5ABC", None),
    ],
)
def test_what_is_typed_is_cut_to_its_sector(typed: str, sector: str | None) -> None:
    assert sector_of(typed) == sector
