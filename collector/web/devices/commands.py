"""The commands that were sent to a device, where the dashboard may read their log.

The log belongs to the user for commands. Where its folder is closed to the dashboard, as it is by
default, the page says so instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

TAIL_BYTES: Final = 512 * 1024
"""How much of the log's end is read. Source: our choice; some two thousand commands."""
LAST_COMMANDS: Final = 15


class Sent(msgspec.Struct, kw_only=True, frozen=True):
    """A command and what became of it; `outcome` empty: nothing is known."""

    id: str
    do: str
    by: str
    at: str
    asked_by: str = ""
    outcome: str = ""
    reason: str = ""


class _Line(msgspec.Struct, kw_only=True):
    event: str
    id: str
    device: str
    at: str
    do: str = ""
    by: str = ""
    asked_by: str = ""
    outcome: str = ""
    reason: str = ""


_line: Final = msgspec.json.Decoder(_Line)


def commands_sent(path: Path | None, device: str) -> list[Sent] | None:
    """The last commands to a device, the newest first; None: the log is not for us."""
    if path is None:
        return None
    try:
        with path.open("rb") as log:
            size = log.seek(0, 2)
            log.seek(max(0, size - TAIL_BYTES))
            lines = log.read(TAIL_BYTES).split(b"\n")
    except FileNotFoundError:  # a folder that is open to us, and nothing was ever sent
        return [] if path.parent.is_dir() else None
    except OSError:
        return None
    sent: dict[str, Sent] = {}
    for raw in lines:
        try:
            line = _line.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue  # half a line at the beginning, or left by a power cut
        if line.device != device:
            continue
        if line.event == "sent":
            sent[line.id] = Sent(
                id=line.id, do=line.do, by=line.by, at=line.at, asked_by=line.asked_by
            )
        elif line.id in sent:
            sent[line.id] = msgspec.structs.replace(
                sent[line.id], outcome=line.outcome, reason=line.reason
            )
    return list(sent.values())[::-1][:LAST_COMMANDS]
