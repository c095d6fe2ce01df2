"""The checksum of a whole commit file, kept in the file's own footer.

Event digests prove that events are those that were appended, however they are stored. The checksum
also detects changes in the parts of a file that no digest covers, such as the footer, whose
statistics decide which events are read. It is the CRC-32 of all bytes of the file, with eight zeros
in its own place, in lower-case hexadecimal.
"""

from __future__ import annotations

import zlib
from pathlib import Path

KEY = "stet.checksum"
EMPTY = "crc32:00000000"
"""The placeholder in the footer until the file is complete."""
PREFIX = b"crc32:"
DIGITS = 8
CHUNK = 1 << 20
TAILS = (1 << 16, 1 << 24)
"""Bytes at the end of a file that are searched for the footer's key: first, and at most."""


def stamp(path: Path) -> None:
    """Write the checksum of a file into the place of ``EMPTY``."""
    place = _place(path)
    with path.open("r+b") as file:
        file.seek(place)
        file.write(_checksum(path, place))


def stamped(text: bytes) -> bytes:
    """Return a small file's content with its checksum in the last place for one.

    >>> stamped(b"stet.checksum=crc32:00000000")
    b'stet.checksum=crc32:713692d9'
    """
    place = text.rindex(PREFIX, text.rindex(KEY.encode())) + len(PREFIX)
    before, after = text[:place], text[place + DIGITS :]
    checksum = zlib.crc32(before + b"0" * DIGITS + after)
    return before + f"{checksum:08x}".encode() + after


def holds(path: Path) -> bool:
    """Return whether a file is unchanged since it was stamped."""
    try:
        place = _place(path)
    except ValueError:
        return False
    with path.open("rb") as file:
        file.seek(place)
        return file.read(DIGITS) == _checksum(path, place)


def _place(path: Path) -> int:
    """Return where the digits are: after the last key, because the footer follows all events."""
    size = path.stat().st_size
    with path.open("rb") as file:
        for tail in TAILS:
            start = max(size - tail, 0)
            file.seek(start)
            content = file.read()
            place = _place_in(content)
            if place >= 0:
                return start + place
    raise ValueError(f"{path} has no checksum")


def _place_in(tail: bytes) -> int:
    """Return where the digits are in the end of a file; -1 when they are not in it."""
    key = tail.rfind(KEY.encode())
    prefix = tail.find(PREFIX, key) if key >= 0 else -1
    return prefix + len(PREFIX) if prefix >= 0 else -1


def _checksum(path: Path, place: int) -> bytes:
    checksum, left = 0, place
    with path.open("rb") as file:
        while left:
            chunk = file.read(min(CHUNK, left))
            checksum, left = zlib.crc32(chunk, checksum), left - len(chunk)
        file.seek(DIGITS, 1)
        checksum = zlib.crc32(b"0" * DIGITS, checksum)
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return f"{checksum:08x}".encode()
