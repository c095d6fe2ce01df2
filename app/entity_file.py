"""An entity as a file that an editor changes: its fields as TOML between ``+++``, then its text.

+++
# article/1, version 3
headline = "Whales Return"
# kicker = ""
+++

They were seen off Montauk.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app import show
from app.options import Failure

if TYPE_CHECKING:
    from event_log import Category
    from replay import Entity

FENCE = "+++"
_VERSION = re.compile(r"^# .*, version (\d+)$", re.MULTILINE)
_PARTS = re.compile(
    r"\A\ufeff?\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*$\n?(.*)\Z", re.DOTALL | re.MULTILINE
)
EMPTY: tuple[Any, ...] = (None, "", [])


def written(entity: Entity, category: Category) -> str:
    """The file of an entity; fields that it does not have are there as comments."""
    lines = [FENCE, f"# {entity.stream}, version {entity.version}"]
    prose = prose_field(category)
    for field in category.fields:
        value = show.plain(entity.fields.get(field.name))
        if field.name == prose:
            continue
        if value in EMPTY:
            lines.append(f"# {field.name} = {_empty(field.type)}")
        else:
            lines.append(f"{field.name} = {_toml(value)}")
    text = str(entity.fields.get(prose) or "") if prose else ""
    return "\n".join([*lines, FENCE, "", _shown(text)]) + "\n"


def read(text: str, entity: Entity, category: Category) -> tuple[dict[str, Any], int | None]:
    """The fields in a file of an entity, and the version that it was written from.

    Raises ``Failure`` with the line of what cannot be read.
    """
    parts = _PARTS.match(_lines(text))
    if parts is None:
        raise Failure(f"the fields must stand between two lines of {FENCE}, at the beginning")
    front, rest = parts.groups()
    try:
        fields = tomllib.loads(front)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        where = f"line {int(line[1]) + 1}: " if line else ""
        raise Failure(
            f"{where}{error}; a field is written name = value, a text in quotes"
        ) from None
    names = [field.name for field in category.fields]
    prose = prose_field(category)
    for name in fields:
        if name not in names or name == prose:
            known = ", ".join(name for name in names if name != prose)
            raise Failure(f"{name} is no field of {category.name}; there are: {known}")
    if prose:
        own = str(entity.fields.get(prose) or "")
        fields[prose] = own if _shown(rest) == _shown(own) else _shown(rest)
    elif rest.strip():
        raise Failure(f"{category.name} has no text below its fields; there is one after {FENCE}")
    version = _VERSION.search(front)
    return {name: show.plain(value) for name, value in fields.items()}, version and int(version[1])


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a revision that makes the old fields those of a file, where empty is none.

    >>> changes({"name": "Sea", "kind": "place"}, {"name": "Ocean", "kind": ""})
    {'name': 'Ocean', 'cleared': ['kind']}
    """
    from archive import revision_of

    before = {name: show.plain(value) for name, value in old.items() if value not in EMPTY}
    after = {name: value for name, value in new.items() if value not in EMPTY}
    return revision_of(before, after)


def prose_field(category: Category) -> str | None:
    """The field of long prose, if the category has exactly one."""
    from event_log import TEXT

    names = [field.name for field in category.fields if field.type == TEXT]
    return names[0] if len(names) == 1 else None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def _shown(prose: str) -> str:
    """A text as it stands in a file, whose lines end as the editor's do."""
    return _lines(prose).strip("\n")


def _toml(value: Any) -> str:
    """A value in TOML, whose strings and lists are written as JSON's are."""
    import json

    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _empty(type_: Any) -> str:
    import pyarrow as pa

    if pa.types.is_list(type_):
        return "[]"
    return "0" if pa.types.is_integer(type_) or pa.types.is_floating(type_) else '""'
