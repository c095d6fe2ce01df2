"""The webserver and the daemon for real: runs are launched, watched and cancelled over GraphQL."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dagster_server import running, until

from archive import Archive
from newsroom import DOMAIN

SAMPLE = sorted((Path(__file__).parents[2] / "newsroom" / "sample").glob("*.events.jsonl"))
STET = Path(sys.executable).parent / "stet"
ARTICLES = 12_000
"""So many take long enough to rebuild that one can be cancelled in its middle."""


def stet(*given: object, **kept: object) -> None:
    subprocess.run([STET, *map(str, given)], check=True, capture_output=True, **kept)  # type: ignore[call-overload]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    home = tmp_path / "archive"
    stet("import", *SAMPLE, "--home", home)
    return home


@pytest.mark.slow
def test_an_operator_rebuilds_catches_up_and_cancels_over_graphql(tmp_path, archive):
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    opened = Archive(archive, DOMAIN)
    with running(dagster_home, archive) as server:

        def ended(run: str, as_: str) -> bool:
            assert server.status(run) not in {"SUCCESS", "FAILURE", "CANCELED"} - {as_}, (
                server.messages(run)[-20:]
            )
            return server.status(run) == as_

        first = server.launch("rebuild")
        until(lambda: ended(first, "SUCCESS"), 120, lambda: server.messages(first)[-20:])
        served = {view: about.generation for view, about in opened.engine.serving().items()}
        assert set(served.values()) == {1}

        opened.append("tag/zebras", "TagDefined", {"name": "Zebras"})
        caught = server.launch("catch_up")
        until(lambda: ended(caught, "SUCCESS"), 60, lambda: server.messages(caught)[-20:])
        assert {about.sequence for about in opened.engine.serving().values()} == {opened.log.head}
        assert opened.search("zebras", "topics").total == 1

        with (tmp_path / "generated.jsonl").open("wb") as generated:
            subprocess.run(
                [STET, "generate", "--articles", str(ARTICLES)], check=True, stdout=generated
            )
        stet("import", generated.name, "--home", archive)
        cancelled = server.launch("rebuild")
        until(
            lambda: any("index__articles" in said for said in server.messages(cancelled)),
            90,
            lambda: server.messages(cancelled)[-20:],
        )
        server.cancel(cancelled)
        until(lambda: ended(cancelled, "CANCELED"), 30, lambda: server.messages(cancelled)[-20:])
        assert {v: a.generation for v, a in opened.engine.serving().items()} == served
        until(lambda: server.slots() == 0, 30, server.slots)

    shutil.rmtree(dagster_home)  # whatever Dagster remembers, the archive does not need it
    stet("catch-up", "--home", archive)
    assert {about.sequence for about in opened.engine.serving().values()} == {opened.log.head}
