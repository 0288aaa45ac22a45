"""Rendering what one device needs: settings, password, pins, collector's key, voice, staff."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from firmware_config.errors import InvalidSettings
from firmware_config.fleet import Department, Fleet, Window
from firmware_config.hours import lines_of
from firmware_config.keys import KeyFileError, load_verify_key
from firmware_config.kiosk_settings import KioskSettings
from firmware_config.pins import load_pin_profile
from firmware_config.provision.hall import write_if_changed
from firmware_config.provision.passwords import read_password
from firmware_config.provision.voice import copy_voice
from firmware_config.settings import describe_settings, load_settings, toml_value


@dataclass(frozen=True, slots=True, kw_only=True)
class DevicePaths:
    """Where a device keeps its files; relative ones are beside `kiosk.toml`."""

    journal: str
    key: str
    collector_key: str = "collector.jwk"
    password: str = "broker-password"
    profile: str = "pins.toml"
    voice: str = "voice"
    staff: str = "staff.csv"


DEVICE_PATHS: Final = DevicePaths(
    journal="/var/lib/yiping-kiosk/journal.db", key="/var/lib/yiping-kiosk/device.jwk"
)
"""Those of a device set up with the units in `systemd/`."""


def render_device(
    fleet: Fleet,
    device: str,
    folder: Path,
    *,
    fleet_folder: Path,
    password_file: Path,
    broker_host: str,
    broker_port: int = 1883,
    collector_key: Path | None = None,
    voice: Path | None = None,
    on: date | None = None,
    paths: DevicePaths = DEVICE_PATHS,
    overrides: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write one device's files into a folder.

    Args:
        fleet: the hall.
        device: its id in the fleet.
        folder: gets the files; its content belongs into `/etc/yiping` of the device.
        fleet_folder: where the fleet file lies: a pin profile of your own is looked for there.
        password_file: this device's password, as `provision_hall` made it.
        broker_host: name or address by which the device reaches the broker.
        broker_port: and its port.
        collector_key: the collector's public JWK, when it is known already.
        voice: a folder of prompts to copy (`voice.folder` is then set); None: no voice.
        on: local day whose place the screen names; the hall's opening hours go with it. None:
            neither is written, as for a hall whose clock is not the calendar's (the demo).
        paths: where the device keeps things.
        overrides: further settings, `key → text`.

    Returns:
        The files that belong to the device.

    Raises:
        InvalidSettings: no such device, a bad profile, voice or setting; every problem.
        KeyFileError: `collector_key` is not a public key.
        OSError: a file cannot be read or written.
    """
    found = next((entry for entry in fleet.devices if entry.id == device), None)
    if found is None:
        raise InvalidSettings([f"device: expected a device id of the fleet, got {device!r}"])
    own_profile = found.profile.endswith(".toml")
    source = fleet_folder / found.profile
    load_pin_profile(source if own_profile else found.profile)
    public_key = _public_key_text(collector_key)
    values: dict[str, object] = {
        "hall": fleet.hall.id,
        "device": device,
        "timezone": fleet.hall.timezone,
        "journal": paths.journal,
        "key": paths.key,
        "collector_key": paths.collector_key,
        "broker.host": broker_host,
        "broker.port": broker_port,
        "broker.password_file": paths.password,
        "panel.profile": paths.profile if own_profile else found.profile,
    }
    if on is not None:
        values |= _place_of(fleet, device, on, is_english=_is_english(overrides or {}))
    if voice is not None:
        values["voice.folder"] = paths.voice
    names = "" if "screen.staff_file" in (overrides or {}) else _staff_names(fleet)
    if names:
        values["screen.staff_file"] = paths.staff
    text, settings = _merged(values, overrides or {})
    copies = copy_voice(voice, folder / paths.voice, settings.voice.language) if voice else []
    written = [folder / "kiosk.toml", folder / paths.password]
    write_if_changed(written[0], text)
    write_if_changed(written[1], read_password(password_file) + "\n", mode=0o600)
    if own_profile:
        written.append(folder / paths.profile)
        write_if_changed(written[-1], source.read_bytes().decode("utf-8-sig"))
    if public_key is not None:
        written.append(folder / paths.collector_key)
        write_if_changed(written[-1], public_key)
    if names:
        written.append(folder / paths.staff)
        write_if_changed(written[-1], names)
    return written + copies


def _staff_names(fleet: Fleet) -> str:
    """The screen's table of staff: all who have a name, as anybody may stand in at any window."""
    named = [one for one in fleet.staff if one.name]
    if not named:
        return ""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("staff_no", "name", "name_en"))
    table.writerows((one.staff_no, one.name, one.name_en) for one in named)
    return text.getvalue()


def _place_of(fleet: Fleet, device: str, on: date, *, is_english: bool) -> dict[str, object]:
    """What the fleet knows of a device's place: names for its screen, the hall's hours.

    Nothing is written of what is not known: a spare has no window.
    """
    window = fleet.window_of(device, on)
    owner = None if window is None else fleet.department_of(window, on)
    values: dict[str, object] = {
        "screen.window": _name(fleet.windows, window, is_english),
        "screen.department": _name(fleet.departments, owner, is_english),
        "opening.hours": lines_of(fleet.hall.opens),
    }
    return {key: value for key, value in values.items() if value}


def _name(entries: Iterable[Window | Department], code: str | None, is_english: bool) -> str:
    names = {entry.id: entry.name_en if is_english else entry.name for entry in entries}
    return names.get(code or "", "")


def _is_english(overrides: Mapping[str, str]) -> bool:
    return overrides.get("screen.language") == "en"


def _public_key_text(path: Path | None) -> str | None:
    """The text of a public key file; refuses a private one, which must not leave the collector."""
    if path is None:
        return None
    load_verify_key(path)
    text = path.read_text(encoding="utf-8")
    if "d" in json.loads(text):
        raise KeyFileError(f"{path}: expected a public key, got a private one")
    return text


def _merged(
    values: Mapping[str, object], overrides: Mapping[str, str]
) -> tuple[str, KioskSettings]:
    """The file's text, checked by reading it as the device will, and what the device will read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kiosk.toml"
        path.write_text(_toml(values), encoding="utf-8")
        settings = load_settings(
            KioskSettings, program="kiosk", path=path, environ={}, overrides=overrides
        )
    merged = dict(values)
    for key in overrides:
        value: object = settings
        for part in key.split("."):
            value = getattr(value, part)
        merged[key] = value
    return _toml(merged), settings


def _toml(values: Mapping[str, object]) -> str:
    lines = ["# Rendered by firmware-config from the fleet file; change that and render again."]
    section = ""
    for row in describe_settings(KioskSettings):
        if row.key not in values:
            continue
        prefix, _, name = row.key.rpartition(".")
        if prefix != section:
            section = prefix
            lines += ["", f"[{section}]"]
        lines.append(f"{name} = {toml_value(values[row.key])}")
    return "\n".join(lines) + "\n"
