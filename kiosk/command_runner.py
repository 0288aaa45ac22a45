"""Carrying out commands: most become events of the machine, some concern uplink and settings."""

from __future__ import annotations

from firmware_config.contract import Configure, Refusal, Resend
from firmware_config.errors import InvalidSettings
from firmware_config.keys import SigningKey, VerifyKey
from kiosk.clock import Clock
from kiosk.command_desk import CommandDesk
from kiosk.commands import collector_now_ms, event_of
from kiosk.device import Device
from kiosk.errors import JournalError
from kiosk.events import SettingsGiven
from kiosk.journal.answers import remote_settings
from kiosk.uplink import Uplink


def open_command_desk(
    device: Device,
    uplink: Uplink,
    *,
    collector_key: VerifyKey,
    key: SigningKey,
    clock: Clock,
) -> CommandRunner:
    """Give a device its desk, so that it takes commands; returns who carries them out."""
    device.desk = CommandDesk(
        device=device.settings.device,
        collector_key=collector_key,
        key=key,
        journal=device.journal,
        now_ms=lambda: collector_now_ms(
            live_ms=uplink.receipts.collector_ms,
            wall_ms=clock.wall_ms() if device.is_synced else None,
        ),
    )
    return CommandRunner(device=device, uplink=uplink, desk=device.desk, clock=clock)


class CommandRunner:
    """Takes command messages in the work thread."""

    def __init__(self, *, device: Device, uplink: Uplink, desk: CommandDesk, clock: Clock) -> None:
        self._device = device
        self._uplink = uplink
        self._desk = desk
        self._clock = clock
        self._configuring = ""

    def take(self, payload: bytes) -> None:
        """Judge a command and begin what it asks for; the answer follows when it is stored."""
        command = self._desk.take(payload)
        if isinstance(command, Resend):
            self._resend(command)
        elif isinstance(command, Configure):
            self._configure(command)
        elif command is not None:
            event = event_of(command, self._clock.mono_ms())
            if event is not None:
                self._device.edges.push(event)

    def _resend(self, command: Resend) -> None:
        head = self._device.journal.head
        if command.from_seq > head:
            self._conclude(command.id, Refusal.NOT_IN_JOURNAL, f"the journal's head is {head}")
            return
        self._uplink.resend_from(command.from_seq)
        self._conclude(command.id)

    def _configure(self, command: Configure) -> None:
        if self._configuring != command.id and self._desk.is_pending(self._configuring):
            self._conclude(command.id, Refusal.BUSY, "other settings are being put into force")
            return
        try:
            version, values = remote_settings(self._device.journal)
        except JournalError as error:
            self._conclude(command.id, Refusal.STORAGE, str(error))
            return
        if command.version < version or (command.version == version and command.values != values):
            self._conclude(command.id, Refusal.OLD_VERSION, f"version {version} is in force")
            return
        if command.version == version:
            self._conclude(command.id)
            return
        try:
            self._device.checked_settings(command.values)
        except InvalidSettings as error:
            self._conclude(command.id, Refusal.INVALID_SETTINGS, "; ".join(error.problems))
            return
        self._configuring = command.id
        self._device.edges.push(
            SettingsGiven(
                at_ms=self._clock.mono_ms(),
                command_id=command.id,
                version=command.version,
                values=command.values,
            )
        )

    def _conclude(self, command_id: str, reason: str = "", detail: str = "") -> None:
        stamp = self._device.housekeeping.stamp
        self._desk.conclude(command_id, stamp, reason, detail)
