"""The SQL of Ibis expressions, compiled once in a process, or once on a machine.

Ibis takes two seconds to compile the newsroom's views, longer than the rebuild of a small archive,
and longer than a person wants to wait for one document. So a process that answers one question, as
a command does, keeps what it compiled in the user's cache folder; the next one does not load Ibis.

    sql/<digest>.json    what was compiled; the digest covers all that it depends on

The digest covers the expression's functions and all modules beside them, Stet's own modules, the
categories, and the versions of the libraries. A function that no module has by its name, such as a
lambda, is compiled in each process.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import uuid
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from event_log import Registry

T = TypeVar("T")
LIBRARIES = ("ibis-framework", "sqlglot", "duckdb")
UNUSED_SECONDS = 30 * 24 * 3600
"""How long nobody may have written a file before it is deleted: code that changed left it."""
_compiled: dict[Hashable, object] = {}
_folders: list[Callable[[], Path]] = []
"""Gives the folder in which this process keeps what it compiles, if it does."""


class _NoName(Exception):
    """A part of a key has no name that means the same in another process."""


def keep_compiled(folder: Callable[[], Path] | None) -> None:
    """From now on keep in a folder what this process compiles, and take what is there.

    ``folder`` is called when it is needed, for a setting may name it; ``None`` keeps no more. For a
    process whose code is that of its modules' files: no function was replaced in it.
    """
    _folders[:] = [folder] if folder else []


def once(registry: Registry, key: Hashable, compile_it: Callable[[], T]) -> T:
    """What ``compile_it`` returned when this key was first given for the registry's categories.

    The tables must have the same names, and for the same categories the same columns, wherever
    the result is used. ``key`` identifies the expression, and the kind of tables that it reads.
    """
    full_key = tuple(registry.values()), key
    if full_key not in _compiled:
        _compiled[full_key] = compile_it()
    return _compiled[full_key]  # type: ignore[return-value]


def sql_once(
    registry: Registry, key: Hashable, compile_it: Callable[[], tuple[str, frozenset[str]]]
) -> tuple[str, frozenset[str]]:
    """SQL and the tables that it reads, as ``once`` gives it, and kept where this process keeps it.

    >>> from event_log import Registry
    >>> sql_once(Registry(()), ("one",), lambda: ("SELECT 1", frozenset()))
    ('SELECT 1', frozenset())
    """

    def kept_or_compiled() -> tuple[str, frozenset[str]]:
        path = _place(registry, key)
        if path is None:
            return compile_it()
        with suppress(OSError, ValueError, KeyError, TypeError):  # missing or damaged: made anew
            if path.stat().st_uid in (os.getuid(), 0):  # nobody else decides what is run
                kept = json.loads(path.read_text())
                return str(kept["sql"]), frozenset(kept["tables"])
        sql, tables = compile_it()
        with suppress(OSError):  # a folder that cannot be written to: it is compiled again
            _write(path, json.dumps({"sql": sql, "tables": sorted(tables)}))
        return sql, tables

    return once(registry, key, kept_or_compiled)


def _place(registry: Registry, key: Hashable) -> Path | None:
    """The file of an expression; ``None`` if this process keeps none, or the key has no name."""
    if not _folders:
        return None
    roots: set[str] = {"replay"}
    try:
        named = list(_named(key, roots))
        sources = [_sources(root) for root in sorted(roots)]
    except _NoName:
        return None
    categories = [
        [name, str(category.struct), sorted(category.required), [[*map(str, (t.name, t.effect))]
         for t in category.types]]
        for name, category in registry.items()
    ]  # fmt: skip
    versions = [version(library) for library in LIBRARIES]
    content = json.dumps([named, categories, sources, versions, sys.version_info[:2]])
    return _folders[0]() / "sql" / f"{hashlib.sha256(content.encode()).hexdigest()}.json"


def _named(part: Any, roots: set[str]) -> Iterator[str]:
    """The names of a key's parts; adds the packages of the functions among them to ``roots``."""
    if isinstance(part, tuple):
        yield "("
        for each in part:
            yield from _named(each, roots)
        yield ")"
    elif part is None or isinstance(part, str | int):
        yield repr(part)
    elif isinstance(part, FunctionType):
        module, name = part.__module__, part.__qualname__
        if vars(sys.modules[module]).get(name) is not part:
            raise _NoName
        roots.add(module.partition(".")[0])
        yield f"{module}:{name}"
    else:
        raise _NoName


@cache
def _sources(root: str) -> list[tuple[str, int, int]]:
    """The files of a package, or of all modules beside a module, with time and size.

    Python too decides by these whether a file has changed since it was compiled.
    """
    module = sys.modules[root]
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    if folders:
        files = [path for folder in folders for path in folder.rglob("*.py")]
    elif (file := getattr(module, "__file__", None)) is None:
        raise _NoName
    else:
        files = list(Path(file).parent.glob("*.py"))
    return [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(files)]


def _write(path: Path, content: str) -> None:
    """Write a file, whole or not at all, and delete those that nobody has written for long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid.uuid4().hex}")
    unfinished.write_text(content)
    unfinished.replace(path)
    for old in path.parent.iterdir():
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - old.stat().st_mtime > UNUSED_SECONDS:
                old.unlink()
