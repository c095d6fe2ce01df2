"""Dagster shows what is live: up to date is green, behind is not, after whatever was done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from dagster import AssetKey, DagsterInstance, build_sensor_context
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest
from jobs import FEW, failures, materialized, run_job

from archive import Archive
from pipelines import definitions_for
from pipelines.lag import Limits, observe_lag
from pipelines.resources import archive_resource
from replay import Domain

PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    archive = Archive(tmp_path / "home", FEW)
    archive.append("article/1", "ArticlePublished", PUBLISHED)
    return archive


def status(archive: Archive, instance: DagsterInstance) -> dict[str, str]:
    """What Dagster shows of each view and index: FRESH, STALE (amber) or MISSING."""
    graph = definitions_for(archive).resolve_asset_graph()
    resolver = CachingStaleStatusResolver(instance, graph, LoadingContextForTest(instance))
    keys = [AssetKey([group, view]) for group in ("views", "index") for view in archive.views]
    return {key.to_user_string(): resolver.get_status(key).value for key in keys}


def observe(archive: Archive, instance: DagsterInstance) -> None:
    """One look of the sensor ``observe_lag``."""
    context = build_sensor_context(instance=instance)
    result = observe_lag(context, archive=archive_resource(archive), limits=Limits())
    for event in result.asset_events:
        instance.report_runless_asset_event(event)


def generations(instance: DagsterInstance, archive: Archive) -> dict[str, int]:
    """The generation of each index, as Dagster shows it."""
    shown = {}
    for view in archive.views:
        event = instance.get_latest_materialization_event(AssetKey(["index", view]))
        assert event is not None
        assert event.asset_materialization is not None
        shown[view] = event.asset_materialization.metadata["generation"].value
    return shown


def test_all_is_green_after_a_rebuild_a_catch_up_and_a_look(archive: Archive) -> None:
    with DagsterInstance.ephemeral() as instance:
        assert set(status(archive, instance).values()) == {"MISSING"}
        assert run_job(archive, "rebuild", instance).success
        assert set(status(archive, instance).values()) == {"FRESH"}
        observe(archive, instance)
        assert set(status(archive, instance).values()) == {"FRESH"}

        archive.append("article/2", "ArticlePublished", PUBLISHED)
        observe(archive, instance)
        behind = status(archive, instance)
        assert {behind[f"views/{view}"] for view in archive.views} == {"STALE"}
        assert run_job(archive, "catch_up", instance).success
        assert set(status(archive, instance).values()) == {"FRESH"}

        archive.append("article/3", "ArticlePublished", PUBLISHED)
        archive.catch_up()
        observe(archive, instance)
        assert set(status(archive, instance).values()) == {"FRESH"}


def test_what_was_appended_while_a_rebuild_ran_leaves_all_green(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    from archive import Rebuild

    check = Rebuild.check

    def appended(self: Rebuild, view: str) -> object:
        if view == "topics":
            archive.append("article/2", "ArticlePublished", PUBLISHED)
        return check(self, view)

    monkeypatch.setattr(Rebuild, "check", appended)
    with DagsterInstance.ephemeral() as instance:
        assert run_job(archive, "rebuild", instance).success
        observe(archive, instance)
        assert set(status(archive, instance).values()) == {"FRESH"}


def test_an_archive_that_was_filled_without_dagster_is_green_after_one_look(
    archive: Archive,
) -> None:
    archive.rebuild()
    with DagsterInstance.ephemeral() as instance:
        observe(archive, instance)
        assert set(status(archive, instance).values()) == {"FRESH"}
        assert generations(instance, archive) == {"articles": 1, "topics": 1}


def test_a_view_whose_code_changed_is_stale_until_it_is_rebuilt(archive: Archive) -> None:
    changed = replace(FEW.views["articles"], code_version=99)
    views = {**FEW.views, "articles": changed}
    later = Archive(archive.home, Domain("newsroom", FEW.categories, views, FEW.references))
    with DagsterInstance.ephemeral() as instance:
        assert run_job(archive, "rebuild", instance).success
        now = status(later, instance)
        assert (now["views/articles"], now["index/articles"]) == ("STALE", "STALE")
        assert (now["views/topics"], now["index/topics"]) == ("FRESH", "FRESH")
        assert run_job(later, "rebuild", instance).success
        assert set(status(later, instance).values()) == {"FRESH"}


def test_after_a_roll_back_and_a_promotion_the_indexes_show_what_is_live(
    archive: Archive,
) -> None:
    with DagsterInstance.ephemeral() as instance:
        for number in (2, 3):
            assert run_job(archive, "rebuild", instance).success
            archive.append(f"article/{number}", "ArticlePublished", PUBLISHED)
        assert generations(instance, archive) == {"articles": 2, "topics": 2}
        back = run_job(archive, "roll_back", instance)
        assert back.success
        assert generations(instance, archive) == {"articles": 1, "topics": 1}
        table = materialized(back)["index/articles"]["generations"]
        assert "| 1 | live | 1 | 1 |" in table
        assert "| 2 | promote again | 2 | 2 |" in table
        behind = status(archive, instance)
        assert {behind[f"views/{view}"] for view in archive.views} == {"STALE"}, "the log went on"

        assert run_job(archive, "clear", instance).success
        assert instance.get_dynamic_partitions("generation") == ["2"], "the way forward is kept"
        assert run_job(archive, "promote", instance, partition="2").success
        assert generations(instance, archive) == {"articles": 2, "topics": 2}
        assert instance.get_dynamic_partitions("generation") == ["1"]

        wrong = {"promote_generation": {"config": {"generation": 9}}}
        refused = run_job(archive, "promote", instance, ops=wrong)
        (reason,) = failures(refused)
        assert reason == (
            "there is no generation 9; see: stet generations (those that may be promoted: 1)"
        )


def test_a_roll_back_on_the_command_line_is_seen_by_the_next_look(archive: Archive) -> None:
    archive.rebuild()
    archive.rebuild()
    with DagsterInstance.ephemeral() as instance:
        observe(archive, instance)
        assert generations(instance, archive) == {"articles": 2, "topics": 2}
        archive.roll_back()
        observe(archive, instance)
        assert generations(instance, archive) == {"articles": 1, "topics": 1}
        assert instance.get_dynamic_partitions("generation") == ["2"]


def test_a_code_location_is_one_archive_and_a_run_cannot_name_another(archive: Archive) -> None:
    from dagster import DagsterInvalidConfigError

    for field in ("home", "search", "domain"):
        with pytest.raises(DagsterInvalidConfigError, match=f'unexpected config entry "{field}"'):
            run_job(archive, "rebuild", **{field: "elsewhere"})


def test_each_asset_says_what_it_is_whose_and_where_its_source_and_documents_are(
    archive: Archive,
) -> None:
    graph = definitions_for(archive).resolve_asset_graph()
    for group in ("views", "index"):
        for view in archive.views:
            node = graph.get(AssetKey([group, view]))
            assert len(node.description or "") > 40
            assert node.owners == ["team:newsroom"]
            assert node.tags["stet/domain"] == "newsroom"
            assert node.code_version == str(archive.views[view].code_version)
            references = node.metadata["dagster/code_references"].code_references
            assert references[0].file_path.endswith(f"views/{view}.py")
            kind = {"views": "parquet", "index": "tantivy"}[group]
            assert f"dagster/kind/{kind}" in node.tags
    cluster = Archive(archive.home, FEW, "http://127.0.0.1:9")
    index = definitions_for(cluster).resolve_asset_graph().get(AssetKey(["index", "articles"]))
    assert "dagster/kind/elasticsearch" in index.tags
    assert "dagster/kind/tantivy" not in index.tags
    articles = materialized(run_job(archive, "rebuild"))["views/articles"]
    columns = {column.name: column for column in articles["dagster/column_schema"].columns}
    assert columns["headline"].description == "the title, text headline"
    assert columns["tags"].description == "text tag, filter tag, filter tag_id"
    assert articles["dagster/uri"].startswith("file:///")
