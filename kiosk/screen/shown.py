"""What the screen's view is made of, and what it is made from. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from firmware_config.hours import Week
from kiosk.screen.words import CHINESE


class Scene(StrEnum):
    """What the screen is about; the page draws each in its own way."""

    STARTING = "starting"
    IDLE = "idle"
    CLOSED = "closed"
    INVITATION = "invitation"
    WALKUP = "walk-up"
    """Walk-up mode: the faces are always there, a press opens and closes its own session."""
    THANKS = "thanks"
    NOT_STORED = "not-stored"
    PAUSED = "paused"
    TESTING = "testing"
    IDENTIFY = "identify"
    OUT_OF_SERVICE = "out-of-service"


RATING_SCENES: Final = frozenset({Scene.INVITATION, Scene.WALKUP})
"""Where a key would count, and therefore a touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenFacts:
    """What the settings say; new ones where the collector changes them.

    Attributes:
        keys: button name → its level, from left to right; exactly this panel's.
        shows_photos: whether the photos of staff may be seen.
        week: opening hours; empty: always open.
    """

    device: str
    keys: dict[str, int]
    language: str = CHINESE
    window: str = ""
    department: str = ""
    touch: bool = False
    shows_photos: bool = False
    is_walkup: bool = False
    timeout_ms: int = 20_000
    week: Week = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffCard:
    """A member of staff as the directory knows them."""

    staff_no: str
    name: str = ""
    name_en: str = ""
    has_photo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffShown:
    """The member of staff on the screen, as texts. `photo`: their number; empty: no photo."""

    name: str
    number: str
    photo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceShown:
    """One level. In the self-test `mark` is `asked`, `passed` or `missed`; `note` says it."""

    level: int
    label: str
    mark: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenView:
    """The whole screen, in words; the page only draws it.

    Attributes:
        faces: from left to right; empty where nothing is to be rated or tested.
        can_touch: whether a touch of a face would count now.
        remaining_ms: until the invitation ends; None: it does not end by itself.
        total_ms: how long it lasts in all.
        seconds: the countdown's text, `{seconds}` to be filled in.
        time: local, `HH:MM`.
        is_blinking: so that a person finds the device.
    """

    scene: Scene
    language: str
    title: str
    subtitle: str = ""
    window: str = ""
    department: str = ""
    staff: StaffShown | None = None
    item: str = ""
    faces: tuple[FaceShown, ...] = ()
    can_touch: bool = False
    remaining_ms: int | None = None
    total_ms: int = 0
    seconds: str = ""
    notice: str = ""
    time: str = ""
    date: str = ""
    is_blinking: bool = False
