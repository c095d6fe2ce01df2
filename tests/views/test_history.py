from datetime import UTC, datetime

import pytest

from event_log import Effect, EventType
from newsroom.categories import ARTICLE, BYLINE
from replay.history.changes import label
from replay.history.sentences import verb


def changed(document):
    return [(c["field"], c["old"], c["new"]) for c in document["changes"]]


def summaries(newsroom):
    documents = newsroom.documents("history").values()
    return [d["summary"] for d in sorted(documents, key=lambda d: d["sequence"])]


def test_every_event_is_a_document_with_its_envelope_and_what_changed(newsroom, article):
    newsroom.tell(article("1", kicker="Old"))
    newsroom.tell(
        ("article/1", "ArticleRevised", {"kicker": "New"}),
        occurred_at="1851-09-19T05:00:00Z",
        actor="ana",
    )
    documents = newsroom.documents("history")
    recorded_at = next(iter(newsroom.log.read(after=1))).recorded_at
    assert set(documents) == {"article/1@1", "article/1@2"}
    assert documents["article/1@2"] == {
        "id": "article/1@2",
        "sequence": 2,
        "stream": "article/1",
        "category": "article",
        "version": 2,
        "type": "ArticleRevised",
        "actor": "ana",
        "recorded_at": recorded_at,
        "occurred_at": datetime(1851, 9, 19, 5, tzinfo=UTC),
        "annotations": [],
        "changes": [{"field": "kicker", "old": "Old", "new": "New"}],
        "summary": "ana revised kicker of “Headline 1”",
    }


def test_what_an_event_says_of_itself_is_in_its_own_document_and_no_change(newsroom, article):
    newsroom.tell(
        article("1", note="First edition."),
        ("article/1", "ArticleRevised", {"kicker": "K", "reason": "Misread.", "note": "A word."}),
        ("article/1", "ArticleRetracted", {"reason": ""}),
        ("article/1", "ArticleReinstated", {}),
    )
    documents = newsroom.documents("history")
    said = [documents[f"article/1@{version}"]["annotations"] for version in (1, 2, 3, 4)]
    assert [[(a["field"], a["value"]) for a in annotations] for annotations in said] == [
        [("note", "First edition.")],
        [("reason", "Misread."), ("note", "A word.")],
        [("reason", "")],
        [],
    ]
    assert changed(documents["article/1@2"]) == [("kicker", None, "K")]
    assert documents["article/1@2"]["summary"] == "Revised kicker of “Headline 1”"


def test_all_categories_have_their_history(newsroom, article):
    newsroom.tell(
        article("1"),
        ("byline/1", "BylineRegistered", {"name": "Ana"}),
        ("image/1", "ImageAdded", {"url": "http://i"}),
        ("section/1", "SectionOpened", {"name": "Sea"}),
        ("tag/1", "TagDefined", {"name": "Whales"}),
    )
    assert summaries(newsroom) == [
        "Published “Headline 1”",
        "Registered “Ana”",
        "Added “http://i”",
        "Opened “Sea”",
        "Defined “Whales”",
    ]


def test_the_life_of_an_article_reads_as_sentences(newsroom, article):
    newsroom.tell(
        article("1"),
        ("article/1", "ArticleRevised", {"headline": "Better", "body": "B", "tag_ids": []}),
        ("article/1", "ArticleRevised", {}),
        ("article/1", "ArticleRetracted", {}),
        ("article/1", "ArticleReinstated", {}),
        article("1"),
    )
    assert summaries(newsroom) == [
        "Published “Headline 1”",
        "Revised headline, body and tags of “Better”",
        "Revised “Better”",
        "Retracted “Better”",
        "Reinstated “Better”",
        "Published “Headline 1” again",
    ]


def test_fields_that_stay_the_same_are_no_changes(newsroom, article):
    newsroom.tell(
        article("1", kicker="K", body="B"),
        ("article/1", "ArticleRevised", {"kicker": "K", "abstract": "A", "body": "B"}),
    )
    assert changed(newsroom.documents("history")["article/1@2"]) == [("abstract", None, "A")]


def test_the_old_value_is_the_last_one_given_however_long_ago(newsroom, article):
    newsroom.tell(
        article("1", kicker="K"),
        ("article/1", "ArticleRevised", {"abstract": "A"}),
        ("article/1", "ArticleRevised", {"headline": "H"}),
        ("article/1", "ArticleRevised", {"kicker": "L"}),
    )
    assert changed(newsroom.documents("history")["article/1@4"]) == [("kicker", "K", "L")]


def test_a_cleared_field_changes_to_nothing_and_only_once(newsroom, article):
    newsroom.tell(
        article("1", kicker="K", body="B"),
        ("article/1", "ArticleRevised", {"cleared": ["kicker", "body", "abstract"]}),
        ("article/1", "ArticleRevised", {"cleared": ["kicker"]}),
        ("article/1", "ArticleRevised", {"kicker": "L"}),
    )
    documents = newsroom.documents("history")
    assert changed(documents["article/1@2"]) == [("kicker", "K", None), ("body", "B", None)]
    assert changed(documents["article/1@3"]) == []
    assert changed(documents["article/1@4"]) == [("kicker", None, "L")]


def test_a_creating_event_on_a_stream_that_began_shows_what_it_forgets(newsroom, article):
    newsroom.tell(
        article("1", kicker="K", abstract="A"),
        article("1", abstract="B"),
        ("article/1", "ArticleRevised", {"kicker": "L"}),
    )
    documents = newsroom.documents("history")
    assert changed(documents["article/1@2"]) == [("kicker", "K", None), ("abstract", "A", "B")]
    assert changed(documents["article/1@3"]) == [("kicker", None, "L")]


def test_changes_come_in_the_order_of_the_fields_and_read_as_text(newsroom):
    newsroom.tell(
        (
            "article/1",
            "ArticlePublished",
            {
                "word_count": 900,
                "tag_ids": ["tag/b", "tag/a"],
                "byline_ids": [],
                "published_at": "1851-09-18T05:00:00.25Z",
                "headline": "H",
                "url": "",
            },
        ),
        ("article/1", "ArticleRevised", {"published_at": "0999-01-02T03:04:05Z"}),
    )
    documents = newsroom.documents("history")
    assert changed(documents["article/1@1"]) == [
        ("headline", None, "H"),
        ("url", None, ""),
        ("published_at", None, "1851-09-18T05:00:00.250000Z"),
        ("byline_ids", None, ""),
        ("tag_ids", None, "tag/b, tag/a"),
        ("word_count", None, "900"),
    ]
    assert changed(documents["article/1@2"]) == [
        ("published_at", "1851-09-18T05:00:00.250000Z", "0999-01-02T03:04:05Z")
    ]


@pytest.mark.parametrize("field", ["abstract", "body"])
def test_long_text_is_shown_to_200_characters_and_compared_to_its_end(newsroom, article, field):
    long = "Ü" * 250
    newsroom.tell(
        article("1", **{field: "é" * 200}),
        ("article/1", "ArticleRevised", {field: long}),
        ("article/1", "ArticleRevised", {field: long}),
        ("article/1", "ArticleRevised", {field: long + "."}),
    )
    documents = newsroom.documents("history")
    short = "Ü" * 199 + "…"
    assert changed(documents["article/1@2"]) == [(field, "é" * 200, short)]
    assert changed(documents["article/1@3"]) == []
    assert changed(documents["article/1@4"]) == [(field, short, short)]


def test_history_of_some_keys_is_that_among_all(newsroom, article):
    newsroom.tell(
        ("article/a@1", "ArticlePublished", {"headline": "H", "published_at": "2020-01-01"}),
        article("1"),
        ("article/1", "ArticleRevised", {"headline": "Later"}),
    )
    every = newsroom.documents("history")
    for key in ("article/1@2", "article/a@1@1"):
        assert newsroom.documents("history", keys=[key]) == {key: every[key]}


def test_history_is_as_of_its_sequence(newsroom, article):
    newsroom.tell(article("1"), ("article/1", "ArticleRetracted", {}))
    assert set(newsroom.documents("history", at=1)) == {"article/1@1"}


@pytest.mark.parametrize(
    ("type_name", "category", "words"),
    [
        ("ArticlePublished", ARTICLE, "published"),
        ("BylineRemoved", BYLINE, "removed"),
        ("NewOrderEvent", ARTICLE, "new order event"),
        ("PDFMade", ARTICLE, "pdf made"),
        ("Article", ARTICLE, "article"),
    ],
)
def test_the_verb_is_what_the_name_of_the_type_says_beyond_its_category(type_name, category, words):
    assert verb(EventType(type_name, Effect.CREATES), category) == words


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("headline", "headline"),
        ("section_id", "section"),
        ("byline_ids", "bylines"),
        ("published_at", "published at"),
    ],
)
def test_fields_are_named_in_words(field, words):
    assert label(field) == words
