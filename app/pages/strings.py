"""All words that the pages show, in English: one catalogue, so another language is one file."""

from __future__ import annotations

TEXTS = {
    "search": "Search",
    "log_in": "Log in",
    "log_out": "Log out",
    "skip": "Skip to the content",
    "token": "Token",
    "token_hint": "An operator makes one with: stet access add",
    "wrong_token": "That token is unknown or revoked.",
    "home": "Start page",
    "what_now": "What you can do",
    "back_to_search": "Search the archive",
}


def text(key: str, **values: object) -> str:
    """The words of a key, with values in their places; a key that is missing is an error.

    >>> text("search")
    'Search'
    """
    return TEXTS[key].format(**values)
