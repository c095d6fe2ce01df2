import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from archive import Archive
from newsroom import DOMAIN
from replay.builds import folder, make
from replay.builds.build import begin_build
from replay.errors import NotWritten
from replay.state import State
from search.comparison import digests


@pytest.fixture
def home(newsroom, article):
    newsroom.tell(*(article(str(n), body=f"Body {n}.") for n in (3, 10, 2)))
    return newsroom.home


def begin(home, **options):
    archive = Archive(home, DOMAIN)
    return begin_build(archive.log, archive.builds, **options)


def write(home, *names, **options):
    with begin(home, **options) as build:
        for name in names:
            build.write(DOMAIN.views[name])
    return build


def age(path, seconds=100_000):
    past = time.time() - seconds
    for place in (path, *path.rglob("*")):
        os.utime(place, (past, past))


def test_a_build_writes_every_view_sorted_by_id_and_says_what_it_wrote(home):
    with begin(home) as build:
        written = {name: build.write(DOMAIN.views[name]) for name in DOMAIN.views}
    assert (build.number, build.sequence) == (1, 3)
    assert build.directory == home / "views" / "000001"
    ids = pq.read_table(build.path("articles")).column("id").to_pylist()
    assert ids == ["article/10", "article/2", "article/3"]
    assert written["articles"].documents == 3
    assert written["articles"].bytes == build.path("articles").stat().st_size
    about = json.loads((build.directory / "build.json").read_text())
    assert (about["sequence"], about["build_id"]) == (3, build.build_id)
    notes = folder.views_of(build.directory)
    assert set(notes) == set(DOMAIN.views)
    assert notes["history"]["documents"] == 3
    assert notes["articles"]["code_version"] == DOMAIN.views["articles"].code_version


def test_a_large_view_is_in_order_through_all_its_groups(newsroom, article):
    newsroom.tell(*(article(str(n)) for n in range(45_000)))
    build = write(newsroom.home, "articles")
    file = pq.ParquetFile(build.path("articles"))
    ids = file.read(["id"]).column("id").to_pylist()
    assert ids == sorted(ids)
    assert (len(ids), file.num_row_groups > 1) == (45_000, True)


def test_documents_have_the_types_that_their_readers_rely_on(home):
    build = write(home, *tuple(DOMAIN.views))
    for name in DOMAIN.views:
        schema = pq.read_schema(build.path(name))
        assert schema.names[0] == "id"
        assert str(schema.field("sequence").type) == "int64"
    articles = pq.read_schema(build.path("articles"))
    assert str(articles.field("published_at").type) == "timestamp[us, tz=UTC]"
    assert "parent: struct<id: string, name: string>" in str(articles.field("section").type)
    assert str(pq.read_schema(build.path("timeline")).field("date").type) == "date32[day]"


def test_views_of_an_empty_log_are_empty_and_have_the_same_types(home, tmp_path):
    empty = write(tmp_path / "empty", *tuple(DOMAIN.views))
    full = write(home, *tuple(DOMAIN.views))
    for name in DOMAIN.views:
        assert pq.read_metadata(empty.path(name)).num_rows == 0
        assert pq.read_schema(empty.path(name)).equals(pq.read_schema(full.path(name)))


def test_the_same_build_id_gives_the_same_build_again_whatever_was_appended(
    home, newsroom, article
):
    first = begin(home, build_id="run 1")
    newsroom.tell(article("4"))
    again, other = begin(home, build_id="run 1"), begin(home, build_id="run 2")
    assert (again.directory, again.sequence) == (first.directory, 3)
    assert (other.number, other.sequence) == (2, 4)


def test_processes_that_begin_at_once_share_a_build_id_and_else_have_their_own(home):
    with ThreadPoolExecutor(8) as pool:
        same = list(pool.map(lambda _: begin(home, build_id="one").number, range(8)))
        own = list(pool.map(lambda _: begin(home).number, range(8)))
    assert len(set(same)) == 1
    assert len(set(own)) == 8


@pytest.mark.slow
def test_a_step_in_another_process_uses_the_state_of_the_first(home):
    build = write(home, "bylines", build_id="run")
    folded = {p.name: p.stat().st_mtime_ns for p in (build.directory / "state").iterdir()}
    script = (
        "import sys; from archive import Archive; from replay import begin_build\n"
        "a = Archive(sys.argv[1])\n"
        "with begin_build(a.log, a.builds, build_id='run') as b: b.write(a.views['articles'])"
    )
    subprocess.run([sys.executable, "-c", script, str(home)], check=True)
    assert build.path("articles").exists()
    for name, written in folded.items():
        assert (build.directory / "state" / name).stat().st_mtime_ns == written


def test_a_build_at_an_earlier_sequence_has_what_was_true_then(newsroom, home):
    newsroom.tell(("article/2", "ArticleRetracted", {}))
    then, now = write(home, "articles", at=3), write(home, "articles")
    assert pq.read_table(then.path("articles")).num_rows == 3
    assert pq.read_table(now.path("articles")).num_rows == 2


def test_a_rebuild_is_deterministic(home):
    first, second = write(home, *tuple(DOMAIN.views)), write(home, *tuple(DOMAIN.views))
    for name in DOMAIN.views:
        assert pq.read_table(first.path(name)).equals(pq.read_table(second.path(name)))


def test_a_write_that_fails_leaves_the_documents_before_as_they_were(home, monkeypatch):
    build = write(home, "articles", build_id="run")
    before = build.path("articles").read_bytes()

    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("replay.builds.parquet.durable_rename", full)
    with begin(home, build_id="run") as again, pytest.raises(NotWritten, match="No space"):
        again.write(DOMAIN.views["articles"])
    assert build.path("articles").read_bytes() == before


def test_the_last_three_finished_builds_are_kept_once_the_others_are_quiet(home):
    for _ in range(5):
        age(write(home, "bylines").directory)
    begin(home)
    assert [path.name for path in folder.list_builds(home / "views")] == [
        "000003",
        "000004",
        "000005",
        "000006",
    ]


def test_what_a_killed_build_left_is_removed_when_nobody_can_be_at_it(home):
    finished, killed, working = write(home, "bylines"), begin(home), begin(home)
    leftover = finished.directory / ".articles.parquet-123"
    leftover.write_bytes(b"half")
    prepared = home / "views" / ".begin-123"
    prepared.mkdir()
    for path in (killed.directory, leftover, prepared):
        age(path)
    begin(home)
    assert not killed.directory.exists()
    assert not leftover.exists()
    assert not prepared.exists()
    assert working.directory.exists()
    assert finished.path("bylines").exists()


def test_the_views_are_known_without_loading_what_computes_them():
    script = (
        "import sys, newsroom; named = newsroom.DOMAIN.views\n"
        "assert len(named) == 7 and 'articles' in named\n"
        "assert not {'ibis', 'duckdb', 'pyarrow', 'pandas'} & set(sys.modules), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_state_and_builds_of_another_domain_load_no_newsroom():
    script = (
        "import sys, replay.builds.build, replay.state, replay.view, archive.export\n"
        "assert 'newsroom' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_registry_of_views_gives_each_by_its_name():
    assert [view.name for view in DOMAIN.views.values()] == list(DOMAIN.views)
    with pytest.raises(KeyError):
        DOMAIN.views["nonsense"]


def test_a_view_declares_paths_that_its_documents_have(home):
    with State(begin(home).log.at()) as state:
        for view in DOMAIN.views.values():
            table = view.documents(state, None)
            for path in [p for ps in view.text.values() for p in ps] + [*view.filters.values()]:
                column, *inner = path.split(".")
                kind = table[column].type()
                for name in inner:
                    kind = (kind.value_type if kind.is_array() else kind)[name]
                kind = kind.value_type if kind.is_array() else kind
                assert kind.is_string(), path
            assert view.title in [p for ps in view.text.values() for p in ps]
            assert view.date is None or table[view.date].type().is_temporal()


def test_documents_made_in_parts_are_those_made_at_once(newsroom, article, tmp_path):
    newsroom.tell(*(article(f"{number:03}", body=f"Text {number}") for number in range(25)))
    state, whole = newsroom.state(), tmp_path / "whole.parquet"
    assert make.write_documents(DOMAIN.views["articles"], state, whole) == 25
    few = replace(DOMAIN.views["articles"], documents_a_gigabyte=3)
    parts = tmp_path / "parts.parquet"
    assert make.write_documents(few, state, parts) == 25
    assert pq.read_table(parts).to_pylist() == pq.read_table(whole).to_pylist()
    assert list(digests(parts)) == list(digests(whole))
