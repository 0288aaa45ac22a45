"""Every device is given the newest checkpoint once, a few at a time, and again when it asks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.handout import BATCH, STEP_MS, Handout

HALL = [(f"dev-{number}", "E" * 22) for number in range(135)]


def test_a_hall_gets_a_new_checkpoint_within_two_seconds_and_nobody_twice() -> None:
    handout = Handout()
    assert handout.wait_ms(0) is None
    handout.begin(("g", 100), HALL)
    given_out, now_ms = [], 5_000
    while handout.wait_ms(now_ms) is not None:
        ready = handout.take(now_ms)
        assert len(ready) <= BATCH
        assert handout.take(now_ms) == []  # no storm
        given_out += ready
        now_ms += STEP_MS
    assert given_out == HALL
    assert now_ms - 5_000 < 2_000


def test_a_device_that_keeps_the_newest_is_given_nothing() -> None:
    handout = Handout()
    handout.begin(("g", 100), HALL[:2])
    handout.told(HALL[0], ("g", 100))
    assert handout.base_of("dev-0") is None
    assert handout.take(0) == HALL[1:2]


def test_the_next_proof_begins_at_what_was_given_last() -> None:
    handout = Handout()
    handout.begin(("g", 100), HALL[:1])
    assert handout.base_of("dev-0") == ("", 0)
    handout.given("dev-0")
    assert handout.base_of("dev-0") is None
    handout.begin(("g", 200), HALL[:1])
    assert handout.base_of("dev-0") == ("g", 100)


def test_a_device_that_says_an_older_one_is_given_the_newest() -> None:
    handout = Handout()
    handout.begin(("g", 200), ())
    handout.told(HALL[7], ("g", 100))
    assert handout.base_of("dev-7") == ("g", 100)
    assert handout.take(0) == HALL[7:8]
    handout.given("dev-7")
    handout.told(HALL[7], ("g", 150))  # it refused, or lost what it kept
    assert handout.base_of("dev-7") == ("g", 150)
    assert handout.take(STEP_MS) == HALL[7:8]


@given(st.lists(st.tuples(st.sampled_from(["begin", "told", "take", "given"]), st.integers(0, 9))))
def test_whatever_happens_a_device_that_said_an_older_one_stays_owed_until_given(
    steps: list[tuple[str, int]],
) -> None:
    handout, now_ms, size, owed = Handout(), 0, 0, set()
    for what, number in steps:
        device = f"dev-{number}"
        match what:
            case "begin":
                size += 1
                handout.begin(("g", size), HALL[:10])
                owed = {name for name, _ in HALL[:10]}
            case "told":
                handout.told(HALL[number], ("g", number))
                (owed.add if size and number != size else owed.discard)(device)
            case "take":
                now_ms += STEP_MS
                handout.take(now_ms)
            case _:
                handout.given(device)
                owed.discard(device)
        assert {f"dev-{at}" for at in range(10) if handout.base_of(f"dev-{at}")} == owed
