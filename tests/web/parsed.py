"""A page as a tree, read as strictly as a validator would where it can be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

VOID = frozenset({"base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"})
DRAWN = frozenset({"rect", "line", "path", "circle"})


@dataclass
class Node:
    """An element: its attributes, the elements in it, and the text in all of them."""

    tag: str
    attributes: dict[str, str]
    inner: list[Node | str] = field(default_factory=list)

    def __getitem__(self, name: str) -> str:
        return self.attributes[name]

    def get(self, name: str) -> str | None:
        """An attribute; ``None`` without it."""
        return self.attributes.get(name)

    @property
    def text(self) -> str:
        """The text of the element, each run of white space as one space."""
        return " ".join(self._text().split())

    def _text(self) -> str:
        return "".join(each if isinstance(each, str) else each._text() for each in self.inner)

    def walk(self) -> Iterator[Node]:
        """The elements in it, at any depth, in order."""
        for each in self.inner:
            if isinstance(each, Node):
                yield each
                yield from each.walk()

    def all(self, tag: str = "", **attributes: str) -> list[Node]:
        """The elements in it with a tag and with attributes; ``class_`` is one of the classes."""
        return [node for node in self.walk() if _fits(node, tag, attributes)]

    def one(self, tag: str = "", **attributes: str) -> Node:
        """The only such element."""
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} of {tag} {attributes}"
        return found[0]


def _fits(node: Node, tag: str, attributes: dict[str, str]) -> bool:
    classes = (node.get("class") or "").split()
    return tag in ("", node.tag) and all(
        value in classes if name == "class_" else node.get(name) == value
        for name, value in attributes.items()
    )


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self._open[-1].inner.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in VOID | DRAWN, f"<{tag}/> does not end itself"
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        opened = self._open.pop()
        assert opened.tag == tag, f"<{opened.tag}> ends with </{tag}>"

    def handle_data(self, data: str) -> None:
        self._open[-1].inner.append(data)

    def whole(self) -> Node:
        assert self._open == [self.root], f"<{self._open[-1].tag}> does not end"
        return self.root


def parsed(text: str) -> Node:
    """The tree of a page; its elements end where they should, and no attribute is there twice."""
    parser = _Parser()
    parser.feed(text)
    parser.close()
    return parser.whole()


def check(page: Node) -> None:
    """Hold a page to what every page promises: no inline code, and names that are not ambiguous."""
    ids = [node["id"] for node in page.walk() if node.get("id")]
    assert len(ids) == len(set(ids)), f"an id is there twice: {sorted(ids)}"
    for node in page.walk():
        own = {name for name in node.attributes if name.startswith("on") or name == "style"}
        assert not own, f"<{node.tag}> has {own}"
        if node.get("type") == "application/ld+json":
            assert isinstance(json.loads(node.text), dict)  # data, which no browser runs
        elif node.tag == "script":
            assert (node.get("src") or "").startswith("/static/"), node
            assert not node.text
        assert node.tag != "style"
        for name in ("for", "aria-labelledby", "aria-describedby", "form", "aria-controls"):
            for target in (node.get(name) or "").split():
                assert target in ids, f"<{node.tag} {name}={target}> names nothing"
        for name in ("href", "src", "action"):
            address = node.get(name)
            if address is not None:
                scheme = urlsplit(address).scheme
                assert scheme in ("", "http", "https"), address
                assert not address.startswith("//"), address
    _check_labels(page)


def _check_labels(page: Node) -> None:
    labelled = {node["for"] for node in page.all("label") if node.get("for")}
    inside = {id(each) for label in page.all("label") for each in label.walk()}
    for node in page.walk():
        if node.tag in ("input", "select", "textarea") and node.get("type") != "hidden":
            named = node.get("id") in labelled or id(node) in inside or node.get("aria-label")
            assert named, f"{node.tag} {node.attributes} has no label"
        if node.tag in ("a", "button") and node.get("tabindex") != "-1":
            named = node.text or node.get("aria-label") or node.all("img")
            assert named, f"{node.tag} {node.attributes} has no name"


def parameters(address: str) -> list[tuple[str, str]]:
    """The parameters of an address."""
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


def form_of(page: Node, name: str = "search-form") -> list[tuple[str, str]]:
    """What a browser sends of a form when its first button is pressed."""
    form = page.one("form", id=name)
    fields = [node for node in form.walk() if node.get("name")]
    fields += [node for node in page.walk() if node.get("form") == name and node.get("name")]
    sent = []
    for node in fields:
        if node.tag == "select":
            chosen = next((o for o in node.all("option") if "selected" in o.attributes), None)
            sent.append((node["name"], (chosen or node.all("option")[0])["value"]))
        elif node.tag == "input":
            is_box = node.get("type") == "checkbox"
            if not is_box or "checked" in node.attributes:
                sent.append((node["name"], node.get("value") or ""))
    return sent


def xml(content: bytes) -> ET.Element:
    """The tree of XML that the server made."""
    return ET.fromstring(content)  # noqa: S314  # it is our own
