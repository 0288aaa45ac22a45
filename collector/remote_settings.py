"""Settings that the collector may give a device: which, and whether the values are right.

They are checked by the device's own table of settings, with its own loader, so that what passes
here is not refused there.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable
from typing import Final

from collector.errors import BadRemoteSettings, NoVersionLeft
from firmware_config.contract import MAX_INTEGER
from firmware_config.errors import InvalidSettings
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import SettingRow, describe_settings, load_settings

MAX_VALUES: Final = 32
MAX_VALUE_CHARS: Final = 500
"""Both are the contract's limits (contract.Configure)."""
MAX_AHEAD_MS: Final = 86_400_000
"""How far ahead of now a version is believed that a device only reports. Source: our choice; more
than hosts that synchronise their clocks ever differ."""
_NEEDED: Final = {
    row.key: "x" for row in describe_settings(KioskSettings) if row.is_required
}  # what a device must have anyway; nobody reads it here


def remote_settings() -> list[SettingRow]:
    """The settings a device takes from the collector, in the order of its table."""
    return [row for row in describe_settings(KioskSettings) if row.is_remote]


def checked_values(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The values as a device takes them: `key → text`.

    Raises:
        BadRemoteSettings: with every problem.
    """
    pairs = list(pairs)
    values = dict(pairs)
    known = {row.key: row for row in describe_settings(KioskSettings)}
    remote = [row.key for row in known.values() if row.is_remote]
    problems = [
        f"--set: {key}: expected one value, got {number}"
        for key, number in Counter(key for key, _ in pairs).items()
        if number > 1
    ]
    for key, text in values.items():
        if key in known and key not in remote:
            problems.append(
                f"--set: {key}: expected a setting the collector may change "
                f"({', '.join(remote)}), got one that only the device's file sets"
            )
        if key not in known:  # only what may be changed is worth suggesting
            close = difflib.get_close_matches(key, remote, n=1, cutoff=0.75)
            hint = f"; did you mean {close[0]}?" if close else ""
            problems.append(f"--set: {key}: unknown setting{hint}")
        if len(text) > MAX_VALUE_CHARS:
            problems.append(
                f"--set: {key}: expected at most {MAX_VALUE_CHARS} characters, got {len(text)}"
            )
    if len(values) > MAX_VALUES:
        problems.append(f"--set: expected at most {MAX_VALUES} settings, got {len(values)}")
    try:
        load_settings(
            KioskSettings,
            program="kiosk",
            path=None,
            environ={},
            overrides={**_NEEDED, **{key: text for key, text in values.items() if key in known}},
        )
    except InvalidSettings as error:
        problems += error.problems
    if problems:
        raise BadRemoteSettings(problems)
    return values


def next_version(now_ms: int, reported: int, written: int = 0) -> int:
    """The version of new settings for a device: higher than any before.

    UTC milliseconds, so that two hosts that do not know of each other do not use the same; and
    above what the device has, should a clock once have been ahead.

    Health is not signed: whoever forges one must not be able to drive a device's version up to
    where no higher one is left. So a report counts up to `MAX_AHEAD_MS` ahead of now, a record
    that the device has signed always.

    Args:
        now_ms: wall clock, UTC milliseconds since 1970.
        reported: what the device last reported; 0: nothing.
        written: of its newest SETTINGS record; 0: none.

    Raises:
        NoVersionLeft: the device has written the highest there is.
    """
    believed = reported if reported <= now_ms + MAX_AHEAD_MS else 0
    version = max(now_ms, believed + 1, written + 1)
    if version > MAX_INTEGER:
        raise NoVersionLeft(
            f"expected a device with settings of a version below {MAX_INTEGER}, got {written}"
        )
    return version
