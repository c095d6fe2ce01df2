"""Normalization: texts that look the same become the same letters, before words are split.

Both engines index what ``normalized`` returns, and queries and highlights go through it as well, so
one function decides for all of them:

- Unicode's compatibility form (NFKC): composed and decomposed letters, Hangul syllables and jamo,
  full and half width, ligatures;
- accents are taken off letters, except where they make another letter (``й``);
- characters that are not seen (soft hyphens, zero-width spaces and joiners) are taken out;
- a letter of a script that is written without spaces stands alone, as a word of its own: a run of
  them is searched as pairs of neighbours;
- what is neither letter, digit nor vowel sign becomes a space.

Characters that both engines treat alike in any case are left alone: ASCII, and the letters and
punctuation of Western European texts. ``UNUSUAL`` matches all others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from unicodedata import category, combining, normalize

_USUAL = (
    "\x00-\xa9\xab\xac\xae-\xb4\xb6-\xb9\xbb-\u012f\u0131-\u013e\u0141-\u0148\u014a-\u017e"
    "\u2010-\u2015\u2018-\u201f\u2020-\u2022\u2026\u2030\u2032\u2033\u2039\u203a\u20ac"
)
UNUSUAL = f"[^{_USUAL}]"
"""A class of characters, for Python's ``re`` and for RE2: what ``normalized`` may change."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u2e80-\u2fdf"
    "\u3005\u3007\u3021-\u3029\u3041-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\uaa60-\uaadf\uac00-\ud7ff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
"""Scripts written without spaces, and Hangul, whose words end in particles: Thai, Lao, Burmese,
Khmer, Tai, Han, Kana, Bopomofo."""

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0711"
    "\u0730-\u074a\u07a6-\u07b0\u0900-\u0903\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983"
    "\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a51\u0a70-\u0a75\u0a81-\u0a83\u0abc-\u0acd\u0b01-\u0b03"
    "\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83\u0cbc-\u0cd6"
    "\u0d00-\u0d03\u0d3b-\u0d57\u0dca-\u0df3\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc"
    "\u0ec8-\u0ece\u0f18-\u0f3f\u0f71-\u0fbc\u102b-\u103e\u1056-\u1059\u105e-\u1074\u1082-\u109d"
    "\u135d-\u135f\u1712-\u1734\u17b4-\u17d3\u180b-\u180f\u1ab0-\u1aff\u1b00-\u1b04\u1b34-\u1b44"
    "\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\u302a-\u302f\u3099\u309a\uff9e\uff9f\ufe00-\ufe0f"
    "\ufe20-\ufe2f\U000e0100-\U000e01ef"
)
_CLUSTER = re.compile(
    "(?:[\u1100-\u115f\ua960-\ua97c][\u1160-\u11a7\ud7b0-\ud7c6]|[\uac00-\ud7a3])"
    f"[\u11a8-\u11ff\ud7cb-\ud7fb]*[{_MARKS}]*|.[{_MARKS}]*",
    re.DOTALL,
)
"""A letter and its marks, or the jamo of a Hangul syllable: what is composed together."""
_ODD = re.compile(UNUSUAL)
_ODD_RUN = re.compile(f"{UNUSUAL}+")
_UNSPACED_LETTER = re.compile(f"([{_UNSPACED}](?:(?![{_UNSPACED}])[{_MARKS}])*)")
_UNSPACED_UNIT = re.compile(f"[{_UNSPACED}]")

_OTHER_LETTERS = frozenset("йЙїЇўЎ")
"""Letters whose mark makes another letter in the languages that have them."""
_SIGNS_THAT_ARE_NO_LETTERS = frozenset(
    "\u034f\u0afd\u0afe\u0aff\u0b55\u0e47\u0e4c\u0e4e\u0ecc\u17b4\u17b5\u17c9\u17ca\u17cb\u17cc"
    "\u17cd\u17ce\u17cf\u17d0\u17d1\u17d3\u180b\u180c\u180d\u180f\u1cf7\ufe00\ufe01\ufe02\ufe03"
    "\ufe04\ufe05\ufe06\ufe07\ufe08\ufe09\ufe0a\ufe0b\ufe0c\ufe0d\ufe0e\ufe0f"
)
"""Signs of combining class 0 at which an engine would split a word: they are taken out."""
_VOWELS_WITH_A_CLASS = frozenset("\u0e38\u0e39\u0eb8\u0eb9")
_SPECIAL = {
    "\u0130": "I",  # else its lower case is two characters
    "\u03c2": "\u03c3",  # a sigma at the end of a word is a sigma
    "\u2122": " ",
    "\u2120": " ",
    **dict.fromkeys("\u115f\u1160\u3164\uffa0", ""),  # fillers are not seen
    **dict.fromkeys("\u02b9\u02bb\u02bc\u02bd\u02be\u02bf\u02c8\ua78b\ua78c", ""),  # in Hawaiʻi
}


def normalized(text: str) -> str:
    """The text in normal form; of texts that look the same it is the same.

    >>> normalized("Re\\u0301sume\\u0301, co\\u00adoperate"), normalized("北京ABC")
    ('Resume, cooperate', ' 北  京 ABC')
    """
    return _ODD_RUN.sub(_run, text) if is_unusual(text) else text


def is_unusual(text: str) -> bool:
    """Whether a text has a character that ``normalized`` may change."""
    return not text.isascii() and _ODD.search(text) is not None


def normalized_with_places(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The normal form of a text, and for each of its characters the span that it comes from.

    >>> normalized_with_places("e\\u0301a")
    ('ea', [(0, 2), (2, 3)])
    """
    pieces: list[str] = []
    places: list[tuple[int, int]] = []
    for start, end, piece in _clusters(text):
        if piece:
            pieces.append(piece)
            places += [(start, end)] * len(piece)
        elif places and places[-1][1] == start:  # marks belong to the letter before them
            letter = places[-1]
            popped = 0
            while places and places[-1] == letter:
                places.pop()
                popped += 1
            places += [(letter[0], end)] * popped
    return "".join(pieces), places


def is_unspaced(word: str) -> bool:
    """Whether a word is a letter of a script that is written without spaces.

    >>> is_unspaced("北"), is_unspaced("north")
    (True, False)
    """
    return bool(_UNSPACED_UNIT.match(word))


def _clusters(text: str) -> Iterator[tuple[int, int, str]]:
    """The text in pieces: where each starts and ends, and its normal form."""
    place = 0
    for run in _ODD_RUN.finditer(text):
        yield from ((at, at + 1, text[at]) for at in range(place, run.start()))
        for cluster in _CLUSTER.finditer(run[0]):
            start = run.start() + cluster.start()
            yield start, start + len(cluster[0]), _forms[cluster[0]]
        place = run.end()
    yield from ((at, at + 1, text[at]) for at in range(place, len(text)))


def _run(found: re.Match[str]) -> str:
    return _runs[found[0]]


class _Memo(dict[str, str]):
    """The forms of what was met before: of a language's words, and of letters, most come again."""

    MOST = 200_000
    LONGEST = 24

    def __init__(self, form: Callable[[str], str]) -> None:
        super().__init__()
        self._form = form

    def __missing__(self, text: str) -> str:
        form = self._form(text)
        if len(text) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[text] = form
        return form


def _form(cluster: str) -> str:
    if cluster[0] in _SPECIAL:
        return _SPECIAL[cluster[0]]
    composed = normalize("NFKC", cluster)
    if "\u2044" in composed:  # a fraction such as ⅓ stays one character
        composed = cluster
    form = "".join(map(_letter, composed))
    return _UNSPACED_LETTER.sub(r" \1 ", form)


def _letter(letter: str) -> str:
    """What a letter or sign of a composed text becomes: itself, its base, a space or nothing."""
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    kind = category(letter)
    if kind[0] == "M":
        kept = letter in _VOWELS_WITH_A_CLASS or not (
            combining(letter) or kind == "Me" or letter in _SIGNS_THAT_ARE_NO_LETTERS
        )
        return letter if kept else ""
    if kind == "Cf":
        return ""
    if not letter.isalnum():
        return " "
    if letter in _OTHER_LETTERS:
        return letter
    apart = normalize("NFD", letter)
    accented = len(apart) > 1 and all("\u0300" <= mark <= "\u036f" for mark in apart[1:])
    return apart[0] if accented else letter


_forms = _Memo(_form)
_runs = _Memo(lambda run: "".join([_forms[cluster] for cluster in _CLUSTER.findall(run)]))
