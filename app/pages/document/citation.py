"""How a document is cited: APA, MLA and BibTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

MONTHS = "Jan. Feb. Mar. Apr. May June July Aug. Sept. Oct. Nov. Dec."
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
"""The characters that mean something to BibTeX or TeX, and how they are written."""

BEHIND = re.compile(r"(?<=\S),? ((?:Jr|Sr)\.?|II|III|IV)$", re.IGNORECASE)
"""What stands behind a last name, and is none."""


@dataclass(frozen=True)
class Cited:
    """What a citation says of an article."""

    key: str
    title: str
    authors: Sequence[str]
    paper: str
    published: datetime | None
    address: str


def apa(cited: Cited) -> str:
    """The citation in the style of the American Psychological Association.

    >>> at = datetime(1912, 4, 15)
    >>> apa(Cited("t", "Lost", ["Ana Lind", "Ben Keane"], "The Paper", at, "https://a.example/t"))
    'Lind, A., & Keane, B. (1912, April 15). Lost. The Paper. https://a.example/t'
    """
    names = [_initialled(name) for name in cited.authors]
    authors = ", & ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
    date = f"({cited.published:%Y, %B} {cited.published.day})" if cited.published else "(n.d.)"
    begun = f"{_ended(authors)} {date}" if authors else f"{_ended(cited.title)} {date}"
    title = f" {_ended(cited.title)}" if authors else ""
    return f"{begun}.{title} {_ended(cited.paper)} {cited.address}"


def mla(cited: Cited) -> str:
    """The citation in the style of the Modern Language Association.

    >>> at = datetime(1912, 4, 15)
    >>> mla(Cited("t", "Lost", ["Ana Lind", "Ben Keane"], "The Paper", at, "https://a.example/t"))
    'Lind, Ana, and Ben Keane. “Lost.” The Paper, 15 Apr. 1912, https://a.example/t.'
    """
    first, *others = cited.authors or [""]
    authors = _reversed(first)
    if len(others) > 1:
        authors += ", et al."
    elif others:
        authors += f", and {others[0]}"
    at = cited.published
    date = f", {at.day} {MONTHS.split()[at.month - 1]} {at.year}" if at else ""
    begun = f"{_ended(authors)} " if authors else ""
    return f"{begun}“{_ended(cited.title)}” {cited.paper}{date}, {cited.address}."


def bibtex(cited: Cited) -> str:
    r"""The citation as an entry of BibTeX.

    >>> print(bibtex(Cited("a b", "50% & {more}", ["Ana Lind"], "P", None, "https://a.example/%C3")))
    @article{a-b,
      author = {{Ana Lind}},
      title = {{50\% \& \{more\}}},
      journal = {P},
      url = {https://a.example/%C3}
    }
    """
    entry = {
        "author": " and ".join(f"{{{escaped(name)}}}" for name in cited.authors),
        "title": f"{{{escaped(cited.title)}}}",
        "journal": escaped(cited.paper),
    }
    if cited.published:
        at = cited.published
        entry |= {"year": f"{at:%Y}", "month": f"{at.month}", "day": f"{at.day}"}
    entry["url"] = re.sub(r"[{}\\\s]", "", cited.address)
    fields = [f"  {name} = {{{value}}}" for name, value in entry.items() if value]
    key = re.sub(r"[^A-Za-z0-9:]+", "-", cited.key).strip("-") or "document"
    return f"@article{{{key},\n" + ",\n".join(fields) + "\n}"


def escaped(text: str) -> str:
    r"""A text as BibTeX writes it, on one line.

    >>> escaped("A_1 {x}\n~")
    'A\\_1 \\{x\\} \\textasciitilde{}'
    """
    return "".join(SPECIAL.get(character, character) for character in " ".join(text.split()))


def _reversed(name: str) -> str:
    """The last name first; a single name stays.

    >>> _reversed("Sam Hall, Jr."), _reversed("Reuters")
    ('Hall, Sam, Jr.', 'Reuters')
    """
    return ", ".join(filter(None, _parts(name)))


def _initialled(name: str) -> str:
    """The last name first, and the others as initials.

    >>> _initialled("Mary Ann Hall III")
    'Hall, M. A., III'
    """
    last, first, behind = _parts(name)
    initials = " ".join(f"{part[0]}." for part in first.split())
    return ", ".join(filter(None, (last, initials, behind)))


def _parts(name: str) -> tuple[str, str, str]:
    """The last name, those before it, and what stands behind it, such as Jr."""
    name = " ".join(name.split())
    behind = BEHIND.search(name)
    first, _, last = (name[: behind.start()] if behind else name).rpartition(" ")
    return last, first, behind[1] if behind else ""


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
