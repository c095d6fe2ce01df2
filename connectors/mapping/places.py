"""A YAML file as sections that know their lines, and that tell every mistake in them.

YAML is read as text and lists and keys, not as objects: ``no`` is the text ``no``, and a number is
one only when it is written in plain digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.errors import ConnectorError, UnreadableFile
from connectors.mapping.errors import InvalidMapping, Mistake

if TYPE_CHECKING:
    import yaml

INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
NUMBER = re.compile(r"[+-]?[0-9]+\.[0-9]+")
KINDS = {"scalar": "text", "sequence": "list", "mapping": "section"}
NULLS = ("", "null", "~")
WHOLE = "mapping"
"""What a message calls the file as a whole, which has no key."""
MOST_BYTES = 4 * 1024 * 1024


class Missing(ConnectorError):
    """A library is missing that this needs; the message says what to install."""


class Mistakes:
    """The mistakes of one file, in the order in which they were found."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.all: list[Mistake] = []

    def add(self, node: yaml.Node, key: str, reason: str) -> None:
        """Note a mistake at the place of a node."""
        self.at(node.start_mark.line + 1, node.start_mark.column + 1, key, reason)

    def at(self, line: int, column: int, key: str, reason: str) -> None:
        """Note a mistake at a line and a column."""
        self.all.append(Mistake(line, column, key or WHOLE, reason))

    def check(self) -> None:
        """Raise ``InvalidMapping`` if there are mistakes, by their lines."""
        if self.all:
            raise InvalidMapping(self.path, sorted(self.all, key=lambda m: (m.line, m.column)))


class Value:
    """One value of the file: its node, the path of keys to it, and what may be wrong with it."""

    def __init__(self, node: Any, key: str, mistakes: Mistakes) -> None:
        self.node = node
        self.key = key
        self.mistakes = mistakes
        self._section: Section | None = None

    @property
    def line(self) -> int:
        """The line at which it begins."""
        return int(self.node.start_mark.line) + 1

    def wrong(self, reason: str) -> None:
        """Note a mistake here."""
        self.mistakes.add(self.node, self.key, reason)

    @property
    def kind(self) -> str:
        """``text``, ``list`` or ``section``."""
        return KINDS[self.node.id]

    def is_null(self) -> bool:
        """Whether nothing is written here."""
        return self.kind == "text" and self.node.style is None and self.node.value in NULLS

    def is_braces(self) -> bool:
        """Whether a template without quotes is here, which YAML takes for a section."""
        return (
            self.kind == "section"
            and bool(self.node.flow_style)
            and bool(self.node.value)
            and all(Value(node, "", self.mistakes).is_null() for _, node in self.node.value)
        )

    def text(self, what: str = "a text") -> str | None:
        """Return the text here; None, with a mistake noted, for anything else."""
        if self.kind != "text" or self.is_null():
            quoted = ""
            if self.kind == "section":
                quoted = "; a text that begins with { needs quotes"
            self.wrong(
                f"must be {what}, not {'empty' if self.is_null() else _a(self.kind)}{quoted}"
            )
            return None
        return str(self.node.value)

    def texts(self, what: str = "a text or a list of texts") -> list[str]:
        """Return the text or the texts here."""
        if self.kind == "list":
            found = [Value(item, self.key, self.mistakes).text() for item in self.node.value]
            return [text for text in found if text is not None]
        text = self.text(what)
        return [] if text is None else [text]

    def plain(self) -> Any:
        """Return a text, a number, true, false or null; None, with a mistake noted, for a section.

        A list is a list of these.
        """
        if self.kind == "section":
            self.wrong("must be a value, not a section")
            return None
        if self.kind == "list":
            return [Value(item, self.key, self.mistakes).plain() for item in self.node.value]
        text: str = self.node.value
        if self.node.style is not None:
            return text
        if self.is_null():
            return None
        if text in ("true", "false"):
            return text == "true"
        if INTEGER.fullmatch(text):
            return int(text)
        return float(text) if NUMBER.fullmatch(text) else text

    def choice(self, allowed: Collection[str], default: str) -> str:
        """Return the text here, one of those that are allowed."""
        text = self.text(" or ".join(allowed))
        if text is None:
            return default
        if text not in allowed:
            self.wrong(f"{text!r} is none of {', '.join(allowed)}{_near(text, allowed)}")
            return default
        return text

    def flag(self, default: bool) -> bool:
        """Return true or false."""
        return self.choice(("true", "false"), "true" if default else "false") == "true"

    def count(self, default: int, least: int = 1) -> int:
        """Return a whole number."""
        number = self.plain()
        if not isinstance(number, int) or isinstance(number, bool) or number < least:
            self.wrong(f"must be a whole number from {least}")
            return default
        return number

    def section(self, allowed: Collection[str] | None = None) -> Section:
        """Return the section here, its keys checked once to be among those that are allowed."""
        if self._section is None:
            if self.kind != "section" and not self.is_null():
                self.wrong(f"must have keys of its own below it, not be {_a(self.kind)}")
            pairs = self.node.value if self.kind == "section" else ()
            self._section = Section(self, pairs, allowed)
        return self._section


class Section:
    """The keys of a section with their values, each key once."""

    def __init__(self, value: Value, pairs: Any, allowed: Collection[str] | None) -> None:
        self.value = value
        self._values: dict[str, Value] = {}
        self._keys: dict[str, Value] = {}
        for key_node, node in pairs:
            self._add(key_node, node, allowed)

    def _add(self, key_node: yaml.Node, node: yaml.Node, allowed: Collection[str] | None) -> None:
        mistakes, above = self.value.mistakes, self.value.key
        key = Value(key_node, above, mistakes)
        name = str(key_node.value)
        if key.kind != "text" or not name:
            key.wrong("must have a name for a key")
            return
        key.key = f"{above}.{name}" if above else name
        if name in self._values:
            key.wrong(f"is here a second time; it is on line {self._keys[name].line} already")
        elif allowed is not None and name not in allowed:
            key.wrong(f"is no key here{_near(name, allowed)}; there is {', '.join(allowed)}")
        else:
            self._keys[name] = key
            self._values[name] = Value(node, key.key, mistakes)

    def __iter__(self) -> Iterator[tuple[str, Value]]:
        return iter(self._values.items())

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def get(self, name: str) -> Value | None:
        """Return the value of a key; None when it is not there or nothing is written there."""
        value = self._values.get(name)
        return None if value is None or value.is_null() else value

    def key(self, name: str) -> Value:
        """Return the place of a key, to tell what is wrong with it."""
        return self._keys[name]

    def read(self, name: str, how: Callable[[Value], Any], default: Any) -> Any:
        """Return what a function makes of a key's value; the default when it is not there."""
        value = self.get(name)
        return default if value is None else how(value)


def _a(kind: str) -> str:
    return f"a {kind}"


def nearest(name: str, allowed: Collection[str]) -> str | None:
    """Return the name that was probably meant; None when none is near.

    >>> nearest("feilds", ["fields", "lists"])
    'fields'
    """
    lower = {known.lower(): known for known in allowed}
    close = get_close_matches(name.lower(), lower, n=1, cutoff=0.7)
    return lower[close[0]] if close else None


def _near(name: str, allowed: Collection[str]) -> str:
    close = nearest(name, allowed)
    return f"; did you mean {close}?" if close else ""


def open_yaml(path: str, allowed: Collection[str], mistakes: Mistakes) -> Section:
    """Return the topmost section of a file; raises ``UnreadableFile``, ``InvalidMapping``."""
    try:
        import yaml
    except ModuleNotFoundError:
        raise Missing(
            "a mapping needs the package pyyaml; install the extra connect, in the clone:"
            " uv pip install '.[connect]'"
        ) from None
    text = _read(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        mistakes.at(line, column, "YAML", f"{error.problem or error.context}{_hint(error)}")
        mistakes.check()
    except yaml.YAMLError as error:
        mistakes.at(1, 1, "YAML", str(error).replace("\n", " "))
        mistakes.check()
    if node is None:
        mistakes.at(1, 1, WHOLE, f"is empty; it needs {', '.join(allowed)}")
        mistakes.check()
        raise InvalidMapping(path, mistakes.all)
    return Value(node, "", mistakes).section(allowed)


def _hint(error: yaml.MarkedYAMLError) -> str:
    told = f"{error.context} {error.problem}"
    if "found character '\\t'" in told:
        return "; indent by spaces, not by tabs"
    if "flow mapping" in told or "expected <block end>" in told:
        return "; a text that begins with { needs quotes, and so does any with { within { … }"
    return ""


def _read(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise UnreadableFile(path, None, "there is no such file") from None
    except OSError as error:
        raise UnreadableFile(path, None, f"cannot be read ({error.strerror})") from None
    if len(text) > MOST_BYTES:
        raise UnreadableFile(
            path, None, f"is longer than {MOST_BYTES // 2**20} MB; is it a mapping?"
        )
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text[: error.start].count(b"\n") + 1
        raise UnreadableFile(path, line, "is not UTF-8") from None
