"""A whole hall of virtual kiosks in one process: kiosks, people, and what the press page sees."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from firmware_config.fleet import Fleet, Hall
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings
from firmware_config.settings_broker import password_of
from kiosk.clock import Clock
from kiosk.screen.source import ScreenSource
from kiosk.simulator.cable import Cables
from kiosk.simulator.clock import HallTime
from kiosk.simulator.day import local_time
from kiosk.simulator.device import VirtualKiosk
from kiosk.simulator.director import Director
from kiosk.simulator.hall_time import KeptTime, first_times
from kiosk.simulator.page import DeviceView, HallView, KeyView, WindowRow
from kiosk.simulator.playbook import Playbook
from kiosk.simulator.rows import panel_keys, window_rows
from kiosk.simulator.scenario import Scenario
from kiosk.simulator.screens import HallScreens

logger = logging.getLogger(__name__)

KEEP_EVERY_S: Final = 2.0
AHEAD_S: Final = 4.0
"""Real seconds by which the kept time is ahead of the hall's; more than `KEEP_EVERY_S`."""
CONNECT_MS: Final = 8_000
"""How long people wait for the devices to connect; a hall works without a broker too."""
_AT_ONCE: Final = 8
"""Kiosks started or stopped at a time: they wait for disk and broker, not for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationOptions:
    """How a hall is simulated.

    Attributes:
        devices: a folder for each device, with its `kiosk.toml`.
        hall_time: file that keeps what time it is there.
        speed: hall seconds in a real second.
        start_days_back: open days between the beginning of a new hall and today.
        history_days: how many of them are played as fast as the devices can.
        scenario: what happens there; None: ordinary days.
        seed: in place of the scenario's or the program's own; empty: theirs.
    """

    devices: Path
    hall_time: Path
    speed: float
    start_days_back: int
    history_days: int
    scenario: Scenario | None = None
    seed: str = ""


class Simulation:
    """The hall of a fleet file, simulated.

    Args:
        system: real time.

    Attributes:
        rows: its windows, for the press page; `panels`: their keys.

    Raises:
        InvalidSettings: a device's settings or the kept time are wrong, or the scenario does not
            fit the hall.
        ValueError: the hall is never open.
        OSError: a file cannot be read.
    """

    def __init__(self, fleet: Fleet, options: SimulationOptions, system: Clock) -> None:
        self._fleet = fleet
        self._zone = ZoneInfo(fleet.hall.timezone)
        self._kept = KeptTime(options.hall_time)
        today = local_time(system.wall_ms(), self._zone).date()
        begun_ms, self._history_until_ms = self._kept.load() or first_times(
            fleet.hall,
            today,
            self._zone,
            start_days_back=options.start_days_back,
            history_days=options.history_days,
        )
        self._time = HallTime(begun_ms, options.speed, system)
        standing = window_rows(fleet, today)
        playbook = Playbook(fleet, today, options.scenario, options.seed)
        self._cables = Cables()
        self._kiosks = {
            device: _kiosk(
                options.devices / device,
                self._time.wall_ms(),
                system,
                self._cables if window.id in playbook.cabled else None,
            )
            for device, (_, window) in standing.items()
        }
        profiles = {name: kiosk.service.panel.profile for name, kiosk in self._kiosks.items()}
        self.rows = tuple(
            WindowRow(
                department=department,
                window=window,
                device=device,
                panel=profiles[device].name,
            )
            for device, (department, window) in standing.items()
        )
        self.panels: Mapping[str, tuple[KeyView, ...]] = {
            profile.name: panel_keys(profile) for profile in profiles.values()
        }
        self._screens = HallScreens(self.rows, self._kiosks, self._time.wall_ms)
        self._director = Director(
            tuple(self._kiosks.values()),
            playbook.plan,
            self._time,
            self._zone,
            system,
            rush_until_ms=self._history_until_ms,
            backlog=self._backlog,
        )
        self._system = system
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="hall-time", daemon=True)

    @property
    def hall(self) -> Hall:
        """The hall of the fleet file."""
        return self._fleet.hall

    @property
    def kiosks(self) -> tuple[VirtualKiosk, ...]:
        """All virtual kiosks, in the order of the fleet file's windows."""
        return tuple(self._kiosks.values())

    def start(self) -> None:
        """Start every kiosk, wait until they are connected, then start the people.

        Raises:
            KioskError, ConfigError, OSError: a kiosk cannot start.
        """
        self._for_all(lambda kiosk: kiosk.start())
        self._wait_connected()
        self._keep_ahead()
        self._keeper.start()
        self._director.start()
        logger.info(
            "simulation runs kiosks=%d hall_time=%s",
            len(self._kiosks),
            local_time(self._time.wall_ms(), self._zone).isoformat(timespec="minutes"),
        )

    def stop(self) -> None:
        """Send everybody home, stop every kiosk, keep the time."""
        self._stopping.set()
        self._director.stop()
        if self._keeper.ident is not None:
            self._keeper.join()
            self._kept.save(self._time.wall_ms(), self._history_until_ms)
        self._for_all(lambda kiosk: kiosk.stop())
        self._cables.stop()

    def failure(self) -> BaseException | None:
        """What ended the people's thread or a kiosk; None: all run."""
        if self._director.failure is not None:
            return self._director.failure
        broken = (kiosk.service.failure for kiosk in self._kiosks.values())
        return next((failure for failure in broken if failure is not None), None)

    # --- the press page's side ---

    def hall_view(self) -> HallView:
        """See `PressableHall.hall_view`."""
        now = local_time(self._time.wall_ms(), self._zone)
        return HallView(
            on=now.date().isoformat(),
            time=now.strftime("%H:%M"),
            pace=0.0 if self._director.is_rushing else self._time.pace,
            devices={name: kiosk.brief() for name, kiosk in self._kiosks.items()},
        )

    def device_view(self, device: str) -> DeviceView:
        """See `PressableHall.device_view`."""
        kiosk = self._kiosks[device]
        wall_ms = kiosk.clock.hall_ms() if kiosk.is_touched else self._time.wall_ms()
        return kiosk.view(local_time(wall_ms, self._zone).strftime("%H:%M:%S"))

    def turn_key(self, device: str, key: str, *, is_down: bool) -> None:
        """See `PressableHall.turn_key`."""
        self._kiosks[device].turn_key(key, is_down=is_down, hall_ms=self._time.wall_ms())

    def screen(self, device: str, language: str) -> ScreenSource:
        """See `PressableHall.screen`."""
        return self._screens.find(device, language)

    def _wait_connected(self) -> None:
        """People who come while 135 devices connect would make that slow; not for ever."""
        give_up_ms = self._system.steady_ms() + CONNECT_MS
        while (
            not all(kiosk.service.snapshot().is_connected for kiosk in self.kiosks)
            and self._system.steady_ms() < give_up_ms
            and not self._stopping.wait(0.05)
        ):
            pass

    def _backlog(self) -> int:
        shots = (kiosk.service.snapshot() for kiosk in self.kiosks)
        return sum(shot.head - shot.stored for shot in shots if shot.is_connected)

    # --- own threads ---

    def _keep(self) -> None:
        while not self._stopping.wait(KEEP_EVERY_S):
            self._keep_ahead()

    def _keep_ahead(self) -> None:
        ahead_ms = int(AHEAD_S * 1000 * self._time.pace)
        try:
            self._kept.save(self._time.wall_ms() + ahead_ms, self._history_until_ms)
        except OSError as error:
            logger.error("hall time cannot be kept error=%s", error)

    def _for_all(self, act: Callable[[VirtualKiosk], None]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(act, self._kiosks.values()))


def _kiosk(folder: Path, wall_ms: int, system: Clock, cables: Cables | None) -> VirtualKiosk:
    settings = load_settings(
        KioskSettings, program="kiosk", path=folder / "kiosk.toml", environ={}, overrides={}
    )
    password = password_of(settings.broker)
    return VirtualKiosk(settings, password=password, wall_ms=wall_ms, system=system, cables=cables)
