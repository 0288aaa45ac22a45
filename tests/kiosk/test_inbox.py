"""What waits for the work thread: keys first, the network bounded."""

from __future__ import annotations

import threading

from firmware_config.mqtt_link import Arrived, Connected, Disconnected
from kiosk.events import ClerkKey
from kiosk.inbox import NETWORK_A_TURN, NETWORK_MAXIMUM, PAYLOAD_MAXIMUM, Inbox


def message(payload: bytes = b"x") -> Arrived:
    return Arrived("topic", payload, False, 1, 1, 1)


def test_a_press_comes_before_any_flood() -> None:
    inbox = Inbox()
    for _ in range(100):
        inbox.put_network(message())
    press = ClerkKey(at_ms=1)
    inbox.put(press)

    items, network = inbox.take(0)

    assert items == [press]
    assert len(network) == NETWORK_A_TURN


def test_a_flood_is_bounded_and_what_the_link_says_of_itself_is_not_dropped() -> None:
    inbox = Inbox()
    for _ in range(NETWORK_MAXIMUM + 5):
        inbox.put_network(message())
    inbox.put_network(Disconnected("x", 1))
    inbox.put_network(message(b"x" * (PAYLOAD_MAXIMUM + 1)))
    assert inbox.dropped == 6
    taken = []
    while batch := inbox.take(0)[1]:
        taken += batch
    assert len(taken) == NETWORK_MAXIMUM + 1
    assert taken[-1] == Disconnected("x", 1)


def test_order_is_kept_and_nothing_is_taken_twice() -> None:
    inbox = Inbox()
    events = [ClerkKey(at_ms=number) for number in range(50)]
    for event in events:
        inbox.put(event)
    inbox.put_network(Connected("5", 1))
    assert inbox.take(0) == (events, [Connected("5", 1)])
    assert inbox.take(0) == ([], [])
    assert inbox.is_empty


def test_a_waiting_taker_is_woken_by_each_kind() -> None:
    inbox = Inbox()
    for put in (
        lambda: inbox.put(ClerkKey(at_ms=1)),
        lambda: inbox.put_network(message()),
        inbox.wake,
    ):
        timer = threading.Timer(0.01, put)
        timer.start()
        inbox.take(60)  # a taker that is not woken would wait for a minute
        timer.join()
