"""Taking up: the kept state begins to follow a generation that was promoted or rolled back to."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from archive import export
from archive.step import digest
from event_log import plain_path
from replay import Followed, differing_documents, keep_digests
from search import Change, Engine, Generation

if TYPE_CHECKING:
    from archive.archive import Archive
    from replay import Kept


def as_followed(engine: Engine, live: Generation) -> Followed:
    """What the kept state notes of a generation that it follows."""
    return Followed(live.generation, engine.identity, live.code_version)


def followed_views(kept: Kept, engine: Engine, live: Mapping[str, Generation]) -> set[str]:
    """The views whose live generation the kept state follows.

    A generation is at the state's sequence, or at that of a step which was begun since.
    """
    followed, sequence = kept.followed(), kept.sequence
    last = kept.pending or sequence
    return {
        view
        for view, generation in live.items()
        if followed.get(view) == as_followed(engine, generation)
        and sequence <= generation.sequence <= last
    }


def take_up(archive: Archive, kept: Kept, live: Generation) -> None:
    """Bring a generation to the sequence of the kept state, and keep its documents' digests.

    A generation that was built at that sequence has the documents already: it was compared with
    its view before its promotion. Any other is compared with the view at that sequence, and the
    documents that differ are written. So is one that the state followed before, and that lacks
    what was written to it.
    """
    view, engine = archive.views[live.view], archive.engine
    with (
        export.file(archive, view, at=kept.sequence) as documents,
        tempfile.TemporaryDirectory(prefix="stet-taking-up-") as folder,
        kept.transaction(),
    ):
        keep_digests(kept, view.name, documents, digest(pq.read_schema(plain_path(documents))))
        behind = kept.followed().get(view.name) == as_followed(engine, live)
        if live.sequence != kept.sequence or behind:
            indexed = engine.digests(live.view, live.generation)
            path = Path(folder) / f"{view.name}.parquet"
            gone = differing_documents(kept, view.name, documents, indexed, path)
            change = Change(live.view, live.generation, path, gone)
            engine.advance(kept.sequence, {live.view: live.generation}, [change])
        kept.follow(view.name, as_followed(engine, live))
