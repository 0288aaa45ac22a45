"""The settings a command was given: those of `--config`, `--set`, the environment, the defaults.

Loading imports what it needs when it is called, as the commands do.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from firmware_config.kiosk_settings import KioskSettings

PROGRAM: Final = "kiosk"


def settings_of(args: argparse.Namespace) -> KioskSettings:
    """Load the settings that `--config` (or the standard file), `--set`, the environment give."""
    from firmware_config.kiosk_settings import KioskSettings
    from firmware_config.settings_place import load_program_settings

    return load_program_settings(
        KioskSettings,
        program=PROGRAM,
        path=getattr(args, "config", None),
        environ=args.environ,
        overrides=dict(getattr(args, "set", [])),
    )
