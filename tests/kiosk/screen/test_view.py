"""What is on the screen in each situation, and what must never be."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_config.contract import Trigger
from firmware_config.hours import week_of
from kiosk.drafts import Session
from kiosk.screen.shown import RATING_SCENES, Scene, ScreenFacts, ScreenView, StaffCard
from kiosk.screen.view import OFFLINE_NOTICE_S, screen_view, shown_staff_no
from kiosk.situation import SelfTest, Situation, State, Thanks

NOW = 100_000
LOCAL = datetime(2026, 3, 2, 12, 30, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Monday
KEYS = {"key-5": 5, "key-4": 4, "key-3": 3, "key-2": 2, "key-1": 1}
FACTS = ScreenFacts(device="w-a01", keys=KEYS)
SESSION = Session(
    number=3, trigger=Trigger.CASE, invited_ms=NOW - 5_000, item="税务登记", staff_no="1042"
)
INVITED = Situation(state=State.INVITED, session=SESSION, until_ms=NOW + 15_000, staff_no="1023")
THANKS = Thanks(button="key-2", level=2, since_ms=NOW - 100, until_ms=NOW + 1_900)


def view_of(situation: Situation | None, **changes: Any) -> ScreenView:
    facts = dataclasses.replace(FACTS, **changes.pop("facts", {}))
    return screen_view(situation, facts, now_ms=NOW, local=LOCAL, **changes)


@pytest.mark.parametrize(
    ("situation", "scene"),
    [
        (None, Scene.STARTING),
        (Situation(), Scene.IDLE),
        (Situation(is_open=False), Scene.CLOSED),
        (INVITED, Scene.INVITATION),
        (Situation(state=State.INVITED, session=SESSION, until_ms=NOW), Scene.IDLE),
        (Situation(state=State.ANSWERED, session=SESSION, thanks=THANKS), Scene.THANKS),
        (Situation(state=State.ANSWERED, session=SESSION), Scene.IDLE),
        (Situation(state=State.RESTING), Scene.IDLE),
        (Situation(state=State.PAUSED), Scene.PAUSED),
        (Situation(state=State.PAUSED, is_open=False), Scene.CLOSED),
        (Situation(state=State.TESTING, test=SelfTest(since_ms=0)), Scene.TESTING),
        (Situation(identify_until_ms=NOW + 1), Scene.IDENTIFY),
        (Situation(identify_until_ms=NOW), Scene.IDLE),
        (Situation(error_until_ms=NOW + 1, state=State.ANSWERED), Scene.NOT_STORED),
        (Situation(failing_since_ms=NOW - 1), Scene.OUT_OF_SERVICE),
        (Situation(may_thank=False), Scene.OUT_OF_SERVICE),
        (Situation(may_thank=False, identify_until_ms=NOW + 1), Scene.IDENTIFY),
    ],
)
def test_each_situation_has_its_scene(situation: Situation | None, scene: Scene) -> None:
    assert view_of(situation).scene is scene


def test_a_press_that_was_lost_is_apologised_for_while_the_session_is_open() -> None:
    situation = msgspec.structs.replace(INVITED, failing_since_ms=NOW - 10)

    view = view_of(situation)

    assert (view.scene, view.title) == (Scene.NOT_STORED, "抱歉，本次评价未能保存")


def test_a_new_invitation_ends_the_apology_for_the_last_press() -> None:
    situation = msgspec.structs.replace(INVITED, error_until_ms=NOW + 1_000)

    assert view_of(situation).scene is Scene.INVITATION


def test_a_press_that_was_stored_too_late_is_not_called_lost() -> None:
    view = view_of(Situation(state=State.ANSWERED, error_until_ms=NOW + 1))

    assert view.title == "抱歉，本次评价可能未能保存"


def test_nothing_is_promised_when_the_work_thread_has_ended() -> None:
    view = view_of(INVITED, is_running=False)

    assert (view.scene, view.faces, view.can_touch) == (Scene.OUT_OF_SERVICE, (), False)


def test_an_invitation_names_the_service_and_counts_down() -> None:
    card = StaffCard(staff_no="1042", name="李雯", name_en="Li Wen", has_photo=True)

    view = view_of(INVITED, facts={"shows_photos": True}, staff=card)

    assert view.title == "请您对我的服务进行评价"
    assert view.item == "办理事项：税务登记"
    assert (view.remaining_ms, view.total_ms) == (15_000, 20_000)
    assert view.staff is not None
    assert (view.staff.name, view.staff.number, view.staff.photo) == ("李雯", "工号 1042", "1042")
    assert (view.time, view.date) == ("12:30", "2026年3月2日 星期一")


def test_a_photo_that_is_not_to_be_shown_is_not_named() -> None:
    card = StaffCard(staff_no="1042", name="李雯", has_photo=True)

    view = view_of(INVITED, facts={"shows_photos": False}, staff=card)

    assert view.staff is not None
    assert (view.staff.name, view.staff.photo) == ("李雯", "")


@pytest.mark.parametrize("keys", [KEYS, {n: v for n, v in KEYS.items() if v != 3}])
def test_the_faces_are_exactly_this_panels_levels(keys: dict[str, int]) -> None:
    view = view_of(INVITED, facts={"keys": keys})

    assert [face.level for face in view.faces] == list(keys.values())
    assert all(face.label and not face.mark for face in view.faces)


def test_in_english_everything_is_english() -> None:
    card = StaffCard(staff_no="1042", name="李雯", name_en="Li Wen")

    view = view_of(INVITED, facts={"language": "en"}, staff=card)

    assert view.title == "Please rate my service"
    assert [face.label for face in view.faces][:2] == ["Very satisfied", "Satisfied"]
    assert view.staff is not None
    assert (view.staff.name, view.staff.number) == ("Li Wen", "No. 1042")


def test_the_staff_on_the_screen_is_who_handled_the_case_while_it_is_rated() -> None:
    assert shown_staff_no(INVITED, NOW) == "1042"
    assert shown_staff_no(INVITED, NOW + 15_000) == "1023"
    assert shown_staff_no(msgspec.structs.replace(INVITED, state=State.ANSWERED), NOW) == "1023"


def test_staff_who_are_not_in_the_directory_are_shown_by_their_number() -> None:
    other = StaffCard(staff_no="9", name="别人")

    view = view_of(Situation(staff_no="1023"), staff=other)

    assert view.staff is not None
    assert (view.staff.name, view.staff.number) == ("工作人员", "工号 1023")
    assert view_of(Situation()).staff is None


def test_the_self_test_shows_which_key_is_asked_for_and_how_the_others_did() -> None:
    test = SelfTest(since_ms=0, asked="key-3", passed=("key-5",), missed=("key-4",))

    view = view_of(Situation(state=State.TESTING, test=test, until_ms=NOW + 5))

    assert view.subtitle == "请按“基本满意”键"
    assert [face.mark for face in view.faces] == ["passed", "missed", "asked", "", ""]
    assert view.faces[1].note == "未响应"
    assert not view.can_touch


def test_the_self_test_begins_with_the_lights() -> None:
    view = view_of(Situation(state=State.TESTING, test=SelfTest(since_ms=0)))

    assert view.subtitle == "请查看各按键灯是否亮起"


@pytest.mark.parametrize(
    ("hours", "subtitle"),
    [
        ((), ""),
        (
            ("mon-fri 13:30-17:00", "mon 09:00-12:00"),
            "今日服务时间 09:00–12:00  13:30–17:00",
        ),
        (("tue 09:00-12:00",), "今日不对外服务"),
    ],
)
def test_a_closed_hall_says_when_it_is_open_today(hours: tuple[str, ...], subtitle: str) -> None:
    week = week_of(hours) if hours else ()

    assert view_of(Situation(is_open=False), facts={"week": week}).subtitle == subtitle


def test_in_walk_up_mode_the_faces_are_there_when_a_press_would_count() -> None:
    walkup = {"is_walkup": True, "touch": True}

    assert view_of(Situation(), facts=walkup).scene is Scene.WALKUP
    assert view_of(Situation(), facts=walkup).can_touch
    assert view_of(Situation(), facts=walkup).remaining_ms is None
    assert view_of(Situation(state=State.RESTING), facts=walkup).scene is Scene.IDLE
    assert view_of(Situation(is_open=False), facts=walkup).scene is Scene.CLOSED


@pytest.mark.parametrize(
    ("offline_s", "may_thank", "notice"),
    [
        (0, True, ""),
        (OFFLINE_NOTICE_S - 1, True, ""),
        (OFFLINE_NOTICE_S, True, "网络中断，评价照常保存"),
        (OFFLINE_NOTICE_S, False, "存储异常，请联系管理员"),
    ],
)
def test_trouble_is_mentioned_only_when_it_matters(
    offline_s: float, may_thank: bool, notice: str
) -> None:
    situation = msgspec.structs.replace(INVITED, may_thank=may_thank)

    assert view_of(situation, offline_s=offline_s).notice == notice


# --- what holds in every situation ---

times = st.none() | st.integers(NOW - 3_000, NOW + 3_000)
sessions = st.builds(
    Session,
    number=st.integers(1, 9),
    trigger=st.sampled_from(Trigger),
    invited_ms=st.integers(NOW - 9_000, NOW),
    item=st.sampled_from(["", "税务登记"]),
    staff_no=st.sampled_from(["", "1042"]),
)
thanks = st.builds(
    Thanks,
    button=st.sampled_from(sorted(KEYS)),
    level=st.integers(1, 5),
    since_ms=st.integers(NOW - 3_000, NOW),
    until_ms=st.integers(NOW - 3_000, NOW + 3_000),
)
situations = st.builds(
    Situation,
    state=st.sampled_from(State),
    session=st.none() | sessions,
    until_ms=times,
    test=st.none() | st.builds(SelfTest, asked=st.sampled_from(["", *KEYS])),
    is_open=st.booleans(),
    identify_until_ms=times,
    staff_no=st.sampled_from(["", "1023"]),
    may_thank=st.booleans(),
    thanks=st.none() | thanks,
    last_level=st.none() | st.integers(1, 5),
    error_until_ms=times,
    failing_since_ms=times,
)
fact_changes = st.fixed_dictionaries(
    {
        "touch": st.booleans(),
        "is_walkup": st.booleans(),
        "language": st.sampled_from(["zh-CN", "en"]),
    }
)


@given(situations, fact_changes, st.booleans())
def test_thanks_are_shown_only_for_what_the_situation_thanks_for(
    situation: Situation, facts: dict[str, Any], is_running: bool
) -> None:
    view = view_of(situation, facts=facts, is_running=is_running)

    if view.scene is Scene.THANKS:
        assert situation.thanks is not None
        assert situation.thanks.until_ms > NOW


@given(situations, fact_changes, st.booleans())
def test_an_invitation_is_shown_only_while_a_session_is_open(
    situation: Situation, facts: dict[str, Any], is_running: bool
) -> None:
    view = view_of(situation, facts=facts, is_running=is_running)

    if view.scene is Scene.INVITATION:
        assert situation.state is State.INVITED
        assert view.remaining_ms is None or view.remaining_ms > 0
        assert situation.failing_since_ms is None


@given(situations, fact_changes)
def test_a_touch_counts_only_where_a_key_would(situation: Situation, facts: dict[str, Any]) -> None:
    view = view_of(situation, facts=facts)

    assert not view.can_touch or (facts["touch"] and view.scene in RATING_SCENES)
    if view.can_touch and situation.state is not State.INVITED:
        assert facts["is_walkup"]
        assert situation.state is State.IDLE
        assert situation.is_open


@given(situations, fact_changes, st.integers(1, 5), st.sampled_from(sorted(KEYS)))
def test_nothing_on_the_screen_depends_on_the_level_that_was_chosen(
    situation: Situation, facts: dict[str, Any], level: int, button: str
) -> None:
    given_thanks = situation.thanks
    other = msgspec.structs.replace(
        situation,
        last_level=level,
        thanks=given_thanks and dataclasses.replace(given_thanks, level=level, button=button),
    )

    assert view_of(situation, facts=facts) == view_of(other, facts=facts)


@given(situations, fact_changes)
def test_thanks_come_without_faces(situation: Situation, facts: dict[str, Any]) -> None:
    view = view_of(situation, facts=facts)

    if view.scene is Scene.THANKS:
        assert view.faces == ()
        assert (view.item, view.remaining_ms) == ("", None)


@given(situations, fact_changes)
def test_every_situation_can_be_shown_and_sent(situation: Situation, facts: dict[str, Any]) -> None:
    view = view_of(situation, facts=facts)

    assert view.title
    assert msgspec.json.decode(msgspec.json.encode(view))["scene"] == view.scene
