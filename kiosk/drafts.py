"""Drafts: what the state machine wants written, before the journal gives it a place. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from firmware_config.contract import Kind, Trigger


@dataclass(frozen=True, slots=True)
class Draft:
    """A record without dev, epoch, seq, prev and clock readings; `at_ms` becomes `mono_ms`."""

    kind: Kind
    at_ms: int
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One invitation to rate. `number` counts 1, 2, 3 … within the journal's epoch."""

    number: int
    trigger: Trigger
    invited_ms: int
    case_no: str = ""
    service_no: int = 1
    item: str = ""
    staff_no: str = ""

    def fields(self) -> dict[str, Any]:
        """The fields every record of this session carries."""
        return {
            "session": self.number,
            "trigger": self.trigger,
            "invited_mono_ms": self.invited_ms,
            "case_no": self.case_no,
            "service_no": self.service_no,
            "item": self.item,
            "staff_no": self.staff_no,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a journal tells a starting program about the time before.

    Attributes:
        last_session: highest session number in the epoch; 0: none.
        open_session: the invitation that has no outcome yet.
        is_paused: the last of PAUSED and RESUMED was PAUSED.
        staff_no: who is signed in; empty: nobody.
    """

    last_session: int = 0
    open_session: Session | None = None
    is_paused: bool = False
    staff_no: str = ""
