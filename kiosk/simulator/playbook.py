"""What is played in a hall: a scenario's days, or ordinary ones, for the windows of a fleet."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from firmware_config.fleet import Fleet
from kiosk.simulator.casting import Part, Place, cast
from kiosk.simulator.day import SEED, Due, habits_of, plan_hall_day, plan_scenario_day
from kiosk.simulator.items import items_of
from kiosk.simulator.rows import window_rows
from kiosk.simulator.scenario import Scenario, seeded


class Playbook:
    """The days of one hall.

    Args:
        on: local day whose assignments say which windows have a device.
        scenario: None: ordinary days.
        seed: in place of the scenario's or the program's own; empty: theirs.

    Attributes:
        standing: device → id of its window, in the order of the fleet file's windows.
        troubles: id of a window → what goes wrong there, in the order of the scenario file; all
            others are left out.
        cabled: windows whose power or network is cut some time.

    Raises:
        InvalidSettings: the scenario does not fit the hall.
    """

    def __init__(
        self, fleet: Fleet, on: date, scenario: Scenario | None = None, seed: str = ""
    ) -> None:
        rows = window_rows(fleet, on)
        self.standing = {device: window.id for device, (_, window) in rows.items()}
        self._hall = fleet.hall
        self._zone = ZoneInfo(fleet.hall.timezone)
        self._parts: tuple[Part, ...] | None = None
        places = [
            Place(window.id, items_of(department.name)) for department, window in rows.values()
        ]
        if scenario is None:
            self._seed = seed or SEED
            self._windows = tuple(
                (place.window, habits_of(place.window, ordinal, place.items, self._seed))
                for ordinal, place in enumerate(places)
            )
        else:
            scenario = seeded(scenario, seed)
            self._seed = scenario.seed
            self._parts = cast(scenario, places)
        self.troubles = {
            part.window: tuple(fault for _, fault in part.faults)
            for part in self._parts or ()
            if part.faults
        }
        self.cabled = frozenset(part.window for part in self._parts or () if part.needs_cable)

    def plan(self, on: date) -> list[list[Due]]:
        """Everybody's steps on a day, one list for each device; empty ones when closed."""
        if self._parts is None:
            return plan_hall_day(self._windows, self._hall, on, self._zone, self._seed)
        return plan_scenario_day(self._parts, self._hall, on, self._zone, self._seed)
