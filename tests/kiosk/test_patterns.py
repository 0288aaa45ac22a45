"""Which lights are on when."""

from __future__ import annotations

from kiosk.patterns import (
    BEEP_MS,
    BLINK_MS,
    BUZZER,
    ERROR,
    FIND_ME_MS,
    STATUS,
    lit,
    next_change_ms,
)
from kiosk.selftest import LIGHT_MS
from kiosk.situation import SelfTest, Situation, State, Thanks

KEYS = ("k5", "k4", "k1")


def on(situation: Situation, *, is_connected: bool = True, now_ms: int = 0) -> set[str]:
    return set(lit(situation, KEYS, is_connected=is_connected, now_ms=now_ms))


def test_all_keys_glow_alike_while_invited() -> None:
    assert on(Situation(state=State.INVITED)) == {*KEYS, STATUS}


def test_only_the_pressed_key_is_lit_for_thanks_with_a_short_beep() -> None:
    thanks = Thanks(button="k4", level=4, since_ms=1000, until_ms=3000)
    situation = Situation(state=State.ANSWERED, thanks=thanks)
    assert on(situation, now_ms=1000) == {"k4", STATUS, BUZZER}
    assert next_change_ms(situation, is_connected=True, now_ms=1000) == 1000 + BEEP_MS
    assert on(situation, now_ms=1000 + BEEP_MS) == {"k4", STATUS}
    assert on(situation, now_ms=3000) == {STATUS}


def test_the_status_light_blinks_without_a_connection_and_is_off_while_paused() -> None:
    idle = Situation()
    assert STATUS in on(idle, is_connected=False, now_ms=0)
    assert STATUS not in on(idle, is_connected=False, now_ms=BLINK_MS)
    assert next_change_ms(idle, is_connected=False, now_ms=10) == BLINK_MS
    assert next_change_ms(idle, is_connected=True, now_ms=10) is None
    assert on(Situation(state=State.PAUSED)) == set()


def test_the_error_light_says_what_was_not_or_cannot_be_kept() -> None:
    assert ERROR in on(Situation(failing_since_ms=1))
    assert ERROR in on(Situation(may_thank=False))
    assert ERROR in on(Situation(error_until_ms=10), now_ms=9)
    assert ERROR not in on(Situation(error_until_ms=10), now_ms=10)


def test_in_the_self_test_one_output_is_on_at_a_time_and_then_the_asked_keys_light() -> None:
    situation = Situation(state=State.TESTING, test=SelfTest(since_ms=1000))
    shown = [on(situation, now_ms=1000 + number * LIGHT_MS) for number in range(6)]
    assert shown == [{"k5"}, {"k4"}, {"k1"}, {STATUS}, {ERROR}, {BUZZER}]
    assert next_change_ms(situation, is_connected=False, now_ms=1010) == 1000 + LIGHT_MS
    asked = Situation(state=State.TESTING, test=SelfTest(since_ms=0, asked="k4"))
    assert on(asked) == {"k4"}
    assert next_change_ms(asked, is_connected=False, now_ms=0) is None


def test_a_device_that_is_to_be_found_blinks_but_never_into_an_invitation() -> None:
    idle = Situation(identify_until_ms=10_000)
    assert on(idle, now_ms=0) == {*KEYS, STATUS}
    assert on(idle, now_ms=FIND_ME_MS) == set()
    assert next_change_ms(idle, is_connected=True, now_ms=10) == FIND_ME_MS
    assert on(idle, now_ms=10_000) == {STATUS}
    invited = Situation(state=State.INVITED, identify_until_ms=10_000)
    assert on(invited, now_ms=0) == {*KEYS, STATUS}
    assert on(invited, now_ms=FIND_ME_MS) == set(KEYS)
