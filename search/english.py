"""English text as both engines analyze it: words, accents and stop words."""

from __future__ import annotations

import re
import unicodedata

_STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or s such t that the their"
    " then there these they this to was will with"
)
STOP_WORDS = frozenset(_STOP_WORDS.split())
"""Words that are too frequent to search by: Lucene's list, and the endings of ``Ana's``, ``don't``.

They are not stemmed, do not score, and no document must have them; phrases find them.
"""

_STEMMED_DIFFERENTLY = (
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
STEMMED_DIFFERENTLY = tuple(_STEMMED_DIFFERENTLY.split())
"""Words that Snowball 3 stems differently from earlier versions, such as ``university``.

Their stems are listed in the analysis of an engine with an older Snowball. The list comes from
comparing both on 157,000 words.
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


def only_stop_words(text: str) -> bool:
    """Whether the text consists of stop words only.

    >>> only_stop_words("to the"), only_stop_words("The end")
    (True, False)
    """
    return all(word in STOP_WORDS for word in words(text))
