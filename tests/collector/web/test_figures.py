"""Figures for people and machines: exact, and never a rate without ratings."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from collector.rates import Counts
from collector.web.figures import Figures, figures_json, rate_order, total

NUMBERS = st.integers(0, 200_000)
COUNTS = st.builds(
    Counts,
    invited=NUMBERS,
    level5=NUMBERS,
    level4=NUMBERS,
    level3=NUMBERS,
    level2=NUMBERS,
    level1=NUMBERS,
    unrated=NUMBERS,
)


def test_the_first_users_period_reads_99_911() -> None:
    counts = Counts(invited=900_000, level5=46_472, level4=897, level3=22, level2=13, level1=7)
    told = figures_json(Figures(counts))["rate"]
    assert told == {
        "numerator": 47_369,
        "base": 47_411,
        "percent": "99.911",
        "fraction": "47369/47411",
        "rule": "satisfied-4-5/rated",
        "rule_version": 1,
    }


def test_no_ratings_are_no_rate() -> None:
    told = figures_json(Figures(Counts(invited=3, unrated=3)))
    assert told["rate"]["percent"] is None
    assert told["rate"]["fraction"] is None
    assert told["unrated_share"]["percent"] == "100.000"


@given(COUNTS)
def test_the_percentage_is_the_fraction_rounded(counts: Counts) -> None:
    told = figures_json(Figures(counts))["rate"]
    if told["percent"] is not None:
        exact = Fraction(told["numerator"], told["base"]) * 100
        assert abs(Fraction(told["percent"]) - exact) <= Fraction(1, 2000)


@given(COUNTS)
def test_bars_fill_their_width_and_hide_no_level(counts: Counts) -> None:
    segments = Figures(counts).segments
    assert [s.level for s in segments] == [int(k) for k, v in counts.levels.items() if v]
    if segments:
        assert abs(sum(float(s.width[:-1]) for s in segments) - 100) < 0.02
        assert min(float(s.width[:-1]) for s in segments) > 0.55


@given(st.lists(COUNTS, max_size=5))
def test_totals_are_sums(many: list[Counts]) -> None:
    assert total((Figures(counts) for counts in many), Figures(Counts())).counts == sum(
        many, Counts()
    )


@given(COUNTS, st.data())
def test_raw_is_excluded_and_net_together(raw: Counts, data: st.DataObject) -> None:
    excluded = Counts(
        **{f"level{level}": data.draw(st.integers(0, raw.levels[level])) for level in raw.levels}
    )
    told = figures_json(Figures(raw, excluded))
    assert told["rated"] == told["net"]["rated"] + told["excluded"]["ratings"]
    for level, number in told["levels"].items():
        assert number == told["net"]["levels"][level] + told["excluded"]["levels"][level]
    assert told["rate"] == figures_json(Figures(raw))["rate"]
    assert told["net"]["rate"]["base"] == told["net"]["rated"]
    assert told["participation"] == figures_json(Figures(raw))["participation"]
    if not excluded.rated:
        assert told["net"]["rate"] == told["rate"]


def test_order_by_rate_is_exact_and_puts_small_bases_after() -> None:
    nearly, wholly = Figures(Counts(level5=99_999, level1=1)), Figures(Counts(level5=20))
    few, none = Figures(Counts(level5=1)), Figures(Counts())
    assert rate_order(nearly, 10) < rate_order(wholly, 10) < rate_order(few, 10)
    assert rate_order(few, 10) < rate_order(none, 10)
