"""The standard streams: what reaches them is visible, encodable, and written or said not to be.

``guard`` puts a guard in the place of each stream for as long as a command runs:

- a control character that came from a user (``ESC``, C1, one that turns the direction of writing)
  is written as its escape, ``\\x1b``; only ``write_styled`` writes colours;
- a character that the stream's encoding lacks is written in ASCII, never as an error;
- a stream that is closed, full or gone ends the command with a message and an exit code.
"""

from __future__ import annotations

import codecs
import io
import os
import re
import select
import sys
from collections.abc import Callable
from typing import TextIO

UNSAFE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff\ud800-\udfff]"
)
"""Characters that move the cursor, change the screen or the direction of writing, or are none."""
IN_ASCII = str.maketrans(
    {"→": "->", "“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "—": "-", "–": "-", "─": "-"}
)
READER_GONE = 141
"""The exit code of a program that SIGPIPE ends, as when ``head`` has read enough."""
NAMES = {0: "standard input", 1: "standard output", 2: "standard error"}


class OutputFailed(Exception):
    """Standard output could not be written; ``reader_gone`` if whoever read it has ended."""

    def __init__(self, message: str, reader_gone: bool) -> None:
        super().__init__(message)
        self.reader_gone = reader_gone


def visible(text: str) -> str:
    r"""The text with control characters as escapes; lines and tabs stay.

    >>> visible("a\x1b[2J\u202eb")
    'a\\x1b[2J\\u202eb'
    """
    if text.isprintable() or (text[-1] == "\n" and text[:-1].isprintable()):
        return text
    return UNSAFE.sub(_escape, text)


def on_one_line(text: str) -> str:
    r"""The visible text with the ends of lines as escapes too, so that it cannot pose as others.

    >>> on_one_line("a\nerror: b")
    'a\\nerror: b'
    """
    return text if text.isprintable() else visible(text.replace("\n", "\\n").replace("\t", "\\t"))


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a path that is not UTF-8, as Python keeps it
        code -= 0xDC00
    return {13: "\\r"}.get(code) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def is_coloured(stream: TextIO) -> bool:
    """Whether a stream gets colours: by ``NO_COLOR``, ``FORCE_COLOR``, ``CLICOLOR``, ``TERM``."""
    setting = os.environ.get
    if setting("NO_COLOR"):
        return False
    if any(setting(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if setting("TERM") in ("dumb", "unknown") or setting("CLICOLOR") == "0":
        return False
    return stream.isatty()


class Guard(io.TextIOWrapper):
    """A text stream over standard output or standard error."""

    real_encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write text with its control characters as escapes."""
        return super().write(visible(text))

    def write_styled(self, text: str) -> int:
        """Write text that has this program's own colours in it."""
        return super().write(text)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """UTF-8, whatever it is: each character can be written, and nobody need go around."""
        return "utf-8"


class Styled:
    """A file for a library that writes colours of its own, over a text stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.encoding = "utf-8"

    def write(self, text: str) -> int:
        """Write text as it is."""
        return write_styled(self._stream, text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's file descriptor."""
        return self._stream.fileno()


def write_styled(stream: TextIO, text: str) -> int:
    """Write text with this program's own colours to a stream, guarded or not."""
    if isinstance(stream, Guard):
        return stream.write_styled(text)
    return stream.write(text)


class _Output(io.RawIOBase):
    """The bytes of standard output or standard error; after a failure they go nowhere."""

    def __init__(self, number: int, closed: bool) -> None:
        self._number, self._is_closed, self._is_lost = number, closed, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return not self._is_closed and os.isatty(self._number)

    def write(self, content: bytes) -> int:  # type: ignore[override]
        if self._is_lost:
            return len(content)
        try:
            return self._written(content)
        except KeyboardInterrupt:
            # It may be written already; what the buffer still has would come a second time.
            self._is_lost = True
            raise
        except OSError as error:
            self._is_lost = True
            if self._number == 2:
                return len(content)  # there is nowhere left to say it
            reason = "it is closed" if self._is_closed else error.strerror
            raise OutputFailed(
                f"cannot write to {NAMES[self._number]}: {reason}. What the command did is done;"
                " what it printed is incomplete",
                isinstance(error, BrokenPipeError),
            ) from error

    def _written(self, content: bytes) -> int:
        if self._is_closed:
            raise OSError("closed")
        while True:
            try:
                return os.write(self._number, content)
            except BlockingIOError:
                select.select([], [self._number], [])


class _ClosedInput(io.RawIOBase):
    """Standard input that is closed."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: object) -> int:
        raise OSError("standard input is closed; name a file instead of -")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(IN_ASCII)
    return text.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error("stet.ascii", _in_ascii)


def guard() -> None:
    """Put the guards in the place of the standard streams."""
    closed = {number for number in NAMES if _fill(number)}
    closed |= {n for n, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)) if stream is None}
    if 0 in closed:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput()))
    for number, name in ((1, "stdout"), (2, "stderr")):
        setattr(sys, name, _guarded(number, getattr(sys, name), number in closed))


def _fill(number: int) -> bool:
    """Whether a descriptor was closed; it is opened on nothing, so that no file ever gets it."""
    try:
        os.fstat(number)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        return True
    return False


def _guarded(number: int, stream: io.TextIOWrapper | None, closed: bool) -> Guard:
    encoding = stream.encoding if stream is not None else "utf-8"
    raw = _Output(number, closed)
    made = Guard(
        io.BufferedWriter(raw),  # type: ignore[type-var]
        encoding=encoding,
        errors="stet.ascii",
        line_buffering=number == 2 or raw.isatty(),
    )
    made.real_encoding = codecs.lookup(encoding).name
    return made


def is_utf8(stream: TextIO) -> bool:
    """Whether a stream can have any character."""
    return not isinstance(stream, Guard) or stream.real_encoding == "utf-8"


def exit_code(command: Callable[[], object]) -> int:
    """Run a command with guarded streams; returns its exit code."""
    guard()
    try:
        code = _run(command)
        sys.stdout.flush()
    except OutputFailed as failure:
        if failure.reader_gone:
            return READER_GONE
        print(f"error: {failure}", file=sys.stderr)  # noqa: T201 - the last thing that it does
        return 1
    return code


def _run(command: Callable[[], object]) -> int:
    try:
        command()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
