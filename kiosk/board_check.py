"""What `kiosk check` says about the board: which one it is, and what its pins are in conflict with.

Only files are read; no pin is touched. Nothing here refuses to run: a wrong guess about a board
must not stop a hall.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from firmware_config.boards import board_of, config_conflicts, load_boards, power_on_warnings
from firmware_config.pins import PinProfile

MODEL_FILE: Final = Path("/proc/device-tree/model")
CONFIG_FILES: Final = (Path("/boot/firmware/config.txt"), Path("/boot/config.txt"))
"""Where the firmware's settings are: since Bookworm, and before."""
HAT_FILE: Final = Path("/proc/device-tree/hat/product")
"""Name of a board on top, from its EEPROM. Source: raspberrypi/hats, eeprom-format.md."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFindings:
    """What was found.

    Attributes:
        board: the board in words, one line.
        warnings: what a technician should see to, a line each.
    """

    board: str
    warnings: tuple[str, ...]


def look_at_board(
    profile: PinProfile,
    *,
    model_file: Path = MODEL_FILE,
    config_files: tuple[Path, ...] = CONFIG_FILES,
    hat_file: Path = HAT_FILE,
) -> BoardFindings:
    """Compare a pin profile with the board this runs on and with its boot settings.

    Args:
        profile: the pins in use.
        model_file: where the kernel tells the model.
        config_files: the first one that can be read is the firmware's settings.
        hat_file: where the kernel tells the name of a board on top.
    """
    warnings = power_on_warnings(profile)
    model = _text(model_file).strip("\0 \n")
    if not model:
        return BoardFindings(board="none known: this is no Raspberry Pi", warnings=tuple(warnings))
    board = board_of(model)
    if board is None:
        known = ", ".join(board.name for board in load_boards().boards)
        warnings.append(f"unknown board {model!r}: expected one of {known}")
        line = model
    else:
        clock = "a clock of its own" if board.has_rtc else "no clock of its own"
        chips = " or ".join(board.gpiochips)
        line = f"{model} ({board.id}); {clock}; supply {board.supply_a:g} A; pins on {chips}"
        if profile.boards and board.id not in profile.boards:
            warnings.append(
                f"pin profile {profile.name} is made for {', '.join(profile.boards)}, "
                f"this is {board.id}"
            )
    if hat := _text(hat_file).strip("\0 \n"):
        warnings.append(
            f"board on top {hat!r}: which pins it takes is not known here, see its guide"
        )
    text = next((text for path in config_files if (text := _text(path))), "")
    warnings += config_conflicts(profile, text, board)
    return BoardFindings(board=line, warnings=tuple(warnings))


def _text(path: Path) -> str:
    """Content of a file; empty when there is none or it may not be read."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
