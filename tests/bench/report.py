"""Rounds in which every contender has its turn, ratios between them, and the table and JSON that say so.

The machine may be shared: a figure alone says little, a ratio within one round says much.
"""

import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["ours", "also", "limit", "picked", "obvious"]
WORDS: dict[Role, str] = {
    "ours": "ours",
    "also": "ours as well",
    "limit": "the limit",
    "picked": "what one would pick",
    "obvious": "the obvious way",
}


@dataclass(slots=True)
class Contender:
    """One way to do a job. `run` does it once and returns its figure, in the unit of the row."""

    name: str
    role: Role
    run: Callable[[], float]
    rounds: list[float] = field(default_factory=list)

    @property
    def figure(self) -> float:
        """The median of its rounds."""
        return statistics.median(self.rounds)


@dataclass(slots=True)
class Aim:
    """What we aim for: at least or at most so much, of our figure or of our share of a contender's (`beside`)."""

    least: float | None = None
    most: float | None = None
    beside: str | None = None
    words: str = ""  # where the aim is said in another unit than the figure

    def met(self, value: float) -> bool:
        """Whether a value is good enough."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    def text(self) -> str:
        """For the table."""
        sign, bound = (">=", self.least) if self.least is not None else ("<=", self.most)
        return self.words or (f"{sign} {bound:g}x {self.beside}" if self.beside else f"{sign} {number(bound or 0)}")


@dataclass(slots=True)
class Row:
    """One job: our way (the first contender of the role `ours`) and the others'."""

    name: str
    title: str
    unit: str
    contenders: list[Contender]
    aims: list[Aim] = field(default_factory=list)
    higher_is_better: bool = True
    notes: list[str] = field(default_factory=list)
    load: float = 0.0

    def measure(self, rounds: int) -> "Row":
        """Let every contender have its turn in every round, each round from another place on."""
        self.load = os.getloadavg()[0]
        for turn in range(rounds):
            start = turn % len(self.contenders)
            for contender in (*self.contenders[start:], *self.contenders[:start]):
                contender.rounds.append(contender.run())
                progress(f"{self.name}: {contender.name}: {number(contender.rounds[-1])} {self.unit}")
        return self

    @property
    def ours(self) -> Contender:
        """The contender that is us."""
        return next(each for each in self.contenders if each.role == "ours")

    def ratio(self, other: Contender) -> float:
        """How many times as good we are as another: the median over the rounds, so that a noisy moment cancels out."""
        pairs = zip(self.ours.rounds, other.rounds, strict=True)
        return statistics.median(ours / theirs if self.higher_is_better else theirs / ours for ours, theirs in pairs)

    def results(self) -> list[tuple[Aim, float, bool]]:
        """Each aim with what was reached."""
        found = []
        for aim in self.aims:
            beside = next((each for each in self.contenders if each.name == aim.beside), None)
            value = self.ours.figure if beside is None else self.ratio(beside)
            found.append((aim, value, aim.met(value)))
        return found

    def to_dict(self) -> dict[str, Any]:
        """For the JSON file."""
        return {
            "row": self.name,
            "title": self.title,
            "unit": self.unit,
            "loadBefore": self.load,
            "contenders": [
                {
                    "name": each.name,
                    "role": each.role,
                    "figure": each.figure,
                    "rounds": each.rounds,
                    **({} if each is self.ours else {"oursBeside": self.ratio(each)}),
                }
                for each in self.contenders
            ],
            "aims": [{"aim": aim.text(), "reached": value, "met": met} for aim, value, met in self.results()],
            "notes": self.notes,
        }


def rate(count: int, work: Callable[[], Any]) -> float:
    """How many a second, for work that does `count`."""
    started = time.perf_counter()
    work()
    return count / (time.perf_counter() - started)


def milliseconds(work: Callable[[], Any], times: int = 1) -> float:
    """How long work takes once, as the mean of `times`."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return (time.perf_counter() - started) * 1000 / times


def number(value: float) -> str:
    """A figure for people: three digits that count."""
    if value >= 1000:
        return f"{round(value, -len(str(int(value))) + 3):,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def progress(text: str) -> None:
    """One line on standard error, for who waits."""
    print(f"  {text}", file=sys.stderr, flush=True)


def table(rows: list[Row]) -> str:
    """Every row: our share of each contender first, then the figures, then whether the aims are met."""
    out = [f"{machine()}\n", f"{'ours is':>9}  {'figure':>9}  {'':11} who"]
    for row in rows:
        out += ["", f"{row.name}: {row.title}", "-" * min(110, len(row.name) + len(row.title) + 2)]
        for each in row.contenders:
            share = "" if each is row.ours else f"{number(row.ratio(each))}x"
            spread = "" if len(each.rounds) < 2 else f"   ({number(min(each.rounds))} to {number(max(each.rounds))})"
            out.append(f"{share:>9}  {number(each.figure):>9}  {row.unit:11} {each.name} [{WORDS[each.role]}]{spread}")
        out += [
            f"{'':9}  {'MET' if met else 'MISSED':>9}  {'':11} aim {aim.text()}: {number(value)}{'x' if aim.beside else ''}"
            for aim, value, met in row.results()
        ]
        out += [f"{'':22} {note}" for note in row.notes]
    return "\n".join(out)


def machine() -> str:
    """What it ran on."""
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
