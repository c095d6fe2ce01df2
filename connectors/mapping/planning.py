"""Plans: how the lines of a table become a field's values, made once for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from connectors.debezium.change import Columns
from connectors.mapping.declared import Table, Value
from connectors.mapping.errors import Untranslatable
from connectors.mapping.templates import Template, as_text
from connectors.mapping.types import ENCODERS, converter, decoder

if TYPE_CHECKING:
    from event_log import Category

MOST_PLANS = 1_000
"""Sets of columns of one table: more are only seen when columns come and go."""
MISSING = object()
Make = Callable[..., Any]


@dataclass(slots=True)
class Plan:
    """How lines with the same columns become data."""

    single: list[tuple[str, str, Make]] = field(default_factory=list)
    """Field, column, and what makes the one of the other where it is not null."""
    several: list[tuple[str, tuple[str, ...], Make]] = field(default_factory=list)
    """Field, columns (or none, for a constant), and what makes the one of the others."""
    annotations: list[tuple[str, tuple[str, ...], Make]] = field(default_factory=list)
    """Likewise, what each event says of itself."""
    withheld: list[str] = field(default_factory=list)
    """The fields that are not given, because the source withheld their columns."""


class Lines:
    """Makes data of the lines of one table that are entities."""

    def __init__(self, table: Table) -> None:
        self.table, self.category = table, cast("Category", table.category)
        self._plans: dict[tuple[Any, ...], Plan] = {}
        needed = {*table.where, *(table.occurred_at.columns if table.occurred_at else ())}
        needed.update([table.actor] if table.actor else ())
        for template in (table.stream, *(each.of for each in table.lists)):
            needed.update(Template(template).columns if template else ())
        for each in table.lists:
            needed.update(each.value.columns, [each.order] if each.order else ())
        self._needed = sorted(needed)
        """The columns that each line must have, beside those of its fields."""
        of_fields = (column for value in table.fields.values() for column in value.columns)
        self._used = {*needed, *of_fields, *table.ignored}

    def plan(self, line: Columns, withheld: frozenset[str]) -> Plan:
        """Return the plan for lines with these columns; raises ``Untranslatable``."""
        shape = (*line, None, withheld) if withheld else tuple(line)
        plan = self._plans.get(shape)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[shape] = self._made(line, withheld)
        return plan

    def _made(self, line: Columns, withheld: frozenset[str]) -> Plan:
        plan = Plan()
        for column in self._needed:
            if column not in line and column not in withheld:
                self._lacks(column, "which the mapping names", line)
        for name, value in self.table.fields.items():
            self._add(plan, name, value, line, withheld)
        for column in [*line, *withheld]:
            if column in self._used:
                continue
            if column in self.category.fields.names and column not in self.table.fields:
                self._add(plan, column, self._by_itself(column), line, withheld)
            elif self.table.unknown != "ignore":
                raise Untranslatable(
                    self.table.name,
                    column,
                    "the mapping does not say what becomes of this column; give it to a field, or"
                    " name it in ignored, or say unknown: ignore",
                    stops=self.table.unknown == "error",
                )
        return plan

    def _lacks(self, column: str, which: str, line: Columns) -> None:
        raise Untranslatable(
            self.table.name,
            column,
            f"there is no such column, {which}; there is {', '.join(line)}",
            stops=True,
        )

    def _by_itself(self, column: str) -> Value:
        around = self.table.references.get(column)
        return Value((column,), None, around and around.replace("{}", f"{{{column}}}"))

    def _add(
        self, plan: Plan, name: str, value: Value, line: Columns, withheld: frozenset[str]
    ) -> None:
        for column in value.columns:
            if column not in line and column not in withheld:
                self._lacks(column, f"of which the field {name} is made", line)
        not_given = withheld.intersection(value.columns)
        if not_given == set(value.columns) and not_given:
            if name in self.category.fields.names:
                plan.withheld.append(name)
            return
        if not_given:
            raise Untranslatable(
                self.table.name,
                min(not_given),
                f"the source withheld this long value, for it did not change, and the field {name}"
                " is made of it and of others; give the table REPLICA IDENTITY FULL, and say"
                " identity: full",
            )
        kind = self.category.carried.field(name).type
        if name not in self.category.fields.names:
            make = of_several(value, kind, False)
            plan.annotations.append((name, value.columns, make))
        elif len(value.columns) == 1 and value.function is None and value.join is None:
            plan.single.append((name, value.columns[0], of_one(value, kind, self._is_stream(name))))
        else:
            plan.several.append(
                (name, value.columns, of_several(value, kind, self._is_stream(name)))
            )

    def _is_stream(self, name: str) -> bool:
        return name in self.table.references

    def annotations(self, plan: Plan, line: Columns) -> dict[str, Any]:
        """Return what an event of a line says of itself."""
        data = {}
        for name, columns, make in plan.annotations:
            try:
                made = make(*[line[column] for column in columns])
            except (Exception, SystemExit) as error:  # whatever a function of the mapping raises
                where = ", ".join(columns)
                raise Untranslatable(self.table.name, where, f"{name}: {_told(error)}") from error
            if made is not None:
                data[name] = made
        return data

    def data(self, plan: Plan, line: Columns, before: Columns | None = None) -> dict[str, Any]:
        """Return the values of fields, None for those that are null; raises ``Untranslatable``.

        With ``before``, only of those whose columns differ.
        """
        data: dict[str, Any] = {}
        where: str | tuple[str, ...] = ""
        try:
            for name, where, make in plan.single:
                value = line[where]
                if before is not None and before.get(where, MISSING) == value:
                    continue
                data[name] = None if value is None else make(value)
            for name, where, make in plan.several:
                if before is not None and all(before.get(c, MISSING) == line[c] for c in where):
                    continue
                data[name] = make(*[line[column] for column in where])
        except Untranslatable:
            raise
        except (Exception, SystemExit) as error:  # whatever a function of the mapping raises
            column = where if isinstance(where, str) else ", ".join(where)
            raise Untranslatable(self.table.name, column, f"{name}: {_told(error)}") from error
        return data


def _told(error: BaseException) -> str:
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"


def of_one(value: Value, kind: pa.DataType, is_stream: bool) -> Make:
    """Return what makes a field's value of one column that is not null."""
    if value.split is not None:
        return _split(value, kind, is_stream)
    if value.template is None:
        return converter(value.type, kind)
    decode, template = decoder(value.type), Template(value.template, stream=is_stream)
    times = len(template.columns)
    if pa.types.is_list(kind):
        encode = ENCODERS[kind]

        def listed(given: Any) -> Any:
            items = encode(decode(given) if decode else given)
            return [template.fill(*[item] * times) for item in items]

        return listed
    if times == 1 and kind == pa.string():
        fill = template.fill
        return fill if decode is None else lambda given: fill(decode(given))
    encode = ENCODERS[kind]
    return lambda given: encode(template.fill(*[decode(given) if decode else given] * times))


def _split(value: Value, kind: pa.DataType, is_stream: bool) -> Make:
    whole, by = Value(value.columns, None, value.template), value.split
    make = of_one(whole, kind, is_stream) if value.template else ENCODERS[kind]

    def split(given: Any) -> Any:
        items = (item.strip() for item in str(as_text(given)).split(by))
        return make([item for item in items if item]) or None

    return split


def of_several(value: Value, kind: pa.DataType, is_stream: bool) -> Make:
    """Return what makes a field's value of several columns, or of none."""
    encode = ENCODERS[kind]
    if value.function is not None:
        return _called(value.function, decoder(value.type), encode)
    if value.join is not None:
        return lambda *given: _joined(value.join or "", given, encode)
    if value.template is not None:
        template = Template(value.template, stream=is_stream)

        def filled(*given: Any) -> Any:
            text = template.fill(*given)
            return None if text is None else encode(text)

        return filled
    if value.columns:
        one = of_one(value, kind, is_stream)
        return lambda given: None if given is None else one(given)
    return lambda: value.constant


def _called(function: Callable[..., Any], decode: Make | None, encode: Make) -> Make:
    def called(*given: Any) -> Any:
        if decode is not None:
            given = tuple(None if value is None else decode(value) for value in given)
        made = function(*given)
        return None if made is None else encode(made)

    return called


def _joined(by: str, given: tuple[Any, ...], encode: Make) -> Any:
    texts = [text for value in given if (text := as_text(value)) and text.strip()]
    return encode(by.join(texts)) if texts else None


def matches(where: Mapping[str, frozenset[Any]], line: Columns) -> bool:
    """Whether a line has the values that the mapping's ``where`` wants."""
    for column, wanted in where.items():
        value = line.get(column, MISSING)
        if type(value) is not str:
            if isinstance(value, date | Decimal):
                value = as_text(value)  # as the file has it
            elif isinstance(value, list | dict):
                return False
        if value not in wanted:
            return False
    return True
