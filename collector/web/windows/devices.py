"""The devices at a window: state, backlog, key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from collector.devices.seen import DeviceShown, device_shown
from collector.ledger.readers.fleet import DeviceRow


def devices_at(devices: Iterable[DeviceRow], window: int, real_ms: int) -> list[DeviceShown]:
    """The devices that stand at a window, with their states at a real time."""
    return [device_shown(row, real_ms) for row in devices if row.window == window]


def device_json(device: DeviceShown, *, tells_presses: bool) -> dict[str, Any]:
    """A device for machines.

    Its numbers of presses and edges are of all departments it has worked for, so they are left out
    where `tells_presses` is False.
    """
    health: dict[str, Any] | None = None
    if device.health is not None:
        health = msgspec.to_builtins(device.health)
        if not tells_presses:
            health = {**health, "presses": {}, "edges": {}}
    return {
        "code": device.row.code,
        "state": device.state.value,
        "heard_ms": device.row.heard_ms,
        "backlog": device.backlog,
        "stored": device.row.stored,
        "head": device.row.head,
        "kid": device.row.kid,
        "registered_ms": device.row.registered_ms,
        "health": health,
    }
