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

from event_log.errors import EventLogError

FILE_NAME = "stet.toml"
PASSWORD = re.compile(r"(//[^/@:]*):[^/]*@")
"""In a URL, a user and a password."""
COMMAND_LINE, ENVIRONMENT, DEFAULT = "command line", "environment", "default"


class InvalidSetting(EventLogError, ValueError):
    """A setting has an invalid value, or the settings file cannot be used."""


@dataclass(frozen=True)
class Kind:
    """The form of a setting's value: a pattern, and whether TOML writes it as a number."""

    pattern: str
    number: bool = False

    def takes(self, text: str) -> bool:
        """Return whether a text has this form."""
        return re.fullmatch(self.pattern, text, re.DOTALL) is not None


TEXT = Kind(".+")
PATH = Kind(r".*\S.*")
WHOLE = Kind(r"[0-9]+", number=True)
COUNT = Kind(r"0*[1-9][0-9]*", number=True)
NUMBER = Kind(r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|inf", number=True)
PERCENT = Kind(r"[0-9]{1,2}(\.[0-9]*)?|\.[0-9]+|100(\.0*)?", number=True)
MEMORY = Kind(r"[0-9]+(\.[0-9]+)? ?(MB|GB|MiB|GiB)")
MONTH = Kind(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Setting:
    """One setting: its name, the form of its value, its default, and what it is for.

    ``takes`` and ``example`` complete "give ..., such as ..." in a message. A default of None is
    determined when it is needed, or means that there is none; ``otherwise`` describes it.
    """

    name: str
    kind: Kind
    default: str | None
    meaning: str
    room: str
    takes: str = "a text"
    example: str | None = None
    otherwise: str = "not set"
    secret: bool = False

    @property
    def allowed(self) -> str:
        """The valid values, in words.

        >>> SETTINGS["STET_THREADS"].allowed
        'a whole number, 1 or more, such as 4'
        """
        example = self.example or self.default
        return f"{self.takes}, such as {example}" if example else self.takes


_LAG = "a whole number"
_ALL = (
    Setting("STET_HOME", PATH, "stet-home",
            "The archive's home: a folder, or a URL such as s3://bucket/prefix.",
            "app, pipelines", "a folder or a URL"),
    Setting("STET_CONFIG", PATH, None,
            "The settings file to use instead of the one in the home.",
            "app, pipelines", "a path", "/etc/stet.toml", otherwise="stet.toml in the home"),
    Setting("STET_DOMAIN", TEXT, None,
            "The domain of an archive: a name, or module:NAME.",
            "app, pipelines", "a domain's name, or module:NAME", "examples.orders:DOMAIN",
            otherwise="the archive's, else newsroom"),
    Setting("STET_THREADS", COUNT, None,
            "Threads for computing views, reading, verifying and indexing.",
            "event_log, replay, search", "a whole number, 1 or more", "4",
            otherwise="the processors that the process may use"),
    Setting("STET_MEMORY", MEMORY, None,
            "Memory that DuckDB may use for one build or one kept state.",
            "replay, search", "an amount of memory in MB, GB, MiB or GiB", "1GB",
            otherwise="an eighth of the machine's or the container's"),
    Setting("STET_CACHE", PATH, None,
            "The folder for copies of files from an object store, for what is computed from an"
            " archive that may only be read, and for the SQL of views.",
            "archive, event_log, replay", "a folder", "/var/cache/stet",
            otherwise="~/.cache/stet"),
    Setting("STET_CLOCK_AHEAD", NUMBER, "86400",
            "Seconds that the log's last event may be ahead of the clock of who appends.",
            "event_log", "a number of seconds, or inf"),
    Setting("STET_SEARCH", TEXT, "embedded",
            "The URL of the Elasticsearch cluster to search with, or embedded.",
            "search", "a URL, or embedded", "https://search.example:9200"),
    Setting("STET_SEARCH_API_KEY", TEXT, None,
            "The API key for the cluster.", "search", "an API key", secret=True),
    Setting("STET_SEARCH_USER", TEXT, None,
            "The user name for the cluster, if there is no API key.", "search", "a user name"),
    Setting("STET_SEARCH_PASSWORD", TEXT, None,
            "That user's password.", "search", "a password", secret=True),
    Setting("STET_SEARCH_CA", PATH, None,
            "The certificate of the authority that signed the cluster's certificate.",
            "search", "a file", "ca.pem", otherwise="the system's authorities"),
    Setting("STET_SEARCH_PREFIX", TEXT, "stet",
            "The beginning of all index names; archives that share a cluster need different ones.",
            "search", "lower case letters, digits, - and _"),
    Setting("STET_SEARCH_PATIENCE", NUMBER, "600",
            "Seconds that a load waits for a cluster that is away or busy.",
            "search", "a number of seconds"),
    Setting("STET_SEARCH_REPLICAS", WHOLE, None,
            "Copies of each live index.", "search", "a whole number", "1",
            otherwise="1 where there is a second node, else 0"),
    Setting("STET_DEAD_LETTERS", PERCENT, "0.1",
            "The percentage of a view's documents that may be dead letters.",
            "app, pipelines", "a percentage from 0 to 100"),
    Setting("STET_PAST_MB", WHOLE, "5000",
            "Megabytes that all indexes of the past may take on disk.",
            "archive", "a number of megabytes"),
    Setting("STET_ALERT_COMMAND", TEXT, None,
            "The command that gets a JSON object when a run fails.",
            "archive", "a command", "mail-operator"),
    Setting("STET_BACKFILL_FROM", MONTH, "2025-01",
            "The first month of the job backfill.", "pipelines", "a month"),
    Setting("STET_LAG_WARN_EVENTS", WHOLE, "1000",
            "A lag of more events is a warning.", "pipelines", _LAG),
    Setting("STET_LAG_ERROR_EVENTS", WHOLE, "100000",
            "A lag of more events is an error.", "pipelines", _LAG),
    Setting("STET_LAG_WARN_SECONDS", WHOLE, "300",
            "A lag of more seconds is a warning.", "pipelines", _LAG),
    Setting("STET_LAG_ERROR_SECONDS", WHOLE, "3600",
            "A lag of more seconds is an error.", "pipelines", _LAG),
    Setting("STET_SEAL_COMMITS", WHOLE, "500",
            "The schedule seals the log when more commits are open.",
            "pipelines", "a number of commits"),
)  # fmt: skip
SETTINGS: Mapping[str, Setting] = {setting.name: setting for setting in _ALL}
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
