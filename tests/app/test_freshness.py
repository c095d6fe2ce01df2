"""Catching up, following and previewing as a person and a program use them."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from archive import Archive, export
from newsroom import DOMAIN
from search import EmbeddedEngine, compare_index

STET = Path(sys.executable).parent / "stet"
PUBLISHED = {"headline": "The whale returns", "published_at": "1851-10-18T12:00:00Z"}
TOLD: list[tuple[str, str, dict[str, Any]]] = [
    ("section/sea", "SectionOpened", {"name": "Sea"}),
    ("byline/ana", "BylineRegistered", {"name": "Ana Ruiz"}),
    *(
        (f"article/{n}", "ArticlePublished", {**PUBLISHED, "byline_ids": ["byline/ana"]})
        for n in range(4)
    ),
]


class Home:
    """An archive, and ``stet`` in it, each command under test a process of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def engine(self) -> EmbeddedEngine:
        return EmbeddedEngine(self.path, DOMAIN.views)

    def start(self, *arguments: str, largest_file: int | None = None) -> subprocess.Popen[str]:
        def limit() -> None:
            if largest_file is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        return subprocess.Popen(
            [STET, *arguments, "--home", self.path],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )

    def run(self, *arguments: str, **given: Any) -> tuple[int, str, str]:
        running = self.start(*arguments, **given)
        printed, told = running.communicate(timeout=120)
        return running.returncode, printed, told

    def json(self, *arguments: str) -> Any:
        code, printed, told = self.run(*arguments, "--json")
        assert code == 0, told
        return json.loads(printed)

    def append(self, stream: str, kind: str, data: dict[str, Any]) -> None:
        """Append from this process, which is another one than that of any command."""
        Archive(self.path, DOMAIN).append(stream, kind, data)

    def rename(self, name: str) -> None:
        self.append("byline/ana", "BylineRevised", {"name": name})

    @property
    def head(self) -> int:
        return Archive(self.path, DOMAIN).log.head

    @contextmanager
    def following(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """``stet follow`` meanwhile; it must end as it should when it is asked to."""
        running = self.start("follow", "--json", *arguments)
        try:
            yield running
        finally:
            if running.poll() is None:
                running.kill()
            running.communicate()

    def until_served(self, sequence: int, seconds: float = 60) -> None:
        """Wait until all views are at a sequence, as who searches sees it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            served = self.engine.serving()
            if {at.sequence for at in served.values()} == {sequence}:
                return
            time.sleep(0.1)
        raise AssertionError(f"not at {sequence} after {seconds} s: {served}")

    def is_right(self) -> None:
        """Does each live index equal its view as of its sequence?"""
        engine, archive = self.engine, Archive(self.path, DOMAIN)
        for view, served in engine.serving().items():
            with export.file(archive, view, at=served.sequence) as path:
                assert not compare_index(path, engine.digests(view, served.generation)), view


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rebuilt, and caught up once."""
    home = Home(tmp_path_factory.mktemp("fresh") / "home")
    archive = Archive(home.path, DOMAIN)
    for stream, kind, data in TOLD:
        archive.append(stream, kind, data)
    archive.rebuild()
    archive.append("byline/ana", "BylineRevised", {"name": "Ana Ruiz-Paz"})
    archive.catch_up()
    return home.path


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Home:
    return Home(Path(shutil.copytree(built, tmp_path / "home")))


@pytest.mark.slow
def test_catch_up_says_what_it_did_to_a_person_and_to_a_program(home: Home) -> None:
    home.rename("B")
    code, printed, _ = home.run("catch-up")
    assert code == 0
    lines = printed.strip().splitlines()
    assert lines[0].split() == [
        "view", "touched", "computed", "written", "unchanged", "deleted", "seconds"
    ]  # fmt: skip
    assert ["articles", "4", "4", "4", "0", "0"] in [line.split()[:6] for line in lines]
    assert "1 event folded; live as of sequence 8" in lines[-1]
    home.rename("C")
    said = home.json("catch-up")
    assert (said["after"], said["through"], said["events"]) == (8, 9, 1)
    assert {view["view"]: view["written"] for view in said["views"]}["articles"] == 4
    assert said["needs_rebuild"] == {}
    found = home.json("search", "byline:c")
    assert found["total"] == 4
    home.is_right()


@pytest.mark.slow
def test_catch_up_says_so_when_there_was_so_much_that_a_rebuild_is_as_quick(home: Home) -> None:
    home.rename("B")
    assert "as quick" not in home.run("catch-up")[2]
    home.append("tag/whales", "TagDefined", {"name": "Whales"})
    for number in range(8):
        home.append("tag/whales", "TagRevised", {"name": f"Whales {number}"})
    assert "a rebuild is as quick; next time, run: stet rebuild" in home.run("catch-up")[2]


def test_catch_up_before_a_rebuild_is_a_line_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for command in ("catch-up", "follow"):
        code, printed, told = Home(tmp_path / "home").run(command)
        assert (code, printed) == (1, "")
        assert told.startswith("error: ")
        assert "stet rebuild" in told
        assert len(told.strip().splitlines()) == 1, told


def test_a_view_that_there_is_not_is_told(home: Home) -> None:
    for command in ("catch-up", "follow"):
        code, _, told = home.run(command, "movies")
        assert code in (1, 2)
        assert "movies" in told
        assert "Traceback" not in told


@pytest.mark.slow
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_follow_gives_a_line_for_each_step_and_ends_well_when_asked(
    home: Home, stop: signal.Signals
) -> None:
    home.rename("B")
    with home.following() as running:
        home.until_served(8)
        home.rename("C")
        home.until_served(9)
        running.send_signal(stop)
        printed, told = running.communicate(timeout=30)
        assert running.returncode == 0, told
        steps = [json.loads(line) for line in printed.splitlines()]
        assert [(step["after"], step["through"]) for step in steps] == [(7, 8), (8, 9)]
        assert {view["view"] for view in steps[0]["views"]} >= {"articles", "bylines", "history"}
        assert "Traceback" not in told
    home.is_right()


@pytest.mark.slow
def test_follow_says_when_it_is_ready(home: Home) -> None:
    with home.following() as running:
        assert running.stderr
        assert "following from sequence 7\n" in iter(running.stderr.readline, "")


@pytest.mark.slow
def test_follow_that_waits_ends_at_once(home: Home) -> None:
    with home.following() as running:
        home.rename("B")
        home.until_served(8)
        time.sleep(1)
        asked = time.monotonic()
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=30)
        assert running.returncode == 0
        assert time.monotonic() - asked < 10


@pytest.mark.slow
def test_while_one_follows_the_others_get_their_answers(home: Home) -> None:
    """Export, status, search and preview answer; catch-up and another follow say who follows."""
    with home.following() as running:
        home.rename("B")
        home.until_served(8)
        assert '"name":"B"' in home.run("export", "bylines")[1].replace(" ", "")
        assert home.json("status")["head"] == 8
        assert home.json("search", "byline:b")["total"] == 4
        preview = ("preview", "byline/ana", "BylineRevised", "--data", '{"name": "P"}')
        code, printed, told = home.run(*preview)
        assert code == 0, told
        assert "4 of articles" in printed
        assert f"process {running.pid} on" in told
        for command in ("catch-up", "follow"):
            code, _, told = home.run(command)
            assert code == 1
            assert f"process {running.pid} on" in told
            assert len(told.strip().splitlines()) == 1, told
        assert running.poll() is None


@pytest.mark.slow
def test_follow_takes_up_what_a_rebuild_promotes_and_what_a_roll_back_leads_to(home: Home) -> None:
    with home.following() as running:
        home.rename("B")
        home.until_served(8)
        code, _, told = home.run("rebuild")
        assert code == 0, told
        home.rename("C")
        home.until_served(9)
        assert home.engine.serving()["articles"].generation == 2
        home.is_right()
        code, _, told = home.run("roll-back")
        assert code == 0, told
        home.until_served(9)
        home.rename("D")
        home.until_served(10)
        assert home.engine.serving()["articles"].generation == 1
        home.is_right()
        code, _, told = home.run("rebuild", "bylines")
        assert code == 0, told
        home.rename("E")
        home.until_served(11)
        home.is_right()
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=30)
        assert running.returncode == 0, told


@pytest.mark.slow
@pytest.mark.parametrize("command", ["catch-up", "follow"])
def test_killed_at_any_moment_and_started_again_it_converges(home: Home, command: str) -> None:
    for n in range(6):
        home.rename(f"Name {n}")
        running = home.start(command)
        time.sleep(0.6 + 0.35 * n)
        running.kill()
        running.communicate()
        answer = home.json("search", "whale")
        assert answer["total"] == 4
    assert home.run("catch-up")[0] == 0
    served = home.engine.serving()
    assert {view: at.sequence for view, at in served.items()} == dict.fromkeys(
        tuple(DOMAIN.views), home.head
    )
    home.is_right()


@pytest.mark.slow
def test_little_memory_is_enough(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into it goes to disk."""
    monkeypatch.setenv("STET_MEMORY", "100MB")
    home.rename("B")
    code, _, told = home.run("catch-up")
    assert code == 0, told
    home.is_right()


@pytest.mark.slow
@pytest.mark.parametrize("command", ["catch-up", "rebuild"])
def test_too_little_memory_is_said_in_a_line_and_costs_nothing(
    home: Home, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    home.rename("B")
    monkeypatch.setenv("STET_MEMORY", "1MB")
    code, _, told = home.run(command)
    assert code == 1
    assert "STET_MEMORY allows 1MB; allow more" in told.strip().splitlines()[-1], told
    assert "Traceback" not in told, told
    monkeypatch.delenv("STET_MEMORY")
    assert home.run(command)[0] == 0
    home.is_right()


@pytest.mark.slow
def test_of_two_that_catch_up_at_once_one_does_it_and_the_other_says_who(home: Home) -> None:
    home.rename("B")
    both = [home.start("catch-up") for _ in range(2)]
    ended = [(running.communicate(timeout=120)[1], running.returncode) for running in both]
    assert 0 in {code for _, code in ended}
    for told, code in ended:
        assert code == 0 or "are being caught up by process" in told, told
    assert home.run("catch-up")[0] == 0
    home.is_right()


@pytest.mark.slow
@pytest.mark.parametrize("largest_file", [100, 4_000, 60_000, 1_000_000])
def test_on_a_full_disk_it_says_so_in_a_line_and_goes_on_when_there_is_room(
    home: Home, largest_file: int
) -> None:
    home.rename("B")
    code, _, told = home.run("catch-up", largest_file=largest_file)
    assert "Traceback" not in told, told
    if code:
        assert told.strip().splitlines()[-1].startswith("error: "), told
    assert home.json("search", "whale")["total"] == 4
    code, _, told = home.run("catch-up")
    assert code == 0, told
    assert home.json("search", "byline:b")["total"] == 4
    home.is_right()


PREVIEW = ("preview", "byline/ana", "BylineRevised", "--data", '{"name": "P"}')


@pytest.mark.slow
def test_preview_says_how_much_an_event_would_rewrite_and_appends_nothing(home: Home) -> None:
    code, printed, told = home.run(*PREVIEW)
    assert code == 0, told
    assert printed.startswith("BylineRevised of byline/ana would rewrite ")
    assert "4 of articles" in printed
    assert "1 of bylines" in printed
    said = home.json(*PREVIEW)
    assert said["documents"]["articles"] == 4
    assert said["sequence"] == 7
    assert said["seconds"] > 0
    assert home.head == 7
    home.rename("P")
    written = {v["view"]: v["written"] + v["deleted"] for v in home.json("catch-up")["views"]}
    assert {view: count for view, count in written.items() if count} == said["documents"]


@pytest.mark.slow
def test_preview_without_a_kept_state_takes_longer_and_says_the_same(home: Home) -> None:
    expected = home.json(*PREVIEW)["documents"]
    (home.path / "views" / "state.duckdb").unlink()
    code, printed, told = home.run(*PREVIEW, "--json")
    assert code == 0, told
    assert "folding 7 events" in told
    assert json.loads(printed)["documents"] == expected
    assert not (home.path / "views" / "state.duckdb").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("byline/ana", "BylineRevised", "--data", "{not json"), "JSON"),
        (("byline/ana", "BylineRevised", "--data", '{"shoe_size": 9}'), "shoe_size"),
        (("byline/ana", "BylineEaten", "--data", "{}"), "BylineEaten"),
        (("byline/nobody", "BylineRevised", "--data", '{"name": "P"}'), "byline/nobody"),
        (("nothing", "BylineRevised", "--data", '{"name": "P"}'), "nothing"),
    ],
)
def test_preview_refuses_what_append_would_refuse(
    home: Home, arguments: tuple[str, ...], expected: str
) -> None:
    code, printed, told = home.run("preview", *arguments)
    assert code in (1, 2)
    assert printed == ""
    assert expected in told
    assert "Traceback" not in told


@pytest.mark.slow
def test_a_damaged_state_is_told_in_a_line_and_the_result_is_right(home: Home) -> None:
    state = home.path / "views" / "state.duckdb"
    os.truncate(state, state.stat().st_size // 2)
    home.rename("B")
    _, _, told = home.run(*PREVIEW)
    assert "Traceback" not in told, told
    code, _, told = home.run("catch-up")
    assert code == 0, told
    assert "Traceback" not in told
    home.is_right()
