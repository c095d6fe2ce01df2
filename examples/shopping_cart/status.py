"""How far each service is: what it has handled, what it is behind, what waits."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from connectors import Subscriber
from event_log import EventLog
from examples.shopping_cart.events import EVENTS


@dataclass(frozen=True)
class Line:
    """One service's line."""

    name: str
    sequence: int
    behind: int
    waiting: int
    undelivered: int


def status(home: Path) -> Sequence[Line]:
    """A line for each service that has a store."""
    head = EventLog(home / "log", EVENTS).head
    found = []
    for path in sorted((home / "services").glob("*.sqlite")):
        at = Subscriber(path, lambda *_: None, "").status()
        behind = head - at.sequence
        found.append(Line(path.stem, at.sequence, behind, at.waiting, at.undelivered))
    return found


def main() -> None:
    """Print the lines."""
    read = argparse.ArgumentParser(prog="python -m examples.shopping_cart.status")
    read.add_argument("--home", type=Path, default=Path("shop"), help="the shop's folder")
    home = read.parse_args().home
    if not (lines := status(home)):
        raise SystemExit(f"{home} has no services: start the shop first")
    for line in lines:
        print(
            f"{line.name}: at {line.sequence}, {line.behind} behind, {line.waiting} wait,"
            f" {line.undelivered} to deliver"
        )


if __name__ == "__main__":
    main()
