"""Asking devices for what is missing: one `resend` for each, then a look at what came."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from collector.commanding import NoAnswer, Result, explained
from collector.dispatch import Dispatcher
from collector.reconcile.model import Ask, DeviceState, JournalState, Reconciliation
from firmware_config.contract import Resend

ANSWER_S: Final = 10.0
"""How long to wait for a device's answer."""
LIFE_S: Final = 30
LOOK_EVERY_S: Final = 1.0
"""Pause between two looks at the ledger while what was asked for is on its way."""


def to_ask(device: DeviceState) -> JournalState | None:
    """The journal a device can be asked about: the one it writes; None: nothing to ask for."""
    return next((journal for journal in device.journals if journal.is_current), None)


def ask_again(
    before: Reconciliation,
    dispatcher: Dispatcher,
    look: Callable[[], Reconciliation],
    *,
    by: str,
    wait_s: float,
) -> Reconciliation:
    """Send `resend` for what is missing, and read again until it came or `wait_s` have passed.

    Args:
        before: what was found.
        dispatcher: started.
        look: reads the ledger again.
        by: who asks, for the command log.
        wait_s: longest wait for the records, in seconds.

    Returns:
        The ledger as read last, each device that lacked something with what became of it.

    Raises:
        OSError: the command log cannot be written.
    """
    asked = {device.device: journal for device in before.devices if (journal := to_ask(device))}
    commands = [
        dispatcher.new_command(Resend, code, life_s=LIFE_S, from_seq=journal.ask_from)
        for code, journal in asked.items()
    ]
    answers = dispatcher.send(commands, by=by, timeout_s=ANSWER_S) if commands else []
    results = dict(zip(asked, answers, strict=True))
    deadline = time.monotonic() + wait_s
    after = look()
    while any(_is_on_its_way(device, results) for device in after.devices):
        if time.monotonic() >= deadline:
            break
        time.sleep(LOOK_EVERY_S)
        after = look()
    lacked = {device.device for device in before.devices if device.missing_records}
    devices = tuple(_with_ask(device, results, lacked) for device in after.devices)
    return replace(after, devices=devices)


def _is_on_its_way(device: DeviceState, results: Mapping[str, Result]) -> bool:
    result = results.get(device.device)
    return result is not None and not isinstance(result, NoAnswer) and to_ask(device) is not None


def _with_ask(device: DeviceState, results: Mapping[str, Result], lacked: set[str]) -> DeviceState:
    if device.device not in lacked:
        return device
    if not device.missing_records:
        return replace(device, ask=Ask.FILLED)
    result = results.get(device.device)
    if result is None:
        detail = "of a journal that the device no longer writes; only its card can tell"
        return replace(device, ask=Ask.LOST_JOURNAL, detail=detail)
    is_done = not isinstance(result, NoAnswer) and result.outcome == "done"
    return replace(
        device,
        ask=Ask.ASKED if is_done else Ask.UNREACHED,
        detail=explained(result) or ("" if is_done else str(result.reason)),
    )
