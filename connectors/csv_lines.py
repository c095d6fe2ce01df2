"""The lines of a CSV file: decoded, cut into columns, with the numbers that an editor shows."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from connectors.errors import UnreadableFile
from connectors.lines import LONGEST_LINE, Lines

OLD_ENDS = (
    "has line ends of a carriage return alone, as files of old Macs have; write them as line feeds,"
    " such as with tr '\\r' '\\n'"
)


@dataclass(slots=True)
class CsvLine:
    """One line of a table, which may be several of the file; ``reason`` says if it is none."""

    values: list[str]
    text: str
    reason: str | None = None


class CsvLines:
    """The lines of a CSV file after its header, each with the number at which it begins.

    Raises ``UnreadableFile`` for a file without a header, and from where it cannot be decoded.
    """

    def __init__(self, path: str, delimiter: str, encoding: str) -> None:
        self.path, self.delimiter, self.encoding = path, delimiter, encoding
        self.number = 0
        """The number of the file's line at which the last one began."""
        self._lines = Lines(path)
        self._parts: list[str] = []

    @property
    def consumed(self) -> int:
        """The bytes of the file that were read so far, before decompression."""
        return self._lines.consumed

    def __iter__(self) -> Iterator[CsvLine]:
        """Yield the header, and then all lines but empty ones."""
        csv.field_size_limit(LONGEST_LINE)
        reader = csv.reader(self._texts(), delimiter=self.delimiter, strict=True)
        while True:
            begin = reader.line_num + 1
            self._parts.clear()
            try:
                values = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                self.number = begin
                text = "".join(self._parts)
                yield CsvLine(
                    [], text, OLD_ENDS if _has_old_ends(text) else f"is not CSV ({error})"
                )
                continue
            if values:
                self.number = begin
                text = "".join(self._parts)
                yield CsvLine(values, text, None if _is_text(text) else self._not_decoded())

    def _texts(self) -> Iterator[str]:
        """The lines of the file as text, kept with their ends for the rejects."""
        for text in self._decoded():
            self._parts.append(text)
            yield text

    def _not_decoded(self) -> str:
        return f"is not {self.encoding}; say csv: encoding: in the mapping"

    def _decoded(self) -> Iterator[str]:
        encoding = "utf-8-sig" if codecs.lookup(self.encoding).name == "utf-8" else self.encoding
        # what is no text in one line must not cost the lines around it
        decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
        rest, line = "", 0
        for block in chain(self._lines.blocks(), (b"",)):
            try:
                rest += decoder.decode(block, final=not block)
            except UnicodeError:  # such as of UTF-16, whose lines cannot be told then
                raise UnreadableFile(
                    self.path, line + 1, f"cannot be read from here on: it {self._not_decoded()}"
                ) from None
            *whole, rest = rest.split("\n")
            for text in whole:
                line += 1
                yield f"{text}\n"
            if len(rest) > LONGEST_LINE:
                raise UnreadableFile(
                    self.path,
                    line + 1,
                    f"cannot be read from here on: it is longer than {LONGEST_LINE // 2**20} MB",
                )
        if rest:
            yield rest


def _is_text(text: str) -> bool:
    """Whether all of it was decoded: what was not is in the place of halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_old_ends(text: str) -> bool:
    return "\r" in text.removesuffix("\n").removesuffix("\r")
