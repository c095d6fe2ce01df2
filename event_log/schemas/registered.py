"""The registered schemas of a log, kept in its folder and checked before an append."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from event_log.category import Registry
from event_log.errors import DamagedLog, IncompatibleSchema
from event_log.schemas.evolution import Registered, checked
from event_log.storage.refusals import advice, is_refusal
from event_log.storage.store import Store, StoreError

FOLDER = "schemas"
SUFFIX = ".json"


class Schemas:
    """The registered schemas of one log, ``schemas/<category>-<version>.json``."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, Registered] = {}
        self._registered: Registry | None = None

    def register(self, registry: Registry) -> None:
        """Check these categories against the log, and register their new versions.

        Called before events are appended; repeated calls cost nothing. Raises
        ``IncompatibleSchema`` for a change that is not allowed, before anything is registered, and
        ``DamagedLog`` when a registered schema cannot be read.
        """
        if registry is self._registered:
            return
        while new := self._new(
            registry
        ):  # repeated, because another process may have registered meanwhile
            for registered in new:
                self._put(registered)
        self._registered = registry

    def newest(self) -> dict[str, int]:
        """Return the newest registered version of each category, by the files' names."""
        newest: dict[str, int] = {}
        for file_name in self._store.names(FOLDER, SUFFIX):
            category, _, number = file_name.removesuffix(SUFFIX).rpartition("-")
            if number.isascii() and number.isdigit():
                newest[category] = max(newest.get(category, 0), int(number))
        return newest

    def check(self, written: Mapping[tuple[str, int], pa.StructType]) -> None:
        """Raise ``DamagedLog`` unless every schema is whole, and those of these events are there.

        ``written`` has the struct of the events of each category and schema version.
        """
        names = self._store.names(FOLDER, SUFFIX)
        for file_name in {*names, *(_name(*version) for version in written)}:
            self._at(file_name)
        for (category, version), struct in written.items():
            file_name = _name(category, version)
            declared = [field.name for field in self._at(file_name).category.struct]
            if declared != [field.name for field in struct]:
                raise DamagedLog(
                    f"{self._store.where(f'{FOLDER}/{file_name}')} has other fields than the "
                    "events that were written with it; restore it from a backup"
                )

    def check_readable(self, newest: Mapping[str, int], registry: Registry) -> None:
        """Raise ``IncompatibleSchema`` if these categories would misread events of the log.

        ``newest`` has the newest schema version of each category in the log. Older programs can
        read versions that only added fields. Costs no I/O unless a version is newer than its
        category.
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
        earlier = self._by_category(registry)
        new = [checked(earlier[name], category) for name, category in registry.items()]
        return [registered for registered in new if registered]

    def _by_category(self, registry: Registry) -> dict[str, list[Registered]]:
        """Return the registered schemas of each category, by version."""
        by_category: dict[str, list[Registered]] = {name: [] for name in registry}
        for file_name in self._store.names(FOLDER, SUFFIX):
            category = file_name.rpartition("-")[0]
            if category in by_category:
                by_category[category].append(self._at(file_name))
        return by_category

    def _at(self, file_name: str) -> Registered:
        if file_name not in self._read:
            name = f"{FOLDER}/{file_name}"
            try:
                self._read[file_name] = _registered(self._store.path(name), file_name)
            except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
                if is_refusal(error):
                    raise StoreError(
                        f"cannot read {self._store.where(name)}: {advice(error)}"
                    ) from error
                raise DamagedLog(
                    f"{self._store.where(name)} is no schema that was registered ({error}); "
                    "restore it from a backup"
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
    parsed = Registered.from_json(path.read_text("utf-8"))
    if _name(parsed.category.name, parsed.category.schema_version) != file_name:
        raise ValueError("it is the schema of another category or version")
    return parsed


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
