"""Reading documents: as a frame and as JSON Lines, from a kept build or from the log."""

from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive import export
from newsroom import DOMAIN
from replay import begin_build


@pytest.fixture
def archive(newsroom, article):
    newsroom.tell(*(article(str(n), body=f"Body {n}.") for n in (3, 10, 2)))
    return newsroom.archive


def build_articles(archive):
    with begin_build(archive.log, archive.builds) as build:
        build.write(DOMAIN.views["articles"])
    return build


def test_read_gives_a_frame_as_of_any_point(archive, newsroom):
    newsroom.tell(("article/2", "ArticleRetracted", {}))
    assert list(export.read(archive, "articles").id) == ["article/10", "article/3"]
    assert list(export.read(archive, "articles", at=3).id) == [
        "article/10",
        "article/2",
        "article/3",
    ]
    assert len(export.read(archive, "articles", at=datetime.now(UTC))) == 2
    assert len(export.read(archive, "articles", at="1999-01-01T00:00:00Z")) == 0


def test_reading_leaves_nothing_behind_and_begins_no_build(archive):
    export.read(archive, "articles")
    list(export.export(archive, "bylines"))
    assert list(archive.builds.iterdir()) == []


def test_a_kept_build_of_exactly_that_sequence_is_read_instead_of_the_log(archive, monkeypatch):
    expected = export.read(archive, "articles")
    build_articles(archive)
    monkeypatch.setattr(export, "State", None)
    assert export.read(archive, "articles").equals(expected)
    assert len(list(export.export(archive, "articles", at=3))) == 3


def test_a_build_of_another_version_of_the_code_is_not_read(archive):
    build = build_articles(archive)
    note = build.directory / "articles.json"
    note.write_text(note.read_text().replace('"code_version": 1', '"code_version": 0'))
    build.path("articles").unlink()
    assert len(export.read(archive, "articles")) == 3


def test_export_is_json_lines_in_key_order_with_instants_in_utc(archive, newsroom, article):
    newsroom.tell(article("4", published_at="2019-04-08T16:26:45.5+02:00"))
    lines = list(export.export(archive, "articles"))
    assert all(line.endswith(b"}\n") for line in lines)
    parsed = [orjson.loads(line) for line in lines]
    assert [p["id"] for p in parsed] == ["article/10", "article/2", "article/3", "article/4"]
    assert parsed[0]["published_at"] == "1851-09-18T05:00:00Z"
    assert parsed[3]["published_at"] == "2019-04-08T14:26:45.500000Z"
    assert list(parsed[0])[:3] == ["id", "headline", "kicker"]
    (day,) = [
        orjson.loads(line) for line in export.export(archive, "timeline", keys=["1851-09-18"])
    ]
    assert day["date"] == "1851-09-18"


@pytest.mark.parametrize("built", [False, True])
def test_export_of_keys_is_those_documents_alone(archive, built):
    every = {orjson.loads(line)["id"]: line for line in export.export(archive, "articles")}
    if built:
        build_articles(archive)
    assert list(export.export(archive, "articles", keys=["article/2", "article/none"])) == [
        every["article/2"]
    ]
    assert list(export.export(archive, "articles", keys=["article/none"])) == []


@pytest.mark.parametrize("keys", [[], ["a"], ["b", "e"], ["0", "c", "z"], ["é" * 300, "d"]])
def test_documents_of_some_ids_are_read_from_the_row_groups_that_have_them(tmp_path, keys) -> None:
    ids = sorted(["a", "b", "c", "d", "e", "é" * 300, "n" * 500])
    pq.write_table(pa.table({"id": ids}), tmp_path / "documents.parquet", row_group_size=2)
    with pq.ParquetFile(tmp_path / "documents.parquet") as file:
        found = [
            key for batch in export.documents_of(file, {*keys}) for key in batch["id"].to_pylist()
        ]
    assert found == [key for key in ids if key in keys]
