"""Finding documents by others: similar ones, and names and headlines that begin so."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, Any

from archive.document import document as document_of
from archive.errors import ArchiveError
from search import NothingServes, Query, significant_words, values, words

if TYPE_CHECKING:
    from archive import Archive
    from replay import View
    from search import Answer, Hit

MOST_WORDS = 25
"""Words by which similar documents are searched, as in Lucene's More Like This."""
TITLE = 3
"""How often a word of the title counts."""


class NoSuchDocument(ArchiveError, LookupError):
    """The live index of a view has no document of this id."""


@dataclass(frozen=True)
class Suggestion:
    """A document whose title begins as a reader types."""

    view: str
    id: str
    title: str


def similar(archive: Archive, document: str, view: str, size: int = 10) -> Answer:
    """The documents of a view that are most like one of them, best first.

    They share its most frequent words; words of its title count three times. Raises
    ``NoSuchDocument`` when the live index does not have it.
    """
    definition = archive.view(view)
    hit = document_of(archive, document, definition)
    if hit is None:
        raise NoSuchDocument(f"the live index of {definition.name} has no document {document!r}")
    text = " ".join(_words(hit.document, definition))
    query = Query(text, definition.name, size=size, any_word=True, highlight=False)
    answer = archive.engine.search(replace(query, excluded_ids=document))
    return answer if text else replace(answer, total=0, hits=[])


def _words(document: dict[str, Any], view: View) -> list[str]:
    counts: Counter[str] = Counter()
    for paths in view.text.values():
        for path in paths:
            times = TITLE if path == view.title else 1
            for value in values(document, path):
                for word in significant_words(value):
                    counts[word] += times
    ordered = heapq.nlargest(MOST_WORDS, counts.items(), key=lambda pair: (pair[1], pair[0]))
    return [word for word, _ in ordered]


def suggest(
    archive: Archive, text: str, view: str | None = None, size: int = 10
) -> list[Suggestion]:
    """Names and headlines with these words, of which the last may be a beginning.

    Titles that begin with the text come first. Without a view, those of all views whose documents
    are entities are searched.
    """
    beginning = " ".join(words(text))
    if not beginning:
        return []
    found = [
        Suggestion(name, hit.id, unescape(hit.title))
        for name in _views(archive, view)
        for hit in _titles(archive, name, words(text), size)
    ]
    found.sort(key=lambda each: not " ".join(words(each.title)).startswith(beginning))
    return found[:size]


def _views(archive: Archive, view: str | None) -> Iterator[str]:
    if view is not None:
        yield archive.view(view).name
        return
    categories = {category.name for category in archive.domain.categories}
    yield from (view.name for view in archive.views.values() if view.per in categories)


def _titles(archive: Archive, view: str, beginning: tuple[str, ...], size: int) -> list[Hit]:
    *before, last = beginning
    texts = archive.view(view).text
    field = next((n for n, paths in texts.items() if [*paths] == [archive.view(view).title]), "")
    said = [f"{field}:{word}" if field else word for word in [*before, f"{last}*"]]
    try:
        return archive.engine.search(
            Query(" ".join(f"+{word}" for word in said), view, size=size, highlight=False)
        ).hits
    except NothingServes:
        return []
