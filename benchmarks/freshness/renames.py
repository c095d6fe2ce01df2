"""Rename bylines with more and more articles, and catch up after each; prints JSON.

python -m benchmarks.freshness.renames HOME
"""

from __future__ import annotations

import json
import sys
import time

import duckdb

from archive import Archive, CatchUp
from event_log import NewEvent

ARTICLES = (1, 10, 100, 1_000, 10_000)
TIMES = 5


def bylines(archive: Archive) -> dict[int, tuple[str, int]]:
    """By wanted number of articles: the byline that comes nearest, if one comes near."""
    with duckdb.connect(str(archive.state_path), read_only=True) as state:
        query = (
            "SELECT byline, count(*) AS articles"
            " FROM (SELECT unnest(byline_ids) AS byline FROM entity_article)"
            " GROUP BY byline ORDER BY abs(articles - ?), byline LIMIT 1"
        )
        found = [state.execute(query, [wanted]).fetchone() for wanted in ARTICLES]
    near = zip(ARTICLES, found, strict=True)
    return {n: each for n, each in near if each and 0.6 * n <= each[1] <= 1.6 * n}


def main() -> None:
    """Time each rename: the fastest of a few, when everything is compiled."""
    archive = Archive(sys.argv[1])
    with CatchUp.open(archive) as catch_up:
        while catch_up.step():
            pass
    chosen, log = list(bylines(archive).items()), archive.log
    lines = []
    with CatchUp.open(archive) as catch_up:
        for wanted, (byline, articles) in [chosen[0], *chosen]:  # the first, to be warm
            took, touched, written = [], 0, 0
            for number in range(TIMES if articles < 1_000 else 2):
                name = f"{byline} named {time.time_ns()} {number}"
                log.append([NewEvent(byline, "BylineRevised", {"name": name})])
                step = catch_up.step()
                assert step
                took.append(step.seconds)
                touched, written = sum(view.touched for view in step.views), step.written
            line = {"wanted": wanted, "articles": articles, "documents": touched}
            lines.append({**line, "written": written, "seconds": min(took)})
    print(json.dumps(lines[1:]))


if __name__ == "__main__":
    main()
