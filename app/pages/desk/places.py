"""Addresses below ``/desk``, and who may post to them.

An entity's id may have any character, so it is quoted whole: what stands behind it in the path is a
page of that entity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from fastapi import Request
from starlette.responses import Response

from app.pages import strings
from app.pages.desk.typed import Pairs
from app.pages.templates import render
from app.web.access import Role
from app.web.identity import Identity, start_session
from app.web.problems import Problem
from app.web.site import Site, site_of

if TYPE_CHECKING:
    from app.web.access import Token
    from archive import Archive

MOST_FIELDS = 20_000
WRITE_SECONDS = 120.0
"""What appends many events is given this time: what is appended is not ended in its middle."""
NOT_KEPT = ("do", "token")
"""What of a posted form is not shown again: the button that was pressed, and a secret."""


def stream_and_page(request: Request, pages: frozenset[str]) -> tuple[str, str]:
    """The stream that an address below ``/desk`` names, and which of its pages."""
    raw: bytes | None = request.scope.get("raw_path")
    path = raw.decode("latin-1").partition("?")[0] if raw else quote(request.url.path)
    category, *parts = [unquote(part) for part in path.removeprefix("/desk/").split("/")]
    page = parts.pop() if len(parts) > 1 and parts[-1] in pages else ""
    return f"{category}/{'/'.join(parts)}", page


async def posted_pairs(request: Request) -> Pairs:
    """The names and values of a posted form, in their order."""
    form = await request.form(max_fields=MOST_FIELDS)
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def kept_pairs(pairs: Pairs) -> Pairs:
    """What of a posted form is posted again with the page that answers it."""
    return [(name, value) for name, value in pairs if name not in NOT_KEPT]


def can_merge(archive: Archive, stream: str) -> bool:
    """Whether two entities of a stream's category can become one: a merge revises and removes."""
    from event_log import Effect

    category = archive.log.registry[stream.partition("/")[0]]
    return all(category.types_to_use(effect) for effect in (Effect.REVISES, Effect.REMOVES))


def render_desk(
    request: Request,
    name: str,
    identity: Identity,
    status: int = 200,
    **values: Any,
) -> Response:
    """Answer with a page of the desk; this browser alone keeps it, until its user logs out.

    What answers a posted form is kept too, so that a step back leads to it.
    """
    archive = site_of(request).archive
    return render(
        request,
        f"desk/{name}",
        identity,
        status,
        {"Cache-Control": "private, no-cache"},
        can_merge=lambda stream: can_merge(archive, stream),
        **values,
    )


class Posting:
    """Somebody who posts a form: with a session, or with the token that the form asked for again.

    A session that ended while somebody typed loses nothing: the form to log in carries what was
    posted, and the answer to it shows the form again.
    """

    def __init__(self, site: Site, request: Request, identity: Identity, pairs: Pairs) -> None:
        self.site, self.request, self.pairs = site, request, pairs
        self.identity = identity
        self.refused: Response | None = None
        """The form to log in again, if there is no session."""
        self._holder: Token | None = None

    @classmethod
    async def of(cls, site: Site, request: Request, identity: Identity) -> Posting:
        """Read a form, and see who posts it; raises ``Problem`` 403 for who may not edit."""
        posting = cls(site, request, identity, await posted_pairs(request))
        if identity.edits:
            return posting
        if identity.name is None:
            await posting._log_in()
            return posting
        raise Problem(
            403, f"this is for the role {Role.editor}; {identity.name} has the role {identity.role}"
        )

    @property
    def given(self) -> dict[str, str]:
        """The values by their names; of those with the same name the last."""
        return dict(self.pairs)

    @property
    def do(self) -> str:
        """The button that was pressed; who has just logged in presses it again."""
        return "form" if self._holder else self.given.get("do", "")

    async def _log_in(self) -> None:
        secret = self.given.get("token", "").strip()
        holder = await self.site.work.run(self.site.access.holder, secret) if secret else None
        if holder is not None and holder.role.includes(Role.editor):
            self._holder = holder
            self.identity = Identity(holder.name, holder.role)
            return
        self.refused = render_desk(
            self.request,
            "login.html",
            self.identity,
            403 if secret else 401,
            pairs=kept_pairs(self.pairs),
            action=self.request.url.path,
            failed=strings.text("wrong_token") if secret else "",
        )

    def with_session(self, response: Response) -> Response:
        """The response, which begins a session for who has just logged in."""
        if self._holder is not None:
            start_session(self.site, response, self._holder)
        return response
