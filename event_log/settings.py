"""Settings: what an operator can set, where each value comes from, and which values are valid.

``SETTINGS`` lists every variable ``STET_...`` that the project reads. The value in force is the
first of:

1. the command line (``use``);
2. the environment; an empty variable counts as not set;
3. the settings file: the one that ``--config`` or ``STET_CONFIG`` names, else ``stet.toml`` in the
   archive's home. It uses the same names. A home in an object store has no file of its own;
4. the default.

    # stet.toml
    STET_MEMORY = "4GB"
    STET_THREADS = 2
    STET_SEARCH_CA = "ca.pem"     # a relative path begins at the file's folder
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from event_log.all_settings import PATH as PATH
from event_log.all_settings import SETTINGS as SETTINGS
from event_log.all_settings import Setting as Setting
from event_log.errors import EventLogError

FILE_NAME = "stet.toml"
PASSWORD = re.compile(r"(//[^/@:]*):[^/]*@")
"""In a URL, a user and a password."""
COMMAND_LINE, ENVIRONMENT, DEFAULT = "command line", "environment", "default"


class InvalidSetting(EventLogError, ValueError):
    """A setting has an invalid value, or the settings file cannot be used."""


NOT_IN_A_FILE = {"STET_CONFIG": "it names the file itself"}


@dataclass(frozen=True)
class Value:
    """A setting's value in force, and its source.

    The source is ``command line``, ``environment``, ``default``, or the settings file's path.
    """

    setting: Setting
    text: str | None
    source: str

    @property
    def shown(self) -> str:
        """The value without secrets; in words for a default that is determined later.

        >>> Value(SETTINGS["STET_SEARCH_API_KEY"], "hush", ENVIRONMENT).shown
        '***'
        >>> Value(SETTINGS["STET_SEARCH"], "https://ana:hush@search.example", ENVIRONMENT).shown
        'https://ana:***@search.example'
        """
        if self.text is None:
            return self.setting.otherwise
        if self.setting.secret:
            return "***"
        return PASSWORD.sub(r"\1:***@", self.text)


_overrides: Mapping[str, str] = {}
"""The values of the command line, by the setting's name."""
_opened: str | None = None
"""The home of the archive that was opened last."""


def open_home(home: str) -> None:
    """Use the settings file of this home in this process, until another archive is opened."""
    global _opened
    _opened = home


def use(values: Mapping[str, str | None]) -> None:
    """Set values that override the environment in this process, by the setting's name.

    ``STET_HOME`` and ``STET_CONFIG`` among them choose the settings file. None leaves the earlier
    value.
    """
    global _overrides
    _overrides = {**_overrides, **{name: text for name, text in values.items() if text is not None}}


@contextmanager
def using(values: Mapping[str, str | None]) -> Iterator[None]:
    """Use these values until the block ends.

    >>> with using({"STET_THREADS": "3"}):
    ...     whole("STET_THREADS")
    3
    """
    global _overrides, _opened
    before = _overrides, _opened
    _opened = None
    use(values)
    try:
        yield
    finally:
        _overrides, _opened = before


def look_up(name: str) -> Value:
    """Return the value of a setting and its source; raises ``InvalidSetting`` if invalid.

    >>> look_up("STET_SEAL_COMMITS").text
    '500'
    """
    setting = SETTINGS[name]
    if name in _overrides:
        return Value(setting, _valid(setting, _overrides[name]), COMMAND_LINE)
    if text := _of_environment(name):
        return Value(setting, _valid(setting, text), ENVIRONMENT)
    path = settings_file() if name not in NOT_IN_A_FILE else None
    if path is not None and name in (written := read(path)):
        return Value(setting, written[name], str(path))
    return Value(setting, setting.default, DEFAULT)


def text(name: str) -> str | None:
    """Return the value of a setting; None when it has none."""
    return look_up(name).text


def whole(name: str) -> int:
    """Return the value of a whole-number setting that has a default or is set."""
    return int(text(name) or "")


def number(name: str) -> float:
    """Return the value of a number setting that has a default or is set."""
    return float(text(name) or "")


def home() -> str:
    """Return the archive's home: a folder, or a URL."""
    return text("STET_HOME") or ""


def in_force() -> list[Value]:
    """Return all settings with values and sources; raises ``InvalidSetting`` if one is invalid."""
    return [look_up(name) for name in SETTINGS]


def settings_file() -> Path | None:
    """Return the settings file in use; raises ``InvalidSetting`` if a named file is missing."""
    if named := _named():
        path = Path(named)
        if not path.is_file():
            raise InvalidSetting(f"there is no settings file {named}; see --config and STET_CONFIG")
        return path
    folder = _opened or _before_file("STET_HOME") or SETTINGS["STET_HOME"].default or ""
    path = Path(folder, FILE_NAME)
    return path if "://" not in folder and path.is_file() else None


def _named() -> str | None:
    return _before_file("STET_CONFIG")


def _before_file(name: str) -> str | None:
    """Return the value of the command line or the environment."""
    return _overrides.get(name) or _of_environment(name) or None


def _of_environment(name: str) -> str:
    """The text of a variable, without the spaces around it, unless it is a path."""
    text = os.environ.get(name, "")
    return text if SETTINGS[name].kind is PATH and text.strip() else text.strip()


def check_file() -> None:
    """Read the settings file, if there is one; raises ``InvalidSetting`` if it cannot be used."""
    if path := settings_file():
        read(path)


def read(path: Path) -> Mapping[str, str]:
    """Return the values in a settings file, by name; raises ``InvalidSetting`` if unusable.

    A file that has not changed is read once.
    """
    try:
        status = path.stat()
        values = _read(path, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise InvalidSetting(f"cannot read {path}: {error.strerror or error}") from None
    if "STET_HOME" in values and not _named():
        raise _wrong(path, "STET_HOME", "it cannot stand in the home's own file; use --config FILE")
    _warn_of_readers(path, status.st_mode, _secrets(values))
    return values


@lru_cache(maxsize=8)
def _read(path: Path, _changed: int, _size: int) -> Mapping[str, str]:
    import tomllib  # here: most programs have no settings file

    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{path} is not TOML: {error}") from None
    return {name: _as_text(path, name, value) for name, value in written.items()}


def _as_text(path: Path, name: str, value: object) -> str:
    """Return a value of the file as text, like in the environment."""
    setting = SETTINGS.get(name)
    if setting is None:
        raise _wrong(path, name, f"there is no such setting{_nearest(name)}")
    if name in NOT_IN_A_FILE:
        raise _wrong(path, name, f"it is not allowed in a file: {NOT_IN_A_FILE[name]}")
    kinds = (int, float) if setting.kind.number else (str,)
    if isinstance(value, bool) or not isinstance(value, kinds):
        form = "a number without quotes" if setting.kind.number else "a text in quotes"
        raise _wrong(path, name, f"the value must be {form}: {setting.allowed}")
    written = str(value) if setting.kind is PATH else str(value).strip()
    if not setting.kind.takes(written):
        raise _wrong(path, name, f"it is {written!r}; give {setting.allowed}")
    if setting.kind is PATH and "://" not in written:
        return str(path.parent / Path(written).expanduser())
    return written


def _valid(setting: Setting, value: str) -> str:
    if not setting.kind.takes(value):
        shown = "not valid" if setting.secret else repr(value)
        raise InvalidSetting(f"{setting.name} is {shown}; give {setting.allowed}")
    return value


def _nearest(name: str) -> str:
    import difflib  # here: it is slow to load, and needed for an error only

    as_written = name.upper() if name.upper().startswith("STET_") else f"STET_{name.upper()}"
    near = difflib.get_close_matches(as_written, SETTINGS, 1)
    question = f"; did you mean {near[0]}? All" if near else "; all"
    return f"{question} are listed by: stet settings"


def _wrong(path: Path, name: str, reason: str) -> InvalidSetting:
    lines = path.read_text(encoding="utf-8").splitlines()
    begins = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*(=|\.|\])""")
    place = next((n for n, line in enumerate(lines, 1) if begins.match(line)), None)
    where = f"{path}, line {place}" if place else str(path)
    return InvalidSetting(f"{where}: {name}: {reason}")


def _secrets(written: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        name for name, text in written.items() if SETTINGS[name].secret or PASSWORD.search(text)
    )


@lru_cache(maxsize=8)
def _warn_of_readers(path: Path, mode: int, secrets: tuple[str, ...]) -> None:
    """Log, once, that others may read a file with a secret in it."""
    if secrets and mode & 0o044:
        import logging  # here: it is slow to load, and most files have no secret

        logging.getLogger("stet.settings").warning(
            "%s can be read by others and holds %s; run: chmod 600 %s",
            path,
            " and ".join(secrets),
            path,
        )
