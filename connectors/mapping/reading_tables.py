"""Read the tables of a mapping, each checked against its category."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from connectors.mapping import declared
from connectors.mapping.places import Section, Value, nearest
from connectors.mapping.reading_values import ValueReader
from connectors.mapping.templates import Template
from connectors.mapping.types import NAMES
from event_log import INSTANT, Category, Effect, Registry

if TYPE_CHECKING:
    from replay import Domain

SCHEMA = "public"
"""The schema of a table whose name has none."""
KEYS = (
    "stream",
    "events",
    "fields",
    "lists",
    "ignored",
    "unknown",
    "where",
    "truncate",
    "delete",
    "key_change",
    "identity",
    "occurred_at",
    "actor",
)
OF_ENTITIES = ("events", "fields", "key_change", "occurred_at", "actor", "delete")
EVENTS = {
    "created": Effect.CREATES,
    "changed": Effect.REVISES,
    "removed": Effect.REMOVES,
    "returned": Effect.REINSTATES,
}
LIST_KEYS = ("of", "value", "order")


def of_schema(name: str) -> str:
    """Return a table's name with its schema.

    >>> of_schema("article"), of_schema("news.article")
    ('public.article', 'news.article')
    """
    return name if "." in name else f"{SCHEMA}.{name}"


class TableReader:
    """Reads tables one after the other; what needs all of them is checked at the end."""

    def __init__(self, domain: Domain, registry: Registry) -> None:
        self.domain, self.registry = domain, registry
        self._found: list[tuple[str, Value, Section, Template | None]] = []

    def add(self, name: str, value: Value) -> None:
        """Note a table, and which streams its lines have."""
        section = value.section(KEYS)
        stream = section.get("stream")
        template = None if stream is None else self._stream(stream)
        self._found.append((name, value, section, template))

    def tables(self) -> Mapping[str, declared.Table]:
        """Return all tables by name."""
        self._check_prefixes()
        tables = {}
        for name, value, section, template in self._found:
            tables[name] = self._table(name, value, section, template)
        self._check_lists(tables)
        return tables

    def _stream(self, value: Value) -> Template | None:
        text = value.text("a template such as article/{id}")
        if text is None:
            return None
        template = Template(text, stream=True)
        category, slash, _ = text.partition("/")
        problem = template.problem()
        if problem is None and (not slash or "{" in category):
            problem = f"must begin with a category and a slash, as {self._example()}"
        elif problem is None and category not in self.registry:
            near = nearest(category, self.registry)
            meant = f"; did you mean {near}?" if near else ""
            problem = f"there is no category {category!r}{meant}; there is {self._categories()}"
        elif problem is None and not template.columns:
            problem = f"must name the columns of the id in braces, as {self._example()}"
        if problem is not None:
            value.wrong(problem)
            return None
        return template

    def _example(self) -> str:
        return f"{next(iter(self.registry))}/{{id}}"

    def _categories(self) -> str:
        return ", ".join(self.registry)

    def _check_prefixes(self) -> None:
        seen: list[tuple[str, str, Section]] = []
        for name, _, section, template in self._found:
            if template is None:
                continue
            for other, prefix, place in seen:
                if template.before.startswith(prefix) or prefix.startswith(template.before):
                    line = place.key("stream").line
                    section.key("stream").wrong(
                        f"the streams of {name} and of {other} (line {line}) cannot be told apart;"
                        f" begin them differently, as {template.before}{name.split('.')[-1]}-{{…}}"
                    )
            seen.append((name, template.before, section))

    def _table(
        self, name: str, value: Value, section: Section, template: Template | None
    ) -> declared.Table:
        if "stream" not in section and "lists" not in section:
            value.wrong("must have stream, for lines that are entities, or lists, for children")
        if "stream" not in section:
            for key in OF_ENTITIES:
                if key in section:
                    section.key(key).wrong("goes with stream, which is not here")
        category = self.registry[template.text.partition("/")[0]] if template else None
        fields, references = {}, {}
        if category is not None:
            references = self._references(category)
            fields = section.read("fields", lambda v: self._fields(v, category, references), {})
        return declared.Table(
            name,
            value.line,
            template.text if template else None,
            category,
            self._types(section, category) if category else None,
            fields,
            references,
            tuple(section.read("lists", lambda v: self._lists(name, v), ())),
            frozenset(section.read("ignored", Value.texts, ())),
            section.read("unknown", _choice("error", "ignore", "dead_letter"), "error"),
            section.read("where", _where, {}),
            section.read("truncate", _choice("error", "ignore", "remove"), "error"),
            section.read("key_change", _choice("move", "error"), "move"),
            section.read("delete", _choice("remove", "ignore", "error"), "remove"),
            section.read("identity", _choice("default", "full"), "default") == "full",
            section.read("occurred_at", ValueReader(INSTANT, None, "").read, None),
            section.read("actor", lambda v: v.text("a column"), None),
        )

    def _references(self, category: Category) -> dict[str, str]:
        """For each field that refers to others, the other's stream with ``{}`` for the id."""
        made = {}
        for field, target in self.domain.references.get(category.name, {}).items():
            templates = [t for *_, t in self._found if t and t.text.startswith(f"{target}/")]
            one = templates[0] if len(templates) == 1 and len(templates[0].columns) == 1 else None
            made[field] = (
                one.text.replace(f"{{{one.columns[0]}}}", "{}") if one else f"{target}/{{}}"
            )
        return made

    def _fields(
        self, value: Value, category: Category, references: Mapping[str, str]
    ) -> dict[str, declared.Value]:
        fields = {}
        for name, told in value.section():
            kind = _type_of(category, name, told)
            if kind is not None:
                target = self.domain.references.get(category.name, {}).get(name, "")
                fields[name] = ValueReader(kind, references.get(name), target).read(told)
        return fields

    def _types(self, section: Section, category: Category) -> declared.Types:
        events = section.read("events", lambda v: v.section(EVENTS), None)
        place = events.value if events else section.key("stream")
        chosen: dict[str, str | None] = {}
        for name, effect in EVENTS.items():
            usable = category.types_to_use(effect)
            told = events.get(name) if events else None
            if told is not None:
                chosen[name] = _type_named(told, category, effect, self.registry)
            elif len(usable) > 1:
                place.wrong(
                    f"several types of {category.name} would do for what is {name}; write events:"
                    f" with {name}: {' or '.join(usable)}"
                )
                chosen[name] = usable[0]
            else:
                chosen[name] = usable[0] if usable else None
        created = chosen["created"]
        if not category.types_to_use(Effect.CREATES):
            place.wrong(f"{category.name} has no event type that creates an entity")
        self._check_removal(place, chosen["removed"])
        returned = chosen["returned"]
        return declared.Types(
            created or "",
            chosen["changed"],
            chosen["removed"],
            returned or created or "",
            returned is not None,
        )

    def _check_removal(self, place: Value, removed: str | None) -> None:
        required = self.registry.event_types[removed].required if removed else ()
        if required:
            place.wrong(f"{removed} requires {', '.join(required)}, which a deletion does not tell")

    def _lists(self, table: str, value: Value) -> list[declared.ListOf]:
        lists = []
        for name, told in value.section():
            section = told.section(LIST_KEYS)
            for key in ("of", "value"):
                if section.get(key) is None:
                    told.wrong(f"must have {key}; it has {', '.join(LIST_KEYS)}")
            of = section.read("of", self._stream, None)
            if of is None:
                continue
            category = self.registry[of.text.partition("/")[0]]
            kind = _type_of(category, name, told)
            if kind is None:
                continue
            if not pa.types.is_list(kind):
                told.wrong(f"{name} of {category.name} is {NAMES[kind]}, no list")
                continue
            target = self.domain.references.get(category.name, {}).get(name, "")
            reference = self._references(category).get(name)
            made = section.read(
                "value", ValueReader(kind.value_type, reference, target).read, declared.Value()
            )
            if len(made.columns) != 1 or made.function or made.join:
                told.wrong("the value of an item is made of one column")
                continue
            lists.append(
                declared.ListOf(
                    f"{table}.{name}",
                    name,
                    category,
                    of.text,
                    made,
                    self._revising(category, told),
                    reference is not None,
                    section.read("order", lambda v: v.text("a column"), None),
                )
            )
        return lists

    def _revising(self, category: Category, place: Value) -> str | None:
        """The type of the event that says that a list changed: that of the parent's table."""
        for _, _, section, template in self._found:
            if template is not None and template.text.startswith(f"{category.name}/"):
                events = section.get("events")
                told = events.section(EVENTS).get("changed") if events else None
                if told is not None and told.kind == "text":
                    return str(told.node.value)
        usable = category.types_to_use(Effect.REVISES)
        if len(usable) > 1 and not any(
            t is not None and t.text.startswith(f"{category.name}/") for *_, t in self._found
        ):
            place.wrong(
                f"several types of {category.name} would do for a list that changed: declare the"
                " table of the parent, with events: and changed:"
            )
        return usable[0] if usable else None

    def _check_lists(self, tables: Mapping[str, declared.Table]) -> None:
        """A field has one source: its own table's columns, or the lines of one child table."""
        owners = {
            (table.category.name, field): table.name
            for table in tables.values()
            if table.category
            for field in table.fields
        }
        for name, _, section, _ in self._found:
            for each in tables[name].lists:
                whose = (each.category.name, each.field)
                if whose in owners:
                    place = section.get("lists").section().key(each.field)  # type: ignore[union-attr]
                    place.wrong(
                        f"{each.field} of {each.category.name} is made by {owners[whose]} already"
                    )
                owners[whose] = name


def _type_of(category: Category, field: str, place: Value) -> Any:
    """The type of a category's field or annotation; None, with a mistake noted, without one."""
    if field in category.carried.names:
        return category.carried.field(field).type
    near = nearest(field, category.carried.names)
    meant = f"; did you mean {near}?" if near else ""
    place.wrong(
        f"{category.name} has no field {field!r}{meant}; it has {', '.join(category.carried.names)}"
    )
    return None


def _type_named(value: Value, category: Category, effect: Effect, registry: Registry) -> str | None:
    """The event type that is named here, if it has the effect that is wanted."""
    name = value.text("an event type")
    if name is None:
        return None
    usable = category.types_to_use(effect)
    there = f"{category.name} has {', '.join(usable) or 'none'} that {effect.value}"
    owner = registry.owner.get(name)
    if name in usable:
        return name
    if owner is None:
        near = nearest(name, registry.event_types)
        value.wrong(
            f"there is no event type {name!r}{f'; did you mean {near}?' if near else ''}; {there}"
        )
    elif owner is not category:
        value.wrong(f"{name} is a type of {owner.name}; {there}")
    elif registry.event_types[name].effect is effect:
        value.wrong(f"{name} is retired; {there}")
    else:
        value.wrong(f"{name} {registry.event_types[name].effect.value} its entity; {there}")
    return None


def _choice(*allowed: str) -> Callable[[Value], str]:
    return lambda value: value.choice(allowed, allowed[0])


def _where(value: Value) -> dict[str, frozenset[Any]]:
    """By column, the values that a line may have; a number also as text, as a file has it."""
    where = {}
    for column, told in value.section():
        plain = told.plain()
        items = plain if isinstance(plain, list) else [plain]
        if any(isinstance(item, list) for item in items):
            told.wrong("must be a value or a list of values")
            continue
        texts = [str(item).lower() for item in items if isinstance(item, int | float)]
        where[column] = frozenset([*items, *texts])
    return where
