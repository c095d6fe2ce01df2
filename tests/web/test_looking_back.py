"""What readers see of the past by a search: nothing that they would not see of it today."""

from __future__ import annotations

import pytest
from serving import Server

from app.web.access import Role

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
