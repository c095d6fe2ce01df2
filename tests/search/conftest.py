"""An engine under contract, filled from documents that a test writes down."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from replay import View
from search.engine import Answer, Engine, Generation
from search.query import Query

NAMED = pa.struct([("id", pa.string()), ("name", pa.string())])
STORY = pa.schema(
    [
        ("id", pa.string()),
        ("headline", pa.string()),
        ("abstract", pa.string()),
        ("body", pa.string()),
        ("published_at", pa.timestamp("us", "UTC")),
        ("section", NAMED),
        ("bylines", pa.list_(NAMED)),
        ("tags", pa.list_(NAMED)),
        ("sequence", pa.int64()),
    ]
)
PERSON = pa.schema([("id", pa.string()), ("name", pa.string()), ("sequence", pa.int64())])


def _nothing(*_: Any) -> Any:
    raise AssertionError("an engine is given documents; it never computes them")


STORIES = View(
    name="articles",
    code_version=1,
    documents=_nothing,
    lineage=_nothing,
    title="headline",
    text={
        "headline": ("headline",),
        "abstract": ("abstract",),
        "body": ("body",),
        "byline": ("bylines.name",),
        "tag": ("tags.name",),
    },
    filters={
        "id": "id",
        "section": "section.name",
        "byline": "bylines.name",
        "tag": "tags.name",
    },
    date="published_at",
)
PEOPLE = View(
    name="bylines",
    code_version=3,
    documents=_nothing,
    lineage=_nothing,
    title="name",
    text={"name": ("name",)},
    filters={"id": "id"},
)
VIEWS: Mapping[str, View] = {"articles": STORIES, "bylines": PEOPLE}


def story(key: str, headline: str | None = None, **given: Any) -> dict[str, Any]:
    """An article as the view has it, with what is not given absent."""
    at = given.pop("at", None)
    if isinstance(at, str):
        at = datetime.fromisoformat(at).replace(tzinfo=UTC)
    section = given.pop("section", None)
    document: dict[str, Any] = {
        "id": key,
        "headline": headline if headline is not None else f"Story {key}",
        "abstract": None,
        "body": None,
        "published_at": at,
        "section": section and {"id": f"section/{section}", "name": section},
        "sequence": 1,
    }
    for name in ("bylines", "tags"):
        names = given.pop(name, ())
        document[name] = [{"id": f"{name}/{called}", "name": called} for called in names]
    return {**document, **given}


def write(path: Path, documents: Iterable[dict[str, Any]], schema: pa.Schema = STORY) -> Path:
    """A view's Parquet file: sorted by id."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(documents, key=lambda document: document["id"].encode())
    pq.write_table(pa.Table.from_pylist(ordered, schema=schema), path)
    return path


class Archive:
    """An engine, and short ways to fill and ask it."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine = engine
        self.home = home

    def build(
        self, documents: Sequence[dict[str, Any]], generation: int = 1, view: str = "articles"
    ) -> Generation:
        """Build a generation from documents, without letting it serve."""
        path = self.write(view, documents, str(generation))
        self.engine.create(view, generation, sequence=generation * 10)
        self.engine.load(view, generation, path)
        return self.engine.refresh(view, generation)

    def write(self, view: str, documents: Sequence[dict[str, Any]], name: str) -> Path:
        """Documents of a view as a Parquet file."""
        schema = STORY if view == "articles" else PERSON
        return write(self.home / "documents" / f"{view}-{name}.parquet", documents, schema)

    def holds(self, *documents: dict[str, Any]) -> None:
        """Let these articles, and no others, be what is searched."""
        self.build(documents)
        self.engine.promote({"articles": 1})

    def ask(self, text: str = "", **given: Any) -> Answer:
        """Search the articles."""
        return self.engine.search(Query(text, **given))

    def ids(self, text: str = "", **given: Any) -> list[str]:
        """The ids of the hits of a search, in their order."""
        return [hit.id for hit in self.ask(text, **given).hits]


@pytest.fixture
def archive(
    engine_of: Callable[[Path, Mapping[str, View]], AbstractContextManager[Engine]], tmp_path: Path
) -> Iterator[Archive]:
    with engine_of(tmp_path, VIEWS) as engine:
        yield Archive(engine, tmp_path)


@pytest.fixture(name="story")
def story_fixture() -> Callable[..., dict[str, Any]]:
    return story


@pytest.fixture(name="write")
def write_fixture() -> Callable[..., Path]:
    return write


@pytest.fixture(name="views")
def views_fixture() -> Mapping[str, View]:
    return VIEWS
