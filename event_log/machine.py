"""The machine: how many threads to run, and how much memory to use.

Both follow the limits of the process: its processor affinity, and its cgroup (version 1 or 2),
which is how a container is limited. They are read once per process. ``STET_THREADS`` and
``STET_MEMORY`` override them.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from event_log import settings
from event_log.all_settings import MEMORY

SHARE = 8
"""DuckDB may use one eighth of the memory.

A rebuild of 150,000 articles on 2 cores and 24 GiB, embedded, took the same processor time with
each limit, and peaked at 1.6 GB with 2 GB (the fixed limit until 0.1), at 1.7 GB with an eighth,
and at 2.7 GB with a fourth. Beside DuckDB the process uses up to a gigabyte for Arrow and the
index's writer. An eighth leaves room for a second process, a search server and the file cache.
"""
ROOT = Path("/")
UNKNOWN = 8_000_000_000
"""Bytes assumed when the system does not report its memory."""
UNITS = {"MB": 10**6, "GB": 10**9, "MiB": 2**20, "GiB": 2**30}
AMOUNT = re.compile(rf"([0-9.]+) ?({'|'.join(UNITS)})")


def threads() -> int:
    """Return how many threads to run: ``STET_THREADS``, else the number of usable processors.

    >>> with settings.using({"STET_THREADS": "3"}):
    ...     threads()
    3
    """
    setting = settings.text("STET_THREADS")
    return int(setting) if setting else cores()


def memory_limit() -> str:
    """Return how much memory DuckDB may use: ``STET_MEMORY``, else an eighth of the memory.

    >>> with settings.using({"STET_MEMORY": "1GB"}):
    ...     memory_limit()
    '1GB'
    """
    return settings.text("STET_MEMORY") or f"{max(1, memory_bytes() // SHARE // UNITS['MB'])}MB"


def size(amount: str) -> int:
    """Return an amount of memory in bytes; raises ``InvalidSetting`` for other text.

    >>> size("500 MB"), size("1.5GiB")
    (500000000, 1610612736)
    """
    if not MEMORY.takes(amount):
        allowed = settings.SETTINGS["STET_MEMORY"].allowed
        raise settings.InvalidSetting(f"{amount!r} is no amount of memory; give {allowed}")
    parsed = AMOUNT.fullmatch(amount)
    assert parsed is not None  # noqa: S101 - the pattern of ``MEMORY`` is narrower
    return int(float(parsed[1]) * UNITS[parsed[2]])


@cache
def cores(root: Path = ROOT) -> int:
    """Return the number of usable processors: by affinity, and by cgroup quota rounded up.

    >>> cores() >= 1
    True
    """
    allowed = getattr(os, "sched_getaffinity", None)  # not on every system
    count = len(allowed(0)) if allowed else os.cpu_count() or 1
    return max(1, min([count, *(math.ceil(quota) for quota in _quotas(root))]))


@cache
def memory_bytes(root: Path = ROOT) -> int:
    """Return the memory of the machine, or of the process's cgroup if that is less, in bytes.

    >>> memory_bytes() > 0
    True
    """
    try:
        physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not on every system
        physical = UNKNOWN
    return min([physical, *_memory_limits(root)])


def _quotas(root: Path) -> Iterator[float]:
    """Yield the processor quota of each cgroup above the process that has one."""
    for folder in _cgroups(root, "cpu"):
        quota, _, period = _content(folder / "cpu.max").partition(" ")
        if not quota:  # version 1
            quota = _content(folder / "cpu.cfs_quota_us")
            period = _content(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield int(quota) / int(period)


def _memory_limits(root: Path) -> Iterator[int]:
    for folder in _cgroups(root, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = _content(folder / name)
            if limit.isdecimal() and int(limit):
                yield int(limit)


def _cgroups(root: Path, controller: str) -> Iterator[Path]:
    """Yield the folders of the process's cgroup for a controller, and of the cgroups above it.

    In a container the path in ``/proc`` may be the host's, and not exist; then the top folder has
    the container's limits.
    """
    for line in _content(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        for mount in [controllers, controller] if controllers else ["", "unified"]:
            top = root / "sys/fs/cgroup" / mount
            inner = top / path.strip("/")
            yield from (inner, *(above for above in inner.parents if above.is_relative_to(top)))


def _content(path: Path) -> str:
    """Return the content of a small system file; empty when the file does not exist."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
