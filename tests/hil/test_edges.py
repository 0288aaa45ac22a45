"""Contacts as they are: bouncing, spiking, two at once, held, stuck; on the kernel's own edges."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.hil.device import LIGHTS, PROFILE, HilDevice, key

pytestmark = [pytest.mark.lab, pytest.mark.hil]

DEBOUNCE_MS = 15
"""Default of `panel.debounce_ms`."""
CLERK = PROFILE.clerk_gpio
BURST_MS = (0.0, 0.4, 1.1, 1.5, 2.6, 3.1, 4.3, 4.9, 6.0, 6.8, 8.0)
"""Eleven edges: down, up, down, … and down at last."""


@pytest.fixture
def device(shared: HilDevice) -> Iterator[HilDevice]:
    """The shared device, ready; afterwards with no finger on any key."""
    shared.wait_ready()
    yield shared
    keys = [*(button.gpio for button in PROFILE.buttons), CLERK]
    release(shared, *keys)


def burst(gpio: int, begin_ms: float = 0.0) -> list[tuple[float, int, bool]]:
    return [(begin_ms + at_ms, gpio, n % 2 == 0) for n, at_ms in enumerate(BURST_MS)]


def release(device: HilDevice, *gpios: int) -> None:
    """Let go, and give the release time to settle."""
    device.edges(*((0, gpio, False) for gpio in gpios), (80, gpios[0], False))


def kinds(records: list[dict[str, object]]) -> list[tuple[object, ...]]:
    """What happened, in order: kind, level, reason."""
    return [(r["kind"], r.get("level"), r.get("reason")) for r in records]


def is_fair(at_ms: list[float]) -> bool:
    """Whether the machine kept the timetable: no gap that is itself a quiet contact."""
    return max(b - a for a, b in pairwise(at_ms)) < DEBOUNCE_MS - 5


def test_a_bouncing_press_and_release_are_one_press(device: HilDevice) -> None:
    judged = 0
    for level in (5, 3, 1):
        head = device.head()
        device.invite()
        button = key(level)
        others = [gpio for gpio in LIGHTS if gpio != button.led_gpio]

        down_ms = device.edges(*burst(button.gpio))
        shown_ms = device.shown_ms([button.led_gpio], others)
        lifting = [(at, gpio, not is_down) for at, gpio, is_down in burst(button.gpio)]
        up_ms = device.edges(*lifting)
        device.edges((80, button.gpio, False))

        if not (is_fair(down_ms) and is_fair(up_ms)):
            continue
        judged += 1
        found = device.records(after=head)
        assert kinds(found) == [("INVITED", None, None), ("RATED", level, None)]
        # dated back to its first edge, which came a debounce time before the decision at least
        assert shown_ms is not None
        assert int(down_ms[0]) <= found[1]["mono_ms"] < shown_ms - DEBOUNCE_MS
    assert judged, "the machine is too busy for a timetable of milliseconds"


def test_a_spike_shorter_than_the_debounce_time_is_no_press(device: HilDevice) -> None:
    head = device.head()
    device.invite()

    for _ in range(5):
        at_ms = device.edges((0, key(1).gpio, True), (3, key(1).gpio, False))
        assert is_fair(at_ms), f"the machine is too busy for a spike: {at_ms}"
        device.edges((80, key(1).gpio, False))
    assert device.lights() >= set(LIGHTS)  # still asking
    device.edges((0, key(4).gpio, True))
    assert device.is_shown([key(4).led_gpio], [key(1).led_gpio])
    release(device, key(4).gpio)

    assert kinds(device.records(after=head)) == [("INVITED", None, None), ("RATED", 4, None)]


def test_of_two_keys_within_the_debounce_time_the_first_edge_wins(device: HilDevice) -> None:
    judged = 0
    for first, second in ((2, 5), (5, 2), (1, 3)):
        head = device.head()
        device.invite()

        # the first key bounces on and settles after the second, which is clean
        at_ms = device.edges(*sorted([*burst(key(first).gpio), (4.6, key(second).gpio, True)]))
        if not is_fair(at_ms):
            release(device, key(first).gpio, key(second).gpio)
            continue
        judged += 1
        assert device.is_shown([key(first).led_gpio], [key(second).led_gpio])
        release(device, key(first).gpio, key(second).gpio)

        assert kinds(device.records(after=head)) == [
            ("INVITED", None, None),
            ("RATED", first, None),
            ("IGNORED", second, "already-rated"),
        ]
    assert judged, "the machine is too busy for a timetable of milliseconds"


def test_a_key_held_at_the_start_is_no_press_and_works_once_let_go(device: HilDevice) -> None:
    head = device.head()
    device.edges((0, key(5).gpio, True))
    device.wait_records(
        lambda found: [record["kind"] for record in found] == ["IGNORED"], after=head
    )
    head = device.head()

    device.pi.shell("systemctl restart kiosk.service")
    device.wait_ready()
    found = device.wait_records(lambda found: len(found) >= 2, after=head)
    assert ("IGNORED", 5, "held") in kinds(found)
    thanked = device.serve([4])  # the others go on
    release(device, key(5).gpio)
    thanked += device.serve([5])

    assert [thanks.level for thanks in thanked] == [4, 5]
    device.check_counted_once(thanked)


def test_a_stuck_key_is_reported_and_the_others_go_on(device: HilDevice) -> None:
    head = device.head()

    device.edges((0, key(2).gpio, True))
    thanked = device.serve([5, 4])
    found = device.wait_records(
        lambda found: ("FAULT", None, "stuck-button") in kinds(found), after=head
    )
    thanked += device.serve([3])
    release(device, key(2).gpio)
    thanked += device.serve([2])

    [fault] = [record for record in found if record["kind"] == "FAULT"]
    [ignored] = [record for record in found if record["kind"] == "IGNORED"]
    assert fault["detail"] == key(2).name
    assert fault["mono_ms"] - ignored["mono_ms"] == 30_000
    assert [thanks.level for thanks in thanked] == [5, 4, 3, 2]
    device.check_counted_once(thanked)


def test_the_clerk_s_long_press_pauses_and_resumes(device: HilDevice) -> None:
    head = device.head()
    assert device.is_shown([PROFILE.status_gpio])

    device.edges((0, CLERK, True), (2400, CLERK, False))
    paused = device.wait_records(lambda found: bool(found), after=head)
    assert device.is_shown([], [PROFILE.status_gpio, *LIGHTS])
    device.edges((0, key(1).gpio, True), (80, key(1).gpio, False))
    device.edges((0, CLERK, True), (2400, CLERK, False))
    found = device.wait_records(lambda found: len(found) >= 3, after=head)

    assert kinds(paused) == [("PAUSED", None, None)]
    assert kinds(found) == [
        ("PAUSED", None, None),
        ("IGNORED", 1, "paused"),
        ("RESUMED", None, None),
    ]
    assert device.is_shown([PROFILE.status_gpio])
