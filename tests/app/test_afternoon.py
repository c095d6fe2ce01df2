"""An editor's afternoon at the command line, as one story; the tutorial for an editor tells it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive

ROOT = Path(__file__).parents[2]
STET = Path(sys.executable).parent / "stet"
WHALE = "article/whale-2026"
PUBLISHED = {
    "headline": "A Whale Is Seen Off Montauk",
    "published_at": "2026-07-01T09:00:00Z",
    "section_id": "section/science",
    "byline_ids": ["byline/eliza-crane"],
    "tag_ids": ["tag/whales"],
}
CORRECTED = {"headline": "A Humpback Is Seen Off Montauk"}
FASTER = """
import pathlib, subprocess, sys
path = pathlib.Path(sys.argv[1])
subprocess.run({command!r}, cwd={root!r}, check=True, capture_output=True)
path.write_text(path.read_text().replace("A Humpback Is", "Two Humpbacks Are"))
"""


@dataclass
class Desk:
    """``stet`` for one archive: in this process, or with readers, each command in its own."""

    folder: Path
    has_readers: bool

    @property
    def environment(self) -> dict[str, str]:
        return {"STET_HOME": str(self.folder / "home")}

    def run(self, *words: str, given: str | None = None, **environment: str) -> tuple[int, str]:
        """The exit code, and what was printed: on stdout, or of a command that fails on stderr."""
        settings = {**self.environment, **environment}
        if not self.has_readers:
            result = CliRunner(env=settings).invoke(cli, words, input=given)
            return result.exit_code, result.stderr if result.exit_code else result.stdout
        done = subprocess.run(
            [STET, *words], env={**os.environ, **settings}, input=given, text=True,
            capture_output=True, cwd=self.folder,
        )  # fmt: skip
        return done.returncode, done.stderr if done.returncode else done.stdout

    def stet(self, *words: str, given: str | None = None) -> str:
        code, printed = self.run(*words, given=given)
        assert code == 0, printed
        return printed

    def refused(self, *words: str, given: str | None = None, **environment: str) -> str:
        code, printed = self.run(*words, given=given, **environment)
        assert code == 1, printed
        return printed

    def append(self, stream: str, type_: str, data: dict[str, Any], *more: str) -> str:
        return self.stet("append", stream, type_, "--data", json.dumps(data), *more)

    def shown(self) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(self.stet("show", WHALE, "--json"))
        return shown

    def found(self, *query: str) -> int:
        """How many documents a reader finds."""
        return int(json.loads(self.stet("search", *query, "--json"))["total"])


@pytest.fixture(params=["quick", pytest.param("with readers", marks=pytest.mark.slow)])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Desk:
    """A newsroom with a section, a byline and a tag; with readers there are live indexes too."""
    desk = Desk(tmp_path, has_readers=request.param != "quick")
    desk.append("section/science", "SectionOpened", {"name": "Science"})
    desk.append("byline/eliza-crane", "BylineRegistered", {"name": "Eliza Crane"})
    desk.append("tag/whales", "TagDefined", {"name": "Whales"})
    if desk.has_readers:
        desk.stet("rebuild")
    return desk


def test_an_editors_afternoon(desk: Desk) -> None:
    publish_and_correct(desk)
    retract_and_undo(desk)
    rename_a_byline(desk)
    edit_while_another_editor_is_faster(desk)
    append_several_events_together(desk)
    restore(desk)
    read_what_happened(desk)


def publish_and_correct(desk: Desk) -> None:
    body = desk.folder / "whale.md"
    body.write_text("A humpback was seen off Montauk yesterday.\n")
    receipt = desk.append(
        WHALE, "ArticlePublished", PUBLISHED, "--body-file", str(body), "--actor", "ana"
    )
    assert receipt.startswith(f"sequence 4, version 1 of {WHALE}")
    desk.append(
        WHALE, "ArticleRevised", CORRECTED, "--actor", "ana",
        "--reason", "The ferry's log says which.", "--note", "The headline did not say which.",
    )  # fmt: skip
    assert desk.shown()["fields"]["headline"] == CORRECTED["headline"]
    if desk.has_readers:
        printed = desk.stet("diff", WHALE)
        assert f"~ headline: {PUBLISHED['headline']} → {CORRECTED['headline']}" in printed
        assert "    note: The headline did not say which." in printed


def retract_and_undo(desk: Desk) -> None:
    desk.stet(
        "append", WHALE, "ArticleRetracted", "--actor", "bo",
        "--reason", "The ferry denies it.", "--note", "The sighting is not confirmed.",
    )  # fmt: skip
    printed = desk.stet("show", WHALE)
    assert "it was removed, and no view shows it" in printed
    assert "    ArticleRetracted by bo" in printed
    assert "    note: The sighting is not confirmed." in printed
    if desk.has_readers:
        desk.stet("catch-up")
        assert desk.found("humpback") == 0
        assert desk.found("confirmed", "--view", "history") == 1
    printed = desk.stet("undo", "6", "--actor", "ana", "--reason", "There is a photograph.")
    assert f"{WHALE} is at version 4" in printed
    assert not desk.shown()["removed"]
    if desk.has_readers:
        desk.stet("catch-up")
        assert desk.found("humpback") == 1


def rename_a_byline(desk: Desk) -> None:
    married = {"name": "Eliza Crane-Lund"}
    renamed = ("byline/eliza-crane", "BylineRevised")
    if desk.has_readers:
        assert "1 of articles" in desk.stet("preview", *renamed, "--data", json.dumps(married))
    desk.append(*renamed, married, "--actor", "personnel")
    told = desk.refused("append", "byline/eliza-crane", "BylineRemoved")
    assert "byline/eliza-crane is named by 1 article" in told
    if desk.has_readers:
        desk.stet("catch-up")
        assert desk.found('byline:"eliza crane-lund"') == 1


def edit_while_another_editor_is_faster(desk: Desk) -> None:
    """Bo has the article open in his editor when ana appends to it."""
    code = "from app.cli import main; main()"
    kicker = ["append", WHALE, "ArticleRevised", "--data", '{"kicker": "At Sea"}', "--actor", "ana"]
    command = [sys.executable, "-c", code, "--home", desk.environment["STET_HOME"], *kicker]
    editor = desk.folder / "editor.py"
    editor.write_text(FASTER.format(command=command, root=str(ROOT)))
    program = {"VISUAL": "", "EDITOR": f"{sys.executable} '{editor}'"}
    told = desk.refused("edit", WHALE, "--actor", "bo", **program)
    assert "expected version 4, but it is at version 5" in told
    kept = Path(told.split("--file ")[1].splitlines()[0])
    again = kept.read_text().replace("version 4", "version 5")
    again = again.replace('# kicker = ""', 'kicker = "At Sea"')
    desk.stet("edit", WHALE, "--file", "-", "--actor", "bo", given=again)
    shutil.rmtree(kept.parent)
    fields = desk.shown()["fields"]
    assert (fields["headline"], fields["kicker"]) == (
        "Two Humpbacks Are Seen Off Montauk",
        "At Sea",
    )


def append_several_events_together(desk: Desk) -> None:
    lines = [
        {"stream": "section/sea", "type": "SectionOpened", "data": {"name": "The Sea"}},
        {"stream": WHALE, "type": "ArticleRevised", "data": {"section_id": "section/sea"}},
        {"stream": WHALE, "type": "ArticleRevised", "data": {"image_ids": ["image/whale"]}},
    ]
    batch = desk.folder / "sea.jsonl"
    batch.write_text("\n".join(map(json.dumps, lines)))
    told = desk.refused("batch", str(batch), "--actor", "ana")
    assert "line 3: data.image_ids: image/whale does not exist" in told
    batch.write_text("\n".join(map(json.dumps, lines[:2])))
    printed = desk.stet("batch", str(batch), "--actor", "ana", "--reason", "A desk for the sea.")
    assert printed.startswith("2 events appended, sequence 11 to 12")


def restore(desk: Desk) -> None:
    printed = desk.stet(
        "restore", WHALE, "--version", "2", "--actor", "ana", "--note", "There was one humpback."
    )
    assert f"{WHALE} is at version 8" in printed
    before = json.loads(desk.stet("show", WHALE, "--version", "2", "--json"))
    assert desk.shown()["fields"] == before["fields"]


def read_what_happened(desk: Desk) -> None:
    events = [json.loads(line) for line in desk.stet("log", "--json").splitlines()]
    told = [(event["type"], event["actor"]) for event in events if event["stream"] == WHALE]
    assert told == [
        ("ArticlePublished", "ana"), ("ArticleRevised", "ana"), ("ArticleRetracted", "bo"),
        ("ArticleReinstated", "ana"), ("ArticleRevised", "ana"), ("ArticleRevised", "bo"),
        ("ArticleRevised", "ana"), ("ArticleRevised", "ana"),
    ]  # fmt: skip
    notes = [event["data"]["note"] for event in events if "note" in event["data"]]
    assert notes == [
        "The headline did not say which.",
        "The sighting is not confirmed.",
        "There was one humpback.",
    ]
    assert Archive(desk.folder / "home").log.head == len(events) == 13
    if desk.has_readers:
        history = desk.stet("history", WHALE)
        assert all(f"    note: {note}" in history for note in notes)
        assert "the log holds: 13 events" in desk.stet("verify")
        desk.stet("catch-up")
        assert desk.found("headline:humpback", "--filter", "section=Science") == 1
        assert "differ" not in desk.stet("compare")
