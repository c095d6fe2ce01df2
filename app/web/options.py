"""What an operator has set for the server, read once when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from app.options import Failure
from event_log import settings


@dataclass(frozen=True)
class Link:
    """A link in the footer."""

    label: str
    address: str


@dataclass(frozen=True)
class Options:
    """The settings of the server: see the reference of settings for each."""

    open_reading: bool
    site_url: str | None
    name: str
    logo: Path | None
    colour: str | None
    links: tuple[Link, ...]
    templates: Path | None
    picture_hosts: tuple[str, ...]
    dagster_url: str | None
    query_seconds: float
    body_bytes: int
    requests_a_minute: int
    past_an_hour: int
    export_documents: int
    session_hours: int
    secure: bool = False
    """Whether people reach the server by https only: the session's cookie says so."""
    open_metrics: bool = False
    """Whether who reaches the server may read its figures: only this machine reaches it."""

    @classmethod
    def read(cls, on_loopback: bool = True, secure: bool = False) -> Options:
        """The settings in force; reading is open by default on the loopback address only."""
        reading, site_url = settings.text("STET_READING"), settings.text("STET_SITE_URL")
        return cls(
            open_reading=reading == "open" if reading else on_loopback,
            site_url=site_url.rstrip("/") if site_url else None,
            name=settings.text("STET_SITE_NAME") or "",
            logo=_path("STET_SITE_LOGO"),
            colour=settings.text("STET_SITE_COLOUR"),
            links=_links(settings.text("STET_SITE_LINKS") or ""),
            templates=_path("STET_TEMPLATES"),
            picture_hosts=_listed(settings.text("STET_PICTURE_HOSTS") or "", ","),
            dagster_url=settings.text("STET_DAGSTER_URL"),
            query_seconds=settings.number("STET_QUERY_SECONDS"),
            body_bytes=settings.whole("STET_BODY_KB") * 1_000,
            requests_a_minute=settings.whole("STET_REQUESTS_A_MINUTE"),
            past_an_hour=settings.whole("STET_PAST_AN_HOUR"),
            export_documents=settings.whole("STET_EXPORT_DOCUMENTS"),
            session_hours=settings.whole("STET_SESSION_HOURS"),
            secure=secure or bool(site_url and site_url.startswith("https:")),
            open_metrics=on_loopback and not secure and not site_url,
        )


def _path(name: str) -> Path | None:
    text = settings.text(name)
    return Path(text).expanduser() if text else None


def _listed(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _links(text: str) -> tuple[Link, ...]:
    """The links of the footer.

    >>> _links("Privacy = https://example.org/p; Contact=/contact")[1]
    Link(label='Contact', address='/contact')
    """
    links = []
    for part in _listed(text, ";"):
        label, _, address = (piece.strip() for piece in part.partition("="))
        if not label or not is_link(address):
            raise Failure(
                f"STET_SITE_LINKS: {part!r} is no link; write label=address, where the address"
                " begins with https://, http:// or /"
            )
        links.append(Link(label, address))
    return tuple(links)


def is_link(address: object) -> bool:
    """Whether an address may be linked to: http or https, or a path of this site.

    >>> is_link("https://example.org/a"), is_link("javascript:alert(1)"), is_link("//example.org")
    (True, False, False)
    """
    if not isinstance(address, str) or not address.isprintable() or "\\" in address:
        return False
    if address.startswith("/"):
        return not address.startswith("//")
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
