"""What every store does alike: in a folder, in S3, and on a disk that forgets."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from faults import ForgetfulDisk

from event_log.storage.folder import LocalStore
from event_log.storage.opening import open_store
from event_log.storage.store import Store, StoreError

ROOT = Path(__file__).parents[2]
STORES = ["local", "s3", "forgetful"]
Open = Callable[[], Store]


@pytest.fixture(params=STORES)
def open_again(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same store again, as another process would."""
    if request.param == "s3":
        url = request.getfixturevalue("s3_url")
        return lambda: open_store(url)
    if request.param == "forgetful":
        disk = ForgetfulDisk(tmp_path, 1_000_000)
        return lambda: LocalStore(tmp_path / "log", disk)
    return lambda: open_store(tmp_path / "log")


@pytest.fixture
def store(open_again: Open) -> Store:
    return open_again()


def writing(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def test_a_store_that_nothing_was_put_in_is_empty(store: Store) -> None:
    assert store.names("commits") == []
    assert store.walk("sealed") == []
    assert not store.exists("commits/1")
    store.delete("commits/1")
    for ask in (store.identity, store.modified):
        with pytest.raises(FileNotFoundError):
            ask("commits/1")


def test_what_was_put_is_there_for_everyone(store: Store, open_again: Open) -> None:
    before = time.time()
    assert store.put_if_absent("commits/1", writing(b"first"))
    for each in (store, open_again()):
        assert each.exists("commits/1")
        assert each.path("commits/1").read_bytes() == b"first"
        assert each.fresh_path("commits/1").read_bytes() == b"first"
        assert each.path("commits/1").name == "1"
        assert before - 2 <= each.modified("commits/1") <= time.time() + 2
        assert each.identity("commits/1") == store.identity("commits/1")
        each.make_durable("commits/1")


def test_of_two_that_put_one_name_the_first_wins(store: Store, open_again: Open) -> None:
    assert store.put_if_absent("commits/1", writing(b"first"))
    identity = store.identity("commits/1")
    assert not open_again().put_if_absent("commits/1", writing(b"second"))
    assert not store.put_if_absent("commits/1", writing(b"first"))
    assert store.identity("commits/1") == identity
    assert open_again().fresh_path("commits/1").read_bytes() == b"first"


@pytest.mark.parametrize("size", [0, 1, 5_000_000, 20_000_000])
def test_files_of_any_size_are_put_and_found_whole(
    store: Store, open_again: Open, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    assert store.put_if_absent("sealed/1", writing(content))
    assert not store.put_if_absent("sealed/1", writing(content))
    monkeypatch.setenv("STET_CACHE", str(tmp_path / "another"))
    assert open_again().path("sealed/1").read_bytes() == content


def test_names_are_sorted_and_only_those_asked_for(store: Store) -> None:
    for name in ("2.json", "10.parquet", "1.parquet", "sub/3.parquet"):
        assert store.put_if_absent(f"sealed/{name}", writing(b"x"))
    assert store.put_if_absent("sealed-not/1.parquet", writing(b"x"))
    assert store.names("sealed", ".parquet") == ["1.parquet", "10.parquet"]
    assert store.names("sealed", ".parquet", after="1.parquet") == ["10.parquet"]
    assert store.names("sealed", after="10.parquet") == ["2.json"]
    assert store.walk("sealed") == ["1.parquet", "10.parquet", "2.json", "sub/3.parquet"]
    assert store.walk("sealed/sub") == ["3.parquet"]


def test_names_of_partitions_are_kept(store: Store, open_again: Open) -> None:
    name = "sealed/category=article/month=2026-11/1-9-ab.parquet"
    assert store.put_if_absent(name, writing(b"x"))
    assert open_again().walk("sealed") == [name.removeprefix("sealed/")]
    assert open_again().path(name).read_bytes() == b"x"


def test_a_deleted_file_is_gone_and_its_name_is_free(store: Store, open_again: Open) -> None:
    store.put_if_absent("commits/1", writing(b"first"))
    identity = store.identity("commits/1")
    other = open_again()
    assert other.path("commits/1").read_bytes() == b"first"
    store.delete("commits/1")
    assert store.names("commits") == []
    assert not other.exists("commits/1")
    assert store.put_if_absent("commits/1", writing(b"another"))
    assert other.identity("commits/1") != identity
    assert other.path("commits/1").read_bytes() == b"another"


def test_what_cannot_be_written_is_told_and_leaves_nothing(store: Store) -> None:
    def fails(path: Path) -> None:
        path.write_bytes(b"half of")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match=r"the disk is full.*Nothing was appended"):
        store.put_if_absent("commits/1", fails)
    assert not store.exists("commits/1")
    assert list((store.local / "staging").iterdir()) == []
    assert store.put_if_absent("commits/1", writing(b"first"))


def test_an_error_of_the_writer_itself_comes_through(store: Store) -> None:
    def fails(_: Path) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.put_if_absent("commits/1", fails)
    assert not store.exists("commits/1")


def test_of_many_threads_that_put_one_name_exactly_one_wins(open_again: Open) -> None:
    stores = [open_again() for _ in range(4)]
    start = threading.Barrier(8)

    def race(number: int) -> list[bool]:
        store = stores[number % len(stores)]
        start.wait()
        return [
            store.put_if_absent(f"commits/{name}", writing(f"{number}".encode()))
            for name in range(10)
        ]

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(race, range(8)))
    for name, won in enumerate(zip(*results, strict=True)):
        assert sum(won) == 1
        assert stores[0].path(f"commits/{name}").read_bytes() == f"{won.index(True)}".encode()


RACES = """
import sys
from event_log.storage.opening import open_store
store, number = open_store(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for name in range(25):
    if store.put_if_absent(f"commits/{name:02}", lambda path: path.write_text(number) and None):
        print(name, flush=True)
"""


@pytest.mark.parametrize("kind", ["local", "s3"])
def test_of_many_processes_that_put_one_name_exactly_one_wins(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    location = str(tmp_path / "log") if kind == "local" else request.getfixturevalue("s3_url")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACES, location, str(number)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    won = {number: process.communicate()[0].split() for number, process in enumerate(processes)}
    assert sorted(int(name) for names in won.values() for name in names) == list(range(25))
    store = open_store(location)
    for number, names in won.items():
        for name in names:
            assert store.path(f"commits/{int(name):02}").read_text() == str(number)


# small files that are replaced


def test_small_files_are_made_and_replaced_for_everyone(store: Store, open_again: Open) -> None:
    assert store.contents(["positions/a", "positions/b"]) == store.contents(["positions/a"]) == {}
    assert store.replace({"positions/a": b"1", "positions/b": b"2"}, {})
    for content in (b"3", b"", b"x" * 70_000):
        (now, mark) = open_again().contents(["positions/a"])["positions/a"]
        assert open_again().replace({"positions/a": content}, {"positions/a": mark})
        for each in (store, open_again()):
            found = each.contents(["positions/b", "positions/none", "positions/a"])
            held = {name: held for name, (held, _) in found.items()}
            assert held == {"positions/a": content, "positions/b": b"2"}
        assert now != content


def test_a_small_file_that_is_not_as_it_was_seen_is_not_replaced(
    store: Store, open_again: Open
) -> None:
    names = ["positions/a", "positions/b"]
    assert store.replace(dict.fromkeys(names, b"1"), {})
    seen = {name: mark for name, (_, mark) in store.contents(names).items()}
    assert not open_again().replace({"positions/a": b"2"}, {})
    assert open_again().replace({"positions/a": b"2"}, {"positions/a": seen["positions/a"]})
    assert not store.replace({"positions/a": b"3"}, {"positions/a": seen["positions/a"]})
    assert not store.replace(dict.fromkeys(names, b"3"), seen)
    store.delete("positions/b")
    assert not store.replace({"positions/b": b"4"}, {"positions/b": seen["positions/b"]})
    held = open_again().contents(names)
    assert {name: content for name, (content, _) in held.items()} == {"positions/a": b"2"}
    assert store.replace({"positions/b": b"4"}, {})


def test_of_many_threads_that_replace_one_small_file_each_adds_to_what_the_last_one_wrote(
    open_again: Open,
) -> None:
    def count(_: int) -> int:
        store, won = open_again(), 0
        while won < 5:
            held = store.contents(["positions/a"])
            number = int(held["positions/a"][0]) if held else 0
            seen = {name: mark for name, (_, mark) in held.items()}
            won += store.replace({"positions/a": b"%d" % (number + 1)}, seen)
        return won

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(count, range(4))) == 20
    assert open_again().contents(["positions/a"])["positions/a"][0] == b"20"
