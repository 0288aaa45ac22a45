import re
import tomllib
from pathlib import Path

import pytest

from firmware_config.errors import InvalidSettings
from kiosk.simulator.scenario import Fault, Group, Population, Scenario
from kiosk.simulator.scenario_file import (
    load_scenario,
    read_scenario,
    scenario_of,
    shipped_scenarios,
)

HEAD = 'title = "t"\nabout = "a"\n'


def problems_of(text: str) -> list[str]:
    with pytest.raises(InvalidSettings) as caught:
        scenario_of(tomllib.loads(text), "day.toml")
    return caught.value.problems


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_loads_and_says_what_it_shows(name: str) -> None:
    scenario = load_scenario(name)

    assert scenario.name == f"{name}.toml"
    assert len(scenario.about) > 200


def test_what_was_asked_for_is_shipped() -> None:
    assert {
        "ordinary-day",
        "busy-morning",
        "first-user",
        "children",
        "clerk-rates-himself",
        "dead-button",
        "stuck-button",
        "bouncing-button",
        "unplugged-at-ten",
        "wrong-clock",
        "network-cut",
        "training",
    } <= shipped_scenarios().keys()


def test_a_file_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        HEAD + 'seed = "7"\n[population]\ncases = 12\nlevels = [1, 0, 0, 0, 2.5]\n'
        '[[group]]\nwindows = ["a01"]\nanswer_rate = 0\n'
        '[[fault]]\nshare = 0.5\nwhat = "dead-key"\nkey = "clerk"\nat = "09:00"\n',
        encoding="utf-8",
    )

    assert load_scenario(str(path)) == Scenario(
        name="mine.toml",
        title="t",
        about="a",
        seed="7",
        population=Population(cases=12.0, levels=(1.0, 0.0, 0.0, 0.0, 2.5)),
        groups=(Group(windows=("a01",), answer_rate=0.0),),
        faults=(Fault(share=0.5, what="dead-key", key="clerk", at="09:00"),),
    )


def test_all_problems_are_told_at_once_each_with_its_place() -> None:
    found = problems_of(
        'about = "a"\nspeed = 3\n[population]\ncases = "many"\nanswer_rate = 1.5\n'
        '[[group]]\nwindows = ["A 1"]\nnights = 2\n'
        '[[fault]]\nwhat = "dead-key"\nat = "9 o\'clock"\n[[fault]]\nwhat = "flood"\nat = "09:00"\n'
    )

    assert found[0].startswith("day.toml: speed: unknown key; expected ")
    assert found[1] == "day.toml: title: expected text, got nothing"
    assert found[2] == "day.toml: population.cases: expected number, 0 to 500, got 'many'"
    assert found[3] == "day.toml: population.answer_rate: expected number, 0 to 1, got 1.5"
    assert (
        found[4] == "day.toml: group[1].windows: expected ids of windows such as a01, got ['A 1']"
    )
    assert found[5].startswith("day.toml: group[1].nights: unknown key; expected ")
    assert found[6] == (
        'day.toml: fault[1].at: expected a time of day such as 09:30 or 09:30:15, got "9 o\'clock"'
    )
    assert found[7].startswith("day.toml: fault[2].what: expected text, dead-key or stuck-key or ")
    assert len(found) == 8


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ('what = "dead-key"', "fault[1].key: expected with what = dead-key, got nothing"),
        (
            'what = "paused"\nbounces = 3',
            "fault[1].bounces: expected only with what = bouncing-key, got it with paused",
        ),
        (
            'what = "unplugged"\nuntil = "08:30"',
            "fault[1].until: expected after 09:00, got 08:30",
        ),
        (
            'what = "unplugged"\nwindows = ["a"]\nshare = 0.5',
            "fault[1].share: expected at most one of windows, nth, share, got windows too",
        ),
        (
            'what = "clock-step"\nstep_s = 1',
            "fault[1].step_s: expected at least 2 or at most -2, got 1",
        ),
        (
            'what = "wrong-clock"\nreads = "1970-01-01"',
            "fault[1].reads: expected a moment such as 1970-01-01T00:00:00Z, got '1970-01-01'",
        ),
        (
            'what = "stuck-key"\nkey = "clerk"',
            "fault[1].key: expected a level with what = stuck-key, got 'clerk'",
        ),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(fault: str, problem: str) -> None:
    assert problems_of(f'{HEAD}[[fault]]\nat = "09:00"\n{fault}\n') == [f"day.toml: {problem}"]


def test_shares_of_groups_over_one_name_every_place() -> None:
    text = HEAD + "[[group]]\nshare = 0.7\n[[group]]\nnth = [1]\n[[group]]\nshare = 0.6\n"

    assert problems_of(text) == [
        "day.toml: group[1].share and group[3].share: expected 1 or less together, got 1.3"
    ]


@pytest.mark.parametrize("rush", ['"09:00-08:00 2"', '"09:00-25:00 2"', '"noon 2"', ""])
def test_a_rush_that_is_no_stretch_is_refused(rush: str) -> None:
    (problem,) = problems_of(f"{HEAD}[population]\nrush = [{rush}]\n")

    assert problem.startswith("day.toml: population.rush: expected ")


def test_a_name_that_is_not_shipped_names_those_that_are() -> None:
    with pytest.raises(InvalidSettings, match=r"network-cut.*got flood"):
        load_scenario("flood")


def test_a_file_that_is_no_toml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("title")

    with pytest.raises(InvalidSettings, match=r"x\.toml: expected TOML"):
        read_scenario(tmp_path / "x.toml")


@pytest.mark.parametrize("name", shipped_scenarios())
def test_every_shipped_scenario_is_described_in_chinese_too(name: str) -> None:
    scenario = load_scenario(name)

    assert len(re.findall(r"[\u4e00-\u9fff]", scenario.about_zh)) > 60
    assert not re.search(r"[\u4e00-\u9fff]{3}", scenario.about.replace("误评", ""))


@pytest.mark.parametrize("key", ["about", "about_zh"])
def test_a_description_without_words_is_refused(key: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        scenario_of({"title": "t", "about": "a"} | {key: " "}, "x.toml")

    assert refused.value.problems == [f"x.toml: {key}: expected some words, got ' '"]
