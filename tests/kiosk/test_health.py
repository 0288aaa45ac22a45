"""What the machine tells of itself, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.health import cpu_temp_c, memory_bytes, power_flags


@pytest.mark.parametrize(
    ("text", "expected"),
    [("48312\n", 48.312), ("-4000\n", -4.0), ("999999\n", None), ("hot\n", None), ("", None)],
)
def test_the_temperature_is_told_in_degrees_or_not_at_all(
    tmp_path: Path, text: str, expected: float | None
) -> None:
    file = tmp_path / "temp"
    file.write_text(text)
    assert cpu_temp_c(file) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0\n", []),
        ("50005\n", ["under-voltage", "throttled", "under-voltage-since-boot",
                     "throttled-since-boot"]),
        ("50000\n", ["under-voltage-since-boot", "throttled-since-boot"]),
        ("20002\n", []),  # frequency capped: not the supply's fault
        ("?", None),
    ],
)  # fmt: skip
def test_the_firmwares_flags_are_named(
    tmp_path: Path, text: str, expected: list[str] | None
) -> None:
    file = tmp_path / "get_throttled"
    file.write_text(text)
    assert power_flags(file) == expected


def test_a_board_that_does_not_tell_gives_none(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert (cpu_temp_c(missing), power_flags(missing), memory_bytes(missing)) == (None, None, None)


def test_the_memory_is_this_processes() -> None:
    told = memory_bytes()
    assert told is not None
    assert told > 5_000_000
