"""What is measured: loads that take turns, one byline renamed, and whether documents are equal."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from elasticsearch import Elasticsearch

from benchmarks.pgsync import index
from benchmarks.pgsync.compare import Differences
from benchmarks.pgsync.tool import Tool
from benchmarks.pgsync.watch import Failed, Watched, started, watched
from views import shelf

STET = Path(sys.executable).parent / "stet"
SAMPLE = 2_000
"""How many documents are compared."""
NAMES = ("Zenobia Quillfeather", "Ambrose Thistlewood")
"""Bylines that no generated archive has."""


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
    """The byline that was renamed: its articles, the documents that show it, and both tools."""

    byline: str
    articles: int
    showing: int
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
        ways: dict[str, Callable[[], Watched]] = {
            "Stet": self.rebuild,
            "PGSync": self.sync,
        }
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

    def compared(self) -> Differences:
        """A sample of the documents in both indices, side by side."""
        ids = self._ids()
        chosen = ids[:: max(1, len(ids) // SAMPLE)]
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
        statement = f"UPDATE byline SET name = '{NAMES[0]}' WHERE id = '{byline}'"
        with self.pgsync.daemon() as process:
            before = index.written(self.client, index.PGSYNC)
            begun = time.perf_counter()
            self.pgsync.servers.sql("-c", statement)

            def check() -> None:
                if process.poll() is not None:
                    raise Failed(f"pgsync --daemon exited with {process.returncode}")

            moments = index.until_found(self.client, index.PGSYNC, NAMES[0], articles, check)
            time.sleep(2)  # documents that show the byline as a photographer only come with it
            after = index.written(self.client, index.PGSYNC)
        first, last = (moment - begun for moment in moments)
        return Renamed("PGSync", index.newly_written(before, after), first, last)

    def _renamed_in_log(self, byline: str, articles: int) -> Renamed:
        """As long as Stet has nothing smaller, a changed name is a rebuild of the view."""
        data = json.dumps({"name": NAMES[1]})
        before = index.written(self.client, index.STET)
        begun = time.perf_counter()
        append: list[str | Path] = [
            STET,
            "append",
            byline,
            "BylineRevised",
            "--data",
            data,
            "--home",
            self.home,
        ]
        watched(append, {}, self.home)
        with tempfile.TemporaryFile() as said:
            process = started(self._rebuild, self._searching, self.home, said)

            def check() -> None:
                if process.poll():
                    raise Failed(f"stet rebuild exited with {process.returncode}")

            moments = index.until_found(self.client, index.STET, NAMES[1], articles, check)
            process.wait()
        after = index.written(self.client, index.STET)
        first, last = (moment - begun for moment in moments)
        return Renamed("Stet", index.newly_written(before, after), first, last)

    @property
    def _searching(self) -> dict[str, str]:
        return {"STET_SEARCH": self.url, "STET_SEARCH_PREFIX": index.PREFIX}

    @property
    def _rebuild(self) -> list[str | Path]:
        return [STET, "rebuild", "articles", "--home", self.home]

    @property
    def _view(self) -> Path:
        """The documents of Stet's last rebuild."""
        return shelf.builds(shelf.shelf(self.home))[-1] / "articles.parquet"

    @property
    def documents(self) -> int:
        """How many documents the view has."""
        return int(self.pgsync.servers.sql("-c", "SELECT count(*) FROM article"))

    def _ids(self) -> list[str]:
        return self.pgsync.servers.sql("-c", "SELECT id FROM article ORDER BY id").splitlines()

    def _busiest(self) -> tuple[str, int]:
        line = self.pgsync.servers.sql(
            "-c",
            "SELECT byline_id, count(DISTINCT article_id) FROM article_byline"
            " GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1",
        )
        byline, _, articles = line.partition("|")
        return byline, int(articles)

    def _showing(self, byline: str) -> int:
        return int(
            self.pgsync.servers.sql(
                "-c",
                "SELECT count(*) FROM (SELECT article_id FROM article_byline"
                f" WHERE byline_id = '{byline}' UNION SELECT article_id FROM article_image"
                f" JOIN image ON id = image_id WHERE photographer_id = '{byline}') AS shown",
            )
        )
