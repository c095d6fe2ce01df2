"""The commands that keep the log: what they print where, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.cli import cli
from archive import Archive

ROOT = Path(__file__).parents[2]
COMMITS = 4
Run = Callable[..., Result]
HOLDS = """
import sys
from pathlib import Path
from archive import Archive
with Archive(Path(sys.argv[1])).log.subscribe("mail"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(home: Path) -> Run:
    def invoke(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(cli, arguments, env={"STET_HOME": str(home)}, **options)

    return invoke


@pytest.fixture
def small(run: Run) -> Run:
    """A log of four commits with an event each."""
    for number in range(1, COMMITS + 1):
        define(run, number)
    return run


def define(run: Run, number: int) -> None:
    data = json.dumps({"name": f"Tag \x1b[2J {number}"})
    result = run("append", f"tag/{number}", "TagDefined", "--data", data, "--actor", "ana")
    assert result.exit_code == 0, result.output


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refused(result: Result) -> str:
    """One line on stderr that says what was wrong, and exit code 1."""
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize("command", ["seal", "verify", "prove", "subscriptions"])
def test_each_command_has_help_with_an_example(run: Run, command: str) -> None:
    assert f"Example: stet {command}" in " ".join(run(command, "--help").stdout.split())


# seal


def test_seal_says_what_became(small: Run, home: Path) -> None:
    told = small("seal").stdout
    assert (
        told
        == "sealed 4 events of 4 commits into 1 file; sealed through sequence 4; removed 0 files\n"
    )
    assert (
        small("seal").stdout == "no commit was open; sealed through sequence 4; removed 0 files\n"
    )
    assert small("seal", "--grace", "0").stdout.endswith("removed 4 files\n")
    assert not list((home / "log" / "commits").glob("*.parquet"))
    assert small("log").stdout.count("TagDefined") == COMMITS


def test_seal_says_what_was_merged_and_prints_json(small: Run) -> None:
    small("seal")
    define(small, 5)
    found = printed(small("seal", "--json"))
    assert found == {
        "through": 5, "events": 1, "commits": 1, "merged": 4, "files": 1, "removed": 0,
    }  # fmt: skip
    for number in range(6, 9):
        define(small, number)
    told = small("seal").stdout
    assert told.startswith("sealed 3 events of 3 commits (with them 5 sealed before) into 1 file;")


def test_an_archive_that_is_not_there_is_not_made_by_sealing(run: Run, home: Path) -> None:
    assert "there is no archive" in refused(run("seal"))
    assert not home.exists()


def test_a_damaged_log_is_not_sealed(small: Run, home: Path) -> None:
    (home / "log" / "commits" / f"{2:020d}.parquet").write_bytes(b"")
    assert "sequence 2: " in refused(small("seal"))
    assert not list((home / "log").rglob("_manifest-*"))


def test_status_says_what_is_sealed_and_what_is_open(small: Run, home: Path) -> None:
    assert small("status").stdout.splitlines()[1] == "4 open commits, none sealed"
    small("seal")
    define(small, 5)
    found = printed(small("status", "--json"))
    assert (found["head"], found["sealed_through"], found["open_commits"]) == (5, 4, 1)
    lines = small("status").stdout.splitlines()
    assert lines[0] == f"{home}: head 5, digest {Archive(home).log.digest}"
    assert lines[1] == "sealed through 4, then 1 open commit"


# verify


def test_verify_says_which_parts_it_verified(small: Run, home: Path) -> None:
    digest = Archive(home).log.digest
    whole = small("verify").stdout
    assert whole == (f"the log holds: 4 events in 4 commits, sequences 1 to 4, digest {digest}\n")
    part = small("verify", "--from", "2", "--to", "3").stdout
    assert "2 events in 2 commits, sequences 2 to 3 (events before 2 were not checked)" in part
    found = printed(small("verify", "--from", "3", "--json"))
    assert (found["first"], found["last"], found["digest"]) == (3, 4, digest)
    small("seal", "--grace", "0")
    define(small, 5)
    told = small("verify").stdout
    assert "5 events in 2 parts (sealed groups, commits), sequences 1 to 5" in told


def test_an_event_of_years_ahead_is_warned_of_and_stops_appends(
    small: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time_ns
    with monkeypatch.context() as patch:
        patch.setattr("event_log.clock.time.time_ns", lambda: now() + 3 * 10**17)
        define(small, 5)
    for command in ("status", "verify"):
        told = small(command)
        assert "recorded 3472 days, 5:" in told.stderr
        assert "Set the clock that is wrong" in told.stderr
        found = printed(small(command, "--json"))
        assert found["seconds_ahead"] == pytest.approx(3 * 10**8, abs=600)
    appended = small("append", "tag/late", "TagDefined", "--data", '{"name": "Late"}')
    assert "Nothing was appended" in refused(appended)


def test_a_range_beyond_the_head_is_told(small: Run) -> None:
    for range_ in (("--from", "6"), ("--to", "5")):
        assert "cannot be verified; the log's head is 4" in refused(small("verify", *range_))


def test_a_witness_is_written_and_moves_on(small: Run, tmp_path: Path) -> None:
    file = tmp_path / "witness.json"
    told = small("verify", "--witness", str(file)).stdout
    assert told.endswith(f"the witness {file} is new and now keeps head 4\n")
    define(small, 5)
    found = printed(small("verify", "--witness", str(file), "--json"))
    assert found["witness"] == {"file": str(file), "sequence": 5, "digest": found["digest"]}
    told = small("verify", "--witness", str(file)).stdout
    assert told.endswith(f"the witness {file} saw head 5 and now keeps head 5\n")


def test_a_truncated_end_is_told_by_a_witness_alone(small: Run, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "witness.json"
    small("verify", "--witness", str(file))
    before = file.read_bytes()
    (home / "log" / "commits" / f"{4:020d}.parquet").unlink()
    assert small("verify").exit_code == 0
    told = refused(small("verify", "--witness", str(file)))
    assert told.startswith("error: sequence 4: the log has 3 events, but the witness")
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", '{"format": "stet-proof-1"}', "\0\1\2"])
def test_a_file_that_is_no_witness_is_told(small: Run, tmp_path: Path, text: str) -> None:
    file = tmp_path / "notes.txt"
    file.write_text(text)
    assert f"{file} is no witness" in refused(small("verify", "--witness", str(file)))
    assert file.read_text() == text


# prove


def test_a_proof_is_checked_without_the_log(small: Run, home: Path, tmp_path: Path) -> None:
    digest = Archive(home).log.digest
    proof = tmp_path / "proof.json"
    proof.write_text(small("prove", "2").stdout)
    home.rename(tmp_path / "away")
    result = small("verify", "--proof", str(proof))
    lines = result.stdout.splitlines()
    assert lines[0].startswith("the proof holds: sequence 2  ")
    assert "TagDefined tag/2 v1 by ana  name=Tag" in lines[0]
    assert "\x1b" not in result.stdout
    assert lines[1] == f"head 4, digest {digest}"
    assert "not shown: that it is your log; give a digest" in result.stdout
    given = small("verify", "--proof", str(proof), "--digest", digest.upper())
    assert "the one that you gave" in given.stdout
    assert not home.exists()


def test_a_proof_may_come_from_stdin_and_be_printed_as_json(small: Run, home: Path) -> None:
    text = small("prove", "1").stdout
    found = printed(small("verify", "--proof", "-", "--json", input=text))
    assert (found["event"]["stream"], found["head"]["sequence"]) == ("tag/1", 4)
    assert found["head"] == {"sequence": 4, "digest": Archive(home).log.digest, "given": False}


def test_a_proof_for_another_digest_is_refused(small: Run) -> None:
    text = small("prove", "1").stdout
    result = small("verify", "--proof", "-", "--digest", "0" * 64, input=text)
    assert "the proof is for head 4 with the digest" in refused(result)


def test_a_proof_may_be_as_of_the_past_also_when_that_is_sealed(small: Run, home: Path) -> None:
    then = Archive(home).log.at(3).digest
    for _ in range(2):
        proof = printed(small("prove", "2", "--at", "3"))
        assert proof["head"] == {"sequence": 3, "digest": then}
        small("seal", "--grace", "0")


def test_a_changed_proof_is_refused(small: Run) -> None:
    proof = printed(small("prove", "2"))
    proof["event"]["actor"] = "eve"
    told = refused(small("verify", "--proof", "-", input=json.dumps(proof)))
    assert "actor: the event that is shown is not the one" in told
    told = refused(small("verify", "--proof", "-", input="{oops"))
    assert "this is no proof" in told


def test_a_proof_of_what_there_is_not_is_refused(small: Run) -> None:
    assert "there is no sequence 5; the log's head is 4" in refused(small("prove", "5"))
    assert "there is no sequence 4; the log's head is 3" in refused(
        small("prove", "4", "--at", "3")
    )
    assert "cannot read the proof nowhere.json: No such file" in refused(
        small("verify", "--proof", "nowhere.json")
    )


# follow


def test_the_log_is_followed_until_interrupted(small: Run, home: Path) -> None:
    main = [sys.executable, "-c", "from app.cli import main; main()"]
    with subprocess.Popen(
        [*main, "log", "--follow", "--after", "3", "--json", "--home", home],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout
        assert json.loads(following.stdout.readline())["sequence"] == 4
        for number in range(5, 8):
            define(small, number)
            assert json.loads(following.stdout.readline())["sequence"] == number
        following.send_signal(signal.SIGINT)
        rest, told = following.communicate(timeout=30)
    assert (following.returncode, rest, told) == (0, "", "")


def test_following_selects_and_ends_with_the_limit(small: Run) -> None:
    revise = ("append", "tag/2", "TagRevised", "--data", '{"kind": "place"}')
    threading.Timer(0.5, small, revise).start()
    found = small("log", "--follow", "--stream", "tag/2", "--limit", "2", "--json")
    assert [json.loads(line)["sequence"] for line in found.stdout.splitlines()] == [2, 5]


# subscriptions


def test_subscriptions_are_listed_with_checkpoint_and_lag(small: Run, home: Path) -> None:
    assert "this log has no subscriptions yet" in small("subscriptions").stdout
    handle(home, "mail", 3)
    handle(home, "alerts", 2, categories=["tag"])
    found = printed(small("subscriptions", "--json"))
    assert found["head"] == 4
    alerts, mail = found["subscriptions"]
    assert (mail["name"], mail["checkpoint"], mail["lag_events"]) == ("mail", 3, 1)
    assert (mail["categories"], mail["holder"], mail["problem"]) == (None, None, None)
    assert mail["lag_seconds"] > 0
    assert (alerts["checkpoint"], alerts["categories"]) == (2, ["tag"])
    told = small("subscriptions").stdout
    assert [line.split()[0] for line in told.splitlines()[-3:] if line.strip()] == [
        "alerts",
        "mail",
    ]


def handle(home: Path, name: str, count: int, categories: list[str] | None = None) -> None:
    with Archive(home).log.subscribe(name, categories, explicit=True) as subscription:
        for event in subscription.events(timeout=0):
            if event.sequence == count:
                subscription.acknowledge(count)
                break


@pytest.mark.parametrize(("to", "checkpoint"), [(None, 0), ("start", 0), ("now", 4), ("3", 2)])
def test_a_subscription_is_reset(small: Run, home: Path, to: str | None, checkpoint: int) -> None:
    handle(home, "mail", 3, categories=["tag", "article"])
    result = small("subscriptions", "--reset", "mail", *(("--to", to) if to else ()), "--json")
    (mail,) = printed(result)["subscriptions"]
    assert (mail["checkpoint"], mail["categories"]) == (checkpoint, ["article", "tag"])
    with Archive(home).log.subscribe("mail", ["tag", "article"]) as subscription:
        following = [event.sequence for event in subscription.events(timeout=0)]
    assert following == list(range(checkpoint + 1, COMMITS + 1))


def test_a_checkpoint_that_cannot_be_read_is_told_and_mended_by_a_reset(
    small: Run, home: Path
) -> None:
    handle(home, "mail", 3)
    (home / "log" / "subscriptions" / "mail.json").write_text("{oops")
    result = small("subscriptions")
    assert result.exit_code == 0
    assert "mail.json is no checkpoint" in result.stderr
    (mail,) = printed(small("subscriptions", "--reset", "mail", "--json"))["subscriptions"]
    assert (mail["checkpoint"], mail["problem"]) == (0, None)


def test_one_that_is_held_is_not_reset(small: Run, home: Path) -> None:
    handle(home, "mail", 3)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, home],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        told = refused(small("subscriptions", "--reset", "mail"))
        assert f"'mail' is held by process {holder.pid} on " in told
        assert f"process {holder.pid} on" in small("subscriptions").stdout
        holder.communicate("\n")
    (mail,) = printed(small("subscriptions", "--json"))["subscriptions"]
    assert (mail["checkpoint"], mail["holder"]) == (3, None)


def test_what_cannot_be_reset_is_told(small: Run, home: Path) -> None:
    assert "no subscription 'mail'; there is none yet" in refused(
        small("subscriptions", "--reset", "mail")
    )
    assert not (home / "log" / "subscriptions").exists()
    handle(home, "mail", 3)
    told = refused(small("subscriptions", "--reset", "../mail"))
    assert "there is mail" in told
    for to in ("yesterday", "9", "0"):
        told = refused(small("subscriptions", "--reset", "mail", "--to", to))
        assert 'give "start", "now" or a sequence from 1 to 5' in told
    (mail,) = printed(small("subscriptions", "--json"))["subscriptions"]
    assert mail["checkpoint"] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("seal", "--grace", "-1"),
        ("seal", "--grace", "soon"),
        ("verify", "--digest", "0" * 64),
        ("verify", "--proof", "x", "--digest", "abc"),
        ("verify", "--proof", "x", "--witness", "y"),
        ("verify", "--proof", "x", "--from", "1"),
        ("verify", "--witness", "x", "--to", "1"),
        ("verify", "--from", "0"),
        ("verify", "--from", "3", "--to", "2"),
        ("prove",),
        ("prove", "0"),
        ("prove", "soon"),
        ("subscriptions", "--to", "now"),
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == 2


def test_a_proof_is_checked_without_what_computes_views(small: Run, tmp_path: Path) -> None:
    proof = tmp_path / "proof.json"
    proof.write_text(small("prove", "2").stdout)
    script = (
        "import sys; from typer.testing import CliRunner; from app.cli import cli;"
        f"assert CliRunner().invoke(cli, ['verify', '--proof', {str(proof)!r}]).exit_code == 0;"
        "sys.exit(any(name in sys.modules for name in ('duckdb', 'ibis', 'tantivy', 'obstore')))"
    )
    environment = {name: value for name, value in os.environ.items() if name != "STET_HOME"}
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment)
    assert result.returncode == 0
