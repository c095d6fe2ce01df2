"""What the operator of a subscriber types: `python -m connectors.subscriber FILE [COMMAND]`."""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from pathlib import Path
from typing import Any, NoReturn

from connectors.errors import ConnectorError
from connectors.subscriber.subscriber import Subscriber


def main() -> None:
    """Do one command, and say what came of it; an error is one line."""
    given = _read()
    if not given.file.exists():
        _end(f"{given.file} is not there: the subscriber makes it when it first runs")
    try:
        for line in _done(Subscriber(given.file, lambda *_: None, ""), given):
            sys.stdout.write(f"{line}\n")
    except ConnectorError as error:
        _end(str(error))
    except sqlite3.Error as error:
        _end(f"{given.file}: {error}; look who has the file, and who may write it")


def _read() -> argparse.Namespace:
    read = argparse.ArgumentParser(prog="python -m connectors.subscriber", description=__doc__)
    read.add_argument("file", type=Path, help="the subscriber's SQLite file")
    commands = read.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("status", help="how far it is, and what is left to do (the default)")
    commands.add_parser("waiting", help="what was set aside, and why")
    commands.add_parser("retry", help="try what waits again")
    for name, help_text in (
        ("mend", "give what waits other data, and try it again"),
        ("leave-out", "leave out what waits, and go on with its stream"),
    ):
        command = commands.add_parser(name, help=help_text)
        command.add_argument("sequence", type=int)
        if name == "mend":
            command.add_argument("data", type=_object, help="all of its data, as JSON")
        command.add_argument("--why", required=True, help="is kept with it")
    commands.add_parser("reset", help="make the model anew, from the first event, at its next run")
    return read.parse_args()


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON ({error})") from None
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is no object of JSON; see also leave-out")
    return found


def _done(subscriber: Subscriber, given: argparse.Namespace) -> list[str]:
    """Do what is asked; returns what to say."""
    then = "tried again at once if the subscriber runs, else when it starts"
    if given.command == "waiting":
        found = subscriber.waiting()
        return [f"{each.sequence}  {each.stream}  {each.type}  {each.reason}" for each in found]
    if given.command == "retry":
        subscriber.retry()
        return [f"what waits is {then}"]
    if given.command in ("mend", "leave-out"):
        data, done = (given.data, "mended") if given.command == "mend" else (None, "left out")
        subscriber.mend(given.sequence, data, given.why)
        behind = "what waits behind it is " if data is None else ""
        return [f"sequence {given.sequence} is {done}, and {behind}{then}"]
    if given.command == "reset":
        subscriber.reset()
        return ["the model is made anew from the first event when the subscriber next runs"]
    at = subscriber.status()
    return [f"at sequence {at.sequence}; {at.waiting} set aside, {at.undelivered} to deliver"]


def _end(reason: str) -> NoReturn:
    sys.stderr.write(f"error: {reason}\n")
    raise SystemExit(1)


if __name__ == "__main__":
    main()
