"""What is measured: loads that take turns, one byline renamed, and whether documents are equal."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from elasticsearch import Elasticsearch

from archive import Archive
from benchmarks.pgsync import index
from benchmarks.pgsync.compare import Differences
from benchmarks.pgsync.tool import Tool
from benchmarks.pgsync.watch import Failed, Watched, started, watched
from replay import list_builds

STET = Path(sys.executable).parent / "stet"
SAMPLE = 2_000
"""How many documents are compared."""
NAME = "Zenobia Quillfeather"
"""A byline that no generated archive has."""


@dataclass(frozen=True)
class Load:
    """One tool's initial loads: its name, the documents, and each of its runs."""

    name: str
    documents: int
    runs: tuple[Watched, ...]

    @property
    def seconds(self) -> float:
        """The median of the runs' seconds."""
        return statistics.median(run.seconds for run in self.runs)

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.documents / self.seconds


@dataclass(frozen=True)
class Renamed:
    """What a byline's new name took one tool."""

    name: str
    written: int
    first_seconds: float
    all_seconds: float


@dataclass(frozen=True)
class Renaming:
    """The byline that was renamed: its articles, the documents that show it, both tools."""

    byline: str
    articles: int
    showing: tuple[str, ...]
    tools: tuple[Renamed, ...]


def archive(articles: int, folder: Path) -> Path:
    """The home of a generated archive."""
    print(f"generating an archive of {articles:,} articles ...", file=sys.stderr)
    source, home = folder / "generated.jsonl", folder / "home"
    with source.open("wb") as file:
        subprocess.run([STET, "generate", "--articles", str(articles)], stdout=file, check=True)
    subprocess.run([STET, "import", source, "--home", home], stdout=subprocess.DEVNULL, check=True)
    source.unlink()
    return home


@dataclass
class Both:
    """Stet and PGSync on one archive and one Elasticsearch."""

    client: Elasticsearch
    url: str
    home: Path
    pgsync: Tool

    def loads(self, runs: int) -> list[Load]:
        """Load everything, in turns; the first round only warms Elasticsearch up."""
        ways: dict[str, Callable[[], Watched]] = {"Stet": self.rebuild, "PGSync": self.sync}
        done: dict[str, list[Watched]] = {name: [] for name in ways}
        for turn in range(runs + 1):
            for name, way in ways.items():
                took = way()
                told = f"round {turn} of {runs}, {name}: {took.seconds:.1f} s"
                print(told if turn else f"{told} (to warm up)", file=sys.stderr)
                done[name] += [took] if turn else []
        return [Load(name, self.documents, tuple(taken)) for name, taken in done.items()]

    def rebuild(self) -> Watched:
        """Stet's whole way from the log to the promoted index, of this one view."""
        took = watched(self._rebuild, self._searching, self.home)
        self._whole(index.STET)
        return took

    def sync(self) -> Watched:
        """PGSync's way from filled tables to an index, whose setting up is not counted."""
        index.prepare(self.client, self._view)
        self.pgsync.bootstrap()
        took = self.pgsync.load()
        self._whole(index.PGSYNC)
        return took

    def _whole(self, name: str) -> None:
        """A load that left documents out has not been one."""
        if (found := index.count(self.client, name)) != self.documents:
            raise Failed(f"{name} has {found:,} of {self.documents:,} documents")

    def compared(self, renaming: Renaming) -> Differences:
        """Documents of both indices side by side: a sample, and those that show the new name."""
        chosen = sorted({*_sample(self._ids()), *_sample(renaming.showing)})
        differences = Differences()
        for (key, stet), (_, other) in zip(
            index.documents(self.client, index.STET, chosen),
            index.documents(self.client, index.PGSYNC, chosen),
            strict=True,
        ):
            differences.add(key, stet, other)
        return differences

    def renamed(self) -> Renaming:
        """Rename the byline with the most articles, first in the tables, then in the log."""
        byline, articles = self._busiest()
        showing = self._showing(byline)
        pgsync = self._renamed_in_tables(byline, articles)
        stet = self._renamed_in_log(byline, articles)
        return Renaming(byline, articles, showing, (stet, pgsync))

    def _renamed_in_tables(self, byline: str, articles: int) -> Renamed:
        statement = f"UPDATE byline SET name = '{NAME}' WHERE id = '{byline}'"
        with self.pgsync.daemon() as process:
            before = index.written(self.client, index.PGSYNC)
            begun = time.perf_counter()
            self.pgsync.servers.sql("-c", statement)

            def check() -> None:
                if process.poll() is not None:
                    raise Failed(f"pgsync --daemon exited with {process.returncode}")

            moments = index.until_found(self.client, index.PGSYNC, NAME, articles, check)
            after = index.settled(self.client, index.PGSYNC)
        first, last = (moment - begun for moment in moments)
        return Renamed("PGSync", index.newly_written(before, after), first, last)

    def _renamed_in_log(self, byline: str, articles: int) -> Renamed:
        """``stet follow`` runs before and after, as PGSync's daemon does."""
        follow: list[str | Path] = [STET, "follow", "articles", "--home", self.home]
        with tempfile.TemporaryFile() as output:
            process = started(follow, self._searching, self.home, output)

            def check() -> None:
                if process.poll() is not None:
                    raise Failed(f"stet follow exited with {process.returncode}")

            self._append("tag/warm", "TagDefined", {"name": "Warm"}, "--wait", "--timeout", "600")
            before = index.written(self.client, index.STET)
            begun = time.perf_counter()
            self._append(byline, "BylineRevised", {"name": NAME})
            moments = index.until_found(self.client, index.STET, NAME, articles, check)
            after = index.settled(self.client, index.STET)
            process.terminate()
            process.wait()
        first, last = (moment - begun for moment in moments)
        return Renamed("Stet", index.newly_written(before, after), first, last)

    def _append(self, stream: str, kind: str, data: dict[str, str], *more: str) -> None:
        said: list[str | Path] = [stream, kind, "--data", json.dumps(data), *more]
        watched([STET, "append", *said, "--home", self.home], self._searching, self.home)

    @property
    def _searching(self) -> dict[str, str]:
        return {"STET_SEARCH": self.url, "STET_SEARCH_PREFIX": index.PREFIX}

    @property
    def _rebuild(self) -> list[str | Path]:
        return [STET, "rebuild", "articles", "--home", self.home]

    @property
    def _view(self) -> Path:
        """The documents of Stet's last rebuild."""
        return list_builds(Archive(self.home).builds)[-1] / "articles.parquet"

    @property
    def documents(self) -> int:
        """How many documents the view has."""
        return int(self._asked("SELECT count(*) FROM article")[0])

    def _ids(self) -> list[str]:
        return self._asked("SELECT id FROM article")

    def _busiest(self) -> tuple[str, int]:
        """The byline with the most articles, and how many."""
        (line,) = self._asked(
            "SELECT byline_id, count(DISTINCT article_id) FROM article_byline"
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1"
        )
        byline, _, articles = line.partition("|")
        return byline, int(articles)

    def _showing(self, byline: str) -> tuple[str, ...]:
        """The articles that are by it, or show an image by it."""
        return tuple(
            self._asked(
                f"SELECT article_id FROM article_byline WHERE byline_id = '{byline}'"
                " UNION SELECT article_id FROM article_image JOIN image ON id = image_id"
                f" WHERE photographer_id = '{byline}'"
            )
        )

    def _asked(self, query: str) -> list[str]:
        return self.pgsync.servers.sql("-c", query).splitlines()


def _sample(ids: Sequence[str]) -> Sequence[str]:
    """Evenly out of all, the same ones each time."""
    return sorted(ids)[:: max(1, len(ids) // SAMPLE)]
