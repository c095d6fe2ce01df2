"""Catch up a real history in steps; prints how many touched documents needed no write, as JSON.

python -m benchmarks.freshness.corpora SOURCE HOME STEPS
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from connectors.jsonlines import import_events
from search import rebuild
from search.catch_up import CatchUp, summed
from views.log import open_log


def main() -> None:
    """Import what can be, rebuild as of its first part, and catch up part by part."""
    source, home, parts = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    log = open_log(home)
    import_events(log, source, on_error="reject")
    head = log.head
    rebuild.run(home, at=head // parts)
    steps = []
    began = time.perf_counter()
    with CatchUp.open(home) as catch_up:
        for part in range(2, parts + 1):
            while step := catch_up.step(head * part // parts):
                steps.append(step)
    views = summed(steps)
    computed, unchanged = sum(v.computed for v in views), sum(v.unchanged for v in views)
    seconds = time.perf_counter() - began
    said = {"events": head, "steps": len(steps), "computed": computed, "unchanged": unchanged}
    print(json.dumps({**said, "seconds": seconds}))


if __name__ == "__main__":
    main()
