"""The commands that write and read events: append, log, history."""

from __future__ import annotations

import contextlib
import functools
import itertools
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import completing, show, visibility
from app.annotations import Note, Reason, of_event, print_annotations, with_annotations
from app.entity_file import prose_field
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
from app.removing import Yes, ask_before_removing
from app.visibility import Timeout, Wait
from event_log import NewEvent, dates

if TYPE_CHECKING:
    from archive import Archive
    from event_log import Event, EventLog, Receipt


SHOWN = 200
"""How many characters of a long text ``stet history`` prints."""


Data = Annotated[
    str,
    typer.Option(
        metavar="JSON|@FILE|-", help="The fields, as a JSON object; of a file, or of stdin."
    ),
]
BodyFile = Annotated[
    str | None,
    typer.Option(metavar="FILE|-", help="The file, or stdin, whose text becomes the body."),
]
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
    data: Data = "{}",
    body_file: BodyFile = None,
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    expected_version: ExpectedVersion = None,
    event_id: EventId = None,
    occurred_at: OccurredAt = None,
    force: Force = False,
    yes: Yes = False,
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
        fields = _event_data(archive, type_, data, body_file, reason, note)
        ask_before_removing(archive, [NewEvent(stream, type_, fields)], yes)
        receipt = archive.append(
            stream,
            type_,
            fields,
            expected_version=expected_version,
            event_id=event_id,
            occurred_at=occurred_at,
            actor=actor,
            force=force,
        )
    _print_appended(archive, receipt, stream, event_id, timeout if wait else None, as_json)


def _event_data(
    archive: Archive,
    type_: str,
    data: str,
    body_file: str | None,
    reason: str | None,
    note: str | None,
) -> Any:
    """The data that the options of an event give together."""
    if data == body_file == "-":
        raise Failure("--data and --body-file are both of stdin; name a file for one of them")
    fields = with_body(archive, type_, parse_data(data), body_file)
    return with_annotations(archive.log.registry.owner.get(type_), fields, reason, note)


def _print_appended(
    archive: Archive,
    receipt: Receipt,
    stream: str,
    event_id: str | None,
    timeout: float | None,
    as_json: bool,
) -> None:
    """Print a receipt; with a timeout, wait until its event can be searched."""
    if not as_json:
        with errors_as_messages():
            show.line(_receipt_line(archive, receipt, stream, event_id))
    if timeout is not None:
        visibility.print_when_searchable(archive, receipt, timeout, as_json)
    elif as_json:
        show.json(asdict(receipt))


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


def parse_data(data: str) -> dict[str, Any]:
    """Parse the JSON object of ``--data``, or of the file that it names; raises a usage error."""
    import orjson

    text: str | bytes = data
    if data == "-" or data.startswith("@"):
        text = _content("-" if data == "-" else data[1:], "--data")
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--data") from None
    if not isinstance(fields, dict):
        reason = """it is JSON, but no object of fields, such as '{"name": "Whales"}'"""
        raise typer.BadParameter(reason, param_hint="--data")
    return fields


def with_body(archive: Archive, type_: str, data: Any, file: str | None) -> Any:
    """The fields of an event with the text of a file as the long text of its category."""
    category = archive.log.registry.owner.get(type_)
    if file is None or category is None or not isinstance(data, dict):
        return data
    prose = prose_field(category)
    if prose is None:
        raise Failure(f"--body-file: {category.name} has no body; its fields: stet types")
    if prose in data:
        raise Failure(f"--body-file: data.{prose} is given as well; leave out one of them")
    return {**data, prose: text_of(file, "--body-file").removesuffix("\n")}


def text_of(file: str, option: str) -> str:
    """The text of a file, or of standard input; raises an error if it cannot be read."""
    try:
        return _content(file, option).decode()
    except UnicodeDecodeError as error:
        raise Failure(f"{option}: {show.name(file)} is not UTF-8, byte {error.start}") from None


def _content(file: str, option: str) -> bytes:
    """The content of a file, or of standard input; raises a usage error if it cannot be read."""
    try:
        return sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        reason = f"cannot read {show.name(file)}: {error.strerror}"
        raise typer.BadParameter(reason, param_hint=option) from None


OfType = Annotated[
    str | None,
    typer.Option("--type", autocompletion=completing.event_types, help="Only events of this type."),
]
Since = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Only events recorded since this day, or -7d, or today."),
]
Until = Annotated[
    str | None, typer.Option(metavar="DATE", help="Only events recorded by the end of this day.")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Print at most this many events.")]
Following = Annotated[
    bool, typer.Option("--follow", help="Then print new events as they are appended.")
]


def log_events(
    after: Annotated[int, typer.Option(min=0, help="Only events after this sequence.")] = 0,
    stream: Annotated[str | None, typer.Option(help="Only this entity's events.")] = None,
    type_: OfType = None,
    actor: Annotated[str | None, typer.Option(help="Only events that this one appended.")] = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    follow: Following = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print events as they were appended, oldest first.

    `stet log` prints any events, with the values they carry. `stet history` prints one entity's
    events, with the value of each field before and after.

    Example: stet log --since -7d --actor ana --limit 10
    """
    if follow and until is not None:
        raise typer.BadParameter("goes without --follow", param_hint="--until")
    ends = (KeyboardInterrupt,) if follow else ()
    with errors_as_messages(), contextlib.suppress(*ends):
        log = open_archive(home).log
        if type_ is not None and type_ not in log.registry.owner:
            raise Failure(f"--type: {type_!r} is no type of event; stet types lists them")
        if stream is not None and not follow and not log.stream(stream):
            raise Failure(f"{stream} has no events; stet log prints those of the log")
        after = max(after, _recorded(log, since, "--since") if since else 0)
        last = _recorded(log, until, "--until") if until else None
        read = functools.partial(_following, log) if follow else log.read
        events = read(after, stream, type=type_, limit=None if actor or last else limit)
        for event in _chosen(events, actor, last, limit):
            if as_json:
                show.json(show.event_object(event))
            else:
                show.line(_event_line(event, of_event(event, log.registry.owner[event.type])))


def _recorded(log: EventLog, date: str, option: str) -> int:
    """The last sequence recorded before a date begins, for ``--since``, or by its end."""
    try:
        span = dates.date_span(date, datetime.now(UTC))
    except dates.InvalidDate as error:
        raise Failure(f"{option}: {error}") from None
    last = span.first - 1 if option == "--since" else span.last
    instant = dates.EPOCH + timedelta(microseconds=max(last, dates.FIRST_INSTANT))
    return log.at(instant).sequence


def _chosen(
    events: Iterator[Event], actor: str | None, last: int | None, limit: int | None
) -> Iterator[Event]:
    """The events of an actor up to a sequence, at most ``limit``."""
    if last is not None:
        events = itertools.takewhile(lambda event: event.sequence <= last, events)
    if actor is not None:
        events = (event for event in events if event.actor == actor)
    return itertools.islice(events, limit)


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


def _event_line(event: Event, annotations: Mapping[str, Any]) -> str:
    data = " ".join(
        f"{name}={show.short(value, 40)}"
        for name, value in event.data.items()
        if name not in annotations
    )
    said = "".join(f"  {name}={show.short(value, 100)}" for name, value in annotations.items())
    when = show.plain(event.occurred_at or event.recorded_at)
    who = f" by {event.actor}" if event.actor else ""
    return (
        f"{event.sequence:>8}  {when:<20}  {event.type} {event.stream} v{event.version}{who}  "
        f"{show.short(data, 100)}{said}"
    )


def history(
    stream: Stream,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print what each event of one entity changed.

    It prints the reason and the note of each event, and its fields, from what to what, computed
    from the log now. The view
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
    print_annotations({each["field"]: each["value"] for each in document["annotations"]})
    for change in document["changes"]:
        old, new = (
            "(nothing)" if change[side] is None else show.short(change[side], SHOWN)
            for side in ("old", "new")
        )
        if old == new:
            show.line(f"    {change['field']}: changed after the first {SHOWN} characters")
        else:
            show.line(f"    {change['field']}: {old} → {new}")
