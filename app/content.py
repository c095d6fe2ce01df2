"""The commands over the log: append, import, generate, log, history."""

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
from app.options import DEFAULT_HOME, Failure, Home, Json, Search, Type, open_archive, told
from app.visibility import Timeout, Wait

if TYPE_CHECKING:
    from archive import Archive
    from connectors import Imported
    from event_log import Event, EventLog, Receipt


SHOWN = 200
"""Characters of a long text that a history shows."""


class OnError(StrEnum):
    """What an import does with a bad line."""

    stop = "stop"
    reject = "reject"


def append(
    stream: Annotated[str, typer.Argument(help="The entity, such as article/1.")],
    type_: Type,
    data: Annotated[str, typer.Option(help="The fields, as a JSON object.")] = "{}",
    actor: Annotated[str | None, typer.Option(help="Who says so.")] = None,
    expected_version: Annotated[
        int | None, typer.Option(min=0, help="Refuse if the stream is not at this version.")
    ] = None,
    event_id: Annotated[
        str | None, typer.Option(help="Appending the same id again adds nothing.")
    ] = None,
    occurred_at: Annotated[str | None, typer.Option(help="When it happened, ISO 8601.")] = None,
    wait: Wait = False,
    timeout: Timeout = 30.0,
    search: Search = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Append one event, unless it contradicts the current state; print the receipt.

    Example: stet append tag/whales TagDefined --data '{"name": "Whales", "kind": "subject"}'
    """
    fields = parsed(data)
    with told():
        archive = open_archive(home, search)
        receipt = archive.append(
            stream,
            type_,
            fields,
            expected_version=expected_version,
            event_id=event_id,
            occurred_at=occurred_at,
            actor=actor,
        )
    if not as_json:
        typer.echo(_receipt_line(receipt, stream))
    elif not wait:
        typer.echo(show.json_line(asdict(receipt)))
    if wait:
        visibility.told_when_searchable(archive, receipt, timeout, as_json)


def _receipt_line(receipt: Receipt, stream: str) -> str:
    known = "" if receipt.added else " (the log had this event id already; nothing was added)"
    return (
        f"sequence {receipt.first}"
        + (f" to {receipt.last}" if receipt.last != receipt.first else "")
        + f", version {receipt.version} of {stream}, digest {receipt.digest}{known}"
    )


def parsed(data: str) -> Any:
    """What ``--data`` says."""
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--data") from None


def import_files(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help=".jsonl, .gz, .zst, or - for stdin."),
    ] = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="The sample that comes with the domain.")
    ] = False,
    on_error: Annotated[
        OnError, typer.Option(help="Stop at a bad line, or set it aside and go on.")
    ] = OnError.stop,
    producer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Go on after the last line that the log has under this name, also where events"
            " have no ids. For one file, which may have grown.",
        ),
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Import events from JSON Lines; importing again adds only what is missing.

    Example: stet import newsroom/sample/*.jsonl --on-error reject
    """
    if bool(files) == sample:
        raise typer.BadParameter("give files, or --sample", param_hint="FILE...")
    if producer is not None and len(files or ()) != 1:
        raise typer.BadParameter("goes with one file at a time", param_hint="--producer")
    with told():
        archive = open_archive(home)
        results = {}
        for file in files or sample_files(archive):
            results[file] = import_one(archive, file, on_error.value, producer)
            if not as_json:
                print_imported(file, results[file])
    if as_json:
        typer.echo(show.json_line({file: asdict(result) for file, result in results.items()}))
    if any(result.rejected for result in results.values()):
        raise typer.Exit(1)


def sample_files(archive: Archive) -> list[str]:
    """The files of the sample that comes with the archive's domain."""
    files = [str(path) for path in archive.domain.sample_files]
    if not files:
        raise Failure(f"no sample comes with the domain {archive.domain.name}")
    return files


def import_one(
    archive: Archive, file: str, on_error: Literal["stop", "reject"], producer: str | None = None
) -> Imported:
    """Import one file with a progress bar, and say on stderr what was rejected."""
    from connectors import Lines, import_events

    archive.remember_domain()
    size = Lines(file).size if file != "-" and Path(file).is_file() else None
    with show.progress_bar(f"importing {Path(file).name}", size) as advance:
        result = import_events(
            archive.log,
            file,
            on_error,
            lambda events, done, _: advance(done, f"{events:,} events"),
            producer,
        )
    if result.rejected:
        show.note(
            f"error: {file}: {result.rejected:,} lines rejected; "
            f"they and the reasons are in {result.rejected_file}"
        )
    return result


def print_imported(file: str, result: Imported) -> None:
    """Say what an import did with one file."""
    skipped = f", {result.skipped:,} lines imported before" if result.skipped else ""
    typer.echo(f"{file}: {result.added:,} events added, {result.known:,} known already{skipped}")


def generate(
    articles: Annotated[int, typer.Option(min=1, help="How many articles.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same archive.")] = 0,
) -> None:
    """Write a made-up newsroom of any size to stdout, in the import format.

    Example: stet generate --articles 100000 --seed 1 | stet import -
    """
    from newsroom import generate_events as lines

    with told():
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
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Then those that come.")] = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print the events of the log, oldest first.

    Example: stet log --stream article/titanic-1912 --limit 10
    """
    ends = (KeyboardInterrupt,) if follow else ()
    with told(), contextlib.suppress(*ends):
        log = open_archive(home).log
        read = functools.partial(_following, log) if follow else log.read
        for event in read(after, stream, type=type_, limit=limit):
            typer.echo(show.json_line(show.event_object(event)) if as_json else _event_line(event))


def _following(
    log: EventLog, after: int, stream: str | None, *, type: str | None, limit: int | None
) -> Iterator[Event]:
    """What is there, then what comes, until there are as many as wanted."""
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
    stream: Annotated[str, typer.Argument(help="The entity, such as article/1.")],
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Print an entity's life: when, who, and what changed from what to what.

    Example: stet history article/titanic-1912
    """
    with told():
        documents = open_archive(home).history(stream)
    for document in documents:
        if as_json:
            typer.echo(show.json_line(document))
        else:
            _print_change(document)


def _print_change(document: dict[str, Any]) -> None:
    when = document["occurred_at"] or document["recorded_at"]
    typer.secho(f"{when}  {document['summary']}", bold=True)
    who = f" by {document['actor']}" if document["actor"] else ""
    typer.echo(
        f"    version {document['version']}, sequence {document['sequence']}, "
        f"{document['type']}{who}"
    )
    for change in document["changes"]:
        old, new = (
            "(nothing)" if change[side] is None else show.short(change[side], SHOWN)
            for side in ("old", "new")
        )
        if old == new:
            typer.echo(f"    {change['field']}: changed after its first {SHOWN} characters")
        else:
            typer.echo(f"    {change['field']}: {old} → {new}")
