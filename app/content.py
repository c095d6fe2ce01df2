"""The commands that write and read events: append, import, generate, log, history."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app import completing, show, visibility
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Search,
    Stream,
    Type,
    errors_as_messages,
    open_archive,
)
from app.visibility import Timeout, Wait
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from connectors import Imported
    from event_log import Event, EventLog, Receipt


SHOWN = 200
"""How many characters of a long text ``stet history`` prints."""


class OnError(StrEnum):
    """What an import does with an invalid line."""

    stop = "stop"
    reject = "reject"


Actor = Annotated[str | None, typer.Option(help="Who appends the event.")]
ExpectedVersion = Annotated[
    int | None,
    typer.Option(min=0, help="Refuse the event if the stream is at another version."),
]
EventId = Annotated[
    str | None, typer.Option(help="The event's id; an id that the log already has adds nothing.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Append a revision even if it changes nothing.")
]
OccurredAt = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="When it happened, such as 1912-04-15T20:00Z."),
]


def append(
    stream: Stream,
    type_: Type,
    data: Annotated[str, typer.Option(help="The fields, as a JSON object.")] = "{}",
    actor: Actor = None,
    expected_version: ExpectedVersion = None,
    event_id: EventId = None,
    occurred_at: OccurredAt = None,
    force: Force = False,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Append one event, and print its receipt.

    You cannot create what exists, or revise what does not; a revision that changes nothing is left.

    Example: stet append tag/whales TagDefined --data '{"name": "Whales", "kind": "subject"}'
    """
    with errors_as_messages():
        archive = open_archive(home, search, new=True)
        receipt = archive.append(
            stream,
            type_,
            parse_data(data),
            expected_version=expected_version,
            event_id=event_id,
            occurred_at=occurred_at,
            actor=actor,
            force=force,
        )
        line = _receipt_line(archive, receipt, stream, event_id)
    if not as_json:
        show.line(line)
    elif not wait:
        show.json(asdict(receipt))
    if wait:
        visibility.print_when_searchable(archive, receipt, timeout, as_json)


def _receipt_line(archive: Archive, receipt: Receipt, stream: str, event_id: str | None) -> str:
    is_known = bool(not receipt.added and event_id and archive.log.known([event_id]))
    if not receipt.added and not is_known:
        return (
            f"nothing was appended: {stream} is so already, at version {receipt.version} (sequence"
            f" {receipt.last}); --force appends the event all the same"
        )
    known = " (the log already has this event id; nothing was added)" if is_known else ""
    return (
        f"sequence {receipt.first}"
        + (f" to {receipt.last}" if receipt.last != receipt.first else "")
        + f", version {receipt.version} of {stream}, digest {receipt.digest}{known}"
    )


def parse_data(data: str) -> Any:
    """Parse the JSON of ``--data``; raises a usage error if it is not JSON."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--data") from None


Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help=".jsonl, .gz, .zst, or - for stdin."),
]
Sample = Annotated[bool, typer.Option("--sample", help="Import the sample of the domain.")]
OnErrorOption = Annotated[
    OnError, typer.Option(help="Stop at an invalid line, or set it aside and continue.")
]
Producer = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Continue after the last line that was imported under this name. For one file that"
        " grows and whose events have no ids.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The source's name, from which the ids of events without one are made; the file's name"
        " by default.",
    ),
]


def import_files(
    files: Files = None,
    sample: Sample = False,
    on_error: OnErrorOption = OnError.stop,
    producer: Producer = None,
    source: Source = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Import events from files of JSON Lines.

    An event whose id the log already has is not added again. An event without an id gets one that
    is made from the source's name and the event's content: the same file, imported again, adds
    nothing. Events of one file that say the same are all kept.

    Example: stet import newsroom/sample/*.jsonl --on-error reject
    """
    if bool(files) == sample:
        raise typer.BadParameter("give files, or --sample", param_hint="FILE...")
    if producer is not None and len(files or ()) != 1:
        raise typer.BadParameter("goes with one file at a time", param_hint="--producer")
    if producer is not None and source is not None:
        raise typer.BadParameter("goes without --producer", param_hint="--source")
    with errors_as_messages():
        archive = open_archive(home, new=True)
        results = {}
        for file in files or sample_files(archive):
            results[file] = import_one(archive, file, on_error.value, producer, source)
            if not as_json:
                print_imported(file, results[file])
    if as_json:
        show.json({file: asdict(result) for file, result in results.items()})
    if any(result.rejected for result in results.values()):
        raise typer.Exit(1)


def sample_files(archive: Archive) -> list[str]:
    """The files of the sample of the archive's domain; raises ``Failure`` if it has none."""
    files = [str(path) for path in archive.domain.sample_files]
    if not files:
        raise Failure(f"the domain {archive.domain.name} has no sample; give files to import")
    return files


def import_one(
    archive: Archive,
    file: str,
    on_error: Literal["stop", "reject"],
    producer: str | None = None,
    source: str | None = None,
) -> Imported:
    """Import one file with a progress bar; print on stderr how many lines were rejected."""
    from connectors import Lines, import_events

    archive.remember_domain()
    size = Lines(file).size if file != "-" and Path(file).is_file() else None
    with show.progress_bar(f"importing {show.name(Path(file).name)}", size) as advance:
        result = import_events(
            archive.log,
            file,
            on_error,
            lambda events, done, _: advance(done, counted(events, "event")),
            producer,
            source,
        )
    if result.rejected:
        show.note(
            f"error: {show.name(file)}: {counted(result.rejected, 'line')} rejected; "
            f"read the lines and the reasons in {show.name(result.rejected_file)}"
        )
    return result


def print_imported(file: str, result: Imported) -> None:
    """Print how many events of a file were added, were known, and had no id of their own."""
    lines = counted(result.skipped, "line")
    skipped = f", {lines} imported before" if result.skipped else ""
    made = f"; {counted(result.derived, 'id')} made from {result.source} and the content"
    show.line(
        f"{show.name(file)}: {counted(result.added, 'event')} added, {result.known:,} known"
        f" already{skipped}{made if result.derived else ''}"
    )


def generate(
    articles: Annotated[int, typer.Option(min=1, help="How many articles to generate.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same archive.")] = 0,
) -> None:
    """Write generated newsroom events to stdout.

    They are in the format that `stet import` reads.

    Example: stet generate --articles 100000 --seed 1 | stet import -
    """
    from newsroom import generate_events as lines

    with errors_as_messages():
        for chunk in lines(articles, seed):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def log_events(
    after: Annotated[int, typer.Option(min=0, help="Only events after this sequence.")] = 0,
    stream: Annotated[str | None, typer.Option(help="Only this entity's events.")] = None,
    type_: Annotated[
        str | None,
        typer.Option(
            "--type", autocompletion=completing.event_types, help="Only events of this type."
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Print at most this many events.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Then print new events as they are appended.")
    ] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print events as they were appended, oldest first.

    `stet log` prints any events, with the values they carry. `stet history` prints one entity's
    events, with the value of each field before and after.

    Example: stet log --stream article/titanic-1912 --limit 10
    """
    ends = (KeyboardInterrupt,) if follow else ()
    with errors_as_messages(), contextlib.suppress(*ends):
        log = open_archive(home).log
        read = functools.partial(_following, log) if follow else log.read
        for event in read(after, stream, type=type_, limit=limit):
            if as_json:
                show.json(show.event_object(event))
            else:
                show.line(_event_line(event))


def _following(
    log: EventLog, after: int, stream: str | None, *, type: str | None, limit: int | None
) -> Iterator[Event]:
    """The events that are in the log, then new ones as they are appended, up to ``limit``."""
    while limit != 0:
        head = log.head
        for event in log.read(after, stream, type=type, limit=limit):
            yield event
            after, limit = event.sequence, limit and limit - 1
        after = max(after, head)
        if limit != 0:
            log.wait(after + 1)


def _event_line(event: Event) -> str:
    data = " ".join(f"{name}={show.short(value, 40)}" for name, value in event.data.items())
    when = show.plain(event.occurred_at or event.recorded_at)
    who = f" by {event.actor}" if event.actor else ""
    return (
        f"{event.sequence:>8}  {when:<20}  {event.type} {event.stream} v{event.version}{who}  "
        f"{show.short(data, 100)}"
    )


def history(
    stream: Stream,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print what each event of one entity changed.

    It prints the fields of each event, from what to what, computed from the log now. The view
    `history` holds the same for all entities, as of the last catch-up, to be searched: stet search
    ana --view history. `stet log` prints events as they were appended. `stet diff` compares a
    document at two points of the log, with what other entities changed in it.

    Example: stet history article/titanic-1912
    """
    with errors_as_messages():
        documents = open_archive(home).history(stream)
    for document in documents:
        if as_json:
            show.json({name: show.plain(v) for name, v in document.items()})
        else:
            _print_change(document)


def _print_change(document: dict[str, Any]) -> None:
    when = document["occurred_at"] or document["recorded_at"]
    show.heading(f"{show.plain(when)}  {document['summary']}")
    who = f" by {document['actor']}" if document["actor"] else ""
    show.line(
        f"    version {document['version']}, sequence {document['sequence']}, "
        f"{document['type']}{who}"
    )
    for change in document["changes"]:
        old, new = (
            "(nothing)" if change[side] is None else show.short(change[side], SHOWN)
            for side in ("old", "new")
        )
        if old == new:
            show.line(f"    {change['field']}: changed after the first {SHOWN} characters")
        else:
            show.line(f"    {change['field']}: {old} → {new}")
