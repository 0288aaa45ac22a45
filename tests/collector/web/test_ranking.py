"""Ranks: ties are ties, few ratings have none, and a table sets them apart."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.rates import Counts
from collector.web.asked import Column, Order
from collector.web.figures import Figures, rate_order
from collector.web.ranked import ranked
from collector.web.ranking import ranks

MINIMUM = 10


def figures(good: int, bad: int) -> Figures:
    return Figures(Counts(level5=good, level1=bad))


def rank_of(*rows: tuple[int, int]) -> dict[int, int]:
    items = list(enumerate(rows))
    return ranks(items, lambda item: figures(*item[1]), lambda item: item[0], MINIMUM)


def test_equal_rates_share_a_rank_and_the_next_one_counts_them_all() -> None:
    # 9/10 and 90/100 are the same rate, whatever floating point would make of them
    assert rank_of((99, 1), (9, 1), (90, 10), (8, 2), (300, 0)) == {4: 1, 0: 2, 1: 3, 2: 3, 3: 5}


@pytest.mark.parametrize("row", [(9, 0), (0, 9), (0, 0)])
def test_too_few_ratings_have_no_rank(row: tuple[int, int]) -> None:
    assert rank_of(row, (5, 5)) == {1: 1}


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=30))
def test_a_rank_says_how_many_are_better(rows: list[tuple[int, int]]) -> None:
    enough = {
        at: Fraction(good, good + bad)
        for at, (good, bad) in enumerate(rows)
        if good + bad >= MINIMUM
    }
    expected = {at: 1 + sum(o > rate for o in enough.values()) for at, rate in enough.items()}
    assert rank_of(*rows) == expected


@pytest.mark.parametrize("is_descending", [True, False])
def test_by_rate_a_table_ends_with_those_it_does_not_rank(is_descending: bool) -> None:
    items = [figures(9, 1), figures(2, 0), figures(10, 0), figures(0, 0), figures(5, 5)]
    columns: tuple[Column[Figures], ...] = (
        Column("rate", "", lambda one: rate_order(one, MINIMUM)),
        Column("rated", "", lambda one: one.counts.rated),
    )
    by_rate = Order(columns, columns[0], is_descending)
    table = ranked(by_rate, items, lambda one: one, id, MINIMUM)
    goods = [one.counts.level5 for one in table.rows]
    assert goods == ([10, 9, 5] if is_descending else [5, 9, 10])
    assert [one.counts.level5 for one in table.few] == [2, 0]
    assert len(table.bodies) == 2
    by_number = ranked(
        Order(columns, columns[1], is_descending), items, lambda one: one, id, MINIMUM
    )
    assert len(by_number.rows) == 5
    assert by_number.few == []
    assert by_number.rank == table.rank
