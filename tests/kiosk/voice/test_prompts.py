"""What is said when: never a level, thanks only for what is stored, silence when it is wanted."""

from __future__ import annotations

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from firmware_config.hours import is_in
from firmware_config.levels import Level
from firmware_config.prompts import TEST_PROMPTS
from kiosk.drafts import Draft, Memory, Session
from kiosk.events import (
    CaseOpened,
    ClerkKey,
    ClerkLongPress,
    ClerkTestPress,
    Event,
    Press,
    SignedIn,
    SignedOut,
    StorageChanged,
    Tick,
)
from kiosk.machine import conclude, decide, start
from kiosk.selftest import KEY_MS, lights_ms
from kiosk.situation import Rules, SelfTest, Situation, State, Thanks
from kiosk.voice.prompts import STAFF_ASKED, Prompt, gain_of, is_quiet, prompt_between

LEVELS = {
    "very-satisfied": 5,
    "satisfied": 4,
    "basically-satisfied": 3,
    "dissatisfied": 2,
    "very-dissatisfied": 1,
}
KEYS = tuple(LEVELS)
NOT_STORED = (Prompt.NOT_STORED,)
IDLE = Situation()
PAUSED = Situation(state=State.PAUSED)


def session(number: int) -> Session:
    return Session(number=number, trigger="clerk", invited_ms=0)


def invited(number: int = 1) -> Situation:
    return Situation(state=State.INVITED, session=session(number), last_session=number)


def thanks(key: str = "satisfied", since_ms: int = 5) -> Thanks:
    return Thanks(button=key, level=LEVELS[key], since_ms=since_ms, until_ms=since_ms + 2_000)


def answered(**changes: object) -> Situation:
    return replace(invited(), **({"state": State.ANSWERED} | changes))


def in_test(asked: str = "", **changes: object) -> Situation:
    return Situation(state=State.TESTING, test=SelfTest(since_ms=0, asked=asked, **changes))  # type: ignore[arg-type]


def after_test(**changes: object) -> Situation:
    return Situation(test=SelfTest(since_ms=0, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "prompt"),
    [
        (IDLE, IDLE, None),
        (IDLE, invited(), Prompt.INVITE),
        (invited(1), invited(1), None),
        (invited(1), invited(2), Prompt.INVITE),
        (PAUSED, invited(), Prompt.INVITE),
        (answered(), invited(2), Prompt.INVITE),
        (in_test(KEYS[0]), invited(), Prompt.INVITE),
        (invited(), IDLE, None),
        (invited(), answered(), None),
        (invited(), answered(thanks=thanks()), Prompt.THANKS),
        (answered(thanks=thanks()), answered(thanks=thanks()), None),
        (answered(thanks=thanks()), answered(), None),
        (IDLE, Situation(state=State.RESTING, thanks=thanks()), Prompt.THANKS),
        (invited(), answered(error_until_ms=9), Prompt.NOT_STORED),
        (answered(error_until_ms=9), answered(error_until_ms=9), None),
        (answered(error_until_ms=9), answered(), None),
        (IDLE, PAUSED, Prompt.PAUSED),
        (invited(), PAUSED, Prompt.PAUSED),
        (PAUSED, IDLE, Prompt.RESUMED),
        (IDLE, in_test(), Prompt.TEST_BEGIN),
        (PAUSED, in_test(), Prompt.TEST_BEGIN),
        (IDLE, in_test(KEYS[0]), Prompt.TEST_5),
        (in_test(), in_test(KEYS[0]), Prompt.TEST_5),
        (in_test(KEYS[0]), in_test(KEYS[0]), None),
        (in_test(KEYS[0]), in_test(KEYS[1], passed=KEYS[:1]), Prompt.TEST_4),
        (in_test(KEYS[3]), in_test(KEYS[4]), Prompt.TEST_1),
        (in_test(KEYS[0]), in_test("clerk"), None),
        (in_test(KEYS[4]), after_test(passed=KEYS), Prompt.TEST_PASSED),
        (in_test(KEYS[4]), after_test(passed=KEYS[1:], missed=KEYS[:1]), Prompt.TEST_FAILED),
        (in_test(KEYS[4]), after_test(passed=KEYS, missed=KEYS[:1]), Prompt.TEST_FAILED),
        (in_test(KEYS[2]), after_test(passed=KEYS[:2]), Prompt.TEST_FAILED),
        (
            in_test(KEYS[4]),
            replace(PAUSED, test=SelfTest(since_ms=0, passed=KEYS)),
            Prompt.TEST_PASSED,
        ),
        (after_test(passed=KEYS), after_test(passed=KEYS), None),
        (IDLE, Situation(identify_until_ms=5), Prompt.IDENTIFY),
        (Situation(identify_until_ms=5), Situation(identify_until_ms=9), Prompt.IDENTIFY),
        (Situation(identify_until_ms=5), IDLE, None),
        (IDLE, Situation(staff_no="1"), Prompt.SIGNED_IN),
        (Situation(staff_no="1"), Situation(staff_no="2"), Prompt.SIGNED_IN),
        (Situation(staff_no="1"), IDLE, Prompt.SIGNED_OUT),
    ],
)
def test_what_is_said_between_two_situations(
    before: Situation, after: Situation, prompt: Prompt | None
) -> None:
    assert prompt_between(before, after, levels=LEVELS) is prompt


def test_a_press_that_was_lost_is_told_each_time() -> None:
    once, twice = (replace(invited(), failing_since_ms=7, lost=number) for number in (1, 2))

    assert prompt_between(invited(), once, levels=LEVELS) is Prompt.NOT_STORED
    assert prompt_between(once, once, levels=LEVELS) is None
    assert prompt_between(once, twice, levels=LEVELS) is Prompt.NOT_STORED


def test_what_is_lost_when_no_press_is_waited_for_is_left_to_the_light() -> None:
    lost = replace(IDLE, failing_since_ms=7, lost=1)

    assert prompt_between(IDLE, lost, levels=LEVELS) is None
    assert prompt_between(IDLE, lost, levels=LEVELS, is_walkup=True) is Prompt.NOT_STORED
    assert prompt_between(PAUSED, replace(PAUSED, lost=1), levels=LEVELS, is_walkup=True) is None


# --- whatever happens ---

keys = st.sampled_from(KEYS)
tests = st.builds(
    SelfTest,
    since_ms=st.just(0),
    asked=st.sampled_from(("", *KEYS)),
    passed=st.lists(keys, unique=True).map(tuple),
    missed=st.lists(keys, unique=True).map(tuple),
)
situations = st.builds(
    Situation,
    state=st.sampled_from(State),
    session=st.none() | st.integers(1, 2).map(session),
    test=st.none() | tests,
    identify_until_ms=st.none() | st.integers(1, 2),
    staff_no=st.sampled_from(("", "7", "8")),
    thanks=st.none() | st.builds(thanks, keys, st.integers(1, 2)),
    last_level=st.none() | st.integers(1, 5),
    error_until_ms=st.none() | st.integers(1, 2),
    failing_since_ms=st.none() | st.integers(1, 2),
    lost=st.integers(0, 2),
)


@given(before=situations, after=situations, is_walkup=st.booleans())
def test_a_level_is_named_only_when_the_self_test_waits_for_its_key(
    before: Situation, after: Situation, is_walkup: bool
) -> None:
    prompt = prompt_between(before, after, levels=LEVELS, is_walkup=is_walkup)

    if prompt in TEST_PROMPTS.values():
        assert after.state is State.TESTING
        assert after.test is not None
        assert prompt == f"test-{LEVELS[after.test.asked]}"


@given(before=situations, after=situations, is_walkup=st.booleans(), key=keys)
def test_thanks_sound_the_same_for_every_level(
    before: Situation, after: Situation, is_walkup: bool, key: str
) -> None:
    other = after
    if after.thanks is not None and after.thanks != before.thanks:
        other = replace(after, thanks=thanks(key, after.thanks.since_ms + 10))
    other = replace(other, last_level=LEVELS[key])

    said = [
        prompt_between(before, one, levels=LEVELS, is_walkup=is_walkup) for one in (after, other)
    ]

    assert said[0] is said[1]


happenings = st.lists(
    st.tuples(
        st.integers(0, 9_000),
        st.sampled_from(
            (Press, ClerkKey, CaseOpened, ClerkLongPress, SignedIn, SignedOut, StorageChanged, Tick)
        ),
        st.booleans(),
        st.sampled_from((1, 900, 1_500)),
    ),
    max_size=30,
)


def story(
    happened: list[tuple[int, type[Event], bool, int]], key: str, *, is_walkup: bool
) -> list[tuple[Prompt | None, bool | None]]:
    """What is said when each press is of `key`, and whether a rating was stored; None: none was."""
    rules = Rules(is_walkup=is_walkup, keys=tuple(LEVELS.items()))
    boot = start(Memory(), Draft("BOOT", 0, {}))  # type: ignore[arg-type]
    situation = conclude(boot, is_stored=True, at_ms=0, rules=rules)
    at_ms, told = 0, []
    fields: dict[type[Event], dict[str, object]] = {
        Press: {"button": key, "level": LEVELS[key]},
        CaseOpened: {"case_no": "c"},
        SignedIn: {"staff_no": "7"},
    }
    for wait_ms, kind, is_good, took_ms in happened:
        at_ms += wait_ms
        extra = fields.get(kind, {"may_thank": is_good} if kind is StorageChanged else {})
        decision = decide(situation, kind(at_ms=at_ms, **extra), rules)  # type: ignore[arg-type]
        at_ms += took_ms
        before = situation
        situation = conclude(decision, is_stored=is_good, at_ms=at_ms, rules=rules)
        is_rating = decision.rated is not None
        prompt = prompt_between(before, situation, levels=LEVELS, is_walkup=is_walkup)
        told.append((prompt, is_good if is_rating else None))
    return told


@given(happenings, st.booleans())
def test_whichever_key_is_pressed_the_voice_says_the_same(
    happened: list[tuple[int, type[Event], bool, int]], is_walkup: bool
) -> None:
    stories = [story(happened, key, is_walkup=is_walkup) for key in KEYS]

    assert all(told == stories[0] for told in stories)
    assert not {prompt for prompt, _ in stories[0]} & set(TEST_PROMPTS.values())


@given(happenings, st.booleans())
def test_thanks_are_said_only_for_a_rating_that_was_stored(
    happened: list[tuple[int, type[Event], bool, int]], is_walkup: bool
) -> None:
    for prompt, is_stored in story(happened, "dissatisfied", is_walkup=is_walkup):
        if prompt is Prompt.THANKS:
            assert is_stored
        if is_stored is not None:  # whoever rated hears what became of it
            assert prompt in ((Prompt.THANKS, Prompt.NOT_STORED) if is_stored else NOT_STORED)


@pytest.mark.parametrize("missed", [(), KEYS[2:3], KEYS[-1:]])
def test_the_self_test_is_guided_key_by_key(missed: tuple[str, ...]) -> None:
    rules = Rules(keys=tuple(LEVELS.items()))
    situation, at_ms = IDLE, 1_000
    events: list[Event] = [ClerkTestPress(at_ms=at_ms)]
    at_ms += lights_ms(KEYS)
    events.append(Tick(at_ms=at_ms))
    for key in KEYS:
        if key in missed:
            at_ms += KEY_MS
            events.append(Tick(at_ms=at_ms))
        else:
            at_ms += 100
            events.append(Press(at_ms=at_ms, button=key, level=LEVELS[key]))

    said = []
    for event in events:
        before = situation
        decision = decide(situation, event, rules)
        situation = conclude(decision, is_stored=True, at_ms=event.at_ms, rules=rules)
        said.append(prompt_between(before, situation, levels=LEVELS))

    end = Prompt.TEST_FAILED if missed else Prompt.TEST_PASSED
    assert said == [Prompt.TEST_BEGIN, *(TEST_PROMPTS[Level(LEVELS[key])] for key in KEYS), end]


# --- silence, and how loud ---


@given(
    prompt=st.sampled_from(Prompt),
    at=st.none() | st.times(),
    volume=st.integers(0, 100),
    spans=st.lists(st.tuples(st.times(), st.times()), max_size=2),
    is_open=st.booleans(),
)
def test_when_it_is_quiet(
    prompt: Prompt,
    at: time | None,
    volume: int,
    spans: list[tuple[time, time]],
    is_open: bool,
) -> None:
    quiet = is_quiet(prompt, at, volume=volume, quiet_hours=spans, is_open=is_open)

    is_quiet_hour = at is not None and is_in(spans, at)
    is_wanted = is_open or prompt in STAFF_ASKED
    assert quiet == (volume == 0 or is_quiet_hour or not is_wanted)


def test_nothing_a_citizen_hears_is_said_in_a_closed_hall() -> None:
    silent = set(Prompt) - STAFF_ASKED

    assert {Prompt.INVITE, Prompt.THANKS, Prompt.NOT_STORED} <= silent


def test_half_the_volume_sounds_half_as_loud() -> None:
    assert gain_of(100) == 1
    assert gain_of(0) == 0
    assert gain_of(50) == pytest.approx(10 ** (-10 / 20))
    assert gain_of(25) == pytest.approx(10 ** (-20 / 20))
    gains = [gain_of(volume) for volume in range(101)]
    assert gains == sorted(gains)
