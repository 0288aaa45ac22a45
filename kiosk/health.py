"""What this machine tells of itself: processor temperature, power supply, memory. Reads only.

Values that a board does not have are None, never a guess.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

TEMPERATURE_FILE: Final = Path("/sys/class/thermal/thermal_zone0/temp")
THROTTLED_FILE: Final = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")
"""Hexadecimal flags of the firmware. Source: the kernel's driver raspberrypi.c, and Raspberry Pi's
documentation of `vcgencmd get_throttled`, whose bits these are."""
POWER_FLAGS: Final = {
    0: "under-voltage",
    2: "throttled",
    16: "under-voltage-since-boot",
    18: "throttled-since-boot",
}
MEMORY_FILE: Final = Path("/proc/self/statm")


def cpu_temp_c(file: Path = TEMPERATURE_FILE) -> float | None:
    """Temperature of the processor, degrees Celsius; None: not told, or not to be believed."""
    value = _read(file, lambda text: int(text) / 1000)
    return value if value is not None and -100 <= value <= 200 else None


def power_flags(file: Path = THROTTLED_FILE) -> list[str] | None:
    """What the firmware says of the supply; empty: all is well; None: this board does not tell."""
    flags = _read(file, lambda text: int(text, 16))
    if flags is None:
        return None
    return [name for bit, name in POWER_FLAGS.items() if int(flags) >> bit & 1]


def memory_bytes(file: Path = MEMORY_FILE) -> int | None:
    """Resident memory of this process. Source: proc(5), second field of statm, in pages."""
    pages = _read(file, lambda text: int(text.split()[1]))
    return None if pages is None else int(pages) * os.sysconf("SC_PAGE_SIZE")


def _read(file: Path, parse: Callable[[str], float]) -> float | None:
    try:
        return parse(file.read_text("ascii").strip())
    except (OSError, ValueError, IndexError):
        return None
