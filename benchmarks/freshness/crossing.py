"""From how many changed articles on a rebuild is quicker than catching up; prints JSON.

python -m benchmarks.freshness.crossing HOME
"""

from __future__ import annotations

import json
import sys
import time

from archive import Archive
from benchmarks.freshness.following import published
from event_log import NewEvent

SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)


def main() -> None:
    """Revise more and more of the articles, catch up each time, and rebuild at the end."""
    archive = Archive(sys.argv[1])
    log = archive.log
    archive.catch_up()
    names = published(log)
    lines = []
    for share in SHARES:
        some = names[:: int(1 / share)]
        log.append([NewEvent(s, "ArticleRevised", {"kicker": f"{time.time_ns()}"}) for s in some])
        result = archive.catch_up()
        written = sum(view.written for view in result.views)
        lines.append({"articles": len(some), "documents": written, "seconds": result.seconds})
    rebuilt = archive.rebuild().seconds
    print(json.dumps({"caught up": lines, "rebuilt": rebuilt, "articles": len(names)}))


if __name__ == "__main__":
    main()
