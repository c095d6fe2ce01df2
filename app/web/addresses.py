"""Addresses of documents: the id of a document in the path of its page and of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from replay import View


def page_of(view: View, document: str) -> str:
    """The path of a document's page; the category that the view has one document for is left out.

    >>> from newsroom import DOMAIN
    >>> page_of(DOMAIN.views["articles"], "article/titanic-1912")
    '/articles/titanic-1912'
    >>> page_of(DOMAIN.views["history"], "article/titanic-1912@2")
    '/history/article%2Ftitanic-1912%402'
    """
    return f"/{view.name}/{quote(document.removeprefix(_prefix(view)), safe='')}"


def document_of(view: View, path: str) -> str:
    """The id of the document whose page has this (decoded) path below the view's.

    >>> from newsroom import DOMAIN
    >>> document_of(DOMAIN.views["articles"], "titanic-1912")
    'article/titanic-1912'
    """
    return _prefix(view) + path


def _prefix(view: View) -> str:
    """What all ids of a view of entities begin with."""
    from replay import DAY, EVENT

    return "" if view.per in (None, DAY, EVENT) else f"{view.per}/"


def api_of(view: View, document: str) -> str:
    """The path of a document in the API.

    >>> from newsroom import DOMAIN
    >>> api_of(DOMAIN.views["articles"], "article/titanic-1912")
    '/api/v1/articles/article/titanic-1912'
    """
    return f"/api/v1/{view.name}/{quote(document)}"
