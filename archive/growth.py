"""Growth: how many documents each view has of the time up to the end of each month.

By date, a document belongs to the month of its own date, as the view declares it, and a document
that is one event to the month in which that happened: so an archive that was imported yesterday
shows how it grew over a century. By what was recorded, the views are computed as of each month's
end, as they were then.

    growth/dates.json              by date: the documents of each month, as of one sequence
    growth/by-date/2026-10.json    a month that was counted so
    growth/2026-10.json            by what was recorded: the counts of one month, and the digest of
                                   the log that was counted

The files are caches: what is deleted is counted anew.
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.months import months_of_documents
from event_log import dates
from replay import ReplayError, begin_build, write_json

if TYPE_CHECKING:
    from archive.archive import Archive

FOLDER = "growth"
DATE, RECORDED = "date", "recorded"
BY = (DATE, RECORDED)
"""What decides the month of a document: its own date, or when its events were recorded."""
MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")


class InvalidMonth(ReplayError, ValueError):
    """A text that is no month, or a month that has not ended yet."""


@dataclass(frozen=True)
class Counted:
    """The number of documents of each view at a month's end.

    ``sequence`` is that of the last event that was counted: by date the log's head, else the last
    that was recorded by then.
    """

    month: str
    sequence: int
    digest: str
    """The log's digest at that sequence: another log is counted anew."""
    documents: dict[str, int | None]
    """By view; None by date for a view whose documents have none."""
    code_versions: dict[str, int]
    seconds: float
    """How long counting took; 0 where it was counted for another month."""
    by: str = RECORDED


def end_of(month: str) -> datetime:
    """The last microsecond of a month, UTC; raises ``InvalidMonth``.

    >>> end_of("2024-02").isoformat()
    '2024-02-29T23:59:59.999999+00:00'
    """
    year, number = _year_and_month(month)
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    if following[0] > 9999:
        raise InvalidMonth(f"{month} has not ended yet")
    return datetime(*following, 1, tzinfo=UTC) - timedelta(microseconds=1)


def _year_and_month(month: str) -> tuple[int, int]:
    match = MONTH.fullmatch(month)
    if not match or month < "0001-01":
        raise InvalidMonth(f"{month!r} is no month; write it like 2026-10")
    return int(match[1]), int(match[2])


def months(first: str, last: str) -> list[str]:
    """The months from one date to another, those of both included.

    Raises ``InvalidMonth`` for what is no date, and for a range that ends before it begins.

    >>> months("2025-11", "January 2026"), months("2025", "2025")[-1]
    (['2025-11', '2025-12', '2026-01'], '2025-12')
    """
    now = datetime.now(UTC)
    try:
        begin, end = dates.date_span(first, now).first, dates.date_span(last, now).last
    except dates.InvalidDate as error:
        raise InvalidMonth(str(error)) from None
    if begin > end:
        raise InvalidMonth(f"{first} is after {last}; exchange them")
    days = [dates.EPOCH + timedelta(microseconds=number) for number in (begin, end)]
    numbers = [day.year * 12 + day.month - 1 for day in days]
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(numbers[0], numbers[1] + 1)]


def count_month(archive: Archive, month: str, by: str = DATE) -> Counted:
    """Count the documents of each view up to a month's end.

    ``by`` is ``date`` or ``recorded``; see above. Nothing is indexed or promoted. Raises
    ``InvalidMonth`` for a text that is no month, or by ``recorded`` for a month that has not ended
    yet.
    """
    if by not in BY:
        raise InvalidMonth(f"cannot count by {by!r}; count by one of: {', '.join(BY)}")
    counted = _of_dates(archive, month) if by == DATE else _recorded(archive, month)
    folder = _folder(archive, by)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{month}.json", asdict(counted))
    return counted


def counted_months(archive: Archive, by: str = DATE) -> list[Counted]:
    """The months that were counted, with counts that hold of this log and of the current code."""
    paths = sorted(_folder(archive, by).glob("????-??.json"))
    if by == DATE:
        return [_of_dates(archive, path.stem) for path in paths if MONTH.fullmatch(path.stem)]
    log, versions = archive.log, _code_versions(archive)
    head = log.head
    return [
        counted
        for counted in map(_read, paths)
        if counted
        and counted.code_versions == versions
        and counted.sequence <= head
        and log.at(counted.sequence).digest == counted.digest
        and log.at(end_of(counted.month)).sequence == counted.sequence
    ]


def _folder(archive: Archive, by: str) -> Path:
    folder = archive.scratch / FOLDER
    return folder / "by-date" if by == DATE else folder


def _recorded(archive: Archive, month: str) -> Counted:
    """Compute the views as of a month's end; another that ended at its sequence is used again."""
    end = end_of(month)
    if end > datetime.now(UTC):
        raise InvalidMonth(f"{month} has not ended yet")
    snapshot = archive.log.at(end)
    same = [one for one in counted_months(archive, RECORDED) if one.sequence == snapshot.sequence]
    started = time.perf_counter()
    documents = same[0].documents if same else _documents(archive, snapshot.sequence)
    seconds = 0.0 if same else round(time.perf_counter() - started, 3)
    versions = _code_versions(archive)
    return Counted(month, snapshot.sequence, snapshot.digest, documents, versions, seconds)


def _of_dates(archive: Archive, month: str) -> Counted:
    """Count the documents as of the head that are dated up to a month's end."""
    _year_and_month(month)
    started = time.perf_counter()
    dates, anew = months_of_documents(archive)
    documents = {
        view: None
        if of_view is None
        else sum(count for each, count in of_view.items() if each <= month)
        for view, of_view in dates.months.items()
    }
    seconds = round(time.perf_counter() - started, 3) if anew else 0.0
    versions = _code_versions(archive)
    return Counted(month, dates.sequence, dates.digest, documents, versions, seconds, DATE)


def _read(path: Path) -> Counted | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        return Counted(**fields)
    except (ValueError, TypeError):  # damaged, or of another version: it is counted anew
        return None


def _documents(archive: Archive, sequence: int) -> dict[str, int | None]:
    with begin_build(archive.log, archive.scratch_builds, at=sequence) as build:
        return {name: build.write(view).documents for name, view in archive.views.items()}


def _code_versions(archive: Archive) -> dict[str, int]:
    return {name: view.code_version for name, view in archive.views.items()}
