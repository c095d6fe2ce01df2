"""Instants of all years are whole numbers of microseconds, in a rebuild and in a step."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from histories import EDGES, told
from stepped import VIEW_NAMES, VIEWS, rebuilds, template
from tiers import first_of

from archive.step import digest
from event_log import NewEvent
from newsroom import DOMAIN
from replay.builds.make import documents_sql
from replay.kept.advance import Advance
from replay.kept.entities import Few, Happened, Whole, WholeHappened
from replay.kept.expressions import Expressions

DIVIDED = re.compile(r"\s//?\s|\b(FLOOR|CEIL|FDIV|DOUBLE|REAL)\b", re.IGNORECASE)


def published(number: int, instant: datetime) -> NewEvent:
    data = {"headline": f"H{number}", "published_at": instant.isoformat()}
    return NewEvent(f"article/{number}", "ArticlePublished", data)


@pytest.mark.slow
def test_a_revised_article_stays_on_its_day_from_the_first_microsecond_to_the_last() -> None:
    events = [published(number, instant) for number, instant in enumerate(EDGES)]
    events += [NewEvent(e.stream, "ArticleRevised", {"headline": "Second"}) for e in events]
    log = told(events)
    stepped = template().stepped(log)
    stepped.step(len(EDGES))
    stepped.step(len(events))
    _, documents = rebuilds().of(log)
    assert stepped.documents == documents
    days = {instant.date().isoformat() for instant in EDGES}
    assert set(stepped.documents["timeline"]) == days
    for day in stepped.documents["timeline"].values():
        assert {headline["headline"] for headline in day["headlines"]} == {"Second"}
    stepped.kept.close()


def test_the_day_that_a_step_finds_an_article_by_is_its_day() -> None:
    log = told([published(number, instant) for number, instant in enumerate(EDGES)])
    stepped = template().stepped(log)
    stepped.step(len(EDGES))
    whole = Whole(stepped.kept)
    articles = whole.entities("article").order_by("sequence")
    sql = whole.backend.compile(articles.select(day=whole.day(articles.published_at)))
    found = [day for (day,) in stepped.kept.connection.execute(sql).fetchall()]
    assert found == [instant.date() for instant in EDGES]
    stepped.kept.close()


@first_of("view", VIEW_NAMES)
def test_no_expression_of_a_view_divides(view: str, newsroom: Any) -> None:
    """Ibis divides by floating-point numbers, also where Python's ``//`` is one of whole ones."""
    kept = template().stepped(told([published(1, EDGES[0])])).kept
    expressions = Expressions(kept, VIEWS)
    Advance(kept, VIEWS, DOMAIN.references, digest)
    compiled = [documents_sql(VIEWS[view], newsroom.state())]
    for where in (Whole(kept), Few(kept)):
        compiled += [expressions.documents(view, where), expressions.newest(view, where)]
    for where in (WholeHappened(kept), Happened(kept)):
        compiled.append(expressions.touching(view, where))
    assert [sql for sql in compiled if DIVIDED.search(sql)] == []
    kept.close()
