"""What one long list, one long chain or one busy entity costs: in proportion to its length.

The cost is the number of lines that DuckDB's operators give on, which no other work on the machine
changes. A document or a list that is four times as long may cost six times as much, not sixteen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from duckdb import DuckDBPyConnection
from histories import told
from stepped import VIEW_NAMES, VIEWS, Stepped, Template
from tiers import first_of

from event_log import EventLog, NewEvent
from replay.builds.make import documents_sql
from replay.kept.plans import Tables
from replay.state import State

SIZE, TIMES, MOST = 400, 4, 6
Event = tuple[str, str, dict[str, Any]]
DAY = {"headline": "H", "published_at": "1912-04-15T00:00:00Z"}


class Counting:
    """A connection that adds up the lines which the operators of its queries give on."""

    def __init__(self, duck: DuckDBPyConnection) -> None:
        self._duck, self._lines, self._ran = duck, 0, False
        duck.execute("SET enable_profiling = 'no_output'")

    def execute(self, *query: Any) -> DuckDBPyConnection:
        self._add()
        self._ran = True
        return self._duck.execute(*query)

    def _add(self) -> None:
        """Add the profile of the last query, which is whole when its result was read."""
        if not self._ran:
            return
        self._ran = False
        profile = json.loads(self._duck.get_profiling_information(format="json"))
        self._lines += profile.get("cumulative_cardinality", 0)  # not of a statement without plan

    def lines(self) -> int:
        """How many lines since the last call."""
        self._add()
        counted, self._lines = self._lines, 0
        return counted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._duck, name)


def article(number: int = 0, **fields: Any) -> Event:
    return f"article/{number}", "ArticlePublished", DAY | fields


def revised(number: int = 0) -> Event:
    return f"article/{number}", "ArticleRevised", {"headline": "New"}


def tags_of_one_article(n: int) -> list[Event]:
    tags = [(f"tag/{i}", "TagDefined", {"name": f"T{i}"}) for i in range(n)]
    return [*tags, article(tag_ids=[f"tag/{i}" for i in range(n)]), revised(),
            ("tag/1", "TagRevised", {"name": "Other"})]  # fmt: skip


def repeated_tags_of_one_article(n: int) -> list[Event]:
    listed = [*(f"tag/{i}" for i in range(n // 2)), *["tag/1"] * (n // 2)]
    tags = [(f"tag/{i}", "TagDefined", {"name": f"T{i}"}) for i in range(n // 2)]
    return [*tags, article(tag_ids=listed), revised()]


def bylines_of_one_article(n: int) -> list[Event]:
    people = [(f"byline/{i}", "BylineRegistered", {"name": f"B{i}"}) for i in range(n)]
    signed = article(byline_ids=[f"byline/{i}" for i in range(n)], section_id="section/1")
    return [*people, ("section/1", "SectionOpened", {"name": "S"}), signed, revised(),
            ("byline/1", "BylineRevised", {"name": "Other"})]  # fmt: skip


def images_of_one_article(n: int) -> list[Event]:
    images = [
        (f"image/{i}", "ImageAdded", {"url": f"U{i}", "photographer_id": "byline/1"})
        for i in range(n)
    ]
    shown = article(image_ids=[f"image/{i}" for i in range(n)])
    return [*images, ("byline/1", "BylineRegistered", {"name": "B"}), shown, revised(),
            ("byline/1", "BylineRevised", {"name": "Other"})]  # fmt: skip


def articles_of_one_day(n: int) -> list[Event]:
    """They have the same section, byline, image and tag."""
    same = {"section_id": "section/1", "byline_ids": ["byline/1"], "image_ids": ["image/1"],
            "tag_ids": ["tag/1"]}  # fmt: skip
    kinds = [
        ("section/1", "SectionOpened", {"name": "S"}),
        ("byline/1", "BylineRegistered", {"name": "B"}),
        ("image/1", "ImageAdded", {"url": "U"}),
        ("tag/1", "TagDefined", {"name": "T"}),
    ]
    return [*kinds, *(article(i, **same) for i in range(n)), revised(),
            ("tag/1", "TagRemoved", {})]  # fmt: skip


def chain_of_sections(n: int) -> list[Event]:
    """Each is in the one before, and the first in the last: a cycle. Each has an article."""
    sections = [
        (f"section/{i}", "SectionOpened", {"name": f"S{i}", "parent_id": f"section/{(i - 1) % n}"})
        for i in range(n)
    ]
    filed = [article(i, section_id=f"section/{i}", byline_ids=["byline/1"]) for i in range(n)]
    return [*sections, *filed, ("section/1", "SectionRevised", {"name": "Other"})]


def children_of_one_section(n: int) -> list[Event]:
    children = [
        (f"section/{i}", "SectionOpened", {"name": f"S{i}", "parent_id": "section/top"})
        for i in range(n)
    ]
    return [("section/top", "SectionOpened", {"name": "Top"}), *children,
            ("section/top", "SectionRevised", {"name": "Other"})]  # fmt: skip


def events_of_one_article(n: int) -> list[Event]:
    revisions = [
        ("article/0", "ArticleRevised", {"headline": f"H{i}", "body": f"B{i}"}) for i in range(n)
    ]
    return [article(), *revisions, revised()]


SHAPES = [
    tags_of_one_article, repeated_tags_of_one_article, bylines_of_one_article,
    images_of_one_article, articles_of_one_day, chain_of_sections, children_of_one_section,
    events_of_one_article,
]  # fmt: skip
Shape = Callable[[int], list[Event]]


def log_of(shape: Shape, size: int) -> EventLog:
    return told([NewEvent(*event) for event in shape(size)])


def costs_of_rebuilding(log: EventLog) -> dict[str, int]:
    """By view, what all its documents cost."""
    costs = {}
    with State(log.at()) as state:
        counting = Counting(state.backend.con)
        for name in VIEW_NAMES:
            sql = documents_sql(VIEWS[name], state)
            counting.lines()
            counting.execute(sql).to_arrow_table()
            costs[name] = counting.lines()
    return costs


def costs_of_stepping(log: EventLog, stepped: Stepped) -> dict[str, int]:
    """What it costs to take up all events but the last three, and then each of these."""
    counting = Counting(stepped.kept.connection)
    kept: Any = stepped.kept
    kept.connection, kept.tables = counting, Tables(counting)  # type: ignore[arg-type]
    stepped = Stepped(kept, log, {name: {} for name in VIEW_NAMES}, stepped.folder)
    costs = {}
    for until in range(log.head - 3, log.head + 1):
        counting.lines()
        stepped.step(until)
        costs[f"step to the end - {log.head - until}"] = counting.lines()
    return costs


def too_much(small: dict[str, int], large: dict[str, int]) -> dict[str, tuple[int, int]]:
    return {name: (small[name], large[name]) for name in small if large[name] > MOST * small[name]}


@first_of("shape", SHAPES)
def test_a_rebuild_costs_in_proportion_to_the_longest_list(shape: Shape) -> None:
    small, large = (costs_of_rebuilding(log_of(shape, SIZE * by)) for by in (1, TIMES))
    assert too_much(small, large) == {}


template = cache(Template)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_step_costs_in_proportion_to_the_longest_list(shape: Shape) -> None:
    small, large = (
        costs_of_stepping(log, template().stepped(log))
        for log in (log_of(shape, SIZE * by) for by in (1, TIMES))
    )
    assert too_much(small, large) == {}


def seconds_of_rebuilding(size: int) -> float:
    """The processor time of all views of one article, whose lists and text are this long."""
    places = range(size)
    lists = {f"{kind}_ids": [f"{kind}/{i}" for i in places] for kind in ("tag", "byline", "image")}
    log = told(
        [NewEvent(*article(**lists, body="whales  and\tships\u3000 " * size)), NewEvent(*revised())]
    )
    with State(log.at()) as state:
        best = {}
        for name in VIEW_NAMES:
            sql = documents_sql(VIEWS[name], state)
            for _ in range(3):
                began = time.process_time()
                state.backend.con.execute(sql).to_arrow_table()
                took = time.process_time() - began
                best[name] = min(took, best.get(name, took))
    return sum(best.values())


@pytest.mark.slow
def test_work_within_one_list_and_one_text_is_in_proportion_to_its_length() -> None:
    """What is done inside a list counts no lines; a square would take sixteen times as long."""
    small, large = seconds_of_rebuilding(20_000), seconds_of_rebuilding(80_000)
    assert large < 10 * small
