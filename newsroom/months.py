"""Made-up months in the shape of the New York Times' Archive API, from 1851 to today.

Nothing in them is the newspaper's: words and names are those of the generated archive. They have
the shapes that the API's answers have and had, and what makes them hard to read: numbers as texts,
empty objects as lists, names in other letters, documents twice. The same seed gives the same
months. A document has the same content in each edition of its month, but for a few that changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from random import Random
from typing import Any, Literal

from newsroom.cast import AGENCIES, ERAS, FIRST_YEAR, SECTIONS, byline, tag
from newsroom.prose import Prose, Subject

Shape = Literal["old", "new"]
Document = dict[str, Any]

STRIKE = {(1978, 9), (1978, 10)}
"""The months of a strike: they have no documents, but null."""
NO_PAGES = 1964
"""The year whose documents have no pages."""
DESKS = ("Foreign Desk", "National Desk", "Metropolitan Desk", "Financial Desk", "Sports Desk")
MATERIALS = ("News", "News", "News", "Editorial", "Letter", "Review", "Obituary", "Front Page")
KEYWORDS = {
    "subject": "subject",
    "person": "persons",
    "organization": "organizations",
    "place": "glocations",
    "work": "creative_works",
}
"""What the API calls each kind of tag."""
SIZES = {
    "thumbStandard": ("thumbnail", 75, 75),
    "thumbWide": ("wide", 190, 126),
    "articleLarge": ("xlarge", 600, 400),
    "jumbo": ("jumbo", 1024, 683),
}
PEERS, TAGS = 6, 90
"""The people of one decade who sign documents, and the tags that there are."""


@dataclass(frozen=True)
class _Day:
    """A document's place in the calendar, and in the archive."""

    year: int
    month: int
    day: int
    number: int

    @property
    def path(self) -> str:
        return f"{self.year}/{self.month:02}/{self.day:02}"


def generate_month(
    year: int,
    month: int,
    documents: int,
    seed: int = 0,
    shape: Shape = "old",
    edition: int = 0,
) -> Document:
    """One month, as the API answers it: so many documents, some of them twice.

    ``edition`` is how often the month was taken from the API before: a few documents have changed
    since the edition before. Raises ``ValueError`` for a month before the newspaper.

    >>> month = generate_month(1912, 4, documents=3)
    >>> [document["pub_date"][:7] for document in month["response"]["docs"][:3]]
    ['1912-04', '1912-04', '1912-04']
    >>> generate_month(1978, 9, documents=3)["response"]["docs"] is None
    True
    """
    if not (year, month) >= (FIRST_YEAR, 9) or not 1 <= month <= 12:
        raise ValueError(f"{year}-{month:02} is no month since September {FIRST_YEAR}")
    found = list(_documents(year, month, documents, seed, shape, edition))
    named = {"hits": len(found), "offset": 0, "time": 24}
    response: Document = {"docs": None if (year, month) in STRIKE else found}
    response["meta" if shape == "old" else "metadata"] = named
    return {"copyright": "Made up: nobody's.", "response": response}


def _documents(
    year: int, month: int, documents: int, seed: int, shape: Shape, edition: int
) -> Iterator[Document]:
    if (year, month) in STRIKE:
        return
    for number in range(1, documents + 1):
        key = f"{seed}/{year}/{month}/{number}"
        document = _document(key, year, month, number, shape)
        for later in range(1, edition + 1):
            _change(document, Random(f"{key}/{later}"))  # noqa: S311 - it must be repeatable
        yield document
        if number % 29 == 0:
            yield document | {"type_of_material": "Brief"} if number % 2 else document


@cache
def _prose() -> tuple[Random, Prose]:
    """The words of all months, and what they are drawn by, which each document sets anew."""
    chance = Random(0)  # noqa: S311 - it must be repeatable
    return chance, Prose(chance)


def _document(key: str, year: int, month: int, number: int, shape: Shape) -> Document:
    chance, prose = _prose()
    chance.seed(key)
    day = _Day(
        year, month, 18 + chance.randrange(10) if year == 1851 else chance.randrange(1, 29), number
    )
    subject = prose.subject()
    above = chance.choice([*SECTIONS])
    below = chance.choice([None, *SECTIONS[above]])
    document = {
        **_identity(key, year, shape),
        **_texts(chance, prose, subject),
        "web_url": _address(day, subject, chance),
        "headline": _headline(chance, prose, subject, year),
        "byline": _byline(chance, year),
        "keywords": _keywords(chance, shape),
        "multimedia": _multimedia(chance, prose, subject, day, shape),
        "pub_date": f"{day.path.replace('/', '-')}T{_time(chance, year)}{_zone(shape)}",
        "document_type": "article",
        "news_desk": chance.choice([*DESKS, "None", "", None]),
        "section_name": _spelled(chance, above),
        "subsection_name": below,
        "type_of_material": chance.choice(MATERIALS),
        "source": "The Made-Up Times",
        **_print(chance, year, shape),
    }
    if shape == "old":
        document |= {"blog": [], "slideshow_credits": None, "score": 1.0}
    return document


def _identity(key: str, year: int, shape: Shape) -> Document:
    digest = sha1(key.encode(), usedforsecurity=False).hexdigest()
    if int(digest[:2], 16) < 13:  # some are known by an old id only, in both shapes
        return {"_id": digest[:24]}
    parts = (digest[:8], digest[8:12], f"5{digest[12:15]}", f"8{digest[15:18]}", digest[18:30])
    uri = f"nyt://article/{'-'.join(parts)}"
    return {"_id": digest[:24] if shape == "old" and year < 2010 else uri, "uri": uri}


def _texts(chance: Random, prose: Prose, subject: Subject) -> Document:
    lead = prose.own_paragraph(subject, 2)
    abstract = prose.abstract(subject)
    texts: Document = {"lead_paragraph": lead, "snippet": abstract, "abstract": abstract}
    if chance.random() < 0.3:
        texts |= {"abstract": chance.choice([None, ""]), "snippet": lead}
    if chance.random() < 0.1:
        del texts["lead_paragraph"]
    return texts


def _address(day: _Day, subject: Subject, chance: Random) -> str:
    slug = f"{subject.noun}-{day.number}".lower().replace(" ", "-")
    return f"https://www.example.com/{day.path}/{slug}.{chance.choice(['html', 'html', 'sgml'])}"


def _headline(chance: Random, prose: Prose, subject: Subject, year: int) -> Document:
    main = prose.headline(subject)
    names = ("kicker", "content_kicker", "print_headline", "name", "seo", "sub")
    headline: Document = {"main": main, **dict.fromkeys(names)}
    if chance.random() < 0.3:
        headline["kicker"] = prose.kicker(subject)
    if chance.random() < 0.6:
        headline["print_headline"] = main.upper() if year < 1950 else prose.headline(subject)
        if chance.random() < 0.05:
            headline["main"] = None
    return headline


def _byline(chance: Random, year: int) -> Any:
    way = chance.random()
    if way < 0.12:
        return chance.choice([[], {}, None])
    if way < 0.2:
        return {"original": chance.choice(AGENCIES).upper(), "person": [], "organization": None}
    if way < 0.24:
        return {"original": None, "person": [], "organization": chance.choice(AGENCIES)}
    names = _people(chance, year)
    line = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    if year < 1990 and chance.random() < 0.6:
        where = chance.choice(["", "", " Special to The New York Times", " Jr."])
        return {"original": f"By {line.upper()}{where}", "person": chance.choice([[], None])}
    return {
        "original": f"By {line}",
        "person": [_person(name, rank, chance) for rank, name in enumerate(names, 1)],
        "organization": None,
    }


def _people(chance: Random, year: int) -> list[str]:
    era = max(0, min(ERAS - 1, (year - FIRST_YEAR) // 10))
    numbers = chance.sample(range(PEERS), chance.choice([1, 1, 1, 2, 3]))
    first = len(AGENCIES) + 1 + era
    return [str(byline(first + ERAS * number, 0)["name"]) for number in numbers]


def _person(name: str, rank: int, chance: Random) -> Document:
    first, last = name.split(" ", 1)
    empty = dict.fromkeys(("middlename", "qualifier", "title"))
    if chance.random() < 0.2:
        last = last.upper()
    return {
        "firstname": first,
        "lastname": last,
        "role": "reported",
        "organization": "",
        **empty,
        "rank": rank,
    }


def _keywords(chance: Random, shape: Shape) -> Any:
    if chance.random() < 0.06:
        return chance.choice([[], None])
    keywords = []
    for rank, number in enumerate(chance.choices(range(1, TAGS), k=chance.randint(1, 6)), 1):
        found = tag(number, 0)
        value = _spelled(chance, found["name"])
        keyword = {"name": KEYWORDS[found["kind"]], "value": value, "rank": rank}
        keywords.append(keyword | ({"major": "N"} if shape == "old" else {}))
    chance.shuffle(keywords)
    return keywords


def _multimedia(chance: Random, prose: Prose, subject: Subject, day: _Day, shape: Shape) -> Any:
    has_picture, named = chance.random() < 0.4, chance.random() < 0.7
    caption = prose.caption(subject)
    stem = f"{day.day:02}{subject.place.upper().replace(' ', '')}{day.number}"
    folder = f"images/{day.path}/{stem}"
    if shape == "new":
        sizes = {
            name: {"url": "", "width": 0, "height": 0}
            if not has_picture
            else {
                "url": f"https://static01.nyt.com/{folder}/{stem}-{crop}.jpg",
                "width": width,
                "height": height,
            }
            for name, crop in (("default", "articleLarge"), ("thumbnail", "thumbStandard"))
            for _, width, height in (SIZES[crop],)
        }
        return {"caption": caption if has_picture else "", "credit": "Staff", **sizes}
    if not has_picture:
        return []
    return [
        {
            "rank": 0,
            "type": "image",
            "subtype": subtype,
            "legacy": {},
            "crop_name": crop if named else None,
            "url": f"{folder}/{stem}-{crop}.jpg",
            "width": width,
            "height": height,
            "caption": caption,
            "credit": "Staff",
        }
        for crop, (subtype, width, height) in SIZES.items()
    ]


def _print(chance: Random, year: int, shape: Shape) -> Document:
    page, words = chance.randint(1, 40), chance.choice([0, 87, 512, 1024])
    said: Document = {"word_count": str(words) if shape == "old" and page % 2 else words}
    if year != NO_PAGES and chance.random() < 0.8:
        said["print_page"] = page if shape == "old" and page % 3 else str(page)
    if year >= 1970 and chance.random() < 0.7:
        said["print_section"] = chance.choice("ABCD")
    return said


def _time(chance: Random, year: int) -> str:
    if year < 1996:  # in print before, around the clock since
        return "05:00:00"
    return f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"


def _zone(shape: Shape) -> str:
    return "+0000" if shape == "old" else "Z"


def _spelled(chance: Random, name: str) -> str:
    """A name as one of those spell it who do not agree."""
    ways: tuple[Callable[[str], str], ...] = (str, str, str.upper, lambda same: f" {same}  ")
    return chance.choice(ways)(name)


def _change(document: Document, chance: Random) -> None:
    """Change a few documents as an editor of the newspaper may have done meanwhile."""
    way = chance.random()
    if way < 0.04:
        document["headline"] = {
            **document["headline"],
            "main": f"{document['pub_date'][:4]}: Corrected",
        }
    elif way < 0.08:
        document["keywords"] = [{"name": "subject", "value": "Corrections", "rank": 1}]
    elif way < 0.1:
        document["byline"] = []
    elif way < 0.12:
        document.pop("lead_paragraph", None)
