"""The sections, bylines and tags of the generated archive, each computed from its number.

None is kept in memory, so the size of the archive does not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from newsroom.categories import TAG_KINDS
from newsroom.vocabulary import vocabulary

FIRST_YEAR, LAST_YEAR = 1851, 2025
ERAS = 18
"""Careers begin in one of this many decades."""
AGENCIES = (
    "Harbor News Agency",
    "Continental Wire",
    "Staff Correspondents",
    "The City Desk",
    "Pacific Dispatch",
    "Union Press Bureau",
    "The Night Desk",
    "Market Ticker",
)
SECTIONS = {
    "World": ("Europe", "Americas", "Asia Pacific", "Africa", "Middle East"),
    "U.S.": ("Politics", "Education", "Courts"),
    "New York": ("City Hall", "Boroughs", "Transit"),
    "Business": ("Markets", "Energy", "Media", "Small Business"),
    "Opinion": ("Editorials", "Letters"),
    "Science": ("Space", "Climate", "Archaeology"),
    "Health": ("Medicine", "Nutrition"),
    "Sports": ("Baseball", "Football", "Boxing", "Tennis"),
    "Arts": ("Music", "Theater", "Books", "Film", "Dance"),
    "Style": ("Fashion", "Weddings"),
    "Travel": ("Voyages",),
    "Obituaries": (),
}
TITLES = ("Reporter", "Correspondent", "Critic", "Columnist", "Photographer", "Bureau Chief")


def sections() -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and fields of each section, parents before their sub-sections."""
    for name, children in SECTIONS.items():
        parent = f"section/{_slug(name)}"
        yield parent, {"name": name, "description": f"All that {name} brought."}
        for child in children:
            yield f"{parent}-{_slug(child)}", {"name": child, "parent_id": parent}


def byline(number: int, seed: int) -> dict[str, Any]:
    """The fields of byline ``number``, from 1: the agencies first, then people, decade by decade.

    >>> byline(1, seed=0)["name"]
    'Harbor News Agency'
    """
    if number <= len(AGENCIES):
        return {"name": AGENCIES[number - 1], "title": "Agency", "url": f"/by/{number}"}
    first = FIRST_YEAR + 10 * era(number)
    chance = _mixed(number, seed)
    words = vocabulary()
    first_name = words.first_names[chance % len(words.first_names)]
    surname = words.surnames[chance // 101 % len(words.surnames)]
    place = words.places[chance // 103 % len(words.places)]
    title = TITLES[chance // 107 % len(TITLES)]
    name = f"{first_name} {surname}"
    return {
        "name": name,
        "title": title,
        "bio": f"{name}, born in {place}, joined the paper in {first} as a {title}.",
        "url": f"/by/{number}",
        "active_from": date(first, 1 + chance % 12, 1).isoformat(),
        "active_to": date(first + 15 + chance % 20, 12, 31).isoformat(),
    }


def era(number: int) -> int:
    """The decade, from 0, in which the career of byline ``number`` began."""
    return (number - len(AGENCIES) - 1) % ERAS


def tag(number: int, seed: int) -> dict[str, Any]:
    """The fields of tag ``number``, from 1; consecutive tags are of all kinds in turn."""
    kind = TAG_KINDS[number % len(TAG_KINDS)]
    return {"name": _tag_name(kind, number // len(TAG_KINDS), _mixed(number, seed)), "kind": kind}


def _tag_name(kind: str, index: int, chance: int) -> str:
    words = vocabulary()
    adjective = words.adjectives[chance % len(words.adjectives)].capitalize()
    if kind == "person":
        first_name = words.first_names[chance % len(words.first_names)]
        return f"{first_name} {words.surnames[index % len(words.surnames)]}"
    if kind == "place":
        return words.places[index % len(words.places)]
    if kind == "organization":
        form = ("{} Company", "University of {}", "{} Society", "{} Brothers")[chance % 4]
        return form.format(words.surnames[chance // 7 % len(words.surnames)])
    noun = words.nouns[index % len(words.nouns)].capitalize()
    return noun if kind == "subject" else f"The {adjective} {noun}"


def _mixed(number: int, seed: int) -> int:
    """A pseudo-random number that depends on ``number`` and ``seed`` only."""
    mixed = (number * 0x9E3779B97F4A7C15 + seed * 0xC2B2AE3D27D4EB4F) & 0xFFFFFFFFFFFFFFFF
    mixed = ((mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    return mixed ^ (mixed >> 29)


def _slug(name: str) -> str:
    return name.lower().replace(".", "").replace(" ", "-")
