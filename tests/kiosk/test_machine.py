"""The state machine: its table, its rules, and that no sequence of events breaks them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_config.contract import Kind, Trigger, UnratedReason
from kiosk.drafts import Draft, Memory, Session
from kiosk.events import (
    BadgeRead,
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    ClerkTestPress,
    Event,
    HeldAtStart,
    IdentifyAsked,
    Noted,
    OpeningChanged,
    PauseAsked,
    Press,
    ResumeAsked,
    SelfTestAsked,
    SettingsGiven,
    SignedIn,
    SignedOut,
    StorageChanged,
    Tick,
)
from kiosk.machine import (
    OWED_MAXIMUM,
    RETRY_MS,
    THANKS_WITHIN_MS,
    conclude,
    decide,
    due_ms,
    start,
)
from kiosk.moves import signal_of
from kiosk.selftest import KEY_MS, lights_ms
from kiosk.situation import Rules, Situation, State
from kiosk.table import TABLE, Refuse, Signal

KEYS = tuple((f"key-{level}", level) for level in range(5, 0, -1))
RULES = Rules(timeout_ms=20_000, walkup_interval_ms=5_000, thanks_ms=2_000, keys=KEYS)
WALKUP = Rules(
    is_walkup=True, timeout_ms=20_000, walkup_interval_ms=5_000, thanks_ms=2_000, keys=KEYS
)
COMMIT_MS = 5


class Run:
    """A machine, and a store that can be told to fail."""

    def __init__(self, rules: Rules = RULES, memory: Memory | None = None) -> None:
        self.rules = rules
        self.stored: list[Draft] = []
        self.is_failing = False
        self.situation = Situation()
        self._settle(start(memory or Memory(), Draft(Kind.BOOT, 0, {"version": "1"})), 0)

    def give(self, event: Event, *, commit_ms: int = COMMIT_MS) -> Situation:
        return self._settle(decide(self.situation, event, self.rules), event.at_ms + commit_ms)

    def _settle(self, decision: Any, at_ms: int) -> Situation:
        is_stored = not self.is_failing
        if is_stored:
            self.stored += decision.drafts
        self.situation = conclude(decision, is_stored=is_stored, at_ms=at_ms, rules=self.rules)
        return self.situation

    @property
    def kinds(self) -> list[str]:
        return [
            " ".join([draft.kind.value, str(draft.fields.get("reason", ""))]).strip()
            for draft in self.stored
        ][1:]


def press(at_ms: int, level: int = 5) -> Press:
    return Press(at_ms=at_ms, button=f"key-{level}", level=level)


def test_an_invitation_and_a_press_become_invited_and_rated_of_one_session() -> None:
    run = Run()
    run.give(CaseOpened(at_ms=1000, case_no="C-1", service_no=2, item="办证", staff_no="007"))
    situation = run.give(press(3000, 4))

    invited, rated = run.stored[1:]
    assert invited.fields == {
        "session": 1,
        "trigger": Trigger.CASE,
        "invited_mono_ms": 1000,
        "case_no": "C-1",
        "service_no": 2,
        "item": "办证",
        "staff_no": "007",
    }
    assert rated.fields == invited.fields | {"level": 4, "button": "key-4"}
    assert (rated.kind, rated.at_ms) == (Kind.RATED, 3000)
    assert situation.thanks is not None
    assert situation.thanks.button == "key-4"
    assert situation.last_level == 4


def test_the_first_press_wins_and_later_ones_are_kept_as_ignored() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.give(press(2000, 5))
    thanked = run.situation.thanks
    run.give(press(2001, 1))

    assert run.kinds == ["INVITED", "RATED", "IGNORED already-rated"]
    assert run.stored[-1].fields["session"] == 1
    assert run.situation.thanks == thanked
    assert run.situation.last_level == 5


def test_a_press_outside_a_session_is_ignored_and_not_thanked() -> None:
    run = Run()
    situation = run.give(press(1000))
    assert run.kinds == ["IGNORED no-session"]
    assert situation.thanks is None


def test_a_press_at_the_very_time_out_is_too_late() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.give(press(21_000))
    assert run.kinds == ["INVITED", "UNRATED timeout", "IGNORED no-session"]
    assert [draft.at_ms for draft in run.stored[1:]] == [1000, 21_000, 21_000]


def test_a_press_just_before_the_time_out_counts() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.give(press(20_999))
    assert run.kinds == ["INVITED", "RATED"]


def test_a_press_whose_edge_came_before_the_invitation_does_not_answer_it() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.give(press(999))
    assert run.kinds == ["INVITED", "IGNORED no-session"]
    assert run.situation.state is State.INVITED


def test_a_new_invitation_closes_the_open_one_as_superseded() -> None:
    run = Run()
    run.give(CaseOpened(at_ms=1000, case_no="C-1"))
    run.give(CaseOpened(at_ms=2000, case_no="C-2"))
    assert run.kinds == ["INVITED", "UNRATED superseded", "INVITED"]
    assert [draft.fields["case_no"] for draft in run.stored[1:]] == ["C-1", "C-1", "C-2"]
    assert run.situation.until_ms == 22_000


def test_a_pause_ends_the_session_and_is_ended_by_the_next_case() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.give(ClerkLongPress(at_ms=2000))
    run.give(press(3000))
    run.give(CaseOpened(at_ms=4000, case_no="C-2"))
    assert run.kinds == [
        "INVITED",
        "UNRATED paused",
        "PAUSED",
        "IGNORED paused",
        "RESUMED",
        "INVITED",
    ]


def test_a_long_press_resumes() -> None:
    run = Run()
    run.give(ClerkLongPress(at_ms=1000))
    assert run.give(ClerkLongPress(at_ms=5000)).state is State.IDLE
    assert run.kinds == ["PAUSED", "RESUMED"]


def test_a_walk_up_press_is_a_session_of_its_own_with_an_interval_after_it() -> None:
    run = Run(WALKUP)
    run.give(press(1000, 5))
    run.give(press(5999, 1))
    run.give(press(6000, 2))
    assert run.kinds == ["INVITED", "RATED", "IGNORED too-soon", "INVITED", "RATED"]
    assert [draft.fields.get("session") for draft in run.stored[1:]] == [1, 1, None, 2, 2]
    assert run.stored[1].fields["trigger"] is Trigger.WALKUP


def test_in_walk_up_mode_a_case_is_rated_in_its_own_session() -> None:
    run = Run(WALKUP)
    run.give(CaseOpened(at_ms=1000, case_no="C-1"))
    run.give(press(2000))
    run.give(press(9000))
    assert run.kinds == ["INVITED", "RATED", "IGNORED already-rated"]


def test_staff_signed_in_is_in_the_session_and_a_case_may_name_another() -> None:
    run = Run()
    run.give(SignedIn(at_ms=1, staff_no="012"))
    run.give(ClerkKey(at_ms=1000))
    run.give(CaseOpened(at_ms=2000, case_no="C", staff_no="013"))
    run.give(SignedOut(at_ms=3000))
    run.give(SignedOut(at_ms=3001))
    staff = [draft.fields.get("staff_no") for draft in run.stored[1:]]
    assert staff == ["012", "012", "012", "013", "012"]
    assert run.kinds[-1] == "SIGNOUT"


def test_a_key_held_at_the_start_is_kept_as_ignored() -> None:
    run = Run()
    run.give(HeldAtStart(at_ms=10, button="key-1", level=1))
    assert run.kinds == ["IGNORED held"]


def test_an_interrupted_session_is_closed_by_the_next_start() -> None:
    session = Session(number=7, trigger=Trigger.CLERK, invited_ms=500)
    run = Run(memory=Memory(last_session=7, open_session=session))
    run.give(ClerkKey(at_ms=1000))
    assert run.kinds == ["UNRATED interrupted", "INVITED"]
    assert [draft.fields["session"] for draft in run.stored[1:]] == [7, 8]


def test_a_pause_and_a_sign_in_outlast_a_restart() -> None:
    run = Run(memory=Memory(last_session=3, is_paused=True, staff_no="012"))
    assert run.situation.state is State.PAUSED
    run.give(CaseOpened(at_ms=10, case_no="C"))
    assert run.kinds == ["RESUMED", "INVITED"]
    assert run.stored[-1].fields["staff_no"] == "012"


# --- walk-up mode and opening hours ---


def test_outside_the_opening_hours_a_walk_up_press_is_kept_and_not_counted() -> None:
    run = Run(WALKUP)
    run.give(OpeningChanged(at_ms=1, is_open=False))
    assert run.give(press(1000)).thanks is None
    run.give(OpeningChanged(at_ms=2000, is_open=True))
    assert run.give(press(3000)).thanks is not None
    assert run.kinds == ["IGNORED closed", "INVITED", "RATED"]


def test_outside_the_opening_hours_an_invitation_still_counts() -> None:
    run = Run()
    run.give(OpeningChanged(at_ms=1, is_open=False))
    run.give(CaseOpened(at_ms=1000, case_no="late"))
    run.give(press(2000))
    assert run.kinds == ["INVITED", "RATED"]


# --- touch screen ---


def test_a_touch_has_the_rights_of_a_key_and_lights_the_key_of_its_level() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    situation = run.give(Press(at_ms=2000, button="screen-2", level=2))
    run.give(press(2001, 5))
    assert run.kinds == ["INVITED", "RATED", "IGNORED already-rated"]
    assert run.stored[2].fields["button"] == "screen-2"
    assert situation.thanks is not None
    assert situation.thanks.button == "key-2"


# --- staff ---


def test_a_badge_signs_in_and_the_same_badge_out_again() -> None:
    run = Run()
    for at_ms, staff_no in ((1, "007"), (2, "008"), (3, "008")):
        run.give(BadgeRead(at_ms=at_ms, staff_no=staff_no))
    assert run.kinds == ["SIGNIN", "SIGNOUT", "SIGNIN", "SIGNOUT"]
    assert [d.fields["staff_no"] for d in run.stored[1:]] == ["007", "007", "008", "008"]
    assert {d.fields["via"] for d in run.stored[1:]} == {"reader"}
    assert run.situation.staff_no == ""


def test_signing_in_twice_writes_once_and_keeps_the_name_that_was_told() -> None:
    run = Run()
    run.give(SignedIn(at_ms=1, staff_no="007", via="command", name="李四"))
    run.give(SignedIn(at_ms=2, staff_no="007", via="command"))
    assert run.kinds == ["SIGNIN"]
    assert run.situation.staff_name == "李四"
    assert run.give(SignedOut(at_ms=3)).staff_name == ""


# --- commands ---


def asked(run: Run, event: Event) -> str:
    """Why a command is refused; empty: it was carried out."""
    decision = decide(run.situation, event, run.rules)
    run.give(event)
    return decision.refused


def test_pause_and_resume_by_command_are_recorded_as_such() -> None:
    run = Run()
    assert not asked(run, PauseAsked(at_ms=1, command_id="a"))
    assert asked(run, PauseAsked(at_ms=2, command_id="b")) == "already-paused"
    assert not asked(run, ResumeAsked(at_ms=3, command_id="c"))
    assert asked(run, ResumeAsked(at_ms=4, command_id="d")) == "not-paused"
    assert run.kinds == ["PAUSED", "RESUMED"]
    assert [d.fields["via"] for d in run.stored[1:]] == ["command", "command"]


@pytest.mark.parametrize("event", [PauseAsked, SelfTestAsked])
def test_a_command_does_not_take_an_open_session_from_the_citizen(event: type[Event]) -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1))
    assert asked(run, event(at_ms=2, command_id="a")) == "session-open"
    assert run.situation.state is State.INVITED
    assert run.kinds == ["INVITED"]


def test_signing_out_nobody_is_refused() -> None:
    assert asked(Run(), SignedOut(at_ms=1, command_id="a")) == "not-signed-in"


def test_a_device_that_is_to_be_found_blinks_for_as_long_as_was_asked() -> None:
    run = Run()
    situation = run.give(IdentifyAsked(at_ms=1000, duration_ms=5000, command_id="a"))
    assert due_ms(situation) == situation.identify_until_ms == 6000
    assert run.give(Tick(at_ms=6000)).identify_until_ms is None
    assert run.kinds == []


# --- the self-test ---


def in_test(run: Run, at_ms: int = 1000) -> int:
    """Hold the clerk's key for 10 s and wait for the lights; when the first key is asked for."""
    run.give(ClerkLongPress(at_ms=at_ms))
    run.give(ClerkTestPress(at_ms=at_ms + 8000))
    until_ms = run.situation.until_ms
    assert until_ms == at_ms + 8000 + lights_ms(tuple(name for name, _ in KEYS))
    run.give(Tick(at_ms=until_ms))
    return until_ms


def test_the_self_test_asks_for_each_key_and_writes_a_test_for_each_level() -> None:
    run = Run()
    at_ms = in_test(run)
    for level in range(5, 0, -1):
        at_ms += 1000
        assert run.situation.test is not None
        assert run.situation.test.asked == f"key-{level}"
        run.give(press(at_ms, level))
    assert run.kinds == ["PAUSED", *["TEST"] * 5, "RESUMED"]
    assert [d.fields["level"] for d in run.stored if d.kind is Kind.TEST] == [5, 4, 3, 2, 1]
    assert run.situation.state is State.IDLE
    assert run.situation.test is not None
    assert run.situation.test.passed == tuple(name for name, _ in KEYS)
    assert run.situation.thanks is None


def test_a_key_that_is_not_pressed_in_time_fails_and_the_next_is_asked_for() -> None:
    run = Run()
    at_ms = in_test(run)
    run.give(press(at_ms + 1, 5))
    run.give(press(at_ms + 2 + KEY_MS, 3))  # key-4 was missed; key-3 is asked for now
    assert run.kinds == ["PAUSED", "TEST", "FAULT test-failed", "TEST"]
    assert run.stored[3].fields["detail"] == "key-4 was not pressed"


def test_a_self_test_that_nobody_follows_ends_by_itself_in_service() -> None:
    run = Run()
    at_ms = in_test(run)
    run.give(Tick(at_ms=at_ms + 10 * KEY_MS))
    assert run.kinds == ["PAUSED", *["FAULT test-failed"] * 5, "RESUMED"]
    assert run.situation.state is State.IDLE
    times = [d.at_ms for d in run.stored if d.kind is Kind.FAULT]
    assert times == [at_ms + number * KEY_MS for number in range(1, 6)]


@pytest.mark.parametrize(
    "wrong",
    [press(1, 2), Press(at_ms=1, button="screen-5", level=5)],
    ids=["another key", "a touch for the asked key"],
)
def test_only_the_asked_key_itself_passes(wrong: Press) -> None:
    run = Run()
    at_ms = in_test(run)
    run.give(Press(at_ms=at_ms + 1, button=wrong.button, level=wrong.level))
    assert run.kinds == ["PAUSED", "IGNORED testing"]
    assert run.situation.test is not None
    assert run.situation.test.asked == "key-5"


def test_a_case_ends_the_self_test_and_is_rated() -> None:
    run = Run()
    at_ms = in_test(run)
    run.give(CaseOpened(at_ms=at_ms + 1, case_no="C"))
    run.give(press(at_ms + 2))
    assert run.kinds == ["PAUSED", "RESUMED", "INVITED", "RATED"]


def test_a_self_test_by_command_starts_at_once_and_a_second_one_is_refused() -> None:
    run = Run()
    assert not asked(run, SelfTestAsked(at_ms=1, command_id="a"))
    assert run.situation.state is State.TESTING
    assert asked(run, SelfTestAsked(at_ms=2, command_id="b")) == "testing"
    assert asked(run, PauseAsked(at_ms=3, command_id="c")) == "testing"
    assert not asked(run, ResumeAsked(at_ms=4, command_id="d"))
    assert run.kinds == ["PAUSED", "RESUMED"]
    assert [d.fields["via"] for d in run.stored[1:]] == ["test", "command"]


# --- what could not be stored ---


def test_a_press_that_could_not_be_stored_is_not_thanked_and_may_be_repeated() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.is_failing = True
    failed = run.give(press(2000))
    assert failed.state is State.INVITED
    assert failed.thanks is None
    assert failed.failing_since_ms is not None
    run.is_failing = False
    again = run.give(press(2500))
    assert again.thanks is not None
    assert again.failing_since_ms is None
    assert run.kinds == ["INVITED", "FAULT storage", "RATED"]
    assert "lost: 1" in run.stored[-2].fields["detail"]


def test_a_time_out_that_could_not_be_stored_is_owed_and_written_by_the_retry() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.is_failing = True
    left = run.give(Tick(at_ms=21_000))
    assert left.state is State.IDLE
    assert due_ms(left) == 21_000 + COMMIT_MS + RETRY_MS
    run.is_failing = False
    run.give(Tick(at_ms=22_005))
    assert run.kinds == ["INVITED", "UNRATED timeout", "FAULT storage"]
    assert run.stored[2].at_ms == 21_000
    assert run.situation.owed == ()


def test_an_owed_time_out_comes_before_the_next_invitation() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.is_failing = True
    run.give(ClerkKey(at_ms=21_000))
    assert run.situation.state is State.IDLE
    run.is_failing = False
    run.give(ClerkKey(at_ms=21_500))
    assert run.kinds == ["INVITED", "UNRATED timeout", "FAULT storage", "INVITED"]
    assert [d.fields.get("session") for d in run.stored[1:]] == [1, 1, None, 2]


def test_a_failed_invitation_does_not_close_the_open_session() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    run.is_failing = True
    run.give(ClerkKey(at_ms=2000))
    run.is_failing = False
    run.give(press(3000))
    assert run.kinds == ["INVITED", "FAULT storage", "RATED"]
    assert run.stored[-1].fields["session"] == 1


def test_boot_is_owed_when_it_could_not_be_stored() -> None:
    decision = start(Memory(), Draft(Kind.BOOT, 0, {"version": "1"}))
    situation = conclude(decision, is_stored=False, at_ms=1, rules=RULES)
    after = decide(situation, ClerkKey(at_ms=50), RULES)
    assert [draft.kind for draft in after.drafts] == [Kind.BOOT, Kind.FAULT, Kind.INVITED]


def test_notes_are_owed_up_to_a_limit() -> None:
    run = Run()
    run.is_failing = True
    for number in range(OWED_MAXIMUM + 10):
        run.give(Noted(at_ms=number, kind=Kind.CLOCK, fields={"step_ms": number}))
    assert len(run.situation.owed) == OWED_MAXIMUM
    assert run.situation.lost == 10


def test_a_commit_later_than_a_second_is_a_rating_without_thanks() -> None:
    run = Run()
    run.give(ClerkKey(at_ms=1000))
    situation = run.give(press(2000), commit_ms=THANKS_WITHIN_MS + 1)
    assert run.kinds == ["INVITED", "RATED"]
    assert situation.thanks is None
    assert situation.error_until_ms is not None
    assert situation.state is State.ANSWERED


def test_what_may_not_be_promised_is_not_thanked() -> None:
    run = Run()
    run.give(StorageChanged(at_ms=1, may_thank=False))
    run.give(ClerkKey(at_ms=1000))
    assert run.give(press(2000)).thanks is None
    run.give(StorageChanged(at_ms=2500, may_thank=True))
    run.give(ClerkKey(at_ms=3000))
    assert run.give(press(4000)).thanks is not None


# --- the table itself ---


def test_every_state_answers_every_signal_that_can_reach_it() -> None:
    for state, moves in TABLE.items():
        expected = {Signal.INVITE, Signal.PRESS, Signal.LONG_PRESS, Signal.TEST_PRESS}
        expected |= {Signal.PAUSE, Signal.RESUME, Signal.SELF_TEST}
        if state is State.IDLE:
            expected |= {Signal.WALKUP_PRESS, Signal.CLOSED_PRESS}
        if state is State.INVITED:
            expected.add(Signal.EARLY_PRESS)
        if state in (State.INVITED, State.ANSWERED, State.RESTING, State.TESTING):
            expected.add(Signal.DEADLINE)
        if state is State.TESTING:
            expected |= {Signal.ASKED_KEY, Signal.LAST_KEY, Signal.MISSED_KEY, Signal.LAST_MISSED}
        assert set(moves) == expected


@pytest.mark.parametrize("state", TABLE)
def test_a_session_leaves_invited_only_with_an_outcome(state: State) -> None:
    for signal, move in TABLE[state].items():
        if isinstance(move, Refuse):
            continue
        outcomes = [kind for kind in move.writes if kind in (Kind.RATED, Kind.UNRATED)]
        leaves = state is State.INVITED and signal is not Signal.EARLY_PRESS
        assert len(outcomes) == int(leaves or signal is Signal.WALKUP_PRESS)


# --- any sequence of events ---

_EVENTS = st.sampled_from(
    [
        *("press", "press", "clerk", "case", "long", "tick", "note", "in", "out", "held", "thank"),
        *("test", "pause", "resume", "self-test", "badge", "touch", "open", "identify", "settings"),
    ]
)
_STEPS = st.lists(
    st.tuples(
        st.integers(0, 12_000), _EVENTS, st.integers(1, 5), st.integers(0, 9), st.integers(0, 1500)
    ),
    max_size=60,
)


def _event(name: str, at_ms: int, level: int) -> Event:
    match name:
        case "press":
            return press(at_ms, level)
        case "clerk":
            return ClerkKey(at_ms=at_ms)
        case "case":
            return CaseOpened(at_ms=at_ms, case_no=f"C-{level}")
        case "long":
            return ClerkLongPress(at_ms=at_ms)
        case "test":
            return ClerkTestPress(at_ms=at_ms)
        case "pause":
            return PauseAsked(at_ms=at_ms, command_id="c")
        case "resume":
            return ResumeAsked(at_ms=at_ms, command_id="c")
        case "self-test":
            return SelfTestAsked(at_ms=at_ms, command_id="c")
        case "badge":
            return BadgeRead(at_ms=at_ms, staff_no=str(level))
        case "touch":
            return Press(at_ms=at_ms, button=f"screen-{level}", level=level)
        case "open":
            return OpeningChanged(at_ms=at_ms, is_open=level > 2)
        case "settings":
            return SettingsGiven(at_ms=at_ms, command_id="c", version=level)
        case "identify":
            return IdentifyAsked(at_ms=at_ms, duration_ms=level * 1000)
        case "note":
            return Noted(at_ms=at_ms, kind=Kind.CLOCK, fields={"step_ms": level})
        case "in":
            return SignedIn(at_ms=at_ms, staff_no=str(level))
        case "out":
            return SignedOut(at_ms=at_ms)
        case "held":
            return HeldAtStart(at_ms=at_ms, button=f"key-{level}", level=level)
        case "thank":
            return StorageChanged(at_ms=at_ms, may_thank=level > 1)
        case _:
            return Tick(at_ms=at_ms)


@settings(max_examples=400, deadline=None)
@given(steps=_STEPS, is_walkup=st.booleans())
def test_no_sequence_of_events_and_failures_breaks_the_promises(
    steps: list[tuple[int, str, int, int, int]], is_walkup: bool
) -> None:
    rules = WALKUP if is_walkup else RULES
    run = Run(rules)
    now_ms = 100
    for gap_ms, name, level, luck, commit_ms in steps:
        now_ms += gap_ms
        event = _event(name, now_ms, level)
        run.is_failing = luck == 0
        before, count = run.situation, len(run.stored)
        expected = signal_of(before, event, rules)
        after = run.give(event, commit_ms=commit_ms)
        new = run.stored[count:]

        # I1: a thanks that was not there before belongs to a rating stored in this very step
        if after.thanks is not None and after.thanks != before.thanks:
            (rated,) = (d for d in new if d.kind is Kind.RATED)
            assert after.thanks.button == f"key-{rated.fields['level']}"
            assert commit_ms <= THANKS_WITHIN_MS
            assert after.may_thank
        if run.is_failing:
            assert after.thanks is None or after.thanks == before.thanks
        # an invitation is left within its time-out, stored or not
        if after.state is State.INVITED:
            assert after.session is not None
            assert now_ms < after.session.invited_ms + rules.timeout_ms
            assert after.until_ms == after.session.invited_ms + rules.timeout_ms
        # a press that was stored left exactly one record of its own
        if expected in (Signal.PRESS, Signal.WALKUP_PRESS) and not run.is_failing:
            presses = [d for d in new if d.kind in (Kind.RATED, Kind.IGNORED, Kind.TEST)]
            assert len(presses) == 1
        # the self-test ends by itself, and nothing is rated or invited in it
        if after.state is State.TESTING:
            assert after.until_ms is not None
            assert after.session is None
            assert after.thanks is None

    # every session got at most one outcome, and exactly one once it is over
    run.is_failing = False
    run.give(ClerkKey(at_ms=now_ms + 60_000))
    outcomes = Counter(
        d.fields["session"] for d in run.stored if d.kind in (Kind.RATED, Kind.UNRATED)
    )
    invited = [d.fields["session"] for d in run.stored if d.kind is Kind.INVITED]
    assert invited == list(range(1, len(invited) + 1))
    assert outcomes == Counter(invited[:-1])
    # one session's records are in order, and so is time
    times = [d.at_ms for d in run.stored]
    assert times == sorted(times)
    reasons = {d.fields["reason"] for d in run.stored if d.kind is Kind.UNRATED}
    assert reasons <= set(UnratedReason)
