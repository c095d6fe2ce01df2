"""The few facts about English text that every engine shares."""

from __future__ import annotations

import re
import unicodedata

_STOP = (
    "a an and are as at be but by for if in into is it no not of on or s such t that the their"
    " then there these they this to was will with"
)
STOP_WORDS = frozenset(_STOP.split())
"""Words that say nothing: Lucene's list, and what ``Ana's`` and ``don't`` leave behind.

They are neither stemmed nor ranked by, and no document must have them; phrases find them.
"""

_TOLD_APART = (
    "anesthesiologist anesthesiologists anthropologist anthropologists apologist apologists"
    " archaeologist archaeologists archeologist archeologists astrologist audiologist audiologists"
    " bacteriologist biologist biologists cardiologist cardiologists climatologist climatologists"
    " cosmetologist cosmologist cosmologists criminologist criminologists dermatologist"
    " dermatologists ecologist ecologists egyptologist egyptologists emergence emergencies"
    " emergency emergent endocrinologist endocrinologists entomologist entomologists"
    " epidemiologist epidemiologists ethnologist ethnologists evening evenings gastroenterologist"
    " gastroenterologists genealogist genealogists geologist geologists gerontologist glaciologist"
    " gynaecologist gynaecologists gynecologist gynecologists hematologist herpetologist"
    " hydrologist hydrologists immunologist immunologists intercity interfered interfering"
    " interment interments internal internalization internalize internalized internalizing"
    " internally internals internation international internationalism internationally"
    " internationals internment interscience interstate interstates interval intervals lateral"
    " lateralization laterally laterals meteorologist meteorologists microbiologist"
    " microbiologists mineralogist mineralogists mixologist mixologists musicologist musicologists"
    " mycologist nephrologist neurobiologist neurologist neurologists neuropsychologist oncologist"
    " oncologists ophthalmologist ophthalmologists organic organically organics organism organisms"
    " organization organizations organize organized organizer organizers organizes organizing"
    " ornithologist ornithologists otolaryngologist palaeontologist palaeontologists"
    " paleontologist paleontologists paste pasted pastes pasting pathologist pathologists"
    " pharmacologist pharmacologists philologist philologists physiologist physiologists"
    " primatologist proctologist psychologist psychologists pulmonologist radiologist radiologists"
    " rheumatologist scientologist scientologists seismologist seismologists sexologist"
    " sexologists sociologist sociologists technologist technologists toxicologist toxicologists"
    " universal universalism universality universally universals universities university urologist"
    " urologists virologist virologists volcanologist vying zoologist zoologists"
)
TOLD_APART = tuple(_TOLD_APART.split())
"""Words that Snowball 3 stems otherwise than before: ``university`` is no ``universe`` any more.

An engine with an older Snowball is told their stems. Found by comparing both on 157,000 words.
"""

WORD = re.compile(r"[^\W_]+")

_PLAIN = {
    code: base
    for code in range(0xC0, 0x250)
    if (base := unicodedata.normalize("NFD", chr(code))[0]).isascii()
}


def folded(text: str) -> str:
    """The text without accents; every character keeps its place.

    >>> folded("Élan, São Paulo")
    'Elan, Sao Paulo'
    """
    return text if text.isascii() else text.translate(_PLAIN)


def words(text: str) -> list[str]:
    """The words of a text, without accents and in lower case.

    >>> words("Don't panic, São-Paulo!")
    ['don', 't', 'panic', 'sao', 'paulo']
    """
    return [word.lower() for word in WORD.findall(folded(text))]


def says_nothing(text: str) -> bool:
    """Does the text consist of stop words?

    >>> says_nothing("to the"), says_nothing("The end")
    (True, False)
    """
    return all(word in STOP_WORDS for word in words(text))
