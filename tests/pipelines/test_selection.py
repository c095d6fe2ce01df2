"""The selection of a run is what is rebuilt and promoted, however the run was launched."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from dagster import AssetKey, DagsterInstance, ReexecutionOptions, execute_job, reconstructable
from jobs import FEW, failures, materialized, run_job

from archive import Archive, Rebuild
from pipelines import definitions_for
from pipelines.reporting import live_materializations
from replay.builds.build import Build
from search import ClusterAway

ALL = "__ASSET_JOB"
QUIET = {"telemetry": {"enabled": False}}
PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}
VIEW, INDEX = AssetKey(["views", "articles"]), AssetKey(["index", "articles"])


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "home", FEW)
    archive.append("article/1", "ArticlePublished", PUBLISHED)
    return archive


def live(archive: Archive) -> dict[str, tuple[int, int]]:
    """By view, the live generation and its sequence."""
    serving = archive.engine.serving()
    return {view: (now.generation, now.sequence) for view, now in serving.items()}


def test_a_view_and_its_index_that_are_selected_are_promoted_and_nothing_else(
    archive: Archive,
) -> None:
    result = run_job(archive, ALL, assets=[VIEW, INDEX])
    assert result.success, failures(result)
    assert live(archive) == {"articles": (1, 1)}
    assert archive.search("whales").total == 1
    assert set(materialized(result)) == {"views/articles", "index/articles"}


def test_documents_alone_are_computed_and_nothing_is_promoted(archive: Archive) -> None:
    result = run_job(archive, ALL, assets=[VIEW])
    assert result.success
    assert set(materialized(result)) == {"views/articles"}
    assert live(archive) == {}


def test_an_index_alone_computes_the_documents_if_no_build_has_them(archive: Archive) -> None:
    result = run_job(archive, ALL, assets=[INDEX])
    assert result.success, failures(result)
    assert live(archive) == {"articles": (1, 1)}


def test_an_index_alone_takes_the_newest_documents_and_catches_up_what_came_since(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_job(archive, ALL, assets=[VIEW]).success
    archive.append("article/2", "ArticlePublished", PUBLISHED)

    def computed(*_: Any) -> None:
        raise AssertionError("the documents are there")

    monkeypatch.setattr(Build, "write", computed)
    result = run_job(archive, ALL, assets=[INDEX])
    assert result.success, failures(result)
    assert live(archive)["articles"][1] == 2
    assert archive.search("whales").total == 2
    assert materialized(result)["views/articles"]["sequence"] == 2


def test_an_index_takes_no_documents_of_other_code_or_of_another_log(
    archive: Archive, tmp_path: Path
) -> None:
    assert run_job(archive, ALL, assets=[VIEW]).success
    (note,) = archive.builds.glob("*/articles.json")
    note.write_text(json.dumps({**json.loads(note.read_text()), "code_version": 0}))
    assert run_job(archive, ALL, assets=[INDEX]).success
    assert len(list(archive.builds.glob("*/articles.json"))) == 2
    other = Archive(tmp_path / "other", FEW)
    other.append("article/9", "ArticlePublished", PUBLISHED)
    archive.builds.rename(other.builds)
    assert run_job(other, ALL, assets=[INDEX]).success
    assert [hit.id for hit in other.search("whales").hits] == ["article/9"]


def test_an_index_whose_view_is_not_selected_beside_one_whose_view_is(archive: Archive) -> None:
    topics = AssetKey(["index", "topics"])
    result = run_job(archive, ALL, assets=[VIEW, INDEX, topics])
    assert result.success, failures(result)
    assert live(archive) == {"articles": (1, 1), "topics": (1, 1)}


def test_the_config_chooses_among_what_is_selected_and_refuses_what_is_not(
    archive: Archive,
) -> None:
    refused = run_job(archive, ALL, assets=[VIEW, INDEX], views=["topics"])
    assert not refused.success
    assert "the run selects no asset of topics" in failures(refused)[0]
    assert live(archive) == {}
    other = AssetKey(["index", "topics"])
    half = run_job(archive, ALL, assets=[INDEX, other], views=["articles"])
    assert failures(half) == ["views: the run selects topics and its config does not"]
    assert set(live(archive)) == {"articles"}


def test_a_rebuild_as_of_a_point_is_promoted_only_if_the_run_says_so(archive: Archive) -> None:
    archive.append("article/2", "ArticlePublished", PUBLISHED)
    assert run_job(archive, "rebuild").success
    before = live(archive)
    with DagsterInstance.ephemeral() as instance:
        past = run_job(archive, "rebuild", instance, at="1", views=["articles"])
        assert past.success
        assert live(archive) == before
        assert materialized(past)["views/articles"]["sequence"] == 2, "that of what is live"
        assert materialized(past)["index/articles"]["generation"] == before["articles"][0]
        assert instance.get_dynamic_partitions("generation") == ["2"]
        assert run_job(archive, "promote", instance, partition="2").success
    assert live(archive)["articles"] == (2, 1)
    assert run_job(archive, "rebuild", at="1", views=["topics"], promote=True).success
    assert live(archive)["topics"] == (3, 1)
    assert run_job(archive, "rebuild", promote=False).success
    assert live(archive)["topics"] == (3, 1)


def test_a_step_that_is_tried_again_after_its_promotion_leaves_the_live_index_alone(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled: list[str] = []
    index = Rebuild.index

    def counted(self: Rebuild, view: str, *given: Any) -> Any:
        filled.append(view)
        return index(self, view, *given)

    def away(*_: Any) -> Any:
        monkeypatch.setattr("pipelines.assets.live_materializations", live_materializations)
        raise ClusterAway("nobody answers")

    monkeypatch.setattr(Rebuild, "index", counted)
    monkeypatch.setattr("pipelines.failing.SECONDS_TO_RETRY", 0)
    monkeypatch.setattr("pipelines.assets.live_materializations", away)
    result = run_job(archive, ALL, assets=[VIEW, INDEX])
    assert result.success, failures(result)
    assert filled == ["articles"]
    assert live(archive) == {"articles": (1, 1)}
    assert materialized(result)["index/articles"]["generation"] == 1


def of_environment() -> Any:
    """The job ``rebuild`` of the archive in force, as a run in another process loads it."""
    from event_log import settings

    return definitions_for(Archive(settings.home())).resolve_job_def("rebuild")


@pytest.mark.slow
def test_a_run_that_goes_on_from_a_failure_promotes_all_unless_its_rebuild_was_deleted(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STET_HOME", str(archive.home))
    job = reconstructable(of_environment)
    chosen = {"resources": {"archive": {"config": {"views": ["articles", "topics"]}}}}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    def failed() -> str:
        with monkeypatch.context() as broken:
            broken.setattr("search.embedded.engine.EmbeddedEngine.refresh", full)
            first = execute_job(job, instance, run_config=chosen)
        assert not first.success
        return first.run_id

    def gone_on(run_id: str) -> Any:
        options = ReexecutionOptions.from_failure(run_id, instance)
        return execute_job(job, instance, run_config=chosen, reexecution_options=options)

    with DagsterInstance.local_temp(overrides=QUIET) as instance:
        run_id = failed()
        archive.append("article/2", "ArticlePublished", PUBLISHED)
        again = gone_on(run_id)
        assert again.success
        computed = {e.step_key for e in again.all_events if e.event_type_value == "STEP_START"}
        assert not any(step.startswith("views__") for step in computed)
        assert {v: at for v, (_, at) in live(archive).items()} == {"articles": 2, "topics": 2}

        run_id = failed()
        shutil.rmtree(archive.builds)
        archive.rebuild()
        again = gone_on(run_id)
        assert not again.success
        assert "was deleted meanwhile; launch the rebuild again" in failures(again)[0]
