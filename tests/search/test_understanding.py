"""No results: what was understood is said, and what to try."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search import Query, advice, understood

FIELDS = ["headline", "section"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(""), "everything"),
        (Query("south pole"), "south and pole"),
        (Query("arctic OR antarctic"), "arctic or antarctic"),
        (Query('"south pole" -headline:scott'), "“south pole”; without scott in headline"),
        (Query("electr*"), "electr*"),
        (Query("x", filters={"section": ["A", "B"], "id": "1"}), "x; section is A or B; id is 1"),
        (Query("", date_from="1911", date_to="1912"), "from 1911; until 1912"),
        (Query("one two three four five"), "one or two or three or four or five"),
    ],
)
def test_a_query_is_said_as_it_was_understood(query: Query, said: str):
    assert understood(query, FIELDS) == said


def test_what_to_try_leaves_out_one_condition_at_a_time():
    query = Query("titanc -ice", filters={"section": "X"}, date_to="1912")
    assert advice(query, FIELDS) == [
        "try without the filter section",
        "try without the range of dates",
        "try without what is excluded",
        "try fewer or other words, or the beginning of one: tita*",
    ]
    assert advice(Query(""), FIELDS) == []


@given(st.text())
def test_any_text_has_words_for_it(text: str):
    assert understood(Query(text), FIELDS)
    assert isinstance(advice(Query(text), FIELDS), list)
