"""How results look: JSON for programs, tables and progress for people."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from event_log import Event

MARKS = {"<mark>": "\x1b[1;33m", "</mark>": "\x1b[0m"}
PLAIN_MARKS = {"<mark>": "[", "</mark>": "]"}


def json_line(value: Any) -> str:
    """A value as one line of JSON; instants are ISO 8601 in UTC."""
    import orjson

    return orjson.dumps(value, default=_plain).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"cannot print a {type(value).__name__}")


def event_object(event: Event) -> dict[str, Any]:
    """An event as ``stet log --json`` prints it."""
    envelope = {name: getattr(event, name) for name in event.__slots__ if name != "data"}
    data = {name: plain(value) for name, value in event.data.items()}
    return {**{k: plain(v) for k, v in envelope.items()}, "data": data}


def plain(value: Any) -> Any:
    """A value as JSON prints it: instants and days as text, digests as hexadecimal digits."""
    if isinstance(value, datetime):
        from event_log import instant_text

        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value


def short(value: Any, width: int = 60) -> str:
    """A value on one line of at most ``width`` characters, without control characters."""
    text = " ".join(str(plain(value)).split())
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= width else text[: width - 1] + "…"


def table(
    headings: Sequence[str], lines: Iterable[Sequence[Any]], right: Sequence[str] = ()
) -> None:
    """Print a table; numbers (the headings in ``right``) are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        drawn.add_column(heading, justify="right" if heading in right else "left")
    for line in lines:
        drawn.add_row(*(Text(str(cell)) for cell in line))
    width = None if sys.stdout.isatty() else 160
    Console(width=width, highlight=False).print(drawn)


def number(value: float) -> str:
    """A number for people: 12,345 or 0.4."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def marked(html: str) -> str:
    """A highlighted fragment: coloured on a terminal, in square brackets elsewhere."""
    import html as entities

    marks = MARKS if sys.stdout.isatty() else PLAIN_MARKS
    pieces = html.replace("</mark>", "<mark>").split("<mark>")
    shown = [entities.unescape(piece) for piece in pieces]
    shown = ["".join(c if c.isprintable() else " " for c in piece) for piece in shown]
    return "".join(
        piece if place % 2 == 0 else marks["<mark>"] + piece + marks["</mark>"]
        for place, piece in enumerate(shown)
    )


def note(message: str) -> None:
    """Print a message on stderr; stdout is for results."""
    typer.echo(message, err=True)


@contextlib.contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on stderr, if it is a terminal; call the function with how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[remark]}"),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    quiet = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(title, total=total, remark="")
        yield lambda done, remark: progress.update(task, completed=done, remark=remark)
