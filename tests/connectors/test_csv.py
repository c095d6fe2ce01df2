"""CSV files by a mapping: any file that spreadsheets and databases write, once and again."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import import_csv, read_mapping
from connectors.csv_file import UnknownTable
from connectors.csv_lines import CsvLines
from connectors.errors import BadLine, UnreadableFile
from connectors.mapping.declared import Mapping
from event_log import EventLog, NewEvent
from newsroom import DOMAIN
from newsroom.categories import CATEGORIES
from replay import read_entity

MAPPING = """
tables:
  tag:
    stream: tag/{id}
    fields:
      aliases: {column: also, split: "|"}
  article:
    stream: article/{id}
    fields: {published_at: {column: day, type: date}}
  byline_of:
    lists:
      byline_ids: {of: "article/{article}", value: byline, order: place}
"""


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    return EventLog(tmp_path / "log", CATEGORIES)


def mapping(tmp_path: Path, text: str = MAPPING) -> Mapping:
    path = tmp_path / "mapping.yaml"
    path.write_text(text)
    return read_mapping(str(path), DOMAIN)


def written(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


def fields(log: EventLog, stream: str) -> dict[str, Any]:
    return read_entity(log, stream).fields


def test_a_file_that_is_imported_again_adds_nothing_and_one_that_changed_what_differs(
    log: EventLog, tmp_path: Path
) -> None:
    by = mapping(tmp_path)
    one = "id,name,kind,also\n1,Sea,place,Ocean|Main\n2,Sand,,\n"
    first = import_csv(log, written(tmp_path / "tag.csv", one), by)
    assert (first.added, first.known, first.derived, first.source) == (2, 0, 2, "tag.csv")
    assert fields(log, "tag/1") == {"name": "Sea", "kind": "place", "aliases": ["Ocean", "Main"]}
    assert import_csv(log, written(tmp_path / "tag.csv", one), by).added == 0
    two = "id,name,kind,also\n1,The sea,,Ocean|Main\n2,Sand,,\n3,New,,\n"
    assert import_csv(log, written(tmp_path / "tag.csv", two), by).added == 2
    assert log.stream("tag/1")[-1].data == {"name": "The sea", "cleared": ["kind"]}
    assert import_csv(log, written(tmp_path / "tag.csv", one), by).added == 1
    assert fields(log, "tag/1")["name"] == "Sea"


def test_a_column_that_a_file_lacks_is_left_as_it_is(log: EventLog, tmp_path: Path) -> None:
    by = mapping(tmp_path, "tables: {tag: {stream: 'tag/{id}'}}")
    import_csv(log, written(tmp_path / "tag.csv", "id,name,kind\n1,Sea,place\n"), by)
    import_csv(log, written(tmp_path / "other.csv", "id,name\n1,The sea\n"), by)
    assert fields(log, "tag/1") == {"name": "The sea", "kind": "place"}


def test_an_entity_that_the_desk_removed_stays_removed(log: EventLog, tmp_path: Path) -> None:
    by = mapping(tmp_path)
    path = written(tmp_path / "tag.csv", "id,name,also\n1,Sea,\n")
    import_csv(log, path, by)
    log.append([NewEvent("tag/1", "TagRemoved", {})])
    assert import_csv(log, path, by).added == 0
    assert not read_entity(log, "tag/1").live


def test_lines_of_a_child_table_become_whole_lists(log: EventLog, tmp_path: Path) -> None:
    by = mapping(tmp_path)
    articles = "id,headline,day\n" + "".join(f"{n},H,1912-04-15\n" for n in (1, 2))
    import_csv(log, written(tmp_path / "article.csv", articles), by)
    lines = "article,byline,place\n1,ana,10\n2,bo,1\n1,cy,9\n"
    path = written(tmp_path / "byline_of.csv", lines)
    assert import_csv(log, path, by).added == 2
    assert fields(log, "article/1")["byline_ids"] == ["byline/cy", "byline/ana"]
    assert import_csv(log, path, by).added == 0
    bad = written(tmp_path / "byline_of.csv", lines + "9,di,1\n")
    with pytest.raises(BadLine, match="line 5: type: article/9 does not exist"):
        import_csv(log, bad, by)


BYLINES = "article,byline,place\n1,ana,1\n1,bo,2\n2,ana,1\n2,cy,2\n"


def with_lists(log: EventLog, tmp_path: Path) -> None:
    by = mapping(tmp_path)
    articles = "id,headline,day\n" + "".join(f"{n},H,1912-04-15\n" for n in (1, 2))
    import_csv(log, written(tmp_path / "article.csv", articles), by)
    import_csv(log, written(tmp_path / "byline_of.csv", BYLINES), by)


def lists(log: EventLog) -> list[list[str]]:
    return [fields(log, f"article/{n}")["byline_ids"] for n in (1, 2)]


@pytest.mark.parametrize(
    ("bad", "left", "why"),
    [
        ('1,"bo"x,2', {1, 2}, "line 3 is bad, and may be a child of it"),
        ("1,bo", {1, 2}, "line 3 is bad, and may be a child of it"),
        ("1,,2", {1}, "line 3, a child of it, is bad"),  # no byline has an empty id
    ],
)
def test_a_list_is_never_too_short_because_a_child_was_rejected(
    bad: str, left: set[int], why: str, log: EventLog, tmp_path: Path
) -> None:
    with_lists(log, tmp_path)
    by = mapping(tmp_path, MAPPING + "csv: {null: NA}")
    text = f"article,byline,place\n1,dan,1\n{bad}\n2,eve,1\n"
    before = lists(log)
    done = import_csv(log, written(tmp_path / "byline_of.csv", text), by, on_error="reject")
    after = lists(log)
    assert [n for n in (1, 2) if after[n - 1] == before[n - 1]] == sorted(left)
    told = [orjson.loads(line) for line in Path(str(done.rejected_file)).read_bytes().splitlines()]
    assert done.rejected == len(told) == 1 + len(left)
    for number in left:
        (one,) = [each for each in told if f"the list of article/{number} " in each["reason"]]
        assert one["reason"] == (
            f"the list of article/{number} is left as it is: {why}; mend that line and import again"
        )
        assert one["field"] == "byline_ids"


def test_line_ends_of_a_carriage_return_alone_are_told_as_such(
    log: EventLog, tmp_path: Path
) -> None:
    path = written(tmp_path / "tag.csv", "id,name,also\r1,Sea,\r2,Sand,\r")
    with pytest.raises(UnreadableFile, match=r"line 1: has line ends of a carriage return alone"):
        import_csv(log, path, mapping(tmp_path))
    path = written(tmp_path / "tag.csv", "id,name,also\n1,Sea,\r2,Sand,\n")
    with pytest.raises(BadLine, match=r"line 2: has line ends of a carriage return alone"):
        import_csv(log, path, mapping(tmp_path))


def test_a_bad_line_is_told_with_its_line_and_column_and_set_aside_whole(
    log: EventLog, tmp_path: Path
) -> None:
    text = (
        'id,headline,day\n1,"two\nlines",1912-04-15\n\n2,B,"no\nday"\n3,C\n4,"D"E,1912-04-15\n'
        "5,,1912-04-15\n,F,1912-04-15\n7,G,1912-04-15\n"
    )
    path = written(tmp_path / "article.csv", text)
    with pytest.raises(BadLine, match=r"article.csv, line 5: day: published_at: 'no"):
        import_csv(log, path, mapping(tmp_path))
    done = import_csv(log, path, mapping(tmp_path), on_error="reject")
    assert (done.added, done.rejected) == (2, 5)
    assert done.rejected_file is not None
    rejected = [orjson.loads(line) for line in Path(done.rejected_file).read_bytes().splitlines()]
    assert [(each["line"], each["field"], each["text"]) for each in rejected] == [
        (5, "day", '2,B,"no\nday"\n'),
        (7, None, "3,C\n"),
        (8, None, '4,"D"E,1912-04-15\n'),
        (10, "id", ",F,1912-04-15\n"),
        (9, "data.headline", "5,,1912-04-15\n"),
    ]
    assert "has 2 columns, but the header 3" in rejected[1]["reason"]
    assert "is not CSV" in rejected[2]["reason"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty; its first line must name the columns"),
        ("id,,name\n", "line 1: the header has no name for column 2"),
        ("id,name,id\n", "line 1: the header has the column 'id' twice"),
        ("id,nome\n1,Sea\n", "line 1: column also: there is no such column"),
        ("id,name,also,nome\n", "line 1: column nome: the mapping does not say"),
        ("name,also\n", "line 1: column id: there is no such column"),
        ('"id', "line 1: is not CSV"),
    ],
)
def test_a_header_that_does_not_fit_is_told_before_anything_is_imported(
    log: EventLog, tmp_path: Path, text: str, reason: str
) -> None:
    with pytest.raises(UnreadableFile) as error:
        import_csv(log, written(tmp_path / "tag.csv", text), mapping(tmp_path))
    assert reason in str(error.value)
    assert log.head == 0


def test_which_table_a_file_is_its_name_says(log: EventLog, tmp_path: Path) -> None:
    by = mapping(tmp_path)
    path = written(tmp_path / "other.csv", "id,name,also\n1,Sea,\n")
    with pytest.raises(UnknownTable, match=r"has no table 'other'; there is public.tag"):
        import_csv(log, path, by)
    assert import_csv(log, path, by, table="tag").added == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "tab"])
def test_encodings_and_delimiters_are_as_the_mapping_says(
    log: EventLog, tmp_path: Path, encoding: str, delimiter: str
) -> None:
    said = "utf-8" if encoding == "utf-8-sig" else encoding
    by = mapping(
        tmp_path, MAPPING + f"csv: {{encoding: {said}, delimiter: '{delimiter}', null: NA}}"
    )
    between = "\t" if delimiter == "tab" else delimiter
    text = between.join(["id", "name", "also"]) + "\r\n" + between.join(["1", "Zoë “q”", "NA"])
    path = tmp_path / "tag.csv.gz"
    path.write_bytes(gzip.compress(text.encode(encoding)))
    import_csv(log, str(path), by)
    assert fields(log, "tag/1") == {"name": "Zoë “q”"}


@pytest.mark.parametrize(
    ("said", "written_in"), [("utf-8", "cp1252"), ("ascii", "utf-8"), ("cp1252", "iso8859-15")]
)
def test_a_line_that_is_not_in_the_encoding_is_told_and_costs_no_other(
    log: EventLog, tmp_path: Path, said: str, written_in: str
) -> None:
    by = mapping(tmp_path, MAPPING + f"csv: {{encoding: {said}}}")
    path = tmp_path / "tag.csv"
    odd = "Zo\x81" if said == "cp1252" else "Zoë"
    path.write_bytes(f"id,name,also\n1,Sea,\n2,{odd},\n3,Sand,\n".encode(written_in))
    with pytest.raises(BadLine, match=rf"line 3: is not {said}; say csv: encoding: in the"):
        import_csv(log, str(path), by)
    done = import_csv(log, str(path), by, on_error="reject")
    assert (done.added, done.rejected) == (2, 1)
    assert fields(log, "tag/1")["name"] == "Sea"
    assert fields(log, "tag/3")["name"] == "Sand"
    assert done.rejected_file is not None
    (rejected,) = [
        orjson.loads(line) for line in Path(done.rejected_file).read_bytes().splitlines()
    ]
    assert (rejected["line"], rejected["text"][:4]) == (3, "2,Zo")


@pytest.mark.parametrize(
    ("said", "content"),
    [
        ("utf-8", "id,näme,also\n1,Sea,\n".encode("cp1252")),
        ("utf-8", "id,name,also\n1,Sea,\n".encode("utf-16")),
        ("utf-16", b"id,name,also\n1,Sea,\n"),
        ("utf-16", "id,name,also\n1,Sea,\n".encode("utf-16") + b"\x00\xd8A\x00"),
    ],
)
def test_a_file_in_another_encoding_is_told_as_such(
    log: EventLog, tmp_path: Path, said: str, content: bytes
) -> None:
    path = tmp_path / "tag.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=rf"is not {said}; say csv: encoding: in the mapping"):
        import_csv(log, str(path), mapping(tmp_path, MAPPING + f"csv: {{encoding: {said}}}"))
    assert log.head == 0


def test_a_quote_that_never_ends_does_not_take_the_whole_file_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.csv_lines.LONGEST_LINE", 1000)
    path = written(tmp_path / "tag.csv", 'id,name\n1,"Sea\n' + "2,Sand\n" * 10_000)
    lines = list(CsvLines(path, ",", "utf-8"))
    bad = [line for line in lines if line.reason]
    assert bad[0].reason is not None
    assert "field larger" in bad[0].reason
    assert max(len(line.text) for line in lines) < 2000


@given(
    lines=st.lists(
        st.lists(
            st.text(
                st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=8
            ),
            min_size=2,
            max_size=2,
        ),
        max_size=8,
    )
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_are_read_as_they_were_written_with_the_numbers_of_an_editor(
    tmp_path: Path, lines: list[list[str]]
) -> None:
    text, numbers = io.StringIO(newline=""), []
    for line in lines:
        numbers.append(text.getvalue().count("\n") + 1)
        csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(line)
    read = CsvLines(written(tmp_path / "a.csv", text.getvalue()), ",", "utf-8")
    found = [(read.number, line.values) for line in read]
    if found and found[0][1][0].startswith("\ufeff"):
        return
    assert found == list(zip(numbers, lines, strict=True))
