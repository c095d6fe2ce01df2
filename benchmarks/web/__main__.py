"""Measure the server beside a plain FastAPI route over Elasticsearch, and beside datasette.

    make bench-web                              # 100,000 articles (about ten minutes)
    .venv/bin/python -m benchmarks.web --articles 3000 --seconds 5 --print-only
    .venv/bin/python -m benchmarks.web --home HOME --print-only   # of a copy of an archive

The load generator runs on the same cores as what it asks, and Elasticsearch does as well. Without
an Elasticsearch (``make elasticsearch``) its column stays empty, and says so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote

from app.web.access import Access, Role
from archive import Archive
from benchmarks.main import STET
from benchmarks.measuring import into_page, machine, run
from benchmarks.web import documents
from event_log import counted

RATE = 100
EDITORS = 50
SAVES_A_SECOND = 25
STREAMS = 200
TEXTS = 200
ELASTICSEARCH = os.environ.get("ELASTICSEARCH_URL", "http://127.0.0.1:9200")
DATASETTE = "/bench/articles?_search={}&_facet=section&_facet=year&_facet_array=tags&_size=10"


@dataclass(frozen=True)
class Asked:
    """What asking a server at a rate and as fast as it can came to, and its memory in MB."""

    name: str
    at_rate: dict[str, Any]
    at_most: dict[str, Any]
    memory: float


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def serving(port: int, path: str, *command: object, **environment: str) -> Iterator[int]:
    """Run a server until it is not needed any more; gives the process's id when it answers."""
    process = subprocess.Popen(
        [*map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 120
        while not _answers(port, path):
            if process.poll() is not None or time.monotonic() > until:
                raise SystemExit(f"{command[0]} does not answer at {path}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def _answers(port: int, path: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def memory(session: int) -> float:
    """What all processes of a session take for themselves, in MB; shared parts are divided."""
    found = 0
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if int((path / "stat").read_text().rpartition(")")[2].split()[3]) == session:
                lines = (path / "smaps_rollup").read_text().splitlines()
                found += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except OSError:
            continue  # it ended just now
    return found / 1024


def load(port: int, requests: Sequence[dict[str, Any]], seconds: float, *how: object) -> Any:
    """What the load generator, a process of its own, says."""
    command = [sys.executable, "-m", "benchmarks.web.load", str(port), str(seconds), *map(str, how)]
    lines = "\n".join(map(json.dumps, requests))
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def texts(archive: Archive) -> list[str]:
    """One to three words that stand together in an article, as a reader types them."""
    chosen = random.Random(1)  # noqa: S311 - to be the same in each run
    bodies = [each["body"].split() for _, each in zip(range(2_000), documents.documents(archive))]  # noqa: B905
    found = []
    while len(found) < TEXTS:
        body = chosen.choice(bodies)
        start = chosen.randrange(max(1, len(body) - 3))
        found.append(" ".join(body[start : start + chosen.choice((1, 1, 2, 2, 3))]).strip('.,"'))
    return found


def asked(
    name: str, port: int, session: int, pages: Sequence[str], seconds: float, rate: float = RATE
) -> Asked:
    """Ask a server's pages, first to warm it, then at a rate, then as fast as it answers."""
    requests = [{"path": page} for page in pages]
    load(port, requests[:40], 3)
    steady = load(port, requests, seconds, "--rate", rate)
    return Asked(name, steady, load(port, requests, seconds), memory(session))


def compared(
    archive: Archive, folder: Path, port: int, session: int, seconds: float
) -> list[Asked]:
    """The search page, and the same of the others, one after another."""
    words = texts(archive)
    found = [asked("Stet", port, session, [f"/search?q={quote(x)}" for x in words], seconds)]
    other = free_port()
    with ExitStack() as ending:
        if _elasticsearch():
            index = f"stet-bench-{uuid.uuid4().hex[:8]}"
            documents.into_elasticsearch(archive, ELASTICSEARCH, index)
            ending.callback(documents.remove, ELASTICSEARCH, index)
            app = [sys.executable, "-m", "uvicorn", "benchmarks.web.beside:app", "--port", other]
            settings = {"STET_BENCH_INDEX": index}
            with serving(other, "/search?q=a", *app, "--no-access-log", **settings) as pid:
                paths = [f"/search?q={quote(x)}" for x in words]
                found.append(asked("FastAPI and Elasticsearch", other, pid, paths, seconds))
    file = folder / "bench.db"
    documents.into_sqlite(archive, file)
    program = Path(sys.executable).with_name("datasette")
    other = free_port()
    command = [program, "serve", file, "--port", other, "--setting", "suggest_facets", "off"]
    with serving(other, "/-/versions.json", *command) as pid:
        paths = [DATASETTE.format(quote(f'"{x}"')) for x in words]
        found.append(asked("datasette", other, pid, paths, seconds))
    return found


def _elasticsearch() -> bool:
    try:
        with urllib.request.urlopen(ELASTICSEARCH, timeout=5):  # noqa: S310
            return True
    except OSError:
        return False


def suggestions(archive: Archive, port: int, seconds: float) -> Any:
    """What is typed letter by letter, at the rate of the pages."""
    begun = [word[:size] for word in texts(archive) for size in (2, 3, 4, 6) if len(word) >= size]
    requests = [{"path": f"/api/v1/suggest?q={quote(each)}"} for each in begun]
    return load(port, requests, seconds, "--rate", RATE)


def saves(port: int, secret: str, seconds: float) -> Any:
    """New articles of editors, each of whom saves once in two seconds."""
    requests = []
    for number in range(int(SAVES_A_SECOND * seconds) + 1):
        data = {
            "headline": f"Saved {number}",
            "published_at": "2026-01-02T03:04:05Z",
            "body": "It happened. " * 100,
        }
        path = f"/api/v1/streams/article/web-{time.time_ns()}-{number}/events"
        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
        body = json.dumps({"type": "ArticlePublished", "data": data})
        requests.append({"method": "POST", "path": path, "headers": headers, "body": body})
    return load(port, requests, seconds, "--rate", SAVES_A_SECOND)


def streams(port: int, secret: str, session: int, begin: str) -> float:
    """The memory that open streams of events add, in MB, after each was sent ten events.

    ``begin`` is empty for what is appended from now on, ``&after=0`` for all that there is.
    """
    before = memory(session)
    request = (
        f"GET /api/v1/events/stream?type=ArticlePublished{begin} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {secret}\r\n\r\n"
    ).encode()
    with ExitStack() as opened:
        clients = []
        for _ in range(STREAMS):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            client.sendall(request)
            clients.append(client)
        time.sleep(1)
        saves(port, secret, 0.4)
        for client in clients:
            received = b""
            while received.count(b"\ndata: ") < 10:
                received += client.recv(100_000)
        return memory(session) - before


def searchable(home: Path, mode: str, samples: int) -> list[float]:
    """How long a change takes until it is found, in milliseconds, while something follows."""
    module = "benchmarks.freshness.following"
    printed = run(sys.executable, "-m", module, mode, home, str(samples)).printed
    return [each["ms"] for each in json.loads(printed)]


def page(found: Sequence[Asked]) -> Iterator[str]:
    """The table of the search page, beside the others."""
    yield (
        "| a search page with facets and years | Stet | "
        + " | ".join(f"{each.name} | ratio" for each in found[1:])
        + " |"
    )
    yield "|---|---|" + "---|---|" * (len(found) - 1)
    rows = {
        f"95th percentile at {RATE} a second, ms": lambda x: x.at_rate["p95"],
        "median, ms": lambda x: x.at_rate["p50"],
        "answered with 200, %": lambda x: _answered(x.at_rate),
        "most a second, 8 clients": lambda x: x.at_most["rate"],
        "kB of an answer": lambda x: x.at_rate["kilobytes"],
        "memory of its processes, MB": lambda x: x.memory,
    }
    for what, figure in rows.items():
        first = figure(found[0])
        cells = [f"{figure(x):,.0f} | {figure(x) / first:.2f}" for x in found[1:]]
        yield f"| {what} | {first:,.0f} | {' | '.join(cells)} |"


def _answered(told: dict[str, Any]) -> float:
    return float(100 * told["statuses"].get("200", 0) / max(1, told["requests"]))


def measure(home: Path, folder: Path, seconds: float, samples: int) -> Iterator[str]:
    """All lines of the page."""
    archive = Archive(home)
    secret = Access(home).add("bench", Role.editor)
    port = free_port()
    workers = os.cpu_count() or 1
    command = [STET, "serve", "--home", home, "--port", port, "--workers", workers]
    with serving(port, "/healthz", *command, STET_REQUESTS_A_MINUTE="0") as session:
        saves(port, secret, 1)
        archive.wait(archive.log.head, 300)  # its follower has read the archive by then
        found = compared(archive, folder, port, session, seconds)
        typed = suggestions(archive, port, seconds)
        added = streams(port, secret, session, "")
        added_all = streams(port, secret, session, "&after=0")
        saved = saves(port, secret, seconds)
        archive.wait(archive.log.head, 300)
    about = "" if _elasticsearch() else " No Elasticsearch ran."
    yield f"{machine()}; {counted(archive.engine.serving()['articles'].documents, 'article')},"
    yield f"{counted(workers, 'worker')}; the load generator on the same cores.{about}\n"
    yield from page(found)
    alone, served = (searchable(home, mode, samples) for mode in ("latency", "latency-served"))
    yield "\n| what | target | measured |\n|---|---|---|"
    yield f"| search page at {RATE} a second, 95th percentile | 100 ms | {_ms(found[0].at_rate)} |"
    yield f"| suggestions at {RATE} a second, 95th percentile | 50 ms | {_ms(typed)} |"
    yield f"| saving, {EDITORS} editors, 95th percentile | 50 ms | {_ms(saved, '201')} |"
    yield (
        "| searchable: `stet serve` to `stet follow` alone, median | within 10 % |"
        f" {median(served):,.0f} : {median(alone):,.0f} ms ({median(served) / median(alone):.2f});"
        f" 95th percentile {_p95(served):,.0f} : {_p95(alone):,.0f} ms |"
    )
    yield (
        f"| memory that {STREAMS} open streams of events add | 100 MB | {added:,.0f} MB; that read"
        f" the log from its beginning: {added_all:,.0f} MB |"
    )


def _ms(told: dict[str, Any], status: str = "200") -> str:
    good = told["statuses"].get(status, 0)
    return f"{told['p95']:,.0f} ms (median {told['p50']:,.0f}; {good:,} of {told['requests']:,})"


def _p95(times: Sequence[float]) -> float:
    return quantiles(times, n=20)[-1]


def main() -> None:
    """Measure, print, and write the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--articles", type=int, default=100_000)
    parser.add_argument("--home", type=Path, help="an archive that is rebuilt; it is copied")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--samples", type=int, default=30)
    parser.add_argument("--print-only", action="store_true", help="only print")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stet-web-") as name:
        folder, home = Path(name), Path(name) / "home"
        if chosen.home:
            shutil.copytree(chosen.home, home)
        else:
            run(STET, "generate", "--articles", str(chosen.articles), stdout=folder / "all.jsonl")
            run(STET, "import", folder / "all.jsonl", "--home", home)
            run(STET, "rebuild", "--home", home)
        lines = []
        for line in measure(home, folder, chosen.seconds, chosen.samples):
            print(line, flush=True)
            lines.append(line)
    if not chosen.print_only:
        into_page("web", "bench-web", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
