"""While ``stet follow`` runs in a process of its own: how soon a change is found, and for how long.

    python -m benchmarks.freshness.following latency HOME SAMPLES
    python -m benchmarks.freshness.following latency-served HOME SAMPLES  # by `stet serve`
    python -m benchmarks.freshness.following sustained HOME SECONDS

Prints JSON. The engine is the one that the environment names.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from archive import Archive
from benchmarks.main import STET
from event_log import EventLog, NewEvent
from search import Query

POLL = 0.03
"""Seconds between two questions: asking takes from what answers."""
GIVEN_UP = 60
A_SECOND = 500
A_DAY = 1_000
"""Events that are dated within a day: four hundred of them are articles."""
LATER = datetime(2026, 1, 2, tzinfo=UTC)
AT_ONCE = 20
"""Events of one append: a feed comes in small batches."""


@contextmanager
def followed(archive: Archive, *command: str) -> Iterator[int]:
    """Follow, and give the process's id when it has caught up and is warm.

    ``command`` is what follows, ``stet follow`` unless one is given.
    """
    process = subprocess.Popen(
        [STET, *(command or ("follow",)), "--home", archive.home],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr
        while "following from" not in (said := process.stderr.readline()):
            if not said:
                raise SystemExit(f"{archive.home}: stet follow has ended")
            sys.stderr.write(said)
        for number in range(3):
            name = {"name": f"Warm {number} {time.time_ns()}"}
            event = NewEvent(f"tag/warm-{time.time_ns()}", "TagDefined", name)
            receipt = archive.log.append([event])
            archive.wait(receipt.last, timeout=600)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def latency(archive: Archive, samples: int, *command: str) -> list[dict[str, Any]]:
    """Publish, revise or retract an article, and ask until a search finds that it is so."""
    log, engine = archive.log, archive.engine
    chance = random.Random(1)  # noqa: S311 - it must be repeatable, not secret
    known = published(log)
    chance.shuffle(known)
    found: list[dict[str, Any]] = []
    with followed(archive, *command):
        while len(found) < samples:
            number = len(found)
            word = f"quagga{number}x{time.time_ns()}"
            kind = ("publish", "revise", "retract")[number % 3]
            event = _event(kind, known, word)
            log.append([event])
            began = time.perf_counter()
            query = Query(word) if kind != "retract" else Query("", filters={"id": [event.stream]})
            while (engine.search(query).total == 0) != (kind == "retract"):
                time.sleep(POLL)
                if time.perf_counter() - began > GIVEN_UP:
                    raise SystemExit(
                        f"{event} is not found {GIVEN_UP} seconds after it was appended"
                    )
            found.append({"kind": kind, "ms": (time.perf_counter() - began) * 1000})
            time.sleep(0.1)
    return found


def published(log: EventLog) -> list[str]:
    """The articles that were published and not retracted, in the order of the log."""
    live: dict[str, None] = {}
    for batch in log.at().scan(["stream", "type"], categories=["article"]):
        columns = (column.to_pylist() for column in batch.columns)
        for stream, kind in zip(*columns, strict=True):
            if kind == "ArticlePublished":
                live[stream] = None
            elif kind == "ArticleRetracted":
                live.pop(stream, None)
    return list(live)


def _event(kind: str, known: list[str], word: str) -> NewEvent:
    """An event of this kind; takes an article that is changed from those that are known."""
    if kind == "publish":
        said: dict[str, Any] = {
            "headline": word,
            "published_at": "2026-01-02T03:04:05Z",
            "body": "New.",
        }
        said |= {"section_id": "section/world", "byline_ids": ["byline/9"]}
        return NewEvent(f"article/{word}", "ArticlePublished", said)
    if kind == "revise":
        return NewEvent(known.pop(), "ArticleRevised", {"headline": word})
    return NewEvent(known.pop(), "ArticleRetracted", {})


def sustained(archive: Archive, seconds: float) -> list[dict[str, float]]:
    """Append so many events a second, and look at the lag and at the follower's memory."""
    log, engine = archive.log, archive.engine
    chance = random.Random(2)  # noqa: S311 - it must be repeatable, not secret
    known, seen = published(log), []
    with followed(archive) as process:
        first, began = log.head + 1, time.monotonic()
        looked, sent = began, 0
        moments: list[float] = []  # when each append returned
        while (now := time.monotonic()) - began < seconds:
            if sent / A_SECOND > now - began:
                time.sleep(sent / A_SECOND - (now - began))
            log.append([_some(chance, known, sent + n) for n in range(AT_ONCE)])
            sent += AT_ONCE
            moments.append(time.monotonic())
            if now - looked >= 1:
                looked = now
                at = min(about.sequence for about in engine.serving().values())
                waits = max(0, at + 1 - first) // AT_ONCE  # the append that is not there yet
                late = time.monotonic() - moments[waits] if waits < len(moments) else 0.0
                line = {"second": now - began, "lag": log.head - at, "late": late}
                seen.append({**line, "rss": _rss(process), "sent": sent})
        ended = time.monotonic()
        archive.wait(log.head, timeout=600)
        line = {"second": ended - began, "lag": 0, "late": 0.0}
        seen.append({**line, "rss": _rss(process), "sent": sent})
        seen[-1]["drained"] = time.monotonic() - ended
    return seen


def _some(chance: random.Random, known: list[str], number: int) -> NewEvent:
    """One of what a newsroom says most: an article, its revision, a picture."""
    if number % 5 < 2:
        published = LATER + timedelta(days=number / A_DAY)
        said: dict[str, Any] = {"headline": f"News {number}", "published_at": published}
        said |= {"body": "It happened. " * 100, "section_id": "section/world"}
        said |= {"byline_ids": [f"byline/{chance.randint(1, 200)}"]}
        said |= {"tag_ids": [f"tag/{chance.randint(1, 60)}"]}
        return NewEvent(f"article/s{time.time_ns()}-{number}", "ArticlePublished", said)
    if number % 5 < 4:
        revised = {"kicker": f"Update {number}"}
        return NewEvent(chance.choice(known), "ArticleRevised", revised)
    said = {"url": f"https://example.org/{number}.jpg", "caption": f"Picture {number}"}
    return NewEvent(f"image/s{time.time_ns()}-{number}", "ImageAdded", said)


def _rss(process: int) -> float:
    """The memory of a process now, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    what, opened, many = sys.argv[1], Archive(sys.argv[2]), float(sys.argv[3])
    if what == "sustained":
        print(json.dumps(sustained(opened, many)))
    else:
        served = ("serve", "--port", "0") if what == "latency-served" else ()
        print(json.dumps(latency(opened, int(many), *served)))
