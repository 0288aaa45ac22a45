"""`collector ingest`: the process that stores what devices send, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import time
from typing import Any

from collector.commands.fleet import read_fleet
from collector.errors import CollectorError
from collector.ingest import IngestService
from collector.ledger.permission import require_writable
from collector.settings import CollectorSettings
from firmware_config.errors import ConfigError, ExitCode, InvalidSettings
from firmware_config.fleet import Fleet
from firmware_config.keys import load_or_create_signing_key
from firmware_config.service_manager import service_notify

logger = logging.getLogger(__name__)

_STOP = frozenset({signal.SIGTERM, signal.SIGINT})
_GC_THRESHOLD = 100_000
_LOOK_S = 0.5
"""How often the main thread looks whether the service has ended by itself."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ingest",
        help="store what devices send",
        description="Receive, check, store and acknowledge the devices' records; SIGTERM finishes "
        "the group at hand. Exit status 5: the database failed, nothing was acknowledged.",
    )
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, settings: CollectorSettings) -> ExitCode:
    """Run until a signal, or until the service fails."""
    require_writable(settings.ledger)  # before anything else is tried, for the clearest message
    fleet, problems = _fleet_or_problems(settings)
    service = IngestService(
        settings,
        fleet=fleet,
        fleet_problems=problems,
        key=load_or_create_signing_key(settings.key),
        clock_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        notify=service_notify(),
    )
    # Python's collector would walk the group at hand again and again: without this a tenth of the
    # writer's time (measured, bench/core.py); nothing here makes cycles
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 50, 100)
    # blocked before any thread starts, so that only this thread ever sees them
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    try:
        service.start()
        while not service.wait(0) and signal.sigtimedwait(_STOP, _LOOK_S) is None:
            pass
        service.stop()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    failure = service.failure
    if isinstance(failure, CollectorError | ConfigError | OSError):
        raise failure
    if failure is not None:
        logger.critical("ingest failed", exc_info=failure)
        return ExitCode.FAILURE
    return ExitCode.OK


def _fleet_or_problems(settings: CollectorSettings) -> tuple[Fleet | None, list[str]]:
    """The fleet file, or what is wrong with it: no reason to stop storing in a ledger that has one.

    Raises:
        InvalidSettings: it is wrong, and there is no ledger yet.
    """
    try:
        return read_fleet(settings), []
    except InvalidSettings as error:
        if not settings.ledger.exists():
            raise
        return None, error.problems
