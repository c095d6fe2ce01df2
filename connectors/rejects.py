"""Rejected lines: a file beside the source with the number, the reason and the text of each.

One import at a time writes it. A killed import may have written rejected lines after its last
commit; they are removed when it continues, so that each rejected line is in the file once.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import orjson

from connectors.errors import OtherImport, writing


class Rejects:
    """The rejected lines of one source; the file is created with the first of them."""

    def __init__(
        self, source: str, reached: int = 0, path: str | None = None, part: str = "line"
    ) -> None:
        """``reached`` is the number of the last line that an earlier import committed.

        The file is ``path``, by default one beside the source. ``part`` is what the source has for
        a line, and the name of its number in the file.
        """
        name = "stdin" if source == "-" else source
        self.path = path or f"{name}.rejected.jsonl"
        self._reached = reached
        self._part = part
        self._file: BinaryIO | None = None
        if reached and Path(self.path).exists():
            self._file = self._opened()

    def add(self, number: int, field: str | None, reason: str, line: bytes) -> None:
        """Write a rejected line."""
        if self._file is None:
            self._file = self._opened()
        text = line.decode(errors="replace")
        rejected = {self._part: number, "field": field, "reason": reason, "text": text}
        with writing(self.path):
            self._file.write(orjson.dumps(rejected, option=orjson.OPT_APPEND_NEWLINE))

    def make_durable(self) -> None:
        """Make all lines written so far survive power loss."""
        if self._file is not None:
            with writing(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file, if there is one; what was not made durable may be lost."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _opened(self) -> BinaryIO:
        with writing(self.path):
            file = Path(self.path).open("a+b")  # noqa: SIM115 - see close
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise OtherImport(
                f"another import is writing to {self.path}; import again when it has ended"
            ) from None
        file.seek(0)
        file.truncate(_kept(file, self._reached, self._part))
        return file


def _kept(file: BinaryIO, reached: int, part: str) -> int:
    """The length of the file in bytes up to its last entry for a line up to ``reached``."""
    length = 0
    for line in file:
        try:
            number = orjson.loads(line)[part]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            break
        if not line.endswith(b"\n") or number > reached:
            break
        length += len(line)
    return length
