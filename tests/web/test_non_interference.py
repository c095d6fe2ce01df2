"""What is under embargo changes nothing that readers are sent, whatever it says and names.

Two archives differ in one article that is under embargo: what it says, and whom it names. Readers
of the one are sent, byte by byte, what readers of the other are sent.

What the two have in common is told by both: that there are so many events, and since when.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import Server

from app.web.access import Role

API = "/api/v1"
HIDDEN = "article/secret"
LATER = (datetime.now(UTC) + timedelta(days=9)).isoformat()
WORD = "zanzibarian"
LOUD: dict[str, Any] = {
    "headline": f"The {WORD} titanic",
    "published_at": LATER,
    "abstract": f"Ships, {WORD}.",
    "section_id": "section/world",
    "tag_ids": ["tag/ships", "tag/baseball"],
    "byline_ids": ["byline/otto-graff", "byline/ruth-abelson"],
}
QUIET: dict[str, Any] = {"headline": "Nothing", "published_at": LATER}
PLACES = [
    "/",
    "/search",
    f"/search?q={WORD}",
    "/search?q=titanic&facet=year&histogram=year",
    "/search?sort=newest&size=3&from=2020",
    "/search?tag=Ships",
    f"/search?view=timeline&q={WORD}",
    "/search?at=today&q=titanic",
    "/search.atom",
    f"/search.atom?q={WORD}",
    "/sitemap.xml",
    "/robots.txt",
    "/corrections",
    f"/on-this-day/{LATER[5:10]}",
    "/articles/titanic-1912",
    "/articles/titanic-1912/versions",
    "/articles/secret",
    f"/timeline/{LATER[:10]}",
    f"{API}/articles?facet=section&facet=tag&facet=byline&histogram=month&size=100",
    f"{API}/articles?q={WORD}&embargoed=true",
    f"{API}/articles?section=World&size=0",
    f"{API}/articles/export?format=csv&embargoed=true",
    f"{API}/articles/{HIDDEN}",
    f"{API}/articles/{HIDDEN}/explain",
    f"{API}/articles/{HIDDEN}/timemap",
    f"{API}/streams/{HIDDEN}",
    f"{API}/streams/{HIDDEN}/history",
    f"{API}/suggest?q={WORD}",
    f"{API}/suggest?q={WORD[:-1]}",
    f"{API}/timeline?q={WORD}",
    f"{API}/timeline?facet=section&size=0",
    f"{API}/topics?facet=kind&size=0",
    f"{API}/images?size=100",
    f"{API}/status",
    "/healthz",
    "/readyz",
    "/search?view=sections",
    "/search?view=bylines&q=graff",
    "/search?view=topics&q=ships",
    "/topics/ships",
    "/bylines/otto-graff",
    "/sections/world",
    f"{API}/topics/tag/ships",
    f"{API}/bylines/byline/otto-graff",
    f"{API}/sections/section/world",
    f"{API}/topics?facet=related&size=0",
    f"{API}/bylines?facet=coauthor&size=0",
    f"{API}/sections?facet=byline&size=0",
    f"{API}/bylines?coauthor_id=byline/ruth-abelson",
    f"{API}/bylines?coauthor=ruth%20abelson&size=0",
    f"{API}/bylines?facet=coauthor&facet_coauthor=ruth&size=0",
    f"{API}/bylines?facet=section&facet=coauthor_id&sort=newest&size=100",
    f"{API}/bylines?from={LATER[:4]}&histogram=month&facet=year",
    f"{API}/bylines/byline/otto-graff/explain",
    f"{API}/bylines/byline/otto-graff/timemap",
    f"{API}/bylines/byline/otto-graff?at=2100-01-01",
    "/bylines/otto-graff/versions",
    f"{API}/bylines/export?format=csv",
    f"{API}/topics?q=baseball",
    f"{API}/topics?q=related:baseball",
    f"{API}/topics?related=Baseball&facet=kind",
    f"{API}/topics?q=-related:baseball",
    f"{API}/topics?size=100&facet=related_id&facet=kind",
    f"{API}/topics/export",
    f"{API}/topics/tag/ships/explain",
    f"{API}/sections?byline=Otto%20Graff",
    f"{API}/sections?at=today&size=100",
    f"{API}/topics?at=today&size=100",
    f"{API}/sections?size=100",
    f"{API}/sections/export",
    f"{API}/timeline/export",
    f"{API}/suggest?q=base&view=topics",
    f"{API}/suggest?q=baseball%20sh",
]


def _server(sample: Path, home: Path, secret: dict[str, Any]) -> Server:
    server = Server(Path(shutil.copytree(sample, home)))
    server.archive.append(HIDDEN, "ArticlePublished", secret)
    server.catch_up()
    return server


@pytest.fixture(scope="module")
def servers(sample: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, Server]:
    """Two servers, of an article under embargo that names others, and of one that names none."""
    folder = tmp_path_factory.mktemp("embargo")
    return _server(sample, folder / "loud", LOUD), _server(sample, folder / "quiet", QUIET)


def sent(server: Server, place: str, role: Role | None = None) -> tuple[int, str, str]:
    """What readers are sent, without the instants and the digests of what was built."""
    answer = server.ask(role).get(place)
    now = datetime.now(UTC).year
    built = rf"{now}-\d\d-\d\d[T ][\d:.]+(?:Z|\+00:00)?|\d+\.\d+e?-?\d*|\b[0-9a-f]{{64}}\b"
    text = re.sub(built, "", answer.text)
    return answer.status_code, text, answer.headers.get("link", "")


@pytest.mark.parametrize("place", PLACES)
def test_readers_are_sent_the_same_whatever_is_under_embargo(
    servers: tuple[Server, Server], place: str
) -> None:
    loud, quiet = (sent(server, place) for server in servers)
    assert loud[0] < 500
    assert loud == quiet


def test_editors_are_sent_what_it_says(servers: tuple[Server, Server]) -> None:
    place = f"{API}/articles?q={WORD}&embargoed=true"
    loud, quiet = (sent(server, place, Role.editor) for server in servers)
    assert WORD in loud[1]
    assert loud != quiet
