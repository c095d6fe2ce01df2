"""``Archive``, the Python interface of Stet: a log, its documents and its indexes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive.readable import Readable

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd

    from archive.catch_up import CatchUpResult
    from archive.clear import Cleared
    from archive.compare import Compared
    from archive.diff import Difference
    from archive.explain import Explanation
    from archive.export_file import Exported
    from archive.follow import Follow
    from archive.growth import Counted
    from archive.progress import Tell
    from archive.rebuild import RebuildResult
    from archive.similar import Suggestion
    from archive.status import Status
    from event_log import Point
    from event_log.dates import Moment
    from replay import Unresolved, View
    from search import Answer, Generation, Hit, LoadProgress, Query


class Archive(Readable):
    """A log, the documents computed from it, their indexes, and the kept state.

    ``home`` is a folder, which the first append creates, or ``s3://bucket/prefix`` (``gs://``,
    ``az://``). ``domain`` is a ``Domain`` or the name of one: by default ``STET_DOMAIN``, else the
    one that the archive remembers, else the newsroom. ``connection`` is an Elasticsearch cluster,
    or its URL: by default ``STET_SEARCH``, else the embedded engine is used.

    From then on this process reads its settings from the file in ``home``, unless ``STET_CONFIG``
    names another file.

    Raises ``WrongDomain`` when the archive belongs to another domain. What reads, or works on what
    was read, raises ``NoArchive`` where ``home`` does not exist, and makes nothing there.

    An error that names a command, such as ``stet rebuild`` or ``stet catch-up``, means the method
    of that name as well: ``rebuild()``, ``catch_up()``. A list of names may be one name.

    >>> import tempfile
    >>> archive = Archive(tempfile.mkdtemp())
    >>> archive.append("tag/whales", "TagDefined", {"name": "Whales"}).version
    1
    >>> archive.rebuild().sequence
    1
    >>> archive.search("whales", view="topics").hits[0].title
    '<mark>Whales</mark>'
    >>> archive.read("topics").name.to_list()
    ['Whales']
    """

    # keeping documents and indexes true to the log

    def rebuild(
        self,
        views: Sequence[str] | None = None,
        at: Point = None,
        *,
        progress: Tell | None = None,
        loading: LoadProgress | None = None,
        tolerated: float | None = None,
        merge: bool = False,
        promote: bool = True,
    ) -> RebuildResult:
        """Compute views from the log, index them beside the live ones, compare, and promote.

        Without ``promote`` the generation is kept until the next rebuild or ``clear``, and is not
        live: ``promote(generation)`` makes it so.

        ``at`` is a sequence or an instant, by default the log's head. ``progress`` is called with a
        line at each step, ``loading`` every few seconds with the progress of an index.
        ``tolerated`` is the share of a view's documents that the engine may refuse, by default a
        thousandth. ``merge`` merges each index into one segment.

        Raises ``BrokenView`` when a view has a mistake, ``NotIndexed`` when an engine cannot write,
        ``NotPromoted`` when an index differs from its view or too much was refused. The live
        indexes are then as they were.
        """
        from archive.rebuild import run
        from search import TOLERATED

        share = TOLERATED if tolerated is None else tolerated
        return run(self.existing(), views, at, progress, loading, share, merge, promote)

    def catch_up(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> CatchUpResult:
        """Bring the live indexes to the log's head, by writing only the documents that changed.

        ``tell`` is called with a line after each step. Raises ``NothingServes`` when no view can
        be caught up: rebuild first.
        """
        from archive.catch_up import run

        return run(self.existing(), views, tell)

    def follow(
        self, views: Sequence[str] | None = None, tell: Tell | None = None
    ) -> AbstractContextManager[Follow]:
        """Catch up again and again as events come; iterate over the steps inside of ``with``.

        Raises ``StateHeld`` while another process catches up, ``SubscriptionHeld`` while another
        follows.
        """
        from archive.follow import Follow

        return Follow.open(self.existing(), views, tell)

    def wait(self, sequence: int, timeout: float = 30.0) -> dict[str, float]:
        """Wait until each view's live index has reached a sequence; returns the seconds by view.

        Raises ``NotVisible`` when some view has not reached it after ``timeout`` seconds.
        """
        from archive.wait import wait

        return wait(self.existing(), sequence, timeout)

    def needs_rebuild(self) -> dict[str, str]:
        """The views that cannot be caught up, and why."""
        from archive.standing import needs_rebuild

        engine = self.existing().engine
        return needs_rebuild(engine, self.views, engine.serving())

    def compare(self, views: Sequence[str] | None = None) -> Iterator[Compared]:
        """Compare each live index with its view, computed anew, document by document."""
        from archive.compare import compare

        return compare(self.existing(), views)

    def unresolved_references(self, at: Point = None, tell: Tell | None = None) -> list[Unresolved]:
        """List the references that name no entity of their category, the most frequent first.

        An editor's event cannot have one, an import can: it may bring an article before its byline.

        >>> import tempfile
        >>> from event_log import NewEvent
        >>> archive = Archive(tempfile.mkdtemp())
        >>> article = {"headline": "Whales", "published_at": "1851-10-18"}
        >>> article["byline_ids"] = ["byline/1"]
        >>> _ = archive.log.append([NewEvent("article/1", "ArticlePublished", article)])
        >>> [each.id for each in archive.unresolved_references()]
        ['byline/1']
        """
        from archive.references import unresolved

        return unresolved(self, at, tell)

    def clear(self) -> Cleared:
        """Delete generations and builds that are not live and not kept for roll-back."""
        from archive.clear import clear

        return clear(self.existing())

    def growth(self, first: str, last: str, by: str = "date") -> list[Counted]:
        """Count the documents of each view up to the end of each month, such as ``2026-01``.

        ``by="recorded"`` counts them as they were then. Raises ``InvalidMonth``.
        """
        from archive.growth import count_month, months

        archive = self.existing()
        return [count_month(archive, month, by) for month in months(first, last)]

    def status(self) -> Status:
        """The log's head, and for each view its checkpoint, its lag, and its live generation."""
        from archive.status import status

        return status(self.existing())

    def generations(self) -> list[Generation]:
        """All finished generations, oldest first."""
        return self.existing().engine.generations()

    def promote(self, generation: int) -> Sequence[str]:
        """Make a generation live, in all its views at the same moment, if it passed its check."""
        from search import promote

        return promote(self.existing().engine, generation)

    def roll_back(self, to: int | None = None) -> Mapping[str, Generation]:
        """Make the generation before the last promotion live again, or the earlier one ``to``."""
        return self.existing().engine.roll_back(to)

    # reading

    def search(
        self,
        query: str | Query,
        view: str = "",
        *,
        filters: Mapping[str, Sequence[str] | str] | None = None,
        excluded: Mapping[str, Sequence[str] | str] | None = None,
        date_from: Moment | None = None,
        date_to: Moment | None = None,
        sort: str = "relevance",
        facets: Sequence[str] = (),
        histogram: str | None = None,
        page: int = 1,
        size: int = 10,
        embargoed: bool = False,
        now: datetime | None = None,
        at: Point = None,
        tell: Tell | None = None,
    ) -> Answer:
        """Search a view, the domain's first unless one is named.

        A hit has one of the values of each filter, and none of those ``excluded``. Both ends of the
        range of dates are included: days, months, years or instants. ``sort`` is ``relevance``,
        ``newest`` or ``oldest``; ``histogram``, which counts hits by date, is by ``decade``,
        ``year`` or ``month``. With ``embargoed`` what is dated after ``now`` is found as well. A
        ``Query``, which has more options, is searched as it is; those given here do not count.

        With ``at`` the answer is as of a sequence or an instant. The first such search builds an
        index, and calls ``tell`` with its progress. ``Answer.behind`` says how many events the log
        has that the answer does not know yet.
        """
        from archive.look_back import answer
        from search import Query

        self.existing()
        if isinstance(query, str):
            query = Query(query, view, filters or {}, date_from, date_to, sort, facets, page, size)
            query = replace(query, excluded=excluded or {}, embargoed=embargoed, now=now)
            query = replace(query, histogram=histogram)
        return answer(self, query, at, tell)

    def document(
        self,
        document: str,
        view: str | View | None = None,
        *,
        embargoed: bool = False,
        now: datetime | None = None,
        at: Point = None,
        tell: Tell | None = None,
    ) -> Hit | None:
        """One document as readers see it in the live index, or with ``at`` as of a point.

        None where the index has none, or where it is under embargo; with ``embargoed`` what is
        dated after ``now`` is shown too. The view is by default the one that the form of the
        document's id names. Raises ``UnknownView`` when the id names none, ``NothingServes`` when
        the view has no live index.

        >>> import tempfile
        >>> archive = Archive(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.rebuild("topics")
        >>> archive.document("tag/sea").document["name"], archive.document("tag/ice")
        ('Sea', None)
        """
        from archive.document import document as find

        of_view = self.view_of(document, view)
        return find(self.existing(), document, of_view, embargoed, now, at, tell)

    def similar(self, document: str, view: str | None = None, size: int = 10) -> Answer:
        """The documents of a view that are most like one of them, best first.

        Raises ``NoSuchDocument`` when the live index does not have it.
        """
        from archive.similar import similar

        name = view or self.domain.view_of(document) or self.first_view
        return similar(self.existing(), document, name, size)

    def suggest(self, text: str, view: str | None = None, size: int = 10) -> list[Suggestion]:
        """Names and headlines with these words, of which the last may be a beginning."""
        from archive.similar import suggest

        return suggest(self.existing(), text, view, size)

    def read(self, view: str | View, at: Point = None) -> pd.DataFrame:
        """Read the documents of a view as of a sequence, an instant, or now, sorted by id.

        What is under embargo is among them.

        Instants are ``Timestamp`` in UTC, structs are dictionaries, arrays are numpy arrays (of
        dictionaries, for structs). What is null is ``NaN`` in a column of strings or numbers,
        which makes whole numbers floats, ``NaT`` among instants, and ``None`` elsewhere.

        >>> import tempfile
        >>> len(Archive(tempfile.mkdtemp()).read("articles"))
        0
        """
        from archive.export import read

        return read(self.existing(), view, at)

    def export(
        self,
        view: str | View,
        at: Point = None,
        keys: Sequence[str] | None = None,
        format: str = "jsonl",
    ) -> Iterator[bytes]:
        """Yield a view's documents, sorted by id; only the ids ``keys`` if given.

        What is under embargo is among them.

        They are JSON Lines, a line each, or with ``format="csv"`` CSV with headings, in pieces.
        """
        from archive.export_file import lines

        return lines(self.existing(), view, format, at, keys)

    def export_file(
        self,
        view: str | View,
        to: Path | str,
        format: str = "",
        at: Point = None,
        keys: Sequence[str] | None = None,
    ) -> Exported:
        """Write a view's documents to a file, or to ``VIEW.FORMAT`` in a folder; returns which.

        ``format`` is ``parquet``, ``jsonl`` or ``csv``; by default that of the file's ending, and
        ``parquet`` without one. The file appears whole, in place of the one before. It has the
        documents as of the log's head, so that a program reads current documents at a stable path.
        A Parquet file that has them already is left as it is. Raises ``NotExported``.

        >>> import tempfile
        >>> archive, folder = Archive(tempfile.mkdtemp()), tempfile.mkdtemp()
        >>> archive.export_file("articles", folder).written
        True
        >>> archive.export_file("articles", folder).written
        False
        """
        from archive.export_file import export_file

        return export_file(self.existing(), view, to, format, at, keys)

    def history(self, stream: str) -> list[dict[str, Any]]:
        """List what each event of an entity changed, from what to what, oldest first.

        ``recorded_at`` and ``occurred_at`` are ``datetime`` in UTC, the latter ``None`` where the
        event has none. Old and new values are text.

        >>> import tempfile
        >>> archive = Archive(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"}, actor="ana")
        >>> [event["summary"] for event in archive.history("tag/sea")]
        ['ana defined “Sea”']
        """
        from archive.history import history

        return history(self.existing(), stream)

    def explain(
        self,
        document: str,
        view: str | View | None = None,
        at: Point = None,
        most: int | None = 20,
        tell: Tell | None = None,
        public: datetime | None = None,
    ) -> Explanation:
        """List the events that a document was made from, and why its entities are part of it.

        The view is by default the one that the form of the document's id names. ``most`` limits the
        list to the latest events. With ``public`` it is explained as if what is under embargo at
        that instant did not exist. Raises ``NoDocument``, and ``UnknownView`` when the id names
        none.
        """
        from archive.explain import explain

        of_view = self.view_of(document, view)
        return explain(self.existing(), document, of_view, at, most, tell, public)

    def diff(
        self, document: str, view: str | View | None = None, *, old: Point, new: Point = None
    ) -> Difference:
        """List how a document changed between two points of the log; ``new`` is the head.

        The view is by default the one that the form of the document's id names. Raises
        ``NoDocument``, and ``UnknownView`` when the id names none.

        >>> import tempfile
        >>> archive = Archive(tempfile.mkdtemp())
        >>> _ = archive.append("tag/sea", "TagDefined", {"name": "Sea"})
        >>> _ = archive.append("tag/sea", "TagRevised", {"name": "Ocean"})
        >>> [change.new for change in archive.diff("tag/sea", old=1).changes]
        ['Ocean']
        """
        from archive.diff import difference

        return difference(self.existing(), document, self.view_of(document, view), old, new)
