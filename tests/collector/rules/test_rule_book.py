"""The rule book: versions are added, chained, never changed; old figures stay what they were."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.periods import Period
from collector.rates import DEFAULT_RULE, Counts, Rate, Rounding, percent, published, satisfaction
from collector.rules.book import RuleBook, RulesUnavailable
from collector.rules.entries import (
    SATISFIED_CHOICES,
    DayKind,
    HallRules,
    RuleProblem,
    RulesRefused,
    SpecialDay,
    UnknownRule,
    Version,
    first_rules,
    first_version,
    in_force,
    in_force_in,
    problems_of,
    spans_on,
    stretches,
    version_digest,
)

FIRST = first_rules(10)
TODAY = date(2026, 11, 4)
NOW_MS = 1_793_700_000_000

numbers = st.integers(0, 10_000)
counts = st.builds(
    Counts,
    invited=numbers,
    level5=numbers,
    level4=numbers,
    level3=numbers,
    level2=numbers,
    level1=numbers,
    unrated=numbers,
)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
any_day = days | st.sampled_from([date.min, date.max])
rules = st.builds(
    HallRules,
    satisfied=st.sampled_from(SATISFIED_CHOICES),
    base=st.sampled_from(["rated", "invited"]),
    decimals=st.none() | st.integers(0, 4),
    rounding=st.sampled_from(list(Rounding)),
    minimum_base=st.integers(0, 100_000),
)


def draft(rules=FIRST, from_on=TODAY, reason="decided", past="", author="wu"):
    return Version(
        number=0,
        from_on=from_on,
        rules=rules,
        author=author,
        reason=reason,
        past_reason=past,
        made_ms=NOW_MS,
        prev=b"",
    )


@pytest.fixture
def book(tmp_path):
    book = RuleBook(tmp_path / "rules.db", minimum_base=10)
    book.prepare(NOW_MS)
    return book


def add(book, told, today=TODAY):
    return book.add(told, today=today, after=len(book.versions()))


def strict(**changes):
    return msgspec.structs.replace(FIRST, satisfied=(5,), **changes)


def test_the_first_version_is_the_default_rule_and_the_settings_minimum_base(book):
    (first,) = book.versions()
    rule = first.rule
    assert (rule.name, rule.version, rule.satisfied, rule.base) == (
        DEFAULT_RULE.name,
        DEFAULT_RULE.version,
        DEFAULT_RULE.satisfied,
        DEFAULT_RULE.base,
    )
    assert rule.minimum_base == 10
    assert RuleBook(book._file.path, minimum_base=99).versions()[0].rules.minimum_base == 10


def test_without_a_file_the_first_version_alone_is_the_rule(tmp_path):
    book = RuleBook(tmp_path / "none.db", minimum_base=7)
    assert book.versions() == (first_version(7),)
    assert not (tmp_path / "none.db").exists()


@settings(max_examples=60, deadline=None)
@given(told=st.lists(st.tuples(rules, days), min_size=1, max_size=5), figures=counts)
def test_recomputing_with_a_version_gives_what_it_gave_then(tmp_path_factory, told, figures):
    book = RuleBook(tmp_path_factory.mktemp("book") / "rules.db", minimum_base=10)
    book.prepare(NOW_MS)
    given_then = {1: rate(book.number(1), figures)}
    for content, from_on in told:
        newest = book.versions()[-1]
        if content == newest.rules and from_on >= newest.from_on:
            continue  # would be refused: it says the same
        version = add(book, draft(content, from_on, past="late"))
        given_then[version.number] = rate(version, figures)
    again = RuleBook(book._file.path, minimum_base=0)
    assert {v.number: rate(v, figures) for v in again.versions()} == given_then


def rate(version, figures):
    computed = satisfaction(figures, version.rule)
    return computed.numerator, computed.base, published(computed), str(computed.rule)


@settings(max_examples=200, deadline=None)
@given(starts=st.lists(days, max_size=6), on=any_day)
def test_the_rule_of_a_day_is_the_latest_decision_that_has_begun(starts, on):
    versions = [first_version(10)]
    for number, from_on in enumerate(starts, start=2):
        told = draft(from_on=from_on)
        versions.append(msgspec.structs.replace(told, number=number))
    begun = [version.number for version in versions if version.from_on <= on]
    assert in_force(versions, on).number == max(begun, default=1)
    if on < versions[0].from_on:
        return
    shown = [version for from_on, version in stretches(versions) if from_on <= on]
    assert shown[-1] == in_force(versions, on)


def test_the_rule_of_a_period_across_a_change_is_that_of_its_last_day_not_in_the_future(book):
    add(book, draft(strict(), date(2026, 11, 16)))
    versions = book.versions()
    november = Period(date(2026, 11, 1), date(2026, 12, 1))
    assert in_force_in(versions, november, date(2026, 11, 15)).number == 1
    assert in_force_in(versions, november, date(2026, 11, 16)).number == 2
    assert in_force_in(versions, november, date(2027, 3, 1)).number == 2
    october = Period(date(2026, 10, 1), date(2026, 11, 1))
    assert in_force_in(versions, october, date(2027, 3, 1)).number == 1
    future = Period(date(2027, 1, 1), date(2027, 2, 1))
    assert in_force_in(versions, future, date(2026, 11, 15)).number == 1


def test_a_later_decision_takes_back_one_that_was_to_begin_later(book):
    add(book, draft(strict(), TODAY + timedelta(days=30)))
    add(book, draft(msgspec.structs.replace(FIRST, minimum_base=5), TODAY))
    assert book.on(TODAY + timedelta(days=60)).number == 3
    assert [version.number for _on, version in stretches(book.versions())] == [1, 3]


def test_a_version_begins_in_the_past_only_with_a_reason_and_says_so(book):
    with pytest.raises(RulesRefused) as error:
        add(book, draft(strict(), TODAY - timedelta(days=1)))
    assert [problem for problem, _text in error.value.problems] == [RuleProblem.PAST]
    version = add(book, draft(strict(), TODAY - timedelta(days=1), past="the minutes came late"))
    assert version.past_reason == "the minutes came late"
    assert add(book, draft(FIRST, TODAY, past="needless")).past_reason == ""


@pytest.mark.parametrize("reason", ["", "  \n ", "x" * 501, "bell\x07"])
def test_a_version_needs_a_reason(book, reason):
    with pytest.raises(RulesRefused) as error:
        add(book, draft(strict(), reason=reason))
    assert [problem for problem, _text in error.value.problems] == [RuleProblem.REASON]
    assert len(book.versions()) == 1


def test_two_people_at_once_make_one_version(book):
    add(book, draft(strict()))
    with pytest.raises(RulesRefused) as error:
        book.add(draft(msgspec.structs.replace(FIRST, decimals=1)), today=TODAY, after=1)
    assert [problem for problem, _text in error.value.problems] == [RuleProblem.TAKEN]


def test_what_says_the_same_is_no_version(book):
    with pytest.raises(RulesRefused) as error:
        add(book, draft(FIRST))
    assert [problem for problem, _text in error.value.problems] == [RuleProblem.SAME]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE versions SET reason = 'another'",
        "DELETE FROM versions WHERE number = 2",
        "INSERT INTO versions SELECT 9, from_on, rules, author, reason, past_reason, made_ms, prev,"
        " digest FROM versions WHERE number = 2",
    ],
)
def test_the_file_refuses_change_removal_and_gaps(book, sql):
    add(book, draft(strict()))
    with book._file.writing() as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(sql)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reason", "another"),
        ("from_on", "2026-01-01"),
        ("author", "somebody"),
        ("made_ms", 5),
        (
            "rules",
            '{"satisfied":[5,4,3],"base":"rated","decimals":null,"rounding":"half-up",'
            '"minimum_base":10,"hours":[],"days":[]}',
        ),
        ("rules", "no JSON"),
        ("from_on", "no day"),
    ],
)
def test_a_version_changed_behind_its_back_stops_every_rate(book, column, value):
    add(book, draft(strict()))
    with closing(sqlite3.connect(book._file.path)) as connection, connection:
        connection.execute("DROP TRIGGER versions_are_never_changed")
        connection.execute(f"UPDATE versions SET {column} = ? WHERE number = 2", [value])
    with pytest.raises(RulesUnavailable, match="version 2"):
        RuleBook(book._file.path, minimum_base=10).versions()


def test_an_unknown_version_is_named_with_what_there_is(book):
    for number in (0, 2, -1):
        with pytest.raises(UnknownRule, match="from 1 to 1"):
            book.number(number)


def test_another_reader_sees_a_new_version_at_once(book):
    reader = RuleBook(book._file.path, minimum_base=10)
    assert len(reader.versions()) == 1
    add(book, draft(strict()))
    assert len(reader.versions()) == 2


A_STRETCH_EACH_MINUTE = tuple(
    f"mon {at // 60:02}:{at % 60:02}-{(at + 1) // 60:02}:{(at + 1) % 60:02}" for at in range(1_400)
)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"satisfied": (4,)}, RuleProblem.SATISFIED),
        ({"satisfied": ()}, RuleProblem.SATISFIED),
        ({"satisfied": (5, 4, 3, 2)}, RuleProblem.SATISFIED),
        ({"decimals": 5}, RuleProblem.DECIMALS),
        ({"minimum_base": -1}, RuleProblem.MINIMUM_BASE),
        ({"hours": ("mon-fri 09:00-12:00", "mon 11:00-13:00")}, RuleProblem.HOURS),
        ({"hours": ("today",)}, RuleProblem.HOURS),
        ({"hours": A_STRETCH_EACH_MINUTE}, RuleProblem.HOURS),  # in no time
    ],
)
def test_what_no_version_may_say(changes, problem):
    assert [one for one, _text in problems_of(msgspec.structs.replace(FIRST, **changes))] == [
        problem
    ]


def test_holidays_close_and_make_up_days_open():
    holiday = SpecialDay(on=date(2026, 10, 1), kind=DayKind.HOLIDAY, name="国庆节")
    workday = SpecialDay(on=date(2026, 10, 10), kind=DayKind.WORKDAY, name="调休")
    told = msgspec.structs.replace(
        FIRST, hours=("mon-fri 09:00-12:00", "mon-fri 13:30-17:00"), days=(holiday, workday)
    )
    assert problems_of(told) == []
    assert spans_on(told, date(2026, 10, 1)) == ()
    assert len(spans_on(told, date(2026, 10, 10))) == 2  # a Saturday
    assert spans_on(told, date(2026, 10, 11)) == ()
    assert len(spans_on(told, date(2026, 10, 12))) == 2
    twice = msgspec.structs.replace(told, days=(holiday, holiday))
    assert problems_of(twice)[0][0] is RuleProblem.DAYS


@given(
    numerator=st.integers(0, 5000),
    base=st.integers(1, 5000),
    decimals=st.integers(0, 4),
    rounding=st.sampled_from(list(Rounding)),
)
def test_rounding_agrees_with_decimal_arithmetic(numerator, base, decimals, rounding):
    from decimal import ROUND_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, localcontext

    mode = {
        Rounding.HALF_UP: ROUND_HALF_UP,
        Rounding.HALF_EVEN: ROUND_HALF_EVEN,
        Rounding.DOWN: ROUND_DOWN,
    }[rounding]
    numerator = min(numerator, base)
    rule = msgspec.structs.replace(
        first_version(10), rules=msgspec.structs.replace(FIRST, rounding=rounding)
    ).rule
    with localcontext() as context:
        context.prec = 60
        exact = Decimal(numerator) * 100 / Decimal(base)
        expected = exact.quantize(Decimal(1).scaleb(-decimals), rounding=mode)
    assert percent(Rate(numerator, base, rule), decimals) == f"{expected} %"


@given(rules, rules)
def test_two_contents_never_have_one_digest(one, other):
    first, second = draft(one), draft(other)
    assert (version_digest(first) == version_digest(second)) == (one == other)
