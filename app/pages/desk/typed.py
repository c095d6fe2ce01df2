"""What an editor typed: the pairs of a posted form, read as the values of an event.

Nothing that was typed is lost: a text that cannot be read stays in the form, with what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from app.pages import strings
from app.pages.desk.inputs import EMPTY_ROWS, Input, Item, Shown, as_texts, plain_lines
from app.pages.desk.names import meant, with_id

if TYPE_CHECKING:
    from datetime import date

    from archive import Archive

VALUE, ORDER = "f.", "o."
"""What the names of the elements begin with that have a field's values, and their order."""
FEWEST_WITHOUT_NAMES = 100
"""Of a longer list the items are shown by their ids: each name is looked up in the log."""
Pairs = Sequence[tuple[str, str]]


@dataclass
class Typed:
    """The values that were typed, and the inputs as the form shows them again."""

    values: dict[str, Any] = field(default_factory=dict)
    """Fields that are not empty."""
    shown: list[Shown] = field(default_factory=list)

    @property
    def wrong(self) -> list[Shown]:
        """The inputs in which something is wrong."""
        return [each for each in self.shown if each.errors]

    def blame(self, name: str, reason: str) -> bool:
        """Put an error beside the input of a field; returns whether there is one."""
        for each in self.shown:
            if each.input.name == name:
                each.error = reason
                return True
        return False


def stored(archive: Archive, inputs: Sequence[Input], fields: Mapping[str, Any]) -> Typed:
    """The inputs as they show an entity's fields."""
    typed = Typed(dict(fields))
    for each in inputs:
        rows = [Item(text) for text in _as_shown(archive, each, fields.get(each.name))]
        typed.shown.append(Shown(each, _with_empty(each, rows)))
    return typed


def read(
    archive: Archive, inputs: Sequence[Input], pairs: Pairs, before: Mapping[str, Any]
) -> Typed:
    """Read a posted form; a text that is as the form showed it stands for the value ``before``.

    So a value that no form can show in full, such as an instant's microseconds, stays as it is.
    """
    typed = Typed()
    for each in inputs:
        rows, old = _items(each, pairs), before.get(each.name)
        shown_before = [*_as_shown(archive, each, old)]
        if [row.text for row in rows] == shown_before or (not rows and not shown_before):
            value = old
            if each.kind == "yes" and old is None and each.required:
                value = False
        else:
            value = _value(archive, each, rows)
        if value is not None:
            typed.values[each.name] = value
        typed.shown.append(Shown(each, _with_empty(each, rows)))
    return typed


def _items(each: Input, pairs: Pairs) -> list[Item]:
    """The rows that have a text, in the order that the numbers beside them say."""
    texts = [plain_lines(text) for name, text in pairs if name == VALUE + each.name]
    orders = [text for name, text in pairs if name == ORDER + each.name]
    if not each.is_list:
        return [Item(text) for text in texts[:1] if text.strip()]
    numbers = [*map(_order, orders), *(float("inf") for _ in texts)]
    placed = sorted(enumerate(texts), key=lambda pair: (numbers[pair[0]], pair[0]))
    return [Item(text) for _, text in placed if text.strip()]


def _order(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


def _with_empty(each: Input, rows: list[Item]) -> list[Item]:
    if each.is_list:
        return [*rows, *(Item() for _ in range(EMPTY_ROWS))]
    return rows or [Item()]


def _as_shown(archive: Archive, each: Input, value: Any) -> Iterator[str]:
    texts = as_texts(value)
    named = each.target and len(texts) <= FEWEST_WITHOUT_NAMES
    for text in texts:
        yield with_id(archive, text) if named else text


def _value(archive: Archive, each: Input, rows: list[Item]) -> Any:
    """The value of rows; what cannot be read is told in its row, and left out."""
    values = []
    for row in rows:
        try:
            values.append(_of_item(archive, each, row))
        except ValueError as error:
            row.error = str(error)
    if each.is_list:  # who is named twice is named once
        return ([*dict.fromkeys(values)] if each.target else values) or None
    if each.kind == "yes":
        return bool(rows)
    return values[0] if values else None


def _of_item(archive: Archive, each: Input, row: Item) -> Any:
    text = row.text.strip()
    if each.target:
        return _reference(archive, each, row)
    if each.kind == "whole":
        return _number(int, text, "desk_no_whole_number")
    if each.kind == "number":
        return _number(float, text, "desk_no_number")
    if each.kind in ("instant", "day"):
        return _date(each.kind, text)
    return row.text.strip("\n") if each.kind == "prose" else text


def _number(kind: type[int] | type[float], text: str, wrong: str) -> int | float:
    try:
        return kind(text.replace(",", ""))
    except ValueError:
        raise ValueError(strings.text(wrong, text=text)) from None


def _date(kind: str, text: str) -> date:
    """A day or an instant in UTC; raises ``InvalidDate``, which says what to write."""
    from datetime import timedelta

    from event_log import dates

    if kind == "day":
        return dates.first_day(text)
    return dates.EPOCH + timedelta(microseconds=dates.first_instant(text))


def _reference(archive: Archive, each: Input, row: Item) -> str:
    found, choices = meant(archive, row.text, each.target)
    if found is not None:
        return found
    row.choices = choices
    key = "desk_choose_one" if choices else "desk_nobody_called_so"
    raise ValueError(strings.text(key, text=row.text.strip(), category=each.target))
