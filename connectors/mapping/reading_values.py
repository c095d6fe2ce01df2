"""Read what a field's value is made of: a column, a template, several columns, a function."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa

from connectors.mapping import declared
from connectors.mapping.places import Section, Value, nearest
from connectors.mapping.templates import Template
from connectors.mapping.types import DECLARABLE, ENCODERS, FITS, NAMES, STRINGS, declarable, fits

KEYS = ("column", "columns", "type", "template", "join", "with", "split", "function", "constant")
WAYS = ("column", "template", "join", "function", "constant")
FUNCTION = re.compile(r"\w+(\.\w+)*:\w+")
TEXTS = FITS["text"]


class ValueReader:
    """Reads the value of one field of a known type, which may refer to other entities."""

    def __init__(self, field: pa.DataType, reference: str | None, category: str) -> None:
        """``reference`` is the other's stream, with ``{}`` for the column, of its ``category``."""
        self.field, self.reference, self.category = field, reference, category

    def read(self, value: Value) -> declared.Value:
        """Return what the field is made of."""
        if value.is_braces():
            value.wrong("a text that begins with { needs quotes")
            return declared.Value()
        if value.kind == "section":
            return self._of_section(value.section(KEYS))
        text = value.text("a column, a template or a section of its own")
        if text is None:
            return declared.Value()
        if "{" in text or "}" in text:
            return self._template(value, text, None, None)
        return self._column(text, None)

    def _column(self, column: str, type_: str | None) -> declared.Value:
        template = None
        if self.reference and type_ != "stream":
            template = self.reference.replace("{}", f"{{{column}}}")
        return declared.Value((column,), type_, template)

    def _of_section(self, section: Section) -> declared.Value:
        ways = [way for way in WAYS if way in section]
        if ways != ["template"] and set(ways) != {"column", "template"} and len(ways) != 1:
            told = f", not {' and '.join(ways)}" if ways else ""
            section.value.wrong(f"must have one of {', '.join(WAYS)}{told}")
            return declared.Value()
        type_ = self._type(section)
        split = section.read("split", Value.text, None)
        self._check_company(section, ways)
        if ways == ["constant"]:
            return declared.Value(constant=self._constant(section))
        if ways == ["join"]:
            self._is_text(section.key("join"), "columns that are joined are text")
            columns = tuple(section.read("join", Value.texts, []))
            return declared.Value(columns, join=section.read("with", Value.text, " "))
        if ways == ["function"]:
            columns = tuple(section.read("columns", Value.texts, []))
            if not columns:
                section.value.wrong("a function needs columns, which it is called with")
            return declared.Value(columns, type_, function=section.read("function", imported, None))
        column = section.read("column", lambda value: value.text("a column"), None)
        if split is not None and not pa.types.is_list(self.field):
            section.key("split").wrong(f"makes a list, but the field is {NAMES[self.field]}")
        if "template" in section:
            text = section.read("template", Value.text, "")
            made = self._template(section.key("template"), text or "", column, type_)
        else:
            made = self._column(column or "", type_)
        return declared.Value(made.columns, type_, made.template, split=split)

    def _check_company(self, section: Section, ways: list[str]) -> None:
        """Refuse keys that mean nothing beside the others: they would be ignored."""
        company = {"columns": "function", "with": "join"}
        for key, way in company.items():
            if key in section and way not in ways:
                section.key(key).wrong(f"goes with {way}, which is not here")
        for key in ("type", "split"):
            if key in section and not {"column", "function"}.intersection(ways):
                section.key(key).wrong("goes with column, which is not here")

    def _type(self, section: Section) -> str | None:
        value = section.get("type")
        text = None if value is None else value.text("a type")
        if value is None or text is None:
            return None
        if not declarable(text):
            near = nearest(text, DECLARABLE)
            meant = f"; did you mean {near}?" if near else ""
            value.wrong(f"{text!r} is no type{meant}; there is {', '.join(DECLARABLE)}")
            return None
        templated = "template" in section or self.reference is not None
        if "function" not in section and not templated and not fits(text, self.field):
            fitting = [name for name in DECLARABLE if self._fits(name)]
            value.wrong(
                f"{text} cannot become {NAMES[self.field]}, which the field is; what can is"
                f" {', '.join(fitting)}, and what a function makes"
            )
        return text

    def _fits(self, name: str) -> bool:
        return fits("decimal(0)" if name.startswith("decimal") else name, self.field)

    def _template(
        self, value: Value, text: str, column: str | None, type_: str | None
    ) -> declared.Value:
        template = Template(text, stream=self.reference is not None)
        if problem := template.problem():
            value.wrong(problem)
        elif not template.columns:
            value.wrong(f"{text!r} has no column in braces; for a fixed value write constant")
        elif column is not None and set(template.columns) != {column}:
            value.wrong(f"names other columns than {column}, which it goes with")
        if self.reference is not None:
            if not text.startswith(f"{self.category}/"):
                value.wrong(
                    f"the field refers to entities of {self.category}; begin with {self.category}/"
                )
        else:
            self._is_text(value, "a template makes text")
        if pa.types.is_list(self.field) and len(set(template.columns)) > 1:
            value.wrong("the field is a list: the template is for each item of one column")
        return declared.Value(template.columns, type_, text)

    def _is_text(self, value: Value, why: str) -> None:
        if self.field not in (*TEXTS, STRINGS):
            value.wrong(f"{why}, and the field is {NAMES[self.field]}")

    def _constant(self, section: Section) -> Any:
        value = section.get("constant")
        if value is None:
            section.key("constant").wrong("must have a value; to empty a field leave it out")
            return None
        plain = value.plain()
        try:
            return None if plain is None else ENCODERS[self.field](plain)
        except ValueError as error:
            value.wrong(f"cannot become {NAMES[self.field]}, which the field is: {error}")
            return None


def imported(value: Value) -> Callable[..., Any] | None:
    """Return the function that is named as ``module:function``."""
    name = value.text("module:function")
    if name is None:
        return None
    if not FUNCTION.fullmatch(name):
        value.wrong(f"{name!r} names no function; write module:function")
        return None
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute, None)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever the module raises
        value.wrong(f"the module {module} cannot be imported ({type(error).__name__}: {error})")
        return None
    if not callable(found):
        value.wrong(f"the module {module} has no function {attribute}")
        return None
    function: Callable[..., Any] = found
    return function


def checked_regex(value: Value) -> str | None:
    """Return a regular expression."""
    text = value.text("a regular expression")
    try:
        re.compile(text or "")
    except re.error as error:
        value.wrong(f"{text!r} is no regular expression ({error})")
        return None
    return text
