"""How results look: JSON for programs, tables and progress for people."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, TextIO

import typer

from app import terminal

if TYPE_CHECKING:
    from event_log import Event

BOLD, RED, YELLOW, END = "\x1b[1m", "\x1b[31m", "\x1b[1;33m", "\x1b[0m"
WIDE = 160
"""The width of a table that goes to a file or another program."""


def json_line(value: Any) -> str:
    r"""A value as one line of JSON; instants are ISO 8601 in UTC.

    Control characters are escaped as JSON does, so that the value is exact and no terminal obeys.

    >>> json_line({"name": "\x9b2J"})
    '{"name":"\\u009b2J"}'
    """
    import orjson

    try:
        text = orjson.dumps(value, default=_plain).decode()
    except orjson.JSONEncodeError:  # a path with bytes that are not UTF-8
        text = orjson.dumps(_named(value), default=_plain).decode()
    return _safe_json(text)


def _named(value: Any) -> Any:
    """A value with such paths as ``name`` shows them: JSON has no bytes."""
    if isinstance(value, dict):
        return {_named(key): _named(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_named(each) for each in value]
    return name(value) if isinstance(value, str) else value


def _safe_json(text: str) -> str:
    return text if text.isprintable() else terminal.UNSAFE.sub(_in_json, text)


def _in_json(found: re.Match[str]) -> str:
    digits = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{digits[n : n + 4]}" for n in range(0, len(digits), 4))


def json(value: Any) -> None:
    """Print a value as one line of JSON."""
    _print_json(f"{json_line(value)}\n")


def json_text(text: str) -> None:
    """Print JSON, exactly."""
    _print_json(_safe_json(text))


def _print_json(text: str) -> None:
    """Print safe JSON; in ASCII where the stream is not in UTF-8."""
    if not terminal.is_utf8(sys.stdout):
        text = re.sub(r"[^\x00-\x7f]", _in_json, text)
    terminal.write_styled(sys.stdout, text)
    sys.stdout.flush()


def file_lines(lines: Iterable[bytes], form: str | None = None) -> None:
    """Print the lines of a file in UTF-8, exactly; a form without escapes is escaped on a terminal.

    ``form`` is ``jsonl`` or ``csv``, by default the first.
    """
    is_json = form in (None, "jsonl")
    for each in lines:
        if is_json and not (each.isascii() and b"\x7f" not in each):
            each = _safe_json(each.decode()).encode()
        elif not is_json and sys.stdout.isatty():
            each = terminal.visible(each.decode()).encode()
        sys.stdout.buffer.write(each)
    sys.stdout.buffer.flush()


def line(text: str, err: bool = False) -> None:
    """Print one line, whatever is in the text."""
    typer.echo(terminal.on_one_line(text), err=err)


def heading(text: str) -> None:
    """Print one line in bold."""
    _styled(sys.stdout, terminal.on_one_line(text), BOLD)


def error(message: str) -> None:
    """Print an error on stderr; further lines of the message are indented."""
    text = "\n  ".join(map(terminal.on_one_line, message.split("\n")))
    _styled(sys.stderr, f"error: {text}", RED)


def _styled(stream: TextIO, text: str, style: str) -> None:
    if terminal.is_coloured(stream):
        text = f"{style}{text}{END}"
    terminal.write_styled(stream, f"{text}\n")
    stream.flush()


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


def name(path: object) -> str:
    """A path, or a message with one, as text that any terminal can show.

    >>> name("caf\\udce9\\x1b"), name("Zürich")
    ('caf\\\\xe9\\\\x1b', 'Zürich')
    """
    return terminal.visible(str(path))


def short(value: Any, width: int = 60) -> str:
    """A value on one line of at most ``width`` characters, without control characters."""
    text = terminal.on_one_line(" ".join(str(plain(value)).split()))
    return text if len(text) <= width else text[: width - 1] + "…"


def table(
    headings: Sequence[str], lines: Iterable[Sequence[Any]], right: Sequence[str] = ()
) -> None:
    """Print a table; numbers (the headings in ``right``) are aligned to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    shown = [[terminal.on_one_line(name(cell)) for cell in cells] for cells in lines]
    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        side = "right" if heading in right else "left"
        drawn.add_column(heading, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for cells in shown:
        drawn.add_row(*map(Text, cells))
    console = Console(
        file=terminal.Styled(sys.stdout),  # type: ignore[arg-type]
        width=None if sys.stdout.isatty() else WIDE,
        highlight=False,
        force_terminal=sys.stdout.isatty(),
        color_system="auto" if terminal.is_coloured(sys.stdout) else None,
    )
    natural = drawn.__rich_measure__(console, console.options.update(width=10**6)).maximum
    if natural <= console.width:
        console.print(drawn)
    else:
        _print_blocks(headings, shown)


def _print_blocks(headings: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """Print a table that is too wide: for each of its lines a block, a cell on each line."""
    for cells in lines:
        for heading, cell in zip(headings, cells, strict=True):
            if cell:
                line(f"{heading}: {cell}" if heading else cell)
        typer.echo()


def number(value: float) -> str:
    """A number for people: 12,345 or 0.4."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def marked(html: str) -> str:
    """A highlighted fragment on one line, with the marks of ``hit_line`` around its matches."""
    import html as entities

    pieces = html.replace("</mark>", "<mark>").split("<mark>")
    shown = [terminal.on_one_line(_spaced(entities.unescape(piece))) for piece in pieces]
    begin, end = (YELLOW, END) if terminal.is_coloured(sys.stdout) else ("[", "]")
    return "".join(
        piece if place % 2 == 0 else begin + piece + end for place, piece in enumerate(shown)
    )


def _spaced(text: str) -> str:
    return "".join(" " if letter.isspace() else letter for letter in text)


def hit_line(before: str, html: str, after: str = "") -> None:
    """Print one line with a fragment: its matches are coloured, or in square brackets."""
    before, after = map(terminal.on_one_line, (before, after))
    _styled(sys.stdout, f"{before}{marked(html)}{after}", "")


def note(message: str) -> None:
    """Print a line on stderr; stdout is for results."""
    line(message, err=True)


@contextlib.contextmanager
def progress_bar(title: str, total: int | None) -> Iterator[Callable[[int, str], None]]:
    """A progress bar on stderr, if it is a terminal; call the function with how much is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[remark]}", markup=False),
        TimeElapsedColumn(),
    )
    console = Console(
        file=terminal.Styled(sys.stderr),  # type: ignore[arg-type]
        color_system="auto" if terminal.is_coloured(sys.stderr) else None,
    )
    quiet = not sys.stderr.isatty() or console.is_dumb_terminal
    with Progress(*columns, console=console, transient=True, disable=quiet) as progress:
        task = progress.add_task(terminal.on_one_line(title), total=total, remark="")

        def advance(done: int, remark: str) -> None:
            progress.update(task, completed=done, remark=terminal.on_one_line(remark))

        yield advance
