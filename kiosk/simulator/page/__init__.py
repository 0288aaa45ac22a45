"""The press page: press the buttons of any window and see its lights.

Loopback only. It drives mock pins and reads lights and snapshots; it never makes a record.
"""

from kiosk.simulator.page.application import create_app
from kiosk.simulator.page.views import DeviceView, HallView, KeyView, PressableHall, WindowRow

__all__ = ["DeviceView", "HallView", "KeyView", "PressableHall", "WindowRow", "create_app"]
