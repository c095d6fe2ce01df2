"""The newsroom as a domain: the one that comes with Stet."""

from __future__ import annotations

from pathlib import Path

from newsroom.categories import CATEGORIES, REFERENCES
from newsroom.rules import check
from replay import Domain

SAMPLE = Path(__file__).with_name("sample")

DOMAIN = Domain(
    name="newsroom",
    categories=CATEGORIES,
    references=REFERENCES,
    views={
        "articles": "views.articles:VIEW",
        "bylines": "views.bylines:VIEW",
        "images": "views.images:VIEW",
        "sections": "views.sections:VIEW",
        "topics": "views.topics:VIEW",
        "timeline": "views.timeline:VIEW",
        "history": "replay.history.view:HISTORY",
    },
    rules=check,
    sample=SAMPLE,
    queries=SAMPLE,
)
