"""The versions of a document by date, as RFC 7089 (Memento) has it: for the pages and the API.

A version is what an event of the document's own entity made; its address is that of the document
with ``?at=`` and the sequence of the event. It is dated by when the event happened, and by when it
was recorded if it does not say: readers ask for the paper of a day, not for the day of an import.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING

from app.web.identity import Identity
from app.web.problems import Problem, WrongField

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View

LINK_FORMAT = "application/link-format"
VARY = "accept-datetime"


@dataclass(frozen=True)
class Version:
    """A version of a document: its entity's version, the event's sequence, and its date."""

    version: int
    sequence: int
    dated: datetime
    """No earlier than that of the version before, whatever the events say."""


@dataclass(frozen=True)
class TimeMap:
    """The versions of a document, oldest first, and the addresses by which they are found.

    >>> dated = datetime(1912, 4, 15, 20, tzinfo=UTC)
    >>> times = TimeMap("https://a.example/articles/1", [Version(1, 7, dated)])
    >>> times.address(times.versions[0])
    'https://a.example/articles/1?at=7'
    """

    original: str
    """The absolute address of the document."""
    versions: Sequence[Version]

    @property
    def itself(self) -> str:
        """The absolute address of the time map."""
        return f"{self.original}/timemap"

    def address(self, version: Version) -> str:
        """The absolute address of a version."""
        return f"{self.original}?at={version.sequence}"

    def nearest(self, moment: datetime) -> Version:
        """The version that was current at a moment; before the first one, the first."""
        earlier = [each for each in self.versions if each.dated <= moment]
        return earlier[-1] if earlier else self.versions[0]

    def chosen(self, at: str) -> Version:
        """The version of ``?at=``: a sequence, or a date of which the end counts.

        Raises ``Problem`` 422 for what is neither, 404 if there was none yet.
        """
        from event_log import dates

        if at.isascii() and at.isdecimal():
            found = [v for v in self.versions if len(at) < 20 and v.sequence <= int(at)]
        else:
            try:
                last = dates.date_span(at, datetime.now(UTC)).last
            except dates.InvalidDate as error:
                wrong = [WrongField("at", str(error))]
                raise Problem(422, f"at: {error}", wrong) from None
            found = [v for v in self.versions if dates.microseconds(v.dated) <= last]
        if not found:
            first = self.versions[0].dated.date().isoformat()
            raise Problem(404, f"there was no version of this yet as of {at}; the first is {first}")
        return found[-1]

    def headers(self, version: Version | None = None) -> dict[str, str]:
        """What an answer says of time: of a version, or of the document as it is now."""
        links = [f'<{self.original}>; rel="original timegate"']
        links.append(f'<{self.itself}>; rel="timemap"; type="{LINK_FORMAT}"')
        if version is None:
            return {"Vary": VARY, "Link": ", ".join(links)}
        for each, relation in self._related(version):
            links.append(self._memento(each, relation))
        return {"Memento-Datetime": http_date(version.dated), "Link": ", ".join(links)}

    def to_version(self, version: Version) -> dict[str, str]:
        """The headers that lead from the document to its version of an ``Accept-Datetime``."""
        return {"Location": self.address(version), **self.headers()}

    def link_format(self) -> str:
        """The time map as RFC 7089 writes it, a link a line."""
        first, last = (http_date(each.dated) for each in (self.versions[0], self.versions[-1]))
        span = f'; from="{first}"; until="{last}"'
        lines = [
            f'<{self.original}>; rel="original timegate"',
            f'<{self.itself}>; rel="self"; type="{LINK_FORMAT}"{span}',
        ]
        lines += [self._memento(each, self._place(each)) for each in self.versions]
        return ",\n".join(lines) + "\n"

    def _memento(self, version: Version, relation: str) -> str:
        dated = http_date(version.dated)
        return f'<{self.address(version)}>; rel="{relation}"; datetime="{dated}"'

    def _place(self, version: Version) -> str:
        said = [
            word
            for word, end in (("first", self.versions[0]), ("last", self.versions[-1]))
            if version == end
        ]
        return " ".join([*said, "memento"])

    def _related(self, version: Version) -> Iterator[tuple[Version, str]]:
        """A version and those around it, each with its relation: never one address twice."""
        place = self.versions.index(version)
        last = len(self.versions) - 1
        for number in sorted({0, max(0, place - 1), place, min(last, place + 1), last}):
            beside = {place - 1: "prev ", place + 1: "next "}.get(number, "")
            yield self.versions[number], beside + self._place(self.versions[number])


def time_map(site: Site, view: View, key: str, original: str, identity: Identity) -> TimeMap:
    """The versions of a document that somebody may see; raises ``Problem`` 404 if it has none.

    The document itself must be one that they may see: ask ``reading.document`` first. What was
    replaced while it was under embargo was never public, so that readers do not see it.
    """
    found = [*_versions(site, view, key, identity)]
    if not found:
        raise Problem(404, f"{key} has no versions by date: it is made of other entities' events")
    return TimeMap(original, found)


def has_versions(site: Site, view: View) -> bool:
    """Whether documents of a view have versions: each is one entity's."""
    return view.per in site.archive.log.registry


def _versions(site: Site, view: View, key: str, identity: Identity) -> Iterator[Version]:
    if not has_versions(site, view):
        return
    dated = datetime.min.replace(tzinfo=UTC)
    for event in site.archive.public_history(key, embargoed=identity.edits):
        if event.effect != "removed":
            dated = max(dated, event.date)
            yield Version(event.version, event.sequence, dated)


def http_date(moment: datetime) -> str:
    """A date as HTTP writes it.

    >>> http_date(datetime(1912, 4, 15, 20, tzinfo=UTC))
    'Mon, 15 Apr 1912 20:00:00 GMT'
    """
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)


def accepted(header: str | None) -> datetime | None:
    """The moment of an ``Accept-Datetime``; raises ``Problem`` 400 for what is no date of HTTP.

    Its whole second counts, as versions are dated to the second.

    >>> accepted("Tue, 16 Apr 1912 12:00:00 GMT").year
    1912
    """
    if header is None:
        return None
    try:
        moment = datetime.strptime(header.strip(), "%a, %d %b %Y %H:%M:%S GMT")
    except ValueError:
        raise Problem(
            400,
            f"Accept-Datetime: {header[:100]!r} is no date of HTTP; write it as"
            " 'Tue, 16 Apr 1912 12:00:00 GMT'",
        ) from None
    return moment.replace(microsecond=999_999, tzinfo=UTC)
