"""The command `kiosk`: reads settings, runs one command, turns errors into exit codes.

Commands import what they need when they run: a device of 512 MB runs `kiosk run` for years and
should not carry what the others need.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Final

from firmware_config import __version__
from firmware_config.command_line import add_common_options, exit_code_of, start_logging
from firmware_config.errors import ExitCode
from kiosk.errors import KioskError
from kiosk.given_settings import PROGRAM, settings_of

SIMULATE: Final = "simulate"
WATCH_S: Final = 0.5
"""How often the main thread looks whether a commit hangs."""

logger = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command; returns its exit code (see `ExitCode`)."""
    words = sys.argv[1:] if argv is None else list(argv)
    args = build_parser(with_simulator=SIMULATE in words).parse_args(words)
    args.environ = os.environ if environ is None else environ
    start_logging(args)
    return exit_code_of(PROGRAM, lambda: args.run(args), (KioskError,))


def build_parser(*, with_simulator: bool = True) -> argparse.ArgumentParser:
    """The whole command line. Without `with_simulator`, `simulate` is only named."""
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="One evaluator at a service window: buttons, lights, a signed journal.",
        epilog="Every setting, its default and range: kiosk check --help-settings",
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="be the device: serve buttons and lights until stopped")
    run.set_defaults(run=_run)

    check = commands.add_parser("check", help="check settings, pins, keys; opens no pins")
    check.add_argument(
        "--help-settings", action="store_true", help="list every setting instead, and exit"
    )
    check.add_argument("--print", action="store_true", help="print the settings in force, too")
    check.set_defaults(run=_check)

    key = commands.add_parser("key", help="print the device's public key (JWK), made when absent")
    key.set_defaults(run=_key)

    test = commands.add_parser(
        "selftest", help="show every light, ask for every key, look at the machine"
    )
    test.set_defaults(run=_selftest)

    import_module("kiosk.journal_command").add_parser(commands)
    if with_simulator:
        import_module("kiosk.simulator.command").add_parser(commands)
    else:
        commands.add_parser(SIMULATE, help="a whole hall of virtual kiosks, with people")
    add_common_options(parser)
    return parser


def _run(args: argparse.Namespace) -> ExitCode:
    settings = settings_of(args)
    from firmware_config.service_manager import service_notify
    from firmware_config.settings_broker import password_of
    from kiosk.clock import Clock
    from kiosk.service import KioskService

    service = KioskService(
        settings, clock=Clock(), password=password_of(settings.broker), notify=service_notify()
    )
    is_stopped: list[int] = []

    def stop(number: int, _frame: object) -> None:
        is_stopped.append(number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.start()
    _give_back_memory()
    logger.info("kiosk serves device=%s", settings.device)
    while not service.ended.wait(WATCH_S):
        service.watch()
        if is_stopped:
            service.stop()
    if service.failure is None:
        return ExitCode.OK
    return getattr(service.failure, "exit_code", ExitCode.FAILURE)


def _give_back_memory() -> None:
    """Return what the imports freed (some 4 MB) to the system; glibc keeps it otherwise."""
    import ctypes
    import gc

    gc.collect()
    with suppress(AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def _check(args: argparse.Namespace) -> ExitCode:
    from kiosk.check_command import run

    return run(args)


def _selftest(args: argparse.Namespace) -> ExitCode:
    settings = settings_of(args)
    from kiosk.clock import Clock
    from kiosk.selftest_command import SelfTestAtTerminal

    test = SelfTestAtTerminal(settings, clock=Clock(), say=lambda line: print(line, flush=True))
    return ExitCode.OK if test.run() else ExitCode.FAILURE


def _key(args: argparse.Namespace) -> ExitCode:
    import json

    from firmware_config.keys import load_or_create_signing_key

    print(json.dumps(load_or_create_signing_key(settings_of(args).key).public.jwk()))
    return ExitCode.OK
