"""The contract of every engine: which texts a query finds, in every script and way of writing."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import assume, settings
from hypothesis import given as given_examples
from hypothesis import strategies as st

from search.analysis import words
from search.errors import InvalidQuery

Story = Callable[..., dict[str, Any]]
NFD = "NFD"

LOOK_ALIKE = [
    ("Re\u0301sume\u0301 of it", "r\u00e9sum\u00e9"),
    ("R\u00e9sum\u00e9 of it", "re\u0301sume\u0301"),
    ("R\u00e9sum\u00e9 of it", "resume"),
    (unicodedata.normalize(NFD, "\ud55c\uad6d \uc18c\uc2dd"), "\ud55c\uad6d"),
    ("\ud55c\uad6d \uc18c\uc2dd", unicodedata.normalize(NFD, "\ud55c\uad6d")),
    ("a co\u00adoperation", "cooperation"),
    ("zero\u200bwidth", "zerowidth"),
    ("zerowidth", "zero\u200bwidth"),
    ("join\u200der and non\u200cjoiner", "joiner nonjoiner"),
    ("\ufeffBegin", "begin"),
    ("\uff26\uff55\uff4c\uff4c width", "full"),
    ("\ufb01shing", "fishing"),
    ("\u0130stanbul", "istanbul"),
    ("istanbul", "\u0130STANBUL"),
    (
        "\u0399\u03a3\u03a4\u039f\u03a1\u0399\u0391 \u03bb\u03cc\u03b3\u03bf\u03c2",
        "\u03bb\u03bf\u03b3\u03bf\u03c3",
    ),
    ("\u0451\u043b\u043a\u0430", "\u0435\u043b\u043a\u0430"),
    ("\u0438\u0306\u043e\u0434", "\u0439\u043e\u0434"),
    ("\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd", "\u05e9\u05dc\u05d5\u05dd"),
    ("\u0645\u064f\u062d\u064e\u0645\u0651\u064e\u062f", "\u0645\u062d\u0645\u062f"),
    ("\u0939\u093f\u0928\u094d\u0926\u0940", "\u0939\u093f\u0928\u094d\u0926\u0940"),
    ("\uff76\uff9e\uff7d", "\u30ac\u30b9"),
    ("stra\u00dfe", "strasse"),
    ("\u1ec7t", "e\u0323\u0302t"),
    ("Hawai\u02bbi", "hawaii"),
]


def test_texts_that_look_the_same_are_found_by_one_another(archive: Any, story: Story) -> None:
    archive.holds(*(story(f"article/{n}", text) for n, (text, _) in enumerate(LOOK_ALIKE)))
    missed = [
        (text, query)
        for n, (text, query) in enumerate(LOOK_ALIKE)
        if f"article/{n}" not in archive.ids(query, size=100)
    ]
    assert missed == []


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_phrase_a_prefix_and_a_filter_are_found_in_any_unicode_form(
    archive: Any, story: Story, form: Any
) -> None:
    archive.holds(story("article/1", "Caf\u00e9 S\u00e3o Jo\u00e3o", section="Caf\u00e9s"))
    for query in ('"caf\u00e9 s\u00e3o"', "caf\u00e9*", "headline:jo\u00e3o", "section:caf\u00e9s"):
        assert archive.ids(unicodedata.normalize(form, query)) == ["article/1"], query
    section = unicodedata.normalize(form, "Caf\u00e9s")
    assert archive.ids(filters={"section": section}) == ["article/1"]


def test_a_document_is_returned_as_it_was_written(archive: Any, story: Story) -> None:
    document = story(
        "article/1", "Re\u0301sume\u0301 \u5317\u4eac", tags=["\u5317\u4eac"], at="1911-01-01"
    )
    archive.holds(document)
    (hit,) = archive.ask("\u5317\u4eac", facets=["tag"]).hits
    assert hit.document["headline"] == document["headline"]
    assert archive.ask(facets=["tag"]).facets["tag"] == [("\u5317\u4eac", 1)]
    assert archive.ids(filters={"tag": "\u5317\u4eac"}) == ["article/1"]


UNSPACED = [
    ("\u5317\u4eac\u5965\u8fd0\u4f1a\u5f00\u5e55", "\u5317\u4eac"),
    ("\u5317\u4eac\u5965\u8fd0\u4f1a\u5f00\u5e55", "\u5965\u8fd0\u4f1a"),
    (
        "\u6771\u4eac\u30aa\u30ea\u30f3\u30d4\u30c3\u30af\u306e\u958b\u4f1a\u5f0f",
        "\u30aa\u30ea\u30f3\u30d4\u30c3\u30af",
    ),
    ("\u6771\u4eac\u30aa\u30ea\u30f3\u30d4\u30c3\u30af\u306e\u958b\u4f1a\u5f0f", "\u958b\u4f1a"),
    ("\uc11c\uc6b8\uc5d0\uc11c \uc5f4\ub9b0 \ud68c\uc758", "\uc11c\uc6b8"),
    ("\u0e1b\u0e23\u0e30\u0e40\u0e17\u0e28\u0e44\u0e17\u0e22", "\u0e44\u0e17\u0e22"),
    ("iPhone\u624b\u673a\u53d1\u5e03", "\u624b\u673a"),
    ("iPhone\u624b\u673a\u53d1\u5e03", "iphone"),
]


@pytest.mark.parametrize(("text", "query"), UNSPACED)
def test_a_part_of_a_text_without_spaces_is_found_and_marked(
    archive: Any, story: Story, text: str, query: str
) -> None:
    archive.holds(story("article/1", text), story("article/2", "\u4e0a\u6d77 Other words"))
    for asked in (query, f'"{query}"', f"headline:{query}", f"{query}*"):
        assert archive.ids(asked) == ["article/1"], asked
    assert archive.ids(f"-{query}") == ["article/2"]
    title = archive.ask(query).hits[0].title
    assert title.replace("<mark>", "").replace("</mark>", "") == text
    marked = title[title.index("<mark>") + 6 : title.index("</mark>")]
    assert marked.casefold() == query.casefold()


def test_a_phrase_without_spaces_is_exact(archive: Any, story: Story) -> None:
    archive.holds(
        story("article/1", "\u4eac\u5317\u4eba"), story("article/2", "\u5317\u4eac\u4eba")
    )
    assert archive.ids('"\u5317\u4eac"') == ["article/2"]
    assert archive.ids("\u4eac\u5317") == ["article/1"]


OTHER_WAYS = [
    ("The women of the town", "woman"),
    ("A woman of the town", "women"),
    ("A child lost", "children"),
    ("Two feet of snow", "foot"),
    ("The ship sank", "sinks"),
    ("Mice in the house", "mouse"),
    ("New criteria", "criterion"),
    ("An e-mail arrives", "email"),
    ("An email arrives", "e-mail"),
    ("Beto O'Rourke speaks", "ORourke"),
    ("Beto O\u2019Rourke speaks", "orourke"),
    ("Beto ORourke speaks", "O'Rourke"),
    ("On health care", "healthcare"),
    ("On healthcare", "health care"),
    ("On health-care", "healthcare"),
    ("A base ball game", "baseball"),
    ("J.F.K. in Dallas", "JFK"),
    ("J. F. K. in Dallas", "jfk"),
    ("JFK in Dallas", "J.F.K."),
    ("They don't know", "dont"),
    ("They dont know", "don't"),
    ("The U-boat war", "uboat"),
    ("To co-operate", "cooperate"),
    ("To cooperate", "co-operate"),
    ("All of it on-line", "online"),
    ("All of it online", "on-line"),
    ("News of to-day", "today"),
    ("News of today", "to-day"),
    ("Some 3,000 people", "3000"),
    ("Some 3000 people", "3,000"),
    ("Some 12,345,678 people", "12345678"),
    ("Songs of the 1990's", "1990s"),
    ("Songs of the 1990s", "1990's"),
]


def test_other_ways_to_write_a_word_are_found(archive: Any, story: Story) -> None:
    nothing = story("article/none", "Nothing of the kind")
    archive.holds(nothing, *(story(f"article/{n}", text) for n, (text, _) in enumerate(OTHER_WAYS)))
    missed = []
    for n, (text, query) in enumerate(OTHER_WAYS):
        answer = archive.ask(query, size=100)
        ids = {hit.id for hit in answer.hits}
        if f"article/{n}" not in ids or "article/none" in ids or answer.matching != "all":
            missed.append((text, query, ids))
    assert missed == []


@pytest.fixture
def library(archive: Any, story: Story) -> Any:
    archive.holds(
        story("article/1", "A tax on whales", section="Science", at="1912-04-15"),
        story("article/2", "Income tax", body="No whales", section="World", at="1913-01-01"),
        story(
            "article/3", "Station at the geographic south pole", section="Science", at="1914-06-01"
        ),
        story("article/4", "The pole is far to the south", section="Arts", at="1912-12-31"),
    )
    return archive


READ_AS = [
    ("NOT tax", [3, 4]),
    ("-tax", [3, 4]),
    ("!tax", [3, 4]),
    ("whales NOT income", [1]),
    ("tax AND income", [2]),
    ("tax && income", [2]),
    ("+tax +income", [2]),
    ("tax OR station", [1, 2, 3]),
    ("tax | station", [1, 2, 3]),
    ("tax || station", [1, 2, 3]),
    ("(tax OR station) -income", [1, 3]),
    ("tax OR station -income", [1, 3]),
    ("-(tax OR station)", [4]),
    ("(whales tax) OR (pole far)", [1, 2, 4]),
    ("tax OR NOT pole", [1, 2]),
    ("title:income", [2]),
    ("intitle:whales", [1]),
    ("ti:station", [3]),
    ("headline:(whales OR income)", [1, 2]),
    ("section:science", [1, 3]),
    ("section:SCIENCE tax", [1]),
    ("-section:Science", [2, 4]),
    ('section:"Science"', [1, 3]),
    ("section:(Science OR World)", [1, 2, 3]),
    ("section:sci*", [1, 3]),
    ("section:Arts OR income", [2, 4]),
    ("date:1912", [1, 4]),
    ("date:1912-04", [1]),
    ("date:1912..1913", [1, 2, 4]),
    ("date:[1913 TO 1914]", [2, 3]),
    ("date:[1913 TO *]", [2, 3]),
    ("date:{1912 TO 1914}", [2]),
    ("before:1913", [1, 4]),
    ("after:1912", [2, 3]),
    ("date:>=1914", [3]),
    ("year:1912", [1, 4]),
    ("year:1912..1913", [1, 2, 4]),
    ("*ation", [3]),
    ("wh*es", [1, 2]),
    ("t?x", [1, 2]),
    ('"south pole"', [3]),
    ('"pole south"~5', [3, 4]),
    ('"geographic pole"~3', [3]),
    ('"geographic * pole"', [3]),
    ("geographic NEAR pole", [3]),
    ("geographic NEAR/1 pole", [3]),
    ("geographic AROUND(2) pole", [3]),
    ("((tax", [1, 2]),
    ("tax)", [1, 2]),
    ("(tax)", [1, 2]),
    ("tax^3", [1, 2]),
    ("tax~1", [1, 2]),
    ('"income tax"^3', [2]),
    ("(tax OR station)^2.5 -income", [1, 3]),
    ("published_at:1912", [1, 4]),
    ("published_at:>=1914", [3]),
]


def test_what_readers_of_other_searches_write_works(library: Any) -> None:
    wrong = []
    for query, numbers in READ_AS:
        ids = sorted(hit.id for hit in library.ask(query).hits)
        if ids != [f"article/{n}" for n in numbers]:
            wrong.append((query, ids))
    assert wrong == []


NOTES = [
    ("nosuch:tax", "there is no field 'nosuch', so it is read as a word"),
    ("date:soon", "read as a word"),
    ("section:house", "no section is 'house'"),
    ("tax AND income OR pole", "OR binds closer than AND"),
    ("tax~2", "`~` after a word is ignored"),
    ("tax^3", "`^` is ignored"),
    ("section:[a TO b]", "section has no ranges"),
    ("headline:[a TO b]", "a range is one of dates"),
    ("[1912 TO 1913]", "a range is one of dates"),
    ("nosuch:12", "there is no field 'nosuch'"),
]


def test_what_is_read_otherwise_is_said(library: Any) -> None:
    notes = {query: library.ask(query).note or "" for query, _ in NOTES}
    assert [query for query, note in NOTES if note not in notes[query]] == []


def test_documents_are_found_by_month_and_day_in_any_year(archive: Any, story: Story) -> None:
    archive.holds(
        story("article/1", at="1912-04-15"),
        story("article/2", at="2012-04-15T23:59:59"),
        story("article/3", at="1912-05-15"),
        story("article/4", at="0001-01-01"),
        story("article/5", at="9998-12-31T23:59:59.999999"),
        story("article/6"),
    )
    assert archive.ids(month_day="04-15", sort="newest") == ["article/2", "article/1"]
    assert archive.ids(month_day="01-01") == ["article/4"]
    assert archive.ids(month_day="12-31", embargoed=True) == ["article/5"]
    with pytest.raises(InvalidQuery, match="'4-31' is no month and day, such as 04-15"):
        archive.ask(month_day="4-31")


def test_a_filter_means_a_value_in_any_case_and_says_what_it_took(library: Any) -> None:
    answer = library.ask(filters={"section": "sCIENCE"})
    assert (answer.total, answer.note) == (2, "section 'sCIENCE' is read as 'Science'")
    answer = library.ask(filters={"section": "Scince"})
    assert (answer.total, answer.note) == (0, "no section is 'Scince'; nearest: Science")
    assert library.ask(excluded={"section": ["science", "Arts"]}).total == 1


def test_a_filter_of_very_many_values_looks_up_the_first_of_them(library: Any) -> None:
    many = [f"no {n}" for n in range(50_000)]
    assert library.ask(filters={"section": [*many, "Science"]}).total == 2
    answer = library.ask(filters={"section": ["science", *many]}, facets=["section"])
    assert answer.facets["section"] == [("Science", 2)]


def test_a_long_text_is_searched_by_its_words_and_requires_none_of_its_marks(library: Any) -> None:
    query = 'The minister said "we shall tax everything" before -whales at the *station* swam away'
    answer = library.ask(query)
    assert {"article/1", "article/2", "article/3"} <= {hit.id for hit in answer.hits}
    assert "is not required" in (answer.note or "")


@pytest.mark.parametrize(
    ("query", "suggestion"),
    [
        ("incme", "income"),
        ("staton pole", "station pole"),
        ("geogrpahic", "geographic"),
        ("Whaels", "whales"),
        ("zzzzzz", None),
        ("tax", None),
    ],
)
def test_a_word_that_no_text_has_brings_a_suggestion(
    library: Any, query: str, suggestion: str | None
) -> None:
    assert library.ask(query).suggestion == suggestion


SAID = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=12)


def test_a_word_of_any_script_is_found_in_any_form_of_its_text(archive: Any, story: Story) -> None:
    """On many words at once, because an index is dear; each is asked in its other form."""

    generations = count(1)

    @settings(max_examples=5)
    @given_examples(st.lists(SAID, min_size=5, max_size=25, unique=True))
    def found(texts: list[str]) -> None:
        texts = [text for text in texts if len(words(text)) > 0 and len(text) < 20]
        assume(texts)
        generation = next(generations)
        archive.build([story(f"article/{n}", text) for n, text in enumerate(texts)], generation)
        archive.engine.promote({"articles": generation})
        for n, text in enumerate(texts):
            for form in ("NFC", "NFD"):
                query = f'"{unicodedata.normalize(form, text).replace(chr(34), " ")}"'
                if words(query):
                    assert f"article/{n}" in archive.ids(query, size=100), (text, form)

    found()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("whales " * 8_000, "whales"),
        ("whales " * 8_000, '"whales whales"'),
        ("\u5317\u4eac" * 20_000, "\u5317\u4eac"),
        ("e\u0301\u0302" * 20_000 + " whales", "whales"),
        ("x" * 100_000, "*x*x*x*y*"),
        ("-" * 100_000 + "whales", "whales"),
        ("whales", " OR ".join(f"word{n}" for n in range(12_000))),
        ("whales", "(" * 5_000 + "whales" + ")" * 5_000),
        ("whales", "\u5317\u4eac\u5965\u8fd0" * 3_000),
        ("whales", " ".join(f"*a{n}*" for n in range(1_000))),
        ("whales", "headline:" * 2_000 + "whales"),
        ("whales", "w" * 100_000),
    ],
)
def test_no_size_of_a_text_or_a_query_takes_more_than_a_few_seconds(
    archive: Any, story: Story, text: str, query: str
) -> None:
    archive.holds(story("article/1", "One", body=text))
    began = time.perf_counter()
    archive.ask(query, size=10**9)
    assert time.perf_counter() - began < 20
