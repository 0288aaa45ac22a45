"""Which device stands where, and what its panel looks like. Pure."""

from __future__ import annotations

from datetime import date
from typing import Final

from firmware_config.fleet import Department, Fleet, Window
from firmware_config.levels import LEVEL_NAMES
from firmware_config.pins import PinProfile
from kiosk.simulator.page import KeyView

NO_DEPARTMENT: Final = Department(id="", name="未分配部门", name_en="No department")


def window_rows(fleet: Fleet, on: date) -> dict[str, tuple[Department, Window]]:
    """Device → department and window on a day, in the order of the file's windows.

    Devices that stand at no window that day are left out.
    """
    departments = {department.id: department for department in fleet.departments}
    devices = {fleet.window_of(device.id, on): device.id for device in fleet.devices}
    return {
        devices[window.id]: (
            departments.get(fleet.department_of(window.id, on) or "", NO_DEPARTMENT),
            window,
        )
        for window in fleet.windows
        if window.id in devices
    }


def panel_keys(profile: PinProfile) -> tuple[KeyView, ...]:
    """The rating keys of a panel from left to right."""
    return tuple(
        KeyView(
            name=button.name,
            level=int(button.level),
            zh=LEVEL_NAMES[button.level].zh,
            en=LEVEL_NAMES[button.level].en,
            colour=LEVEL_NAMES[button.level].colour,
        )
        for button in profile.buttons
    )
