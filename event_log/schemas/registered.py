"""The schemas that a log was written with, kept in its folder and checked before an append."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from event_log.category import Registry
from event_log.errors import DamagedLog, IncompatibleSchema
from event_log.schemas.evolution import Registered, checked
from event_log.storage.store import Store

FOLDER = "schemas"
SUFFIX = ".json"


class Schemas:
    """The registered schemas of one log, ``schemas/<category>-<version>.json``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Registered] = {}
        self._registered: Registry | None = None

    def register(self, registry: Registry) -> None:
        """Check these categories against the log, and let it remember their versions.

        To be called before events are appended; costs nothing when it was done before. Raises
        ``IncompatibleSchema`` for a change that is not allowed, before anything is registered, and
        ``DamagedLog`` when a registered schema cannot be read.
        """
        if registry is self._registered:
            return
        while new := self._new(registry):  # again, for another process may have come between
            for registered in new:
                self._put(registered)
        self._registered = registry

    def newest(self) -> dict[str, int]:
        """The newest schema version of each category that the log knows; by the files' names."""
        found: dict[str, int] = {}
        for file_name in self._store.names(FOLDER, SUFFIX):
            category, _, number = file_name.removesuffix(SUFFIX).rpartition("-")
            if number.isascii() and number.isdigit():
                found[category] = max(found.get(category, 0), int(number))
        return found

    def check_readable(self, newest: Mapping[str, int], registry: Registry) -> None:
        """Raise ``IncompatibleSchema`` if these categories would misread events of the log.

        ``newest`` has the newest schema version of each category that there are events of.
        Versions that only added fields are read aright by older programs. Costs no I/O unless one
        is newer than its category.
        """
        for name, version in newest.items():
            if name not in registry or version <= registry[name].schema_version:
                continue
            if self._at(_name(name, version)).readable_since > registry[name].schema_version:
                raise IncompatibleSchema(
                    f"category {name!r}: the log has events of schema version {version}, which "
                    f"this program, at version {registry[name].schema_version}, would misread; "
                    "install the newer one"
                )

    def _new(self, registry: Registry) -> list[Registered]:
        found = self._found(registry)
        new = [checked(found[name], category) for name, category in registry.items()]
        return [registered for registered in new if registered]

    def _found(self, registry: Registry) -> dict[str, list[Registered]]:
        """What is registered for each category, by version."""
        found: dict[str, list[Registered]] = {name: [] for name in registry}
        for file_name in self._store.names(FOLDER, SUFFIX):
            category = file_name.rpartition("-")[0]
            if category in found:
                found[category].append(self._at(file_name))
        return found

    def _at(self, file_name: str) -> Registered:
        if file_name not in self._read:
            path = self._store.path(f"{FOLDER}/{file_name}")
            try:
                self._read[file_name] = _registered(path, file_name)
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                raise DamagedLog(
                    f"{path} is no schema that was registered ({error}); restore it from a backup"
                ) from None
        return self._read[file_name]

    def _put(self, registered: Registered) -> None:
        category = registered.category
        name = f"{FOLDER}/{_name(category.name, category.schema_version)}"
        text = registered.to_json()
        self._store.put_if_absent(name, lambda path: _write(path, text))


def _name(category: str, version: int) -> str:
    return f"{category}-{version:06d}{SUFFIX}"


def _registered(path: Path, file_name: str) -> Registered:
    found = Registered.from_json(path.read_text("utf-8"))
    if _name(found.category.name, found.category.schema_version) != file_name:
        raise ValueError("it is another one's")
    return found


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
