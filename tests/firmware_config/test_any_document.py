"""Whatever stands in a file, it is loaded or refused with its problems; nothing else happens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config import pins
from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Fleet, load_fleet, loading, rows
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.settings import load_settings

VALUES = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["", "-", "a01", "w-a01", "tax", "2026-01-05", "09:00-12:00", "x.toml"])
    | st.dates()
    | st.times()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "name", "from", "window", "device", "department", "mon", "opens"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield (*path, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*path, key))


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = copy.deepcopy(document)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return result


def outcome(load: Callable[[], Any]) -> Any:
    """What was loaded, or the problems; any other error passes."""
    try:
        return load()
    except InvalidSettings as error:
        return error.problems


def is_told(problems: Any) -> bool:
    return isinstance(problems, list) and bool(problems) and all(": " in line for line in problems)


@given(data=st.data())
def test_any_value_at_any_place_of_a_fleet(
    data: st.DataObject, small_fleet_document: dict[str, Any]
) -> None:
    path = data.draw(st.sampled_from(list(places(small_fleet_document))))
    document = replaced(small_fleet_document, path, data.draw(VALUES))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "read_toml", lambda _: document)
        result = outcome(lambda: load_fleet(Path("fleet.toml")))

    assert isinstance(result, Fleet) or is_told(result)


@given(text=st.text(max_size=80), name=st.sampled_from(sorted(rows.COLUMNS)))
def test_any_text_in_a_csv_file(
    text: str, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("csv")
    for table in rows.COLUMNS:
        columns = ",".join(rows.COLUMNS[table])
        content = f"{columns}\n{text}" if table == name else f"{columns}\n"
        (folder / f"{table}.csv").write_text(content, encoding="utf-8", errors="replace")
    (folder / "hall.toml").write_text('hall.id = "h"\nhall.name = "h"\nhall.opens.mon = []\n')

    result = outcome(lambda: loading.load_fleet(folder))

    assert isinstance(result, Fleet) or is_told(result)


PROFILE = {
    "name": "own",
    "clerk_gpio": 4,
    "buttons": [
        {"name": "up", "level": 5, "gpio": 5, "led_gpio": 17},
        {"name": "down", "level": 1, "gpio": 6, "led_gpio": 27},
    ],
}


@given(path=st.sampled_from(list(places(PROFILE))), value=VALUES)
def test_any_value_at_any_place_of_a_pin_profile(path: tuple[Any, ...], value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pins, "read_toml", lambda _: replaced(PROFILE, path, value))
        result = outcome(lambda: pins.load_pin_profile("own.toml"))

    assert isinstance(result, pins.PinProfile) or is_told(result)


KIOSK = {
    "hall": "h1",
    "device": "w-a01",
    "journal": "j.db",
    "key": "k.jwk",
    "collector_key": "c.jwk",
    "timezone": "UTC",
    "broker": {"host": "h", "port": 1, "password_file": "p"},
    "panel": {"profile": "five-key", "debounce_ms": 5, "thanks_s": 1.5},
    "session": {"mode": "clerk", "timeout_s": 20},
    "storage": {"allow_volatile": True, "min_free_bytes": 2000000},
    "uplink": {"resend_s": 1, "resend_max_s": 2},
}


@given(path=st.sampled_from(list(places(KIOSK))), value=VALUES)
def test_any_value_at_any_place_of_the_settings(path: tuple[Any, ...], value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("firmware_config.settings.read_toml", lambda _: replaced(KIOSK, path, value))
        result = outcome(
            lambda: load_settings(
                KioskSettings, program="kiosk", path=Path("k.toml"), environ={}, overrides={}
            )
        )

    assert isinstance(result, KioskSettings) or is_told(result)


@given(st.dictionaries(st.sampled_from(["hall", "broker.port", "uplink.resend_s", "x"]), st.text()))
def test_any_text_on_the_command_line(overrides: dict[str, str]) -> None:
    result = outcome(
        lambda: load_settings(
            KioskSettings, program="kiosk", path=None, environ={}, overrides=overrides
        )
    )

    assert is_told(result)  # never enough of them


@pytest.fixture(scope="module")
def small_fleet_document() -> dict[str, Any]:
    """A fleet with every table and kind of row, as TOML reads it."""
    return {
        "hall": {
            "id": "h1",
            "name": "小厅",
            "timezone": "UTC",
            "opens": {"mon-fri": ["09:00-12:00"], "sat": ["09:00-12:00", "13:00-14:00"]},
        },
        "departments": [{"id": "tax", "name": "税"}, {"id": "gas", "name": "气"}],
        "windows": [
            {
                "id": "a01",
                "name": "A01",
                "department": "tax",
                "device": "w-a01",
                "from": date(2026, 1, 5),
            }
        ],
        "devices": [{"id": "w-a01"}, {"id": "w-b", "profile": "four-key"}],
        "assignments": [
            {"from": date(2026, 2, 1), "device": "w-a01", "window": "-"},
            {"from": date(2026, 2, 1), "device": "w-b", "window": "a01", "department": "gas"},
        ],
    }
