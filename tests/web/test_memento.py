"""RFC 7089: the versions of a document, by date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving import Server

from app.web.access import Role
from app.web.identity import Identity
from app.web.memento import TimeMap, Version, accepted, http_date, time_map
from app.web.problems import Problem
from app.web.site import Site

READER, EDITOR = Identity(None, Role.reader), Identity("ana", Role.editor)
TITANIC = "article/titanic-1912"
BEGIN = datetime(1912, 4, 15, tzinfo=UTC)


def site(server: Server) -> Site:
    """The site of a server."""
    found: Site = server.app.state.site
    return found


def times(server: Server, key: str, identity: Identity = READER) -> TimeMap:
    """The time map of an article, as somebody sees it."""
    view = server.archive.view("articles")
    return time_map(site(server), view, key, "https://a.example/articles/1", identity)


def test_an_article_has_a_version_for_each_of_its_events_by_the_date_of_the_paper(
    reading: Server,
) -> None:
    found = times(reading, TITANIC).versions
    assert [each.version for each in found] == [1, 2, 3, 4, 5]
    assert [each.dated.date().isoformat() for each in found] == [
        "1912-04-15",
        "1912-04-16",
        "1912-04-19",
        "1912-05-29",
        "1985-09-05",
    ]


def test_a_retraction_is_no_version(reading: Server) -> None:
    stream = reading.archive.log.stream("article/wright-brothers-1903")
    retracted = [each.version for each in stream if each.type == "ArticleRetracted"]
    shown = [each.version for each in times(reading, "article/wright-brothers-1903").versions]
    assert retracted
    assert not {*retracted} & {*shown}
    assert len(shown) == len(stream) - len(retracted)


def test_what_was_replaced_under_embargo_is_no_version_for_readers(server: Server) -> None:
    later = (datetime.now(UTC) + timedelta(days=9)).isoformat()
    headline = {"headline": "Draft", "published_at": later}
    server.archive.append("article/a", "ArticlePublished", headline)
    server.archive.append("article/a", "ArticleRevised", {"headline": "Second draft"})
    server.archive.append("article/a", "ArticleRevised", {"published_at": "2020-01-01"})
    assert [each.version for each in times(server, "article/a").versions] == [3]
    assert [each.version for each in times(server, "article/a", EDITOR).versions] == [1, 2, 3]


def test_what_is_made_of_other_entities_has_no_versions(reading: Server) -> None:
    view = reading.archive.view("timeline")
    with pytest.raises(Problem) as refused:
        time_map(site(reading), view, "1912-04-15", "https://a.example/", READER)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("at", "version"),
    [
        ("1912-04-15", 1),
        ("1912-04", 3),
        ("1912-04-18T12:00:00Z", 2),
        ("1985-09-06", 5),
        ("267", 2),
        ("270", 3),
        ("9" * 19, 5),
    ],
)
def test_a_version_is_chosen_by_a_date_or_by_a_sequence(
    reading: Server, at: str, version: int
) -> None:
    assert times(reading, TITANIC).chosen(at).version == version


@pytest.mark.parametrize(
    ("at", "status"), [("1911", 404), ("1", 404), ("soon", 422), ("1912-02-30", 422), ("'", 422)]
)
def test_what_names_no_version_is_refused(reading: Server, at: str, status: int) -> None:
    at = "1911-12-31" if at == "1911" else at
    with pytest.raises(Problem) as refused:
        times(reading, TITANIC).chosen(at)
    assert refused.value.status == status


@pytest.mark.parametrize(
    ("asked", "version"), [("1800", 1), ("1912-04-15T23:00:00", 1), ("1912-04-17", 2), ("2026", 5)]
)
def test_a_time_gate_leads_to_the_version_that_was_current_or_to_the_first(
    reading: Server, asked: str, version: int
) -> None:
    asked = f"{asked}-01-01" if len(asked) == 4 else asked
    moment = datetime.fromisoformat(asked).replace(tzinfo=UTC)
    assert times(reading, TITANIC).nearest(moment).version == version


DATES = st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=9).map(sorted)


@given(DATES)
def test_the_links_of_a_version_name_no_address_twice_and_its_neighbours(
    dates: list[datetime],
) -> None:
    versions = [Version(n + 1, n + 10, dated) for n, dated in enumerate(dates)]
    found = TimeMap("https://a.example/a", versions)
    for each in versions:
        link = found.headers(each)["Link"]
        addresses = [part.split(">")[0] for part in link.split("<")[1:]]
        assert len(addresses) == len({*addresses})
        assert link.count("first") == link.count("last") == 1
        assert f"<{found.address(each)}>" in link
    for one, other in pairwise(versions):
        assert f'<{found.address(other)}>; rel="next' in found.headers(one)["Link"]
        assert f'<{found.address(one)}>; rel="prev' in found.headers(other)["Link"]


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_of_http_is_read_as_it_was_written(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    read = accepted(http_date(moment))
    assert read is not None
    assert read.replace(microsecond=0) == moment


@pytest.mark.parametrize("header", ["", "soon", "1912-04-15", "Mon, 15 Apr 1912 20:00:00", "\x00"])
def test_what_is_no_date_of_http_is_a_bad_request(header: str) -> None:
    with pytest.raises(Problem) as refused:
        accepted(header)
    assert refused.value.status == 400
    assert "Tue, 16 Apr 1912 12:00:00 GMT" in refused.value.detail
