"""The queue between network thread and writer."""

from __future__ import annotations

import threading

from collector.subscriber import GROUP_LIMIT, Inbox, subscriptions
from firmware_config.mqtt_link import Refused


def test_everything_that_arrived_is_taken_in_order_at_once() -> None:
    inbox = Inbox()
    events = [Refused(str(number)) for number in range(10)]
    for event in events:
        inbox.put(event)
    assert inbox.take(60) == events
    assert inbox.take(0) == []


def test_a_group_has_a_largest_size() -> None:
    inbox = Inbox()
    for number in range(GROUP_LIMIT + 3):
        inbox.put(Refused(str(number)))
    assert len(inbox.take(60)) == GROUP_LIMIT
    assert [event.reason for event in inbox.take(60)] == [  # type: ignore[union-attr]
        str(GROUP_LIMIT + at) for at in range(3)
    ]


def test_no_event_is_missed_by_a_waiting_taker() -> None:
    inbox, taken = Inbox(), []

    def put_all() -> None:
        for number in range(20_000):
            inbox.put(Refused(str(number)))

    putter = threading.Thread(target=put_all)
    putter.start()
    while len(taken) < 20_000:
        group = inbox.take(30)
        assert group, "woken without an event, or never woken"
        taken += group
    putter.join()
    assert [event.reason for event in taken] == [str(number) for number in range(20_000)]


def test_a_wake_ends_the_wait_without_an_event() -> None:
    inbox = Inbox()
    waker = threading.Timer(0.05, inbox.wake)
    waker.start()
    assert inbox.take(60) == []
    waker.join()


def test_ingest_listens_to_journal_status_and_health_of_its_hall() -> None:
    assert subscriptions("h") == ("yiping/h/+/journal", "yiping/h/+/status", "yiping/h/+/health")
