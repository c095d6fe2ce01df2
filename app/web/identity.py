"""Who asks: a machine by its bearer token, a person by the session's cookie, or nobody.

How a person proves who they are is ``log_in``: by a token now. Another way, such as OpenID Connect,
ends in the same ``start_session``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer

from app.web.access import Role, Token
from app.web.problems import Problem
from app.web.site import Site, site_of

COOKIE = "stet_session"
SALT = "stet.session"


@dataclass(frozen=True)
class Identity:
    """Somebody who asks: their name, the actor of their events, and their role.

    ``role`` is ``None`` for who is not logged in where reading is closed.
    """

    name: str | None
    role: Role | None
    client: str = field(default="", compare=False)
    """The address that they ask from, by which what costs much is counted."""

    def may(self, role: Role) -> bool:
        """Whether they may do what a role may."""
        return self.role is not None and self.role.includes(role)

    @property
    def edits(self) -> bool:
        """Whether they may append events, and see what is under embargo."""
        return self.may(Role.editor)

    @property
    def operates(self) -> bool:
        """Whether they may promote and roll back."""
        return self.may(Role.operator)


def _serializer(site: Site) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(site.access.key(), salt=SALT)


def start_session(site: Site, response: Response, token: Token) -> None:
    """Let a response begin a session: a signed cookie that names the token, never its secret."""
    response.set_cookie(
        COOKIE,
        _serializer(site).dumps(token.id),
        max_age=site.options.session_hours * 3600,
        httponly=True,
        samesite="lax",
        secure=site.options.secure,
        path="/",
    )


def end_session(response: Response) -> None:
    """Let a response end the session."""
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")


async def identity_of(request: Request) -> Identity:
    """Who asks; a token that is unknown or revoked is refused, a session that ended is nobody."""
    site = site_of(request)
    authorization, cookie = request.headers.get("authorization"), request.cookies.get(COOKIE)
    if authorization is not None:
        token: Token | None = await site.work.run(_of_machine, site, authorization)
    else:
        token = await site.work.run(_of_session, site, cookie) if cookie else None
    client = request.client.host if request.client else ""
    if token is not None:
        return Identity(token.name, token.role, client)
    return Identity(None, Role.reader if site.options.open_reading else None, client)


def _of_machine(site: Site, authorization: str) -> Token:
    scheme, _, secret = authorization.partition(" ")
    token = site.access.holder(secret.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise Problem(
            401,
            "the token is unknown or revoked; stet access add makes one",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    return token


def _of_session(site: Site, cookie: str) -> Token | None:
    try:
        number = _serializer(site).loads(cookie, max_age=site.options.session_hours * 3600)
    except BadSignature:
        return None
    return site.access.by_id(number) if isinstance(number, int) else None


Asking = Annotated[Identity, Depends(identity_of)]
"""Whoever asks, logged in or not."""


def require(identity: Identity, role: Role) -> Identity:
    """Return who asks, if they may do what a role may; raises ``Problem`` 401 or 403."""
    if identity.may(role):
        return identity
    if identity.name is None:
        raise Problem(
            401,
            f"this is for the role {role}; log in, or send a token: Authorization: Bearer ...",
            headers={"WWW-Authenticate": "Bearer"},
        )
    raise Problem(403, f"this is for the role {role}; {identity.name} has the role {identity.role}")


async def _reader(identity: Asking) -> Identity:
    return require(identity, Role.reader)


async def _editor(identity: Asking) -> Identity:
    return require(identity, Role.editor)


async def _operator(identity: Asking) -> Identity:
    return require(identity, Role.operator)


Reader = Annotated[Identity, Depends(_reader)]
"""Somebody who may read: where reading is open, anybody."""
Editor = Annotated[Identity, Depends(_editor)]
Operator = Annotated[Identity, Depends(_operator)]
