"""``Input``: a field of a category as a form asks for it, and the texts that stand in the form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from event_log import Category
    from replay import Domain

FORMAT = b"format"
"""The key of a field's metadata that says what its text is: ``plain``, or ``markdown``."""
LONG = 60
"""A text with more characters is written in several lines."""
WRITTEN_LONG = ("abstract", "bio", "caption", "description", "note", "reason", "summary")
"""Fields that are called so are written in several lines, though they may be empty now."""
EMPTY_ROWS = 2
"""Rows below the items of a list, so that items are added without JavaScript."""


@dataclass(frozen=True)
class Input:
    """A field or an annotation: what it is called, what may stand in it, and whether it must."""

    name: str
    label: str
    kind: str
    """``text``, ``prose``, ``whole``, ``number``, ``yes``, ``instant`` or ``day``."""
    is_list: bool = False
    target: str = ""
    """The category that it refers to."""
    required: bool = False
    format: str = "plain"


@dataclass(frozen=True)
class Choice:
    """An entity that a name may mean."""

    id: str
    label: str


@dataclass
class Item:
    """One value as it stands in the form; ``choices`` are what it may mean, of which one is to be
    chosen."""

    text: str = ""
    error: str = ""
    choices: Sequence[Choice] = ()


@dataclass
class Shown:
    """An input with its rows; one that is no list has one row."""

    input: Input
    rows: list[Item] = field(default_factory=list)
    error: str = ""

    @property
    def id(self) -> str:
        """The id of its first element, to which the summary of errors leads."""
        return f"f-{self.input.name}"

    @property
    def errors(self) -> list[str]:
        """What is wrong, of the whole and of its rows."""
        return [each for each in (self.error, *(row.error for row in self.rows)) if each]

    @property
    def is_long(self) -> bool:
        """Whether a text is written in several lines."""
        text = self.rows[0].text if self.rows else ""
        return self.input.name in WRITTEN_LONG or len(text) > LONG or "\n" in text


def inputs_of(domain: Domain, category: Category, required: Sequence[str] = ()) -> list[Input]:
    """The inputs for the fields of a category; ``required`` are those that the event needs.

    >>> from newsroom import DOMAIN
    >>> tags = inputs_of(DOMAIN, {each.name: each for each in DOMAIN.categories}["article"])[9]
    >>> tags.label, tags.kind, tags.is_list, tags.target
    ('tags', 'text', True, 'tag')
    """
    targets = domain.references.get(category.name, {})
    needed = {*required, *category.required}
    return [_input(each, targets, each.name in needed) for each in category.fields]


def annotations_of(category: Category, required: Sequence[str] = ()) -> list[Input]:
    """The inputs for what an event says of itself, such as its reason."""
    return [_input(each, {}, each.name in required) for each in category.annotations]


def _input(declared: pa.Field, targets: Mapping[str, str], required: bool) -> Input:
    import pyarrow as pa

    from replay import label

    is_list = pa.types.is_list(declared.type)
    kind = _kind(declared.type.value_type if is_list else declared.type)
    metadata = declared.metadata or {}
    text_format = metadata.get(FORMAT, b"plain").decode()
    target = targets.get(declared.name, "")
    words = ("URL" if word == "url" else word for word in declared.name.split("_"))
    name = label(declared.name) if target else " ".join(words)
    return Input(declared.name, name, kind, is_list, target, required, text_format)


def _kind(type_: pa.DataType) -> str:
    kinds = {
        "string": "text",
        "large_string": "prose",
        "int64": "whole",
        "double": "number",
        "bool": "yes",
        "timestamp[us, tz=UTC]": "instant",
        "date32[day]": "day",
    }
    return kinds[str(type_)]


def as_texts(value: Any) -> list[str]:
    """A value as the texts of its rows; an instant is in UTC.

    >>> as_texts(["tag/a", "tag/b"]), as_texts(True), as_texts(None)
    (['tag/a', 'tag/b'], ['yes'], [])
    >>> from datetime import UTC
    >>> as_texts(datetime(1912, 4, 15, 20, tzinfo=UTC))
    ['1912-04-15T20:00:00Z']
    """
    if value is None or value is False or value == "":
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in as_texts(item)]
    return [_as_text(value)]


def _as_text(value: Any) -> str:
    from event_log import instant_text

    if value is True:
        return "yes"
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else plain_lines(str(value))


def plain_lines(text: str) -> str:
    r"""A text as a browser gives it back, with the line ends of this system.

    >>> plain_lines("one\r\ntwo")
    'one\ntwo'
    """
    return text.replace("\r\n", "\n").replace("\r", "\n")
