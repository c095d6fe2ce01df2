"""The line of one document as readers are shown it, without the SQL that makes those of many.

It is that of ``search.embedded.layout``, and loads no DuckDB: a search of a few documents in memory
would wait for it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from itertools import chain
from typing import Any

import orjson

from event_log import dates
from search.mapping import MONTH_DAY, YEAR, IndexMapping, values
from search.normalizing import normalized

MIDDLE = 2**62
"""Added to microseconds so that none is negative and they sort as text."""


def line(mapping: IndexMapping, document: Mapping[str, Any]) -> str:
    """The line of one document as readers are shown it, which keeps of it nothing but its id."""
    texts = {
        name: [normalized(value) for path in paths for value in values(document, path)]
        for name, paths in mapping.text.items()
    }
    titles = map(normalized, values(document, mapping.title))
    stored = base64.b64encode(orjson.dumps({"id": document["id"]})).decode()
    fields = {
        "id": document["id"],
        "all": [*titles, *chain.from_iterable(texts.values())],
        **{f"text_{name}": texts[name] for name in mapping.scored},
        **{f"exact_{name}": said for name, said in texts.items()},
        **{
            mapping.keyword(name): [*dict.fromkeys(values(document, path))]
            for name, path in mapping.filters.items()
            if path != "id"
        },
        **_dated(mapping, document),
        "tie": 0,
        "document": stored,
    }
    return orjson.dumps(fields).decode()


def _dated(mapping: IndexMapping, document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a document's date."""
    last = f"~{document['id']}"
    if mapping.date is None:
        return {"newest": last, "oldest": last}
    date = next(values(document, mapping.date), None)
    years = [] if date is None else [date[:4]]
    of_year = {} if YEAR in mapping.filters else {f"filter_{YEAR}": years}
    if date is None:
        return {"date": [], MONTH_DAY: [], "newest": last, "oldest": last, **of_year}
    instant = dates.first_instant(date)
    return {
        "date": [instant],
        MONTH_DAY: [date[5:10]],
        "newest": f"{MIDDLE - instant:020d}{document['id']}",
        "oldest": f"{MIDDLE + instant:020d}{document['id']}",
        **of_year,
    }
