"""The health message: how one device is, put together from everything that knows."""

from __future__ import annotations

from firmware_config import __version__
from firmware_config.contract import CONTRACT_VERSION, Health
from kiosk import health
from kiosk.device import Device
from kiosk.situation import State
from kiosk.uplink import Uplink

Telling = tuple[object, ...]
"""What makes a device send its health at once when it changes."""


def telling(device: Device, threads: dict[str, bool], more_alarms: list[str]) -> Telling:
    """Values whose change is worth a message of its own; presses and sessions are not."""
    state = device.situation.state
    housekeeping = device.housekeeping
    return (
        state if state in (State.PAUSED, State.TESTING) else "",
        device.situation.may_thank,
        device.settings_version,
        device.edges.stuck,
        (*_alarms(device), *more_alarms),
        housekeeping.stamp.is_synced,
        tuple(threads.items()),
        tuple(health.power_flags() or ()),
    )


def health_of(
    device: Device,
    uplink: Uplink,
    *,
    uptime_s: int,
    threads: dict[str, bool],
    more_alarms: list[str],
) -> Health:
    """The whole message.

    Args:
        threads: name → whether it lives.
        more_alarms: of checkpoints, voice, screen and reader.
    """
    journal, housekeeping, edges = device.journal, device.housekeeping, device.edges
    checkpoint_gen, checkpoint_size = uplink.receipts.checkpoints.base
    return Health(
        dev=device.settings.device,
        v=CONTRACT_VERSION,
        uptime_s=uptime_s,
        head=journal.head,
        stored=journal.watermarks.stored,
        archived=journal.watermarks.archived,
        receipt_age_s=uplink.receipts.age_s,
        synced=device.is_synced,
        clock_steps=housekeeping.clock_steps,
        disk_free_bytes=housekeeping.free_bytes,
        disk=housekeeping.disk,
        may_thank=device.situation.may_thank,
        presses=edges.presses | device.touches,
        edges=edges.edges,
        spikes=edges.spikes,
        stuck=list(edges.stuck),
        state=device.situation.state.value,
        version=__version__,
        settings_version=device.settings_version,
        cpu_temp_c=health.cpu_temp_c(),
        power=health.power_flags(),
        memory_bytes=health.memory_bytes(),
        broker_reasons=dict(uplink.reasons),
        threads=threads,
        alarms=_alarms(device) + more_alarms,
        epoch=journal.epoch,
        checkpoint_gen=checkpoint_gen,
        checkpoint_size=checkpoint_size,
    )


def _alarms(device: Device) -> list[str]:
    alarms = device.housekeeping.alarms
    if device.journal.set_aside is not None:
        alarms.append("journal-damaged")
    if device.edges.stuck:
        alarms.append("stuck-button")
    if device.situation.failing_since_ms is not None:
        alarms.append("storage")
    test = device.situation.test
    if test is not None and test.missed:
        alarms.append("test-failed")
    return alarms
