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
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    Event,
    HeldAtStart,
    Noted,
    Press,
    SignedIn,
    SignedOut,
    StorageChanged,
    Tick,
)
from kiosk.machine import (
    OWED_MAXIMUM,
    RETRY_MS,
    TABLE,
    THANKS_WITHIN_MS,
    Signal,
    conclude,
    decide,
    due_ms,
    signal_of,
    start,
)
from kiosk.situation import Rules, Situation, State

RULES = Rules(timeout_ms=20_000, walkup_interval_ms=5_000, thanks_ms=2_000)
WALKUP = Rules(is_walkup=True, timeout_ms=20_000, walkup_interval_ms=5_000, thanks_ms=2_000)
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
        expected = {Signal.INVITE, Signal.PRESS, Signal.LONG_PRESS}
        if state is State.IDLE:
            expected.add(Signal.WALKUP_PRESS)
        if state is State.INVITED:
            expected.add(Signal.EARLY_PRESS)
        if state in (State.INVITED, State.ANSWERED, State.RESTING):
            expected.add(Signal.DEADLINE)
        assert set(moves) == expected


@pytest.mark.parametrize("state", TABLE)
def test_a_session_leaves_invited_only_with_an_outcome(state: State) -> None:
    for signal, move in TABLE[state].items():
        outcomes = [kind for kind in move.writes if kind in (Kind.RATED, Kind.UNRATED)]
        leaves = state is State.INVITED and signal is not Signal.EARLY_PRESS
        assert len(outcomes) == int(leaves or signal is Signal.WALKUP_PRESS)


# --- any sequence of events ---

_EVENTS = st.sampled_from(
    ["press", "press", "clerk", "case", "long", "tick", "note", "in", "out", "held", "thank"]
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
            assert [d.fields["button"] for d in new if d.kind is Kind.RATED] == [
                after.thanks.button
            ]
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
            presses = [d for d in new if d.kind in (Kind.RATED, Kind.IGNORED)]
            assert len(presses) == 1

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
