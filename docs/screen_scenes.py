"""Every scene of the kiosk's screen, from made-up situations: for pictures and for tests.

The views are made by the same pure function as on a device; only the situations are invented.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from firmware_config.contract import Trigger
from firmware_config.hours import week_of
from kiosk.drafts import Session
from kiosk.screen.server import Screen
from kiosk.screen.shown import ScreenFacts, ScreenView, StaffCard
from kiosk.screen.staff import Photo
from kiosk.screen.view import screen_view
from kiosk.situation import SelfTest, Situation, State, Thanks

NOW_MS: Final = 1_000_000
LOCAL: Final = datetime(2026, 5, 13, 9, 41, tzinfo=ZoneInfo("Asia/Shanghai"))
STAFF: Final = StaffCard(staff_no="1023", name="李雯", name_en="Li Wen")
FIVE: Final = {f"key-{level}": level for level in (5, 4, 3, 2, 1)}
FOUR: Final = {name: level for name, level in FIVE.items() if level != 3}
WEEK: Final = week_of(("mon-fri 09:00-12:00", "mon-fri 13:30-17:00"))

_SESSION: Final = Session(
    number=7,
    trigger=Trigger.CASE,
    invited_ms=NOW_MS - 3_000,
    case_no="20260513-A01-0007",
    item="不动产转移登记（存量房买卖）",
    staff_no="1023",
)
_INVITED: Final = Situation(
    state=State.INVITED, session=_SESSION, until_ms=NOW_MS + 17_000, staff_no="1023"
)
_IDLE: Final = Situation(staff_no="1023")
_TEST: Final = SelfTest(since_ms=0, asked="key-3", passed=("key-5",), missed=("key-4",))
SITUATIONS: Final[dict[str, Situation | None]] = {
    "starting": None,
    "idle": _IDLE,
    "closed": Situation(is_open=False),
    "invitation": _INVITED,
    "invitation-touch": _INVITED,
    "invitation-four": _INVITED,
    "walk-up": _IDLE,
    "thanks": Situation(
        state=State.ANSWERED,
        session=_SESSION,
        staff_no="1023",
        thanks=Thanks(button="key-5", level=5, since_ms=NOW_MS, until_ms=NOW_MS + 2_000),
    ),
    "not-stored": Situation(
        state=State.INVITED,
        session=_SESSION,
        until_ms=NOW_MS + 17_000,
        staff_no="1023",
        failing_since_ms=NOW_MS - 50,
    ),
    "paused": Situation(state=State.PAUSED, staff_no="1023"),
    "testing": Situation(state=State.TESTING, test=_TEST, until_ms=NOW_MS + 9_000),
    "identify": Situation(staff_no="1023", identify_until_ms=NOW_MS + 9_000),
    "out-of-service": Situation(may_thank=False, staff_no="1023"),
    "offline": _IDLE,
}
"""Name → situation at `NOW_MS`; the names that are no scene are variants of one."""


def scene_view(name: str, language: str = "zh-CN") -> ScreenView:
    """The screen of one of `SITUATIONS`."""
    is_english = language == "en"
    facts = ScreenFacts(
        device="w-a01",
        keys=FOUR if name == "invitation-four" else FIVE,
        language=language,
        window="A01 Real estate registration" if is_english else "A01 不动产登记综合窗口",
        department="Natural Resources Bureau" if is_english else "自然资源和规划局",
        touch=name in ("invitation-touch", "walk-up"),
        is_walkup=name == "walk-up",
        week=WEEK,
    )
    return screen_view(
        SITUATIONS[name],
        facts,
        now_ms=NOW_MS,
        local=LOCAL,
        staff=STAFF,
        offline_s=3_600 if name == "offline" else 0,
    )


class SceneSource:
    """A `ScreenSource` that shows what it is told to."""

    def __init__(self) -> None:
        self.shown = scene_view("idle")
        self.pressed: list[int] = []

    def view(self) -> ScreenView:
        """What was chosen."""
        return self.shown

    def press(self, level: int) -> bool:
        """Remember the touch."""
        self.pressed.append(level)
        return self.shown.can_touch

    def photo(self, staff_no: str) -> Photo | None:
        """None: these people are invented."""
        return None

    def show(self, screen: Screen, name: str, language: str = "zh-CN") -> None:
        """Show one of `SITUATIONS` on a screen."""
        self.shown = scene_view(name, language)
        screen.changed()
