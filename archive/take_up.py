"""Taking up: letting the kept state know a generation that something else has built or promoted."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from archive import export
from archive.step import digest
from replay import Followed, differing_documents, keep_digests
from search import Change, Engine, Generation

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Kept


def as_followed(engine: Engine, about: Generation) -> Followed:
    """How the kept state notes that a generation has its documents."""
    return Followed(about.generation, engine.identity, about.code_version)


def followed(kept: Kept, engine: Engine, serving: Mapping[str, Generation]) -> set[str]:
    """The views whose generation has what is kept, or what a step begun since has written."""
    known, sequence = kept.followed(), kept.sequence
    last = kept.pending or sequence
    return {
        view
        for view, about in serving.items()
        if known.get(view) == as_followed(engine, about) and sequence <= about.sequence <= last
    }


def take_up(archive: Archive, kept: Kept, about: Generation) -> None:
    """Bring a generation to the sequence of the kept state, and keep its documents' digests.

    One that was built at that sequence has the documents: it was compared with its view before
    it served. Another, or one that lags behind what was written to it, is compared with the view
    as of now, and what differs is written.
    """
    view, engine = archive.views[about.view], archive.engine
    with (
        export.file(archive, view, at=kept.sequence) as made,
        tempfile.TemporaryDirectory(prefix="stet-taking-up-") as folder,
        kept.transaction(),
    ):
        keep_digests(kept, view.name, made, digest(pq.read_schema(made)))
        known = kept.followed().get(view.name) == as_followed(engine, about)
        if about.sequence != kept.sequence or known:
            found = engine.digests(about.view, about.generation)
            path = Path(folder) / f"{view.name}.parquet"
            gone = differing_documents(kept, view.name, made, found, path)
            change = Change(about.view, about.generation, path, gone)
            engine.advance(kept.sequence, {about.view: about.generation}, [change])
        kept.follow(view.name, as_followed(engine, about))
