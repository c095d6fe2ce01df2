"""A long text as markup: paragraphs, and Markdown only where the field says that it is some."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from app.pages.document.fields import paragraphs
from app.web.options import is_link

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

    from app.web.site import Site

FORMAT, MARKDOWN = b"format", b"markdown"
"""The key and the value in a field's metadata by which its text is Markdown."""


def prose(site: Site, category: str, field: str, text: str | None) -> Sequence[Markup]:
    """The blocks of a field's text; all that is not Markdown of its own is escaped."""
    if not text:
        return []
    fields = site.archive.log.registry[category].fields
    metadata = (fields.field(field).metadata or {}) if field in fields.names else {}
    if metadata.get(FORMAT) == MARKDOWN:
        return [markdown(text)]
    return [Markup("<p>{}</p>").format(part) for part in map(escape, paragraphs(text))]


def markdown(text: str) -> Markup:
    """Markdown as HTML: HTML in it is shown as text, pictures and unsafe links are left out.

    >>> markdown("**a** <b> [x](javascript:alert(1)) [y](https://example.org)")
    Markup('<p><strong>a</strong> &lt;b&gt; [x](javascript:alert(1)) <a href="https://example.org">y</a></p>\\n')
    """
    return Markup(_parser().render(text))  # noqa: S704 - the parser escapes what is HTML


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False}).disable(["image", "html_block"])
    parser.validateLink = is_link  # type: ignore[assignment, method-assign]
    return parser
