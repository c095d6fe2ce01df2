"""The command that makes two entities one: merge."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.annotations import Note, Reason, given_annotations
from app.content import Actor
from app.options import DEFAULT_HOME, Home, Json, errors_as_messages, open_archive
from app.removing import ask, numbers_of

if TYPE_CHECKING:
    from archive import MergePreview

Yes = Annotated[bool, typer.Option("--yes", help="Merge what other entities name unasked.")]


def merge(
    kept: Annotated[
        str, typer.Argument(metavar="KEPT", help="The entity that stays, such as byline/1.")
    ],
    merged: Annotated[
        str, typer.Argument(metavar="MERGED", help="The one that is removed, of the same category.")
    ],
    actor: Actor = None,
    reason: Reason = None,
    note: Note = None,
    yes: Yes = False,
    home: Home = DEFAULT_HOME,
    as_json: Json = False,
) -> None:
    """Make two entities one; the second is removed.

    What names the second names the first afterwards. The name of the second becomes an alias of the
    first, where the category has aliases. All is one append, or nothing. The reason and the note
    are those of the removal. `stet undo --correlation` takes all of it back.

    Example: stet merge byline/ana-ruiz byline/a-ruiz --actor ana
    """
    with errors_as_messages():
        archive = open_archive(home)
        category = archive.log.registry.get(merged.partition("/")[0])
        annotations = given_annotations(category, None, reason, note)
        before = None if yes else _ask
        done = archive.merge(kept, merged, actor=actor, annotations=annotations, before=before)
    if as_json:
        show.json(asdict(done))
        return
    where = f" in {numbers_of(done.revised)}" if done.revised else ""
    show.line(f"{kept} has taken the place of {merged}{where}, sequence {done.receipt.last:,}")
    show.line(f"take it back with: stet undo --correlation {done.correlation_id}")


def _ask(preview: MergePreview) -> None:
    """Ask where other entities are revised, as where one that they name is removed."""
    if preview.revised:
        takes = f"{preview.kept} takes the place of {preview.merged} in"
        ask([f"{takes} {numbers_of(preview.revised)}"], "Merge them?", "--yes merges them")
