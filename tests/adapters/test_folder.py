"""The watched folder: complete files once, nothing lost in a crash, nothing overwritten, nothing read that is not a file."""

import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from placefeed.adapters.base import AdapterError, Batch, Refused, Unreachable
from placefeed.adapters.drops import Acknowledged
from placefeed.adapters.folder import WatchedFolder

REPORT = {"verdict": "accepted", "counts": {"records": 1}}


def later() -> float:
    """The clock of a fetch that comes when every file has settled."""
    return time.time() + 60


def watch(folder: Path, **options: Any) -> WatchedFolder:
    return WatchedFolder(folder, **({"now": later} | options))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file() or path.is_symlink())


def test_a_complete_file_is_taken_once_and_ends_in_done_with_its_report(tmp_path: Path) -> None:
    (tmp_path / "vacancies.json").write_bytes(b"{}")
    with watch(tmp_path) as folder:
        [batch] = folder.fetch(None)
        folder.done(batch, REPORT)

        again = list(folder.fetch(batch.cursor))

    assert (batch.name, batch.content, batch.content_type) == ("vacancies.json", b"{}", "application/json")
    assert again == []
    assert names(tmp_path) == []
    assert names(tmp_path / "done") == ["vacancies.json", "vacancies.json.report.json"]
    assert json.loads((tmp_path / "done" / "vacancies.json.report.json").read_bytes()) == REPORT


def test_a_refused_file_ends_in_failed_with_its_report(tmp_path: Path) -> None:
    (tmp_path / "vacancies.csv").write_bytes(b"nonsense")
    with watch(tmp_path) as folder:
        [batch] = folder.fetch(None)
        folder.failed(batch, {"verdict": "rejected"})

    assert names(tmp_path / "failed") == ["vacancies.csv", "vacancies.csv.report.json"]


@pytest.mark.parametrize(
    "name", ["a.csv.part", "a.csv.PART", "a.tmp", ".a.csv", "~$a.xlsx", "a.csv.filepart", "a.crdownload"]
)
def test_an_upload_under_way_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"half")

    with watch(tmp_path) as folder:
        assert list(folder.fetch(None)) == []

    assert (tmp_path / name).exists()


def test_a_file_that_changed_a_moment_ago_waits_for_the_next_fetch(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"urn\n")
    moment = [time.time()]
    with watch(tmp_path, now=lambda: moment[0], settle=5.0) as folder:
        first = list(folder.fetch(None))
        moment[0] += 6
        second = [batch.name for batch in folder.fetch(None)]

    assert first == []
    assert second == ["a.csv"]


def test_an_old_mtime_does_not_make_a_growing_copy_look_complete(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"urn\n")
    os.utime(tmp_path / "a.csv", (1_000_000_000, 1_000_000_000))

    with watch(tmp_path, now=time.time) as folder:
        assert list(folder.fetch(None)) == []


def test_a_file_renamed_into_place_arrives_whole(tmp_path: Path) -> None:
    (tmp_path / "a.csv.part").write_bytes(b"urn\nSC000001\n")
    with watch(tmp_path) as folder:
        before = list(folder.fetch(None))
        (tmp_path / "a.csv.part").rename(tmp_path / "a.csv")
        [batch] = folder.fetch(None)

    assert before == []
    assert batch.content == b"urn\nSC000001\n"


def test_files_come_oldest_first(tmp_path: Path) -> None:
    for name, when in (("b.csv", 1_000), ("a.csv", 3_000), ("c.csv", 2_000)):
        (tmp_path / name).write_bytes(b"urn\n")
        os.utime(tmp_path / name, (when, when))

    with watch(tmp_path) as folder:
        assert [batch.name for batch in folder.fetch(None)] == ["b.csv", "c.csv", "a.csv"]


def test_what_a_dead_reader_left_behind_comes_again_and_first(tmp_path: Path) -> None:
    (tmp_path / "z.csv").write_bytes(b"older\n")
    dead = watch(tmp_path)
    list(dead.fetch(None))
    dead.close()  # as the kernel does after kill -9
    (tmp_path / "a.csv").write_bytes(b"newer\n")

    with watch(tmp_path) as folder:
        batches = list(folder.fetch(None))

    assert [batch.name for batch in batches] == ["z.csv", "a.csv"]


def test_a_newer_file_of_the_same_name_waits_until_the_older_is_finished_with(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"first\n")
    with watch(tmp_path) as folder:
        [first] = folder.fetch(None)
        (tmp_path / "a.csv").write_bytes(b"second\n")
        during = [batch.content for batch in folder.fetch(None)]
        folder.done(first, REPORT)
        [second] = folder.fetch(None)
        folder.done(second, REPORT)

    assert during == [b"first\n"]
    assert second.content == b"second\n"


def test_nothing_in_done_is_overwritten(tmp_path: Path) -> None:
    with watch(tmp_path) as folder:
        for content in (b"first\n", b"second\n", b"third\n"):
            (tmp_path / "a.csv").write_bytes(content)
            [batch] = folder.fetch(None)
            folder.done(batch, REPORT)

    kept = [name for name in names(tmp_path / "done") if not name.endswith(".report.json")]
    assert len(kept) == 3
    assert {(tmp_path / "done" / name).read_bytes() for name in kept} == {b"first\n", b"second\n", b"third\n"}
    assert all((tmp_path / "done" / f"{name}.report.json").exists() for name in kept)
    assert all(name == "a.csv" or (name.startswith("a-2") and name.endswith(".csv")) for name in kept)


def test_a_report_that_was_put_away_by_hand_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.csv.report.json").write_text("mine")
    (tmp_path / "a.csv").write_bytes(b"urn\n")
    with watch(tmp_path) as folder:
        [batch] = folder.fetch(None)
        folder.done(batch, REPORT)

    assert (tmp_path / "done" / "a.csv.report.json").read_text() == "mine"
    assert len(names(tmp_path / "done")) == 3


def test_one_reader_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"urn\n")
    with watch(tmp_path) as first:
        list(first.fetch(None))

        with pytest.raises(Unreachable, match="Another process"), watch(tmp_path) as second:
            list(second.fetch(None))

    with watch(tmp_path) as third:
        assert len(list(third.fetch(None))) == 1


def test_a_link_is_never_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("key")
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / "a.csv").symlink_to(secret)
    (drop / "b.csv").write_bytes(b"urn\n")

    with watch(drop) as folder:
        batches = list(folder.fetch(None))

    report = json.loads((drop / "failed" / "a.csv.report.json").read_bytes())
    assert [batch.name for batch in batches] == ["b.csv"]
    assert report["verdict"] == "rejected"
    assert report["issues"][0]["rule"] == "file-symlink"
    assert secret.read_text() == "key"
    assert (drop / "failed" / "a.csv").is_symlink()


def test_a_pipe_or_a_socket_is_never_waited_on(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")

    with watch(tmp_path) as folder:
        assert list(folder.fetch(None)) == []

    assert stat.S_ISFIFO((tmp_path / "failed" / "pipe.csv").lstat().st_mode)


@pytest.mark.parametrize("name", ["done", "failed", ".working"])
def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    drop = tmp_path / "drop"
    drop.mkdir()
    (drop / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(Refused) as caught, watch(drop) as folder:
        list(folder.fetch(None))

    assert caught.value.rule == "symlink"


def test_a_file_where_a_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "done").write_text("")

    with pytest.raises(Refused), watch(tmp_path) as folder:
        list(folder.fetch(None))


@pytest.mark.parametrize("name", ["../a.csv", "/etc/passwd", "", "..", "sub/a.csv", "unknown.csv"])
def test_only_what_was_given_out_is_put_away(tmp_path: Path, name: str) -> None:
    with watch(tmp_path) as folder:
        list(folder.fetch(None))

        with pytest.raises(AdapterError):
            folder.done(Batch(content=b"", content_type="text/csv", cursor={}, name=name), REPORT)


def test_a_file_over_the_limit_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "big.csv").write_bytes(b"x" * 101)
    (tmp_path / "small.csv").write_bytes(b"x" * 100)

    with watch(tmp_path, max_bytes=100) as folder:
        batches = list(folder.fetch(None))

    report = json.loads((tmp_path / "failed" / "big.csv.report.json").read_bytes())
    assert [batch.name for batch in batches] == ["small.csv"]
    assert "larger than 100 bytes" in report["issues"][0]["message"]
    assert report["issues"][0]["advice"]


def test_a_file_that_is_neither_feed_nor_sheet_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "letter.pdf").write_bytes(b"%PDF-1.7")

    with watch(tmp_path) as folder:
        assert list(folder.fetch(None)) == []

    report = json.loads((tmp_path / "failed" / "letter.pdf.report.json").read_bytes())
    assert "XLSX" in report["issues"][0]["advice"]


def test_a_folder_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Unreachable), watch(tmp_path / "missing") as folder:
        list(folder.fetch(None))


def test_it_wants_to_hear_what_became_of_each_batch(tmp_path: Path) -> None:
    assert isinstance(watch(tmp_path), Acknowledged)
