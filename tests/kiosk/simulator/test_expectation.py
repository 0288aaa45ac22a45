from dataclasses import dataclass

import pytest

from kiosk.simulator.expectation import Entry, expected_counts, expected_entries
from kiosk.simulator.people import Doing, Step
from kiosk.simulator.scenario import Fault


@dataclass(frozen=True)
class Timed:
    at_ms: int
    step: Step


def at(at_s: float, doing: Doing, **fields: object) -> Timed:
    return Timed(round(at_s * 1000), Step(at_s=at_s, doing=doing, **fields))  # type: ignore[arg-type]


def press(at_s: float, level: int = 5) -> Timed:
    return at(at_s, Doing.PRESS, level=level)


def case(at_s: float, case_no: str = "c1") -> Timed:
    return at(at_s, Doing.CASE_INVITES, case_no=case_no, staff_no="7")


def trouble(at_s: float, until_s: float, **fields: object) -> list[Timed]:
    fault = Fault(at="09:00", **fields)  # type: ignore[arg-type]
    return [at(at_s, Doing.BREAK, fault=fault), at(until_s, Doing.REPAIR, fault=fault)]


def keys_of(*steps: Timed | list[Timed]) -> list[str]:
    flat = [one for each in steps for one in (each if isinstance(each, list) else [each])]
    ordered = sorted(flat, key=lambda timed: timed.at_ms)
    return [entry.count_key for entry in expected_entries(ordered)[1:]]


OUT = "UNRATED.timeout"


@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        ([press(0)], ["IGNORED.no-session"]),
        ([case(0), press(5, 2), press(6)], ["INVITED", "RATED.2", "IGNORED.already-rated"]),
        ([case(0), press(19.999)], ["INVITED", "RATED.5"]),
        ([case(0), press(20)], ["INVITED", OUT, "IGNORED.no-session"]),
        ([case(0), press(5), press(21)], ["INVITED", "RATED.5", "IGNORED.no-session"]),
        ([case(0), case(9)], ["INVITED", "UNRATED.superseded", "INVITED"]),
        ([case(0), at(21, Doing.LEAVE)], ["INVITED", OUT]),
        ([at(0, Doing.PAUSE_KEY), press(5)], ["PAUSED", "IGNORED.paused"]),
        ([at(0, Doing.PAUSE_KEY), case(5)], ["PAUSED", "RESUMED", "INVITED"]),
        ([case(0), at(5, Doing.PAUSE_KEY)], ["INVITED", "UNRATED.paused", "PAUSED"]),
        ([at(0, Doing.PAUSE_KEY), at(9, Doing.PAUSE_KEY)], ["PAUSED", "RESUMED"]),
        ([at(0, Doing.SIGN_OUT)], []),
    ],
)
def test_people(steps: list[Timed], keys: list[str]) -> None:
    assert keys_of(steps) == keys


@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        ([*trouble(0, 90, what="dead-key", key="5"), press(5)], []),
        ([*trouble(0, 90, what="dead-key", key="5"), press(5, 4)], ["IGNORED.no-session"]),
        ([*trouble(0, 9, what="dead-key", key="5"), press(10)], ["IGNORED.no-session"]),
        ([*trouble(0, 90, what="dead-key", key="clerk"), at(5, Doing.CLERK_INVITES)], []),
        (
            [case(0), *trouble(3, 90, what="stuck-key", key="4"), press(9)],
            ["INVITED", "RATED.4", "IGNORED.already-rated", "FAULT.stuck-button"],
        ),
        ([*trouble(3, 20, what="stuck-key", key="4")], ["IGNORED.no-session"]),
        (
            [case(0), *trouble(3, 90, what="unplugged"), press(9), case(10)],
            ["INVITED", "BOOT", "UNRATED.interrupted"],
        ),
        ([case(0), press(1), *trouble(3, 90, what="unplugged")], ["INVITED", "RATED.5", "BOOT"]),
        ([*trouble(3, 90, what="wrong-clock"), press(9)], ["BOOT", "IGNORED.no-session", "CLOCK"]),
        ([*trouble(3, 90, what="clock-step", step_s=60)], ["CLOCK", "CLOCK"]),
        ([*trouble(3, 90, what="disk-short")], ["BOOT", "FAULT.disk-short", "BOOT"]),
        ([*trouble(3, 90, what="network-cut"), press(9)], ["IGNORED.no-session"]),
        ([*trouble(0, 90, what="bouncing-key"), press(9)], ["IGNORED.no-session"]),
    ],
)
def test_troubles(steps: list[Timed], keys: list[str]) -> None:
    assert keys_of(steps) == keys


def test_a_restart_remembers_who_is_signed_in_and_a_pause() -> None:
    steps = [
        at(0, Doing.SIGN_IN, staff_no="7"),
        at(1, Doing.PAUSE_KEY),
        *trouble(10, 20, what="unplugged"),
        press(30, 3),
        at(40, Doing.CLERK_INVITES),
    ]

    assert expected_entries(steps)[3:] == [
        Entry("BOOT"),
        Entry("IGNORED", level=3, staff_no="7", reason="paused"),
        Entry("RESUMED", staff_no="7"),
        Entry("INVITED", session=1, staff_no="7"),
    ]


def test_an_invitation_by_key_counts_from_its_release() -> None:
    bouncing = trouble(0, 90, what="bouncing-key", bounces=10)
    invite, late = at(10, Doing.CLERK_INVITES), press(30.1)

    assert keys_of(invite, late) == ["INVITED", "RATED.5"]  # released at 10.14
    assert keys_of(invite, press(30.15)) == ["INVITED", OUT, "IGNORED.no-session"]
    assert keys_of(*bouncing, invite, press(30.17)) == ["INVITED", "RATED.5"]  # at 10.18


def test_a_level_the_panel_has_no_key_for_is_not_pressed() -> None:
    assert expected_entries([press(0, 3)], levels=frozenset({5, 4, 2, 1})) == [Entry("BOOT")]


def test_counts_name_levels_and_reasons() -> None:
    entries = expected_entries([press(0), case(1), press(2, 4), case(30), press(31, 4)])

    assert expected_counts(entries) == {
        "BOOT": 1,
        "IGNORED.no-session": 1,
        "INVITED": 2,
        "RATED.4": 2,
    }
