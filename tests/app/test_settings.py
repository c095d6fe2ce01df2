"""Settings where they are used: each value of a settings file takes effect, and is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from dagster import Failure
from typer.testing import CliRunner

from app.cli import cli
from app.options import chosen_home
from app.web.options import Link, Options
from archive import Archive, domain_in_force, look_back, send_alert
from connectors.kafka.connection import client_settings
from event_log import WrongClock, machine, settings
from event_log.clock import moment_after
from event_log.storage.bucket_cache import cache_folder
from pipelines.connectors import connector_names
from pipelines.growth import partitions
from pipelines.lag import Limits
from pipelines.resources import ArchiveResource, archive_resource
from pipelines.sealing import Sealing
from search import configured_connection
from search.connection import Connection

ROOT = Path(__file__).parents[2]
CLUSTER = 'STET_SEARCH = "https://search.example:9243"\n'


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in settings.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    with settings.using({}):
        yield


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the settings file of the default home."""

    def written(text: str) -> Path:
        path = tmp_path / "stet-home" / "stet.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        return path

    return written


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def shown(*arguments: str) -> dict[str, dict[str, Any]]:
    result = run(*arguments, "settings", "--json")
    assert result.exit_code == 0, result.output
    return {line["name"]: line for line in map(json.loads, result.stdout.splitlines())}


def cluster() -> Connection:
    found = configured_connection()
    assert found is not None
    return found


def alerted() -> bool:
    """Whether the command of the file was run: it makes a file."""
    assert send_alert("rebuild", "1", "what", "where")
    return Path("alerted").exists()


def append_after_ten_seconds_ahead() -> str:
    try:
        moment_after(time.time_ns() // 1000 + 10_000_000)
    except WrongClock:
        return "refused"
    return "appended"


def of_kafka(name: str) -> Any:
    """What Kafka's client is told, from a file that says something else, and the settings."""
    return client_settings({"bootstrap.servers": "other:9092"}).get(name)


EFFECTS: dict[str, tuple[str, Callable[[], Any], Any]] = {
    "STET_DOMAIN": (
        'STET_DOMAIN = "examples.orders:DOMAIN"',
        lambda: domain_in_force("stet-home").name,
        "orders",
    ),
    "STET_THREADS": ("STET_THREADS = 7", machine.threads, 7),
    "STET_MEMORY": ('STET_MEMORY = "3GB"', machine.memory_limit, "3GB"),
    "STET_CACHE": (
        'STET_CACHE = "copies"',
        lambda: cache_folder("s3://bucket/x").parent,
        lambda: Path("stet-home/copies").absolute(),
    ),
    "STET_CLOCK_AHEAD": ("STET_CLOCK_AHEAD = 5", append_after_ten_seconds_ahead, "refused"),
    "STET_SEARCH": (CLUSTER, lambda: cluster().url, "https://search.example:9243"),
    "STET_SEARCH_API_KEY": (
        CLUSTER + 'STET_SEARCH_API_KEY = "key"',
        lambda: cluster().api_key,
        "key",
    ),
    "STET_SEARCH_USER": (
        CLUSTER + 'STET_SEARCH_USER = "ana"\nSTET_SEARCH_PASSWORD = "hush"',
        lambda: cluster().user,
        "ana",
    ),
    "STET_SEARCH_PASSWORD": (
        CLUSTER + 'STET_SEARCH_USER = "ana"\nSTET_SEARCH_PASSWORD = "hush"',
        lambda: cluster().password,
        "hush",
    ),
    "STET_SEARCH_CA": (
        CLUSTER + 'STET_SEARCH_CA = "stet.toml"',
        lambda: Path(cluster().ca or "").resolve(),
        lambda: Path("stet-home/stet.toml").resolve(),
    ),
    "STET_SEARCH_PREFIX": (
        CLUSTER + 'STET_SEARCH_PREFIX = "paper"',
        lambda: cluster().prefix,
        "paper",
    ),
    "STET_SEARCH_PATIENCE": (
        CLUSTER + "STET_SEARCH_PATIENCE = 2.5",
        lambda: cluster().patience,
        2.5,
    ),
    "STET_SEARCH_REPLICAS": (
        CLUSTER + "STET_SEARCH_REPLICAS = 2",
        lambda: cluster().replicas,
        2,
    ),
    **{
        name: (f'{name} = "{text}"', partial(of_kafka, told), of_file or text)
        for name, told, text, of_file in (
            ("STET_KAFKA", "bootstrap.servers", "kafka.example:9092", None),
            ("STET_KAFKA_PROTOCOL", "security.protocol", "SASL_SSL", None),
            ("STET_KAFKA_MECHANISM", "sasl.mechanism", "SCRAM-SHA-512", None),
            ("STET_KAFKA_USER", "sasl.username", "ana", None),
            ("STET_KAFKA_PASSWORD", "sasl.password", "hush", None),
            ("STET_KAFKA_CA", "ssl.ca.location", "ca.pem", "stet-home/ca.pem"),
            ("STET_KAFKA_CERTIFICATE", "ssl.certificate.location", "c.pem", "stet-home/c.pem"),
            ("STET_KAFKA_KEY", "ssl.key.location", "c.key", "stet-home/c.key"),
            ("STET_KAFKA_KEY_PASSWORD", "ssl.key.password", "hush", None),
        )
    },
    "STET_CONNECT": (
        'STET_CONNECT = "cms.yaml, none/shop.yaml"',
        lambda: connector_names(Archive("stet-home")),
        ["cms", "shop"],
    ),
    "STET_DEAD_LETTERS": ("STET_DEAD_LETTERS = 25", lambda: ArchiveResource().tolerated, 0.25),
    "STET_PAST_MB": ("STET_PAST_MB = 3", look_back._limit, 3_000_000),
    "STET_ALERT_COMMAND": ('STET_ALERT_COMMAND = "touch alerted"', alerted, True),
    "STET_BACKFILL_FROM": (
        'STET_BACKFILL_FROM = "2025-04"',
        lambda: partitions().get_first_partition_key(),
        "2025-04",
    ),
    "STET_LAG_WARN_EVENTS": (
        "STET_LAG_WARN_EVENTS = 1",
        lambda: Limits().limit("warn_events"),
        1,
    ),
    "STET_LAG_ERROR_EVENTS": (
        "STET_LAG_ERROR_EVENTS = 2",
        lambda: Limits().limit("error_events"),
        2,
    ),
    "STET_LAG_WARN_SECONDS": (
        "STET_LAG_WARN_SECONDS = 3",
        lambda: Limits().limit("warn_seconds"),
        3,
    ),
    "STET_LAG_ERROR_SECONDS": (
        "STET_LAG_ERROR_SECONDS = 4",
        lambda: Limits().limit("error_seconds"),
        4,
    ),
    "STET_SEAL_COMMITS": ("STET_SEAL_COMMITS = 5", lambda: Sealing().most_open(), 5),
    "STET_READING": ('STET_READING = "closed"', lambda: Options.read().open_reading, False),
    "STET_SITE_URL": (
        'STET_SITE_URL = "https://archive.example.org/"',
        lambda: Options.read().site_url,
        "https://archive.example.org",
    ),
    "STET_SITE_NAME": (
        'STET_SITE_NAME = "The Daily Planet"',
        lambda: Options.read().name,
        "The Daily Planet",
    ),
    "STET_SITE_LOGO": (
        'STET_SITE_LOGO = "logo.svg"',
        lambda: Options.read().logo,
        Path("stet-home/logo.svg"),
    ),
    "STET_SITE_COLOUR": (
        'STET_SITE_COLOUR = "#7a1f1f"',
        lambda: Options.read().colour,
        "#7a1f1f",
    ),
    "STET_SITE_LINKS": (
        'STET_SITE_LINKS = "Privacy=https://example.org/privacy"',
        lambda: Options.read().links,
        (Link("Privacy", "https://example.org/privacy"),),
    ),
    "STET_TEMPLATES": (
        'STET_TEMPLATES = "own"',
        lambda: Options.read().templates,
        Path("stet-home/own"),
    ),
    "STET_PICTURE_HOSTS": (
        'STET_PICTURE_HOSTS = "images.example.org, *.example.com"',
        lambda: Options.read().picture_hosts,
        ("images.example.org", "*.example.com"),
    ),
    "STET_DAGSTER_URL": (
        'STET_DAGSTER_URL = "http://127.0.0.1:3000"',
        lambda: Options.read().dagster_url,
        "http://127.0.0.1:3000",
    ),
    "STET_QUERY_SECONDS": (
        "STET_QUERY_SECONDS = 2.5",
        lambda: Options.read().query_seconds,
        2.5,
    ),
    "STET_BODY_KB": ("STET_BODY_KB = 3", lambda: Options.read().body_bytes, 3_000),
    "STET_REQUESTS_A_MINUTE": (
        "STET_REQUESTS_A_MINUTE = 0",
        lambda: Options.read().requests_a_minute,
        0,
    ),
    "STET_PAST_AN_HOUR": ("STET_PAST_AN_HOUR = 2", lambda: Options.read().past_an_hour, 2),
    "STET_EXPORT_DOCUMENTS": (
        "STET_EXPORT_DOCUMENTS = 6",
        lambda: Options.read().export_documents,
        6,
    ),
    "STET_SESSION_HOURS": (
        "STET_SESSION_HOURS = 8",
        lambda: Options.read().session_hours,
        8,
    ),
}


@pytest.mark.parametrize("name", EFFECTS)
def test_a_value_in_the_file_takes_effect(name: str, write: Callable[[str], Path]) -> None:
    text, effect, expected = EFFECTS[name]
    expected = expected() if callable(expected) else expected
    if name != "STET_ALERT_COMMAND":
        assert _without_file(effect) != expected
    write(text)
    assert effect() == expected


def _without_file(effect: Callable[[], Any]) -> Any:
    try:
        return effect()
    except AssertionError:
        return None  # no cluster is set


def test_every_setting_is_tried_here() -> None:
    elsewhere = {"STET_HOME", "STET_CONFIG"}
    assert {*EFFECTS} | elsewhere == {*settings.SETTINGS}


def test_a_wrong_number_fails_a_tick_in_one_line(write: Callable[[str], Path]) -> None:
    write("STET_SEAL_COMMITS = -1")
    with pytest.raises(Failure, match=r"line 1: STET_SEAL_COMMITS: it is '-1'; give a number"):
        Sealing().most_open()


def test_a_run_uses_the_file_in_its_own_home(tmp_path: Path) -> None:
    for home, percent in (("one", 10), ("two", 20)):
        (tmp_path / home).mkdir()
        (tmp_path / home / "stet.toml").write_text(f"STET_DEAD_LETTERS = {percent}")
    resources = [archive_resource(Archive(tmp_path / home)) for home in ("one", "two", "one")]
    tolerated = []
    for resource in resources:
        resource.archive()
        tolerated.append(resource.tolerated)
    assert tolerated == [0.1, 0.2, 0.1]


# stet settings


def test_it_is_shown_what_is_in_force_and_where_it_comes_from(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    write('STET_SEARCH_PASSWORD = "hush"\nSTET_SEAL_COMMITS = 7\nSTET_PAST_MB = 8')
    monkeypatch.setenv("STET_PAST_MB", "9")
    lines = shown("--search", "http://ana:hush@127.0.0.1:9200")
    assert {*lines} == {*settings.SETTINGS}
    brief = {name: (line["value"], line["source"]) for name, line in lines.items()}
    file = "stet-home/stet.toml"
    assert brief["STET_SEARCH"] == ("http://ana:***@127.0.0.1:9200", "command line")
    assert brief["STET_PAST_MB"] == ("9", "environment")
    assert brief["STET_SEAL_COMMITS"] == ("7", file)
    assert brief["STET_SEARCH_PASSWORD"] == ("***", file)
    assert brief["STET_LAG_WARN_EVENTS"] == ("1000", "default")
    assert brief["STET_THREADS"] == (str(machine.threads()), "default")
    assert brief["STET_MEMORY"] == (machine.memory_limit(), "default")
    assert brief["STET_ALERT_COMMAND"] == (None, "default")
    table = run("settings").stdout
    assert "hush" not in table
    assert all(name in table for name in settings.SETTINGS)


def test_the_file_of_another_home_or_of_an_option_is_used(
    write: Callable[[str], Path], tmp_path: Path
) -> None:
    write("STET_SEAL_COMMITS = 7")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "stet.toml").write_text("STET_SEAL_COMMITS = 8")
    named = tmp_path / "named.toml"
    named.write_text('STET_SEAL_COMMITS = 9\nSTET_HOME = "other"')
    for arguments, commits in (
        ((), "7"),
        (("--home", "other"), "8"),
        (("--config", "named.toml"), "9"),
        (("--home", "stet-home", "--config", "named.toml"), "9"),
    ):
        assert shown(*arguments)["STET_SEAL_COMMITS"]["value"] == commits
    assert shown("--config", "named.toml")["STET_HOME"]["value"] == "other"
    assert shown()["STET_HOME"]["value"] == "stet-home"  # nothing stays from one run to the next


@pytest.mark.parametrize("command", ["status", "log", "settings", "rebuild"])
def test_a_wrong_file_is_told_in_one_line_by_every_command(
    write: Callable[[str], Path], command: str
) -> None:
    write("\nSTET_MEMROY = 1")
    result = run(command)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "error: stet-home/stet.toml, line 2: STET_MEMROY: there is no such setting; did you mean"
        " STET_MEMORY? All are listed by: stet settings\n"
    )
    assert run(command, "--help").exit_code == 0


def test_an_option_of_the_command_goes_before_the_file(write: Callable[[str], Path]) -> None:
    write('STET_SEARCH = "http://127.0.0.1:1"')
    assert "127.0.0.1:1" in run("generations").stderr
    assert run("generations", "--search", "embedded").exit_code == 0
    assert run("--search", "embedded", "generations").exit_code == 0


def test_the_percentage_of_dead_letters_is_that_of_the_file(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []

    def rebuild(*_: Any, tolerated: float, **__: Any) -> None:
        seen.append(tolerated)
        raise settings.InvalidSetting("enough")

    monkeypatch.setattr(Archive, "rebuild", rebuild)
    Path("stet-home").mkdir(exist_ok=True)
    run("rebuild")
    write("STET_DEAD_LETTERS = 50")
    run("rebuild")
    run("rebuild", "--dead-letters", "25")
    monkeypatch.setenv("STET_DEAD_LETTERS", "10")
    run("rebuild")
    assert seen == [0.001, 0.5, 0.25, 0.1]


# the default home


def test_who_has_an_archive_in_the_former_default_is_told_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "archive" / "log").mkdir(parents=True)
    result = run("status")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "the default home is now ./stet-home: the archive in ./archive is not used."
        " To go on with it, add --home archive or set STET_HOME=archive\n"
        "error: there is no archive at stet-home: no such folder"
    )
    assert run("status", "--home", "archive").stderr == ""
    (tmp_path / "stet-home").mkdir()
    assert run("status").stderr == ""


def test_a_package_called_archive_is_no_archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "__init__.py").touch()
    assert chosen_home() == "stet-home"
    assert capsys.readouterr().err == ""


# version and completion


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    result = run("--version")
    assert (result.exit_code, result.stdout) == (0, f"stet {version('stet-archive')}\n")


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("export ar", ["articles"]),
        ("rebuild articles s", ["sections"]),
        ("search whales --view t", ["topics", "timeline"]),
        ("append tag/whales ", ["TagDefined", "TagRevised", "TagRemoved"]),
        ("log --type SectionO", ["SectionOpened"]),
        ("--domain examples.orders:DOMAIN append order/1 Mod", ["ModifyOrderEvent"]),
        ("--domain nowhere:DOMAIN export ", []),
        ("sett", ["settings"]),
    ],
)
def test_a_shell_completes_commands_views_and_event_types(typed: str, names: list[str]) -> None:
    words = f"stet {typed}".split(" ")
    environment = os.environ | {
        "_STET_COMPLETE": "complete_bash",
        "COMP_WORDS": f"stet {typed}",
        "COMP_CWORD": str(len(words) - 1),
        "PYTHONPATH": str(ROOT),
    }
    script = "from app.cli import cli; cli(prog_name='stet')"
    result = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert (result.stdout.split(), result.stderr) == (names, "")


def test_the_script_for_a_shell_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Typer asks which shell this process was started from; a script has none."""
    monkeypatch.setattr("shellingham.detect_shell", lambda: ("bash", "/bin/bash"))
    result = CliRunner().invoke(cli, ["--show-completion"])
    assert "--install-completion" in run("--help").stdout
    assert result.exit_code == 0
    assert "_STET_COMPLETE=complete_bash" in result.stdout
