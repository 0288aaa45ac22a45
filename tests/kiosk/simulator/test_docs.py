"""docs/simulator.md says what the code does. `UPDATE_DOCS=1` writes its generated parts anew."""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from pathlib import Path

import pytest

from kiosk.cli import build_parser
from kiosk.simulator.casting import Place, cast
from kiosk.simulator.scenario import Chosen, Fault, Population, Scenario, What
from kiosk.simulator.scenario_file import load_scenario, scenario_of, shipped_scenarios
from kiosk.simulator.scenario_table import columns_of, table_markdown

PAGE = Path(__file__).resolve().parents[3] / "docs" / "simulator.md"
CHINESE_PAGE = PAGE.with_name("simulator.zh-CN.md")


def shipped_markdown() -> str:
    """A paragraph for each shipped scenario."""
    return "\n\n".join(
        f"**`{name}`** {scenario.title}. {' '.join(scenario.about.split())}"
        for name in shipped_scenarios()
        for scenario in [load_scenario(name)]
    )


def shipped_chinese_markdown() -> str:
    """The same in Chinese; lines of Chinese are joined without a space."""
    return "\n\n".join(
        f"**`{name}`** {scenario.title.split()[0]}。{''.join(scenario.about_zh.splitlines())}"
        for name in shipped_scenarios()
        for scenario in [load_scenario(name)]
    )


def keys_markdown(cls: type) -> str:
    """The keys of one table, without those of `Chosen` where it has them too."""
    lines = list(table_markdown(cls))
    if cls is not Chosen and issubclass(cls, Chosen):
        chosen = {column.name for column in columns_of(Chosen)}
        lines = [line for line in lines if line.split("`")[1:2] not in [[name] for name in chosen]]
    return "\n".join(lines)


GENERATED = {
    "scenarios": shipped_markdown,
    "场景": shipped_chinese_markdown,
    **{
        cls.__name__: lambda cls=cls: keys_markdown(cls)
        for cls in (Scenario, Population, Chosen, Fault)
    },
}


@pytest.mark.parametrize("name", GENERATED)
def test_the_generated_parts_are_up_to_date(name: str) -> None:
    page = CHINESE_PAGE if name == "场景" else PAGE
    text = page.read_text(encoding="utf-8")
    marked = re.compile(rf"(<!-- {name} -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)
    found = marked.search(text)
    assert found is not None
    wanted = GENERATED[name]() + "\n"
    if os.environ.get("UPDATE_DOCS"):
        page.write_text(marked.sub(lambda each: each[1] + wanted + each[3], text), encoding="utf-8")
    else:
        assert found[2] == wanted, "run with UPDATE_DOCS=1"


def test_both_pages_lead_to_the_same_windows_and_to_each_other() -> None:
    chinese, english = (page.read_text(encoding="utf-8") for page in (CHINESE_PAGE, PAGE))

    windows = re.findall(r"^\| [^|]+ \| (\d+)\w\w \|", english, re.MULTILINE)
    assert re.findall(r"^\| [^|]+ \| 第 (\d+) 个 \|", chinese, re.MULTILINE) == windows
    assert len(windows) == 11
    assert "(simulator.zh-CN.md)" in english
    assert "(simulator.md)" in chinese


def test_the_example_of_a_file_is_a_scenario() -> None:
    text = PAGE.read_text(encoding="utf-8")
    example = re.search(r"```toml\n(.*?)```", text, re.DOTALL)
    assert example is not None

    scenario = scenario_of(tomllib.loads(example[1]), "example.toml")

    assert cast(scenario, [Place("a01"), Place("a02"), Place("a03")])


def test_every_option_and_every_trouble_is_on_the_page() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (commands,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    simulate = commands.choices["simulate"]
    (scenarios,) = (group for group in simulate._action_groups if group.title == "scenarios")
    options = [action.option_strings[0] for action in scenarios._group_actions]
    assert "--scenario" in options
    assert not [option for option in options if option not in text]
    assert not [what for what in What if what.value not in text]
