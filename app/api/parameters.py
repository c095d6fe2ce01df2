"""The parameters of a search as the OpenAPI file describes them; ``app.web.asked`` reads them."""

from __future__ import annotations

from typing import Any

from app.web.asked import MOST_HITS, MOST_OF_A_TEXT


def _text(name: str, description: str, example: str | None = None, **more: Any) -> dict[str, Any]:
    schema = {"type": "string", **more}
    shown = {} if example is None else {"example": example}
    return {"name": name, "in": "query", "description": description, "schema": schema, **shown}


def _several(name: str, description: str, example: list[str]) -> dict[str, Any]:
    schema = {"type": "array", "items": {"type": "string"}}
    return {
        "name": name,
        "in": "query",
        "description": description,
        "schema": schema,
        "example": example,
    }


def _whole(name: str, description: str, least: int, most: int | None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer", "minimum": least}
    if most is not None:
        schema["maximum"] = most
    return {"name": name, "in": "query", "description": description, "schema": schema}


CHOOSING = [
    _text(
        "q",
        'The text: words, `"a phrase"`, `-without`, `OR`, `prefix*`, `headline:word`.',
        "titanic",
        maxLength=MOST_OF_A_TEXT,
    ),
    _text("from", "Only documents of this date or later: `1912-04-15`, `1912-04`, `1912`, `-30d`."),
    _text("to", "Only documents of this date or earlier, all of it included."),
    {
        "name": "filters",
        "in": "query",
        "description": "Any other parameter is a filter of the view by its name: `section=World`."
        " With `!` it excludes: `section!=World`. It may be repeated.",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
        "style": "form",
        "explode": True,
        "example": {"section": "World"},
    },
    _several(
        "filter", "`field=value`, for a filter that is called like a parameter.", ["section=World"]
    ),
    _text("embargoed", "`true`: also what is dated in the future. For editors.", pattern="^true$"),
]
SORT = {
    "name": "sort",
    "in": "query",
    "description": "The order of the hits.",
    "schema": {"type": "string", "enum": ["relevance", "newest", "oldest"]},
}
SEARCHING = [
    *CHOOSING,
    SORT,
    _several(
        "facet",
        "Count the hits by the values of this field. `byline=ruiz` counts by those values of the"
        " field `byline` that contain this text, and so does a parameter `byline~=ruiz`.",
        ["section"],
    ),
    {
        "name": "histogram",
        "in": "query",
        "description": "Count the hits by their date.",
        "schema": {"type": "string", "enum": ["decade", "year", "month"]},
    },
    _whole("page", "Which page of hits, from 1.", 1, None),
    _whole("size", "How many hits a page has.", 0, MOST_HITS),
    _text("at", "As of a sequence of the log, or a date: what had been recorded by then.", "250"),
]
EXPORTING = [
    *CHOOSING,
    SORT,
    {
        "name": "format",
        "in": "query",
        "description": "JSON Lines, or CSV with headings.",
        "schema": {"type": "string", "enum": ["jsonl", "csv"], "default": "jsonl"},
    },
]
