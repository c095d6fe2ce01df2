"""One document as somebody may see it: readers do not see what is under embargo or removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.web.identity import Identity
from app.web.problems import Problem

if TYPE_CHECKING:
    from app.web.site import Site
    from replay import View
    from search import Hit

DESK = "the view {} shows what is for the desk; log in as an editor"


def readable_view(site: Site, name: str, identity: Identity) -> View:
    """The view of this name, if somebody may read it; raises ``Problem`` 404, 401 or 403.

    A view of events has the reasons that are for the desk: editors read it.
    """
    from replay import EVENT
    from search import UnknownName

    try:
        view = site.archive.view(name)
    except UnknownName as error:
        raise Problem(404, str(error)) from None
    if view.per == EVENT and not identity.edits:
        raise Problem(401 if identity.name is None else 403, DESK.format(view.name))
    return view


def document(site: Site, view: View, key: str, identity: Identity) -> Hit:
    """The document of a view, from its live index; raises ``Problem`` 404 or 410.

    Who may not edit does not see what is under embargo: it is not found. A document whose entity
    was removed is gone (410), and the note that its removal has for the public is said.
    """
    from search import Query

    itself = {name: key for name, path in view.filters.items() if path == "id"}
    query = Query("", view.name, itself, size=1, highlight=False, embargoed=identity.edits)
    hits = site.archive.engine.search(query).hits if itself else []
    if not hits:
        raise Problem(404, f"there is no {key} in {view.name}")
    return hits[0]
