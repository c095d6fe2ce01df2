"""The command ``connect``: changes of another system's tables, followed into the log."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.freshness import alerting, stop_by_signals
from app.options import DEFAULT_HOME, Failure, Home, Json, errors_as_messages, open_archive
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from connectors import Capture, Connector, Figures, Letter, Looked, Mapping, Standing

File = Annotated[
    Path, typer.Argument(metavar="FILE", help="The mapping: which tables become what.")
]
Check = Annotated[
    bool, typer.Option("--check", help="Only check the mapping against the domain; no Kafka.")
]
DryRun = Annotated[
    int | None,
    typer.Option(
        "--dry-run",
        metavar="N",
        min=1,
        help="Print the events that the next N messages would become; append nothing.",
    ),
]
UntilEnd = Annotated[
    bool,
    typer.Option("--until-end", "--once", help="End when all that the topics have now is read."),
]
BeginAgain = Annotated[
    bool,
    typer.Option(
        "--begin-again",
        help="Read a topic that was made again, or lacks the position, from its beginning.",
    ),
]
DeadLetters = Annotated[
    bool, typer.Option("--dead-letters", help="List the messages that were set aside.")
]
Replay = Annotated[
    bool, typer.Option("--replay", help="Try the messages again that were set aside.")
]


def connect(
    file: File,
    check: Check = False,
    dry_run: DryRun = None,
    until_end: UntilEnd = False,
    begin_again: BeginAgain = False,
    dead_letters: DeadLetters = False,
    replay: Replay = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Follow changes of another system's tables, from Debezium's topics in Kafka, into the log.

    Each change becomes an event once, whatever is killed: the log keeps the position with the
    events. A message that does not fit is set aside, and what comes later of the same line waits
    for it. It runs until it is interrupted.

    Example: stet connect examples/cms/mapping.yaml --check
    """
    if sum((check, dry_run is not None, dead_letters, replay)) > 1:
        raise typer.BadParameter("--check, --dry-run, --dead-letters and --replay go one at a time")
    with errors_as_messages():
        _need_the_extra()
        archive = open_archive(home, new=True)
        mapping = _mapping(archive, file)
        if check:
            _print_checked(mapping, as_json)
            return
        connector = _connector(archive, mapping)
        if dead_letters:
            _print_letters(connector.letters(), as_json)
        elif replay:
            _replay(connector, as_json)
        elif dry_run is not None:
            _print_looked(connector.look(dry_run, show.note), as_json)
        else:
            archive.remember_domain()
            with alerting("connect"):
                _run(connector, until_end, begin_again, as_json)


def standings_of(archive: Archive) -> list[Standing]:
    """How the connectors and relays of an archive do now; none if it never had one."""
    if not (archive.folder / "connect").is_dir():
        return []
    from connectors import standings_now

    return standings_now(archive.folder, archive.log)


def told(standing: Standing) -> dict[str, object]:
    """What JSON says of a connector or relay."""
    made = asdict(standing)
    del made["asking"]
    return made


def print_standings(others: list[Standing]) -> None:
    """Print a table of connectors and relays, if there are any."""
    if not others:
        return
    headings = ("connector", "to or from", "position", "lag", "a second", "dead letters", "runs")
    show.table(
        headings,
        [
            (
                each.name,
                f"{'from' if each.direction == 'connect' else 'to'} {each.others}",
                each.position,
                "unknown" if each.lag is None else f"{each.lag:,}",
                show.number(each.rate),
                f"{each.dead_letters:,}",
                each.note or ("yes" if each.running else "no"),
            )
            for each in others
        ],
        right=headings[2:6],
    )


def _need_the_extra() -> None:
    if find_spec("yaml") is None or find_spec("confluent_kafka") is None:
        raise Failure("install the extra connect, in the clone: uv pip install '.[connect]'")


def _mapping(archive: Archive, file: Path) -> Mapping:
    from connectors import read_mapping

    return read_mapping(str(file), archive.domain)


def _connector(archive: Archive, mapping: Mapping) -> Connector:
    from connectors import Connector

    return Connector(archive.log, mapping, archive.folder)


def _print_checked(mapping: Mapping, as_json: bool) -> None:
    tables = [
        (name, table.stream or "", ", ".join(each.field for each in table.lists))
        for name, table in mapping.tables.items()
    ]
    headings = ("table", "stream", "lists")
    if as_json:
        told = [dict(zip(headings, table, strict=True)) for table in tables]
        show.json({"source": mapping.source, "topics": list(mapping.topics), "tables": told})
        return
    show.table(headings, tables)
    show.line(f"{show.name(mapping.path)} fits the domain: {counted(len(tables), 'table')}")


def _run(connector: Connector, until_end: bool, begin_again: bool, as_json: bool) -> None:
    """Run a connector until a signal ends it, and print what it did."""

    def started(capture: Capture) -> None:
        stop_by_signals(capture.stop)

    with show.progress_bar(f"connect {connector.name}", None) as advance:

        def said(standing: Standing) -> None:
            if as_json:
                show.json(told(standing))
            advance(0, _line(standing))

        figures = connector.run(show.note, until_end, begin_again, started, said)
    if not as_json:
        show.line(_ended(figures))


def _line(standing: Standing) -> str:
    lag = "lag unknown" if standing.lag is None else f"{standing.lag:,} to go"
    letters = f", {counted(standing.dead_letters, 'dead letter')}" if standing.dead_letters else ""
    return f"{counted(standing.events, 'event')}, {standing.rate:,.0f} messages/s, {lag}{letters}"


def _ended(figures: Figures) -> str:
    extras = [
        f"{count:,} {what}"
        for count, what in (
            (figures.known, "known already"),
            (figures.unmapped, "of other tables"),
            (figures.letters, "set aside"),
        )
        if count
    ]
    return (
        f"{counted(figures.events, 'event')} from {counted(figures.messages, 'message')} in"
        f" {counted(figures.commits, 'commit')}{''.join(f'; {each}' for each in extras)}"
    )


def _print_looked(looked: Looked, as_json: bool) -> None:
    """Print what the next messages would become: an event a line."""
    for event in looked.events:
        told = {name: value for name, value in asdict(event).items() if value is not None}
        if as_json:
            show.json(told)
        else:
            data = show.short(show.json_line(event.data).rstrip(), 100)
            show.line(f"{event.stream}  {event.type}  {data}")
    for letter in looked.letters:
        show.note(f"would be set aside: {_where(letter)}: {letter.reason}")
    if not as_json:
        show.line(
            f"{counted(looked.messages, 'message')} would become"
            f" {counted(len(looked.events), 'event')}; nothing was appended"
        )


def _print_letters(letters: list[Letter], as_json: bool) -> None:
    if as_json:
        for letter in letters:
            show.json(letter.told())
        return
    if letters:
        show.table(
            ("topic", "partition", "offset", "line", "reason"),
            [
                (
                    each.message.origin.topic,
                    str(each.message.origin.partition),
                    f"{each.message.origin.offset:,}",
                    show.short(each.line or "", 40),
                    show.short(each.reason, 100),
                )
                for each in letters
            ],
            right=("partition", "offset"),
        )
    show.line(counted(len(letters), "dead letter"))


def _replay(connector: Connector, as_json: bool) -> None:
    replayed = connector.replay()
    if as_json:
        show.json(asdict(replayed))
    else:
        done = replayed.tried - replayed.left
        show.line(
            f"{done:,} of {counted(replayed.tried, 'dead letter')} replayed:"
            f" {counted(replayed.events, 'event')}"
        )
    if replayed.left:
        raise typer.Exit(1)


def _where(letter: Letter) -> str:
    origin = letter.message.origin
    return f"{origin.topic}, partition {origin.partition}, offset {origin.offset:,}"
