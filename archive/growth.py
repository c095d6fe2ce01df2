"""Growth: how many documents each view had at the end of each month, by ``recorded_at``.

``growth/2026-10.json`` has the counts of one month, and the digest of the log that was counted. The
file is a cache: when it is deleted, the month is counted anew.
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
    """A text that is no month, or a month that has not ended yet."""


@dataclass(frozen=True)
class Counted:
    """The number of documents of each view at a month's end.

    ``sequence`` is that of the last event recorded by then.
    """

    month: str
    sequence: int
    digest: str
    """The log's digest at that sequence: another log is counted anew."""
    documents: dict[str, int]
    code_versions: dict[str, int]
    seconds: float
    """How long counting took; 0 when another month that ended at this sequence was counted."""


def end_of(month: str) -> datetime:
    """The last microsecond of a month, UTC; raises ``InvalidMonth``.

    >>> end_of("2024-02").isoformat()
    '2024-02-29T23:59:59.999999+00:00'
    """
    match = MONTH.fullmatch(month)
    if not match or month < "0001-01":
        raise InvalidMonth(f"{month!r} is no month; write it like 2026-10")
    year, number = int(match[1]), int(match[2])
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
    """Compute all views as of a month's end, and count their documents.

    Nothing is indexed or promoted. If another month ended at the same sequence, its counts are
    used. Raises ``InvalidMonth`` for a text that is no month, or a month that has not ended yet.
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
    counted = Counted(month, snapshot.sequence, snapshot.digest, documents, versions, seconds)
    folder = archive.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{month}.json", asdict(counted))
    return counted


def counted_months(archive: Archive) -> list[Counted]:
    """The counts that still hold, by month: of this log, and by the current code."""
    log, versions = archive.log, _code_versions(archive)
    head = log.head
    kept = [_read(path) for path in sorted((archive.folder / FOLDER).glob("????-??.json"))]
    return [
        counted
        for counted in kept
        if counted
        and counted.code_versions == versions
        and counted.sequence <= head
        and log.at(counted.sequence).digest == counted.digest
        and log.at(end_of(counted.month)).sequence == counted.sequence
    ]


def _read(path: Path) -> Counted | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        return Counted(**fields)
    except (ValueError, TypeError):  # damaged, or of another version: it is counted anew
        return None


def _documents(archive: Archive, sequence: int) -> dict[str, int]:
    with begin_build(archive.log, archive.builds, at=sequence) as build:
        return {name: build.write(view).documents for name, view in archive.views.items()}


def _code_versions(archive: Archive) -> dict[str, int]:
    return {name: view.code_version for name, view in archive.views.items()}
