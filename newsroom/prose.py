"""Plausible news prose for the generated archive: names, headlines, abstracts and bodies.

Words follow Zipf's law. Most of a body consists of sentences that are made once and shared by all
bodies, which is fast. A few sentences are made for each article from the words of its headline, so
that a search finds an article by its subject and rare words stay rare.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from string import Formatter

from newsroom.vocabulary import vocabulary

CLAUSES, SENTENCES = 8_000, 16_000
"""The numbers of clauses, and of sentences made of them, that all bodies share."""
EVERYDAY = 160
"""The number of everyday words at the start of a list, from which four of five words come."""
DRAWN = 1 << 13
"""Words of each kind that are drawn in advance; choosing among them is fast."""

CLAUSE_FORMS = (
    "the {adjective} {noun} {verb} the {noun2} {adverb}",
    "the {noun} of {place} {verb} a {adjective} {noun2}",
    "one {noun} {verb} by the {noun2} was {verb2} in {place}",
    "{plural} and {plural2} were {verb} before the {noun}",
    "it was the {adjective} {noun} of the {noun2} that {verb} the {plural}",
    "{person} {verb} the {noun} and {verb2} its {adjective} {plural}",
    "no {noun} in {place} had {verb} so many {plural} since the {adjective} {noun2}",
    "the {plural} of the {noun} {verb} their {noun2} for {number} days",
    "{number} {plural} were {verb}, among them a {adjective} {noun}",
    "with the {noun} {adverb} {verb}, the {noun2} was left to the {plural}",
    "those who {verb} the {noun} have {verb2} neither {plural} nor {plural2}",
    "at {place} a {noun} from the {adjective} {noun2} {verb} the {plural}",
    "under the {noun}, {plural} that are {verb} will be {verb2} by the {noun2}",
    "nearly {number} of the {plural} had not been {verb} when the {noun} {verb2}",
    "the {noun2} {verb} in {place} on the {noun} was {adjective}, and few {plural} {verb2} it",
    "{person}, a {noun} from {place}, {verb} the {adjective} {noun2}",
    "there has been more {noun} than {noun2} in the {plural} of this {adjective} {noun3}",
)
OWN_FORMS = (
    "{person} of {place} said that the {noun} had {verb} the {rare} and its {rares}.",
    "In {place} the {noun} and the {noun2} were {verb} at the {rare}, without {rares}.",
    '"We {verb} the {noun}," {person} said, "and the {rares} of the {rare} were {verb2}."',
    "The {noun2} at {place}, where {person} {verb} a {rare}, is {adjective}.",
    "Asked about the {noun}, {person} {verb} the {rare}, the {rares} and the {noun2}.",
    "One {rare} near {place} was {verb} as the {noun2} {verb2} the {noun}.",
)
CONNECTIVES = (", and ", ", while ", ", but ", "; ", ", as ", ", although ", ", because ", ", so ")
HEADLINES = (
    "{Noun} {Verb} in {place}",
    "{place} {Plural} {Verb} Over {Adjective} {Noun}",
    "{person} {Verb} {Adjective} {Noun} in {place}",
    "{Adjective} {Noun} {Verb}; {number} {Plural} {Verb2}",
    "{place} {Noun} {Verb} After {Noun2} Is {Verb2}",
    "How the {Adjective} {Noun} {Verb} the {Noun2} of {place}",
    "{person} on the {Noun}, the {Noun2} and {place}",
    "{Number} {Plural} {Verb} by {Noun} Near {place}",
)
KICKERS = ("Analysis", "Dispatch", "Special Report", "Obituary", "Letter From {place}", "{Noun}")
CAPTIONS = (
    "{person} beside the {noun} in {place}.",
    "The {adjective} {noun} of {place}, with {plural} {verb} in the {noun2}.",
    "{Plural} at the {noun}, {place}.",
)


@dataclass(frozen=True)
class Subject:
    """The subject of one article: the words that its headline and its own sentences share."""

    noun: str
    noun2: str
    person: str
    place: str


class Prose:
    """Makes texts from a random source; the same seed and order of calls give the same texts."""

    def __init__(self, chance: Random) -> None:
        self._random = chance.random
        words = vocabulary()
        kinds = {
            "noun": words.nouns,
            "plural": words.plurals,
            "verb": words.verbs,
            "adjective": words.adjectives,
            "adverb": words.adverbs,
        }
        names = {"place": words.places, "person": words.surnames}
        self._drawn = {
            kind: tuple([self._common(of) for _ in range(DRAWN)]) for kind, of in kinds.items()
        }
        for kind, of in names.items():  # names are rarer than words: all of them may be drawn
            self._drawn[kind] = tuple([of[self.rank(len(of), 8.0)] for _ in range(DRAWN)])
        self._drawn["person"] = tuple(
            [f"{self.pick(words.first_names)} {surname}" for surname in self._drawn["person"]]
        )
        self._drawn["number"] = tuple([f"{2 + self.rank(20_000):,}" for _ in range(DRAWN)])
        self._drawn |= {"rare": words.nouns, "rares": words.plurals}
        texts = [self._fill(self.pick(CLAUSE_FORMS)) for _ in range(CLAUSES)]
        self._sentences = [self._sentence(texts) for _ in range(SENTENCES)]

    def rank(self, n: int, flatness: float = 1.0) -> int:
        """A random number below ``n`` by Zipf's law, most often 0.

        A higher ``flatness`` makes the first numbers more equal.

        >>> Prose(Random(1)).rank(1)
        0
        """
        return min(n - 1, int(flatness * ((n + flatness) / flatness) ** self._random() - flatness))

    def pick(self, choices: tuple[str, ...]) -> str:
        """One of the choices, all with the same probability."""
        return choices[int(self._random() * len(choices))]

    def person(self) -> str:
        """A first name and a surname."""
        return self.pick(self._drawn["person"])

    def place(self) -> str:
        """The name of a place."""
        return self.pick(self._drawn["place"])

    def subject(self) -> Subject:
        """The subject of a new article."""
        nouns = self._drawn["noun"]
        return Subject(self.pick(nouns), self.pick(nouns), self.person(), self.place())

    def _common(self, words: tuple[str, ...]) -> str:
        """A word by Zipf's law, four times of five an everyday one."""
        size = len(words)
        return words[self.rank(min(size, EVERYDAY) if self._random() < 0.8 else size, 8.0)]

    def headline(self, subject: Subject) -> str:
        """A headline about the subject."""
        return self._fill(self.pick(HEADLINES), subject)

    def kicker(self, subject: Subject) -> str:
        """The line above a headline."""
        return self._fill(self.pick(KICKERS), subject)

    def caption(self, subject: Subject) -> str:
        """The caption of an image of the subject."""
        return self._fill(self.pick(CAPTIONS), subject)

    def abstract(self, subject: Subject) -> str:
        """One sentence about the subject, sometimes with a second one after it."""
        own = self.own_paragraph(subject, 1)
        if self._random() < 0.6:
            return own
        return f"{own} {self._sentences[int(self._random() * SENTENCES)][0]}"

    def own_paragraph(self, subject: Subject, sentences: int) -> str:
        """A paragraph of sentences that are made for this article."""
        return " ".join([self._fill(self.pick(OWN_FORMS), subject) for _ in range(sentences)])

    def body(self, subject: Subject, words: int) -> str:
        """Paragraphs of at least this many words, and at most 50 more."""
        random, shared = self._random, self._sentences
        parts = [self.own_paragraph(subject, 2), "\n\n"]
        closing = self.own_paragraph(subject, 1)
        missing = words - count_words(parts[0]) - count_words(closing)
        sentences = 1
        while missing > 0:
            sentence, count = shared[int(random() * SENTENCES)]
            parts.append(sentence)
            parts.append(" " if sentences % 4 else "\n\n")
            missing -= count
            sentences += 1
        parts[-1] = "\n\n"
        parts.append(closing)
        return "".join(parts)

    def _sentence(self, clauses: list[str]) -> tuple[str, int]:
        """A sentence of one clause or two, and its number of words."""
        text = clauses[int(self._random() * CLAUSES)]
        if self._random() < 0.6:
            text += self.pick(CONNECTIVES) + clauses[int(self._random() * CLAUSES)]
        return f"{_capitalized(text)}.", count_words(text)

    def _fill(self, form: str, subject: Subject | None = None) -> str:
        """A form with a word in each slot, capitalized where the slot's name is."""
        subject_words = vars(subject) if subject else {}
        random, drawn, parts = self._random, self._drawn, []
        for literal, slot, kind, capital, article in _parsed(form):
            if not kind:
                parts.append(literal)
                continue
            word = subject_words.get(slot)
            if word is None:
                words = drawn[kind]
                word = words[int(random() * len(words))]
            parts.append(f"{article}n " if article and word[0] in "aeiou" else literal)
            parts.append(_capitalized(word) if capital else word)
        return "".join(parts)


@cache
def _parsed(form: str) -> tuple[tuple[str, str, str, bool, str], ...]:
    """The slots of a form: the text before, the slot, its kind of word, its capital, its article.

    The article is the text before without its last blank, where "a" may have to become "an".
    """
    parts = []
    for literal, slot, _, _ in Formatter().parse(form):
        name = (slot or "").lower()
        article = literal[:-1] if literal.endswith(" a ") else ""
        parts.append((literal, name, name.rstrip("23"), name != (slot or ""), article))
    return tuple(parts)


def count_words(text: str) -> int:
    """The number of words of a text of this module, separated by one blank or an empty line.

    >>> count_words("One paragraph.\\n\\nAnother.")
    3
    """
    return text.count(" ") + text.count("\n\n") + 1


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
