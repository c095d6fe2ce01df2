"""Templates: texts with columns in braces, such as ``article/{id}``, and ids in a stream's name."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

BRACES = re.compile(r"\{([^{}]*)\}")
NOT_IN_IDS = r"%/\x00-\x20\x7f-\xa0\u2028\u2029\ufeff"
VERSION = re.compile(r"@(?=[0-9]+$)")
"""What would make an id look like that of a version of another stream."""
Filled = Callable[..., str | None]


class Template:
    """A text with columns in braces.

    ``stream`` says that it names a stream: then ids are escaped, so that two lines have the same
    stream only when their columns are the same.

    >>> Template("article/{id}", stream=True).fill(7)
    'article/7'
    >>> Template("line/{order}-{number}", stream=True).fill("2026-1", 3)
    'line/2026%2D1-3'
    >>> Template("{first} {last}").fill("Ana", None) is None
    True
    """

    def __init__(self, text: str, stream: bool = False) -> None:
        self.text = text
        self.columns = tuple(BRACES.findall(text))
        self.before = text[: text.index("{")] if self.columns else text
        """The text before the first column."""
        parts = BRACES.split(text)
        self.literals = parts[::2]
        self._format = "%s".join(literal.replace("%", "%%") for literal in self.literals)
        between = "".join(self.literals[1:])
        self._escaped = re.compile(f"[{NOT_IN_IDS}{re.escape(between)}]") if stream else None
        self.fill: Filled = self._fill_one if len(self.columns) == 1 else self._fill_all
        """Returns the text with the values of its columns; None when one of them is null."""

    def problem(self) -> str | None:
        """Return what is wrong with the template; None when nothing is.

        >>> Template("article/{id").problem()
        "'{' and '}' do not go together in 'article/{id'"
        """
        if "{" in "".join(self.literals) or "}" in "".join(self.literals):
            return f"'{{' and '}}' do not go together in {self.text!r}"
        if any(not column.strip() for column in self.columns):
            return f"{self.text!r} has braces without a column in them"
        if self._escaped and "" in self.literals[1:-1]:
            return f"{self.text!r} has two columns with nothing between them; put a - there"
        return None

    def _fill_one(self, value: Any) -> str | None:
        before, after = self.literals
        if type(value) is int and value >= 0 and not after:
            return f"{before}{value}"
        text = value if type(value) is str else as_text(value)
        if text is None:
            return None
        return f"{before}{text if self._escaped is None else _id(text, self._escaped)}{after}"

    def _fill_all(self, *values: Any) -> str | None:
        texts = []
        for value in values:
            text = value if type(value) is str else as_text(value)
            if text is None:
                return None
            texts.append(text if self._escaped is None else _id(text, self._escaped))
        return self._format % tuple(texts)


def _id(text: str, escaped: re.Pattern[str]) -> str:
    """A value as a part of a stream's name."""
    if not text:
        raise ValueError("is empty, and cannot name a stream")
    if text.isascii() and text.isalnum():
        return text
    return VERSION.sub("%40", escaped.sub(_percent, text))


def _percent(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode())


def as_text(value: Any) -> str | None:
    """Return a value as text in a template; None for null.

    >>> as_text(7), as_text(True), as_text(date(2026, 1, 2))
    ('7', 'true', '2026-01-02')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, date):
        return value.isoformat()
    raise ValueError(f"{value!r} cannot be a part of a text")
