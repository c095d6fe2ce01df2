"""The histogram of a search page: its periods, the bars to draw, and what each narrows to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.pages.strings import text

if TYPE_CHECKING:
    from app.pages.search_state import State

UNITS = ("decade", "year", "month")
MOST_BARS, LEAST_BARS = 200, 12
MOST_LETTERS = 500
"""The letters of an address that is written twice, on its bar and in the table."""
LETTERS = 16_000
"""The letters that the addresses of all bars may have together, so that a page stays small."""
WIDTH, HEIGHT, GAP = 720, 96, 0.2
NAMES = ("January", "February", "March", "April", "May", "June", "July", "August", "September")
MONTHS = (*NAMES, "October", "November", "December")
ENDS = re.compile(r"(?<=[?&])(?:from=1|to=9)(?=&|$)")
"""The ends of a range in an address: in any other text that it has, ``=`` and ``&`` are encoded."""
Between = Callable[[str, str], str]
"""The address that narrows the dates to those from one to another."""


@dataclass(frozen=True)
class Bar:
    """One period: where it is drawn, how many hits it has, and the address that narrows to it."""

    label: str
    count: int
    address: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Histogram:
    """The bars of a search, oldest first; periods without hits are drawn as gaps."""

    unit: str
    bars: Sequence[Bar]
    first: str
    last: str
    most: int
    units: Sequence[tuple[str, str]]
    """The other units that can be drawn, each with its address."""
    pressed: bool
    """Whether the bars are links as well as the table: not those of a very long search."""
    width: int = WIDTH
    height: int = HEIGHT


def unit_of(first: str | None, last: str | None) -> str:
    """The unit that shows a range of dates best.

    >>> unit_of(None, None), unit_of("1910", "1919"), unit_of("1912-04", "1912-04")
    ('decade', 'year', 'month')
    """
    years = [
        int(end[:4]) for end in (first, last) if end and end[:4].isascii() and end[:4].isdigit()
    ]
    if len(years) < 2:
        return "decade"
    span = years[1] - years[0]
    return "month" if span <= 2 else "year" if span <= 40 else "decade"


def histogram(state: State, unit: str, counts: Sequence[tuple[str, int]]) -> Histogram | None:
    """Lay out the counts of a search by period; ``None`` without any."""
    if not counts:
        return None
    between = _between(state)
    letters = len(between("1912-04", "1912-04"))
    most_bars = min(MOST_BARS, max(LEAST_BARS, LETTERS // (2 * letters)))
    places = [(_number(unit, label), count) for label, count in counts]
    while places[-1][0] - places[0][0] >= most_bars and unit != "decade":
        unit, places = _coarser(unit, places)
    first, last = places[0][0], places[-1][0]
    wide = last - first + 1
    most = max(count for _, count in places)
    bars = [_bar(between, unit, number, count, first, wide, most) for number, count in places]
    others = [
        (each, state.changed(histogram=each).address())
        for each in UNITS
        if each != unit and _bars(each, unit, first, last) <= most_bars
    ]
    names = _label(unit, first), _label(unit, last)
    return Histogram(unit, bars, *names, most, others, letters <= MOST_LETTERS)


def _between(state: State) -> Between:
    """The addresses of all bars differ in two dates alone: what else they say is written once."""
    before, between, after = ENDS.split(state.between("1", "9"))
    return lambda first, last: f"{before}from={first}{between}to={last}{after}"


def _bar(
    between: Between, unit: str, number: int, count: int, first: int, wide: int, most: int
) -> Bar:
    step = WIDTH / wide
    width = max(0.8, min(step * (1 - GAP), 40.0))
    height = max(1.5, HEIGHT * count / most)
    x = (number - first + 0.5) * step - width / 2
    begin, end = _span(unit, number)
    address = between(begin, end)
    label = _label(unit, number)
    place = [round(each, 1) for each in (x, HEIGHT - height, width, height)]
    return Bar(label, count, address, *place)


def _number(unit: str, label: str) -> int:
    """The place of a period in the row of all periods of its unit."""
    year = int(label[:4])
    return {"decade": year // 10, "year": year, "month": year * 12 + int(label[5:7] or 1) - 1}[unit]


def _coarser(unit: str, places: Sequence[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """The counts by the next longer unit."""
    divisor = 12 if unit == "month" else 10
    counts: dict[int, int] = {}
    for number, count in places:
        counts[number // divisor] = counts.get(number // divisor, 0) + count
    return UNITS[UNITS.index(unit) - 1], [*counts.items()]


def _bars(unit: str, drawn: str, first: int, last: int) -> int:
    """How many bars a range of the drawn unit would have in another."""
    months = {"decade": 120, "year": 12, "month": 1}
    return (last - first + 1) * months[drawn] // months[unit]


def _span(unit: str, number: int) -> tuple[str, str]:
    """The first and the last date of a period, as queries name them."""
    if unit == "decade":
        return f"{max(1, number * 10):04}", f"{number * 10 + 9:04}"
    if unit == "year":
        return f"{number:04}", f"{number:04}"
    month = f"{number // 12:04}-{number % 12 + 1:02}"
    return month, month


def _label(unit: str, number: int) -> str:
    if unit == "decade":
        return text("period_decade", year=number * 10)
    return str(number) if unit == "year" else f"{MONTHS[number % 12]} {number // 12}"
