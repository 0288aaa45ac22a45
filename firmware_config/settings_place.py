"""Where a program's settings lie when nobody says: `/etc/yiping/<program>.toml`.

Knows no particular program; `firmware_config.settings` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, TypeVar

from firmware_config.errors import InvalidSettings
from firmware_config.settings import describe_settings, environment_name, load_settings

T = TypeVar("T")

STANDARD_FOLDER: Final = Path("/etc/yiping")
"""Where docs/installation.md puts the settings of kiosk and collector."""


def standard_file(program: str) -> Path:
    """The file that is read when no other is named, e.g. `/etc/yiping/kiosk.toml`."""
    return STANDARD_FOLDER / f"{program}.toml"


def load_program_settings(
    cls: type[T],
    *,
    program: str,
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
) -> T:
    """Read a program's settings, from its standard file when no file is named.

    The standard file is read only when it is there and something required is missing without it:
    settings that are complete in the environment are not mixed with a file nobody named.

    Args:
        path: the file of `--config`; None: the standard one.

    Raises:
        InvalidSettings: as `load_settings`; where there is no file, the first problem says so.
    """
    has_required = all(
        row.key in overrides or environment_name(program, row.key) in environ
        for row in describe_settings(cls)
        if row.is_required
    )
    standard = standard_file(program)
    if path is None and not has_required and standard.exists():
        path = standard
    try:
        return load_settings(cls, program=program, path=path, environ=environ, overrides=overrides)
    except InvalidSettings as error:
        if path is not None or has_required:
            raise
        hint = f"no settings: give --config FILE, e.g. --config {standard}"
        raise InvalidSettings([hint, *error.problems]) from None
