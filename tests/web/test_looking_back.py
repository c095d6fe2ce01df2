"""What readers see of the past by a search: nothing that they would not see of it today."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from serving import Server

from app.web.access import Role
from archive import look_back

GAGARIN = "article/gagarin-1961"


@pytest.fixture
def retracted(server: Server) -> Server:
    note = {"note": "The report was wrong.", "reason": "a secret of the desk"}
    server.archive.append(GAGARIN, "ArticleRetracted", note)
    server.catch_up()
    return server


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/articles?q=gagarin&at=311",
        "/api/v1/articles/export?format=jsonl&q=gagarin&at=311",
        "/api/v1/articles/export?format=csv&q=gagarin&at=311",
        "/api/v1/timeline?q=gagarin&at=311",
        "/search?q=gagarin&at=311",
        "/search?q=gagarin&view=timeline&at=311",
        "/search.atom?q=gagarin&at=311",
    ],
)
def test_what_was_retracted_since_is_in_no_search_of_the_past(retracted: Server, path: str) -> None:
    answer = retracted.ask().get(path)
    assert answer.status_code == 200
    assert "A Man Has Been" not in answer.text
    assert "108 Minutes" not in answer.text


def test_editors_find_in_the_past_what_was_retracted_since(retracted: Server) -> None:
    answer = retracted.ask(Role.editor).get("/api/v1/articles?q=gagarin&at=311")
    assert [hit["id"] for hit in answer.json()["hits"]] == [GAGARIN]


def test_what_is_public_still_is_found_in_the_past_as_it_was(retracted: Server) -> None:
    answer = retracted.ask().get("/api/v1/articles?q=titanic&at=200")
    assert [hit["id"] for hit in answer.json()["hits"]] == ["article/titanic-1912"]
    assert answer.json()["hits"][0]["document"]["version"] < 5


PLACES = ["/api/v1/articles?at={}", "/search?at={}", "/search.atom?at={}",
          "/api/v1/articles/export?format=csv&at={}"]  # fmt: skip


@pytest.fixture
def counted(home: Path) -> Server:
    """A server that lets a reader have two indexes of the past built in an hour."""
    return Server(home, past_an_hour=2)


@pytest.mark.parametrize("place", PLACES)
def test_a_reader_has_few_indexes_of_the_past_built_and_is_told_when_to_go_on(
    counted: Server, place: str
) -> None:
    reader = counted.ask()
    for sequence in (200, 201, 200, 201, 201):
        assert reader.get(place.format(sequence)).status_code == 200
    refused = reader.get(place.format(202), headers={"Accept": "application/json"})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 1800
    assert "more than 2 indexes of the past were built for you within an hour" in refused.text
    assert reader.get(place.format(200)).status_code == 200
    assert reader.get(place.format("").partition("?")[0]).status_code == 200


def test_editors_may_have_any_number_of_indexes_built(counted: Server) -> None:
    editor = counted.ask(Role.editor)
    for sequence in (200, 201, 202):
        assert editor.get(f"/api/v1/articles?at={sequence}").status_code == 200


def test_one_index_of_the_past_is_built_at_a_time(
    counted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    building, go_on = Event(), Event()
    build = look_back._build

    def slow(*given: Any) -> None:
        building.set()
        assert go_on.wait(20)
        build(*given)

    monkeypatch.setattr(look_back, "_build", slow)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(counted.ask().get, "/api/v1/articles?at=200")
        assert building.wait(20)
        for sequence in (200, 201):
            refused = counted.ask().get(f"/api/v1/articles?at={sequence}")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert "another one is being built" in refused.json()["detail"]
        assert counted.ask().get("/api/v1/articles").status_code == 200
        go_on.set()
        assert first.result().status_code == 200
    assert counted.ask().get("/api/v1/articles?at=200").status_code == 200


def test_as_of_today_needs_no_index_of_its_own_for_each_new_event(counted: Server) -> None:
    reader, live = counted.ask(), counted.archive.engine.serving()["articles"].sequence
    for number in range(4):
        counted.archive.append(f"tag/new-{number}", "TagDefined", {"name": f"New {number}"})
        answer = reader.get("/api/v1/articles?at=today")
        assert answer.status_code == 200, answer.text
        assert answer.json()["sequence"] == live
    asked = counted.ask(Role.editor).get("/api/v1/articles?at=today").json()
    assert asked["sequence"] == counted.archive.log.head > live


def test_a_page_of_the_past_asks_for_each_view_once(
    retracted: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.web import reading

    asked: list[str] = []
    documents = reading.documents

    def noted(site: Any, view: Any, *given: Any) -> Any:
        asked.append(view.name)
        return documents(site, view, *given)

    monkeypatch.setattr(reading, "documents", noted)
    answer = retracted.ask().get("/api/v1/timeline?at=311&size=100")
    assert len(answer.json()["hits"]) > 3
    assert sorted(asked) == sorted({*asked}) != []
