"""What every template may link to and show: views, documents, dates, pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.pages.document.fields import is_outside
from app.pages.strings import text, view_label
from app.web.addresses import desk_page, page_of
from app.web.options import Options, is_link

if TYPE_CHECKING:
    from app.web.identity import Identity
    from app.web.site import Site


def views_for(site: Site, identity: Identity) -> list[str]:
    """The views that somebody may read: those of events are for the desk."""
    from replay import EVENT

    views = site.archive.views
    return [name for name in views if identity.edits or views[name].per != EVENT]


def reader_pages(site: Site) -> Iterator[tuple[str, str]]:
    """The pages that an archive has beside its documents: their labels and paths."""
    from replay import DAY, EVENT

    views = site.archive.views.values()
    if any(view.date and view.per not in (DAY, EVENT) for view in views):
        yield text("this_day"), "/on-this-day"
    if site.archive.domain.public and any(view.per == EVENT for view in views):
        yield text("corrections"), "/corrections"


def linking(site: Site) -> dict[str, Callable[..., Any]]:
    """The functions that templates link with, by the names that they have there."""

    def page_address(view: str, document: str) -> str:
        return page_of(site.archive.views[view], document)

    def entity_address(entity: str | None) -> str | None:
        view = site.archive.domain.view_of(entity) if entity else None
        return None if view is None or entity is None else page_address(view, entity)

    return {
        "page_address": page_address,
        "entity_address": entity_address,
        "desk_page": desk_page,
        "views_for": lambda identity: views_for(site, identity),
        "view_label": view_label,
        "view_labels": lambda names: {name: view_label(name) for name in names},
        "may_load": lambda address: may_load(site.options, address),
        "day": day,
        "machine_date": machine_date,
        "page_numbers": page_numbers,
        "is_outside": is_outside,
        "reader_pages": lambda: [*reader_pages(site)],
    }


def may_load(options: Options, address: object) -> bool:
    """Whether pages load a picture from an address: only from hosts that are set.

    A path is one of the site that people reach.

    >>> from dataclasses import replace
    >>> options = replace(Options.read(), picture_hosts=("*.example.org",))
    >>> may_load(options, "https://a.example.org/1.jpg"), may_load(options, "https://b.org/1.jpg")
    (True, False)
    """
    if not isinstance(address, str) or not is_link(address):
        return False
    if address.startswith("/"):
        address = f"{options.site_url or ''}{address}"
    parts = urlsplit(address)
    host = parts.hostname or ""
    return any(_matches(pattern, parts.scheme, host) for pattern in options.picture_hosts)


def _matches(pattern: str, scheme: str, host: str) -> bool:
    """Whether a pattern of the Content-Security-Policy, as ``protection`` writes it, has a host."""
    if pattern == "*":
        return True
    wanted, separator, rest = pattern.rpartition("//")
    if (wanted.rstrip(":") if separator else "https") != scheme:
        return False
    name = rest.split("/")[0].split(":")[0].lower()
    if name.startswith("*."):
        return host.endswith(name[1:])
    return host == name


def instant(value: object) -> datetime | date | None:
    """The instant or the day that a document's value is; ``None`` where it is none."""
    if isinstance(value, datetime | date):
        return value
    if not isinstance(value, str):
        return None
    try:
        return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
    except ValueError:
        return None


def day(value: object) -> str:
    """A date as a person reads it; instants are in UTC. What is no date stays as it is.

    >>> day("1912-04-15T06:30:00+00:00"), day("1851-09-18"), day("soon")
    ('15 April 1912', '18 September 1851', 'soon')
    """
    found = instant(value)
    if found is None:
        return "" if value is None else str(value)
    if isinstance(found, datetime):
        found = found.astimezone(UTC) if found.tzinfo else found
    return f"{found.day} {found:%B} {found.year}"


def machine_date(value: object) -> str | None:
    """The same date for programs, as the attribute ``datetime`` has it."""
    found = instant(value)
    if found is None:
        return None
    if isinstance(found, datetime):
        found = found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        return found.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    return found.isoformat()


def page_numbers(page: int, pages: int) -> list[int | None]:
    """The pages to link to: the first, the last, and those around this one; ``None`` for a gap.

    >>> page_numbers(6, 20)
    [1, None, 5, 6, 7, None, 20]
    >>> page_numbers(1, 3)
    [1, 2, 3]
    """
    shown = {1, pages, page - 1, page, page + 1}
    numbers: list[int | None] = []
    last = 0
    for number in sorted(each for each in shown if 1 <= each <= pages):
        if number == last + 2:
            numbers.append(last + 1)
        elif number > last + 2:
            numbers.append(None)
        numbers.append(number)
        last = number
    return numbers
