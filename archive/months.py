"""The months of a view's documents: how many documents are dated in each, as of the log's head."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from event_log import plain_path
from replay import EVENT, begin_build, kept_documents, write_json

if TYPE_CHECKING:
    from archive.archive import Archive
    from event_log import Snapshot
    from replay import View

HAPPENED = "occurred_at"
"""The column of a document that is one event: when it happened, where that is known."""


@dataclass(frozen=True)
class Months:
    """By view and month, such as ``1912-04``, the number of documents; as of one sequence."""

    sequence: int
    digest: str
    code: str
    """What the documents were computed with: the versions of the views, and the upcasters."""
    months: dict[str, dict[str, int] | None]
    """None for a view whose documents have no date."""


def months_of_documents(archive: Archive) -> tuple[Months, bool]:
    """Count the documents of each month as of the log's head; whether that had to be done anew."""
    snapshot = archive.log.at()
    path = archive.scratch / "growth" / "dates.json"
    versions = {name: view.code_version for name, view in archive.views.items()}
    code = json.dumps([snapshot.upcast_digest, versions])
    known = _read(path)
    wanted = (snapshot.sequence, snapshot.digest, code)
    if known and (known.sequence, known.digest, known.code) == wanted:
        return known, False
    counted = Months(*wanted, _counted(archive, snapshot))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, asdict(counted))
    return counted, True


def _read(path: Path) -> Months | None:
    try:
        return Months(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):  # damaged, or of another version: it is counted anew
        return None


def _counted(archive: Archive, snapshot: Snapshot) -> dict[str, dict[str, int] | None]:
    """Count from kept documents where there are any; the others are computed in one build."""
    months: dict[str, dict[str, int] | None] = {}
    with ExitStack() as opened:
        build = None
        for name, view in archive.views.items():
            if view.date is None:
                months[name] = None
                continue
            path = kept_documents(archive.builds, view, snapshot)
            if path is None:
                if build is None:
                    at = snapshot.sequence
                    begun = begin_build(archive.log, archive.scratch_builds, at=at)
                    build = opened.enter_context(begun)
                build.write(view)
                path = build.path(name)
            months[name] = _months(path, view)
    return months


def _months(path: Path, view: View) -> dict[str, int]:
    """The number of documents of a Parquet file by the month of their date, in UTC."""
    counts: Counter[int] = Counter()
    with pq.ParquetFile(plain_path(path)) as file:
        happened = [HAPPENED] if view.per == EVENT and HAPPENED in file.schema_arrow.names else []
        for batch in file.iter_batches(columns=[*happened, str(view.date)]):
            dates = _dates(batch, str(view.date))
            if happened:
                dates = pc.coalesce(batch.column(HAPPENED), dates)
            dates = dates.drop_null()
            number = pc.add(pc.multiply(pc.year(dates), 12), pc.subtract(pc.month(dates), 1))
            for pair in pc.value_counts(number).to_pylist():
                counts[pair["values"]] += pair["counts"]
    return {f"{n // 12:04d}-{n % 12 + 1:02d}": counts[n] for n in sorted(counts)}


def _dates(batch: pa.RecordBatch, path: str) -> pa.Array:
    column, *fields = path.split(".")
    dates = batch.column(column)
    for field in fields:
        dates = pc.struct_field(dates, field)
    return dates
