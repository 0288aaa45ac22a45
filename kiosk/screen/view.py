"""What the screen shows in a situation. Pure.

Promises, each with a test: an invitation is shown only while a session waits for its press; thanks
only for what is stored; and nothing shown depends on which level was chosen, because the clerk
sees the screen too.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from kiosk.screen.shown import (
    RATING_SCENES,
    FaceShown,
    Scene,
    ScreenFacts,
    ScreenView,
    StaffCard,
    StaffShown,
)
from kiosk.screen.words import CHINESE, day_name, level_name, say
from kiosk.situation import SelfTest, Situation, State

OFFLINE_NOTICE_S: Final = 600
"""Without the collector for so long, the screen says so. Our choice: restarts and short cuts of
the network concern nobody at the counter."""


def scene_of(
    situation: Situation | None, facts: ScreenFacts, *, now_ms: int, is_running: bool = True
) -> Scene:
    """Which scene it is.

    Args:
        situation: None before the program has opened its journal.
        now_ms: CLOCK_BOOTTIME, as in the situation.
        is_running: the thread that decides and stores lives.
    """
    if not is_running:
        return Scene.OUT_OF_SERVICE
    if situation is None:
        return Scene.STARTING
    if situation.thanks is not None and now_ms < situation.thanks.until_ms:
        return Scene.THANKS
    is_failing = situation.failing_since_ms is not None
    if situation.state is State.INVITED and not _is_over(situation, now_ms):
        return Scene.NOT_STORED if is_failing else Scene.INVITATION
    if situation.error_until_ms is not None and now_ms < situation.error_until_ms:
        return Scene.NOT_STORED
    if situation.state is State.TESTING:
        return Scene.TESTING
    if is_identifying(situation, now_ms):
        return Scene.IDENTIFY
    if is_failing or not situation.may_thank:
        return Scene.OUT_OF_SERVICE
    if not situation.is_open:
        return Scene.CLOSED
    if situation.state is State.PAUSED:
        return Scene.PAUSED
    is_free = situation.state is State.IDLE
    return Scene.WALKUP if facts.is_walkup and is_free else Scene.IDLE


def screen_view(
    situation: Situation | None,
    facts: ScreenFacts,
    *,
    now_ms: int,
    local: datetime,
    staff: StaffCard | None = None,
    offline_s: float = 0,
    is_running: bool = True,
) -> ScreenView:
    """What the screen shows.

    Args:
        local: wall clock in the hall's zone.
        staff: the directory's entry for `shown_staff_no`; None: it has none.
        offline_s: for how long the collector has not been heard although it should have been.
        is_running: see `scene_of`.
    """
    scene = scene_of(situation, facts, now_ms=now_ms, is_running=is_running)
    known = situation or Situation()
    title, subtitle = _texts(scene, known, facts, local)
    is_invited = scene is Scene.INVITATION
    session = known.session if is_invited else None
    until_ms = known.until_ms if is_invited else None
    language = facts.language
    return ScreenView(
        scene=scene,
        language=language,
        title=title,
        subtitle=subtitle,
        window=facts.window,
        department=facts.department,
        staff=_staff(shown_staff_no(known, now_ms), staff, known, facts),
        item=say("item", language, item=session.item) if session and session.item else "",
        faces=_faces(scene, known.test, facts),
        can_touch=facts.touch and scene in RATING_SCENES,
        remaining_ms=until_ms - now_ms if until_ms is not None else None,
        total_ms=facts.timeout_ms if until_ms is not None else 0,
        seconds=say("seconds", language, seconds="{seconds}"),
        notice=_notice(scene, known, offline_s, language),
        time=f"{local:%H:%M}",
        date=day_name(local.date(), language),
        is_blinking=is_identifying(known, now_ms),
    )


def shown_staff_no(situation: Situation, now_ms: int) -> str:
    """Whose name stands on the screen: who handled the case, else who is signed in."""
    session = situation.session
    is_invited = situation.state is State.INVITED and not _is_over(situation, now_ms)
    if is_invited and session is not None and session.staff_no:
        return session.staff_no
    return situation.staff_no


def is_identifying(situation: Situation, now_ms: int) -> bool:
    """Whether the device is to be found by its blinking."""
    return situation.identify_until_ms is not None and now_ms < situation.identify_until_ms


def _is_over(situation: Situation, now_ms: int) -> bool:
    """The time-out has come, though the machine may still wait for an undecided edge."""
    return situation.until_ms is not None and now_ms >= situation.until_ms


def _texts(
    scene: Scene, situation: Situation, facts: ScreenFacts, local: datetime
) -> tuple[str, str]:
    """Title and subtitle."""
    language = facts.language
    match scene:
        case Scene.INVITATION | Scene.WALKUP:
            how = "invitation.touch" if facts.touch else "invitation.keys"
            return say("invitation", language), say(how, language)
        case Scene.NOT_STORED:
            # failing: it is lost, certainly; else it came too late, or on a disk nobody trusts
            is_lost = situation.failing_since_ms is not None
            title = "not-stored" if is_lost else "not-promised"
            return say(title, language), say("not-stored.more", language)
        case Scene.TESTING:
            return say("testing", language), _asked(situation.test, facts)
        case Scene.IDENTIFY:
            return facts.device, say("identify", language)
        case Scene.CLOSED:
            return say("closed", language), _hours(facts, local)
        case _:
            return say(scene, language), say(f"{scene}.more", language)


def _asked(test: SelfTest | None, facts: ScreenFacts) -> str:
    level = facts.keys.get(test.asked) if test is not None else None
    if level is None:
        return say("testing.lights", facts.language)
    return say("testing.press", facts.language, level=level_name(level, facts.language))


def _hours(facts: ScreenFacts, local: datetime) -> str:
    if not facts.week:
        return ""
    spans = facts.week[local.weekday()]
    if not spans:
        return say("closed.day", facts.language)
    hours = "  ".join(f"{begins_at:%H:%M}–{ends_at:%H:%M}" for begins_at, ends_at in spans)
    return say("closed.hours", facts.language, hours=hours)


def _faces(scene: Scene, test: SelfTest | None, facts: ScreenFacts) -> tuple[FaceShown, ...]:
    if scene not in RATING_SCENES and scene is not Scene.TESTING:
        return ()
    faces = []
    for button, level in facts.keys.items():
        mark = _mark(button, test) if scene is Scene.TESTING and test is not None else ""
        note = say(f"testing.{mark}", facts.language) if mark else ""
        label = level_name(level, facts.language)
        faces.append(FaceShown(level=level, label=label, mark=mark, note=note))
    return tuple(faces)


def _mark(button: str, test: SelfTest) -> str:
    if button == test.asked:
        return "asked"
    if button in test.passed:
        return "passed"
    return "missed" if button in test.missed else ""


def _staff(
    staff_no: str, card: StaffCard | None, situation: Situation, facts: ScreenFacts
) -> StaffShown | None:
    """As the directory has them, else as the sign-in named them, else by the number alone."""
    if not staff_no:
        return None
    told = situation.staff_name if staff_no == situation.staff_no else ""
    if card is None or card.staff_no != staff_no:
        card = StaffCard(staff_no=staff_no, name=told)
    language = facts.language
    name = card.name if language == CHINESE else card.name_en or card.name
    return StaffShown(
        name=name or say("staff", language),
        number=say("staff_no", language, number=staff_no),
        photo=staff_no if card.has_photo and facts.shows_photos else "",
    )


def _notice(scene: Scene, situation: Situation, offline_s: float, language: str) -> str:
    if scene is Scene.STARTING:
        return ""
    if not situation.may_thank:
        return say("notice.storage", language)
    return say("notice.offline", language) if offline_s >= OFFLINE_NOTICE_S else ""
