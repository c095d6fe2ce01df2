"""Catch up a real history in steps; prints how many touched documents needed no write, as JSON.

python -m benchmarks.freshness.corpora SOURCE HOME STEPS
"""

from __future__ import annotations

import json
import sys
import time

from archive import Archive, CatchUp
from archive.catch_up import summed
from connectors.jsonlines import import_events


def main() -> None:
    """Import what can be, rebuild as of its first part, and catch up part by part."""
    source, archive, parts = sys.argv[1], Archive(sys.argv[2]), int(sys.argv[3])
    log = archive.log
    import_events(log, source, on_error="reject")
    head = log.head
    archive.rebuild(at=head // parts)
    steps = []
    began = time.perf_counter()
    with CatchUp.open(archive) as catch_up:
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
