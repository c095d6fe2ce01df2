"""Months of the Archive API: every shape that its documents have, and dumps that change."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from tiers import given_in_tiers

from connectors import import_month, importing
from connectors.errors import BadLine, UnreadableFile
from connectors.nyt_archive.document import events_of
from connectors.nyt_archive.people import split_line
from event_log import EventLog, InvalidEvent, NewEvent
from newsroom import CATEGORIES, generate_month
from newsroom.months import Shape
from replay import read_entities

UUID = "5a1c0c1e-98ab-5d25-8a3e-2f1ab0f7f0aa"
URI, STREAM = f"nyt://article/{UUID}", f"article/nyt-{UUID}"
PLAIN: dict[str, Any] = {
    "uri": URI,
    "headline": {"main": "Whales Return"},
    "pub_date": "1851-10-18T05:00:00+0000",
}
FOLDER = "images/1851/10/18/sea/18WHALES"
COMMON: dict[str, Any] = {
    "web_url": "https://www.example.com/1851/10/18/whales.html",
    "snippet": "Whales are back.",
    "lead_paragraph": "Whales were seen off Nantucket.",
    "source": "The Made-Up Times",
    "headline": {"main": "Whales Return", "kicker": "At Sea", "print_headline": "WHALES SEEN"},
    "document_type": "article",
    "news_desk": "Foreign Desk",
    "section_name": "Science",
    "subsection_name": "Climate",
    "type_of_material": "News",
    "print_section": "A",
}
OLD: dict[str, Any] = COMMON | {
    "_id": "4fd2872b8eb7c8105d858553", "uri": URI, "blog": [], "score": 1.0,
    "abstract": None, "pub_date": "1851-10-18T05:00:00+0000",
    "print_page": 1, "word_count": "1024",
    "byline": {"original": "By ANA RUIZ and BEN OKAFOR", "person": []},
    "keywords": [
        {"name": "glocations", "value": "Nantucket", "rank": 2, "major": "N"},
        {"name": "subject", "value": "Whales", "rank": 1, "major": "Y"},
    ],
    "multimedia": [
        {"type": "image", "url": f"{FOLDER}/18WHALES-{crop}.jpg", "crop_name": crop,
         "width": width, "height": width, "caption": "A whale.", "credit": "Staff", "legacy": {}}
        for crop, width in (("thumbStandard", 75), ("articleLarge", 600))
    ],
}  # fmt: skip
NEW: dict[str, Any] = COMMON | {
    "_id": URI,
    "uri": URI,
    "abstract": "Whales are back.",
    "pub_date": "1851-10-18T05:00:00Z",
    "print_page": "1",
    "word_count": 1024,
    "byline": {
        "original": "By Ana Ruiz and Ben Okafor",
        "person": [
            {"firstname": "Ben", "middlename": None, "lastname": "OKAFOR", "rank": 2},
            {"firstname": "Ana", "middlename": "", "lastname": "Ruiz", "rank": 1},
        ],
    },
    "keywords": [
        {"name": "Subject", "value": " whales ", "rank": 1},
        {"name": "Location", "value": "NANTUCKET", "rank": 2},
    ],
    "multimedia": {
        "caption": "A whale.",
        "credit": "Staff",
        "default": {
            "url": f"https://static01.nyt.com/{FOLDER}/18WHALES-articleLarge.jpg",
            "width": 600,
            "height": 600,
        },
        "thumbnail": {"url": f"https://static01.nyt.com/{FOLDER}/18WHALES-thumbStandard.jpg"},
    },
}


def said(**changes: Any) -> dict[str, Any]:
    """The fields of the article of a document with some changes."""
    return dict(events_of(PLAIN | changes)[-1].data)


def named(category: str, **changes: Any) -> list[dict[str, Any]]:
    """The fields of what a document with some changes names."""
    events = events_of(PLAIN | changes)
    return [dict(e.data) for e in events if e.stream.startswith(f"{category}/")]


@pytest.mark.parametrize("document", [OLD, NEW], ids=["old shape", "new shape"])
def test_a_document_of_either_shape_is_the_same_article(document: dict[str, Any]) -> None:
    *naming, article = events_of(document)
    fields = dict(article.data)
    sections = [e for e in naming if e.type == "SectionOpened"]
    assert [e.data["name"] for e in sections] == ["Science", "Climate"]
    assert sections[1].data["parent_id"] == sections[0].stream
    assert fields.pop("section_id") == sections[1].stream
    for field, category, words in (
        ("byline_ids", "byline", ["ana-ruiz", "ben-okafor"]),
        ("tag_ids", "tag", ["subject-whales", "place-nantucket"]),
        ("image_ids", "image", ["images-1851-10-18-sea-18whales-18whales"]),
    ):
        assert [name.rpartition("-")[0] for name in fields[field]] == [
            f"{category}/{word}" for word in words
        ]
        assert fields.pop(field) == [e.stream for e in naming if e.stream.startswith(category)]
    assert [e.data for e in naming if e.type == "ImageAdded"] == [
        {
            "url": f"https://static01.nyt.com/{FOLDER}/18WHALES-articleLarge.jpg",
            "caption": "A whale.",
            "credit": "Staff",
            "width": 600,
            "height": 600,
        }
    ]
    assert [e.data["kind"] for e in naming if e.type == "TagDefined"] == ["subject", "place"]
    assert (article.stream, article.type) == (STREAM, "ArticlePublished")
    assert (article.occurred_at, article.actor) == ("1851-10-18T05:00:00Z", "nyt-archive")
    assert fields == {
        "headline": "Whales Return",
        "kicker": "At Sea",
        "abstract": "Whales are back.",
        "body": "Whales were seen off Nantucket.",
        "url": "https://www.example.com/1851/10/18/whales.html",
        "published_at": "1851-10-18T05:00:00Z",
        "source": "The Made-Up Times",
        "word_count": 1024,
        "news_desk": "Foreign Desk",
        "type_of_material": "News",
        "print_page": "1",
        "print_section": "A",
        "print_headline": "WHALES SEEN",
    }


def test_what_both_shapes_name_is_one_entity() -> None:
    streams = [[event.stream for event in events_of(each)] for each in (OLD, NEW)]
    assert streams[0] == streams[1]
    assert len(set(streams[0])) == len(streams[0]) == 8


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"byline": []}, []),
        ({"byline": None}, []),
        ({"byline": {}}, []),
        ({"byline": {"person": None, "original": None}}, []),
        ({"byline": {"original": "By JANE DOE"}}, ["JANE DOE"]),
        ({"byline": {"original": "By Jane Doe, JANE  DOE and Al Fox"}}, ["Jane Doe", "Al Fox"]),
        ({"byline": "By Jane Doe and Al Fox"}, ["Jane Doe", "Al Fox"]),
        ({"byline": {"original": "By A, B and a"}}, ["A", "B"]),
        ({"byline": {"original": "THE CITY DESK", "person": []}}, ["THE CITY DESK"]),
        ({"byline": {"organization": "The City Desk"}}, ["The City Desk"]),
        ({"byline": {"original": "By A", "person": [{"firstname": None}]}}, ["A"]),
        ({"byline": {"person": [{"organization": "Wire"}]}}, ["Wire"]),
        (
            {"byline": {"person": [{"firstname": "Al", "lastname": "Fox", "qualifier": "Jr."}]}},
            ["Al Fox Jr."],
        ),
    ],
)
def test_bylines_come_as_persons_or_as_a_line_or_not_at_all(
    changes: dict[str, Any], names: list[str]
) -> None:
    assert [found["name"] for found in named("byline", **changes)] == names
    assert len(said(**changes).get("byline_ids", [])) == len(names)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("By A, B and C", ["A", "B", "C"]),
        ("By A, B, and C", ["A", "B", "C"]),
        ("by A & B", ["A", "B"]),
        ("BY A WITH B", ["A", "B"]),
        ("By Sandy Anders and Andy Sands", ["Sandy Anders", "Andy Sands"]),
        ("By Ruby Byrd", ["Ruby Byrd"]),
        ("By A; Photographs by B", ["A", "B"]),
        ("By JOHN DOE Special to The New York Times", ["JOHN DOE"]),
        ("By JOHN DOE;Special to THE NEW YORK TIMES.", ["JOHN DOE"]),
        ("By JOHN DOE, Wireless to The New York Times", ["JOHN DOE"]),
        ("By Wireless to THE NEW YORK TIMES", []),
        ("Special Cable to THE NEW YORK TIMES", []),
        ("By Sam Hall, Jr.", ["Sam Hall, Jr."]),
        ("By Sam Hall, 3d, and Al Fox, LL.D.", ["Sam Hall, 3d", "Al Fox, LL.D."]),
        ("By Sam Hall, S.J.; Al Fox, D.D.S.", ["Sam Hall, S.J.", "Al Fox, D.D.S."]),
        ("By Sam Hall Jr., M.D., and Al Fox", ["Sam Hall Jr., M.D.", "Al Fox"]),
        ("By", []),
        (" , ; ", []),
    ],
)
def test_a_printed_line_is_split_into_its_names(line: str, names: list[str]) -> None:
    assert split_line(line) == names


@pytest.mark.parametrize(
    ("given", "fields"),
    [
        ({"print_page": 12}, {"print_page": "12"}),
        ({"print_page": "BR12"}, {"print_page": "BR12"}),
        ({"print_page": ""}, {}),
        ({"word_count": "87"}, {"word_count": 87}),
        ({"word_count": 87.0}, {"word_count": 87}),
        ({"word_count": 0}, {}),
        ({"word_count": ""}, {}),
        ({"news_desk": "None"}, {}),
        ({"section_name": "None", "subsection_name": None}, {}),
        ({"abstract": "", "snippet": "S"}, {"abstract": "S"}),
        ({"web_url": "https://www.example.com/a.html.sgml"}, {"url": "https://www.example.com/a.html.sgml"}),
        ({"keywords": None, "multimedia": None, "blog": []}, {}),
        ({"multimedia": {"default": {"url": "", "width": 0}, "thumbnail": {"url": ""}}}, {}),
        (
            {"headline": {"main": None, "print_headline": "P"}},
            {"headline": "P", "print_headline": "P"},
        ),
        ({"headline": "Plain"}, {"headline": "Plain"}),
        ({"pub_date": "1851-10-18T00:30:00-0500"}, {"published_at": "1851-10-18T05:30:00Z"}),
    ],
)  # fmt: skip
def test_a_value_is_read_in_each_of_its_forms(
    given: dict[str, Any], fields: dict[str, Any]
) -> None:
    assert (
        said(**given)
        == {
            "headline": "Whales Return",
            "published_at": "1851-10-18T05:00:00Z",
        }
        | fields
    )


@pytest.mark.parametrize(
    ("identity", "stream"),
    [
        ({"uri": None, "_id": URI}, STREAM),
        ({"uri": "", "_id": "4fd2872b8eb7c8105d858553"}, "article/nyt-4fd2872b8eb7c8105d858553"),
        ({"uri": f"nyt://video/{UUID}"}, f"article/nyt-video-{UUID}"),
        ({"uri": "odd one"}, "article/odd-one-818bf65c63"),
    ],
)
def test_an_article_is_known_by_its_uri_or_else_by_its_id(
    identity: dict[str, Any], stream: str
) -> None:
    assert events_of(PLAIN | identity)[-1].stream == stream


def test_a_keyword_of_an_unknown_name_is_a_tag_of_no_kind() -> None:
    keywords = [{"name": "mood", "value": "Calm"}, {"name": "subject", "value": " "}]
    assert named("tag", keywords=keywords) == [{"name": "Calm"}]


def test_renditions_of_two_pictures_are_two_pictures() -> None:
    files = ["18A-jumbo.jpg", "18A-articleLarge-v2.jpg", "18B.190.jpg", "18B.75.jpg", "18C.mp4"]
    multimedia = [
        {"url": f"images/x/{file}", "type": "video" if file.endswith("mp4") else "image"}
        for file in files
    ]
    assert [found["url"][-13:] for found in named("image", multimedia=multimedia)] == [
        "18A-jumbo.jpg",
        "/x/18B.190.jpg"[-13:],
    ]


BAD: dict[str, tuple[Any, str, str]] = {
    "no object": ([], "", "is not an object"),
    "no identity": (PLAIN | {"uri": None}, "uri", "is missing, and so is _id"),
    "no date": (PLAIN | {"pub_date": None}, "pub_date", "is missing"),
    "a date that is none": (PLAIN | {"pub_date": "soon"}, "pub_date", "'soon' is no date"),
    "no headline": (PLAIN | {"headline": []}, "headline", "is missing"),
    "a headline that is none": (PLAIN | {"headline": 5}, "headline", "not a number"),
    "words that are no number": (PLAIN | {"word_count": "many"}, "word_count", "no number"),
    "words below none": (PLAIN | {"word_count": -1}, "word_count", "no count"),
    "a text that is a list": (PLAIN | {"snippet": ["a"]}, "snippet", "must be a text, not a list"),
    "keywords that are none": (PLAIN | {"keywords": "sea"}, "keywords", "not a text"),
    "half a word": (PLAIN | {"word_count": 5.5}, "word_count", "5.5 is no whole number"),
    "a keyword that is null": (PLAIN | {"keywords": [None]}, "keywords", "has null"),
    "a picture at no address": (
        PLAIN | {"multimedia": [{"url": "http://[static"}]},
        "url",
        "'http://[static' is no address (Invalid IPv6 URL)",
    ),
    "a picture at no address, in the new shape": (
        PLAIN | {"multimedia": {"default": {"url": "//[x"}}},
        "url",
        "is no address",
    ),
    "a keyword that is none": (PLAIN | {"keywords": ["sea"]}, "keywords", "has a text"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_document_says_which_of_its_fields_cannot_be_read(kind: str) -> None:
    document, field, reason = BAD[kind]
    with pytest.raises(InvalidEvent) as caught:
        events_of(document)
    assert (caught.value.field or "") == field
    assert reason in caught.value.reason


# files


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def month(path: Path, *documents: Any) -> str:
    path.write_bytes(orjson.dumps({"response": {"docs": list(documents)}}))
    return str(path)


def test_a_bad_document_stops_the_import_and_is_told_with_its_place_and_name(
    log: EventLog, tmp_path: Path
) -> None:
    file = month(tmp_path / "1851-10.json", PLAIN, PLAIN | {"uri": "nyt://x", "pub_date": ""})
    told = r"1851-10\.json, document 2 \(nyt://x\): pub_date: is missing"
    with pytest.raises(BadLine, match=told):
        import_month(log, file)
    assert log.head == 0


def test_bad_documents_are_set_aside_whole_and_the_others_are_imported(
    log: EventLog, tmp_path: Path
) -> None:
    bad = [document for document, _, _ in BAD.values()]
    file = month(tmp_path / "1851-10.json", *bad, PLAIN)
    done = import_month(log, file, "reject")
    assert (done.added, done.rejected) == (1, len(bad))
    lines = Path(f"{file}.rejected.jsonl").read_bytes().splitlines()
    told = [orjson.loads(line) for line in lines]
    assert [each["document"] for each in told] == list(range(1, len(bad) + 1))
    assert [orjson.loads(each["text"]) for each in told] == bad


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{oops", "is not JSON"),
        (b"[]", "is no month of the Archive API: it has no response.docs"),
        (b'{"response": {}}', "it has no response.docs"),
        (b'{"response": {"docs": 5}}', "response.docs is no list"),
        (
            b'{"fault": {"faultstring": "Rate limit quota violation"}}',
            "the API answered 'Rate limit quota violation'; ask for the month again",
        ),
        (b'{"status": "ERROR", "errors": ["No month"]}', "the API answered 'No month'; ask"),
        (b"<html>429 Too Many Requests</html>", "is not JSON"),
        (b"", "is not JSON"),
    ],
)
def test_a_file_that_is_no_month_says_what_it_is(
    log: EventLog, tmp_path: Path, content: bytes, reason: str
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(UnreadableFile, match=reason):
        import_month(log, str(file), "reject")


def test_a_month_without_documents_adds_nothing(log: EventLog, tmp_path: Path) -> None:
    file = tmp_path / "1978-09.json"
    file.write_bytes(orjson.dumps(generate_month(1978, 9, 20)))
    assert b'"docs":null' in file.read_bytes()
    assert import_month(log, str(file)).added == 0


def test_a_month_may_be_compressed(log: EventLog, tmp_path: Path) -> None:
    content = Path(month(tmp_path / "a.json", PLAIN)).read_bytes()
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(content))
    with pa.output_stream(tmp_path / "a.json.zst", compression="zstd") as stream:
        stream.write(content)
    assert import_month(log, str(tmp_path / "a.json.gz")).added == 1
    assert import_month(log, str(tmp_path / "a.json.zst")).known == 1


def test_a_compressed_month_that_is_cut_off_is_told(log: EventLog, tmp_path: Path) -> None:
    whole = gzip.compress(orjson.dumps(generate_month(1912, 4, 50)))
    (tmp_path / "a.json.gz").write_bytes(whole[: len(whole) // 2])
    for on_error in ("stop", "reject"):
        with pytest.raises(UnreadableFile, match=r"a\.json\.gz: cannot be read"):
            import_month(log, str(tmp_path / "a.json.gz"), on_error)


# dumps that change


def test_a_dump_that_is_imported_again_adds_nothing(log: EventLog, tmp_path: Path) -> None:
    file = month(tmp_path / "a.json", OLD)
    first = import_month(log, file)
    again = import_month(log, file)
    assert (first.added, first.known) == (8, 0)
    assert (again.added, again.known) == (0, 8)


def test_what_changed_in_a_document_becomes_a_revision_of_just_that(
    log: EventLog, tmp_path: Path
) -> None:
    import_month(log, month(tmp_path / "a.json", OLD))
    changed = OLD | {"snippet": "Whales, again.", "news_desk": None, "byline": []}
    done = import_month(log, month(tmp_path / "b.json", changed))
    assert (done.added, done.known) == (1, 5)
    event = log.stream(STREAM)[-1]
    assert event.type == "ArticleRevised"
    assert event.data == {"abstract": "Whales, again.", "cleared": ["byline_ids", "news_desk"]}


def test_the_same_document_in_the_other_shape_changes_nothing(
    log: EventLog, tmp_path: Path
) -> None:
    import_month(log, month(tmp_path / "a.json", OLD))
    assert import_month(log, month(tmp_path / "b.json", NEW)).added == 0


def test_an_older_dump_takes_nothing_back(log: EventLog, tmp_path: Path) -> None:
    old = month(tmp_path / "a.json", PLAIN)
    new = month(tmp_path / "b.json", PLAIN | {"snippet": "New"})
    assert [import_month(log, file).added for file in (old, new, old, new)] == [1, 1, 0, 0]
    assert read_entities(log, [STREAM])[STREAM].fields["abstract"] == "New"


def test_a_document_may_stand_in_one_file_several_times(log: EventLog, tmp_path: Path) -> None:
    new = PLAIN | {"snippet": "New"}
    done = import_month(log, month(tmp_path / "a.json", PLAIN, PLAIN, new, PLAIN, new))
    assert (done.added, done.known) == (2, 3)
    assert [event.type for event in log.read()] == ["ArticlePublished", "ArticleRevised"]


def test_what_an_editor_said_stays_until_the_dump_says_something_new(
    log: EventLog, tmp_path: Path
) -> None:
    import_month(log, month(tmp_path / "a.json", PLAIN | {"snippet": "Old"}))
    edited = {"language": "en", "abstract": "Edited"}
    log.append([NewEvent(STREAM, "ArticleRevised", edited)])
    import_month(log, month(tmp_path / "a.json", PLAIN | {"snippet": "Old"}))
    assert log.head == 2
    import_month(log, month(tmp_path / "b.json", PLAIN | {"snippet": "Old", "source": "S"}))
    assert log.stream(STREAM)[-1].data == {"abstract": "Old", "source": "S"}
    assert read_entities(log, [STREAM])[STREAM].fields["language"] == "en"


def test_a_tag_that_an_editor_renamed_keeps_its_name(log: EventLog, tmp_path: Path) -> None:
    keyword = {"keywords": [{"name": "subject", "value": "Whales"}]}
    import_month(log, month(tmp_path / "a.json", PLAIN | keyword))
    tag = log.stream(STREAM)[0].data["tag_ids"][0]
    log.append([NewEvent(tag, "TagRevised", {"name": "Cetacea"})])
    import_month(log, month(tmp_path / "b.json", PLAIN | keyword | {"snippet": "New"}))
    assert read_entities(log, [tag])[tag].fields["name"] == "Cetacea"


@pytest.mark.parametrize("chunks", [1, 2, 5, 9])
def test_an_import_that_was_interrupted_adds_what_is_missing(
    log: EventLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    monkeypatch.setattr(importing, "CHUNK", 5)
    monkeypatch.setattr(importing, "COMMIT_EVENTS", 20)
    documents = generate_month(1912, 4, 60)["response"]["docs"]
    file = month(tmp_path / "a.json", *documents)

    def interrupt(read: int, *_: object) -> None:
        if read >= 5 * chunks:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_month(log, file, progress=interrupt)
    before = log.head
    done = import_month(log, file)
    assert (done.added, log.verify().events) == (log.head - before, log.head)
    check_state(log, [documents])


# any months


def plain_fold(files: Sequence[Sequence[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What the documents of files say, in the most obvious way: the last word that is new."""
    state: dict[str, dict[str, Any]] = {}
    heard = set()
    for document in (document for documents in files for document in documents):
        for event in events_of(document):
            fields, category = dict(event.data), event.stream.partition("/")[0]
            words = (event.stream, orjson.dumps(fields, option=orjson.OPT_SORT_KEYS))
            if category == "article" and words not in heard:
                state[event.stream] = fields
            elif category == "image" and words not in heard:
                state[event.stream] = state.get(event.stream, {}) | fields
            elif category not in ("article", "image"):
                state.setdefault(event.stream, fields)
            heard.add(words)
    return state


def check_any_months(
    order: Sequence[tuple[int, int, Shape, int]], documents: int, cuts: Sequence[int], seed: int
) -> None:
    """Import generated months in an order, in pieces, twice; compare with the plain fold."""
    files = []
    for year, number, shape, edition in order:
        made = generate_month(year, number, documents, seed, shape, edition)["response"]["docs"]
        bounds = [0, *sorted({cut for cut in cuts if cut < len(made or [])}), None]
        files += [(made or [])[a:b] for a, b in pairwise(bounds)]
    with tempfile.TemporaryDirectory() as folder:
        log = EventLog(Path(folder, "log"), CATEGORIES)
        paths = [month(Path(folder, f"{n}.json"), *documents) for n, documents in enumerate(files)]
        for path in paths:
            import_month(log, path)
        head = log.head
        for path in paths:
            assert import_month(log, path).added == 0
        assert log.head == head
        check_state(log, files)


def check_state(log: EventLog, files: Sequence[Sequence[dict[str, Any]]]) -> None:
    """Compare the entities of a log with what a plain fold of the documents gives."""
    expected = plain_fold(files)
    found = {
        stream: entity.fields | dates(entity.fields)
        for stream, entity in read_entities(log, list(expected)).items()
    }
    assert found == expected
    assert {event.stream for event in log.read()} == expected.keys()


def dates(fields: dict[str, Any]) -> dict[str, Any]:
    found = fields.get("published_at")
    return {"published_at": found.isoformat().replace("+00:00", "Z")} if found else {}


ORDERS = st.lists(
    st.tuples(
        st.sampled_from([1851, 1912, 1964, 1978, 2019]),
        st.sampled_from([9, 10]),
        st.sampled_from(["old", "new"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=4,
)
CUTS = st.lists(st.integers(1, 30), max_size=2)


@given_in_tiers(8, 100, ORDERS, st.integers(0, 40), CUTS, st.integers(0, 3))
def test_any_months_in_any_order_and_in_pieces_give_what_a_plain_fold_gives(
    order: list[tuple[int, int, Shape, int]], documents: int, cuts: list[int], seed: int
) -> None:
    check_any_months(order, documents, cuts, seed)
