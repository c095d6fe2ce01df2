"""Time the replay of a log into each view's documents; the folding of state has its own line."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from views import VIEWS, build


def main() -> None:
    """Print the seconds of each view as JSON."""
    home = Path(sys.argv[1])
    seconds = {}
    begun = time.perf_counter()
    with build.begin(home) as replay:
        seconds["opening"] = time.perf_counter() - begun
        for name in VIEWS:
            begun = time.perf_counter()
            replay.write(VIEWS[name])
            seconds[name] = time.perf_counter() - begun
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
