"""What is under embargo is nowhere in what readers are answered, and editors see it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role
from event_log import NewEvent

API = "/api/v1"
HIDDEN = "article/secret"
LATER = (datetime.now(UTC) + timedelta(days=9)).isoformat()
WORD = "zanzibarian"
FILTERS = {"topics": "tag_id", "bylines": "byline_id"}
PATHS = [
    f"articles?q={WORD}&facet=section&histogram=year",
    f"articles?q={WORD}&embargoed=true",
    "articles?sort=newest&size=3&from=2020",
    f"articles/export?q={WORD}",
    "articles/export?format=csv&embargoed=true",
    f"articles/{HIDDEN}",
    f"articles/{HIDDEN}/explain",
    f"articles/{HIDDEN}/diff",
    f"articles/{HIDDEN}/timemap",
    f"streams/{HIDDEN}",
    f"streams/{HIDDEN}/history",
    f"streams/{HIDDEN}/events",
    f"suggest?q={WORD}",
    f"suggest?q={WORD[:-1]}",
    "topics/tag/ships",
    "topics/tag/ships/explain?most=1000",
    "topics/tag/ships/diff",
    "topics?q=ships&size=1",
    "topics/export?q=ships",
    "bylines/byline/otto-graff",
    "bylines/byline/otto-graff/explain?most=1000",
    "history?q=secret",
    "events?after=300",
]


@pytest.fixture(scope="module")
def server(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server over a sample that has an article which is not to be known of yet."""
    import shutil

    home = shutil.copytree(sample, tmp_path_factory.mktemp("embargo") / "home")
    server = Server(Path(home))
    archive = server.archive
    before = {"headline": f"The {WORD} draft", "published_at": LATER}
    named = {"tag_ids": ["tag/ships"], "byline_ids": ["byline/otto-graff"]}
    archive.append(HIDDEN, "ArticlePublished", {**before, **named})
    archive.append(HIDDEN, "ArticleRevised", {"headline": f"The {WORD} secret"})
    archive.append("tag/ships", "TagRevised", {"name": "Ships and Boats"})
    server.catch_up()
    return server


@pytest.mark.parametrize("path", PATHS)
def test_readers_are_told_nothing_of_it(server: Server, path: str) -> None:
    for client in (server.ask(), server.ask(Role.reader)):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code in (200, 401, 403, 404), answer.text
        said = answer.text.lower().replace(path.lower(), "").replace(f"there is no {HIDDEN}", "")
        assert "zanzibarian" not in said.replace(f"q={WORD}", "")
        assert HIDDEN not in said
        assert not (answer.status_code == 200 and path.startswith(f"articles/{HIDDEN}"))


def test_the_explanation_for_readers_counts_without_it(server: Server) -> None:
    path = f"{API}/topics/tag/ships/explain?most=1000"
    desk, readers = server.ask(Role.editor).get(path).json(), server.ask().get(path).json()
    assert (desk["events"] - readers["events"], desk["entities"] - readers["entities"]) == (2, 1)
    assert HIDDEN in [cause["stream"] for cause in desk["latest"]]


@pytest.mark.parametrize("path", ["topics/tag/ships", "bylines/byline/otto-graff"])
def test_the_counts_for_readers_are_without_it(server: Server, path: str) -> None:
    view, _, key = path.partition("/")
    desk, readers = server.ask(Role.editor), server.ask()

    def counts(client: TestClient) -> list[int]:
        documents = [
            client.get(f"{API}/{path}").json(),
            *(json.loads(line) for line in client.get(f"{API}/{view}/export").text.splitlines()),
            *(hit["document"] for hit in client.get(f"{API}/{view}?size=100").json()["hits"]),
        ]
        return [each["article_count"] for each in documents if each["id"] == key]

    read = readers.get(f"{API}/articles?size=0&{FILTERS[view]}={key}").json()["total"]
    assert counts(readers) == [read] * 3
    assert desk.get(f"{API}/{path}").json()["article_count"] == read + 1


def test_editors_see_it(server: Server) -> None:
    client = server.ask(Role.editor)
    assert client.get(f"{API}/articles?q={WORD}").json()["total"] == 0
    assert client.get(f"{API}/articles?q={WORD}&embargoed=true").json()["total"] == 1
    assert WORD in client.get(f"{API}/articles/export?q={WORD}&embargoed=true").text
    assert client.get(f"{API}/streams/{HIDDEN}").json()["version"] == 2
    assert len(client.get(f"{API}/streams/{HIDDEN}/history").json()["events"]) == 2
    for path in ("", "/explain", "/diff", "/timemap"):
        assert client.get(f"{API}/articles/{HIDDEN}{path}").status_code == 200


def test_an_article_that_goes_under_embargo_is_hidden_before_the_index_knows(
    server: Server,
) -> None:
    stream = "article/amundsen-1912"
    path = f"{API}/streams/{stream}"
    assert server.ask().get(path).status_code == 200
    server.archive.append(stream, "ArticleRevised", {"published_at": LATER, "kicker": "Wait"})
    assert server.ask().get(path).status_code == 404
    assert server.ask().get(f"{path}/history").status_code == 404


def test_what_was_replaced_under_embargo_is_never_public(server: Server) -> None:
    """A draft under embargo, then published: readers are given the version that was published."""
    stream = "article/drafted"
    draft = {"headline": "The libellous draft", "published_at": LATER}
    server.archive.append(stream, "ArticlePublished", draft)
    final = {"headline": "The careful text", "published_at": "2020-01-01"}
    server.archive.append(stream, "ArticleRevised", final)
    server.archive.append(stream, "ArticleRevised", {"kicker": "News"})
    server.catch_up()
    client = server.ask()
    assert client.get(f"{API}/articles/{stream}").json()["headline"] == "The careful text"
    draft_at = server.archive.log.stream(stream)[0].sequence
    for path in (
        f"articles/{stream}?at={draft_at}",
        f"articles/{stream}/diff?from={draft_at}",
        f"articles/{stream}/diff",
        f"articles/{stream}/timemap",
        f"articles/{stream}/explain",
        f"streams/{stream}",
        f"streams/{stream}/history",
    ):
        assert "libellous" not in client.get(f"{API}/{path}").text, path
    told = client.get(f"{API}/streams/{stream}/history").json()["events"]
    assert [(each["version"], each["effect"]) for each in told] == [(2, "created"), (3, "revised")]
    desk = server.ask(Role.editor).get(f"{API}/streams/{stream}/history").json()
    assert len(desk["events"]) == 3


def test_a_category_without_a_view_is_for_editors(tmp_path: Path) -> None:
    import pyarrow as pa

    from archive import Archive
    from event_log import Category, Effect, EventType
    from examples.orders.domain import ORDER, ORDERS
    from replay import Domain

    note = Category(
        "memo", pa.schema([("text", pa.string())]), (EventType("MemoWritten", Effect.CREATES),)
    )
    archive = Archive(tmp_path, Domain("orders", [ORDER, note], [ORDERS]))
    archive.log.append([NewEvent("memo/1", "MemoWritten", {"text": "for us"})])
    archive.rebuild()
    server = Server(archive)
    for path in ("streams/memo/1", "streams/memo/1/history"):
        assert server.ask().get(f"{API}/{path}").status_code == 404
        assert server.ask(Role.editor).get(f"{API}/{path}").status_code == 200
