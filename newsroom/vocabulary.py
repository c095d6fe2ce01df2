"""The words of the generated archive: lists of English words, and words derived from them.

Each list begins with a few hundred common words. Derived words follow (plurals, compounds, prefixed
verbs, invented places and surnames), so that a choice by Zipf's law gives common words often and
some 37,000 others rarely, as in a real archive.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

NOUNS = """
city company government court president street police school market war committee bill train ship
house state mayor council law trial train bank strike fire storm river bridge railroad harbor
election party vote tax budget union worker factory teacher student hospital doctor patient disease
vaccine drug study scientist professor university museum painting theater play actor film song
concert orchestra singer novel book writer poem newspaper letter telegram cable radio broadcast
television computer network telephone engine motor car truck bus subway station airport airplane
pilot flight rocket satellite telescope planet comet star moon ocean island coast mountain valley
forest farm farmer wheat corn cotton cattle milk bread price wage profit loss debt loan bond share
dividend merger patent invention machine mill mine coal oil gas steel iron copper gold silver
bridge tunnel canal dam road highway tower building apartment tenant landlord rent mortgage park
garden zoo river beach game team season player pitcher coach league stadium race runner boxer
champion match goal score medal crowd parade holiday festival church prayer soldier general army
navy battle treaty peace border passport embassy
ambassador minister parliament senate senator governor judge jury lawyer witness verdict prison
prisoner crime murder robbery fraud inquiry report paper speech debate reform plan project
commission agency department bureau office officer inspector engineer architect builder sailor
captain passenger crew lifeboat wreck collision explosion flood earthquake hurricane blizzard
drought heat winter summer spring autumn weather rain snow wind ice water power electricity light
lamp wire signal map expedition explorer camp desert glacier volcano whale bird horse dog tree
flower fashion dress hat coat shoe kitchen restaurant chef recipe dinner wine coffee sugar hotel
guest traveler tourist family mother father child daughter son neighbor widow orphan friend
winner leader chairman director owner editor reporter reader critic audience prize award
"""

VERBS = """
announce report open close approve reject order demand offer accept return visit watch help join
support oppose defend attack arrest charge accuse question answer discover invent design construct
repair restore rescue protect destroy damage burn flood cover cross reach enter delay cancel
extend reduce increase limit end start launch finish complete measure count study examine explain
describe praise blame thank honor award collect gather deliver carry load move transfer remove
replace change improve reform regulate tax fund finance purchase lease auction price value waste
need want prefer expect predict fear doubt trust follow lead guard patrol search photograph paint
perform direct publish print edit translate interview criticize review compare connect link
separate divide share discuss debate sign ratify enforce violate ignore challenge appeal overturn
confirm deny admit conceal reveal expose investigate monitor test treat cure infect isolate feed
shelter house settle occupy invade liberate surrender capture release pardon sentence convict
acquit suspend dismiss appoint elect nominate endorse salute celebrate mourn bury remember preserve
"""

ADJECTIVES = """
new old first last great small large long public local national federal foreign young early late
high low red blue green strong weak rich poor free open closed full empty heavy light
quick slow quiet loud bright dark cold warm hot dry wet deep broad narrow steep flat rough smooth
northern southern eastern western central urban rural coastal distant nearby modern ancient recent
former annual daily weekly private secret official legal criminal civil military naval
political economic financial commercial industrial medical scientific electric mechanical nuclear
solar digital global foreign famous unknown popular rare common special general single double
final sudden gradual severe mild serious minor major chief junior senior loyal bitter tense calm
eager reluctant cautious bold careful careless honest corrupt costly cheap fair unfair safe fragile
"""

ADVERBS = """
quickly slowly quietly loudly brightly coldly warmly deeply broadly narrowly steeply roughly
openly fully heavily lightly weakly strongly richly poorly freely newly lately publicly locally
nationally annually privately secretly officially legally politically economically
financially commercially medically scientifically electrically mechanically digitally globally
famously popularly rarely commonly specially generally finally suddenly gradually severely mildly
seriously chiefly loyally bitterly tensely calmly eagerly reluctantly cautiously boldly carefully
carelessly honestly corruptly cheaply fairly unfairly safely promptly briefly formally firmly
"""

FIRST_NAMES = """
Mary John Anna William James Margaret Robert Ruth George Helen Charles Dorothy Thomas Florence
Edward Alice Henry Edith Joseph Clara Walter Rose Arthur Grace Samuel Emma David Julia Daniel Ida
Frank Martha Peter Nora Louis Irene Paul Sylvia Carlos Lucía José Elena Miguel Rosa Antonio Carmen
Giovanni Lucia Marco Francesca Otto Greta Karl Hannah Jürgen Ingrid Lars Astrid Björn Sigrid Ivan
Olga Pavel Natasha Chen Mei Wei Lin Hiroshi Yuki Kenji Akiko Raj Priya Arjun Anjali Omar Leila
Yusuf Amina Kwame Abena Chidi Ngozi Kofi Zainab Tariq Salma Moses Miriam Jacob Leah Zoë Renée
"""

SURNAMES = """
Smith Johnson Brown Miller Davis Wilson Moore Taylor Clark Lewis Walker Hall Young King Wright Hill
Scott Adams Baker Nelson Carter Mitchell Roberts Turner Phillips Campbell Parker Evans Edwards
Collins Murphy O'Brien Kelly Sullivan Kennedy Ryan García Martínez Rodríguez López Pérez Ruiz Ortiz
Vargas Rossi Ferrari Bianchi Romano Müller Schmidt Weber Wagner Keller Hansen Olsen Nielsen Larsen
Ivanov Petrov Novak Kowalski Cohen Levy Katz Friedman Rosen Wang Zhang Liu Huang Tanaka Suzuki
Yamamoto Kim Park Nguyen Singh Patel Sharma Gupta Khan Ahmed Hassan Mensah Okafor Diallo Dubois
"""

PLACES = """
Manhattan Brooklyn Queens Harlem Albany Buffalo Boston Philadelphia Chicago Washington London Paris
Berlin Vienna Rome Madrid Moscow Warsaw Athens Cairo Jerusalem Istanbul Bombay Delhi Calcutta
Shanghai Peking Tokyo Manila Sydney Melbourne Honolulu Seattle Denver Detroit Cleveland Pittsburgh
Baltimore Richmond Charleston Atlanta Savannah Miami Houston Dallas Galveston Havana Panama Lima
Santiago Montreal Toronto Halifax Dublin Belfast Glasgow Edinburgh Liverpool Manchester Lisbon
Brussels Amsterdam Geneva Zürich Prague Budapest Bucharest Lagos Nairobi Johannesburg Casablanca
"""

PLACE_STARTS = """
Ash Beech Birch Black Blue Bridge Broad Brook Castle Cedar Clear Cliff Cold Copper Crow Deer East
Eagle Elm Fair Falcon Fern Fox Glen Gold Grand Gray Green Hart Hazel High Holly Iron King Lake
Laurel Long Maple Marsh Mill Moor North Oak Old Otter Pine Plain Port Quarry Raven Red River Rock
Rose Salt Sand Silver South Spring Stone Sugar Summer Swan Thorn Timber Union Vine Wal West White
Willow Winter Wolf Wood
"""
PLACE_ENDS = """
bank borough bourne bridge brook burg bury by cliff combe cote crest dale den field ford gate grove
ham haven hill holm hurst land leigh ley mere mont mouth ness pool port ridge shaw shire side stead
stoke ton vale view ville ward water well wick wood worth
"""
NAME_STARTS = """
Abra Alder Ander Arm Bar Ben Berg Blum Bor Bran Cal Cas Chan Cor Dal Dem Dor Eber Eich El Fal Fen
Fitz Gal Gar Gold Gor Grun Hal Har Hof Holt Jan Kal Kar Kes Kir Kor Lan Lem Lin Lor Mac Mal Man Mar
Mor Nor Ober Ol Pal Per Pol Ran Ros Sal Sand Sar Schon Ser Sil Sol Stein Tal Tam Tor Ul Val Ver Wal
Wein Wes Zan Zel
"""
NAME_ENDS = """
ander aro auer baum berg bert blatt chuk dahl dano dez ek elli enko erman escu etti feld gard glou
gren haus heim hoff iades idis inski kin lander lein lov man mark menko mond nikov off ola oni ovic
quist rado rand rova sen skaya son stad stein stone strom swami thal ulis vald vic wicz witz yan zer
"""
COMPOUND_ENDS = """
board book box chest craft fall field front guard hall hand head hold house keeper land life line
load maker mark mate mill port post rider room rope runner shed ship side smith song stone store
time tower trade ward ware watch way wheel works yard
"""
PREFIXES = ("re", "over", "out", "pre", "mis", "counter", "under")
IRREGULAR = {
    "feed": "fed",
    "patrol": "patrolled",
    "prefer": "preferred",
    "lead": "led",
    "transfer": "transferred",
    "admit": "admitted",
    "acquit": "acquitted",
}


@dataclass(frozen=True)
class Vocabulary:
    """Lists of words by kind, each from the most frequent word to the rarest."""

    nouns: tuple[str, ...]
    plurals: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    adverbs: tuple[str, ...]
    places: tuple[str, ...]
    surnames: tuple[str, ...]
    first_names: tuple[str, ...]


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary, which is the same in every process."""
    common = _distinct(NOUNS.split())
    compounds = (a + b for a in common for b in COMPOUND_ENDS.split() if a != b)
    nouns = common + _scattered(compounds)
    verbs = _distinct(VERBS.split())
    adjectives = _distinct(ADJECTIVES.split())
    return Vocabulary(
        nouns=nouns,
        plurals=tuple(_plural(noun) for noun in nouns),
        verbs=tuple(_past(verb) for verb in verbs)
        + _scattered(_past(prefix + verb) for prefix in PREFIXES for verb in verbs),
        adjectives=adjectives + _scattered(f"un{word}" for word in adjectives),
        adverbs=_distinct(ADVERBS.split()),
        places=_distinct(PLACES.split()) + _pairs(PLACE_STARTS, PLACE_ENDS),
        surnames=_distinct(SURNAMES.split()) + _pairs(NAME_STARTS, NAME_ENDS),
        first_names=_distinct(FIRST_NAMES.split()),
    )


def _distinct(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _pairs(starts: str, ends: str) -> tuple[str, ...]:
    return _scattered(start + end for start in starts.split() for end in ends.split())


def _scattered(words: Iterable[str]) -> tuple[str, ...]:
    """The words in an order that separates similar ones: by a fixed stride prime to their count."""
    ordered = _distinct(words)
    stride = 7919  # a prime larger than the factors of any of these lists' lengths
    return tuple(ordered[i * stride % len(ordered)] for i in range(len(ordered)))


def _plural(noun: str) -> str:
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    if noun.endswith(("s", "sh", "ch", "x", "z")):
        return f"{noun}es"
    if noun.endswith("man"):
        return f"{noun[:-3]}men"
    return f"{noun}s"


def _past(verb: str) -> str:
    for ending, past in IRREGULAR.items():
        if verb.endswith(ending):
            return verb.removesuffix(ending) + past
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return f"{verb[:-1]}ied"
    return f"{verb}d" if verb.endswith("e") else f"{verb}ed"
