"""What a page says of itself to programs: schema.org's ``NewsArticle`` as JSON-LD."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from app.pages.document.corrections import Correction
from app.pages.document.fields import is_outside

ESCAPED = {"<": r"\u003c", ">": r"\u003e", "&": r"\u0026", "\u2028": r"\u2028", "\u2029": r"\u2029"}
"""So that no text ends the element that holds it."""


def news_article(
    article: Mapping[str, Any],
    address: str,
    paper: str,
    author_addresses: Mapping[str, str],
    corrections: Sequence[Correction],
) -> dict[str, Any]:
    """An article of the newsroom, with its corrections, by the names of schema.org."""
    section = article.get("section") or {}
    said = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": address,
        "url": address,
        "headline": article["headline"],
        "alternativeHeadline": article.get("kicker"),
        "description": article.get("abstract"),
        "datePublished": article.get("published_at"),
        "dateModified": article.get("updated_at"),
        "inLanguage": article.get("language"),
        "articleSection": section.get("name"),
        "genre": article.get("type_of_material"),
        "printPage": article.get("print_page"),
        "printSection": article.get("print_section"),
        "keywords": [tag["name"] for tag in article["tags"] if tag.get("name")],
        "wordCount": article.get("word_count"),
        "image": [each["url"] for each in article["images"] if is_outside(each["url"] or "")],
        "author": _authors(article, author_addresses),
        "publisher": {"@type": "Organization", "name": paper},
        "correction": [_correction(each, address) for each in corrections],
    }
    return {name: value for name, value in said.items() if value not in (None, [], "")}


def _authors(article: Mapping[str, Any], addresses: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"@type": "Person", "name": each["name"], "url": addresses.get(each["id"])}
        for each in article["bylines"]
        if each["name"]
    ]


def _correction(correction: Correction, address: str) -> dict[str, Any]:
    return {
        "@type": "CorrectionComment",
        "text": " ".join(correction.notes),
        "datePublished": correction.event.date.isoformat(),
        "url": f"{address}#{correction.anchor}",
    }


def as_script(said: Mapping[str, Any]) -> Markup:
    """JSON as the content of a ``script`` element: data, which no browser runs.

    >>> as_script({"headline": "</script><b>"})
    Markup('{"headline": "\\\\u003c/script\\\\u003e\\\\u003cb\\\\u003e"}')
    """
    text = json.dumps(said, ensure_ascii=False)
    for character, escaped in ESCAPED.items():
        text = text.replace(character, escaped)
    return Markup(text)  # noqa: S704 - what could end the element is escaped
