"""Time searches inside one process: words of the archive itself, with facets and highlights."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Iterator

import pyarrow.parquet as pq

from archive import Archive
from replay import list_builds
from search import Query

SEARCHES = 300
WARM_UP = 20


def queries(archive: Archive) -> Iterator[Query]:
    """One to four words, phrases and longer questions, out of the archive's own bodies."""
    chosen = random.Random(1)  # noqa: S311 - to be the same in each run
    path = list_builds(archive.builds)[-1] / "articles.parquet"
    batch = next(pq.ParquetFile(path).iter_batches(2000, columns=["body"]))
    bodies = [body.split() for body in batch.column("body").to_pylist() if body]
    while True:
        body = chosen.choice(bodies)
        start = chosen.randrange(len(body) - 10)
        words = body[start : start + chosen.choice((1, 2, 2, 3, 4, 8))]
        text = " ".join(words).replace('"', "")
        if chosen.random() < 0.15:
            text = f'"{text}"'
        yield Query(text=text, facets=("section", "year"))


def main() -> None:
    """Print the median and the 95th percentile in seconds, as JSON."""
    archive = Archive(sys.argv[1])
    taken = []
    for number, query in zip(range(SEARCHES + WARM_UP), queries(archive), strict=False):
        begun = time.perf_counter()
        archive.search(query)
        if number >= WARM_UP:
            taken.append(time.perf_counter() - begun)
    taken.sort()
    print(json.dumps({"median": taken[len(taken) // 2], "p95": taken[int(len(taken) * 0.95)]}))


if __name__ == "__main__":
    main()
