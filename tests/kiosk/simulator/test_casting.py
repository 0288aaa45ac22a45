import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_config.errors import InvalidSettings
from kiosk.simulator.casting import Part, Place, cast
from kiosk.simulator.scenario import Scenario
from kiosk.simulator.scenario_file import scenario_of

HALL = tuple(Place(f"w{number:03}", ("x", "y")) for number in range(1, 101))


def scenario(text: str) -> Scenario:
    return scenario_of(tomllib.loads(f'title = "t"\nabout = "a"\n{text}'), "day.toml")


def parts_of(text: str, places: tuple[Place, ...] = HALL) -> dict[str, Part]:
    return {part.window: part for part in cast(scenario(text), places)}


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        cast(scenario(text), HALL)
    return caught.value.problems


CUT = '[[fault]]\nwhat = "network-cut"\nat = "10:00"\nuntil = "10:40"\n'


def test_without_a_choice_everybody_is_meant() -> None:
    assert all(part.faults for part in parts_of(CUT).values())


@settings(deadline=None, max_examples=30)  # another core's work may be in the way
@given(st.permutations(range(100)), st.integers(1, 100))
def test_who_is_drawn_depends_neither_on_the_order_nor_on_the_number_of_windows(
    order: list[int], count: int
) -> None:
    text = CUT + "share = 0.3\n[[group]]\nshare = 0.2\ncases = 3\n"
    everybody = parts_of(text)
    some = parts_of(text, tuple(HALL[place] for place in order[:count]))

    lucky = {window for window, part in everybody.items() if part.faults}
    if lucky & some.keys():  # otherwise one is taken all the same; see the next test
        assert all(part == everybody[window] for window, part in some.items())


def test_a_share_chooses_about_as_many_and_at_least_one() -> None:
    chosen = [part for part in parts_of(CUT + "share = 0.2\n").values() if part.faults]
    alone = parts_of(CUT + "share = 0.001\n", HALL[:3])

    assert 12 <= len(chosen) <= 28
    assert sum(1 for part in alone.values() if part.faults) == 1


def test_places_in_the_fleet_file_and_ids_choose_exactly() -> None:
    by_place = parts_of(CUT + "nth = [2, 100]\n")
    by_id = parts_of(CUT + 'windows = ["w002", "w100"]\n')

    for parts in (by_place, by_id):
        assert [window for window, part in parts.items() if part.faults] == ["w002", "w100"]


def test_shares_of_groups_never_overlap_and_named_windows_win() -> None:
    parts = parts_of(
        "[population]\ncases = 1\n[[group]]\nshare = 0.5\ncases = 2\n"
        '[[group]]\nshare = 0.5\ncases = 3\n[[group]]\nwindows = ["w001"]\ncases = 4\n'
    )
    cases = [part.habits.cases for part in parts.values()]

    assert parts["w001"].habits.cases == 4
    assert set(cases[1:]) == {2, 3}


def test_only_what_is_given_differs_from_what_was_drawn() -> None:
    usual = parts_of("")["w007"].habits
    changed = parts_of(
        '[population]\nlevels = [5, 4, 3, 2, 1]\nrush = ["09:30-10:30 2.5"]\nself_rate = 0.5\n'
    )["w007"].habits

    assert changed.weights == {5: 5, 4: 4, 3: 3, 2: 2, 1: 1}
    assert changed.rush == ((34_200, 37_800, 2.5),)
    assert changed.self_rate == 0.5
    assert changed.but(weights=usual.weights, rush=None, self_rate=0.0) == usual
    assert [len(number) for number in usual.staff] == [6, 6]
    assert int(usual.staff[1]) == int(usual.staff[0]) + 1


def test_another_seed_draws_other_people() -> None:
    assert parts_of('seed = "1"\n') != parts_of('seed = "2"\n')


def test_windows_that_are_not_there_are_refused_all_at_once() -> None:
    assert problems_of(CUT + 'windows = ["w001", "zz"]\n[[group]]\nnth = [3, 101]\n') == [
        "day.toml: group[1].nth: expected a hall of that size (100), got [101]",
        "day.toml: fault[1].windows: expected windows of the fleet, got ['zz']",
    ]


def test_two_groups_that_say_different_things_of_a_window_are_both_named() -> None:
    text = (
        '[[group]]\nnth = [1]\ncases = 2\n[[group]]\nwindows = ["w001"]\ncases = 3\nwalkups = 1\n'
    )

    assert problems_of(text) == [
        "day.toml: group[1].cases and group[2].cases: "
        "expected one of them for a window, got both for w001"
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('what = "unplugged"', 'what = "wrong-clock"'),
        ('what = "unplugged"', 'what = "network-cut"'),
        ('what = "stuck-key"\nkey = "5"', 'what = "dead-key"\nkey = "5"'),
        ('what = "stuck-key"\nkey = "5"', 'what = "bouncing-key"'),
        ('what = "stuck-key"\nkey = "5"', 'what = "disk-short"'),
        ('what = "paused"', 'what = "dead-key"\nkey = "clerk"'),
        ('what = "children"', 'what = "children"'),
    ],
)
def test_troubles_that_undo_each_other_may_not_overlap(one: str, other: str) -> None:
    when = 'windows = ["w001"]\nat = "09:00"\nuntil = "10:00"\n'
    later = 'windows = ["w001"]\nat = "09:59"\nuntil = "11:00"\n'
    after = later.replace("09:59", "10:00")

    (problem,) = problems_of(f"[[fault]]\n{one}\n{when}[[fault]]\n{other}\n{later}")

    assert problem.startswith("day.toml: fault[1] (")
    assert ") and fault[2] (" in problem
    assert problem.endswith("expected one at a time, got both at w001 from 09:59")
    parts_of(f"[[fault]]\n{one}\n{when}[[fault]]\n{other}\n{after}")


def test_different_keys_may_be_in_trouble_together() -> None:
    both = '[[fault]]\nwhat = "stuck-key"\nkey = "5"\nat = "09:00"\n' + (
        '[[fault]]\nwhat = "dead-key"\nkey = "4"\nat = "09:00"\n'
    )

    assert len(parts_of(both)["w001"].faults) == 2
