"""The command `kiosk simulate`: a whole hall of virtual kiosks, people, and the press page."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path
from typing import Any, Final

import waitress

from firmware_config.errors import ExitCode
from firmware_config.fleet import load_fleet, sample_fleet_path
from firmware_config.service_manager import service_notify
from kiosk.clock import Clock
from kiosk.simulator import scenario_command
from kiosk.simulator.page import create_app
from kiosk.simulator.scenario_file import load_scenario
from kiosk.simulator.simulation import Simulation, SimulationOptions

logger = logging.getLogger(__name__)

LOOPBACK: Final = "127.0.0.1"
PAGE_THREADS: Final = 8
WATCH_S: Final = 0.5
_STACK_BYTES: Final = 512 * 1024
"""For each of some 300 threads; the system's 8 MB are address space only, yet add up."""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "simulate", help="a whole hall of virtual kiosks, with people", description=__doc__
    )
    parser.add_argument(
        "--fleet",
        type=Path,
        default=sample_fleet_path(),
        metavar="FILE",
        help="the fleet (default: the sample hall)",
    )
    parser.add_argument(
        "--devices",
        type=Path,
        metavar="DIR",
        help="a folder for each device with its kiosk.toml",
    )
    parser.add_argument(
        "--hall-time",
        type=Path,
        metavar="FILE",
        help="keeps what time it is in the hall",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=60.0,
        metavar="N",
        help="hall seconds in a second (%(default)s)",
    )
    parser.add_argument(
        "--start-days-back",
        type=int,
        default=20,
        metavar="N",
        help="open days ago at which a new hall begins (%(default)s)",
    )
    parser.add_argument(
        "--history-days",
        type=int,
        default=3,
        metavar="N",
        help="open days of a new hall played as fast as the devices can (%(default)s)",
    )
    parser.add_argument(
        "--port", type=int, default=8081, help="TCP port of the press page (%(default)s)"
    )
    parser.add_argument(
        "--dashboard", default="", metavar="URL", help="where the press page's links lead"
    )
    scenario_command.add_arguments(parser)
    parser.set_defaults(run=lambda args: _run(args, parser))


def _run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> ExitCode:
    if scenario_command.is_asked_for(args):
        return scenario_command.run(args)
    missing = [
        f"--{name.replace('_', '-')}"
        for name in ("devices", "hall_time")
        if getattr(args, name) is None
    ]
    if missing:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    return _play(args)


def _play(args: argparse.Namespace) -> ExitCode:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.stack_size(_STACK_BYTES)
    for name in ("firmware_config.mqtt_link", "kiosk.service", "kiosk.uplink"):
        logging.getLogger(name).setLevel(logging.WARNING)  # 135 times each line otherwise
    options = SimulationOptions(
        devices=args.devices,
        hall_time=args.hall_time,
        speed=args.speed,
        start_days_back=args.start_days_back,
        history_days=args.history_days,
        scenario=load_scenario(args.scenario) if args.scenario else None,
        seed=args.seed,
    )
    simulation = Simulation(load_fleet(args.fleet), options, Clock())
    app = create_app(simulation, dashboard=args.dashboard.rstrip("/"))
    server = waitress.create_server(
        app, host=LOOPBACK, port=args.port, threads=PAGE_THREADS, ident=""
    )
    page = threading.Thread(target=server.run, name="press-page", daemon=True)
    try:
        simulation.start()
        page.start()
        notify = service_notify()
        notify("READY=1")
        failure: BaseException | None = None
        while failure is None and not stopping.wait(WATCH_S):
            notify("WATCHDOG=1")
            for kiosk in simulation.kiosks:
                kiosk.service.watch()
            failure = simulation.failure()
        notify("STOPPING=1")
    finally:
        server.close()
        simulation.stop()
    if failure is None:
        return ExitCode.OK
    logger.critical("simulation ended error=%r", failure, exc_info=failure)
    code: ExitCode = getattr(failure, "exit_code", ExitCode.FAILURE)
    return code
