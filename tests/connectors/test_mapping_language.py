"""A mapping is read whole; each mistake is told with its line, its key and what is allowed."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pytest

from connectors.errors import ConnectorError, UnreadableFile
from connectors.mapping.declared import Mapping
from connectors.mapping.errors import InvalidMapping
from connectors.mapping.reading import read_mapping
from event_log import Category, Effect, EventType
from newsroom import DOMAIN
from replay import Domain

NOTE = Category(
    "note",
    pa.schema([("text", pa.string())]),
    (
        EventType("NoteTaken", Effect.CREATES, ("text",)),
        EventType("NoteCopied", Effect.CREATES),
        EventType("NoteEdited", Effect.REVISES),
        EventType("NoteStruck", Effect.REMOVES, ("why",)),
        EventType("NoteOld", Effect.REVISES, retired=True),
    ),
    annotations=pa.schema([("why", pa.string())]),
)
NOTES = Domain("notes", [NOTE], [])


def read(tmp_path: Path, text: str, domain: Domain = DOMAIN) -> Mapping:
    path = tmp_path / "cms.yaml"
    path.write_text(text)
    return read_mapping(str(path), domain)


def mistakes(tmp_path: Path, text: str, domain: Domain = DOMAIN) -> list[str]:
    with pytest.raises(InvalidMapping) as error:
        read(tmp_path, text, domain)
    path = str(tmp_path / "cms.yaml")
    lines = str(error.value).split("\n")
    assert all(line.startswith(f"{path}, line ") for line in lines)
    return [line.removeprefix(f"{path}, line ") for line in lines]


def test_the_smallest_mapping_says_where_a_table_goes(tmp_path: Path) -> None:
    mapping = read(tmp_path, "tables:\n  article:\n    stream: article/{id}\n")
    assert (mapping.source, mapping.topics, mapping.transactions) == ("cms", ("cms",), True)
    table = mapping.tables["public.article"]
    assert table.types is not None
    assert (table.types.created, table.types.changed) == ("ArticlePublished", "ArticleRevised")
    assert (table.types.removed, table.types.returned) == ("ArticleRetracted", "ArticleReinstated")
    assert (table.unknown, table.truncate, table.key_change) == ("error", "error", "move")


def test_a_field_that_refers_to_others_gets_their_streams(tmp_path: Path) -> None:
    text = """
tables:
  article:
    stream: article/{id}
    fields: {section_id: desk}
  section:
    stream: section/s-{number}
  byline_of:
    lists:
      byline_ids: {of: "article/{a}", value: b}
"""
    tables = read(tmp_path, text).tables
    assert tables["public.article"].fields["section_id"].template == "section/s-{desk}"
    assert tables["public.byline_of"].lists[0].value.template == "byline/{b}"


def test_texts_mean_what_they_say(tmp_path: Path) -> None:
    """YAML's own reading makes ``no`` false, ``010`` eight, and a day a date."""
    text = """
tables:
  article:
    stream: article/{id}
    fields: {language: {constant: no}, source: {constant: 2026-01-02}}
    where: {country: [no, NO], zip: 010, live: true, gone: null, part: 7}
"""
    table = read(tmp_path, text).tables["public.article"]
    assert table.fields["language"].constant == "no"
    assert table.fields["source"].constant == "2026-01-02"
    assert table.where == {
        "country": {"no", "NO"},
        "zip": {"010"},
        "live": {True, "true"},
        "gone": {None},
        "part": {7, "7"},
    }


ONE = "tables:\n  article:\n    stream: article/{id}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "1: mapping: is empty; it needs source, topics,"),
        ("a: [", "1: YAML: "),
        ("a: b\n\tc: d", "2: YAML: "),
        ("tables: 7", "1: tables: must have keys of its own below it, not be a text"),
        ("- a", "1: mapping: must have keys of its own"),
        ("source: x", "1: mapping: says of no table and of no outbox"),
        ("tabels: {}", "1: tabels: is no key here; did you mean tables?; there is source, topics,"),
        (ONE + "tables: {}", "4: tables: is here a second time; it is on line 1 already"),
        (ONE + "    strem: x", "4: tables.article.strem: is no key here; did you mean stream?"),
        (ONE + "  public.article: {stream: 'article/{x}'}", "4: tables.public.article: is public."),
        (ONE + "  b:\n    stream: article/{x}", "5: tables.b.stream: the streams of public.b and"),
        (ONE + "  b: {}", "4: tables.b: must have stream"),
        (ONE + "  b: {truncate: drop}", "4: tables.b.truncate: 'drop' is none of error, ignore,"),
        (ONE + "  b: {lists: {}, actor: x}", "4: tables.b.actor: goes with stream"),
        (
            "tables: {a: {stream: tag}}",
            "1: tables.a.stream: must begin with a category and a slash",
        ),
        (
            "tables: {a: {stream: 'tags/{id}'}}",
            "1: tables.a.stream: there is no category 'tags'; di",
        ),
        ("tables: {a: {stream: tag/7}}", "1: tables.a.stream: must name the columns of the id"),
        ("tables: {a: {stream: 'tag/{a}{b}'}}", "1: tables.a.stream: 'tag/{a}{b}' has two columns"),
        ("tables: {a: {stream: 'tag/{a'}}", "1: tables.a.stream: '{' and '}' do not go together"),
        ("tables: {a: {stream: tag/{id}}}", "1: YAML: "),
        (
            ONE + "    fields:\n      headlin: a",
            "5: tables.article.fields.headlin: article has no f",
        ),
        (
            ONE + "    fields:\n      headline: {a}",
            "5: tables.article.fields.headline: a text that ",
        ),
        (
            ONE + "    fields:\n      headline: '{}'",
            "5: tables.article.fields.headline: '{}' has br",
        ),
        (
            ONE + "    fields:\n      headline: {column: a, tpye: text}",
            "5: tables.article.fields.he",
        ),
        (
            ONE + "    fields:\n      word_count: {column: a, type: boolean}",
            "5: tables.article.fields.word_count.type: boolean cannot become a whole number,",
        ),
        (
            ONE + "    fields:\n      word_count: {column: a, type: timestmp}",
            "5: tables.article.fields.word_count.type: 'timestmp' is no type; did you mean",
        ),
        (
            ONE + "    fields:\n      word_count: '{a} words'",
            "5: tables.article.fields.word_count: a template makes text, and the field is a whole",
        ),
        (
            ONE + "    fields:\n      word_count: {constant: many}",
            "5: tables.article.fields.word_count.constant: cannot become a whole number",
        ),
        (
            ONE + "    fields:\n      headline: {column: a, join: [b]}",
            "5: tables.article.fields.headline: must have one of column, template, join, function,",
        ),
        (
            ONE + "    fields:\n      headline: {column: a, with: b}",
            "5: tables.article.fields.headline.with: goes with join, which is not here",
        ),
        (
            ONE + "    fields:\n      headline: {column: a, split: b}",
            "5: tables.article.fields.headline.split: makes a list, but the field is text",
        ),
        (
            ONE + "    fields:\n      section_id: desk/{a}",
            "5: tables.article.fields.section_id: the field refers to entities of section",
        ),
        (
            ONE + "    fields:\n      headline: {function: no.where:f, columns: [a]}",
            "5: tables.article.fields.headline.function: the module no.where cannot be",
        ),
        (
            ONE + "    fields:\n      headline: {function: math:f, columns: [a]}",
            "5: tables.article.fields.headline.function: the module math has no function f",
        ),
        (
            ONE + "    fields:\n      headline: {function: math.f, columns: [a]}",
            "5: tables.article.fields.headline.function: 'math.f' names no function",
        ),
        (
            ONE + "    fields:\n      headline: {function: math:sin}",
            "5: tables.article.fields.headline: a function needs columns",
        ),
        (
            ONE + "    events: {created: ArticleRevised}",
            "4: tables.article.events.created: ArticleRevised revises its entity; article has",
        ),
        (
            ONE + "    events: {created: TagDefined}",
            "4: tables.article.events.created: TagDefined is a type of tag; article has",
        ),
        (
            ONE + "    events: {removed: ArticleRetractd}",
            "4: tables.article.events.removed: there is no event type 'ArticleRetractd'; did",
        ),
        (
            ONE + "    where: {a: [[b]]}",
            "4: tables.article.where.a: must be a value or a list of values",
        ),
        (
            ONE + "    fields:\n      byline_ids: a\n  c:\n    lists:\n      byline_ids:"
            " {of: 'article/{a}', value: b}",
            "8: tables.c.lists.byline_ids: byline_ids of article is made by public.article already",
        ),
        (
            "tables: {c: {lists: {name: {of: 'tag/{a}', value: b}}}}",
            "1: tables.c.lists.name: name of",
        ),
        (
            "tables: {c: {lists: {aliases: {of: 'tag/{a}'}}}}",
            "1: tables.c.lists.aliases: must have v",
        ),
        (
            ONE + "topics: [a, b]\ntransactions: true",
            "5: transactions: a transaction is known to be",
        ),
        (ONE + "limits: {commit: 0}", "4: limits.commit: must be a whole number from 1"),
        (ONE + "csv: {delimiter: ab}", "4: csv.delimiter: 'ab' is not one character"),
        (ONE + "csv: {encoding: utf-9}", "4: csv.encoding: 'utf-9' is no encoding"),
        (
            "outbox: {stream: '{aggregate}/{id}'}",
            "1: outbox: must say where its events are: table,",
        ),
        ("outbox: {topics: '('}", "1: outbox.topics: '(' is no regular expression"),
        (
            "outbox: {table: o, types: {Made: TagMade}}",
            "1: outbox.types.Made: 'TagMade' is none of",
        ),
        (ONE + "outbox: {table: article}", "4: outbox.table: public.article is among the tables"),
        (
            "outbox: {table: o, stream: 'tag/{id}'}",
            "1: outbox.stream: {id} is not known of an event",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_is_allowed(
    tmp_path: Path, text: str, told: str
) -> None:
    assert any(line.startswith(told) for line in mistakes(tmp_path, text)), mistakes(tmp_path, text)


def test_all_mistakes_are_told_at_once_by_their_lines(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "sorce: x\ntables:\n  a:\n    stream: tags/{id}\n    fields: 7\n")
    assert [line.partition(":")[0] for line in told] == ["1", "4"]


def test_event_types_that_cannot_be_chosen_alone_must_be_named(tmp_path: Path) -> None:
    told = mistakes(tmp_path, "tables:\n  n:\n    stream: note/{id}\n", NOTES)
    assert told == [
        "3: tables.n.stream: several types of note would do for what is created; write events: with"
        " created: NoteTaken or NoteCopied",
        "3: tables.n.stream: NoteStruck requires why, which a deletion does not tell",
    ]
    text = "tables:\n  n:\n    stream: note/{id}\n    events: {changed: NoteOld}\n"
    assert "4: tables.n.events.changed: NoteOld is retired; note has NoteEdited that revises" in (
        mistakes(tmp_path, text, NOTES)
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="there is no such file"):
        read_mapping(str(tmp_path / "none.yaml"), DOMAIN)
    path = tmp_path / "cms.yaml"
    path.write_bytes(b"a: b\nc: \xff\n")
    with pytest.raises(UnreadableFile, match="line 2: is not UTF-8"):
        read_mapping(str(path), DOMAIN)
    path.write_text("&a [*a]")
    with pytest.raises(InvalidMapping):
        read_mapping(str(path), DOMAIN)


def test_without_the_reader_of_yaml_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ConnectorError, match=r"uv pip install '\.\[connect\]'"):
        read(tmp_path, ONE)


def test_an_outbox_alone_is_a_mapping(tmp_path: Path) -> None:
    mapping = read(tmp_path, "outbox: {table: outbox, topics: 'o\\.(.*)', prefix: stet}")
    assert (mapping.reading.outbox, mapping.reading.routed) == ("public.outbox", "o\\.(.*)")
    assert (mapping.reading.prefix, mapping.tables) == ("stet", {})


def test_a_module_that_would_end_the_process_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_when_imported.py").write_text("raise SystemExit(3)")
    monkeypatch.syspath_prepend(str(tmp_path))
    field = "{function: 'ends_when_imported:read', columns: [a]}"
    text = f"tables: {{article: {{stream: 'article/{{id}}', fields: {{abstract: {field}}}}}}}"
    [told] = mistakes(tmp_path, text)
    assert "the module ends_when_imported cannot be imported (SystemExit: 3)" in told
