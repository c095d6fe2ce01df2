"""From how many changed articles on a rebuild is quicker than catching up; prints JSON.

python -m benchmarks.freshness.crossing HOME
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from benchmarks.freshness.following import published
from event_log import NewEvent
from search import catch_up, rebuild
from views.log import open_log

SHARES = (0.01, 0.03, 0.1, 0.3, 1.0)


def main() -> None:
    """Revise more and more of the articles, catch up each time, and rebuild at the end."""
    home = Path(sys.argv[1])
    log = open_log(home)
    catch_up.run(home)
    names = published(log)
    lines = []
    for share in SHARES:
        some = names[:: int(1 / share)]
        log.append([NewEvent(s, "ArticleRevised", {"kicker": f"{time.time_ns()}"}) for s in some])
        result = catch_up.run(home)
        written = sum(view.written for view in result.views)
        lines.append({"articles": len(some), "documents": written, "seconds": result.seconds})
    rebuilt = rebuild.run(home).seconds
    print(json.dumps({"caught up": lines, "rebuilt": rebuilt, "articles": len(names)}))


if __name__ == "__main__":
    main()
