"""The spool: what is written comes back, nothing of it is readable on the disk, and damage is found."""

import os
import time
from pathlib import Path

import pytest

from placefeed.service.config import Settings
from placefeed.service.intake.spool import FRAME, Spool, SpoolDamaged


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(Settings(data=tmp_path, secret="s" * 40))


def kept(spool: Spool, content: bytes) -> str:
    writer = spool.writer()
    for start in range(0, len(content), 10_000):
        writer.write(content[start : start + 10_000])
    writer.close()
    return writer.name


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 7])
def test_what_was_written_comes_back(spool: Spool, size: int) -> None:
    content = os.urandom(size)

    name = kept(spool, content)

    with spool.reader(name) as stream:
        assert stream.read() == content


def test_nothing_readable_is_on_the_disk(spool: Spool) -> None:
    name = kept(spool, b"child born 12/03/2011 " * 10_000)

    assert b"12/03/2011" not in (spool.folder / name).read_bytes()
    assert (spool.folder / name).stat().st_mode & 0o077 == 0


def test_a_place_is_found_without_reading_up_to_it(spool: Spool) -> None:
    content = os.urandom(3 * FRAME + 100)
    name = kept(spool, content)

    with spool.reader(name) as stream:
        stream.read(10)
        for place in (0, FRAME, 2 * FRAME + 5, 17, 3 * FRAME + 99):
            assert stream.seek(place) == place
            assert stream.read(50) == content[place : place + 50]


@pytest.mark.parametrize("cut", [1, 20, FRAME, FRAME + 21, 2 * FRAME])
def test_a_file_cut_short_is_found(spool: Spool, cut: int) -> None:
    name = kept(spool, os.urandom(2 * FRAME + 10))
    path = spool.folder / name
    os.truncate(path, path.stat().st_size - cut)

    with pytest.raises(SpoolDamaged), spool.reader(name) as stream:
        stream.read()


@pytest.mark.parametrize("place", [8, 9, 13, 200, FRAME + 100])
def test_a_changed_byte_is_found(spool: Spool, place: int) -> None:
    name = kept(spool, os.urandom(2 * FRAME))
    path = spool.folder / name
    damaged = bytearray(path.read_bytes())
    damaged[place] ^= 1
    path.write_bytes(damaged)

    with pytest.raises(SpoolDamaged), spool.reader(name) as stream:
        stream.read()


def test_frames_that_changed_places_are_found(spool: Spool) -> None:
    name = kept(spool, os.urandom(3 * FRAME))
    path = spool.folder / name
    content = path.read_bytes()
    frame = 5 + FRAME + 16
    path.write_bytes(
        content[:8] + content[8 + frame : 8 + 2 * frame] + content[8 : 8 + frame] + content[8 + 2 * frame :]
    )

    with pytest.raises(SpoolDamaged), spool.reader(name) as stream:
        stream.read()


def test_another_secret_opens_nothing(spool: Spool) -> None:
    name = kept(spool, b"x" * 100)
    other = Spool(Settings(data=spool.folder.parent, secret="t" * 40))

    with pytest.raises(SpoolDamaged), other.reader(name) as stream:
        stream.read()


def test_an_upload_that_broke_off_is_swept_and_a_submitted_one_is_not(spool: Spool) -> None:
    broken, named = kept(spool, b"broken off"), kept(spool, b"submitted")
    for name in (broken, named):
        os.utime(spool.folder / name, (time.time() - 100, time.time() - 100))
    fresh = kept(spool, b"still arriving")

    assert spool.sweep({named}, older_than=60) == 1
    assert {path.name for path in spool.folder.iterdir()} == {named, fresh}


def test_only_its_own_names_are_opened(spool: Spool) -> None:
    with pytest.raises(ValueError, match="not the name"):
        spool.reader("../secret")
