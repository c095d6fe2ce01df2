"""The commands of a news desk: show, edit, types, batch."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app import entity_file, show
from app.annotations import Note, Reason, given_annotations, of_event, print_annotations
from app.content import Actor, text_of
from app.options import (
    DEFAULT_HOME,
    Failure,
    Home,
    Json,
    Stream,
    errors_as_messages,
    open_archive,
)
from app.removing import Yes, ask_before_removing
from event_log import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from archive import Archive
    from event_log import Category, Event, NewEvent, Receipt

Version = Annotated[
    int | None, typer.Option("--version", min=1, help="As of this version of the entity.")
]


def show_entity(
    stream: Stream, version: Version = None, home: Home = DEFAULT_HOME, as_json: Json = False
) -> None:
    """Print the fields of an entity, now or at a version.

    Of a removed one it prints who removed it, and why. `stet history` prints how it came to be so.
    `stet search` and `stet export` print documents, which show what other entities contribute.

    Example: stet show article/titanic-1912
    """
    with errors_as_messages():
        archive = open_archive(home)
        entity = archive.entity(stream, version)
    fields = {name: show.plain(value) for name, value in entity.fields.items()}
    if as_json:
        show.json(
            {
                "stream": stream,
                "version": entity.version,
                "sequence": entity.sequence,
                "removed": not entity.live,
                "removal": entity.removal and show.event_object(entity.removal),
                "fields": fields,
            }
        )
        return
    removed = "" if entity.live else "; it was removed, and no view shows it"
    show.heading(f"{stream}, version {entity.version}, sequence {entity.sequence:,}{removed}")
    if entity.removal:
        _print_removal(archive, entity.removal)
    for name, value in fields.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        if "\n" not in str(value):
            show.line(f"{name}: {value}")
        else:
            show.line(f"{name}:")
            for each in str(value).split("\n"):
                show.line(f"    {each}")


def _print_removal(archive: Archive, event: Event) -> None:
    who = f" by {event.actor}" if event.actor else ""
    when = show.plain(event.occurred_at or event.recorded_at)
    show.line(f"    {event.type}{who}, {when}")
    print_annotations(of_event(event, archive.log.registry.owner[event.type]))


FromFile = Annotated[
    str | None,
    typer.Option("--file", metavar="FILE|-", help="Take the changed file, and open no editor."),
]


def edit(
    stream: Stream,
    file: FromFile = None,
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Change an entity as a file in your editor.

    What you changed is appended. The editor is that of VISUAL or EDITOR. The file has the fields,
    then the text. A field that is taken out is emptied. If somebody else was faster, nothing is
    appended, and your file is kept.

    Example: stet edit article/titanic-1912 --actor ana
    """
    from event_log import Effect

    with errors_as_messages():
        archive = open_archive(home)
        entity = archive.entity(stream)
        category = archive.log.registry[stream.partition("/")[0]]
        annotations = given_annotations(category, None, reason, note)
        before = entity_file.written(entity, category)
        given = _edited(stream, before) if file is None else nullcontext(text_of(file, "--file"))
        with given as after:
            fields, version = entity_file.read(after, entity, category)
            data = entity_file.changes(entity.fields, fields)
            data = data and {**data, **annotations}
            type_ = next(iter(category.types_to_use(Effect.REVISES)), None)
            if type_ is None:
                raise Failure(f"{category.name} has no event that revises")
            expected = entity.version if version is None else version
            receipt = archive.append(stream, type_, data, expected_version=expected, actor=actor)
    print_receipt(receipt, as_json, f"; {stream} is at version {receipt.version}")


@contextmanager
def _edited(stream: str, before: str) -> Iterator[str]:
    """The text as an editor left it; its file is kept if what is done with the text fails."""
    folder = Path(tempfile.mkdtemp(prefix="stet-"))
    path = folder / f"{re.sub(r'[^-.a-zA-Z0-9]', '-', stream)[:100]}.md"
    path.write_text(before, encoding="utf-8")
    try:
        _open_editor(path)
        yield text_of(str(path), "the editor")
    except (Exception, KeyboardInterrupt):
        if path.exists() and path.read_bytes() != before.encode():
            show.note(f"your file is kept: stet edit {stream} --file {show.name(path)}")
        else:
            shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def _open_editor(path: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or shutil.which("vi")
    if not command:
        raise Failure("there is no editor; set EDITOR, or use --file")
    try:
        # The command is the user's own setting.
        done = subprocess.run([*shlex.split(command), str(path)], check=False)  # noqa: S603
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Failure(f"cannot start the editor {command!r}: {reason}; set EDITOR") from None
    if done.returncode:
        raise Failure(f"the editor ended with {done.returncode}; nothing was appended")


def types(
    category: Annotated[
        str | None, typer.Argument(metavar="[CATEGORY]", help="Only this category, such as tag.")
    ] = None,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """List the types of events, and their fields.

    Example: stet types article
    """
    with errors_as_messages():
        archive = open_archive(home, new=True)
        categories = {each.name: each for each in archive.domain.categories}
        if category is not None and category not in categories:
            names = ", ".join(categories)
            raise Failure(f"there is no category {category!r}; there are: {names}")
        chosen = [each for name, each in categories.items() if category in (None, name)]
    if as_json:
        show.json([_category_object(each) for each in chosen])
        return
    show.table(
        ("type", "what it does", "needs"),
        [
            (kind.name, f"{kind.effect} {each.name}/…", ", ".join(kind.required))
            for each in chosen
            for kind in each.types
            if not kind.retired
        ],
    )
    for each in chosen:
        show.line(f"fields of {each.name}: {_listed(each.fields)}")
        if len(each.annotations):
            show.line(f"annotations of {each.name}: {_listed(each.annotations)}")
    show.line(f"example: stet append {_example(chosen[0])}")


def _listed(fields: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({_kind(field.type)})" for field in fields)


def _category_object(category: Category) -> dict[str, Any]:
    return {
        "category": category.name,
        "schema_version": category.schema_version,
        "fields": {field.name: _kind(field.type) for field in category.fields},
        "annotations": {field.name: _kind(field.type) for field in category.annotations},
        "types": [asdict(kind) for kind in category.types if not kind.retired],
    }


def _kind(type_: Any) -> str:
    """A field's type as people name it.

    >>> import pyarrow as pa
    >>> _kind(pa.timestamp("us", "UTC")), _kind(pa.list_(pa.string()))
    ('date and time', 'list of texts')
    """
    import pyarrow as pa

    if pa.types.is_list(type_):
        return f"list of {_kind(type_.value_type)}s"
    names = {
        "timestamp[us, tz=UTC]": "date and time",
        "date32[day]": "date",
        "string": "text",
        "large_string": "long text",
        "int64": "whole number",
        "double": "number",
        "bool": "true or false",
    }
    return names.get(str(type_), str(type_))


def _example(category: Category) -> str:
    """The words of a command that creates an entity."""
    from event_log import Effect

    kind = next(each for each in category.types if each.effect is Effect.CREATES)
    values = {"date and time": "1912-04-15T20:00:00Z", "date": "1912-04-15", "text": "…"}
    fields = {
        name: values.get(_kind(category.carried.field(name).type), 0) for name in kind.required
    }
    return f"{category.name}/id {kind.name} --data '{show.json_line(fields)}'"


def batch(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON Lines, .gz, .zst, or - for stdin.")
    ],
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    yes: Yes = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Append the events of a file together, or none of them.

    Each is checked as `stet append` checks it, and as if those before it had been appended. The
    lines are those of `stet import`, which checks less, and is made for large files. The options
    are for events that do not say who, why, or with which note.

    Example: stet batch corrections.jsonl --actor ana
    """
    from archive import RefusedInBatch
    from connectors import read_events

    with errors_as_messages():
        archive = open_archive(home, new=True)
        lines = list(read_events(file))
        if not lines:
            raise Failure(f"{show.name(file)}: there is no event in it")
        events = [_by(event, actor) for _, event in lines]
        events = [_saying(archive, event, reason, note) for event in events]
        ask_before_removing(archive, events, yes)
        try:
            receipt = archive.append_all(events)
        except RefusedInBatch as error:
            line = lines[error.number - 1][0]
            raise Failure(
                f"{show.name(file)}, line {line}: {error.cause}; nothing was appended"
            ) from None
    left_out = len(events) - receipt.added
    left = f"; {counted(left_out, 'event')} changed nothing or were known already"
    print_receipt(receipt, as_json, left if left_out else "")


def _by(event: NewEvent, actor: str | None) -> NewEvent:
    return event if actor is None or event.actor is not None else replace(event, actor=actor)


def _saying(archive: Archive, event: NewEvent, reason: str | None, note: str | None) -> NewEvent:
    """The event with the reason and the note that it does not have itself."""
    category = archive.log.registry.owner.get(event.type)
    own = event.data
    given = given_annotations(
        category,
        own,
        None if own.get("reason") is not None else reason,
        None if own.get("note") is not None else note,
    )
    return replace(event, data={**own, **given})


def print_receipt(receipt: Receipt, as_json: bool, after: str = "") -> None:
    """Print what an append returned, and a clause after it; or the receipt as JSON."""
    if as_json:
        show.json(asdict(receipt))
        return
    if not receipt.added:
        show.line(f"nothing was appended{after}")
        return
    to = f" to {receipt.last:,}" if receipt.last != receipt.first else ""
    events = counted(receipt.added, "event")
    show.line(f"{events} appended, sequence {receipt.first:,}{to}, digest {receipt.digest}{after}")
