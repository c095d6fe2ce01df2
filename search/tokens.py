"""The tokens of a query's text: clauses with their signs, operators and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from search.analysis import words
from search.clauses import Clause, Dates, Filter, Pattern, Phrase, Prefix, Word
from search.errors import InvalidQuery
from search.query import span

MOST_APART = 50
"""Words that may stand between those of a phrase with ``~``, at most."""
NEAR = 10
"""Words that may stand between two words joined by ``NEAR``, if it has no number."""
LONGEST_PATTERN = 100
"""Characters of the longest prefix or pattern; longer ones are words."""
TITLES = ("title", "intitle", "ti", "allintitle")
"""What readers of other search engines call the title."""
DATES = ("date", "before", "after", "since", "until")
"""The names that stand before a date, where documents have one."""


class SyntaxFault(Exception):
    """The text has an error of syntax; the message says which."""


@dataclass(frozen=True)
class Fields:
    """The names that may stand before a colon, by their lower case."""

    texts: dict[str, str]
    filters: dict[str, str]
    dates: frozenset[str]

    @classmethod
    def of(
        cls, texts: Collection[str], filters: Collection[str], title: str | None, date: str | None
    ) -> Fields:
        """The names of a view; ``title`` is the text that is its title, ``date`` its date."""
        aliases = dict.fromkeys(TITLES, title) if title else {}
        names = {name: text for name, text in aliases.items() if text is not None}
        return cls(
            names | {name.lower(): name for name in texts},
            {name.lower(): name for name in filters},
            frozenset({*DATES, date.lower()} if date else ()),
        )

    @property
    def names(self) -> list[str]:
        """All names that may stand before a colon."""
        known = [*self.texts.values(), *self.filters.values(), *(["date"] if self.dates else [])]
        return list(dict.fromkeys(known))


@dataclass(frozen=True)
class Token:
    """A clause with its sign, a parenthesis, or an operator."""

    kind: str
    """``clause``, ``open``, ``close``, ``or``, ``and``, ``not`` or ``near``."""
    clause: Clause | None = None
    sign: str = ""
    apart: int = 0

    @property
    def is_bare_word(self) -> bool:
        """Whether it is a word without a sign or a field."""
        return isinstance(self.clause, Word) and not self.clause.field and not self.sign


_ITEM = re.compile(
    r"""(?P<sign>[-+!](?![-+!\s]))?
        (?:(?P<field>[^\W\d]\w*):(?=\S))?
        (?: (?P<open>\() | (?P<close>\)(?:\^[\d.]+)?)
          | (?P<quote>["“”„])(?P<phrase>[^"“”„]*)(?P<end>["“”])?(?:~(?P<apart>\d+))?(?:\^[\d.]+)?
          | (?P<range>[\[{][^\[\]{}"]*\sTO\s[^\[\]{}"]*[\]}])
          | (?P<word>[^\s"“”„()]+))""",
    re.VERBOSE,
)
_OPERATORS = {"OR": "or", "||": "or", "|": "or", "AND": "and", "&&": "and", "NOT": "not"}
_NEAR = re.compile(r"(?:NEAR|ADJ|W(?=/)|N(?=/))(?:/?(\d+))?")
_CAPITAL_OPERATORS = re.compile(r"\b(?:AND|OR|NOT|NEAR|ADJ)\b")
_AROUND = re.compile(r"\bAROUND\s?\((\d+)\)")
_BOOST = re.compile(r"(?<=[\w*?])\^[\d.]+$")
_FUZZY = re.compile(r"(?<=\w)~[\d.]*$")
_LINK = re.compile(r"(?:https?|ftp|mailto|file)", re.IGNORECASE)


def tokens(text: str, known: Fields, note: Callable[[str], None]) -> Iterator[Token]:
    """The tokens of a text. ``note`` is called with what is not read as it is written.

    Raises ``SyntaxFault`` for a quote that is not closed.
    """
    others = _CAPITAL_OPERATORS.sub("", text)
    shouted = others.upper() == others != others.lower()
    lexer = _Lexer(known, note, operators=not shouted)
    return _with_near(lexer.tokens(_AROUND.sub(r"NEAR/\1", text)))


class _Lexer:
    """Reads tokens. A field before a parenthesis holds for all that is in it.

    In a text that is all in capitals ``AND``, ``OR``, ``NOT`` and ``NEAR`` are words as others are.
    """

    def __init__(self, known: Fields, note: Callable[[str], None], operators: bool) -> None:
        self._known = known
        self._note = note
        self._operators = operators
        self._fields: list[str] = []

    def tokens(self, text: str) -> Iterator[Token]:
        """The tokens of a text, in order."""
        for item in _ITEM.finditer(text):
            sign = "-" if item["sign"] in ("-", "!") else item["sign"] or ""
            if item["open"]:
                yield from self._opened(item["field"], sign)
            elif item["close"]:
                if self._fields:
                    self._fields.pop()
                yield Token("close")
            elif item["quote"] and not item["end"]:
                raise SyntaxFault("a quote is not closed")
            else:
                yield from self._clauses(item, sign)

    def _opened(self, field: str | None, sign: str) -> Iterator[Token]:
        if field and not self._knows(field):
            yield Token("clause", Word(field), sign)
            field, sign = None, ""
        self._fields.append(field or (self._fields[-1] if self._fields else ""))
        yield Token("open", sign=sign)

    def _clauses(self, item: re.Match[str], sign: str) -> Iterator[Token]:
        """The token of a word or phrase; of none if there is no word in it."""
        word = item["word"]
        if word and not item["field"] and not sign:
            if word in _OPERATORS and (self._operators or not word.isalpha()):
                yield Token(_OPERATORS[word])
                return
            if self._operators and (near := _NEAR.fullmatch(word)):
                yield Token("near", apart=min(MOST_APART, int(near[1] or NEAR)))
                return
        field = item["field"] or ""
        if field and not self._knows(field):
            self._say_unknown(field)
            if word:
                if words(f"{field}:{word}"):
                    yield Token("clause", _word(f"{field}:{word}", None), sign)
                return
            yield Token("clause", Word(field), sign)
            field = ""
        clause = self._clause(field or (self._fields[-1] if self._fields else ""), item)
        if clause is not None:
            yield Token("clause", clause, sign)

    def _knows(self, field: str) -> bool:
        name = field.lower()
        known = self._known
        return name in known.texts or name in known.filters or name in known.dates

    def _say_unknown(self, field: str) -> None:
        if self._known.names and not _LINK.fullmatch(field):
            names = ", ".join(self._known.names)
            self._note(f"there is no field {field!r}, so it is read as a word; there is {names}")

    def _clause(self, field: str, item: re.Match[str]) -> Clause | None:
        name = field.lower()
        value = item["phrase"] if item["quote"] else item["range"] or item["word"]
        if name in self._known.texts:
            name = self._known.texts[name]
        elif name and (clause := self._limit(name, value, bool(item["quote"]))) is not None:
            return clause
        elif name:
            name = ""
            value = f"{field}:{value}"
        if item["quote"]:
            gaps = sum(part == "*" for part in value.split())
            apart = min(MOST_APART, int(item["apart"] or gaps))
            return Phrase(value, name or None, apart) if words(value) else None
        if item["range"] and words(value):
            self._note("a range is one of dates, such as date:[1900 TO 1950]; read as words")
        value = self._without_weights(value)
        return _word(value, name or None) if words(value) else None

    def _without_weights(self, value: str) -> str:
        """The value without what Lucene writes after a word and does nothing here."""
        if _BOOST.search(value):
            self._note("`^` is ignored: no word weighs more")
        if _FUZZY.search(value):
            self._note("`~` after a word is ignored; it works after a phrase")
        return _FUZZY.sub("", _BOOST.sub("", value))

    def _limit(self, name: str, value: str, quoted: bool) -> Clause | None:
        """A filter or a range of dates; None for a value that is no date."""
        dates = self._known.dates
        if name in dates - {*self._known.filters} or (
            dates and name == "year" and _is_range(value)
        ):
            try:
                return _the_right_way_round(_dates(name, value), name, value)
            except InvalidQuery as reason:
                self._note(f"{reason}; read as a word")
                return None
        if _is_range(value) and not quoted:
            self._note(f"{name} has no ranges; read as words")
            return None
        return Filter(self._known.filters[name], (value,)) if value.strip() else None


def _is_range(value: str) -> bool:
    return value[:1] in ("[", "{", "<", ">") or ".." in value


def _dates(name: str, value: str) -> Dates:
    """The range of dates that a text means; ``InvalidQuery`` if it means none.

    >>> _dates("date", "1970-01-01").first
    0
    """
    value = value.strip()
    if value[:1] in ("[", "{"):
        first, _, last = value[1:-1].partition(" TO ")
        low, high = _span(first)[0 if value[0] == "[" else 1], _span(last)[1]
        if value[0] == "{" and low is not None:
            low += 1
        if value[-1] == "}" and high is not None:
            start = _span(last)[0]
            high = None if start is None else start - 1
        return Dates(low, high)
    if ".." in value:
        first, _, last = value.partition("..")
        return Dates(_span(first)[0], _span(last.lstrip("."))[1])
    sign = re.match(r"[<>]=?", value)
    how = sign[0] if sign else {"before": "<", "after": ">", "since": ">=", "until": "<="}.get(name)
    first_instant, last_instant = _span(value[len(sign[0]) :] if sign else value)
    if how == "<" and first_instant is not None:
        return Dates(None, first_instant - 1)
    if how == ">" and last_instant is not None:
        return Dates(last_instant + 1, None)
    if how == ">=":
        return Dates(first_instant, None)
    return Dates(None, last_instant) if how == "<=" else Dates(first_instant, last_instant)


def _the_right_way_round(range_: Dates, name: str, value: str) -> Dates:
    """The range; raises ``InvalidQuery`` if it ends before it begins."""
    if range_.first is not None and range_.last is not None and range_.first > range_.last:
        raise InvalidQuery(f"{name}: {value} ends before it begins; exchange its ends")
    return range_


def _span(text: str) -> tuple[int | None, int | None]:
    text = text.strip()
    if text in ("", "*"):
        return None, None
    return span("date", text)


def _word(text: str, field: str | None) -> Clause:
    """A word, a prefix or a pattern; punctuation after it is ignored."""
    stripped = text.rstrip(".,;:!?)")
    if len(stripped) > LONGEST_PATTERN:
        return Word(text, field)
    if stripped.endswith("*") and "*" not in stripped.rstrip("*") and "?" not in stripped:
        return Prefix(stripped.rstrip("*"), field)
    if re.search(r"[*?]", stripped) and re.search(r"[^\W_]", stripped):
        return Pattern(stripped, field)
    return Word(text, field)


def _with_near(found: Iterator[Token]) -> Iterator[Token]:
    """The tokens with two words around ``NEAR`` as one clause; elsewhere it is a word."""
    last: Token | None = None
    near: Token | None = None
    for token in found:
        if near is not None and last is not None:
            joined = _near(last, token, near.apart)
            last, near = (joined, None) if joined else (last, near)
            if joined:
                continue
            yield last
            last, near = token, None
            continue
        if token.kind == "near" and last is not None and isinstance(last.clause, Word):
            near = token
            continue
        if token.kind == "near":
            token = Token("clause", Word("near"))
        if last is not None:
            yield last
        last = token
    if last is not None:
        yield last
    if near is not None:
        yield Token("clause", Word("near"))


def _near(first: Token, second: Token, apart: int) -> Token | None:
    one, other = first.clause, second.clause
    if not isinstance(one, Word) or not isinstance(other, Word) or second.sign:
        return None
    return replace(first, clause=Phrase(f"{one.text} {other.text}", one.field, apart))
