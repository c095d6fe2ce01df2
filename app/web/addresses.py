"""Addresses of documents: the id of a document in the path of its page and of the API."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from starlette.requests import Request

    from app.web.options import Options
    from replay import View

HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
DOTS = frozenset({"", ".", ".."})
"""Words of a path that clients leave out before they ask."""


def origin(request: Request, options: Options) -> str:
    """What the absolute addresses of this site begin with: as is set, or as it was called."""
    if options.site_url:
        return options.site_url
    url = request.url
    return f"{url.scheme}://{url.netloc}" if HOST.fullmatch(url.netloc) else ""


def page_of(view: View, document: str) -> str:
    """The path of a document's page; the category that the view has one document for is left out.

    >>> from newsroom import DOMAIN
    >>> page_of(DOMAIN.views["articles"], "article/titanic-1912")
    '/articles/titanic-1912'
    >>> page_of(DOMAIN.views["history"], "article/titanic-1912@2")
    '/history/article%2Ftitanic-1912%402'
    """
    rest = document.removeprefix(_prefix(view))
    if _is_dots(view, rest):  # a browser would take .. for the folder above
        rest = _prefix(view) + rest
    return f"/{view.name}/{quote(rest, safe='')}"


def document_of(view: View, path: str) -> str:
    """The id of the document whose page has this (decoded) path below the view's.

    >>> from newsroom import DOMAIN
    >>> document_of(DOMAIN.views["articles"], "titanic-1912")
    'article/titanic-1912'
    """
    prefix = _prefix(view)
    return path if prefix and path.startswith(prefix) and _is_dots(view, path) else prefix + path


def desk_page(stream: str, page: str = "", **query: object) -> str:
    """The address of an entity's page on the desk.

    >>> desk_page("article/titanic-1912", "history")
    '/desk/article/titanic-1912/history'
    >>> desk_page("tag/a/b?", version=2)
    '/desk/tag/a%2Fb%3F?version=2'
    """
    category, _, number = stream.partition("/")
    path = f"/desk/{quote(category, safe='')}/{quote(number, safe='')}"
    asked = f"?{urlencode(query)}" if query else ""
    return f"{path}/{page}{asked}" if page else f"{path}{asked}"


def _is_dots(view: View, rest: str) -> bool:
    """Whether the rest of an id is ``.`` or ``..``, after the view's category or without it."""
    prefix = _prefix(view)
    while prefix and rest.startswith(prefix):
        rest = rest.removeprefix(prefix)
    return rest in DOTS


def _prefix(view: View) -> str:
    """What all ids of a view of entities begin with."""
    from replay import DAY, EVENT

    return "" if view.per in (None, DAY, EVENT) else f"{view.per}/"


CALLS = frozenset({"explain", "diff", "timemap", "events", "history"})
"""Words after an id that are calls of the API."""


def api_of(view: View, document: str) -> str:
    """The path of a document in the API.

    >>> from newsroom import DOMAIN
    >>> api_of(DOMAIN.views["articles"], "article/titanic-1912")
    '/api/v1/articles/article/titanic-1912'
    """
    return f"/api/v1/{view.name}/{in_path(document)}"


def in_path(name: str) -> str:
    """A name as the end of a path: its slashes are encoded where it would be another call's.

    >>> in_path("a b/c"), in_path("tag/explain"), in_path("..")
    ('a%20b/c', 'tag%2Fexplain', '%2E%2E')
    """
    words = {*name.split("/")}
    if words.isdisjoint({*CALLS, *DOTS, ""}):
        return quote(name)
    return quote(name, safe="").replace(".", "%2E")
