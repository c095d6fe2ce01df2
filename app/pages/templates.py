"""The templates of the pages: those of the house, each of which a newspaper's own may replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from app.pages import strings
from app.pages.brand import colour_address, logo_address
from app.pages.linking import linking
from app.pages.static import static_address
from app.web.addresses import origin
from app.web.identity import Identity
from app.web.options import is_link
from app.web.site import site_of

if TYPE_CHECKING:
    from app.web.site import Site


class Templates:
    """Renders templates: every value is escaped unless it is marked as markup of our own."""

    def __init__(self, site: Site) -> None:
        own = site.options.templates
        loaders = [PackageLoader("app.pages", "html")]
        self._environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(own), *loaders] if own else loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["number"] = number
        self._environment.filters["sentence"] = sentence
        self._environment.globals.update(
            site=site.options,
            text=strings.text,
            is_link=is_link,
            static=static_address,
            views=[*site.archive.views],
            domain=site.archive.domain.name,
            colour_sheet=colour_address(site.options),
            logo=logo_address(site.options),
            **linking(site),
        )

    @property
    def environment(self) -> Environment:
        """Jinja's environment, for filters and values that a page adds when it is imported."""
        return self._environment

    def text(self, name: str, values: Mapping[str, Any]) -> str:
        """Render a template to a text."""
        return self._environment.get_template(name).render(**values)


def number(value: int) -> str:
    """A number as a person reads it.

    >>> number(98492)
    '98,492'
    """
    return f"{value:,}"


def sentence(text: str) -> str:
    """A text that begins with a capital; its other letters stay as they are.

    >>> sentence("print headline"), sentence("URL of the page")
    ('Print headline', 'URL of the page')
    """
    return text[:1].upper() + text[1:]


def render(
    request: Request,
    name: str,
    identity: Identity,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """Answer with a page; each template has the request, who asks, and the values given."""
    templates: Templates = request.app.state.templates
    page = templates.text(name, {"request": request, "identity": identity, **values})
    return HTMLResponse(page, status, headers)


def base_of(request: Request) -> str:
    """What absolute addresses begin with: ``STET_SITE_URL``, else how the request reached us."""
    return origin(request, site_of(request).options)
