"""The postcode lookup of the Office for National Statistics (NSPL, or ONSPD): its rows, one by one, in flat memory.

A CSV of any year, or the ZIP in which it is published. Columns are found by name: they have been renamed from year to year.
Only what is asked for leaves here: where each live postcode lies. Whoever asks keeps no postcode, only sectors.
"""

import csv
import io
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from placefeed.adapters.base import ChangedShape, Refused, TooLarge

GIB = 1024**3
EXPECTED = (
    "Expected is the National Statistics Postcode Lookup (NSPL) of the Office for National Statistics: its ZIP, or the large CSV "
    "in its folder Data, with the columns pcds, doterm, lat and long."
)
_LONGEST_LINE = 16_384  # characters; the lookup's lines have about 400
_STEP = 50_000  # rows between two words of progress

_COLUMNS = {
    "postcode": r"pcds|pcd[278]?|postcode",
    "latitude": r"lat|latitude",
    "longitude": r"long|lon|longitude",
    "ended": r"doterm",
    "grid": r"osgrdind|gridind",
}
_NO_GRID = "9"  # of the grid indicator: nobody knows where it is
_MEMBER = re.compile(r"(?:^|/)(?:NSPL|ONSPD)[^/]*\.csv$", re.IGNORECASE)
_OUTWARD = r"[A-Z]{1,2}[0-9][A-Z0-9]?"
_POSTCODE = re.compile(rf"({_OUTWARD}) ?([0-9])[A-Z]{{2}}")
_SECTOR = re.compile(rf"({_OUTWARD}) ([0-9])[A-Z]?|([A-Z]{{1,2}}[0-9][A-Z0-9])([0-9])")
_DISTRICT = re.compile(_OUTWARD)


NORTH, EAST = (49.0, 61.5), (-9.0, 2.5)
"""Between which latitudes and longitudes every postcode lies."""


def in_these_isles(latitude: float, longitude: float) -> bool:
    """Whether there may be a postcode here: in or about the United Kingdom."""
    return NORTH[0] <= latitude <= NORTH[1] and EAST[0] <= longitude <= EAST[1]


def sector_of(text: str) -> str | None:
    """The sector of a postcode as somebody types it (`SE13 5` of `se135ab`); of an outward code alone that itself; else None.

    What is typed after the sector goes no further: use, keep and log only what this returns.
    """
    typed = " ".join(text.upper().split())
    whole = _POSTCODE.fullmatch(typed) or _POSTCODE.fullmatch(typed.replace(" ", ""))
    if whole:
        return f"{whole[1]} {whole[2]}"
    if _DISTRICT.fullmatch(typed):
        return typed
    part = _SECTOR.fullmatch(typed)
    return f"{part[1] or part[3]} {part[2] or part[4]}" if part else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lookup may cost at most; the real one of 2026 is 2.7 million rows in about a gigabyte."""

    bytes: int = 4 * GIB  # unzipped
    rows: int = 10_000_000
    ratio: int = 100  # unzipped to zipped; the real one's is 6
    members: int = 10_000


class Postcode(NamedTuple):
    """Where a live postcode lies, in degrees of WGS84. `postcode` has its space."""

    postcode: str
    latitude: float
    longitude: float


@dataclass(slots=True)
class PostcodeFile:
    """An open lookup: iterate over it once, then read the counts. `report(done, total)` hears how many bytes were read."""

    stream: IO[bytes]
    size: int
    limits: Limits
    report: Callable[[int, int | None], None] | None = None
    rows: int = 0
    ended: int = 0  # postcodes no longer in use
    nowhere: int = 0  # without a grid reference
    _width: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Postcode]:
        """The live postcodes that lie somewhere. Raises ChangedShape for another file or half of one, and TooLarge."""
        text = io.TextIOWrapper(self.stream, encoding="utf-8-sig", errors="replace", newline="")
        try:
            rows = csv.reader(_lines(text), strict=True)
            columns = _columns(next(rows, []))
            yield from self._live(rows, *columns)
        except csv.Error as error:
            raise ChangedShape(
                f"Row {self.rows + 2:,} can't be read as CSV: the file is damaged. {EXPECTED}"
            ) from error
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise ChangedShape("The ZIP is damaged or was not loaded to its end. Load it again.") from error
        finally:
            with suppress(ValueError):  # closed already, where nobody read to the end
                text.detach()  # whoever opened the stream closes it

    def _live(
        self,
        rows: Iterator[list[str]],
        width: int,
        postcode: int,
        latitude: int,
        longitude: int,
        ended: int,
        grid: int | None,
    ) -> Iterator[Postcode]:
        for row in rows:
            if len(row) != width:
                if not row:
                    continue
                raise ChangedShape(
                    f"Row {self.rows + 2:,} has {len(row)} columns where the headings have {width}: the file is damaged or broken off."
                )
            self.rows += 1
            if self.rows % _STEP == 0:
                self._report()
            if row[ended].strip():
                self.ended += 1
                continue
            place = (
                None if grid is not None and row[grid].strip() == _NO_GRID else _place(row[latitude], row[longitude])
            )
            if place is None:
                self.nowhere += 1
                continue
            found = _POSTCODE.fullmatch("".join(row[postcode].upper().split()))
            if found is None:
                raise ChangedShape(f"Row {self.rows + 1:,} has no postcode where one was expected. {EXPECTED}")
            yield Postcode(f"{found[1]} {found[0][-3:]}", *place)

    def _report(self) -> None:
        if self.rows > self.limits.rows:
            raise TooLarge(f"This file has more than {self.limits.rows:,} rows, the most that are read. {EXPECTED}")
        if self.report is not None:
            self.report(self.stream.tell(), self.size)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and not line.endswith("\n"):
            raise ChangedShape(f"This file has a line of more than {_LONGEST_LINE:,} characters. {EXPECTED}")
        yield line


def _columns(headings: Sequence[str]) -> tuple[int, int, int, int, int, int | None]:
    names = [heading.strip().casefold() for heading in headings]
    found: dict[str, int] = {}
    for what, pattern in _COLUMNS.items():
        # in the pattern's own order: `pcds` is preferred to `pcd7`, whichever comes first
        for option in pattern.split("|"):
            at = next((number for number, name in enumerate(names) if re.fullmatch(option, name)), None)
            if at is not None:
                found[what] = at
                break
    missing = [what for what in ("postcode", "latitude", "longitude", "ended") if what not in found]
    if missing:
        raise ChangedShape(f"This file has no column for {', '.join(missing)}. {EXPECTED}")
    return len(names), found["postcode"], found["latitude"], found["longitude"], found["ended"], found.get("grid")


def _place(latitude: str, longitude: str) -> tuple[float, float] | None:
    """Where it is, if that is in these islands: the lookup writes 99.999999 for what it does not know."""
    try:
        north, east = float(latitude), float(longitude)
    except ValueError:
        return None
    return (north, east) if in_these_isles(north, east) else None


@contextmanager
def open_postcodes(
    path: Path, *, limits: Limits | None = None, report: Callable[[int, int | None], None] | None = None
) -> Iterator[PostcodeFile]:
    """Open the lookup, CSV or ZIP, told apart by content. Raises OSError, ChangedShape, Refused or TooLarge."""
    limits = limits or Limits()
    with path.open("rb") as file:
        zipped = file.read(4) == b"PK\x03\x04"
        file.seek(0)
        if not zipped:
            size = os.fstat(file.fileno()).st_size
            _check_size(size, limits)
            yield PostcodeFile(file, size, limits, report)
            return
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise ChangedShape("The ZIP is damaged or was not loaded to its end. Load it again.") from error
        with archive:
            entry = _largest(archive, limits)
            try:
                member = archive.open(entry)
            except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
                raise ChangedShape(f"{Path(entry.filename).name} in the ZIP can't be opened: it is damaged.") from error
            with member:
                yield PostcodeFile(member, entry.file_size, limits, report)


def _largest(archive: zipfile.ZipFile, limits: Limits) -> zipfile.ZipInfo:
    """The whole lookup: beside it are the same rows again, a file an area, and the names of codes."""
    entries = archive.infolist()
    if len(entries) > limits.members:
        raise TooLarge(f"This ZIP has {len(entries):,} files inside, more than the {limits.members:,} that are read.")
    lookups = [
        entry for entry in entries if _MEMBER.search(entry.filename) and "multi_csv" not in entry.filename.lower()
    ]
    if not lookups:
        raise ChangedShape(f"This ZIP has no file NSPL….csv. {EXPECTED}")
    entry = max(lookups, key=lambda one: one.file_size)
    if entry.flag_bits & 1:
        raise Refused(
            "This ZIP is protected by a password. Load it again from the Office for National Statistics.",
            rule="unknown-form",
        )
    _check_size(entry.file_size, limits)
    if entry.file_size > limits.ratio * max(1, entry.compress_size):
        raise TooLarge(f"This ZIP is far larger inside than it seems. {EXPECTED}")
    return entry  # zipfile never gives more than the declared size, and checks the sum of what it gave


def _check_size(size: int, limits: Limits) -> None:
    if size > limits.bytes:
        raise TooLarge(
            f"This file has {size / GIB:.1f} GB, more than the {limits.bytes / GIB:.0f} GB that are read. {EXPECTED}"
        )
