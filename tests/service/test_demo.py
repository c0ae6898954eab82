"""The demo as a person meets it: start it, paste the line that it prints, end it, start it again."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest

PLACEFEED = Path(sys.executable).parent / "placefeed"
SIZE = "120"


class Running:
    """A demo in a process of its own."""

    def __init__(self, data: Path, *more: str, port: int | None = None) -> None:
        self.port = port or _free_port()
        self.data = data
        self.said: list[str] = []
        env = {name: value for name, value in os.environ.items() if not name.startswith("PLACEFEED_")}
        command = [PLACEFEED, "demo", "--port", str(self.port), "--data", data, *more]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env)

    def until(self, words: str) -> str:
        """Read what it prints until a line with these words comes."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError("the demo ended:\n" + "".join(self.said))

    def ready(self) -> str:
        """The command line that it prints when its list has rows."""
        line = self.until("curl ").strip()
        self.until("Ctrl-C")
        return line

    def end(self, number: int = signal.SIGINT) -> float:
        """End it as Ctrl-C does; how many seconds that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=30)
        self.said.append(rest)
        return time.monotonic() - began

    @property
    def keys(self) -> Any:
        return orjson.loads((self.data / "keys.json").read_bytes())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    """Start demos that are ended with the test, whatever happens."""
    running: list[Running] = []

    def starting(*more: str, data: Path = tmp_path / "demo", port: int | None = None) -> Running:
        running.append(Running(data, *more, port=port))
        return running[-1]

    yield starting
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()
        elif each.process.stdout is not None:
            each.process.stdout.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _pasted(command: str) -> Any:
    """What a shell would make of the printed line, fetched."""
    words = shlex.split(command)
    assert words[0] == "curl"
    name, _, value = words[words.index("-H") + 1].partition(": ")
    answer = httpx2.get(words[-1], headers={name: value})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_printed_line_lists_vacancies_and_a_second_start_goes_on(start: Any) -> None:
    demo = start("--settings", SIZE)
    listed = _pasted(demo.ready())
    demo.until("have sent what they have")
    keys = demo.keys

    assert listed["items"]
    assert all(item["provenance"]["simulated"] for item in listed["items"])
    assert (demo.data / "keys.json").stat().st_mode & 0o777 == 0o600
    assert demo.end() < 10
    assert demo.process.returncode == 0
    assert "Traceback" not in "".join(demo.said)

    again = start("--settings", SIZE)
    assert _pasted(again.ready())["items"]
    assert again.keys == keys
    assert "Making" not in "".join(again.said)
    assert again.end(signal.SIGTERM) < 10
    assert again.process.returncode == 0


def test_everyone_is_there_and_all_of_it_is_right(start: Any) -> None:
    demo = start("--settings", SIZE, "--seed", "4")
    demo.ready()
    demo.until("have sent what they have")
    base, keys = f"http://127.0.0.1:{demo.port}", demo.keys
    operator = {"Authorization": f"Bearer {keys['operator']}"}

    consortia = httpx2.get(f"{base}/v1/consortia", headers=operator).json()["items"]
    submissions = httpx2.get(f"{base}/v1/submissions?limit=500", headers=operator).json()["items"]
    sources = httpx2.get(f"{base}/v1/sources", headers=operator).json()["items"]

    assert len(consortia) == 3
    assert {source["transport"] for source in sources} >= {"push", "folder"}
    assert all(source["simulated"] for source in sources)
    assert submissions
    assert {submission["state"] for submission in submissions} == {"done"}

    # Everybody whose password was printed comes in: to where they work, the operator without a second factor.
    assert set(keys["people"]) == {"commissioner", "provider", "operator"}
    for each in keys["people"].values():
        assert each["password"] in "".join(demo.said)
        with httpx2.Client(base_url=base, headers={"Accept": "text/html"}) as browser:
            form = {"email": each["email"], "password": each["password"], "next": "/people"}
            assert browser.post("/sign-in", data=form).headers["location"] == "/people"
            assert each["organisation"] in browser.get("/people").text

    # Members of different consortia see different lists, and nobody sees nothing.
    def counts() -> set[int]:
        return {
            httpx2.get(f"{base}/v1/listings?limit=1", headers={"Authorization": f"Bearer {key}"}).json()["totals"][
                "available"
            ]
            for key in keys["members"].values()
        }

    ends = time.monotonic() + 60
    while len(found := counts()) != 3 and time.monotonic() < ends:  # what was sent last is published while we ask
        time.sleep(0.5)
    assert len(found) == 3
    assert min(found) > 0
    assert httpx2.get(f"{base}/v1/listings").status_code == 401
    demo.end()


def test_simulated_providers_push_with_the_keys_of_a_demo(start: Any, tmp_path: Path) -> None:
    demo = start("--settings", SIZE)
    demo.ready()
    demo.until("have sent what they have")

    pushed = subprocess.run(
        [PLACEFEED, "simulate", "--push", f"http://127.0.0.1:{demo.port}", "--keys", demo.data / "keys.json", "--data", demo.data, "--json"],
        check=True, capture_output=True,
    )  # fmt: skip

    (round_,) = orjson.loads(pushed.stdout)["rounds"]
    assert round_["sent"] > 20
    assert "rejected" not in round_["verdicts"]
    demo.end()


def test_a_port_that_is_taken_is_one_plain_line(start: Any) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        demo = start("--settings", SIZE, port=other.getsockname()[1])
        said, _ = demo.process.communicate(timeout=60)

    assert demo.process.returncode == 1
    assert re.fullmatch(r"Port \d+ of 127.0.0.1 cannot be had \(.*\)\. .*--port\.\n", said)
    assert not demo.data.exists()


def test_a_folder_that_is_no_demo_is_left_alone(start: Any, tmp_path: Path) -> None:
    env = {**os.environ, "PLACEFEED_DATA": str(tmp_path / "demo")}
    for words in (["db", "upgrade"], ["org", "add", "homes", "--name", "Example Homes Ltd"]):
        subprocess.run([PLACEFEED, *words], check=True, env=env, capture_output=True)

    demo = start("--settings", SIZE)
    said, _ = demo.process.communicate(timeout=60)

    assert demo.process.returncode == 2
    assert "not a demo" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.shared
def test_ofsteds_own_file_can_be_the_register(start: Any, shared_data: Path) -> None:
    demo = start("--ofsted", str(shared_data / "ofsted" / "provider_level_2025.csv"))
    listed = _pasted(demo.ready())

    assert all(item["provenance"]["simulated"] for item in listed["items"])
    assert all("(simulated)" in item["provenance"]["publisher"] for item in listed["items"])
    demo.end()
