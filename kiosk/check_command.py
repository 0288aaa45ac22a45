"""`kiosk check`: whether settings, pins, keys and the journal's place are right; opens no pins.

Findings go to standard error, each on a line, and a verdict follows as the last line: a person at a
device reads the end first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from firmware_config.errors import ConfigError, ExitCode, InvalidSettings
from firmware_config.keys import load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from firmware_config.settings import describe_settings, print_settings
from firmware_config.settings_broker import password_of
from kiosk.board_check import look_at_board
from kiosk.storage import file_system_type, is_volatile


def run(args: argparse.Namespace) -> ExitCode:
    """Tell every finding and the verdict; with `--print` the settings in force before them."""
    from kiosk.given_settings import settings_of

    if args.help_settings:
        _help_settings()
        return ExitCode.OK
    warnings: list[str] = []
    try:
        settings = settings_of(args)
        if args.print:
            sys.stdout.write(print_settings(settings))
            sys.stdout.flush()
        problems = list(_problems(settings, warnings))
    except InvalidSettings as error:
        problems = list(error.problems)
    for warning in warnings:
        _say(f"warning: {warning}")
    for problem in problems:
        _say(f"error: {problem}")
    counts = [_count(len(problems), "problem"), _count(len(warnings), "warning")]
    verdict = ", ".join(filter(None, (counts[0] or "ok", counts[1])))
    # with --print, standard output is a settings file and nothing else
    (sys.stderr if args.print else sys.stdout).write(f"{verdict}\n")
    return ExitCode.CONFIGURATION if problems else ExitCode.OK


def _problems(settings: KioskSettings, warnings: list[str]) -> Iterator[str]:
    try:
        found = look_at_board(load_pin_profile(settings.panel.profile))
        _say(f"board: {found.board}")
        warnings += found.warnings
    except InvalidSettings as error:
        yield from error.problems
    try:
        load_verify_key(settings.collector_key)
    except (ConfigError, OSError) as error:
        yield str(error)
    try:
        password_of(settings.broker)
    except (ConfigError, OSError) as error:
        yield str(error)
    if not settings.storage.allow_volatile and is_volatile(settings.journal):
        kind = file_system_type(settings.journal)
        yield f"journal: expected a disk that survives power-off, got {kind}"
    if settings.voice.folder is not None:
        from kiosk.voice.checks import voice_problems

        yield from voice_problems(settings.voice)
    if settings.screen.staff_file is not None:
        from kiosk.screen.staff import load_staff

        try:
            load_staff(settings.screen.staff_file, show_photo=settings.screen.show_photo)
        except InvalidSettings as error:
            yield from error.problems


def _help_settings() -> None:
    for row in describe_settings(KioskSettings):
        default = "required" if row.is_required else f"default {row.default or 'none'}"
        limits = ", ".join(part for part in (row.type, row.unit, row.range, default) if part)
        sys.stdout.write(f"{row.key} ({limits})\n    {row.help}\n")


def _say(text: str) -> None:
    sys.stderr.write(f"kiosk: {text}\n")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number > 1 else ''}" if number else ""
