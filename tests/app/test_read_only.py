"""An archive that may only be read: every command that reads works, and writes nothing in it.

A process without any capability reads an archive whose folders and files are closed for writing;
where this machine lets a test mount, the file system is read-only as well.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli

WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
"""Root may write everywhere, as long as it has its capabilities."""
ARTICLE = "article/1"
HEADLINE = json.dumps({"headline": "Whales"})
READING = {
    "search": ("search", "whale"),
    "look back": ("search", "whale", "--at", "2"),
    "look back again": ("search", "whale", "--at", "2"),
    "export": ("export", "articles"),
    "export then": ("export", "articles", "--at", "2"),
    "log": ("log",),
    "log of a stream": ("log", "--stream", ARTICLE),
    "history": ("history", ARTICLE),
    "explain": ("explain", ARTICLE),
    "explain all": ("explain", ARTICLE, "--all"),
    "diff": ("diff", ARTICLE, "--from", "2"),
    "status": ("status",),
    "generations": ("generations",),
    "compare": ("compare",),
    "verify": ("verify",),
    "prove": ("prove", "2"),
    "growth": ("growth", "--from", "2026-01", "--to", "2026-02"),
    "subscriptions": ("subscriptions",),
    "settings": ("settings",),
    "dead letters": ("dead-letters", "list"),
    "similar": ("similar", ARTICLE),
    "suggest": ("suggest", "wha"),
    "preview": ("preview", ARTICLE, "ArticleRevised", "--data", HEADLINE),
}
PROGRAM = """
import json, sys
from typer.testing import CliRunner
from app.cli import cli
results = {}
for name, arguments in json.loads(sys.stdin.read()).items():
    result = CliRunner().invoke(cli, arguments)
    results[name] = (result.exit_code, result.stdout, result.stderr, repr(result.exception))
print(json.dumps(results))
"""
Results = dict[str, tuple[int, str, str, str]]


def _files(folder: Path) -> dict[str, tuple[int, int]]:
    found = sorted(folder.rglob("*"))
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive with a rebuild, a step after it, and an event that no index has."""
    home = tmp_path_factory.mktemp("made") / "home"

    def run(*arguments: str) -> None:
        result = CliRunner().invoke(cli, [*arguments, "--home", str(home)])
        assert result.exit_code == 0, result.output

    published = {"headline": "The whale returns", "published_at": "1851-10-18T12:00:00Z"}
    run("append", "section/sea", "SectionOpened", "--data", '{"name": "Sea"}')
    run("append", ARTICLE, "ArticlePublished", "--data", json.dumps(published))
    run("rebuild")
    run("append", ARTICLE, "ArticleRevised", "--data", '{"headline": "A white whale returns"}')
    run("catch-up")
    run("append", ARTICLE, "ArticleRevised", "--data", '{"headline": "A grey whale returns"}')
    return home


@pytest.fixture
def closed(made: Path, tmp_path: Path) -> Iterator[Path]:
    """The archive with all permissions to write taken away."""
    home = tmp_path / "home"
    shutil.copytree(made, home)
    (home / "index/checkpoints.lock").unlink()  # an archive that was only rebuilt has none
    everything = [home, *home.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & ~0o222)
    yield home
    for path in everything:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)


def _read(home: Path, user: Path, *before: str) -> Results:
    """Run the commands that read, as a user who may write below ``user`` only."""
    user.mkdir()
    environment = os.environ | {"STET_HOME": str(home), "HOME": str(user), "COLUMNS": "200"}
    environment.pop("XDG_CACHE_HOME", None)
    done = subprocess.run(
        [*before, sys.executable, "-c", PROGRAM],
        input=json.dumps(READING),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    results: Results = json.loads(done.stdout)
    return results


def _assert_as_ever(results: Results) -> None:
    for name, (code, out, err, exception) in results.items():
        assert code == 0, (name, out, err, exception)
        assert "cannot be used" not in err, (name, err)
    assert "A white [whale]" in results["search"][1]
    for again in ("look back", "look back again"):
        assert "The [whale] returns" in results[again][1]
    assert "A grey whale" in results["export"][1]
    assert "The whale returns" in results["export then"][1]
    assert "equal the view" in results["compare"][1]


@pytest.mark.slow
def test_without_permission_to_write_every_reading_command_works(
    closed: Path, tmp_path: Path
) -> None:
    before = _files(closed)
    results = _read(closed, tmp_path / "user", *WITHOUT_RIGHTS)
    _assert_as_ever(results)
    assert _files(closed) == before
    kept = sorted(path.name for path in (tmp_path / "user/.cache/stet").glob("*/*"))
    assert {"past", "index.sqlite"} <= {*kept}, "what --at built is kept in the cache folder"


@pytest.mark.slow
def test_on_a_read_only_file_system_every_reading_command_works(made: Path, tmp_path: Path) -> None:
    place = tmp_path / "mounted"
    place.mkdir()
    mounting = (
        f"mount --bind '{made}' '{place}' && mount -o remount,ro,bind '{place}'"
        f" && ! touch '{place}/written' 2>/dev/null"
    )
    mount = ("unshare", "--mount", "sh", "-c")
    if subprocess.run([*mount, mounting], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets no test mount a read-only file system")
    results = _read(place, tmp_path / "user", *mount, f'{mounting} && exec "$0" "$@"')
    _assert_as_ever(results)


def test_another_user_may_read_every_file_of_an_index_that_the_folder_is_open_to(
    made: Path,
) -> None:
    lists = [*made.rglob("meta.json")]
    assert lists
    for path in lists:
        assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o666, path


@pytest.mark.slow
def test_a_command_that_writes_says_that_it_may_not(closed: Path) -> None:
    writing = {
        "append": ["append", "tag/sea", "TagDefined", "--data", '{"name": "Sea"}'],
        "catch up": ["catch-up"],
        "rebuild": ["rebuild"],
        "seal": ["seal"],
        "promote": ["promote", "1"],
        "follow": ["follow"],
    }
    done = subprocess.run(
        [*WITHOUT_RIGHTS, sys.executable, "-c", PROGRAM],
        input=json.dumps(writing),
        env=os.environ | {"STET_HOME": str(closed)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    for name, (code, _, err, exception) in json.loads(done.stdout).items():
        assert code == 1, (name, exception)
        assert "no permission there; check the folder's owner and mode" in err, (name, err)
        assert "Errno" not in err, (name, err)
