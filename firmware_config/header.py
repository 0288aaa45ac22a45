"""The 40-pin header of a Raspberry Pi: which BCM number sits where. Pure data.

Every board with 40 pins since 2014 has the same header.
Source: Raspberry Pi documentation, computers/raspberry-pi/gpio-on-raspberry-pi.adoc, and the
pinout of the boards named in data/boards.toml.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

GPIO_MAXIMUM: Final = 27
HEADER_PINS: Final[Mapping[int, int]] = {
    **{0: 27, 1: 28, 2: 3, 3: 5, 4: 7, 5: 29, 6: 31, 7: 26, 8: 24, 9: 21},
    **{10: 19, 11: 23, 12: 32, 13: 33, 14: 8, 15: 10, 16: 36, 17: 11, 18: 12, 19: 35},
    **{20: 38, 21: 40, 22: 15, 23: 16, 24: 18, 25: 22, 26: 37, 27: 13},
}
"""BCM number → position on the header, 1 to 40."""
GROUND_PINS: Final = (6, 9, 14, 20, 25, 30, 34, 39)
"""Positions of ground."""
POWER_PINS: Final[Mapping[int, str]] = {1: "3V3", 17: "3V3", 2: "5V", 4: "5V"}
"""Position → voltage."""
RESERVED_GPIOS: Final[Mapping[int, str]] = {
    0: "the HAT EEPROM",
    1: "the HAT EEPROM",
    2: "I2C, with fixed pull-ups on the board",
    3: "I2C, with fixed pull-ups on the board",
    14: "the serial console",
    15: "the serial console",
}
"""BCM numbers a profile may not use, and what they are for."""
PULLED_UP_GPIOS: Final = range(0, 9)
"""BCM numbers the chip pulls high from power-on until the program runs; it pulls 9 to 27 low.

Source: BCM2835 ARM Peripherals, table 6-31 (column Pull); the later chips keep these defaults."""
