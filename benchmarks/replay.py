"""Time the replay of a log into each view's documents; the folding of state has its own line."""

from __future__ import annotations

import json
import sys
import time

from archive import Archive
from replay import begin_build


def main() -> None:
    """Print the seconds of each view as JSON."""
    archive = Archive(sys.argv[1])
    seconds = {}
    begun = time.perf_counter()
    with begin_build(archive.log, archive.builds) as replay:
        seconds["opening"] = time.perf_counter() - begun
        for name, view in archive.views.items():
            begun = time.perf_counter()
            replay.write(view)
            seconds[name] = time.perf_counter() - begun
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
