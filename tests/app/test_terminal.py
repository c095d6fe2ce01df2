"""Every command and every stream: nothing of a user's is printed unescaped; no traceback."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiers import in_sizes
from typer.main import get_command
from typer.testing import CliRunner, Result

from app import show, terminal
from app.cli import cli
from archive import Archive

ROOT = Path(__file__).parents[2]
EVIL = (
    "Evil \x1b[31mred\x1b]0;title\x07 \x9b2J\x85 \u202elast\u2066 \u200f\ufeff\rover"
    "\nerror: forged\ttab"
)
"""ESC, CSI, OSC, C1 controls, overrides of the direction, ends of lines."""
NAME = "Evil \u202ename\u2066"
"""What a name may have: the log accepts no control characters in names."""
CONTROL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f\ufeff]"
)
ARTICLE = "article/evil"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    archive = Archive(home)
    archive.append("tag/evil", "TagDefined", {"name": EVIL, "kind": "subject"}, actor=NAME)
    data = {"headline": EVIL, "abstract": EVIL, "published_at": "1912-04-15", "source": EVIL}
    archive.append(ARTICLE, "ArticlePublished", {**data, "tag_ids": ["tag/evil"]}, actor=NAME)
    archive.append(ARTICLE, "ArticleRevised", {"headline": f"{EVIL} again", "body": EVIL})
    archive.rebuild()
    for name, text in (("queries.tsv", "1\tevil\n"), ("qrels.tsv", f"1\t0\t{ARTICLE}\t1\n")):
        (home / name).write_text(text)
    month = {"response": {"docs": [{"uri": EVIL, "pub_date": EVIL}]}}
    (home / "evil.json").write_text(json.dumps(month))
    mapping = {"source": EVIL, "tables": {EVIL: {"stream": EVIL}}}
    (home / "evil.yaml").write_text(json.dumps(mapping))
    (home / "evil.jsonl").write_bytes(json.dumps({"stream": EVIL, "type": EVIL}).encode() + b"\n")
    return home


def commands(home: Path) -> dict[str, list[list[str]]]:
    """Words for each command, that print what came from a user wherever the command prints it."""
    return {
        "append": [["append", EVIL, EVIL], ["append", f"tag/{EVIL}", "TagRevised"],
                   ["append", "tag/evil", "TagRevised", "--actor", EVIL]],
        "batch": [["batch", str(home / "evil.jsonl")], ["batch", EVIL], ["batch", "-"]],
        "show": [["show", ARTICLE], ["show", ARTICLE, "--json"], ["show", EVIL]],
        "edit": [["edit", ARTICLE, "--file", EVIL], ["edit", EVIL],
                 ["edit", ARTICLE, "--file", "-"]],
        "types": [["types"], ["types", EVIL], ["types", "--json"]],
        "restore": [["restore", ARTICLE, "--version", "99"], ["restore", EVIL, "--version", "1"]],
        "undo": [["undo", "999"], ["undo", "--correlation", EVIL]],
        "merge": [["merge", "tag/evil", EVIL, "--yes"], ["merge", EVIL, EVIL]],
        "serve": [["serve", "--host", EVIL], ["serve", "--tls-cert", EVIL]],
        "access": [["access", "add", EVIL], ["access", "add", NAME, "--json"], ["access", "list"],
                   ["access", "revoke", EVIL]],
        "import": [["import", str(home / "evil.jsonl")], ["import", EVIL], ["import", "-"],
                   ["import", str(home / "evil.json"), "--format", "nyt-archive"],
                   ["import", str(home / "evil.json"), "--format", "cloudevents"],
                   ["import", EVIL, "--format", "csv", "--mapping", EVIL]],
        "generate": [["generate", "--articles", "1"],
                     ["generate", "--articles", "1", "--month", EVIL]],
        "connect": [["connect", str(home / "evil.yaml"), "--check"], ["connect", EVIL],
                    ["connect", str(home / "evil.yaml"), "--dead-letters"]],
        "relay": [["relay", "--topic", EVIL], ["relay", "--topic", "x", "--categories", EVIL]],
        "log": [["log"], ["log", "--json"], ["log", "--type", EVIL]],
        "history": [["history", ARTICLE], ["history", ARTICLE, "--json"], ["history", EVIL]],
        "explain": [["explain", ARTICLE], ["explain", ARTICLE, "--json"], ["explain", EVIL]],
        "diff": [["diff", ARTICLE, "--from", "2"], ["diff", ARTICLE, "--from", "2", "--json"]],
        "rebuild": [["rebuild", EVIL]],
        "catch-up": [["catch-up"], ["catch-up", EVIL]],
        "follow": [["follow", EVIL]],
        "preview": [["preview", ARTICLE, "ArticleRevised", "--data", '{"body":"x"}'],
                    ["preview", ARTICLE, EVIL]],
        "generations": [["generations"], ["generations", "--json"]],
        "promote": [["promote", "999"]],
        "roll-back": [["roll-back", "--to", "999"]],
        "export": [["export", "articles"], ["export", EVIL],
                   ["export", "articles", "--to", f"{home}/{NAME}.csv"]],
        "status": [["status"], ["status", "--json"]],
        "seal": [["seal"]],
        "verify": [["verify"], ["verify", "--proof", EVIL], ["verify", "--proof", "-"]],
        "prove": [["prove", "2"], ["prove", "999"]],
        "subscriptions": [["subscriptions"]],
        "compare": [["compare"], ["compare", EVIL]],
        "clear": [["clear"]],
        "growth": [["growth", "2026-01", "2026-01"], ["growth", EVIL, EVIL]],
        "evaluate": [["evaluate", "--queries", EVIL, "--judgements", EVIL]],
        "settings": [["settings"], ["settings", "--json"]],
        "search": [["search", "evil"], ["search", "evil", "--json"], ["search", f'"{EVIL}'],
                   ["search", "evil", "--view", "history", "--facet", "actor"],
                   ["search", "", "--filter", f"source={EVIL}"], ["search", "--from", EVIL],
                   ["search", "nothing", "--filter", f"{EVIL}=x"],
                   ["search", "zz", "--facet", EVIL]],
        "references": [["references"], ["references", "--json"]],
        "suggest": [["suggest", "ev"], ["suggest", EVIL, "--json"]],
        "similar": [["similar", ARTICLE], ["similar", EVIL]],
        "on-this-day": [["on-this-day", "04-15"], ["on-this-day", EVIL]],
        "dead-letters": [["dead-letters", "list"], ["dead-letters", "show", EVIL],
                         ["dead-letters", "replay"]],
        "": [[EVIL], ["--help"], ["--version"], ["--domain", EVIL, "status"],
             ["search", "--sort", EVIL]],
    }  # fmt: skip


def run(home: Path, words: list[str], **environment: str) -> Result:
    return CliRunner(env={"STET_HOME": str(home), **environment}).invoke(cli, words)


def test_the_commands_tried_here_are_all_that_there_are():
    assert set(commands(Path())) == {*get_command(cli).commands, ""}  # type: ignore[attr-defined]


@in_sizes("forms", 1, 99)
def test_what_came_from_a_user_is_escaped_by_every_command(home: Path, forms: int):
    for words in [words for each in commands(home).values() for words in each[:forms]]:
        result = run(home, words)
        assert not result.exception or isinstance(result.exception, SystemExit), words
        lines = (result.stdout + result.stderr).splitlines()
        if "dead-letters" not in words and words[0] != EVIL and "--sort" not in words:
            assert not CONTROL.search(result.stdout), (words, result.stdout)
        assert not [line for line in lines if line.startswith("error: forged")], words


CLOSED = {"stdin": "closed", "stdout": "closed", "stderr": "closed"}


@pytest.mark.slow
def test_no_state_of_a_stream_ends_in_a_traceback(home: Path, tmp_path: Path):
    tried = [["log"], ["export", "articles"], ["--help"], [NAME], ["log", "--json"]]
    check_streams(home, tmp_path, tried, [CLOSED, {"stdout": "full"}, {"stderr": "full"}])
    stdin = [["import", "-"], ["verify", "--proof", "-"], ["status"]]
    check_streams(home, tmp_path, stdin, [{"stdin": "closed"}])


@pytest.mark.slow
def test_no_command_ends_in_a_traceback_without_streams(home: Path, tmp_path: Path):
    check_streams(home, tmp_path, [each[0] for each in commands(home).values()], [CLOSED])


@pytest.mark.slow
def test_no_command_of_any_form_ends_in_a_traceback(home: Path, tmp_path: Path):
    """Each form where a stream is full and where one is closed, the first of each the other way."""
    tried = [words for each in commands(home).values() for words in each]
    check_streams(home, tmp_path, tried, [{"stdout": "full"}, {"stderr": "closed"}])
    first = [each[0] for each in commands(home).values()]
    check_streams(home, tmp_path, first, [{"stdout": "closed"}, {"stderr": "full"}])


def check_streams(
    home: Path, folder: Path, tried: list[list[str]], states: list[dict[str, str]]
) -> None:
    """Standard output that cannot be written fails a command, standard error never does."""
    cases = [(words, streams) for words in tried for streams in ({}, *states)]
    results = _forked(home, folder, [{"words": w, "streams": each} for w, each in cases])
    usual: dict[str, Any] = {}
    for (words, streams), result in zip(cases, results, strict=True):
        usual = usual if streams else result
        assert "Traceback" not in result["err"], (words, result)
        assert not CONTROL.search(result["out"] + result["err"]), (words, result)
        expected, said = usual["code"], result["err"]
        if "stdout" in streams and usual["out"]:
            expected = expected or 1
            assert streams.get("stderr") or "cannot write to standard output" in said
        if streams.get("stdin") == "closed" and "-" in words:
            expected = 1
            assert streams.get("stderr") or "standard input is closed" in said
        assert result["code"] == expected, (words, usual, result)


def _forked(home: Path, folder: Path, cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    (folder / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [sys.executable, ROOT / "tests" / "app" / "streams_child.py", folder / "cases.json"],
        env={**os.environ, "STET_HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def shell(home: Path, line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    stet = f"{sys.executable} -c 'from app.cli import main; main()'"
    return subprocess.run(
        ["bash", "-c", line.replace("stet ", f"{stet} ")],
        env={**os.environ, "STET_HOME": str(home), "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
    )


def test_who_has_read_enough_ends_the_command_as_a_signal_would(home: Path):
    done = shell(home, "stet generate --articles 2000 | head -1; exit ${PIPESTATUS[0]}")
    assert (done.returncode, done.stderr) == (terminal.READER_GONE, b"")
    assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["latin-1", pytest.param("ascii", marks=pytest.mark.slow)])
def test_another_encoding_shows_each_character_and_json_is_the_same(home: Path, encoding: str):
    done = shell(home, f"stet history {ARTICLE}", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "Published" in done.stdout.decode(encoding)
    line = "stet log --json; stet search '\u00e9\u2192\U0001f40b' --json"
    printed = [
        shell(home, line, PYTHONIOENCODING=each, PYTHONUTF8="0").stdout
        for each in (encoding, "utf-8")
    ]
    other, usual = ([json.loads(each) for each in text.splitlines()] for text in printed)
    assert other == usual
    assert usual[1]["data"]["headline"] == EVIL


COLOURS = [
    ({}, True),
    ({"NO_COLOR": "1"}, False),
    ({"NO_COLOR": ""}, True),
    ({"TERM": "dumb"}, False),
    ({"CLICOLOR": "0"}, False),
    ({"CLICOLOR": "0", "FORCE_COLOR": "1"}, True),
    ({"TERM": "dumb", "CLICOLOR_FORCE": "1"}, True),
    ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("environment", "coloured"), COLOURS)
def test_a_terminal_gets_colours_unless_somebody_said_no(
    environment: dict[str, str], coloured: bool, monkeypatch: pytest.MonkeyPatch
):
    for name in ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert terminal.is_coloured(Terminal()) == coloured


@pytest.mark.slow
@pytest.mark.parametrize(
    ("environment", "coloured"),
    [({}, True), ({"TERM": "dumb"}, False)],
)
def test_a_real_terminal_gets_this_programs_colours_and_no_others(
    home: Path, environment: dict[str, str], coloured: bool
):
    csv = "export articles --format csv"
    for words in (f"history {ARTICLE}", "search evil", "status", f"history {ARTICLE}x", csv):
        printed = in_terminal(home, words, 120, **environment)
        left = re.sub("\x1b\\[[0-9;]*m", "", printed)
        assert (left != printed) == (coloured and words != csv), (words, printed)
        assert not CONTROL.search(left.replace("\r\n", "\n")), (words, printed)


def test_a_file_gets_no_colours_unless_somebody_asked(home: Path):
    assert b"\x1b" not in shell(home, "stet search evil").stdout
    assert b"\x1b[1;33mEvil\x1b[0m" in shell(home, "stet search evil", FORCE_COLOR="1").stdout


@pytest.mark.parametrize(
    "width", [40, *(pytest.param(width, marks=pytest.mark.slow) for width in (20, 200))]
)
def test_a_table_shows_all_its_cells_however_narrow_the_terminal_is(home: Path, width: int):
    for words, wanted in (
        ("status", ["articles", "timeline", "history", "checkpoint", "generation"]),
        ("settings", ["STET_HOME", "STET_SEARCH", "meaning"]),
    ):
        printed = in_terminal(home, words, width, NO_COLOR="1").replace("\r\n", "\n")
        flat = re.sub(r"\s+", "", printed)
        assert not [each for each in wanted if re.sub(r"\s", "", each) not in flat], printed
        assert "…" not in printed


@pytest.fixture
def in_use(tmp_path: Path) -> Path:
    """A section that an article is in."""
    archive = Archive(tmp_path / "in use")
    archive.append("section/sea", "SectionOpened", {"name": "Sea"})
    article = {"headline": "H", "published_at": "1912", "section_id": "section/sea"}
    archive.append("article/1", "ArticlePublished", article)
    return tmp_path / "in use"


@pytest.mark.parametrize(("answer", "head"), [("n", 2), ("", 2), ("y", 3)])
def test_on_a_terminal_it_is_asked_before_what_is_in_use_is_removed(
    in_use: Path, answer: str, head: int
):
    removing = "append section/sea SectionClosed"
    printed = in_terminal(in_use, removing, 100, typed=f"{answer}\n")
    assert "section/sea is named by 1 article\r\nRemove it all the same? [y/N]: " in printed
    assert ("nothing was appended" in printed) is (head == 2)
    assert Archive(in_use).log.head == head


def in_terminal(home: Path, words: str, width: int, typed: str = "", **environment: str) -> str:
    """What a command prints on a terminal of a width, on which something is typed."""
    ours, its = pty.openpty()
    settings = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    settings |= {"STET_HOME": str(home), "PYTHONPATH": str(ROOT), "COLUMNS": str(width)}
    settings |= {"TERM": "xterm", **environment}
    child = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *words.split()],
        stdin=its, stdout=its, stderr=its, env=settings,
    )  # fmt: skip
    os.close(its)
    os.write(ours, typed.encode())
    printed = b""
    while piece := _read(ours):
        printed += piece
    os.close(ours)
    child.wait()
    return printed.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other end is closed
        return b""


@given(st.text() | st.text(st.characters(max_codepoint=0xA0)) | st.just(EVIL))
def test_any_text_is_visible_and_json_of_it_is_exact(text: str):
    assert not CONTROL.search(terminal.visible(text))
    line = terminal.on_one_line(text)
    assert not CONTROL.search(line)
    assert "\n" not in line
    assert json.loads(show.json_line({"text": text})) == {"text": text}
    assert not CONTROL.search(show.json_line([text]))


def test_no_module_of_the_app_prints_past_the_one_that_escapes():
    around = re.compile(r"typer\.s?echo|\bprint\(|sys\.std(out|err)\.write|click\.echo")
    printing = {p.name for p in (ROOT / "app").glob("*.py") if around.search(p.read_text())}
    assert printing == {"show.py", "terminal.py"}
