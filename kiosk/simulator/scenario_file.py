"""Reads scenario files, those that are shipped and those of a trainer. All problems at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from firmware_config.errors import InvalidSettings
from firmware_config.settings import read_toml
from kiosk.simulator.scenario import (
    OWN_FIELDS,
    REQUIRED_FIELDS,
    Fault,
    Group,
    Population,
    Scenario,
    What,
)
from kiosk.simulator.scenario_table import columns_of, values_of

SHIPPED: Final = Path(__file__).with_name("scenarios")
_TABLES: Final = ("population", "group", "fault")
_ALL_OWN: Final = frozenset[str]().union(*OWN_FIELDS.values())


def shipped_scenarios() -> dict[str, Path]:
    """Name → file of the scenarios that come with the program, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.toml"))}


def load_scenario(name: str) -> Scenario:
    """A shipped scenario by name, or one of your own by the path of its file (`….toml`).

    Raises:
        InvalidSettings: no such scenario, or problems in its file: every one of them.
    """
    shipped = shipped_scenarios()
    if name in shipped:
        return read_scenario(shipped[name])
    if not name.endswith(".toml"):
        raise InvalidSettings(
            [f"scenario: expected a .toml file or one of {', '.join(shipped)}, got {name}"]
        )
    return read_scenario(Path(name))


def read_scenario(path: Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        InvalidSettings: carries every problem.
    """
    return scenario_of(read_toml(path), path.name)


def scenario_of(document: Mapping[str, Any], file: str) -> Scenario:
    """The scenario that a parsed file describes.

    Args:
        file: its name, for messages.

    Raises:
        InvalidSettings: carries every problem.
    """
    problems: list[str] = []
    top = {key: value for key, value in document.items() if key not in _TABLES}
    values = _top_values(top, file, problems)
    population = document.get("population", {})
    if not isinstance(population, dict):
        problems.append(f"{file}: population: expected a table, got {population!r}")
        population = {}
    everybody = values_of(Population, population, f"{file}: population.", problems)
    groups = _array(Group, document.get("group", []), f"{file}: group", problems)
    faults = _array(Fault, document.get("fault", []), f"{file}: fault", problems)
    if problems:
        raise InvalidSettings(problems)
    made = Scenario(
        name=file,
        population=Population(**everybody),
        groups=tuple(Group(**given) for given in groups),
        faults=tuple(Fault(**given) for given in faults),
        **values,
    )
    problems = [f"{file}: {problem}" for problem in _own_problems(made)]
    if problems:
        raise InvalidSettings(problems)
    return made


def _top_values(top: Mapping[str, Any], file: str, problems: list[str]) -> dict[str, Any]:
    names = {column.name for column in columns_of(Scenario)}
    for key in top:
        if key not in names:
            known = ", ".join((*sorted(names), *_TABLES))
            problems.append(f"{file}: {key}: unknown key; expected {known}")
    known_part = {key: value for key, value in top.items() if key in names}
    return values_of(Scenario, known_part, f"{file}: ", problems)


def _array(cls: type, tables: Any, place: str, problems: list[str]) -> list[dict[str, Any]]:
    if not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        problems.append(f"{place}: expected tables [[…]], got {tables!r}")
        return []
    found = []
    for number, table in enumerate(tables, start=1):
        before = len(problems)
        given = values_of(cls, table, f"{place}[{number}].", problems)
        if cls is Fault and len(problems) == before:
            problems.extend(_foreign_fields(given, f"{place}[{number}]"))
        found.append(given)
    return found


def _foreign_fields(given: Mapping[str, Any], place: str) -> Iterator[str]:
    """Fields that say something about another kind of trouble, and those that are missing."""
    what = What(given["what"])
    own = OWN_FIELDS.get(what, frozenset())
    for name in sorted((_ALL_OWN - own) & given.keys()):
        users = " or ".join(kind.value for kind, names in OWN_FIELDS.items() if name in names)
        yield f"{place}.{name}: expected only with what = {users}, got it with {what.value}"
    for name in sorted(REQUIRED_FIELDS.get(what, frozenset()) - given.keys()):
        yield f"{place}.{name}: expected with what = {what.value}, got nothing"
    if what is What.STUCK_KEY and given.get("key") == "clerk":
        yield f"{place}.key: expected a level with what = stuck-key, got 'clerk'"


def _own_problems(scenario: Scenario) -> Iterator[str]:
    for number, group in enumerate(scenario.groups, start=1):
        yield from (f"group[{number}].{problem}" for problem in group.choice_problems())
    for number, fault in enumerate(scenario.faults, start=1):
        yield from (f"fault[{number}].{problem}" for problem in fault.choice_problems())
        if fault.until_s <= fault.at_s:
            yield f"fault[{number}].until: expected after {fault.at}, got {fault.until}"
    shares = [group.share for group in scenario.groups if group.share is not None]
    if sum(shares) > 1 + 1e-9:
        places = " and ".join(
            f"group[{number}].share"
            for number, group in enumerate(scenario.groups, start=1)
            if group.share is not None
        )
        yield f"{places}: expected 1 or less together, got {sum(shares):g}"
