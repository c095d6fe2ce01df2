"""``make serve``: serve the archive at hand, with the sample where there is none yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app import show
from app.importing import import_one, print_imported, sample_files
from app.options import chosen_home, errors_as_messages, open_archive

if TYPE_CHECKING:
    from archive import Archive


def main(
    port: Annotated[int, typer.Option(min=0, max=65535, envvar="PORT")] = 8000,
) -> None:
    """Import the sample into an empty archive, rebuild if nothing is live, and serve."""
    from app.server.run import Binding, run
    from app.web.access import Access

    with errors_as_messages():
        archive = open_archive(chosen_home(), new=True)
        prepare(archive)
        if not Access(archive.folder).any():
            show.note(
                "nobody can log in yet; a token for an editor: . .venv/bin/activate && stet access"
                f" add NAME --role editor --home {show.name(archive.home)}"
            )
        run(archive, Binding("127.0.0.1", port), 1)


def prepare(archive: Archive) -> None:
    """Give an archive what is needed to search it: events, and live indexes."""
    if not archive.log.head:
        for file in sample_files(archive):
            print_imported(Path(file).name, import_one(archive, file, "stop"))
    if not archive.engine.serving():
        show.note("nothing is live yet: computing and indexing the views")
        archive.rebuild()


if __name__ == "__main__":
    typer.run(main)
