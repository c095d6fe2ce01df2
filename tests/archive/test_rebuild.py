"""The main job: every view computed, indexed, checked, and promoted together, or not at all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from archive import Archive, catch_up, export
from archive.rebuild import Rebuild, run
from event_log import NewEvent
from newsroom import DOMAIN
from search import Query, SearchError
from search.embedded.engine import EmbeddedEngine
from search.errors import DamagedIndex, NothingServes, NotPromoted, UnknownName

VIEW_NAMES = tuple(DOMAIN.views)
HEADLINE = {"published_at": "1912-04-15T00:00:00Z"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    tell(made, "section/sea", "SectionOpened", name="Sea")
    tell(made, "byline/ana", "BylineRegistered", name="Ana Ruiz")
    publish(made, 1)
    return made


def tell(archive: Archive, stream: str, kind: str, **data: Any) -> None:
    archive.log.append([NewEvent(stream, kind, data)])


def publish(archive: Archive, number: int, **data: Any) -> None:
    given = {
        "headline": f"Whale {number}",
        "published_at": f"19{number % 100:02d}-04-15T00:00:00Z",
        "section_id": "section/sea",
        "byline_ids": ["byline/ana"],
        **data,
    }
    tell(archive, f"article/{number:03d}", "ArticlePublished", **given)


def served(archive: Archive) -> dict[str, int]:
    return {view: found.generation for view, found in archive.engine.serving().items()}


def test_a_rebuild_lets_all_views_serve_what_the_log_says(archive: Archive) -> None:
    steps: list[str] = []
    result = run(archive, progress=steps.append)
    assert [built.view for built in result.views] == list(VIEW_NAMES)
    assert served(archive) == dict.fromkeys(VIEW_NAMES, result.generation)
    assert steps[:3] == [
        "articles: computing",
        "articles: indexing 1 document",
        "articles: checking",
    ]
    answer = archive.search(Query("whale", facets=["section", "year"]))
    assert [hit.id for hit in answer.hits] == ["article/001"]
    assert answer.facets == {"section": [("Sea", 1)], "year": [("1901", 1)]}
    assert answer.sequence == result.sequence == 3
    for view in VIEW_NAMES:
        assert archive.search(Query(view=view)).total >= (view not in ("images", "topics"))


def test_hits_carry_the_document_as_an_export_has_it(archive: Archive) -> None:
    run(archive)
    for view in ("articles", "bylines", "timeline", "history"):
        exported = [json.loads(line) for line in export.export(archive, view)]
        hits = archive.search(Query(view=view, size=100, embargoed=True)).hits
        assert [hit.document for hit in hits] == exported
        for each in exported if archive.views[view].tally else ():
            del each["sequence"]  # it would tell readers of what is under embargo
        assert [hit.document for hit in archive.search(Query(view=view, size=100)).hits] == exported


def test_a_rebuild_of_some_views_leaves_the_others_alone(archive: Archive) -> None:
    run(archive)
    result = run(archive, ["history", "bylines"])
    assert [built.view for built in result.views] == ["bylines", "history"]
    changed = {name for name, generation in served(archive).items() if generation == 2}
    assert changed == {"bylines", "history"}


def test_a_rebuild_as_of_a_point_knows_nothing_later(archive: Archive) -> None:
    publish(archive, 2)
    run(archive, at=3)
    assert archive.search(Query("whale")).total == 1


def test_a_view_that_does_not_exist_is_told_with_those_that_do(archive: Archive) -> None:
    with pytest.raises(UnknownName, match="there is no view 'nope'; there are: articles"):
        run(archive, ["nope"])


def test_steps_may_run_in_any_object_of_the_same_build(archive: Archive) -> None:
    complete = []
    for view in ("articles", "bylines"):
        Rebuild.begin(archive, ["articles", "bylines"], rebuild_id="run-1").write(view)
    publish(archive, 2)  # too late for this build
    for view in ("articles", "bylines"):
        step = Rebuild.begin(archive, ["articles", "bylines"], rebuild_id="run-1")
        assert step.index(view).documents == 1
        assert not step.check(view)
        complete.append(step.complete)
    assert complete == [False, True]
    step.promote()
    assert served(archive) == {"articles": 1, "bylines": 1}


def test_a_step_that_is_repeated_changes_nothing(archive: Archive) -> None:
    rebuild = Rebuild.begin(archive, ["articles"])
    for _ in range(2):
        rebuild.write("articles")
        rebuild.index("articles")
        assert not rebuild.check("articles")
    rebuild.promote()
    rebuild.promote()
    assert archive.search(Query()).total == 1


def test_a_document_that_differs_is_found_and_nothing_is_promoted(archive: Archive) -> None:
    for number in range(2, 6):
        publish(archive, number)
    run(archive)
    rebuild = Rebuild.begin(archive, ["articles"])
    rebuild.write("articles")
    spoil(rebuild.path("articles"))
    rebuild.index("articles")
    rebuild.write("articles")
    found = rebuild.check("articles")
    assert (found.missing, found.extra, found.different, found.count) == (
        ["article/001"],
        ["article/zzz"],
        ["article/003"],
        3,
    )
    with pytest.raises(NotPromoted, match="3 documents differ"):
        rebuild.promote()
    assert not rebuild.complete
    assert served(archive)["articles"] == 1


def spoil(path: Path) -> None:
    """Lose one document, change one, and invent one."""
    table = pq.read_table(path)
    lines = table.to_pylist()[1:]
    lines[1]["headline"] = "Whale three"
    lines.append({**lines[0], "id": "article/zzz"})
    pq.write_table(pa.Table.from_pylist(lines, schema=table.schema), path)


def test_what_was_not_checked_is_not_promoted(archive: Archive) -> None:
    rebuild = Rebuild.begin(archive, ["articles"])
    rebuild.write("articles")
    rebuild.index("articles")
    with pytest.raises(NotPromoted, match="index and check it first"):
        rebuild.promote()


def test_roll_back_goes_to_what_served_before_and_no_further_than_is_kept(archive: Archive) -> None:
    for number in range(2, 6):
        publish(archive, number)
        run(archive, ["articles", "bylines"])
    assert kept(archive) == {1, 2, 3, 4}  # the next rebuild removes the first
    assert archive.search(Query()).total == 5
    assert {found.generation for found in archive.roll_back().values()} == {3}
    assert archive.search(Query()).total == 4
    archive.roll_back()
    with pytest.raises(NothingServes, match="no generation before"):
        archive.roll_back()
    assert served(archive) == {"articles": 2, "bylines": 2}


def kept(archive: Archive) -> set[int]:
    return {int(path.name) for path in (archive.folder / "index").iterdir() if path.is_dir()}


def test_the_last_three_generations_are_kept(archive: Archive) -> None:
    for _ in range(5):
        run(archive, ["articles"])
    Rebuild.begin(archive, ["articles"]).close()
    assert kept(archive) == {3, 4, 5, 6}
    assert [found.generation for found in archive.engine.generations()] == [3, 4, 5]


def test_a_generation_that_serves_cannot_be_dropped(archive: Archive) -> None:
    run(archive, ["articles"])
    with pytest.raises(SearchError, match="is live, or kept for roll-back"):
        archive.engine.drop("articles", 1)


def test_a_rebuild_that_is_going_on_is_not_cleared_by_another(archive: Archive) -> None:
    slow = Rebuild.begin(archive, ["articles"])
    slow.write("articles")
    slow.index("articles")
    run(archive, ["articles"])
    assert not slow.check("articles")
    slow.promote()
    assert served(archive) == {"articles": slow.generation}


def test_a_rebuild_that_was_cleared_away_says_so(archive: Archive) -> None:
    first = Rebuild.begin(archive, ["articles"])
    first.close()
    run(archive, ["articles"])
    with pytest.raises(NotPromoted, match="deleted by a later rebuild"):
        first.index("articles")


@pytest.mark.slow
def test_a_rebuild_that_is_killed_leaves_what_serves_and_the_next_one_cleans_up(
    archive: Archive,
) -> None:
    run(archive)
    publish(archive, 2)
    code = """
        import sys, time
        from search import lines
        from archive import Archive
        from archive.rebuild import run
        pieces = lines.in_pieces
        def slowly(*given):
            for piece in pieces(*given):
                yield piece
                print("indexing", flush=True)
                time.sleep(60)
        lines.in_pieces = slowly
        run(Archive(sys.argv[1]))
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), archive.home], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"indexing\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert kept(archive) == {1, 2}
    assert served(archive) == dict.fromkeys(VIEW_NAMES, 1)
    assert archive.search(Query()).total == 1
    assert run(archive).generation == 3
    assert kept(archive) == {1, 3}
    assert archive.search(Query()).total == 2


def test_a_reader_goes_on_with_files_that_are_gone(archive: Archive) -> None:
    run(archive, ["articles"])
    generations = archive.engine
    assert archive.search(Query("whale")).total == 1
    for path in (archive.folder / "index" / "000001" / "articles").iterdir():
        path.unlink()
    assert archive.search(Query("whale", facets=["year"])).total == 1
    assert generations.serving()


@pytest.mark.parametrize("damage", ["meta.json", "*.term", "*.store", "articles.json"])
def test_a_damaged_index_is_one_line_that_says_what_to_do(archive: Archive, damage: str) -> None:
    run(archive, ["articles"])
    folder = archive.folder / "index" / "000001"
    for path in [*folder.glob(damage), *(folder / "articles").glob(damage)]:
        path.write_bytes(b"not what it was")
    with pytest.raises(DamagedIndex, match="run: stet rebuild") as told:
        EmbeddedEngine(archive.folder, archive.views).search(Query("whale", facets=["year"]))
    assert "\n" not in str(told.value)


def test_a_damaged_pointer_is_told_and_mended_by_the_next_rebuild(archive: Archive) -> None:
    run(archive, ["articles"])
    (archive.folder / "index" / "serving.json").write_text("{")
    with pytest.raises(DamagedIndex, match="run: stet rebuild"):
        archive.search(Query("whale"))
    run(archive, ["articles"])
    assert archive.search(Query("whale")).total == 1


def test_a_home_whose_views_were_deleted_never_reuses_a_generation(archive: Archive) -> None:
    import shutil

    run(archive, ["articles"])
    shutil.rmtree(archive.builds)
    assert run(archive, ["articles"]).generation == 2


def test_importing_search_loads_nothing_heavy() -> None:
    code = (
        "import sys, search; search.Query; search.SearchError;"
        "print([m for m in ('tantivy', 'duckdb', 'pyarrow', 'ibis') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_searching_does_not_load_what_computes_views(archive: Archive) -> None:
    run(archive, ["articles"])
    code = (
        f"import sys; from archive import Archive; Archive({archive.home!r}).search('whale');"
        "print([m for m in ('ibis', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout == "[]\n"


def test_what_the_log_is_told_while_a_rebuild_runs_is_searched_when_it_serves(
    archive: Archive,
) -> None:
    rebuild = Rebuild.begin(archive)
    for view in rebuild.views:
        rebuild.write(view)
        rebuild.index(view)
        rebuild.check(view)
    tell(archive, "tag/late", "TagDefined", name="Latecomers")
    rebuild.promote()
    rebuild.close()
    assert rebuild.reached == rebuild.sequence + 1 == 4
    assert {about.sequence for about in archive.engine.serving().values()} == {4}
    assert archive.search(Query("latecomers", "topics")).total == 1
    tell(archive, "tag/later", "TagDefined", name="Latercomers")
    said: list[str] = []
    assert catch_up.run(archive, progress=said.append).through == 5
    assert not [line for line in said if "folding" in line]  # the rebuild has left its state


def test_a_rebuild_as_of_a_point_stays_there(archive: Archive) -> None:
    assert run(archive, at=2).sequence == 2
    assert {about.sequence for about in archive.engine.serving().values()} == {2}
