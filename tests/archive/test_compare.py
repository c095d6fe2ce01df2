"""What serves is compared with the log anew; what nobody needs goes; months' ends are counted."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive, clear, compare, growth
from archive.lag import measure_lag
from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from replay import begin_build
from replay.builds import folder
from search.errors import NothingServes, UnknownName

PUBLISHED = {"headline": "Whales return", "published_at": "1851-10-18T12:00:00Z"}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    made = Archive(tmp_path)
    made.log.append([NewEvent(f"article/{n}", "ArticlePublished", PUBLISHED) for n in range(3)])
    return made


@pytest.fixture
def log(archive: Archive) -> EventLog:
    return archive.log


def publish(log: EventLog, name: str) -> None:
    log.append([NewEvent(f"article/{name}", "ArticlePublished", PUBLISHED)])


def test_what_serves_equals_its_view_also_when_the_log_went_on(
    archive: Archive, log: EventLog
) -> None:
    archive.rebuild()
    publish(log, "later")
    found = list(compare.compare(archive))
    assert [one.view for one in found] == list(DOMAIN.views)
    assert not any(one.differences for one in found)
    assert {one.sequence for one in found} == {3}


def test_an_index_that_differs_is_told_with_the_document_and_no_build_is_believed_for_it(
    archive: Archive, log: EventLog
) -> None:
    archive.rebuild()
    publish(log, "later")
    with begin_build(log, archive.builds) as later:  # an index that claims what it does not hold
        later.write(archive.views["articles"])
    engine = archive.engine
    engine.create("articles", 9, 3)
    engine.load("articles", 9, later.path("articles"))
    engine.refresh("articles", 9)
    engine.promote({"articles": 9})
    (found,) = compare.compare(archive, ["articles"])
    assert found.differences.extra == ["article/later"]
    assert "extra: article/later" in str(found)
    shown = CliRunner().invoke(cli, ["--home", archive.home, "compare", "articles"])
    assert shown.exit_code == 1
    assert "live index differs from its view: " in shown.stderr


def test_what_does_not_serve_and_what_is_no_view_is_said(archive: Archive, log: EventLog) -> None:
    assert log.head
    with pytest.raises(NothingServes, match="run: stet rebuild"):
        list(compare.compare(archive, ["articles"]))
    with pytest.raises(UnknownName, match="there is no view 'essays'"):
        list(compare.compare(archive, ["essays"]))
    assert list(compare.compare(archive)) == []


def test_clearing_keeps_what_serves_and_what_may_be_rolled_back_to(
    archive: Archive, log: EventLog
) -> None:
    for number in range(4):
        publish(log, f"more-{number}")
        archive.rebuild(["articles"])
    engine = archive.engine
    engine.create("articles", 77, 1)  # left by someone who was killed
    long_ago = time.time() - 2 * folder.ABANDONED_SECONDS
    for path in archive.builds.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    cleared = clear.clear(archive)
    assert 77 in cleared.generations
    assert cleared.builds == (1,)
    assert {2, 3, 4} <= engine.numbers()
    assert str(clear.clear(archive)) == "nothing to remove"


def test_months_ends_are_counted_and_nothing_is_promoted(archive: Archive, log: EventLog) -> None:
    before = growth.count_month(archive, "2024-01", "recorded")
    assert before.sequence == 0
    assert set(before.documents.values()) == {0}
    assert growth.count_month(archive, "2024-02", "recorded").seconds == 0.0
    counted = growth.counted_months(archive, "recorded")
    assert [one.month for one in counted] == ["2024-01", "2024-02"]
    assert archive.engine.serving() == {}
    with pytest.raises(growth.InvalidMonth, match="has not ended"):
        growth.count_month(archive, "9999-01", "recorded")
    with pytest.raises(growth.InvalidMonth, match="write it like"):
        growth.count_month(archive, "2024-13")
    assert log.head == 3


def test_a_month_that_was_counted_of_another_log_is_counted_anew(
    archive: Archive, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growth, "end_of", lambda _: datetime.now(UTC))
    first = growth.count_month(archive, "2026-01", "recorded")
    assert first.documents["articles"] == first.sequence == 3
    path = archive.folder / "growth" / "2026-01.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "digest": "0" * 64}))
    assert growth.counted_months(archive, "recorded") == []
    path.write_text("{")
    assert growth.counted_months(archive, "recorded") == []
    publish(log, "later")
    assert growth.count_month(archive, "2026-01", "recorded").documents["articles"] == 4


def test_documents_are_counted_by_their_own_dates_though_all_were_recorded_today(
    tmp_path: Path,
) -> None:
    archive = Archive(tmp_path / "imported", DOMAIN)
    for number, date in enumerate(("0001-01-01", "1912-04-15", "1912-04-30T23:59:59Z", "9999-12")):
        data = {"headline": f"Article {number}", "published_at": date}
        happened = "1912-05-01" if number else "1912-04-30"
        stream = f"article/{number}"
        archive.append(stream, "ArticlePublished", data, occurred_at=happened)
    archive.append("tag/sea", "TagDefined", {"name": "Sea"})
    asked = archive.growth("1912-03", "1912-05")
    assert [month.documents["articles"] for month in asked] == [1, 3, 3]
    assert [month.documents["history"] for month in asked] == [0, 1, 4]
    assert {month.documents["topics"] for month in asked} == {None}, "topics have no date"
    assert archive.growth("9999-12", "9999-12")[0].documents["articles"] == 4
    assert archive.growth("1912-04", "1912-04", "recorded")[0].documents["articles"] == 0
    archive.append("article/0", "ArticleRetracted")
    assert archive.growth("1912-04", "1912-04")[0].documents["articles"] == 2, "as of the head"
    assert next(iter(growth.counted_months(archive))).documents["articles"] == 0
    with pytest.raises(growth.InvalidMonth, match="count by one of: date, recorded"):
        archive.growth("1912-04", "1912-04", "moon")


def test_what_was_counted_by_date_is_used_until_the_log_grows(
    archive: Archive, log: EventLog
) -> None:
    assert growth.count_month(archive, "2026-01").seconds > 0
    assert growth.count_month(archive, "2026-02").seconds == 0
    path = archive.folder / "growth" / "dates.json"
    path.write_text("{")
    assert growth.count_month(archive, "2026-02").seconds > 0
    publish(log, "later")
    assert growth.count_month(archive, "2026-02").seconds > 0


def test_the_command_line_counts_a_range_of_months(archive: Archive, log: EventLog) -> None:
    assert log.head
    asked = ["growth", "--home", archive.home, "--from", "2024-11", "--to", "2025-01", "--json"]
    lines = CliRunner().invoke(cli, asked).stdout.splitlines()
    assert [json.loads(line)["month"] for line in lines] == ["2024-11", "2024-12", "2025-01"]


def test_lag_is_in_events_and_in_seconds_since_the_oldest_of_them(log: EventLog) -> None:
    assert (measure_lag(log, 3).events, measure_lag(log, 3).seconds) == (0, 0.0)
    time.sleep(0.05)
    publish(log, "later")
    assert measure_lag(log, 3).events == 1
    assert measure_lag(log, 0).events == 4
    assert measure_lag(log, 0).seconds > measure_lag(log, 3).seconds
