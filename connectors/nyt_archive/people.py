"""Who signed a document: persons where they are given, else the line that was printed, split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from connectors.nyt_archive.values import group, groups, text

CREDITS = "text|words|story|reported|written|compiled|edited|translated|photographs?|photos?"
BY = re.compile(rf"(?:(?:{CREDITS})\s+)?by(?:[:\s]\s*|$)", re.IGNORECASE)
SPECIAL = re.compile(
    r"[,;]?\s*\b(?:special|wireless|cable)\b[\w ]*?\bto\s+(?:the\s+)?"
    r"(?:new[ -]york times|n\.?\s?y\.?\s?times)\b.*",
    re.IGNORECASE,
)
"""What old lines have after the names: how the dispatch came."""
BETWEEN = re.compile(r"\s*;\s*|\s*,\s*(?:and\s+|&\s*)?|\s+(?:and|with)\s+|\s*&\s*", re.IGNORECASE)
BEHIND = re.compile(
    r"(?:jr|sr|ii|iii|iv|2d|3d|4th|esq|m\.?d|ph\.?d|ll\.?d|d\.?d\.?s?|r\.?n|s\.?j)\.?",
    re.IGNORECASE,
)
"""What follows a name after a comma, and is a part of it."""


def writers(document: Mapping[str, Any]) -> list[str]:
    """The names of those who signed a document, in order, each once.

    >>> writers({"byline": {"original": "By Ana Ruiz, Ben Okafor and Cy Katz"}})
    ['Ana Ruiz', 'Ben Okafor', 'Cy Katz']
    >>> writers({"byline": []})
    []
    """
    line = document.get("byline")
    byline = {"original": line} if isinstance(line, str) else group(document, "byline")
    names = [name for name in map(_full_name, groups(byline, "person")) if name]
    if not names and (original := text(byline, "original")):
        names = split_line(original)
    if not names and (organization := text(byline, "organization")):
        names = [organization]
    once: dict[str, str] = {}
    for name in names:
        once.setdefault(name.casefold(), name)
    return list(once.values())


def _full_name(person: Mapping[str, Any]) -> str | None:
    parts = (text(person, part) for part in ("firstname", "middlename", "lastname", "qualifier"))
    return " ".join(" ".join(filter(None, parts)).split()) or text(person, "organization")


def split_line(line: str) -> list[str]:
    """The names in a line as it was printed.

    >>> split_line("By ANA RUIZ and BEN OKAFOR Jr.; Photographs by Cy Katz")
    ['ANA RUIZ', 'BEN OKAFOR Jr.', 'Cy Katz']
    >>> split_line("By Sam Hall, Jr. Special to The New York Times")
    ['Sam Hall, Jr.']
    >>> split_line("HARBOR NEWS AGENCY")
    ['HARBOR NEWS AGENCY']
    """
    names: list[str] = []
    for part in BETWEEN.split(SPECIAL.sub("", " ".join(line.split()))):
        name = BY.sub("", part, count=1) if BY.match(part) else part
        if BEHIND.fullmatch(name) and names:
            names[-1] = f"{names[-1]}, {name}"
        elif name := name.strip(" ,;:"):
            names.append(name)
    return names
