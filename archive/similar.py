"""Finding documents by others: similar ones, and names and headlines that begin so."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import TYPE_CHECKING, Any

from archive.document import document as document_of
from archive.errors import ArchiveError
from search import NothingServes, Query, significant_words, stems, values, words

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
    alias: str | None = None
    """Another name of it that has the words, where the title has not."""


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

    What is found by another name of it, as its view declares them, is suggested with that name.
    Names that begin with the text come first. Without a view, those of all views whose documents
    are entities are searched.
    """
    typed = words(text)
    if not typed:
        return []
    found: dict[tuple[str, str], Suggestion] = {}
    for name in _views(archive, view):
        definition = archive.view(name)
        for each in (
            *_titled(archive, definition, typed, size),
            *_called(archive, definition, typed, size),
        ):
            found.setdefault((name, each.id), each)
    beginning = " ".join(typed)
    return sorted(
        found.values(),
        key=lambda each: not " ".join(words(each.alias or each.title)).startswith(beginning),
    )[:size]


def _titled(archive: Archive, view: View, typed: Sequence[str], size: int) -> Iterator[Suggestion]:
    """The documents of a view whose title has the words."""
    texts = view.text
    field = next((name for name, paths in texts.items() if [*paths] == [view.title]), "")
    for hit in _having(archive, view, field, typed, size):
        yield Suggestion(view.name, hit.id, unescape(hit.title))


def _called(archive: Archive, view: View, typed: Sequence[str], size: int) -> Iterator[Suggestion]:
    """The documents of a view of which another name has the words."""
    for field in view.other_names:
        for hit in _having(archive, view, field, typed, size):
            alias = next((name for name in _names(hit, view, field) if _has(name, typed)), None)
            if alias is not None:
                yield Suggestion(view.name, hit.id, unescape(hit.title), alias)


def _names(hit: Hit, view: View, field: str) -> Iterator[str]:
    """The names in one of the view's texts; an index of before may not have them."""
    for path in view.text[field]:
        if path.partition(".")[0] in hit.document:
            yield from values(hit.document, path)


def _has(name: str, typed: Sequence[str]) -> bool:
    """Whether one name has all of the words: an index finds those of several names together."""
    *before, last = typed
    there = words(name)
    return any(word.startswith(last) for word in there) and all(
        word in there or {*stems(word)} <= {*stems(name)} for word in before
    )


def _views(archive: Archive, view: str | None) -> Iterator[str]:
    if view is not None:
        yield archive.view(view).name
        return
    categories = {category.name for category in archive.domain.categories}
    yield from (view.name for view in archive.views.values() if view.per in categories)


def _having(archive: Archive, view: View, field: str, typed: Sequence[str], size: int) -> list[Hit]:
    """The documents of a view with the words in one text; in any text if it is not named."""
    *before, last = typed
    said = [f"{field}:{word}" if field else word for word in [*before, f"{last}*"]]
    text = " ".join(f"+{word}" for word in said)
    try:
        return archive.engine.search(Query(text, view.name, size=size, highlight=False)).hits
    except NothingServes:
        return []
