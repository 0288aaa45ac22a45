"""The way from the network thread to the writer: a queue of link events, taken in groups.

The network thread only appends. The writer takes everything that has arrived while it committed
the group before, so groups grow with the load and no timer delays an idle hall.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Final

from collector.settings import CollectorSettings
from firmware_config.contract import Channel, topic_filter
from firmware_config.mqtt_link import BrokerAddress, LinkEvent
from firmware_config.settings_broker import password_of

GROUP_LIMIT: Final = 5000
"""Most events in one group. Source: our choice; at 25,000/s a group then takes below 0.3 s."""
DEFAULT_USER: Final = "collector"


class Inbox:
    """Link events in order of arrival: one thread puts, one thread takes, any thread wakes."""

    def __init__(self) -> None:
        self._events: deque[LinkEvent] = deque()
        self._arrived = threading.Event()
        self._is_waiting = False

    def put(self, event: LinkEvent) -> None:
        """Append one event; made for the network thread: no lock while the taker is busy."""
        self._events.append(event)
        if self._is_waiting:
            self._arrived.set()

    def wake(self) -> None:
        """Make a waiting `take` return at once."""
        self._arrived.set()

    def take(self, wait_s: float) -> list[LinkEvent]:
        """All that has arrived, at most GROUP_LIMIT; waits up to `wait_s` seconds for the first."""
        events = self._events
        if not events and wait_s > 0:
            self._is_waiting = True  # set before looking again: a put in between must wake us
            if not events:
                self._arrived.wait(wait_s)
            self._is_waiting = False
            self._arrived.clear()
        return [events.popleft() for _ in range(min(len(events), GROUP_LIMIT))]


def subscriptions(hall: str) -> tuple[str, ...]:
    """What ingest listens to: journals, status and health of every device of the hall."""
    return tuple(
        topic_filter(hall, channel) for channel in (Channel.JOURNAL, Channel.STATUS, Channel.HEALTH)
    )


def broker_address(settings: CollectorSettings) -> BrokerAddress:
    """How to reach the broker; reads the password file.

    Raises:
        OSError: the password file cannot be read.
        PasswordFileError: it is empty.
    """
    broker = settings.broker
    return BrokerAddress(
        host=broker.host,
        port=broker.port,
        username=broker.username or DEFAULT_USER,
        password=password_of(broker),
        ca_file=broker.ca_file,
        keep_alive_s=broker.keep_alive_s,
    )
