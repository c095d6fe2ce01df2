"""bylines, images, sections and topics: what is counted, listed and left out."""

from datetime import UTC, date, datetime

import pytest


def byline(name, **fields):
    return (f"byline/{name}", "BylineRegistered", {"name": name.title(), **fields})


def section(name, **fields):
    return (f"section/{name}", "SectionOpened", {"name": name.title(), **fields})


def tag(name, **fields):
    return (f"tag/{name}", "TagDefined", {"name": name.title(), **fields})


def day(number):
    return f"2020-01-{number:02d}T12:00:00Z"


def ids(listed):
    return [item["id"] for item in listed]


def counts(listed):
    return [(item["id"], item["name"], item["count"]) for item in listed]


# bylines


def test_a_byline_counts_its_articles_and_knows_the_first_and_the_last(newsroom, article):
    newsroom.tell(
        byline("ana", title="Reporter", bio="Writes.", url="http://ana"),
        section("sea"),
        article("1", byline_ids=["byline/ana"], published_at=day(3), section_id="section/sea"),
        article("2", byline_ids=["byline/ana"], published_at=day(1), url="http://2"),
    )
    assert newsroom.documents("bylines")["byline/ana"] == {
        "id": "byline/ana",
        "name": "Ana",
        "title": "Reporter",
        "aliases": [],
        "bio": "Writes.",
        "url": "http://ana",
        "article_count": 2,
        "first_published_at": datetime(2020, 1, 1, 12, tzinfo=UTC),
        "last_published_at": datetime(2020, 1, 3, 12, tzinfo=UTC),
        "latest": [
            {
                "id": "article/1",
                "headline": "Headline 1",
                "url": None,
                "published_at": datetime(2020, 1, 3, 12, tzinfo=UTC),
            },
            {
                "id": "article/2",
                "headline": "Headline 2",
                "url": "http://2",
                "published_at": datetime(2020, 1, 1, 12, tzinfo=UTC),
            },
        ],
        "sections": [{"id": "section/sea", "name": "Sea", "count": 1}],
        "coauthors": [],
        "sequence": 4,
    }


def test_a_byline_without_articles_has_zero_of_them(newsroom):
    newsroom.tell(byline("ana"))
    document = newsroom.documents("bylines")["byline/ana"]
    assert (document["article_count"], document["first_published_at"]) == (0, None)
    assert (document["latest"], document["sections"], document["coauthors"]) == ([], [], [])


def test_retracted_articles_count_nowhere(newsroom, article):
    named = {"byline_ids": ["byline/ana"], "section_id": "section/sea", "tag_ids": ["tag/whales"]}
    newsroom.tell(
        byline("ana"),
        section("sea"),
        tag("whales"),
        ("image/1", "ImageAdded", {"url": "u"}),
        article("1", image_ids=["image/1"], **named),
        ("article/1", "ArticleRetracted", {}),
    )
    documents = {
        view: next(iter(newsroom.documents(view).values()))
        for view in ("bylines", "sections", "topics", "images")
    }
    assert [documents[v]["article_count"] for v in ("bylines", "sections", "topics")] == [0, 0, 0]
    assert [documents[v]["latest"] for v in ("bylines", "sections", "topics")] == [[], [], []]
    assert documents["images"]["articles"] == []
    assert newsroom.documents("timeline") == {}
    assert {document["sequence"] for document in documents.values()} == {6}


def test_a_removed_byline_a_closed_section_and_their_like_have_no_document(newsroom):
    newsroom.tell(
        byline("ana"),
        section("sea"),
        tag("whales"),
        ("image/1", "ImageAdded", {"url": "u"}),
        ("byline/ana", "BylineRemoved", {}),
        ("section/sea", "SectionClosed", {}),
        ("tag/whales", "TagRemoved", {}),
        ("image/1", "ImageWithdrawn", {}),
    )
    for view in ("bylines", "sections", "topics", "images"):
        assert len(newsroom.documents(view, at=4)) == 1
        assert newsroom.documents(view) == {}


def test_the_latest_are_ten_newest_first_then_by_id(newsroom, article):
    newsroom.tell(
        byline("ana"),
        *(article(f"{n:02d}", byline_ids=["byline/ana"], published_at=day(1)) for n in range(9)),
        *(article(n, byline_ids=["byline/ana"], published_at=day(2)) for n in ("y", "x")),
    )
    expected = ["article/x", "article/y", *(f"article/{n:02d}" for n in range(8))]
    assert ids(newsroom.documents("bylines")["byline/ana"]["latest"]) == expected


def test_coauthors_are_by_count_then_id_and_never_oneself(newsroom, article):
    newsroom.tell(
        *(byline(name) for name in ("ana", "ben", "cleo")),
        article("1", byline_ids=["byline/ana", "byline/cleo", "byline/ben"]),
        article("2", byline_ids=["byline/cleo", "byline/ana"]),
        article("3", byline_ids=["byline/ana", "byline/new"]),
        ("byline/cleo", "BylineRemoved", {}),
    )
    assert counts(newsroom.documents("bylines")["byline/ana"]["coauthors"]) == [
        ("byline/cleo", "Cleo", 2),
        ("byline/ben", "Ben", 1),
        ("byline/new", None, 1),
    ]


def test_an_article_that_names_someone_twice_counts_once(newsroom, article):
    newsroom.tell(
        byline("ana"),
        byline("ben"),
        tag("a"),
        tag("b"),
        article(
            "1",
            byline_ids=["byline/ana", "byline/ben", "byline/ana"],
            tag_ids=["tag/a", "tag/b", "tag/a"],
        ),
    )
    ana, topic = newsroom.documents("bylines")["byline/ana"], newsroom.documents("topics")["tag/b"]
    assert (ana["article_count"], len(ana["latest"])) == (1, 1)
    assert counts(newsroom.documents("bylines")["byline/ben"]["coauthors"]) == [
        ("byline/ana", "Ana", 1)
    ]
    assert counts(topic["related"]) == [("tag/a", "A", 1)]


def test_the_sections_of_a_byline_are_by_count_then_id(newsroom, article):
    filed = ["section/b", "section/a", "section/c", "section/c"]
    newsroom.tell(
        byline("ana"),
        *(section(name) for name in "abc"),
        *(article(str(n), byline_ids=["byline/ana"], section_id=s) for n, s in enumerate(filed)),
    )
    assert ids(newsroom.documents("bylines")["byline/ana"]["sections"]) == [
        "section/c",
        "section/a",
        "section/b",
    ]


def test_the_sequence_of_a_byline_is_also_that_of_its_articles_sections_and_coauthors(
    newsroom, article
):
    newsroom.tell(
        byline("ana"),
        byline("ben"),
        section("sea"),
        article("1", byline_ids=["byline/ana", "byline/ben"], section_id="section/sea"),
        ("section/sea", "SectionRevised", {"name": "Ocean"}),
        ("byline/ben", "BylineRevised", {"name": "Benjamin"}),
        ("article/1", "ArticleRetracted", {}),
        ("section/sea", "SectionRevised", {"name": "Sea"}),
    )
    at = [newsroom.documents("bylines", at=n)["byline/ana"]["sequence"] for n in range(4, 9)]
    assert at == [4, 5, 6, 7, 7]


# images


def test_an_image_knows_its_photographer_and_its_articles_newest_first(newsroom, article):
    newsroom.tell(
        byline("ben"),
        ("image/1", "ImageAdded", {"url": "u", "photographer_id": "byline/ben", "width": 3}),
        article("1", image_ids=["image/1"], published_at=day(1)),
        article("2", image_ids=["image/1", "image/1"], published_at=day(2)),
        ("byline/ben", "BylineRemoved", {}),
    )
    document = newsroom.documents("images")["image/1"]
    assert document["photographer"] == {"id": "byline/ben", "name": "Ben"}
    assert ids(document["articles"]) == ["article/2", "article/1"]
    assert (document["width"], document["taken_at"], document["sequence"]) == (3, None, 5)


def test_an_image_of_nobody_has_no_photographer_and_of_a_stranger_one_without_name(newsroom):
    newsroom.tell(
        ("image/1", "ImageAdded", {"url": "u"}),
        ("image/2", "ImageAdded", {"url": "u", "photographer_id": "byline/x"}),
    )
    documents = newsroom.documents("images")
    assert documents["image/1"]["photographer"] is None
    assert documents["image/2"]["photographer"] == {"id": "byline/x", "name": None}


# sections


def test_a_section_counts_its_own_articles_and_those_of_all_its_sub_sections(newsroom, article):
    newsroom.tell(
        byline("ana"),
        section("world"),
        section("sea", parent_id="section/world"),
        section("deep", parent_id="section/sea"),
        article("1", section_id="section/world", byline_ids=["byline/ana"], published_at=day(1)),
        article("2", section_id="section/sea", published_at=day(2)),
        article("3", section_id="section/deep", byline_ids=["byline/ana"], published_at=day(3)),
    )
    documents = newsroom.documents("sections")
    assert {k: d["article_count"] for k, d in documents.items()} == {
        "section/world": 3,
        "section/sea": 2,
        "section/deep": 1,
    }
    world = documents["section/world"]
    assert ids(world["latest"]) == ["article/3", "article/2", "article/1"]
    assert counts(world["bylines"]) == [("byline/ana", "Ana", 2)]
    assert world["children"] == [{"id": "section/sea", "name": "Sea"}]
    assert (world["parent"], world["sequence"]) == (None, 7)
    assert documents["section/deep"]["parent"] == {"id": "section/sea", "name": "Sea"}


def test_children_are_the_live_direct_sub_sections_by_id(newsroom):
    newsroom.tell(
        section("top"),
        *(section(name, parent_id="section/top") for name in ("c", "a", "b")),
        section("below", parent_id="section/a"),
        ("section/b", "SectionClosed", {}),
    )
    assert ids(newsroom.documents("sections")["section/top"]["children"]) == [
        "section/a",
        "section/c",
    ]


def test_articles_of_a_closed_sub_section_still_count_for_the_section_above(newsroom, article):
    newsroom.tell(
        section("top"),
        section("sub", parent_id="section/top"),
        article("1", section_id="section/sub"),
        ("section/sub", "SectionClosed", {}),
    )
    assert newsroom.documents("sections")["section/top"]["article_count"] == 1


def test_sections_that_are_each_others_parents_end_and_count_each_article_once(newsroom, article):
    newsroom.tell(
        section("a", parent_id="section/b"),
        section("b", parent_id="section/a"),
        section("self", parent_id="section/self"),
        article("1", section_id="section/a"),
        article("2", section_id="section/self"),
    )
    found = {k: d["article_count"] for k, d in newsroom.documents("sections").items()}
    assert found == {"section/a": 1, "section/b": 1, "section/self": 1}


def test_sub_sections_count_to_five_levels_down(newsroom, article):
    newsroom.tell(
        section("0"),
        *(section(str(n), parent_id=f"section/{n - 1}") for n in range(1, 7)),
        *(article(str(n), section_id=f"section/{n}") for n in range(7)),
    )
    assert newsroom.documents("sections")["section/0"]["article_count"] == 6


# topics


def test_a_topic_knows_its_articles_and_the_ten_tags_beside_it(newsroom, article):
    newsroom.tell(
        tag("whales", kind="subject"),
        *(tag(f"t{n:02d}") for n in range(12)),
        article("1", tag_ids=["tag/whales", *(f"tag/t{n:02d}" for n in range(12))]),
        article("2", tag_ids=["tag/whales", "tag/t11", "tag/unknown"]),
    )
    document = newsroom.documents("topics")["tag/whales"]
    assert (document["kind"], document["article_count"]) == ("subject", 2)
    assert counts(document["related"])[:2] == [("tag/t11", "T11", 2), ("tag/t00", "T00", 1)]
    assert len(document["related"]) == 10
    assert ids(document["latest"]) == ["article/1", "article/2"]


def test_removed_tags_are_not_related_and_what_has_not_come_yet_is(newsroom, article):
    newsroom.tell(
        tag("a"),
        tag("b"),
        article("1", tag_ids=["tag/a", "tag/b", "tag/new"]),
        ("tag/b", "TagRemoved", {}),
    )
    document = newsroom.documents("topics")["tag/a"]
    assert counts(document["related"]) == [("tag/new", None, 1)]
    assert document["sequence"] == 4


# timeline


def test_a_day_has_its_articles_by_section_and_its_headlines_in_order(newsroom, article):
    newsroom.tell(
        section("a"),
        section("b"),
        article("1", published_at="1851-09-18T09:00:00Z", section_id="section/b", url="http://1"),
        article("2", published_at="1851-09-18T08:00:00Z", section_id="section/a"),
        article("3", published_at="1851-09-18T08:00:00Z", section_id="section/b"),
        article("0", published_at="1851-09-18T09:00:00Z"),
    )
    assert newsroom.documents("timeline") == {
        "1851-09-18": {
            "id": "1851-09-18",
            "date": date(1851, 9, 18),
            "article_count": 4,
            "sections": [
                {"id": "section/b", "name": "B", "count": 2},
                {"id": "section/a", "name": "A", "count": 1},
            ],
            "headlines": [
                {
                    "id": "article/2",
                    "headline": "Headline 2",
                    "url": None,
                    "published_at": datetime(1851, 9, 18, 8, tzinfo=UTC),
                    "section": {"id": "section/a", "name": "A"},
                },
                {
                    "id": "article/3",
                    "headline": "Headline 3",
                    "url": None,
                    "published_at": datetime(1851, 9, 18, 8, tzinfo=UTC),
                    "section": {"id": "section/b", "name": "B"},
                },
                {
                    "id": "article/0",
                    "headline": "Headline 0",
                    "url": None,
                    "published_at": datetime(1851, 9, 18, 9, tzinfo=UTC),
                    "section": None,
                },
                {
                    "id": "article/1",
                    "headline": "Headline 1",
                    "url": "http://1",
                    "published_at": datetime(1851, 9, 18, 9, tzinfo=UTC),
                    "section": {"id": "section/b", "name": "B"},
                },
            ],
            "sequence": 6,
        }
    }


@pytest.mark.parametrize(
    ("published_at", "day_of"),
    [
        ("2020-01-01T23:30:00-05:00", "2020-01-02"),
        ("2020-01-01T00:00:00Z", "2020-01-01"),
        ("1851-09-18T23:59:59.999999Z", "1851-09-18"),
        ("2026-02-28T23:59:59Z", "2026-02-28"),
        ("0999-01-01T00:00:00Z", "0999-01-01"),
    ],
)
def test_an_article_belongs_to_the_day_in_utc(newsroom, article, published_at, day_of):
    newsroom.tell(article("1", published_at=published_at))
    assert list(newsroom.documents("timeline")) == [day_of]


def test_a_day_shows_at_most_fifty_headlines_and_counts_all(newsroom, article):
    newsroom.tell(*(article(f"{n:02d}") for n in range(60)))
    document = newsroom.documents("timeline")["1851-09-18"]
    assert document["article_count"] == 60
    assert ids(document["headlines"]) == [f"article/{n:02d}" for n in range(50)]


@pytest.mark.parametrize("view", ["bylines", "images", "sections", "topics", "timeline"])
def test_documents_of_some_keys_are_those_among_all(newsroom, article, view):
    named = {
        "byline_ids": ["byline/a", "byline/b"],
        "tag_ids": ["tag/a", "tag/b"],
        "image_ids": ["image/a", "image/b"],
    }
    newsroom.tell(
        *(byline(n) for n in "ab"),
        *(tag(n) for n in "ab"),
        section("a"),
        section("b", parent_id="section/a"),
        *((f"image/{n}", "ImageAdded", {"url": n}) for n in "ab"),
        article("1", published_at=day(1), section_id="section/a", **named),
        article("2", published_at=day(2), section_id="section/b", **named),
    )
    every = newsroom.documents(view)
    key = sorted(every)[0]
    assert len(every) == 2
    assert newsroom.documents(view, keys=[key, "none/such"]) == {key: every[key]}


@pytest.mark.parametrize("second", ["1851-09-18T00:00:00Z", "1851-09-18T23:59:59.999999Z"])
def test_a_day_that_is_asked_for_has_all_its_articles_to_the_last_instant(
    newsroom, article, second
):
    newsroom.tell(
        article("1", published_at=second), article("2", published_at="1851-09-19T00:00:00Z")
    )
    found = newsroom.documents("timeline", keys=["1851-09-18"])
    assert {key: ids(day["headlines"]) for key, day in found.items()} == {
        "1851-09-18": ["article/1"]
    }
