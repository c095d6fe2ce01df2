"""A news desk on the command line: show, types, batch, restore, undo, and what they are given."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tiers import COSTLY, given_in_tiers
from typer.testing import CliRunner

from app import entity_file
from app.cli import cli
from archive import Archive
from event_log import Event, NewEvent
from newsroom import DOMAIN
from replay import Entity, Refused

ROOT = Path(__file__).parents[2]


class Desk:
    """The command line over one archive."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def run(self, *words: str, stdin: str | None = None) -> Result:
        return CliRunner(env={"STET_HOME": str(self.home)}).invoke(cli, words, input=stdin)

    def ok(self, *words: str, stdin: str | None = None) -> str:
        result = self.run(*words, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *words: str, stdin: str | None = None) -> str:
        before = self.head()
        result = self.run(*words, stdin=stdin)
        assert result.exit_code in (1, 2), result.output
        assert isinstance(result.exception, SystemExit), result.exception
        assert self.head() == before, "nothing was appended"
        return result.stderr

    def append(self, stream: str, type_: str, **data: Any) -> None:
        self.ok("append", stream, type_, "--data", json.dumps(data))

    def head(self) -> int:
        return Archive(self.home).log.head

    def fields(self, stream: str) -> dict[str, Any]:
        fields: dict[str, Any] = json.loads(self.ok("show", stream, "--json"))["fields"]
        return fields


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "home")


@pytest.fixture
def ocean(desk: Desk) -> Desk:
    """A tag of three versions: Sea, a place; Ocean; a subject."""
    desk.append("tag/sea", "TagDefined", name="Sea", kind="place")
    desk.append("tag/sea", "TagRevised", name="Ocean")
    desk.append("tag/sea", "TagRevised", kind="subject")
    return desk


# show and types


def test_an_entity_is_shown_as_it_is_and_as_it_was(ocean: Desk) -> None:
    assert ocean.ok("show", "tag/sea").splitlines() == [
        "tag/sea, version 3, sequence 3", "name: Ocean", "kind: subject"
    ]  # fmt: skip
    shown = json.loads(ocean.ok("show", "tag/sea", "--version", "1", "--json"))
    assert shown["fields"] == {"name": "Sea", "kind": "place"}
    assert "its versions are 1 to 3" in ocean.refused("show", "tag/sea", "--version", "4")
    assert "tag/none has no events" in ocean.refused("show", "tag/none")
    ocean.append("tag/sea", "TagRemoved")
    assert "it was removed" in ocean.ok("show", "tag/sea")


def test_a_text_of_several_lines_is_shown_below_its_name(desk: Desk) -> None:
    desk.append("article/1", "ArticlePublished", headline="H", published_at="1912", body="a\n\nb")
    assert "body:\n    a\n    \n    b" in desk.ok("show", "article/1")


def test_types_are_listed_with_what_they_need_and_an_example_that_works(desk: Desk) -> None:
    listed = json.loads(desk.ok("types", "--json"))
    assert [each["category"] for each in listed] == ["article", "byline", "image", "section", "tag"]
    assert listed[0]["fields"]["published_at"] == "date and time"
    for category in ("article", "byline", "section", "tag"):
        shown = desk.ok("types", category)
        words = shown.strip().splitlines()[-1].removeprefix("example: stet ").split(" ", 4)
        desk.ok(*words[:3], "--data", words[4].strip("'"))
    assert "there are: article, byline, image, section, tag" in desk.refused("types", "nothing")
    assert not json.loads(desk.ok("types", "tag", "--json"))[0]["types"][0]["retired"]


# what an event is given


def test_the_fields_come_from_an_argument_a_file_or_standard_input(
    desk: Desk, tmp_path: Path
) -> None:
    data = '{"name": "Sea"}'
    (tmp_path / "data.json").write_text(data)
    desk.ok("append", "tag/1", "TagDefined", "--data", data)
    desk.ok("append", "tag/2", "TagDefined", "--data", f"@{tmp_path}/data.json")
    desk.ok("append", "tag/3", "TagDefined", "--data", "-", stdin=data)
    assert [desk.fields(f"tag/{n}") for n in (1, 2, 3)] == [{"name": "Sea"}] * 3
    for wrong, says in (
        ("@nowhere", "cannot read nowhere"),
        ("@.", "Is a directory"),
        ("{", "not JSON"),
    ):
        assert says in desk.refused("append", "tag/4", "TagDefined", "--data", wrong)
    preview = desk.run("preview", "tag/4", "TagDefined", "--data", f"@{tmp_path}/data.json")
    assert "TagDefined of tag/4 would rewrite" in preview.stdout


def test_the_body_comes_from_a_file(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "body.md").write_text("Blow!\n\nSeen off Montauk.\n")
    data = '{"headline": "Whales", "published_at": "1851-10-18"}'
    body = ("--body-file", f"{tmp_path}/body.md")
    desk.ok("append", "article/1", "ArticlePublished", "--data", data, *body)
    assert desk.fields("article/1")["body"] == "Blow!\n\nSeen off Montauk."
    desk.ok("append", "article/1", "ArticleRevised", "--body-file", "-", stdin="Gone.")
    assert desk.fields("article/1")["body"] == "Gone."
    told = desk.refused("append", "article/1", "ArticleRevised", "--data", '{"body": "x"}', *body)
    assert "leave out one of them" in told
    assert "tag has no body" in desk.refused("append", "tag/1", "TagDefined", *body)
    (tmp_path / "body.md").write_bytes(b"\xff")
    assert "is not UTF-8" in desk.refused("append", "article/1", "ArticleRevised", *body)


@pytest.mark.parametrize(
    ("stream", "type_", "data", "says"),
    [
        ("image/1", "ImageAdded", {"url": "not a url"}, "data.url: 'not a url' is no address"),
        ("image/1", "ImageAdded", {"url": "javascript:alert(1)"}, "is no address"),
        ("image/1", "ImageAdded", {"url": "//host/x"}, "is no address"),
        ("image/1", "ImageAdded", {"url": "http://[x"}, "is no address"),
        ("image/1", "ImageAdded", {"url": "/a.jpg", "width": -5}, "data.width: -5 is less than 1"),
        ("image/1", "ImageAdded", {"url": "/a.jpg", "height": 0}, "data.height: 0 is less than 1"),
        ("byline/1", "BylineRegistered", {"name": "A", "url": "x"}, "is no address"),
        (
            "article/1", "ArticlePublished",
            {"headline": "H", "published_at": "1912", "word_count": -1}, "data.word_count: -1",
        ),
    ],
)  # fmt: skip
def test_what_is_no_address_and_no_size_is_refused(
    desk: Desk, stream: str, type_: str, data: dict[str, Any], says: str
) -> None:
    assert says in desk.refused("append", stream, type_, "--data", json.dumps(data))


# edit


@pytest.fixture
def story(desk: Desk) -> Desk:
    """An article of one version."""
    desk.append(
        "article/1", "ArticlePublished", headline="Whales", published_at="1851-10-18",
        kicker="At Sea", word_count=2, body="Blow!\n\n+++\nSeen.",
    )  # fmt: skip
    return desk


def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Let the editor be a program in Python that changes ``text``, and may end with ``code``."""
    script = tmp_path / "an editor.py"
    script.write_text(
        "import sys, pathlib\npath = pathlib.Path(sys.argv[1])\ncode = 0\n"
        f"text = path.read_text()\n{program}\npath.write_text(text)\nsys.exit(code)\n"
    )
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"{sys.executable} '{script}'")


CHANGES = r"""
assert 'word_count = 2' in text and '# abstract = ""' in text and '# tag_ids = []' in text
text = text.replace('"Whales"', r'"Whales \"Return\""').replace('kicker = "At Sea"', '')
text = text.replace('# abstract = ""', 'abstract = "They came."') + "Gone."
"""


def test_what_is_changed_in_the_editor_is_appended(
    story: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, CHANGES)
    assert "article/1 is at version 2" in story.ok("edit", "article/1", "--actor", "ana")
    event = Archive(story.home).log.stream("article/1")[1]
    assert (event.actor, dict(event.data)) == ("ana", {
        "headline": 'Whales "Return"', "abstract": "They came.",
        "body": "Blow!\n\n+++\nSeen.\nGone.", "cleared": ["kicker"],
    })  # fmt: skip


def test_an_editor_that_changes_nothing_appends_nothing(
    story: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, "")
    assert "nothing was appended" in story.ok("edit", "article/1")
    assert story.head() == 1


@pytest.mark.parametrize(
    ("program", "says"),
    [
        ("text = text.replace('= 2', '= two')", "a text in quotes"),
        ("text = text.replace('= 2', '= \"two\"')", "data.word_count"),
        ("text = text.replace('word_count', 'words')", "words is no field of article"),
        ("text = text[4:]", "between two lines of +++"),
        ("text = text.replace('headline = \"Whales\"', '')", "headline"),
        ("text += 'x'; code = 3", "the editor ended with 3"),
    ],
)
def test_a_file_that_is_refused_is_kept(
    story: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, says: str
) -> None:
    editor(tmp_path, monkeypatch, program)
    told = story.refused("edit", "article/1")
    assert says in told
    kept = Path(told.split("--file ")[1].splitlines()[0])
    assert kept.stat().st_size
    shutil.rmtree(kept.parent)


FASTER = """
import subprocess
done = subprocess.run({command!r}, cwd={root!r}, capture_output=True)
assert done.returncode == 0, done
text = text.replace('"Whales"', '"Whale"')
"""


def test_somebody_who_was_faster_is_a_conflict_that_loses_nothing(
    story: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from app.cli import main; main()"
    other = ["append", "article/1", "ArticleRevised", "--data", '{"kicker": "New"}']
    command = [sys.executable, "-c", program, "--home", str(story.home), *other]
    editor(tmp_path, monkeypatch, FASTER.format(command=command, root=str(ROOT)))
    told = story.run("edit", "article/1").stderr
    assert "expected version 1, but it is at version 2" in told
    kept = Path(told.split("--file ")[1].splitlines()[0])
    assert 'headline = "Whale"' in kept.read_text()
    text = kept.read_text().replace("version 1", "version 2").replace("At Sea", "New")
    story.ok("edit", "article/1", "--file", "-", stdin=text)
    assert (story.fields("article/1")["headline"], story.head()) == ("Whale", 3)
    shutil.rmtree(kept.parent)


def test_without_an_editor_it_is_said(story: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    for command in ("/no/such/editor", "'unclosed"):
        monkeypatch.setenv("EDITOR", command)
        assert "cannot start the editor" in story.refused("edit", "article/1")
    monkeypatch.delenv("EDITOR")
    monkeypatch.setenv("PATH", "")
    assert "there is no editor; set EDITOR, or use --file" in story.refused("edit", "article/1")


VALUES = st.text(st.characters(codec="utf-8"))
ARTICLE = st.fixed_dictionaries(
    {"headline": VALUES.filter(str.strip)},
    optional={
        "kicker": VALUES,
        "body": VALUES,
        "word_count": st.integers(0, 2**62),
        "tag_ids": st.lists(VALUES, max_size=3),
    },
)


@settings(max_examples=100)
@example({"headline": "a\r\nb\x7f\u2028\t", "body": "\n\r\n+++\r\n\n+++ \r x\n\n"})
@given(ARTICLE)
def test_a_file_that_nobody_changes_means_no_change(fields: dict[str, Any]) -> None:
    category = next(each for each in DOMAIN.categories if each.name == "article")
    entity = Entity("article/1", 7, 9, True, fields)
    found, version = entity_file.read(entity_file.written(entity, category), entity, category)
    assert entity_file.changes(fields, found) == {}
    assert version == 7


# batch

SECTIONS = [
    {"stream": "section/a", "type": "SectionOpened", "data": {"name": "A"}},
    {
        "stream": "section/b",
        "type": "SectionOpened",
        "data": {"name": "B", "parent_id": "section/a"},
    },
    {"stream": "section/a", "type": "SectionRevised", "data": {"description": "First"}},
]


def lines(*events: dict[str, Any]) -> str:
    return "\n\n".join(map(json.dumps, events))


def test_a_batch_is_checked_event_after_event_and_appended_as_one(desk: Desk) -> None:
    printed = desk.ok("batch", "-", "--actor", "ana", stdin=lines(*SECTIONS))
    assert printed.startswith("3 events appended, sequence 1 to 3")
    assert desk.fields("section/b") == {"name": "B", "parent_id": "section/a"}
    assert {event.actor for event in Archive(desk.home).log.read()} == {"ana"}


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"stream": "section/c", "type": "SectionRevised", "data": {"name": "C"}},
         "line 7: section/c does not exist"),
        ({"stream": "section/a", "type": "SectionOpened", "data": {"name": "A"}},
         "line 7: section/a exists already"),
        ({"stream": "section/a", "type": "SectionRevised", "data": {"parent_id": "section/b"}},
         "is a cycle"),
        ({"stream": "section/a", "type": "SectionRevised", "data": {"shoe": 1}},
         "line 7: data.shoe"),
        ({"stream": "section/a", "type": "Nothing", "data": {}}, "line 7: type"),
        ({"stream": "section/a"}, "line 7: type: is missing"),
    ],
)  # fmt: skip
def test_one_event_that_is_refused_lets_none_in_and_its_line_is_named(
    desk: Desk, bad: dict[str, Any], says: str
) -> None:
    told = desk.refused("batch", "-", stdin=lines(*SECTIONS, bad))
    assert says in told
    assert not (desk.home / "log").exists() or desk.head() == 0


def test_a_batch_again_adds_nothing_that_has_an_id_and_what_changes_nothing_is_left(
    desk: Desk,
) -> None:
    named = [{**event, "event_id": f"e{n}"} for n, event in enumerate(SECTIONS)]
    desk.ok("batch", "-", stdin=lines(*named))
    assert desk.ok("batch", "-", stdin=lines(*named)).startswith(
        "nothing was appended; 3 events changed nothing or were known already"
    )
    again = {"stream": "section/b", "type": "SectionRevised", "data": {"name": "B"}}
    other = {"stream": "section/b", "type": "SectionRevised", "data": {"name": "C"}}
    assert "1 event changed nothing" in desk.ok("batch", "-", stdin=lines(again, other))
    assert desk.head() == 4
    assert "there is no event in it" in desk.refused("batch", "-", stdin="\n")
    assert "no such file" in desk.refused("batch", "nowhere")


def test_what_is_null_in_a_batch_is_left_as_it_is_for_the_events_after_it(ocean: Desk) -> None:
    nothing = {"kind": None, "cleared": None, "note": "Said."}
    events = [
        {"stream": "tag/sea", "type": "TagRevised", "data": nothing},
        {"stream": "tag/sea", "type": "TagRevised", "data": {"name": "The Sea"}},
    ]
    ocean.ok("batch", "-", stdin=lines(*events))
    assert ocean.fields("tag/sea") == {"name": "The Sea", "kind": "subject"}


# restore and undo


def test_an_event_is_undone_and_what_came_later_stays(ocean: Desk) -> None:
    assert "tag/sea is at version 4" in ocean.ok("undo", "2", "--actor", "ana")
    assert ocean.fields("tag/sea") == {"name": "Sea", "kind": "subject"}
    assert "data.name was changed again by sequence 4" in ocean.refused("undo", "2")
    assert "there is no sequence 99" in ocean.refused("undo", "99")
    ocean.ok("undo", "4")
    assert ocean.fields("tag/sea") == {"name": "Ocean", "kind": "subject"}


def test_a_creation_a_removal_and_a_return_are_undone(desk: Desk) -> None:
    desk.append("article/1", "ArticlePublished", headline="H", published_at="1912", kicker="K")
    desk.append("article/1", "ArticleRetracted")
    desk.ok("undo", "2")
    shown = json.loads(desk.ok("show", "article/1", "--json"))
    assert (shown["removed"], shown["fields"]["kicker"]) == (False, "K")
    desk.ok("undo", "3")
    assert json.loads(desk.ok("show", "article/1", "--json"))["removed"]
    desk.append("tag/1", "TagDefined", name="Sea")
    desk.ok("undo", "5")
    assert json.loads(desk.ok("show", "tag/1", "--json"))["removed"]
    assert "whether it is shown was changed again by sequence 6" in desk.refused("undo", "5")


def test_a_version_is_restored_also_of_what_was_removed(ocean: Desk) -> None:
    ocean.append("tag/sea", "TagRemoved")
    ocean.ok("restore", "tag/sea", "--version", "2")
    shown = json.loads(ocean.ok("show", "tag/sea", "--json"))
    assert (shown["removed"], shown["fields"]) == (False, {"name": "Ocean", "kind": "place"})
    told = ocean.refused("restore", "tag/sea", "--version", "2")
    assert "tag/sea is as it was at version 2; there is nothing to append" in told
    assert "its versions are 1 to 5" in ocean.refused("restore", "tag/sea", "--version", "6")
    ocean.ok("restore", "tag/sea", "--version", "4")
    assert json.loads(ocean.ok("show", "tag/sea", "--json"))["removed"]


def test_what_refers_to_something_that_is_gone_is_not_restored(desk: Desk) -> None:
    desk.append("section/sea", "SectionOpened", name="Sea")
    article = {"headline": "H", "published_at": "1912", "section_id": "section/sea"}
    desk.append("article/1", "ArticlePublished", **article)
    desk.append("article/1", "ArticleRevised", cleared=["section_id"])
    desk.append("section/sea", "SectionClosed")
    told = desk.refused("restore", "article/1", "--version", "1")
    assert "data.section_id: section/sea was removed" in told


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "headline": st.text(min_size=1).filter(str.strip),
        "kicker": st.none() | st.text(),
        "body": st.text(),
        "published_at": st.datetimes().map(lambda at: f"{at.isoformat()}Z"),
        "word_count": st.integers(0, 2**40),
        "cleared": st.lists(st.sampled_from(["abstract", "language", "source"]), max_size=2),
    },
)
STEPS = st.lists(st.sampled_from(["ArticleRetracted", "ArticleReinstated"]) | FIELDS, max_size=6)


@given_in_tiers(4, COSTLY, STEPS)
def test_restoring_any_version_makes_the_entity_what_it_was_and_undoing_takes_back_one_step(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Any]
) -> None:
    archive = Archive(tmp_path_factory.mktemp("home"))
    first = {"headline": "First", "published_at": "1851-10-18", "source": "s", "language": "en"}
    archive.append("article/1", "ArticlePublished", first)
    for step in steps:
        if isinstance(step, dict):
            step = {n: v for n, v in step.items() if n not in (step.get("cleared") or ())}
        try:
            if isinstance(step, str):
                archive.append("article/1", step)
            else:
                archive.append("article/1", "ArticleRevised", step)
        except Refused:
            continue  # what is removed is not revised
    states = {n: state(archive, n) for n in range(1, archive.entity("article/1").version + 1)}
    for version, was in states.items():
        if state(archive) != was:
            archive.restore("article/1", version)
        assert comparable(state(archive)) == comparable(was)
        last = list(archive.log.stream("article/1"))[-1]
        if last.version > 1 and comparable(state(archive, last.version - 1)) != comparable(was):
            archive.undo(last.sequence)
            before = state(archive, last.version - 1)
            assert comparable(state(archive)) == comparable(before)


def state(archive: Archive, version: int | None = None) -> tuple[bool, dict[str, Any]]:
    entity = archive.entity("article/1", version)
    return entity.live, entity.fields


def comparable(state: tuple[bool, dict[str, Any]]) -> Any:
    """A state as readers see it: of what is removed they see nothing."""
    live, fields = state
    return fields if live else None


# log, diff, import


def test_the_log_is_narrowed_by_actor_and_by_the_days_of_recording(desk: Desk) -> None:
    for n, actor in enumerate(["ana", "bo", "ana"]):
        data = ("--data", '{"name": "Sea"}', "--actor", actor)
        desk.ok("append", f"tag/{n}", "TagDefined", *data)

    def sequences(*words: str) -> list[int]:
        printed = desk.ok("log", "--json", *words).splitlines()
        return [json.loads(line)["sequence"] for line in printed]

    assert sequences("--actor", "ana") == [1, 3]
    assert sequences("--actor", "ana", "--limit", "1") == [1]
    assert sequences("--since", "today", "--until", "today", "--limit", "2") == [1, 2]
    assert sequences("--since", "-1d", "--actor", "bo") == [2]
    assert sequences("--since", "tomorrow") == sequences("--until", "yesterday") == []
    assert sequences("--since", "0001-01-01") == [1, 2, 3]
    assert "--since: " in desk.refused("log", "--since", "soon")
    assert "--until" in desk.refused("log", "--until", "today", "--follow")


def test_without_points_the_last_change_of_an_entity_is_compared(ocean: Desk) -> None:
    difference = json.loads(ocean.ok("diff", "tag/sea", "--json"))
    assert (difference["old_sequence"], difference["new_sequence"]) == (2, 3)
    assert [each["path"] for each in difference["changes"]][:1] == ["kind"]
    difference = json.loads(ocean.ok("diff", "tag/sea", "--to", "2", "--json"))
    assert (difference["old_sequence"], difference["new_sequence"]) == (1, 2)
    assert "tag/none has no event of its own" in ocean.refused("diff", "tag/none")


def test_rejected_lines_go_where_they_are_asked_to(desk: Desk, tmp_path: Path) -> None:
    source, rejects = tmp_path / "in.jsonl", tmp_path / "out" / "bad.jsonl"
    rejects.parent.mkdir()
    source.write_text(lines(SECTIONS[0], {"stream": "section/x"}))
    result = desk.run("import", str(source), "--on-error", "reject", "--rejects", str(rejects))
    assert (result.exit_code, json.loads(rejects.read_text())["line"]) == (1, 3)
    assert str(rejects) in result.stderr
    assert [path.name for path in tmp_path.glob("*.rejected.jsonl")] == []
    assert "--on-error reject" in desk.refused("import", str(source), "--rejects", str(rejects))
    missing = str(tmp_path / "none" / "bad.jsonl")
    told = desk.refused("import", str(source), "--on-error", "reject", "--rejects", missing)
    assert "none/bad.jsonl" in told


def test_help_lists_the_commands_by_what_they_are_for() -> None:
    printed = CliRunner().invoke(cli, ["--help"]).stdout
    headings = [
        line.rstrip(":") for line in printed.splitlines() if line.endswith(":") and line[0] != " "
    ]
    assert headings == ["Options", "Edit", "Read", "Bring", "Operate", "Check"]
    assert "..." not in printed.split("Edit:")[1].split("Read:")[0]


# reasons and notes


@pytest.fixture
def corrected(desk: Desk) -> Desk:
    """An article that was corrected with a reason and a note, and then retracted with both."""
    desk.append("article/1", "ArticlePublished", headline="All Saved", published_at="1912-04-15")
    desk.ok(
        "append", "article/1", "ArticleRevised", "--data", '{"headline": "Many Lost"}',
        "--actor", "ana", "--reason", "The wireless was garbled.", "--note", "Not all were saved.",
    )  # fmt: skip
    retracted = '{"reason": "A lawyer called.", "note": "It was false."}'
    desk.ok("append", "article/1", "ArticleRetracted", "--actor", "bo", "--data", retracted)
    return desk


def test_a_reason_and_a_note_are_printed_with_their_event_and_are_no_fields(
    corrected: Desk,
) -> None:
    log = corrected.ok("log").splitlines()
    assert log[1].endswith(
        "headline=Many Lost  reason=The wireless was garbled.  note=Not all were saved."
    )
    told = "    reason: The wireless was garbled.\n    note: Not all were saved.\n    headline: All"
    assert told in corrected.ok("history", "article/1")
    shown = corrected.ok("show", "article/1").splitlines()
    assert shown[0].endswith("it was removed, and no view shows it")
    assert shown[1].startswith("    ArticleRetracted by bo, 20")
    assert shown[2:4] == ["    reason: A lawyer called.", "    note: It was false."]
    as_json = json.loads(corrected.ok("show", "article/1", "--json"))
    assert as_json["fields"].keys() == {"headline", "published_at"}
    assert as_json["removal"]["data"]["note"] == "It was false."
    before = json.loads(corrected.ok("show", "article/1", "--version", "2", "--json"))
    assert (before["removed"], before["removal"]) == (False, None)
    difference = corrected.ok("diff", "article/1", "--from", "1", "--to", "2")
    assert difference.splitlines()[-3:] == [
        "sequence 2, ArticleRevised",
        "    reason: The wireless was garbled.",
        "    note: Not all were saved.",
    ]
    annotated = json.loads(corrected.ok("diff", "article/1", "--json"))["annotated"]
    assert [(event["sequence"], event["type"]) for event in annotated] == [(3, "ArticleRetracted")]


def test_every_command_that_appends_takes_a_reason_and_a_note(
    corrected: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    why = ("--reason", "Because.", "--note", "So it is.")
    editor(tmp_path, monkeypatch, "text = text.replace('Many', '1,500')")
    corrected.ok("undo", "3", *why)
    corrected.ok("edit", "article/1", *why)
    corrected.ok("restore", "article/1", "--version", "1", *why)
    tags = [
        {"stream": "tag/1", "type": "TagDefined", "data": {"name": "Sea"}},
        {"stream": "tag/1", "type": "TagRevised", "data": {"kind": "place", "note": "Its own."}},
    ]
    corrected.ok("batch", "-", *why, stdin=lines(*tags))
    said = [(event.data.get("reason"), event.data.get("note")) for event in events(corrected)]
    assert said[3:] == [("Because.", "So it is.")] * 4 + [("Because.", "Its own.")]


def test_an_act_of_two_events_gives_its_reason_once(corrected: Desk) -> None:
    corrected.ok("restore", "article/1", "--version", "1", "--reason", "It was true.")
    assert [(event.type, event.data.get("reason")) for event in events(corrected)[3:]] == [
        ("ArticleReinstated", "It was true."), ("ArticleRevised", None)
    ]  # fmt: skip


def test_an_editor_who_changes_nothing_gives_no_reason(
    story: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor(tmp_path, monkeypatch, "")
    assert "nothing was appended" in story.ok("edit", "article/1", "--reason", "Typing error.")


def test_a_note_alone_is_appended_because_it_says_something_new(ocean: Desk) -> None:
    ocean.ok("append", "tag/sea", "TagRevised", "--note", "Once called Sea.")
    assert (ocean.head(), ocean.fields("tag/sea")) == (4, {"name": "Ocean", "kind": "subject"})
    assert "sequence 4 changed nothing" in ocean.refused("undo", "4")


def test_a_reason_that_says_nothing_or_comes_twice_is_refused(ocean: Desk) -> None:
    revised = ("append", "tag/sea", "TagRevised")
    assert "--note: is empty" in ocean.refused(*revised, "--note", " ")
    told = ocean.refused(*revised, "--data", '{"reason": "a"}', "--reason", "b")
    assert "--reason: data.reason is given as well; leave out one of them" in told
    assert "'reason' is no field to clear" in ocean.refused(
        *revised, "--data", '{"cleared": ["reason"]}'
    )
    assert "type: 'Nothing' is unknown" in ocean.refused(
        "append", "tag/sea", "Nothing", "--reason", "b"
    )


def test_a_category_without_annotations_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STET_DOMAIN", "examples.orders:DOMAIN")
    monkeypatch.chdir(ROOT)
    told = Desk(tmp_path / "home").run("append", "order/1", "NewOrderEvent", "--reason", "x").stderr
    assert "--reason: an event of order has no reason; its annotations: none" in told


def test_types_lists_annotations_beside_the_fields(desk: Desk) -> None:
    assert "annotations of tag: reason (text), note (text)" in desk.ok("types", "tag")
    (tag,) = json.loads(desk.ok("types", "tag", "--json"))
    assert tag["annotations"] == {"reason": "text", "note": "text"}
    assert "reason" not in tag["fields"]


def test_a_reason_is_in_the_history_and_in_no_document_of_a_reader(corrected: Desk) -> None:
    corrected.ok("rebuild")
    corrected.ok("append", "article/1", "ArticleReinstated", "--reason", "The lawyer erred.")
    corrected.ok("catch-up")
    for view in DOMAIN.views:
        documents = corrected.ok("export", view)
        found = [
            json.loads(corrected.ok("search", word, "--view", view, "--json"))["total"]
            for word in ("garbled", "lawyer")
        ]
        if view == "history":
            assert ("garbled" in documents, found) == (True, [1, 2])
        else:
            assert ("garbled" in documents, "erred" in documents, found) == (False, False, [0, 0])


# what is in use


@pytest.fixture
def used(desk: Desk) -> Desk:
    """A byline that two articles and an image name, and a section with a child and an article."""
    by_ana = {"published_at": "1912", "byline_ids": ["byline/ana"]}
    events = [
        ("byline/ana", "BylineRegistered", {"name": "Ana"}),
        ("byline/bo", "BylineRegistered", {"name": "Bo"}),
        ("section/sea", "SectionOpened", {"name": "Sea"}),
        ("section/bay", "SectionOpened", {"name": "Bay", "parent_id": "section/sea"}),
        ("article/1", "ArticlePublished", {"headline": "One", **by_ana}),
        ("article/2", "ArticlePublished", {"headline": "Two", **by_ana}),
        ("article/3", "ArticlePublished", {"headline": "3", **by_ana, "section_id": "section/bay"}),
        ("article/3", "ArticleRevised", {"byline_ids": ["byline/bo"]}),
        ("article/4", "ArticlePublished", {"headline": "Four", **by_ana}),
        ("article/4", "ArticleRetracted", {}),
        ("image/1", "ImageAdded", {"url": "/1.jpg", "photographer_id": "byline/ana"}),
    ]
    Archive(desk.home).append_all([NewEvent(*event) for event in events])
    return desk


def test_what_is_in_use_is_not_removed_without_yes_where_nobody_can_be_asked(used: Desk) -> None:
    told = used.refused("append", "byline/ana", "BylineRemoved")
    assert told.splitlines() == [
        "error: byline/ana is named by 2 articles and 1 image",
        "  nothing was appended; --yes removes it all the same; stet preview counts documents",
    ]
    used.ok("append", "byline/ana", "BylineRemoved", "--yes")
    again = used.refused("append", "byline/ana", "BylineRemoved")
    assert "byline/ana was removed, at version 2" in again, "its own error, and no question"


def test_what_nobody_names_is_removed_without_a_question(used: Desk) -> None:
    used.ok("append", "article/1", "ArticleRetracted")
    used.ok("append", "article/2", "ArticleRetracted")
    used.ok("append", "image/1", "ImageWithdrawn")
    used.ok("append", "byline/ana", "BylineRemoved")


def test_undoing_a_creation_and_restoring_a_removal_ask_as_well(used: Desk) -> None:
    assert "byline/bo is named by 1 article" in used.refused("undo", "2")
    used.ok("undo", "2", "--yes")
    used.ok("undo", "12")
    assert "byline/bo is named" in used.refused("restore", "byline/bo", "--version", "2")
    used.ok("restore", "byline/bo", "--version", "2", "--yes")
    assert json.loads(used.ok("show", "byline/bo", "--json"))["removed"]


def test_a_batch_that_first_takes_its_users_away_needs_no_yes(used: Desk) -> None:
    removed = [
        {"stream": "section/sea", "type": "SectionClosed", "data": {}},
        {"stream": "byline/ana", "type": "BylineRemoved", "data": {}},
    ]
    told = used.refused("batch", "-", stdin=lines(*removed))
    assert "section/sea is named by 1 section\n  byline/ana is named by 2 articles and" in told
    freed = [
        {"stream": "section/bay", "type": "SectionRevised", "data": {"cleared": ["parent_id"]}},
        {"stream": "image/1", "type": "ImageRevised", "data": {"cleared": ["photographer_id"]}},
        {"stream": "article/1", "type": "ArticleRevised", "data": {"byline_ids": ["byline/bo"]}},
        {"stream": "article/2", "type": "ArticleRetracted", "data": {}},
    ]
    used.ok("batch", "-", stdin=lines(*freed, *removed))
    assert used.head() == 11 + 6


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"stream": 5, "type": "TagRemoved", "data": {}}, "line 1: stream"),
        ({"stream": "tag/1", "type": 5, "data": {}}, "line 1: type"),
        ({"stream": "byline/ana", "type": "TagRemoved", "data": {}}, "line 1: type"),
        ({"stream": "byline/ana", "type": "BylineRemoved", "data": {"x": 1}}, "line 1: data.x"),
    ],
)
def test_an_event_that_is_refused_says_why_and_is_not_asked_about(
    used: Desk, event: dict[str, Any], says: str
) -> None:
    told = used.refused("batch", "-", stdin=lines(event))
    assert says in told
    assert "named by" not in told


def test_an_import_asks_nothing_because_it_brings_what_happened(used: Desk, tmp_path: Path) -> None:
    removed = {"stream": "byline/ana", "type": "BylineRemoved", "data": {"note": "She left."}}
    (tmp_path / "past.jsonl").write_text(json.dumps(removed))
    used.ok("import", str(tmp_path / "past.jsonl"))
    assert "note: She left." in used.ok("show", "byline/ana")


def test_many_that_are_in_use_are_counted_and_ten_are_named(desk: Desk) -> None:
    tags = [f"tag/{n}" for n in range(12)]
    events = [NewEvent(tag, "TagDefined", {"name": "T"}) for tag in tags]
    article = {"headline": "H", "published_at": "1912", "tag_ids": tags}
    Archive(desk.home).append_all([*events, NewEvent("article/1", "ArticlePublished", article)])
    removed = [{"stream": tag, "type": "TagRemoved", "data": {}} for tag in tags]
    told = desk.refused("batch", "-", stdin=lines(*removed)).splitlines()
    assert (told[9], told[10]) == ("  tag/9 is named by 1 article", "  and 2 more")


def events(desk: Desk) -> list[Event]:
    return list(Archive(desk.home).log.read())


@pytest.fixture
def twice(used: Desk) -> Desk:
    """A byline that other entities name, and another one of the same person."""
    used.append("byline/keller", "BylineRegistered", name="Ana Keller")
    return used


def test_two_bylines_are_merged_and_the_merge_is_undone(twice: Desk) -> None:
    words = "byline/keller", "byline/ana", "--yes", "--actor", "ben", "--note", "One person"
    first, second = twice.ok("merge", *words).splitlines()
    assert first.startswith("byline/keller has taken the place of byline/ana in 3 articles and 1 i")
    assert second.startswith("take it back with: stet undo --correlation ")
    assert twice.fields("article/1")["byline_ids"] == ["byline/keller"]
    assert twice.fields("byline/keller")["aliases"]
    assert "note: One person" in twice.ok("show", "byline/ana")
    assert "they take back those of" in twice.ok(*second.split()[-3:], "--actor", "ben")
    assert twice.fields("article/1")["byline_ids"] == ["byline/ana"]
    assert "aliases" not in twice.fields("byline/keller")


def test_undone_together_every_entity_is_told_field_by_field(twice: Desk) -> None:
    twice.ok("merge", "byline/keller", "byline/ana", "--yes")
    last = events(twice)[-1]
    told = twice.run("undo", "--correlation", last.correlation_id).stderr
    assert "article/1: ArticleRevised\n  byline_ids: byline/keller → byline/ana\n" in told
    assert told.startswith("byline/ana: ")


def test_one_event_of_a_merge_is_not_undone_without_a_word_of_the_others(twice: Desk) -> None:
    twice.ok("merge", "byline/keller", "byline/ana", "--yes")
    last = events(twice)[-1]
    told = twice.run("undo", str(last.sequence)).stderr
    assert f"sequence {last.sequence} is one of 6 events that were appended together" in told
    assert f"stet undo --correlation {last.correlation_id}" in told
    twice.ok("undo", "--correlation", str(last.correlation_id))
    assert twice.fields("article/1")["byline_ids"] == ["byline/ana"]


def test_a_merge_asks_as_a_removal_does(twice: Desk) -> None:
    assert twice.refused("merge", "byline/keller", "byline/ana").splitlines() == [
        "error: byline/keller takes the place of byline/ana in 3 articles and 1 image",
        "  nothing was appended; --yes merges them",
    ]
    twice.ok("merge", "byline/ana", "byline/keller")  # nobody names that one


def test_what_is_not_merged_or_undone_is_told(twice: Desk) -> None:
    assert "byline/x does not exist" in twice.refused("merge", "byline/ana", "byline/x")
    assert "merged with itself" in twice.refused("merge", "byline/ana", "byline/ana")
    assert "no event has the correlation id 'x'" in twice.refused("undo", "--correlation", "x")
    for words in ((), ("1", "--correlation", "x")):
        assert "and not both" in twice.refused("undo", *words)
    merged = json.loads(twice.ok("merge", "byline/keller", "byline/ana", "--yes", "--json"))
    assert merged["revised"] == {"article": 3, "image": 1}
