from datetime import UTC, datetime

import ibis
import pytest

from views.articles import OTHER_SPACES, words


def named(category, name, **fields):
    types = {
        "byline": "BylineRegistered",
        "section": "SectionOpened",
        "tag": "TagDefined",
    }
    return (f"{category}/{name}", types[category], {"name": name.title(), **fields})


def image(name, **fields):
    return (f"image/{name}", "ImageAdded", {"url": f"http://{name}", **fields})


def test_an_article_has_what_it_refers_to_inlined(newsroom):
    newsroom.tell(
        named("section", "world"),
        named("section", "sea", parent_id="section/world"),
        named("byline", "ana", title="Reporter", aliases=["A. R."]),
        named("byline", "ben"),
        image("1", caption="A ship", credit="Staff", photographer_id="byline/ben", width=640),
        named("tag", "whales", kind="subject", aliases=["Cetacea"]),
        (
            "article/1",
            "ArticlePublished",
            {
                "headline": "A Whale Is Seen",
                "abstract": "Off Nantucket.",
                "body": "A whale was seen.\n\nIt swam away.",
                "url": "http://a",
                "published_at": "1851-09-18T05:00:00Z",
                "section_id": "section/sea",
                "byline_ids": ["byline/ben", "byline/ana"],
                "image_ids": ["image/1"],
                "tag_ids": ["tag/whales"],
                "language": "en",
                "news_desk": "Foreign Desk",
                "type_of_material": "News",
                "print_page": "1",
                "print_section": "A",
                "print_headline": "WHALE SEEN",
            },
        ),
        occurred_at="1851-09-18T06:00:00Z",
    )
    assert newsroom.documents("articles") == {
        "article/1": {
            "id": "article/1",
            "headline": "A Whale Is Seen",
            "kicker": None,
            "abstract": "Off Nantucket.",
            "body": "A whale was seen.\n\nIt swam away.",
            "url": "http://a",
            "published_at": datetime(1851, 9, 18, 5, tzinfo=UTC),
            "updated_at": datetime(1851, 9, 18, 6, tzinfo=UTC),
            "section": {
                "id": "section/sea",
                "name": "Sea",
                "parent": {"id": "section/world", "name": "World"},
            },
            "bylines": [
                {"id": "byline/ben", "name": "Ben", "title": None, "aliases": []},
                {"id": "byline/ana", "name": "Ana", "title": "Reporter", "aliases": ["A. R."]},
            ],
            "images": [
                {
                    "id": "image/1",
                    "url": "http://1",
                    "caption": "A ship",
                    "credit": "Staff",
                    "alt_text": None,
                    "width": 640,
                    "height": None,
                    "photographer": {"id": "byline/ben", "name": "Ben"},
                }
            ],
            "tags": [
                {"id": "tag/whales", "name": "Whales", "kind": "subject", "aliases": ["Cetacea"]}
            ],
            "language": "en",
            "source": None,
            "word_count": 7,
            "news_desk": "Foreign Desk",
            "type_of_material": "News",
            "print_page": "1",
            "print_section": "A",
            "print_headline": "WHALE SEEN",
            "version": 1,
            "sequence": 7,
        }
    }


def test_an_article_that_gives_nothing_has_nulls_and_empty_lists(newsroom, article):
    newsroom.tell(article("1"))
    document = newsroom.documents("articles")["article/1"]
    assert [document[name] for name in ("bylines", "images", "tags")] == [[], [], []]
    assert [document[name] for name in ("section", "body", "word_count")] == [None, None, None]


def test_the_fields_come_in_the_order_of_the_issue(newsroom, article):
    newsroom.tell(article("1"))
    assert " ".join(newsroom.documents("articles")["article/1"]) == (
        "id headline kicker abstract body url published_at updated_at section bylines images tags "
        "language source word_count news_desk type_of_material print_page print_section "
        "print_headline version sequence"
    )


def test_a_retracted_article_is_gone_and_a_reinstated_one_is_back_as_it_was(newsroom, article):
    newsroom.tell(
        article("1", kicker="K"),
        ("article/1", "ArticleRetracted", {}),
        ("article/1", "ArticleReinstated", {}),
    )
    assert newsroom.documents("articles", at=2) == {}
    assert newsroom.documents("articles")["article/1"]["kicker"] == "K"


def test_a_reference_that_does_not_resolve_appears_as_its_id_and_resolves_by_itself(
    newsroom, article
):
    newsroom.tell(
        article(
            "1",
            section_id="section/x",
            byline_ids=["byline/x"],
            tag_ids=["tag/x"],
            image_ids=["image/x"],
        )
    )
    document = newsroom.documents("articles")["article/1"]
    assert document["section"] == {"id": "section/x", "name": None, "parent": None}
    assert document["bylines"] == [{"id": "byline/x", "name": None, "title": None, "aliases": []}]
    assert document["tags"] == [{"id": "tag/x", "name": None, "kind": None, "aliases": []}]
    assert [(i["id"], i["url"]) for i in document["images"]] == [("image/x", None)]
    newsroom.tell(named("byline", "x"))
    document = newsroom.documents("articles")["article/1"]
    assert (document["bylines"][0]["name"], document["sequence"]) == ("X", 2)


def test_a_removed_byline_and_a_closed_section_keep_their_last_name(newsroom, article):
    newsroom.tell(
        named("section", "world"),
        named("section", "sea", parent_id="section/world"),
        named("byline", "ana"),
        article("1", section_id="section/sea", byline_ids=["byline/ana"]),
        ("byline/ana", "BylineRevised", {"name": "Ana B."}),
        ("byline/ana", "BylineRemoved", {}),
        ("section/sea", "SectionClosed", {}),
        ("section/world", "SectionClosed", {}),
    )
    document = newsroom.documents("articles")["article/1"]
    assert document["bylines"][0]["name"] == "Ana B."
    assert document["section"]["name"] == "Sea"
    assert document["section"]["parent"] == {"id": "section/world", "name": "World"}


def test_withdrawn_images_and_removed_tags_disappear_and_count_as_changes(newsroom, article):
    newsroom.tell(
        named("tag", "a"),
        named("tag", "b"),
        image("1"),
        image("2"),
        article("1", tag_ids=["tag/b", "tag/a"], image_ids=["image/2", "image/1"]),
        ("tag/b", "TagRemoved", {}),
        ("image/2", "ImageWithdrawn", {}),
    )
    document = newsroom.documents("articles")["article/1"]
    assert [tag["id"] for tag in document["tags"]] == ["tag/a"]
    assert [shown["id"] for shown in document["images"]] == ["image/1"]
    assert (document["sequence"], document["version"]) == (7, 1)


def test_a_photographer_who_was_removed_keeps_the_name(newsroom, article):
    newsroom.tell(
        named("byline", "ben"),
        image("1", photographer_id="byline/ben"),
        article("1", image_ids=["image/1"]),
        ("byline/ben", "BylineRemoved", {}),
    )
    (shown,) = newsroom.documents("articles")["article/1"]["images"]
    assert shown["photographer"] == {"id": "byline/ben", "name": "Ben"}


def test_lists_keep_the_order_and_the_repetitions_that_the_article_gives(newsroom, article):
    ids = [f"byline/{n}" for n in (3, 1, 12, 2, 1)]
    newsroom.tell(article("1", byline_ids=ids))
    assert [b["id"] for b in newsroom.documents("articles")["article/1"]["bylines"]] == ids


def test_the_sequence_is_the_last_of_all_entities_that_the_document_was_made_from(
    newsroom, article
):
    newsroom.tell(
        named("byline", "ben"),
        named("section", "world"),
        named("section", "sea", parent_id="section/world"),
        image("1", photographer_id="byline/ben"),
        article("1", section_id="section/sea", image_ids=["image/1"]),
        article("2"),
        ("section/world", "SectionRevised", {"description": "All of it"}),
        ("byline/ben", "BylineRevised", {"bio": "Takes pictures"}),
    )
    at = {n: newsroom.documents("articles", at=n)["article/1"]["sequence"] for n in (6, 7, 8)}
    assert at == {6: 5, 7: 7, 8: 8}
    assert newsroom.documents("articles")["article/2"]["sequence"] == 6


def test_a_word_count_that_is_given_is_kept(newsroom, article):
    newsroom.tell(article("1", body="Three short words", word_count=900))
    assert newsroom.documents("articles")["article/1"]["word_count"] == 900


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "one",
        "one two",
        "one  two",
        " one two ",
        "one\ntwo",
        "one\n\ntwo three",
        "one\n\n\ntwo",
        "one \n\n two",
        "one\n\n",
        "\n\none",
        "one\n\n\n\ntwo",
        "a\nb\n\nc\nd",
        "tab\tand\r\nreturn",
        "no-break\xa0space and \u2003 wide\u3000ones",
        "“Ünïcode” wörds — count",
        *(f"a{space}b" for space in OTHER_SPACES),
    ],
)
def test_words_are_what_white_space_separates(text):
    backend = ibis.duckdb.connect()
    table = ibis.memtable({"text": [text]})
    assert backend.to_pyarrow(words(table.text)).to_pylist() == [len(text.split())]


def test_documents_of_some_keys_are_those_among_all(newsroom, article):
    newsroom.tell(named("byline", "ana"), *(article(n, byline_ids=["byline/ana"]) for n in "123"))
    every = newsroom.documents("articles")
    some = newsroom.documents("articles", keys=["article/2", "article/9"])
    assert some == {"article/2": every["article/2"]}
