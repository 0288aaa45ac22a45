import hashlib
import tomllib
from collections import Counter
from datetime import date
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_config.fleet import load_fleet, sample_fleet_path
from kiosk.simulator.casting import Place, cast
from kiosk.simulator.day import Due, plan_scenario_day
from kiosk.simulator.people import PATIENCE_S, Doing, Step
from kiosk.simulator.playbook import Playbook
from kiosk.simulator.scenario import seeded
from kiosk.simulator.scenario_file import load_scenario, scenario_of, shipped_scenarios
from kiosk.simulator.troubles import LASTS_MS, press_edges, scenario_steps, spaced_ms

MONDAY = date(2026, 3, 2)
HOURS = ((9 * 3600, 12 * 3600), (48_600, 61_200))
INVITES = (Doing.CLERK_INVITES, Doing.CASE_INVITES)


def steps_of(text: str, *, window: str = "a01", seed: str = "s") -> list[Step]:
    scenario = scenario_of(tomllib.loads(f'title = "t"\nabout = "a"\n{text}'), "day.toml")
    (part,) = cast(scenario, [Place(window)])
    return scenario_steps(part, on=MONDAY, opening=HOURS, seed=seed)


def test_without_a_scenario_the_day_is_what_it_always_was() -> None:
    fleet = load_fleet(sample_fleet_path())
    plans = Playbook(fleet, MONDAY).plan(MONDAY)
    lines = [
        f"{due.at_ms} {due.kiosk} {due.step.doing} {due.step.level} {due.step.case_no} "
        f"{due.step.item} {due.step.staff_no}"
        for plan in plans
        for due in plan
    ]

    assert len(lines) == 8606
    # taken before there were scenarios
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == (
        "583223221a0fbeb6f954b8b8b73d3468cfc40e1556dd2af9c1071aecea8f2b09"
    )


@pytest.mark.parametrize("name", shipped_scenarios())
def test_the_same_seed_gives_the_same_day_and_another_seed_another(name: str) -> None:
    places = [Place(f"a{number:02}", ("x", "y")) for number in range(1, 21)]
    fleet = load_fleet(sample_fleet_path())
    scenario = load_scenario(name)

    def plan(seed: str) -> list[list[Due]]:
        parts = cast(seeded(scenario, seed), places)
        zone = ZoneInfo(fleet.hall.timezone)
        return plan_scenario_day(parts, fleet.hall, MONDAY, zone, seed)

    assert plan("7") == plan("7")
    assert plan("7") != plan("8")


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from(sorted(shipped_scenarios())))
def test_no_step_begins_before_the_one_before_is_done(seed: int, name: str) -> None:
    places = [Place(f"w{number}") for number in range(12)]
    part = cast(load_scenario(name), places)[seed % 12]
    steps = scenario_steps(part, on=MONDAY, opening=HOURS, seed=str(seed))
    timed = list(zip(spaced_ms(steps), steps, strict=True))

    for (at_ms, step), (next_ms, _) in pairwise(timed):
        assert next_ms >= at_ms + LASTS_MS.get(step.doing, 10)
    assert all(0 <= at_ms - step.at_s * 1000 + 1 < 10_000 for at_ms, step in timed)


def test_children_press_as_often_as_the_scenario_says() -> None:
    calm = '[population]\nwalkups = 0\ncases = 0\n[[fault]]\nwhat = "children"\nat = "10:00"\n'
    steps = steps_of(f'{calm}until = "10:10"\nevery_s = 1.5\n')
    presses = [step for step in steps if step.doing is Doing.PRESS]

    assert 330 < len(presses) < 470
    assert {step.level for step in presses} == {1, 2, 3, 4, 5}
    assert all(36_000 <= step.at_s < 36_600 for step in presses)


def test_nobody_is_called_to_a_paused_window_and_it_is_resumed_with_the_same_key() -> None:
    steps = steps_of('[[fault]]\nwhat = "paused"\nat = "10:00"\nuntil = "11:00"\n')
    keys = [step.at_s for step in steps if step.doing is Doing.PAUSE_KEY]
    invited = [step.at_s for step in steps if step.doing in INVITES]

    assert keys == [36_000, 39_600]
    assert not [at_s for at_s in invited if 36_000 - PATIENCE_S < at_s < 39_600]
    assert any(at_s > 39_600 for at_s in invited)


def test_every_other_trouble_begins_and_ends_on_time() -> None:
    steps = steps_of('[[fault]]\nwhat = "unplugged"\nat = "10:00"\nuntil = "11:30:15"\n')
    troubles = [(step.at_s, step.doing) for step in steps if step.fault is not None]

    assert troubles == [(36_000, Doing.BREAK), (41_415, Doing.REPAIR)]


def test_nothing_goes_wrong_on_a_closed_day() -> None:
    (part,) = cast(load_scenario("unplugged-at-ten"), [Place("a01")])

    assert scenario_steps(part, on=MONDAY, opening=(), seed="s") == []


def test_a_clerk_who_rates_himself_is_quick_and_always_very_satisfied() -> None:
    steps = steps_of("[population]\ncases = 80\nself_rate = 1\nfeed_rate = 0.1\nwalkups = 0\n")
    sessions = Counter(step.doing for step in steps)
    delays = [
        press.at_s - invited.at_s
        for invited, press in pairwise(steps)
        if invited.doing in INVITES and press.doing is Doing.PRESS
    ]

    assert len(delays) == sessions[Doing.PRESS] > 10
    assert max(delays) < 2
    assert {step.level for step in steps if step.doing is Doing.PRESS} == {5}
    assert sessions[Doing.CLERK_INVITES] > 5 * sessions[Doing.CASE_INVITES]


def test_the_first_user_s_hall_rates_five_to_seven_of_a_hundred_cases() -> None:
    fleet = load_fleet(sample_fleet_path())
    plans = Playbook(fleet, MONDAY, load_scenario("first-user")).plan(MONDAY)
    doings = Counter(due.step.doing for plan in plans for due in plan)
    invited = doings[Doing.CASE_INVITES] + doings[Doing.CLERK_INVITES]

    assert 28 <= invited / len(plans) <= 31
    assert 0.05 < (invited - doings[Doing.LEAVE]) / invited < 0.07


def test_a_rush_brings_most_people_when_it_says() -> None:
    steps = steps_of('[population]\ncases = 100\nrush = ["10:00-11:00 6"]\n')
    hours = Counter(int(step.at_s // 3600) for step in steps if step.doing in INVITES)

    assert hours[10] > 2 * hours[9]


def test_a_bouncing_contact_ends_where_a_good_one_does() -> None:
    assert list(press_edges(0)) == [(0, True)]
    assert list(press_edges(2)) == [(0, True), (1, False), (1, True), (1, False), (1, True)]


def test_a_hall_with_summer_time_opens_at_its_local_hour() -> None:
    fleet = load_fleet(sample_fleet_path())
    changed = ZoneInfo("Europe/Berlin")
    parts = cast(load_scenario("unplugged-at-ten"), [Place("a01")])
    monday = date(2026, 3, 30)  # the day after the clocks went forward
    (plan,) = plan_scenario_day(parts, fleet.hall, monday, changed, "s")
    cut = next(due for due in plan if due.step.doing is Doing.BREAK)

    assert cut.at_ms % 86_400_000 == 8 * 3_600_000  # 10:00 in summer is 08:00 UTC
    assert cut.until_ms == cut.at_ms + 5_400_000
