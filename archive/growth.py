"""Growth: how many documents each view had at the end of each month, by when it was recorded.

``home/growth/2026-10.json`` has the counts of one month, and of which log they are. Like all that
is made from the log it may be deleted, and is counted anew.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replay import ReplayError, begin_build, write_json

if TYPE_CHECKING:
    from archive.archive import Archive

FOLDER = "growth"
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class InvalidMonth(ReplayError, ValueError):
    """What was given is no month, or one that has not ended yet."""


@dataclass(frozen=True)
class Counted:
    """The documents of each view as of a month's end; the sequence is the last recorded by it."""

    month: str
    sequence: int
    digest: str
    """The log's at that sequence: of another log, or with other views, it is counted anew."""
    documents: dict[str, int]
    code_versions: dict[str, int]
    seconds: float
    """How long counting took; 0 when nothing was appended since a month that was counted."""


def end_of(month: str) -> datetime:
    """The last microsecond of a month, UTC; raises ``InvalidMonth``.

    >>> end_of("2024-02").isoformat()
    '2024-02-29T23:59:59.999999+00:00'
    """
    found = MONTH.fullmatch(month)
    if not found or month < "0001-01":
        raise InvalidMonth(f"{month!r} is no month; write it like 2026-10")
    year, number = int(found[1]), int(found[2])
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    if following[0] > 9999:
        raise InvalidMonth(f"{month} has not ended yet")
    return datetime(*following, 1, tzinfo=UTC) - timedelta(microseconds=1)


def months(first: str, last: str) -> list[str]:
    """The months from one to another, both included.

    >>> months("2025-11", "2026-01")
    ['2025-11', '2025-12', '2026-01']
    """
    end_of(first), end_of(last)
    numbers = [int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last)]
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(numbers[0], numbers[1] + 1)]


def count_month(archive: Archive, month: str) -> Counted:
    """Rebuild all views as of a month's end, beside whatever serves, and note how many documents.

    Nothing is indexed or promoted. What was counted of the same events is not computed again.
    Raises ``InvalidMonth`` for what is none, or has not ended yet.
    """
    end = end_of(month)
    if end > datetime.now(UTC):
        raise InvalidMonth(f"{month} has not ended yet")
    snapshot = archive.log.at(end)
    same = [one for one in counted_months(archive) if one.sequence == snapshot.sequence]
    started = time.perf_counter()
    documents = same[0].documents if same else _documents(archive, snapshot.sequence)
    seconds = 0.0 if same else round(time.perf_counter() - started, 3)
    versions = _code_versions(archive)
    found = Counted(month, snapshot.sequence, snapshot.digest, documents, versions, seconds)
    folder = archive.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{month}.json", asdict(found))
    return found


def counted_months(archive: Archive) -> list[Counted]:
    """What was counted and still holds, by month: of this log, and of the views as they are."""
    log, versions = archive.log, _code_versions(archive)
    head = log.head
    found = [_read(path) for path in sorted((archive.folder / FOLDER).glob("????-??.json"))]
    return [
        one
        for one in found
        if one
        and one.code_versions == versions
        and one.sequence <= head
        and log.at(one.sequence).digest == one.digest
        and log.at(end_of(one.month)).sequence == one.sequence
    ]


def _read(path: Path) -> Counted | None:
    try:
        said: dict[str, Any] = json.loads(path.read_text())
        return Counted(**said)
    except (ValueError, TypeError):  # damaged, or of another version: it is counted anew
        return None


def _documents(archive: Archive, sequence: int) -> dict[str, int]:
    with begin_build(archive.log, archive.builds, at=sequence) as begun:
        return {name: begun.write(view).documents for name, view in archive.views.items()}


def _code_versions(archive: Archive) -> dict[str, int]:
    return {name: view.code_version for name, view in archive.views.items()}
