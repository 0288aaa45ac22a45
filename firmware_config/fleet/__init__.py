"""The fleet: one hall, its departments, windows, devices, staff; who was where from which day.

`load_fleet` reads one TOML file or a folder of CSV files and reports every problem at once.
"""

from importlib.resources import files
from pathlib import Path

from firmware_config.fleet.loading import load_fleet
from firmware_config.fleet.model import (
    Department,
    Device,
    DeviceAssignment,
    Fleet,
    Hall,
    Staff,
    StaffAssignment,
    Window,
    WindowAssignment,
)

__all__ = [
    "Department",
    "Device",
    "DeviceAssignment",
    "Fleet",
    "Hall",
    "Staff",
    "StaffAssignment",
    "Window",
    "WindowAssignment",
    "load_fleet",
    "sample_fleet_path",
]


def sample_fleet_path() -> Path:
    """The fleet file of the sample hall: 74 departments, 135 windows, 135 devices."""
    return Path(str(files("firmware_config").joinpath("data", "sample_hall", "fleet.toml")))
