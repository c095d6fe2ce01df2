"""A document's fields as a tree that a template shows: dates, links, references, lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.web.addresses import page_of
from app.web.options import is_link

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View

INSTANT = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?")
NAMES = ("name", "headline", "title", "caption", "summary", "label")
"""What a struct is called by, where its view does not say."""
NAMING = ("_id", "_ids", "stream")
"""How the names of fields end whose text names an entity."""
LONG = 120
MOST_ITEMS = 200
"""Items of a list that a page shows."""
UNSHOWN = ("sequence",)


@dataclass(frozen=True)
class Node:
    """A value as a page shows it.

    ``kind`` is ``text``, ``prose``, ``date``, ``link``, ``reference``, ``list`` or ``struct``.
    """

    kind: str
    text: str = ""
    address: str | None = None
    items: Sequence[Node] = ()
    fields: Sequence[tuple[str, Node]] = ()
    more: int = 0
    """Items that are not shown."""


def label_of(field: str) -> str:
    """A field's name in words, as in the history: ``section`` for ``section_id``.

    >>> label_of("published_at"), label_of("section_id")
    ('Published at', 'Section')
    """
    from replay import label

    words = label(field)
    return words[:1].upper() + words[1:]


def title_of(view: View, document: Mapping[str, Any]) -> str:
    """What a document is called: the first title that is not blank, else its id."""
    from search import values

    titles = (str(title).strip() for title in values(document, view.title))
    return next((title for title in titles if title), str(document["id"]))


def shown_fields(site: Site, view: View, document: Mapping[str, Any]) -> list[tuple[str, Node]]:
    """The fields of a document with a value, except for its id and its title."""
    left_out = {"id", view.title, *UNSHOWN}
    return [*_fields(site, {n: v for n, v in document.items() if n not in left_out})]


def _fields(site: Site, struct: Mapping[str, Any]) -> Iterator[tuple[str, Node]]:
    for name, value in struct.items():
        node = _node(site, name, value)
        if node is not None:
            yield label_of(name), node


def _node(site: Site, name: str, value: Any) -> Node | None:
    if value is None or value in ("", [], {}):
        return None
    if isinstance(value, dict):
        return _struct(site, value)
    if isinstance(value, list):
        nodes = [_node(site, name, item) for item in value[:MOST_ITEMS]]
        more = max(0, len(value) - MOST_ITEMS)
        items = [node for node in nodes if node is not None]
        return Node("list", items=items, more=more) if items else None
    if isinstance(value, bool):
        return Node("text", "yes" if value else "no")
    if isinstance(value, int | float):
        return Node("text", f"{value:,}")
    return _text(site, name, str(value))


def _text(site: Site, name: str, value: str) -> Node:
    if INSTANT.fullmatch(value):
        return Node("date", value)
    if name.endswith(NAMING) and (address := entity_page(site, value)):
        return Node("reference", value, address)
    if is_outside(value):
        return Node("link", value, value)
    return Node("prose" if len(value) > LONG or "\n" in value else "text", value)


def _struct(site: Site, struct: Mapping[str, Any]) -> Node | None:
    identity = struct.get("id")
    if not isinstance(identity, str):
        fields = [*_fields(site, struct)]
        return Node("struct", fields=fields) if fields else None
    name = next((n for n in NAMES if isinstance(struct.get(n), str) and struct[n].strip()), "id")
    rest = {n: v for n, v in struct.items() if n not in ("id", name)}
    fields = [*_fields(site, rest)]
    return Node("reference", str(struct[name]), entity_page(site, identity), fields=fields)


def entity_page(site: Site, entity: str) -> str | None:
    """The path of the page of an entity, if a view has one document for each of its category."""
    category, slash, _ = entity.partition("/")
    if not slash or category not in site.archive.log.registry:
        return None
    name = site.archive.domain.view_of(entity)
    view = None if name is None else site.archive.view(name)
    return None if view is None or view.per != category else page_of(view, entity)


def is_outside(address: str) -> bool:
    """Whether an address is a link to another site, by http or https.

    >>> is_outside("https://example.org/a"), is_outside("javascript:alert(1)"), is_outside("/a")
    (True, False, False)
    """
    return is_link(address) and bool(urlsplit(address).scheme)


def paragraphs(text: str | None) -> list[str]:
    """The paragraphs of a text: empty lines separate them.

    >>> paragraphs("One.\\n\\n Two.\\nStill two.")
    ['One.', 'Two.\\nStill two.']
    """
    parts = re.split(r"\n[ \t]*\n", (text or "").replace("\r\n", "\n"))
    return [part.strip() for part in parts if part.strip()]
