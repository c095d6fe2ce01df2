"""The forms of requests and answers, as the OpenAPI file describes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Body
from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

Json = dict[str, Any]
EVENT_EXAMPLE: dict[str, JsonValue] = {
    "type": "ArticleRevised",
    "data": {"headline": "Titanic Sinks", "note": "The headline was wrong."},
}


class WrongFieldModel(BaseModel):
    """A field of the request that was wrong."""

    field: str = Field(description="Where it is.", examples=["data.headline"])
    reason: str = Field(description="Why.", examples=["is required"])


class ProblemModel(BaseModel):
    """An error, as RFC 9457 defines it."""

    model_config = ConfigDict(extra="allow", title="Problem")
    title: str = Field(description="The name of the status.", examples=["Not Found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What happened, and what to do.",
        examples=["there is no article/titanic in articles"],
    )
    errors: list[WrongFieldModel] = Field(default=[], description="The fields that were wrong.")
    actual_version: int | None = Field(
        default=None, description="With 412: the version that the entity is at."
    )
    changes: list[Json] = Field(
        default=[], description="With 412: the events since the version that was read."
    )
    annotations: Json = Field(
        default={}, description="With 410: what the public may know, such as a note."
    )


class EventModel(BaseModel):
    """An event to append. Its actor is who is logged in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [EVENT_EXAMPLE]})
    type: str = Field(description="The type, one of the category's.")
    data: Json = Field(
        default={},
        description="The fields that the event sets, `cleared` with those that it empties, and"
        " annotations such as `reason` and `note`.",
    )
    event_id: str | None = Field(
        default=None, description="The event's id; for one event `Idempotency-Key` is as good."
    )
    occurred_at: str | None = Field(
        default=None, description="When it happened (ISO 8601), if not now; never in the future."
    )
    correlation_id: str | None = None
    causation_id: str | None = None


Events = Annotated[
    Annotated[EventModel, Tag("event")]
    | Annotated[list[EventModel], Field(min_length=1, max_length=1_000), Tag("events")],
    Discriminator(lambda body: "events" if isinstance(body, list) else "event"),
    Body(description="One event, or a list that is appended together or not at all."),
]


class PreviewedEvent(EventModel):
    """An event that is not appended, with the stream that it would be of."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"stream": "article/titanic-1912", **EVENT_EXAMPLE}]},
    )
    stream: str


class ReceiptModel(BaseModel):
    """What was appended, and where it is in the log."""

    first: int = Field(description="The sequence of the first event.", examples=[312])
    last: int = Field(description="The sequence of the last event.", examples=[312])
    version: int = Field(description="The version that the entity is at.", examples=[6])
    digest: str = Field(description="The log's digest (SHA-256, hexadecimal) at the last event.")
    added: int = Field(
        description="How many events it has; 0 if the revision changes nothing, and was not"
        " appended.",
        examples=[1],
    )
    searchable: dict[str, float] | None = Field(
        default=None, description="With `wait`: by view, the seconds until readers could see it."
    )
    late: dict[str, int] | None = Field(
        default=None, description="With 202: by view, the sequence that it has reached so far."
    )


class EntityModel(BaseModel):
    """The current state of an entity."""

    stream: str = Field(examples=["article/titanic-1912"])
    version: int = Field(description="Send it as `If-Match` with a revision.", examples=[5])
    sequence: int = Field(description="The sequence of its last event.")
    live: bool = Field(description="False if it was removed; only editors see it then.")
    fields: Json


class LifeModel(BaseModel):
    """What each event of an entity changed, oldest first."""

    stream: str
    version: int
    events: list[Json]


class StoredEventsModel(BaseModel):
    """The events of an entity as they are stored, oldest first."""

    stream: str
    version: int
    events: list[Json]


class HitModel(BaseModel):
    """A document that matches. Title and fragments are HTML: escaped, with `<mark>`."""

    id: str
    score: float | None
    title: str
    date: str | None
    fragments: dict[str, str]
    document: Json


class FacetValueModel(BaseModel):
    """A value of a facet, and how many hits have it."""

    value: str
    count: int


class SearchModel(BaseModel):
    """One page of the hits of a search."""

    view: str
    total: int
    page: int
    pages: int
    size: int
    hits: list[HitModel]
    facets: dict[str, list[FacetValueModel]]
    histogram: list[FacetValueModel] = Field(
        description="With `histogram`: the hits by decade, year or month, oldest first."
    )
    matching: Literal["all", "any"] = Field(
        description="Whether hits have all words of the text, or some."
    )
    note: str | None = Field(description="How the text was understood, if not as it was written.")
    suggestion: str | None = Field(description="Did you mean: a text that finds something.")
    sequence: int = Field(description="The sequence of the log that the answer is as of.")
    generation: int
    behind: int = Field(description="How many events of the log are not searchable yet.")


class CauseModel(BaseModel):
    """An event that a document was made from; readers do not see the actor."""

    sequence: int
    stream: str
    version: int
    type: str
    actor: str | None = None
    recorded_at: datetime
    occurred_at: datetime | None
    how: str = Field(description="How its entity is part of the document.")


class ExplanationModel(BaseModel):
    """The events that a document was made from."""

    document: str
    view: str
    code_version: int
    sequence: int
    entities: int
    events: int
    existed: bool
    latest: list[CauseModel]


class ChangeModel(BaseModel):
    """One change in a document."""

    path: str = Field(examples=["bylines[byline/1].name"])
    kind: Literal["changed", "added", "removed", "moved"]
    old: Any
    new: Any


class DifferenceModel(BaseModel):
    """How a document changed from one sequence of the log to another."""

    document: str
    view: str
    old_sequence: int
    new_sequence: int
    existed: bool
    exists: bool
    changes: list[ChangeModel]


class SuggestedModel(BaseModel):
    """A document whose title begins so."""

    view: str
    id: str
    title: str


class SuggestionsModel(BaseModel):
    """Names and headlines that begin so."""

    suggestions: list[SuggestedModel]
    did_you_mean: str | None = Field(
        description="If nothing begins so: a text with words of the archive."
    )


class PreviewModel(BaseModel):
    """The documents that an event would change."""

    sequence: int
    documents: dict[str, int] = Field(description="By view, how many would change.")
    seconds: float
    left_out: dict[str, str] = Field(description="The views that could not be counted, and why.")


class ViewStatusModel(BaseModel):
    """One view: its lag, and its live generation."""

    view: str
    checkpoint: int
    lag_events: int
    lag_seconds: float
    documents: int | None
    generation: int | None
    needs_rebuild: str | None


class StatusModel(BaseModel):
    """The log, and the views in their order."""

    head: int
    digest: str
    sealed_through: int
    open_commits: int
    seconds_ahead: float
    views: list[ViewStatusModel]


class CloudEventModel(BaseModel):
    """An event in the form of CloudEvents 1.0."""

    specversion: Literal["1.0"]
    id: str
    source: str = Field(examples=["/api/v1/events"])
    type: str = Field(examples=["ArticleRevised"])
    subject: str = Field(description="The stream.", examples=["article/titanic-1912"])
    time: str = Field(description="When it was recorded.")
    datacontenttype: Literal["application/json"]
    sequence: str = Field(
        description="The sequence in the log, with zeros before it: the order of the texts is that"
        " of the log.",
        examples=["0000000000000000312"],
    )
    streamversion: int
    actor: str | None = None
    occurredat: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    data: Json


class MementoModel(BaseModel):
    """One version of a document."""

    datetime: str = Field(description="Since when (RFC 3339).")
    uri: str
    version: int
    sequence: int


class TimeMapModel(BaseModel):
    """The versions of a document (RFC 7089)."""

    original: str
    timegate: str
    timemap: str
    mementos: list[MementoModel]
