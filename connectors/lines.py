"""The lines of a file, a compressed file or standard input, with a limit on their length."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from connectors.errors import UnreadableFile

LONGEST_LINE = 16 * 1024 * 1024
"""Bytes; a longer line is not kept in memory and counts as bad."""
BLOCK = 1024 * 1024
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class Lines:
    """The numbered lines of a file, from 1; a line that is too long is None.

    Raises ``UnreadableFile`` where the file cannot be read, such as in a truncated compressed
    block.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = 0
        self._raw: Any = None
        self._begun: Iterator[bytes] | None = None

    @property
    def size(self) -> int | None:
        """The size of the file in bytes; None for standard input."""
        return None if self.path == "-" else Path(self.path).stat().st_size

    @property
    def consumed(self) -> int:
        """The bytes of the file that were read so far, before decompression; 0 if unknown."""
        if self._raw is None:
            return 0
        return (self.size or 0) if self._raw.closed else int(self._raw.tell())

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        rest, skipping = b"", False
        for block in self._begun or self.blocks():
            *whole, rest = (rest + block).split(b"\n")
            if skipping and whole:
                whole[0], skipping = None, False  # type: ignore[call-overload]
            for line in whole:
                yield self._numbered(line)
            if len(rest) > LONGEST_LINE:
                rest, skipping = b"", True
            elif skipping:
                rest = b""
        if rest or skipping:
            yield self._numbered(None if skipping else rest)

    def first(self) -> bytes:
        """The first byte that is no white space, before the lines or the whole are read."""
        blocks = self.blocks()
        block = next(blocks, b"")
        self._begun = chain([block], blocks)
        return block.removeprefix(BYTE_ORDER_MARK).lstrip()[:1]

    def whole(self, limit: int) -> bytes:
        """All of the file at once; raises ``UnreadableFile`` if it has more bytes than a limit."""
        found = bytearray()
        for block in self._begun or self.blocks(whole=True):
            found += block
            if len(found) > limit:
                reason = f"has more than {limit // 2**20} MB, which is too much to be read at once"
                raise UnreadableFile(self.path, None, reason)
        return bytes(found).removeprefix(BYTE_ORDER_MARK)

    def _numbered(self, line: bytes | None) -> tuple[int, bytes | None]:
        self.number += 1
        if line is not None and len(line) > LONGEST_LINE:
            line = None
        if line is not None and self.number == 1:
            line = line.removeprefix(BYTE_ORDER_MARK)
        return self.number, line

    def blocks(self, whole: bool = False) -> Iterator[bytes]:
        """Yield the bytes of the file, decompressed; raises ``UnreadableFile``.

        The error names the line from which the file cannot be read, unless it is read as a
        ``whole``.
        """
        try:
            with self._open() as stream:
                while block := stream.read(BLOCK):
                    yield block
        except FileNotFoundError:
            raise UnreadableFile(self.path, None, "there is no such file") from None
        except (OSError, EOFError) as error:
            if whole:
                raise UnreadableFile(self.path, None, f"cannot be read ({error})") from None
            raise UnreadableFile(
                self.path, self.number + 1, f"cannot be read from here on ({error})"
            ) from None

    def _open(self) -> BinaryIO | Any:
        if self.path == "-":
            return sys.stdin.buffer
        self._raw = Path(self.path).open("rb")  # noqa: SIM115 - closed with the stream over it
        compression = COMPRESSIONS.get(Path(self.path).suffix)
        if compression is None:
            return self._raw
        return pa.CompressedInputStream(pa.PythonFile(self._raw, mode="r"), compression)
