"""While ``stet follow`` runs in a process of its own: how soon a change is found, and for how long.

    python -m benchmarks.freshness.following latency HOME SAMPLES
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
from pathlib import Path
from typing import Any

from benchmarks.main import STET
from event_log import EventLog, NewEvent
from search import Query, open_engine
from search.waiting import wait
from views.log import open_log

POLL = 0.005
A_SECOND = 500
AT_ONCE = 20
"""Events of one append: a feed comes in small batches."""


@contextmanager
def followed(home: Path) -> Iterator[int]:
    """Follow, and give the process's id when it has caught up and is warm."""
    log = open_log(home)
    process = subprocess.Popen([STET, "follow", "--home", home], stdout=subprocess.DEVNULL)
    try:
        for number in range(3):
            said = {"name": f"Warm {number} {time.time_ns()}"}
            receipt = log.append([NewEvent(f"tag/warm-{time.time_ns()}", "TagDefined", said)])
            wait(home, receipt.last, timeout=600)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def latency(home: Path, samples: int) -> list[dict[str, Any]]:
    """Publish, revise or retract an article, and ask until a search finds that it is so."""
    log, engine = open_log(home), open_engine(home)
    chance = random.Random(1)  # noqa: S311 - it must be repeatable, not secret
    known = [f"article/{number}" for number in chance.sample(range(1, 20_000), samples)]
    found = []
    with followed(home):
        for number, article in enumerate(known):
            word = f"quagga{number}x{time.time_ns()}"
            kind = ("publish", "revise", "retract")[number % 3]
            event = _event(log, kind, article, word)
            if event is None:
                continue
            log.append([event])
            began = time.perf_counter()
            query = Query(word) if kind != "retract" else Query("", filters={"id": [article]})
            while (engine.search(query).total == 0) != (kind == "retract"):
                time.sleep(POLL)
            found.append({"kind": kind, "ms": (time.perf_counter() - began) * 1000})
            time.sleep(0.1)
    return found


def _event(log: EventLog, kind: str, article: str, word: str) -> NewEvent | None:
    if kind == "publish":
        said = {"headline": word, "published_at": "2026-01-02T03:04:05Z", "body": "New."}
        said |= {"section_id": "section/world", "byline_ids": ["byline/9"]}
        return NewEvent(f"article/{word}", "ArticlePublished", said)
    history = list(log.stream(article))
    if not history or history[-1].type == "ArticleRetracted":
        return None
    if kind == "revise":
        return NewEvent(article, "ArticleRevised", {"headline": word})
    return NewEvent(article, "ArticleRetracted", {})


def sustained(home: Path, seconds: float) -> list[dict[str, float]]:
    """Append so many events a second, and look at the lag and at the follower's memory."""
    log, engine = open_log(home), open_engine(home)
    chance = random.Random(2)  # noqa: S311 - it must be repeatable, not secret
    seen = []
    with followed(home) as process:
        began = looked = time.monotonic()
        sent = 0
        while (now := time.monotonic()) - began < seconds:
            if sent / A_SECOND > now - began:
                time.sleep(sent / A_SECOND - (now - began))
            log.append([_some(chance, sent + n) for n in range(AT_ONCE)])
            sent += AT_ONCE
            if now - looked >= 1:
                looked = now
                at = min(about.sequence for about in engine.serving().values())
                lag = log.head - at
                line = {"second": now - began, "lag": lag, "rss": _rss(process)}
                seen.append({**line, "sent": sent})
        ended = time.monotonic()
        wait(home, log.head, timeout=600)
        seen.append({"second": ended - began, "lag": 0, "rss": _rss(process), "sent": sent})
        seen[-1]["drained"] = time.monotonic() - ended
    return seen


def _some(chance: random.Random, number: int) -> NewEvent:
    """One of what a newsroom says most: an article, its revision, a picture."""
    if number % 5 < 2:
        said = {"headline": f"News {number}", "published_at": "2026-01-02T03:04:05Z"}
        said |= {"body": "It happened. " * 100, "section_id": "section/world"}
        said |= {"byline_ids": [f"byline/{chance.randint(1, 200)}"]}
        said |= {"tag_ids": [f"tag/{chance.randint(1, 60)}"]}
        return NewEvent(f"article/s{time.time_ns()}-{number}", "ArticlePublished", said)
    if number % 5 < 4:
        article = f"article/{chance.randint(1, 20_000)}"
        return NewEvent(article, "ArticleRevised", {"kicker": f"Update {number}"})
    said = {"url": f"https://example.org/{number}.jpg", "caption": f"Picture {number}"}
    return NewEvent(f"image/s{time.time_ns()}-{number}", "ImageAdded", said)


def _rss(process: int) -> float:
    """The memory of a process now, in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    what, folder, many = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(latency(folder, int(many)) if what == "latency" else sustained(folder, many)))
