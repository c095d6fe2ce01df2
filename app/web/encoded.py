"""Slashes that are encoded in a path: the id of a document is one word of it, whatever is in it.

A server decodes a path before it is routed, so that ``article%2Fexplain`` could not be told from
the call ``explain`` of a document ``article``. What was ``%2F`` is routed as a character that no
name can have, and is a slash again in the parameters.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SLASH = "\0"
"""Stands for an encoded slash while a path is routed: the log takes no name with it."""


class EncodedSlashes:
    """The middleware that keeps encoded slashes apart below a prefix."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a request by its path as it was sent."""
        if scope["type"] != "http" or not scope["path"].startswith(self._prefix):
            await self._app(scope, receive, send)
            return
        raw = scope.get("raw_path") or quote(scope["path"]).encode()
        inner = {**scope, "path": routed(raw.decode("latin-1"))}

        async def told(message: Message) -> None:
            scope["route"] = inner.get("route")  # for who counts; the path is logged as it was sent
            await send(message)

        await self._app(inner, receive, told)


def routed(raw: str) -> str:
    """A path as it was sent, decoded, with what stands for each encoded slash.

    >>> routed("/articles/article%2Fs%C3%A3o/explain").replace(SLASH, "|")
    '/articles/article|são/explain'
    """
    parts = raw.partition("?")[0].split("/")
    return "/".join(unquote(part).replace(SLASH, "\ufffd").replace("/", SLASH) for part in parts)


def decoded(parameter: str) -> str:
    """A parameter of a path, with its encoded slashes.

    >>> decoded("article\\0explain")
    'article/explain'
    """
    return parameter.replace(SLASH, "/")
