"""The commands that bring many events: import, generate."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from datetime import datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from app import show
from app.options import DEFAULT_HOME, Failure, Home, Json, errors_as_messages, open_archive
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive
    from connectors import Imported


class Format(StrEnum):
    """The format of the files that are imported."""

    jsonl = "jsonl"
    nyt_archive = "nyt-archive"
    csv = "csv"
    cloudevents = "cloudevents"


class Shape(StrEnum):
    """The shape of a generated month: that of before 2025, or that of since."""

    old = "old"
    new = "new"


PARTS = {
    Format.jsonl: "line",
    Format.nyt_archive: "document",
    Format.csv: "line",
    Format.cloudevents: "event",
}
"""What the parts of a file are called, by its format."""


class OnError(StrEnum):
    """What an import does with an invalid line."""

    stop = "stop"
    reject = "reject"


Files = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE...", help="Files, .gz or .zst too, or - for stdin."),
]
FormatOption = Annotated[
    Format,
    typer.Option(
        "--format",
        help="JSON Lines of events; months of the New York Times' Archive API; CSV by a mapping;"
        " CloudEvents.",
    ),
]
MappingOption = Annotated[
    str | None,
    typer.Option(
        "--mapping", metavar="FILE.yaml", help="With --format csv: what its columns become."
    ),
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
    format: FormatOption = Format.jsonl,
    mapping: MappingOption = None,
    sample: Sample = False,
    on_error: OnErrorOption = OnError.stop,
    rejects: RejectsFile = None,
    producer: Producer = None,
    source: Source = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Import events from files: JSON Lines, or another format.

    An event whose id the log already has is not added again. An event without an id gets one that
    is made from the source's name and the event's content: the same file, imported again, adds
    nothing. Events of one file that say the same are all kept.

    Example: stet import newsroom/sample/*.jsonl --on-error reject
    """
    check_files(files or (), sample, rejects, on_error)
    check_names(files or (), producer, source)
    check_format(format, mapping, sample, producer, source)
    with errors_as_messages():
        archive = open_archive(home, new=True)
        results = import_all(
            files or sample_files(archive),
            lambda file: import_one(
                archive, file, on_error.value, producer, source, rejects, format, mapping
            ),
            PARTS[format],
            as_json,
        )
    if any(result.rejected for result in results.values()):
        raise typer.Exit(1)


def check_files(files: Sequence[str], sample: bool, rejects: str | None, on_error: OnError) -> None:
    """Refuse what does not go with the files; raises ``BadParameter``."""
    if bool(files) == sample:
        raise typer.BadParameter("give files, or --sample", param_hint="FILE...")
    if rejects is not None and (len(files) != 1 or on_error is not OnError.reject):
        raise typer.BadParameter("goes with one file and --on-error reject", param_hint="--rejects")


def check_names(files: Sequence[str], producer: str | None, source: str | None) -> None:
    """Refuse names that do not go with each other; raises ``BadParameter``."""
    if producer is not None and len(files) != 1:
        raise typer.BadParameter("goes with one file at a time", param_hint="--producer")
    if producer is not None and source is not None:
        raise typer.BadParameter("goes without --producer", param_hint="--source")


def check_format(
    format: Format,
    mapping: str | None,
    sample: bool,
    producer: str | None,
    source: str | None,
) -> None:
    """Refuse what does not go with a format; raises ``BadParameter``."""
    if (mapping is not None) != (format is Format.csv):
        said = "goes with --format csv" if mapping else "is needed with --format csv"
        raise typer.BadParameter(said, param_hint="--mapping")
    if format is Format.jsonl:
        return
    if sample:
        raise typer.BadParameter("is of JSON Lines; leave out --format", param_hint="--sample")
    if producer is not None:
        raise typer.BadParameter("goes with --format jsonl", param_hint="--producer")
    if source is not None and format is not Format.csv:
        said = "goes with --format jsonl and csv: here the ids are those of the files"
        raise typer.BadParameter(said, param_hint="--source")


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
    format: Format = Format.jsonl,
    mapping: str | None = None,
) -> Imported:
    """Import one file with a progress bar; print on stderr how many parts were rejected."""
    from connectors import Lines

    reading = importer(archive, format, mapping, producer, source)
    archive.remember_domain()
    size = Lines(file).size if file != "-" and Path(file).is_file() else None
    part = PARTS[format]
    with show.progress_bar(f"importing {show.name(Path(file).name)}", size) as advance:
        result = reading(
            archive.log,
            file,
            on_error=on_error,
            progress=lambda read, done, _: advance(done, counted(read, part)),
            rejects=rejects,
        )
    if result.rejected:
        show.note(
            f"error: {show.name(file)}: {counted(result.rejected, part)} rejected; "
            f"read the {part}s and the reasons in {show.name(result.rejected_file)}"
        )
    return result


def importer(
    archive: Archive,
    format: Format,
    mapping: str | None,
    producer: str | None,
    source: str | None,
) -> Callable[..., Imported]:
    """The function that imports a file of a format.

    Raises ``InvalidMapping``, and ``Failure`` where the format is another domain's.
    """
    from connectors import (
        import_cloud_events,
        import_csv,
        import_events,
        import_month,
        read_mapping,
    )

    if format is Format.jsonl:
        return partial(import_events, producer=producer, source=source)
    if format is Format.cloudevents:
        return import_cloud_events
    if mapping is not None:
        declared = read_mapping(mapping, archive.domain)
        return partial(import_csv, mapping=declared, source=source)
    if archive.domain.name != "newsroom":
        raise Failure(
            f"--format nyt-archive gives events of the newsroom, and this archive is of the domain "
            f"{archive.domain.name}; give another --home, or JSON Lines"
        )
    return import_month


def import_all(
    files: Sequence[str], one: Callable[[str], Imported], part: str, as_json: bool
) -> dict[str, Imported]:
    """Import files, and print what became of each; also when a later one stops."""
    results: dict[str, Imported] = {}
    try:
        for file in files:
            results[file] = one(file)
            if not as_json:
                print_imported(file, results[file], part)
    finally:
        if as_json and results:
            show.json({file: asdict(result) for file, result in results.items()})
    return results


def print_imported(file: str, result: Imported, part: str = "line") -> None:
    """Print how many events of a file were added, were known, and had no id of their own."""
    lines = counted(result.skipped, part)
    skipped = f", {lines} imported before" if result.skipped else ""
    made = f"; {counted(result.derived, 'id')} made from {result.source} and the content"
    show.line(
        f"{show.name(file)}: {counted(result.added, 'event')} added, {result.known:,} known"
        f" already{skipped}{made if result.derived else ''}"
    )


def generate(
    articles: Annotated[int, typer.Option(min=1, help="How many articles to generate.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same archive.")] = 0,
    month: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m"],
            metavar="YYYY-MM",
            help="Generate a month as the New York Times' Archive API would answer it, with made-up"
            " articles.",
        ),
    ] = None,
    shape: Annotated[
        Shape, typer.Option(help="With --month: the API's shape before 2025, or since.")
    ] = Shape.old,
    edition: Annotated[
        int, typer.Option(min=0, help="With --month: the same, and a few articles have changed.")
    ] = 0,
) -> None:
    """Write generated newsroom events to stdout.

    They are in the format that `stet import` reads; a month is for `--format nyt-archive`.

    Example: stet generate --articles 100000 --seed 1 | stet import -
    """
    with errors_as_messages():
        for chunk in generated(articles, seed, month, shape, edition):
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()


def generated(
    articles: int, seed: int, month: datetime | None, shape: Shape, edition: int
) -> Iterable[bytes]:
    """The bytes of generated events, or of a made-up month; raises ``BadParameter``."""
    from newsroom import generate_events, generate_month

    if month is None:
        if shape is not Shape.old or edition:
            raise typer.BadParameter("go with --month", param_hint="--shape, --edition")
        return generate_events(articles, seed)
    import orjson

    try:
        made = generate_month(month.year, month.month, articles, seed, shape.value, edition)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--month") from None
    return [orjson.dumps(made, option=orjson.OPT_APPEND_NEWLINE)]
