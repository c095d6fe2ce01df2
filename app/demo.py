"""``make demo``: import the sample, run Dagster's rebuild job, search the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from app import show
from app.content import history
from app.importing import import_one, print_imported, sample_files
from app.options import DEFAULT_HOME, Failure, chosen_home, errors_as_messages, open_archive
from app.searching import print_answer
from event_log import counted

if TYPE_CHECKING:
    from archive import Archive

SEARCHES = (
    "titanic iceberg",
    '"south pole" OR antarctic*',
    "why did the bridge over the river open to the public",
)
CORRECTED = "article/titanic-1912"


def main() -> None:
    """Run the demonstration in the archive of ``STET_HOME``, or ``./stet-home``."""
    with errors_as_messages():
        home = chosen_home()
        archive = open_archive(home, new=True)
        _import(archive)
        _rebuild(archive)
        _search(archive)
        _heading(f"$ stet history {CORRECTED}")
        history(CORRECTED, home, as_json=False)
        _next(home)


def _heading(text: str) -> None:
    show.line("")
    show.heading(text)


def _import(archive: Archive) -> None:
    _heading("$ stet import --sample")
    for file in sample_files(archive):
        print_imported(Path(file).name, import_one(archive, file, "stop"))
    log = archive.log
    show.line(f"{counted(log.head, 'event')} in the log, digest {log.digest[:16]}…")


def _rebuild(archive: Archive) -> None:
    from pipelines import RunFailed, run_rebuild

    _heading("The Dagster job rebuild: replay the log into views, index, check, promote")
    steps: dict[str, dict[str, Any]] = {}
    with show.progress_bar("running", 2 * len(archive.views)) as advance:

        def on_step(asset: str, metadata: dict[str, Any]) -> None:
            steps[asset] = metadata
            advance(len(steps), asset)

        try:
            run_rebuild(archive.home, on_step)
        except RunFailed as error:
            raise Failure(str(error)) from error
    headings = ("view", "documents", "seconds", "a second", "computed in", "indexed in")
    show.table(headings, [_line(view, steps) for view in archive.views], right=headings[1:])


def _line(view: str, steps: dict[str, dict[str, Any]]) -> tuple[str, ...]:
    documents = steps[f"views/{view}"]["documents"]
    computed, indexed = (steps[f"{group}/{view}"]["seconds"] for group in ("views", "index"))
    seconds = computed + indexed
    return (
        view,
        f"{documents:,}",
        f"{seconds:.2f}",
        f"{documents / seconds:,.0f}",
        f"{computed:.2f} s",
        f"{indexed:.2f} s",
    )


def _search(archive: Archive) -> None:
    for text in SEARCHES:
        _heading(f"$ stet search {_quoted(text)} --size 3 --facet section")
        print_answer(archive.search(text, size=3, facets=("section",)))


def _quoted(text: str) -> str:
    return f"'{text}'"


def _next(home: str) -> None:
    where = "" if home == DEFAULT_HOME else f" --home {home}"
    _heading("What to type next (. .venv/bin/activate first)")
    for command in (
        f"stet status{where}",
        f"stet search 'headline:moon' --sort oldest{where}",
        f'stet append tag/whales TagDefined --data \'{{"name": "Whales"}}\'{where}'
        f" && stet rebuild{where}",
        f"stet export articles --at 100{where} | head -n 3",
        "make serve        # the archive in a browser, for readers and editors",
        "make dagster      # the same job in the Dagster UI, with its metadata and checks",
    ):
        show.line(command)


if __name__ == "__main__":
    typer.run(main)
