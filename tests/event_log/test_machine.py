"""Threads and memory: of the machine, of a container, and as the operator sets them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from event_log import machine
from event_log.settings import InvalidSetting

MEGABYTE = 1_000_000
NO_LIMIT = 9_223_372_036_854_771_712
"""What version 1 says where there is none."""


@pytest.fixture(autouse=True)
def _many_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 16 processors, whatever this one has; and nothing set by whoever runs this."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    for name in ("STET_THREADS", "STET_MEMORY", "STET_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def system(root: Path, cgroup: str, **files: object) -> Path:
    """A file system with ``/proc/self/cgroup``, and files by path with ``__`` for a slash."""
    for name, content in {"proc__self__cgroup": cgroup, **files}.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def test_without_a_cgroup_it_is_what_the_machine_has(tmp_path: Path) -> None:
    assert machine.cores(tmp_path) == 16
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert machine.memory_bytes(tmp_path) == physical


def test_the_affinity_counts_not_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5, 7})
    assert machine.cores(tmp_path) == 3


@pytest.mark.parametrize(
    ("limit", "processors"),
    [
        ("400000 100000", 4),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("2500000 100000", 16),
        ("max 100000", 16),
        ("", 16),
        ("100000 0", 16),
    ],
)
def test_a_quota_of_version_2_is_rounded_up(tmp_path: Path, limit: str, processors: int) -> None:
    root = system(tmp_path, "0::/pod/one", **{"sys__fs__cgroup__pod__one__cpu.max": limit})
    assert machine.cores(root) == processors


@pytest.mark.parametrize(("quota", "processors"), [("300000", 3), ("-1", 16)])
@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_version_1(tmp_path: Path, quota: str, processors: int, mount: str) -> None:
    folder = f"sys__fs__cgroup__{mount}__pod"
    files = {f"{folder}__cpu.cfs_quota_us": quota, f"{folder}__cpu.cfs_period_us": "100000"}
    assert machine.cores(system(tmp_path, f"3:{mount}:/pod\n0::/", **files)) == processors


@pytest.mark.parametrize(
    ("limit", "memory"), [(512 * MEGABYTE, 512 * MEGABYTE), ("max", None), (NO_LIMIT, None)]
)
@pytest.mark.parametrize(
    ("cgroup", "file"),
    [
        ("0::/pod", "sys__fs__cgroup__pod__memory.max"),
        ("0::/pod", "sys__fs__cgroup__unified__pod__memory.max"),
        ("4:memory:/pod\n0::/", "sys__fs__cgroup__memory__pod__memory.limit_in_bytes"),
    ],
)
def test_a_limit_of_memory_in_either_version(
    tmp_path: Path, cgroup: str, file: str, limit: object, memory: int | None
) -> None:
    root = system(tmp_path, cgroup, **{file: limit})
    assert machine.memory_bytes(root) == (memory or machine.memory_bytes(tmp_path / "none"))


def test_the_narrowest_limit_above_the_process_holds(tmp_path: Path) -> None:
    root = system(
        tmp_path,
        "0::/slice/pod/one",
        **{
            "sys__fs__cgroup__slice__memory.max": 700 * MEGABYTE,
            "sys__fs__cgroup__slice__pod__memory.max": 600 * MEGABYTE,
            "sys__fs__cgroup__slice__pod__one__memory.max": "max",
            "sys__fs__cgroup__slice__cpu.max": "500000 100000",
            "sys__fs__cgroup__slice__pod__cpu.max": "700000 100000",
        },
    )
    assert machine.memory_bytes(root) == 600 * MEGABYTE
    assert machine.cores(root) == 5


def test_in_a_container_the_hosts_path_is_not_there_and_the_top_has_the_limits(
    tmp_path: Path,
) -> None:
    root = system(
        tmp_path,
        "4:memory:/docker/4f3a\n0::/docker/4f3a",
        **{
            "sys__fs__cgroup__memory__memory.limit_in_bytes": 900 * MEGABYTE,
            "sys__fs__cgroup__cpu.max": "200000 100000",
        },
    )
    assert machine.memory_bytes(root) == 900 * MEGABYTE
    assert machine.cores(root) == 2


def test_duckdb_gets_an_eighth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "memory_bytes", lambda: 8_000 * MEGABYTE)
    assert machine.memory_limit() == "1000MB"
    monkeypatch.setattr(machine, "memory_bytes", lambda: 1)
    assert machine.memory_limit() == "1MB"


def test_the_operator_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STET_THREADS", "64")
    monkeypatch.setenv("STET_MEMORY", "1.5 GiB")
    assert (machine.threads(), machine.memory_limit()) == (64, "1.5 GiB")


@pytest.mark.parametrize("wrong", ["0", "-1", "two", "1.5", "1e1", "٢"])
def test_wrong_threads_are_told_with_what_is_taken(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("STET_THREADS", wrong)
    with pytest.raises(InvalidSetting) as caught:
        machine.threads()
    assert str(caught.value) == (
        f"STET_THREADS is {wrong!r}; give a whole number, 1 or more, such as 4"
    )


@pytest.mark.parametrize("wrong", ["2", "2 gb", "-1GB", "GB", "1..5GB", "1 TB", "80%"])
def test_wrong_memory_is_told_with_what_is_taken(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("STET_MEMORY", wrong)
    with pytest.raises(InvalidSetting) as caught:
        machine.memory_limit()
    assert str(caught.value) == (
        f"STET_MEMORY is {wrong!r}; give an amount of memory in MB, GB, MiB or GiB, such as 1GB"
    )
    with pytest.raises(InvalidSetting):
        machine.size(wrong)
