"""What `collector command` prints: a plan, what was reported, results, and a progress bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, Self

import msgspec

from collector.commanding import NoAnswer, Result, Silence, explained
from collector.commands.aims import Aim
from collector.commands.tables import write_json, write_line, write_table
from collector.commands.watching import Watching
from collector.errors import BrokerUnusable
from collector.ledger.readers.devices import DeviceSettings
from firmware_config.contract import Command, Configure

_BROKER: Final = (Silence.NO_BROKER, Silence.BROKER_REFUSED)
DONE: Final = "done"
NO_ANSWER: Final = "no answer"
MANY: Final = 10
"""Of more devices than a screen's corner holds, only the exceptions are listed. Our choice."""


class WatchingAnswers(Watching):
    """A progress bar when several devices are asked and a person looks."""

    def __init__(self, total: int) -> None:
        super().__init__(is_counted=True, is_wanted=total > 1)
        self._number, self._total = 0, total

    def note(self, _command: Command, _result: Result) -> None:
        """One more result."""
        self._number += 1
        self.tell("answers", self._number, self._total)

    def __enter__(self) -> Self:
        """Show it."""
        super().__enter__()
        self.tell("answers", 0, self._total)
        return self


def show_results(
    aims: Sequence[Aim],
    do: str,
    planned: Sequence[Command | NoAnswer],
    results: Sequence[Result],
    *,
    as_json: bool,
    every_row: bool = False,
) -> None:
    """What became of each command, and why a device could be given none.

    Of more than `MANY` devices only those are listed whose command was not done.

    Args:
        every_row: a row for each, however many there are.
    """
    outcomes = [NO_ANSWER if isinstance(one, NoAnswer) else one.outcome for one in results]
    if as_json:
        write_json(
            [
                {
                    "device": aim.device,
                    "window": aim.window or None,
                    "do": do,
                    "id": result.id or None,
                    "outcome": outcome.replace(" ", "-"),
                    "reason": str(result.reason) or None,
                    "detail": explained(result) or None,
                    "expires_at": getattr(command, "expires_at", None),
                }
                for aim, command, result, outcome in zip(
                    aims, planned, results, outcomes, strict=True
                )
            ]
        )
        return
    rows = [
        (aim.device, aim.window_name or "—", outcome, str(result.reason), explained(result))
        for aim, result, outcome in zip(aims, results, outcomes, strict=True)
        if every_row or len(results) <= MANY or outcome != DONE
    ]
    if rows:
        write_table(("device", "window", "outcome", "reason", "detail"), rows)
    if len(results) > 1:
        counts = Counter(outcomes)
        told = ", ".join(
            f"{counts[word]} {word}" for word in (DONE, "refused", NO_ANSWER) if counts[word]
        )
        write_line(("\n" if rows else "") + f"{len(results)} devices: {told}")


def show_plan(aims: Sequence[Aim], planned: Sequence[Command | NoAnswer], *, as_json: bool) -> None:
    """What would be sent, and to which device nothing could be."""
    if as_json:
        write_json([msgspec.to_builtins(one) for one in planned])
        return
    rows = [
        (aim.device, aim.window_name or "—", one.version, _values(one.values))
        if isinstance(one, Configure)
        else (aim.device, aim.window_name or "—", "—", getattr(one, "detail", ""))
        for aim, one in zip(aims, planned, strict=True)
    ]
    write_table(("device", "window", "version", "settings that would be in force"), rows)


def show_reported(
    aims: Sequence[Aim], reported: Mapping[str, DeviceSettings], *, as_json: bool
) -> None:
    """What each device has last said of its remote settings."""
    found = [(aim, reported.get(aim.device)) for aim in aims]
    if as_json:
        write_json(
            [
                {
                    "device": aim.device,
                    "window": aim.window or None,
                    "version": said.version if said else None,
                    "values": said.values if said else None,
                }
                for aim, said in found
            ]
        )
        return
    rows = [
        (
            aim.device,
            aim.window_name or "—",
            said.version if said else "—",
            _values(said.values) if said else "never heard of",
        )
        for aim, said in found
    ]
    write_table(("device", "window", "version", "settings"), rows)


def _values(values: Mapping[str, str] | None) -> str:
    if values is None:
        return "its record has not come yet"
    return "  ".join(f"{key}={text}" for key, text in values.items()) or "none"


def raise_for_broker(results: Sequence[Result], where: str) -> None:
    """Raises BrokerUnusable when a command was not sent because of the broker."""
    for result in results:
        if isinstance(result, NoAnswer) and result.reason in _BROKER:
            raise BrokerUnusable(f"{where}: {result.detail}")
