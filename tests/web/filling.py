"""Forms of a page as a browser without JavaScript fills and posts them."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from starlette.testclient import TestClient


class Form:
    """A form of a page: the pairs that it posts, which a test changes as a person types."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.pairs: list[tuple[str, str]] = []

    def __getitem__(self, name: str) -> str:
        return next(value for key, value in self.pairs if key == name)

    def all(self, name: str) -> list[str]:
        """The values of all elements of a name."""
        return [value for key, value in self.pairs if key == name]

    def fill(self, **fields: str | list[str]) -> Form:
        """Type into fields: one text, or those of all rows of a list, in this order."""
        return self.put(**{f"f.{name}": value for name, value in fields.items()})

    def put(self, **values: str | list[str]) -> Form:
        """Set elements by their names."""
        for name, value in values.items():
            texts = [value] if isinstance(value, str) else value
            order = name.replace("f.", "o.", 1)
            is_list = name.startswith("f.") and bool(self.all(order))
            self.pairs = [pair for pair in self.pairs if pair[0] not in (name, is_list and order)]
            for number, text in enumerate(texts, 1):
                self.pairs += [(order, str(number))] if is_list else []
                self.pairs.append((name, text))
        return self

    def post(self, client: TestClient, do: str, **options: Any) -> Any:
        """Press a button."""
        data: dict[str, list[str]] = {"do": [do]}
        for name, value in self.pairs:
            data.setdefault(name, []).append(value)
        return client.post(self.action, data=data, **options)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._text: tuple[str, str] | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        if tag == "form":
            self._form = Form(given.get("action", ""))
            self.forms.append(self._form)
        elif self._form is None:
            return
        elif tag == "input" and name:
            is_box = given.get("type") in ("checkbox", "radio")
            if not is_box or "checked" in given:
                self._form.pairs.append((name, given.get("value", "")))
        elif tag == "textarea":
            self._text = (name, "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select is not None:
            self._form.pairs.append((self._select, given.get("value", "")))
            self._select = None  # a browser chooses the first

    def handle_data(self, data: str) -> None:
        if self._text is not None:
            self._text = (self._text[0], self._text[1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._text is not None and self._form is not None:
            name, text = self._text
            self._form.pairs.append((name, text.removeprefix("\n")))  # as HTML says
            self._text = None
        elif tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None


def form_on(answer: Any, with_name: str = "version") -> Form:
    """The last form of a page that has an element of this name."""
    reader = _Reader()
    reader.feed(answer.text)
    found = [form for form in reader.forms if form.all(with_name)]
    assert found, f"no form has an element {with_name}: {answer.text[:3000]}"
    return found[-1]
