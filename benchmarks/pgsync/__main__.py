"""Measure PGSync 7.3 beside Stet: the same documents into the same Elasticsearch.

    make setup elasticsearch
    .venv/bin/python -m benchmarks.pgsync --articles 20000 --print-only

PostgreSQL's programs and redis-server must be installed (Debian: ``apt-get install postgresql
redis-server``; no service of theirs need run). Linux only: memory is read from /proc. Everything
else is made in temporary folders and removed in the end: an archive of so many generated articles,
its state as PostgreSQL tables, and an environment with PGSync. In Elasticsearch all names begin
with ``pgsync-``, so that an archive which it serves stays as it is.

Measured, each command as a whole process, the median of ``--runs`` rounds in which the tools take
turns: the initial load (Stet's from the log to the promoted index; PGSync's from tables that are
filled and indexed already), and one byline's new name until a search finds it. Then documents of
both indices are compared, and the measurement fails if they differ in content.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from elasticsearch import Elasticsearch

from benchmarks.measuring import into_page
from benchmarks.pgsync import index, measure, report, servers, tables, tool
from benchmarks.pgsync.compare import Differences
from benchmarks.pgsync.watch import Failed


def main() -> None:
    """Measure, print, and write the page's table."""
    chosen = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # the servers end with us
    try:
        with _elasticsearch(chosen.search) as client, tempfile.TemporaryDirectory() as name:
            printed, differences = _measured(client, Path(name), chosen)
    except (Failed, subprocess.CalledProcessError) as error:
        raise SystemExit(f"error: {error}") from error
    print(printed)
    if differences.content:
        raise SystemExit(f"error: the tools made different documents\n{differences}")
    if not chosen.print_only:
        into_page("pgsync", "pgsync", printed)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pgsync",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3, help="rounds of each load")
    running = os.environ.get("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
    parser.add_argument("--search", metavar="URL", default=running, help=f"default: {running}")
    parser.add_argument("--venv", type=Path, help="where to keep PGSync's environment")
    parser.add_argument("--print-only", action="store_true", help="only print")
    return parser


def _measured(
    client: Elasticsearch, folder: Path, chosen: argparse.Namespace
) -> tuple[str, Differences]:
    programs = tool.install((chosen.venv or folder / "venv").resolve())
    home = measure.archive(chosen.articles, folder)
    with servers.running() as running:
        print("filling PostgreSQL's tables ...", file=sys.stderr)
        tables.fill(home, running)
        pgsync = tool.Tool(programs, running, chosen.search, folder)
        both = measure.Both(client, chosen.search, home, pgsync)
        loads = both.loads(chosen.runs)
        renaming = both.renamed()
        differences = both.compared(renaming)
    print(differences, file=sys.stderr)
    return report.table(chosen.articles, loads, differences, renaming), differences


@contextmanager
def _elasticsearch(url: str) -> Iterator[Elasticsearch]:
    """A client of the server; of what this measurement leaves there nothing stays."""
    client = Elasticsearch(url, request_timeout=300)
    if not client.ping():
        raise Failed(f"no Elasticsearch answers at {url}; run: make elasticsearch")
    index.clear(client)
    try:
        yield client
    finally:
        index.clear(client)


if __name__ == "__main__":
    main()
