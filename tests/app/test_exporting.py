"""An export to a file: current, whole, and the same again."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, NotExported

ODD = 'A "white" whale, seen;\r\nby Łukasz\u2028off =Montauk\x00'
PUBLISHED = {"headline": ODD, "published_at": "1851-10-18T12:00:00.5Z", "section_id": "section/sea"}


@pytest.fixture
def archive(built: Path, tmp_path: Path) -> Archive:
    return Archive(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a section and two articles, rebuilt."""
    home = tmp_path_factory.mktemp("built") / "home"
    archive = Archive(home)
    archive.append("section/sea", "SectionOpened", {"name": "Sea"})
    archive.append("article/1", "ArticlePublished", PUBLISHED)
    archive.append("article/2", "ArticlePublished", PUBLISHED | {"headline": "Two"})
    archive.rebuild()
    return home


def _run(archive: Archive, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [*arguments, "--home", archive.home])


def test_a_file_at_a_stable_path_has_what_catching_up_changed_and_what_it_has_not_yet(
    archive: Archive, tmp_path: Path
) -> None:
    file = tmp_path / "articles.parquet"

    def headlines() -> list[str]:
        assert _run(archive, "export", "articles", "--to", str(file)).exit_code == 0
        found = duckdb.sql(f"SELECT headline FROM '{file}' ORDER BY id").fetchall()
        return [headline for (headline,) in found]

    assert headlines()[1] == "Two"
    archive.append("article/2", "ArticleRevised", {"headline": "Three"})
    assert headlines()[1] == "Three"
    archive.catch_up()
    assert headlines()[1] == "Three"
    archive.append("article/2", "ArticleRetracted")
    archive.catch_up()
    assert len(headlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"home", "articles.parquet"}


def test_the_same_log_gives_the_same_file_and_leaves_a_current_one(
    archive: Archive, tmp_path: Path
) -> None:
    for format in ("parquet", "jsonl", "csv"):
        first = archive.export_file("articles", tmp_path, format)
        content = Path(first.path).read_bytes()
        again = archive.export_file("articles", tmp_path, format)
        assert Path(again.path).read_bytes() == content
        assert (first.written, again.written) == (True, format != "parquet")
        assert (first.documents, again.documents) == (2, 2)
    one = str(tmp_path / "one")  # without an ending it is Parquet
    told = _run(archive, "export", "articles", "--key", "article/2", "--to", one).stdout
    assert f"{one}: 1 document as of sequence 3 (" in told
    assert pq.read_metadata(one).num_rows == 1
    result = _run(archive, "export", "articles", "--format", "parquet", "--to", str(tmp_path))
    assert "2 documents as of sequence 3, which it had already" in result.stdout


def test_all_formats_have_the_same_documents(archive: Archive, tmp_path: Path) -> None:
    as_lines = [json.loads(line) for line in archive.export("articles")]
    parquet = archive.export_file("articles", tmp_path / "a.parquet")
    table = pq.read_table(parquet.path).to_pylist()
    assert [line["id"] for line in as_lines] == [line["id"] for line in table]
    assert table[0]["published_at"] == datetime(1851, 10, 18, 12, 0, 0, 500_000, UTC)
    written = Path(archive.export_file("articles", tmp_path / "a.csv").path).read_bytes()
    assert written == b"".join(archive.export("articles", format="csv"))
    read = list(csv.DictReader(io.StringIO(written.decode(), newline="")))
    assert [line["headline"] for line in read] == [ODD, "Two"]
    assert json.loads(read[0]["section"]) == as_lines[0]["section"]
    assert read[0]["published_at"] == as_lines[0]["published_at"] == "1851-10-18T12:00:00.500000Z"
    lines = Path(archive.export_file("articles", tmp_path / "a.jsonl").path).read_bytes()
    assert lines == b"".join(archive.export("articles"))


def test_an_export_is_limited_to_a_point_and_a_document(archive: Archive, tmp_path: Path) -> None:
    for format in ("parquet", "jsonl", "csv"):
        at = archive.export_file("articles", tmp_path / f"at.{format}", at=2)
        assert (at.documents, at.sequence) == (1, 2)
        one = archive.export_file("articles", tmp_path / f"one.{format}", keys=["article/2"])
        assert one.documents == 1
    assert pq.read_table(tmp_path / "one.parquet").column("id").to_pylist() == ["article/2"]


def test_a_failed_export_leaves_the_file_as_it_was(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "articles.parquet"
    file.write_bytes(b"precious")
    with pytest.raises(NotExported, match="'xls' is no format; give one of: parquet, jsonl, csv"):
        archive.export_file("articles", tmp_path / "articles.xls")
    with pytest.raises(NotExported, match="is no format"):
        archive.export_file("articles", file, "xml")
    with pytest.raises(NotExported, match="is no folder to write to"):
        archive.export_file("articles", tmp_path / "nowhere" / "a.parquet")

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("archive.export_file.durable_rename", full)
    result = _run(archive, "export", "articles", "--to", str(file))
    assert result.exit_code == 1
    assert "the disk is full" in result.stderr
    assert file.read_bytes() == b"precious"
    assert {path.name for path in tmp_path.iterdir()} == {"home", "articles.parquet"}


def test_a_file_of_any_name_is_written(archive: Archive, tmp_path: Path) -> None:
    for name in (b"a?b*[c].parquet", b"caf\xe9.csv", b"id=5.jsonl", b"a\nb'.parquet"):
        file = tmp_path / os.fsdecode(name)
        result = _run(archive, "export", "articles", "--to", str(file))
        assert result.exit_code == 0, (result.output, result.exception)
        assert file.stat().st_size


def test_parquet_needs_a_file(archive: Archive) -> None:
    assert _run(archive, "export", "articles", "--format", "parquet").exit_code == 2
    assert _run(archive, "export", "articles", "--format", "csv").stdout.startswith("id,headline,")
