"""Which lights are on when."""

from __future__ import annotations

from kiosk.patterns import BEEP_MS, BLINK_MS, BUZZER, ERROR, STATUS, lit, next_change_ms
from kiosk.situation import Situation, State, Thanks

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
