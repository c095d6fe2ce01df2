"""An editor's afternoon through the forms of the desk, without JavaScript."""

from __future__ import annotations

import re
from typing import Any

import pytest
from filling import Form, form_on
from serving import Server
from starlette.testclient import TestClient

from app.web.access import Role
from app.web.problems import Problem
from replay import DamagedState

TITANIC = "article/titanic-1912"
PAGE = "/desk/article/titanic-1912"
WRONG = "stet_wrong"


@pytest.fixture
def ana(server: Server) -> TestClient:
    """An editor with a session."""
    return server.log_in(Role.editor, "ana")


def opened(client: TestClient, page: str = PAGE) -> Form:
    answer = client.get(page)
    assert answer.status_code == 200, answer.text
    return form_on(answer)


def saved(client: TestClient, form: Form) -> str:
    """Review a form, save it, and return the address of the receipt."""
    review = form.post(client, "review")
    assert review.status_code == 200, plain(review)
    answer = form_on(review).post(client, "save")
    assert answer.status_code == 303, plain(answer)
    return str(answer.headers["location"])


def plain(answer: Any) -> str:
    """The text of a page, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


def test_a_form_that_is_not_touched_changes_nothing(server: Server, ana: TestClient) -> None:
    for stream in [each.id for each in server.archive.search("", size=8).hits]:
        answer = opened(ana, f"/desk/{stream}").post(ana, "review")
        assert answer.status_code == 422
        assert "Nothing is changed" in plain(answer)


def test_an_editor_corrects_an_article_and_sees_the_receipt_turn_green(
    server: Server, ana: TestClient
) -> None:
    before = server.archive.entity(TITANIC)
    form = opened(ana).fill(headline="1,517 Lost on the Titanic", note="The number was wrong.")
    form.put(act="ArticleRevised-correction")
    review = form.post(ana, "review")
    assert re.search(r"<ins>[^<]*517", review.text)
    receipt = form_on(review).post(ana, "save").headers["location"]
    after = server.archive.entity(TITANIC)
    assert after.fields == before.fields | {"headline": "1,517 Lost on the Titanic"}
    event = server.archive.log.stream(TITANIC)[-1]
    assert (event.type, event.actor) == ("ArticleRevised", "ana")
    assert event.data["note"] == "The number was wrong."
    waiting = ana.get(receipt)
    assert "not searchable yet" in plain(waiting)
    assert 'http-equiv="refresh"' in waiting.text
    server.catch_up()
    green = ana.get(receipt)
    assert "searchable in every view" in plain(green)
    assert 'http-equiv="refresh"' not in green.text


@pytest.mark.slow
def test_the_review_counts_the_documents_that_will_be_made_anew(
    server: Server, ana: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server.app.state.site.work, "_seconds", 300)
    form = opened(ana).fill(headline="Lost")
    assert "1 of Articles" in plain(form.post(ana, "count"))


@pytest.mark.parametrize(
    "error", [Problem(503, "this took longer than 10 seconds"), DamagedState("the kept state")]
)
def test_documents_that_cannot_be_counted_are_said_so_and_it_can_be_saved(
    server: Server, ana: TestClient, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    form = opened(ana).fill(headline="Lost")
    monkeypatch.setattr(server.archive, "preview", fails)
    counted = form.post(ana, "count")
    assert f"could not be counted: {error}" in plain(counted)
    assert form_on(counted).post(ana, "save").status_code == 303


def test_a_correction_without_a_note_is_told_beside_the_note(ana: TestClient) -> None:
    form = opened(ana).fill(headline="Lost").put(act="ArticleRevised-correction")
    answer = form.post(ana, "review")
    assert answer.status_code == 422
    assert 'href="#f-note"' in answer.text
    assert "note is required" in plain(answer)
    assert form_on(answer)["f.headline"] == "Lost"


def test_references_are_chosen_by_name_and_ordered_by_number(
    server: Server, ana: TestClient
) -> None:
    tags = [hit.id for hit in server.archive.search("", view="topics", size=3).hits]
    names = [server.archive.entity(tag).fields["name"] for tag in tags]
    form = opened(ana).fill(tag_ids=[names[0], tags[1], f"{names[2]} ({tags[2]})"])
    orders = iter(["3", "1", "2"])
    form.pairs = [(n, next(orders) if n == "o.tag_ids" else v) for n, v in form.pairs]
    saved(ana, form)
    assert server.archive.entity(TITANIC).fields["tag_ids"] == [tags[1], tags[2], tags[0]]


def test_who_is_named_twice_in_a_list_is_saved_once(server: Server, ana: TestClient) -> None:
    before = server.archive.entity(TITANIC).fields["tag_ids"]
    first, second = before[:2]
    name = next(iter(server.archive.log.stream(first))).data["name"]
    saved(ana, opened(ana).fill(tag_ids=[second, first, name, first, second]))
    assert server.archive.entity(TITANIC).fields["tag_ids"] == [second, first]


def test_a_name_of_several_is_chosen_on_the_form_and_nothing_else_is_lost(
    server: Server, ana: TestClient
) -> None:
    for number in ("one", "two"):
        server.archive.append(f"tag/{number}", "TagDefined", {"name": "Icebergs of Old"})
    server.catch_up()
    form = opened(ana).fill(tag_ids=["Icebergs of Old"], kicker="AT SEA")
    answer = form.post(ana, "review")
    assert answer.status_code == 422
    assert 'value="tag/one"' in answer.text
    assert 'value="tag/two"' in answer.text
    again = form_on(answer)
    assert (again["f.kicker"], again.all("f.tag_ids")[0]) == ("AT SEA", "Icebergs of Old")
    saved(ana, again.fill(tag_ids=["tag/two"]))
    assert server.archive.entity(TITANIC).fields["tag_ids"] == ["tag/two"]


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("published_at", "tomorrow", "changes its meaning"),
        ("published_at", "04/05/1912", "no sure order"),
        ("word_count", "many", "no whole number"),
        ("word_count", "-1", "less than 0"),
        ("headline", " ", "headline is required"),
        ("url", "javascript:alert(1)", "no address"),
        ("section_id", "no section is called so", "no section is called"),
        ("section_id", "section/missing", "does not exist"),
        ("section_id", "tag/missing", "no section"),
    ],
)
def test_what_is_refused_is_told_beside_its_field_and_nothing_typed_is_lost(
    server: Server, ana: TestClient, field: str, text: str, said: str
) -> None:
    head = server.archive.log.head
    form = opened(ana).fill(body="Typed\n\nfor an hour.").fill(**{field: text})
    answer = form.post(ana, "review")
    assert answer.status_code == 422
    assert re.search(rf'id="f-{field}-error">[^<]*{re.escape(said)}', answer.text), plain(answer)
    assert f'href="#f-{field}"' in answer.text
    assert 'role="alert"' in answer.text
    again = form_on(answer)
    assert again["f.body"] == "Typed\n\nfor an hour."
    assert again[f"f.{field}"].strip() == text.strip()
    assert server.archive.log.head == head


def test_a_date_is_taken_as_a_person_writes_it(server: Server, ana: TestClient) -> None:
    saved(ana, opened(ana).fill(published_at="16 April 1912 at 8 pm"))
    assert str(server.archive.entity(TITANIC).fields["published_at"]) == "1912-04-16 20:00:00+00:00"


def test_an_emptied_field_is_cleared_and_windows_line_ends_are_no_change(
    server: Server, ana: TestClient
) -> None:
    old = server.archive.entity(TITANIC).fields
    form = opened(ana).fill(kicker="", abstract="")
    saved(ana, form.fill(body=old["body"].replace("\n", "\r\n"), reason="shorter"))
    event = server.archive.log.stream(TITANIC)[-1]
    assert set(event.data) == {"cleared", "reason"}
    fields = server.archive.entity(TITANIC).fields
    assert "abstract" not in fields
    assert fields["body"] == old["body"]


def test_what_is_sent_twice_is_appended_once_and_other_content_with_its_id_is_a_conflict(
    server: Server, ana: TestClient
) -> None:
    form = opened(ana).fill(headline="Sent Twice")
    first = form.post(ana, "save")
    head = server.archive.log.head
    second = form.post(ana, "save")
    assert first.headers["location"] == second.headers["location"] == f"/desk/receipts/{head}"
    assert server.archive.log.head == head
    other = form.fill(headline="Sent Otherwise").post(ana, "save")
    assert other.status_code == 409
    assert server.archive.log.head == head
    assert form_on(other)["event_id"] != form["event_id"]


def test_two_editors_who_touch_other_fields_are_merged(server: Server, ana: TestClient) -> None:
    ben = server.log_in(Role.editor, "ben")
    mine, theirs = opened(ana), opened(ben)
    body = mine["f.body"].split("\n\n")
    saved(ben, theirs.fill(kicker="BEN'S KICKER", body="\n\n".join([*body[:-1], "Ben's end."])))
    mine.fill(headline="Ana's Headline", body="\n\n".join(["Ana's beginning.", *body[1:]]))
    answer = mine.post(ana, "save")
    assert answer.status_code == 409
    assert "Somebody else was faster" in plain(answer)
    assert "Ben&#39;s end." in answer.text
    saved(ana, form_on(answer))
    fields = server.archive.entity(TITANIC).fields
    assert (fields["headline"], fields["kicker"]) == ("Ana's Headline", "BEN'S KICKER")
    assert fields["body"].split("\n\n") == ["Ana's beginning.", *body[1:-1], "Ben's end."]


@pytest.mark.parametrize(("take", "kept"), [("mine", "Ana's"), ("theirs", "Ben's")])
def test_where_both_changed_the_same_the_editor_decides(
    server: Server, ana: TestClient, take: str, kept: str
) -> None:
    ben = server.log_in(Role.editor, "ben")
    mine, theirs = opened(ana), opened(ben)
    saved(ben, theirs.fill(headline="Ben's", kicker="BEN"))
    answer = mine.fill(headline="Ana's", abstract="Ana too").post(ana, "review")
    assert answer.status_code == 409
    conflict = form_on(answer)
    assert conflict.all("decide") == ["headline"]
    undecided = conflict.post(ana, "review")
    assert undecided.status_code == 422
    assert "decide which version" in plain(undecided)
    assert form_on(undecided)["f.headline"] == "Ana's"
    saved(ana, form_on(undecided).put(**{"take.headline": take}))
    fields = server.archive.entity(TITANIC).fields
    assert [fields[name] for name in ("headline", "kicker", "abstract")] == [kept, "BEN", "Ana too"]


def test_who_edits_what_was_retracted_meanwhile_keeps_what_was_typed(
    server: Server, ana: TestClient
) -> None:
    form = opened(ana).fill(headline="Typed for an Hour")
    server.archive.append(TITANIC, "ArticleRetracted", actor="ben")
    answer = form.post(ana, "save")
    assert answer.status_code == 409
    assert "not possible any more" in plain(answer)
    again = form_on(answer)
    assert again["f.headline"] == "Typed for an Hour"
    unchosen = again.post(ana, "review")
    assert unchosen.status_code == 422, "nothing is reinstated unless somebody says so"
    saved(ana, form_on(unchosen).put(act="ArticleReinstated"))
    entity = server.archive.entity(TITANIC)
    assert (entity.live, entity.fields["headline"]) == (True, "Typed for an Hour")


def test_a_new_entity_does_not_touch_the_one_that_has_its_id(
    server: Server, ana: TestClient
) -> None:
    before = server.archive.entity(TITANIC)
    new = opened(ana, "/desk/article").put(id="titanic-1912")
    new.fill(headline="Another Titanic", published_at="2026-11-01", body="A film.")
    answer = new.post(ana, "review")
    assert answer.status_code == 409
    assert "article/titanic-1912 exists already" in plain(answer)
    assert form_on(answer)["f.headline"] == "Another Titanic"
    assert server.archive.entity(TITANIC) == before


def test_an_article_is_published_retracted_and_reinstated(server: Server, ana: TestClient) -> None:
    new = opened(ana, "/desk/article").put(id="whales-2026")
    new.fill(headline="Whales Return", published_at="2026-11-01", body="They came.\n\nAll of them.")
    receipt = saved(ana, new)
    assert "Whales Return" in ana.get(receipt).text
    page = "/desk/article/whales-2026"
    retract = opened(ana, f"{page}?act=ArticleRetracted").fill(reason="a dream", note="No whales.")
    review = retract.post(ana, "review")
    assert "hides it from readers" in plain(review)
    form_on(review).post(ana, "save")
    entity = server.archive.entity("article/whales-2026")
    assert not entity.live
    assert entity.removal is not None
    assert entity.removal.data == {"reason": "a dream", "note": "No whales."}
    assert "No whales." in ana.get(page).text
    saved(ana, opened(ana, page))
    assert server.archive.entity("article/whales-2026").live


def test_the_label_of_an_address_is_written_as_people_write_it(ana: TestClient) -> None:
    page = ana.get("/desk/article").text
    assert '<label for="f-url">URL' in page
    assert '<label for="f-headline">Headline' in page


@pytest.mark.parametrize("id", ["whales", ""])
def test_all_fields_of_a_new_entity_that_are_wrong_are_told_at_once(
    ana: TestClient, id: str
) -> None:
    form = opened(ana, "/desk/article").put(id=id)
    form.fill(published_at="never", url="no address", word_count="-1", tag_ids="tag/none")
    answer = form.post(ana, "review")
    assert answer.status_code == 422
    wrong = re.findall(r'class="problem" id="f-(\w+)-error"', answer.text)
    assert sorted(wrong) == ["headline", "published_at", "tag_ids", "url", "word_count"]
    assert answer.text.count("is required by ArticlePublished") == 0, "said in the form's words"


def test_the_review_of_a_removal_says_who_uses_it(server: Server, ana: TestClient) -> None:
    byline = server.archive.search("", view="bylines", sort="newest", size=1).hits[0].id
    used = server.archive.used_by(byline)[byline]
    form = opened(ana, f"/desk/{byline}?act=BylineRemoved")
    said = plain(form.post(ana, "review"))
    assert "It is in use" in said
    for category, count in used.items():
        assert f"{count:,} {category}" in said


def test_an_article_of_tomorrow_is_said_to_be_hidden_until_then(
    server: Server, ana: TestClient
) -> None:
    new = opened(ana, "/desk/article").put(id="later")
    new.fill(headline="An Election Is Won", published_at="2190-11-03T23:00Z")
    review = new.post(ana, "review")
    assert "from 2190-11-03 23:00 UTC" in plain(review)
    receipt = form_on(review).post(ana, "save").headers["location"]
    assert "from 2190-11-03 23:00 UTC" in plain(ana.get(receipt))
    assert "Scheduled" in plain(ana.get("/desk/article/later"))
    server.catch_up()
    assert "An Election Is Won" in ana.get("/desk").text
    assert re.search(
        r"An Election Is Won</a>\s*<span[^>]*>scheduled", ana.get("/desk?q=election").text
    )


def test_the_desk_finds_what_was_removed_and_says_who_changed_what_today(
    server: Server, ana: TestClient
) -> None:
    server.archive.append("tag/unicorns", "TagDefined", {"name": "Unicorns"}, actor="ben")
    server.archive.append("tag/unicorns", "TagRemoved", actor="ana")
    server.catch_up()
    found = ana.get("/desk?q=unicorns").text
    assert re.search(r'href="/desk/tag/unicorns">Unicorns</a>\s*<span[^>]*>removed', found)
    day = ana.get("/desk?actor=ben").text
    assert "TagDefined" in day
    assert "TagRemoved" not in day


def test_open_references_lead_to_the_form_that_creates_what_is_missing(
    server: Server, ana: TestClient
) -> None:
    from event_log import NewEvent

    data = {"headline": "Orphan", "published_at": "1912-01-01", "byline_ids": ["byline/nobody-yet"]}
    server.archive.log.append([NewEvent("article/orphan", "ArticlePublished", data)])
    page = ana.get("/desk?show=references").text
    link = re.search(r'href="(/desk/byline\?id=nobody-yet)"', page)
    assert link is not None
    assert opened(ana, link[1])["id"] == "nobody-yet"


@pytest.fixture
def pages() -> list[str]:
    """The addresses to which forms of the desk are posted."""
    return [PAGE, "/desk/article", f"{PAGE}/restore", f"{PAGE}/undo"]


def test_a_page_of_another_site_writes_nothing(
    server: Server, ana: TestClient, pages: list[str]
) -> None:
    head = server.archive.log.head
    form = opened(ana).fill(headline="Stolen").put(at="4", sequence="1", id="x")
    for page in pages:
        form.action = page
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert form.post(ana, "save", headers=headers).status_code == 403
    assert server.archive.log.head == head


def test_who_may_not_edit_sees_no_desk_and_writes_nothing(
    server: Server, ana: TestClient, pages: list[str]
) -> None:
    form, reader, nobody = opened(ana).fill(headline="X"), server.log_in(Role.reader), server.ask()
    head = server.archive.log.head
    for page in pages:
        form.action = page
        assert form.post(reader, "save").status_code == 403
        assert form.post(nobody, "save").status_code == 401
        assert reader.get(page).status_code == 403
        assert nobody.get(page).headers["location"].startswith("/login?next=%2Fdesk")
    assert server.archive.log.head == head


def test_a_session_that_ends_while_somebody_types_loses_nothing(
    server: Server, ana: TestClient
) -> None:
    form = opened(ana).fill(headline="Typed for an Hour", body="a\n\nb <script>")
    ana.cookies.clear()
    answer = form.post(ana, "review")
    assert answer.status_code == 401
    login = form_on(answer, "token")
    wrong = login.put(token=WRONG).post(ana, "")
    assert wrong.status_code == 403
    assert WRONG not in wrong.text
    secret = server.access.add("ana", Role.editor)
    again = form_on(wrong, "token").put(token=secret).post(ana, "")
    assert again.status_code == 200
    assert secret not in again.text
    typed = form_on(again)
    assert typed["f.headline"] == "Typed for an Hour"
    assert typed["f.body"] == "a\n\nb <script>"
    saved(ana, typed)
    assert server.archive.log.stream(TITANIC)[-1].actor == "ana"
    reader = server.access.add("rob", Role.reader)
    ana.cookies.clear()
    assert login.put(token=reader).post(ana, "").status_code == 403
