"""`collector command serve`: makes devices blink when the dashboard asks, until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import time
from typing import Any

from collector.commands.fleet import read_fleet
from collector.dispatch import open_dispatcher
from collector.sender import sender
from collector.settings import CollectorSettings
from collector.wish_service import EVERY_S, WishService
from collector.wishes import Spool
from firmware_config.errors import ExitCode, InvalidSettings
from firmware_config.service_manager import service_notify

logger = logging.getLogger(__name__)

_STOP = frozenset({signal.SIGTERM, signal.SIGINT})


def add_part(parts: Any) -> None:
    """Add it to the sub-commands of `collector command`."""
    part = parts.add_parser(
        "serve",
        help="make devices blink when the dashboard asks",
        description="Take the wishes of the dashboard from the folder `command.wishes` and send "
        "them, signed and logged, until SIGTERM. The only wish there is is identify: for devices "
        "of the fleet, each at most every 5 s, 30 in a minute. Fleet and keys are read at start.",
    )
    part.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Serve until a signal.

    Raises:
        InvalidSettings: no folder for wishes, or what `open_dispatcher` misses.
        OSError: the folder cannot be written.
    """
    folder = settings.command.wishes
    if folder is None:
        raise InvalidSettings(
            ["command.wishes: expected a folder to take wishes from, got nothing"]
        )
    devices = {device.id for device in read_fleet(settings).devices}
    # blocked before any thread starts, so that only this thread ever sees them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    notify = service_notify()
    try:
        with open_dispatcher(settings) as dispatcher:
            service = WishService(
                Spool(folder),
                dispatcher,
                by=sender(),
                devices=devices,
                clock_ms=lambda: time.time_ns() // 1_000_000,
            )
            try:
                service.turn()
                notify("READY=1")
                logger.info("wishes are taken folder=%s devices=%d", folder, len(devices))
                while signal.sigtimedwait(_STOP, EVERY_S) is None:
                    service.turn()
                notify("STOPPING=1")
            finally:
                service.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return ExitCode.OK
