"""History, restore, undo and merge through the forms of the desk."""

from __future__ import annotations

import re

import pytest
from filling import form_on
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role

TITANIC = "article/titanic-1912"
PAGE = "/desk/article/titanic-1912"


@pytest.fixture
def ana(server: Server) -> TestClient:
    """An editor with a session."""
    return server.log_in(Role.editor, "ana")


def test_the_history_shows_who_changed_what_and_why_the_newest_first(
    server: Server, ana: TestClient
) -> None:
    server.archive.append(
        TITANIC, "ArticleRevised", {"kicker": "AT SEA", "reason": "style"}, actor="ben"
    )
    page = ana.get(f"{PAGE}/history").text
    versions = [int(number) for number in re.findall(r'id="v(\d+)"', page)]
    assert versions == sorted(versions, reverse=True)
    newest = page[page.index('id="v') : page.index(f'id="v{versions[1]}"')]
    assert "AT SEA" in newest
    assert "ben" in newest
    assert "style" in newest


def test_an_earlier_version_is_restored_after_it_was_shown(server: Server, ana: TestClient) -> None:
    wanted = server.archive.entity(TITANIC, 4).fields
    head = server.archive.log.head
    form = form_on(ana.get(f"{PAGE}/restore?version=4"), "at")
    assert server.archive.log.head == head
    form.fill(reason="the first was right")
    answer = form.post(ana, "save")
    assert answer.status_code == 303
    assert ana.get(answer.headers["location"]).status_code == 200
    entity, event = server.archive.entity(TITANIC), server.archive.log.stream(TITANIC)[-1]
    assert entity.fields == wanted
    assert (event.actor, event.data["reason"]) == ("ana", "the first was right")
    again = form.post(ana, "save")
    assert again.status_code == 409
    assert server.archive.log.stream(TITANIC)[-1] == event


def test_a_version_that_names_what_was_removed_is_not_restored_and_the_page_says_why(
    ana: TestClient,
) -> None:
    page = ana.get(f"{PAGE}/restore?version=1")
    assert page.status_code == 409
    assert "was removed" in page.text
    assert form_on(page, "at").post(ana, "save").status_code == 409


def test_the_last_edit_is_undone_and_later_ones_stay(server: Server, ana: TestClient) -> None:
    old = server.archive.entity(TITANIC).fields["headline"]
    edit = server.archive.append(TITANIC, "ArticleRevised", {"headline": "Wrong"}, actor="ben")
    server.archive.append(TITANIC, "ArticleRevised", {"kicker": "STAYS"}, actor="ben")
    page = ana.get(f"{PAGE}/undo?sequence={edit.last}")
    assert "<del>Wrong</del>" in page.text
    assert form_on(page, "at").post(ana, "save").status_code == 303
    fields = server.archive.entity(TITANIC).fields
    assert (fields["headline"], fields["kicker"]) == (old, "STAYS")


def test_what_was_changed_again_is_not_undone_and_the_page_says_why(
    server: Server, ana: TestClient
) -> None:
    edit = server.archive.append(TITANIC, "ArticleRevised", {"headline": "Wrong"})
    server.archive.append(TITANIC, "ArticleRevised", {"headline": "Right"})
    page = ana.get(f"{PAGE}/undo?sequence={edit.last}")
    assert "was changed again by sequence" in page.text
    assert 'value="save"' not in page.text


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("restore?version=999", 409),
        ("restore?version=x", 422),
        ("undo?sequence=1", 404),
        ("undo?sequence=", 422),
        ("undo?sequence=99999999", 404),
    ],
)
def test_a_version_or_an_event_that_is_not_there_is_told(
    ana: TestClient, page: str, status: int
) -> None:
    assert ana.get(f"{PAGE}/{page}").status_code == status


@pytest.mark.slow
def test_two_tags_that_are_one_are_merged_and_taken_apart_again(
    server: Server, ana: TestClient
) -> None:
    server.archive.append("tag/berg", "TagDefined", {"name": "Bergs of Ice"})
    server.archive.append("tag/iceberg", "TagDefined", {"name": "Icebergs of Old"})
    server.archive.append(TITANIC, "ArticleRevised", {"tag_ids": ["tag/berg"]})
    server.catch_up()
    form = form_on(ana.get("/desk/tag/iceberg/merge"), "f.other")
    nobody = form.fill(other="No Such Tag").post(ana, "review")
    assert nobody.status_code == 422
    preview = (
        form_on(nobody, "f.other").fill(other="bergs of ice", reason="one").post(ana, "review")
    )
    assert preview.status_code == 200, preview.text
    assert "1 article" in preview.text
    answer = form_on(preview, "f.other").post(ana, "save")
    assert answer.status_code == 303
    assert server.archive.entity(TITANIC).fields["tag_ids"] == ["tag/iceberg"]
    assert server.archive.entity("tag/iceberg").fields["aliases"] == ["Bergs of Ice"]
    assert not server.archive.entity("tag/berg").live
    receipt = ana.get(answer.headers["location"])
    assert "Take it back" not in receipt.text, "it would take back the removal alone"
    asked = ana.get(f"/desk/tag/berg/undo?sequence={receipt.url.path.rsplit('/')[-1]}&all=1")
    assert asked.url.path in receipt.text
    assert "Undo all that was done together" in asked.text
    undo = form_on(asked, "all").post(ana, "save")
    assert undo.status_code == 303, undo.text
    assert server.archive.entity(TITANIC).fields["tag_ids"] == ["tag/berg"]
    assert server.archive.entity("tag/berg").live


def merged_tags(server: Server, ana: TestClient, text: str = "one") -> str:
    """Merge a tag that an article names into another through the form; the receipt's address."""
    server.archive.append("tag/berg", "TagDefined", {"name": "Bergs of Ice"})
    server.archive.append("tag/iceberg", "TagDefined", {"name": "Icebergs of Old"})
    server.archive.append(TITANIC, "ArticleRevised", {"tag_ids": ["tag/berg"]})
    form = form_on(ana.get("/desk/tag/iceberg/merge"), "f.other").fill(other="tag/berg")
    preview = form_on(form.fill(reason=text).post(ana, "review"), "f.other")
    return preview.post(ana, "save").headers["location"]


def test_what_undoes_a_merge_shows_every_entity_that_changes(
    server: Server, ana: TestClient
) -> None:
    merged_tags(server, ana)
    last = server.archive.log.head
    page = ana.get(f"/desk/tag/berg/undo?sequence={last}&all=1").text
    shown = re.findall(r'data-changed="([^"]*)"', page)
    assert sorted(shown) == [TITANIC, "tag/berg", "tag/iceberg"]
    of_article = page[page.index(f'data-changed="{TITANIC}"') :].partition("</section>")[0]
    assert "(tag/<del>iceberg</del><ins>berg</ins>)" in of_article


def test_a_long_preview_shows_some_entities_and_counts_the_others(
    server: Server, ana: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    merged_tags(server, ana)
    monkeypatch.setattr("archive.revert_all.MOST_SHOWN", 1)
    page = ana.get(f"/desk/tag/berg/undo?sequence={server.archive.log.head}&all=1").text
    assert page.count("data-changed=") == 1
    assert "And 2 more." in page


def test_undoing_one_event_of_a_merge_warns_and_offers_the_whole(
    server: Server, ana: TestClient
) -> None:
    merged_tags(server, ana)
    sequence = server.archive.log.stream(TITANIC)[-1].sequence
    page = ana.get(f"{PAGE}/undo?sequence={sequence}").text
    assert "one of 3 events that were appended together" in page
    assert f"undo?sequence={sequence}&amp;all=1" in page
    alone = server.archive.append(TITANIC, "ArticleRevised", {"kicker": "K"}).last
    assert "appended together" not in ana.get(f"{PAGE}/undo?sequence={alone}").text


def test_the_receipt_of_a_merge_says_what_was_merged_into_what(
    server: Server, ana: TestClient
) -> None:
    receipt = ana.get(merged_tags(server, ana)).text
    assert "<h1>Merged: Bergs of Ice</h1>" in receipt
    told = "Bergs of Ice was merged into Icebergs of Old (tag/iceberg): 1 article and 2 tags change"
    assert told in receipt
    again = ana.get(f"/desk/receipts/{server.archive.log.head}").text
    assert "one of 3 events that were appended together: 1 article and 2 tags changed" in again
    for lie in ("article/titanic-1912", "tag/nobody", "tag/berg", "x", "tag/%00"):
        address = f"/desk/receipts/{server.archive.log.head}?into={lie}"
        assert "was merged into" not in ana.get(address).text


def test_a_merge_of_what_nothing_names_is_told_as_well(server: Server, ana: TestClient) -> None:
    for name in ("one", "two"):
        told = {"headline": name, "published_at": "1912-04-15"}
        server.archive.append(f"article/{name}", "ArticlePublished", told)
    form = form_on(ana.get("/desk/article/one/merge"), "f.other").fill(other="article/two")
    preview = form_on(form.post(ana, "review"), "f.other")
    receipt = ana.get(preview.post(ana, "save").headers["location"]).text
    assert "two was merged into one (article/one): 1 article changed" in receipt


def test_a_merge_of_what_changed_after_it_was_counted_is_counted_again(
    server: Server, ana: TestClient
) -> None:
    for name in ("one", "two"):
        server.archive.append(f"tag/{name}", "TagDefined", {"name": name})
    form = form_on(ana.get("/desk/tag/one/merge"), "f.other").fill(other="tag/two")
    preview = form_on(form.post(ana, "review"), "at")
    server.archive.append("tag/two", "TagRevised", {"name": "Another"})
    head = server.archive.log.head
    again = preview.post(ana, "save")
    assert again.status_code == 200
    assert server.archive.log.head == head
    assert form_on(again, "at")["at"] == "1 2"


@pytest.mark.parametrize("other", ["tag/one", "byline/1", "tag/nobody", ""])
def test_what_cannot_be_merged_is_told_on_the_form(
    server: Server, ana: TestClient, other: str
) -> None:
    server.archive.append("tag/one", "TagDefined", {"name": "One"})
    form = form_on(ana.get("/desk/tag/one/merge"), "f.other").fill(other=other)
    head = server.archive.log.head
    answer = form.post(ana, "review")
    assert answer.status_code == 422
    assert 'class="problem"' in answer.text or 'role="alert"' in answer.text
    assert server.archive.log.head == head


def test_a_page_of_another_site_takes_nothing_back(server: Server, ana: TestClient) -> None:
    head = server.archive.log.head
    data = {"version": "1", "sequence": "1", "at": "4", "f.other": "tag/one", "do": "save"}
    for page in ("restore", "undo", "merge"):
        headers = {"Sec-Fetch-Site": "cross-site"}
        assert ana.post(f"{PAGE}/{page}", data=data, headers=headers).status_code == 403
    assert server.archive.log.head == head
