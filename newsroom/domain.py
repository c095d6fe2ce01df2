"""``DOMAIN``: the newsroom's categories, references, views, rules, sample and queries."""

from __future__ import annotations

from pathlib import Path

from replay import Domain

SAMPLE = Path(__file__).with_name("sample")

DOMAIN = Domain(
    name="newsroom",
    categories="newsroom.categories:CATEGORIES",
    references="newsroom.categories:REFERENCES",
    views={
        "articles": "views.articles:VIEW",
        "bylines": "views.bylines:VIEW",
        "images": "views.images:VIEW",
        "sections": "views.sections:VIEW",
        "topics": "views.topics:VIEW",
        "timeline": "views.timeline:VIEW",
        "history": "replay.history.view:HISTORY",
    },
    parents={"section": "parent_id"},
    rules="newsroom.rules:check",
    public=("note",),
    sample=SAMPLE,
    queries=SAMPLE,
)
