"""The command log: who commanded what to which device, and what became of it.

JSON lines, only ever added to, each addition synced to disk before the program goes on. It is
written before a command is sent, so nothing is commanded that cannot be traced. The name that a
sign-in shows on the screen is left out: it is stored nowhere.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from collector.commanding import NoAnswer, Result, command_name
from collector.press_time import wall_text
from firmware_config.contract import Command

_NOT_KEPT = frozenset({"do", "dev", "id", "issued_at", "expires_at", "v", "name"})


class CommandLog:
    """The log file; several processes may add to it at once.

    Args:
        path: made at the first addition (mode 0640); its folder must be there.
        facts: what the kernel says of the process that sends, from `sender_facts`: in every line
            about a sending, whatever its program says who it is.
    """

    def __init__(self, path: Path, facts: Mapping[str, object] | None = None) -> None:
        self.path = path
        self._facts = dict(facts or {})

    def sending(
        self, commands: Iterable[Command], *, by: str, now_ms: int, asked_by: str = ""
    ) -> None:
        """About to be sent.

        Args:
            commands: what.
            by: who, as the kernel says.
            now_ms: wall clock, UTC milliseconds since 1970.
            asked_by: for whom, as another program says; empty for nobody.

        Raises:
            OSError: it cannot be written.
        """
        asked = {"asked_by": asked_by} if asked_by else {}
        self._add(
            {**_sent(command), "by": by, **asked, **self._facts, "at": wall_text(now_ms)}
            for command in commands
        )

    def ended(self, results: Iterable[Result], *, now_ms: int) -> None:
        """What became of commands. Raises OSError."""
        self._add({**_ended(result), "at": wall_text(now_ms)} for result in results)

    def _add(self, entries: Iterable[dict[str, Any]]) -> None:
        text = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.path, flags, 0o640)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                text = "\n" + text  # a power cut left half a line
            rest = text.encode("utf-8", "backslashreplace")
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _sent(command: Command) -> dict[str, Any]:
    says = {
        key: value for key, value in msgspec.to_builtins(command).items() if key not in _NOT_KEPT
    }
    return {
        "event": "sent",
        "id": command.id,
        "device": command.dev,
        "do": command_name(command),
        **({"says": says} if says else {}),
        "expires_at": command.expires_at,
    }


def _ended(result: Result) -> dict[str, Any]:
    if isinstance(result, NoAnswer):
        outcome, reason = "no-answer", result.reason.value
    else:
        outcome, reason = result.outcome, result.reason
    told = {"reason": reason, "detail": result.detail}
    return {
        "event": "ended",
        "id": result.id,
        "device": result.dev,
        "outcome": outcome,
        **{key: text for key, text in told.items() if text},
    }
