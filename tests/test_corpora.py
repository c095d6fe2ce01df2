"""Two real histories through the main job, beside a fold in plain Python that knows no Stet."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import real_elasticsearch
from corpora import NAMES, corpus
from plain_fold import Archive, moment
from typer.testing import CliRunner

from app.cli import cli

pytestmark = pytest.mark.slow

Documents = dict[str, dict[str, Any]]


def stet(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
    assert result.exit_code in (0, 1), result.output
    if result.exit_code:
        assert "lines rejected" in result.stderr
    return result.stdout


def exported(home: Path, view: str) -> Documents:
    found = (json.loads(line) for line in stet(home, "export", view).splitlines())
    return {document["id"]: document for document in found}


def with_moments(value: Any) -> Any:
    """The value with instants as such, so that two ways of writing one do not differ."""
    if isinstance(value, dict):
        return {
            key: moment(item)
            if key.endswith("_at") and isinstance(item, str)
            else with_moments(item)
            for key, item in value.items()
        }
    return [with_moments(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module", params=NAMES)
def imported(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Archive]:
    """A corpus imported and rebuilt by the command line, and the plain fold of the same file."""
    source = corpus(request.param)
    folder = tmp_path_factory.mktemp(request.param)
    copied = folder / source.name  # rejected lines are written beside the file
    shutil.copy(source, copied)
    home = folder / "home"
    stet(home, "import", str(copied), "--on-error", "reject")
    stet(home, "rebuild")
    return home, Archive(source)


def test_the_log_holds_every_line_that_is_not_bad(imported: tuple[Path, Archive]) -> None:
    home, archive = imported
    status = json.loads(stet(home, "status", "--json"))
    assert status["head"] == archive.head
    assert {view["lag_events"] for view in status["views"]} == {0}
    rejected = list(home.parent.glob("*.rejected.jsonl"))
    assert sum(len(path.read_bytes().splitlines()) for path in rejected) == archive.bad


@pytest.mark.parametrize("view", ["articles", "bylines"])
def test_each_document_is_what_the_plain_fold_gives(
    imported: tuple[Path, Archive], view: str
) -> None:
    home, archive = imported
    expected: Documents = getattr(archive, view)()
    found = with_moments(exported(home, view))
    assert list(found) == sorted(expected)
    for key, document in expected.items():
        assert {name: found[key][name] for name in document} == document
    extra = {name for document in found.values() for name in document} - set(
        next(iter(expected.values()))
    )
    assert extra <= {"sequence"}


def test_a_byline_document_is_as_new_as_what_it_was_made_from(
    imported: tuple[Path, Archive],
) -> None:
    home, archive = imported
    for key, document in exported(home, "bylines").items():
        latest = [article["id"] for article in document["latest"]]
        assert document["sequence"] >= archive.sequence([key, *latest])


def test_every_document_is_found_under_its_id(imported: tuple[Path, Archive]) -> None:
    home, archive = imported
    answer = json.loads(stet(home, "search", "", "--size", "1", "--json"))
    assert answer["total"] == len(archive.articles())
    key = max(archive.articles())
    found = json.loads(stet(home, "search", "", "--filter", f"id={key}", "--json"))
    assert [hit["id"] for hit in found["hits"]] == [key]


def test_facets_count_what_the_plain_fold_counts(imported: tuple[Path, Archive]) -> None:
    home, archive = imported
    answer = json.loads(stet(home, "search", "", "--facet", "year", "--json"))
    years: dict[str, int] = {}
    for document in archive.articles().values():
        year = str(document["published_at"].year)
        years[year] = years.get(year, 0) + 1
    assert {str(year): count for year, count in answer["facets"]["year"]} == years


def test_importing_again_adds_nothing(imported: tuple[Path, Archive]) -> None:
    home, archive = imported
    source = next(home.parent.glob("*.events.jsonl.gz"))
    result = json.loads(stet(home, "import", str(source), "--on-error", "reject", "--json"))
    assert result[str(source)]["added"] == 0
    assert result[str(source)]["known"] == archive.head


def test_the_dagster_job_gives_the_same_documents_as_the_command_line(
    imported: tuple[Path, Archive], tmp_path: Path
) -> None:
    from newsroom import DOMAIN
    from pipelines import run_rebuild

    home, _ = imported
    before = {view: stet(home, "export", view) for view in DOMAIN.views}
    other = tmp_path / "home"
    shutil.copytree(home / "log", other / "log")
    done: list[str] = []
    run_rebuild(str(other), lambda asset, _: done.append(asset))
    assert len(done) == 2 * len(DOMAIN.views)
    assert {view: stet(other, "export", view) for view in DOMAIN.views} == before
    counts = [
        {
            view["view"]: view["documents"]
            for view in json.loads(stet(h, "status", "--json"))["views"]
        }
        for h in (home, other)
    ]
    assert counts[0] == counts[1]


def test_the_history_rebuilds_into_a_cluster_by_command_line_and_by_dagster(
    imported: tuple[Path, Archive], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both compare index and view document by document before they promote."""
    from newsroom import DOMAIN
    from pipelines import run_rebuild

    home, archive = imported
    counts = {
        v["view"]: v["documents"] for v in json.loads(stet(home, "status", "--json"))["views"]
    }
    other = tmp_path / "home"
    shutil.copytree(home / "log", other / "log")
    used = real_elasticsearch.fresh()
    monkeypatch.setenv("STET_SEARCH", used.url)
    monkeypatch.setenv("STET_SEARCH_PREFIX", used.prefix)
    try:
        rebuilt = json.loads(stet(other, "rebuild", "--json"))["views"]
        assert {view["view"]: view["documents"] for view in rebuilt} == counts
        assert {view["rejected"] for view in rebuilt} == {0}
        run_rebuild(str(other), lambda *_: None)
        serving = json.loads(stet(other, "status", "--json"))["views"]
        assert {(view["view"], view["generation"]) for view in serving} == {
            (view, 2) for view in DOMAIN.views
        }
        found = json.loads(stet(other, "search", "", "--size", "1", "--json"))
        assert found["total"] == len(archive.articles())
    finally:
        real_elasticsearch.remove(used)


def test_a_copy_that_was_cut_is_told_and_nothing_is_half_done(tmp_path: Path) -> None:
    whole = corpus("congress").read_bytes()
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    home = tmp_path / "home"
    result = CliRunner().invoke(cli, ["import", str(cut), "--home", str(home)])
    assert result.exit_code == 1
    assert "cannot be read from here on" in result.stderr
    assert stet(home, "verify").startswith("the log holds")


def test_the_corpora_are_what_their_description_says() -> None:
    with gzip.open(corpus("digitalgov"), "rt") as lines:
        assert sum(1 for _ in lines) == 16_366
