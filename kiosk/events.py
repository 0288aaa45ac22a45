"""What can happen to a kiosk: frozen events. Pure data.

Every event carries `at_ms`, CLOCK_BOOTTIME in milliseconds when it happened (for a press: the
edge), because the order of what happened, not of what was noticed, decides whether a press counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firmware_config.contract import Kind

TEXT_MAXIMUM: Final = 64
"""Longest case number, item or staff number, in characters (contract.ShortText)."""
SERVICE_NO_MAXIMUM: Final = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened at `at_ms`.

    Attributes:
        command_id: of the command that asked for it; empty: no command did.
    """

    at_ms: int
    command_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge(Event):
    """A pin changed, or was found changed: raw, before debouncing. `button` may be the clerk's."""

    button: str
    is_pressed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Event):
    """A rating key was pressed; `at_ms` is its first edge."""

    button: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldAtStart(Event):
    """A rating key was found pressed when the program started."""

    button: str
    level: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClerkKey(Event):
    """The clerk's key, short: 请评价, an invitation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClerkLongPress(Event):
    """The clerk's key, held: 暂停服务 or 恢复."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClerkTestPress(Event):
    """The clerk's key, held for much longer: the self-test."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseAsked(Event):
    """暂停服务, by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeAsked(Event):
    """恢复服务, by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestAsked(Event):
    """The self-test, by a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentifyAsked(Event):
    """Blink for `duration_ms`, so that a person finds the device."""

    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened(Event):
    """The counter system asks for the rating of a case.

    Attributes:
        case_no: case number, up to 64 characters.
        service_no: which service of the case, 1 to 999.
        item: the matter handled, up to 64 characters.
        staff_no: who handled it; empty: whoever is signed in.

    Raises:
        ValueError: a value the wire contract has no room for.
    """

    case_no: str
    service_no: int = 1
    item: str = ""
    staff_no: str = ""

    def __post_init__(self) -> None:
        for name in ("case_no", "item", "staff_no"):
            length = len(getattr(self, name))
            getattr(self, name).encode("utf-8")  # a lone surrogate has no place in JSON
            if length > TEXT_MAXIMUM:
                raise ValueError(
                    f"{name}: expected at most {TEXT_MAXIMUM} characters, got {length}"
                )
        if not 1 <= self.service_no <= SERVICE_NO_MAXIMUM:
            raise ValueError(
                f"service_no: expected 1 to {SERVICE_NO_MAXIMUM}, got {self.service_no}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn(Event):
    """A member of staff signed in. `via`: `command`, `reader`, or empty. `name`: for the screen."""

    staff_no: str
    via: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not 1 <= len(self.staff_no) <= TEXT_MAXIMUM:
            raise ValueError(
                f"staff_no: expected 1 to {TEXT_MAXIMUM} characters, got {len(self.staff_no)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOut(Event):
    """The member of staff signed out."""

    via: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadgeRead(Event):
    """A keypad, barcode or NFC reader gave a staff number: in, or out when it is signed in."""

    staff_no: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(Event):
    """Something to write down that changes nothing: CLOCK, FAULT, TEST."""

    kind: Kind
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsGiven(Event):
    """The collector's settings, found valid; in force once they are written down."""

    version: int
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageChanged(Event):
    """Whether what is stored now may be promised to be kept (enough space, a real disk)."""

    may_thank: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningChanged(Event):
    """The hall opened or closed, by its opening hours."""

    is_open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick(Event):
    """Time passed."""
