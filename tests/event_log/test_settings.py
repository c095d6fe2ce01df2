"""Settings: where a value comes from, what a settings file may hold, and what is said of errors."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from event_log import settings
from event_log.settings import SETTINGS, InvalidSetting

ROOT = Path(__file__).parents[2]
NO_SETTINGS = {
    *("STET_CORPORA", "STET_REQUIRE_CORPORA", "STET_REQUIRE_ELASTICSEARCH"),
    *("STET_REQUIRE_BROWSER", "STET_REQUIRE_SERVICES", "STET_BENCH_INDEX"),
    *("STET_COMPLETE", "STET_MEMROY"),  # the shell's variable, and a wrong name
    *("STET_SERVE_HOST", "STET_SERVE_SECURE"),  # a server tells its own workers
}
ROOMS = (
    *("app", "pipelines", "connectors", "newsroom", "views", "archive"),
    *("search", "replay", "event_log"),
)
Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    with settings.using({}):
        yield


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes ``stet.toml`` in a home, which is the one in use; gives its path."""

    def written(text: str) -> Path:
        path = tmp_path / "home" / "stet.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o600)
        settings.open_home(str(path.parent))
        return path

    return written


def refused(write: Write, text: str) -> str:
    path = write(text)
    with pytest.raises(InvalidSetting) as caught:
        settings.look_up("STET_MEMORY")
    return str(caught.value).replace(str(path), "stet.toml")


# every setting


def in_toml(name: str) -> str:
    example = SETTINGS[name].example or SETTINGS[name].default or "other"
    return example if SETTINGS[name].kind.number else f'"{example}"'


@pytest.mark.parametrize("name", sorted({*SETTINGS} - {"STET_CONFIG", "STET_HOME"}))
def test_a_file_sets_each_setting_and_the_environment_goes_before_it(
    name: str, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = SETTINGS[name]
    assert settings.look_up(name).source == "default"
    path = write(f"{name} = {in_toml(name)}")
    found = settings.look_up(name)
    assert found.source == str(path)
    written = in_toml(name).strip('"')
    expected = str(path.parent / written) if setting.kind is settings.PATH else written
    assert found.text == expected
    monkeypatch.setenv(name, written)
    assert settings.look_up(name) == settings.Value(setting, written, "environment")
    with settings.using({name: written}):
        assert settings.look_up(name) == settings.Value(setting, written, "command line")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_default_and_an_example_are_valid(name: str) -> None:
    setting = SETTINGS[name]
    assert setting.name == name
    assert setting.meaning.endswith(".")
    for value in (setting.default, setting.example):
        assert value is None or setting.kind.takes(value)


def test_every_variable_in_the_code_is_a_setting() -> None:
    files = [
        path
        for room in (*ROOMS, "benchmarks", "examples", "tests")
        for path in (ROOT / room).rglob("*.py")
        if path != Path(__file__)
    ]
    used = {name for path in files for name in re.findall(r"STET_[A-Z_]*[A-Z]", path.read_text())}
    families = {"STET_LAG", "STET_LAG_WARN", "STET_LAG_ERROR"}  # put together with their endings
    assert used - {*SETTINGS} - NO_SETTINGS - families == set()


def test_the_environment_is_read_in_one_place() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if re.search(r"(environ|getenv)\W.*STET_", path.read_text())
    }
    # a doctest removes the variable; a server hands its options on to the processes that it begins
    assert readers == {"archive/alert.py", "app/server/run.py"}


# where a value comes from


def test_an_empty_variable_counts_as_not_set(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write('STET_SEARCH_PREFIX = "paper"')
    monkeypatch.setenv("STET_SEARCH_PREFIX", " ")
    assert settings.text("STET_SEARCH_PREFIX") == "paper"


def test_a_named_file_goes_before_the_one_in_the_home(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("STET_THREADS = 3\nSTET_SEAL_COMMITS = 7")
    other = tmp_path / "other.toml"
    other.write_text('STET_THREADS = 5\nSTET_HOME = "archives/paper"')
    monkeypatch.setenv("STET_CONFIG", str(other))
    assert settings.look_up("STET_THREADS") == settings.Value(
        SETTINGS["STET_THREADS"], "5", str(other)
    )
    assert settings.whole("STET_SEAL_COMMITS") == 500
    assert settings.home() == str(tmp_path / "archives/paper")
    third = tmp_path / "third.toml"
    third.write_text("STET_THREADS = 6")
    with settings.using({"STET_CONFIG": str(third)}):
        assert settings.whole("STET_THREADS") == 6


def test_without_an_open_archive_it_is_the_file_of_the_home_that_is_set(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("STET_THREADS = 3")
    with settings.using({"STET_HOME": str(path.parent)}):
        assert settings.whole("STET_THREADS") == 3
    with settings.using({}):
        assert settings.text("STET_THREADS") is None
        monkeypatch.setenv("STET_HOME", str(path.parent))
        assert settings.whole("STET_THREADS") == 3


def test_a_file_that_changed_is_read_again(write: Write) -> None:
    path = write("STET_THREADS = 3")
    assert settings.whole("STET_THREADS") == 3
    path.write_text("STET_THREADS = 12")
    assert settings.whole("STET_THREADS") == 12
    path.unlink()
    assert settings.text("STET_THREADS") is None


def test_paths_in_a_file_begin_at_its_folder(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    path = write('STET_SEARCH_CA = "keys/ca.pem"\nSTET_CACHE = "~/copies"')
    assert settings.text("STET_SEARCH_CA") == str(path.parent / "keys/ca.pem")
    assert settings.text("STET_CACHE") == "/home/ana/copies"


def test_an_archive_in_an_object_store_has_no_file_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.open_home("s3://bucket/archive")
    assert settings.settings_file() is None
    named = tmp_path / "stet.toml"
    named.write_text('STET_HOME = "s3://bucket/archive"\nSTET_THREADS = 3')
    monkeypatch.setenv("STET_CONFIG", str(named))
    assert (settings.home(), settings.whole("STET_THREADS")) == ("s3://bucket/archive", 3)


# what cannot be used


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            '\nSTET_MEMROY = "1GB"',
            "stet.toml, line 2: STET_MEMROY: there is no such setting; did you mean STET_MEMORY?"
            " All are listed by: stet settings",
        ),
        (
            'memory = "1GB"',
            "stet.toml, line 1: memory: there is no such setting; did you mean STET_MEMORY?"
            " All are listed by: stet settings",
        ),
        (
            "[search]\nprefix = 1",
            "stet.toml, line 1: search: there is no such setting; did you mean STET_SEARCH?"
            " All are listed by: stet settings",
        ),
        (
            "# first\nxyzzy = 1",
            "stet.toml, line 2: xyzzy: there is no such setting; all are listed by: stet settings",
        ),
        (
            '# first\n\n"STET_THREADS" = "4"',
            "stet.toml, line 3: STET_THREADS: the value must be a number without quotes:"
            " a whole number, 1 or more, such as 4",
        ),
        (
            "STET_MEMORY = 2",
            "stet.toml, line 1: STET_MEMORY: the value must be a text in quotes:"
            " an amount of memory in MB, GB, MiB or GiB, such as 1GB",
        ),
        (
            "STET_SEAL_COMMITS = true",
            "stet.toml, line 1: STET_SEAL_COMMITS: the value must be a number without quotes:"
            " a number of commits, such as 500",
        ),
        (
            "STET_THREADS = 0",
            "stet.toml, line 1: STET_THREADS: it is '0'; give a whole number, 1 or more, such as 4",
        ),
        (
            'STET_BACKFILL_FROM = "2025-13"',
            "stet.toml, line 1: STET_BACKFILL_FROM: it is '2025-13'; give a month, such as 2025-01",
        ),
        (
            'STET_CONFIG = "other.toml"',
            "stet.toml, line 1: STET_CONFIG: it is not allowed in a file: it names the file itself",
        ),
        (
            'STET_HOME = "elsewhere"',
            "stet.toml, line 1: STET_HOME: it cannot stand in the home's own file; use"
            " --config FILE",
        ),
    ],
)
def test_what_cannot_stand_in_a_file_is_told_with_its_line(
    write: Write, text: str, told: str
) -> None:
    assert refused(write, text) == told


@pytest.mark.parametrize("text", ["STET_THREADS = ", "STET_THREADS = 4\nSTET_THREADS = 5", "a b"])
def test_a_file_that_is_no_toml_is_told_with_the_line(write: Write, text: str) -> None:
    told = refused(write, text)
    assert re.match(r"stet\.toml is not TOML: .*\(at (line \d|end of document)", told)


def test_a_file_that_is_no_text_or_cannot_be_read_is_told(
    write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write("")
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSetting, match=r"stet\.toml is not TOML: 'utf-8' codec"):
        settings.text("STET_MEMORY")
    monkeypatch.setenv("STET_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(InvalidSetting, match=r"there is no settings file .*/none\.toml; see --c"):
        settings.text("STET_MEMORY")


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        ("STET_SEAL_COMMITS", "many", "is 'many'; give a number of commits, such as 500"),
        ("STET_DEAD_LETTERS", "101", "is '101'; give a percentage from 0 to 100, such as 0.1"),
        ("STET_SEARCH_PATIENCE", "long", "is 'long'; give a number of seconds, such as 600"),
        ("STET_PAST_MB", "-1", "is '-1'; give a number of megabytes, such as 5000"),
        ("STET_BACKFILL_FROM", "May", "is 'May'; give a month, such as 2025-01"),
    ],
)
def test_a_wrong_variable_is_told_with_what_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: str, told: str
) -> None:
    monkeypatch.setenv(name, wrong)
    with pytest.raises(InvalidSetting) as caught:
        settings.look_up(name)
    assert str(caught.value) == f"{name} {told}"
    with pytest.raises(InvalidSetting):
        settings.in_force()


# secrets


def test_a_secret_that_others_may_read_is_warned_of_once(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    path = write('STET_SEARCH_PASSWORD = "hush"\nSTET_SEARCH = "https://ana:hush@search.example"')
    with caplog.at_level(logging.WARNING):
        assert settings.text("STET_SEARCH_PASSWORD") == "hush"
        assert caplog.messages == []
        path.chmod(0o640)
        for _ in range(3):
            settings.text("STET_SEARCH_PASSWORD")
    assert caplog.messages == [
        f"{path} can be read by others and holds STET_SEARCH_PASSWORD and STET_SEARCH;"
        f" run: chmod 600 {path}"
    ]


def test_a_file_without_secrets_may_be_read_by_others(
    write: Write, caplog: pytest.LogCaptureFixture
) -> None:
    write("STET_THREADS = 3").chmod(0o644)
    assert settings.whole("STET_THREADS") == 3
    assert caplog.messages == []


def test_no_secret_is_shown(write: Write) -> None:
    secrets = [name for name, setting in SETTINGS.items() if setting.secret]
    of_search = ["STET_SEARCH_API_KEY", "STET_SEARCH_PASSWORD"]
    assert secrets == [*of_search, "STET_KAFKA_PASSWORD", "STET_KAFKA_KEY_PASSWORD"]
    write("\n".join(f'{name} = "hush"' for name in (*secrets, "STET_SEARCH_USER")))
    shown = {value.setting.name: value.shown for value in settings.in_force()}
    assert {shown[name] for name in secrets} == {"***"}
    assert shown["STET_SEARCH_USER"] == "hush"


def test_looking_up_does_not_wait_for_the_log_or_toml() -> None:
    import subprocess
    import sys

    script = (
        "import sys; from event_log import settings; settings.in_force();"
        "sys.exit(any(m in sys.modules for m in ('pyarrow', 'numpy', 'tomllib', 'difflib')))"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STET_")}
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment).returncode == 0
