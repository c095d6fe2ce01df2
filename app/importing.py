"""The commands that bring many events: import, generate."""

from __future__ import annotations

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app import show
from app.options import DEFAULT_HOME, Failure, Home, Json, errors_as_messages, open_archive
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from connectors import Imported


class OnError(StrEnum):
    """What an import does with an invalid line."""

    stop = "stop"
    reject = "reject"


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


RejectsFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="With --on-error reject: where rejected lines go; FILE.rejected.jsonl beside the"
        " imported file by default.",
    ),
]


def import_files(
    files: Files = None,
    sample: Sample = False,
    on_error: OnErrorOption = OnError.stop,
    rejects: RejectsFile = None,
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
    if rejects is not None and (len(files or ()) != 1 or on_error is not OnError.reject):
        raise typer.BadParameter("goes with one file and --on-error reject", param_hint="--rejects")
    with errors_as_messages():
        archive = open_archive(home, new=True)
        results = {}
        for file in files or sample_files(archive):
            results[file] = import_one(archive, file, on_error.value, producer, source, rejects)
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
    rejects: str | None = None,
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
            rejects,
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
