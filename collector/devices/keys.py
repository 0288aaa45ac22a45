"""Keys without a sign of life: never pressed or tested, or missing where others are not. Pure.

Hardly anybody presses the two bad levels, so their silence proves nothing: a key is *unproven* when
nothing shows that it works, and *one-sided* only when chance cannot explain that it is missing. A
dead key of level 2 makes the figures look better (docs/simulator.md, `dead-button`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

KEY_DAYS: Final = 30
"""Days within which a key is pressed or tested. Source: our choice; a monthly self-test takes a
minute."""
CHANCE: Final = 1e-4
"""Chance that a good key is called one-sided. Source: our choice; 135 devices with five keys each,
looked at afresh about once a month, make one wrong call in about fifteen months."""
EXPECTED: Final = -math.log(CHANCE)
"""Presses that must have been expected before none is a finding, 9.2: with n ratings and a share p
of the level elsewhere, the chance of none is (1-p)^n <= e^(-np). Source: NIST/SEMATECH e-Handbook,
1.3.6.6.18 (binomial)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUse:
    """The signs of life of one key.

    Attributes:
        level: 5 to 1.
        presses: ratings by it in the last `KEY_DAYS` days.
        pressed_on: local day of the last one within the days looked at, ISO; None for none.
        tested_ms: when it was last tested, UTC milliseconds; None for never.
    """

    level: int
    presses: int = 0
    pressed_on: str | None = None
    tested_ms: int | None = None

    def is_proven(self, now_ms: int) -> bool:
        """Whether it was pressed or tested in the last `KEY_DAYS` days."""
        is_tested = self.tested_ms is not None and now_ms - self.tested_ms <= KEY_DAYS * 86_400_000
        return self.presses > 0 or is_tested


def shares_elsewhere(
    devices: Mapping[int, Iterable[KeyUse]],
) -> dict[int, dict[int, float]]:
    """Device → level → its share of the ratings of all other devices; 0 where there are none."""
    own = {device: Counter({k.level: k.presses for k in keys}) for device, keys in devices.items()}
    total: Counter[int] = Counter()
    for counts in own.values():
        total.update(counts)
    found = {}
    for device, counts in own.items():
        rest = {level: number - counts[level] for level, number in total.items()}
        base = sum(rest.values())
        found[device] = {level: n / base if base else 0.0 for level, n in rest.items()}
    return found


def unproven(keys: Iterable[KeyUse], now_ms: int) -> tuple[int, ...]:
    """The levels of keys that nothing shows to work, highest first."""
    return tuple(sorted((k.level for k in keys if not k.is_proven(now_ms)), reverse=True))


def one_sided(
    keys: Iterable[KeyUse], elsewhere: Mapping[int, float], now_ms: int
) -> tuple[int, ...]:
    """The levels that are missing at a device though chance cannot explain it, highest first.

    Args:
        keys: of the device.
        elsewhere: level → its share of the ratings of all other devices.
        now_ms: UTC milliseconds.
    """
    known = list(keys)
    ratings = sum(key.presses for key in known)
    return tuple(
        sorted(
            (
                key.level
                for key in known
                if not key.is_proven(now_ms) and ratings * elsewhere.get(key.level, 0.0) >= EXPECTED
            ),
            reverse=True,
        )
    )
